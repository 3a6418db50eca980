//! Decides when a new segment begins. Pure.

use crate::media::{Fragment, Micros, Tracks};

/// A publisher that never sends a keyframe does not get an endless file either: at this many times the limits a segment ends at
/// any fragment.
const PATIENCE: u64 = 8;

/// How large a segment may become.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::writer) struct Limits {
    pub(in crate::store::writer) duration: Micros,
    pub(in crate::store::writer) bytes: u64,
}

/// The segment that is open.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::writer) struct OpenSegment<'a> {
    pub(in crate::store::writer) tracks: &'a Tracks,
    pub(in crate::store::writer) duration: Micros,
    pub(in crate::store::writer) bytes: u64,
    /// A recording began or ended within the segment: the next keyframe is a better place for a seam than a later one.
    pub(in crate::store::writer) rotates: bool,
}

/// The decision about a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::writer) enum Decision {
    /// The fragment goes on the open segment.
    Append,
    /// The fragment begins a new segment.
    Begin,
    /// The fragment is lost: nothing can be played from its beginning.
    Drop,
}

pub(in crate::store::writer) fn decide(
    open: Option<OpenSegment<'_>>,
    fragment: &Fragment,
    limits: Limits,
) -> Decision {
    // A segment begins with a chunk, so that the numbers of its chunks are known from it alone.
    let (entry, begins) = (fragment.is_entry(), fragment.chunk.is_some());
    let Some(open) = open else {
        // Sound that comes before the first picture can be played, whatever the picture will be.
        let playable = entry || (begins && fragment.video.is_empty());
        return if playable { Decision::Begin } else { Decision::Drop };
    };
    let reached = |times: u64| {
        let duration = limits
            .duration
            .saturating_mul(i64::try_from(times).unwrap_or(i64::MAX));
        open.duration >= duration || open.bytes >= limits.bytes.saturating_mul(times)
    };
    // One header describes one configuration: a change of configuration cannot wait for a keyframe.
    if *open.tracks != fragment.tracks
        || (begins && reached(PATIENCE))
        || (entry && (open.rotates || reached(1)))
    {
        Decision::Begin
    } else {
        Decision::Append
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::ChunkStart;
    use crate::store::testing;

    const LIMITS: Limits = Limits {
        duration: 60_000_000,
        bytes: 1_000,
    };

    fn open(tracks: &Tracks, duration: Micros, bytes: u64, rotates: bool) -> Option<OpenSegment<'_>> {
        Some(OpenSegment {
            tracks,
            duration,
            bytes,
            rotates,
        })
    }

    #[test]
    fn a_segment_begins_at_a_keyframe() {
        let (key, delta) = (testing::fragment(0, true), testing::fragment(0, false));
        assert_eq!(decide(None, &key, LIMITS), Decision::Begin);
        assert_eq!(decide(None, &delta, LIMITS), Decision::Drop);
        for (duration, bytes, rotates) in [(60_000_000, 0, false), (0, 1_000, false), (0, 0, true)] {
            let tracks = testing::tracks();
            let open = open(&tracks, duration, bytes, rotates);
            assert_eq!(decide(open, &key, LIMITS), Decision::Begin);
            assert_eq!(decide(open, &delta, LIMITS), Decision::Append);
        }
        let tracks = testing::tracks();
        assert_eq!(
            decide(open(&tracks, 59_999_999, 999, false), &key, LIMITS),
            Decision::Append
        );
    }

    #[test]
    fn a_keyframe_within_a_chunk_begins_no_segment() {
        let key = Fragment {
            chunk: None,
            ..testing::fragment(0, true)
        };
        let tracks = testing::tracks();
        assert_eq!(decide(None, &key, LIMITS), Decision::Drop);
        assert_eq!(
            decide(open(&tracks, 480_000_000, 8_000, true), &key, LIMITS),
            Decision::Append
        );
    }

    #[test]
    fn another_configuration_does_not_wait() {
        let mut tracks = testing::tracks();
        tracks.audio = None;
        let delta = testing::fragment(0, false);
        assert_eq!(
            decide(open(&tracks, 0, 0, false), &delta, LIMITS),
            Decision::Begin
        );
    }

    #[test]
    fn sound_alone_begins_anywhere() {
        let mut sound = testing::fragment(0, true);
        sound.video.clear();
        sound.tracks.video = None;
        assert_eq!(decide(None, &sound, LIMITS), Decision::Begin);
        let tracks = sound.tracks.clone();
        assert_eq!(
            decide(open(&tracks, 60_000_000, 0, false), &sound, LIMITS),
            Decision::Begin
        );
    }

    #[test]
    fn sound_may_come_before_the_first_picture() {
        let mut sound = testing::fragment(0, false);
        sound.chunk = Some(ChunkStart::default());
        sound.video.clear();
        assert_eq!(decide(None, &sound, LIMITS), Decision::Begin);
    }

    #[test]
    fn a_stream_without_keyframes_is_bounded() {
        let delta = Fragment {
            chunk: Some(ChunkStart::default()),
            ..testing::fragment(0, false)
        };
        let tracks = testing::tracks();
        assert_eq!(
            decide(open(&tracks, 0, 8_000, false), &delta, LIMITS),
            Decision::Begin
        );
    }
}
