//! Recordings a page at a time: the same that one list says, found without reading the others.

use super::rig::{Rig, stream};
use crate::media::{Micros, RecordingId};
use crate::store::{Filter, Library, Query, RecordingState};

const UTC: i64 = 1_780_000_000_000_000;

fn all() -> Query {
    Query {
        stream: None,
        prefix: None,
        from: None,
        to: None,
        state: None,
        template: None,
        tags: Vec::new(),
        after: None,
        limit: 100,
    }
}

/// Every page of a query, one after the other.
fn pages(library: &Library, query: &Query) -> Vec<RecordingId> {
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
fn pages_of_any_size_say_what_one_list_says() {
    let (rig, ids) = twelve();
    let library = rig.library();
    for limit in [1, 2, 5, 12, 13, 100] {
        assert_eq!(pages(&library, &Query { limit, ..all() }), ids, "{limit}");
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
                pages(&library, &query),
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
    let of = |query: Query| pages(&library, &Query { limit: 2, ..query });
    let named = |name: &str| Query {
        stream: Some(stream(name)),
        ..all()
    };
    assert_eq!(of(named("a")), every(0));
    assert_eq!(of(named("ab")), every(2));
    assert_eq!(of(named("nobody")), []);
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
