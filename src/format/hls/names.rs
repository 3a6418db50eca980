//! The names of the files of a folder: those in a bucket, and those under which a door serves them.
//!
//! ```text
//! 00007-5f2a90c1.m4s            the seventh chunk
//! init-3f2a90c1.mp4             an init, named by its bytes
//! key-00007-5f2a90c1.m4s        the keyframe that begins the seventh fragment
//! key-init-3f2a90c1.mp4         as the init, of the picture alone
//! ```
//!
//! Chunks and fragments are counted from the first segment that is there. A recording that loses its beginning, or a segment in its
//! middle, has other chunks behind that place. So a name also has a mark, of all that the bytes depend on: the segments up to and
//! including the chunk, its fragments, and how they are placed in time. A name that was served once stands for the same bytes for
//! ever, or for nothing. A mark has 32 bits: that another chunk has the same number and mark happens once in 4,000 million times.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use crc32c::{crc32c, crc32c_append};

use super::chunk::Chunk;
use super::encryption::Encryption;
use super::file::Body;
use super::keyframes::PREFIX;
use super::live::InitName;
use super::{Hls, HlsFile, Plan};
use crate::format::line::Part;
use crate::format::mark::Marker;
use crate::format::{TapeSource, ViewSegment};
use crate::media::{Micros, SegmentId};

/// The name of an init, counted from 0.
pub fn init_name(number: usize) -> String {
    match number {
        0 => "init.mp4".to_owned(),
        number => format!("init-{}.mp4", number + 1),
    }
}

/// The name of a chunk, counted from 0.
pub fn chunk_name(number: usize) -> String {
    format!("{:05}.m4s", number + 1)
}

/// For each segment of a folder, a mark of it and of all segments before.
#[derive(Debug)]
pub(super) struct Marks(Vec<u32>);

impl Marks {
    pub(super) fn of(parts: &[Part], segments: &[ViewSegment]) -> Self {
        let mut rest = parts;
        let mut before = [0_u64; 2];
        let mut marks = Vec::with_capacity(segments.len());
        for (number, segment) in segments.iter().enumerate() {
            let own = rest.partition_point(|part| part.segment as usize <= number);
            rest = rest.get(own..).unwrap_or_default();
            let mut marker = Marker::default();
            marker.numbers(&before);
            marker.bytes(&segment.id.to_bytes());
            // A cut before its first sample leaves the segment whole, and comes and goes with the end of the recording.
            let cut = Some(segment.kept.from).filter(|from| *from > segment.first());
            marker.numbers(&[cut.unwrap_or(Micros::MIN).cast_unsigned()]);
            let mark = marker.finish().short();
            // Later segments also depend on how many fragments this one has: it is complete when another one follows.
            before = [mark.into(), own as u64];
            marks.push(mark);
        }
        Self(marks)
    }
}

/// The name of a file that a door serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServedName {
    /// A chunk, counted from 0.
    Chunk { number: usize, mark: u32 },
    /// An init.
    Init(InitName),
    /// The keyframe of a fragment, counted from 0.
    Key { part: usize, mark: u32 },
    /// An init of the picture alone.
    KeyInit(InitName),
}

impl fmt::Display for ServedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chunk { number, mark } => write!(f, "{:05}-{mark:08x}.m4s", number + 1),
            Self::Init(init) => init.fmt(f),
            Self::Key { part, mark } => write!(f, "{PREFIX}{:05}-{mark:08x}.m4s", part + 1),
            Self::KeyInit(init) => write!(f, "{PREFIX}{init}"),
        }
    }
}

/// A name that no file of a folder has.
pub(super) struct NoName;

impl FromStr for ServedName {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let of_key = text.strip_prefix(PREFIX);
        let plain = of_key.unwrap_or(text);
        if let Ok(init) = plain.parse() {
            return Ok(of_key.map_or(Self::Init(init), |_| Self::KeyInit(init)));
        }
        let numbers = plain.strip_suffix(".m4s").and_then(|rest| rest.split_once('-'));
        let (number, mark) = numbers.ok_or(NoName)?;
        let number = number
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        let number = number.ok_or(NoName)?;
        let mark = u32::from_str_radix(mark, 16).map_err(|_| NoName)?;
        let name = match of_key {
            Some(_) => Self::Key { part: number, mark },
            None => Self::Chunk { number, mark },
        };
        // Each file has one name.
        if name.to_string() == text {
            Ok(name)
        } else {
            Err(NoName)
        }
    }
}

/// How the files are named in a playlist.
#[derive(Clone, Copy, Debug)]
pub(super) enum Names<'a> {
    /// As they are delivered. What was delivered stays as it is.
    Delivered,
    /// As a door serves them.
    Served(&'a Plan, Option<&'a Encryption>),
}

