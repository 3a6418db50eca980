//! One connection's socket: reads for the session, sends its answers, keeps its deadlines.
//!
//! Until it publishes, a connection waits for its socket as usual. A publisher's socket is then taken off
//! the runtime's epoll set and read at ticks that all publishers share: an encoder sends hundreds of small
//! packets a second, and to wake for each costs several times what reading them together does. No byte waits
//! longer than a tick, and a fast publisher is read as often as it needs.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{Span, debug, info, warn};

use super::notices::Notices;
use super::pace::Pace;
use super::{Budget, Event, IngestError, PublishAsked, Session, Settings};
use crate::recorder::{EndReason, PublishRequest, Publishing, Recorder};

const READ_BUFFER: usize = 128 << 10;

thread_local! {
    /// The read buffer, one for all connections: nothing stays in it.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER]);
}

/// How long a peer that was told why it is cut off may take to read it.
const FAREWELL: Duration = Duration::from_millis(500);

/// What all connections share.
pub(super) struct Shared {
    recorder: Recorder,
    budget: Budget,
    settings: Settings,
    /// Where the grid of ticks begins.
    started: Instant,
    notices: Mutex<Notices>,
}

impl Shared {
    pub(super) fn new(recorder: Recorder, budget: Budget, settings: Settings) -> Self {
        let started = Instant::now();
        Self {
            recorder,
            budget,
            settings,
            started,
            notices: Mutex::new(Notices::new(started)),
        }
    }

    /// Says that a connection ended that had not published, unless many have lately.
    fn stranger_left(&self, why: &str) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        match notices.may_write(Instant::now()) {
            Some(0) => warn!(why, "connection ended"),
            Some(left_out) => warn!(
                why,
                left_out, "connection ended, as others did that are not listed"
            ),
            None => debug!(why, "connection ended"),
        }
    }
}

/// Why a connection ends.
enum End {
    /// It sent what it may not.
    Error(IngestError),
    /// The peer closed it.
    Closed,
    /// The network did.
    Io(std::io::Error),
    /// A deadline passed.
    Silent(&'static str),
    /// The recorder said no.
    Refused(String),
    /// The recorder ended the publish.
    Ended(EndReason),
}

impl From<IngestError> for End {
    fn from(error: IngestError) -> Self {
        End::Error(error)
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        End::Io(error)
    }
}

struct Connection {
    session: Session,
    publishing: Option<Publishing>,
    peer: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    /// A publish must begin by then.
    deadline: Instant,
    /// Since when answers wait that the socket does not take.
    blocked: Option<Instant>,
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) {
    let mut connection = Connection {
        session: Session::new(shared.budget.clone()),
        publishing: None,
        peer,
        deadline: Instant::now() + shared.settings.publish_timeout,
        shared,
        stop,
        blocked: None,
    };
    // Answers are small and waited for. A socket that refuses is about to fail anyway.
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
        while self.publishing.is_none() {
            let (deadline, what) = if self.session.handshaking() {
                (
                    handshake_deadline.min(self.deadline),
                    "the handshake took too long",
                )
            } else {
                (self.deadline, "no publish began in time")
            };
            let waiting = !self.session.output().is_empty();
            tokio::select! {
                biased;
                _ = self.stop.changed() => return Err(End::Ended(EndReason::Shutdown)),
                () = sleep_until(deadline) => return Err(End::Silent(what)),
                ready = stream.writable(), if waiting => ready?,
                ready = stream.readable() => {
                    ready?;
                    self.read(|buffer| stream.try_read(buffer))?;
                }
            }
            self.write(|bytes| stream.try_write(bytes))?;
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
            // Right before reading, so that of many who waited only as many read on as there is room for.
            let waits = Instant::now();
            self.recorder_ready().await?;
            // Nobody listened meanwhile.
            heard += waits.elapsed();
            let read = self.read(|buffer| socket.read(buffer))?;
            self.write(|bytes| socket.write(bytes))?;
            let now = Instant::now();
            if read > 0 {
                heard = now;
            }
            if now - heard >= self.shared.settings.idle_timeout {
                return Err(End::Silent("nothing was sent for too long"));
            }
            if self.publishing.is_none() && now >= self.deadline {
                return Err(End::Silent("no publish began in time"));
            }
            let next = pace.next_look(read, now);
            let at_once = read == READ_BUFFER || next <= now;
            self.pause((!at_once).then_some(next)).await?;
        }
    }

