//! Small segments of every kind of media, with records as real encoders send them.

use std::sync::Arc;

use bytes::Bytes;

use crate::format::TrackBase;
use crate::format::fmp4::{FIRST_SEQUENCE, Identity, Place, fragment_header, segment_header};
use crate::format::index::SampleIndex;
use crate::media::{
    AudioCodec, AudioConfig, ColourInfo, Fragment, Frame, PublishId, RecordingId, SegmentId, TrackKind,
    Tracks, VideoCodec, VideoConfig,
};

pub(super) fn avc() -> VideoConfig {
    VideoConfig {
        codec: VideoCodec::Avc,
        record: hex(
            "0164000dffe100196764000dacd94141fb0110000003001000000303c0f142996001000468ef8fcbfdf8f800",
        ),
        width: 320,
        height: 240,
        timescale: crate::media::MILLISECONDS,
        colour_info: ColourInfo::default(),
    }
}

pub(super) fn hevc() -> VideoConfig {
    VideoConfig {
        codec: VideoCodec::Hevc,
        record: hex(concat!(
            "0101600000009000000000003cf000fcfdf8f800000f03",
            "a00001001840010c01ffff01600000030090000003000003003c959809",
            "a10001002942010101600000030090000003000003003ca00a080f165959a4932bc05a70800000030080000",
            "00f04a2000100074401c172b46240"
        )),
        width: 320,
        height: 240,
        timescale: crate::media::MILLISECONDS,
        colour_info: ColourInfo::default(),
    }
}

pub(super) fn av1() -> VideoConfig {
    VideoConfig {
        codec: VideoCodec::Av1,
        record: hex("81000d000a0b000000043cffbc02f80240"),
        width: 1920,
        height: 1080,
        timescale: crate::media::MILLISECONDS,
        colour_info: ColourInfo::default(),
    }
}

pub(super) fn aac() -> AudioConfig {
    AudioConfig {
        codec: AudioCodec::Aac,
        record: hex("118856e500"),
        sample_rate: 48_000,
        channels: 1,
        frame_samples: 1024,
    }
}

pub(super) fn mp3() -> AudioConfig {
    AudioConfig {
        codec: AudioCodec::Mp3,
        record: Bytes::new(),
        sample_rate: 44_100,
        channels: 2,
        frame_samples: 1152,
    }
}

pub(super) fn opus() -> AudioConfig {
    AudioConfig {
        codec: AudioCodec::Opus,
        // Version 2 and a gain, so that neither is lost for being usual.
        record: hex("02023801807d0000f60100"),
        sample_rate: 48_000,
        channels: 2,
        frame_samples: 960,
    }
}

pub(super) fn tracks(video: Option<VideoConfig>, audio: Option<AudioConfig>) -> Tracks {
    Tracks {
        video: video.map(Arc::new),
        audio: audio.map(Arc::new),
    }
}

pub(super) fn segment_id(last: u8) -> SegmentId {
    let mut bytes = *b"segment-id-seven";
    bytes[15] = last;
    SegmentId::from_bytes(bytes)
}

pub(super) fn identity() -> Identity {
    Identity {
        segment: segment_id(1),
        publish: PublishId::from_bytes(*b"publish-id-seven"),
        device: "classroom-12".to_owned(),
        stream: "live/cam1".parse().unwrap(),
        sequence: 17,
        tape_zero: 5_000_000,
        boot_zero: 90_000_000,
        boot: *b"one-boot-of-many",
        utc_offset: 1_790_000_000_000_000,
        clock_synced: true,
        base: TrackBase {
            video: 10_000,
            audio: 480_000,
        },
        recordings: vec![RecordingId::from_bytes(*b"recording-seven!")],
        chunks: None,
    }
}

pub(super) fn frame(kind: TrackKind, dts: i64, cts: i32, key: bool, payload: &'static [u8]) -> Frame {
    Frame {
        kind,
        dts,
        cts,
        key,
        payload: Bytes::from_static(payload),
    }
}

/// The `nth` fragment of a tape: 120 ms of picture with B-frames, and the sound that fits. Only the first has a keyframe. The
/// `last` one does not know what follows.
pub(super) fn fragment(tracks: &Tracks, nth: i64, last: bool) -> Fragment {
    let start = 10_000 + nth * 120;
    let video = match tracks.video {
        Some(_) => vec![
            frame(TrackKind::Video, start, 40, nth == 0, b"\0\0\0\x06\x65first"),
            frame(TrackKind::Video, start + 40, 80, false, b"\0\0\0\x03\x41p"),
            frame(TrackKind::Video, start + 80, -40, false, b"\0\0\0\x02\x01b"),
        ],
        None => Vec::new(),
    };
    let (mut audio, mut next_audio_dts) = (Vec::new(), None);
    if let Some(config) = &tracks.audio {
        let samples = i64::from(config.frame_samples);
        let begin = 480_000 + nth * 3 * samples;
        for n in 0..3 {
            audio.push(frame(TrackKind::Audio, begin + n * samples, 0, true, b"sound"));
        }
        next_audio_dts = (!last).then_some(begin + 3 * samples);
    }
    Fragment {
        tracks: tracks.clone(),
        chunk: None,
        next_video_dts: (!last && !video.is_empty()).then_some(start + 120),
        next_audio_dts,
        video,
        audio,
    }
}

/// A segment as the store writes it, and its index.
pub(super) fn segment(
    identity: &Identity,
    tracks: &Tracks,
    fragments: &[Fragment],
) -> (Vec<u8>, SampleIndex) {
    let mut file = segment_header(identity, tracks).unwrap();
    let mut index = SampleIndex::default();
    for (fragment, sequence) in fragments.iter().zip(FIRST_SEQUENCE..) {
        index
            .fragments
            .push(append(&mut file, identity, sequence, fragment));
    }
    (file, index)
}

/// Appends a fragment.
pub(super) fn append(
    file: &mut Vec<u8>,
    identity: &Identity,
    sequence: u32,
    fragment: &Fragment,
) -> crate::format::index::FragmentIndex {
    let place = Place {
        segment: identity.segment,
        sequence,
        // The count that the writer has when each fragment is synced before the next but one is written.
        durable: sequence.saturating_sub(2),
        offset: file.len() as u64,
    };
    let header = fragment_header(place, identity.base, fragment).unwrap();
    file.extend_from_slice(&header.bytes);
    for frame in fragment.video.iter().chain(&fragment.audio) {
        file.extend_from_slice(&frame.payload);
    }
    assert_eq!(file.len() as u64, header.index.end());
    header.index
}

/// Three fragments of H.264 and AAC.
pub(super) fn usual() -> (Vec<u8>, SampleIndex, Tracks) {
    let tracks = tracks(Some(avc()), Some(aac()));
    let fragments: Vec<_> = (0..3).map(|nth| fragment(&tracks, nth, nth == 2)).collect();
    let (file, index) = segment(&identity(), &tracks, &fragments);
    (file, index, tracks)
}

pub(super) fn hex(text: &str) -> Bytes {
    let digits: Vec<_> = text.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Bytes as a person compares them: 16 a line, with their text.
pub(super) fn dump(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (at, line) in bytes.chunks(16).enumerate() {
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let visible = |&byte: &u8| match byte {
            b'!'..=b'~' => char::from(byte),
            _ => '.',
        };
        let text: String = line.iter().map(visible).collect();
        out.push_str(&format!("{:04x}  {:<47}  {text}\n", at * 16, hex.join(" ")));
    }
    out
}
