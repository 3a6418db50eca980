//! Lists of recordings by pages: they have the same rows as one list, and each page is found without reading the others.

use std::path::Path;

use super::facts::set;
use super::rig::{Rig, stream};
use crate::config::{Pattern, StreamSet};
use crate::media::{Micros, PublishId, RecordingId, SegmentId};
use crate::store::journal::{BootClock, Journal, NewSegment, Op, Sealed};
use crate::store::{Command, Filter, Library, Query, RecordingRow, RecordingState, StoreError};

/// Makes `count` recordings of a minute with so many segments each, of ten streams, in a journal alone. Gives the UTC of their
/// first and their last moment.
pub(super) fn many(dir: &Path, count: i64, segments: i64) -> (Micros, Micros) {
    const LENGTH: Micros = 60_000_000;
    let zero = UTC;
    let mut journal = Journal::open(dir).unwrap();
    let clock = BootClock {
        boot: [7; 16],
        utc_offset: zero,
        synced: true,
    };
    let publishes: Vec<PublishId> = (0..10).map(PublishId::new).collect();
    let mut ops = vec![Op::AdoptBoot { clock }];
    for (n, publish) in publishes.iter().enumerate() {
        ops.push(Op::StartPublish {
            id: *publish,
            stream: stream(&format!("cam{n}")),
            boot: clock.boot,
            tape_zero: 0,
            boot_zero: 0,
            about: Default::default(),
            tell: crate::store::journal::Tell::Quietly,
        });
    }
    for n in 0..count {
        let recording = RecordingId::new(n.unsigned_abs());
        let publish = publishes[n as usize % 10];
        let start = n * LENGTH * segments;
        ops.push(Op::StartRecording {
            id: recording,
            publish,
            start,
            keep: Some(30 * 24 * 3_600_000_000),
            spec: Some(crate::store::testing::spec()),
            tell: false,
        });
        for part in 0..segments {
            let id = SegmentId::new(n.unsigned_abs());
            let start = start + part * LENGTH;
            ops.push(Op::OpenSegment(NewSegment {
                chunks: None,
                id,
                publish,
                sequence: (n * segments + part + 1).unsigned_abs(),
                base: Default::default(),
                start,
                space: 8_192,
                tracks: crate::store::testing::tracks(),
            }));
            ops.push(Op::SealSegment(Sealed {
                chunks: 1,
                lost: 0,
                target_s: None,
                id,
                end: start + LENGTH,
                bytes: 4_096,
                space: 8_192,
                crc: Some(0),
                samples: vec![3; 9],
                list: Vec::new(),
                fragments: Vec::new(),
            }));
        }
        let end = Some(start + LENGTH * segments);
        let reason = "closed".to_owned();
        ops.push(Op::CloseRecording {
            id: recording,
            end,
            reason,
        });
        if ops.len() > 10_000 {
            journal.commit(&std::mem::take(&mut ops), 0).unwrap();
        }
    }
    journal.commit(&ops, 0).unwrap();
    (zero, zero + count * LENGTH * segments)
}

#[test]
fn a_list_longer_than_a_page_is_whole_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (first, last) = many(dir.path(), 1_201, 2);
    let library = Library::open(dir.path()).unwrap();
    let mut sizes = Vec::new();
    let mut rows = Vec::new();
    let each = |page: Vec<RecordingRow>| {
        sizes.push(page.len());
        rows.extend(page);
        true
    };
    library.pages(&Filter::default(), each).unwrap();
    assert_eq!(sizes, [500, 500, 201]);
    assert!(rows.windows(2).all(|pair| pair[0].end == pair[1].start));
    assert_eq!((rows[0].start, rows[1_200].end), (first, last));
    assert!(
        rows.iter()
            .all(|row| row.segments == 2 && row.bytes == 8_192 && row.tracks.len() == 2)
    );
    // A caller that has enough gets no more.
    let mut pages = 0;
    library
        .pages(&Filter::default(), |_| {
            pages += 1;
            false
        })
        .unwrap();
    assert_eq!(pages, 1);
    for row in rows.iter().step_by(97) {
        let id = row.id.to_string();
        assert_eq!(library.find(&id.to_uppercase()).unwrap().id, row.id);
        assert_eq!(library.find(&id[..35]).unwrap().id, row.id);
        let of = Query {
            stream: Some(row.stream.clone().into()),
            from: Some(row.start),
            to: Some(row.end),
            ..all()
        };
        assert_eq!(pages_of(&library, &of), [row.id]);
    }
    assert_eq!(library.find("last").unwrap().id, rows[1_200].id);
    for nothing in ["0000000g", "00-", "%", "", "0000000000000"] {
        let found = library.find(nothing);
        assert!(
            matches!(found, Err(StoreError::NoRecording { .. })),
            "{nothing}: {found:?}"
        );
    }
    let found = library.find("0");
    assert!(
        matches!(found, Err(StoreError::Ambiguous { count: 1_201, .. })),
        "{found:?}"
    );
}

