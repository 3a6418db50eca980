//! Jobs: they end with what they make, once, whatever becomes of the power.

use std::sync::Arc;

use serde_json::{Value, json};

use super::compositions::{SECOND, WHOLE, cut, id, new_composition, recorded};
use super::rig::{Rig, tempdir};
use super::space::events;
use crate::event::StillDelivered;
use crate::media::{Micros, StreamName};
use crate::model::{Form, JobKind, JobState, StillKey, Stills, Work};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::job::{MOST, MOST_OPEN};
use crate::store::{
    Change, Clock as _, Command, ComposeError, DeliveryChange, Job, JobChange, JobRow, Rendition,
    RenditionId, RenditionState, Unless, Worked,
};

fn change(change: JobChange) -> Command {
    Command::Change(Change::Job(change))
}

fn a_job(rig: &Rig, n: u8) -> Box<Job> {
    Box::new(Job {
        id: id(n),
        kind: JobKind::Export,
        recording: id(n),
        streams: vec![StreamName::new("live", "b").unwrap()],
        work: None,
        time: rig.clock.utc(),
        boot: rig.clock.boot_id(),
    })
}

fn begun(rig: &Rig, n: u8) -> Command {
    change(JobChange::Begun(a_job(rig, n)))
}

/// Makes a recording whose delivery is a job.
fn export(rig: &mut Rig) -> Result<(), ComposeError> {
    let ranges = cut(rig, 2, Some(1.0), Some(3.0));
    let (command, mut answer) = new_composition((WHOLE, Form::Joined), &[2], ranges, Unless::HeldBack);
    let Command::Compose { mut new, done } = command else {
        unreachable!()
    };
    new.job = Some(a_job(rig, WHOLE));
    rig.handle(vec![Command::Compose { new, done }]);
    answer.try_recv().unwrap()
}

/// A job that goes on.
fn with_job() -> Rig {
    let (mut rig, _) = recorded(None);
    export(&mut rig).unwrap();
    rig
}

fn delivered() -> Vec<Command> {
    let rendition = Rendition {
        state: RenditionState::Delivered,
        url: "https://bucket/best.mp4".to_owned(),
        key: "best.mp4".to_owned(),
        bytes: 7,
        ..Rendition::new(RenditionId {
            recording: id(WHOLE),
            format: crate::format::Format::Mp4,
            part: 1,
        })
    };
    vec![
        Command::Change(Change::Deliver(vec![DeliveryChange::Put(rendition)])),
        Command::Change(Change::Delivered { recording: id(WHOLE) }),
    ]
}

fn job(rig: &Rig) -> JobRow {
    rig.library().job(id(WHOLE)).unwrap().unwrap()
}

fn told(rig: &Rig) -> Vec<Value> {
    events(rig, "job.ended")
}

fn after_a_crash(rig: Rig) -> Rig {
    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
    let Rig { dir, clock, .. } = rig;
    Rig::on(dir, disk, clock)
}

/// A job that makes three pictures of this recording.
fn stills(rig: &Rig, of: u8) -> Command {
    let Command::Change(Change::Job(JobChange::Begun(job))) = begun(rig, WHOLE) else {
        unreachable!()
    };
    change(JobChange::Begun(Box::new(Job {
        kind: JobKind::Stills,
        recording: id(of),
        work: Some(Work::Stills(Stills {
            first: 0,
            every: SECOND,
            count: 3,
            width: 0,
            height: 0,
            quality: 90,
            key: StillKey::default(),
        })),
        ..*job
    })))
}

fn worked(step: u32, outcome: Worked) -> Command {
    let job = id(WHOLE);
    change(JobChange::Worked { job, step, outcome })
}

fn still(step: u32) -> Command {
    let number = step + 1;
    worked(
        step,
        Worked::Still(Box::new(StillDelivered {
            number,
            ..StillDelivered::default()
        })),
    )
}

