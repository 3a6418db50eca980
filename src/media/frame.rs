//! One coded picture or one packet of sound, and what a publisher may say about them.

use bytes::Bytes;

use super::{CodecConfig, Oddity};

/// Which of a stream's two tracks something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// The picture.
    Video,
    /// The sound.
    Audio,
}

impl TrackKind {
    /// `video` or `audio`, as in `ls --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            TrackKind::Video => "video",
            TrackKind::Audio => "audio",
        }
    }

    /// The codings of such a track that are recorded, in words.
    pub fn recorded_codecs(self) -> &'static str {
        match self {
            TrackKind::Video => "H.264, HEVC or AV1",
            TrackKind::Audio => "AAC, MP3 or Opus",
        }
    }

    /// The other of the two.
    pub fn other(self) -> Self {
        match self {
            TrackKind::Video => TrackKind::Audio,
            TrackKind::Audio => TrackKind::Video,
        }
    }
}

/// What a frame takes up beside its payload: itself, the payload's share counts, and what the allocator rounds up to.
pub const FRAME_COST: usize = 128;

/// A coded frame on its track's own time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The track it belongs to.
    pub kind: TrackKind,
    /// Decode time in ticks of the track, counted from the first frame of the publish. It can be slightly
    /// negative: the second track of a publish may begin before the first frame that arrived.
    pub dts: i64,
    /// Presentation time less decode time, in ticks; negative where the publisher says so.
    pub cts: i32,
    /// Decoding can begin here. Always true for audio.
    pub key: bool,
    /// The sample as MP4 keeps it: length-prefixed NAL units, a raw AAC frame, AV1 OBUs, an Opus packet.
    pub payload: Bytes,
}

impl Frame {
    /// Memory that it takes up: frames of one byte have their price, too.
    pub fn cost(&self) -> usize {
        self.payload.len().saturating_add(FRAME_COST)
    }

    /// Presentation time in ticks.
    pub fn pts(&self) -> i64 {
        self.dts.saturating_add(i64::from(self.cts))
    }
}

/// A frame as it came off the wire, before [`Timeline`](super::Timeline) has placed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The track it belongs to.
    pub kind: TrackKind,
    /// The publisher's decode time in milliseconds; wraps at 2³².
    pub timestamp_ms: u32,
    /// Composition offset in milliseconds, 0 for audio.
    pub cts_ms: i32,
    /// Decoding can begin here.
    pub key: bool,
    /// The sample, without any tag header.
    pub payload: Bytes,
}

/// What a publisher sends, parsed.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaMessage {
    /// A codec configuration, new or repeated, with the tag's timestamp in milliseconds.
    Config {
        /// The parsed configuration.
        config: CodecConfig,
        /// The tag's timestamp, milliseconds.
        timestamp_ms: u32,
    },
    /// A coded frame.
    Frame(Incoming),
    /// `onMetaData`, for display only: nothing is decided by what it claims.
    Metadata(Metadata),
    /// A track comes in a coding that is not recorded, so it is left out. Said once a publish and track.
    LeftOut(LeftOut),
    /// What is odd about the media, each time it is met where that [loses a frame](Oddity::loses_a_frame), else once.
    Oddity(Oddity),
}

/// A track that is sent and not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Which track.
    pub kind: TrackKind,
    /// Its coding: a name, or the number or FourCC it goes by.
    pub codec: String,
}

/// The few fields of `onMetaData` that say something a recorder shows or waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// The publisher announced a video track.
    pub has_video: bool,
    /// The publisher announced an audio track.
    pub has_audio: bool,
    /// Pictures per second, as announced.
    pub frame_rate: Option<f64>,
    /// Name and version of the encoder.
    pub encoder: Option<String>,
}
