//! The time line of a stream: what it shows of a tape, and that it stays small.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::pages::many;
use super::rig::{Publisher, Rig, stream};
use crate::media::{Micros, RecordingId};
use crate::model::{About, Origin};
use crate::store::journal::sql::count::statements;
use crate::store::{Command, Library, RecordingSpec, Timeline, TimelineQuery};

const SECOND: Micros = 1_000_000;
const UTC: Micros = 1_780_000_000_000_000;

fn query(from: Micros, to: Micros) -> TimelineQuery {
    TimelineQuery {
        from: UTC + from * SECOND,
        to: UTC + to * SECOND,
        resolution: SECOND,
        days: vec![],
        most: 2_000,
    }
}

fn line(rig: &Rig, query: &TimelineQuery) -> Timeline {
    rig.library().timeline(&stream("a"), query).unwrap()
}

/// Its spans in seconds: beginning, end, numbers of the recordings, and why the tape stops.
fn spans(line: &Timeline) -> Vec<(i64, i64, Vec<u64>, Option<&str>)> {
    let number = |id: &RecordingId| u64::try_from(u128::from_be_bytes(id.to_bytes())).unwrap();
    let second = |utc: Micros| (utc - UTC) / SECOND;
    let spans = line.spans();
    spans
        .map(|span| {
            let recordings = span.recordings.iter().map(number).collect();
            (second(span.from), second(span.to), recordings, span.stops)
        })
        .collect()
}

/// A recording's id: the same for the same number.
fn id(number: u64) -> RecordingId {
    RecordingId::from_bytes(u128::from(number).to_be_bytes())
}

fn send(rig: &mut Rig, publisher: &Publisher, seconds: std::ops::Range<i64>) {
    for second in seconds {
        rig.handle(vec![publisher.append(second)]);
        rig.pass(SECOND);
    }
}

fn clip(publisher: &Publisher, number: u64, from: i64, to: i64) -> Command {
    let mut spec = RecordingSpec::built_in();
    spec.about = About {
        origin: Origin::Clip,
        name: Some("goal".to_owned()),
        ..spec.about
    };
    Command::Clip {
        recording: id(number),
        stream: publisher.stream.clone(),
        start: publisher.zero + from * SECOND,
        end: publisher.zero + to * SECOND,
        spec: spec.into(),
    }
}

/// Two recordings of one publish, a part that nobody recorded, a pause, and another publish that goes on.
fn afternoon() -> Rig {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(1), 0)]);
    send(&mut rig, &a, 0..4);
    rig.handle(vec![a.close(id(1), 4), a.record(id(2), 4)]);
    send(&mut rig, &a, 4..8);
    rig.handle(vec![a.close(id(2), 8), clip(&a, 7, 2, 6)]);
    rig.pass(12 * SECOND);
    rig.handle(vec![a.record(id(3), 20)]);
    send(&mut rig, &a, 20..26);
    rig.handle(vec![
        Command::RecordingPaused {
            recording: id(3),
            end: a.zero + 26 * SECOND,
            reason: "broken".to_owned(),
        },
        a.end(),
    ]);
    rig.pass(34 * SECOND);
    let (b, start) = rig.publish(2, "a");
    rig.handle(vec![start, b.record(id(4), 0)]);
    send(&mut rig, &b, 0..5);
    rig
}

#[test]
fn it_shows_where_the_tape_of_which_recordings_is_and_why_it_stops() {
    let rig = afternoon();
    let line = line(&rig, &query(0, 100));
    assert_eq!(
        spans(&line),
        [
            (0, 4, vec![1], None),
            (4, 8, vec![2], Some("closed")),
            (20, 26, vec![3], Some("unpublished")),
            (60, 65, vec![4], None),
        ]
    );
    let (clips, more) = line.clips();
    let clip = &clips[0];
    assert_eq!((clips.len(), more, clip.name.as_deref()), (1, 0, Some("goal")));
    assert_eq!(((clip.from - UTC) / SECOND, (clip.to - UTC) / SECOND), (2, 6));
    let of = rig.library().find(&id(3).to_string()).unwrap();
    let buckets = line.buckets();
    assert_eq!(buckets.len(), 100);
    assert_eq!(buckets[20..26].iter().sum::<u64>(), of.bytes);
    assert!(
        buckets[8..20]
            .iter()
            .chain(&buckets[26..60])
            .all(|bytes| *bytes == 0)
    );
    assert!(
        buckets[60..65].iter().all(|bytes| *bytes > 0),
        "what is being written counts, too"
    );
    // Another stream, or one that nobody knows, has nothing.
    let other = rig.library().timeline(&stream("b"), &query(0, 100)).unwrap();
    assert_eq!((other.spans().count(), other.buckets().len()), (0, 100));
}

