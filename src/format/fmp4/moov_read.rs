//! Tracks from a `moov`, exactly as they were written.

use std::sync::Arc;

use mp4_atom::{Atom, Mdhd, Tkhd};

use super::boxes::{child, next_box};
use super::sample_entry::{AudioExtra, from_stsd, parse_audio, parse_video};
use super::{AUDIO_TRACK, ScanError, VIDEO_TRACK};
use crate::media::{MAX_TIMESCALE, Tracks};

/// Reads the body of a `moov` whose checksum was right.
pub(super) fn tracks(moov: &[u8], audio: AudioExtra) -> Result<Tracks, ScanError> {
    let mut tracks = Tracks::default();
    let mut rest = moov;
    while let Some((kind, body)) = next_box(&mut rest) {
        if kind == *b"trak" {
            add(&mut tracks, body, audio).ok_or(ScanError::Malformed { what: "trak" })?;
        }
    }
    match tracks.is_empty() {
        false => Ok(tracks),
        true => Err(ScanError::Malformed { what: "moov" }),
    }
}

fn add(tracks: &mut Tracks, trak: &[u8], extra: AudioExtra) -> Option<()> {
    let tkhd = Tkhd::decode_body(&mut child(trak, b"tkhd")?).ok()?;
    let mdia = child(trak, b"mdia")?;
    let mdhd = Mdhd::decode_body(&mut child(mdia, b"mdhd")?).ok()?;
    let stbl = child(child(mdia, b"minf")?, b"stbl")?;
    let (kind, entry) = from_stsd(child(stbl, b"stsd")?)?;
    match tkhd.track_id {
        VIDEO_TRACK if (1..=MAX_TIMESCALE).contains(&mdhd.timescale) && tracks.video.is_none() => {
            tracks.video = Some(Arc::new(parse_video(kind, entry, mdhd.timescale)?));
        }
        AUDIO_TRACK if mdhd.timescale > 0 && tracks.audio.is_none() => {
            tracks.audio = Some(Arc::new(parse_audio(kind, entry, mdhd.timescale, extra)?));
        }
        _ => return None,
    }
    Some(())
}
