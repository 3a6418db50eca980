//! HLS (RFC 8216): a folder with a playlist, chunks of fragmented MP4, and the inits that decode them.
//!
//! ```text
//! master.m3u8             what a player is to know before it opens index.m3u8: codecs, size, rates
//! index.m3u8              everything, in order; type VOD, or EVENT of what was delivered while it grew
//! init.mp4 init-2.mp4     a moov for each configuration, of the tracks that have samples
//! 00001.m4s 00002.m4s     chunks: styp (moof mdat)*, each from a keyframe on where one comes in time
//! ```
//!
//! A door serves the same files under names that stand for the same bytes for ever (`names`), also where the recording loses its
//! beginning. It also serves the keyframes, which players show while somebody looks for a place:
//!
//! ```text
//! iframes.m3u8            every keyframe, in order
//! key-init-….mp4          as the init, of the picture alone
//! key-00001-….m4s         styp moof mdat: the keyframe of the first fragment
//! ```
//!
//! Time goes on over all chunks. Breaks are always closed, and the date of the chunk behind a break tells of it. A new
//! configuration is a discontinuity; some players stop at each.

mod chunk;
pub mod encryption;
mod file;
mod keyframes;
pub mod live;
mod made;
mod master;
mod names;
mod notes;
mod playlist;
mod prefix;
mod scheduled;
mod served;
mod tags;
mod text;
mod variant;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use crate::format::fmp4::{self, Movie};
use crate::format::fragmented::{Fragments, Reach, check_line};
use crate::format::line::{Line, Tape};
use crate::format::mark::Marker;
use crate::format::splice::Spliced;
use crate::format::{FileError, Gaps, Mark, TapeSource, View};
use crate::media::{Tracks, VideoConfig};

use chunk::{Chunk, Cut, Pace, Rule};
use encryption::{Encrypted, Encryption};
pub use file::HlsFile;
use file::{Body, ChunkFile};
pub use keyframes::KEYFRAMES;
use keyframes::Keyframes;
use master::Master;
use names::Marks;
pub use names::{chunk_name, init_name};
pub use notes::{DatedNote, with_notes};
use playlist::Playlist;
pub use prefix::Prefix;
pub use scheduled::{FolderChunk, Scheduled, ScheduledChunk};
pub use served::{BadUri, Served, Start, Update, Uris};
pub use tags::{ChunkTag, headers};
pub use variant::Variant;

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
    master: Master,
    /// The texts of both playlists, once somebody has asked for them: a door never does.
    master_text: Arc<OnceLock<Arc<[u8]>>>,
    text: Arc<OnceLock<Arc<[u8]>>>,
    encryption: Option<Arc<Encryption>>,
}

#[derive(Debug)]
struct Plan {
    fragments: Fragments,
    inits: Vec<Arc<[u8]>>,
    /// The tracks of each init.
    tracks: Vec<Tracks>,
    chunks: Vec<Chunk>,
    marks: Marks,
    settled: usize,
    /// `EXT-X-TARGETDURATION` of a growing recording, in seconds.
    limit_s: Option<u64>,
    target_ms: u32,
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
            marks: Marks::of(&fragments.line.parts, tape.segments()),
            fragments,
            inits: cut.tracks.iter().map(init).collect(),
            tracks: cut.tracks,
            settled: cut.settled,
            limit_s: cut.limit_s,
            target_ms,
            chunks: cut.chunks,
        };
        let master = plan.master(&cut.paces);
        Self {
            master_text: Arc::default(),
            master,
            plan: Arc::new(plan),
            view: tape.view().clone(),
            text: Arc::default(),
            encryption: None,
        }
    }
}

impl<S> Hls<S> {
    /// The same folder with another source of its bytes. `Hls<()>` has none, and can be kept while nobody reads.
    pub fn with<T>(&self, source: T) -> Hls<T> {
        Hls {
            view: View {
                segments: self.view.segments.clone(),
                source,
            },
            plan: Arc::clone(&self.plan),
            master: self.master.clone(),
            master_text: Arc::clone(&self.master_text),
            text: Arc::clone(&self.text),
            encryption: self.encryption.clone(),
        }
    }

