//! Tracks from a `moov`, exactly as they were written.

use std::sync::Arc;

use super::boxes::{child, next_box};
use super::headers;
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
    if !tracks.is_empty() {
        Ok(tracks)
    } else {
        Err(ScanError::Malformed { what: "moov" })
    }
}

fn add(tracks: &mut Tracks, trak: &[u8], extra: AudioExtra) -> Option<()> {
    let track = headers::track_id(child(trak, b"tkhd")?)?;
    let mdia = child(trak, b"mdia")?;
    let timescale = headers::timescale(child(mdia, b"mdhd")?)?;
    let stbl = child(child(mdia, b"minf")?, b"stbl")?;
    let (kind, entry) = from_stsd(child(stbl, b"stsd")?)?;
    match track {
        VIDEO_TRACK if (1..=MAX_TIMESCALE).contains(&timescale) && tracks.video.is_none() => {
            tracks.video = Some(Arc::new(parse_video(kind, entry, timescale)?));
        }
        AUDIO_TRACK if timescale > 0 && tracks.audio.is_none() => {
            tracks.audio = Some(Arc::new(parse_audio(kind, entry, timescale, extra)?));
        }
        _ => return None,
    }
    Some(())
}