#[test]
fn pictures_are_counted_and_told_of_once_whatever_becomes_of_the_power() {
    let (mut rig, _) = recorded(None);
    let command = stills(&rig, 2);
    rig.handle(vec![command]);
    assert_eq!(
        (job(&rig).state, job(&rig).next_step()),
        (JobState::Waiting, Some(0))
    );
    // Said again, and too early: neither counts.
    rig.handle(vec![still(0), still(0), still(2)]);
    let mut rig = after_a_crash(rig);
    assert_eq!(
        (job(&rig).state, job(&rig).next_step()),
        (JobState::Running, Some(1))
    );
    rig.handle(vec![still(0), worked(1, Worked::GivenUp("damaged".into()))]);
    assert_eq!(
        (rig.library().work_jobs().unwrap().len(), told(&rig).len()),
        (1, 0)
    );
    rig.handle(vec![still(2), still(2)]);
    let mut rig = after_a_crash(rig);
    let row = job(&rig);
    assert_eq!(
        (row.state, row.next_step(), row.reason.as_deref()),
        (JobState::Done, None, Some("damaged"))
    );
    let numbers: Vec<Value> = events(&rig, "still.delivered")
        .iter()
        .map(|event| event["number"].clone())
        .collect();
    assert_eq!(numbers, [json!(1), json!(3)]);
    let ended = told(&rig);
    assert_eq!(
        (
            ended.len(),
            &ended[0]["steps"]["made"],
            &ended[0]["steps"]["given_up"],
            &ended[0]["files"]
        ),
        (1, &json!(2), &json!(1), &json!([]))
    );
    // What is over stays so.
    rig.handle(vec![still(3), change(JobChange::Cancelled(id(WHOLE)))]);
    assert_eq!((job(&rig).state, told(&rig).len()), (JobState::Done, 1));
}

#[test]
fn pictures_end_with_their_recording_and_a_cancelled_job_leaves_it() {
    let (mut rig, _) = recorded(None);
    let command = stills(&rig, 2);
    rig.handle(vec![command, still(0), Command::Delete { recording: id(2) }]);
    let row = job(&rig);
    assert_eq!((row.state, row.made), (JobState::Failed, 1), "{:?}", row.reason);
    assert!(row.reason.unwrap().contains("was deleted"));
    rig.handle(vec![still(1)]);
    assert_eq!((events(&rig, "still.delivered").len(), told(&rig).len()), (1, 1));

    let (mut rig, _) = recorded(None);
    let command = stills(&rig, 2);
    rig.handle(vec![command, change(JobChange::Cancelled(id(WHOLE)))]);
    assert_eq!((job(&rig).state, told(&rig).len()), (JobState::Cancelled, 1));
    assert!(rig.library().cancelled_recordings().unwrap().is_empty());
    assert!(rig.library().recording(id(2)).unwrap().is_some());
}

#[test]
fn a_job_is_done_when_its_recording_is_delivered_and_is_told_once() {
    let mut rig = with_job();
    assert_eq!((job(&rig).state, told(&rig).len()), (JobState::Delivering, 0));
    assert_eq!(rig.library().open_jobs().unwrap().len(), 1);
    rig.handle(delivered());
    let mut rig = after_a_crash(rig);
    // The same again, as after a commit of which nobody knew.
    let again = begun(&rig, WHOLE);
    rig.handle(vec![again]);
    rig.handle(delivered());
    let (row, told) = (job(&rig), told(&rig));
    assert_eq!((row.state, row.ended.is_some()), (JobState::Done, true));
    assert_eq!(
        told,
        [json!({
            "job": id(WHOLE).to_string(), "kind": "export", "state": "done", "stream": "live/b", "streams": ["live/b"], "recording": id(WHOLE).to_string(),
            "files": [{"format": "mp4", "part": 1, "url": "https://bucket/best.mp4", "bytes": 7}],
        })]
    );
    // What is done is neither cancelled nor failed by what comes later.
    rig.handle(vec![
        change(JobChange::Cancelled(id(WHOLE))),
        Command::Delete { recording: id(WHOLE) },
    ]);
    rig.pass(SECOND);
    assert_eq!(
        (job(&rig).state, events(&rig, "job.ended").len()),
        (JobState::Done, 1)
    );
    assert!(rig.library().open_jobs().unwrap().is_empty());
}

