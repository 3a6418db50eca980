//! Recordings that are put together of ranges of tape: no media is copied, they hold their footage, and survive the loss of the
//! journal.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::sync::oneshot;

use super::facts::{set, title};
use super::moment::{JournalFiles, stride};
use super::rig::{Publisher, Rig, stream, tempdir};
use super::space::{QUOTA, events};
use crate::config::{Pattern, StreamSet};
use crate::format::Lapse;
use crate::format::mp4::Mp4;
use crate::format::mp4::read::Mp4Reader;
use crate::format::testing::all;
use crate::media::{Micros, RecordingId};
use crate::model::{Facts, Form, Origin, Output};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Fault, Image, Survives};
use crate::store::journal::Journal;
use crate::store::recover::recover;
use crate::store::sidecar::Name;
use crate::store::verify::repair_on;
use crate::store::{
    Change, Command, ComposeError, Deletion, DeliveryChange, Disk as _, Filter, Library, NewComposition,
    NoCut, Query, RecordingSpec, RecordingState, Rendition, RenditionId, RenditionState, StoreError,
    TapeRange, Unless, paths,
};

pub(super) const SECOND: Micros = 1_000_000;

/// The composition.
pub(super) const WHOLE: u8 = 9;

pub(super) fn id(n: u8) -> RecordingId {
    RecordingId::from_bytes([n; 16])
}

/// Two streams, each with a recording of six seconds, in segments of four.
pub(super) fn recorded(quota: Option<u64>) -> (Rig, [Publisher; 2]) {
    let clock = Arc::new(TestClock::new(5_000_000));
    clock.set_utc(1_790_000_000_000_000, true);
    let mut rig = Rig::with(tempdir(), CrashDisk::default(), clock, |settings| {
        settings.quota = quota;
    });
    let publishers = ["a", "b"].map(|name| {
        let (publisher, start) = rig.publish(u64::from(name.as_bytes()[0]), name);
        rig.handle(vec![start]);
        publisher
    });
    for (publisher, n) in publishers.iter().zip([1, 2]) {
        rig.handle(vec![publisher.record(id(n), 0)]);
        for second in 0..6 {
            rig.handle(vec![publisher.append(second)]);
            rig.pass(SECOND);
        }
        rig.handle(vec![publisher.close(id(n), 6), publisher.end()]);
        rig.pass(SECOND);
    }
    (rig, publishers)
}

fn spec() -> RecordingSpec {
    let mut spec = RecordingSpec::built_in();
    spec.about.origin = Origin::Composition;
    spec.output = Output::of(&[crate::format::Format::Mp4]);
    spec
}

pub(super) fn cut(rig: &Rig, n: u8, from: Option<f64>, to: Option<f64>) -> Vec<TapeRange> {
    let micros = |seconds: f64| (seconds * 1e6) as Micros;
    let cut = rig.library().cut(id(n), (from.map(micros), to.map(micros)));
    cut.unwrap().unwrap().ranges
}

pub(super) fn compose(
    rig: &mut Rig,
    n: u8,
    sources: &[u8],
    ranges: Vec<TapeRange>,
) -> Result<(), ComposeError> {
    compose_as(rig, (n, Form::Joined), sources, ranges)
}

pub(super) fn compose_as(
    rig: &mut Rig,
    (n, form): (u8, Form),
    sources: &[u8],
    ranges: Vec<TapeRange>,
) -> Result<(), ComposeError> {
    let (command, mut answer) = new_composition((n, form), sources, ranges, Unless::HeldBack);
    rig.handle(vec![command]);
    answer.try_recv().unwrap()
}

/// The command that makes a composition, with its answer.
pub(super) fn new_composition(
    (n, form): (u8, Form),
    sources: &[u8],
    ranges: Vec<TapeRange>,
    unless: Unless,
) -> (Command, oneshot::Receiver<Result<(), ComposeError>>) {
    let (done, answer) = oneshot::channel();
    let new = Box::new(NewComposition {
        recording: id(n),
        spec: spec(),
        sources: sources.iter().map(|n| id(*n)).collect(),
        unless,
        form,
        ranges,
        facts: serde_json::from_value(json!({"title": "best"})).unwrap(),
        job: None,
    });
    (Command::Compose { new, done }, answer)
}

