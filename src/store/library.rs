//! The read side: recordings, and the tape behind them, for this process and for others.

use std::path::Path;
use std::sync::Arc;

use super::StoreError;
use crate::format::index::SampleIndex;
use crate::format::{SourceError, TapeSource, View};
use crate::media::{Micros, RecordingId, SegmentId, StreamName};

/// The recordings of one storage directory, read-only.
///
/// Works while the service runs, while it is down, and after a power cut that nobody repaired yet: what is
/// durable can be read, a torn end is left out.
pub struct Library {}

/// Which recordings are asked for. `Default` asks for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this stream alone.
    pub stream: Option<StreamName>,
    /// That end after this UTC time.
    pub from: Option<Micros>,
    /// That start before this UTC time.
    pub to: Option<Micros>,
}

/// One recording, as `ls` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingRow {
    /// Its id.
    pub id: RecordingId,
    /// The stream.
    pub stream: StreamName,
    /// Its life so far.
    pub state: RecordingState,
    /// UTC of its first sample.
    pub start: Micros,
    /// UTC of the end of its last sample; so far, while it is open.
    pub end: Micros,
    /// Length of its media, gaps not counted.
    pub duration: Micros,
    /// Bytes of its tape.
    pub bytes: u64,
    /// Its segments.
    pub segments: usize,
    /// What it is made of; those of its last segment.
    pub tracks: Vec<TrackRow>,
    /// Where there is no tape between its start and end.
    pub gaps: Vec<Gap>,
}

/// The life of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingState {
    /// It grows with its stream.
    Open,
    /// It is complete.
    Closed,
}

impl RecordingState {
    /// As in `ls --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordingState::Open => "open",
            RecordingState::Closed => "closed",
        }
    }
}

/// A track, as people want to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackRow {
    /// `video` or `audio`.
    pub kind: &'static str,
    /// As ffprobe names it.
    pub codec: &'static str,
    /// Pixels, for video.
    pub width: Option<u16>,
    /// Pixels, for video.
    pub height: Option<u16>,
    /// Hertz, for audio.
    pub sample_rate: Option<u32>,
    /// For audio.
    pub channels: Option<u8>,
}

/// A hole in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// UTC where the tape stops.
    pub from: Micros,
    /// UTC where it goes on.
    pub to: Micros,
}

/// Something that [`Library::verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: std::path::PathBuf,
    /// What is wrong with it.
    pub what: String,
}

impl Library {
    /// Opens a storage directory for reading.
    pub fn open(_dir: &Path) -> Result<Library, StoreError> {
        unimplemented!("store")
    }

    /// Recordings, oldest first.
    pub fn recordings(&self, _filter: &Filter) -> Result<Vec<RecordingRow>, StoreError> {
        unimplemented!("store")
    }

    /// The recording with this id, with the only id that begins so, or the newest one for `last`.
    pub fn find(&self, _text: &str) -> Result<RecordingRow, StoreError> {
        unimplemented!("store")
    }

    /// A recording's tape, to make renditions from. Of an open recording: what is there now.
    pub fn view(&self, _recording: RecordingId) -> Result<View<LibrarySource>, StoreError> {
        unimplemented!("store")
    }

    /// Reads every byte of every segment and compares: rows with files, checksums with media. `progress` is
    /// told bytes done and bytes in all.
    pub fn verify(&self, _progress: &mut dyn FnMut(u64, u64)) -> Result<Vec<Problem>, StoreError> {
        unimplemented!("store")
    }
}

/// The files of one view. Clones share what is open.
#[derive(Clone)]
pub struct LibrarySource {}

impl TapeSource for LibrarySource {
    fn index(&self, _segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        unimplemented!("store")
    }

    fn read_exact_at(&self, _segment: SegmentId, _offset: u64, _buf: &mut [u8]) -> Result<(), SourceError> {
        unimplemented!("store")
    }
}
