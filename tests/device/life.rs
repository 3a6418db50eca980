//! The package, and the actions of systemd and people on the service while it records.

use std::time::Duration;

use crate::lab::{DEVICE, Lab};
use crate::push::Push;
use crate::report::Report;
use crate::support::{wait_for, wait_until};

/// The largest loss at a graceful end: media on its way through sockets, and the last picture.
pub(crate) const ON_ITS_WAY: Duration = Duration::from_millis(500);
/// The largest loss of a stream by a crash or a power cut.
pub(crate) const CRASH: Duration = Duration::from_secs(2);

pub(crate) fn install(lab: &mut Lab, report: &mut Report) {
    let package = std::fs::read(&lab.package).unwrap();
    let name = lab.package.file_name().unwrap().to_string_lossy().into_owned();
    let (configuration, secret) = (lab.configuration(""), lab.secret());
    let chrony = format!(
        "server {} port {} iburst minpoll 2 maxpoll 2\nmakestep 0.1 -1\ndriftfile /var/lib/chrony/drift\n",
        crate::guest::OUTSIDE,
        lab.time.port
    );
    let guest = lab.guest();
    report.line(
        "boot to a shell",
        "",
        format!("{:.0} s", guest.booted_in.as_secs_f64()),
        true,
    );
    guest.put("/etc/chrony/chrony.conf", chrony.as_bytes());
    guest.put(&format!("/root/{name}"), &package);
    let said = guest.shell(&format!("systemctl restart chrony; dpkg -i /root/{name} 2>&1"));
    let active = guest.wait_active();
    let enabled = guest.shell("systemctl is-enabled edgereel");
    report.line(
        "dpkg -i",
        "installs, enables, starts",
        format!("{}, started in {} ms", enabled.trim(), active.as_millis()),
        enabled.trim() == "enabled",
    );
    eprintln!("{said}");

    guest.put("/etc/edgereel/edgereel.toml", configuration.as_bytes());
    guest.put("/etc/edgereel/credentials/bucket-key", secret);
    guest.shell("edgereel check-config >/dev/null && systemctl restart edgereel");
    guest.wait_active();
    let status = lab.wait_status("waiting for publishers");
    eprintln!(
        "{}",
        lab.guest()
            .shell("systemctl status --no-pager --lines=3 edgereel")
    );
    let connected = || {
        let heard = lab.listening.heard();
        let up = |(topic, text): &(String, String)| {
            *topic == format!("edgereel/{DEVICE}/status") && text.contains("up")
        };
        heard.iter().any(up)
    };
    wait_until("the box to say over MQTT that it is up", connected);
    report.line("systemctl status", "what goes on", status, true);
    let idle = lab.guest().rss_kib();
    report.line("memory, idle", "<= 10 MiB", mib(idle), idle <= 10 << 10);
}

pub(crate) fn four_streams(lab: &mut Lab, report: &mut Report) {
    let pushes: Vec<Push> = (0..4)
        .map(|number| lab.push(&format!("live/cam{number}")))
        .collect();
    pushes.iter().for_each(|push| push.wait_sent(20));
    let status = lab.wait_status("4 recording");
    let memory = lab.guest().rss_kib();
    let usage = lab
        .guest()
        .shell("systemctl show -P CPUUsageNSec -P MemoryCurrent edgereel");
    eprintln!("CPU ns, memory of the control group: {usage}");
    report.line("systemctl status", "what goes on", status, true);
    // The ring has 32 MiB at most, and with 10 s before each of four streams 20 MiB.
    report.line(
        "memory, 4 × 4 Mbit/s, MQTT, delivery",
        "<= 24 MiB + 32 MiB of ring",
        mib(memory),
        memory <= (24 + 32) << 10,
    );
    for push in pushes {
        let (stream, sent) = (push.stream.clone(), push.stop());
        expect(
            lab,
            report,
            &format!("{stream}, unpublished"),
            &stream,
            sent,
            ON_ITS_WAY,
        );
    }
    wait_for("all four to be delivered", || {
        let objects = lab.bucket.objects();
        (objects.keys().filter(|key| key.ends_with(".mp4")).count() >= 4).then_some(())
    });
    report.line("delivered while it was recorded", "4 MP4", "4 MP4", true);
}

