//! Media for tests.

use std::sync::Arc;

use bytes::Bytes;

use crate::media::{
    AudioCodec, AudioConfig, ChunkStart, ColourInfo, Fragment, Frame, TrackKind, Tracks, VideoCodec,
    VideoConfig,
};

/// 320×240 H.264 and 48 kHz stereo AAC.
pub(crate) fn tracks() -> Tracks {
    Tracks {
        video: Some(Arc::new(VideoConfig {
            codec: VideoCodec::Avc,
            record: Bytes::from_static(&[
                1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 8, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x01, 0x41, 0xfb, 1, 0,
                4, 0x68, 0xcb, 0x83, 0xcb,
            ]),
            width: 320,
            height: 240,
            timescale: crate::media::MILLISECONDS,
            colour_info: ColourInfo::default(),
        })),
        audio: Some(Arc::new(AudioConfig {
            codec: AudioCodec::Aac,
            record: Bytes::from_static(&[0x11, 0x90]),
            sample_rate: 48_000,
            channels: 2,
            frame_samples: 1024,
        })),
    }
}

/// The `n`th second of a stream: 5 pictures and 5 packets of sound, each byte known by `n`.
pub(crate) fn fragment(n: i64, key: bool) -> Fragment {
    let payload = |i: i64, len: usize| Bytes::from(vec![(n * 16 + i) as u8; len]);
    let video = (0..5).map(|i| Frame {
        kind: TrackKind::Video,
        dts: n * 1000 + i * 200,
        cts: 0,
        key: key && i == 0,
        payload: payload(i, 700 + i as usize * 37),
    });
    let audio = (0..5).map(|i| Frame {
        kind: TrackKind::Audio,
        dts: n * 48_000 + i * 9_600,
        cts: 0,
        key: true,
        payload: payload(i + 8, 90),
    });
    Fragment {
        tracks: tracks(),
        chunk: key.then(ChunkStart::default),
        video: video.collect(),
        audio: audio.collect(),
        next_video_dts: Some((n + 1) * 1000),
        next_audio_dts: Some((n + 1) * 48_000),
    }
}

/// The same, with two pictures that follow a keyframe and are shown before it.
pub(crate) fn open_gop(n: i64, key: bool) -> Fragment {
    let mut fragment = fragment(n, key);
    for (i, frame) in fragment.video.iter_mut().enumerate() {
        frame.cts = match (key, i) {
            (true, 0) => 600,
            (true, 1 | 2) => 0,
            _ => 200,
        };
    }
    fragment
}

/// The payloads of a fragment as they stand in a file.
pub(crate) fn media(fragment: &Fragment) -> Vec<u8> {
    let frames = fragment.video.iter().chain(&fragment.audio);
    frames.flat_map(|frame| frame.payload.iter().copied()).collect()
}

/// The spec of a recording that a crash closes: it does not wait for a publisher.
pub(super) fn spec() -> std::sync::Arc<super::RecordingSpec> {
    let mut spec = super::RecordingSpec::built_in();
    spec.output.resume.window = crate::model::Span::from_secs(0);
    std::sync::Arc::new(spec)
}
