//! The order of writes: commands in, durable tape out. The writer is a plain struct. It has the time from its clock and never
//! waits. A crash at any point leaves a state that `recover` repairs.
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
//! Space comes from blocks that were allocated ahead, or from a segment that was given up: its row says `spare` in the
//! transaction that begins the one which takes its file over, and goes when the file's new name is durable.
//!
//! When the flash fails, the writer tries nothing twice on the same bytes. After a failed write it cuts the file to the last
//! whole fragment and seals it there. After a failed sync it seals the segment at the last durable fragment. After a failed
//! commit the rows stay in memory, and the next commit takes them. In each case the stream's media is lost, counted and told of
//! until a new segment can be begun. Every keyframe tries that.
//!
//! Owners. None of the four owns another. Work that needs two of them is a step of [`Writer`]:
//!
//! | value | owns |
//! |---|---|
//! | [`Streams`] | for each publish its stream writer: the open segment, the gap, whether it rotates; the recordings that grow with it |
//! | [`Space`] | the quota and the floor, the free files, what is evicted, removed for good and written over |
//! | [`Book`] | the journal, the rows of the next commit, commit and roll-back, and who waits for it |
//! | [`BootClock`] | by which offset this boot is dated |
//!
//! [`Writer`] brings them together. Its loop, once for each command of a batch:
//!
//! 1. **decided**: `step::decide` makes a [`Step`](step::Step) of the command, the state of its stream, and the commands that
//!    wait. Pure.
//! 2. **done**: `perform` carries out that step and no more, on one stream's file and on rows: an
//!    [`Outcome`](outcome::Outcome).
//! 3. **concluded**: `conclude` brings the outcome to every part that it concerns, and gives back a command that must come
//!    again.
//!
//! Then the batch is finished: segments that end are sealed, what must be durable is synced, one transaction commits all rows,
//! and the files of what begins are created. Commands that wait for this commit are the next batch. Between batches comes the
//! tick: the writer makes everything durable, and looks after the store, the clock and the space.

mod away;
mod batch;
mod book;
mod clock;
mod facts;
mod outcome;
mod recordings;
mod report;
mod seal;
mod space;
mod step;
mod streams;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::clock::Clock;
use super::disk::{self, Disk};
use super::journal::{Journal, Op, Tell};
use super::open_tape::OpenTapes;
use super::review::{HeldNow, ReviewedTapes};
use super::sidecar::Name;
use super::{
    Change, Command, ComposeError, FactsCommand, GapCause, NewComposition, OutboxChange, Progress,
    StoreError, StoreSettings,
};
use crate::event::{Event, PublishOutcome};
use crate::media::{Micros, PublishId, SegmentId, StreamName};

use self::batch::Batch;
use self::book::Book;
use self::clock::BootClock;
use self::recordings::recording_of;
use self::space::{Limits, Space};
use self::step::{Known, Tape};
use self::streams::Streams;

pub(super) use self::facts::settle;
pub use self::space::OnFull;
pub(super) use self::space::is_full;

/// Who waits for a composition.
type Composed = oneshot::Sender<Result<(), ComposeError>>;

/// Writes the tape of all streams.
pub(super) struct Writer {
    env: Env,
    clock: BootClock,
    streams: Streams,
    space: Space,
    pub(in crate::store) book: Book,
    progress: Progress,
    /// How far the open segments are durable, for readers.
    open_tapes: OpenTapes,
    /// What is held back from viewers, for readers.
    held: HeldNow,
    /// The reviewed tape that this is of. None where it is to be read whole.
    reviewed: Option<ReviewedTapes>,
    /// What the journal holds back now could not be read.
    unheld: bool,
    /// Segments that ended, and that the journal does not call sealed yet.
    ended: Vec<(StreamName, SegmentId)>,
    /// Changes of what people set, until the commands before them are committed.
    facts: Vec<FactsCommand>,
    /// Compositions that are to be made, until the same.
    compositions: Vec<(Box<NewComposition>, Composed)>,
    /// Files of what people set that may not say what the journal says.
    unsettled: BTreeSet<Name>,
    /// Files that could not be written or removed, in the order in which they are tried again.
    failing: VecDeque<Name>,
    /// CLOCK_BOOTTIME of the last tick.
    last_tick: Micros,
    /// Everything is sealed: the service stops.
    sealed: bool,
    /// The file system that the store is on.
    pub(in crate::store) device: Option<u64>,
    /// The reason why there is no store now.
    away: Option<String>,
}

