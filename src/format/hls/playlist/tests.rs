use super::*;
use crate::format::hls::{Hls, Prefix, Start};
use crate::format::testing::{self, Reel, Take};

fn served<'a>(start: Start, update: Update, uris: &'a Uris) -> Served<'a> {
    Served {
        start,
        update,
        uris,
        later_us: 0,
    }
}

fn long() -> Vec<Take> {
    let tracks = testing::both();
    vec![Take {
        shots: testing::shoot(&tracks, 0, 60_000, 0),
        tracks,
        publish_zero: 0,
    }]
}

/// The text without the lines that only a door writes, and without the names of files.
fn without_own_lines(text: &[u8]) -> String {
    let text = std::str::from_utf8(text).unwrap();
    let own = |line: &str| line.starts_with("#EXT-X-START:") || line.starts_with("#EXT-X-SERVER-CONTROL:");
    let lines = text
        .lines()
        .filter(|line| !own(line))
        .map(|line| match line.split_once("URI=") {
            Some((tag, _)) => format!("{tag}\n"),
            None if line.starts_with('#') => format!("{line}\n"),
            None => "a file\n".to_owned(),
        });
    lines.collect()
}

#[test]
fn what_is_served_is_what_is_delivered_but_for_a_doors_own_lines() {
    let uris = Uris::default();
    for takes in [testing::eventful(), long()] {
        let whole = Hls::open(testing::view(&takes), 1_000).unwrap();
        let text = whole.served(&served(Start::Beginning, Update::Whole, &uris));
        assert_eq!(without_own_lines(&text), without_own_lines(whole.playlist()));
        let grows = Hls::growing(testing::view(&takes), 1_000).unwrap();
        let text = grows.served(&served(Start::LiveEdge, Update::Whole, &uris));
        assert_eq!(without_own_lines(&text), without_own_lines(grows.playlist()));
        let text = grows.served_live(3, &served(Start::LiveEdge, Update::Whole, &uris));
        assert_eq!(
            without_own_lines(&text),
            without_own_lines(&grows.live_playlist(3))
        );
    }
}

#[test]
fn a_door_says_where_a_player_begins() {
    let uris = Uris::default();
    let hls = Hls::growing(testing::view(&long()), 6_000).unwrap();
    let start = |start| {
        let text = hls.served_live(5, &served(start, Update::Whole, &uris));
        let start = m3u8_rs::parse_media_playlist_res(&text).unwrap().start.unwrap();
        (start.time_offset, start.precise)
    };
    assert_eq!(start(Start::Beginning), (0.0, Some(true)));
    assert_eq!(start(Start::LiveEdge), (-18.0, Some(false)));
    let vod = Hls::open(testing::view(&long()), 6_000).unwrap();
    let text = vod.served(&served(Start::Beginning, Update::Delta, &uris));
    let text = String::from_utf8(text).unwrap();
    // A playlist that does not change has no updates.
    assert!(text.contains("#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n"));
    assert!(!text.contains("SKIP"));
}

#[test]
fn the_query_of_the_playlist_stands_on_each_of_its_uris() {
    let uris = Uris::new("", Some("txSecret=ab&_HLS_skip=YES")).unwrap();
    let hls = Hls::open(testing::view(&testing::eventful()), 1_000).unwrap();
    let text = hls.served(&served(Start::Beginning, Update::Whole, &uris));
    let read = m3u8_rs::parse_media_playlist_res(&text).unwrap();
    assert!(
        read.segments
            .iter()
            .all(|segment| segment.uri.ends_with(".m4s?txSecret=ab"))
    );
    let maps: Vec<&str> = read
        .segments
        .iter()
        .filter_map(|segment| segment.map.as_ref())
        .map(|map| map.uri.as_str())
        .collect();
    assert_eq!(maps.len(), 2);
    for map in maps {
        let name = map.strip_suffix("?txSecret=ab").unwrap();
        assert!(hls.serves(name, false), "{map}");
    }
}

#[test]
fn dates_that_were_served_stay_when_the_clock_is_set() {
    let uris = Uris::default();
    let takes = testing::eventful();
    let before = Hls::growing(testing::view(&takes), 1_000).unwrap();
    let mut view = testing::view(&takes);
    for segment in &mut view.segments {
        segment.publish_zero_utc += 3_600_000_000;
    }
    let after = Hls::growing(view, 1_000).unwrap();
    let pinned = Served {
        later_us: -3_600_000_000,
        ..served(Start::LiveEdge, Update::Whole, &uris)
    };
    let first = before.served_live(4, &served(Start::LiveEdge, Update::Whole, &uris));
    assert_eq!(after.served_live(4, &pinned), first);
    assert_ne!(after.live_playlist(4), before.live_playlist(4));
}

#[test]
fn each_version_of_a_growing_playlist_is_the_one_before_and_more() {
    let uris = Uris::default();
    let view = testing::view(&long());
    let mut prefix = Prefix::default();
    let mut before = String::new();
    for step in testing::steps(&view, false) {
        let (hls, kept) = Hls::resume(step, 2_000, prefix).unwrap();
        prefix = kept;
        let text = hls.served_live(hls.settled(), &served(Start::LiveEdge, Update::Whole, &uris));
        let text = String::from_utf8(text).unwrap();
        if hls.settled() > 1 {
            assert!(text.starts_with(&before), "{before}\n{text}");
            before = text;
        }
    }
    assert!(before.lines().count() > 50);
}

#[test]
fn a_folder_without_a_source_can_be_kept_and_read_from_any() {
    fn kept<T: Send + Sync + 'static>(_: &T) {}
    let view = testing::view(&testing::two_segments());
    let hls = Hls::open(view.clone(), 2_000).unwrap();
    let without: Hls<()> = hls.with(());
    kept(&without);
    assert!(without.weight() > 1_000);
    let again: Hls<Reel> = without.with(view.source);
    let mut tags: Vec<String> = Vec::new();
    for (number, (name, _)) in hls.files().enumerate() {
        let (mut one, mut other) = (hls.file(number).unwrap(), again.named(&name).unwrap());
        assert!(testing::all(&mut one) == testing::all(&mut other), "{name}");
        assert_eq!(one.tag(), other.tag());
        tags.push(one.tag().to_string());
    }
    let count = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), count);
}
