//! The state of the streams, for lists and status lines.

use std::sync::Arc;

use crate::event::{PublishAbout, Recorded};
use crate::media::{Frame, LeftOut, Micros, Oddity, PublishId, RecordingId, StreamName, TrackKind, Tracks};

/// A stream as the status shows it.
#[derive(Clone, Debug)]
pub struct StreamStatus {
    /// The name of the stream.
    pub stream: StreamName,
    /// The publish.
    pub publish: PublishId,
    /// The publisher.
    pub about: Arc<PublishAbout>,
    /// The tracks that the publisher sends; empty before the first sequence header.
    pub tracks: Tracks,
    /// The tracks with a codec that edgereel does not record.
    pub left_out: Vec<LeftOut>,
    /// The recordings that grow with the publish.
    pub recordings: Vec<RecordingId>,
    /// Media received in this publish, bytes.
    pub bytes: u64,
    /// Media received over the last second, bits per second.
    pub bits_per_second: u64,
    /// Pictures received over the last second, per second.
    pub fps: f64,
    /// Time between the last two keyframes, microseconds of tape time.
    pub gop: Option<Micros>,
    /// Whether the stream is recorded now, and how, or why not.
    pub recorded: Recorded,
    /// Gaps in the stream's tape since the start of the service.
    pub gaps: u64,
    /// Frames of this publish that were not recorded, because they cannot be decoded.
    pub dropped_frames: u64,
    /// The faults of the publish's media, and how edgereel handles them.
    pub oddities: Vec<Oddity>,
    /// Media of the stream in memory, bytes.
    pub ring_bytes: usize,
    /// Viewers can play the stream live: it is recorded, or kept in memory for them.
    pub plays: bool,
    /// CLOCK_BOOTTIME when the publisher was last heard.
    pub last_heard: Micros,
}

/// Measures the time from one keyframe to the next.
#[derive(Debug, Default)]
pub(super) struct GopLength {
    last: Option<Micros>,
    pub(super) length: Option<Micros>,
}

impl GopLength {
    /// Notes a frame at this tape time.
    pub(super) fn see(&mut self, frame: &Frame, at: Micros) {
        if frame.kind == TrackKind::Video && frame.key {
            let last = self.last.replace(at);
            self.length = last.map(|last| at.saturating_sub(last)).or(self.length);
        }
    }
}

/// Bytes and pictures over the last whole second.
#[derive(Debug, Default)]
pub(super) struct Rate {
    second_began: Micros,
    bytes: u64,
    pictures: u32,
    last: u64,
    last_pictures: f64,
}

impl Rate {
    pub(super) fn count(&mut self, bytes: u64, is_picture: bool, now: Micros) {
        let elapsed = now - self.second_began;
        if elapsed >= 1_000_000 {
            let per_second = u128::from(self.bytes) * 1_000_000 / u128::try_from(elapsed.max(1)).unwrap_or(1);
            self.last = u64::try_from(per_second).unwrap_or(u64::MAX);
            self.last_pictures = f64::from(self.pictures) * 1e6 / elapsed.max(1) as f64;
            (self.bytes, self.pictures) = (0, 0);
            self.second_began = now;
        }
        self.bytes += bytes;
        self.pictures += u32::from(is_picture);
    }

    /// Pictures a second, to a tenth.
    pub(super) fn fps(&self, now: Micros) -> f64 {
        match now - self.second_began {
            3_000_001.. => 0.0,
            _ => (self.last_pictures * 10.0).round() / 10.0,
        }
    }

    pub(super) fn bits_per_second(&self, now: Micros) -> u64 {
        match (now - self.second_began, self.last) {
            // A stream that fell silent sends nothing now.
            (3_000_001.., _) => 0,
            // In the first second, the bytes so far are the best estimate.
            (_, 0) => self.bytes * 8,
            (_, last) => last * 8,
        }
    }
}