    /// Lets the others have their turn, and the time pass if there is any to pass.
    async fn pause(&mut self, until: Option<Instant>) -> Result<(), End> {
        let publishing = &self.publishing;
        let ended = async {
            match publishing {
                Some(publishing) => publishing.ended().await,
                None => std::future::pending().await,
            }
        };
        // A timer has its price, and nothing shorter than a millisecond: who does not wait needs none.
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
            () = turn => Ok(()),
        }
    }

    /// Lets a slow card slow a publisher that sends faster than time: what is not read fills its window.
    async fn recorder_ready(&mut self) -> Result<(), End> {
        let Some(publishing) = &self.publishing else {
            return Ok(());
        };
        tokio::select! {
            biased;
            () = publishing.ready() => Ok(()),
            reason = publishing.ended() => Err(End::Ended(reason)),
            _ = self.stop.changed() => Err(End::Ended(EndReason::Shutdown)),
        }
    }

    // ---- both

    /// Reads once, without waiting, and lets the session have it.
    fn read(&mut self, read: impl FnOnce(&mut [u8]) -> std::io::Result<usize>) -> Result<usize, End> {
        BUFFER.with_borrow_mut(|buffer| match read(buffer) {
            Ok(0) => Err(End::Closed),
            Ok(count) => {
                self.heard(buffer.get(..count).unwrap_or_default())?;
                Ok(count)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(error) => Err(End::Io(error)),
        })
    }

    fn heard(&mut self, mut input: &[u8]) -> Result<(), End> {
        while let Some(event) = self.session.handle(&mut input)? {
            match event {
                Event::Media(media) => {
                    if let Some(publishing) = &mut self.publishing {
                        publishing.push(media);
                    }
                }
                Event::Publish(asked) => self.begin(&asked)?,
                Event::Unpublished => {
                    self.deadline = Instant::now() + self.shared.settings.publish_timeout;
                    if let Some(publishing) = self.publishing.take() {
                        info!(
                            dropped_frames = self.session.dropped_frames(),
                            "publish ended by the encoder"
                        );
                        publishing.end(EndReason::Unpublished);
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends what the socket takes, without waiting.
    fn write(&mut self, write: impl FnOnce(&[u8]) -> std::io::Result<usize>) -> Result<(), End> {
        if self.session.output().is_empty() {
            return Ok(());
        }
        match write(self.session.output()) {
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

    fn begin(&mut self, asked: &PublishAsked) -> Result<(), End> {
        let accepted = asked
            .stream_name()
            .map_err(|error| error.to_string())
            .and_then(|stream| {
                Span::current().record("stream", tracing::field::display(&stream));
                let request = PublishRequest {
                    domain: None,
                    stream,
                    query: asked.query.clone(),
                    peer: self.peer,
                };
                self.shared
                    .recorder
                    .publish(request)
                    .map_err(|refusal| refusal.to_string())
            });
        match accepted {
            Ok(publishing) => {
                info!(encoder = asked.encoder, "publish begins");
                self.publishing = Some(publishing);
                self.session.accept();
                Ok(())
            }
            Err(why) => {
                self.session.refuse(&why);
                Err(End::Refused(why))
            }
        }
    }

    // ---- the end

    /// Ends the publish and logs why; true when the peer is to be told.
    fn close(&mut self, end: End) -> bool {
        let dropped_frames = self.session.dropped_frames();
        let (reason, why, tell) = match end {
            // Many encoders close right after their goodbye, answers unread: a reset is how that looks here.
            End::Closed | End::Io(_) if self.publishing.is_none() => {
                debug!("connection closed");
                return false;
            }
            End::Closed => {
                let why = "the encoder closed the connection without a word".to_owned();
                (EndReason::Broken(why.clone()), why, false)
            }
            End::Io(error) => (EndReason::Broken(error.to_string()), error.to_string(), false),
            End::Error(error) => (EndReason::Broken(error.to_string()), error.to_string(), true),
            End::Silent(why) => (EndReason::Broken(why.to_owned()), why.to_owned(), true),
            End::Refused(why) => (EndReason::Broken(why.clone()), why, true),
            End::Ended(reason) => {
                let why = match &reason {
                    EndReason::TakenOver => "another publisher took over this stream".to_owned(),
                    EndReason::Kicked => "the publish was ended by command".to_owned(),
                    EndReason::Shutdown => "edgereel is stopping".to_owned(),
                    EndReason::Broken(why) => why.clone(),
                    EndReason::Unpublished => "the publish was ended".to_owned(),
                };
                (reason, why, true)
            }
        };
        match self.publishing.take() {
            Some(publishing) => {
                warn!(why, dropped_frames, "publish ended");
                self.session.end(&why);
                publishing.end(reason);
            }
            None if reason == EndReason::Shutdown => debug!("connection closed: stopping"),
            None => self.shared.stranger_left(&why),
        }
        tell
    }

    /// Sends the last answers and waits a moment: closing a socket with unread input would send a reset
    /// that overtakes them.
    async fn farewell(&mut self, mut stream: TcpStream) {
        let leave = async {
            stream.write_all(self.session.output()).await?;
            stream.shutdown().await?;
            loop {
                stream.readable().await?;
                match BUFFER.with_borrow_mut(|buffer| stream.try_read(buffer)) {
                    Ok(0) => return std::io::Result::Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        };
        // Whether it was read changes nothing any more.
        let _ = timeout(FAREWELL, leave).await;
    }
}
