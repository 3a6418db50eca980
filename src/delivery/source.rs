//! Files of recordings as they are sent. All of this reads flash: it runs on blocking threads.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use md5::{Digest as _, Md5};

use super::decide::{ChunkFacts, FolderFacts};
use super::planner::Job;
use super::remote::{Content, PIECE, Payload, Source};
use crate::format::flv::Flv;
use crate::format::hls::encryption::Encryption;
use crate::format::hls::{Hls, HlsFile, Prefix, TARGET_MS};
use crate::format::mp4::{Labels, Mp4};
use crate::format::{FileError, Fmp4, Format, Growing, Looked, View, VirtualFile};
use crate::store::{Library, LibrarySource, RecordingRow, RecordingState, Rendition as Known, StoreError};

/// The material of a recording in one format.
pub(super) struct Material {
    pub(super) row: RecordingRow,
    /// One view for each file; HLS has one folder.
    pub(super) parts: Vec<View<LibrarySource>>,
    /// The recording's deliveries, as the journal has them.
    pub(super) known: Vec<Known>,
    /// True when the recording was found again, and its former deliveries are not known.
    pub(super) found_again: bool,
}

/// The reason why there is nothing to send.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoMaterial {
    /// The recording was deleted, or its tape was evicted.
    #[error("the recording is not here any more")]
    Gone,
    /// The store cannot be read now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file can never be made.
    #[error("{0}")]
    Void(String),
    /// The tape cannot be read.
    #[error("{0}")]
    Tape(String),
}

/// Bytes that were read, with their MD5 and checksum.
pub(super) struct Read {
    pub(super) payload: Payload,
    /// CRC-32C.
    pub(super) crc: u32,
}

/// One file, open to be read.
pub(super) struct OpenFile {
    file: Mutex<Box<dyn Growing + Send>>,
    /// What is written in its head.
    pub(super) labels: Labels,
    pub(super) front: u64,
    pub(super) settled: u64,
    pub(super) len: u64,
}

impl Material {
    pub(super) fn find(library: &Library, job: Job) -> Result<Material, NoMaterial> {
        let row = library.recording(job.recording)?.ok_or(NoMaterial::Gone)?;
        let view = match row.state {
            RecordingState::Open => library.growing_view(job.recording),
            _ => library.view(job.recording),
        };
        let view = view.map_err(|error| match error {
            StoreError::NoRecording { .. } => NoMaterial::Gone,
            StoreError::Unplayable { reason, .. } => NoMaterial::Void(reason),
            other => NoMaterial::Store(other),
        })?;
        let parts = match job.format {
            // An HLS playlist can carry a change of tracks, so one view is enough.
            Format::Hls => vec![view],
            Format::Mp4 | Format::Fmp4 | Format::Flv | Format::Aac => view.parts(),
        };
        Ok(Material {
            row,
            parts,
            known: library.renditions(job.recording)?,
            found_again: library.is_found_again(job.recording)?,
        })
    }
}

impl OpenFile {
    /// Opens a file of a view, with what people wrote about the recording in its head. It continues from `look`, and leaves its own state there for the next look.
    pub(super) fn open(
        format: Format,
        view: View<LibrarySource>,
        labels: Labels,
        look: &mut Look,
    ) -> Result<Self, NoMaterial> {
        let looked = std::mem::take(&mut look.file);
        let (file, looked): (Box<dyn Growing + Send>, _) = match format {
            Format::Mp4 => boxed(Mp4::resume(view, &labels, looked)?),
            Format::Aac => boxed(Mp4::resume_audio(view, &labels, looked)?),
            Format::Flv => boxed(Flv::resume(view, looked)?),
            Format::Fmp4 | Format::Hls => boxed(Fmp4::resume(view, looked)?),
        };
        look.file = looked;
        Ok(Self {
            labels,
            front: file.front(),
            settled: file.settled(),
            len: file.len(),
            file: Mutex::new(file),
        })
    }

