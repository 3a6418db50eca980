//! A file system that takes no more although it has room: a quota of its own, or no inodes. Nothing tells that before it
//! refuses. What is refused is made room for at once: the oldest goes as when the disk is full, its file is taken over, with no
//! new inode and no new block. What the tape had then is its limit for a while.
//!
//! A file system that copies on write (btrfs) frees what was removed or written over with its next transaction only, up to half a
//! minute later. It is asked for that before more is given up, or each refusal would cost another file.

use std::io::{self, ErrorKind};

use super::{Pass, Turn, Writer};
use crate::media::{Fragment, Micros, PublishId, StreamName};
use crate::store::journal::{Blocks, Op};
use crate::store::segment::{AppendError, Segment};

/// Files given up at once for one that begins, or for one write.
const TRIES: usize = 8;
/// So long a limit holds that the file system showed; then it is tried again.
const HOLDS: Micros = 600_000_000;
/// Below the limit that much stays free, or this part of it if that is less.
const SLACK: u64 = 64 << 20;
const SLACK_PART: u64 = 8;

/// A limit that the file system showed by refusing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) bytes: u64,
    until: Micros,
}

/// What became of a fragment.
pub(super) enum Appended {
    /// Bytes that it took, or why it was not written.
    Written(Result<u64, AppendError>),
    /// It comes again behind the commit of its pass.
    Later,
}

/// True for what a file system says that has no blocks, no inodes, or a quota that is used up.
pub(in crate::store) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

impl Writer {
    /// Creates the file of a segment; where the file system refuses that, the oldest gives way.
    pub(super) fn create(&mut self, stream: &StreamName, turn: &Turn) -> io::Result<Segment> {
        let mut takes = turn.takes.clone();
        let mut tries = 0;
        loop {
            let prepared = self.prepare(stream);
            let made = match prepared {
                Ok(()) => self.file(turn.begin.clone(), takes.as_ref()),
                Err(error) => Err(error),
            };
            let error = match made {
                Ok(segment) => {
                    // What is written over is freed as what is removed is.
                    self.room.frees |= takes.is_some();
                    return Ok(segment);
                }
                Err(error) => error,
            };
            if !is_full(&error) || tries == TRIES {
                return Err(error);
            }
            if self.has_freed() {
                continue;
            }
            tries += 1;
            self.show_limit(&error);
            let Some(oldest) = self.give_up_oldest() else {
                return Err(error);
            };
            if self.prepared.contains(stream) {
                // From here on it is accounted for by the segment that takes it over.
                self.room.used = self.room.used.saturating_sub(oldest.space);
                takes = Some(oldest);
            } else {
                // A directory wants an inode of its own.
                self.release(&oldest);
                takes = None;
            }
        }
    }

    /// Appends a fragment; where the file system has no room for it, the oldest gives way.
    ///
    /// That is a commit of its own. What this pass has to say is not to be in it: the end of a recording is said when the
    /// last of it is durable, what is deleted goes when its segment has ended, and nothing is given up that somebody
    /// protects in the same breath. So the fragment waits until the pass has committed all that.
    pub(super) fn append_at_any_price(
        &mut self,
        publish: PublishId,
        fragment: &Fragment,
        pass: &Pass,
    ) -> Option<Appended> {
        let mut tries = 0;
        loop {
            let segment = self.lanes.get_mut(&publish)?.segment.as_mut()?;
            let error = match segment.append(fragment) {
                Err(AppendError::Disk(error)) if is_full(&error) && tries < TRIES => error,
                other => return Some(Appended::Written(other)),
            };
            // What of it was written is no media of this segment. btrfs wants room for a cut, too: there it is written over.
            if segment.cut().is_err_and(|error| !is_full(&error)) {
                return Some(Appended::Written(Err(error.into())));
            }
            if self.has_freed() {
                continue;
            }
            tries += 1;
            if self.pending.len() > pass.waited {
                return Some(Appended::Later);
            }
            self.show_limit(&error);
            let Some(oldest) = self.give_up_oldest() else {
                return Some(Appended::Written(Err(error.into())));
            };
            self.release(&oldest);
        }
    }

    /// What was given up before may not be free yet: the file system frees it now, before more is given up for nothing. False
    /// where it has done so since anything was removed.
    fn has_freed(&mut self) -> bool {
        if !std::mem::take(&mut self.room.frees) {
            return false;
        }
        let freed = self.disk.sync_file_system(&self.settings.dir);
        if let Err(error) = &freed {
            tracing::debug!(
                "{}: the file system did not sync: {error}",
                self.settings.dir.display()
            );
        }
        freed.is_ok()
    }

    /// The limit that the file system showed, as long as it holds.
    pub(super) fn shown_limit(&self) -> Option<u64> {
        let shown = self.room.shown.filter(|shown| self.clock.boot() < shown.until);
        shown.map(|shown| shown.bytes)
    }

    fn show_limit(&mut self, error: &io::Error) {
        let used = self.used();
        let bytes = used.saturating_sub(SLACK.min(used / SLACK_PART));
        if self.shown_limit().is_none() {
            tracing::warn!(
                "{}: the file system accepts no more data ({error}) though it shows free space: a quota of its own is used up, or its \
                 inodes are; the tape keeps to {bytes} bytes for now",
                self.settings.dir.display()
            );
        }
        let until = self.clock.boot().saturating_add(HOLDS);
        self.room.shown = Some(Shown { bytes, until });
    }

    /// A file whose media was given up: one that was before, or the oldest that may be now.
    fn give_up_oldest(&mut self) -> Option<Blocks> {
        if let Some(spare) = self.room.spares.pop() {
            return Some(spare);
        }
        let oldest = self.victims(1).ok()?.pop()?;
        self.commit(vec![Op::Evict { id: oldest.id }]).ok()?;
        Some(oldest)
    }

    fn release(&mut self, blocks: &Blocks) {
        if self.unlink_spare(blocks) {
            self.room.used = self.room.used.saturating_sub(blocks.space);
        }
    }
}
