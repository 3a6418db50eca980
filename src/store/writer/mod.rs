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
//! When the flash fails, nothing is tried twice on the same bytes. A failed write: the file is cut to its last whole
//! fragment and sealed there. A failed sync: sealed at its last durable fragment. A failed commit: the rows stay in
//! memory and are committed with whatever comes next. In each case the stream's media is lost, counted and told of
//! until a new segment can be begun, which every keyframe tries.

mod begin;
mod settle;
mod state;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::clock::Clock;
use super::disk::Disk;
use super::journal::{Journal, NewSegment, Op};
use super::rotation::{self, Decision, Limits, OpenSegment};
use super::segment::{AppendError, Begin, Segment};
use super::{Command, Progress, StoreError, StoreSettings, StreamProgress};
use crate::event::Event;
use crate::media::{Fragment, Micros, PublishId, RecordingId, StreamName};

/// Writes the tape of all streams.
pub(super) struct Writer {
    settings: StoreSettings,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    journal: Journal,
    boot: [u8; 16],
    utc_offset: Micros,
    synced: bool,
    lanes: HashMap<PublishId, Lane>,
    recordings: HashMap<RecordingId, StreamName>,
    sequences: HashMap<StreamName, u64>,
    /// Streams whose directory is there and durable.
    prepared: HashSet<StreamName>,
    /// Rows of the next commit.
    seals: Vec<Op>,
    pending: Vec<Op>,
    dirty_since: Option<Micros>,
    last_tick: Micros,
    progress: Progress,
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
}

/// What a pass over a batch leaves for its one commit.
#[derive(Default)]
struct Pass {
    /// Streams whose further commands wait for the commit.
    held: HashSet<StreamName>,
    /// Publishes and recordings that begin only then: what belongs to them has no stream yet, and waits with them.
    held_publishes: HashSet<PublishId>,
    held_recordings: HashSet<RecordingId>,
    /// Publishes whose segment ends, with the configuration of the one that follows, if one does.
    turns: Vec<(PublishId, Option<Turn>)>,
    /// Streams whose open segment must be durable before the rows of this pass are true.
    settle: HashSet<StreamName>,
    ended: Vec<PublishId>,
}

struct Turn {
    row: NewSegment,
    begin: Begin,
}

impl Pass {
    fn hold(&mut self, command: &Command) {
        match command {
            Command::PublishStarted { publish, .. } => {
                self.held_publishes.insert(*publish);
            }
            Command::RecordingStarted { recording, .. } => {
                self.held_recordings.insert(*recording);
            }
            _ => {}
        }
    }

    fn holds_beginning_of(&self, command: &Command) -> bool {
        match command {
            Command::RecordingStarted { publish, .. }
            | Command::Append { publish, .. }
            | Command::PublishEnded { publish, .. } => self.held_publishes.contains(publish),
            Command::RecordingClosed { recording, .. } => self.held_recordings.contains(recording),
            Command::PublishStarted { .. } | Command::Report { .. } => false,
        }
    }
}

impl Writer {
    /// Continues a journal that was recovered.
    pub(super) fn new(
        settings: StoreSettings,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        journal: Journal,
    ) -> Result<Self, StoreError> {
        let boot = clock.boot_id();
        let (utc_offset, synced) = match journal.boot(&boot)? {
            Some((_, utc_offset, synced)) => (utc_offset, synced),
            None => (clock.utc().saturating_sub(clock.boot()), clock.synced()),
        };
        Ok(Self {
            settings,
            disk,
            clock,
            journal,
            boot,
            utc_offset,
            synced,
            lanes: HashMap::new(),
            recordings: HashMap::new(),
            sequences: HashMap::new(),
            prepared: HashSet::new(),
            seals: Vec::new(),
            pending: Vec::new(),
            dirty_since: None,
            last_tick: Micros::MIN,
            progress: Progress::default(),
        })
    }

    /// Carries out commands in their order, stream by stream. Streams whose segments change in the same batch
    /// share a commit.
    pub(super) fn handle(&mut self, mut commands: Vec<Command>) {
        while !commands.is_empty() {
            let mut pass = Pass::default();
            let mut later = Vec::new();
            for command in commands {
                if let Some(command) = self.take(command, &mut pass) {
                    later.push(command);
                }
            }
            self.finish(pass);
            commands = later;
        }
    }

    /// When [`tick`](Self::tick) is due; `None` while there is nothing to make durable.
    ///
    /// At once after the last tick was long enough ago: a lone stream's fragment is durable as soon as it is
    /// written, at the same number of syncs. A tenth is taken off the interval, so that what a frame spends in
    /// the socket and in this thread's queue does not add to the two seconds a power cut may cost.
    pub(super) fn next_tick(&self) -> Option<Micros> {
        let durability = i64::try_from(self.settings.durability.as_micros()).unwrap_or(i64::MAX);
        let rested = self.last_tick.saturating_add(durability - durability / 10);
        self.dirty_since.map(|since| since.max(rested))
    }

    /// Makes everything durable that was written.
    pub(super) fn tick(&mut self) {
        self.dirty_since = None;
        self.last_tick = self.clock.boot();
        let publishes: Vec<PublishId> = self.lanes.keys().copied().collect();
        for publish in publishes {
            self.settle(publish);
        }
        self.watch_clock();
        if self.has_rows() {
            // What failed stays for the next tick; media that is written brings that about.
            let _ = self.commit(Vec::new());
        }
        self.recover_state();
        self.progress.ticks += 1;
    }

