//! The times of what the program asks a large journal, on request:
//! `cargo test --release --lib lists_of -- --ignored --nocapture`. `MEASURE_RECORDINGS` is the number of recordings. The journal is
//! copied to the folder `MEASURE_KEEP`; a journal in the folder `MEASURE_JOURNAL` is measured in place of a new one.

use std::fs::File;
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use super::busy::{Busy, MINUTE, UTC};
use super::rig::stream;
use crate::config::{Pattern, StreamSet};
use crate::media::{PublishId, RecordingId, SegmentId};
use crate::model::Origin;
use crate::store::journal::{Class, FILE, Journal, Op};
use crate::store::{
    Clock, Library, Order, Query, RealClock, RecordingState, Sort, StoreError, TimelineQuery, WaitingOrder,
};

/// Asks a question three times: with nothing of the journal in the page cache, as far as the kernel lets it go; and twice more.
fn timed<T>(
    what: &str,
    dir: &Path,
    mut ask: impl FnMut(&Library) -> Result<T, StoreError>,
    rows: impl Fn(&T) -> usize,
) {
    let library = Library::open(dir).unwrap();
    drop_cache(dir);
    let mut times = [0.0; 3];
    let mut found = 0;
    for time in &mut times {
        let begin = RealClock.boot();
        found = rows(&ask(&library).unwrap());
        *time = (RealClock.boot() - begin) as f64 / 1e3;
    }
    println!(
        "  {what:<62} {found:>7} rows  cold {:>8.1} ms  warm {:>8.1} ms",
        times[0],
        times[1].min(times[2])
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kernel is asked about the file, nothing is read"
)]
fn drop_cache(dir: &Path) {
    let file = File::open(dir.join(FILE)).unwrap();
    file.sync_all().unwrap();
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
}

/// Carries out a change and prints how long its transaction took.
fn changed(what: &str, dir: &Path, ops: &[Op]) {
    let mut journal = Journal::open(dir).unwrap();
    drop_cache(dir);
    let begin = RealClock.boot();
    journal.commit(ops, 0).unwrap();
    println!(
        "  {what:<62} {:>7} ops            commit {:>8.1} ms",
        ops.len(),
        (RealClock.boot() - begin) as f64 / 1e3
    );
}

#[test]
#[ignore = "prints the time of each question to a journal with 100,000 recordings"]
fn lists_of_100_000_recordings() {
    let count = std::env::var("MEASURE_RECORDINGS").map_or(100_000, |text| text.parse().unwrap());
    let busy = Busy {
        recordings: count,
        segments: count * 3,
    };
    let dir = tempfile::tempdir_in(std::env::var("MEASURE_DIR").unwrap_or("/tmp".into())).unwrap();
    // A journal that was made before, perhaps by an earlier release, is measured as a copy.
    match std::env::var("MEASURE_JOURNAL") {
        Ok(from) => drop(std::fs::copy(Path::new(&from).join(FILE), dir.path().join(FILE)).unwrap()),
        Err(_) => {
            busy.fill(dir.path());
            if let Ok(keep) = std::env::var("MEASURE_KEEP") {
                std::fs::copy(dir.path().join(FILE), Path::new(&keep).join(FILE)).unwrap();
            }
        }
    }
    println!("{count} recordings, {} segments", count * 3);
    let begin = RealClock.boot();
    drop(Journal::open(dir.path()).unwrap());
    println!("  opened in {:.0} ms", (RealClock.boot() - begin) as f64 / 1e3);
    lists(dir.path(), busy);
    questions(dir.path(), busy);
    changes(dir.path(), busy);
}

