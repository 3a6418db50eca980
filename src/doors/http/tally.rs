//! What the door counts for metrics: requests, bytes, and who reads media.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::{Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::answer::Answer;
use super::body::Body;
use super::metrics::HttpFigures;
use super::target::{OTHER, ROUTES};

/// The statuses that requests are counted by.
const CODES: [(u16, &str); 22] = [
    (200, "200"),
    (204, "204"),
    (206, "206"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (410, "410"),
    (412, "412"),
    (413, "413"),
    (414, "414"),
    (415, "415"),
    (416, "416"),
    (421, "421"),
    (429, "429"),
    (500, "500"),
    (503, "503"),
    (0, OTHER),
];
/// An address that read media counts as a viewer for so long: players of HLS ask again within this time.
const STAYS: Duration = Duration::from_secs(60);
/// Most addresses that are remembered.
const REMEMBERED: usize = 4_096;

/// The counts of the door. All connections share them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    routes: [Route; ROUTES.len()],
    open: AtomicU64,
    audience: Mutex<Audience>,
}

#[derive(Debug, Default)]
struct Route {
    codes: [AtomicU64; CODES.len()],
    sent: AtomicU64,
}

/// What a request was about, for the count of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The route.
    pub(super) route: &'static str,
    /// The address of the viewer, if the request is one for media.
    pub(super) viewer: Option<IpAddr>,
}

impl Tally {
    /// Counts an answer, and its body as long as it is sent.
    pub(super) fn count(self: &Arc<Self>, about: About, answer: Answer) -> Response<Counted> {
        let status = answer.status();
        let reads = status.is_success() || status == StatusCode::NOT_MODIFIED;
        let viewer = about.viewer.filter(|_| reads);
        let code = CODES.iter().position(|(code, _)| *code == status.as_u16());
        if let Some(route) = self.route(about.route)
            && let Some(count) = route.codes.get(code.unwrap_or(CODES.len() - 1))
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        if let Some(viewer) = viewer {
            self.audience().begins(viewer, Instant::now());
        }
        answer.map(|body| Counted {
            body,
            about: About { viewer, ..about },
            tally: Arc::clone(self),
        })
    }

    /// The counts now.
    pub(super) fn figures(&self) -> HttpFigures {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let named = || ROUTES.iter().zip(&self.routes);
        let requests = named().flat_map(|(name, route)| {
            let counts = CODES.iter().zip(&route.codes);
            counts.map(move |((_, code), count)| (*name, *code, read(count)))
        });
        HttpFigures {
            requests: requests.filter(|(.., count)| *count > 0).collect(),
            sent: named().map(|(name, route)| (*name, read(&route.sent))).collect(),
            viewers: self.audience().count(Instant::now()),
            open: read(&self.open),
        }
    }

    fn route(&self, name: &str) -> Option<&Route> {
        let place = ROUTES.iter().position(|route| *route == name);
        if place.is_none() {
            defect!("no requests are counted for the route {name}");
        }
        self.routes.get(place?)
    }

    fn audience(&self) -> MutexGuard<'_, Audience> {
        self.audience.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The addresses that read media. The time is given.
#[derive(Debug, Default)]
struct Audience(HashMap<IpAddr, Reader>);

#[derive(Debug)]
struct Reader {
    /// Responses that are being sent.
    open: u32,
    /// When the last response began or ended.
    last: Instant,
}

impl Audience {
    fn begins(&mut self, viewer: IpAddr, now: Instant) {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&viewer) {
            self.forget(now);
            if self.0.len() >= REMEMBERED {
                return;
            }
        }
        let reader = self.0.entry(viewer).or_insert(Reader { open: 0, last: now });
        reader.open += 1;
        reader.last = now;
    }

    fn ends(&mut self, viewer: IpAddr, now: Instant) {
        if let Some(reader) = self.0.get_mut(&viewer) {
            reader.open = reader.open.saturating_sub(1);
            reader.last = now;
        }
    }

    fn count(&mut self, now: Instant) -> u64 {
        self.forget(now);
        self.0.len() as u64
    }

    fn forget(&mut self, now: Instant) {
        self.0
            .retain(|_, reader| reader.open > 0 || now.saturating_duration_since(reader.last) < STAYS);
    }
}

/// A body whose bytes are counted. It counts as open until it is dropped.
pub(super) struct Counted {
    body: Body,
    about: About,
    tally: Arc<Tally>,
}

impl Counted {
    /// Has the pieces of the body share the memory of its connection.
    pub(super) fn keep_within(&mut self, pieces: &Arc<Semaphore>) {
        self.body.keep_within(pieces);
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let piece = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        if let Some(piece) = piece
            && let Some(route) = self.tally.route(self.about.route)
        {
            route.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tally.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(viewer) = self.about.viewer {
            self.tally.audience().ends(viewer, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(number).into()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_counted_once_and_its_bytes_as_they_are_sent() {
        let tally = Arc::<Tally>::default();
        let media = About {
            route: "file",
            viewer: Some(address(1)),
        };
        let none = About {
            route: OTHER,
            viewer: None,
        };
        let answer = |status| {
            let mut answer = Response::new(Body::Bytes(Bytes::from_static(b"12345")));
            *answer.status_mut() = status;
            answer
        };
        let sent = tally
            .count(media, answer(StatusCode::PARTIAL_CONTENT))
            .into_body();
        let broken = tally.count(media, answer(StatusCode::OK));
        drop(tally.count(none, answer(StatusCode::IM_A_TEAPOT)));
        let stranger = About {
            viewer: Some(address(2)),
            ..media
        };
        drop(tally.count(stranger, answer(StatusCode::UNAUTHORIZED)));
        let before = tally.figures();
        assert_eq!((before.open, before.viewers), (2, 1));
        assert_eq!(sent.collect().await.unwrap().to_bytes(), "12345");
        drop(broken);
        let after = tally.figures();
        assert_eq!(
            after.requests,
            [
                ("file", "200", 1),
                ("file", "206", 1),
                ("file", "401", 1),
                (OTHER, OTHER, 1)
            ]
        );
        let sent: u64 = after.sent.iter().map(|(_, bytes)| bytes).sum();
        assert_eq!((sent, after.open, after.viewers), (5, 0, 1));
        tokio::time::advance(STAYS).await;
        assert_eq!(tally.figures().viewers, 0);
    }

    #[test]
    fn an_address_with_an_open_response_stays_and_the_others_are_bounded() {
        let mut audience = Audience::default();
        let now = Instant::now();
        audience.begins(address(0), now);
        for number in 1..10_000 {
            audience.begins(address(number), now);
            audience.ends(address(number), now);
        }
        assert_eq!(audience.count(now), REMEMBERED as u64);
        assert_eq!(audience.count(now + STAYS), 1);
        audience.begins(address(5), now + STAYS);
        assert_eq!(audience.count(now + STAYS), 2);
        audience.ends(address(0), now + 2 * STAYS);
        audience.ends(address(9), now);
        assert_eq!(audience.count(now + 2 * STAYS), 2, "one is open, one just ended");
    }
}
