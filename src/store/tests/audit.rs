//! The audit: how long commands are remembered, how they are dated, and that `recording.expired` says who deleted.

use std::sync::Arc;

use super::rig::{Rig, tempdir};
use crate::media::{Micros, RecordingId};
use crate::store::audit::MOST;
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::{AuditChange, AuditQuery, AuditRow, Audited, Change, Clock as _, Command};

const SECOND: Micros = 1_000_000;
const UTC: Micros = 1_790_000_000_000_000;
const DAY: Micros = 24 * 3_600 * SECOND;

fn rig(utc: Micros, synced: bool) -> Rig {
    let clock = Arc::new(TestClock::new(5 * SECOND));
    clock.set_utc(utc, synced);
    Rig::with(tempdir(), CrashDisk::default(), clock, |_| ())
}

fn id(n: u32) -> [u8; 16] {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    id
}

fn begun(rig: &Rig, n: u32, time: Micros, command: &str) -> Command {
    Command::Change(Change::Audit(AuditChange::Begun(Box::new(Audited {
        id: id(n),
        time,
        boot: rig.clock.boot_id(),
        door: "socket",
        who: "uid 7".to_owned(),
        request: Some(n.to_string()),
        command: command.to_owned(),
        object: "{}".to_owned(),
    }))))
}

fn all(rig: &Rig) -> Vec<AuditRow> {
    let query = AuditQuery {
        limit: 100_000,
        ..AuditQuery::default()
    };
    rig.library().audit(&query).unwrap()
}

/// Begins another boot; the dates of the boot before stay.
fn after_boot(rig: Rig, utc: Micros) -> Rig {
    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
    let Rig { dir, clock, .. } = rig;
    clock.reboot(SECOND);
    clock.set_utc(utc, true);
    Rig::on(dir, disk, clock)
}

#[test]
fn a_command_is_remembered_for_thirty_days_whatever_becomes_of_the_power() {
    let mut rig = rig(UTC, true);
    let commands = vec![
        begun(&rig, 1, UTC, "stream.kick"),
        begun(&rig, 2, UTC + 10 * DAY, "sync.pause"),
    ];
    rig.handle(commands);
    rig.handle(vec![Command::Change(Change::Audit(AuditChange::Ended {
        id: id(1),
        object: "{\"stream\":\"live/a\"}".to_owned(),
        outcome: "ok",
    }))]);
    let rig = after_boot(rig, UTC + 10 * DAY);
    let rows = all(&rig);
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.command.as_str(), row.outcome.as_deref()))
        .collect();
    assert_eq!(told, [("sync.pause", None), ("stream.kick", Some("ok"))]);
    // Entries older than thirty days go, by a clock that was not stepped for a while.
    let mut rig = after_boot(rig, UTC + 31 * DAY);
    rig.pass(400 * SECOND);
    rig.pass(SECOND);
    let left: Vec<_> = all(&rig).into_iter().map(|row| row.command).collect();
    assert_eq!(left, ["sync.pause"]);
}

#[test]
fn commands_of_a_boot_without_a_clock_go_with_those_that_came_later_and_not_before() {
    // The clock says 1970, and nobody ever sets it.
    let mut rig = rig(3_600 * SECOND, false);
    let command = begun(&rig, 1, rig.clock.utc(), "stream.kick");
    rig.handle(vec![command]);
    let mut rig = after_boot(rig, UTC);
    let commands = |rig: &Rig| all(rig).into_iter().map(|row| row.command).collect::<Vec<_>>();
    let command = begun(&rig, 2, UTC, "sync.pause");
    rig.handle(vec![command]);
    rig.pass(400 * SECOND);
    rig.pass(SECOND);
    assert_eq!(commands(&rig), ["sync.pause", "stream.kick"]);
    let mut rig = after_boot(rig, UTC + 29 * DAY);
    let command = begun(&rig, 3, UTC + 29 * DAY, "sync.resume");
    rig.handle(vec![command]);
    rig.pass(400 * SECOND);
    rig.pass(SECOND);
    assert_eq!(commands(&rig), ["sync.resume", "sync.pause", "stream.kick"]);
    let mut rig = after_boot(rig, UTC + 31 * DAY);
    rig.pass(400 * SECOND);
    rig.pass(SECOND);
    assert_eq!(commands(&rig), ["sync.resume"]);
}

#[test]
fn so_many_commands_are_remembered_and_no_more() {
    let mut rig = rig(UTC, true);
    let most = u32::try_from(MOST).unwrap();
    let commands = (0..most + 3).map(|n| begun(&rig, n, UTC, "log.level"));
    let commands = commands.collect();
    rig.handle(commands);
    let rows = all(&rig);
    assert_eq!(rows.len(), most as usize);
    assert_eq!(rows.last().unwrap().request.as_deref(), Some("3"));
}

#[test]
fn commands_are_dated_anew_with_the_boot_that_they_were_given_in() {
    let mut rig = rig(3_600 * SECOND, false);
    let asked = rig.clock.utc();
    let command = begun(&rig, 1, asked, "stream.kick");
    rig.handle(vec![command]);
    let before = rig.clock.utc();
    rig.clock.set_utc(UTC, true);
    rig.pass(SECOND);
    let row = all(&rig).remove(0);
    assert!(
        row.time > UTC - DAY && row.time <= UTC + (asked - before) + SECOND,
        "{}",
        row.time
    );
}

#[test]
fn an_event_of_a_deletion_says_who_asked_for_it_and_of_others_what_it_went_by() {
    let mut rig = rig(UTC, true);
    let recording = RecordingId::from_bytes([9; 16]);
    let (publisher, started) = rig.publish(1, "live/a");
    rig.handle(vec![
        started,
        publisher.record(recording, 0),
        publisher.append(0),
        publisher.append(1),
        publisher.close(recording, 2),
        publisher.end(),
    ]);
    rig.pass(SECOND);
    let command = begun(&rig, 5, UTC, "recording.delete");
    rig.handle(vec![
        command,
        Command::Change(Change::Audit(AuditChange::About { id: id(5), recording })),
        Command::Delete { recording },
    ]);
    let rows = rig.library().outbox(0, 1_000, 1 << 30).unwrap();
    let gone = rows.iter().find(|row| row.kind == "recording.expired").unwrap();
    let body: serde_json::Value = serde_json::from_str(&gone.body).unwrap();
    assert_eq!(body["by"], "request");
    let who = serde_json::json!({ "door": "socket", "who": "uid 7", "request": "5" });
    assert_eq!(body["asked_by"], who);
}
