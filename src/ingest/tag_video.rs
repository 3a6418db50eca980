//! Video tags: annex E.4.3 and E-RTMP `ExVideoTagHeader`.

use bytes::Bytes;

use super::tag::{Cursor, Packets, Sink, TagError, TagParser};
use crate::media::{CodecConfig, Incoming, TrackKind, VideoCodec};
use crate::media::{parse_av1, parse_avc, parse_hevc};

const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const CODED_FRAMES_X: u8 = 3;
const METADATA: u8 = 4;

const PACKETS: Packets = Packets {
    kind: TrackKind::Video,
    multitrack: 6,
};

/// A keyframe, or one made by a server.
const KEY: [u8; 2] = [1, 4];
/// A command for the player, no picture.
const COMMAND: u8 = 5;

impl TagParser {
    /// Parses one video message.
    pub(super) fn video(&mut self, payload: Bytes, time: u32, sink: &mut Sink) -> Result<(), TagError> {
        let mut cursor = Cursor::new(payload.clone());
        let parsed = match cursor.u8() {
            Some(first) if first & 0x80 != 0 => self.extended_video(first, cursor, time, sink)?,
            Some(first) => self.legacy_video(first, cursor, time, sink)?,
            None => None,
        };
        if parsed.is_none() {
            self.short_tag(TrackKind::Video, &payload);
        }
        Ok(())
    }

    fn legacy_video(
        &mut self,
        first: u8,
        mut cursor: Cursor,
        time: u32,
        sink: &mut Sink,
    ) -> Result<Option<()>, TagError> {
        let frame_type = first >> 4;
        if frame_type == COMMAND {
            return Ok(Some(()));
        }
        let codec = match first & 0x0F {
            7 => VideoCodec::Avc,
            // Not in Adobe's text, and sent by cameras and patched encoders everywhere.
            12 => VideoCodec::Hevc,
            // A frame type without a codec: an encoder's empty keep-alive.
            0 => return Ok(None),
            other => {
                return Err(TagError::Codec {
                    kind: TrackKind::Video,
                    codec: legacy_name(other),
                });
            }
        };
        let (Some(packet), Some(cts)) = (cursor.u8(), cursor.si24()) else {
            return Ok(None);
        };
        match packet {
            0 => self.video_config(codec, cursor.rest(), time, sink)?,
            1 => self.video_frame(codec, frame_type, cts, cursor.rest(), time, sink),
            _ => {}
        }
        Ok(Some(()))
    }

    fn extended_video(
        &mut self,
        first: u8,
        mut cursor: Cursor,
        time: u32,
        sink: &mut Sink,
    ) -> Result<Option<()>, TagError> {
        let frame_type = (first >> 4) & 0x07;
        let Some(packet) = PACKETS.skip_mod_ex(first & 0x0F, &mut cursor) else {
            return Ok(None);
        };
        if packet == METADATA || frame_type == COMMAND {
            return Ok(Some(()));
        }
        let Some(header) = PACKETS.read(packet, &mut cursor)? else {
            return Ok(None);
        };
        let codec = match &header.fourcc {
            b"avc1" => VideoCodec::Avc,
            b"hvc1" => VideoCodec::Hevc,
            b"av01" => VideoCodec::Av1,
            other => return Err(PACKETS.unknown(*other)),
        };
        match header.packet {
            SEQUENCE_START => self.video_config(codec, cursor.rest(), time, sink)?,
            CODED_FRAMES => {
                let cts = if codec == VideoCodec::Av1 {
                    Some(0)
                } else {
                    cursor.si24()
                };
                let Some(cts) = cts else { return Ok(None) };
                self.video_frame(codec, frame_type, cts, cursor.rest(), time, sink);
            }
            CODED_FRAMES_X => self.video_frame(codec, frame_type, 0, cursor.rest(), time, sink),
            _ => {}
        }
        Ok(Some(()))
    }

    fn video_config(
        &mut self,
        codec: VideoCodec,
        record: Bytes,
        time: u32,
        sink: &mut Sink,
    ) -> Result<(), TagError> {
        if record.is_empty() {
            self.empty_config(TrackKind::Video);
            return Ok(());
        }
        // Some encoders send it before every keyframe.
        if self
            .video_config
            .as_ref()
            .is_some_and(|known| *known == (codec, record.clone()))
        {
            return Ok(());
        }
        let config = match codec {
            VideoCodec::Avc => parse_avc(record.clone())?,
            VideoCodec::Hevc => parse_hevc(record.clone())?,
            VideoCodec::Av1 => parse_av1(record.clone())?,
        };
        self.video_config = Some((codec, record));
        self.config(CodecConfig::Video(config), time, sink);
        Ok(())
    }

    fn video_frame(
        &mut self,
        codec: VideoCodec,
        frame_type: u8,
        cts_ms: i32,
        payload: Bytes,
        timestamp_ms: u32,
        sink: &mut Sink,
    ) {
        let configured = self
            .video_config
            .as_ref()
            .is_some_and(|(known, _)| *known == codec);
        let frame = Incoming {
            kind: TrackKind::Video,
            timestamp_ms,
            cts_ms,
            key: KEY.contains(&frame_type),
            payload,
        };
        self.frame(frame, configured, sink);
    }
}

fn legacy_name(id: u8) -> String {
    match id {
        2 => "Sorenson H.263".to_owned(),
        3 => "Screen Video".to_owned(),
        4 | 5 => "VP6".to_owned(),
        6 => "Screen Video 2".to_owned(),
        other => format!("id {other}"),
    }
}
