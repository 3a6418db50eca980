//! The order of writes: commands in, durable tape out. A plain struct: time comes from its clock, it never
//! waits, and what a crash at any point of it leaves is what `recover` repairs.
//!
//! A segment's life, and what a crash after each step costs:
//!
//! 1. Its row, `open`, is committed: a row without a file, dropped at recovery.
//! 2. Its file is created and fragments are appended, each in one write: a file without media is removed, a torn
//!    end is cut.
//! 3. On the tick the file is synced, then its directory. Only then is anything called durable.
//! 4. It is sealed: synced once more, then one transaction with its length, checksum and index, the recordings that
//!    grew, the events, and the row of the segment that follows: back to 1.
//!
//! Room comes from blocks that were allocated ahead, or from a segment that was given up: its row says `spare` in the
//! transaction that begins the one which takes its file over, and goes when the file's new name is durable.
//!
//! When the flash fails, nothing is tried twice on the same bytes. A failed write: the file is cut to its last whole
//! fragment and sealed there. A failed sync: sealed at its last durable fragment. A failed commit: the rows stay in
//! memory and are committed with whatever comes next. In each case the stream's media is lost, counted and told of
//! until a new segment can be begun, which every keyframe tries.

mod away;
mod begin;
mod blank;
mod hole;
mod recordings;
mod room;
mod rotation;
mod settle;
mod space;
mod state;
mod tight;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::clock::Clock;
use super::disk::{self, Disk};
use super::journal::{Blocks, Journal, NewSegment, Op, Tell};
use super::segment::{AppendError, Begin, Segment};
use super::{
    Change, Command, OutboxChange, Progress, RecordingSpec, RecordingState, StoreError, StoreSettings,
};
use crate::event::{Event, PublishOutcome};
use crate::media::{Fragment, Micros, PublishId, RecordingId, StreamName};
use hole::Hole;
use recordings::recording_of;
use tokio::sync::oneshot;

use self::room::Room;
use self::rotation::{Decision, OpenSegment};
use self::space::Limits;
use self::tight::Appended;

pub use self::space::OnFull;
pub(super) use self::tight::is_full;

/// Writes the tape of all streams.
pub(super) struct Writer {
    settings: StoreSettings,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    pub(in crate::store) journal: Journal,
    boot: [u8; 16],
    utc_offset: Micros,
    synced: bool,
    /// The boot is to be dated anew, by the next commit.
    redate: Option<Op>,
    /// CLOCK_BOOTTIME when it was last dated anew, and when the clock was last looked at.
    dated: Micros,
    looked: Micros,
    /// In an order of their own: the same commands do the same operations, so that a crash that a test found comes
    /// again.
    lanes: BTreeMap<PublishId, Lane>,
    recordings: BTreeMap<RecordingId, Open>,
    /// What the next segment of a stream begins with.
    nexts: HashMap<StreamName, Next>,
    /// Streams whose directory is there and durable.
    prepared: HashSet<StreamName>,
    /// Rows of the next commit.
    seals: Vec<Op>,
    pub(in crate::store) pending: Vec<Op>,
    /// Rows that are no reason to commit, and go with whatever is.
    quiet: Vec<Op>,
    /// Streams with a segment that could neither be sealed nor removed.
    unsettled: HashSet<StreamName>,
    /// Recordings to be removed when their streams' open segments end.
    deletes: Vec<(StreamName, RecordingId)>,
    /// Whoever waits for all to be committed that came before.
    fences: Vec<oneshot::Sender<Result<(), String>>>,
    /// Who hears of events, for a journal that does not know.
    listeners: Option<Vec<String>>,
    /// Whoever waits for everything to be sealed.
    seal: Option<oneshot::Sender<Result<(), String>>>,
    /// Everything is sealed: the service stops.
    sealed: bool,
    room: Room,
    dirty_since: Option<Micros>,
    last_tick: Micros,
    progress: Progress,
    /// The file system that the store is on.
    pub(in crate::store) device: Option<u64>,
    /// CLOCK_BOOTTIME since which the journal cannot be written.
    refused_since: Option<Micros>,
    /// What the journal said when it did not take the last commit.
    unsaid: Option<String>,
    /// There is no store now, and why.
    away: Option<String>,
}

