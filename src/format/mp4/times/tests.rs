use std::collections::HashMap;

use super::*;
use crate::format::mp4::tests::presented;
use crate::format::mp4::{Labels, Mp4};
use crate::format::testing::{self, Reel, SOME_DAY, Take, all, assert_same_in_pieces};
use crate::format::{FileFormat, Gaps, Looked, Plan, VirtualFile as _};
use crate::media::TrackKind;

fn labels(zone: &str) -> Labels {
    Labels {
        times: Some(zone.parse().unwrap()),
        ..Labels::default()
    }
}

fn timed(view: View<Reel>, zone: &str) -> Mp4<Reel> {
    Mp4::resume(view, &labels(zone), Looked::default()).unwrap().0
}

/// The body of the first box of a kind, at any depth.
fn body<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let at = bytes.windows(4).position(|four| four == kind).unwrap();
    let len = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) as usize;
    &bytes[at + 4..at - 4 + len]
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The track of text.
fn trak(bytes: &[u8]) -> &[u8] {
    let handler = bytes.windows(4).position(|four| four == b"sbtl").unwrap();
    let at = bytes[..handler]
        .windows(4)
        .rposition(|four| four == b"trak")
        .unwrap();
    &bytes[at - 4..]
}

/// The texts of the track, each with the milliseconds at which it begins and ends.
fn texts(bytes: &[u8]) -> Vec<(u32, u32, String)> {
    let trak = trak(bytes);
    let (stts, stsz) = (body(trak, b"stts"), body(trak, b"stsz"));
    let offset = number(body(trak, b"stco"), 8) as usize;
    assert_eq!(
        (number(stsz, 4), number(body(trak, b"stsc"), 12)),
        (28, number(stsz, 8))
    );
    let runs =
        (0..number(stts, 4) as usize).map(|run| (number(stts, 8 + run * 8), number(stts, 12 + run * 8)));
    let lengths: Vec<u32> = runs
        .flat_map(|(count, lasts)| (0..count).map(move |_| lasts))
        .collect();
    assert_eq!(lengths.len(), number(stsz, 8) as usize);
    let mut at = 0;
    let all = lengths.iter().enumerate().map(|(sample, lasts)| {
        let from = offset + sample * 28;
        assert_eq!(bytes[from..from + 2], [0, 26]);
        at += lasts;
        (
            at - lasts,
            at,
            String::from_utf8(bytes[from + 2..from + 28].to_vec()).unwrap(),
        )
    });
    let all = all.collect();
    assert_eq!(number(body(trak, b"mdhd"), 16), at);
    all
}

/// Compares the text beside each picture with the UTC of the picture.
fn assert_tells(takes: &[Take], view: View<Reel>) -> usize {
    let bytes = all(&mut timed(view, "Europe/Berlin"));
    let mut utc: HashMap<&[u8], i64> = HashMap::new();
    for take in takes {
        for shot in take.shots.iter().filter(|shot| shot.kind == TrackKind::Video) {
            let ms = shot.dts + i64::from(shot.cts);
            utc.insert(&shot.payload, SOME_DAY + take.publish_zero + ms * 1_000);
        }
    }
    let texts = texts(&bytes);
    let shown = presented(&bytes, 1);
    for (at, picture) in &shown {
        let zone = "Europe/Berlin".parse().unwrap();
        // Times of the file are rounded down to milliseconds.
        let told = |utc: i64| text(utc.div_euclid(1_000_000), &zone);
        let (utc, at) = (utc[picture.as_slice()], (at * 1_000.0 + 0.01) as u32);
        let beside = texts
            .iter()
            .find(|text| (text.0..text.1).contains(&at))
            .map(|text| &text.2);
        let beside = beside.unwrap_or_else(|| panic!("nothing at {at}: {texts:?}"));
        assert!(
            [told(utc), told(utc - 1_000), told(utc + 1_000)].contains(beside),
            "{at}: {beside}, {}",
            told(utc)
        );
    }
    assert!(!shown.is_empty());
    texts.len()
}

#[test]
fn beside_each_picture_stands_when_it_was() {
    let takes = testing::two_segments();
    let at = |ms: i64| SOME_DAY + ms * 1_000;
    // From 03:04:05.711 to 10.2: six seconds of the clock.
    assert_eq!(assert_tells(&takes, testing::view(&takes)), 6);
    let part = |from, to| testing::view(&takes).trim(at(from), at(to)).unwrap();
    for (from, to) in [(40, 3_000), (1_433, 2_466), (2_000, 2_300), (300, 4_400)] {
        assert_tells(&takes, part(from, to));
    }
    // Joined, in another order than that of the tape; the same range twice.
    let joined = part(3_000, 4_000).join(vec![part(500, 1_700), part(2_100, 2_900), part(500, 1_700)]);
    assert!(assert_tells(&takes, joined) >= 6);
}

