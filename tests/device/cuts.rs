//! The plug is pulled five times while two streams are recorded and the bucket cannot be reached. Then the bucket can be
//! reached again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::life::{CRASH, expect};
use crate::programs::{FFMPEG, FFPROBE};
use crate::report::Report;
use crate::support::wait_for;

pub(crate) fn five(lab: &mut Lab, report: &mut Report) {
    lab.bucket.pause();
    for cut in 1..=5_u64 {
        let streams = [format!("live/cut{cut}a"), format!("live/cut{cut}b")];
        let pushes = streams.clone().map(|stream| lab.push(&stream));
        // Each cut comes at another moment of a fragment, a sync, a segment.
        for push in &pushes {
            push.wait_sent(3 + 2 * cut);
        }
        std::thread::park_timeout(Duration::from_millis(170 * cut));
        lab.cut_power();
        let sent = pushes.each_ref().map(|push| push.sent());
        drop(pushes);
        let guest = lab.guest();
        let booted = guest.booted_in;
        let started = guest.wait_active();
        eprintln!("  booted in {:.0} s", booted.as_secs_f64());
        for (stream, sent) in streams.iter().zip(sent) {
            let what = format!(
                "power cut {cut}, {stream}, up again in {} ms",
                started.as_millis()
            );
            expect(lab, report, &what, stream, sent, CRASH);
        }
    }
    let said = lab.guest().attempt("edgereel verify 2>&1");
    let (whole, said) = match said {
        Ok(said) => (true, said),
        Err(said) => (false, said),
    };
    eprintln!("{said}");
    let last = said.trim().lines().last().unwrap_or_default().to_owned();
    report.line(
        "edgereel verify, after five cuts",
        "every byte is right",
        last,
        whole,
    );
}

pub(crate) fn delivered(lab: &mut Lab, report: &mut Report) {
    lab.bucket.resume();
    let began = Instant::now();
    let recordings = wait_all_delivered(lab);
    let seconds = began.elapsed().as_secs();
    report.line(
        "the bucket is back: all is delivered",
        "by itself",
        format!("{} recordings in {seconds} s", recordings.len()),
        true,
    );
    let mut wrong = Vec::new();
    for (id, duration) in &recordings {
        if let Err(why) = plays(lab, id, *duration) {
            wrong.push(why);
        }
    }
    let seen = match wrong.first() {
        None => format!("{} play and are as long", recordings.len()),
        Some(why) => why.clone(),
    };
    report.line(
        "what is in the bucket",
        "plays, as long as it was recorded",
        seen,
        wrong.is_empty(),
    );
}

/// Waits until each recording of the box is delivered. Returns ids and lengths in seconds.
pub(crate) fn wait_all_delivered(lab: &mut Lab) -> BTreeMap<String, f64> {
    let mut patience = 6;
    loop {
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for("all recordings to be delivered", || {
                let all = lab.guest().json("edgereel ls --json");
                let all = all["recordings"].as_array().unwrap().clone();
                let over = all.iter().all(|recording| recording["state"] == "delivered");
                over.then_some(all)
            })
        }));
        match found {
            Ok(all) => {
                let of = |recording: &serde_json::Value| {
                    let id = recording["id"].as_str().unwrap().to_owned();
                    (id, recording["duration_s"].as_f64().unwrap())
                };
                return all.iter().map(of).collect();
            }
            Err(panic) if patience == 0 => std::panic::resume_unwind(panic),
            Err(_) => patience -= 1,
        }
    }
}

/// Whether the object of a recording is there, decodes without a message, and is as long as the recording.
pub(crate) fn plays(lab: &Lab, id: &str, duration: f64) -> Result<(), String> {
    let objects = lab.bucket.objects();
    let (key, path) = objects
        .iter()
        .find(|(key, _)| key.contains(id) && key.ends_with(".mp4"))
        .ok_or_else(|| format!("{id}: there is no object"))?;
    let path = path.to_str().unwrap();
    let probe = FFPROBE.run([
        "-v",
        "error",
        "-show_entries",
        "format=duration",
        "-of",
        "csv=p=0",
        path,
    ]);
    let length: f64 = probe
        .ok()
        .text()
        .trim()
        .parse()
        .map_err(|_| format!("{key}: no length"))?;
    if (length - duration).abs() > 0.3 {
        return Err(format!("{key}: {length} s, recorded {duration} s"));
    }
    let decoded = FFMPEG
        .run([
            "-v", "error", "-xerror", "-i", path, "-c:v", "copy", "-f", "null", "-",
        ])
        .ok();
    match decoded.stderr.lines().next() {
        None => Ok(()),
        Some(complaint) => Err(format!("{key}: {complaint}")),
    }
}
