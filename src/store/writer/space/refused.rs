//! A file system that takes no more although it has space: a quota of its own is used up, or its inodes are. Nothing tells that
//! before a call is refused. The writer makes space for the refused call at once. The oldest media goes, as on a full disk, and
//! its file is taken over, with no new inode and no new block. The bytes that the tape had then are its limit for a while.
//!
//! A file system that copies on write (btrfs) frees removed or overwritten blocks only with its next transaction, up to half a
//! minute later. The writer asks for that transaction before it gives up more, or each refusal would cost another file.

use std::io::{self, ErrorKind};

use super::Space;
use crate::media::{Fragment, Micros, PublishId, StreamName};
use crate::store::journal::{Blocks, Op};
use crate::store::paths;
use crate::store::segment::{AppendError, Begin, Segment, Taken};
use crate::store::writer::batch::Rotation;
use crate::store::writer::outcome::Outcome;
use crate::store::writer::{Env, Writer};

/// Most files given up at once for one segment that begins, or for one write.
const TRIES: usize = 8;
/// A limit that the file system showed holds for this long; then the writer tries again.
const HOLDS: Micros = 600_000_000;
/// Bytes that stay free below the limit, or this part of the limit if that is less.
const SLACK: u64 = 64 << 20;
const SLACK_PART: u64 = 8;

/// A limit that the file system showed by refusing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    bytes: u64,
    until: Micros,
}

/// True for the error of a file system that has no blocks, no inodes, or a quota that is used up.
pub(in crate::store) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

impl Writer {
    /// Creates the file of a segment. Where the file system refuses that, the oldest media is given up.
    pub(in crate::store::writer) fn create(
        &mut self,
        stream: &StreamName,
        rotation: &Rotation,
    ) -> io::Result<Segment> {
        let mut takes = rotation.takes.clone();
        let mut tries = 0;
        loop {
            let (dir, disk) = (&self.env.settings.dir, self.env.disk.as_ref());
            let made = match self.streams.prepare(stream, dir, disk) {
                Ok(()) => self.file(rotation.begin.clone(), takes.as_ref()),
                Err(error) => Err(error),
            };
            let error = match made {
                Ok(segment) => {
                    // The file system frees overwritten blocks as late as removed ones.
                    self.space.frees |= takes.is_some();
                    return Ok(segment);
                }
                Err(error) => error,
            };
            if !is_full(&error) || tries == TRIES {
                return Err(error);
            }
            if self.space.has_freed(&self.env) {
                continue;
            }
            tries += 1;
            self.show_limit(&error, rotation.begin.expected);
            let Some(oldest) = self.give_up_oldest() else {
                return Err(error);
            };
            if self.streams.is_prepared(stream) {
                // From here on the segment that takes the file over accounts for it.
                self.space.used = self.space.used.saturating_sub(oldest.space);
                takes = Some(oldest);
            } else {
                // A new directory needs an inode of its own.
                self.space.release(&oldest, &self.env, &mut self.book);
                takes = None;
            }
        }
    }

    /// The file of a new segment: a file that is taken over, or a new one.
    fn file(&mut self, begin: Begin, takes: Option<&Blocks>) -> io::Result<Segment> {
        let disk = self.env.disk.as_ref();
        let Some(free) = takes else {
            return Segment::create(begin, disk);
        };
        let path = paths::segment(&self.env.settings.dir, &free.stream, free.sequence);
        match Taken::over(free.id, &path, &begin.path, disk) {
            Ok(taken) => return Ok(Segment::on(begin, taken)),
            Err(why) => tracing::debug!("{}: not taken over: {why}", path.display()),
        }
        if !self.space.unlink(free, &self.env, &mut self.book) {
            // The file takes its space until the next start.
            self.space.sealed(free.space);
        }
        Segment::create(begin, disk)
    }

