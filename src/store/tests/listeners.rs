//! The positions of listeners, and the answers to requests, survive power cuts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rig::{Rig, tempdir};
use crate::event::{Event, Posted};
use crate::media::Micros;
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::{Behind, Callback, Change, Command, MissedCounts, OutboxChange, Place, Remembered};

const SECOND: Micros = 1_000_000;
const UTC: Micros = 1_790_000_000_000_000;
const DAY: Micros = 24 * 3_600 * SECOND;

fn rig() -> Rig {
    let clock = Arc::new(TestClock::new(5 * SECOND));
    clock.set_utc(UTC, true);
    Rig::with(tempdir(), CrashDisk::default(), clock, |_| ())
}

/// The power goes, and comes back.
fn crash(rig: Rig) -> Rig {
    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
    let Rig { dir, clock, .. } = rig;
    Rig::on(dir, disk, clock)
}

fn happen(rig: &mut Rig, count: usize) {
    let report = || Command::Report {
        event: Event::StorageRecovered {},
    };
    rig.handle((0..count).map(|_| report()).collect());
}

fn change(rig: &mut Rig, change: OutboxChange) {
    rig.handle(vec![Command::Change(Change::Outbox(change))]);
}

fn listen(rig: &mut Rig, names: &[&str]) {
    let all = names.iter().map(|name| (*name).to_owned()).collect();
    change(rig, OutboxChange::Listeners(all));
}

fn heard(rig: &mut Rig, name: &str, through: u64) {
    let listener = name.to_owned();
    let journal = rig.writer.progress().journal;
    let place = Place { journal, through };
    change(rig, OutboxChange::Heard { listener, place });
}

fn through(rig: &Rig, name: &str) -> Option<u64> {
    rig.library().heard(name).unwrap().map(|place| place.through)
}

/// Number of events that a listener does not have yet.
fn depth(rig: &Rig) -> u64 {
    rig.library().outbox_depth().unwrap().events
}

/// The numbers of the events in the outbox.
fn waiting(rig: &Rig, after: u64) -> Vec<u64> {
    let rows = rig.library().outbox(after, 100_000, 1 << 30).unwrap();
    rows.into_iter().map(|row| row.sequence).collect()
}

fn missed(name: &str, sequence: u64, due: Option<Micros>) -> Callback {
    Callback {
        listener: name.to_owned(),
        event: Posted {
            sequence,
            id: format!("id-{sequence}"),
            kind: "storage.recovered".to_owned(),
            time: UTC,
            body: "{}".to_owned(),
        },
        tries: 1,
        due,
        error: "it answered 500".to_owned(),
    }
}

#[test]
fn an_event_stays_until_all_who_listen_have_it() {
    let mut rig = rig();
    // The event of the start is the first, and a new listener gets it.
    listen(&mut rig, &["mqtt", "callback/a"]);
    happen(&mut rig, 3);
    assert_eq!(waiting(&rig, 0), [1, 2, 3, 4]);
    heard(&mut rig, "mqtt", 3);
    assert_eq!(depth(&rig), 4);
    assert_eq!(through(&rig, "mqtt"), Some(3));
    heard(&mut rig, "callback/a", 2);
    assert_eq!(depth(&rig), 2);
    // An older position has no effect.
    heard(&mut rig, "mqtt", 1);
    assert_eq!(through(&rig, "mqtt"), Some(3));
    // However many events come, those that one listener lacks stay.
    happen(&mut rig, 1_200);
    heard(&mut rig, "mqtt", 1_204);
    assert_eq!(waiting(&rig, 0), (3..=1_204).collect::<Vec<_>>());
    // A listener that is gone holds nothing up, and counts as new when it comes back.
    listen(&mut rig, &["mqtt"]);
    assert_eq!((depth(&rig), waiting(&rig, 0).len()), (0, 1_000));
    // The position in another journal says nothing about this one.
    let place = Place {
        journal: 7,
        through: 4,
    };
    let listener = "mqtt".to_owned();
    happen(&mut rig, 1);
    change(&mut rig, OutboxChange::Heard { listener, place });
    assert_eq!(depth(&rig), 1);
    assert_eq!(through(&rig, "callback/a"), None);
}

