//! The chunks of a segment, found from where its samples are.
//!
//! A chunk begins where a fragment begins, so a chunk is a run of whole fragments. The recorder decided with a
//! [`Chunker`](crate::media::Chunker) where chunks begin; the same decision is made again here for the first frame of each
//! fragment.

mod list;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use list::ChunkList;

use super::TrackBase;
use super::index::{FragmentIndex, Placed, SampleIndex};
use crate::media::{ChunkNumbers, Chunker, Micros, TargetDuration, TrackKind, Tracks};

/// A chunk of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeChunk {
    /// The chunk's number in its stream.
    pub number: u64,
    /// The fragments of the chunk, by their places in the segment's index.
    pub fragments: Range<usize>,
    /// DTS of the first picture on the media time of its publish, in ticks of the picture; of the first sound, where the chunk
    /// has no picture.
    pub dts: i64,
    /// How long the chunk lasts, in the same ticks: until the next one begins in this segment, or to the end of its last sample.
    pub ticks: u64,
    /// Media time of `dts`, in microseconds.
    pub start: Micros,
    /// How long the chunk lasts, in microseconds.
    pub duration: Micros,
    /// True when decoding can begin with the chunk, and all of its pictures are then shown.
    pub independent: bool,
    /// True when the chunk begins with a discontinuity. Only the first chunk of a segment can.
    pub discontinuity: bool,
    /// The target of the publish at the beginning of the chunk.
    pub target: TargetDuration,
}

/// Finds the beginnings of chunks, fragment by fragment, from the beginning of a segment on.
#[derive(Clone, Debug)]
pub struct ChunkScan {
    chunker: Chunker,
    led_by: TrackKind,
    tracks: Tracks,
    base: TrackBase,
}

impl ChunkScan {
    /// The scan of a segment with these tracks and this base. `target` is that of its [`ChunkNumbers`].
    pub fn new(tracks: &Tracks, base: TrackBase, target: TargetDuration) -> Self {
        let led_by = tracks.led_by();
        Self {
            chunker: Chunker::new(led_by, target),
            led_by,
            tracks: tracks.clone(),
            base,
        }
    }

    /// The target of the publish so far.
    pub fn target(&self) -> TargetDuration {
        self.chunker.target()
    }

    /// Takes the segment's next fragment. Gives true when a chunk begins with it, which the first fragment always does.
    pub fn begins(&mut self, fragment: &FragmentIndex) -> bool {
        let kind = leading([fragment], self.led_by);
        let run = fragment.run(kind);
        let at = |placed: Placed| self.tracks.micros(kind, media(self.base, kind, placed.dts));
        let Some(first) = run.placed().next() else {
            return false;
        };
        let last = run.placed().last().map(at);
        let begins = self.chunker.begins(kind, at(first), first.sample.key);
        if let Some(last) = last.filter(|_| kind == self.led_by) {
            self.chunker.pass(last);
        }
        begins
    }
}

/// How many chunks a segment has, and the target of its publish at its end.
pub fn count(
    index: &SampleIndex,
    base: TrackBase,
    tracks: &Tracks,
    target: TargetDuration,
) -> (u64, TargetDuration) {
    let mut scan = ChunkScan::new(tracks, base, target);
    let chunks = index
        .fragments
        .iter()
        .filter(|fragment| scan.begins(fragment))
        .count();
    (chunks as u64, scan.target())
}

/// The chunks of a segment. The last one may get more fragments while the segment grows; all others are complete.
///
/// `index` is that of the whole segment or of its first fragments. Where fragments were taken out of it, the numbers behind that
/// place are not those that the chunks had.
pub fn chunks(
    index: &SampleIndex,
    base: TrackBase,
    tracks: &Tracks,
    numbers: &ChunkNumbers,
) -> Vec<TapeChunk> {
    found(index, base, tracks, numbers).0
}