/// A recording that grows.
struct Open {
    stream: StreamName,
    publish: PublishId,
    start: Micros,
    spec: Arc<RecordingSpec>,
    /// Where it will end, if that is known.
    ends: Option<Micros>,
    /// Somebody wants it deleted: as soon as it is closed.
    doomed: bool,
}

/// One publish.
struct Lane {
    stream: StreamName,
    tape_zero: Micros,
    boot_zero: Micros,
    segment: Option<Segment>,
    /// The next keyframe begins a new segment.
    turn: bool,
    /// A segment could not be begun for the fragment that comes next.
    refused: bool,
    failed: bool,
    /// Tape time at which the last segment that was sealed ends.
    sealed_end: Option<Micros>,
    hole: Option<Hole>,
}

/// What is known of a segment before there is anything to put into it.
#[derive(Clone, Copy)]
struct Next {
    sequence: u64,
    /// Bytes that the stream's segments have had lately; a short one at the end of a publish counts for little.
    bytes: Option<u64>,
}

/// What a pass over a batch leaves for its one commit.
#[derive(Default)]
struct Pass {
    /// Streams whose further commands wait for the commit.
    held: HashSet<StreamName>,
    /// Recordings that one of them is about: whatever else is said of those waits behind it.
    held_recordings: HashSet<RecordingId>,
    /// Publishes whose segment ends, with the configuration of the one that follows, if one does.
    turns: Vec<(PublishId, Option<Turn>)>,
    /// Streams whose open segment must be durable before the rows of this pass are true.
    settle: HashSet<StreamName>,
    ended: Vec<PublishId>,
    /// Rows that waited before it: all that they wait for was done.
    waited: usize,
}

struct Turn {
    row: NewSegment,
    begin: Begin,
    /// Whose blocks it takes over.
    takes: Option<Blocks>,
}

impl Writer {
    /// Continues a journal that was recovered.
    pub(super) fn new(
        mut settings: StoreSettings,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        journal: Journal,
    ) -> Result<Self, StoreError> {
        let boot = clock.boot_id();
        let (utc_offset, synced) = match journal.boot(&boot)? {
            Some((_, utc_offset, synced)) => (utc_offset, synced),
            None => (clock.utc_offset(), clock.synced()),
        };
        let limits = Limits {
            quota: settings.quota,
            min_free: floor(disk.as_ref(), &settings),
        };
        let device = disk::file_id(&settings.dir).map(|id| id.device).ok();
        settings.segment_bytes = limits.segment_bytes(settings.segment_bytes);
        let progress = Progress {
            events: journal.newest_event()?,
            journal: journal.identity()?,
            moved: !journal.belongs_to(&settings.own)?,
            ..Progress::default()
        };
        let room = Room::survey(limits, settings.on_full, &settings.dir, disk.as_ref(), &journal)?;
        Ok(Self {
            settings,
            disk,
            clock,
            journal,
            boot,
            utc_offset,
            synced,
            redate: None,
            dated: Micros::MIN,
            looked: Micros::MIN,
            lanes: BTreeMap::new(),
            recordings: BTreeMap::new(),
            nexts: HashMap::new(),
            prepared: HashSet::new(),
            seals: Vec::new(),
            pending: Vec::new(),
            quiet: Vec::new(),
            unsettled: HashSet::new(),
            deletes: Vec::new(),
            fences: Vec::new(),
            listeners: None,
            seal: None,
            sealed: false,
            room,
            dirty_since: None,
            last_tick: Micros::MIN,
            progress,
            device,
            refused_since: None,
            unsaid: None,
            away: None,
        })
    }

    /// Carries out commands in their order, stream by stream. Streams whose segments change in the same batch
    /// share a commit.
    pub(super) fn handle(&mut self, mut commands: Vec<Command>) {
        while !commands.is_empty() {
            let mut pass = Pass {
                waited: self.pending.len(),
                ..Pass::default()
            };
            let mut later = Vec::new();
            for command in commands {
                if let Some(command) = self.take(command, &mut pass) {
                    later.push(command);
                }
            }
            self.finish(pass);
            commands = later;
        }
        self.answer();
        if let Some(done) = self.seal.take() {
            let sealed = self.close().map_err(|error| error.to_string());
            // Whoever asked may be gone.
            let _ = done.send(sealed);
        }
    }

