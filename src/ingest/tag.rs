//! Audio and video message bodies into media: legacy FLV (Adobe's *Video File Format Specification* 10.1,
//! annex E.4) and E-RTMP.
//!
//! What encoders are known to get wrong is let pass. A codec that cannot be recorded is an error here; whether the track is
//! left out or the publish ends is decided in `left_out`.

use std::collections::VecDeque;

use bytes::Bytes;
use tracing::{info, warn};

use crate::media::{CodecConfig, CodecError, Incoming, MediaMessage, TrackKind, VideoCodec};

/// Why what is sent cannot be recorded. The text goes to the publisher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// A coding that is not recorded.
    #[error("{} codec {codec} is not recorded here; send {}", .kind.as_str(), .kind.recorded_codecs())]
    Codec {
        /// Which track.
        kind: TrackKind,
        /// Its name, or the number or FourCC it goes by.
        codec: String,
    },
    /// A second track, or tracks in a form that interleaves several.
    #[error("{} multitrack ({what}) is not recorded here; send one track", .kind.as_str())]
    Multitrack {
        /// Which track.
        kind: TrackKind,
        /// The form or track that came.
        what: String,
    },
    /// A configuration that cannot be used.
    #[error("sequence header: {0}")]
    Config(#[from] CodecError),
}

/// Parses the tags of one publish.
#[derive(Debug, Default)]
pub(super) struct TagParser {
    pub(super) video_config: Option<(VideoCodec, Bytes)>,
    pub(super) audio_config: Option<(crate::media::AudioCodec, Bytes)>,
    /// The part of the last MP3 header that a configuration depends on.
    pub(super) mp3_header: Option<[u8; 3]>,
    dropped: u64,
    told: Told,
}

/// What has been logged already: each oddity is told once a publish.
#[derive(Debug, Default)]
struct Told {
    early_frame: bool,
    empty_config: bool,
    short_tag: bool,
}

/// Where parsed media goes.
pub(super) type Sink = VecDeque<MediaMessage>;

impl TagParser {
    /// Frames that were dropped because nothing could decode them.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A sequence header. The same one again says nothing new and goes no further.
    pub(super) fn config(&self, config: CodecConfig, timestamp_ms: u32, sink: &mut Sink) {
        info!(config = ?config, "sequence header");
        sink.push_back(MediaMessage::Config { config, timestamp_ms });
    }

    /// A coded frame whose configuration is known.
    pub(super) fn frame(&mut self, frame: Incoming, configured: bool, sink: &mut Sink) {
        if frame.payload.is_empty() {
            return;
        }
        if configured {
            sink.push_back(MediaMessage::Frame(frame));
            return;
        }
        self.dropped += 1;
        if !self.told.early_frame {
            self.told.early_frame = true;
            warn!(
                track = frame.kind.as_str(),
                "frames come before their sequence header and are dropped"
            );
        }
    }

    /// A sequence header of no bytes, as some encoders send before or beside the real one.
    pub(super) fn empty_config(&mut self, kind: TrackKind) {
        if !self.told.empty_config {
            self.told.empty_config = true;
            warn!(track = kind.as_str(), "empty sequence header ignored");
        }
    }

    /// A tag that ends within its header. Empty ones are common and mean nothing.
    pub(super) fn short_tag(&mut self, kind: TrackKind, payload: &Bytes) {
        if !payload.is_empty() && !self.told.short_tag {
            self.told.short_tag = true;
            warn!(
                track = kind.as_str(),
                bytes = payload.len(),
                "tag without a body ignored"
            );
        }
    }
}

/// Walks through a tag's header; every step is nothing when the tag has ended.
pub(super) struct Cursor {
    rest: Bytes,
}

impl Cursor {
    pub(super) fn new(payload: Bytes) -> Self {
        Self { rest: payload }
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = *self.rest.first_chunk::<N>()?;
        self.skip(N)?;
        Some(taken)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        if count > self.rest.len() {
            return None;
        }
        self.rest = self.rest.slice(count..);
        Some(())
    }

    /// Composition time: 24 bits, signed.
    pub(super) fn si24(&mut self) -> Option<i32> {
        let [a, b, c] = self.take::<3>()?;
        Some(i32::from_be_bytes([a, b, c, 0]) >> 8)
    }

    pub(super) fn rest(self) -> Bytes {
        self.rest
    }
}

/// The header of an E-RTMP tag behind the first byte: ModEx prelude, multitrack, FourCC.
pub(super) struct Extended {
    /// The packet type that remains when ModEx and multitrack are taken off.
    pub(super) packet: u8,
    /// The coding.
    pub(super) fourcc: [u8; 4],
}

/// What video and audio headers read alike, but for the number that says `Multitrack`.
pub(super) struct Packets {
    /// Which track.
    pub(super) kind: TrackKind,
    /// `Multitrack`.
    pub(super) multitrack: u8,
}

/// `ModEx` has the same number for both.
const MOD_EX: u8 = 7;

impl Packets {
    /// Skips `ModEx` packets (nanosecond offsets and what may come, E-RTMP "ModEx"); the packet type behind.
    pub(super) fn skip_mod_ex(&self, mut packet: u8, cursor: &mut Cursor) -> Option<u8> {
        while packet == MOD_EX {
            let mut size = usize::from(cursor.u8()?) + 1;
            if size == 256 {
                size = usize::from(u16::from_be_bytes(cursor.take()?)) + 1;
            }
            cursor.skip(size)?;
            packet = cursor.u8()? & 0x0F;
        }
        Some(packet)
    }

    /// Reads multitrack header and FourCC. Nothing when the tag is cut short.
    pub(super) fn read(&self, packet: u8, cursor: &mut Cursor) -> Result<Option<Extended>, TagError> {
        Ok(if packet == self.multitrack {
            self.read_multitrack(cursor)?
        } else {
            cursor.take().map(|fourcc| Extended { packet, fourcc })
        })
    }

    fn read_multitrack(&self, cursor: &mut Cursor) -> Result<Option<Extended>, TagError> {
        let refuse = |what: String| TagError::Multitrack {
            kind: self.kind,
            what,
        };
        let Some(byte) = cursor.u8() else { return Ok(None) };
        match byte >> 4 {
            0 => {}
            1 => return Err(refuse("many tracks".to_owned())),
            2 => return Err(refuse("many tracks, many codecs".to_owned())),
            other => return Err(refuse(format!("form {other}"))),
        }
        let (Some(fourcc), Some(track)) = (cursor.take::<4>(), cursor.u8()) else {
            return Ok(None);
        };
        if track != 0 {
            return Err(refuse(format!("track {track}")));
        }
        Ok(Some(Extended {
            packet: byte & 0x0F,
            fourcc,
        }))
    }

    /// A coding that is not recorded, by its FourCC.
    pub(super) fn unknown(&self, fourcc: [u8; 4]) -> TagError {
        TagError::Codec {
            kind: self.kind,
            codec: format!("'{}'", fourcc.escape_ascii()),
        }
    }
}
