//! A body that is sent slice by slice, at the common rate.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::content::Content;
use super::link::Sent;
use super::pace::{First, Pace, Rank};
use super::progress::Progress;

/// Bytes of a slice: small enough that a slow link shows progress often, large enough to cost nothing.
pub(super) const SLICE: usize = 16 << 10;

type Turn = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A request's body while it is sent.
pub(super) struct PacedBody {
    content: Content,
    /// Bytes that were read and not sent yet.
    rest: Bytes,
    at: u64,
    /// The next piece, which is read while this one is sent.
    reading: Option<JoinHandle<Option<Result<Bytes, String>>>>,
    pace: Pace,
    /// For an urgent body: other bodies give way to it from its first byte on.
    first: Option<Ahead>,
    progress: Progress,
    turn: Option<Turn>,
}

/// The priority of an urgent body, shared with the caller that waits for its answer. Other bodies give way from its first byte
/// until it has left a slow link, or the store has answered.
#[derive(Clone, Default)]
pub(super) struct Ahead(Arc<Mutex<Option<First>>>);

impl Ahead {
    fn begin(&self, pace: &Pace, bytes: u64) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| pace.go_first(bytes));
    }

    /// Notes that the system has all bytes of the body.
    fn is_handed_over(&self) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = &mut *first {
            first.is_handed_over();
        }
    }

    /// Ends the priority: other bodies go on.
    pub(super) fn end(&self, sent: Sent) {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(first) = first {
            first.was(sent);
        }
    }
}

impl PacedBody {
    /// A body that others give way to if `first` is given.
    pub(super) fn new(content: Content, first: Option<Ahead>, pace: Pace, progress: Progress) -> Self {
        let (rest, at) = match &content {
            Content::Bytes(bytes) => (bytes.clone(), bytes.len() as u64),
            Content::Source(..) => (Bytes::new(), 0),
        };
        Self {
            content,
            rest,
            at,
            reading: None,
            pace,
            first,
            progress,
            turn: None,
        }
    }

    /// Begins to read the next piece, if there is one.
    fn read_ahead(&mut self) {
        if self.reading.is_none() && self.at < self.content.len() {
            let (content, at) = (self.content.clone(), self.at);
            self.reading = Some(tokio::task::spawn_blocking(move || content.piece(at)));
        }
    }

    /// Takes so many bytes out. A client that knows the length does not ask again behind the last byte.
    fn slice(&mut self, len: usize) -> Bytes {
        let slice = self.rest.split_to(len);
        if let Some(ahead) = self.first.as_ref().filter(|_| self.left() == 0) {
            ahead.is_handed_over();
        }
        slice
    }

    fn left(&self) -> u64 {
        let unread = self.content.len().saturating_sub(self.at);
        unread.saturating_add(self.rest.len() as u64)
    }

    /// Has a piece in memory, if any bytes are left.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.rest.is_empty() && self.at < self.content.len() {
            self.read_ahead();
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                // Reading from flash counts as progress: it is no reason to cancel the request.
                self.progress.sign(0);
                let read = read
                    .map_err(io::Error::other)?
                    .unwrap_or_else(|| Ok(Bytes::new()));
                self.rest = read.map_err(io::Error::other)?;
                self.at = self.at.saturating_add(self.rest.len() as u64);
                self.read_ahead();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Err(error) = ready!(this.poll_piece(cx)) {
            return Poll::Ready(Some(Err(error)));
        }
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let rank = match &this.first {
            Some(ahead) => {
                ahead.begin(&this.pace, this.content.len());
                Rank::First
            }
            None => Rank::Rest,
        };
        let yields = rank == Rank::Rest && this.pace.is_yielding();
        let len = SLICE.min(this.rest.len());
        if this.turn.is_none() && !yields && this.pace.try_take(len as u64, rank) {
            this.progress.sign(len as u64);
            return Poll::Ready(Some(Ok(Frame::data(this.slice(len)))));
        }
        let turn = this.turn.get_or_insert_with(|| {
            let (pace, progress) = (this.pace.clone(), this.progress.clone());
            Box::pin(async move {
                // A body that waits for its turn is not stuck.
                let mut taking = std::pin::pin!(async {
                    if yields {
                        pace.give_way().await;
                    }
                    pace.take(len as u64, rank).await;
                });
                loop {
                    let second = tokio::time::sleep(std::time::Duration::from_secs(1));
                    tokio::select! {
                        () = &mut taking => break,
                        () = second => progress.sign(0),
                    }
                }
                progress.sign(len as u64);
            })
        });
        match turn.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                this.turn = None;
                Poll::Ready(Some(Ok(Frame::data(this.slice(len)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const RATE: u64 = 64 << 10;

    async fn next(body: &mut PacedBody) -> Option<usize> {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        Some(frame.unwrap().into_data().unwrap().len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_on_its_way_gives_way_to_what_viewers_wait_for() {
        let pace = Pace::new(Some(RATE));
        let body = |len: usize, first| {
            let content = Content::from(Bytes::from(vec![0; len]));
            PacedBody::new(content, first, pace.clone(), Progress::new())
        };
        let (mut file, mut chunk) = (body(1 << 20, None), body(200_000, Some(Ahead::default())));
        // The file has the whole link, until the chunk comes.
        next(&mut file).await.unwrap();
        let began = tokio::time::Instant::now();
        let whole = async {
            let mut len = 0;
            while let Some(slice) = next(&mut chunk).await {
                len += slice;
            }
            len
        };
        let mut sent = 0;
        let meanwhile = async {
            while let Some(slice) = next(&mut file).await {
                sent += slice;
            }
        };
        tokio::select! {
            biased;
            len = whole => assert_eq!(len, 200_000),
            () = meanwhile => panic!("the file was first"),
        }
        // In three seconds of the rate, the chunk goes as if it were alone.
        assert!(sent <= SLICE, "{sent} bytes of the file went");
        assert!(began.elapsed().as_secs() < 4, "{:?}", began.elapsed());
        // Then the file goes on at once.
        next(&mut file).await.unwrap();
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }
}