    /// Appends a fragment. Where the file system has no space for it, the oldest media is given up.
    ///
    /// Giving up is a commit of its own, and the rows of this batch must not be in it. The end of a recording is told when the
    /// last of it is durable. A recording is deleted when its segment has ended. Nothing is given up that the same batch
    /// protects. So the fragment waits until the batch has committed all its rows; `waited` rows were there before the batch.
    pub(in crate::store::writer) fn append(
        &mut self,
        publish: PublishId,
        fragment: Fragment,
        waited: usize,
    ) -> Outcome {
        let mut tries = 0;
        loop {
            let Some(writer) = self.streams.writers.get_mut(&publish) else {
                return Outcome::Done;
            };
            let error = match writer.append(&fragment) {
                None => return Outcome::Done,
                Some(Ok(written)) => return Outcome::Written(publish, written),
                Some(Err(AppendError::Disk(error))) if is_full(&error) && tries < TRIES => error,
                Some(Err(error)) => return Outcome::NotWritten(publish, fragment, error),
            };
            // The part that was written is no media of this segment. btrfs needs space for a cut, too: there the part is
            // written over.
            let cut = writer.segment.as_mut().map(Segment::cut);
            if matches!(cut, Some(Err(failed)) if !is_full(&failed)) {
                return Outcome::NotWritten(publish, fragment, error.into());
            }
            if self.space.has_freed(&self.env) {
                continue;
            }
            tries += 1;
            if self.book.pending.len() > waited {
                return Outcome::Held(publish, fragment);
            }
            self.show_limit(&error, fragment.payload_bytes() as u64);
            let Some(oldest) = self.give_up_oldest() else {
                return Outcome::NotWritten(publish, fragment, error.into());
            };
            self.space.release(&oldest, &self.env, &mut self.book);
        }
    }

    /// Holds to the bytes of now for a while, where the file system refused `wanted` bytes that it shows as free, or by a quota.
    fn show_limit(&mut self, error: &io::Error, wanted: u64) {
        let used = self.used();
        let is_quota = error.kind() == ErrorKind::QuotaExceeded;
        if is_quota || self.space.has_room(&self.env, wanted) {
            self.space.show_limit(used, error, &self.env);
        }
    }

    #[cfg(test)]
    pub(in crate::store) fn holds_to_a_limit(&self) -> bool {
        self.space.shown_limit(self.env.clock.boot()).is_some()
    }

    /// A file whose media was given up: before, or now, as the oldest that may go.
    fn give_up_oldest(&mut self) -> Option<Blocks> {
        if let Some(free) = self.space.free.pop() {
            return Some(free);
        }
        let oldest = self.space.candidates(&self.book.journal, 1).ok()?.pop()?;
        self.commit(vec![Op::Evict { id: oldest.id }]).ok()?;
        Some(oldest)
    }
}

impl Space {
    /// Asks the file system to free the files that were given up before, so that no more is given up for nothing. False where
    /// nothing was removed since it last did so.
    fn has_freed(&mut self, env: &Env) -> bool {
        if !std::mem::take(&mut self.frees) {
            return false;
        }
        let dir = &env.settings.dir;
        let freed = env.disk.sync_file_system(dir);
        if let Err(error) = &freed {
            tracing::debug!("{}: the file system did not sync: {error}", dir.display());
        }
        freed.is_ok()
    }

    /// True where the file system shows `wanted` free bytes beside the floor. Where it does not, the disk is plainly full, maybe
    /// by another program. Then the floor is the limit, and recording goes on as soon as there is space.
    fn has_room(&self, env: &Env, wanted: u64) -> bool {
        let space = env.disk.space(&env.settings.dir);
        space.map_or(true, |space| {
            space.free >= self.limits.min_free.saturating_add(wanted)
        })
    }

    /// The limit that the file system showed, as long as it holds.
    pub(super) fn shown_limit(&self, now: Micros) -> Option<u64> {
        let shown = self.shown.filter(|shown| now < shown.until);
        shown.map(|shown| shown.bytes)
    }

    fn show_limit(&mut self, used: u64, error: &io::Error, env: &Env) {
        let now = env.clock.boot();
        let bytes = used.saturating_sub(SLACK.min(used / SLACK_PART));
        if self.shown_limit(now).is_none() {
            tracing::warn!(
                "{}: the file system accepts no more data ({error}) though it shows free space: a quota of its own is used up, or its \
                 inodes are; the tape keeps to {bytes} bytes for now",
                env.settings.dir.display()
            );
        }
        self.shown = Some(Shown {
            bytes,
            until: now.saturating_add(HOLDS),
        });
    }
}