#[test]
fn closed_and_kept_gaps_and_a_clock_that_was_set_are_followed() {
    let mut takes = testing::eventful();
    // Each picture is told from that of another publish.
    for (number, take) in takes.iter_mut().enumerate() {
        take.shots
            .iter_mut()
            .for_each(|shot| shot.payload[0] = number as u8);
    }
    let view = testing::view(&takes).parts().swap_remove(0);
    for gaps in [Gaps::Close, Gaps::Keep] {
        assert_tells(&takes, view.clone().gaps(gaps));
    }
    // Between two publishes the box learnt that it was an hour too late.
    let (mut late, mut view) = (takes, view);
    let second = late
        .iter()
        .map(|take| take.publish_zero)
        .find(|zero| *zero > 0)
        .unwrap();
    for take in late.iter_mut().filter(|take| take.publish_zero >= second) {
        take.publish_zero += 3_600_000_000;
    }
    for segment in view
        .segments
        .iter_mut()
        .filter(|segment| segment.publish_zero >= second)
    {
        segment.publish_zero_utc += 3_600_000_000;
    }
    assert_tells(&late, view);
}

#[test]
fn nothing_else_of_the_file_changes_and_its_length_is_known() {
    let view = testing::view(&testing::two_segments());
    let without = all(&mut Mp4::open(view.clone()).unwrap());
    let mut file = timed(view.clone(), "UTC");
    let with = all(&mut file);
    for track in [1, 2] {
        assert!(presented(&with, track) == presented(&without, track));
    }
    // An mdat of six texts, and the track.
    let track = number(trak(&with), 0) as usize;
    assert_eq!(with.len(), without.len() + track + 8 + 6 * 28);
    assert_same_in_pieces(&mut file, &with, &[1, 7, 4_099, 70_001]);
    let tag = |labels: &Labels| {
        Plan::labelled(FileFormat::Mp4, view.clone(), labels)
            .unwrap()
            .tag()
    };
    let tags = [
        tag(&Labels::default()),
        tag(&labels("UTC")),
        tag(&labels("Asia/Tokyo")),
    ];
    assert!(tags[0] != tags[1] && tags[1] != tags[2]);
    assert_eq!(tag(&labels("Asia/Tokyo")), tags[2]);
    // Sound alone has no place to show a text.
    let sound = Mp4::resume_audio(view.clone(), &labels("UTC"), Looked::default())
        .unwrap()
        .0;
    assert_eq!(sound.len(), Mp4::open_audio(view).unwrap().len());
}

#[test]
fn the_boxes_are_those_of_timed_text() {
    let bytes = all(&mut timed(testing::view(&testing::two_segments()), "UTC"));
    let trak = trak(&bytes);
    let tkhd = body(trak, b"tkhd");
    // In the movie and not enabled; the third track, in a group of its own, as large as the picture.
    assert_eq!((number(tkhd, 0), number(tkhd, 12)), (2, 3));
    assert_eq!(tkhd[34..36], [0, 3]);
    assert_eq!((number(tkhd, 76) >> 16, number(tkhd, 80) >> 16), (320, 240));
    let mvhd = body(&bytes, b"mvhd");
    assert_eq!(number(mvhd, mvhd.len() - 4), 4);
    assert_eq!(
        body(trak, b"tx3g"),
        [
            &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0xFF, 0, 0, 0, 0x80][..],
            &[0, 217, 0, 6, 0, 235, 1, 64],
            &[0, 0, 0, 0, 0, 1, 0, 12, 0xFF, 0xFF, 0xFF, 0xFF],
            &[0, 0, 0, 23],
            b"ftab\0\x01\0\x01\x0ASans-Serif",
        ]
        .concat()
    );
}

#[test]
fn a_day_is_made_in_groups_and_kept_as_one_stretch() {
    let zone: Zone = "Europe/Berlin".parse().unwrap();
    // Over the night in which the clock is set back.
    let begins: jiff::Timestamp = "2026-10-24T12:00:00.250Z".parse().unwrap();
    let clock = Clock::of([(0, begins.as_millisecond())], 86_400_000);
    let times = Times { clock, zone };
    assert!(times.weight() < 100, "{}", times.weight());
    let groups: Vec<_> = times.groups().collect();
    assert_eq!((groups.len(), groups.last()), (22, Some(&(21 * 4_096, 385))));
    let made: Vec<u8> = groups.iter().flat_map(|group| times.samples(*group)).collect();
    assert_eq!(made.len(), 86_401 * 28);
    let text = |second: usize| std::str::from_utf8(&made[second * 28 + 2..second * 28 + 28]).unwrap();
    assert_eq!(text(0), "2026-10-24 14:00:00 +02:00");
    assert_eq!(text(10 * 3_600), "2026-10-25 00:00:00 +02:00");
    assert_eq!(text(13 * 3_600), "2026-10-25 02:00:00 +01:00");
    assert_eq!(text(86_400), "2026-10-25 13:00:00 +01:00");
    let track = Track {
        id: 3,
        created: 0,
        timescale: 1_000,
        size: (1_920, 1_080),
    };
    // The boxes of a day are as long as those of an hour.
    assert!(
        times.trak(&track, 0).len() < 700,
        "{}",
        times.trak(&track, 0).len()
    );
}
