//! Tracks whose coding is not recorded. They are left out, as long as the publish has another track that is recorded.

use super::TagError;
use crate::media::{LeftOut, TrackKind};

/// A publish that has sent nothing else for so long, in milliseconds of its own timestamps, has nothing that could be recorded.
const PATIENCE_MS: u32 = 10_000;

/// The tracks that are left out of one publish: the timestamp of the first tag of each, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Unrecorded {
    video: Option<u32>,
    audio: Option<u32>,
}

impl Unrecorded {
    /// Takes a tag whose coding is not recorded. Gives the track that is left out, the first time. The error says that nothing
    /// is left that could be recorded. `other` says whether the other track can be.
    pub(super) fn take(
        &mut self,
        kind: TrackKind,
        codec: String,
        timestamp_ms: u32,
        other: bool,
    ) -> Result<Option<LeftOut>, TagError> {
        let (this, others) = match kind {
            TrackKind::Video => (&mut self.video, self.audio),
            TrackKind::Audio => (&mut self.audio, self.video),
        };
        let first = this.is_none();
        let since = timestamp_ms.wrapping_sub(*this.get_or_insert(timestamp_ms));
        // Half of the range is the past: a timestamp that steps back does not count as time that has passed.
        let waited = (PATIENCE_MS..1 << 31).contains(&since);
        if !other && (waited || others.is_some()) {
            return Err(TagError::Codec { kind, codec });
        }
        Ok(first.then_some(LeftOut { kind, codec }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(all: &mut Unrecorded, kind: TrackKind, at: u32, other: bool) -> Result<bool, ()> {
        let taken = all.take(kind, "x".to_owned(), at, other);
        taken.map(|said| said.is_some()).map_err(|_| ())
    }

    #[test]
    fn a_track_is_left_out_once_and_a_publish_of_nothing_else_ends() {
        let (video, audio) = (TrackKind::Video, TrackKind::Audio);
        let mut camera = Unrecorded::default();
        assert_eq!(take(&mut camera, audio, 5, false), Ok(true));
        assert_eq!(take(&mut camera, audio, 9_000, false), Ok(false));
        assert_eq!(take(&mut camera, audio, 3_600_000, true), Ok(false));
        assert_eq!(take(&mut Unrecorded::default(), audio, u32::MAX, true), Ok(true));

        let mut sound = Unrecorded::default();
        assert_eq!(take(&mut sound, audio, u32::MAX - 10, false), Ok(true));
        assert_eq!(take(&mut sound, audio, u32::MAX - 20, false), Ok(false));
        assert_eq!(take(&mut sound, audio, 11_000, false), Err(()));

        let mut both = Unrecorded::default();
        assert_eq!(take(&mut both, video, 0, false), Ok(true));
        assert_eq!(take(&mut both, audio, 1, false), Err(()));
    }
}