fn lists(dir: &Path, busy: Busy) {
    let (first, last) = (UTC, busy.ends());
    let middle = first + (last - first) / 2;
    let hour = 60 * MINUTE;
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
    let pages = [
        ("the first 100", super::pages::all()),
        (
            "the last hour",
            Query {
                from: Some(last - hour),
                ..super::pages::all()
            },
        ),
        (
            "an hour in the middle",
            Query {
                from: Some(middle),
                to: Some(middle + hour),
                ..super::pages::all()
            },
        ),
        (
            "since the beginning",
            Query {
                from: Some(first),
                ..super::pages::all()
            },
        ),
        (
            "of the large stream",
            Query {
                stream: Some(stream("cam0").into()),
                ..super::pages::all()
            },
        ),
        (
            "of a small stream",
            Query {
                stream: Some(stream("cam3").into()),
                ..super::pages::all()
            },
        ),
        (
            "of a pattern",
            Query {
                stream: Some("live/cam1*".parse().unwrap()),
                ..super::pages::all()
            },
        ),
        (
            "of all streams by a pattern, expired",
            Query {
                stream: Some("live/*".parse().unwrap()),
                state: Some(RecordingState::Expired),
                ..super::pages::all()
            },
        ),
        (
            "of no stream",
            Query {
                prefix: Some("nobody".to_owned()),
                ..super::pages::all()
            },
        ),
        (
            "open",
            Query {
                state: Some(RecordingState::Open),
                ..super::pages::all()
            },
        ),
        (
            "delivered",
            Query {
                state: Some(RecordingState::Delivered),
                ..super::pages::all()
            },
        ),
        (
            "of a template",
            Query {
                template: Some("night".to_owned()),
                ..super::pages::all()
            },
        ),
        (
            "of no template",
            Query {
                template: Some("nobody".to_owned()),
                ..super::pages::all()
            },
        ),
        (
            "with a frequent tag",
            Query {
                tags: tags(&["even"]),
                ..super::pages::all()
            },
        ),
        (
            "with a rare tag",
            Query {
                tags: tags(&["even", "rare"]),
                ..super::pages::all()
            },
        ),
        (
            "with a frequent tag, of no template",
            Query {
                tags: tags(&["even"]),
                template: Some("nobody".to_owned()),
                ..super::pages::all()
            },
        ),
        (
            "of the large stream, of no template",
            Query {
                stream: Some(stream("cam0").into()),
                template: Some("nobody".to_owned()),
                ..super::pages::all()
            },
        ),
        (
            "closed, of no template, since the beginning",
            Query {
                state: Some(RecordingState::Closed),
                from: Some(first),
                template: Some("nobody".to_owned()),
                ..super::pages::all()
            },
        ),
        (
            "of a caller who sees one small stream",
            Query {
                within: StreamSet::of([Pattern::try_from("live/cam3".to_owned()).unwrap()]),
                ..super::pages::all()
            },
        ),
    ];
    let descending = |sort| Order {
        sort,
        descending: true,
    };
    let all = Query::new(100);
    let searches = [
        (
            "the longest",
            Query {
                order: descending(Sort::Length),
                ..all.clone()
            },
        ),
        (
            "the largest",
            Query {
                order: descending(Sort::Bytes),
                ..all.clone()
            },
        ),
        (
            "the last to end",
            Query {
                order: descending(Sort::End),
                ..all.clone()
            },
        ),
        (
            "the longest since the beginning",
            Query {
                order: descending(Sort::Length),
                from: Some(first),
                ..all.clone()
            },
        ),
        (
            "a name that begins so",
            Query {
                begins: Some("match 99".to_owned()),
                ..all.clone()
            },
        ),
        (
            "one of two tags, the largest",
            Query {
                any_tags: tags(&["even", "rare"]),
                order: descending(Sort::Bytes),
                ..all.clone()
            },
        ),
        (
            "a category with one within",
            Query {
                category: "school".to_owned().try_into().ok(),
                order: descending(Sort::Bytes),
                ..all.clone()
            },
        ),
        (
            "of origin, domain, template, 2 to 3 min",
            Query {
                origin: Some(Origin::Task),
                domain: Some("cdn1.example".to_owned()),
                template: Some("night".to_owned()),
                length: (Some(2 * MINUTE), Some(3 * MINUTE)),
                order: descending(Sort::Bytes),
                ..all.clone()
            },
        ),
        (
            "text that half of the titles have",
            Query {
                text: Some("STRASSE".to_owned()),
                order: descending(Sort::Bytes),
                ..all.clone()
            },
        ),
        (
            "text that one title has",
            Query {
                text: Some("übung 77777".to_owned()),
                ..all.clone()
            },
        ),
        (
            "text that none has",
            Query {
                text: Some("nowhere".to_owned()),
                ..all.clone()
            },
        ),
    ];
    let newest = Query {
        order: descending(Sort::Start),
        ..all.clone()
    };
    let since = Query {
        from: Some(first),
        ..newest.clone()
    };
    for (what, query) in [("", newest), (", since the beginning", since)] {
        timed(
            &format!("the last page by its number, of 5,000{what}"),
            dir,
            |library| library.numbered(&query, 4_900, 5_000),
            |(rows, _)| rows.len(),
        );
    }
    for (what, query) in searches {
        timed(
            &format!("search: {what}"),
            dir,
            |library| library.page(&query),
            Vec::len,
        );
    }
    for (what, query) in pages {
        timed(
            &format!("list: {what}"),
            dir,
            |library| library.page(&query),
            Vec::len,
        );
    }
    timed(
        "heads: of a template",
        dir,
        |library| {
            library.heads(&Query {
                template: Some("night".to_owned()),
                ..super::pages::all()
            })
        },
        Vec::len,
    );
}

