//! HLS (RFC 8216): a folder with a playlist, chunks of fragmented MP4, and the inits that decode them.
//!
//! ```text
//! master.m3u8             what a player is to know before it opens index.m3u8: codecs, size, rates
//! index.m3u8              everything, in order; type VOD, or EVENT of what was delivered while it grew
//! init.mp4 init-2.mp4     a moov for each configuration, of the tracks that have samples
//! 00001.m4s 00002.m4s     chunks: styp (moof mdat)*, each from a keyframe on where one comes in time
//! ```
//!
//! Time goes on over all chunks. Breaks are always closed, and the date of the chunk behind a break tells of it. A new
//! configuration is a discontinuity; some players stop at each.

mod chunk;
mod master;
mod playlist;
mod prefix;

use std::sync::Arc;

use crate::format::fmp4::{self, Movie};
use crate::format::fragmented::{Fragments, Reach, check_line};
use crate::format::line::{Line, Tape};
use crate::format::mark::Marker;
use crate::format::splice::{Parts, Script, Splice, Spliced};
use crate::format::{FileError, Gaps, Mark, TapeSource, View, ViewSegment, VirtualFile};
use crate::media::{Tracks, VideoConfig};

use chunk::{Chunk, Cut, Pace, Rule};
use master::Master;
pub use prefix::Prefix;

/// Shortest chunk by default, in milliseconds. A chunk ends at the next keyframe after that, or where it would be twice as
/// long.
pub const TARGET_MS: u32 = 6_000;

/// Name of the playlist.
pub const PLAYLIST: &str = "index.m3u8";

/// Name of the master playlist, which refers to the other one.
pub const MASTER: &str = "master.m3u8";

/// The files that are neither inits nor chunks, in the order in which they should be uploaded.
const PLAYLISTS: [&str; 2] = [PLAYLIST, MASTER];

/// `styp`: a media segment, ISO/IEC 23009-1.
const STYP: [u8; 20] = *b"\0\0\0\x14stypmsdh\0\0\0\0msdh";

/// A view as a folder of files.
pub struct Hls<S> {
    view: View<S>,
    plan: Arc<Plan>,
    playlist: Arc<[u8]>,
    master: Master,
    master_text: Arc<[u8]>,
}

/// One file of the folder.
pub struct HlsFile<S> {
    name: String,
    body: Body<S>,
}

enum Body<S> {
    Made(Arc<[u8]>),
    Chunk(Box<Spliced<S, ChunkFile>>),
}

#[derive(Debug)]
struct Plan {
    fragments: Fragments,
    inits: Vec<Arc<[u8]>>,
    chunks: Vec<Chunk>,
    settled: usize,
    /// `EXT-X-TARGETDURATION` of a growing recording, in seconds.
    limit_s: Option<u64>,
}

impl<S: TapeSource + Clone> Hls<S> {
    /// Decides on the chunks of a complete recording. Each ends before the first keyframe after `target_ms` milliseconds, or
    /// where it would be twice as long.
    pub fn open(view: View<S>, target_ms: u32) -> Result<Self, FileError> {
        // The date of each chunk keeps the clock. A silent chunk as long as the gap would break the promised target duration.
        let mut tape = Tape::new(view.gaps(Gaps::Close));
        let line = Line::open_in_chunks(&mut tape)?;
        check_line("hls", &line)?;
        let cut = chunk::cut(&line, &mut tape, i64::from(target_ms), Rule::Whole)?;
        let reach = Reach::in_chunks(chunk::ends(&cut.chunks, Rule::Whole));
        let fragments = Fragments::open(line, &mut tape, &reach)?;
        Ok(Self::of(cut, fragments, &tape, target_ms))
    }

    /// Decides on the chunks of a recording that is or was delivered while it grows: no [settled](Self::settled) chunk changes
    /// later.
    pub fn growing(view: View<S>, target_ms: u32) -> Result<Self, FileError> {
        Ok(Self::resume(view, target_ms, Prefix::default())?.0)
    }

    /// Does the same as [`growing`](Self::growing) with what an earlier look found, and returns what this look found. Only the
    /// indexes of what has come since are read. The result is the same.
    pub fn resume(view: View<S>, target_ms: u32, prefix: Prefix) -> Result<(Self, Prefix), FileError> {
        let mut prefix = prefix;
        let mut tape = Tape::new(view.gaps(Gaps::Close));
        let (line, cut) = prefix.lay(&mut tape, i64::from(target_ms))?;
        check_line("hls", &line)?;
        let reach = Reach::in_chunks(chunk::ends(&cut.chunks, Rule::Growing));
        let known = prefix.take_known();
        let fragments = Fragments::resume(line, &mut tape, &reach, known, cut.origin)?;
        prefix.know(&fragments);
        Ok((Self::of(cut, fragments, &tape, target_ms), prefix))
    }

