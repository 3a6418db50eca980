use m3u8_rs::MediaPlaylist;

use super::*;
use crate::format::VirtualFile as _;
use crate::format::fragmented::tests::samples;
use crate::format::hls::{Hls, Start, Update, Uris};
use crate::format::testing::{self, Reel, Take, all, assert_same_in_pieces, timescales};

fn served(uris: &Uris) -> Served<'_> {
    Served {
        start: Start::Beginning,
        update: Update::Whole,
        uris,
        later_us: 0,
    }
}

fn text(hls: &Hls<Reel>) -> Vec<u8> {
    hls.keyframes(&served(&Uris::default())).unwrap()
}

fn parsed(hls: &Hls<Reel>) -> MediaPlaylist {
    m3u8_rs::parse_media_playlist_res(&text(hls)).unwrap()
}

/// Decode times in milliseconds and payloads of the pictures of all chunks that decoding can begin at.
fn keys_of_chunks(hls: &Hls<Reel>, takes: &[Take]) -> Vec<(f64, Vec<u8>)> {
    let shots = takes.iter().flat_map(|take| &take.shots);
    let keys: Vec<&[u8]> = shots
        .filter(|shot| shot.kind == TrackKind::Video && shot.key)
        .map(|shot| shot.payload.as_slice())
        .collect();
    let mut found = Vec::new();
    let mut scale = 1.0;
    for name in std::str::from_utf8(hls.playlist()).unwrap().lines() {
        if let Some(map) = name.strip_prefix("#EXT-X-MAP:URI=\"") {
            let init = all(&mut hls.named(map.trim_end_matches('"')).unwrap());
            scale = timescales(&init).get(&1).copied().map_or(1.0, f64::from);
        } else if !name.starts_with('#') {
            let chunk = samples(&all(&mut hls.named(name).unwrap()));
            let pictures = chunk.into_iter().filter(|(track, _, _)| *track == 1);
            let own = pictures.filter(|(_, _, bytes)| keys.contains(&bytes.as_slice()));
            found.extend(own.map(|(_, dts, bytes)| (dts as f64 * 1_000.0 / scale, bytes)));
        }
    }
    found
}

#[test]
fn the_playlist_of_keyframes_is_as_golden() {
    let hls = Hls::open(testing::view(&testing::eventful()), 1_000).unwrap();
    insta::assert_snapshot!(std::str::from_utf8(&text(&hls)).unwrap());
}

#[test]
fn every_keyframe_is_a_file_that_begins_when_it_is_shown() {
    for takes in [
        testing::two_segments(),
        testing::eventful(),
        vec![
            testing::ticking(90_000, 3_003, 7, 1),
            testing::ticking(1_000, 40, 5, 2),
        ],
    ] {
        for hls in [
            Hls::open(testing::view(&takes), 2_000).unwrap(),
            Hls::growing(testing::view(&takes), 2_000).unwrap(),
        ] {
            let keys = keys_of_chunks(&hls, &takes);
            let playlist = parsed(&hls);
            assert!(playlist.i_frames_only && playlist.end_list);
            assert_eq!(playlist.segments.len(), keys.len());
            let mut scale = 0.0;
            for (segment, (decoded, payload)) in playlist.segments.iter().zip(&keys) {
                if let Some(map) = &segment.map {
                    let init = all(&mut hls.served_file(&map.uri).unwrap());
                    let scales = timescales(&init);
                    assert_eq!(scales.len(), 1);
                    scale = f64::from(scales[&1]);
                }
                let mut file = hls.served_file(&segment.uri).unwrap();
                let bytes = all(&mut file);
                assert_eq!(
                    (file.name(), file.len()),
                    (segment.uri.as_str(), bytes.len() as u64)
                );
                assert_same_in_pieces(&mut file, &bytes, &[7, 999]);
                let found = samples(&bytes);
                let [(1, shown, found)] = found.as_slice() else {
                    panic!("{}", segment.uri);
                };
                assert!(found == payload);
                let late = *shown as f64 * 1_000.0 / scale - decoded;
                assert!((0.0..=101.0).contains(&late), "{late}");
                assert!(f64::from(segment.duration).round() as u64 <= playlist.target_duration);
            }
        }
    }
}

#[test]
fn durations_of_keyframes_add_up_to_the_time_between_them() {
    let takes = testing::two_segments();
    let hls = Hls::open(testing::view(&takes), 2_000).unwrap();
    let lasts: Vec<f32> = parsed(&hls)
        .segments
        .iter()
        .map(|segment| segment.duration)
        .collect();
    assert_eq!(lasts[..4], [1.0; 4]);
    // The last one lasts until the recording ends.
    assert!((0.4..0.6).contains(&lasts[4]), "{lasts:?}");
}

#[test]
fn open_groups_of_pictures_have_keyframes_too() {
    let mut takes = testing::two_segments();
    for shot in takes.iter_mut().flat_map(|take| &mut take.shots) {
        let within = shot.dts % 1_000;
        if shot.kind == TrackKind::Video && shot.dts > 900 && (30..80).contains(&within) {
            shot.cts = -20 - (within as i32);
        }
    }
    assert_eq!(
        parsed(&Hls::open(testing::view(&takes), 2_000).unwrap())
            .segments
            .len(),
        5
    );
}

#[test]
fn what_was_resumed_has_the_same_keyframes() {
    let takes = vec![
        testing::ticking(1_000, 40, 5, 1),
        testing::ticking(90_000, 3_003, 6, 2),
    ];
    let view = testing::view(&takes);
    let whole = Hls::growing(view.clone(), 1_000).unwrap();
    let mut prefix = crate::format::hls::Prefix::default();
    let mut last = None;
    for step in testing::steps(&view, true) {
        let (hls, kept) = Hls::resume(step, 1_000, prefix).unwrap();
        prefix = kept;
        last = hls.keyframes(&served(&Uris::default()));
    }
    assert_eq!(last.unwrap(), text(&whole));
}

#[test]
fn sound_alone_has_no_keyframes() {
    let tracks = testing::sound_only();
    let take = Take {
        shots: testing::shoot(&tracks, 0, 20_000, 0),
        tracks,
        publish_zero: 0,
    };
    let hls = Hls::open(testing::view(&[take]), 6_000).unwrap();
    let uris = Uris::default();
    assert_eq!(hls.keyframes(&served(&uris)), None);
    assert_eq!(hls.served_master(&uris), hls.master());
}

#[test]
fn the_served_master_playlist_names_the_keyframes() {
    let hls = Hls::open(testing::view(&testing::two_segments()), 2_000).unwrap();
    let uris = Uris::new("", Some("k=1")).unwrap();
    let text = hls.served_master(&uris);
    insta::assert_snapshot!(std::str::from_utf8(&text).unwrap());
    let master = m3u8_rs::parse_master_playlist_res(&text).unwrap();
    let [normal, keys] = master.variants.as_slice() else {
        panic!("{master:?}");
    };
    assert!(!normal.is_i_frame && normal.uri == "index.m3u8?k=1");
    assert!(keys.is_i_frame && keys.uri == "iframes.m3u8?k=1");
    assert_eq!(keys.codecs.as_deref(), Some("avc1.42c00d"));
    assert!(keys.bandwidth < normal.bandwidth);
    // What is delivered says nothing of them.
    assert!(!String::from_utf8_lossy(hls.master()).contains("I-FRAME"));
}