#[test]
fn it_has_what_lies_in_its_time_and_nothing_else() {
    let rig = afternoon();
    let part = |from, to| {
        spans(&line(&rig, &query(from, to)))
            .into_iter()
            .map(|(from, to, ..)| (from, to))
            .collect::<Vec<_>>()
    };
    assert_eq!(part(5, 22), [(5, 8), (20, 22)]);
    assert_eq!(part(9, 19), []);
    assert_eq!(part(61, 62), [(61, 62)]);
    assert_eq!(part(-1_000, 0), []);
    // What stops beyond its end does not stop here.
    let line = line(&rig, &query(21, 24));
    assert_eq!(spans(&line), [(21, 24, vec![3], None)]);
}

#[test]
fn a_gap_has_the_reason_that_was_told_also_when_its_event_is_gone() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(1), 0)]);
    send(&mut rig, &a, 0..4);
    rig.handle(vec![Command::Gap {
        publish: a.publish,
        from: 4 * SECOND,
        to: 10 * SECOND,
        bytes: 5_000,
        reason: "the storage device did not accept the media in time",
    }]);
    rig.pass(6 * SECOND);
    send(&mut rig, &a, 10..14);
    rig.handle(vec![a.close(id(1), 14), a.end()]);
    let reason = Some("the storage device did not accept the media in time");
    let shown = |rig: &Rig| {
        let line = line(rig, &query(0, 100));
        let (from, to, recordings, stops) = spans(&line).remove(0);
        assert_eq!((from, to, recordings, stops), (0, 4, vec![1], reason));
        assert_eq!(spans(&line)[1], (10, 14, vec![1], Some("closed")));
    };
    shown(&rig);
    rig.handle(
        (0..11_000)
            .map(|_| Command::Report {
                event: crate::event::Event::StorageRecovered {},
            })
            .collect(),
    );
    shown(&rig);
}

#[test]
fn what_was_deleted_is_not_on_it_and_is_named_as_the_reason() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(1), 0)]);
    send(&mut rig, &a, 0..4);
    rig.handle(vec![a.close(id(1), 4), a.record(id(2), 4)]);
    send(&mut rig, &a, 4..12);
    rig.handle(vec![a.close(id(2), 12), a.record(id(3), 12)]);
    send(&mut rig, &a, 12..16);
    rig.handle(vec![a.close(id(3), 16), a.end()]);
    rig.handle(vec![Command::Delete { recording: id(2) }]);
    rig.pass(30 * SECOND);
    let line = line(&rig, &query(0, 100));
    let all = spans(&line);
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!((all[0].2.clone(), all[1].2.clone()), (vec![1], vec![3]));
    // A recording that ended says more of its end than the tape behind it.
    assert_eq!(all[0].3, Some("closed"));
    let empty = &line.buckets()[6..10];
    assert_eq!(empty, [0; 4]);
}

#[test]
fn a_coarser_one_joins_what_is_close_and_names_all_of_it() {
    let rig = afternoon();
    let coarse = TimelineQuery {
        resolution: 15 * SECOND,
        ..query(0, 100)
    };
    let line = line(&rig, &coarse);
    assert_eq!(line.buckets().len(), 7);
    assert_eq!(
        spans(&line),
        [
            (0, 26, vec![1, 2, 3], Some("unpublished")),
            (60, 65, vec![4], None)
        ]
    );
}