/// The last two seconds of the second recording, and the seconds one to three of the first one.
fn composed(rig: &mut Rig) {
    let ranges = [cut(rig, 2, Some(-2.0), None), cut(rig, 1, Some(1.0), Some(3.0))];
    compose(rig, WHOLE, &[1, 2], ranges.concat()).unwrap();
}

pub(super) fn mp4(library: &Library, n: u8) -> Vec<u8> {
    all(&mut Mp4::open(library.view(id(n)).unwrap()).unwrap())
}

pub(super) fn numbers(rig: &Rig) -> Vec<u8> {
    let rows = rig.library().recordings(&Filter::default()).unwrap();
    rows.iter().map(|row| row.id.to_bytes()[0]).collect()
}

/// The shown seconds of a composition: its length.
pub(super) fn length(rig: &Rig, n: u8) -> Micros {
    rig.library().recording(id(n)).unwrap().unwrap().duration
}

pub(super) fn again(rig: Rig, lost: bool) -> Rig {
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    if lost {
        JournalFiles::default().write(dir.path());
    }
    Rig::on(dir, disk, clock)
}

#[test]
fn ranges_of_two_streams_become_a_recording_that_is_listed_once_and_plays_both() {
    let (mut rig, [a, b]) = recorded(None);
    let files = rig.disk.files().len();
    composed(&mut rig);
    // Beside the file that says what it is made of, nothing was written.
    assert_eq!(rig.disk.files().len(), files + 1);
    assert_eq!(numbers(&rig), [1, 2, WHOLE]);
    let library = rig.library();
    let row = library.recording(id(WHOLE)).unwrap().unwrap();
    assert!(
        row.composed && row.state == RecordingState::Closed && row.gaps.is_empty(),
        "{row:?}"
    );
    assert_eq!(
        (row.duration, row.stream, row.also),
        (4 * SECOND, b.stream.clone(), vec![a.stream.clone()])
    );
    assert_eq!(title(&row.facts), Some("best"));
    let spans = library.tape_spans(id(WHOLE)).unwrap();
    let spans: Vec<_> = spans
        .into_iter()
        .map(|span| (span.stream, span.from, span.to))
        .collect();
    // The first picture of second 1 is decoded from the keyframe before it.
    assert_eq!(
        spans,
        [
            (b.stream.clone(), b.zero + 4 * SECOND, b.zero + 6 * SECOND),
            (a.stream.clone(), a.zero, a.zero + 3 * SECOND)
        ]
    );
    // The file is that of the same ranges, joined.
    let part = |n: u8, from: Micros, to: Micros| {
        let row = library.recording(id(n)).unwrap().unwrap();
        library
            .view(id(n))
            .unwrap()
            .trim(row.start + from, row.start + to)
            .unwrap()
    };
    let joined = part(2, 4 * SECOND, Micros::MAX / 4).join(vec![part(1, SECOND, 3 * SECOND)]);
    assert_eq!(
        mp4(&library, WHOLE).len(),
        all(&mut Mp4::open(joined).unwrap()).len()
    );
    let told = events(&rig, "recording.closed");
    let told = told.last().unwrap();
    assert_eq!(
        (&told["origin"], &told["duration_s"], &told["title"]),
        (&json!("composition"), &json!(4.0), &json!("best"))
    );
    assert_eq!(library.verify(&mut |_, _| ()).unwrap(), []);
    // The same request does nothing the second time.
    composed(&mut rig);
    assert_eq!(numbers(&rig), [1, 2, WHOLE]);
}

