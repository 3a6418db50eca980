//! One coded picture or one packet of sound, and the other messages of a publisher about its media.

use bytes::Bytes;

use super::{CodecConfig, Oddity};

/// One of a stream's two tracks.
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

    /// The names of the codecs of such a track that are recorded, for texts.
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

/// Memory of a frame beside its payload, in bytes: the frame itself, the payload's share counts, and the allocator's rounding.
pub const FRAME_COST: usize = 128;

/// A coded frame on its track's own time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The frame's track.
    pub kind: TrackKind,
    /// Decode time in ticks of the track, counted from the first frame of the publish. It can be slightly negative: the second
    /// track of a publish may begin before the first frame that arrived.
    pub dts: i64,
    /// Presentation time less decode time, in ticks. It is negative where the publisher says so.
    pub cts: i32,
    /// True when decoding can begin here. Always true for audio.
    pub key: bool,
    /// The sample as MP4 keeps it: length-prefixed NAL units, a raw AAC frame, AV1 OBUs, an Opus packet.
    pub payload: Bytes,
}

impl Frame {
    /// Bytes of memory that the frame takes up. A frame of one byte has its cost, too.
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
    /// The frame's track.
    pub kind: TrackKind,
    /// The publisher's decode time in milliseconds. It wraps at 2³².
    pub timestamp_ms: u32,
    /// Composition offset in milliseconds, 0 for audio.
    pub cts_ms: i32,
    /// True when decoding can begin here.
    pub key: bool,
    /// The sample, without any tag header.
    pub payload: Bytes,
}

/// A message of a publisher, parsed.
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
    /// `onMetaData`, for display only: no decision depends on its claims.
    Metadata(Metadata),
    /// A track whose codec is not recorded, so it is left out. Comes once for each publish and track.
    LeftOut(LeftOut),
    /// A fault in the media. It comes each time where it [loses a frame](Oddity::loses_a_frame), else once.
    Oddity(Oddity),
}

/// A track that is sent and not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The track.
    pub kind: TrackKind,
    /// The codec: a name, or its number or FourCC.
    pub codec: String,
}

/// The few fields of `onMetaData` that a recorder shows or waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// True when the publisher announced a video track.
    pub has_video: bool,
    /// True when the publisher announced an audio track.
    pub has_audio: bool,
    /// Pictures per second, as the publisher announced them.
    pub frame_rate: Option<f64>,
    /// Name and version of the encoder.
    pub encoder: Option<String>,
}
