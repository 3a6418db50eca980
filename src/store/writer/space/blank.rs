//! Writes over the footage that was deleted on request within segments that other recordings share.
//!
//! The journal does not know those fragments any more. A reader who opens the file from now on does not read them; a reader who
//! has it open finishes first. Then, for each stretch of fragments:
//!
//! 1. A `free` box with a mark replaces the boxes of the first fragment, and is synced. From here on every reader of the file
//!    knows where the next fragment is.
//! 2. Zeros are written over the rest, and synced.
//! 3. The row that asked for it goes.
//!
//! A crash at any point leaves the row, and the next start begins anew.

use std::io::{self, ErrorKind, IoSlice};
use std::path::Path;

use super::Space;
use crate::format::fmp4::{self, GONE_BOX, Gone};
use crate::format::index::SampleIndex;
use crate::media::{RecordingId, SegmentId};
use crate::store::disk::DiskFile;
use crate::store::journal::{Blank, Journal, Op};
use crate::store::reader::Reader;
use crate::store::writer::{Env, Writer};
use crate::store::{StoreError, deleted, paths};

/// Most bytes written over between two ticks: other streams need the card, too.
const AT_ONCE: u64 = if cfg!(test) { 16 << 10 } else { 4 << 20 };

/// Bytes of zeros in one write.
const PIECE: usize = 64 << 10;

/// The progress of writing over one segment.
#[derive(Clone, Copy)]
pub(super) struct Blanking {
    id: SegmentId,
    /// Number of deletions that the work is about. After another deletion, marks and zeros are written anew.
    cuts: i64,
    /// The marks are written, and the zeros up to here.
    done: u64,
}

/// The outcome of writing over one segment.
enum Blanked {
    Done,
    /// The work needs more than one tick.
    Unfinished,
    /// A reader has the file open.
    Read,
}

impl Writer {
    /// Enters the deleted parts in the list beside the tape. A part that fails is tried again.
    pub(in crate::store::writer) fn list_deleted(&mut self) -> Result<(), StoreError> {
        for (id, parts) in self.book.journal.unlisted()? {
            let listed = |op: &Op| matches!(op, Op::Listed { id: listed } if *listed == id);
            if self.book.is_pending(listed) {
                continue;
            }
            match deleted::add(self.env.disk.as_ref(), &self.env.settings.dir, id, &parts) {
                Ok(()) => self.book.enter(Op::Listed { id }),
                Err(error) => {
                    let path = paths::deleted(&self.env.settings.dir);
                    tracing::error!("{}: cannot be written: {error}", path.display());
                    self.progress.last_error = Some(format!("{}: {error}", path.display()));
                }
            }
        }
        Ok(())
    }

    /// Enters what a step of a deletion removed in the list. Where that fails, the last step or the next start enters it.
    pub(in crate::store::writer) fn list_step(&mut self, id: RecordingId) {
        let dir = &self.env.settings.dir;
        let listed = self.book.journal.last_step(id).map(|step| {
            step.map(|(before, parts)| deleted::add_behind(self.env.disk.as_ref(), dir, id, before, &parts))
        });
        let failed = match listed {
            Ok(None | Some(Ok(()))) => return,
            Ok(Some(Err(error))) => format!("{}: cannot be written: {error}", paths::deleted(dir).display()),
            Err(error) => error.to_string(),
        };
        tracing::error!("what was deleted cannot be listed: {failed}");
        self.progress.last_error = Some(failed);
    }

    /// Writes over the deleted fragments, as far as one tick has time for.
    pub(super) fn write_blanks(&mut self) -> Result<(), StoreError> {
        for blank in self.book.journal.blanks()? {
            let id = blank.blocks.id;
            let known = |op: &Op| matches!(op, Op::Blanked { id: other } if *other == id);
            if self.book.is_pending(known) {
                continue;
            }
            let path = paths::segment(
                &self.env.settings.dir,
                &blank.blocks.stream,
                blank.blocks.sequence,
            );
            match self
                .space
                .write_blank(&blank, &path, &self.env, &self.book.journal)
            {
                Ok(Blanked::Done) => {
                    self.space.blanking = None;
                    self.book.enter(Op::Blanked { id });
                }
                Ok(Blanked::Unfinished) => {
                    self.space.look_soon();
                    return Ok(());
                }
                Ok(Blanked::Read) => {}
                // The row says `missing` after the next start. If the file returns, it is written over.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    self.space.blanking = None;
                    self.progress.last_error =
                        Some(format!("{}: cannot write over: {error}", path.display()));
                }
            }
        }
        Ok(())
    }
}

impl Space {
    fn write_blank(
        &mut self,
        blank: &Blank,
        path: &Path,
        env: &Env,
        journal: &Journal,
    ) -> io::Result<Blanked> {
        let id = blank.blocks.id;
        let cuts = blank.cuts;
        let begun = self.blanking.filter(|begun| (begun.id, begun.cuts) == (id, cuts));
        let file = match begun {
            // Readers of the file know by now which fragments are gone.
            Some(_) => env.disk.open(path)?,
            None => match open_unread(env, path)? {
                Some(file) => file,
                None => return Ok(Blanked::Read),
            },
        };
        file.share()?;
        let Some(stretches) = stretches(blank, file.as_ref(), journal)? else {
            tracing::error!(
                "{}: deleted footage cannot be distinguished from the rest",
                path.display()
            );
            return Ok(Blanked::Done);
        };
        let mut done = match begun {
            Some(blanking) => blanking.done,
            None => {
                for gone in &stretches {
                    let head = gone.head(id).ok_or(ErrorKind::InvalidData)?;
                    file.write_at(gone.offset, &mut [IoSlice::new(&head)])?;
                }
                file.sync()?;
                0
            }
        };
        let mut left = AT_ONCE;
        for gone in &stretches {
            let end = gone.offset.saturating_add(gone.len);
            let mut at = gone.offset.saturating_add(GONE_BOX as u64).max(done);
            while at < end {
                if left == 0 {
                    file.sync()?;
                    self.blanking = Some(Blanking { id, cuts, done });
                    return Ok(Blanked::Unfinished);
                }
                let size = (end - at).min(PIECE as u64).min(left);
                zero(file.as_ref(), at, size)?;
                at += size;
                left -= size;
                done = at;
            }
        }
        file.sync()?;
        Ok(Blanked::Done)
    }
}

/// The stretches of a file that its segment's index does not have. `None` when they cannot be told: the file is another's, or
/// damaged.
fn stretches(blank: &Blank, file: &dyn DiskFile, journal: &Journal) -> io::Result<Option<Vec<Gone>>> {
    let id = blank.blocks.id;
    let reader = Reader(file);
    let header = match fmp4::read_header(&reader, blank.bytes) {
        Ok(header) if header.identity.segment == id => header,
        Err(fmp4::ScanError::Io { source, .. }) => return Err(source),
        Ok(_) | Err(_) => return Ok(None),
    };
    let samples = journal.index(id).map_err(io::Error::other)?;
    let index = samples.and_then(|samples| SampleIndex::decode(&samples).ok());
    Ok(index.and_then(|index| fmp4::stretches(&reader, id, &index, header.len, blank.bytes)))
}

/// Opens a file that nobody reads, to take footage out of it. On a file system without locks, readers cannot be seen.
pub(super) fn open_unread(env: &Env, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>> {
    match env.disk.open_unread(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => env.disk.open(path).map(Some),
        other => other,
    }
}

fn zero(file: &dyn DiskFile, at: u64, len: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(len).unwrap_or(PIECE).min(PIECE)];
    file.write_at(at, &mut [IoSlice::new(&zeros)])
}
