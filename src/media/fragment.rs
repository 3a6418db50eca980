//! A run of frames that goes to flash in one write: the unit of durability.

use super::{Frame, Tracks};

/// At most a second of both tracks, in decode order per track.
///
/// The frames of a fragment all belong to `tracks`: a new configuration begins a new fragment.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment {
    /// The configurations that its frames decode with.
    pub tracks: Tracks,
    /// Video frames, ascending DTS.
    pub video: Vec<Frame>,
    /// Audio frames, ascending DTS.
    pub audio: Vec<Frame>,
    /// DTS of the video frame that follows, when it is known: gives the last frame its true duration.
    pub next_video_dts: Option<i64>,
    /// DTS of the audio frame that follows, when it is known.
    pub next_audio_dts: Option<i64>,
}

impl Fragment {
    /// Bytes of media it carries.
    pub fn payload_bytes(&self) -> usize {
        self.video
            .iter()
            .chain(&self.audio)
            .map(|frame| frame.payload.len())
            .sum()
    }

    /// True when a player can begin here: its first video frame is a keyframe, or it has only audio.
    pub fn starts_with_key(&self) -> bool {
        match self.video.first() {
            Some(frame) => frame.key,
            None => self.tracks.video.is_none(),
        }
    }

    /// True when it carries no frame at all.
    pub fn is_empty(&self) -> bool {
        self.video.is_empty() && self.audio.is_empty()
    }
}