const UTC: i64 = 1_780_000_000_000_000;

pub(super) fn all() -> Query {
    Query::new(100)
}

/// The ids on all pages of a query, in order.
pub(super) fn pages_of(library: &Library, query: &Query) -> Vec<RecordingId> {
    let mut ids = Vec::new();
    let mut query = query.clone();
    loop {
        let page = library.page(&query).unwrap();
        ids.extend(page.iter().map(|(_, row)| row.id));
        assert!(page.len() <= query.limit);
        match page.last().filter(|_| page.len() == query.limit) {
            Some((place, _)) => query.after = Some(*place),
            None => return ids,
        }
    }
}

/// Twelve recordings of three streams, of 2 s each, one after the other; the last is open. The box slept in between.
fn twelve() -> (Rig, Vec<RecordingId>) {
    let mut rig = Rig::new();
    let mut ids = Vec::new();
    for n in 0..12 {
        let (a, start) = rig.publish(n + 1, ["a", "b", "ab"][n as usize % 3]);
        let id = RecordingId::new(n + 1);
        rig.handle(vec![start, a.record(id, 0)]);
        for second in 0..2 {
            rig.handle(vec![a.append(second)]);
            rig.pass(1_000_000);
        }
        if n < 11 {
            rig.handle(vec![a.close(id, 2), a.end()]);
        }
        rig.pass(if n == 5 { 1_000_000_000 } else { 1_000_000 });
        ids.push(id);
    }
    (rig, ids)
}

#[test]
fn heads_are_of_the_same_recordings_as_pages_and_need_no_tape() {
    let (rig, ids) = twelve();
    let library = rig.library();
    let of_template = |template: &str| Query {
        template: Some(template.to_owned()),
        limit: 5,
        ..all()
    };
    let (mut query, mut heads) = (of_template("default"), Vec::new());
    loop {
        let page = library.heads(&query).unwrap();
        query.after = page.last().map(|head| head.place);
        let is_last = page.len() < query.limit;
        heads.extend(page);
        if is_last {
            break;
        }
    }
    let rows = library.recordings(&Filter::default()).unwrap();
    let of_rows: Vec<_> = rows.iter().map(|row| (row.id, row.state, &row.spec)).collect();
    let of_heads: Vec<_> = heads
        .iter()
        .map(|head| (head.id, head.state, &head.spec))
        .collect();
    assert_eq!(of_heads, of_rows);
    assert_eq!(of_heads.len(), ids.len());
    assert!(library.heads(&of_template("lesson")).unwrap().is_empty());
}

