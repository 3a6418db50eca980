//! Makes media from the bodies of audio and video messages: legacy FLV (Adobe's *Video File Format Specification* 10.1, annex
//! E.4) and E-RTMP.
//!
//! Mistakes that encoders are known to make are tolerated. A codec that cannot be recorded is an error here. The module
//! `left_out` decides whether the track is left out or the publish ends.

use std::collections::VecDeque;

use bytes::Bytes;
use tracing::{info, warn};

use crate::media::{
    AudioConfig, CodecConfig, CodecError, ColourInfo, MediaMessage, Oddity, TrackKind, VideoConfig,
};

/// Why the media cannot be recorded. The text goes to the publisher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// A coding that is not recorded.
    #[error("{} codec {codec} is not recorded here; send {}", .kind.as_str(), .kind.recorded_codecs())]
    Codec {
        /// The kind of the track.
        kind: TrackKind,
        /// The coding's name, or its number or FourCC.
        codec: String,
    },
    /// A configuration that cannot be used.
    #[error("sequence header: {0}")]
    Config(#[from] CodecError),
}

/// Parses the tags of one publish.
#[derive(Debug, Default)]
pub(super) struct TagParser {
    pub(super) video_config: Option<VideoConfig>,
    pub(super) audio_config: Option<AudioConfig>,
    /// The configuration of the sound was made of an ADTS header.
    pub(super) adts_config: bool,
    /// The configuration of the picture was made of parameter sets.
    pub(super) sets_config: bool,
    /// A picture was marked as a keyframe.
    pub(super) has_flags: bool,
    /// The latest colours and light, which count from the next keyframe on.
    pub(super) colour_info: ColourInfo,
    /// A picture came that the present configuration decodes.
    pub(super) has_pictures: bool,
    /// The part of the last MP3 header that a configuration depends on.
    pub(super) mp3_header: Option<[u8; 3]>,
    dropped: u64,
    told: Told,
}

/// What was reported already. Each is reported once a publish.
#[derive(Debug, Default)]
struct Told {
    oddities: Vec<Oddity>,
    empty_config: bool,
    short_tag: bool,
}

/// The longest configuration record, in bytes. Encoders' records have some hundred bytes, and every GOP in memory keeps its
/// own.
const MAX_RECORD: usize = 64 << 10;

/// From this many bytes on, a small part that is kept of a message is copied.
const WORTH_COPYING: usize = 4 << 10;

/// Copies a configuration record, so that it holds no more memory than its own.
pub(super) fn own_record(record: &Bytes, codec: &'static str) -> Result<Bytes, CodecError> {
    match record.len() {
        0..=MAX_RECORD => Ok(Bytes::copy_from_slice(record)),
        _ => Err(CodecError::Invalid {
            codec,
            what: "it is longer than 64 KiB",
        }),
    }
}

/// Copies frames that are a small part of their message, so that they do not hold all of it. Memory is counted by the frame's
/// length for as long as the frame is kept.
pub(super) fn own_frames<'a>(frames: impl Iterator<Item = &'a mut MediaMessage>, message: usize) {
    for frame in frames {
        if let MediaMessage::Frame(frame) = frame
            && message > WORTH_COPYING
            && frame.payload.len() < message / 2
        {
            frame.payload = Bytes::copy_from_slice(&frame.payload);
        }
    }
}

/// The queue that parsed media goes to.
pub(super) type Sink = VecDeque<MediaMessage>;

impl TagParser {
    /// The number of frames that were dropped because nothing could decode them.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Passes a sequence header on.
    pub(super) fn config(&self, config: CodecConfig, timestamp_ms: u32, sink: &mut Sink) {
        info!(config = ?config, "sequence header");
        sink.push_back(MediaMessage::Config { config, timestamp_ms });
    }

    /// Drops a frame that came before its sequence header. A frame of no bytes does not count.
    pub(super) fn early_frame(&mut self, kind: TrackKind, payload: &Bytes, sink: &mut Sink) {
        if !payload.is_empty() {
            self.dropped += 1;
            sink.push_back(MediaMessage::Oddity(Oddity::BeforeConfig { kind }));
        }
    }

    /// Reports an oddity, once.
    pub(super) fn tell(&mut self, oddity: Oddity, sink: &mut Sink) {
        if !self.told.oddities.iter().any(|told| told.is_like(&oddity)) {
            self.told.oddities.push(oddity.clone());
            sink.push_back(MediaMessage::Oddity(oddity));
        }
    }

