//! Timestamps and streams as real encoders send them: none may cost a sample or its place in time.

use crate::support::flv::{AUDIO, SCRIPT, VIDEO};
use crate::support::{Flv, Media, Pusher, Service, Tag, export, home, recordings, sample, wait_closed};

const ROUNDING: f64 = 1.5;

/// Pushes `flv`, ten times as fast as real time. Every format must contain `expected`.
fn recorded_as(flv: &Flv, expected: &Media) {
    recorded_in(&["mp4", "fmp4", "flv", "hls"], flv, expected);
}

fn recorded_in(formats: &[&str], flv: &Flv, expected: &Media) {
    let home = home();
    let service = Service::start(home.path());
    Pusher::start(service.address(), "live/cam1", flv, 10.0).done();
    let recording = wait_closed(&service.data());
    assert_eq!(recordings(&service.data()).len(), 1);
    for format in formats {
        let out = home.path().join(format);
        export(&service.data(), &recording.id, format, &out).ok();
        let mut got = match *format {
            "mp4" => crate::support::mp4_file::parse(&std::fs::read(&out).unwrap()),
            "fmp4" => crate::support::fragmented::parse(&std::fs::read(&out).unwrap()),
            "flv" => Flv::read(&out).media(),
            _ => crate::support::hls::read(&out).media,
        };
        silence_to_the_end(&mut got, expected, format);
        got.same_as(expected, format, ROUNDING);
    }
}

/// Where pictures continue without sound, growing formats have silence beside them. This function checks the silence and
/// removes it.
fn silence_to_the_end(got: &mut Media, expected: &Media, format: &str) {
    let ends = |media: &Media| media.video.last().map_or(f64::INFINITY, |picture| picture.dts);
    let more = got.audio.split_off(got.audio.len().min(expected.audio.len()));
    for silence in &more {
        assert!(format != "mp4", "MP4 lets its sound end");
        assert!(
            silence.bytes == more[0].bytes && silence.dts < ends(got) + 40.0,
            "{format}"
        );
    }
    let is_long = ends(expected) - expected.audio.last().map_or(f64::INFINITY, |frame| frame.dts) > 1_000.0;
    assert!(
        more.is_empty() || is_long,
        "{format}: the sound ends with the pictures"
    );
}

/// Six seconds are enough for these.
fn clip() -> Flv {
    sample().before(6000)
}

#[test]
fn extended_timestamps() {
    // 0xFFFFFF ms, after 4.66 h, where the header's 24 bits end.
    recorded_as(&clip().later(0xFF_FFFF - 3000), &clip().media());
}

#[test]
fn timestamps_that_wrap() {
    recorded_as(&clip().later(u32::MAX - 3000), &clip().media());
}

#[test]
fn a_start_in_the_middle_of_nowhere() {
    recorded_as(&clip().later(0x8000_0000 - 3000), &clip().media());
}

#[test]
fn negative_composition_times() {
    let earlier = |tag: &Tag| {
        let mut tag = tag.clone();
        if tag.kind == VIDEO && !tag.is_header() {
            let cts = i32::from_be_bytes([tag.body[2], tag.body[3], tag.body[4], 0]) >> 8;
            tag.body[2..5].copy_from_slice(&(cts - 80).to_be_bytes()[1..]);
        }
        tag
    };
    let flv = Flv {
        tags: clip().tags.iter().map(earlier).collect(),
    };
    assert!(flv.media().video.iter().any(|sample| sample.pts < sample.dts));
    recorded_as(&flv, &flv.media());
}

/// The clip with one track that begins later than the other.
fn one_later(kind: u8, millis: u32) -> Flv {
    let mut flv = clip();
    for tag in flv.tags.iter_mut().filter(|tag| tag.kind == kind) {
        tag.time += millis;
    }
    flv.tags.sort_by_key(|tag| tag.time);
    flv
}

#[test]
fn sound_two_seconds_before_the_picture() {
    let flv = one_later(VIDEO, 2000);
    recorded_as(&flv, &flv.media());
}

#[test]
fn sound_four_seconds_before_the_picture_and_not_announced() {
    let flv = one_later(VIDEO, 4000).only(|tag| tag.kind != SCRIPT);
    recorded_as(&flv, &flv.media());
}

#[test]
fn pictures_three_seconds_before_the_sound() {
    let flv = one_later(AUDIO, 3000);
    recorded_as(&flv, &flv.media());
}

#[test]
fn only_pictures() {
    let flv = clip().only(|tag| tag.kind != AUDIO);
    recorded_as(&flv, &flv.media());
}

#[test]
fn no_metadata() {
    let flv = clip().only(|tag| tag.kind != SCRIPT);
    recorded_as(&flv, &flv.media());
}

#[test]
fn a_new_configuration_in_the_middle() {
    let mut flv = clip();
    let header = flv
        .tags
        .iter()
        .find(|tag| tag.kind == VIDEO && tag.is_header())
        .unwrap()
        .clone();
    let at = flv
        .tags
        .iter()
        .position(|tag| tag.is_key() && !tag.is_header() && tag.time > 3000)
        .unwrap();
    let mut other = Tag {
        time: flv.tags[at].time,
        ..header
    };
    // The level in avcC and in its SPS: another configuration that decodes the same media.
    let level = other.body[8];
    let sps_level = other
        .body
        .iter()
        .enumerate()
        .skip(9)
        .find(|(_, byte)| **byte == level)
        .unwrap()
        .0;
    other.body[8] = level + 10;
    other.body[sps_level] = level + 10;
    flv.tags.insert(at, other);
    // An MP4 of either kind has one configuration. Here there would be two, which other tests check.
    recorded_in(&["flv", "hls"], &flv, &flv.media());
}

#[test]
fn headers_that_come_again_and_again() {
    let source = clip();
    let headers: Vec<Tag> = source
        .tags
        .iter()
        .filter(|tag| tag.kind != SCRIPT && tag.is_header())
        .cloned()
        .collect();
    let mut flv = Flv::default();
    for tag in source.tags {
        if tag.is_key() && tag.time > 1000 {
            flv.tags.extend(headers.iter().map(|header| Tag {
                time: tag.time,
                ..header.clone()
            }));
        }
        flv.tags.push(tag);
    }
    recorded_as(&flv, &flv.media());
}