    /// Tells those who wait whether all is committed.
    fn answer(&mut self) {
        if self.fences.is_empty() {
            return;
        }
        let committed = match self.has_rows() {
            true => self.commit(Vec::new()).map_err(|error| error.to_string()),
            false => Ok(()),
        };
        for done in self.fences.drain(..) {
            // Whoever asked may be gone.
            let _ = done.send(committed.clone());
        }
    }

    /// When [`tick`](Self::tick) is due: to make durable what was written, else to look after the house.
    ///
    /// At once after the last tick was long enough ago: a lone stream's fragment is durable as soon as it is
    /// written, at the same number of syncs. A tenth is taken off the interval, so that what a frame spends in
    /// the socket and in this thread's queue does not add to the two seconds a power cut may cost.
    pub(super) fn next_tick(&self) -> Micros {
        let durability = i64::try_from(self.settings.durability.as_micros()).unwrap_or(i64::MAX);
        let rested = self.last_tick.saturating_add(durability - durability / 10);
        let dirty = self.dirty_since.map(|since| since.max(rested));
        dirty.unwrap_or(Micros::MAX).min(self.room.due())
    }

    /// Makes everything durable that was written.
    pub(super) fn tick(&mut self) {
        self.dirty_since = None;
        self.last_tick = self.clock.boot();
        let publishes: Vec<PublishId> = self.lanes.keys().copied().collect();
        for publish in publishes {
            self.settle(publish);
        }
        self.watch_store();
        if self.away.is_some() {
            return;
        }
        self.watch_clock();
        self.keep_house();
        if self.has_rows() {
            // What failed stays for the next tick; media that is written brings that about.
            let _ = self.commit(Vec::new());
        }
        self.recover_state();
        self.progress.ticks += 1;
    }

    /// Seals everything and ends everything: the service stops.
    pub(super) fn close(&mut self) -> Result<(), StoreError> {
        if let Some(reason) = self.away.clone() {
            return Err(StoreError::Unfinished { reason });
        }
        if self.sealed {
            return match self.has_rows() {
                true => self.commit(Vec::new()),
                false => Ok(()),
            };
        }
        let lost = self.progress.bytes_lost;
        let mut pass = Pass::default();
        let publishes: Vec<PublishId> = self.lanes.keys().copied().collect();
        for publish in publishes {
            self.end_publish(publish, "shutdown".to_owned(), Box::default(), &mut pass);
        }
        let recordings = std::mem::take(&mut self.recordings).into_iter();
        self.pending.extend(recordings.flat_map(|(id, open)| {
            let (end, reason) = (None, "shutdown".to_owned());
            let over = match open.spec.resumes() {
                true => Op::PauseRecording { id, end, reason },
                false => Op::CloseRecording { id, end, reason },
            };
            let delete = open.doomed.then_some(Op::Delete { id });
            [over].into_iter().chain(delete)
        }));
        self.pending.push(Op::Report {
            event: Event::DeviceStopping {},
        });
        self.finish(pass);
        if self.has_rows() {
            self.commit(Vec::new())?;
        }
        self.sealed = true;
        if self.progress.bytes_lost > lost {
            let reason = self.progress.last_error.clone().unwrap_or_default();
            return Err(StoreError::Unfinished { reason });
        }
        Ok(())
    }

