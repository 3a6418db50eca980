//! A store that is not there any more while the service runs: the card was pulled, its file system turned read-only,
//! its directory removed, its journal damaged.
//!
//! What is open is given up at its last durable fragment, every file is let go of, so that the file system can be
//! unmounted and mended, and from then on it is tried to come back: as at a start, but what is live goes on. Meanwhile
//! nothing is taken from the queue: what a returning card can still have waits there, like behind a card that stalls.

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
use crate::store::{OutboxChange, StoreError, paths};

/// A journal that refuses for this long is let go of: a file system that was mounted anew is not seen through files
/// that were opened before.
const PATIENCE: Micros = 3_000_000;

impl Writer {
    /// Why there is no store now, if there is none.
    pub(in crate::store) fn away(&self) -> Option<&str> {
        self.away.as_deref()
    }

    /// Looks whether the store is still there. Called at every tick.
    pub(super) fn watch_store(&mut self) {
        let now = self.env.clock.boot();
        let refuses = |since: Micros| now.saturating_sub(since) >= PATIENCE;
        let journal = paths::journal(&self.env.settings.dir);
        if self.book.journal.is_damaged() {
            let why = self.progress.last_error.clone().unwrap_or_default();
            // Whoever opens it next sets it aside, also if its own look at it does not come upon the damage.
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

    /// Opens the store again, as at a start, and goes on with what is live. The directory's lock must be held.
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
        // What is live is entered again, should the journal not know it; then what could not be said meanwhile.
        let mut again = self.enter_live();
        let listeners = self.book.listeners.clone().map(OutboxChange::Rejoin);
        again.extend(listeners.map(|all| Op::Change(Change::Outbox(all))));
        let entered = again.len();
        self.book.reopen(journal, again);
        if let Err(error) = self.commit(Vec::new()) {
            // It can be read and not be written: the next attempt enters what is live then.
            self.book.pending.drain(..entered);
            return Err(error);
        }
        self.progress.journal = self.book.journal.identity().unwrap_or(self.progress.journal);
        self.away = None;
        tracing::warn!(dir = %self.env.settings.dir.display(), "the store is back: {report}");
        Ok(())
    }

    /// The store is still not there.
    pub(in crate::store) fn stay_away(&mut self, error: &StoreError) {
        let reason = error.to_string();
        if self.away.as_ref() != Some(&reason) {
            tracing::error!("no store: {reason}");
        }
        // Also of what an attempt that failed halfway had opened.
        self.book.journal.close();
        self.progress.failed = Some(reason.clone());
        self.progress.last_error = Some(reason.clone());
        self.away = Some(reason);
    }

    /// Where the store is looked for, and whether what lies there may be it.
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

    /// Lets go of everything.
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
        self.streams.dirty_since = None;
        self.progress.failed = Some(reason.clone());
        self.progress.last_error = Some(reason.clone());
        self.away = Some(reason);
    }

    /// A file that somebody removed while it is written takes everything with it, and says nothing.
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
            self.lose_span(publish, span, bytes, &reason);
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