fn questions(dir: &Path, busy: Busy) {
    let last = busy.ends();
    let library = Library::open(dir).unwrap();
    let long: Vec<(String, String)> = [("a day", 500), ("a month", 600)]
        .map(|(what, n)| (what.to_owned(), nth(&library, n)))
        .to_vec();
    drop(library);
    for (what, id) in &long {
        timed(
            &format!("get: a recording of {what}"),
            dir,
            |library| library.find(id),
            |row| row.segments,
        );
    }
    timed("get: the last", dir, |library| library.find("last"), |_| 1);
    timed(
        "goes_on",
        dir,
        |library| library.goes_on(&stream("cam0"), last - MINUTE),
        |_| 1,
    );
    timed(
        "time line of the last hour",
        dir,
        |library| {
            let query = TimelineQuery {
                from: last - 60 * MINUTE,
                to: last,
                resolution: 1_000_000,
                days: vec![],
                most: 2_000,
            };
            library.timeline(&stream("cam0"), &query)
        },
        |line| line.items(),
    );
    timed(
        "to_deliver",
        dir,
        |library| library.to_deliver(WaitingOrder::NewestFirst, true, 100),
        Vec::len,
    );
    timed("to_remove", dir, |library| library.to_remove(last, 100), Vec::len);
    timed(
        "backlog",
        dir,
        |library| library.backlog(),
        |backlog| backlog.recordings as usize,
    );
    timed(
        "waiting, for metrics",
        dir,
        |library| library.waiting(),
        |waiting| waiting.formats.len(),
    );
    timed(
        "recording_counts, for metrics",
        dir,
        |library| library.recording_counts(),
        |counts| counts.closed as usize,
    );
    timed("oldest", dir, |library| library.oldest(), |_| 1);
    let journal = Journal::open(dir).unwrap();
    let asked = |what: &str, ask: &dyn Fn() -> usize| {
        drop_cache(dir);
        let begin = RealClock.boot();
        let rows = ask();
        println!(
            "  {what:<62} {rows:>7} rows       {:>8.1} ms",
            (RealClock.boot() - begin) as f64 / 1e3
        );
    };
    for class in [
        Class::Expired,
        Class::Nobodys,
        Class::Nobodys,
        Class::Delivered,
        Class::Undelivered,
    ] {
        asked(&format!("what may go first: {class:?}"), &|| {
            journal.candidates_of(class, 16).unwrap().len()
        });
    }
    asked("what is due", &|| journal.due(last, false).unwrap().len());
    let shown: Vec<RecordingId> = long.iter().map(|(_, id)| id.parse().unwrap()).collect();
    asked("space of a channel with these", &|| {
        usize::from(journal.space_of(&shown).unwrap()[0] > 0)
    });
}

/// The id of the recording that was made so, as the busy journal makes it.
fn nth(library: &Library, n: u64) -> String {
    let id = RecordingId::new(n).to_string();
    library.find(&id[..13]).map(|row| row.id.to_string()).unwrap()
}

fn changes(dir: &Path, busy: Busy) {
    let library = Library::open(dir).unwrap();
    let month: RecordingId = nth(&library, 600).parse().unwrap();
    let journal = Journal::open(dir).unwrap();
    let row = journal.recording(month).unwrap().unwrap();
    let ids: Vec<SegmentId> = journal
        .segments_of(&row)
        .unwrap()
        .iter()
        .map(|segment| segment.id)
        .collect();
    let publish: PublishId = journal.open_publishes().unwrap()[0];
    drop((journal, library));
    let [open, seal] = super::busy::segment(publish, busy.minutes(0));
    changed("a segment begins", dir, &[open]);
    changed("a segment is sealed", dir, &[seal]);
    changed(
        "the first segment of a recording of a month goes",
        dir,
        &[Op::Evict { id: ids[0] }],
    );
    changed(
        "one of its middle goes",
        dir,
        &[Op::Evict {
            id: ids[20_000.min(ids.len() / 2)],
        }],
    );
    changed(
        "one is missing",
        dir,
        &[Op::Missing {
            id: ids[10_000.min(ids.len() / 3)],
            missing: true,
        }],
    );
    changed(
        "the recording of a month gets a tag",
        dir,
        &[Op::Describe {
            id: month,
            facts: serde_json::from_value(serde_json::json!({ "tags": ["x"], "title": "X" })).unwrap(),
        }],
    );
    // In tests a step looks at fewer segments than in the program.
    changed("the first step of its deletion", dir, &[Op::Delete { id: month }]);
    changed("the next one", dir, &[Op::Delete { id: month }]);
}
