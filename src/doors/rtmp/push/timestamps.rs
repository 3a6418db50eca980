//! From the media time of a channel to the timestamps of RTMP.

use crate::media::TrackKind;

/// The timestamps of one publish: zero is its first message, and no track goes back. So they go on over items and laps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timestamps {
    zero_ms: Option<u64>,
    /// The last time of pictures and of sound, behind zero.
    last_ms: [u64; 2],
}

impl Timestamps {
    /// The timestamp of a message. RTMP counts milliseconds in 32 bits, and begins again behind 49.7 days (RTMP §5.3.1).
    pub(super) fn of(&mut self, kind: TrackKind, at_ms: u64) -> u32 {
        let zero_ms = *self.zero_ms.get_or_insert(at_ms);
        let [video, audio] = &mut self.last_ms;
        let last_ms = match kind {
            TrackKind::Video => video,
            TrackKind::Audio => audio,
        };
        // The sound of an item may end behind the beginning of the next item's.
        *last_ms = at_ms.saturating_sub(zero_ms).max(*last_ms);
        u32::try_from(*last_ms & u64::from(u32::MAX)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_on_and_wrap_at_32_bits() {
        let mut stamps = Timestamps::default();
        let mut of = |kind, at_ms| stamps.of(kind, at_ms);
        assert_eq!(of(TrackKind::Video, 10_040), 0);
        assert_eq!(of(TrackKind::Audio, 10_020), 0, "nothing is before zero");
        assert_eq!(of(TrackKind::Audio, 16_100), 6_060);
        assert_eq!(of(TrackKind::Video, 16_040), 6_000);
        assert_eq!(of(TrackKind::Audio, 16_080), 6_060, "no track goes back");
        assert_eq!(of(TrackKind::Audio, 16_103), 6_063);
        let wraps = 1 << 32;
        assert_eq!(of(TrackKind::Video, 10_040 + wraps - 1), u32::MAX);
        assert_eq!(of(TrackKind::Video, 10_040 + wraps + 39), 39);
        assert_eq!(of(TrackKind::Audio, 10_040 + wraps + 20), 20);
    }
}