    /// The same folder with its chunks encrypted. It has no keyframes then.
    pub fn encrypted(mut self, encryption: Arc<Encryption>) -> Self {
        self.encryption = Some(encryption);
        self.text = Arc::default();
        self.master_text = Arc::default();
        self
    }

    /// What the master playlist says. Padding counts.
    fn rates(&self) -> Cow<'_, Master> {
        if self.encryption.is_none() {
            return Cow::Borrowed(&self.master);
        }
        let sizes: Vec<(u64, u64)> = (0..self.chunks())
            .zip(&self.plan.chunks)
            .map(|(number, chunk)| (self.chunk_len(number), chunk.duration_ms()))
            .collect();
        let mut master = self.master.clone();
        master.resize(&sizes, self.plan.longest_ms());
        Cow::Owned(master)
    }

    fn master_text(&self) -> &Arc<[u8]> {
        self.master_text.get_or_init(|| self.rates().text().into())
    }

    /// About how many bytes of memory the folder takes up.
    pub fn weight(&self) -> usize {
        let inits = self.plan.inits.iter().map(|init| init.len());
        size_of_val(self.view.segments.as_slice())
            + size_of_val(self.plan.chunks.as_slice())
            + self.plan.fragments.weight()
            + inits.sum::<usize>()
    }

    /// The text of `index.m3u8`.
    pub fn playlist(&self) -> &[u8] {
        self.playlist_text()
    }

    /// The text of `index.m3u8` while the recording grows. It has the first `chunks` chunks, and more will be added.
    pub fn live_playlist(&self, chunks: usize) -> Vec<u8> {
        self.growing_playlist(chunks).delivered()
    }

    /// The text of `index.m3u8` as a door serves it.
    pub fn served(&self, served: &Served<'_>) -> Vec<u8> {
        self.whole_playlist().served(served, self.names())
    }

    /// The text of `master.m3u8` as a door serves it. It also names the playlist of the keyframes, if there are any.
    pub fn served_master(&self, uris: &Uris) -> Vec<u8> {
        self.rates().served(&self.pictures(), uris)
    }

    /// The text of `master.m3u8` as a door serves it while the recording grows.
    pub fn served_live_master(&self, uris: &Uris) -> Vec<u8> {
        self.rates().live(PLAYLIST, uris)
    }

    /// The text of `iframes.m3u8`, for a complete recording with pictures that is not encrypted.
    pub fn keyframes(&self, served: &Served<'_>) -> Option<Vec<u8>> {
        self.pictures().playlist(served)
    }

    /// The text of `index.m3u8` as a door serves it while the recording grows. It has the first `chunks` chunks.
    pub fn served_live(&self, chunks: usize, served: &Served<'_>) -> Vec<u8> {
        self.growing_playlist(chunks).served(served, self.names())
    }

    /// The text of `master.m3u8`.
    pub fn master(&self) -> &[u8] {
        self.master_text()
    }

    /// The text of `master.m3u8` while the recording grows. The file has to be written again when its
    /// [mark](Self::live_master_mark) changes.
    pub fn live_master(&self) -> Vec<u8> {
        self.rates().live_text()
    }

    /// The mark of the `master.m3u8` of a growing recording.
    pub fn live_master_mark(&self) -> Mark {
        let mut marker = Marker::default();
        marker.bytes(self.rates().essence().as_bytes());
        marker.finish()
    }

    /// The mark of the `master.m3u8` of a complete recording.
    pub fn master_mark(&self) -> Mark {
        let mut marker = Marker::default();
        marker.bytes(self.master_text());
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
    pub fn chunk_mark(&self, number: usize) -> Mark {
        let mut marker = Marker::default();
        if let Some(chunk) = self.plan.chunks.get(number) {
            for fragment in chunk.parts() {
                self.plan
                    .fragments
                    .material(fragment, &self.view.segments, &mut marker);
            }
        }
        if let Some(encryption) = &self.encryption {
            encryption.material(number, &mut marker);
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
            self.master_text()
        } else {
            self.playlist_text()
        }
    }

    fn playlist_text(&self) -> &Arc<[u8]> {
        self.text.get_or_init(|| self.whole_playlist().delivered().into())
    }

    /// The playlist of the complete recording.
    fn whole_playlist(&self) -> Playlist<'_> {
        self.plan.playlist().encrypted(self.encryption.as_deref())
    }

    /// The playlist of the first `chunks` chunks.
    fn growing_playlist(&self, chunks: usize) -> Playlist<'_> {
        self.plan
            .live_playlist(chunks)
            .encrypted(self.encryption.as_deref())
    }

    /// The keyframes that are had as files: they would be in clear.
    fn pictures(&self) -> Keyframes<'_> {
        match self.encryption {
            Some(_) => Keyframes::none(&self.plan),
            None => self.plan.keyframes(),
        }
    }

    fn file_len(&self, number: usize) -> u64 {
        match (self.plan.inits.get(number), self.chunk(number)) {
            (Some(init), _) => init.len() as u64,
            (None, Some((_, chunk))) => {
                let clear = self.plan.chunk_len(chunk);
                match self.encryption {
                    Some(_) => encryption::encrypted_len(clear),
                    None => clear,
                }
            }
            (None, None) => self.text(number).len() as u64,
        }
    }

    fn chunk(&self, number: usize) -> Option<(usize, &Chunk)> {
        let chunk = number.checked_sub(self.plan.inits.len())?;
        Some((chunk, self.plan.chunks.get(chunk)?))
    }
}