/// The same, and the target of the publish at the end of the segment.
fn found(
    index: &SampleIndex,
    base: TrackBase,
    tracks: &Tracks,
    numbers: &ChunkNumbers,
) -> (Vec<TapeChunk>, TargetDuration) {
    let mut scan = ChunkScan::new(tracks, base, numbers.target);
    let mut begins: Vec<(usize, TargetDuration)> = Vec::new();
    for (place, fragment) in index.fragments.iter().enumerate() {
        if scan.begins(fragment) {
            begins.push((place, scan.target()));
        }
    }
    let ends = begins.iter().skip(1).map(|(place, _)| *place);
    let ends = ends.chain([index.fragments.len()]);
    let ranges = begins
        .iter()
        .zip(ends)
        .map(|((from, target), to)| (*from..to, *target));
    let named = (numbers.chunk..).zip(ranges);
    let mut chunks: Vec<TapeChunk> = named
        .filter_map(|(number, (fragments, target))| {
            let discontinuity = numbers.breaks && number == numbers.chunk;
            let chunk = chunk(index, base, tracks, (number, fragments, discontinuity))?;
            Some(TapeChunk { target, ..chunk })
        })
        .collect();
    let next: Vec<(i64, Micros)> = chunks.iter().skip(1).map(|next| (next.dts, next.start)).collect();
    for (chunk, (dts, start)) in chunks.iter_mut().zip(next) {
        // Chunks of sound among chunks of pictures end where their own sound ends: ticks of two tracks cannot be compared.
        let own = index.fragments.get(chunk.fragments.clone()).unwrap_or_default();
        if start > chunk.start && leading(own, tracks.led_by()) == tracks.led_by() {
            chunk.ticks = dts.saturating_sub(chunk.dts).max(0).unsigned_abs();
            chunk.duration = start.saturating_sub(chunk.start);
        }
    }
    (chunks, scan.target())
}

/// The track with which these fragments begin a chunk: the leading one, or the other where they have nothing of it.
fn leading<'a>(fragments: impl IntoIterator<Item = &'a FragmentIndex>, led_by: TrackKind) -> TrackKind {
    let mut fragments = fragments.into_iter();
    if fragments.any(|fragment| !fragment.run(led_by).samples.is_empty()) {
        led_by
    } else {
        led_by.other()
    }
}

fn chunk(
    index: &SampleIndex,
    base: TrackBase,
    tracks: &Tracks,
    (number, fragments, discontinuity): (u64, Range<usize>, bool),
) -> Option<TapeChunk> {
    let own = index.fragments.get(fragments.clone())?;
    let kind = leading(own, tracks.led_by());
    let runs = || own.iter().map(|fragment| fragment.run(kind));
    let placed = || runs().flat_map(super::index::Run::placed);
    let first = placed().next()?;
    let end = runs().rfind(|run| !run.samples.is_empty())?.end_dts();
    let (dts, end) = (media(base, kind, first.dts), media(base, kind, end));
    let start = tracks.micros(kind, dts);
    let shown = |placed: Placed| i128::from(placed.dts) + i128::from(placed.sample.cts);
    // Leading pictures follow their keyframe at once.
    let mut following = placed().skip(1).take_while(|placed| !placed.sample.key);
    Some(TapeChunk {
        number,
        fragments,
        dts,
        ticks: end.saturating_sub(dts).max(0).unsigned_abs(),
        start,
        duration: tracks.micros(kind, end).saturating_sub(start),
        independent: first.sample.key && !following.any(|placed| shown(placed) < shown(first)),
        discontinuity,
        target: TargetDuration::default(),
    })
}

/// A DTS of the segment's file on the media time of its publish.
fn media(base: TrackBase, kind: TrackKind, dts: u64) -> i64 {
    let base = match kind {
        TrackKind::Video => base.video,
        TrackKind::Audio => base.audio,
    };
    base.saturating_add_unsigned(dts)
}