#[test]
fn a_time_lapse_is_as_long_as_its_film_and_is_there_again_without_the_journal() {
    let (mut rig, _) = recorded(None);
    let lapse = Form::Lapse(Lapse::new(2, 30).unwrap());
    let ranges = cut(&rig, 1, None, None);
    compose_as(&mut rig, (WHOLE, lapse), &[1], ranges).unwrap();
    let told = events(&rig, "recording.closed").pop().unwrap();
    assert_eq!(told["duration_s"], json!(3.0), "{told}");
    let pictures = |rig: &Rig| {
        let bytes = mp4(&rig.library(), WHOLE);
        let film = Mp4Reader::open(bytes.as_slice(), bytes.len() as u64).unwrap();
        let samples = film.samples().map(Result::unwrap);
        samples
            .map(|sample| (sample.key, sample.dts_ms))
            .collect::<Vec<_>>()
    };
    // A keyframe every two seconds of the tape.
    let film = [(true, 0), (true, 1_000), (true, 2_000)];
    for lost in [false, true, true] {
        assert_eq!(pictures(&rig), film, "{lost}");
        let row = rig.library().recording(id(WHOLE)).unwrap().unwrap();
        assert_eq!((row.form, row.duration), (lapse, 3 * SECOND), "{lost}");
        rig = again(rig, lost);
    }
    let taken = rig.library().cut(id(WHOLE), (None, None)).unwrap();
    assert!(matches!(taken, Err(NoCut::Formed { form, .. }) if form == lapse));
    // Without its source it has all that it needs.
    delete(&mut rig, 1);
    assert_eq!(pictures(&rig), film);
    assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
}

#[test]
fn a_file_without_a_form_is_of_ranges_one_after_the_other() {
    let (mut rig, _) = recorded(None);
    composed(&mut rig);
    let path = Name::Recording(id(WHOLE)).path(rig.dir.path());
    let written = String::from_utf8(rig.disk.files()[&path].clone()).unwrap();
    assert!(
        written.contains("\"ranges\"") && !written.contains("\"form\""),
        "{written}"
    );
    let rig = again(rig, true);
    assert_eq!(
        rig.library().recording(id(WHOLE)).unwrap().unwrap().form,
        Form::Joined
    );
}

#[test]
fn who_may_not_see_a_stream_of_it_finds_no_trace_of_it() {
    let (mut rig, _) = recorded(None);
    composed(&mut rig);
    let library = rig.library();
    for (pattern, seen) in [("live/*", true), ("live/a", false), ("live/b", false)] {
        let within = StreamSet::of([Pattern::try_from(pattern.to_owned()).unwrap()]);
        let found = library.find_within(&id(WHOLE).to_string(), &within);
        assert_eq!(found.is_ok(), seen, "{pattern}");
        let query = Query {
            within,
            ..Query::new(9)
        };
        let page = library.page(&query).unwrap();
        assert_eq!(page.iter().any(|(_, row)| row.id == id(WHOLE)), seen, "{pattern}");
    }
}

#[test]
fn it_is_there_again_without_the_journal() {
    let (mut rig, _) = recorded(None);
    composed(&mut rig);
    set(&mut rig, id(WHOLE), json!({"tags": ["x"]})).unwrap();
    let before = (
        rig.library().recording(id(WHOLE)).unwrap().unwrap(),
        mp4(&rig.library(), WHOLE),
    );
    for lost in [false, true, true] {
        rig = again(rig, lost);
        let mut row = rig.library().recording(id(WHOLE)).unwrap().unwrap();
        assert_eq!(row.spec, before.0.spec);
        row.spec = before.0.spec.clone();
        assert_eq!((row, mp4(&rig.library(), WHOLE)), before, "{lost}");
        assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
    }
    // What was deleted does not come back.
    rig.handle(vec![Command::Delete { recording: id(WHOLE) }]);
    rig = again(rig, true);
    assert_eq!(numbers(&rig), [1, 2]);
}

#[test]
fn the_footage_of_a_deleted_source_stays_for_it_and_goes_with_it() {
    let (mut rig, _) = recorded(None);
    composed(&mut rig);
    let before = mp4(&rig.library(), WHOLE);
    let library = rig.library();
    assert_eq!(library.needed_by(id(1), 5).unwrap(), [id(WHOLE)]);
    assert_eq!(library.needed_by(id(WHOLE), 5).unwrap(), []);
    delete(&mut rig, 1);
    delete(&mut rig, 2);
    assert!(matches!(library.deletion(id(1)).unwrap(), Deletion::Done { left } if left >= 2 * SECOND));
    drop(library);
    rig = again(rig, false);
    assert_eq!((numbers(&rig), mp4(&rig.library(), WHOLE)), (vec![WHOLE], before));
    delete(&mut rig, WHOLE);
    assert_eq!(
        rig.library().deletion(id(WHOLE)).unwrap(),
        Deletion::Done { left: 0 }
    );
    let files = rig.disk.files().into_keys();
    let media = files.filter(|path| path.extension().is_some_and(|end| end == "mp4"));
    assert_eq!(media.count(), 0);
    assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
}