#[test]
fn pages_of_any_size_say_what_one_list_says() {
    let (rig, ids) = twelve();
    let library = rig.library();
    for limit in [1, 2, 5, 12, 13, 100] {
        assert_eq!(pages_of(&library, &Query { limit, ..all() }), ids, "{limit}");
    }
    let rows = library.recordings(&Filter::default()).unwrap();
    let moments: Vec<Micros> = rows
        .iter()
        .flat_map(|row| {
            [
                row.start - 1,
                row.start,
                row.start + 1,
                row.end - 1,
                row.end,
                row.end + 1,
            ]
        })
        .chain([UTC - 1_000_000_000, UTC + 10_000_000_000])
        .collect();
    for from in &moments {
        for to in moments.iter().step_by(5) {
            let filter = Filter {
                stream: None,
                from: Some(*from),
                to: Some(*to),
            };
            let expected: Vec<RecordingId> = library
                .recordings(&filter)
                .unwrap()
                .iter()
                .map(|row| row.id)
                .collect();
            let query = Query {
                from: Some(*from),
                to: Some(*to),
                limit: 2,
                ..all()
            };
            assert_eq!(
                pages_of(&library, &query),
                expected,
                "{} to {}",
                from - UTC,
                to - UTC
            );
        }
    }
}

#[test]
fn a_page_is_of_the_stream_the_prefix_the_state_and_the_template_that_are_asked_for() {
    let (rig, ids) = twelve();
    let library = rig.library();
    let every = |from: usize| ids.iter().copied().skip(from).step_by(3).collect::<Vec<_>>();
    let of = |query: Query| pages_of(&library, &Query { limit: 2, ..query });
    let named = |name: &str| Query {
        stream: Some(stream(name).into()),
        ..all()
    };
    assert_eq!(of(named("a")), every(0));
    assert_eq!(of(named("ab")), every(2));
    assert_eq!(of(named("nobody")), []);
    let fitting = |pattern: &str| Query {
        stream: Some(pattern.parse().unwrap()),
        ..all()
    };
    assert_eq!(of(fitting("live/*")), ids);
    assert_eq!(of(fitting("live/b*")), every(1));
    assert_eq!(of(fitting("*/ab")), every(2));
    assert_eq!(of(fitting("live/[ab]*")), []);
    assert_eq!(of(fitting("live/?*")), []);
    let prefix = |prefix: &str| Query {
        prefix: Some(prefix.to_owned()),
        ..all()
    };
    assert_eq!(of(prefix("live/")), ids);
    assert_eq!(of(prefix("live/b")), every(1));
    assert_eq!(of(prefix("live/%")), []);
    let state = |state| Query {
        state: Some(state),
        ..all()
    };
    assert_eq!(of(state(RecordingState::Open)), ids[11..]);
    assert_eq!(of(state(RecordingState::Closed)), ids[..11]);
    let template = |name: &str| Query {
        template: Some(name.to_owned()),
        ..all()
    };
    assert_eq!(of(template("default")), ids);
    assert_eq!(of(template("lesson")), []);
}

#[test]
fn a_reader_who_may_see_some_streams_gets_whole_pages_of_those_alone() {
    let (mut rig, ids) = twelve();
    for id in &ids {
        set(&mut rig, *id, serde_json::json!({ "tags": ["x"] })).unwrap();
    }
    let library = rig.library();
    let set = |patterns: &[&str]| {
        let patterns = patterns
            .iter()
            .map(|text| Pattern::try_from((*text).to_owned()).unwrap());
        StreamSet::of(patterns)
    };
    let every = |from: usize| ids.iter().copied().skip(from).step_by(3).collect::<Vec<_>>();
    let seen = |within: &StreamSet, query: Query| {
        let query = Query {
            within: within.clone(),
            limit: 2,
            ..query
        };
        // Each page but the last is full: rows of other streams take no place.
        let first = library.page(&query).unwrap();
        let pages = pages_of(&library, &query);
        assert_eq!(first.len(), pages.len().min(2));
        pages
    };
    let tagged = || Query {
        tags: vec!["x".to_owned()],
        ..all()
    };
    let prefixed = || Query {
        prefix: Some("live/a".to_owned()),
        ..all()
    };
    let named = |name: &str| Query {
        stream: Some(stream(name).into()),
        ..all()
    };
    let (one, two) = (set(&["live/b"]), set(&["live/b", "live/ab*"]));
    for query in [all(), tagged()] {
        assert_eq!(seen(&one, query.clone()), every(1));
        let both: Vec<RecordingId> = ids
            .iter()
            .copied()
            .enumerate()
            .filter(|(n, _)| n % 3 > 0)
            .map(|(_, id)| id)
            .collect();
        assert_eq!(seen(&two, query.clone()), both);
        assert_eq!(seen(&set(&[]), query.clone()), []);
        assert_eq!(seen(&set(&["live/[ab]*"]), query), []);
    }
    assert_eq!(seen(&two, prefixed()), every(2));
    assert_eq!(
        (seen(&one, named("b")), seen(&one, named("a"))),
        (every(1), vec![])
    );
    // There are no other recordings, neither by their ids nor as the last one.
    let found = |text: &str, within: &StreamSet| library.find_within(text, within).map(|row| row.id);
    let (own, other) = (ids[1].to_string(), ids[0].to_string());
    assert_eq!(found(&own, &one).unwrap(), ids[1]);
    assert!(matches!(found(&other, &one), Err(StoreError::NoRecording { .. })));
    assert_eq!(found("last", &one).unwrap(), ids[10]);
    assert!(matches!(
        found("last", &set(&["live/none"])),
        Err(StoreError::NoRecording { .. })
    ));
    assert!(matches!(
        found("0000", &one),
        Err(StoreError::Ambiguous { count: 4, .. })
    ));
}

