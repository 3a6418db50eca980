//! The playlist and its chunks.

use m3u8_rs::MediaPlaylist;

use crate::format::testing::{self, Reel, Take, all, assert_same_in_pieces};

use super::Hls;

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
    assert_eq!(listed.last().unwrap().0, "index.m3u8");
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
    // A keyframe each second and 4.5 s of them: half a second is left after the first chunk.
    let chunks = |target_ms| open(&testing::two_segments(), target_ms).count() - 2;
    assert_eq!(chunks(4_000), 1);
    assert_eq!(chunks(1_000), 5);
}