    /// Seals everything and ends everything: the service stops.
    pub(super) fn close(&mut self) -> Result<(), StoreError> {
        let lost = self.progress.bytes_lost;
        let mut pass = Pass::default();
        let publishes: Vec<PublishId> = self.lanes.keys().copied().collect();
        for publish in publishes {
            self.end_publish(publish, "shutdown".to_owned(), &mut pass);
        }
        let recordings: Vec<RecordingId> = self.recordings.drain().map(|(id, _)| id).collect();
        self.pending
            .extend(recordings.into_iter().map(|id| Op::CloseRecording {
                id,
                end: None,
                reason: "shutdown".to_owned(),
            }));
        self.pending.push(Op::Report {
            event: Event::DeviceStopping {},
        });
        self.finish(pass);
        if self.has_rows() {
            self.commit(Vec::new())?;
        }
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
        if stream.is_some_and(|stream| pass.held.contains(&stream)) || pass.holds_beginning_of(&command) {
            pass.hold(&command);
            return Some(command);
        }
        match command {
            Command::PublishStarted {
                publish,
                stream,
                tape_zero,
                boot_zero,
            } => {
                self.pending.push(Op::StartPublish {
                    id: publish,
                    stream: stream.clone(),
                    boot: self.boot,
                    tape_zero,
                    boot_zero,
                    tell: true,
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
                };
                self.lanes.insert(publish, lane);
            }
            Command::RecordingStarted {
                recording,
                publish,
                start,
            } => {
                if let Some(lane) = self.lanes.get_mut(&publish) {
                    lane.turn = true;
                    self.recordings.insert(recording, lane.stream.clone());
                }
                self.pending.push(Op::StartRecording {
                    id: recording,
                    publish,
                    start,
                    tell: true,
                });
            }
            Command::Append { publish, fragment } => return self.append(publish, fragment, pass),
            Command::RecordingClosed { recording, end } => {
                if let Some(stream) = self.recordings.remove(&recording) {
                    for lane in self.lanes.values_mut().filter(|lane| lane.stream == stream) {
                        lane.turn = true;
                    }
                    pass.settle.insert(stream);
                }
                self.pending.push(Op::CloseRecording {
                    id: recording,
                    end: Some(end),
                    reason: "closed".to_owned(),
                });
            }
            Command::PublishEnded { publish, reason } => self.end_publish(publish, reason, pass),
            Command::Report { event } => self.pending.push(Op::Report { event }),
        }
        None
    }

    fn stream_of(&self, command: &Command) -> Option<StreamName> {
        match command {
            Command::PublishStarted { stream, .. } => Some(stream.clone()),
            Command::RecordingStarted { publish, .. }
            | Command::Append { publish, .. }
            | Command::PublishEnded { publish, .. } => {
                self.lanes.get(publish).map(|lane| lane.stream.clone())
            }
            Command::RecordingClosed { recording, .. } => self.recordings.get(recording).cloned(),
            Command::Report { .. } => None,
        }
    }

    fn end_publish(&mut self, publish: PublishId, reason: String, pass: &mut Pass) {
        if let Some(lane) = self.lanes.get(&publish) {
            pass.held.insert(lane.stream.clone());
            pass.turns.push((publish, None));
            pass.ended.push(publish);
        }
        self.pending.push(Op::EndPublish { id: publish, reason });
    }

    fn append(&mut self, publish: PublishId, fragment: Fragment, pass: &mut Pass) -> Option<Command> {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            self.lose(fragment.payload_bytes() as u64);
            return None;
        };
        let limits = Limits {
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
            Decision::Append => self.write(publish, &fragment),
            Decision::Begin if std::mem::take(&mut lane.refused) => {
                self.lose(fragment.payload_bytes() as u64)
            }
            Decision::Drop => self.lose(fragment.payload_bytes() as u64),
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

    fn write(&mut self, publish: PublishId, fragment: &Fragment) {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            return;
        };
        let Some(segment) = lane.segment.as_mut() else {
            return;
        };
        match segment.append(fragment) {
            Ok(bytes) => {
                self.progress.bytes_written += bytes;
                let stream = self.progress.streams.entry(lane.stream.clone()).or_default();
                stream.bytes_written += bytes;
                if self.dirty_since.is_none() {
                    self.dirty_since = Some(self.clock.boot());
                }
            }
            Err(AppendError::Media(error)) => {
                let reason = format!("{}: {error}", segment.path.display());
                tracing::warn!(stream = %lane.stream, "fragment left out: {reason}");
                self.progress.last_error = Some(reason);
                self.lose(fragment.payload_bytes() as u64);
            }
            Err(AppendError::Disk(error)) => {
                let reason = format!("{}: cannot write: {error}", segment.path.display());
                // What was whole before may well be good; the seal's sync tells.
                let cut = segment.cut();
                self.lose(fragment.payload_bytes() as u64);
                if cut.is_err() {
                    self.give_up(publish);
                } else {
                    self.seal(publish);
                }
                self.fail(publish, reason);
            }
        }
    }
}

impl StreamProgress {
    /// True while a segment of the stream is being written.
    pub fn is_open(&self) -> bool {
        self.open_segment.is_some()
    }
}
