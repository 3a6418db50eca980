//! One connection's socket: reads for the session, sends its answers, keeps its deadlines.
//!
//! Until it publishes, a connection waits for its socket as usual. A publisher's socket is then taken off the runtime's epoll
//! set and read at ticks that all publishers share. An encoder sends hundreds of small packets a second, and a wake for each
//! costs several times what reading them together does. No byte waits longer than a tick, and a fast publisher is read as often
//! as it needs.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::admission::Question;
use super::pace::Pace;
use super::wire::{Socket, Tried, Wire};
use super::{Allowance, Declined, Event, IngestError, Session, Settings, TagError, WhenFull};
use crate::access::{Admission, Budget, ConnectionPermit, Grant, Reason, StreamPermit, owner};
use crate::config::Required;
use crate::media::{MediaMessage, StreamName};
use crate::recorder::{EndReason, Publishing, Recorder};

const READ_BUFFER: usize = 128 << 10;

/// The longest message before a publish, in bytes. A command is no longer.
const STRANGERS_MESSAGE: u32 = 64 << 10;
/// The share of memory that a connection without a publish has for itself, in bytes. It is enough for any command that an
/// encoder sends.
const STRANGERS_SHARE: usize = 4 << 10;
/// The memory for the shares of all publishers, in bytes, and the bounds of one share.
const SHARES: usize = 32 << 20;
const SMALLEST_SHARE: usize = 64 << 10;
const LARGEST_SHARE: usize = 2 << 20;

thread_local! {
    /// The read buffer, one for all connections: nothing stays in it.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER]);
}

/// How long a peer that is cut off may take to read why.
const FAREWELL: Duration = Duration::from_millis(500);

/// What all connections share.
pub(super) struct Shared {
    pub(super) recorder: Recorder,
    pub(super) admission: Arc<Admission>,
    /// The memory for half-received messages of connections without a publish; below that of publishers beyond their shares.
    strangers: Budget,
    publishers: Budget,
    settings: Settings,
    /// The time at which the grid of ticks begins.
    started: Instant,
}

impl Shared {
    pub(super) fn new(recorder: Recorder, admission: Arc<Admission>, settings: Settings) -> Self {
        Self {
            recorder,
            admission,
            strangers: Budget::new(settings.strangers_budget),
            publishers: Budget::new(settings.publishers_budget),
            settings,
            started: Instant::now(),
        }
    }

    /// The memory that a connection without a publish may hold.
    fn strangers_allowance(&self, peer: SocketAddr) -> Allowance {
        Allowance {
            share: STRANGERS_SHARE,
            budget: self.strangers.clone(),
            owner: owner(peer.ip(), None),
            longest: STRANGERS_MESSAGE,
            when_full: WhenFull::End,
        }
    }

    /// The memory that a publish may hold: a share that nobody can take from it, and more while there is more.
    pub(super) fn publishers_allowance(&self, peer: SocketAddr, grant: &Grant) -> Allowance {
        let share = SHARES / self.settings.max_connections.max(1);
        Allowance {
            share: share.clamp(SMALLEST_SHARE, LARGEST_SHARE),
            owner: owner(peer.ip(), Some(grant)),
            when_full: WhenFull::Wait,
            ..self.publishers.clone().into()
        }
    }

    /// Reports a refusal, unless many like it were reported. Gives how long its answer has to wait.
    pub(super) fn refused(
        &self,
        stream: Option<&StreamName>,
        peer: SocketAddr,
        reason: &Reason,
    ) -> Option<Duration> {
        let refused = self.admission.refused(stream, peer.ip(), reason);
        refused
            .event
            .into_iter()
            .for_each(|event| self.recorder.report(event));
        refused.delay
    }

    /// Reports refusals that were left out a while ago.
    pub(super) fn tell_refusals(&self) {
        let due = self.admission.refusals_due();
        due.into_iter().for_each(|event| self.recorder.report(event));
    }

    /// Reports all refusals that were left out.
    pub(super) fn tell_last_refusals(&self) {
        let rest = self.admission.rest_of_refusals();
        rest.into_iter().for_each(|event| self.recorder.report(event));
    }