    /// The lengths that the file may have with other words in its head.
    pub(super) fn lengths(&self) -> RangeInclusive<u64> {
        let without = self.len.saturating_sub(self.labels.bytes());
        without.min(self.len)..=without.saturating_add(Labels::MOST_BYTES).max(self.len)
    }

    /// The mark of the first so many bytes of the body. It is made of the media in them.
    pub(super) fn mark(&self, body: u64) -> String {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.mark(body).to_string()
    }

    /// Reads a range of the file's bytes. `buffer` is memory that is used again.
    pub(super) fn read(&self, start: u64, end: u64, buffer: BytesMut) -> Result<Read, NoMaterial> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        read(file.as_mut(), start, end, buffer)
    }

    /// CRC-32C of everything before the body.
    pub(super) fn front_crc(&self) -> Result<u32, NoMaterial> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut crc, mut at, mut block) = (0, 0, vec![0; 64 << 10]);
        while at < self.front {
            let len = usize::try_from(self.front - at).map_or(block.len(), |left| left.min(block.len()));
            let read = file.read_at(at, block.get_mut(..len).unwrap_or_default())?;
            if read == 0 {
                break;
            }
            crc = crc32c::crc32c_append(crc, block.get(..read).unwrap_or_default());
            at += read as u64;
        }
        Ok(crc)
    }
}

fn boxed<G: Growing + Send + 'static>((file, looked): (G, Looked)) -> (Box<dyn Growing + Send>, Looked) {
    (Box::new(file), looked)
}

/// The state of a look at a growing recording: the next look reads only the media that came since. The state is lost with the
/// process, and made anew from the beginning.
#[derive(Debug, Default)]
pub(super) struct Look {
    prefix: Prefix,
    /// The first chunks of a folder, which do not change any more.
    chunks: Vec<ChunkFacts>,
    /// How they are encrypted.
    encryption: Option<Arc<Encryption>>,
    /// The state of the file's format.
    file: Looked,
}

/// The folder of a view.
pub(super) struct OpenFolder {
    hls: Hls<LibrarySource>,
}

impl OpenFolder {
    /// Opens a folder and decides on its chunks. With `grows`, viewers may have seen some chunks before the recording ended:
    /// then it continues from `look`, and leaves its own state there.
    pub(super) fn open(
        view: View<LibrarySource>,
        encryption: Option<Arc<Encryption>>,
        grows: bool,
        look: &mut Look,
    ) -> Result<Self, NoMaterial> {
        let encrypted = |hls: Hls<LibrarySource>| match &encryption {
            Some(encryption) => hls.encrypted(encryption.clone()),
            None => hls,
        };
        let Look {
            prefix,
            mut chunks,
            encryption: before,
            ..
        } = std::mem::take(look);
        if !grows {
            let hls = encrypted(Hls::open(view, TARGET_MS)?);
            return Ok(Self { hls });
        }
        let (hls, prefix) = Hls::resume(view, TARGET_MS, prefix)?;
        if !prefix.goes_on() || before != encryption {
            chunks.clear();
        }
        let hls = encrypted(hls);
        *look = Look {
            prefix,
            chunks,
            encryption,
            ..Look::default()
        };
        Ok(Self { hls })
    }

    /// The facts of the folder that can be sent now.
    pub(super) fn facts(&self, complete: bool, look: &mut Look) -> FolderFacts {
        let hls = &self.hls;
        let count = if complete { hls.chunks() } else { hls.settled() };
        let mut chunks = look.chunks.clone();
        chunks.truncate(count);
        chunks.extend((chunks.len()..count).map(|chunk| ChunkFacts {
            name: hls.chunk_name(chunk),
            bytes: hls.chunk_len(chunk),
            mark: hls.chunk_mark(chunk).to_string(),
            init: hls.chunk_init(chunk),
        }));
        let stay = chunks.iter().take(look.prefix.chunks()).skip(look.chunks.len());
        look.chunks.extend(stay.cloned());
        FolderFacts {
            inits: hls.inits().map(|(name, mark)| (name, mark.to_string())).collect(),
            chunks,
            master: if complete {
                hls.master_mark().to_string()
            } else {
                hls.live_master_mark().to_string()
            },
            complete,
            next_ms: hls.until_settled_ms(),
        }
    }

