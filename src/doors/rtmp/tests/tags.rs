use bytes::Bytes;

use super::super::amf0::{Value, object};
use super::super::colour_info::tests::{colours, light, packet};
use super::super::tag::{TagError, TagParser};
use crate::media::{CodecConfig, ColourInfo, MediaMessage, Oddity, TrackKind, VideoCodec, VideoConfig};

/// `avcC` of 640x360 constrained baseline, as x264 wrote it.
pub(super) const AVCC: &[u8] = &[
    0x01, 0x42, 0xC0, 0x1E, 0xFF, 0xE1, 0x00, 0x19, 0x67, 0x42, 0xC0, 0x1E, 0xDA, 0x02, 0x80, 0xBF, 0xE5,
    0xC0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xC8, 0x3C, 0x58, 0xBA, 0x80, 0x01,
    0x00, 0x04, 0x68, 0xCE, 0x3C, 0x80,
];
/// `hvcC` of 320x180 that says BT.709, as x265 wrote it.
const BT709: &[u8] = &[
    0x01, 0x01, 0x60, 0x00, 0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x00, 0x00, 0x3C, 0xF0, 0x00, 0xFC, 0xFD,
    0xF8, 0xF8, 0x00, 0x00, 0x0F, 0x03, 0x20, 0x00, 0x01, 0x00, 0x18, 0x40, 0x01, 0x0C, 0x01, 0xFF, 0xFF,
    0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3C, 0x95, 0x98,
    0x09, 0x21, 0x00, 0x01, 0x00, 0x2E, 0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00,
    0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3C, 0xA0, 0x0A, 0x08, 0x0B, 0x9F, 0x79, 0x65, 0x66, 0x92, 0x4C,
    0xAF, 0x01, 0x6A, 0x02, 0x02, 0x02, 0x08, 0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x00, 0xC8,
    0x40, 0x22, 0x00, 0x01, 0x00, 0x07, 0x44, 0x01, 0xC1, 0x72, 0xB4, 0x62, 0x40,
];
/// An IDR picture, and one that is not.
const KEY: &[u8] = b"\0\0\0\x02\x65\x88";
const INTER: &[u8] = b"\0\0\0\x02\x41\x9A";
/// AAC LC, 44.1 kHz, stereo.
pub(super) const ASC: &[u8] = &[0x12, 0x10];

#[derive(Default)]
struct Feed {
    parser: TagParser,
    out: Vec<MediaMessage>,
}

impl Feed {
    fn video(&mut self, parts: &[&[u8]]) -> Result<usize, TagError> {
        let mut sink = Default::default();
        let result = self.parser.video(Bytes::from(parts.concat()), 40, &mut sink);
        let count = sink.len();
        self.out.extend(sink);
        result.map(|()| count)
    }

    fn audio(&mut self, parts: &[&[u8]]) -> Result<usize, TagError> {
        let mut sink = Default::default();
        let result = self.parser.audio(Bytes::from(parts.concat()), 40, &mut sink);
        let count = sink.len();
        self.out.extend(sink);
        result.map(|()| count)
    }

    /// The oddities that were reported.
    fn oddities(&self) -> Vec<&Oddity> {
        let messages = self.out.iter();
        messages
            .filter_map(|message| match message {
                MediaMessage::Oddity(oddity) => Some(oddity),
                _ => None,
            })
            .collect()
    }

    fn frames(&self) -> Vec<(u32, bool, &[u8])> {
        let messages = self.out.iter();
        messages
            .filter_map(|message| match message {
                MediaMessage::Frame(frame) => Some((frame.timestamp_ms, frame.key, &frame.payload[..])),
                _ => None,
            })
            .collect()
    }

    fn last_frame(&self) -> (bool, i32, &[u8]) {
        match self.out.last() {
            Some(MediaMessage::Frame(frame)) => (frame.key, frame.cts_ms, &frame.payload),
            other => panic!("{other:?}"),
        }
    }
}