    fn of(cut: Cut, fragments: Fragments, tape: &Tape<S>, target_ms: u32) -> Self {
        let init = |tracks: &Tracks| Arc::from(fmp4::init(tracks, Movie::default()));
        let plan = Plan {
            fragments,
            inits: cut.tracks.iter().map(init).collect(),
            settled: cut.settled,
            limit_s: cut.limit_s,
            chunks: cut.chunks,
        };
        let text = match plan.limit_s {
            Some(limit_s) => playlist::event(&plan.chunks, limit_s, true),
            None => playlist::vod(&plan.chunks),
        };
        let master = plan.master(&cut.tracks, &cut.paces, target_ms);
        Self {
            playlist: text.into(),
            master_text: master.text().into(),
            master,
            plan: Arc::new(plan),
            view: tape.view().clone(),
        }
    }

    /// The text of `index.m3u8`.
    pub fn playlist(&self) -> &[u8] {
        &self.playlist
    }

    /// The text of `index.m3u8` while the recording grows. It has the first `chunks` chunks, and more will be added.
    pub fn live_playlist(&self, chunks: usize) -> Vec<u8> {
        let chunks = self.plan.chunks.get(..chunks).unwrap_or(&self.plan.chunks);
        playlist::event(chunks, self.plan.limit_s.unwrap_or_default(), false)
    }

    /// The text of `master.m3u8`.
    pub fn master(&self) -> &[u8] {
        &self.master_text
    }

    /// The text of `master.m3u8` while the recording grows. The file has to be written again when its
    /// [mark](Self::live_master_mark) changes.
    pub fn live_master(&self) -> Vec<u8> {
        self.master.live_text()
    }

    /// The mark of the `master.m3u8` of a growing recording.
    pub fn live_master_mark(&self) -> Mark {
        let mut marker = Marker::default();
        marker.bytes(self.master.essence().as_bytes());
        marker.finish()
    }

    /// The mark of the `master.m3u8` of a complete recording.
    pub fn master_mark(&self) -> Mark {
        let mut marker = Marker::default();
        marker.bytes(&self.master_text);
        marker.finish()
    }

    /// `EXT-X-TARGETDURATION` of a growing recording, in seconds.
    pub fn target_duration_s(&self) -> u64 {
        self.plan.limit_s.unwrap_or_default()
    }

    /// Number of chunks.
    pub fn chunks(&self) -> usize {
        self.plan.chunks.len()
    }

    /// Number of chunks that stay as they are when the tape grows.
    pub fn settled(&self) -> usize {
        self.plan.settled
    }

    /// How many milliseconds must be recorded, at least, before another chunk of the usual length stays as it is.
    pub fn until_settled_ms(&self) -> u64 {
        let Some(open) = self.plan.chunks.get(self.settled()) else {
            return 0;
        };
        // The chunk after it must not be so short that it would be joined.
        let target = i64::from(TARGET_MS);
        let next = open
            .start_ms
            .saturating_add(target - chunk::EARLY_MS + target / 4);
        next.saturating_sub(open.end_ms).max(0).unsigned_abs()
    }

    /// A chunk's name, counted from 0.
    pub fn chunk_name(&self, chunk: usize) -> String {
        chunk_name(chunk)
    }

    /// Bytes of a chunk.
    pub fn chunk_len(&self, chunk: usize) -> u64 {
        self.file_len(self.plan.inits.len() + chunk)
    }

    /// The mark of a chunk.
    pub fn chunk_mark(&self, chunk: usize) -> Mark {
        let mut marker = Marker::default();
        if let Some(chunk) = self.plan.chunks.get(chunk) {
            for fragment in chunk.parts() {
                self.plan
                    .fragments
                    .material(fragment, &self.view.segments, &mut marker);
            }
        }
        marker.finish()
    }

    /// Index of the init that decodes a chunk.
    pub fn chunk_init(&self, chunk: usize) -> usize {
        self.plan.chunks.get(chunk).map_or(0, |chunk| chunk.init as usize)
    }

