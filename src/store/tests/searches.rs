//! Searches find what a look at every row finds, in the same order, page by page.

use super::busy::{Busy, MINUTE, UTC};
use super::pages::pages_of;
use super::rig::stream;
use crate::config::{Pattern, StreamSet};
use crate::media::{Micros, RecordingId};
use crate::model::{CategoryId, Origin};
use crate::store::journal::{Journal, Op};
use crate::store::{Cursor, Filter, Library, Order, Query, RecordingRow, RecordingState, Sort, folded};

const BUSY: Busy = Busy {
    recordings: 400,
    segments: 1_200,
};

const ORDERS: [Order; 8] = {
    const fn of(sort: Sort, descending: bool) -> Order {
        Order { sort, descending }
    }
    [
        of(Sort::Start, false),
        of(Sort::Start, true),
        of(Sort::End, false),
        of(Sort::End, true),
        of(Sort::Length, false),
        of(Sort::Length, true),
        of(Sort::Bytes, false),
        of(Sort::Bytes, true),
    ]
};

/// What a query asks, each row looked at alone.
fn answers(query: &Query, row: &RecordingRow) -> bool {
    let open = row.state == RecordingState::Open;
    let about = &row.spec.about;
    let name = row.stream.as_str();
    let tags = row.facts.tags.texts();
    let least = |least: Option<i64>, value: i64| least.is_none_or(|least| open || value >= least);
    let most = |most: Option<i64>, value: i64| most.is_none_or(|most| !open && value <= most);
    let number = |bytes: Option<u64>| bytes.map(|bytes| bytes as i64);
    let text = |title: &str| {
        query
            .text
            .as_ref()
            .is_none_or(|text| folded(title).contains(&folded(text)))
    };
    let begins = |begins: &String| {
        name.starts_with(begins) || about.name.as_ref().is_some_and(|name| name.starts_with(begins))
    };
    let category = |id: &CategoryId| {
        let own = row.facts.category.as_ref().map(CategoryId::as_str);
        own == Some(id.as_str()) || (id.as_str() == "school" && own == Some("maths"))
    };
    query
        .stream
        .as_ref()
        .is_none_or(|streams| streams.fits(&row.stream))
        && query.within.has(name)
        && query.begins.as_ref().is_none_or(begins)
        && query.from.is_none_or(|from| row.end > from)
        && query.to.is_none_or(|to| row.start < to)
        && query.state.is_none_or(|state| row.state == state)
        && query
            .template
            .as_ref()
            .is_none_or(|template| about.template == *template)
        && query.origin.is_none_or(|origin| about.origin == origin)
        && (query.domain.is_none() || query.domain == about.domain)
        && query.tags.iter().all(|tag| tags.contains(tag))
        && (query.any_tags.is_empty() || query.any_tags.iter().any(|tag| tags.contains(tag)))
        && query.category.as_ref().is_none_or(category)
        && text(row.facts.title.as_ref().map_or("", |title| title.as_str()))
        && least(query.length.0, row.duration)
        && most(query.length.1, row.duration)
        && least(number(query.bytes.0), row.bytes as i64)
        && most(number(query.bytes.1), row.bytes as i64)
}

/// The rows that answer a query, in its order.
fn looked_at(rows: &[RecordingRow], query: &Query) -> Vec<RecordingId> {
    let value = |row: &RecordingRow| match query.order.sort {
        Sort::Start => row.start,
        _ if row.state == RecordingState::Open => Micros::MAX,
        Sort::End => row.end,
        Sort::Length => row.duration,
        Sort::Bytes => row.bytes as i64,
    };
    let mut found: Vec<&RecordingRow> = rows.iter().filter(|row| answers(query, row)).collect();
    // Ids are in the order in which recordings were begun.
    found.sort_by_key(|row| (value(row), row.id));
    if query.order.descending {
        found.reverse();
    }
    found.into_iter().map(|row| row.id).collect()
}

fn queries() -> Vec<Query> {
    let all = Query::new(17);
    let text = |text: &str| Some(text.to_owned());
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    let category = |id: &str| CategoryId::try_from(id.to_owned()).ok();
    vec![
        all.clone(),
        Query {
            text: text("ÜBUNG 1"),
            ..all.clone()
        },
        Query {
            text: text("über strasse"),
            ..all.clone()
        },
        Query {
            text: text("%"),
            ..all.clone()
        },
        Query {
            begins: text("match 1"),
            ..all.clone()
        },
        Query {
            begins: text("live/cam1"),
            ..all.clone()
        },
        Query {
            begins: text("Match"),
            ..all.clone()
        },
        Query {
            tags: tags(&["even"]),
            ..all.clone()
        },
        Query {
            tags: tags(&["even", "rare"]),
            ..all.clone()
        },
        Query {
            tags: tags(&["eve"]),
            ..all.clone()
        },
        Query {
            any_tags: tags(&["rare", "none", "even"]),
            ..all.clone()
        },
        Query {
            any_tags: tags(&["none", "\"even\""]),
            ..all.clone()
        },
        Query {
            category: category("school"),
            ..all.clone()
        },
        Query {
            category: category("maths"),
            ..all.clone()
        },
        Query {
            category: category("none"),
            ..all.clone()
        },
        Query {
            stream: Some(stream("cam0").into()),
            ..all.clone()
        },
        Query {
            stream: "live/cam1*".parse().ok(),
            domain: text("cdn1.example"),
            ..all.clone()
        },
        Query {
            origin: Some(Origin::Task),
            template: text("night"),
            ..all.clone()
        },
        Query {
            state: Some(RecordingState::Open),
            ..all.clone()
        },
        Query {
            state: Some(RecordingState::Delivered),
            ..all.clone()
        },
        Query {
            length: (Some(2 * MINUTE), Some(3 * MINUTE)),
            ..all.clone()
        },
        Query {
            length: (Some(2 * MINUTE + 1), None),
            ..all.clone()
        },
        Query {
            bytes: (Some(60_000_000), None),
            ..all.clone()
        },
        Query {
            bytes: (None, Some(59_999_999)),
            ..all.clone()
        },
        Query {
            from: Some(UTC + 200 * MINUTE),
            ..all.clone()
        },
        Query {
            from: Some(UTC + 200 * MINUTE),
            to: Some(UTC + 210 * MINUTE),
            ..all.clone()
        },
        Query {
            to: Some(UTC + 40 * MINUTE),
            state: Some(RecordingState::Closed),
            ..all.clone()
        },
        Query {
            within: StreamSet::of([Pattern::try_from("live/cam3".to_owned()).unwrap()]),
            ..all
        },
    ]
}

