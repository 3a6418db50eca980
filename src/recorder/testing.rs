//! Frames and tracks for this room's tests.

use std::sync::Arc;

use bytes::Bytes;

use crate::media::{AudioCodec, AudioConfig, ColourInfo, Frame, TrackKind, Tracks, VideoCodec, VideoConfig};

pub(crate) fn tracks() -> Tracks {
    Tracks {
        video: Some(Arc::new(video_config(640))),
        audio: Some(Arc::new(AudioConfig {
            codec: AudioCodec::Aac,
            record: Bytes::from_static(&[0x11, 0x90]),
            sample_rate: 48_000,
            channels: 2,
            frame_samples: 960,
        })),
    }
}

pub(crate) fn video_config(width: u16) -> VideoConfig {
    VideoConfig {
        codec: VideoCodec::Avc,
        record: Bytes::from_static(&[1, 2, 3]),
        width,
        height: 360,
        timescale: crate::media::MILLISECONDS,
        colour_info: ColourInfo::default(),
    }
}

pub(crate) fn other_video() -> Option<Arc<VideoConfig>> {
    Some(Arc::new(video_config(1280)))
}

pub(crate) fn video(dts: i64, key: bool, size: usize) -> Frame {
    Frame {
        kind: TrackKind::Video,
        dts,
        cts: 0,
        key,
        payload: Bytes::from(vec![0x56; size]),
    }
}

pub(crate) fn audio(dts: i64, size: usize) -> Frame {
    Frame {
        kind: TrackKind::Audio,
        dts,
        cts: 0,
        key: true,
        payload: Bytes::from(vec![0x41; size]),
    }
}
