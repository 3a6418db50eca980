//! A box whose clock has no battery boots in 1970, records, and then gets the right time.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cuts::{plays, wait_all_delivered};
use crate::lab::Lab;
use crate::life::{ON_ITS_WAY, expect};
use crate::report::Report;
use crate::support::wait_for;

pub(crate) fn unset(lab: &mut Lab, report: &mut Report) {
    lab.time.reachable(false);
    lab.shut_down();
    lab.boot_at("1970-01-01T00:00:00").wait_active();
    // systemd does not accept 1970, and sets the clock to the day of its own build. A box without systemd's help would stay in
    // 1970.
    lab.guest()
        .shell("systemctl stop edgereel; date -s @60; systemctl start edgereel");
    // systemd-timesyncd may come back meanwhile, and set the day of its build again: either is far from the right time.
    let shown = lab.guest().shell("date '+%s %Y'");
    let (seconds, year) = shown.trim().split_once(' ').unwrap();
    let apart = seconds.parse::<i64>().unwrap().abs_diff(now());
    report.line(
        "boots without the time",
        "records all the same",
        format!("in {year}"),
        apart > 86_400,
    );

    let push = lab.push("live/clock");
    let began = now();
    push.wait_sent(6);
    let dated = start_of(lab);
    lab.time.reachable(true);
    wait_for("the box to know the time", || {
        let shown: i64 = lab.guest().shell("date +%s").trim().parse().unwrap();
        (shown.abs_diff(now()) < 60).then_some(())
    });
    let sent = push.sent();
    push.wait_sent(sent.as_secs() + 5);
    let sent = push.stop();
    expect(
        lab,
        report,
        "over the step of the clock",
        "live/clock",
        sent,
        ON_ITS_WAY,
    );
    let right = wait_for("the recording to be dated anew", || {
        Some(start_of(lab)).filter(|start| start.parse::<jiff::Timestamp>().unwrap().as_second() > began - 60)
    });
    let start = right.parse::<jiff::Timestamp>().unwrap().as_second();
    report.line(
        "dated",
        "with the time that it was",
        format!("{dated} became {right}, {} s off", start.abs_diff(began)),
        start.abs_diff(began) <= 5,
    );
    let recordings = wait_all_delivered(lab);
    let wrong: Vec<String> = recordings
        .iter()
        .filter_map(|(id, duration)| plays(lab, id, *duration).err())
        .collect();
    report.line(
        "delivered",
        "all of it plays",
        format!("{} recordings {wrong:?}", recordings.len()),
        wrong.is_empty(),
    );
}

fn start_of(lab: &mut Lab) -> String {
    lab.recordings("live/clock")[0]["start"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