#[test]
fn the_newest_events_stay_also_when_all_have_them_and_their_bytes_are_bounded() {
    let mut rig = rig();
    listen(&mut rig, &["mqtt"]);
    happen(&mut rig, 1_500);
    heard(&mut rig, "mqtt", 1_501);
    assert_eq!(waiting(&rig, 0), (502..=1_501).collect::<Vec<_>>());
    assert_eq!(depth(&rig), 0);
    let long = |bytes: usize| Command::Report {
        event: Event::SyncOnline {
            store: "x".repeat(bytes),
        },
    };
    rig.handle((0..25).map(|_| long(200_000)).collect());
    assert_eq!(waiting(&rig, 0).len(), 1_025, "nobody has the last ones");
    heard(&mut rig, "mqtt", 1_526);
    // Twenty of them are less than 4 MiB, and one more is not.
    assert_eq!(waiting(&rig, 0), (1_507..=1_526).collect::<Vec<_>>());
    let mut rig = crash(rig);
    assert_eq!(waiting(&rig, 0).first(), Some(&1_507));
    // Longer events are fewer.
    rig.handle((0..20).map(|_| long(260_000)).collect());
    let newest = rig.library().outbox_depth().unwrap().newest;
    heard(&mut rig, "mqtt", newest);
    assert_eq!(waiting(&rig, 0), (newest - 15..=newest).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_comes_back_is_told_whether_events_behind_its_place_are_gone() {
    let mut rig = rig();
    listen(&mut rig, &["mqtt"]);
    happen(&mut rig, 1_099);
    heard(&mut rig, "mqtt", 1_100);
    let journal = rig.writer.progress().journal;
    let behind = |journal: i64, through: u64, limit: usize| {
        let place = Place { journal, through };
        match rig.library().events_behind(place, limit, 1 << 20).unwrap() {
            Behind::Events(events) => Ok(events.into_iter().map(|event| event.sequence).collect::<Vec<_>>()),
            Behind::Gone(place) => Err((place.journal, place.through)),
        }
    };
    assert_eq!(behind(journal, 1_097, 10), Ok(vec![1_098, 1_099, 1_100]));
    assert_eq!(behind(journal, 1_097, 2), Ok(vec![1_098, 1_099]));
    assert_eq!(behind(journal, 1_100, 10), Ok(vec![]));
    assert_eq!(behind(journal, 100, 1), Ok(vec![101]));
    for (journal, through) in [
        (journal, 99),
        (journal, 0),
        (journal, 1_101),
        (journal + 1, 1_097),
        (journal, u64::MAX),
    ] {
        assert_eq!(
            behind(journal, through, 10),
            Err((rig.writer.progress().journal, 1_100)),
            "{through}"
        );
    }
}

#[test]
fn what_was_heard_survives_a_power_cut_and_numbers_go_on() {
    let mut rig = rig();
    listen(&mut rig, &["mqtt"]);
    happen(&mut rig, 5);
    heard(&mut rig, "mqtt", 4);
    let mut rig = crash(rig);
    assert_eq!(through(&rig, "mqtt"), Some(4));
    let before = waiting(&rig, 4);
    assert_eq!(before.first(), Some(&5));
    happen(&mut rig, 1);
    let after = waiting(&rig, 4);
    assert_eq!(after.last().copied(), before.last().map(|last| last + 1));
}

#[test]
fn a_listener_that_is_away_for_long_finds_a_gap_of_known_size() {
    let mut rig = rig();
    listen(&mut rig, &["mqtt"]);
    happen(&mut rig, 10_050);
    let left = waiting(&rig, 0);
    assert_eq!(left.len(), 10_000);
    // Number of events missing between the listener's position and the oldest event.
    let cursor = through(&rig, "mqtt").unwrap();
    assert_eq!(left[0] - cursor - 1, 51);
    let some = rig.library().outbox(left[0], 7, 1 << 20).unwrap();
    assert_eq!(some.len(), 7);
    // However few bytes are asked for, one event is given.
    assert_eq!(rig.library().outbox(left[0], 7, 1).unwrap().len(), 1);
}

#[test]
fn what_a_service_did_not_take_is_kept_apart_from_the_outbox() {
    let mut rig = rig();
    listen(&mut rig, &["callback/a"]);
    happen(&mut rig, 3);
    change(
        &mut rig,
        OutboxChange::Missed(missed("callback/a", 2, Some(UTC + SECOND))),
    );
    change(&mut rig, OutboxChange::Missed(missed("callback/a", 3, None)));
    heard(&mut rig, "callback/a", 4);
    assert_eq!(depth(&rig), 0);
    let mut rig = crash(rig);
    let due = |rig: &Rig, all| {
        let missed = rig.library().missed("callback/a", all, 10).unwrap();
        missed
            .into_iter()
            .map(|missed| missed.event.sequence)
            .collect::<Vec<_>>()
    };
    assert_eq!((due(&rig, false), due(&rig, true)), (vec![2], vec![2, 3]));
    let counts = MissedCounts {
        waiting: 1,
        given_up: 1,
    };
    let all = rig.library().missed_counts().unwrap();
    assert_eq!(all, BTreeMap::from([("callback/a".to_owned(), counts)]));
    change(&mut rig, OutboxChange::RetryAll { now: UTC });
    assert_eq!(due(&rig, false), [2, 3]);
    let made = OutboxChange::Made {
        listener: "callback/a".to_owned(),
        sequence: 2,
    };
    change(&mut rig, made);
    assert_eq!(due(&rig, true), [3]);
    listen(&mut rig, &[]);
    assert_eq!(due(&rig, true), [] as [u64; 0]);
}

#[test]
fn an_answer_is_remembered_for_a_day_and_a_first_one_is_not_taken_back() {
    let mut rig = rig();
    let request = |id: &str, begun, answer: Option<&str>| {
        Command::Change(Change::Remember(Remembered {
            id: id.to_owned(),
            command: "task.create".to_owned(),
            begun,
            answer: answer.map(str::to_owned),
        }))
    };
    rig.handle(vec![request("a", UTC, None)]);
    let known = |rig: &Rig, id: &str| rig.library().remembered(id).unwrap();
    assert_eq!(known(&rig, "a").unwrap().answer, None);
    rig.handle(vec![request("a", UTC, Some("first")), request("a", UTC, None)]);
    let mut rig = crash(rig);
    assert_eq!(known(&rig, "a").unwrap().answer.as_deref(), Some("first"));
    rig.handle(vec![request("b", UTC + DAY + 1, None)]);
    assert!(known(&rig, "a").is_none() && known(&rig, "b").is_some());
}
