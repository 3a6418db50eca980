//! The last seconds of a stream in memory. They can be written when somebody asks for them later.

use std::collections::VecDeque;

use crate::media::{ChunkStart, Frame, Micros, TrackKind, Tracks};

/// Whole GOPs, oldest first. Payloads are shared with all other holders of the frames. Only whole GOPs leave, so that the rest
/// can always be decoded from its first frame.
#[derive(Debug, Default)]
pub(super) struct Ring {
    gops: VecDeque<Gop>,
    bytes: usize,
    /// Memory of the whole ring.
    cost: usize,
}

/// A keyframe and the frames that depend on it; a chunk of a stream without video.
#[derive(Debug)]
pub(super) struct Gop {
    /// The tracks that decode the frames.
    pub(super) tracks: Tracks,
    /// Tape time of the first frame.
    pub(super) start: Micros,
    /// Tape time at which the first frame is shown; with B-frames that is later. Pictures that are shown before need the GOP
    /// before.
    shown: Micros,
    pub(super) frames: Vec<Frame>,
    /// The number of the first frame: the frames of a publish are counted as they come.
    pub(super) first: u64,
    /// The chunks that begin within the GOP.
    chunks: Vec<Begins>,
    bytes: usize,
    cost: usize,
}

/// Most frames that memory is taken for ahead of time.
const MOST_EXPECTED: usize = 4_096;

impl Ring {
    /// Takes a frame. A frame before the first keyframe cannot be decoded, and is left out.
    pub(super) fn push(&mut self, kept: Kept, tracks: &Tracks) {
        let Kept {
            frame,
            at,
            number,
            chunk,
        } = kept;
        if self.begins_gop(&frame, tracks, chunk) {
            // GOPs of one stream resemble each other: the last one's size is the best guess for the next.
            let expected = self
                .gops
                .back()
                .map_or(64, |gop| gop.frames.len().min(MOST_EXPECTED));
            let cost = tracks.record_bytes();
            self.cost += cost;
            let frames = Vec::with_capacity(expected);
            self.gops.push_back(Gop {
                tracks: tracks.clone(),
                start: at,
                shown: at.saturating_add(match frame.kind {
                    TrackKind::Video => tracks.micros(TrackKind::Video, frame.cts.into()),
                    TrackKind::Audio => 0,
                }),
                frames,
                first: number,
                chunks: Vec::new(),
                bytes: 0,
                cost,
            });
        }
        if let Some(gop) = self.gops.back_mut() {
            gop.bytes += frame.payload.len();
            self.bytes += frame.payload.len();
            gop.chunks.extend(chunk.map(|start| Begins {
                place: gop.frames.len(),
                start,
                tracks: tracks.clone(),
            }));
            gop.cost += frame.cost();
            self.cost += frame.cost();
            gop.frames.push(frame);
        }
    }

    /// Drops the GOPs that are not needed to show the last `pre_roll` before `now` (tape time).
    pub(super) fn expire(&mut self, now: Micros, pre_roll: Micros) {
        while self.gops.get(1).is_some_and(|next| next.shown <= now - pre_roll) {
            self.drop_oldest();
        }
    }

    /// Drops the oldest GOP; false when there is none.
    pub(super) fn drop_oldest(&mut self) -> bool {
        match self.gops.pop_front() {
            Some(gop) => {
                self.bytes -= gop.bytes;
                self.cost -= gop.cost;
                true
            }
            None => false,
        }
    }

    /// The GOPs that show everything from tape time `from` on, as far as the ring has them.
    pub(super) fn since(&self, from: Micros) -> impl Iterator<Item = &Gop> {
        let first = self.gops.iter().rposition(|gop| gop.shown <= from).unwrap_or(0);
        self.gops.iter().skip(first)
    }

    /// The GOP with which a chunk begins that shows everything from tape time `from` on. Where the ring does not go back to the
    /// beginning of that chunk: the first GOP from then on with which a chunk begins.
    pub(super) fn entry(&self, from: Micros) -> Option<&Gop> {
        let first = self.gops.iter().rposition(|gop| gop.shown <= from).unwrap_or(0);
        let before = self.gops.iter().take(first.saturating_add(1));
        let begins = |gop: &&Gop| gop.begins_chunk();
        before
            .rev()
            .find(begins)
            .or_else(|| self.since(from).find(begins))
    }

    /// All GOPs, oldest first.
    pub(super) fn gops(&self) -> impl Iterator<Item = &Gop> {
        self.gops.iter()
    }

    /// The number of the oldest frame in the ring.
    pub(super) fn first(&self) -> Option<u64> {
        self.gops.front().map(|gop| gop.first)
    }

    /// Drops all GOPs: the next frames are another publish's.
    pub(super) fn clear(&mut self) {
        self.gops.clear();
        (self.bytes, self.cost) = (0, 0);
    }

    /// Bytes of media in the ring.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Memory of the ring, bytes.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Tape time of the oldest frame in the ring.
    pub(super) fn start(&self) -> Option<Micros> {
        self.gops.front().map(|gop| gop.start)
    }

