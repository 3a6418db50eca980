//! Sample entries of other people's files (ISO/IEC 14496-12 §8.5.2, 14496-14 §5.6, 14496-15).

use bytes::Bytes;

use crate::format::fmp4::boxes::{child, next_box};
use crate::format::fmp4::sample_entry;
use crate::media::{
    AudioCodec, CodecConfig, CodecError, TrackKind, parse_aac, parse_av1, parse_avc, parse_hevc, parse_mp3,
    parse_opus,
};

use super::Mp4Error;

/// A track with more configurations than this is refused.
const MOST: usize = 256;
/// Bytes of a `VisualSampleEntry` before its boxes.
const VISUAL: usize = 78;
/// Bytes of an `AudioSampleEntry` before its boxes. QuickTime's versions 1 and 2 have more.
const AUDIO: usize = 28;

/// The configurations in an `stsd`. `first_sample` gives the first four bytes of the track's first sample.
pub(super) fn configs(
    kind: TrackKind,
    stsd: &[u8],
    first_sample: impl Fn() -> Option<[u8; 4]>,
) -> Result<Vec<CodecConfig>, Mp4Error> {
    let refused = |reason: String| Mp4Error::Track {
        kind: kind.as_str(),
        reason,
    };
    let mut rest = stsd.get(8..).unwrap_or_default();
    let mut configs = Vec::new();
    while let Some((entry, body)) = next_box(&mut rest)
        && configs.len() < MOST
    {
        let parsed = match kind {
            TrackKind::Video => video(entry, body),
            TrackKind::Audio => audio(entry, body, &first_sample),
        };
        match parsed {
            Some(Ok(config)) => configs.push(config),
            Some(Err(error)) => return Err(refused(error.to_string())),
            None => {
                let name = entry.escape_ascii();
                return Err(refused(format!("'{name}' is not a coding that RTMP carries")));
            }
        }
    }
    if configs.is_empty() {
        Err(refused("it has no sample entry".to_owned()))
    } else {
        Ok(configs)
    }
}

fn video(entry: [u8; 4], body: &[u8]) -> Option<Result<CodecConfig, CodecError>> {
    let children = body.get(VISUAL..)?;
    let record = |kind| child(children, kind).map(Bytes::copy_from_slice);
    let config = match &entry {
        b"avc1" | b"avc3" => parse_avc(record(b"avcC")?),
        b"hvc1" | b"hev1" => parse_hevc(record(b"hvcC")?),
        b"av01" => parse_av1(record(b"av1C")?),
        _ => return None,
    };
    let look = sample_entry::parse_look(children);
    Some(config.map(|config| CodecConfig::Video(config.with_boxes(&look))))
}

fn audio(
    entry: [u8; 4],
    body: &[u8],
    first_sample: impl Fn() -> Option<[u8; 4]>,
) -> Option<Result<CodecConfig, CodecError>> {
    let more = match body.get(8..10)? {
        [0, 1] => 16,
        [0, 2] => 36,
        _ => 0,
    };
    let children = body.get(AUDIO + more..)?;
    let mp3 = || Some(parse_mp3(&first_sample()?));
    let config = match &entry {
        b"mp4a" => match sample_entry::parse_esds(child(children, b"esds")?)? {
            (AudioCodec::Aac, record) => parse_aac(record),
            _ => mp3()?,
        },
        b".mp3" => mp3()?,
        b"Opus" => parse_opus(sample_entry::parse_dops(child(children, b"dOps")?, 1)?),
        _ => return None,
    };
    Some(config.map(CodecConfig::Audio))
}
