//! Names, playlists and master playlists of streams.

use std::num::NonZeroU32;
use std::sync::Arc;

use m3u8_rs::MediaPlaylist;

use crate::format::hls::encryption::{MasterKey, StreamEncryption};
use crate::format::hls::live::{
    ChunkRate, Init, InitName, JoinedChunk, JoinedPlaylist, LiveChunk, Playlist, Shape, chunk_name,
    chunk_number, master,
};
use crate::format::hls::{Start, Update, Uris};
use crate::format::testing::{self, SOME_DAY};
use crate::media::{StreamName, Tracks};

#[test]
fn the_name_of_an_init_is_made_of_its_bytes() {
    let (one, same) = (Init::of(&testing::both()), Init::of(&testing::both()));
    let other = Init::of(&testing::sound_only());
    assert_eq!(one, same);
    assert_ne!(one.name, other.name);
    let name = one.name.to_string();
    assert_eq!(name.parse(), Ok(one.name));
    for none in [
        "",
        "init.mp4",
        "init-3F2A90C1.mp4",
        "init-3f2a90c.mp4",
        "init-3f2a90c1f.mp4",
        "../init-3f2a90c1.mp4",
    ] {
        assert!(none.parse::<InitName>().is_err(), "{none}");
    }
}

#[test]
fn each_chunk_has_one_name() {
    for number in [0, 1, 4_711, u64::MAX] {
        assert_eq!(chunk_number(&chunk_name(number)), Some(number));
    }
    for none in [
        "",
        ".m4s",
        "01.m4s",
        "+1.m4s",
        "-1.m4s",
        "1.mp4",
        "1",
        "99999999999999999999.m4s",
        "1.m4s/",
    ] {
        assert_eq!(chunk_number(none), None, "{none}");
    }
}

/// Chunks 40 and later: the third begins with another configuration, and has a forced beginning.
fn window(count: u64) -> Vec<LiveChunk> {
    let (one, other) = (
        Init::of(&testing::both()).name,
        Init::of(&testing::sound_only()).name,
    );
    (0..count)
        .map(|at| LiveChunk {
            number: 40 + at,
            discontinuities: 3 + u64::from(at >= 2),
            discontinuity: at == 2,
            duration_us: 2_000_000,
            date: SOME_DAY + at as i64 * 2_000_000,
            independent: at != 2,
            init: if at < 2 { one } else { other },
        })
        .collect()
}

fn playlist(chunks: &[LiveChunk]) -> Playlist<'_> {
    Playlist {
        target_s: 2,
        chunks,
        start: Start::LiveEdge,
        ended: false,
        encryption: None,
    }
}

fn parsed(playlist: &Playlist<'_>) -> MediaPlaylist {
    let text = playlist.text(&Uris::default(), Update::Whole);
    m3u8_rs::parse_media_playlist_res(&text).unwrap()
}

#[test]
fn the_playlist_of_a_stream_is_as_golden() {
    let chunks = window(4);
    let uris = Uris::new("cam1/c/", Some("key=abc")).unwrap();
    let text = playlist(&chunks).text(&uris, Update::Whole);
    insta::assert_snapshot!(std::str::from_utf8(&text).unwrap());
}

#[test]
fn the_numbers_of_a_window_move_on_with_it() {
    let chunks = window(10);
    // The discontinuity sequence of each chunk, as RFC 8216 counts it, is the same in all windows.
    for first in 0..6 {
        let playlist = parsed(&playlist(&chunks[first..]));
        assert_eq!(playlist.media_sequence, 40 + first as u64);
        let mut discontinuities = playlist.discontinuity_sequence;
        for (at, segment) in playlist.segments.iter().enumerate() {
            discontinuities += u64::from(segment.discontinuity);
            assert_eq!(
                discontinuities,
                chunks[first + at].discontinuities,
                "{first} {at}"
            );
            assert!(segment.program_date_time.is_some());
        }
        assert!(playlist.segments[0].map.is_some());
        assert_eq!(playlist.independent_segments, first > 2);
    }
}

#[test]
fn where_numbers_are_missing_the_playlist_begins_behind() {
    let mut chunks = window(8);
    chunks.remove(4);
    let playlist = parsed(&playlist(&chunks));
    assert_eq!((playlist.media_sequence, playlist.segments.len()), (45, 3));
    assert!(playlist.segments[0].map.is_some());
}