#[test]
fn of_thousands_of_recordings_it_is_small_and_reads_ranges_of_indexes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (first, last) = many(dir.path(), 3_000, 1);
    let library = Library::open(dir.path()).unwrap();
    let cam3 = stream("cam3");
    let of = |from: Micros, to: Micros, most: usize| {
        let query = TimelineQuery {
            from,
            to,
            resolution: SECOND,
            days: vec![],
            most,
        };
        let before = statements();
        let line = library.timeline(&cam3, &query).unwrap();
        // Every statement was judged: none reads a long table whole.
        assert!(statements() - before <= 8);
        assert!(line.items() <= most, "{} of {most}", line.items());
        line
    };
    for most in [10, 100, 2_000] {
        let line = of(first, last, most);
        assert_eq!(line.buckets().iter().sum::<u64>(), 300 * 4_096);
        let asked_twice = line.resolution() / SECOND;
        assert!(asked_twice.count_ones() == 1, "it is doubled: {asked_twice}");
    }
    // An hour in the middle has its six recordings, each with what follows.
    let middle = first + 1_500 * 60 * SECOND;
    let hour = of(middle, middle + 3_600 * SECOND, 2_000);
    let found: Vec<(Micros, usize)> = hour
        .spans()
        .map(|span| (span.to - span.from, span.recordings.len()))
        .collect();
    assert_eq!(found, [(60 * SECOND, 1); 6]);
}

#[test]
fn days_have_the_tape_that_lies_between_their_midnights() {
    let rig = afternoon();
    let with_days = TimelineQuery {
        days: [-50, 2, 22, 90, 200].map(|second| UTC + second * SECOND).to_vec(),
        ..query(0, 100)
    };
    let line = line(&rig, &with_days);
    let seconds: Vec<Micros> = line.days().iter().map(|day| day.duration / SECOND).collect();
    assert_eq!(seconds, [2, 6 + 2, 4 + 5, 0]);
    let bytes: u64 = line.days().iter().map(|day| day.bytes).sum();
    assert_eq!(bytes, line.buckets().iter().sum::<u64>());
}

/// Judges the time line of these seconds, at this resolution in seconds, against the finest one.
fn judge(from: i64, length: i64, resolution: i64, most: usize) -> Result<(), TestCaseError> {
    thread_local! {
        static RIG: Rig = afternoon();
    }
    RIG.with(|rig| {
        let fine = line(rig, &query(from, from + length));
        let asked = TimelineQuery {
            resolution: resolution * SECOND,
            most,
            ..query(from, from + length)
        };
        let line = line(rig, &asked);
        prop_assert_eq!(
            line.buckets().iter().sum::<u64>(),
            fine.buckets().iter().sum::<u64>()
        );
        prop_assert!(line.items() <= most || line.buckets().len() == 1, "{line:?}");
        let spans: Vec<_> = line.spans().collect();
        for span in &spans {
            prop_assert!(span.from < span.to && span.from >= asked.from && span.to <= asked.to);
        }
        for pair in spans.windows(2) {
            prop_assert!(pair[0].to <= pair[1].from, "{spans:?}");
        }
        // Every moment of the fine time line is on the coarse one. What is too short to be shown alone may belong to what is before
        // it on one of them, and to what follows on the other one.
        let mut covered: Vec<(Micros, Micros)> = Vec::new();
        for span in &spans {
            match covered.last_mut() {
                Some((_, to)) if *to == span.from => *to = span.to,
                _ => covered.push((span.from, span.to)),
            }
        }
        for one in fine.spans() {
            let is_on = |(from, to): &(Micros, Micros)| *from <= one.from && one.to <= *to;
            prop_assert!(covered.iter().any(is_on), "{one:?} is not on {spans:?}");
        }
        Ok(())
    })
}

#[test]
fn a_short_piece_may_belong_to_what_is_before_it_or_behind_it() {
    judge(3, 5, 2, 9).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_size_it_is_in_order_and_no_byte_is_lost(
        from in -10_i64..70,
        length in 1_i64..200,
        resolution in 1_i64..40,
        most in 1_usize..80,
    ) {
        judge(from, length, resolution, most)?;
    }
}