    /// Reads on to the body of track 0, if there is one, and reports other tracks. None when the tag is cut short.
    pub(super) fn first_track(
        &mut self,
        packets: &Packets,
        packet: u8,
        cursor: &mut Cursor,
        sink: &mut Sink,
    ) -> Option<Option<Extended>> {
        let found = packets.read(packet, cursor)?;
        if let Some(track) = found.other {
            let kind = packets.kind;
            self.tell(Oddity::MoreTracks { kind, track }, sink);
        }
        Some(found.first)
    }

    /// Ignores a sequence header of no bytes. Some encoders send one before or beside the real one.
    pub(super) fn empty_config(&mut self, kind: TrackKind) {
        if !self.told.empty_config {
            self.told.empty_config = true;
            warn!(track = kind.as_str(), "empty sequence header ignored");
        }
    }

    /// Ignores a tag that ends within its header. Empty tags are common and mean nothing.
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

/// Walks through a tag's header. Every step gives none when the tag has ended.
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

    /// The next `count` bytes.
    pub(super) fn split(&mut self, count: usize) -> Option<Bytes> {
        (count <= self.rest.len()).then(|| self.rest.split_to(count))
    }

    pub(super) fn rest(self) -> Bytes {
        self.rest
    }
}

/// The header of an E-RTMP tag behind the first byte: ModEx prelude, multitrack, FourCC.
pub(super) struct Extended {
    /// The packet type without ModEx and multitrack.
    pub(super) packet: u8,
    /// The coding.
    pub(super) fourcc: [u8; 4],
}

/// The tracks of a tag.
#[derive(Default)]
struct Found {
    /// The header of track 0.
    first: Option<Extended>,
    /// The number of another track.
    other: Option<u8>,
}

/// E-RTMP `AvMultitrackType`.
const ONE_TRACK: u8 = 0;
const MANY_TRACKS: u8 = 1;
const MANY_TRACKS_MANY_CODECS: u8 = 2;

/// Reads the bytes behind `Multitrack`: one track, or several, each behind its length. Forms that are not defined yet are left
/// out.
fn read_multitrack(cursor: &mut Cursor) -> Option<Found> {
    let byte = cursor.u8()?;
    let (form, packet) = (byte >> 4, byte & 0x0F);
    let common = match form {
        ONE_TRACK | MANY_TRACKS => Some(cursor.take::<4>()?),
        MANY_TRACKS_MANY_CODECS => None,
        _ => return Some(Found::default()),
    };
    let (mut found, mut body) = (Found::default(), None);
    while !cursor.rest.is_empty() {
        let fourcc = common.or_else(|| cursor.take())?;
        let track = cursor.u8()?;
        let size = match form {
            ONE_TRACK => cursor.rest.len(),
            _ => {
                let [high, middle, low] = cursor.take()?;
                usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?
            }
        };
        // A track that is cut short is of as little use as a tag that is.
        let part = cursor.split(size)?;
        match track {
            0 if body.is_none() => (found.first, body) = (Some(Extended { packet, fourcc }), Some(part)),
            other => found.other = Some(other),
        }
        if form == ONE_TRACK {
            break;
        }
    }
    cursor.rest = body.unwrap_or_default();
    Some(found)
}

/// The parts of video and audio headers that are read alike. Only the number of `Multitrack` differs.
pub(super) struct Packets {
    /// The kind of the track.
    pub(super) kind: TrackKind,
    /// The packet type that means `Multitrack`.
    pub(super) multitrack: u8,
}

/// The packet type that means `ModEx`, for video and audio.
const MOD_EX: u8 = 7;

impl Packets {
    /// Skips `ModEx` packets (nanosecond offsets and later additions, E-RTMP "ModEx"). Gives the packet type behind them.
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

    /// Reads the multitrack header and the FourCC. The cursor is then in the body of track 0. None when the tag is cut short.
    fn read(&self, packet: u8, cursor: &mut Cursor) -> Option<Found> {
        if packet == self.multitrack {
            return read_multitrack(cursor);
        }
        let fourcc = cursor.take()?;
        Some(Found {
            first: Some(Extended { packet, fourcc }),
            other: None,
        })
    }

    /// The error about a coding that is not recorded, by its FourCC.
    pub(super) fn unknown(&self, fourcc: [u8; 4]) -> TagError {
        TagError::Codec {
            kind: self.kind,
            codec: format!("'{}'", fourcc.escape_ascii()),
        }
    }
}