    /// How far the tape is.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// One command; given back when it must wait for this pass's commit.
    fn take(&mut self, command: Command, pass: &mut Pass) -> Option<Command> {
        let stream = self.stream_of(&command);
        let recording = recording_of(&command);
        let later = recording.is_some_and(|recording| pass.held_recordings.contains(&recording));
        if later || stream.is_some_and(|stream| pass.held.contains(&stream)) {
            pass.held_recordings.extend(recording);
            return Some(command);
        }
        match command {
            Command::PublishStarted {
                publish,
                stream,
                tape_zero,
                boot_zero,
                about,
                tell,
            } => {
                self.pending.push(Op::StartPublish {
                    id: publish,
                    stream: stream.clone(),
                    boot: self.boot,
                    tape_zero,
                    boot_zero,
                    about,
                    tell: tell.map_or(Tell::Quietly, Tell::Aloud),
                });
                self.progress.streams.entry(stream.clone()).or_default();
                let lane = Lane {
                    stream,
                    tape_zero,
                    boot_zero,
                    segment: None,
                    turn: false,
                    refused: false,
                    failed: false,
                    sealed_end: None,
                    hole: None,
                };
                self.lanes.insert(publish, lane);
            }
            Command::Append { publish, fragment } => return self.append(publish, fragment, pass),
            Command::Gap {
                publish,
                from,
                to,
                bytes,
                reason,
            } => self.skip(publish, (from, to), bytes, reason, pass),
            Command::RecordingStarted { .. }
            | Command::RecordingPaused { .. }
            | Command::RecordingResumed { .. }
            | Command::RecordingEnds { .. }
            | Command::RecordingClosed { .. }
            | Command::Clip { .. } => return self.take_recording(command, pass),
            Command::Fence { done } => self.fences.push(done),
            Command::Seal { done } => self.seal = Some(done),
            Command::PublishEnded {
                publish,
                reason,
                outcome,
            } => self.end_publish(publish, reason, outcome, pass),
            Command::Change(change) => {
                if let Change::Outbox(OutboxChange::Listeners(all)) = &change {
                    self.listeners = Some(all.clone());
                }
                self.pending.push(Op::Change(change));
            }
            Command::Adopt => self.pending.push(Op::Adopt {
                own: self.settings.own.clone(),
            }),
            Command::Delete { recording } => self.delete(recording, pass),
            Command::Report { event } => self.pending.push(Op::Report { event }),
        }
        None
    }

    /// The stream whose order a command must keep. A publish that begins does not wait for the one that ends before
    /// it: all that follows it is known by it.
    fn stream_of(&self, command: &Command) -> Option<StreamName> {
        match command {
            Command::RecordingStarted { publish, .. }
            | Command::RecordingResumed { publish, .. }
            | Command::Append { publish, .. }
            | Command::Gap { publish, .. }
            | Command::PublishEnded { publish, .. } => {
                self.lanes.get(publish).map(|lane| lane.stream.clone())
            }
            Command::RecordingPaused { recording, .. }
            | Command::RecordingEnds { recording, .. }
            | Command::RecordingClosed { recording, .. } => {
                let open = self.recordings.get(recording);
                open.map(|open| open.stream.clone())
            }
            Command::Clip { stream, .. } => Some(stream.clone()),
            Command::Fence { .. }
            | Command::Seal { .. }
            | Command::PublishStarted { .. }
            | Command::Change(_)
            | Command::Adopt
            | Command::Delete { .. }
            | Command::Report { .. } => None,
        }
    }

    fn end_publish(
        &mut self,
        publish: PublishId,
        reason: String,
        outcome: Box<PublishOutcome>,
        pass: &mut Pass,
    ) {
        if let Some(lane) = self.lanes.get(&publish) {
            pass.held.insert(lane.stream.clone());
            pass.turns.push((publish, None));
            pass.ended.push(publish);
        }
        self.pending.push(Op::EndPublish {
            id: publish,
            reason,
            outcome,
        });
    }

    fn delete(&mut self, recording: RecordingId, pass: &mut Pass) {
        // Its end is known, and what is left of it is on its way here. Also should the power go before: the next start
        // closes it, and deletes it.
        if let Some(open) = self.recordings.get_mut(&recording)
            && open.ends.is_some()
        {
            open.doomed = true;
            self.pending.push(Op::Doom { id: recording });
            return;
        }
        // Footage of it in a segment that is still being written could not be removed later, when nothing says
        // any more whose it was. Where nobody records, nothing is lost by ending that segment here; else the
        // recording stays until it has ended.
        let row = self.journal.recording(recording).ok().flatten();
        let closing = |op: &Op| matches!(op, Op::CloseRecording { id, .. } if *id == recording);
        let closing = self.pending.iter().any(closing);
        let closed = row.filter(|row| closing || row.state != RecordingState::Open);
        let clip = |op: &Op| match op {
            Op::Clip { id, stream, .. } if *id == recording => Some(stream.clone()),
            _ => None,
        };
        let clipped = self.pending.iter().find_map(clip);
        if let Some(stream) = closed.map(|row| row.stream).or(clipped) {
            let mut lanes = self.lanes.iter().filter(|(_, lane)| lane.stream == stream);
            if self.recordings.values().all(|other| other.stream != stream) {
                pass.turns.extend(lanes.map(|(publish, _)| (*publish, None)));
                // What comes behind is another recording's, perhaps: not to that segment.
                pass.held.insert(stream);
            } else if lanes.any(|(_, lane)| lane.segment.is_some()) {
                self.deletes.push((stream, recording));
                // Also should the power go before: the next start does it.
                self.pending.push(Op::Doom { id: recording });
                return;
            }
        }
        self.pending.push(Op::Delete { id: recording });
        self.room.look_soon();
    }