    /// The inits: their names and marks.
    pub fn inits(&self) -> impl Iterator<Item = (String, Mark)> + '_ {
        self.plan.inits.iter().enumerate().map(|(number, init)| {
            let mut marker = Marker::default();
            marker.bytes(init);
            (init_name(number), marker.finish())
        })
    }

    /// Number of files in the folder.
    pub fn count(&self) -> usize {
        self.plan.inits.len() + self.plan.chunks.len() + PLAYLISTS.len()
    }

    /// Names and lengths, in the order in which the files should be uploaded: the playlists last, the master playlist after the
    /// other.
    pub fn files(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        (0..self.count()).map(|number| (self.name(number), self.file_len(number)))
    }

    /// One file of the folder, by its number in [`Hls::files`].
    pub fn file(&self, number: usize) -> Option<HlsFile<S>> {
        if number >= self.count() {
            return None;
        }
        let body = match (self.plan.inits.get(number), self.chunk(number)) {
            (Some(init), _) => Body::Made(Arc::clone(init)),
            (None, Some((_, chunk))) => {
                let script = ChunkFile::new(Arc::clone(&self.plan), *chunk);
                Body::Chunk(Box::new(Spliced::new(Tape::new(self.view.clone()), script)))
            }
            (None, None) => Body::Made(Arc::clone(self.text(number))),
        };
        Some(HlsFile {
            name: self.name(number),
            body,
        })
    }

    /// One file of the folder, by its name.
    pub fn named(&self, name: &str) -> Option<HlsFile<S>> {
        let chunk = name
            .strip_suffix(".m4s")
            .and_then(|number| number.parse::<usize>().ok());
        let number = match chunk {
            Some(chunk) => self.plan.inits.len().checked_add(chunk.checked_sub(1)?)?,
            None if name == PLAYLIST => self.count() - 2,
            None if name == MASTER => self.count() - 1,
            None => (0..self.plan.inits.len()).find(|init| init_name(*init) == name)?,
        };
        (self.name(number) == name).then(|| self.file(number)).flatten()
    }

    fn name(&self, number: usize) -> String {
        match self.chunk(number) {
            Some((chunk, _)) => chunk_name(chunk),
            None if number < self.plan.inits.len() => init_name(number),
            None if number + 1 == self.count() => MASTER.to_owned(),
            None => PLAYLIST.to_owned(),
        }
    }

    fn text(&self, number: usize) -> &Arc<[u8]> {
        if number + 1 == self.count() {
            &self.master_text
        } else {
            &self.playlist
        }
    }

    fn file_len(&self, number: usize) -> u64 {
        match (self.plan.inits.get(number), self.chunk(number)) {
            (Some(init), _) => init.len() as u64,
            (None, Some((_, chunk))) => self.plan.chunk_len(chunk),
            (None, None) => self.text(number).len() as u64,
        }
    }

    fn chunk(&self, number: usize) -> Option<(usize, &Chunk)> {
        let chunk = number.checked_sub(self.plan.inits.len())?;
        Some((chunk, self.plan.chunks.get(chunk)?))
    }
}

impl Plan {
    fn chunk_len(&self, chunk: &Chunk) -> u64 {
        let fragments = chunk.parts().map(|part| self.fragments.len(part));
        STYP.len() as u64 + fragments.sum::<u64>()
    }

    fn master(&self, tracks: &[Tracks], paces: &[(Arc<VideoConfig>, Pace)], target_ms: u32) -> Master {
        let chunks: Vec<(u64, u64)> = self
            .chunks
            .iter()
            .map(|chunk| (self.chunk_len(chunk), chunk.duration_ms()))
            .collect();
        let longest = chunks.iter().map(|(_, ms)| *ms).max().unwrap_or_default();
        Master::of(tracks, paces, &chunks, longest.max(target_ms.into()))
    }
}

impl<S> HlsFile<S> {
    /// The file's name in the folder.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<S: TapeSource> VirtualFile for HlsFile<S> {
    fn len(&self) -> u64 {
        match &self.body {
            Body::Made(bytes) => bytes.len() as u64,
            Body::Chunk(chunk) => chunk.len(),
        }
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        match &mut self.body {
            Body::Made(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let rest = bytes.get(from..).unwrap_or_default();
                let len = rest.len().min(buf.len());
                if let (Some(to), Some(from)) = (buf.get_mut(..len), rest.get(..len)) {
                    to.copy_from_slice(from);
                }
                Ok(len)
            }
            Body::Chunk(chunk) => chunk.read_at(offset, buf),
        }
    }
}

/// A chunk's file: `styp`, then the chunk's fragments.
struct ChunkFile {
    plan: Arc<Plan>,
    chunk: Chunk,
    parts: Parts,
}

impl ChunkFile {
    fn new(plan: Arc<Plan>, chunk: Chunk) -> Self {
        let mut parts = Parts::default();
        parts.push(STYP.len() as u64);
        for part in chunk.parts() {
            parts.push(plan.fragments.len(part));
        }
        Self { plan, chunk, parts }
    }
}

impl Script for ChunkFile {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    fn make<S: TapeSource>(
        &self,
        part: usize,
        tape: &mut Tape<S>,
        out: &mut Splice,
    ) -> Result<(), FileError> {
        match part.checked_sub(1) {
            None => out.write(&STYP),
            Some(fragment) => {
                self.plan
                    .fragments
                    .make(self.chunk.parts().start + fragment, tape, out)?;
            }
        }
        Ok(())
    }

    fn body(&self) -> usize {
        0
    }

    fn material(&self, part: usize, segments: &[ViewSegment], marker: &mut Marker) {
        match part.checked_sub(1) {
            None => marker.bytes(&STYP),
            Some(fragment) => {
                let fragment = self.chunk.parts().start + fragment;
                self.plan.fragments.material(fragment, segments, marker);
            }
        }
    }

    fn front(&self, _part: usize, _marker: &mut Marker) {}

    fn weight(&self) -> usize {
        self.parts.weight()
    }

    fn segment_of(&self, part: usize) -> usize {
        let fragment = self.chunk.parts().start + part.saturating_sub(1);
        let fragment = self.plan.fragments.line.parts.get(fragment);
        fragment.map_or(0, |part| part.segment as usize)
    }
}

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

#[cfg(test)]
pub(in crate::format) use prefix::tests as growing;

#[cfg(test)]
mod tests;