impl<S: TapeSource + Clone> Hls<S> {
    /// One file of the folder, by its number in [`Hls::files`].
    pub fn file(&self, number: usize) -> Option<HlsFile<S>> {
        if number >= self.count() {
            return None;
        }
        let body = match (self.plan.inits.get(number), self.chunk(number)) {
            (Some(init), _) => Body::Made(Arc::clone(init)),
            (None, Some((number, chunk))) => {
                let script = ChunkFile::new(Arc::clone(&self.plan), *chunk);
                let clear = Spliced::new(Tape::new(self.view.clone()), script);
                match &self.encryption {
                    Some(encryption) => {
                        let sealed = encryption.sealed(number);
                        Body::Encrypted(Box::new(Encrypted::new(clear, sealed)))
                    }
                    None => Body::Chunk(Box::new(clear)),
                }
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
}

impl Plan {
    /// The playlist of the complete recording.
    fn playlist(&self) -> Playlist<'_> {
        match self.limit_s {
            Some(limit_s) => Playlist::event(&self.chunks, limit_s, true),
            None => Playlist::vod(&self.chunks),
        }
    }

    /// The playlist of the first `chunks` chunks.
    fn live_playlist(&self, chunks: usize) -> Playlist<'_> {
        let chunks = self.chunks.get(..chunks).unwrap_or(&self.chunks);
        Playlist::event(chunks, self.limit_s.unwrap_or_default(), false)
    }

    fn chunk_len(&self, chunk: &Chunk) -> u64 {
        let fragments = chunk.parts().map(|part| self.fragments.len(part));
        STYP.len() as u64 + fragments.sum::<u64>()
    }

    fn master(&self, paces: &[(Arc<VideoConfig>, Pace)]) -> Master {
        let chunks: Vec<(u64, u64)> = self
            .chunks
            .iter()
            .map(|chunk| (self.chunk_len(chunk), chunk.duration_ms()))
            .collect();
        Master::of(&self.tracks, paces, &chunks, self.longest_ms())
    }

    /// The length of the longest chunk, and at least the target, in milliseconds.
    fn longest_ms(&self) -> u64 {
        let longest = self.chunks.iter().map(Chunk::duration_ms).max();
        longest.unwrap_or_default().max(self.target_ms.into())
    }
}

#[cfg(test)]
pub(in crate::format) use prefix::tests as growing;

#[cfg(test)]
mod tests;
