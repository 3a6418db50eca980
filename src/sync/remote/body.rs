//! A body that goes slice by slice, at the pace of all.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::content::Content;
use super::pace::Pace;
use super::progress::Progress;

/// Small enough that a slow link gives a sign of life often, large enough to cost nothing.
pub(super) const SLICE: usize = 16 << 10;

type Turn = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Some bytes on their way.
pub(super) struct PacedBody {
    content: Content,
    /// What was read and not taken.
    rest: Bytes,
    /// Where the next piece begins.
    at: u64,
    /// The next piece, which is read while this one goes.
    reading: Option<JoinHandle<Option<Result<Bytes, String>>>>,
    pace: Pace,
    progress: Progress,
    turn: Option<Turn>,
}

impl PacedBody {
    pub(super) fn new(content: Content, pace: Pace, progress: Progress) -> Self {
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

    fn left(&self) -> u64 {
        let unread = self.content.len().saturating_sub(self.at);
        unread.saturating_add(self.rest.len() as u64)
    }

    /// Has something of it in memory, if there is anything left.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.rest.is_empty() && self.at < self.content.len() {
            self.read_ahead();
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                // Reading from flash is no reason to give up a request.
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
        let len = SLICE.min(this.rest.len());
        if this.turn.is_none() && this.pace.try_take(len as u64) {
            this.progress.sign(len as u64);
            let slice = this.rest.split_to(len);
            return Poll::Ready(Some(Ok(Frame::data(slice))));
        }
        let turn = this.turn.get_or_insert_with(|| {
            let (pace, progress) = (this.pace.clone(), this.progress.clone());
            Box::pin(async move {
                // To wait for one's turn is not to be stuck.
                let mut taking = std::pin::pin!(pace.take(len as u64));
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
                let slice = this.rest.split_to(len);
                Poll::Ready(Some(Ok(Frame::data(slice))))
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
