//! The bodies of responses.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::activity::Busy;
use super::flow::{Ask, Flow, Pace, Room, single};
use super::held::Guard;
use super::leases::Lease;

/// How long a response may go on when what let its viewer in has expired.
pub(super) const GRACE: Duration = Duration::from_secs(60);

/// Bytes of a known length that can be read at any place. Reading may block.
pub(super) trait Source: Send + Sync {
    /// Fills `buffer` with the bytes from `offset` on, all of it.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String>;
}

/// The body of a response, and the request that is answered with it.
pub(super) struct Sending<B> {
    body: B,
    /// None for a request that was not let in.
    busy: Option<Busy>,
}

impl<B> Sending<B> {
    pub(super) fn new(body: B, busy: Option<Busy>) -> Self {
        Self { body, busy }
    }
}

/// The body of a response.
pub(super) enum Body {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A part of a file.
    File(FileBody),
    /// Pieces that come as time passes. The response ends when the sender is dropped.
    Pieces(mpsc::Receiver<Bytes>),
}

/// A part of a file, read while it is sent.
pub(super) struct FileBody {
    source: Arc<dyn Source>,
    start: u64,
    /// The first byte that nobody reads yet.
    at: u64,
    end: u64,
    flow: Flow,
    pace: Pace,
    /// The memory of its connection.
    pieces: Arc<Semaphore>,
    /// The tape that it reads, if it reads any.
    lease: Option<Arc<Lease>>,
    /// When the response has to end, though it is not complete.
    until: Option<Instant>,
    /// The tape that must not be held back meanwhile.
    guard: Option<Guard>,
    /// The next piece. It is read while the one before is sent.
    next: Option<JoinHandle<Result<Piece, String>>>,
}

/// Bytes that give their memory back when they were sent.
struct Piece {
    bytes: Vec<u8>,
    flow: Flow,
    _room: Room,
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.flow.take_back(std::mem::take(&mut self.bytes));
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl FileBody {
    /// The bytes of `source` from `start` up to and without `end`.
    pub(super) fn new(source: Arc<dyn Source>, start: u64, end: u64, (flow, pace): (Flow, Pace)) -> Self {
        Self {
            source,
            start,
            at: start,
            end,
            flow,
            pace,
            pieces: single(),
            lease: None,
            until: None,
            guard: None,
            next: None,
        }
    }

    /// The same, for a viewer whose right ends at this moment. The response ends at most [`GRACE`] later.
    pub(super) fn until(mut self, until: Option<Instant>) -> Self {
        self.until = until.map(|until| until + GRACE);
        self
    }

    /// The same, as long as this tape is not held back.
    pub(super) fn guarded(mut self, guard: Option<Guard>) -> Self {
        self.guard = guard;
        self
    }

    /// The same, reading this tape.
    pub(super) fn of(mut self, lease: Option<Arc<Lease>>) -> Self {
        self.lease = lease;
        self
    }

    fn ask(&self) -> Ask {
        Ask {
            left: self.end.saturating_sub(self.at),
            sent: self.at.saturating_sub(self.start),
            pace: self.pace,
        }
    }

    /// Has the next piece read, if there is one. Without `room` it waits for some.
    fn read_next(&mut self, room: Option<Room>) -> Option<&mut JoinHandle<Result<Piece, String>>> {
        if self.next.is_none() && self.at < self.end {
            let (source, flow, pieces) = (
                Arc::clone(&self.source),
                self.flow.clone(),
                Arc::clone(&self.pieces),
            );
            let (at, ask) = (self.at, self.ask());
            self.next = Some(tokio::spawn(async move {
                let turn = flow.turn(ask, &pieces, room).await;
                let reads = flow.read(ask.pace).await;
                // Memory that each reading thread took would stay with that thread.
                let mut bytes = flow.buffer(turn.len);
                let read = tokio::task::spawn_blocking(move || {
                    let _reads = reads;
                    source.read(at, &mut bytes)?;
                    Ok(Piece {
                        bytes,
                        flow,
                        _room: turn.room,
                    })
                });
                read.await.unwrap_or_else(|error| Err(error.to_string()))
            }));
        }
        self.next.as_mut()
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            self.at = self.end;
            return Poll::Ready(Some(Err(io::Error::other("the right of the viewer has ended"))));
        }
        let Some(next) = self.read_next(None) else {
            return Poll::Ready(None);
        };
        let read = ready!(Pin::new(next).poll(cx));
        self.next = None;
        // What was read ahead may have been held back since.
        if self.guard.as_mut().is_some_and(Guard::is_held) {
            self.at = self.end;
            return Poll::Ready(Some(Err(io::Error::other("the tape is held back now"))));
        }
        let piece = read.unwrap_or_else(|error| Err(error.to_string()));
        Poll::Ready(Some(match piece {
            Ok(piece) => {
                self.at = self.at.saturating_add(piece.bytes.len() as u64);
                if let Some(lease) = &self.lease {
                    lease.count(piece.bytes.len());
                }
                // What is read ahead may wait for nothing that others could use at once.
                if let Some(room) = self.flow.room_to_spare(self.ask()) {
                    self.read_next(Some(room));
                }
                Ok(Bytes::from_owner(piece))
            }
            Err(reason) => {
                // The length is promised, so the connection must break: the client sees that the file is not whole.
                self.at = self.end;
                tracing::debug!("a response ends early: {reason}");
                Err(io::Error::other(reason))
            }
        }))
    }
}

