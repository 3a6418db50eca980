//! Sample entries: what a decoder must know before the first sample.
//!
//! The publisher's configuration record is embedded byte for byte. mp4-atom would parse it and write it anew, and would lose
//! what it does not know.

use bytes::{BufMut, Bytes};

use super::boxes::{boxed, child, full, next_box, take};
use crate::media::{
    Appearance, AudioCodec, AudioConfig, Colour, ColourInfo, LightLevel, Mastering, Tracks, VideoCodec,
    VideoConfig,
};

/// objectTypeIndication of MPEG-4 audio (ISO/IEC 14496-1 table 5).
const OBJECT_AAC: u8 = 0x40;
/// objectTypeIndication of MPEG-1 audio, which MP3 is.
const OBJECT_MP3: u8 = 0x6B;
/// objectTypeIndication of MPEG-2 audio, which MP3 at 24 kHz and less is.
const OBJECT_MP3_LOW: u8 = 0x69;
/// The highest sample rate of MPEG-2 audio.
const LOW_RATE: u32 = 24_000;

/// Bytes of a `VisualSampleEntry` before its configuration box.
const VISUAL_FIELDS: usize = 78;
/// Bytes of an `AudioSampleEntry` before its configuration box.
const AUDIO_FIELDS: usize = 28;

/// The sample entry of a video track: `avc1` with `avcC`, `hvc1` with `hvcC` (ISO/IEC 14496-15 §5.4.2, §8.4.1)
/// or `av01` with `av1C` (AV1 Codec ISO Media File Format Binding §2.2), a whole box.
pub fn video(config: &VideoConfig) -> Vec<u8> {
    let (entry, record) = match config.codec {
        VideoCodec::Avc => (b"avc1", b"avcC"),
        VideoCodec::Hevc => (b"hvc1", b"hvcC"),
        VideoCodec::Av1 => (b"av01", b"av1C"),
    };
    let mut out = Vec::with_capacity(config.record.len() + 96);
    boxed(&mut out, entry, |out| {
        put_data_reference(out);
        out.put_bytes(0, 16);
        out.put_u16(config.width);
        out.put_u16(config.height);
        // 72 dpi both ways, one frame a sample, no compressor's name, 24 bits without alpha
        // (ISO/IEC 14496-12 §12.1.3).
        out.put_u32(0x0048_0000);
        out.put_u32(0x0048_0000);
        out.put_u32(0);
        out.put_u16(1);
        out.put_bytes(0, 32);
        out.put_u16(0x0018);
        out.put_i16(-1);
        boxed(out, record, |out| out.put_slice(&config.record));
        put_look(out, &config.appearance());
    });
    out
}

/// Shape of the pixels, colours and light (ISO/IEC 14496-12 §12.1.4 to §12.1.8), as far as the stream describes them.
fn put_look(out: &mut Vec<u8>, look: &Appearance) {
    if let Some((x, y)) = look.pixel {
        boxed(out, b"pasp", |out| {
            out.put_u32(x.into());
            out.put_u32(y.into());
        });
    }
    if let Some(colour) = look.colour {
        boxed(out, b"colr", |out| {
            out.put_slice(b"nclx");
            for number in [colour.primaries, colour.transfer, colour.matrix] {
                out.put_u16(number.into());
            }
            out.put_u8(u8::from(colour.full_range) << 7);
        });
    }
    if let Some(display) = look.mastering {
        boxed(out, b"mdcv", |out| {
            let points = display.primaries.iter().chain([&display.white]);
            points.flatten().for_each(|point| out.put_u16(*point));
            out.put_u32(display.max_luminance);
            out.put_u32(display.min_luminance);
        });
    }
    if let Some(light) = look.light {
        boxed(out, b"clli", |out| {
            out.put_u16(light.content);
            out.put_u16(light.average);
        });
    }
}

/// The bit rate of a track, in bits a second (`btrt`, ISO/IEC 14496-12 §8.5.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRate {
    /// Bits of the largest second.
    pub max: u32,
    /// Bits a second on average.
    pub average: u32,
}

/// A sample entry with its bit rate at the end.
pub(in crate::format) fn with_bit_rate(mut entry: Vec<u8>, rate: Option<BitRate>) -> Vec<u8> {
    let Some(rate) = rate else {
        return entry;
    };
    boxed(&mut entry, b"btrt", |out| {
        // The size of the decoder's buffer, which is not known.
        out.put_u32(0);
        out.put_u32(rate.max);
        out.put_u32(rate.average);
    });
    let size: u32 = fitted!(entry.len(), "the size of a sample entry");
    if let Some(field) = entry.get_mut(..4) {
        field.copy_from_slice(&size.to_be_bytes());
    }
    entry
}