    /// Tape time of the oldest picture that can be shown.
    pub(super) fn shows_from(&self) -> Option<Micros> {
        self.gops.front().map(|gop| gop.shown)
    }

    fn begins_gop(&self, frame: &Frame, tracks: &Tracks, chunk: Option<ChunkStart>) -> bool {
        match (frame.kind, &tracks.video) {
            (TrackKind::Video, _) => frame.key,
            (TrackKind::Audio, Some(_)) => false,
            (TrackKind::Audio, None) => self
                .gops
                .back()
                .is_none_or(|gop| gop.tracks != *tracks || chunk.is_some()),
        }
    }
}

impl Gop {
    /// True when a chunk begins with the GOP.
    pub(super) fn begins_chunk(&self) -> bool {
        self.chunks.first().is_some_and(|chunk| chunk.place == 0)
    }

    /// The chunk that begins with the frame at `place`, and the tracks that decode it.
    pub(super) fn chunk_at(&self, place: usize) -> Option<(ChunkStart, &Tracks)> {
        let found = self.chunks.iter().find(|chunk| chunk.place == place);
        found.map(|chunk| (chunk.start, &chunk.tracks))
    }
}

/// The beginning of a chunk.
#[derive(Debug)]
struct Begins {
    /// The place of its first frame in the GOP.
    place: usize,
    start: ChunkStart,
    /// The tracks that decode it.
    tracks: Tracks,
}

/// A frame as the ring keeps it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) frame: Frame,
    /// Tape time of the frame.
    pub(super) at: Micros,
    /// The frame's number: the frames of a publish are counted as they come.
    pub(super) number: u64,
    /// The chunk that begins with the frame.
    pub(super) chunk: Option<ChunkStart>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::testing::{audio, tracks, video};

    fn kept(frame: Frame, at: Micros, number: i64) -> Kept {
        Kept {
            frame,
            at,
            number: number.unsigned_abs(),
            chunk: None,
        }
    }

    fn filled(seconds: i64) -> Ring {
        let mut ring = Ring::default();
        for n in 0..seconds * 10 {
            ring.push(kept(video(n * 100, n % 20 == 0, 1000), n * 100_000, n), &tracks());
        }
        ring
    }

    #[test]
    fn keeps_the_pre_roll_from_a_keyframe_on() {
        let mut ring = filled(30);
        ring.expire(29_900_000, 10_000_000);
        // 19.9 s is inside the GOP that begins at 18 s.
        assert_eq!(ring.start(), Some(18_000_000));
        assert_eq!(ring.bytes(), 120 * 1000);
    }

    #[test]
    fn starts_at_the_keyframe_before_the_moment_asked_for() {
        let ring = filled(10);
        let gops: Vec<_> = ring.since(5_000_000).map(|gop| gop.start).collect();
        assert_eq!(gops, [4_000_000, 6_000_000, 8_000_000]);
        assert!(
            ring.since(5_000_000)
                .all(|gop| gop.frames.first().is_some_and(|frame| frame.key))
        );
        assert_eq!(ring.since(-1).count(), 5);
    }

    #[test]
    fn nothing_before_the_first_keyframe() {
        let mut ring = Ring::default();
        ring.push(kept(audio(0, 10), 0, 0), &tracks());
        ring.push(kept(video(0, false, 10), 0, 1), &tracks());
        assert_eq!((ring.bytes(), ring.start()), (0, None));
    }

    #[test]
    fn sound_alone_is_kept_in_chunks() {
        let only_audio = Tracks {
            video: None,
            ..tracks()
        };
        let mut ring = Ring::default();
        for n in 0..100 {
            let chunk = (n % 24 == 0).then(ChunkStart::default);
            let kept = kept(audio(n * 1024, 10), n * 21_333, n);
            ring.push(Kept { chunk, ..kept }, &only_audio);
        }
        assert_eq!(ring.since(-1).count(), 5);
        ring.expire(100 * 21_333, 1_000_000);
        assert!(
            ring.start()
                .is_some_and(|start| start <= 1_133_300 && start > 400_000)
        );
    }

    #[test]
    fn a_chunk_of_several_gops_is_entered_at_its_beginning() {
        let mut ring = Ring::default();
        for n in 0..40 {
            let chunk = (n % 8 == 4).then(ChunkStart::default);
            let kept = kept(video(n * 100, n % 2 == 0, 10), n * 100_000, n);
            ring.push(Kept { chunk, ..kept }, &tracks());
        }
        let entry = |ring: &Ring, from| ring.entry(from).map(|gop| gop.start);
        assert_eq!(entry(&ring, 1_900_000), Some(1_200_000));
        assert_eq!(ring.since(1_900_000).next().map(|gop| gop.start), Some(1_800_000));
        // The beginning of the first chunk is not there any more.
        assert_eq!(entry(&ring, 300_000), Some(400_000));
    }

    #[test]
    fn bytes_are_given_back() {
        let mut ring = filled(4);
        assert!(ring.drop_oldest());
        assert_eq!(ring.bytes(), 20 * 1000);
        assert!(ring.drop_oldest());
        assert!(!ring.drop_oldest());
        assert_eq!((ring.bytes(), ring.cost()), (0, 0));
    }
}