#[test]
fn a_search_finds_what_each_argument_says_in_each_order() {
    let dir = tempfile::tempdir().unwrap();
    BUSY.fill(dir.path());
    let library = Library::open(dir.path()).unwrap();
    let rows = library.recordings(&Filter::default()).unwrap();
    assert_eq!(rows.len() as i64, BUSY.recordings);
    let mut some = 0;
    for query in queries() {
        for order in ORDERS {
            let query = Query {
                order,
                ..query.clone()
            };
            let found = pages_of(&library, &query);
            assert_eq!(found, looked_at(&rows, &query), "{query:?}");
            some += usize::from(!found.is_empty());
            for (skip, most) in [(0, 5_000), (20, 5_000), (34, 40), (5_000, 5_000)] {
                let (page, all) = library.numbered(&query, skip, most).unwrap();
                let shown = found.iter().take(most).skip(skip).take(query.limit);
                let page: Vec<RecordingId> = page.iter().map(|row| row.id).collect();
                assert_eq!(page, shown.copied().collect::<Vec<_>>(), "{skip} of {query:?}");
                assert_eq!(all, found.len().min(most), "{query:?}");
            }
        }
    }
    assert!(some > 150, "{some}");
}

#[test]
fn a_tag_that_is_written_with_escapes_is_not_taken_for_another() {
    let dir = tempfile::tempdir().unwrap();
    Busy {
        recordings: 6,
        segments: 120,
    }
    .fill(dir.path());
    let mut journal = Journal::open(dir.path()).unwrap();
    let ids: Vec<RecordingId> = Library::open(dir.path())
        .unwrap()
        .recordings(&Filter::default())
        .unwrap()
        .iter()
        .map(|row| row.id)
        .collect();
    let all = ["even", "a\"even\"", "\"even", "even\\", "é\"", ","];
    for (id, tag) in ids.iter().zip(all) {
        let facts = serde_json::from_value(serde_json::json!({ "tags": [tag, "x"] })).unwrap();
        journal.commit(&[Op::Describe { id: *id, facts }], 0).unwrap();
    }
    let library = Library::open(dir.path()).unwrap();
    for (id, tag) in ids.iter().zip(all) {
        let tags = vec![tag.to_owned()];
        let one = Query {
            any_tags: tags.clone(),
            ..Query::new(9)
        };
        assert_eq!(pages_of(&library, &one), [*id], "{tag}");
        assert_eq!(
            pages_of(
                &library,
                &Query {
                    tags,
                    ..Query::new(9)
                }
            ),
            [*id],
            "{tag}"
        );
    }
    assert_eq!(
        pages_of(
            &library,
            &Query {
                tags: vec!["x".to_owned()],
                ..Query::new(2)
            }
        ),
        ids
    );
}

#[test]
fn a_place_holds_while_recordings_come_and_go() {
    for order in ORDERS {
        let dir = tempfile::tempdir().unwrap();
        Busy {
            recordings: 60,
            segments: 360,
        }
        .fill(dir.path());
        let mut query = Query {
            order,
            ..Query::new(7)
        };
        let library = || Library::open(dir.path()).unwrap();
        let whole = pages_of(&library(), &query);
        let (mut seen, mut gone) = (Vec::new(), Vec::new());
        loop {
            let page = library().page(&query).unwrap();
            seen.extend(page.iter().map(|(_, row)| row.id));
            let Some((place, _)) = page.last() else { break };
            // The place is said and comes back.
            query.after = Some(Cursor::read(&place.to_string(), order).unwrap());
            // The recording before the place goes, and one that is still to come.
            let next = whole.iter().find(|id| !seen.contains(id) && !gone.contains(*id));
            let delete: Vec<Op> = seen
                .last()
                .into_iter()
                .chain(next)
                .map(|id| Op::Delete { id: *id })
                .collect();
            Journal::open(dir.path()).unwrap().commit(&delete, 0).unwrap();
            let left = pages_of(
                &library(),
                &Query {
                    after: None,
                    ..query.clone()
                },
            );
            gone = whole.iter().copied().filter(|id| !left.contains(id)).collect();
        }
        let stayed: Vec<RecordingId> = whole
            .iter()
            .copied()
            .filter(|id| !gone.contains(id) || seen.contains(id))
            .collect();
        assert_eq!(seen, stayed, "{order:?}");
        assert!(!gone.is_empty());
        for other in ORDERS.iter().filter(|other| **other != order) {
            let text = query.after.unwrap().to_string();
            assert!(Cursor::read(&text, *other).is_err(), "{text} {other:?}");
        }
    }
}

#[test]
fn letters_are_the_same_small_and_capital_in_every_script() {
    for (a, b) in [
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ÜBUNG", "übung"),
        ("ДОМ", "дом"),
        ("ﬁn", "FIN"),
    ] {
        assert_eq!(folded(a), folded(b));
    }
    assert_ne!(folded("u"), folded("ü"));
}