/// The values that the writer was given.
struct Env {
    settings: StoreSettings,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
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
        let limits = Limits::of(&settings, disk.as_ref());
        let device = disk::file_id(&settings.dir).map(|id| id.device).ok();
        settings.segment_bytes = limits.segment_bytes(settings.segment_bytes);
        let progress = Progress {
            events: journal.newest_event()?,
            journal: journal.identity()?,
            moved: !journal.belongs_to(&settings.own)?,
            quota: settings.quota,
            ..Progress::default()
        };
        let held = HeldNow::default();
        let reviewed = ReviewedTapes::of(journal.reviewed()?);
        held.publish(reviewed.held().clone());
        let space = Space::survey(limits, settings.on_full, &settings.dir, disk.as_ref(), &journal)?;
        Ok(Self {
            env: Env {
                settings,
                disk,
                clock,
            },
            clock: BootClock::new(boot, utc_offset, synced),
            streams: Streams::default(),
            space,
            book: Book::new(journal),
            progress,
            open_tapes: OpenTapes::default(),
            held,
            reviewed: Some(reviewed),
            unheld: false,
            ended: Vec::new(),
            facts: Vec::new(),
            compositions: Vec::new(),
            unsettled: BTreeSet::new(),
            failing: VecDeque::new(),
            last_tick: Micros::MIN,
            sealed: false,
            device,
            away: None,
        })
    }

    /// Carries out commands in their order, stream by stream. Streams whose segments change in the same batch
    /// share a commit.
    pub(super) fn handle(&mut self, mut commands: Vec<Command>) {
        while !commands.is_empty() {
            let mut batch = Batch::behind(self.book.pending.len());
            let mut later = Vec::new();
            for command in commands {
                let step = step::decide(&command, self.known(&command, &batch));
                let outcome = self.perform(step, command, &mut batch);
                later.extend(self.conclude(outcome, &mut batch));
            }
            self.finish(batch);
            commands = later;
        }
        self.change_facts();
        self.compose();
        self.answer();
        if let Some(done) = self.book.take_seal() {
            let sealed = self.close().map_err(|error| error.to_string());
            // The caller may be gone.
            let _ = done.send(sealed);
        }
    }

    /// Tells the callers that wait whether everything is committed.
    fn answer(&mut self) {
        if !self.book.is_awaited() {
            return;
        }
        let committed = self.commit_rows().map_err(|error| error.to_string());
        self.book.answer(&committed);
    }

    /// When [`tick`](Self::tick) is due: to make written fragments durable, else to look after the space.
    ///
    /// A tick is due at once if the last one was long enough ago: a lone stream's fragment is durable as soon as it is written,
    /// at the same number of syncs. A tenth is taken off the interval, so that the time of a frame in the socket and in this
    /// thread's queue does not add to the two seconds that a power cut may cost.
    pub(super) fn next_tick(&self) -> Micros {
        let durability = i64::try_from(self.env.settings.durability.as_micros()).unwrap_or(i64::MAX);
        let rested = self.last_tick.saturating_add(durability - durability / 10);
        let dirty = self.streams.dirty_since.map(|since| since.max(rested));
        dirty.unwrap_or(Micros::MAX).min(self.space.due())
    }

    /// Makes everything durable that was written.
    pub(super) fn tick(&mut self) {
        self.streams.dirty_since = None;
        self.last_tick = self.env.clock.boot();
        for publish in self.streams.publishes() {
            self.sync(publish);
        }
        self.watch_store();
        if self.away.is_some() {
            return;
        }
        self.watch_clock();
        self.look_after_space();
        // Rows that fail stay for the next tick; the next media brings that tick about.
        let _ = self.commit_rows();
        if self.unheld {
            self.publish_held();
        }
        self.recover_state();
        self.progress.ticks += 1;
    }

    /// Seals everything and ends everything, when the service stops.
    pub(super) fn close(&mut self) -> Result<(), StoreError> {
        if let Some(reason) = self.away.clone() {
            return Err(StoreError::Unfinished { reason });
        }
        if self.sealed {
            return self.commit_rows();
        }
        let lost = self.progress.bytes_lost;
        let mut batch = Batch::default();
        for publish in self.streams.publishes() {
            self.end_publish(publish, "shutdown".to_owned(), Box::default(), &mut batch);
        }
        self.end_recordings();
        self.book.enter(Op::Report {
            event: Event::DeviceStopping {},
        });
        self.finish(batch);
        self.commit_rows()?;
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

    /// How far the open segments are durable.
    pub(super) fn open_tapes(&self) -> OpenTapes {
        self.open_tapes.clone()
    }

    /// What is held back from viewers.
    pub(super) fn held(&self) -> HeldNow {
        self.held.clone()
    }

    /// The values by which the step of a command is decided.
    fn known(&self, command: &Command, batch: &Batch) -> Known<'_> {
        let recording = recording_of(command);
        let waits = recording.is_some_and(|recording| batch.held_recordings.contains(&recording));
        let stream = || self.streams.stream_of(command);
        let writer = match command {
            Command::Append { publish, .. } => self.streams.writers.get(publish),
            _ => None,
        };
        let settings = &self.env.settings;
        Known {
            waits: waits || stream().is_some_and(|stream| batch.held.contains(stream)),
            tape: writer.map(|writer| Tape {
                open: writer.open(),
                refused: writer.refused.is_some(),
            }),
            limits: streams::Limits {
                duration: i64::try_from(settings.segment_duration.as_micros()).unwrap_or(i64::MAX),
                bytes: settings.segment_bytes,
            },
        }
    }

    /// Enters a command in the rows of the next commit, and in the values of streams and recordings.
    fn enter(&mut self, command: Command, batch: &mut Batch) {
        match command {
            Command::PublishStarted {
                publish,
                stream,
                tape_zero,
                boot_zero,
                about,
                tell,
            } => {
                self.book.enter(Op::StartPublish {
                    id: publish,
                    stream: stream.clone(),
                    boot: self.clock.boot(),
                    tape_zero,
                    boot_zero,
                    about,
                    tell: tell.map_or(Tell::Quietly, Tell::Aloud),
                });
                self.progress.streams.entry(stream.clone()).or_default();
                self.streams.start(publish, stream, tape_zero, boot_zero);
            }
            // This command is decided and done before it comes here.
            Command::Append { .. } => {}
            Command::Gap {
                publish,
                from,
                to,
                bytes,
                reason,
            } => self.skip(publish, (from, to), bytes, reason, batch),
            Command::RecordingStarted { .. }
            | Command::RecordingPaused { .. }
            | Command::RecordingResumed { .. }
            | Command::RecordingEnds { .. }
            | Command::RecordingClosed { .. }
            | Command::Clip { .. } => self.enter_recording(command, batch),
            Command::Fence { done } => self.book.fence(done),
            Command::Seal { done } => self.book.await_seal(done),
            Command::PublishEnded {
                publish,
                reason,
                outcome,
            } => self.end_publish(publish, reason, outcome, batch),
            Command::Change(change) => {
                if let Change::Outbox(OutboxChange::Listeners(all)) = &change {
                    self.book.listeners = Some(all.clone());
                }
                self.book.enter(Op::Change(change));
            }
            Command::Facts(command) => self.facts.push(command),
            Command::Compose { new, done } => self.compositions.push((new, done)),
            Command::Adopt => self.book.enter(Op::Adopt {
                own: self.env.settings.own.clone(),
            }),
            Command::Delete { recording } => self.delete(recording, Op::Delete { id: recording }, batch),
            Command::DeleteBeside { recording, whole } => {
                // What people set of the two meanwhile is carried out behind the commit: who asks looks again then.
                if !self.sets_something_of(&[recording, whole]) {
                    let id = recording;
                    self.delete(recording, Op::DeleteBeside { id, whole }, batch);
                }
            }
            Command::Report { event } => self.book.enter(Op::Report { event }),
        }
    }

    /// Media was lost before it came to the writer. The open segment ends here, so that the gap lies between two segments.
    fn skip(
        &mut self,
        publish: PublishId,
        span: (Micros, Micros),
        bytes: u64,
        reason: &str,
        batch: &mut Batch,
    ) {
        self.progress.bytes_dropped += bytes;
        let Some(writer) = self.streams.writers.get(&publish) else {
            return;
        };
        if writer.segment.is_some() {
            // Media behind an earlier gap becomes durable before the next gap begins.
            batch.held.insert(writer.stream.clone());
            batch.rotations.push((publish, None));
            self.sync(publish);
        }
        self.open_gap(publish, span, bytes, (GapCause::Stalled, reason));
    }

    fn end_publish(
        &mut self,
        publish: PublishId,
        reason: String,
        outcome: Box<PublishOutcome>,
        batch: &mut Batch,
    ) {
        if let Some(stream) = self.streams.name_of(publish) {
            batch.held.insert(stream.clone());
            batch.rotations.push((publish, None));
            batch.ended.push(publish);
        }
        self.book.enter(Op::EndPublish {
            id: publish,
            reason,
            outcome,
        });
    }

    /// Commits the rows that wait, if there are any.
    fn commit_rows(&mut self) -> Result<(), StoreError> {
        if self.book.has_rows() {
            self.commit(Vec::new())
        } else {
            Ok(())
        }
    }
}
