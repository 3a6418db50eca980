//! `iframes.m3u8`: the keyframes of a recording (RFC 8216 §4.3.3.6). Players show them while somebody looks for a place.
//!
//! Each keyframe is a file of its own with one sample, which lasts until the next keyframe. Byte ranges of the chunks would be
//! fewer files, but some players cannot seek in them. A file has the number of its fragment, so it is found without a list.

use std::sync::Arc;

use crc32c::crc32c_append;

use super::chunk::Chunk;
use super::live::InitName;
use super::master::peak;
use super::names::ServedName;
use super::playlist::{CLOCK_STEP, target_s};
use super::served::Served;
use super::text::{Entry, Head, Kind, Text};
use super::{Plan, STYP};
use crate::format::fmp4::{self, Movie, TrackRun};
use crate::format::fragmented;
use crate::format::index::Sample;
use crate::format::line::{Extent, Tape};
use crate::format::mark::Marker;
use crate::format::rate::per_second;
use crate::format::splice::{Parts, Script, Splice, Spliced};
use crate::format::{FileError, TapeSource, View, ViewSegment};
use crate::media::{Micros, TrackKind, Tracks, rescale};

/// Name of the playlist of the keyframes.
pub const KEYFRAMES: &str = "iframes.m3u8";

/// What stands before the names of files that are there for the keyframes.
pub(super) const PREFIX: &str = "key-";

/// The size and the kind of an `mdat`.
const MDAT_HEADER: u64 = 8;

/// The keyframes of a recording.
#[derive(Debug)]
pub(super) struct Keyframes<'a> {
    plan: &'a Plan,
    keys: Vec<Key>,
}

/// A keyframe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// The fragment that begins with the keyframe.
    part: usize,
    /// The fragment with the next keyframe, or the end of all fragments.
    next: usize,
    /// The chunk that has it.
    chunk: usize,
    /// When it is shown on the line, in milliseconds.
    start_ms: i64,
    /// Milliseconds until the next keyframe, or until the pictures end.
    lasts_ms: u64,
    /// Bytes of its file.
    bytes: u64,
    /// True when time does not go on from the keyframe before, or another configuration decodes this one.
    discontinuity: bool,
}

impl Plan {
    /// The keyframes of the recording; none where it has no picture.
    pub(super) fn keyframes(&self) -> Keyframes<'_> {
        let entries = self.fragments.entries();
        let ends = entries.iter().skip(1).map(Some).chain([None]);
        let mut keys: Vec<Key> = Vec::with_capacity(entries.len());
        for (entry, next) in entries.iter().zip(ends) {
            let Some(key) = self.key(entry, next) else {
                continue;
            };
            let before = keys.last().map_or(0, |before| before.chunk + 1);
            let between = self.chunks.get(before..=key.chunk).unwrap_or_default();
            let discontinuity = !keys.is_empty() && between.iter().any(|chunk| chunk.discontinuity);
            keys.push(Key { discontinuity, ..key });
        }
        Keyframes { plan: self, keys }
    }

    fn key(&self, entry: &fragmented::Entry, next: Option<&fragmented::Entry>) -> Option<Key> {
        let scale = self.fragments.line.video.as_ref()?.timescale;
        let ms = |pts: i64| rescale(pts, scale, 1_000);
        let (chunk, own) = self.chunk_of(entry.part)?;
        // No picture stands over a time that the chunks leave out.
        let apart = |chunk: &&Chunk| next.is_some_and(|next| next.part >= chunk.parts().start);
        let behind = self.chunks.get(chunk + 1..).unwrap_or_default();
        let breaks = behind
            .iter()
            .take_while(apart)
            .position(|chunk| chunk.discontinuity);
        let last = match (breaks, next) {
            (Some(at), _) => self.chunks.get(chunk + at),
            (None, Some(_)) => None,
            (None, None) => self.chunks.last(),
        };
        let next_ms = next.map(|next| ms(next.pts));
        let ends_ms = next_ms.into_iter().chain(last.map(|chunk| chunk.end_ms)).min();
        let start_ms = ms(entry.pts);
        let lasts_ms = ends_ms.unwrap_or(own.end_ms).saturating_sub(start_ms);
        let sample = Sample {
            size: entry.size,
            duration: 1,
            cts: 0,
            key: true,
        };
        let moof = fmp4::moof_len(Some(&[sample]), None) as u64;
        Some(Key {
            part: entry.part,
            next: next.map_or(self.fragments.line.parts.len(), |next| next.part),
            chunk,
            start_ms,
            lasts_ms: lasts_ms.max(1).unsigned_abs(),
            bytes: STYP.len() as u64 + moof + MDAT_HEADER + u64::from(entry.size),
            discontinuity: false,
        })
    }

    /// The chunk that has a fragment.
    fn chunk_of(&self, part: usize) -> Option<(usize, &Chunk)> {
        let after = self.chunks.partition_point(|chunk| chunk.parts().start <= part);
        let at = after.checked_sub(1)?;
        Some((at, self.chunks.get(at)?))
    }

    /// The keyframe of a fragment, counted from 0, if these are its segments.
    pub(super) fn find_key(&self, part: usize, mark: u32) -> Option<Key> {
        let entries = self.fragments.entries();
        let at = entries.binary_search_by_key(&part, |entry| entry.part).ok()?;
        let key = self.key(entries.get(at)?, entries.get(at + 1))?;
        (self.mark_of_key(&key) == mark).then_some(key)
    }

    /// The file of such a keyframe.
    pub(super) fn keyframe<S: TapeSource + Clone>(
        self: &Arc<Self>,
        (part, mark): (usize, u32),
        view: &View<S>,
    ) -> Option<Spliced<S, KeyFile>> {
        let key = self.find_key(part, mark)?;
        let mut parts = Parts::default();
        parts.push(key.bytes);
        let script = KeyFile {
            plan: Arc::clone(self),
            key,
            parts,
        };
        Some(Spliced::new(Tape::laid(view.clone()), script))
    }

    /// How long a keyframe is shown depends on the next one.
    fn mark_of_key(&self, key: &Key) -> u32 {
        crc32c_append(
            self.mark(key.part..key.part + 1, key.next),
            &key.lasts_ms.to_be_bytes(),
        )
    }

    /// The init of the picture alone, by its name.
    pub(super) fn find_picture_init(&self, name: InitName) -> Option<Arc<[u8]>> {
        let mut inits = (0..self.tracks.len()).filter_map(|init| self.picture_init(init));
        inits.find(|init| InitName::of(init) == name)
    }

    fn picture_init(&self, init: usize) -> Option<Arc<[u8]>> {
        let tracks = Tracks {
            video: Some(Arc::clone(self.tracks.get(init)?.video.as_ref()?)),
            audio: None,
        };
        Some(fmp4::init(&tracks, Movie::default()).into())
    }
}

