//! A page that is open for long. `make soak-console` runs this for an hour and prints the figures.

use std::time::{Duration, Instant};

use serde_json::json;

use super::pictures::publish;
use super::{Box, Tab, log_in};

/// The most that the browser's heap grows in an hour, in bytes.
const MOST_GROWTH: i64 = 5 << 20;
/// The most that a page in the background takes, in bytes a minute.
const MOST_HIDDEN: u64 = 2_000;
/// The most that the service's memory grows by a page, in bytes. A debug build has more, so it is printed alone.
const MOST_SERVICE: i64 = 1 << 20;

/// What the page keeps, after everything else was collected.
fn heap(tab: &mut Tab) -> i64 {
    for _ in 0..2 {
        tab.ask("HeapProfiler.collectGarbage", json!({}));
    }
    tab.ask("Runtime.getHeapUsage", json!({}))["usedSize"]
        .as_f64()
        .unwrap() as i64
}

#[test]
#[ignore = "takes an hour, or EDGEREEL_TEST_MINUTES"]
fn a_page_that_is_open_for_long_does_not_grow() {
    let minutes: u64 =
        std::env::var("EDGEREEL_TEST_MINUTES").map_or(60, |text| text.parse().expect("minutes"));
    let this = Box::start();
    let mut publisher = publish(&this, "live/hall", "testsrc2=size=320x180:rate=25");
    let hidden = "Object.defineProperty(document, 'hidden', { get: () => Boolean(window.isHidden) })";
    let mut tab = Tab::open_after(&this.url("/"), hidden);
    log_in(&mut tab, "staff");
    tab.wait("document.querySelector('.tile .still video')");
    let screens = ["#/streams", "#/timeline/live%2Fhall", "#/recordings", "#/events"];
    let each = Duration::from_secs(minutes * 60).div_f64(5.0);
    let shown = |tab: &mut Tab, hash: &str, time: Duration| {
        tab.run(&format!("location.hash = '{hash}'"));
        let began = Instant::now();
        while began.elapsed() < time {
            tab.pause(1_000);
        }
    };
    // Each screen once, so that what is made once is there.
    screens
        .iter()
        .for_each(|screen| shown(&mut tab, screen, Duration::from_secs(5)));
    let (first, service) = (heap(&mut tab), this.service.own_memory() as i64);
    tab.requests.clear();
    let received = tab.received;
    for screen in screens {
        shown(&mut tab, screen, each);
        println!(
            "{screen}: the heap has {} kB, the service {} kB",
            heap(&mut tab) / 1024,
            this.service.own_memory() / 1024
        );
    }
    let rate = |bytes: u64, time: Duration| bytes as f64 * 60.0 / time.as_secs_f64();
    println!(
        "shown: {:.1} kB a minute with stills",
        rate(tab.received - received, each * 4) / 1000.0
    );
    let events = tab
        .requests
        .iter()
        .filter(|one| one.ends_with("/api/v1/events"))
        .count();
    tab.run("window.isHidden = true; document.dispatchEvent(new Event('visibilitychange'))");
    tab.pause(2_000);
    let received = tab.received;
    shown(&mut tab, "#/events", each);
    let in_background = rate(tab.received - received, each) as u64;
    println!("hidden: {in_background} bytes a minute (bar {MOST_HIDDEN})");
    tab.run("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))");
    tab.wait("document.querySelector('.events li')");
    let growth = heap(&mut tab) - first;
    println!(
        "the heap grew by {} kB (bar {})",
        growth / 1024,
        MOST_GROWTH / 1024
    );
    println!(
        "the service grew by {} kB (bar for a page {})",
        (this.service.own_memory() as i64 - service) / 1024,
        MOST_SERVICE / 1024
    );
    println!("new connections for events while it was shown: {events}");
    publisher.kill().unwrap();
    publisher.wait().unwrap();
    assert!(growth <= MOST_GROWTH && in_background <= MOST_HIDDEN && events == 0);
    tab.is_clean();
}
