//! Audio tags: annex E.4.2 and E-RTMP `ExAudioTagHeader`.

use bytes::Bytes;

use super::tag::{Cursor, Packets, Sink, TagError, TagParser, own_record};
use crate::media::{Adts, AudioCodec, CodecConfig, Incoming, MediaMessage, Oddity, TrackKind};
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
                // Encoders without sound send silence that looks like PCM of no bytes.
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
        let Some(first) = self.first_track(&PACKETS, packet, &mut cursor, sink) else {
            return Ok(None);
        };
        let Some(header) = first else {
            return Ok(Some(()));
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
        // An encoder that sends headers with its frames may send one here, too.
        let record = match Adts::parse(&record) {
            Some(adts) if codec == AudioCodec::Aac => Bytes::copy_from_slice(&adts.record),
            _ => record,
        };
        self.adts_config = false;
        self.configure_audio(codec, record, time, sink)
    }

    /// Takes a configuration. The same one again, also in another form, is nothing new.
    fn configure_audio(
        &mut self,
        codec: AudioCodec,
        record: Bytes,
        time: u32,
        sink: &mut Sink,
    ) -> Result<(), TagError> {
        let known = self.audio_config.as_ref().filter(|known| known.codec == codec);
        if known.is_some_and(|known| known.record == record) {
            return Ok(());
        }
        let record = own_record(&record, codec.as_str())?;
        let config = match codec {
            AudioCodec::Opus => parse_opus(record)?,
            AudioCodec::Aac | AudioCodec::Mp3 => parse_aac(record)?,
        };
        if self.audio_config.as_ref() != Some(&config) {
            self.audio_config = Some(config.clone());
            self.mp3_header = None;
            self.config(CodecConfig::Audio(config), time, sink);
        }
        Ok(())
    }

    /// Takes a frame of MP3. MP3 has no sequence header: the header of each frame holds the configuration.
    fn mp3_frame(&mut self, frame: Bytes, time: u32, sink: &mut Sink) {
        if let Some(&[_, version, rate, mode]) = frame.first_chunk::<4>() {
            // The version and layer, the sampling rate, and whether the channel mode is mono.
            let header = [version & 0x1E, rate & 0x0C, u8::from(mode & 0xC0 == 0xC0)];
            if self.mp3_header != Some(header)
                && let Ok(config) = parse_mp3(&frame)
            {
                self.mp3_header = Some(header);
                self.audio_config = Some(config.clone());
                self.config(CodecConfig::Audio(config), time, sink);
            }
        }
        self.audio_frame(AudioCodec::Mp3, frame, time, sink);
    }

    fn audio_frame(&mut self, codec: AudioCodec, payload: Bytes, time: u32, sink: &mut Sink) {
        match Adts::parse(&payload) {
            Some(adts) if codec == AudioCodec::Aac => self.adts_frames(adts, time, sink),
            _ => self.raw_frame(codec, payload, time, sink),
        }
    }

    /// Takes the ADTS headers off. They give the configuration where nothing else does.
    fn adts_frames(&mut self, adts: Adts, time: u32, sink: &mut Sink) {
        let configured = self
            .audio_config
            .as_ref()
            .is_some_and(|known| known.codec == AudioCodec::Aac);
        if !configured || self.adts_config {
            let record = Bytes::copy_from_slice(&adts.record);
            let taken = self.configure_audio(AudioCodec::Aac, record, time, sink);
            self.adts_config |= taken.is_ok();
        }
        self.tell(
            Oddity::AdtsHeaders {
                configured: self.adts_config,
            },
            sink,
        );
        for (number, frame) in (0u64..).zip(adts.frames) {
            let later = number * 1024 * 1000 / u64::from(adts.sample_rate.max(1));
            let time = time.wrapping_add(u32::try_from(later).unwrap_or(0));
            self.raw_frame(AudioCodec::Aac, frame, time, sink);
        }
    }

    fn raw_frame(&mut self, codec: AudioCodec, payload: Bytes, timestamp_ms: u32, sink: &mut Sink) {
        if self
            .audio_config
            .as_ref()
            .is_none_or(|known| known.codec != codec)
        {
            return self.early_frame(TrackKind::Audio, &payload, sink);
        }
        if !payload.is_empty() {
            sink.push_back(MediaMessage::Frame(Incoming {
                kind: TrackKind::Audio,
                timestamp_ms,
                cts_ms: 0,
                key: true,
                payload,
            }));
        }
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