pub(super) fn delete(rig: &mut Rig, n: u8) {
    rig.handle(vec![Command::Delete { recording: id(n) }]);
    (0..3).for_each(|_| rig.pass(11 * SECOND));
}

#[test]
fn the_footage_of_deleted_sources_is_there_for_it_without_the_journal() {
    let (mut rig, _) = recorded(None);
    composed(&mut rig);
    let before = mp4(&rig.library(), WHOLE);
    delete(&mut rig, 1);
    delete(&mut rig, 2);
    rig = again(rig, true);
    // What is left of the footage is found as recordings of its publishes, too.
    let found = numbers(&rig);
    assert!(
        found.contains(&WHOLE) && !found.contains(&1) && !found.contains(&2),
        "{found:?}"
    );
    assert_eq!(mp4(&rig.library(), WHOLE), before);
}

#[test]
fn a_composition_of_a_composition_has_its_ranges_and_does_not_need_it() {
    let (mut rig, _) = recorded(None);
    composed(&mut rig);
    // From the last second of its first range to the first of its second.
    let ranges = cut(&rig, WHOLE, Some(1.0), Some(3.0));
    assert_eq!(
        ranges.iter().map(|range| range.recording).collect::<Vec<_>>(),
        [id(2), id(1)]
    );
    compose(&mut rig, 8, &[WHOLE], ranges).unwrap();
    rig.handle(vec![Command::Delete { recording: id(WHOLE) }]);
    rig.pass(SECOND);
    assert_eq!((numbers(&rig), length(&rig, 8)), (vec![1, 2, 8], 2 * SECOND));
    // What is cut to nothing of one of its ranges leaves that out.
    assert_eq!(cut(&rig, 8, Some(-1.0), None).len(), 1);
}

#[test]
fn eviction_holds_what_it_needs_as_for_any_recording_and_shortens_it_at_last() {
    let (mut rig, _) = recorded(Some(QUOTA));
    composed(&mut rig);
    let delivered = |n: u8| Command::Change(Change::Delivered { recording: id(n) });
    rig.handle(vec![delivered(1), delivered(2)]);
    let fill = |rig: &mut Rig, n: u8| {
        let (c, start) = rig.publish(u64::from(n), "c");
        rig.handle(vec![start, c.record(id(n), 0)]);
        for second in 0..8 {
            rig.handle(vec![c.append(second)]);
            rig.pass(SECOND);
        }
        rig.handle(vec![c.close(id(n), 8), c.end(), delivered(n)]);
        rig.pass(SECOND);
    };
    for n in 20..24 {
        fill(&mut rig, n);
        // It is not delivered: what it needs stays, whatever else goes.
        assert_eq!(length(&rig, WHOLE), 4 * SECOND);
    }
    assert_eq!(events(&rig, "media.evicted_undelivered"), [json!(null); 0]);
    rig.handle(vec![delivered(WHOLE)]);
    for n in 24..28 {
        fill(&mut rig, n);
    }
    assert!(!numbers(&rig).contains(&WHOLE));
    let gone = events(&rig, "recording.expired");
    let of = |n: u8| {
        gone.iter()
            .filter(|event| event["recording"] == id(n).to_string())
            .count()
    };
    assert_eq!((of(WHOLE), of(1)), (1, 1));
}

#[test]
fn what_is_not_there_any_more_is_not_composed() {
    let (mut rig, [a, _]) = recorded(None);
    let ranges = cut(&rig, 1, None, None);
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    let error = compose(&mut rig, WHOLE, &[1], ranges.clone()).unwrap_err();
    assert_eq!(error, ComposeError::Gone(id(1)));
    let error = compose(&mut rig, WHOLE, &[2], ranges).unwrap_err();
    assert!(matches!(error, ComposeError::Range { number: 1, .. }), "{error}");
    // What is still written is refused until it is sealed.
    let (a, start) = rig.publish(3, a.stream.name());
    rig.handle(vec![
        start,
        a.record(id(3), 0),
        a.record(id(4), 0),
        a.append(0),
        a.append(1),
    ]);
    rig.handle(vec![a.close(id(3), 1)]);
    assert!(matches!(
        rig.library().cut(id(3), (None, None)),
        Ok(Err(NoCut::Unsealed(_)))
    ));
    rig.handle(vec![a.close(id(4), 2), a.end()]);
    assert_eq!(cut(&rig, 3, None, None).len(), 1);
    assert!(matches!(
        rig.library().cut(id(77), (None, None)),
        Err(StoreError::NoRecording { .. })
    ));
    assert_eq!(numbers(&rig), [2, 3, 4]);
}

