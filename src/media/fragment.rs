//! A run of frames that goes to flash in one write: the unit of durability.

use super::{ChunkStart, Frame, Micros, TrackKind, Tracks, rescale};

/// At most a second of both tracks, in decode order per track.
///
/// The frames of a fragment all belong to `tracks`: a new configuration begins a new fragment.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment {
    /// The configurations that the frames decode with.
    pub tracks: Tracks,
    /// Video frames, ascending DTS.
    pub video: Vec<Frame>,
    /// Audio frames, ascending DTS.
    pub audio: Vec<Frame>,
    /// DTS of the video frame that follows, when it is known. It gives the last frame its true duration.
    pub next_video_dts: Option<i64>,
    /// DTS of the audio frame that follows, when it is known.
    pub next_audio_dts: Option<i64>,
    /// Set when a chunk of the stream begins with the fragment; else the fragment continues a chunk.
    pub chunk: Option<ChunkStart>,
}

impl Fragment {
    /// Bytes of media in the fragment.
    pub fn payload_bytes(&self) -> usize {
        self.video
            .iter()
            .chain(&self.audio)
            .map(|frame| frame.payload.len())
            .sum()
    }

    /// Bytes of memory that the fragment takes up.
    pub fn cost(&self) -> usize {
        let frames = self.video.iter().chain(&self.audio);
        let frames: usize = frames.map(Frame::cost).sum();
        frames.saturating_add(self.tracks.record_bytes())
    }

    /// True when a player can begin at the fragment: its first video frame is a keyframe, or it has only audio.
    pub fn starts_with_key(&self) -> bool {
        match self.video.first() {
            Some(frame) => frame.key,
            None => self.tracks.video.is_none(),
        }
    }

    /// True when a segment can begin with the fragment: a player can begin there, and a chunk begins.
    pub fn is_entry(&self) -> bool {
        self.chunk.is_some() && self.starts_with_key()
    }

    /// Media time from the earliest frame to the end of the latest, in microseconds. A last frame whose successor is not known
    /// lasts as long as the one before it.
    pub fn span(&self) -> (Micros, Micros) {
        let tracks = [
            (TrackKind::Video, &self.video, self.next_video_dts),
            (TrackKind::Audio, &self.audio, self.next_audio_dts),
        ];
        let spans = tracks.into_iter().filter_map(|(kind, frames, next)| {
            let scale = self.tracks.timescale(kind)?;
            let (first, last) = (frames.first()?.dts, frames.last()?.dts);
            let before = frames.iter().rev().nth(1).map_or(last, |frame| frame.dts);
            let end = next.unwrap_or(last.saturating_add(last.saturating_sub(before)));
            let micros = |dts| rescale(dts, scale, 1_000_000);
            Some((micros(first), micros(end.max(last))))
        });
        spans
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .unwrap_or_default()
    }

    /// True when the fragment has no frame at all.
    pub fn is_empty(&self) -> bool {
        self.video.is_empty() && self.audio.is_empty()
    }
}
