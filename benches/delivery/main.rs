//! Delivery compared with the promised figures, to a real S3 server in this process: docs/benchmarks.md
//!
//! `cargo bench --bench delivery -- [--mib N]`; needs curl.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench stops where something is wrong, and measures time"
)]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::bucket::{Bucket, KEY_ID, SECRET};
use support::delivered::{all_delivered, rows, sync_to};
use support::programme::Programme;
use support::rtmp::Rtmp;
use support::{Service, export};

const MP4: &str = "\n[[template]]\nname = \"mp4\"\nformats = [\"mp4\"]\nresume_window = \"0s\"\nsplit = \"12h\"\n[[rule]]\ntemplate = \"mp4\"\n";

/// The bytes that a picture of 40 ms is larger than the clip's.
const HEAVY: usize = 200_000;

fn main() {
    let mut arguments = std::env::args()
        .skip_while(|argument| argument != "--mib")
        .skip(1);
    let mib: u64 = arguments.next().map_or(2_048, |text| text.parse().unwrap());
    finished(mib << 20);
    live(3_600);
}

/// Sends so many seconds unpaced, as fast as the service takes them.
fn send(client: &mut Rtmp, stream: &str, seconds: u32, weight: usize) {
    let programme = Programme::marked(stream, 0, weight);
    for number in 0.. {
        let tag = programme.tag(number);
        if tag.time >= seconds * 1_000 {
            break;
        }
        client.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    client.ping(7).unwrap();
    wait(|| client.last_pong() == Some(7));
}

/// A large file of a closed recording: its speed beside curl, and the memory of the service meanwhile.
fn finished(bytes: u64) {
    let (home, dir) = (support::home(), support::home());
    let seconds = u32::try_from(bytes / (HEAVY as u64 * 25)).unwrap();
    let service = Service::start_with(home.path(), MP4);
    let mut client = Rtmp::publishing(service.address(), "live", "large");
    send(&mut client, "live/large", seconds, HEAVY);
    client.unpublish("large").unwrap();
    wait(|| rows(&service.data()).iter().all(|row| row["state"] == "closed"));
    service.stop();

    let bucket = Bucket::start(dir.path());
    let idle_home = support::home();
    let idle = Service::start_with(idle_home.path(), &(sync_to(&bucket, "") + MP4));
    let idle_peak = idle.peak();
    idle.stop();

    let began = Instant::now();
    let phases = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = phases.clone();
    bucket.judge(move |asked| {
        let what = match (asked.method.as_str(), asked.query.contains("partNumber=")) {
            ("PUT", true) => "part",
            ("POST", _) if asked.query.contains("uploadId=") => "complete",
            ("HEAD", _) => "look",
            _ => "begin",
        };
        let mut seen = seen.lock().unwrap();
        let last: Option<&(&str, Duration)> = seen.last();
        if last.is_none_or(|(last, _)| *last != what) {
            seen.push((what, began.elapsed()));
        }
        support::bucket::Verdict::Pass
    });
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + MP4));
    wait(|| all_delivered(&service.data(), 1));
    let took = began.elapsed();
    let peak = service.peak();
    let sent = bucket.received();
    let id = rows(&service.data())[0]["id"].as_str().unwrap().to_owned();
    service.stop();

    let file = home.path().join("large.mp4");
    export(&home.path().join("data"), &id, "mp4", &file).ok();
    let began = Instant::now();
    curl(&bucket, &file);
    let curled = began.elapsed();
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (ours, theirs) = (mib(sent) / took.as_secs_f64(), mib(sent) / curled.as_secs_f64());
    let phases = phases.lock().unwrap();
    let phases: Vec<String> = phases
        .iter()
        .map(|(what, at)| format!("{what} from {:.2} s", at.as_secs_f64()))
        .collect();
    println!("{}; delivered at {:.2} s", phases.join(", "), took.as_secs_f64());
    println!(
        "a finished MP4 of {:.0} MiB, start of the service and completion included",
        mib(sent)
    );
    println!(
        "  edgereel {ours:>6.0} MiB/s   curl -T {theirs:>6.0} MiB/s   ratio {:.2}",
        ours / theirs
    );
    println!(
        "  peak memory {:.1} MiB, idle {:.1} MiB: {:.1} above",
        mib(peak),
        mib(idle_peak),
        mib(peak) - mib(idle_peak)
    );
}

/// A long live recording: the time from its end until its file is complete.
fn live(seconds: u32) {
    let (home, dir) = (support::home(), support::home());
    let bucket = Bucket::start(dir.path());
    let both = MP4.replace("\"mp4\"]", "\"mp4\", \"hls\"]");
    let service = Service::start_with(
        home.path(),
        &("idle_timeout = \"600s\"\n".to_owned() + &sync_to(&bucket, "when = \"live\"") + &both),
    );
    let mut client = Rtmp::publishing(service.address(), "live", "long");
    send(&mut client, "live/long", seconds, 2_500);
    let tape = rows(&service.data())[0]["bytes"].as_u64().unwrap();
    // Everything is sent except the parts that must wait for the end.
    wait(|| bucket.received() > 2 * tape - (24 << 20));
    let mut last = 0;
    wait(|| {
        std::thread::sleep(Duration::from_secs(2));
        std::mem::replace(&mut last, bucket.received()) == bucket.received()
    });
    let began = Instant::now();
    client.unpublish("long").unwrap();
    wait(|| all_delivered(&service.data(), 1));
    let took = began.elapsed();
    println!(
        "a live recording of {seconds} s, {:.0} MiB, as MP4 and HLS",
        tape as f64 / f64::from(1 << 20)
    );
    println!("  complete {:.2} s after the end", took.as_secs_f64());
    println!(
        "  peak memory {:.1} MiB",
        service.peak() as f64 / f64::from(1 << 20)
    );
}

fn curl(bucket: &Bucket, file: &Path) {
    let done = Command::new("curl")
        .args([
            "-sS",
            "--fail",
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "-u",
            &format!("{KEY_ID}:{SECRET}"),
        ])
        .args(["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-T"])
        .arg(file)
        .arg(format!("{}/media/curl.mp4", bucket.endpoint()))
        .status()
        .unwrap();
    assert!(done.success());
}

fn wait(mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(900), "it takes too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}