/// A configuration whose record says no more than that lengths have four bytes.
pub(super) fn bare(codec: VideoCodec) -> VideoConfig {
    VideoConfig {
        codec,
        record: Bytes::from_static(&[3; 30]),
        width: 320,
        height: 180,
        timescale: crate::media::MILLISECONDS,
        colour_info: ColourInfo::default(),
    }
}

#[test]
fn legacy_h264_and_its_signed_offsets() {
    let mut feed = Feed::default();
    assert_eq!(feed.video(&[&[0x17, 0, 0, 0, 0], AVCC]), Ok(1));
    assert_eq!(feed.video(&[&[0x17, 1, 0, 0, 80], KEY]), Ok(1));
    assert_eq!(feed.last_frame(), (true, 80, KEY));
    assert_eq!(feed.video(&[&[0x27, 1, 0xFF, 0xFF, 0xD8], INTER]), Ok(1));
    assert_eq!(feed.last_frame(), (false, -40, INTER));
}

#[test]
fn what_encoders_get_wrong_is_let_pass() {
    let mut feed = Feed::default();
    for harmless in [
        &[][..],
        &[0x17],
        &[0x17, 0, 0],
        &[0x17, 0, 0, 0, 0],
        &[0x17, 1, 0, 0, 0],
        &[0x27, 2, 0, 0, 0],
        &[0x57, 0],
        &[0x00],
        &[0x10],
    ] {
        assert_eq!(feed.video(&[harmless]), Ok(0), "{harmless:?}");
    }
    for harmless in [
        &[][..],
        &[0xAF],
        &[0xAF, 0],
        &[0xAF, 1],
        &[0xAF, 9, 9],
        &[0x90],
        &[0x2F],
        &[0x00],
    ] {
        assert_eq!(feed.audio(&[harmless]), Ok(0), "{harmless:?}");
    }
}

#[test]
fn frames_before_their_configuration_are_dropped_and_counted() {
    let mut feed = Feed::default();
    assert_eq!(feed.video(&[&[0x17, 1, 0, 0, 0], b"key"]), Ok(1));
    assert_eq!(feed.audio(&[&[0xAF, 1], b"aac"]), Ok(1));
    let early = |kind| Oddity::BeforeConfig { kind };
    assert_eq!(
        feed.oddities(),
        [&early(TrackKind::Video), &early(TrackKind::Audio)]
    );
    assert_eq!(feed.parser.dropped(), 2);
    assert_eq!(feed.audio(&[&[0xAF, 0], ASC]), Ok(1));
    assert_eq!(feed.audio(&[&[0xAF, 1], b"aac"]), Ok(1));
    assert_eq!(feed.last_frame(), (true, 0, &b"aac"[..]));
}

#[test]
fn the_same_configuration_again_says_nothing_new() {
    let mut feed = Feed::default();
    assert_eq!(feed.video(&[&[0x17, 0, 0, 0, 0], AVCC]), Ok(1));
    assert_eq!(feed.video(&[&[0x17, 0, 0, 0, 0], AVCC]), Ok(0));
    // The enhanced form has the same record.
    assert_eq!(feed.video(&[&[0x90], b"avc1", AVCC]), Ok(0));
    let mut other = AVCC.to_vec();
    *other.last_mut().unwrap() = 0x81;
    assert_eq!(feed.video(&[&[0x17, 0, 0, 0, 0], &other]), Ok(1));
}

