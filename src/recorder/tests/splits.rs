//! The places where a recording is split, by the kinds of its pictures.

use std::sync::Arc;

use super::name;
use crate::format::Format;
use crate::media::{Micros, PublishId};
use crate::model::{About, Output, Span};
use crate::recorder::live::Moment;
use crate::recorder::run::{Entry, Run, Sample, Scene, SessionSpec};
use crate::store::Command;

const SECOND: Micros = 1_000_000;

/// The seconds at which a recording of five pictures a second is split that may have so much media, and the number of reports.
fn splits(split: i64, seconds: i64, entry: impl Fn(i64) -> Entry) -> (Vec<i64>, usize) {
    let (ends, reports) = exactly(split, seconds, entry);
    (ends.iter().map(|end| end / SECOND).collect(), reports)
}

/// The same to the microsecond.
fn exactly(split: i64, seconds: i64, entry: impl Fn(i64) -> Entry) -> (Vec<Micros>, usize) {
    let (ends, out) = commands(split, seconds, entry);
    let reports = out
        .iter()
        .filter(|command| matches!(command, Command::Report { .. }));
    (ends, reports.count())
}

/// The ends of the recordings, and all commands to the store.
fn commands(split: i64, seconds: i64, entry: impl Fn(i64) -> Entry) -> (Vec<Micros>, Vec<Command>) {
    let mut output = Output::of(&[Format::Mp4]);
    output.split.after = Some(Span::from_secs(split.unsigned_abs()));
    let spec = SessionSpec {
        about: About {
            session: "s".to_owned(),
            ..About::default()
        },
        ..SessionSpec::default()
    };
    let (mut out, mut endings) = (Vec::new(), Vec::new());
    let stream = name("live/a");
    let mut run = Run::new(Arc::new(output));
    let mut scene = Scene {
        stream: &stream,
        publish: PublishId::new(1),
        now: Moment { boot: 0, utc: 0 },
        utc_of_tape: 0,
        out: &mut out,
        endings: &mut endings,
    };
    run.begin(&spec, 0, &mut scene);
    for n in 0..seconds * 5 {
        let sample = Sample {
            at: n * SECOND / 5,
            entry: entry(n),
            bytes: 1,
        };
        run.frame(&spec, sample, &mut scene);
    }
    (endings.iter().map(|ending| ending.end).collect(), out)
}

/// True for a picture once in so many seconds.
fn every(n: i64, seconds: i64) -> bool {
    n % (seconds * 5) == 0
}

#[test]
fn a_split_waits_somewhat_for_a_keyframe_that_hides_nothing() {
    // The stream has an open GOP every two seconds, and a closed one every fifteen.
    let mixed = |n| match () {
        () if every(n, 15) => Entry::Closed,
        () if every(n, 2) => Entry::Open,
        () => Entry::Behind,
    };
    assert_eq!(splits(40, 100, mixed), (vec![45, 90], 0));
    // The closed GOP is too far away.
    assert_eq!(splits(31, 60, mixed), (vec![42], 0));
    // The stream has no closed GOP.
    let open = |n| if every(n, 2) { Entry::Open } else { Entry::Behind };
    assert_eq!(splits(40, 100, open), (vec![50], 0));
}

#[test]
fn where_no_keyframe_comes_it_is_split_without_one_and_that_is_told() {
    assert_eq!(splits(30, 130, |_| Entry::Behind), (vec![60, 120], 2));
    let seldom = |n| {
        if every(n, 55) {
            Entry::Closed
        } else {
            Entry::Behind
        }
    };
    assert_eq!(splits(30, 60, seldom), (vec![55], 0));
}

/// In a stream of P B B only, a recording ends before a P: no picture of the next recording is shown before those.
#[test]
fn without_a_keyframe_it_is_split_where_no_pictures_are_shown_in_between() {
    let order = |n: i64| if n % 3 == 1 { Entry::Behind } else { Entry::None };
    // The split is due after 30 s and comes 30 s later, at the next P: the 301st picture, at five a second.
    assert_eq!(splits(30, 70, order), (vec![60], 1));
    assert_eq!(exactly(30, 70, order).0, [301 * SECOND / 5]);
    // Where no picture comes, a packet of sound splits the recording.
    assert_eq!(splits(30, 75, |_| Entry::None), (vec![70], 1));
}

/// The kind of the first picture is known at the split, and kept with the recording: it needs the media before.
#[test]
fn a_split_at_a_recovery_point_is_kept_with_the_recording() {
    for (key, gradual) in [(Entry::Gradual, true), (Entry::Open, false)] {
        let entry = |n| if every(n, 2) { key } else { Entry::Behind };
        let (ends, out) = commands(40, 60, entry);
        assert_eq!(ends, [50 * SECOND]);
        let specs = out.iter().filter_map(|command| match command {
            Command::RecordingStarted { spec, .. } => Some(spec.gradual),
            _ => None,
        });
        assert!(specs.eq([false, gradual]));
    }
}