    /// Logs that a client asked for what is not possible, unless that was logged for this address lately.
    pub(super) fn declined(&self, peer: SocketAddr, what: Declined, detail: &str) {
        let about = what.as_str();
        match self.admission.may_name(peer.ip(), about) {
            true if detail.is_empty() => warn!("{about}"),
            true => warn!("{about}: {detail}"),
            false => debug!(detail, "{about}"),
        }
    }

    /// Logs that a connection ended which had not published, unless many such lines were logged lately.
    pub(super) fn stranger_left(&self, why: &str) {
        match self.admission.may_write() {
            Some(0) => warn!(why, "connection ended"),
            Some(left_out) => warn!(
                why,
                left_out, "connection ended; others that ended in the same way are not listed"
            ),
            None => debug!(why, "connection ended"),
        }
    }
}

/// Why a connection ends.
pub(super) enum End {
    /// The peer sent what it may not.
    Error(IngestError),
    /// The peer closed the connection.
    Closed,
    /// The network failed.
    Io(std::io::Error),
    /// A deadline passed.
    Silent(&'static str),
    /// The peer asked for what is not possible; that was logged.
    Declined,
    /// The connection had to make room for another.
    GaveWay(Reason),
    /// The recorder refused the publish.
    Refused(String),
    /// The publisher may not publish, or a limit is reached.
    Denied { stream: StreamName, reason: Reason },
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

    // ---- the end

    /// Ends the publish and logs why. True when the peer has to be told.
    fn close(&mut self, end: End) -> bool {
        let dropped_frames = self.session.dropped_frames();
        let (reason, why, tell) = match end {
            // Many encoders close right after their goodbye, with answers unread. That looks like a reset here.
            End::Closed | End::Io(_) if self.on_air.is_none() => {
                debug!("connection closed");
                return false;
            }
            End::Closed => {
                let why = "the encoder closed the connection without a word".to_owned();
                (EndReason::Broken(why.clone()), why, false)
            }
            End::Io(error) => (EndReason::Broken(error.to_string()), error.to_string(), false),
            End::Error(error) => (EndReason::Broken(error.to_string()), error.to_string(), true),
            End::Declined => {
                debug!("connection closed: declined");
                return true;
            }
            End::GaveWay(reason) => {
                self.shared.refused(None, self.peer, &reason);
                let reason = self.shared.admission.told(&reason);
                let why = format!("it publishes nothing, and made room for another connection: {reason}");
                (EndReason::Broken(why.clone()), why, false)
            }
            End::Silent(why) => (EndReason::Broken(why.to_owned()), why.to_owned(), true),
            End::Refused(why) => (EndReason::Broken(why.clone()), why, true),
            End::Denied { stream, reason } => {
                self.delay = self.shared.refused(Some(&stream), self.peer, &reason);
                let why = self.shared.admission.told(&reason);
                (EndReason::Broken(why.clone()), why, true)
            }
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
        match self.on_air.take() {
            Some(on_air) => {
                warn!(why, dropped_frames, "publish ended");
                self.session.end(&why);
                on_air.publishing.end(reason);
            }
            None if reason == EndReason::Shutdown => debug!("connection closed: stopping"),
            None => self.shared.stranger_left(&why),
        }
        tell
    }

    /// Sends the last answers and waits a moment. Closing a socket with unread input would send a reset that overtakes them.
    async fn farewell(&mut self, mut stream: TcpStream) {
        if let Some(delay) = self.delay.take() {
            tokio::select! {
                biased;
                _ = self.stop.changed() => {}
                _ = self.permit.gives_way() => return,
                () = tokio::time::sleep(delay) => {}
            }
        }
        let leave = async {
            self.send_all(&stream).await?;
            self.wire.close();
            self.send_all(&stream).await?;
            stream.shutdown().await.map_err(End::Io)?;
            loop {
                stream.readable().await.map_err(End::Io)?;
                match BUFFER.with_borrow_mut(|buffer| stream.try_read(buffer)) {
                    Ok(0) => return Result::<(), End>::Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(End::Io(error)),
                }
            }
        };
        // Whether the peer read the answers makes no difference any more.
        let _ = timeout(FAREWELL, leave).await;
    }

    async fn send_all(&mut self, stream: &TcpStream) -> Result<(), End> {
        while self.has_output() {
            stream.writable().await?;
            self.write(&mut Tried(stream))?;
        }
        Ok(())
    }
}
