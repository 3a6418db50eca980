//! Audio tags: annex E.4.2 and E-RTMP `ExAudioTagHeader`.

use bytes::Bytes;

use super::tag::{Cursor, Packets, Sink, TagError, TagParser};
use crate::media::{AudioCodec, CodecConfig, Incoming, TrackKind};
use crate::media::{parse_aac, parse_mp3, parse_opus};

const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const MULTICHANNEL_CONFIG: u8 = 4;

const PACKETS: Packets = Packets {
    kind: TrackKind::Audio,
    multitrack: 5,
};

impl TagParser {
    /// Parses one audio message.
    pub(super) fn audio(&mut self, payload: Bytes, time: u32, sink: &mut Sink) -> Result<(), TagError> {
        let mut cursor = Cursor::new(payload.clone());
        let parsed = match cursor.u8() {
            Some(first) if first >> 4 == 9 => self.extended_audio(first, cursor, time, sink)?,
            Some(first) => self.legacy_audio(first, cursor, time, sink)?,
            None => None,
        };
        if parsed.is_none() {
            self.short_tag(TrackKind::Audio, &payload);
        }
        Ok(())
    }

    fn legacy_audio(
        &mut self,
        first: u8,
        mut cursor: Cursor,
        time: u32,
        sink: &mut Sink,
    ) -> Result<Option<()>, TagError> {
        match first >> 4 {
            10 => match cursor.u8() {
                Some(0) => self.audio_config(AudioCodec::Aac, cursor.rest(), time, sink)?,
                Some(1) => self.audio_frame(AudioCodec::Aac, cursor.rest(), time, sink),
                Some(_) => {}
                None => return Ok(None),
            },
            2 | 14 => self.mp3_frame(cursor.rest(), time, sink),
            other => {
                let rest = cursor.rest();
                // Silence from encoders without sound looks like PCM of no bytes.
                if rest.is_empty() {
                    return Ok(None);
                }
                return Err(TagError::Codec {
                    kind: TrackKind::Audio,
                    codec: legacy_name(other),
                });
            }
        }
        Ok(Some(()))
    }

    fn extended_audio(
        &mut self,
        first: u8,
        mut cursor: Cursor,
        time: u32,
        sink: &mut Sink,
    ) -> Result<Option<()>, TagError> {
        let Some(packet) = PACKETS.skip_mod_ex(first & 0x0F, &mut cursor) else {
            return Ok(None);
        };
        let Some(header) = PACKETS.read(packet, &mut cursor)? else {
            return Ok(None);
        };
        let codec = match &header.fourcc {
            b"mp4a" => AudioCodec::Aac,
            b".mp3" => AudioCodec::Mp3,
            b"Opus" => AudioCodec::Opus,
            other => return Err(PACKETS.unknown(*other)),
        };
        match header.packet {
            SEQUENCE_START if codec != AudioCodec::Mp3 => {
                self.audio_config(codec, cursor.rest(), time, sink)?;
            }
            CODED_FRAMES if codec == AudioCodec::Mp3 => self.mp3_frame(cursor.rest(), time, sink),
            CODED_FRAMES => self.audio_frame(codec, cursor.rest(), time, sink),
            // The configuration record says how many channels there are.
            MULTICHANNEL_CONFIG => {}
            _ => {}
        }
        Ok(Some(()))
    }

    fn audio_config(
        &mut self,
        codec: AudioCodec,
        record: Bytes,
        time: u32,
        sink: &mut Sink,
    ) -> Result<(), TagError> {
        if record.is_empty() {
            self.empty_config(TrackKind::Audio);
            return Ok(());
        }
        if self
            .audio_config
            .as_ref()
            .is_some_and(|known| *known == (codec, record.clone()))
        {
            return Ok(());
        }
        let config = match codec {
            AudioCodec::Opus => parse_opus(record.clone())?,
            AudioCodec::Aac | AudioCodec::Mp3 => parse_aac(record.clone())?,
        };
        self.audio_config = Some((codec, record));
        self.mp3_header = None;
        self.config(CodecConfig::Audio(config), time, sink);
        Ok(())
    }

    /// MP3 has no sequence header: each frame's own header says it all.
    fn mp3_frame(&mut self, frame: Bytes, time: u32, sink: &mut Sink) {
        if let Some(&[_, version, rate, mode]) = frame.first_chunk::<4>() {
            // Version and layer, sampling rate, and whether the channel mode is mono.
            let header = [version & 0x1E, rate & 0x0C, u8::from(mode & 0xC0 == 0xC0)];
            if self.mp3_header != Some(header)
                && let Ok(config) = parse_mp3(&frame)
            {
                self.mp3_header = Some(header);
                self.audio_config = Some((AudioCodec::Mp3, Bytes::new()));
                self.config(CodecConfig::Audio(config), time, sink);
            }
        }
        self.audio_frame(AudioCodec::Mp3, frame, time, sink);
    }

    fn audio_frame(&mut self, codec: AudioCodec, payload: Bytes, timestamp_ms: u32, sink: &mut Sink) {
        let configured = self
            .audio_config
            .as_ref()
            .is_some_and(|(known, _)| *known == codec);
        let frame = Incoming {
            kind: TrackKind::Audio,
            timestamp_ms,
            cts_ms: 0,
            key: true,
            payload,
        };
        self.frame(frame, configured, sink);
    }
}

fn legacy_name(id: u8) -> String {
    match id {
        0 | 3 => "PCM".to_owned(),
        1 => "ADPCM".to_owned(),
        4..=6 => "Nellymoser".to_owned(),
        7 => "G.711 A-law".to_owned(),
        8 => "G.711 µ-law".to_owned(),
        11 => "Speex".to_owned(),
        other => format!("id {other}"),
    }
}
