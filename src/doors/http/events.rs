//! `GET /api/v1/events`: events as they happen (server-sent events, HTML standard section 9.2).
//!
//! ```text
//! id: <journal>-<number>        where a reader goes on: its browser sends it as Last-Event-ID
//! event: recording.closed       the kind
//! data: {"specversion":"1.0",…} the event as a CloudEvent, on one line
//!
//! event: job                    how far a job is, every five to thirty seconds while some go on; without an id
//! data: {"job":"…",…}           as job.get answers
//!
//! event: reset                  events are missing here: what the reader knows may be old
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, Refusal};
use super::body::Body;
use super::client::Client;
use super::door::Door;
use super::gate;
use super::query::Query;
use crate::access::viewer::Viewer;
use crate::api::{Caller, Events, JobNow, Scope};
use crate::config::StreamSet;
use crate::defect;
use crate::event::{Dialect, Sender};
use crate::model::Right;
use crate::store::{NextEvent, Place};

/// A line is sent at least this often, so that proxies keep the connection, and both ends notice when it is gone.
const QUIET: Duration = Duration::from_secs(15);
/// Events that may wait for a reader. One that reads more slowly holds up its own events alone.
const AHEAD: usize = 4;

/// The place of a reader whose id is none of ours: events are missing for it.
const NOWHERE: Place = Place {
    journal: 0,
    through: 0,
};

/// Answers with the events that a viewer may see, from a place on or from now on.
pub(super) fn answer(
    door: &Arc<Door>,
    (viewer, client): (&Viewer, Client),
    query: &Query,
    headers: &HeaderMap,
) -> Result<Answer, Refusal> {
    gate::allow_some(viewer, Right::Watch)?;
    // The standard's own way is the header. A page that begins anew has only the address.
    let asked = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let asked = asked.or(query.value("last_event_id"));
    // An id that is none of ours is one of another journal.
    let after = asked.map(|id| id.parse::<Place>().unwrap_or(NOWHERE));
    let (rights, streams) = viewer.scope(Right::Watch);
    let scope = Scope {
        rights,
        streams: StreamSet::of(streams),
        moderates: StreamSet::of(viewer.scope(Right::Moderate).1),
    };
    let api = door.api.for_caller(Caller::http(viewer.name(), scope));
    let events = api.events(after).map_err(Refusal::from)?;
    let (sender, pieces) = mpsc::channel(AHEAD);
    let reader = Reader {
        door: Arc::clone(door),
        viewer: viewer.clone(),
        shown: gate::Shown::of(client, headers),
    };
    tokio::spawn(send((events, api.jobs_now()), reader, sender));
    let mut answer = Response::new(Body::Pieces(pieces));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx holds answers back until it has a buffer full of them.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(answer)
}

/// Whom events are sent to.
struct Reader {
    door: Arc<Door>,
    viewer: Viewer,
    shown: gate::Shown,
}

impl Reader {
    /// True while what the reader showed lets the same viewer in. A session that has ended, and a key or a right that was taken
    /// away, end its events before the next one.
    fn is_let_in(&self) -> bool {
        self.shown
            .viewer(&self.door)
            .is_some_and(|viewer| viewer == self.viewer)
    }
}

/// Sends events until the reader is gone or is not let in any more, or the service ends.
async fn send(
    (mut events, mut jobs): (Events, watch::Receiver<Arc<[JobNow]>>),
    reader: Reader,
    pieces: mpsc::Sender<Bytes>,
) {
    // The reader knows at once that it is connected, and from where it goes on.
    let mut next = Some(format!(": edgereel\nretry: 2000\nid: {}\n\n", events.place()));
    // It learns how far the jobs are that go on, and then what changes.
    jobs.mark_changed();
    let mut told_of = 0;
    let mut quiet_at = Instant::now() + QUIET;
    loop {
        let text = match next.take() {
            Some(text) => text,
            None => tokio::select! {
                () = pieces.closed() => return,
                Ok(()) = jobs.changed() => {
                    let now = jobs.borrow_and_update().clone();
                    let text = progress(&events, &now, told_of);
                    told_of = now.iter().fold(told_of, |last, now| last.max(now.look));
                    if text.is_empty() {
                        continue;
                    }
                    text
                }
                next = timeout_at(quiet_at, events.next()) => match next {
                    Ok(Ok(NextEvent::Event { place, event })) => told(&place, &event, &reader.door.sender()),
                    Ok(Ok(NextEvent::Reset { place })) => {
                        format!("id: {place}\nevent: reset\ndata: {{}}\n\n")
                    }
                    Ok(Ok(NextEvent::Over)) => return,
                    // The store cannot be read now. The reader comes back by itself.
                    Ok(Err(failure)) => {
                        tracing::debug!("events end: {}", failure.message);
                        return;
                    }
                    // Events that the viewer may not see move the place, too.
                    Err(_) => format!("id: {}\n: quiet\n\n", events.place()),
                },
            },
        };
        quiet_at = Instant::now() + QUIET;
        if !reader.is_let_in() || pieces.send(text.into()).await.is_err() {
            return;
        }
    }
}

/// How far the jobs are that the reader may see, and that changed since a look.
fn progress(events: &Events, now: &[JobNow], told_of: u64) -> String {
    let seen = now.iter().filter(|now| now.look > told_of && events.sees(now));
    seen.map(|now| format!("event: job\ndata: {}\n\n", defect::json(&now.job)))
        .collect()
}

fn told(place: &Place, event: &crate::event::Posted, of: &Sender) -> String {
    let messages = Dialect::CloudEvents.render(event, of, event.time, 0);
    // JSON has no line feeds outside of texts, and escapes those within.
    let data = messages
        .into_iter()
        .next()
        .map(|message| message.body)
        .unwrap_or_default();
    format!("id: {place}\nevent: {}\ndata: {data}\n\n", event.kind)
}
