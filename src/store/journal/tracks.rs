//! Tracks as the journal stores them: JSON, so that `sqlite3 journal.db` shows them to a person.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};

use crate::media::{
    AudioCodec, AudioConfig, ColourInfo, LightLevel, MAX_TIMESCALE, MILLISECONDS, Mastering, Tracks,
    VideoCodec, VideoConfig,
};

#[derive(Serialize, Deserialize)]
struct TracksRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<VideoRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<AudioRow>,
}

#[derive(Serialize, Deserialize)]
struct VideoRow {
    /// The coding. Where the timescale is not [`MILLISECONDS`], it follows behind a `/`, as in SDP: a release that knows no
    /// timescale knows no such coding either, and does not take the ticks for milliseconds.
    codec: String,
    width: u16,
    height: u16,
    record: String,
    #[serde(default, skip_serializing_if = "ColourRow::is_empty")]
    colour_info: ColourRow,
}

/// The green, blue and red primaries, the white point, the brightest and the darkest luminance.
type Display = ([[u16; 2]; 3], [u16; 2], u32, u32);

/// Colour numbers in the order of MP4's boxes.
#[derive(Default, Serialize, Deserialize)]
struct ColourRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    colr: Option<[u8; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mdcv: Option<Display>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clli: Option<(u16, u16)>,
}

#[derive(Serialize, Deserialize)]
struct AudioRow {
    codec: String,
    sample_rate: u32,
    channels: u8,
    frame_samples: u32,
    record: String,
}

/// Encodes tracks for the `tracks` column.
pub(super) fn encode(tracks: &Tracks) -> String {
    let row = TracksRow {
        video: tracks.video.as_ref().map(|video| VideoRow {
            codec: coding(video),
            width: video.width,
            height: video.height,
            record: HEXLOWER.encode(&video.record),
            colour_info: ColourRow::of(&video.colour_info),
        }),
        audio: tracks.audio.as_ref().map(|audio| AudioRow {
            codec: audio.codec.as_str().to_owned(),
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            frame_samples: audio.frame_samples,
            record: HEXLOWER.encode(&audio.record),
        }),
    };
    // Strings and numbers are always JSON.
    serde_json::to_string(&row).unwrap_or_else(|_| "{}".to_owned())
}

/// Decodes the `tracks` column; `None` for a text that no edgereel writes.
pub(super) fn decode(text: &str) -> Option<Tracks> {
    let row: TracksRow = serde_json::from_str(text).ok()?;
    let video = match row.video {
        None => None,
        Some(video) => {
            let (codec, timescale) = read_coding(&video.codec)?;
            Some(Arc::new(VideoConfig {
                codec,
                record: unhex(&video.record)?,
                width: video.width,
                height: video.height,
                timescale,
                colour_info: video.colour_info.read(),
            }))
        }
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

impl ColourRow {
    fn of(info: &ColourInfo) -> Self {
        Self {
            colr: info.colour,
            mdcv: info.mastering.map(|display| {
                (
                    display.primaries,
                    display.white,
                    display.max_luminance,
                    display.min_luminance,
                )
            }),
            clli: info.light.map(|light| (light.content, light.average)),
        }
    }

    fn is_empty(&self) -> bool {
        self.colr.is_none() && self.mdcv.is_none() && self.clli.is_none()
    }

    fn read(self) -> ColourInfo {
        let display = |(primaries, white, max_luminance, min_luminance)| Mastering {
            primaries,
            white,
            max_luminance,
            min_luminance,
        };
        ColourInfo {
            colour: self.colr,
            mastering: self.mdcv.map(display),
            light: self
                .clli
                .map(|(content, average)| LightLevel { content, average }),
        }
    }
}

fn coding(video: &VideoConfig) -> String {
    match video.timescale {
        MILLISECONDS => video.codec.as_str().to_owned(),
        timescale => format!("{}/{timescale}", video.codec.as_str()),
    }
}

fn read_coding(text: &str) -> Option<(VideoCodec, u32)> {
    let Some((codec, timescale)) = text.split_once('/') else {
        return Some((video_codec(text)?, MILLISECONDS));
    };
    let timescale = timescale.parse().ok()?;
    (1..=MAX_TIMESCALE)
        .contains(&timescale)
        .then_some((video_codec(codec)?, timescale))
}

fn video_codec(name: &str) -> Option<VideoCodec> {
    let all = [VideoCodec::Avc, VideoCodec::Hevc, VideoCodec::Av1];
    all.into_iter().find(|codec| codec.as_str() == name)
}

fn audio_codec(name: &str) -> Option<AudioCodec> {
    let all = [AudioCodec::Aac, AudioCodec::Mp3, AudioCodec::Opus];
    all.into_iter().find(|codec| codec.as_str() == name)
}

fn unhex(text: &str) -> Option<Bytes> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
    bytes.ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_come_back_as_they_were() {
        let tracks = crate::store::testing::tracks();
        assert_eq!(decode(&encode(&tracks)), Some(tracks.clone()));
        assert_eq!(decode(&encode(&Tracks::default())), Some(Tracks::default()));
        assert!(!encode(&tracks).contains("colour_info"));
        let mut video = tracks.video.as_deref().cloned().unwrap();
        video.colour_info = ColourInfo {
            colour: Some([9, 16, 9]),
            mastering: Some(Mastering {
                primaries: [[13_250, 34_500], [7_500, 3_000], [34_000, 16_000]],
                white: [15_635, 16_450],
                max_luminance: 10_000_000,
                min_luminance: 1,
            }),
            light: Some(LightLevel {
                content: 1_000,
                average: 400,
            }),
        };
        let said = Tracks {
            video: Some(Arc::new(video.clone())),
            ..tracks.clone()
        };
        let read = decode(&encode(&said)).unwrap().video.unwrap();
        assert_eq!((read.colour_info, &*read), (video.colour_info, &video));
        for timescale in [1, 30_000, 90_000, MAX_TIMESCALE] {
            video.timescale = timescale;
            let said = Tracks {
                video: Some(Arc::new(video.clone())),
                ..tracks.clone()
            };
            assert_eq!(decode(&encode(&said)), Some(said));
        }
        for bad in [
            r#"{"video":{"codec":"h264/0","width":1,"height":1,"record":""}}"#,
            r#"{"video":{"codec":"h264/1000001","width":1,"height":1,"record":""}}"#,
            r#"{"video":{"codec":"h264/-1","width":1,"height":1,"record":""}}"#,
            "",
            "[]",
            r#"{"video":{"codec":"vp8","width":1,"height":1,"record":""}}"#,
        ] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(unhex("abc"), None);
    }
}