/// The sample entry of an audio track: `mp4a` with `esds` (ISO/IEC 14496-14 §5.6.1) or `Opus` with `dOps`
/// (Encapsulation of Opus in ISOBMFF §4.3), a whole box.
pub fn audio(config: &AudioConfig) -> Vec<u8> {
    let entry = match config.codec {
        AudioCodec::Aac | AudioCodec::Mp3 => b"mp4a",
        AudioCodec::Opus => b"Opus",
    };
    let mut out = Vec::with_capacity(config.record.len() + 96);
    boxed(&mut out, entry, |out| {
        put_data_reference(out);
        out.put_u64(0);
        out.put_u16(u16::from(config.channels));
        out.put_u16(16);
        out.put_u32(0);
        // 16.16 fixed point has no room for 88.2 kHz and more. Then the track's timescale says it.
        out.put_u32(u16::try_from(config.sample_rate).map_or(0, |rate| u32::from(rate) << 16));
        match config.codec {
            AudioCodec::Aac => put_esds(out, OBJECT_AAC, &config.record),
            AudioCodec::Mp3 if config.sample_rate <= LOW_RATE => put_esds(out, OBJECT_MP3_LOW, &[]),
            AudioCodec::Mp3 => put_esds(out, OBJECT_MP3, &[]),
            AudioCodec::Opus => boxed(out, b"dOps", |out| put_dops(out, &config.record)),
        }
    });
    out
}

/// Six reserved bytes and data_reference_index 1: the media is in this file.
fn put_data_reference(out: &mut Vec<u8>) {
    out.put_bytes(0, 6);
    out.put_u16(1);
}

/// `esds`: the descriptors of ISO/IEC 14496-1 §7.2.6 around the decoder's own configuration.
///
/// ```text
/// ES_Descriptor 03        ES_ID u16 = 0, flags u8 = 0
///   DecoderConfig 04      object u8, stream type u8 = audio, buffer u24, max and average bit rate u32
///     SpecificInfo 05     the AudioSpecificConfig, none for MP3
///   SLConfig 06           predefined u8 = 2, as MP4 asks
/// ```
fn put_esds(out: &mut Vec<u8>, object: u8, specific: &[u8]) {
    let mut decoder = vec![object, 0x15];
    decoder.put_bytes(0, 11);
    if !specific.is_empty() {
        put_descriptor(&mut decoder, 0x05, specific);
    }
    let mut stream = vec![0, 0, 0];
    put_descriptor(&mut stream, 0x04, &decoder);
    put_descriptor(&mut stream, 0x06, &[2]);
    full(out, b"esds", 0, 0, |out| put_descriptor(out, 0x03, &stream));
}

/// A descriptor: tag, its length in groups of seven bits, body (ISO/IEC 14496-1 §8.3.3).
///
/// The length always takes all of its four bytes, because some players read nothing else.
fn put_descriptor(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.put_u8(tag);
    for (shift, more) in [(21, 0x80), (14, 0x80), (7, 0x80), (0, 0)] {
        out.put_u8((body.len() >> shift & 0x7F) as u8 | more);
    }
    out.put_slice(body);
}

/// `dOps` from the body of an `OpusHead`: the same fields, but big-endian and with another version.
///
/// | bytes | field | `OpusHead` (RFC 7845 §5.1) | `dOps` |
/// |---|---|---|---|
/// | 1 | version | 1 | 0 |
/// | 1 | channels | | |
/// | 2, 4, 2 | pre-skip, input rate, gain | little-endian | big-endian |
/// | 1.. | mapping family and table | as is | as is |
fn put_dops(out: &mut Vec<u8>, head: &[u8]) {
    let mut rest = head;
    let (_version, channels) = (take::<1>(&mut rest), take::<1>(&mut rest));
    out.put_u8(0);
    out.put_slice(&channels.unwrap_or_default());
    out.put_u16(u16::from_le_bytes(take(&mut rest).unwrap_or_default()));
    out.put_u32(u32::from_le_bytes(take(&mut rest).unwrap_or_default()));
    out.put_u16(u16::from_le_bytes(take(&mut rest).unwrap_or_default()));
    out.put_slice(if rest.is_empty() { &[0] } else { rest });
}

/// Reads a video sample entry back, exactly as [`video`] was given it. `kind` and `body` are those of the entry. The timescale
/// stands beside it.
pub(super) fn parse_video(kind: [u8; 4], body: &[u8], timescale: u32) -> Option<VideoConfig> {
    let (codec, record) = match &kind {
        b"avc1" => (VideoCodec::Avc, b"avcC"),
        b"hvc1" => (VideoCodec::Hevc, b"hvcC"),
        b"av01" => (VideoCodec::Av1, b"av1C"),
        _ => return None,
    };
    let (fields, children) = body.split_at_checked(VISUAL_FIELDS)?;
    let mut size = fields.get(24..28)?;
    let config = VideoConfig {
        codec,
        record: Bytes::copy_from_slice(child(children, record)?),
        width: u16::from_be_bytes(take(&mut size)?),
        height: u16::from_be_bytes(take(&mut size)?),
        timescale,
        colour_info: ColourInfo::default(),
    };
    Some(config.with_boxes(&parse_look(children)))
}

