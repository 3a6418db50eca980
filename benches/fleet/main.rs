//! Management over MQTT compared with the promised figures, with a broker in this process: docs/benchmarks.md
//!
//! `cargo bench --bench fleet`; takes two minutes, mostly idle.

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
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use support::broker::Broker;
use support::fleet::{answers, request};
use support::programme::Programme;
use support::rtmp::Rtmp;
use support::service::data_dir;
use support::{Service, home};

/// The size of a picture of 40 ms that makes 4 Mbit/s.
const HEAVY: usize = 20_000;

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    for (name, run) in [("idle", idle as fn()), ("drain", drain), ("busy", busy)] {
        if only.is_empty() || only.starts_with('-') || only == name {
            run();
        }
    }
}

/// The configuration as a user would write it: only the broker's address.
fn config(broker: &Broker) -> String {
    format!(
        "\n[device]\nid = \"box-17\"\n[mqtt]\nurl = \"{}\"\n",
        broker.url()
    )
}

/// The bytes that an idle box sends in a minute.
fn idle() {
    let (home, broker) = (home(), Broker::start());
    let _service = Service::start_with(home.path(), &config(&broker));
    wait(|| broker.retained().contains_key("edgereel/box-17/health"));
    std::thread::park_timeout(Duration::from_secs(3));
    let (before, sent) = broker.bytes();
    let from = Instant::now();
    while from.elapsed() < Duration::from_secs(60) {
        std::thread::park_timeout(Duration::from_secs(1));
    }
    let (up, down) = broker.bytes();
    println!(
        "idle: {} bytes up, {} down in a minute (bar: 1000)",
        up - before,
        down - sent
    );
}

/// The time to send a full outbox, from the connection on.
fn drain() {
    let (home, mut broker) = (home(), Broker::start());
    broker.stop();
    Service::start_with(home.path(), &config(&broker)).stop();
    let journal = rusqlite::Connection::open(data_dir(home.path()).join("journal.db")).unwrap();
    journal
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9990)
             INSERT INTO outbox (id, kind, body, time)
                SELECT randomblob(16), 'recording.closed', json_object('stream', 'live/cam1', 'recording',
                    hex(randomblob(16)), 'start', '2026-11-20T08:00:00.000000Z', 'end', '2026-11-20T08:30:00.000000Z',
                    'duration_s', 1800.0, 'bytes', 900000000, 'reason', 'unpublished', 'template', 'lesson'),
                    1790000000000000 + i FROM n",
        )
        .unwrap();
    drop(journal);
    broker.resume();
    let service = Service::start_with(home.path(), &config(&broker));
    wait(|| {
        broker
            .messages()
            .iter()
            .filter(|message| message.topic.contains("/event/"))
            .count()
            >= 9_990
    });
    let of_events: Vec<Instant> = broker
        .messages()
        .iter()
        .filter(|message| message.topic.contains("/event/"))
        .map(|message| message.at)
        .collect();
    let took = *of_events.last().unwrap() - of_events[0];
    let rate = of_events.len() as f64 / took.as_secs_f64();
    println!(
        "drain: {} events in {:.2} s, {rate:.0} a second (bar: 2000), peak memory {:.1} MiB",
        of_events.len(),
        took.as_secs_f64(),
        mib(service.peak())
    );
}

/// Four streams of 4 Mbit/s, with and without a broker: the cost, and the time of answers to requests.
fn busy() {
    let (alone, home, broker) = (support::home(), home(), Broker::start());
    let without = record(alone.path(), "", |_| ());
    let with = record(home.path(), &config(&broker), |_| {
        wait(|| broker.retained().contains_key("edgereel/box-17/status"));
        let mut times = Vec::new();
        for number in 0..400 {
            let place = number.to_string();
            let began = Instant::now();
            request(&broker, "stream.list", &json!({ "id": place }), &place);
            while answers(&broker, &place).is_empty() {
                std::thread::park_timeout(Duration::from_micros(50));
            }
            times.push(began.elapsed());
            std::thread::park_timeout(Duration::from_millis(10));
        }
        times.sort_unstable();
        let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
        println!(
            "requests: median {:.2} ms, 99 % {:.2} ms (bar: 20 ms median)",
            at(50),
            at(99)
        );
    });
    println!(
        "memory while four streams record: {:.1} MiB with a broker, {:.1} without: {:+.1} (bar: +3)",
        mib(with),
        mib(without),
        mib(with) - mib(without)
    );
}

/// Records four streams in real time while `meanwhile` runs, for ten seconds at least. Returns the memory then.
fn record(home: &Path, more: &str, meanwhile: impl FnOnce(&Service)) -> u64 {
    let service = Service::start_with(home, more);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (service, done) = (&service, &done);
            scope.spawn(move || {
                let name = format!("cam{number}");
                let mut client = Rtmp::publishing(service.address(), "live", &name);
                let programme = Programme::marked(&name, 0, HEAVY);
                let began = Instant::now();
                for place in 0.. {
                    let tag = programme.tag(place);
                    let due = Duration::from_millis(u64::from(tag.time));
                    let wait = due.saturating_sub(began.elapsed());
                    if !wait.is_zero() {
                        std::thread::park_timeout(wait);
                    }
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    client.media(tag.kind, tag.time, &tag.body).unwrap();
                }
                client.unpublish(&name).unwrap();
            });
        }
        let began = Instant::now();
        meanwhile(&service);
        while began.elapsed() < Duration::from_secs(20) {
            std::thread::park_timeout(Duration::from_millis(100));
        }
        // The rings grow and shrink with the GOPs, so their averages are compared.
        let samples = 100;
        let mut sum = 0;
        for _ in 0..samples {
            std::thread::park_timeout(Duration::from_millis(100));
            sum += service.resident();
        }
        let memory = sum / samples;
        done.store(true, Ordering::Relaxed);
        memory
    })
}

fn wait(mut over: impl FnMut() -> bool) {
    while !over() {
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