    /// Opens a file of the folder by its name. It is read now for its checksums, and again while it is sent: a chunk may be of
    /// any length, and is never in memory whole.
    pub(super) fn read(&self, name: &str) -> Result<(Read, Arc<FileSource>), NoMaterial> {
        let file = self
            .hls
            .named(name)
            .ok_or_else(|| NoMaterial::Tape(format!("there is no '{name}'")))?;
        let len = file.len();
        let source = Arc::new(FileSource {
            file: Mutex::new(file),
            failed: Mutex::new(None),
        });
        let content = Content::Source(source.clone(), len);
        let (mut at, mut crc, mut md5) = (0, 0, Md5::new());
        while let Some(piece) = content.piece(at) {
            let piece = piece.map_err(NoMaterial::Tape)?;
            crc = crc32c::crc32c_append(crc, &piece);
            md5.update(&piece);
            at += piece.len() as u64;
        }
        let payload = Payload {
            content,
            md5: md5.finalize().into(),
        };
        Ok((Read { payload, crc }, source))
    }

    /// The target duration in seconds: the longest that a chunk of a growing folder may be.
    pub(super) fn longest_s(&self) -> u64 {
        self.hls.target_duration_s()
    }

    /// The playlist of the first so many chunks, to which more will be added.
    pub(super) fn live_playlist(&self, chunks: usize) -> Bytes {
        self.hls.live_playlist(chunks).into()
    }

    /// The playlist of all chunks.
    pub(super) fn last_playlist(&self) -> Bytes {
        Bytes::copy_from_slice(self.hls.playlist())
    }

    pub(super) fn master(&self, complete: bool) -> Bytes {
        if complete {
            Bytes::copy_from_slice(self.hls.master())
        } else {
            self.hls.live_master().into()
        }
    }
}

/// A file of a folder that is read while it is sent.
pub(super) struct FileSource {
    file: Mutex<HlsFile<LibrarySource>>,
    failed: Mutex<Option<String>>,
}

impl FileSource {
    /// The reason why the file could not be read, if it could not.
    pub(super) fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Source for FileSource {
    fn read(&self, offset: u64, len: usize) -> Result<Bytes, String> {
        let mut buffer = BytesMut::zeroed(len.min(PIECE));
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = match file.read_at(offset, &mut buffer) {
            Ok(count) if count == buffer.len() => return Ok(buffer.freeze()),
            Ok(count) => format!("{}: of {len} bytes at {offset} there were {count}", file.name()),
            Err(error) => error.to_string(),
        };
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(wrong.clone());
        Err(wrong)
    }
}

fn read<R: VirtualFile + ?Sized>(
    file: &mut R,
    start: u64,
    end: u64,
    mut buffer: BytesMut,
) -> Result<Read, NoMaterial> {
    let len = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
    buffer.resize(len, 0);
    match file.read_at(start, &mut buffer) {
        Ok(count) if count == len => Ok(Read::of(buffer.freeze())),
        Ok(count) => Err(NoMaterial::Tape(format!(
            "of {len} bytes at {start} there were {count}"
        ))),
        Err(error) => Err(error.into()),
    }
}

impl Read {
    pub(super) fn of(bytes: Bytes) -> Self {
        Self {
            crc: crc32c::crc32c(&bytes),
            payload: Payload::of(bytes),
        }
    }
}

impl From<FileError> for NoMaterial {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Unsupported { .. } => NoMaterial::Void(error.to_string()),
            FileError::Source(_) => NoMaterial::Tape(error.to_string()),
        }
    }
}

/// Reads from open files on a thread that may wait for them.
pub(super) async fn from_tape<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NoMaterial> + Send + 'static,
) -> Result<T, NoMaterial> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| {
        let said = "reading it failed, which is a defect of edgereel";
        Err(NoMaterial::Tape(said.to_owned()))
    })
}

#[cfg(test)]
mod tests;
