//! A store that goes away while the service runs: the card was pulled, its file system turned read-only, its directory was
//! removed, or its journal is damaged.
//!
//! The writer ends each open segment at its last durable fragment. It closes every file, so that the file system can be
//! unmounted and mended. From then on the writer tries to open the store again, as a start does, while live publishes go on.
//! Meanwhile the writer takes nothing from the queue: media that a returning card can still have waits there, as it does behind
//! a card that stalls.

use std::path::Path;
use std::sync::Arc;

use super::Writer;
use super::recordings::Growing;
use crate::event::Event;
use crate::media::{Micros, PublishId};
use crate::store::Change;
use crate::store::disk::{self, Disk as _, RealDisk};
use crate::store::journal::{Journal, Op, Tell};
use crate::store::recover::start;
use crate::store::recover::{Live, Occasion, note_damage};
use crate::store::{GapCause, OutboxChange, StoreError, paths};

/// The writer closes a journal that refuses for this long: files that were opened before do not show a file system that was
/// mounted anew.
const PATIENCE: Micros = 3_000_000;

impl Writer {
    /// The reason why there is no store now, if there is none.
    pub(in crate::store) fn away(&self) -> Option<&str> {
        self.away.as_deref()
    }

    /// Checks that the store is still there. Called at every tick.
    pub(super) fn watch_store(&mut self) {
        let now = self.env.clock.boot();
        let refuses = |since: Micros| now.saturating_sub(since) >= PATIENCE;
        let journal = paths::journal(&self.env.settings.dir);
        if self.book.journal.is_damaged() {
            let why = self.progress.last_error.clone().unwrap_or_default();
            // The next process to open the journal sets it aside, even if its own check does not find the damage.
            note_damage(&journal, &why);
            self.leave(format!("{}: the journal is damaged: {why}", journal.display()));
        } else if !self.book.journal.is_in_place() {
            self.leave(format!("{}: the journal is gone", journal.display()));
        } else if self.book.refused_since().is_some_and(refuses) {
            let why = self.progress.last_error.clone().unwrap_or_default();
            self.leave(format!("the journal cannot be written: {why}"));
        } else {
            self.watch_files();
        }
    }

    /// Opens the store again, as a start does, and goes on with the live publishes. The caller holds the directory's lock.
    pub(in crate::store) fn come_back(&mut self) -> Result<(), StoreError> {
        let live = self.live();
        let dir = &self.env.settings.dir;
        let (mut journal, report) = start(
            dir,
            self.env.disk.as_ref(),
            self.env.clock.as_ref(),
            Occasion::Return(&live),
        )?;
        let utc = self.clock.utc(self.env.clock.boot());
        self.progress.moved = !journal.bind(&self.env.settings.own, utc)?;
        self.space.survey_again(&self.env, &journal)?;
        // A card may come back as another device.
        self.device = disk::file_id(dir).map(|id| id.device).ok().or(self.device);
        self.streams.forget_store();
        // First come the live publishes, which the journal may not know. Then come the rows that could not be committed
        // meanwhile.
        let mut again = self.enter_live();
        let listeners = self.book.listeners.clone().map(OutboxChange::Rejoin);
        again.extend(listeners.map(|all| Op::Change(Change::Outbox(all))));
        let entered = again.len();
        // What is held back is read anew of this journal, whose rows may be of other recordings.
        self.reviewed = None;
        self.book.reopen(journal, again);
        if let Err(error) = self.commit(Vec::new()) {
            // The store can be read and not written. The next attempt enters the publishes that are live then.
            self.book.pending.drain(..entered);
            return Err(error);
        }
        self.progress.journal = self.book.journal.identity().unwrap_or(self.progress.journal);
        self.publish_held();
        self.away = None;
        tracing::warn!(dir = %self.env.settings.dir.display(), "the store is back: {report}");
        Ok(())
    }

    /// Notes that the store is still not there.
    pub(in crate::store) fn stay_away(&mut self, error: &StoreError) {
        let reason = error.to_string();
        if self.away.as_ref() != Some(&reason) {
            tracing::error!("no store: {reason}");
        }
        // An attempt that failed halfway may have opened a journal: that one is closed, too.
        self.book.journal.close();
        self.progress.failed = Some(reason.clone());
        self.progress.last_error = Some(reason.clone());
        self.away = Some(reason);
    }