#[test]
fn an_empty_or_ended_playlist_is_one_too() {
    let none = parsed(&playlist(&[]));
    assert!(none.segments.is_empty() && !none.end_list);
    let chunks = window(3);
    let ended = Playlist {
        ended: true,
        start: Start::Beginning,
        ..playlist(&chunks)
    };
    let ended = parsed(&ended);
    assert!(ended.end_list);
    assert_eq!(ended.start.unwrap().precise, Some(true));
    assert_eq!(ended.playlist_type, None);
}

#[test]
fn a_delta_of_a_window_leaves_out_its_first_chunks() {
    let chunks = window(10);
    let text = playlist(&chunks).text(&Uris::default(), Update::Delta);
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:40\n") && text.contains("SKIPPED-SEGMENTS=4\n"));
    assert!(!text.contains("43.m4s") && text.contains("44.m4s") && !text.contains("EXT-X-MAP"));
}

#[test]
fn the_master_playlist_of_a_stream_says_what_its_chunks_are() {
    let (both, other) = (
        testing::both(),
        Tracks {
            video: Some(Arc::new(testing::other_video())),
            audio: Some(Arc::new(testing::opus())),
        },
    );
    let rate = |tracks, bytes, pictures| ChunkRate {
        tracks,
        bytes,
        duration_us: 2_000_000,
        pictures,
    };
    let chunks = [
        rate(&both, 500_000, 60),
        rate(&both, 250_000, 60),
        rate(&other, 1_000_000, 60),
    ];
    let text = master(
        &chunks,
        2,
        "../cam1.m3u8",
        &Uris::new("", Some("key=abc")).unwrap(),
    );
    insta::assert_snapshot!(std::str::from_utf8(&text).unwrap());
    let read = m3u8_rs::parse_master_playlist_res(&text).unwrap();
    let variant = &read.variants[0];
    assert!(variant.bandwidth >= 4_000_000 && variant.bandwidth <= 4_500_000);
    assert_eq!(variant.average_bandwidth, Some(1_750_000 * 8 / 6));
    assert_eq!(variant.frame_rate, Some(30.0));
    assert_eq!(
        m3u8_rs::parse_master_playlist_res(&master(&[], 2, "x.m3u8", &Uris::default()))
            .unwrap()
            .variants
            .len(),
        1
    );
}

#[test]
fn an_encrypted_stream_names_a_key_for_each_chunk_and_none_for_an_init() {
    let stream: StreamName = "live/cam1".parse().unwrap();
    let encryption = StreamEncryption::new(stream, MasterKey::new(b"secret"), NonZeroU32::new(2));
    let chunks = window(4);
    let live = Playlist {
        encryption: Some(&encryption),
        ..playlist(&chunks)
    };
    let uris = Uris::new("cam1/c/", Some("txSecret=ab")).unwrap();
    let text = String::from_utf8(live.text(&uris, Update::Whole)).unwrap();
    let read = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
    for (segment, chunk) in read.segments.iter().zip(&chunks) {
        let folder = format!("cam1/c/k/{}", encryption.key_id(chunk.number));
        assert_eq!(segment.uri, format!("{folder}/{}.m4s?txSecret=ab", chunk.number));
        let key = segment.key.as_ref().unwrap();
        assert_eq!(key.uri, Some(format!("{folder}/key?txSecret=ab")));
        assert_eq!(key.iv, Some(format!("0x{:032x}", chunk.number)));
    }
    // No key is in force at an init.
    let mut is_in_force = false;
    for line in text.lines() {
        match line.strip_prefix("#EXT-X-KEY:METHOD=") {
            Some(method) => is_in_force = method != "NONE",
            None if line.starts_with("#EXT-X-MAP") => assert!(!is_in_force, "{text}"),
            None => assert!(line.starts_with('#') || is_in_force, "{text}"),
        }
    }
    assert_eq!(
        text.matches("METHOD=NONE").count(),
        text.matches("#EXT-X-MAP").count()
    );
    let joined = JoinedChunk::alone(chunks[0].clone()).up_to(chunks[0].number + 1, 4_000_000);
    let joined = JoinedPlaylist {
        target_s: 6,
        chunks: &[joined],
        shape: Shape::Closed,
        start: Start::Beginning,
        began: None,
        encryption: Some(&encryption),
    };
    let read = m3u8_rs::parse_media_playlist_res(&joined.text(&uris, Update::Whole)).unwrap();
    let (first, last) = (chunks[0].number, chunks[0].number + 1);
    let iv = u128::from(last) << 64 | u128::from(first);
    let key = read.segments[0].key.as_ref().unwrap();
    assert_eq!(key.iv, Some(format!("0x{iv:032x}")), "no other file has this IV");
    assert!(
        read.segments[0]
            .uri
            .ends_with(&format!("/{first}-{last}.m4s?txSecret=ab"))
    );
}