#[test]
fn enhanced_video_in_all_its_packets() {
    let mut feed = Feed::default();
    feed.parser.video_config = Some(bare(VideoCodec::Avc));
    assert_eq!(feed.video(&[&[0x91], b"avc1", &[0xFF, 0xFF, 0xFE], KEY]), Ok(1));
    assert_eq!(feed.last_frame(), (true, -2, KEY));
    assert_eq!(feed.video(&[&[0xA3], b"avc1", INTER]), Ok(1));
    assert_eq!(feed.last_frame(), (false, 0, INTER));
    feed.parser.video_config = Some(bare(VideoCodec::Av1));
    assert_eq!(feed.video(&[&[0x91], b"av01", b"\x32\x01\x10"]), Ok(1));
    assert_eq!(feed.last_frame(), (true, 0, &b"\x32\x01\x10"[..]));
    // A sequence end, metadata, and a command frame.
    assert_eq!(feed.video(&[&[0x92], b"av01"]), Ok(0));
    assert_eq!(feed.video(&[&[0xD1], &[0]]), Ok(0));
    // ModEx with a nanosecond offset, then ModEx with a long body.
    assert_eq!(
        feed.video(&[&[0x97, 2, 0, 0, 9, 0x01], b"av01", b"\x12\0"]),
        Ok(1)
    );
    assert_eq!(feed.last_frame().2, b"\x12\0");
    assert_eq!(
        feed.video(&[&[0x97, 0xFF, 1, 0x2B], &[0; 300], &[0x01], b"av01", b"\x12\0"]),
        Ok(1)
    );
}

#[test]
fn track_0_is_taken_in_every_form_and_others_are_left_out_and_told_once() {
    let mut feed = Feed::default();
    feed.parser.video_config = Some(bare(VideoCodec::Avc));
    feed.audio(&[&[0xAF, 0], ASC]).unwrap();
    feed.out.clear();
    let cts = [0, 0, 40];
    let length = |bytes: &[u8]| [0, 0, bytes.len() as u8];
    assert_eq!(feed.video(&[&[0x96, 0x01], b"avc1", &[0], &cts, KEY]), Ok(1));
    assert_eq!(feed.last_frame(), (true, 40, KEY));
    assert_eq!(feed.oddities(), [] as [&Oddity; 0]);
    // Another track alone, also in a coding that is not recorded.
    assert_eq!(feed.video(&[&[0xA6, 0x01], b"avc1", &[1], &cts, INTER]), Ok(1));
    assert_eq!(feed.video(&[&[0xA6, 0x01], b"vp09", &[2], INTER]), Ok(0));
    assert_eq!(feed.audio(&[&[0x95, 0x00], b"mp4a", &[1], ASC]), Ok(1));
    assert_eq!(feed.audio(&[&[0x95, 0x01], b"fLaC", &[1], b"x"]), Ok(0));
    let more = |kind, track| Oddity::MoreTracks { kind, track };
    assert_eq!(
        feed.oddities(),
        [&more(TrackKind::Video, 1), &more(TrackKind::Audio, 1)]
    );
    // Several tracks in a tag, in either order; then each with its own coding.
    let frame = [&cts[..], INTER].concat();
    let many = [
        &[1][..],
        &length(b"\0\0\0zz"),
        b"\0\0\0zz",
        &[0],
        &length(&frame),
        &frame,
    ]
    .concat();
    assert_eq!(feed.video(&[&[0xA6, 0x11], b"avc1", &many]), Ok(1));
    assert_eq!(feed.last_frame(), (false, 40, INTER));
    let many = [
        &b"mp4a\0"[..],
        &length(b"aac"),
        b"aac",
        b"fLaC\x01",
        &length(b"flac"),
        b"flac",
    ]
    .concat();
    assert_eq!(feed.audio(&[&[0x95, 0x21], &many]), Ok(1));
    assert_eq!(feed.last_frame(), (true, 0, &b"aac"[..]));
    // Tags that are cut short, of a form that is not defined yet, or without track 0.
    assert_eq!(
        feed.audio(&[&[0x95, 0x11], b"mp4a", &[0, 0, 0, 9], b"aac"]),
        Ok(0)
    );
    assert_eq!(feed.audio(&[&[0x95, 0x31], b"mp4a", &[0]]), Ok(0));
    assert_eq!(feed.audio(&[&[0x95, 0x11], b"mp4a", &[7, 0, 0, 1, 9]]), Ok(0));
    assert_eq!(feed.audio(&[&[0x95, 0x11], b"mp4a"]), Ok(0));
}

