//! One connection's socket: reads for the session, sends its answers, keeps its deadlines.
//!
//! Until it publishes, a connection waits for its socket as usual. A publisher's socket is then taken off the runtime's epoll
//! set and read at ticks that all publishers share. An encoder sends hundreds of small packets a second, and a wake for each
//! costs several times what reading them together does. No byte waits longer than a tick, and a fast publisher is read as often
//! as it needs.

mod end;
mod shared;

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::info;

pub(super) use end::End;
pub(super) use shared::Shared;

use super::admission::Question;
use super::pace::Pace;
use super::wire::{Socket, Tried, Wire};
use super::{Event, IngestError, Session, TagError};
use crate::access::{ConnectionPermit, StreamPermit};
use crate::config::Required;
use crate::media::MediaMessage;
use crate::recorder::{EndReason, Publishing};

const READ_BUFFER: usize = 128 << 10;

thread_local! {
    /// The read buffer, one for all connections: nothing stays in it.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER]);
}

/// One connection, before, during and after a publish.
pub(super) struct Connection {
    wire: Wire,
    pub(super) session: Session,
    pub(super) on_air: Option<OnAir>,
    pub(super) peer: SocketAddr,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: watch::Receiver<bool>,
    /// A request to publish that is not decided yet.
    pub(super) question: Option<Question>,
    /// Bytes that came behind that request, or behind a message that waits for memory.
    pub(super) held: Vec<u8>,
    /// Since when the connection holds memory that others may wait for, and the number of this loan.
    loan: Option<(u64, Instant)>,
    /// The time by which a publish must begin.
    deadline: Instant,
    /// How long the last answer waits, because it says that a guess was wrong.
    delay: Option<Duration>,
    /// Since when answers wait because the socket does not take them.
    blocked: Option<Instant>,
    pub(super) permit: ConnectionPermit,
}

/// A publish that goes on.
pub(super) struct OnAir {
    pub(super) publishing: Publishing,
    /// The tracks without which nothing is to be recorded.
    pub(super) required: Required,
    pub(super) permit: StreamPermit,
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    wire: Wire,
    peer: SocketAddr,
    permit: ConnectionPermit,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) {
    let mut connection = Connection {
        wire,
        session: Session::new(shared.strangers_allowance(peer)),
        on_air: None,
        peer,
        deadline: Instant::now() + shared.settings.publish_timeout,
        shared,
        stop,
        question: None,
        held: Vec::new(),
        loan: None,
        delay: None,
        blocked: None,
        permit,
    };
    // Answers are small, and the peer waits for them. A socket that refuses the option is about to fail anyway.
    let _ = stream.set_nodelay(true);
    let (end, stream) = match connection.until_publish(&stream).await {
        Err(end) => (end, Some(stream)),
        Ok(()) => match stream.into_std() {
            Err(error) => (End::Io(error), None),
            Ok(socket) => {
                let end = connection.on_ticks(&socket).await;
                (end, TcpStream::from_std(socket).ok())
            }
        },
    };
    let told = connection.close(end);
    if let (Some(stream), true) = (stream, told) {
        connection.farewell(stream).await;
    }
}

impl Connection {
    // ---- before a publish

    async fn until_publish(&mut self, stream: &TcpStream) -> Result<(), End> {
        let handshake_deadline = Instant::now() + self.shared.settings.handshake_timeout;
        while self.on_air.is_none() {
            let (deadline, what) = if self.session.handshaking() {
                (
                    handshake_deadline.min(self.deadline),
                    "the handshake took too long",
                )
            } else {
                (self.deadline, "no publish began in time")
            };
            let waiting = self.has_output();
            tokio::select! {
                biased;
                _ = self.stop.changed() => return Err(End::Ended(EndReason::Shutdown)),
                reason = self.permit.gives_way() => return Err(End::GaveWay(reason)),
                () = sleep_until(deadline) => return Err(End::Silent(what)),
                ready = stream.writable(), if waiting => ready?,
                ready = stream.readable() => {
                    ready?;
                    self.read(&mut Tried(stream))?;
                    if self.question.is_some() {
                        // Answers from before are sent at once: the question does not hold them up.
                        self.write(&mut Tried(stream))?;
                        self.decide().await?;
                    }
                }
            }
            self.write(&mut Tried(stream))?;
        }
        Ok(())
    }

    // ---- while publishing

