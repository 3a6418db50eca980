//! Another program fills the storage device while two streams are recorded.

use crate::cuts::{plays, wait_all_delivered};
use crate::lab::Lab;
use crate::life::ON_ITS_WAY;
use crate::report::Report;
use crate::support::wait_until;

pub(crate) fn filled(lab: &mut Lab, report: &mut Report) {
    let mut pushes = ["live/full-a", "live/full-b"].map(|stream| lab.push(stream));
    pushes.iter().for_each(|push| push.wait_sent(4));
    // The program fills the device to the last block: the minimum of free space is gone, and everything that the service may
    // evict.
    let fill = "cd /var/lib/edgereel && dd if=/dev/zero of=filler bs=1M 2>/dev/null; df -h . | tail -1";
    eprintln!("{}", lab.guest().shell(fill));
    let status = lab.wait_status("full");
    let went_on = pushes.iter_mut().all(|push| push.goes_on());
    report.line(
        "a full disk",
        "the status says so, publishers stay",
        status,
        went_on,
    );

    lab.guest().shell("rm /var/lib/edgereel/filler");
    let status = lab.wait_status("2 recording");
    report.line("there is room again", "both are recorded again", status, true);
    let resumed = pushes.each_ref().map(|push| push.sent());
    wait_until("ten more seconds", || {
        pushes
            .iter()
            .zip(&resumed)
            .all(|(push, from)| push.sent().saturating_sub(*from).as_secs() >= 10)
    });
    let restarts = lab.guest().property("NRestarts");
    for push in pushes {
        let (stream, sent) = (push.stream.clone(), push.stop());
        let recordings = lab.recordings(&stream);
        let last = recordings.last().unwrap()["duration_s"].as_f64().unwrap();
        let gaps: usize = recordings
            .iter()
            .map(|row| row["gaps"].as_array().unwrap().len())
            .sum();
        // Memory holds the media of the streams for a while without space. A gap reports the rest.
        let whole = last + ON_ITS_WAY.as_secs_f64() >= sent.as_secs_f64();
        let told = last + ON_ITS_WAY.as_secs_f64() >= 10.0 && (gaps > 0 || recordings.len() > 1);
        let kept = whole || told;
        report.line(
            &format!("a full disk, {stream}"),
            "all of it, or the gap is told and the last 10 s are there",
            format!(
                "{last:.1} s in the last of {} recordings, {gaps} gaps, {:.1} s sent",
                recordings.len(),
                sent.as_secs_f64()
            ),
            kept,
        );
    }
    let after = lab.guest().property("NRestarts");
    report.line("a full disk: restarts", "none", after.clone(), restarts == after);
    let recordings = wait_all_delivered(lab);
    let wrong: Vec<String> = recordings
        .iter()
        .filter_map(|(id, duration)| plays(lab, id, *duration).err())
        .collect();
    report.line(
        "delivered after a full disk",
        "what is kept plays",
        format!("{} recordings {wrong:?}", recordings.len()),
        wrong.is_empty(),
    );
}
