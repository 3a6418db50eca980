//! The playlist and its chunks.

use m3u8_rs::MediaPlaylist;

use crate::format::testing::{self, Reel, Take, all, assert_same_in_pieces};

use super::Hls;
use crate::media::TrackKind;

fn open(takes: &[Take], target_ms: u32) -> Hls<Reel> {
    Hls::open(testing::view(takes), target_ms).unwrap()
}

fn parsed(hls: &Hls<Reel>) -> MediaPlaylist {
    m3u8_rs::parse_media_playlist_res(hls.playlist()).unwrap()
}

#[test]
fn the_playlist_is_as_golden() {
    let hls = open(&testing::eventful(), 1_000);
    insta::assert_snapshot!(std::str::from_utf8(hls.playlist()).unwrap());
}

#[test]
fn every_file_in_the_playlist_exists() {
    let hls = open(&testing::eventful(), 1_000);
    let listed: Vec<(String, u64)> = hls.files().collect();
    let last: Vec<&str> = listed
        .iter()
        .rev()
        .take(2)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(last, ["master.m3u8", "index.m3u8"]);
    for segment in parsed(&hls).segments {
        assert!(
            listed.iter().any(|(name, _)| *name == segment.uri),
            "{}",
            segment.uri
        );
    }
    for (number, (name, len)) in listed.iter().enumerate() {
        let mut file = hls.named(name).unwrap();
        let bytes = all(&mut file);
        assert_eq!((file.name(), bytes.len() as u64), (name.as_str(), *len));
        assert_eq!(all(&mut hls.file(number).unwrap()), bytes);
        assert_same_in_pieces(&mut file, &bytes, &[1, 999, 30_000]);
    }
    assert!(hls.named("00000.m4s").is_none());
    assert!(hls.named("1.m4s").is_none());
    assert!(hls.named("../index.m3u8").is_none());
    assert!(hls.file(hls.count()).is_none());
}

#[test]
fn chunks_end_at_the_keyframe_after_the_target() {
    let tracks = testing::both();
    let takes: Vec<Take> = [(0, 10_000), (10_000, 20_000)]
        .map(|(from, to)| Take {
            shots: testing::shoot(&tracks, from, to, 0),
            tracks: tracks.clone(),
            publish_zero: 0,
        })
        .to_vec();
    let playlist = parsed(&open(&takes, 6_000));
    let lengths: Vec<f32> = playlist.segments.iter().map(|segment| segment.duration).collect();
    assert_eq!(lengths.len(), 4);
    assert_eq!(lengths[..3], [6.0, 6.0, 6.0]);
    assert_eq!(playlist.target_duration, 6);
    assert!(playlist.independent_segments && playlist.end_list);
    assert!(playlist.segments.iter().all(|segment| !segment.discontinuity));
}

/// Each chunk begins on the line where the one before ends, and each sample is in one chunk.
#[test]
fn every_instant_is_in_one_chunk() {
    for takes in [
        testing::two_segments(),
        testing::eventful(),
        vec![camera(0, 20_000), camera(20_000, 60_000)],
        vec![
            testing::ticking(90_000, 3_003, 9, 1),
            testing::ticking(1_000, 40, 8, 2),
        ],
    ] {
        for hls in [
            open(&takes, 2_000),
            Hls::growing(testing::view(&takes), 2_000).unwrap(),
        ] {
            let chunks = &hls.plan.chunks;
            for pair in chunks.windows(2) {
                assert!(pair[0].start_ms < pair[0].end_ms);
                assert_eq!(pair[0].parts().end, pair[1].parts().start);
                assert!(
                    pair[0].end_ms == pair[1].start_ms
                        || pair[1].discontinuity && pair[0].end_ms < pair[1].start_ms,
                    "{pair:?}"
                );
            }
            let parts = hls.plan.fragments.line.parts.len();
            assert_eq!(chunks[0].parts().start, 0);
            assert_eq!(chunks.last().unwrap().parts().end, parts);
        }
    }
}

#[test]
fn sound_alone_is_cut_by_time_and_never_drifts() {
    let tracks = testing::sound_only();
    let take = Take {
        shots: testing::shoot(&tracks, 0, 60_000, 0),
        tracks,
        publish_zero: 0,
    };
    let playlist = parsed(&open(std::slice::from_ref(&take), 4_000));
    let sum: f64 = playlist
        .segments
        .iter()
        .map(|segment| f64::from(segment.duration))
        .sum();
    let real = take.shots.len() as f64 * 1_024.0 / 44_100.0;
    assert!((sum - real).abs() < 0.001, "{sum} {real}");
    assert!(playlist.independent_segments);
}

#[test]
fn a_crumb_at_the_end_joins_the_chunk_before() {
    // Keyframes come each second, and the takes last 4.5 s. Half a second is left after the first chunk.
    let chunks = |target_ms| open(&testing::two_segments(), target_ms).chunks();
    assert_eq!(chunks(4_000), 1);
    assert_eq!(chunks(1_000), 5);
}

/// A picture from `from_ms` to `to_ms`, and sound for a minute.
fn camera(from_ms: i64, to_ms: i64) -> Take {
    let tracks = testing::both();
    let mut shots = testing::shoot(&tracks, 0, 60_000, 882);
    shots.retain(|shot| shot.kind == TrackKind::Audio || (from_ms..to_ms).contains(&shot.dts));
    Take {
        tracks,
        shots,
        publish_zero: 0,
    }
}