impl<'a> Keyframes<'a> {
    /// No keyframes.
    pub(super) fn none(plan: &'a Plan) -> Self {
        Self {
            plan,
            keys: Vec::new(),
        }
    }

    /// The text of the playlist; nothing without keyframes.
    pub(super) fn playlist(&self, served: &Served<'_>) -> Option<Vec<u8>> {
        let longest = self.keys.iter().map(|key| key.lasts_ms).max()?;
        let head = Head {
            keyframes: true,
            ..Head::new(Kind::Vod, target_s(longest))
        };
        let mut text = Text::begin(&head, served.uris, 0);
        let mut init = None;
        let mut expected: Option<Micros> = None;
        for key in &self.keys {
            let Some(chunk) = self.plan.chunks.get(key.chunk) else {
                continue;
            };
            let since = key.start_ms.saturating_sub(chunk.start_ms).saturating_mul(1_000);
            let utc = chunk.utc.saturating_add(since);
            let lasts_us = key.lasts_ms.saturating_mul(1_000);
            let dated = expected.is_none_or(|expected| expected.abs_diff(utc) > CLOCK_STEP);
            expected = Some(utc.saturating_add_unsigned(lasts_us));
            let another = init.replace(chunk.init) != Some(chunk.init);
            text.chunk(&Entry {
                discontinuity: key.discontinuity,
                init: another
                    .then(|| self.plan.picture_init(chunk.init as usize))
                    .flatten()
                    .map(|init| ServedName::KeyInit(InitName::of(&init))),
                date: (dated || key.discontinuity).then(|| utc.saturating_add(served.later_us)),
                duration_us: lasts_us,
                name: ServedName::Key {
                    part: key.part,
                    mark: self.plan.mark_of_key(key),
                },
            });
        }
        Some(text.finish(true))
    }

    /// The largest rate of the keyframes and their rate on average, in bits a second; nothing without keyframes.
    pub(super) fn rates(&self) -> Option<(u32, u32)> {
        let files = self.keys.iter().map(|key| (key.bytes, key.lasts_ms));
        let files: Vec<(u64, u64)> = files.collect();
        let longest = files.iter().map(|file| file.1).max()?;
        let bytes = files.iter().map(|file| file.0).sum();
        let average = per_second(bytes, files.iter().map(|file| file.1).sum());
        Some((peak(&files, longest), average))
    }
}

/// The file of a keyframe: one part.
pub(super) struct KeyFile {
    plan: Arc<Plan>,
    key: Key,
    parts: Parts,
}

impl Script for KeyFile {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    fn make<S: TapeSource>(
        &self,
        _part: usize,
        tape: &mut Tape<S>,
        out: &mut Splice,
    ) -> Result<(), FileError> {
        let segment = self.segment_of(0);
        let Some((pts, scale, placed)) = self.plan.fragments.first_picture(self.key.part, tape)? else {
            return Ok(());
        };
        let lasts = u128::from(self.key.lasts_ms) * u128::from(scale) / 1_000;
        let sample = Sample {
            duration: u32::try_from(lasts).unwrap_or(u32::MAX),
            // A picture alone is decoded when it is shown.
            cts: 0,
            ..placed.sample
        };
        let run = TrackRun {
            tfdt: pts,
            samples: &[sample],
        };
        let size: u32 = fitted!(MDAT_HEADER + u64::from(sample.size), "the size of an mdat");
        let part: u32 = fitted!(self.key.part, "the number of a fragment");
        out.write(&STYP);
        out.write(&fmp4::moof(part.saturating_add(1), Some(run), None));
        out.write(&size.to_be_bytes());
        out.write(b"mdat");
        let picture = Extent {
            offset: placed.offset,
            bytes: sample.size,
            samples: 1,
        };
        out.copy(
            segment,
            TrackKind::Video,
            picture,
            placed.offset,
            sample.size.into(),
        );
        Ok(())
    }

    fn segment_of(&self, _part: usize) -> usize {
        let part = self.plan.fragments.line.parts.get(self.key.part);
        part.map_or(0, |part| part.segment as usize)
    }

    fn body(&self) -> usize {
        0
    }

    fn material(&self, _part: usize, segments: &[ViewSegment], marker: &mut Marker) {
        marker.numbers(&[self.key.lasts_ms]);
        self.plan.fragments.material(self.key.part, segments, marker);
    }

    fn front(&self, _part: usize, _marker: &mut Marker) {}

    fn weight(&self) -> usize {
        self.parts.weight()
    }
}

#[cfg(test)]
mod tests;
