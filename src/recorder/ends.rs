//! The end of a publish so far, on each track.

use crate::media::{Micros, TrackKind};

/// Where each track ends so far, in microseconds of media time.
#[derive(Debug, Default)]
pub(super) struct TrackEnds {
    pub(super) first: Option<Micros>,
    /// When the last picture began, and how long it lasts.
    pub(super) video: Option<(Micros, Micros)>,
    pub(super) audio: Option<Micros>,
}

impl TrackEnds {
    /// Notes a frame at `at`. `audio_duration` is its duration, if it is sound.
    pub(super) fn extend(&mut self, kind: TrackKind, at: Micros, audio_duration: Micros) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        match kind {
            // A picture lasts until the next one; the last picture lasts as long as the one before it.
            TrackKind::Video => {
                let step = self.video.map_or(40_000, |(last, _)| (at - last).max(0));
                self.video = Some((at, step));
            }
            TrackKind::Audio => self.audio = Some(at + audio_duration),
        }
    }

    /// The end of the track that ends last.
    pub(super) fn last(&self) -> Micros {
        let video = self.video.map(|(last, step)| last + step);
        video.max(self.audio).unwrap_or(0).max(0)
    }
}