pub(crate) fn managed(lab: &mut Lab, report: &mut Report) {
    // A reload keeps the publish and the recording.
    let mut push = lab.push("live/reload");
    push.wait_sent(4);
    let (good, wrong) = (lab.configuration("[callback]\n"), lab.configuration(""));
    let guest = lab.guest();
    guest.put("/etc/edgereel/edgereel.toml", good.as_bytes());
    let refused = guest.attempt("systemctl reload edgereel");
    guest.put(
        "/etc/edgereel/edgereel.toml",
        wrong.replace("2s", "3s").as_bytes(),
    );
    let taken = guest.attempt("systemctl reload edgereel");
    push.wait_sent(8);
    let (went_on, sent) = (push.goes_on(), push.stop());
    report.line(
        "systemctl reload while recording",
        "a wrong configuration is refused, a right one taken, the push goes on",
        format!(
            "refused: {}, taken: {}, goes on: {went_on}",
            refused.is_err(),
            taken.is_ok()
        ),
        refused.is_err() && taken.is_ok() && went_on,
    );
    expect(lab, report, "reload, recorded", "live/reload", sent, ON_ITS_WAY);

    for (verb, then) in [("restart", ""), ("stop", "systemctl start edgereel")] {
        let streams = [format!("live/{verb}-a"), format!("live/{verb}-b")];
        let pushes = streams.clone().map(|stream| lab.push(&stream));
        pushes.iter().for_each(|push| push.wait_sent(5));
        lab.guest().shell(&format!("systemctl {verb} edgereel"));
        let sent = pushes.map(Push::disturbed);
        lab.guest().shell(then);
        lab.guest().wait_active();
        for (stream, sent) in streams.iter().zip(sent) {
            expect(
                lab,
                report,
                &format!("systemctl {verb}, {stream}"),
                stream,
                sent,
                ON_ITS_WAY,
            );
        }
    }
}

pub(crate) fn dies(lab: &mut Lab, report: &mut Report) {
    for (name, signal, told) in [("kill -9", "KILL", "signal"), ("hangs", "STOP", "watchdog")] {
        let stream = format!("live/{}", signal.to_lowercase());
        let push = lab.push(&stream);
        push.wait_sent(5);
        let before: u32 = lab.guest().property("NRestarts").parse().unwrap();
        lab.guest()
            .shell(&format!("systemctl kill --signal={signal} edgereel"));
        let sent = match signal {
            "KILL" => push.disturbed(),
            // The kernel still accepts bytes that are sent to a process that hangs.
            _ => push.sent(),
        };
        wait_until("systemd to start it again", || {
            lab.guest().property("NRestarts").parse::<u32>().unwrap() > before
        });
        lab.guest().wait_active();
        let why = lab
            .guest()
            .shell("journalctl -u edgereel -n 60 --no-pager -o cat");
        let why_told = why.contains(&format!("result '{told}'"));
        report.line(
            &format!("{name}: started again"),
            "by itself",
            format!("result {told}: {why_told}"),
            why_told,
        );
        expect(lab, report, &format!("{name}, recorded"), &stream, sent, CRASH);
    }
}

/// A line of the table on how much of the sent media is recorded.
pub(crate) fn expect(
    lab: &mut Lab,
    report: &mut Report,
    what: &str,
    stream: &str,
    sent: Duration,
    lost: Duration,
) {
    let recorded = lab.recorded(stream);
    let missing = sent.saturating_sub(recorded);
    report.line(
        what,
        &format!("loses <= {:.1} s", lost.as_secs_f64()),
        format!(
            "{:.2} of {:.2} s sent: loses {:.2} s",
            recorded.as_secs_f64(),
            sent.as_secs_f64(),
            missing.as_secs_f64()
        ),
        missing <= lost && !recorded.is_zero(),
    );
}

pub(crate) fn mib(kib: u64) -> String {
    format!("{}.{} MiB", kib >> 10, ((kib & 1023) * 10) >> 10)
}