#[test]
fn chunks_stay_short_while_the_camera_is_off() {
    for (from_ms, to_ms) in [(0, 0), (0, 5_000), (20_000, 40_000), (55_000, 60_000)] {
        let takes = [camera(from_ms, to_ms)];
        for hls in [
            open(&takes, 6_000),
            Hls::growing(testing::view(&takes), 6_000).unwrap(),
        ] {
            let playlist = parsed(&hls);
            let longest = playlist.segments.iter().map(|segment| segment.duration);
            let longest = longest.fold(0.0, f32::max);
            assert!(longest <= 12.5, "{from_ms} {to_ms}: {longest}");
            assert!(playlist.segments.len() >= 5);
            let sum: f32 = playlist.segments.iter().map(|segment| segment.duration).sum();
            assert!((sum - 60.0).abs() < 1.5, "{sum}");
        }
    }
}

#[test]
fn a_header_names_the_tracks_that_have_samples_and_goes_on_naming_them() {
    let inits = |hls: &Hls<Reel>| -> Vec<(bool, bool)> {
        let files = (0..hls.count()).filter_map(|number| hls.file(number));
        let inits = files.filter(|file| file.name().ends_with(".mp4"));
        let has = |bytes: &[u8], kind: &[u8]| bytes.windows(4).any(|word| word == kind);
        let bytes = inits.map(|mut init| all(&mut init));
        bytes
            .map(|init| (has(&init, b"avc1"), has(&init, b"mp4a")))
            .collect()
    };
    for (from_ms, to_ms, whole, growing) in [
        // The picture was announced and never sent.
        (0, 0, vec![(false, true)], vec![(false, true)]),
        // The picture ends early.
        (0, 9_000, vec![(true, true)], vec![(true, true)]),
        // The picture comes late. A complete recording names it from the beginning; a growing one could not know.
        (
            20_000,
            60_000,
            vec![(true, true)],
            vec![(false, true), (true, true)],
        ),
    ] {
        let takes = [camera(from_ms, to_ms)];
        let complete = open(&takes, 6_000);
        assert_eq!(inits(&complete), whole);
        assert!(
            !parsed(&complete)
                .segments
                .iter()
                .any(|segment| segment.discontinuity)
        );
        let grows = Hls::growing(testing::view(&takes), 6_000).unwrap();
        assert_eq!(inits(&grows), growing);
    }
}

#[test]
fn what_grows_keeps_the_target_duration_of_its_first_chunk() {
    // A keyframe comes every two seconds, then none for half a minute.
    let tracks = testing::both();
    let mut shots = testing::shoot(&tracks, 0, 60_000, 882);
    for shot in shots.iter_mut().filter(|shot| shot.kind == TrackKind::Video) {
        shot.key &= shot.dts % 2_000 == 0 && !(20_000..50_000).contains(&shot.dts);
    }
    let takes = [Take {
        tracks,
        shots,
        publish_zero: 0,
    }];
    let hls = Hls::growing(testing::view(&takes), 6_000).unwrap();
    for chunks in 1..hls.chunks() {
        let text = hls.live_playlist(chunks);
        let playlist = m3u8_rs::parse_media_playlist_res(&text).unwrap();
        assert_eq!(playlist.target_duration, 6);
        let long = |segment: &m3u8_rs::MediaSegment| segment.duration.round() > 6.0;
        assert!(!playlist.segments.iter().any(long), "{playlist:?}");
    }
    let last = parsed(&hls);
    assert_eq!(last.playlist_type, Some(m3u8_rs::MediaPlaylistType::Event));
    assert!(last.end_list && last.target_duration == 6 && !last.independent_segments);
}

/// The two pictures behind each keyframe but the first are shown before it.
fn open_groups(mut takes: Vec<Take>) -> Vec<Take> {
    for shot in takes.iter_mut().flat_map(|take| &mut take.shots) {
        let within = shot.dts % 1_000;
        if shot.kind == TrackKind::Video && shot.dts > 900 && (30..80).contains(&within) {
            shot.cts = -20 - (within as i32);
        }
    }
    takes
}

#[test]
fn chunks_of_open_groups_of_pictures_are_as_long_as_others() {
    let takes = open_groups(vec![camera(0, 60_000)]);
    for hls in [
        open(&takes, 6_000),
        Hls::growing(testing::view(&takes), 6_000).unwrap(),
    ] {
        let playlist = parsed(&hls);
        assert!(!playlist.independent_segments);
        let (_, whole) = playlist.segments.split_last().unwrap();
        assert_eq!(whole.len(), 9);
        // The last pictures of a GOP are shown before those of the next.
        let long = |segment: &m3u8_rs::MediaSegment| segment.duration > 5.9;
        assert!(whole.iter().all(long), "{playlist:?}");
    }
}

#[test]
fn an_open_group_of_pictures_is_not_independent() {
    let takes = open_groups(testing::two_segments().to_vec());
    assert!(!parsed(&open(&takes, 1_000)).independent_segments);
    assert!(parsed(&open(&testing::two_segments(), 1_000)).independent_segments);
}
