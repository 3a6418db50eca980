//! The chunks of a stream out of the journal: without an index, without a file, and as they are played.

use std::ops::ControlFlow;

use super::rig::{Publisher, Rig, check_numbers, stream};
use super::space;
use crate::format::TapeSource as _;
use crate::format::VirtualFile as _;
use crate::format::hls::Hls;
use crate::format::hls::live::{ChunkFile, ChunkPlace};
use crate::media::{Fragment, Frame, Micros, RecordingId};
use crate::store::clock::Clock;
use crate::store::journal::FILE;
use crate::store::journal::sql::count::statements;
use crate::store::testing;
use crate::store::{ChunkAt, Command, Library, ListedSegment, OpenTape};

const SECOND: Micros = 1_000_000;
const ALWAYS: (Micros, Micros) = (Micros::MIN, Micros::MAX);

fn id(n: u8) -> RecordingId {
    RecordingId::from_bytes([n; 16])
}

fn listed(rig: &Rig, range: (Micros, Micros), open: Option<&OpenTape>) -> Vec<ListedSegment> {
    let mut all = Vec::new();
    rig.library()
        .listed(&stream("a"), range, open, |segment| {
            all.push(segment);
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

fn numbers(listed: &[ListedSegment]) -> Vec<u64> {
    let numbers = listed.iter().flat_map(ListedSegment::numbered);
    numbers.map(|(number, ..)| number).collect()
}

/// Records so many seconds of a publish: a chunk in every other second, a segment of two chunks.
fn publish(rig: &mut Rig, n: u8, seconds: std::ops::Range<i64>) -> Publisher {
    let (a, start) = rig.publish(n.into(), "a");
    rig.handle(vec![start, a.record(id(n), seconds.start)]);
    for second in seconds.clone() {
        rig.handle(vec![a.append(second)]);
        rig.pass(SECOND);
    }
    rig.handle(vec![a.close(id(n), seconds.end), a.end()]);
    a
}

#[test]
fn streams_without_tape_of_a_time_cost_no_statement_of_their_own() {
    let mut rig = Rig::new();
    let recorded = |rig: &mut Rig, n: u8, name: &str| {
        let (a, start) = rig.publish(n.into(), name);
        rig.handle(vec![start, a.record(id(n), 0)]);
        for second in 0..4 {
            rig.handle(vec![a.append(second)]);
            rig.pass(SECOND);
        }
        rig.handle(vec![a.close(id(n), 4), a.end()]);
    };
    for n in 1..=9 {
        recorded(&mut rig, n, &format!("old{n}"));
    }
    rig.pass(3_600 * SECOND);
    let from = rig.clock.utc();
    recorded(&mut rig, 10, "a");
    // This one is still open.
    let (b, start) = rig.publish(11, "b");
    rig.handle(vec![start, b.record(id(11), 0), b.append(0), b.append(1)]);
    rig.pass(3 * SECOND);
    let library = rig.library();
    let before = statements();
    let played = library.played(None, (from, from + 3_600 * SECOND)).unwrap();
    let names: Vec<String> = played.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, [stream("a").to_string(), stream("b").to_string()]);
    assert!(statements() - before <= 8, "{}", statements() - before);
    assert_eq!(library.played(None, ALWAYS).unwrap().len(), 11);
}

fn change(rig: &Rig, sql: &str) {
    let journal = rusqlite::Connection::open(rig.dir.path().join(FILE)).unwrap();
    journal.execute_batch(sql).unwrap();
}

#[test]
fn lists_say_what_is_played_and_need_neither_an_index_nor_a_file() {
    let mut rig = Rig::new();
    publish(&mut rig, 1, 0..17);
    rig.pass(60 * SECOND);
    publish(&mut rig, 2, 0..9);
    let all = listed(&rig, ALWAYS, None);
    assert_eq!(numbers(&all), (0..14).collect::<Vec<_>>());
    assert!(all.len() > 6, "there is more than one page");
    let library = rig.library();
    let mut discontinuities = 0;
    for segment in &all {
        for (number, discontinuity, facts) in segment.numbered() {
            let ChunkAt::Sealed(found, source) = library.chunk_at(&stream("a"), number).unwrap() else {
                panic!("chunk {number} is not there");
            };
            let list = found.list(&source.index(found.segment.id).unwrap());
            let chunk = list.iter().find(|chunk| chunk.number == number).unwrap();
            assert_eq!(discontinuity, chunk.discontinuity, "{number}");
            discontinuities += usize::from(discontinuity);
            let file = ChunkFile::open(found.segment, source, &ChunkPlace::from(chunk)).unwrap();
            assert_eq!((file.facts(), file.len()), (*facts, facts.bytes), "{number}");
        }
    }
    assert_eq!(discontinuities, 1);
    let last = |chunks| numbers(&rig.library().last_listed(&stream("a"), chunks, None).unwrap());
    assert_eq!(last(0), [] as [u64; 0]);
    assert_eq!(last(1), [13]);
    assert_eq!(last(2), [11, 12, 13]);
    assert_eq!(last(100), (0..14).collect::<Vec<_>>());
    assert_eq!(library.last_listed(&stream("b"), 5, None).unwrap(), []);

    // Neither page nor segment costs a statement of its own, and nothing but the journal's rows and lists is read.
    change(&rig, "DELETE FROM indexes");
    for path in rig.disk.files().into_keys() {
        crate::store::Disk::unlink(&rig.disk, &path).unwrap();
    }
    let before = statements();
    assert_eq!(listed(&rig, ALWAYS, None), all);
    let pages = all.len() / 3 + 1;
    assert!(statements() - before <= 2 * pages + 8);
    assert_eq!(last(100), (0..14).collect::<Vec<_>>());
}

#[test]
fn without_a_good_list_the_index_says_the_same() {
    let mut rig = Rig::new();
    publish(&mut rig, 1, 0..13);
    let all = listed(&rig, ALWAYS, None);
    let of_last = || rig.library().last_listed(&stream("a"), 3, None).unwrap();
    let last = of_last();
    for damage in [
        "UPDATE chunk_lists SET chunks = x'0100'",
        "UPDATE chunk_lists SET chunks = zeroblob(2000000)",
        // A whole list, of another segment.
        "UPDATE chunk_lists SET chunks = (SELECT chunks FROM chunk_lists ORDER BY segment DESC LIMIT 1) WHERE segment = 1",
        "DELETE FROM chunk_lists",
    ] {
        change(&rig, damage);
        assert_eq!(listed(&rig, ALWAYS, None), all, "{damage}");
        assert_eq!(of_last(), last, "{damage}");
    }
    // Nothing says what the chunks of a segment are: it is left out.
    change(&rig, "UPDATE indexes SET samples = x'' WHERE segment = 2");
    let first = rig.disk.files().into_keys().nth(1).unwrap();
    crate::store::Disk::unlink(&rig.disk, &first).unwrap();
    assert_eq!(numbers(&listed(&rig, ALWAYS, None)), [0, 1, 4, 5, 6]);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test damages the journal as a storage device would"
)]
fn where_a_page_of_the_lists_is_damaged_the_index_says_the_same() {
    let mut rig = Rig::new();
    publish(&mut rig, 1, 0..13);
    let all = listed(&rig, ALWAYS, None);
    let Rig {
        dir, disk, writer, ..
    } = rig;
    drop(writer);
    let path = dir.path().join(FILE);
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'chunk_lists'";
    let journal = rusqlite::Connection::open(&path).unwrap();
    let root: i64 = journal.query_row(sql, [], |row| row.get(0)).unwrap();
    drop(journal);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = (root as usize - 1) * 4_096;
    bytes[at..at + 4_096].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let library = Library::with_disk(dir.path(), std::sync::Arc::new(disk)).unwrap();
    let mut found = Vec::new();
    let each = |segment| {
        found.push(segment);
        ControlFlow::Continue(())
    };
    library.listed(&stream("a"), ALWAYS, None, each).unwrap();
    assert_eq!(found, all);
    assert_eq!(library.last_listed(&stream("a"), 100, None).unwrap(), all);
}

#[test]
fn the_playlist_of_a_recording_needs_no_index_and_without_a_list_is_the_same() {
    let recorded = || {
        let mut rig = Rig::new();
        let (a, start) = rig.publish(1, "a");
        rig.handle(vec![start, a.record(id(1), 0)]);
        for second in 0..17 {
            rig.handle(vec![a.send(steady(second))]);
            rig.pass(SECOND);
        }
        rig.handle(vec![a.close(id(1), 17), a.end()]);
        rig
    };
    let playlist = |rig: &Rig| {
        let view = rig.library().view(id(1)).unwrap();
        let hls = Hls::growing(view, 2_000).unwrap();
        (hls.playlist().to_vec(), hls.master().to_vec())
    };
    let rig = recorded();
    let whole = playlist(&rig);
    change(&rig, "DELETE FROM indexes");
    for path in rig.disk.files().into_keys() {
        crate::store::Disk::unlink(&rig.disk, &path).unwrap();
    }
    assert_eq!(playlist(&rig), whole);
    for damage in [
        "UPDATE fragment_lists SET fragments = x'0100'",
        // A whole list, of another segment.
        "UPDATE fragment_lists SET fragments = (SELECT fragments FROM fragment_lists ORDER BY segment DESC LIMIT 1) WHERE segment = 1",
        "DELETE FROM fragment_lists WHERE segment = 2",
        "DELETE FROM fragment_lists",
    ] {
        let rig = recorded();
        change(&rig, damage);
        assert_eq!(playlist(&rig), whole, "{damage}");
    }
}

/// The fragment of a second, whose sound does not drop out.
fn steady(second: i64) -> Fragment {
    let frames = |second: i64| second * 48_000 / 1_024;
    let (mut fragment, end) = (
        testing::fragment(second, second % 2 == 0),
        frames(second + 1) * 1_024,
    );
    let frame = fragment.audio[0].clone();
    let audio = (frames(second)..frames(second + 1)).map(|number| Frame {
        dts: number * 1_024,
        ..frame.clone()
    });
    fragment.audio = audio.collect();
    fragment.next_audio_dts = Some(end);
    fragment
}

#[test]
fn a_range_is_of_the_segments_that_share_a_moment_with_it() {
    let mut rig = Rig::new();
    let a = publish(&mut rig, 1, 0..8);
    let zero = listed(&rig, ALWAYS, None)[0].utc(a.zero);
    let of = |from, to| {
        let range = (zero + from * SECOND, zero + to * SECOND);
        numbers(&listed(&rig, range, None))
    };
    assert_eq!(of(0, 8), [0, 1, 2, 3]);
    assert_eq!(of(1, 3), [0, 1]);
    assert_eq!(of(3, 5), [0, 1, 2, 3]);
    assert_eq!(of(5, 6), [2, 3]);
    assert_eq!(of(9, 20), [] as [u64; 0]);
    assert_eq!(of(-9, -2), [] as [u64; 0]);
    let mut first = Vec::new();
    let each = |segment| {
        first.push(segment);
        ControlFlow::Break(())
    };
    rig.library().listed(&stream("a"), ALWAYS, None, each).unwrap();
    assert_eq!(numbers(&first), [0, 1]);
}

#[test]
fn when_there_is_tape_is_read_of_that_time_alone() {
    let mut rig = Rig::new();
    publish(&mut rig, 1, 0..17);
    rig.pass(60 * SECOND);
    publish(&mut rig, 2, 0..9);
    let all = listed(&rig, ALWAYS, None);
    let (first, last) = (&all[0], &all[all.len() - 1]);
    let library = rig.library();
    let played = |range| library.played(None, range).unwrap();
    let always = played(ALWAYS);
    assert_eq!((always.len(), &always[0].0), (1, &stream("a")));
    let is_played =
        |(from, to): (Micros, Micros)| always[0].1.iter().any(|span| span.0 <= from && to <= span.1);
    for segment in &all {
        let ends = segment.chunks.last().unwrap();
        let end = segment.utc(ends.start.saturating_add_unsigned(ends.duration_us));
        let begins = segment.utc(segment.chunks[0].start);
        assert!(is_played((begins + SECOND / 2, end - SECOND / 2)), "{segment:?}");
    }
    let zero = first.utc(first.chunks[0].start);
    let part = (zero + 3 * SECOND, zero + 5 * SECOND);
    let statements_before = statements();
    let spans = &played(part)[0].1;
    assert!(statements() - statements_before <= 6);
    assert!(spans.len() <= 2, "{spans:?}");
    assert_eq!((spans[0].0, spans[spans.len() - 1].1), part);
    assert_eq!(played((zero - 9 * SECOND, zero - 5 * SECOND)), []);
    assert_eq!(library.played(Some(&stream("b").into()), ALWAYS).unwrap(), []);
    assert_eq!(
        library
            .played(Some(&"live/*".parse().unwrap()), part)
            .unwrap()
            .len(),
        1
    );

    // The publish of the last segment began where its first one does.
    let own = all
        .iter()
        .find(|segment| segment.publish_zero == last.publish_zero)
        .unwrap();
    let began = library.publish_begins(last.id).unwrap().unwrap();
    assert!((began - own.utc(own.chunks[0].start)).abs() <= SECOND, "{began}");
    assert!(began > zero + 60 * SECOND);

    // Tracks that many segments share are looked at once.
    let looks = std::cell::Cell::new(0);
    let look = |found: bool| {
        looks.set(0);
        let tracks = library.newest_tracks(&stream("a"), |_| {
            looks.set(looks.get() + 1);
            found
        });
        (tracks.unwrap().is_some(), looks.get())
    };
    assert_eq!((look(true), look(false)), ((true, 1), (false, 1)));
    assert_eq!(library.newest_tracks(&stream("b"), |_| true).unwrap(), None);
}

#[test]
fn the_open_segment_comes_last_and_once() {
    let mut rig = Rig::new();
    let tapes = rig.writer.open_tapes();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(1), 0)]);
    for second in 0..7 {
        rig.handle(vec![a.append(second)]);
        rig.pass(SECOND);
    }
    let open = tapes.of(&stream("a")).unwrap();
    let all = listed(&rig, ALWAYS, Some(&open));
    // The last chunk may still get media.
    assert_eq!(numbers(&all), [0, 1, 2]);
    let last = |chunks| {
        let listed = rig.library().last_listed(&stream("a"), chunks, Some(&open));
        numbers(&listed.unwrap())
    };
    assert_eq!((last(1), last(2)), (vec![2], vec![0, 1, 2]));
    let zero = all[0].utc(a.zero);
    let of = |from, to| {
        numbers(&listed(
            &rig,
            (zero + from * SECOND, zero + to * SECOND),
            Some(&open),
        ))
    };
    assert_eq!((of(0, 3), of(5, 6), of(7, 9)), (vec![0, 1], vec![2], vec![]));
    assert_eq!(numbers(&listed(&rig, ALWAYS, None)), [0, 1]);

    // It is sealed after somebody asked for it.
    rig.handle(vec![a.append(7), a.close(id(1), 8), a.end()]);
    assert_eq!(numbers(&listed(&rig, ALWAYS, Some(&open))), [0, 1, 2, 3]);
    for chunks in [1, 2] {
        let listed = rig.library().last_listed(&stream("a"), chunks, Some(&open));
        assert_eq!(numbers(&listed.unwrap()), [2, 3], "{chunks}");
    }
    // And given up.
    rig.pass(SECOND);
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    rig.pass(11 * SECOND);
    assert_eq!(listed(&rig, ALWAYS, Some(&open)), []);
}

#[test]
fn what_is_evicted_is_listed_no_more() {
    let (mut rig, a) = space::started(|_| ());
    space::record(&mut rig, &a, 0..9);
    rig.handle(vec![a.end()]);
    rig.pass(SECOND);
    let all = numbers(&listed(&rig, ALWAYS, None));
    assert!(all[0] > 0 && *all.last().unwrap() == 17, "{all:?}");
    check_numbers(rig.dir.path(), &rig.disk);
}