/// Colours and light, as `put_look` writes them. A box that is cut short gives nothing.
pub(in crate::format) fn parse_look(children: &[u8]) -> Appearance {
    Appearance {
        colour: child(children, b"colr").and_then(parse_colr),
        mastering: child(children, b"mdcv").and_then(parse_mdcv),
        light: child(children, b"clli").and_then(parse_clli),
        ..Appearance::default()
    }
}

fn parse_colr(mut body: &[u8]) -> Option<Colour> {
    if take(&mut body)? != *b"nclx" {
        return None;
    }
    let mut number = || u8::try_from(u16::from_be_bytes(take(&mut body)?)).ok();
    let (primaries, transfer, matrix) = (number()?, number()?, number()?);
    let [range] = take(&mut body)?;
    Some(Colour {
        primaries,
        transfer,
        matrix,
        full_range: range & 0x80 != 0,
    })
}

fn parse_mdcv(mut body: &[u8]) -> Option<Mastering> {
    let mut number = || take(&mut body).map(u16::from_be_bytes);
    let mut point = || Some([number()?, number()?]);
    let (primaries, white) = ([point()?, point()?, point()?], point()?);
    Some(Mastering {
        primaries,
        white,
        max_luminance: take(&mut body).map(u32::from_be_bytes)?,
        min_luminance: take(&mut body).map(u32::from_be_bytes)?,
    })
}

fn parse_clli(mut body: &[u8]) -> Option<LightLevel> {
    Some(LightLevel {
        content: take(&mut body).map(u16::from_be_bytes)?,
        average: take(&mut body).map(u16::from_be_bytes)?,
    })
}

/// Reads an audio sample entry back, exactly as [`audio`] was given it.
///
/// The timescale and `extra` are kept elsewhere in the segment's header, because the entry does not hold them.
pub(super) fn parse_audio(
    kind: [u8; 4],
    body: &[u8],
    sample_rate: u32,
    extra: AudioExtra,
) -> Option<AudioConfig> {
    let (fields, children) = body.split_at_checked(AUDIO_FIELDS)?;
    let mut channels = fields.get(16..18)?;
    let (codec, record) = match &kind {
        b"mp4a" => parse_esds(child(children, b"esds")?)?,
        b"Opus" => (
            AudioCodec::Opus,
            parse_dops(child(children, b"dOps")?, extra.opus_version)?,
        ),
        _ => return None,
    };
    Some(AudioConfig {
        codec,
        record,
        sample_rate,
        channels: u8::try_from(u16::from_be_bytes(take(&mut channels)?)).ok()?,
        frame_samples: extra.frame_samples,
    })
}

/// The values that a sample entry has no field for. The identity box keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AudioExtra {
    /// [`AudioConfig::frame_samples`].
    pub(super) frame_samples: u32,
    /// The version byte of the `OpusHead`, which `dOps` replaces with its own.
    pub(super) opus_version: u8,
}

impl AudioExtra {
    /// The values of these tracks that must be kept beside their sample entries.
    pub(super) fn of_tracks(tracks: &Tracks) -> Self {
        let Some(config) = &tracks.audio else {
            return Self::default();
        };
        let opus_version = match config.codec {
            AudioCodec::Opus => config.record.first().copied().unwrap_or(0),
            AudioCodec::Aac | AudioCodec::Mp3 => 0,
        };
        Self {
            frame_samples: config.frame_samples,
            opus_version,
        }
    }
}

pub(in crate::format) fn parse_esds(body: &[u8]) -> Option<(AudioCodec, Bytes)> {
    let mut rest = body.get(4..)?;
    let mut stream = next_descriptor(&mut rest, 0x03)?.get(3..)?;
    let mut decoder = next_descriptor(&mut stream, 0x04)?;
    let [object] = take(&mut decoder)?;
    let mut specific = decoder.get(12..)?;
    match object {
        OBJECT_AAC => {
            let config = next_descriptor(&mut specific, 0x05).unwrap_or_default();
            Some((AudioCodec::Aac, Bytes::copy_from_slice(config)))
        }
        OBJECT_MP3 | OBJECT_MP3_LOW => Some((AudioCodec::Mp3, Bytes::new())),
        _ => None,
    }
}

fn next_descriptor<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let [found] = take(rest)?;
    if found != tag {
        return None;
    }
    let mut len = 0_usize;
    for _ in 0..4 {
        let [byte] = take(rest)?;
        len = len << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
    }
    rest.split_off(..len)
}

pub(in crate::format) fn parse_dops(body: &[u8], version: u8) -> Option<Bytes> {
    let mut rest = body;
    let [_, channels] = take(&mut rest)?;
    let mut head = vec![version, channels];
    head.put_u16_le(u16::from_be_bytes(take(&mut rest)?));
    head.put_u32_le(u32::from_be_bytes(take(&mut rest)?));
    head.put_u16_le(u16::from_be_bytes(take(&mut rest)?));
    head.put_slice(rest);
    Some(head.into())
}

/// Reads the only entry of an `stsd` box. Returns its kind and body.
pub(super) fn from_stsd(body: &[u8]) -> Option<([u8; 4], &[u8])> {
    next_box(&mut body.get(8..)?)
}
