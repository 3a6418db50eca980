//! Tracks as the journal keeps them: JSON, so that `sqlite3 journal.db` shows them to a person.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::media::{AudioCodec, AudioConfig, Tracks, VideoCodec, VideoConfig};

#[derive(Serialize, Deserialize)]
struct TracksRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<VideoRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<AudioRow>,
}

#[derive(Serialize, Deserialize)]
struct VideoRow {
    codec: String,
    width: u16,
    height: u16,
    record: String,
}

#[derive(Serialize, Deserialize)]
struct AudioRow {
    codec: String,
    sample_rate: u32,
    channels: u8,
    frame_samples: u32,
    record: String,
}

/// For the `tracks` column.
pub(super) fn encode(tracks: &Tracks) -> String {
    let row = TracksRow {
        video: tracks.video.as_ref().map(|video| VideoRow {
            codec: video.codec.as_str().to_owned(),
            width: video.width,
            height: video.height,
            record: hex(&video.record),
        }),
        audio: tracks.audio.as_ref().map(|audio| AudioRow {
            codec: audio.codec.as_str().to_owned(),
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            frame_samples: audio.frame_samples,
            record: hex(&audio.record),
        }),
    };
    // Strings and numbers are always JSON.
    serde_json::to_string(&row).unwrap_or_else(|_| "{}".to_owned())
}

/// Reads the column back; `None` for what no edgereel writes.
pub(super) fn decode(text: &str) -> Option<Tracks> {
    let row: TracksRow = serde_json::from_str(text).ok()?;
    let video = match row.video {
        None => None,
        Some(video) => Some(Arc::new(VideoConfig {
            codec: video_codec(&video.codec)?,
            record: unhex(&video.record)?,
            width: video.width,
            height: video.height,
        })),
    };
    let audio = match row.audio {
        None => None,
        Some(audio) => Some(Arc::new(AudioConfig {
            codec: audio_codec(&audio.codec)?,
            record: unhex(&audio.record)?,
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            frame_samples: audio.frame_samples,
        })),
    };
    Some(Tracks { video, audio })
}

fn video_codec(name: &str) -> Option<VideoCodec> {
    let all = [VideoCodec::Avc, VideoCodec::Hevc, VideoCodec::Av1];
    all.into_iter().find(|codec| codec.as_str() == name)
}

fn audio_codec(name: &str) -> Option<AudioCodec> {
    let all = [AudioCodec::Aac, AudioCodec::Mp3, AudioCodec::Opus];
    all.into_iter().find(|codec| codec.as_str() == name)
}

/// Bytes as lower-case hexadecimal digits.
pub(in crate::store) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn unhex(text: &str) -> Option<Bytes> {
    let digits = text.as_bytes().chunks(2);
    let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    if !text.len().is_multiple_of(2) {
        return None;
    }
    bytes.collect::<Option<Vec<u8>>>().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_come_back_as_they_were() {
        let tracks = crate::store::testing::tracks();
        assert_eq!(decode(&encode(&tracks)), Some(tracks));
        assert_eq!(decode(&encode(&Tracks::default())), Some(Tracks::default()));
        for bad in [
            "",
            "[]",
            r#"{"video":{"codec":"vp8","width":1,"height":1,"record":""}}"#,
        ] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(unhex("abc"), None);
    }
}