#[test]
fn what_a_picture_is_counts_and_not_its_mark() {
    // All pictures are marked as keyframes, then none. Each case is reported once.
    for (marks, told) in [([0x17, 0x17, 0x17], true), ([0x27, 0x27, 0x27], false)] {
        let mut feed = Feed::default();
        feed.video(&[&[0x17, 0, 0, 0, 0], AVCC]).unwrap();
        for (mark, picture) in marks.into_iter().zip([KEY, INTER, KEY]) {
            feed.video(&[&[mark, 1, 0, 0, 0], picture]).unwrap();
            feed.video(&[&[mark, 1, 0, 0, 0], picture]).unwrap();
        }
        let keys: Vec<bool> = feed.frames().iter().map(|(_, key, _)| *key).collect();
        assert_eq!(keys, [true, true, false, false, true, true]);
        assert_eq!(feed.oddities(), [&Oddity::KeyFlag { flagged: told }]);
    }
    // An intra picture that promises nothing is a keyframe where it is marked, and where no picture ever is.
    const INTRA: &[u8] = b"\0\0\0\x03\x61\x88\x80";
    let mut feed = Feed::default();
    feed.video(&[&[0x17, 0, 0, 0, 0], AVCC]).unwrap();
    for mark in [0x27, 0x17, 0x27] {
        feed.video(&[&[mark, 1, 0, 0, 0], INTRA]).unwrap();
    }
    let keys: Vec<bool> = feed.frames().iter().map(|(_, key, _)| *key).collect();
    assert_eq!((keys, feed.oddities().len()), (vec![true, true, false], 0));
}

#[test]
fn units_are_mended_and_that_is_told_once() {
    let start_codes = b"\0\0\0\x01\x09\xF0\0\0\x01\x65\x88";
    let mended = b"\0\0\0\x02\x09\xF0\0\0\0\x02\x65\x88";
    let empty = [b"\0\0\0\0", KEY, b"\0\0\0\0"].concat();
    let cut = [KEY, b"\0\0\x10\0\x65"].concat();
    let hopeless = b"\0\0\x10\0\x65\x88";
    for (sent, kept, told) in [
        (&empty[..], KEY, Oddity::EmptyUnits),
        (&cut, KEY, Oddity::CutUnit { mended: true }),
        (hopeless, hopeless, Oddity::CutUnit { mended: false }),
        (start_codes, mended, Oddity::StartCodes { mended: true }),
    ] {
        let mut feed = Feed::default();
        feed.video(&[&[0x17, 0, 0, 0, 0], AVCC]).unwrap();
        for _ in 0..2 {
            feed.video(&[&[0x17, 1, 0, 0, 0], sent]).unwrap();
            assert_eq!(feed.last_frame(), (true, 0, kept));
        }
        assert_eq!(feed.oddities(), [&told]);
    }
    let mut feed = Feed::default();
    feed.video(&[&[0x17, 0, 0, 0, 0], AVCC]).unwrap();
    feed.video(&[&[0x17, 1, 0, 0, 0], &[0; 8]]).unwrap();
    assert_eq!(feed.frames(), [], "nothing is left of it");
}