impl Names<'_> {
    pub(super) fn chunk(self, number: usize, chunk: &Chunk) -> String {
        match self {
            Self::Delivered => chunk_name(number),
            Self::Served(plan, encryption) => {
                let mark = plan.mark_of_chunk(number, chunk, encryption);
                ServedName::Chunk { number, mark }.to_string()
            }
        }
    }

    pub(super) fn init(self, number: usize) -> String {
        match self {
            Self::Delivered => init_name(number),
            Self::Served(plan, _) => {
                let init = plan.inits.get(number);
                InitName::of(init.map_or(&[], |init| init)).to_string()
            }
        }
    }
}

impl<S> Hls<S> {
    pub(super) fn names(&self) -> Names<'_> {
        Names::Served(&self.plan, self.encryption.as_deref())
    }

    /// True when a door can serve a file of this name. While the recording grows, its last chunks can still change, and are no
    /// files; nor are keyframes.
    pub fn serves(&self, name: &str, growing: bool) -> bool {
        let complete = if growing { self.settled() } else { self.chunks() };
        let has_keys = !growing && self.encryption.is_none();
        match name.parse() {
            Ok(ServedName::Chunk { number, mark }) => number < complete && self.has_chunk(number, mark),
            Ok(ServedName::Init(name)) => self.plan.find_init(name).is_some(),
            Ok(ServedName::Key { part, mark }) => has_keys && self.plan.find_key(part, mark).is_some(),
            Ok(ServedName::KeyInit(name)) => has_keys && self.plan.find_picture_init(name).is_some(),
            Err(NoName) => false,
        }
    }

    /// True for the name of a chunk or a keyframe. One that is not [served](Self::serves) may be of media that the recording has
    /// lost since.
    pub fn is_of_media(name: &str) -> bool {
        matches!(
            name.parse(),
            Ok(ServedName::Chunk { .. } | ServedName::Key { .. })
        )
    }

    /// The segments that have the media of a file that a door serves.
    pub fn segments_of(&self, name: &str) -> Vec<SegmentId> {
        let parts = match name.parse() {
            Ok(ServedName::Chunk { number, .. }) => self.plan.chunks.get(number).map(Chunk::parts),
            Ok(ServedName::Key { part, .. }) => Some(part..part.saturating_add(1)),
            Ok(ServedName::Init(_) | ServedName::KeyInit(_)) | Err(NoName) => None,
        };
        let parts = parts.and_then(|parts| self.plan.fragments.line.parts.get(parts));
        let mut segments: Vec<u32> = Vec::new();
        segments.extend(parts.unwrap_or_default().iter().map(|part| part.segment));
        segments.dedup();
        let segments = segments.into_iter();
        let segments = segments.map(|segment| self.view.segments.get(segment as usize));
        segments.flatten().map(|segment| segment.id).collect()
    }

    fn has_chunk(&self, number: usize, mark: u32) -> bool {
        let chunk = self.plan.chunks.get(number);
        let own = |chunk| self.plan.mark_of_chunk(number, chunk, self.encryption.as_deref());
        chunk.map(own) == Some(mark)
    }
}

impl<S: TapeSource + Clone> Hls<S> {
    /// A file that a door serves, by its name.
    pub fn served_file(&self, name: &str) -> Option<HlsFile<S>> {
        if !self.serves(name, false) {
            return None;
        }
        let body = match name.parse().ok()? {
            ServedName::Chunk { number, .. } => self.file(self.plan.inits.len() + number)?.body,
            ServedName::Init(name) => Body::Made(self.plan.find_init(name)?),
            ServedName::Key { part, mark } => {
                Body::Key(Box::new(self.plan.keyframe((part, mark), &self.view)?))
            }
            ServedName::KeyInit(name) => Body::Made(self.plan.find_picture_init(name)?),
        };
        Some(HlsFile {
            name: name.to_owned(),
            body,
        })
    }
}

impl Plan {
    fn find_init(&self, name: InitName) -> Option<Arc<[u8]>> {
        let init = self.inits.iter().find(|init| InitName::of(init) == name);
        init.map(Arc::clone)
    }

    /// The mark of a chunk. How long its last sample lasts is known by what follows. An encrypted chunk has other bytes.
    fn mark_of_chunk(&self, number: usize, chunk: &Chunk, encryption: Option<&Encryption>) -> u32 {
        let clear = self.mark(chunk.parts(), chunk.parts().end);
        encryption.map_or(clear, |encryption| {
            crc32c_append(clear, encryption.key_id(number).to_string().as_bytes())
        })
    }

    /// The mark of some fragments, made of the segments up to the one that has the fragment `until`.
    pub(super) fn mark(&self, of: Range<usize>, until: usize) -> u32 {
        let parts = &self.fragments.line.parts;
        let until = parts.get(until).or(parts.last());
        let segments = until.and_then(|part| self.marks.0.get(part.segment as usize));
        let mark = crc32c(&segments.copied().unwrap_or_default().to_be_bytes());
        let add = |mark: u32, number: u64| crc32c_append(mark, &number.to_be_bytes());
        of.fold(mark, |mark, part| {
            let (numbers, scale) = self.fragments.beside_the_tape(part);
            numbers.into_iter().chain(scale).fold(mark, add)
        })
    }
}

#[cfg(test)]
mod tests;
