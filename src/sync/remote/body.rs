//! A body that goes slice by slice, at the pace of all.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::pace::Pace;
use super::progress::Progress;

/// Small enough that a slow link gives a sign of life often, large enough to cost nothing.
pub(super) const SLICE: usize = 16 << 10;

type Turn = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Some bytes on their way.
pub(super) struct PacedBody {
    rest: Bytes,
    pace: Pace,
    progress: Progress,
    turn: Option<Turn>,
}

impl PacedBody {
    pub(super) fn new(bytes: Bytes, pace: Pace, progress: Progress) -> Self {
        Self {
            rest: bytes,
            pace,
            progress,
            turn: None,
        }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let len = SLICE.min(self.rest.len());
        let this = &mut *self;
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
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