#[test]
fn parameter_sets_configure_what_no_sequence_header_does() {
    let (sps, pps) = (&AVCC[8..33], &AVCC[36..]);
    let start_codes = [b"\0\0\0\x01", sps, b"\0\0\x01", pps].concat();
    let lengths = [&[0, 0, 0, 25], sps, &[0, 0, 0, 4], pps].concat();
    // Start codes in place of the sequence header, and before the picture in either form.
    for (header, picture) in [
        (Some(&start_codes), KEY.to_vec()),
        (None, [&start_codes[..], b"\0\0\x01\x65\x88"].concat()),
        (None, [&lengths[..], KEY].concat()),
    ] {
        let mut feed = Feed::default();
        if let Some(header) = header {
            feed.video(&[&[0x17, 0, 0, 0, 0], header]).unwrap();
        }
        feed.video(&[&[0x17, 1, 0, 0, 0], &picture]).unwrap();
        feed.video(&[&[0x27, 1, 0, 0, 0], INTER]).unwrap();
        // A real sequence header with the same values is nothing new.
        feed.video(&[&[0x17, 0, 0, 0, 0], AVCC]).unwrap();
        let keys: Vec<bool> = feed.frames().iter().map(|(_, key, _)| *key).collect();
        assert_eq!(keys, [true, false]);
        assert_eq!(feed.oddities()[0], &Oddity::NoConfig);
        let configs = feed
            .out
            .iter()
            .filter(|message| matches!(message, MediaMessage::Config { .. }));
        assert_eq!(configs.count(), 1);
        assert!(matches!(
            &feed.out[0],
            MediaMessage::Config { config: CodecConfig::Video(video), .. } if video.width == 640
        ));
    }
    // There are no whole parameter sets, so there is no configuration.
    let mut feed = Feed::default();
    feed.video(&[&[0x17, 0, 0, 0, 0], b"\0\0\0\x01\x67"]).unwrap();
    feed.video(&[&[0x17, 1, 0, 0, 0], KEY]).unwrap();
    assert_eq!(
        feed.oddities(),
        [&Oddity::BeforeConfig {
            kind: TrackKind::Video
        }]
    );
}

#[test]
fn adts_headers_are_taken_off_and_configure_what_nothing_else_does() {
    let adts = |raw: &[u8]| {
        let n = (raw.len() + 7) as u8;
        [&[0xFF, 0xF1, 0x50, 0x80, n >> 3, n << 5 | 31, 0xFC][..], raw].concat()
    };
    for configured in [false, true] {
        let mut feed = Feed::default();
        if configured {
            feed.audio(&[&[0xAF, 0], ASC]).unwrap();
        }
        feed.audio(&[&[0xAF, 1], &adts(b"\x21one")]).unwrap();
        // Two frames in a tag: the second one is later by a frame.
        feed.audio(&[&[0xAF, 1], &adts(b"\x21two"), &adts(b"\x21three")])
            .unwrap();
        // The same configuration, as other encoders write it.
        feed.audio(&[&[0xAF, 0], ASC]).unwrap();
        feed.audio(&[&[0xAF, 0], &[0x12, 0x10, 0x56, 0xE5, 0]]).unwrap();
        feed.audio(&[&[0xAF, 1], b"\x21raw"]).unwrap();
        let frames: Vec<_> = feed
            .frames()
            .iter()
            .map(|(at, _, payload)| (*at, *payload))
            .collect();
        let wanted = [
            (40, &b"\x21one"[..]),
            (40, b"\x21two"),
            (63, b"\x21three"),
            (40, b"\x21raw"),
        ];
        assert_eq!(frames, wanted);
        assert_eq!(
            feed.oddities(),
            [&Oddity::AdtsHeaders {
                configured: !configured
            }]
        );
        let is_config = |message: &&MediaMessage| matches!(message, MediaMessage::Config { .. });
        let Some(MediaMessage::Config {
            config: CodecConfig::Audio(config),
            ..
        }) = feed.out.first()
        else {
            panic!("{:?}", feed.out)
        };
        assert_eq!((&config.record[..], config.sample_rate), (ASC, 44_100));
        assert_eq!(feed.out.iter().filter(is_config).count(), 1);
    }
    // An ADTS header in place of a sequence header.
    let mut feed = Feed::default();
    feed.audio(&[&[0xAF, 0], &adts(b"")]).unwrap();
    feed.audio(&[&[0xAF, 1], b"\x21raw"]).unwrap();
    assert_eq!((feed.frames().len(), feed.oddities().len()), (1, 0));
}