    async fn on_ticks(&mut self, socket: &std::net::TcpStream) -> End {
        match self.tick_on(socket).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn tick_on(&mut self, mut socket: &std::net::TcpStream) -> Result<std::convert::Infallible, End> {
        let mut heard = Instant::now();
        let mut pace = Pace::new(self.shared.started, heard);
        loop {
            // The connection waits right before reading. So of many that wait, only as many read on as there is room for.
            let waits = Instant::now();
            self.recorder_ready().await?;
            // The time spent waiting does not count as silence: nobody read the socket meanwhile.
            heard += waits.elapsed();
            let held = std::mem::take(&mut self.held);
            self.heard(&held)?;
            // Bytes that a publisher cannot be given memory for wait in its socket, and are not lost there.
            let held_up = self.session.is_held_up();
            let read = if held_up || self.question.is_some() {
                0
            } else {
                self.read(&mut socket)?
            };
            if self.question.is_some() {
                self.write(&mut socket)?;
                self.decide().await?;
            }
            self.write(&mut socket)?;
            let now = Instant::now();
            if read > 0 || held_up {
                heard = now;
            }
            self.measure(read, now)?;
            self.look_at_loan(now)?;
            if now - heard >= self.shared.settings.idle_timeout {
                return Err(End::Silent("nothing was sent for too long"));
            }
            if self.on_air.is_none() && now >= self.deadline {
                return Err(End::Silent("no publish began in time"));
            }
            let next = pace.next_look(read, now);
            let at_once = read == READ_BUFFER || next <= now;
            self.pause((!at_once).then_some(next)).await?;
        }
    }

    /// Lets the other tasks run, and waits until `until`, if there is such a time.
    async fn pause(&mut self, until: Option<Instant>) -> Result<(), End> {
        let on_air = &self.on_air;
        let ended = async {
            match on_air {
                Some(on_air) => on_air.publishing.ended().await,
                None => std::future::pending().await,
            }
        };
        // A timer has its price, and none is shorter than a millisecond. A connection that does not wait needs none.
        let turn = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => tokio::task::yield_now().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.stop.changed() => Err(End::Ended(EndReason::Shutdown)),
            reason = ended => Err(End::Ended(reason)),
            reason = self.permit.gives_way() => Err(End::GaveWay(reason)),
            () = turn => Ok(()),
        }
    }

    /// Waits until the recorder takes more. So a slow card slows an unpaced publisher: unread bytes fill its window.
    async fn recorder_ready(&mut self) -> Result<(), End> {
        let Some(OnAir { publishing, .. }) = &self.on_air else {
            return Ok(());
        };
        tokio::select! {
            biased;
            () = publishing.ready() => Ok(()),
            reason = publishing.ended() => Err(End::Ended(reason)),
            _ = self.stop.changed() => Err(End::Ended(EndReason::Shutdown)),
        }
    }

    /// Checks that a large message that others may wait for does not take too long to arrive.
    fn look_at_loan(&mut self, now: Instant) -> Result<(), End> {
        self.loan = match (self.session.loan(), self.loan) {
            (Some(loan), Some((known, since))) if loan == known => Some((known, since)),
            (loan, _) => loan.map(|loan| (loan, now)),
        };
        match self.loan {
            Some((_, since)) if now - since >= self.shared.settings.idle_timeout => Err(End::Silent(
                "a message that others wait for took too long to arrive",
            )),
            _ => Ok(()),
        }
    }

    /// Counts the bytes of a publish against its bit rate.
    fn measure(&mut self, read: usize, now: Instant) -> Result<(), End> {
        let Some(OnAir { permit, .. }) = &mut self.on_air else {
            return Ok(());
        };
        let measured = permit.measure(read, now);
        measured.map_err(|reason| End::Denied {
            stream: permit.stream().clone(),
            reason,
        })
    }

    // ---- both

    /// Reads once, without waiting, and gives the bytes to the session.
    fn read(&mut self, socket: &mut impl Socket) -> Result<usize, End> {
        BUFFER.with_borrow_mut(|buffer| match self.wire.read(socket, buffer) {
            Ok(0) => Err(End::Closed),
            Ok(count) => {
                self.heard(buffer.get(..count).unwrap_or_default())?;
                Ok(count)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Err(IngestError::Tls(error.to_string()).into())
            }
            Err(error) => Err(End::Io(error)),
        })
    }

    pub(super) fn heard(&mut self, mut input: &[u8]) -> Result<(), End> {
        while let Some(event) = self.session.handle(&mut input)? {
            match event {
                Event::Media(media) => {
                    let Some(on_air) = &mut self.on_air else {
                        continue;
                    };
                    if let MediaMessage::LeftOut(track) = &media
                        && on_air.required.has(track.kind)
                    {
                        let (kind, codec) = (track.kind, track.codec.clone());
                        return Err(IngestError::Tag(TagError::Codec { kind, codec }).into());
                    }
                    on_air.publishing.push(media);
                }
                Event::Publish(asked) => {
                    self.asked(&asked)?;
                    if self.question.is_some() {
                        self.held = input.to_vec();
                        return Ok(());
                    }
                }
                Event::Declined(what) => self.shared.declined(self.peer, what, ""),
                Event::Unpublished => {
                    self.deadline = Instant::now() + self.shared.settings.publish_timeout;
                    if let Some(on_air) = self.on_air.take() {
                        self.permit.set_active(false);
                        info!(
                            dropped_frames = self.session.dropped_frames(),
                            "publish ended by the encoder"
                        );
                        on_air.publishing.end(EndReason::Unpublished);
                    }
                }
            }
        }
        if !input.is_empty() {
            self.held = input.to_vec();
        }
        Ok(())
    }

    /// Sends as many answers as the socket takes, without waiting.
    fn write(&mut self, socket: &mut impl Socket) -> Result<(), End> {
        if !self.has_output() {
            return Ok(());
        }
        match self.wire.write(socket, self.session.output()) {
            Ok(count) => {
                self.session.sent(count);
                self.blocked = None;
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                let now = Instant::now();
                let since = *self.blocked.get_or_insert(now);
                if now - since >= self.shared.settings.write_timeout {
                    return Err(End::Silent("the peer does not read its answers"));
                }
                Ok(())
            }
            Err(error) => Err(End::Io(error)),
        }
    }

    fn has_output(&self) -> bool {
        !self.session.output().is_empty() || self.wire.waits()
    }
}