#[test]
fn a_page_is_of_those_that_have_every_tag_whatever_becomes_of_them() {
    let (mut rig, ids) = twelve();
    let tag = |rig: &mut Rig, id: RecordingId, tags: &[&str]| {
        set(rig, id, serde_json::json!({ "tags": tags })).unwrap();
    };
    for (n, id) in ids.iter().enumerate().take(11) {
        tag(
            &mut rig,
            *id,
            if n % 2 == 0 { &["even", "x", "x"] } else { &["x"] },
        );
    }
    let of = |rig: &Rig, tags: &[&str], named: Option<&str>| {
        let query = Query {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            stream: named.map(|name| stream(name).into()),
            limit: 2,
            ..all()
        };
        pages_of(&rig.library(), &query)
    };
    let even: Vec<RecordingId> = ids.iter().copied().step_by(2).take(6).collect();
    assert_eq!(of(&rig, &["x"], None), ids[..11]);
    assert_eq!(of(&rig, &["x", "even"], None), even);
    assert_eq!(of(&rig, &["even", "x"], Some("a")), [ids[0], ids[6]]);
    assert_eq!(of(&rig, &["none"], None), []);
    // One recording gets other tags, one loses its tags, and one is deleted.
    tag(&mut rig, ids[0], &["y"]);
    tag(&mut rig, ids[2], &[]);
    rig.handle(vec![Command::Delete { recording: ids[4] }]);
    rig.pass(30_000_000);
    assert_eq!(of(&rig, &["even"], None), even[3..]);
    assert_eq!(of(&rig, &["y"], None), ids[..1]);
}

#[test]
fn streams_that_are_few_and_those_that_are_many_make_the_same_list() {
    let dir = tempfile::tempdir().unwrap();
    many(dir.path(), 200, 1);
    let library = Library::open(dir.path()).unwrap();
    let whole = pages_of(&library, &all());
    for (pattern, streams) in [
        ("live/cam*", 10),
        ("live/cam1", 1),
        ("*/cam1*", 1),
        ("live/*m*", 10),
    ] {
        let query = Query {
            stream: Some(pattern.parse().unwrap()),
            limit: 7,
            ..all()
        };
        assert_eq!(pages_of(&library, &query).len(), 20 * streams, "{pattern}");
    }
    let prefixed = |prefix: &str, limit| Query {
        prefix: Some(prefix.to_owned()),
        limit,
        ..all()
    };
    for limit in [3, 100] {
        assert_eq!(pages_of(&library, &prefixed("live/cam", limit)), whole);
        let one: Vec<RecordingId> = whole.iter().copied().skip(3).step_by(10).collect();
        assert_eq!(pages_of(&library, &prefixed("live/cam3", limit)), one);
    }
}