#[test]
fn another_codec_is_named() {
    let mut feed = Feed::default();
    for (tag, name) in [
        (&[0x12, 0, 0, 0, 0][..], "Sorenson"),
        (&[0x1D, 0, 0, 0, 0], "id 13"),
        (b"\x91vp09....", "'vp09'"),
        (b"\x90\xff\x00\x00\x00", "\\xff"),
    ] {
        let error = feed.video(&[tag]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("send H.264"), "{error}");
    }
    for (tag, name) in [
        (&[0x72, 1][..], "A-law"),
        (&[0xB2, 1], "Speex"),
        (b"\x90fLaC", "'fLaC'"),
    ] {
        let error = feed.audio(&[tag]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("send AAC"), "{error}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_ends_it() {
    let mut feed = Feed::default();
    assert!(matches!(
        feed.video(&[&[0x17, 0, 0, 0, 0, 1]]),
        Err(TagError::Config(_))
    ));
}

#[test]
fn mp3_makes_its_own_configuration_and_again_only_when_it_changes() {
    let mut feed = Feed::default();
    let frame = [&[0xFF, 0xFB, 0x90, 0x44][..], &[0; 413]].concat();
    assert_eq!(feed.audio(&[&[0x2F], &frame]), Ok(2));
    assert!(matches!(
        &feed.out[0],
        MediaMessage::Config {
            config: CodecConfig::Audio(_),
            timestamp_ms: 40
        }
    ));
    assert_eq!(feed.last_frame().2.len(), 417);
    assert_eq!(feed.audio(&[&[0x2F], &frame]), Ok(1));
    assert_eq!(feed.audio(&[&[0x91], b".mp3", &frame]), Ok(1));
    let mono = [&[0xFF, 0xFB, 0x90, 0xC4][..], &[0; 413]].concat();
    assert_eq!(feed.audio(&[&[0x2F], &mono]), Ok(2));
}

#[test]
fn payloads_are_slices_of_the_message() {
    let mut parser = TagParser::default();
    parser.video_config = Some(bare(VideoCodec::Hevc));
    let message = Bytes::from([&[0x1C, 1, 0, 0, 0][..], b"\0\0\0\x03\x26\x01\x80"].concat());
    let mut sink = Default::default();
    parser.video(message.clone(), 0, &mut sink).unwrap();
    let Some(MediaMessage::Frame(frame)) = sink.pop_front() else {
        panic!()
    };
    assert_eq!(frame.kind, TrackKind::Video);
    assert_eq!(frame.payload.as_ptr(), message[5..].as_ptr());
}

#[test]
fn tags_cut_anywhere_are_harmless() {
    let tags: [&[u8]; 8] = [
        &[&[0x17, 0, 0, 0, 0][..], AVCC].concat(),
        &[&[0x90][..], b"avc1", AVCC].concat(),
        &[&[0x97, 2, 0, 0, 9, 0x01][..], b"av01", b"z"].concat(),
        &[&[0x96, 0x01][..], b"av01", &[0], b"t"].concat(),
        &[&[0xAF, 0][..], ASC].concat(),
        &[
            &[0x90][..],
            b"OpusOpusHead",
            &[1, 2, 0x38, 1, 0x80, 0xBB, 0, 0, 0, 0, 0],
        ]
        .concat(),
        &[&[0x95, 0x01][..], b"mp4a", &[0], b"t"].concat(),
        &[0x2F, 0xFF, 0xFB, 0x90, 0x44, 0, 0, 0],
    ];
    for tag in tags {
        for end in 0..=tag.len() {
            let mut feed = Feed::default();
            let _ = feed.video(&[&tag[..end]]);
            let _ = feed.audio(&[&tag[..end]]);
        }
    }
}

/// `colorInfo`, and when it counts.
#[test]
fn colours_count_from_the_next_keyframe_on() {
    let info = |colour: f64, more: Option<(f64, f64)>| {
        let config = ("colorConfig", colours(9.0, colour, 9.0));
        match more {
            Some((most, average)) => packet(object([config, ("hdrCll", light(most, average))])),
            None => packet(object([config])),
        }
    };
    let tell = |feed: &mut Feed, body: &[u8]| feed.video(&[&[0xD4], b"avc1", body]);
    let looks = |feed: &Feed| -> Vec<(Option<u8>, Option<u16>)> {
        let looks = feed.out.iter().filter_map(|message| match message {
            MediaMessage::Config {
                config: CodecConfig::Video(video),
                ..
            } => Some(video.appearance()),
            _ => None,
        });
        looks
            .map(|look| {
                (
                    look.colour.map(|colour| colour.transfer),
                    look.light.map(|light| light.content),
                )
            })
            .collect()
    };
    let mut feed = Feed::default();
    // `colorInfo` comes before the sequence header, between it and the first picture, and in the middle.
    assert_eq!(tell(&mut feed, &info(16.0, None)), Ok(0));
    assert_eq!(feed.video(&[&[0x17, 0, 0, 0, 0], AVCC]), Ok(1));
    assert_eq!(tell(&mut feed, &info(18.0, None)), Ok(0));
    assert_eq!(feed.video(&[&[0x17, 1, 0, 0, 0], KEY]), Ok(2));
    assert_eq!(tell(&mut feed, &info(16.0, Some((1_000.0, 400.0)))), Ok(0));
    assert_eq!(feed.video(&[&[0x27, 1, 0, 0, 0], INTER]), Ok(1));
    // The sequence header again, in the middle of a GOP, is no place to begin at.
    let twice = [&AVCC[..5], &[0xE1], &AVCC[6..33], &[2], &AVCC[34..], &AVCC[34..]].concat();
    assert_eq!(feed.video(&[&[0x17, 0, 0, 0, 0], &twice]), Ok(0));
    assert_eq!(feed.video(&[&[0x17, 1, 0, 0, 0], KEY]), Ok(2));
    assert_eq!(
        looks(&feed),
        [(Some(16), None), (Some(18), None), (Some(16), Some(1_000))]
    );
    // The same `colorInfo` again, in any order, is nothing new. Another light begins no new file.
    assert_eq!(tell(&mut feed, &info(16.0, Some((1_000.0, 400.0)))), Ok(0));
    assert_eq!(feed.video(&[&[0x17, 1, 0, 0, 0], KEY]), Ok(1));
    assert_eq!(tell(&mut feed, &info(16.0, Some((900.0, 300.0)))), Ok(0));
    assert_eq!(feed.video(&[&[0x17, 1, 0, 0, 0], KEY]), Ok(2));
    assert_eq!(feed.video(&[&[0x17, 1, 0, 0, 0], KEY]), Ok(1));
    assert_eq!(feed.oddities(), [&Oddity::LightChanges]);
    assert_eq!(looks(&feed).len(), 3);
    // A value that cannot be used is reported once and changes nothing. Without a FourCC there is nothing to read.
    for _ in 0..2 {
        assert!(tell(&mut feed, &packet(Value::Number(7.0))).unwrap() <= 1);
        assert_eq!(feed.video(&[&[0xD4], &[9]]), Ok(0));
    }
    assert_eq!(feed.oddities().len(), 2);
    // The publisher takes the colours back.
    assert_eq!(tell(&mut feed, &packet(Value::Undefined)), Ok(0));
    assert_eq!(feed.video(&[&[0x17, 1, 0, 0, 0], KEY]), Ok(2));
    assert_eq!(looks(&feed).last(), Some(&(None, None)));
}

#[test]
fn colours_that_contradict_the_parameter_sets_are_said_and_count() {
    let mut feed = Feed::default();
    let said = packet(object([("colorConfig", colours(9.0, 16.0, 9.0))]));
    // `colorInfo` in track 0 of several tracks.
    let long = u32::try_from(said.len()).unwrap().to_be_bytes();
    let many = [
        &[0x96, 0x14],
        &b"hvc1"[..],
        &[0],
        &long[1..],
        &said,
        &[1, 0, 0, 1, 9],
    ]
    .concat();
    assert_eq!(feed.video(&[&many]), Ok(1));
    feed.video(&[&[0x90], b"hvc1", BT709]).unwrap();
    assert!(feed.oddities().contains(&&Oddity::ColourDiffers {
        said: [9, 16, 9],
        own: [1, 1, 1]
    }));
    let look = feed.parser.video_config.unwrap().appearance();
    assert_eq!(look.colour.map(|colour| colour.transfer), Some(16));
}
