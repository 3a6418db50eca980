use bytes::Bytes;

use super::super::tag::{TagError, TagParser};
use crate::media::{CodecConfig, MediaMessage, TrackKind, VideoCodec};

/// `avcC` of 320x240 baseline.
pub(super) const AVCC: &[u8] = &[
    1, 0x42, 0xC0, 0x0D, 0xFF, 0xE1, 0, 0x18, 0x67, 0x42, 0xC0, 0x0D, 0xDA, 0x05, 0x07, 0xEC, 0x04, 0x40, 0,
    0, 3, 0, 0x40, 0, 0, 0x0C, 0x83, 0xC5, 0x0A, 0xA8, 1, 0, 4, 0x68, 0xCE, 0x0F, 0xC8,
];
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

    fn last_frame(&self) -> (bool, i32, &[u8]) {
        match self.out.last() {
            Some(MediaMessage::Frame(frame)) => (frame.key, frame.cts_ms, &frame.payload),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn legacy_h264_and_its_signed_offsets() {
    let mut feed = Feed::default();
    assert_eq!(feed.video(&[&[0x17, 0, 0, 0, 0], AVCC]), Ok(1));
    assert_eq!(feed.video(&[&[0x17, 1, 0, 0, 80], b"key"]), Ok(1));
    assert_eq!(feed.last_frame(), (true, 80, &b"key"[..]));
    assert_eq!(feed.video(&[&[0x27, 1, 0xFF, 0xFF, 0xD8], b"inter"]), Ok(1));
    assert_eq!(feed.last_frame(), (false, -40, &b"inter"[..]));
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
    assert_eq!(feed.video(&[&[0x17, 1, 0, 0, 0], b"key"]), Ok(0));
    assert_eq!(feed.audio(&[&[0xAF, 1], b"aac"]), Ok(0));
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
    // Enhanced form, same record.
    assert_eq!(feed.video(&[&[0x90], b"avc1", AVCC]), Ok(0));
    let mut other = AVCC.to_vec();
    other[3] = 0x0E;
    assert_eq!(feed.video(&[&[0x17, 0, 0, 0, 0], &other]), Ok(1));
}

#[test]
fn enhanced_video_in_all_its_packets() {
    let mut feed = Feed::default();
    feed.parser.video_config = Some((VideoCodec::Avc, Bytes::from_static(AVCC)));
    assert_eq!(feed.video(&[&[0x91], b"avc1", &[0xFF, 0xFF, 0xFE], b"x"]), Ok(1));
    assert_eq!(feed.last_frame(), (true, -2, &b"x"[..]));
    assert_eq!(feed.video(&[&[0xA3], b"avc1", b"y"]), Ok(1));
    assert_eq!(feed.last_frame(), (false, 0, &b"y"[..]));
    feed.parser.video_config = Some((VideoCodec::Av1, Bytes::from_static(&[0x81, 0, 0, 0])));
    assert_eq!(feed.video(&[&[0x91], b"av01", b"obu"]), Ok(1));
    assert_eq!(feed.last_frame(), (true, 0, &b"obu"[..]));
    // Sequence end, metadata, command frame.
    assert_eq!(feed.video(&[&[0x92], b"av01"]), Ok(0));
    assert_eq!(feed.video(&[&[0x94], &[2, 0, 9], b"colorInfo"]), Ok(0));
    assert_eq!(feed.video(&[&[0xD1], &[0]]), Ok(0));
    // ModEx with a nanosecond offset, then with a long body.
    assert_eq!(feed.video(&[&[0x97, 2, 0, 0, 9, 0x01], b"av01", b"z"]), Ok(1));
    assert_eq!(feed.last_frame().2, b"z");
    assert_eq!(
        feed.video(&[&[0x97, 0xFF, 1, 0x2B], &[0; 300], &[0x01], b"av01", b"w"]),
        Ok(1)
    );
    assert_eq!(feed.last_frame().2, b"w");
}

#[test]
fn one_track_is_taken_and_others_are_named() {
    let mut feed = Feed::default();
    feed.parser.video_config = Some((VideoCodec::Av1, Bytes::from_static(&[0x81, 0, 0, 0])));
    assert_eq!(feed.video(&[&[0x96, 0x01], b"av01", &[0], b"t"]), Ok(1));
    let second = feed.video(&[&[0x96, 0x01], b"av01", &[1], b"t"]).unwrap_err();
    assert!(second.to_string().contains("track 1"), "{second}");
    let many = feed
        .video(&[&[0x96, 0x11], b"av01", &[0, 0, 0, 1], b"t"])
        .unwrap_err();
    assert!(many.to_string().contains("many tracks"), "{many}");
    assert!(feed.audio(&[&[0x95, 0x21], b"mp4a"]).is_err());
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
    parser.video_config = Some((VideoCodec::Hevc, Bytes::from_static(&[1; 30])));
    let message = Bytes::from([&[0x1C, 1, 0, 0, 0][..], b"hevc sample"].concat());
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
