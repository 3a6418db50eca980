//! Jobs: they end with what they make, once, whatever becomes of the power.

use std::sync::Arc;

use serde_json::{Value, json};

use super::compositions::{SECOND, WHOLE, compose, cut, id, recorded};
use super::rig::{Rig, tempdir};
use super::space::events;
use crate::media::{Micros, StreamName};
use crate::model::{JobKind, JobState};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::job::MOST;
use crate::store::{
    Change, Clock as _, Command, DeliveryChange, Job, JobChange, JobRow, Rendition, RenditionId,
    RenditionState,
};

fn change(change: JobChange) -> Command {
    Command::Change(Change::Job(change))
}

fn begun(rig: &Rig, n: u8) -> Command {
    change(JobChange::Begun(Box::new(Job {
        id: id(n),
        kind: JobKind::Export,
        recording: id(n),
        streams: vec![StreamName::new("live", "b").unwrap()],
        time: rig.clock.utc(),
        boot: rig.clock.boot_id(),
    })))
}

/// A job whose recording is made.
fn with_job() -> Rig {
    let (mut rig, _) = recorded(None);
    let command = begun(&rig, WHOLE);
    rig.handle(vec![command]);
    let ranges = cut(&rig, 2, Some(1.0), Some(3.0));
    compose(&mut rig, WHOLE, &[2], ranges).unwrap();
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
            "job": id(WHOLE).to_string(), "kind": "export", "state": "done", "stream": "live/b", "recording": id(WHOLE).to_string(),
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
fn a_job_whose_recording_was_never_made_is_none_or_has_failed() {
    let (mut rig, _) = recorded(None);
    let commands = [begun(&rig, WHOLE), begun(&rig, WHOLE)];
    let [first, again] = commands;
    rig.handle(vec![first, change(JobChange::Withdrawn(id(WHOLE)))]);
    assert_eq!(
        (rig.library().job(id(WHOLE)).unwrap(), told(&rig).len()),
        (None, 0)
    );
    rig.handle(vec![again]);
    let mut rig = after_a_crash(rig);
    rig.handle(vec![change(JobChange::Unmade)]);
    assert_eq!((job(&rig).state, told(&rig).len()), (JobState::Failed, 1));
    // One whose recording is there goes on over a start.
    let mut rig = after_a_crash(with_job());
    rig.handle(vec![
        change(JobChange::Unmade),
        change(JobChange::Withdrawn(id(WHOLE))),
    ]);
    assert_eq!((job(&rig).state, told(&rig).len()), (JobState::Delivering, 0));
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