#[test]
fn nothing_is_made_where_its_file_cannot_be_written() {
    for fault in [Fault::Create, Fault::Write, Fault::Sync, Fault::SyncDir] {
        let (mut rig, _) = recorded(None);
        let ranges = cut(&rig, 1, None, None);
        rig.disk.fail_next(fault);
        compose(&mut rig, WHOLE, &[1], ranges.clone()).unwrap_err();
        assert_eq!(numbers(&rig), [1, 2], "{fault:?}");
        compose(&mut rig, WHOLE, &[1], ranges).unwrap();
        rig = again(rig, true);
        assert_eq!(numbers(&rig), [1, 2, WHOLE], "{fault:?}");
    }
}

/// A moment at which the power may go, and how far the composition was by then.
struct Moment {
    image: Image,
    journal: JournalFiles,
    /// 0 before, 1 asked for, 2 answered, 3 to be deleted.
    step: u8,
}

#[test]
fn the_power_goes_at_every_operation_and_a_composition_is_there_or_not() {
    let (mut rig, _) = recorded(None);
    let dir = rig.dir.path().to_owned();
    let moments: Arc<Mutex<Vec<Moment>>> = Arc::default();
    let step = Arc::new(Mutex::new(0));
    let (out, at) = (moments.clone(), step.clone());
    rig.disk.observe(move |image| {
        out.lock().unwrap().push(Moment {
            image: image.clone(),
            journal: JournalFiles::read(&dir),
            step: *at.lock().unwrap(),
        });
    });
    *step.lock().unwrap() = 1;
    composed(&mut rig);
    *step.lock().unwrap() = 2;
    set(&mut rig, id(WHOLE), json!({"title": "better"})).unwrap();
    // Its source goes, and it stays.
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    rig.pass(11 * SECOND);
    *step.lock().unwrap() = 3;
    rig.handle(vec![Command::Delete { recording: id(WHOLE) }]);
    rig.pass(11 * SECOND);
    let Rig { dir, writer, .. } = rig;
    drop(writer);
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    assert!(moments.len() > 30, "{}", moments.len());
    for (n, moment) in moments.iter().enumerate().step_by(stride()) {
        let seed = n as u64;
        let ways = [
            Survives::Nothing,
            Survives::Everything,
            Survives::Some(seed),
            Survives::Zeros(seed),
        ];
        for survives in ways {
            for lost in [false, true] {
                let disk = CrashDisk::after_crash(&moment.image, survives);
                start_again(dir.path(), &disk, moment, lost);
            }
        }
    }
}

/// Starts on what a moment left, with its journal or without, and checks the composition.
fn start_again(root: &Path, disk: &CrashDisk, moment: &Moment, lost: bool) {
    moment.journal.write(root);
    let clock = TestClock::new(1_000_000);
    clock.reboot(1_000_000);
    if lost {
        JournalFiles::default().write(root);
    }
    let mut journal = Journal::open(root).unwrap();
    recover(root, disk, &clock, &mut journal).unwrap();
    drop(journal);
    let library = Library::with_disk(root, Arc::new(disk.clone())).unwrap();
    match library.recording(id(WHOLE)).unwrap() {
        Some(row) => {
            assert!(moment.step > 0);
            assert_eq!((row.duration, row.composed), (4 * SECOND, true));
            assert_eq!(library.composed_of(row.id).unwrap().len(), 2);
            assert!(!mp4(&library, WHOLE).is_empty());
            assert!(row.facts != Facts::default());
        }
        None => assert!(moment.step != 2, "it was answered, and is gone"),
    }
    assert_eq!(library.verify(&mut |_, _| ()).unwrap(), []);
    let first = disk.files();
    let mut journal = Journal::open(root).unwrap();
    let again = recover(root, disk, &clock, &mut journal).unwrap();
    assert!(again.is_clean(), "{again}");
    assert!(first == disk.files());
}

