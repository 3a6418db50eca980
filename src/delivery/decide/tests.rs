use std::collections::BTreeMap;

use proptest::prelude::*;

use super::folder::{MASTER, PLAYLIST};
use super::*;
use crate::delivery::layout::{PART, growing_part};
use crate::format::Format;
use crate::media::RecordingId;
use crate::store::{Layout, Piece, Rendition, RenditionId, Upload};

fn rendition(upload: Option<Upload>) -> Rendition {
    Rendition {
        upload,
        ..Rendition::new(RenditionId {
            recording: RecordingId::from_bytes([1; 16]),
            format: Format::Mp4,
            part: 1,
        })
    }
}

fn growing() -> Rendition {
    rendition(Some(Upload {
        id: Some("u".to_owned()),
        layout: Layout::Growing,
    }))
}

fn piece(name: String, bytes: u64, mark: String) -> Piece {
    Piece {
        name,
        bytes,
        crc: 0,
        etag: String::new(),
        mark,
    }
}

fn facts(front: u64, settled: u64, body: u64, complete: bool) -> FileFacts {
    FileFacts {
        front,
        settled,
        len: front + body,
        complete,
        may_grow: true,
    }
}

fn mark(body: u64) -> String {
    format!("tape-{body}")
}

/// Carries out the decided steps until there is none; gives the ranges of the body that were sent, by part number.
fn send(facts: &FileFacts, rendition: &mut Rendition, pieces: &mut Parts) -> FileStep {
    loop {
        match next_of_file(facts, rendition, pieces, &mark) {
            FileStep::Begin(layout) => {
                rendition.upload = Some(Upload {
                    id: Some("u".to_owned()),
                    layout,
                });
            }
            FileStep::Part {
                number,
                range,
                marked,
            } => {
                assert!(
                    range.end <= facts.len && range.start < range.end,
                    "{facts:?} {number} {range:?}"
                );
                let new = piece(number.to_string(), range.end - range.start, mark(marked));
                assert!(pieces.insert(number, new).is_none(), "part {number} twice");
            }
            other => return other,
        }
    }
}

#[test]
fn a_small_file_is_put_and_a_large_one_goes_in_parts() {
    let none = Parts::new();
    let step = |facts| next_of_file(&facts, &rendition(None), &none, &mark);
    assert_eq!(step(facts(100, 0, 1_000, true)), FileStep::Put);
    assert_eq!(
        step(facts(100, 0, PART, true)),
        FileStep::Begin(Layout::Equal(PART))
    );
    assert_eq!(step(facts(100, 0, PART, false)), FileStep::Wait);
    assert_eq!(
        step(facts(100, 2 * PART, 2 * PART + 1, false)),
        FileStep::Begin(Layout::Growing)
    );
    let fixed = FileFacts {
        may_grow: false,
        ..facts(100, 3 * PART, 3 * PART, false)
    };
    assert_eq!(step(fixed), FileStep::Wait);
}

#[test]
fn an_upload_that_may_have_begun_is_looked_for() {
    let begun = rendition(Some(Upload {
        id: None,
        layout: Layout::Growing,
    }));
    let step = next_of_file(&facts(1, 0, 9, true), &begun, &Parts::new(), &mark);
    assert_eq!(step, FileStep::Sweep);
}