    fn append(&mut self, publish: PublishId, fragment: Fragment, pass: &mut Pass) -> Option<Command> {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            self.lose(fragment.payload_bytes() as u64);
            return None;
        };
        let limits = rotation::Limits {
            duration: i64::try_from(self.settings.segment_duration.as_micros()).unwrap_or(i64::MAX),
            bytes: self.settings.segment_bytes,
        };
        let open = lane.segment.as_ref().map(|segment| OpenSegment {
            tracks: &segment.tracks,
            duration: segment.written.end.saturating_sub(segment.start),
            bytes: segment.written.bytes,
            turn: lane.turn,
        });
        match rotation::decide(open, &fragment, limits) {
            Decision::Append => match self.append_at_any_price(publish, &fragment, pass)? {
                Appended::Written(written) => self.written(publish, &fragment, written),
                Appended::Later => {
                    pass.held
                        .extend(self.lanes.get(&publish).map(|lane| lane.stream.clone()));
                    return Some(Command::Append { publish, fragment });
                }
            },
            Decision::Begin if std::mem::take(&mut lane.refused) => {
                self.lose_fragment(publish, fragment.span(), fragment.payload_bytes())
            }
            Decision::Drop => self.lose_fragment(publish, fragment.span(), fragment.payload_bytes()),
            Decision::Begin => {
                lane.turn = false;
                pass.held.insert(lane.stream.clone());
                match self.plan(publish, &fragment) {
                    Ok(turn) => pass.turns.push((publish, Some(turn))),
                    Err(reason) => {
                        // What is open ends here all the same: it cannot carry what comes.
                        pass.turns.push((publish, None));
                        self.refuse(publish, reason);
                    }
                }
                return Some(Command::Append { publish, fragment });
            }
        }
        None
    }

    fn written(&mut self, publish: PublishId, fragment: &Fragment, written: Result<u64, AppendError>) {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            return;
        };
        let Some(segment) = lane.segment.as_mut() else {
            return;
        };
        match written {
            Ok(bytes) => {
                let start = match segment.written.fragments {
                    1 => segment.start,
                    _ => lane.tape_zero.saturating_add(fragment.span().0),
                };
                self.progress.bytes_written += bytes;
                let stream = self.progress.streams.entry(lane.stream.clone()).or_default();
                stream.bytes_written += bytes;
                if self.dirty_since.is_none() {
                    self.dirty_since = Some(self.clock.boot());
                }
                self.reach(publish, start);
            }
            Err(AppendError::Media(error)) => {
                let reason = format!("{}: {error}", segment.path.display());
                tracing::warn!(stream = %lane.stream, "fragment left out: {reason}");
                self.progress.last_error = Some(reason);
                self.lose_fragment(publish, fragment.span(), fragment.payload_bytes());
            }
            Err(AppendError::Disk(error)) => {
                let reason = format!("{}: cannot write: {error}", segment.path.display());
                // What was whole before may well be good; the seal's sync tells.
                let cut = segment.cut();
                self.progress.last_error = Some(reason.clone());
                if cut.is_err() {
                    self.give_up(publish);
                } else {
                    self.seal(publish);
                }
                self.fail(publish, reason);
                self.lose_fragment(publish, fragment.span(), fragment.payload_bytes());
            }
        }
    }
}

/// What stays free: as configured, else half a gigabyte, or a twentieth of a small card. A floor that the whole card does
/// not have is a slip of the pen, and would cost the whole tape.
fn floor(disk: &dyn Disk, settings: &StoreSettings) -> u64 {
    let total = disk.space(&settings.dir).map_or(u64::MAX, |space| space.total);
    let usual = (total / 20).min(512 << 20);
    match settings.min_free {
        Some(wanted) if wanted >= total => {
            tracing::warn!(
                "storage.min_free of {wanted} bytes is more than the file system has; {usual} are left free"
            );
            usual
        }
        wanted => wanted.unwrap_or(usual),
    }
}