    /// Gives the directory where the store is looked for, and checks that what lies there may be this store.
    ///
    /// An empty directory on another file system is a mount point without its card: recording there would fill the
    /// system's own. Another card, with another box's tape, wants a start.
    pub(in crate::store) fn expect_store(&self) -> Result<&Path, StoreError> {
        let dir = self.env.settings.dir.as_path();
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        let device = |path: &Path| disk::file_id(path).map(|id| id.device).ok();
        let elsewhere = |what| {
            Err(StoreError::Elsewhere {
                path: dir.to_owned(),
                what,
            })
        };
        match (device(dir), self.device) {
            (None, Some(was)) if parent.and_then(device) == Some(was) => {
                RealDisk.create_dir(dir).map_err(StoreError::disk("make", dir))?;
                Ok(dir)
            }
            (None, _) => elsewhere("the directory is gone, and so is the file system that it was on"),
            (Some(is), Some(was)) if is == was => Ok(dir),
            (Some(_), _) => {
                match Journal::open_read(dir).and_then(|journal| journal.boot(&self.clock.boot())) {
                    Ok(Some(_)) => Ok(dir),
                    Ok(None) => elsewhere("this is another store; restart edgereel to record on it"),
                    Err(_) => elsewhere(
                        "another file system is here, and no store on it; is the storage device mounted?",
                    ),
                }
            }
        }
    }

    /// Closes every file, and notes the reason.
    fn leave(&mut self, reason: String) {
        let publishes: Vec<PublishId> = self.streams.publishes();
        for publish in publishes {
            self.give_up(publish, &reason);
            if let Some(writer) = self.streams.writers.get_mut(&publish) {
                (writer.failed, writer.rotates) = (true, true);
            }
        }
        let mut streams: Vec<String> = self
            .streams
            .writers
            .values()
            .map(|writer| writer.stream.to_string())
            .collect();
        streams.sort_unstable();
        tracing::error!("no store: {reason}");
        self.book.enter(Op::Report {
            event: Event::StorageFailed {
                reason: reason.clone(),
                streams,
            },
        });
        self.book.journal.close();
        self.open_tapes.clear();
        self.ended.clear();
        self.streams.dirty_since = None;
        self.progress.failed = Some(reason.clone());
        self.progress.last_error = Some(reason.clone());
        self.away = Some(reason);
    }

    /// Checks that no file that is written was removed: its media would be lost with it, and no system call would fail.
    fn watch_files(&mut self) {
        let gone = self.streams.writers.iter().filter(|(_, writer)| {
            writer
                .segment
                .as_ref()
                .is_some_and(|segment| segment.written.bytes > 0 && !self.env.disk.is_there(&segment.path))
        });
        let gone: Vec<PublishId> = gone.map(|(publish, _)| *publish).collect();
        for publish in gone {
            let Some(writer) = self.streams.writers.get_mut(&publish) else {
                continue;
            };
            let Some(segment) = writer.segment.take() else {
                continue;
            };
            let stream = writer.stream.clone();
            self.streams.unprepare(&stream);
            let reason = format!("{}: somebody removed it", segment.path.display());
            let span = (segment.start, segment.written.end);
            let bytes = segment.durable.bytes;
            self.end_segment(publish, &segment);
            let missing = Op::Missing {
                id: segment.id,
                missing: true,
            };
            self.book.enter_seal(missing);
            self.fail(publish, reason.clone());
            self.lose_span(publish, span, bytes, (GapCause::Failed, &reason));
        }
    }

    fn live(&self) -> Live {
        let mut live = Live {
            publishes: self.streams.publishes().into_iter().collect(),
            recordings: self.streams.recordings.keys().copied().collect(),
        };
        for op in &self.book.pending {
            match op {
                Op::EndPublish { id, .. } => live.publishes.extend([*id]),
                Op::CloseRecording { id, .. } | Op::PauseRecording { id, .. } => {
                    live.recordings.extend([*id])
                }
                _ => {}
            }
        }
        live
    }

    fn enter_live(&self) -> Vec<Op> {
        let publishes = self.streams.writers.iter().flat_map(|(id, writer)| {
            let start = Op::StartPublish {
                id: *id,
                stream: writer.stream.clone(),
                boot: self.clock.boot(),
                tape_zero: writer.tape_zero,
                boot_zero: writer.boot_zero,
                about: Arc::default(),
                tell: Tell::Found,
            };
            [start, Op::ResumePublish { id: *id }]
        });
        let recordings = self.streams.recordings.iter().flat_map(|(id, growing)| {
            let Growing { publish, start, .. } = *growing;
            let keep = self.keep(&growing.spec);
            let start = Op::StartRecording {
                id: *id,
                publish,
                start,
                keep,
                spec: Some(growing.spec.clone()),
                tell: false,
            };
            [start, Op::ResumeRecording { id: *id }]
        });
        publishes.chain(recordings).collect()
    }
}
