//! The time of the service from its first instruction to accepting publishers, with a long tape and after a power cut.

use crate::lab::{Lab, format};
use crate::report::Report;
use crate::support::home;
use crate::tape;

const SEGMENTS: u32 = 10_000;
const STREAMS: usize = 4;

pub(crate) fn long_tape(lab: &mut Lab, report: &mut Report) {
    // The tape has hours of four cameras that were not delivered, and this test needs no delivery.
    let quiet = "[device]\nid = \"bench\"\n[rtmp]\nlisten = [\"0.0.0.0:1935\"]\nallow_anonymous = true\n\
                 [storage]\ndir = \"/var/lib/edgereel/store\"\nmin_free = \"64 MiB\"\n";
    lab.guest().put("/etc/edgereel/edgereel.toml", quiet.as_bytes());
    lab.shut_down();
    let folder = home();
    let shape = tape::Shape::segments(STREAMS, SEGMENTS);
    tape::make(&folder.path().join("store"), &shape).unwrap();
    let image = lab.parts.folder.join("long.img");
    format(&image, "4G", Some(folder.path()));
    drop(folder);
    lab.parts.data = image;

    lab.guest()
        .shell("systemctl stop edgereel; chown -R edgereel: /var/lib/edgereel; systemctl start edgereel");
    lab.guest().wait_active();
    let pushes = ["live/cam0", "live/cam1", "live/cam2", "live/cam3"].map(|stream| lab.push(stream));
    pushes.iter().for_each(|push| push.wait_sent(10));
    lab.cut_power();
    drop(pushes);
    let started = lab.guest().wait_active();
    let said = lab
        .guest()
        .shell("journalctl -u edgereel -b -o short-monotonic --no-pager | head -8");
    eprintln!("{said}");
    report.line(
        &format!("start, {SEGMENTS} segments, after a power cut"),
        "<= 3000 ms",
        format!("{} ms", started.as_millis()),
        started.as_millis() <= 3_000,
    );
}