impl Drop for FileBody {
    fn drop(&mut self) {
        if let Some(next) = &self.next {
            next.abort();
        }
    }
}

impl Body {
    /// Has the pieces of a file share the memory of its connection.
    pub(super) fn keep_within(&mut self, pieces: &Arc<Semaphore>) {
        if let Body::File(file) = self {
            file.pieces = Arc::clone(pieces);
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = match self.get_mut() {
            Body::Bytes(bytes) if bytes.is_empty() => None,
            Body::Bytes(bytes) => Some(Ok(std::mem::take(bytes))),
            Body::File(file) => ready!(file.poll_piece(cx)),
            Body::Pieces(pieces) => ready!(pieces.poll_recv(cx)).map(Ok),
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Bytes(bytes) => bytes.is_empty(),
            Body::File(file) => file.at >= file.end && file.next.is_none(),
            Body::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::File(file) => SizeHint::with_exact(file.end - file.at),
            Body::Pieces(_) => SizeHint::default(),
        }
    }
}

impl<B: http_body::Body<Data = Bytes, Error = io::Error> + Unpin> http_body::Body for Sending<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(busy) = &self.busy {
            busy.handed(frame.is_ready(), Instant::now());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http_body::Body as _;

    use super::*;

    struct Pattern {
        fails_at: u64,
    }

    impl Source for Pattern {
        fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
            if offset >= self.fails_at {
                return Err("it is not there any more".to_owned());
            }
            for (byte, at) in buffer.iter_mut().zip(offset..) {
                *byte = (at % 251) as u8;
            }
            Ok(())
        }
    }

    async fn whole(mut body: Body) -> Result<Vec<u8>, io::Error> {
        let mut all = Vec::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            all.extend_from_slice(&frame?.into_data().unwrap());
        }
        assert!(body.is_end_stream());
        Ok(all)
    }

    fn body(start: u64, end: u64, fails_at: u64) -> Body {
        let flow = Flow::new(8 << 20, 16, None);
        Body::File(FileBody::new(
            Arc::new(Pattern { fails_at }),
            start,
            end,
            (flow, Pace::File),
        ))
    }

    #[tokio::test]
    async fn a_part_of_a_file_is_sent_byte_for_byte() {
        let sent = body(1_000, 1_000_000, u64::MAX);
        assert_eq!(sent.size_hint().exact(), Some(999_000));
        let sent = whole(sent).await.unwrap();
        let wanted: Vec<u8> = (1_000..1_000_000_u64).map(|at| (at % 251) as u8).collect();
        assert_eq!(sent, wanted);
        assert!(whole(body(5, 5, u64::MAX)).await.unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_ends_soon_after_the_right_to_it() {
        let body = |seconds: u64| {
            let flow = Flow::new(0, 16, Some(16 << 10));
            let source = Arc::new(Pattern { fails_at: u64::MAX });
            let until = Instant::now() + Duration::from_secs(seconds);
            // At this rate it lasts more than a minute.
            whole(Body::File(
                FileBody::new(source, 0, 2 << 20, (flow, Pace::File)).until(Some(until)),
            ))
        };
        let began = Instant::now();
        assert!(body(1).await.is_err());
        assert!(began.elapsed() >= GRACE && began.elapsed() < GRACE + Duration::from_secs(5));
        body(100).await.unwrap();
    }

    #[tokio::test]
    async fn what_cannot_be_read_breaks_the_response() {
        let error = whole(body(0, 1_000_000, 300_000)).await.unwrap_err();
        assert_eq!(error.to_string(), "it is not there any more");
    }
}