#[test]
fn a_repair_without_one_of_its_segments_leaves_it_the_other_ranges() {
    let (mut rig, _) = recorded(None);
    composed(&mut rig);
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    disk.unlink(&paths::segment(dir.path(), &stream("a"), 1)).unwrap();
    repair_on(dir.path(), &disk, clock.as_ref(), &mut |_| ()).unwrap();
    let library = Library::with_disk(dir.path(), Arc::new(disk)).unwrap();
    let row = library.recording(id(WHOLE)).unwrap().unwrap();
    assert_eq!(row.duration, 2 * SECOND);
    assert!(!mp4(&library, WHOLE).is_empty());
}

#[test]
fn it_is_kept_from_now_on_and_without_the_time_footage_of_another_boot_makes_none() {
    const DAY: Micros = 86_400 * SECOND;
    let (rig, _) = recorded(None);
    let keep = 30 * DAY;
    // Without the clock of this boot, footage of one that had it is of an unknown age.
    let after = |rig: Rig, utc: Micros, synced: bool| {
        let Rig {
            dir,
            disk,
            clock,
            writer,
            ..
        } = rig;
        drop(writer);
        clock.reboot(1_000_000);
        clock.set_utc(utc, synced);
        Rig::with(dir, disk, clock, |settings| settings.keep = Some(keep))
    };
    let mut rig = after(rig, 1_000_000, false);
    let whole = cut(&rig, 1, None, None);
    let error = compose(&mut rig, WHOLE, &[1], whole.clone()).unwrap_err();
    assert_eq!(error, ComposeError::NoClock);
    // 400 days later it is kept for a month, and another one at most.
    let later = 1_790_000_000_000_000 + 400 * DAY;
    rig = after(rig, later, true);
    compose(&mut rig, WHOLE, &[1], whole).unwrap();
    rig.clock.advance(29 * DAY);
    rig.pass(11 * SECOND);
    assert!(numbers(&rig).contains(&WHOLE));
    rig.clock.advance(32 * DAY);
    (0..4).for_each(|_| rig.pass(11 * SECOND));
    // Its footage is that of a recording that stays.
    let row = rig.library().recording(id(WHOLE)).unwrap();
    assert!(row.is_none_or(|row| row.state == RecordingState::Expired));
}

#[test]
fn a_damaged_file_of_it_gets_its_ranges_again_with_what_is_set_and_by_a_repair() {
    let (mut rig, _) = recorded(None);
    composed(&mut rig);
    let path = Name::Recording(id(WHOLE)).path(rig.dir.path());
    let whole = rig.disk.files()[&path].clone();
    rig.disk.put(&path, b"{}");
    set(&mut rig, id(WHOLE), json!({"title": "better"})).unwrap();
    rig = again(rig, true);
    assert_eq!(numbers(&rig), [1, 2, WHOLE]);
    // A file with what people set alone says less than the journal.
    set(&mut rig, id(1), json!({"title": "best"})).unwrap();
    set(&mut rig, id(WHOLE), json!({"title": "best"})).unwrap();
    let one = rig.disk.files()[&Name::Recording(id(1)).path(rig.dir.path())].clone();
    rig.disk.put(&path, &one);
    let found = rig.library().verify(&mut |_, _| ()).unwrap();
    assert!(found.iter().any(|found| found.path == path), "{found:?}");
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    repair_on(dir.path(), &disk, clock.as_ref(), &mut |_| ()).unwrap();
    assert!(disk.files()[&path].len() >= whole.len());
    let library = Library::with_disk(dir.path(), Arc::new(disk)).unwrap();
    assert_eq!(library.verify(&mut |_, _| ()).unwrap(), []);
}

#[test]
fn its_delivery_is_told_of_with_how_long_it_plays() {
    let (mut rig, _) = recorded(None);
    composed(&mut rig);
    let delivered = Rendition {
        state: RenditionState::Delivered,
        ..Rendition::new(RenditionId {
            recording: id(WHOLE),
            format: crate::format::Format::Mp4,
            part: 1,
        })
    };
    let put = DeliveryChange::Put(delivered);
    rig.handle(vec![Command::Change(Change::Deliver(vec![put]))]);
    rig.pass(SECOND);
    let told = events(&rig, "recording.delivered");
    assert_eq!(told[0]["duration_s"], json!(4.0), "{told:?}");
}