#[test]
fn a_job_whose_recording_goes_before_has_failed_and_a_cancelled_one_stays_cancelled() {
    let mut rig = with_job();
    rig.handle(vec![Command::Delete { recording: id(WHOLE) }]);
    rig.pass(SECOND);
    let reason = "its recording was deleted or evicted before it was delivered";
    assert_eq!(
        (job(&rig).state, job(&rig).reason.as_deref()),
        (JobState::Failed, Some(reason))
    );
    assert_eq!(
        (told(&rig)[0]["state"].clone(), told(&rig)[0]["reason"].clone()),
        (json!("failed"), json!(reason))
    );

    let mut rig = with_job();
    rig.handle(vec![change(JobChange::Cancelled(id(WHOLE)))]);
    // The power fails before its recording is deleted: the next start finds that.
    let mut rig = after_a_crash(rig);
    assert_eq!(rig.library().cancelled_recordings().unwrap(), [id(WHOLE)]);
    rig.handle(vec![Command::Delete { recording: id(WHOLE) }]);
    rig.pass(SECOND);
    assert_eq!((job(&rig).state, told(&rig).len()), (JobState::Cancelled, 1));
    assert!(rig.library().cancelled_recordings().unwrap().is_empty());
}

#[test]
fn a_job_begins_with_its_recording_or_not_at_all() {
    let (mut rig, _) = recorded(None);
    // The recording that it is of goes at that moment.
    rig.handle(vec![Command::Delete { recording: id(2) }]);
    let refused = {
        let ranges = Vec::new();
        let (command, mut answer) = new_composition((WHOLE, Form::Joined), &[2], ranges, Unless::HeldBack);
        let Command::Compose { mut new, done } = command else {
            unreachable!()
        };
        new.job = Some(a_job(&rig, WHOLE));
        rig.handle(vec![Command::Compose { new, done }]);
        answer.try_recv().unwrap()
    };
    assert_eq!(refused, Err(ComposeError::Gone(id(2))));
    assert_eq!(rig.library().jobs().unwrap(), []);
    // One whose recording is there goes on over a crash, and the same request changes nothing.
    let mut rig = after_a_crash(with_job());
    export(&mut rig).unwrap();
    assert_eq!((job(&rig).state, told(&rig).len()), (JobState::Delivering, 0));
    // A request that comes again when its job is over makes nothing.
    rig.handle(vec![
        change(JobChange::Cancelled(id(WHOLE))),
        Command::Delete { recording: id(WHOLE) },
    ]);
    rig.pass(SECOND);
    let over = ComposeError::JobOver {
        id: id(WHOLE),
        state: JobState::Cancelled,
    };
    assert_eq!(export(&mut rig), Err(over));
    assert_eq!(
        (rig.library().recording(id(WHOLE)).unwrap(), told(&rig).len()),
        (None, 1)
    );
}

#[test]
fn so_many_jobs_go_on_and_no_more() {
    let (mut rig, _) = recorded(None);
    let many = (0..MOST_OPEN).map(|n| {
        let mut bytes = [0xee; 16];
        bytes[..2].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
        let other = crate::media::RecordingId::from_bytes(bytes);
        change(JobChange::Begun(Box::new(Job {
            id: other,
            recording: other,
            ..*a_job(&rig, WHOLE)
        })))
    });
    let many: Vec<Command> = many.collect();
    rig.handle(many);
    assert_eq!(export(&mut rig), Err(ComposeError::ManyJobs));
    assert_eq!(rig.library().recording(id(WHOLE)).unwrap(), None);
}

