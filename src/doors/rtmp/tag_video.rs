//! Video tags: annex E.4.3 and E-RTMP `ExVideoTagHeader`.

use bytes::Bytes;

use tracing::info;

use super::colour_info;
use super::tag::{Cursor, Packets, Sink, TagError, TagParser, own_record};
use crate::media::{
    CodecConfig, Incoming, Layout, Look, MediaMessage, Oddity, RandomAccess, TrackKind, VideoCodec,
    VideoConfig, repaired,
};
use crate::media::{avc_record, hevc_record, parse_av1, parse_avc, parse_hevc};

const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const CODED_FRAMES_X: u8 = 3;
const METADATA: u8 = 4;

const PACKETS: Packets = Packets {
    kind: TrackKind::Video,
    multitrack: 6,
};

/// The frame types of a keyframe, and of one made by a server.
const KEY: [u8; 2] = [1, 4];
/// The frame type of a command for the player, which is no picture.
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
            // This number is not in Adobe's text, but many cameras and patched encoders send it.
            12 => VideoCodec::Hevc,
            // A frame type without a codec is an encoder's empty keep-alive.
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
        // The frame type means nothing in a packet of metadata.
        if frame_type == COMMAND && packet != METADATA {
            return Ok(Some(()));
        }
        let Some(first) = self.first_track(&PACKETS, packet, &mut cursor, sink) else {
            return Ok(None);
        };
        let Some(header) = first else {
            return Ok(Some(()));
        };
        if header.packet == METADATA {
            self.hear_colours(&cursor.rest(), sink);
            return Ok(Some(()));
        }
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
        // No record begins like this: the bytes are parameter sets behind start codes.
        let are_sets = match codec {
            VideoCodec::Avc => record.first() == Some(&0),
            VideoCodec::Hevc => record.starts_with(&[0, 0, 1]) || record.starts_with(&[0, 0, 0, 1]),
            VideoCodec::Av1 => false,
        };
        if are_sets {
            self.configure_by_sets(codec, &record, time, sink);
            return Ok(());
        }
        self.sets_config = false;
        self.configure_video(codec, record, time, sink)
    }

    /// Takes the configuration of the picture from parameter sets, where no sequence header gives it.
    fn configure_by_sets(&mut self, codec: VideoCodec, sample: &[u8], time: u32, sink: &mut Sink) {
        let record = match codec {
            VideoCodec::Avc => avc_record(sample),
            VideoCodec::Hevc => hevc_record(sample),
            VideoCodec::Av1 => None,
        };
        let taken = record.map(|record| self.configure_video(codec, record, time, sink));
        if matches!(taken, Some(Ok(()))) {
            self.sets_config = true;
            self.tell(Oddity::NoConfig, sink);
        }
    }

    /// Takes a configuration. The same one again, also in another form, is nothing new.
    fn configure_video(
        &mut self,
        codec: VideoCodec,
        record: Bytes,
        time: u32,
        sink: &mut Sink,
    ) -> Result<(), TagError> {
        // Some encoders send the same record before every keyframe.
        let known = self.video_config.as_ref().filter(|known| known.codec == codec);
        if known.is_some_and(|known| known.record == record) {
            return Ok(());
        }
        let colours = known.map_or(self.colour_info, |known| known.colour_info);
        let record = own_record(&record, codec.as_str())?;
        let mut config = match codec {
            VideoCodec::Avc => parse_avc(record)?,
            VideoCodec::Hevc => parse_hevc(record)?,
            VideoCodec::Av1 => parse_av1(record)?,
        };
        config.colour_info = colours;
        if self.video_config.as_ref() != Some(&config) {
            config.colour_info = self.colour_info;
            self.use_config(config, time, sink);
        }
        Ok(())
    }

    fn use_config(&mut self, config: VideoConfig, time: u32, sink: &mut Sink) {
        if let Some((said, own)) = config.contradicted_colour() {
            self.tell(Oddity::ColourDiffers { said, own }, sink);
        }
        self.has_pictures = false;
        self.video_config = Some(config.clone());
        self.config(CodecConfig::Video(config), time, sink);
    }

    /// Reads `colorInfo`. It counts from the next keyframe on: no file can begin before that.
    fn hear_colours(&mut self, body: &[u8], sink: &mut Sink) {
        let (said, unusable) = colour_info::parse(body);
        if let Some(unusable) = unusable {
            self.tell(Oddity::ColourInfo { unusable }, sink);
        }
        if let Some(said) = said.filter(|said| *said != self.colour_info) {
            info!(colours = ?said, "colorInfo");
            self.colour_info = said;
        }
    }

    /// Applies new colours before a keyframe, if they make another file necessary.
    fn apply_colours(&mut self, time: u32, sink: &mut Sink) {
        let Some(config) = self.video_config.clone() else {
            return;
        };
        let next = VideoConfig {
            colour_info: self.colour_info,
            ..config.clone()
        };
        if next.colour_info == config.colour_info || next == config {
            return;
        }
        let (before, after) = (config.appearance(), next.appearance());
        // Some encoders give the light of each scene: that is no reason for a new file each time.
        let says_more = before.mastering.is_none() && after.mastering.is_some()
            || before.light.is_none() && after.light.is_some();
        if self.has_pictures && before.colour == after.colour && !says_more {
            self.tell(Oddity::LightChanges, sink)
        } else {
            self.use_config(next, time, sink)
        }
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
        let is_known = self
            .video_config
            .as_ref()
            .is_some_and(|known| known.codec == codec);
        if !is_known || self.sets_config {
            self.configure_by_sets(codec, &payload, timestamp_ms, sink);
        }
        let Some(config) = self.video_config.as_ref().filter(|known| known.codec == codec) else {
            return self.early_frame(TrackKind::Video, &payload, sink);
        };
        let (payload, access, oddity) = mended(config, payload);
        if let Some(oddity) = oddity {
            self.tell(oddity, sink);
        }
        if !payload.is_empty() {
            let key = self.is_key(access, KEY.contains(&frame_type), sink);
            if key {
                self.apply_colours(timestamp_ms, sink);
            }
            self.has_pictures = true;
            sink.push_back(MediaMessage::Frame(Incoming {
                kind: TrackKind::Video,
                timestamp_ms,
                cts_ms,
                key,
                payload,
            }));
        }
    }

    /// Whether decoding can begin at a picture. The picture itself decides; the flag counts only where the picture does not
    /// tell.
    fn is_key(&mut self, access: RandomAccess, flagged: bool, sink: &mut Sink) -> bool {
        self.has_flags |= flagged;
        match access {
            RandomAccess::Closed if !flagged => self.tell(Oddity::KeyFlag { flagged }, sink),
            RandomAccess::Dependent if flagged => self.tell(Oddity::KeyFlag { flagged }, sink),
            _ => {}
        }
        match access {
            RandomAccess::Closed | RandomAccess::Open | RandomAccess::Gradual => true,
            // The flag of an encoder that never marks a picture does not mean that this one is no keyframe.
            RandomAccess::Intra => flagged || !self.has_flags,
            RandomAccess::Dependent => false,
            RandomAccess::Unknown => flagged,
        }
    }
}

/// Repairs the units of a picture as far as possible, and gives the oddity that was found. The picture is copied only where
/// something was wrong.
fn mended(config: &VideoConfig, payload: Bytes) -> (Bytes, RandomAccess, Option<Oddity>) {
    let Look { access, layout } = config.look(&payload);
    // Where no slice is whole, a part of a slice may still be of use.
    let can_be = layout != Layout::Cut || access != RandomAccess::Unknown;
    let mend = || repaired(&payload, config.nal_length_size()?);
    let mended = if layout != Layout::Sound && can_be {
        mend()
    } else {
        None
    };
    let oddity = match (layout, mended.is_some()) {
        (Layout::Sound, _) => None,
        (Layout::EmptyUnits, _) => Some(Oddity::EmptyUnits),
        (Layout::Cut, mended) => Some(Oddity::CutUnit { mended }),
        (Layout::StartCodes, mended) => Some(Oddity::StartCodes { mended }),
    };
    match mended {
        Some(mended) => {
            let access = config.random_access(&mended);
            (mended, access, oddity)
        }
        None => (payload, access, oddity),
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
