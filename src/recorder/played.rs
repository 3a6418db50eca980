//! What is played out of the ring: the complete chunks of a stream that are in memory.

use std::ops::Range;

use super::ring::{Gop, Ring};
use crate::media::{ChunkStart, Frame, Micros, PublishId, TargetDuration, TrackKind, Tracks};

/// A complete chunk in memory. The payloads are shared with all other holders of the frames.
#[derive(Clone, Debug, PartialEq)]
pub struct RingChunk {
    /// The chunk's number in its stream.
    pub number: u64,
    /// How many discontinuities the stream has had, up to and including the beginning of the chunk.
    pub discontinuity: u64,
    /// True when the chunk begins with a discontinuity.
    pub breaks: bool,
    /// The target of the publish at the beginning of the chunk.
    pub target: TargetDuration,
    /// The configurations that decode the frames.
    pub tracks: Tracks,
    /// The frames, in the order in which they came.
    pub frames: Vec<Frame>,
    /// DTS of the picture that begins the next chunk, in ticks of these tracks; `None` where the next chunk does not follow at
    /// once, or begins with sound.
    pub next_video_dts: Option<i64>,
}

/// The chunks of a publish that are in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct RingChunks {
    /// The publish.
    pub publish: PublishId,
    /// Tape time of media time zero.
    pub tape_zero: Micros,
    /// UTC of the same moment, by the clock as it is now: a clock that is set late was wrong from the start of the boot.
    pub zero_utc: Micros,
    /// True while the publish is on the air.
    pub on_air: bool,
    /// True while the publish is recorded.
    pub recorded: bool,
    /// The target duration in seconds, if it is fixed.
    pub target_s: Option<u16>,
    /// The chunks with numbers from the one that was asked for on, oldest first. A chunk that was not complete yet when the
    /// recording of the publish began is not among them: it is played from the tape, when it is durable.
    pub chunks: Vec<RingChunk>,
}

/// The complete chunks of a ring with these numbers. The last chunk is complete when its publish is `over`.
pub(super) fn complete(ring: &Ring, numbers: Range<u64>, over: bool) -> Vec<RingChunk> {
    let mut chunks: Vec<RingChunk> = Vec::new();
    if numbers.is_empty() {
        return chunks;
    }
    // The chunk that is being collected, if it is wanted.
    let mut open: Option<RingChunk> = None;
    for gop in ring.gops() {
        for (place, frame) in gop.frames.iter().enumerate() {
            if let Some((start, tracks)) = gop.chunk_at(place) {
                chunks.extend(open.take().and_then(|open| followed(open, start, frame)));
                open = numbers.contains(&start.number).then(|| begin(start, tracks));
            }
            if let Some(open) = &mut open {
                take(open, gop, frame);
            }
        }
    }
    chunks.extend(open.filter(|_| over));
    chunks
}

fn begin(start: ChunkStart, tracks: &Tracks) -> RingChunk {
    RingChunk {
        number: start.number,
        discontinuity: start.discontinuity,
        breaks: start.breaks,
        target: start.target,
        tracks: tracks.clone(),
        frames: Vec::new(),
        next_video_dts: None,
    }
}

/// A chunk that is complete, because another begins with `frame`. A chunk that another number lies between is not the whole
/// chunk: the tape was given the rest of its frames in another order.
fn followed(mut chunk: RingChunk, next: ChunkStart, frame: &Frame) -> Option<RingChunk> {
    if chunk.number.checked_add(1) != Some(next.number) {
        return None;
    }
    let at_once = frame.kind == TrackKind::Video && !next.breaks;
    chunk.next_video_dts = at_once.then_some(frame.dts);
    Some(chunk)
}

fn take(chunk: &mut RingChunk, gop: &Gop, frame: &Frame) {
    if chunk.tracks.timescale(frame.kind).is_none() {
        // The track was added within the chunk.
        chunk.tracks = gop.tracks.clone();
    }
    if chunk.tracks.timescale(frame.kind).is_some() {
        chunk.frames.push(frame.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::ring::Kept;
    use crate::recorder::testing::{audio, tracks, video};

    /// Ten pictures a second with a chunk each second, whose numbers are those of `numbers`.
    fn ring(numbers: &[u64]) -> Ring {
        let mut ring = Ring::default();
        let starts = numbers.iter().map(|number| ChunkStart {
            number: *number,
            ..ChunkStart::default()
        });
        for (second, start) in (0..).zip(starts) {
            for n in 0..10 {
                let at = second * 1000 + n * 100;
                let chunk = (n == 0).then_some(start);
                let kept = |frame| Kept {
                    frame,
                    at: at * 1000,
                    number: 0,
                    chunk: None,
                };
                let picture = kept(video(at, n == 0, 10));
                ring.push(Kept { chunk, ..picture }, &tracks());
                ring.push(kept(audio(at * 48, 5)), &tracks());
            }
        }
        ring
    }

    #[test]
    fn a_chunk_is_complete_when_the_next_one_has_begun() {
        let ring = ring(&[7, 8, 9]);
        let chunks = complete(&ring, 0..u64::MAX, false);
        let said: Vec<_> = chunks
            .iter()
            .map(|chunk| (chunk.number, chunk.frames.len(), chunk.next_video_dts))
            .collect();
        assert_eq!(said, [(7, 20, Some(1000)), (8, 20, Some(2000))]);
        assert!(chunks.iter().all(|chunk| chunk.tracks == tracks()));
        let only: Vec<u64> = complete(&ring, 0..8, false)
            .iter()
            .map(|chunk| chunk.number)
            .collect();
        assert_eq!(only, [7]);
        // At the end of the publish the last one is complete, too.
        let numbers: Vec<u64> = complete(&ring, 8..u64::MAX, true)
            .iter()
            .map(|chunk| chunk.number)
            .collect();
        assert_eq!(numbers, [8, 9]);
    }

    #[test]
    fn a_chunk_that_lost_its_beginning_is_not_there() {
        let mut ring = ring(&[7, 8, 9]);
        assert!(ring.drop_oldest());
        let numbers: Vec<u64> = complete(&ring, 0..u64::MAX, false)
            .iter()
            .map(|chunk| chunk.number)
            .collect();
        assert_eq!(numbers, [8]);
    }

    #[test]
    fn a_chunk_behind_which_a_number_is_missing_is_not_whole() {
        let numbers: Vec<u64> = complete(&ring(&[7, 8, 10, 11]), 0..u64::MAX, false)
            .iter()
            .map(|chunk| chunk.number)
            .collect();
        assert_eq!(numbers, [7, 10]);
    }
}