#[test]
fn a_growing_file_is_sent_from_its_second_part_on_and_the_first_comes_last() {
    let (mut rendition, mut parts) = (rendition(None), Parts::new());
    assert_eq!(
        send(
            &facts(40, 2 * PART - 1, 2 * PART, false),
            &mut rendition,
            &mut parts
        ),
        FileStep::Wait
    );
    assert!(parts.is_empty() && rendition.upload.is_none());
    assert_eq!(
        send(
            &facts(50, 3 * PART + 5, 3 * PART + 9, false),
            &mut rendition,
            &mut parts
        ),
        FileStep::Wait
    );
    assert_eq!(parts.keys().copied().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(
        send(
            &facts(60, 3 * PART + 5, 3 * PART + 9, true),
            &mut rendition,
            &mut parts
        ),
        FileStep::Complete
    );
    assert_eq!(parts.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((parts[&4].bytes, parts[&1].bytes), (9, PART + 60));
    assert_eq!(
        parts.values().map(|part| part.bytes).sum::<u64>(),
        60 + 3 * PART + 9
    );
}

#[test]
fn what_was_sent_and_is_not_of_the_file_any_more_begins_again() {
    let (mut rendition, mut parts) = (growing(), Parts::new());
    send(&facts(50, 3 * PART, 3 * PART, false), &mut rendition, &mut parts);
    // The file was cut to before the end of the sent parts.
    let cut = next_of_file(&facts(50, 0, 2 * PART + 9, true), &rendition, &parts, &mark);
    assert_eq!(cut, FileStep::Restart);
    // The file has other media now.
    let other = |body: u64| format!("other-{body}");
    let moved = next_of_file(&facts(50, 0, 9 * PART, true), &rendition, &parts, &other);
    assert_eq!(moved, FileStep::Restart);
    // The front was sent, and then grew.
    send(&facts(50, 0, 3 * PART, true), &mut rendition, &mut parts);
    let longer = next_of_file(&facts(51, 0, 3 * PART, true), &rendition, &parts, &mark);
    assert_eq!(longer, FileStep::Restart);
}

#[test]
fn parts_of_equal_size_are_sent_once_each_and_fit_one_file_only() {
    let (mut rendition, mut parts) = (rendition(None), Parts::new());
    let whole = facts(70, 0, 3 * PART, true);
    assert_eq!(send(&whole, &mut rendition, &mut parts), FileStep::Complete);
    assert_eq!(parts.len(), 4);
    parts.remove(&2);
    let FileStep::Part { number, range, .. } = next_of_file(&whole, &rendition, &parts, &mark) else {
        panic!();
    };
    assert_eq!((number, range), (2, PART..2 * PART));
    let other = |_: u64| "other".to_owned();
    assert_eq!(
        next_of_file(&whole, &rendition, &parts, &other),
        FileStep::Restart
    );
    assert_eq!(whole_crc(&BTreeMap::new()), (0, 0));
}

#[test]
fn the_checksum_of_the_whole_is_made_of_those_of_the_parts_in_their_order() {
    let text = b"everything in its place";
    let (one, two) = text.split_at(7);
    let mut parts = Parts::new();
    for (number, bytes) in [(2, two), (1, one)] {
        let mut new = piece(number.to_string(), bytes.len() as u64, String::new());
        new.crc = crc32c::crc32c(bytes);
        parts.insert(number, new);
    }
    assert_eq!(whole_crc(&parts), (crc32c::crc32c(text), text.len() as u64));
}

proptest! {
    /// The parts are the body and the front, once, whenever and however the file grows and is completed.
    #[test]
    fn a_file_that_grows_is_all_in_the_parts(
        growth in prop::collection::vec(1_u64..4 * PART, 1..12),
        front in 1_u64..PART,
        open in 0_u64..200_000,
    ) {
        let (mut rendition, mut parts) = (rendition(None), Parts::new());
        let mut body = 0;
        for more in &growth {
            body += more;
            let step = send(&facts(front, body.saturating_sub(open), body, false), &mut rendition, &mut parts);
            prop_assert_eq!(step, FileStep::Wait);
        }
        let last = send(&facts(front, 0, body, true), &mut rendition, &mut parts);
        if rendition.upload.is_none() {
            prop_assert_eq!(last, FileStep::Put);
        } else {
            prop_assert_eq!(last, FileStep::Complete);
            prop_assert_eq!(parts.values().map(|part| part.bytes).sum::<u64>(), front + body);
            let most = parts.keys().max().copied().unwrap_or(0);
            prop_assert_eq!(parts.len(), most as usize, "numbers follow each other");
            for (number, part) in parts.iter().filter(|(number, _)| **number != most) {
                prop_assert!(part.bytes >= PART, "part {} has {} bytes", number, part.bytes);
            }
            for number in 2..most {
                let whole = growing_part(number);
                prop_assert_eq!(parts[&number].bytes, whole.end - whole.start);
            }
        }
    }
}

fn folder(chunks: usize, complete: bool) -> FolderFacts {
    FolderFacts {
        inits: vec![
            ("init.mp4".to_owned(), "i".to_owned()),
            ("init-2.mp4".to_owned(), "j".to_owned()),
        ],
        chunks: (0..chunks)
            .map(|number| ChunkFacts {
                name: format!("{:05}.m4s", number + 1),
                bytes: 10,
                mark: format!("c{number}"),
                init: usize::from(number >= 2),
            })
            .collect(),
        master: format!("m{}", usize::from(chunks > 2)),
        complete,
        next_ms: 0,
    }
}

/// The names of the files that are put, in their order.
fn put(facts: &FolderFacts, files: &mut Files) -> Vec<String> {
    let mut order = Vec::new();
    loop {
        let (name, mark) = match next_of_folder(facts, files, false) {
            FolderStep::File { name, mark } => (name, mark),
            FolderStep::Playlist { mark, .. } | FolderStep::LastPlaylist { mark } => {
                (PLAYLIST.to_owned(), mark)
            }
            FolderStep::Master { mark } => (MASTER.to_owned(), mark),
            FolderStep::Wait | FolderStep::Done => return order,
        };
        files.insert(name.clone(), piece(name.clone(), 10, mark));
        order.push(name);
    }
}

#[test]
fn whoever_reads_the_playlist_can_play_what_it_says() {
    let mut files = Files::new();
    assert_eq!(put(&folder(0, false), &mut files), Vec::<String>::new());
    assert_eq!(
        put(&folder(1, false), &mut files),
        ["init.mp4", "00001.m4s", "index.m3u8", "master.m3u8"]
    );
    assert_eq!(put(&folder(1, false), &mut files), Vec::<String>::new());
    assert_eq!(
        put(&folder(3, false), &mut files),
        [
            "master.m3u8",
            "00002.m4s",
            "init-2.mp4",
            "index.m3u8",
            "00003.m4s",
            "index.m3u8"
        ]
    );
    assert_eq!(
        put(&folder(4, true), &mut files),
        ["master.m3u8", "00004.m4s", "index.m3u8"]
    );
    assert_eq!(next_of_folder(&folder(4, true), &files, false), FolderStep::Done);
}

#[test]
fn a_chunk_that_came_out_otherwise_is_put_again_and_the_playlist_after_it() {
    let mut files = Files::new();
    put(&folder(2, false), &mut files);
    let mut other = folder(2, true);
    other.chunks[1].mark = "longer".to_owned();
    assert_eq!(
        put(&other, &mut files),
        ["master.m3u8", "00002.m4s", "index.m3u8"]
    );
}

#[test]
fn whoever_is_behind_gets_chunks_first_and_a_playlist_when_it_is_time() {
    let (facts, mut files, mut order) = (folder(4, false), Files::new(), Vec::new());
    for hold in [false, false, true, true, true, false, true, true, true] {
        let (name, mark) = match next_of_folder(&facts, &files, hold) {
            FolderStep::File { name, mark } => (name, mark),
            FolderStep::Playlist { mark, .. } => (PLAYLIST.to_owned(), mark),
            FolderStep::Master { mark } => (MASTER.to_owned(), mark),
            other => panic!("{other:?}"),
        };
        files.insert(name.clone(), piece(name.clone(), 10, mark));
        order.push(name);
    }
    // Nothing is left to send, so the last playlist is not held back.
    let all = "init.mp4 00001.m4s 00002.m4s init-2.mp4 00003.m4s index.m3u8 master.m3u8 00004.m4s index.m3u8";
    assert_eq!(order.join(" "), all);
}

#[test]
fn a_playlist_that_was_seen_to_grow_only_ends() {
    let mut files = Files::new();
    put(&folder(2, false), &mut files);
    // The recording ended while the link was behind: viewers still get each chunk as it comes.
    assert_eq!(
        put(&folder(4, true), &mut files),
        [
            "master.m3u8",
            "init-2.mp4",
            "00003.m4s",
            "index.m3u8",
            "00004.m4s",
            "index.m3u8"
        ]
    );
    assert_eq!(next_of_folder(&folder(4, true), &files, false), FolderStep::Done);
}

#[test]
fn a_closed_folder_gets_one_playlist() {
    let mut files = Files::new();
    assert_eq!(
        put(&folder(3, true), &mut files),
        [
            "init.mp4",
            "00001.m4s",
            "00002.m4s",
            "init-2.mp4",
            "00003.m4s",
            "index.m3u8",
            "master.m3u8"
        ]
    );
}

#[test]
fn the_master_playlist_is_written_again_only_where_it_is_another() {
    let mut files = Files::new();
    put(&folder(1, false), &mut files);
    assert_eq!(put(&folder(2, false), &mut files), ["00002.m4s", "index.m3u8"]);
    assert_eq!(
        put(&folder(3, false), &mut files)[..2],
        ["master.m3u8", "init-2.mp4"]
    );
    // The master playlist of a complete folder is exact.
    assert_eq!(put(&folder(3, true), &mut files), ["master.m3u8", "index.m3u8"]);
    // After a crash between the last two files, the other one is still sent.
    files.remove(MASTER);
    assert_eq!(put(&folder(3, true), &mut files), ["master.m3u8"]);
}