#[test]
fn a_job_is_not_done_without_a_file_and_says_which_files_are_not_there() {
    let of = |format, state| Rendition {
        state,
        error: (state == RenditionState::Void).then(|| "it has no sound".to_owned()),
        ..Rendition::new(RenditionId {
            recording: id(WHOLE),
            format,
            part: 1,
        })
    };
    let aac = of(crate::format::Format::Aac, RenditionState::Void);
    let mp4 = of(crate::format::Format::Mp4, RenditionState::Delivered);
    for (renditions, state) in [
        (vec![aac.clone()], JobState::Failed),
        (vec![aac, mp4], JobState::Done),
    ] {
        let mut rig = with_job();
        let put = renditions.into_iter().map(DeliveryChange::Put).collect();
        rig.handle(vec![
            Command::Change(Change::Deliver(put)),
            Command::Change(Change::Delivered { recording: id(WHOLE) }),
        ]);
        let reason = "aac: it has no sound";
        assert_eq!(
            (job(&rig).state, job(&rig).reason.as_deref()),
            (state, Some(reason))
        );
        let told = &told(&rig)[0];
        assert_eq!((&told["state"], &told["reason"]), (&json!(state), &json!(reason)));
    }
}

#[test]
fn a_job_that_names_no_stream_is_none_that_edgereel_wrote() {
    for streams in ["'[]'", "'x'", "''"] {
        let rig = with_job();
        rig.library().journal().check().unwrap();
        let other = rusqlite::Connection::open(rig.dir.path().join("journal.db")).unwrap();
        other
            .execute(&format!("UPDATE jobs SET streams = {streams}"), [])
            .unwrap();
        assert!(rig.library().journal().check().is_err(), "{streams}");
    }
}

#[test]
fn a_file_of_any_format_is_one_that_edgereel_wrote() {
    let mut rig = with_job();
    let put = crate::format::Format::ALL.map(|format| {
        DeliveryChange::Put(Rendition::new(RenditionId {
            recording: id(WHOLE),
            format,
            part: 1,
        }))
    });
    rig.handle(vec![Command::Change(Change::Deliver(put.to_vec()))]);
    rig.library().journal().check().unwrap();
}

#[test]
fn the_oldest_jobs_are_forgotten_and_those_that_go_on_are_not() {
    let mut rig = with_job();
    let many = (0..MOST + 5).flat_map(|n| {
        let number = u16::try_from(n).unwrap();
        let mut bytes = [0xee; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        let other = crate::media::RecordingId::from_bytes(bytes);
        let Command::Change(Change::Job(JobChange::Begun(job))) = begun(&rig, WHOLE) else {
            unreachable!()
        };
        let job = Job {
            id: other,
            recording: other,
            ..*job
        };
        [
            change(JobChange::Begun(Box::new(job))),
            change(JobChange::Cancelled(other)),
        ]
    });
    let many: Vec<Command> = many.collect();
    rig.handle(many);
    // The one that goes on stays.
    let all = rig.library().jobs().unwrap();
    assert_eq!(
        (all.len() as i64, all.last().unwrap().job.id),
        (MOST + 1, id(WHOLE))
    );
}

#[test]
fn jobs_are_dated_anew_with_the_boots_in_which_they_began_and_ended() {
    const UTC: Micros = 1_790_000_000_000_000;
    let clock = Arc::new(TestClock::new(5 * SECOND));
    clock.set_utc(3_600 * SECOND, false);
    let mut rig = Rig::with(tempdir(), CrashDisk::default(), clock, |_| ());
    let command = begun(&rig, WHOLE);
    rig.handle(vec![command, change(JobChange::Cancelled(id(WHOLE)))]);
    rig.clock.set_utc(UTC, true);
    rig.pass(SECOND);
    let row = job(&rig);
    for time in [row.job.time, row.ended.unwrap()] {
        assert!((UTC - 60 * SECOND..=UTC + 60 * SECOND).contains(&time), "{time}");
    }
}
