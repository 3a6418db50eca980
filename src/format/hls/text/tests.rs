use m3u8_rs::MediaPlaylist;

use super::*;
use crate::format::hls::Uris;

fn parsed(text: &[u8]) -> MediaPlaylist {
    m3u8_rs::parse_media_playlist_res(text).unwrap()
}

fn entries(count: u64) -> Vec<Entry<String>> {
    (0..count)
        .map(|number| Entry {
            discontinuity: number % 7 == 3,
            init: (number % 7 == 3 || number == 0).then(|| format!("init-{number}.mp4")),
            date: Some(1_767_323_045_678_000 + 2_000_000 * i64::try_from(number).unwrap()),
            duration_us: 2_000_000 + number % 3,
            name: format!("{number}.m4s"),
        })
        .collect()
}

fn written(head: &Head, entries: &[Entry<String>], skipped: usize, ended: bool) -> Vec<u8> {
    let uris = Uris::new("c/", Some("t=1")).unwrap();
    let mut text = Text::begin(head, &uris, skipped);
    entries.iter().skip(skipped).for_each(|entry| text.chunk(entry));
    text.finish(ended)
}

#[test]
fn a_playlist_that_slides_says_its_first_number_also_where_it_is_0() {
    for (kind, says) in [(Kind::Sliding, true), (Kind::Event, false), (Kind::Vod, false)] {
        let text = written(&Head::new(kind, 2), &entries(3), 0, false);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.contains("#EXT-X-MEDIA-SEQUENCE:0\n"), says, "{kind:?}");
    }
}

#[test]
fn another_reader_understands_every_line() {
    let head = Head {
        independent: true,
        sequence: 41,
        discontinuities: 2,
        start: Some(Start::LiveEdge),
        can_skip: true,
        ..Head::new(Kind::Sliding, 2)
    };
    let text = written(&head, &entries(9), 0, true);
    let read = parsed(&text);
    assert_eq!(
        (
            read.version,
            read.target_duration,
            read.media_sequence,
            read.discontinuity_sequence
        ),
        (Some(7), 2, 41, 2)
    );
    assert!(read.independent_segments && read.end_list && !read.i_frames_only);
    assert_eq!(read.playlist_type, None);
    let start = read.start.unwrap();
    assert_eq!((start.time_offset, start.precise), (-6.0, Some(false)));
    assert_eq!(read.segments.len(), 9);
    let fourth = &read.segments[3];
    assert!(fourth.discontinuity && fourth.uri == "c/3.m4s?t=1" && fourth.duration == 2.0);
    assert_eq!(fourth.map.as_ref().unwrap().uri, "c/init-3.mp4?t=1");
    let date = fourth.program_date_time.unwrap().to_rfc3339();
    assert_eq!(date, "2026-01-02T03:04:11.678+00:00");
    let control = read.segments[0].unknown_tags[0].clone();
    assert_eq!(
        (control.tag.as_str(), control.rest.as_deref()),
        ("X-SERVER-CONTROL", Some("CAN-SKIP-UNTIL=12"))
    );
}

#[test]
fn map_comes_after_discontinuity_and_both_before_the_date() {
    let text = written(&Head::new(Kind::Event, 2), &entries(4), 0, false);
    let text = String::from_utf8(text).unwrap();
    let last: Vec<&str> = text.lines().rev().take(5).collect();
    assert_eq!(last[4], "#EXT-X-DISCONTINUITY");
    assert_eq!(last[3], "#EXT-X-MAP:URI=\"c/init-3.mp4?t=1\"");
    assert_eq!(last[2], "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:11.678Z");
    assert_eq!(last[1], "#EXTINF:2.000,");
    assert!(text.contains("#EXTINF:2.000002,"));
}

#[test]
fn a_delta_update_leaves_out_what_ends_before_the_skip_boundary() {
    let head = Head {
        can_skip: true,
        ..Head::new(Kind::Event, 2)
    };
    let skipped = |count: usize, us: u64| head.skipped(vec![us; count].into_iter());
    // The boundary is 12 s before the end.
    assert_eq!(skipped(0, 2_000_000), 0);
    assert_eq!(skipped(6, 2_000_000), 0);
    assert_eq!(skipped(7, 2_000_000), 1);
    assert_eq!(skipped(100, 2_000_000), 94);
    // A chunk that lies across the boundary stays.
    assert_eq!(skipped(100, 1_700_000), 92);
}

#[test]
fn a_delta_update_and_the_version_before_are_the_whole() {
    let head = Head {
        sequence: 5,
        can_skip: true,
        start: Some(Start::Beginning),
        ..Head::new(Kind::Event, 2)
    };
    let all = entries(60);
    for (before, now) in [(40, 40), (40, 43), (59, 60)] {
        let durations = all[..now].iter().map(|entry| entry.duration_us);
        let skipped = head.skipped(durations);
        assert!(skipped > 0 && skipped <= before);
        let delta = written(&head, &all[..now], skipped, false);
        let text = std::str::from_utf8(&delta).unwrap();
        assert!(text.contains("#EXT-X-VERSION:9\n"));
        assert!(text.contains(&format!("#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n")));
        let chunks = |text: &[u8]| {
            let text = String::from_utf8(text.to_vec()).unwrap();
            let from = text
                .find("#EXT-X-DISCONTINUITY\n")
                .into_iter()
                .chain(text.find("#EXT-X-MAP"));
            let from = from.chain(text.find("#EXT-X-PROGRAM")).min().unwrap();
            text[from..].to_owned()
        };
        let (old, whole) = (
            written(&head, &all[..before], 0, false),
            written(&head, &all[..now], 0, false),
        );
        // The lines of as many chunks as were left out come from the version before.
        let mut merged: Vec<String> = Vec::new();
        let mut kept = 0;
        for line in chunks(&old).lines() {
            if kept == skipped {
                break;
            }
            merged.push(line.to_owned());
            kept += usize::from(!line.starts_with('#'));
        }
        merged.extend(chunks(&delta).lines().map(str::to_owned));
        assert_eq!(
            merged,
            chunks(&whole).lines().collect::<Vec<_>>(),
            "{before} {now}"
        );
    }
}

#[test]
fn a_playlist_of_a_day_is_long_and_its_refresh_is_short() {
    let head = Head {
        can_skip: true,
        ..Head::new(Kind::Event, 6)
    };
    let all: Vec<Entry<String>> = (0..14_400)
        .map(|number| Entry {
            discontinuity: false,
            init: (number == 0).then(|| "init.mp4".to_owned()),
            date: None,
            duration_us: 6_000_000,
            name: format!("{number:05}.m4s"),
        })
        .collect();
    let whole = written(&head, &all, 0, false);
    let skipped = head.skipped(all.iter().map(|entry| entry.duration_us));
    let delta = written(&head, &all, skipped, false);
    assert_eq!(parsed(&whole).segments.len(), 14_400);
    assert!(delta.len() < 2_000, "{}", delta.len());
}
