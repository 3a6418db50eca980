use std::sync::Arc;

use m3u8_rs::{AlternativeMediaType, VariantStream};

use super::*;
use crate::format::hls::Hls;
use crate::format::testing::{self, Reel, Take};

fn take(tracks: &Tracks, from: i64, to: i64) -> Take {
    Take {
        shots: testing::shoot(tracks, from, to, from),
        tracks: tracks.clone(),
        publish_zero: 0,
    }
}

fn open(takes: &[Take]) -> Hls<Reel> {
    Hls::open(testing::view(takes), 6_000).unwrap()
}

/// The only variant of a master playlist, as another reader understands it.
fn variant(text: &[u8]) -> VariantStream {
    let master = m3u8_rs::parse_master_playlist_res(text).unwrap();
    let [variant] = master.variants.as_slice() else {
        panic!("{master:?}");
    };
    assert!(
        master
            .alternatives
            .iter()
            .all(|one| one.media_type != AlternativeMediaType::Audio)
    );
    variant.clone()
}

#[test]
fn the_master_playlist_says_what_is_in_the_other() {
    let hls = open(&[take(&testing::both(), 0, 20_000)]);
    let text = std::str::from_utf8(hls.master()).unwrap();
    insta::assert_snapshot!(text);
    let found = variant(hls.master());
    let lens: Vec<u64> = hls
        .files()
        .filter(|(name, _)| name.ends_with(".m4s"))
        .map(|(_, len)| len)
        .collect();
    let average = lens.iter().sum::<u64>() * 8 / 20;
    let said = found.average_bandwidth.unwrap();
    assert!(said.abs_diff(average) <= average / 50, "{said} is not {average}");
    assert!(found.bandwidth >= said);
    assert_eq!(found.uri, "index.m3u8");
}

#[test]
fn sound_alone_has_no_picture_in_its_master_playlist() {
    let hls = open(&[take(&testing::sound_only(), 0, 20_000)]);
    let found = variant(hls.master());
    assert_eq!(found.codecs.as_deref(), Some("mp4a.40.2"));
    assert_eq!((found.resolution, found.frame_rate), (None, None));
    let tracks = Tracks {
        video: None,
        audio: Some(Arc::new(testing::opus())),
    };
    let hls = open(&[take(&tracks, 0, 20_000)]);
    assert_eq!(variant(hls.master()).codecs.as_deref(), Some("opus"));
}

#[test]
fn what_changes_in_the_middle_is_all_in_the_master_playlist() {
    let (one, mut other) = (testing::both(), testing::both());
    other.video = Some(Arc::new(testing::other_video()));
    other.audio = Some(Arc::new(testing::opus()));
    let found = variant(open(&[take(&one, 0, 8_000), take(&other, 8_000, 16_000)]).master());
    let video = |tracks: &Tracks| tracks.video.as_ref().unwrap().codec_string();
    let all = [&video(&one), &video(&other), "mp4a.40.2", "opus"].join(",");
    assert_eq!(found.codecs, Some(all));
    let largest = [&one, &other]
        .map(|tracks| tracks.video.as_ref().unwrap().display_size())
        .into_iter()
        .max();
    let size = found.resolution.unwrap();
    assert_eq!(Some((size.width as u32, size.height as u32)), largest);
}

#[test]
fn the_frame_rate_is_the_largest_in_whatever_timescale_pictures_come() {
    let rate = |takes: &[(u32, i64)]| {
        let takes = (1..).zip(takes);
        let takes: Vec<Take> = takes
            .map(|(seed, (timescale, step))| testing::ticking(*timescale, *step, 12, seed))
            .collect();
        variant(open(&takes).master()).frame_rate
    };
    // The parameter set says 30.
    assert_eq!(rate(&[(1_000, 40), (90_000, 1_800)]), Some(50.0));
    assert_eq!(rate(&[(25, 1), (90_000, 3_600)]), Some(25.0));
    assert_eq!(rate(&[(25, 1), (90_000, 3_000)]), Some(30.0));
    assert_eq!(rate(&[(90_000, 3_000), (1_000, 40)]), Some(30.0));
    assert_eq!(rate(&[(1_000, 250), (30_000, 10_000)]), Some(4.0));
}

#[test]
fn while_it_grows_the_master_playlist_stays_as_long_as_it_is_true() {
    let open = |to| {
        let takes = [take(&testing::both(), 0, to)];
        Hls::growing(testing::view(&takes), 6_000).unwrap()
    };
    let marks: Vec<String> = (2..20)
        .map(|chunks| open(chunks * 6_000).live_master_mark().to_string())
        .collect();
    let changes = marks.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes <= 2, "{changes} of {}", marks.len());
    let hls = open(60_000);
    let (live, last) = (variant(&hls.live_master()), variant(hls.master()));
    assert!(live.bandwidth >= last.bandwidth && live.bandwidth <= last.bandwidth * 9 / 8 + 1);
    assert_eq!((&live.codecs, live.resolution), (&last.codecs, last.resolution));
    // A recording that was delivered while it grew has the same playlist as an exported one.
    let whole = Hls::open(testing::view(&[take(&testing::both(), 0, 60_000)]), 6_000).unwrap();
    assert_eq!(whole.master(), hls.master());
}

#[test]
fn the_peak_is_that_of_half_a_target_duration_at_least() {
    let chunks = [(600, 6_000), (9_000, 1_000), (600, 6_000), (900, 3_000)];
    // The chunk of a second alone is too short to count. With one of its neighbours it is 9,600 bytes in 7 s.
    assert_eq!(peak(&chunks, 6_000), 9_600 * 8_000 / 7_000);
    assert_eq!(peak(&[(100, 1_000)], 6_000), 800);
    assert_eq!(peak(&[], 6_000), 0);
    for rate in [0, 1, 7, 1_000, 123_456, u32::MAX] {
        let up = rounded_up(rate);
        assert!(
            up >= rate && u64::from(up) <= u64::from(rate) * 9 / 8 + 1,
            "{rate}"
        );
        assert_eq!(rounded_up(up), up);
    }
}

#[test]
fn the_range_is_what_the_publisher_says_else_what_the_pictures_say() {
    let range = |colour: Option<[u8; 3]>| {
        let mut video = testing::small_video();
        video.colour_info.colour = colour;
        let tracks = Tracks {
            video: Some(Arc::new(video)),
            audio: None,
        };
        let text = open(&[take(&tracks, 0, 8_000)]).master().to_vec();
        let text = String::from_utf8(text).unwrap();
        let (_, after) = text.split_once("VIDEO-RANGE=")?;
        Some(
            after
                .chars()
                .take_while(|c| c.is_ascii_uppercase())
                .collect::<String>(),
        )
    };
    assert_eq!(range(None), None);
    assert_eq!(range(Some([1, 1, 1])).as_deref(), Some("SDR"));
    assert_eq!(range(Some([9, 16, 9])).as_deref(), Some("PQ"));
    assert_eq!(range(Some([9, 18, 9])).as_deref(), Some("HLG"));
}
