//! The console where little is there: a slow link, an origin that browsers do not trust, and a day with very many recordings.

use rusqlite::Connection;
use serde_json::json;

use super::figures::draws_once_a_picture;
use super::{Box, Tab, clip, log_in};
use crate::support::{Pusher, edgereel, wait_all_closed};

/// A page that shows what is on the air before this much has come: the bar of `the_console_is_small`, and what the box says.
const MOST_BYTES: u64 = 48_000;
const MOST_REQUESTS: u64 = 8;
/// The most memory of its own that three pages cost the service. It is 1.8 MiB of an optimised program, and up to 2.2 of a debug build,
/// whose stacks are larger.
const MOST_MEMORY: u64 = 3 << 20;

#[test]
fn a_slow_link_shows_the_streams_soon_and_three_pages_cost_little() {
    // The streams' own memory is there at once, and does not grow meanwhile.
    let this = Box::start_with("[ring]\npre_roll = \"0s\"\n");
    let clip = clip(this.home.path(), 120);
    let pushers = ["live/cam1", "live/cam2"].map(|name| this.push(name, &clip));
    let before = this.service.own_memory();
    let mut tab = this.open("staff", "/");
    tab.wait("document.querySelectorAll('.tile .state').length === 2");
    let link =
        json!({"offline": false, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 200_000});
    tab.ask("Network.emulateNetworkConditions", link);
    tab.ask("Network.setCacheDisabled", json!({"cacheDisabled": true}));
    tab.requests.clear();
    tab.ask("Page.reload", json!({}));
    // When the page shows it, by its own clock.
    tab.wait(
        "document.readyState === 'complete' && document.querySelectorAll('.tile .state .chip').length === 2",
    );
    let loaded = "performance.getEntriesByType('resource').filter(one => !one.name.includes('frame.mp4') && !one.name.includes('/events'))";
    let shown = tab.value("Math.round(performance.now())");
    let bytes = tab
        .value(&format!(
            "{loaded}.reduce((sum, one) => sum + one.transferSize, 0)"
        ))
        .as_u64()
        .unwrap();
    let requests = tab.value(&format!("{loaded}.length + 1")).as_u64().unwrap();
    println!(
        "streams are readable {shown} ms after the reload at 1.6 Mbit/s and 150 ms, with {requests} requests and {bytes} bytes"
    );
    assert!(
        bytes <= MOST_BYTES && requests <= MOST_REQUESTS,
        "{requests} requests, {bytes} bytes"
    );
    assert!(!tab.requests.iter().any(|request| request.ends_with("/hls.js")));

    let others = ["staff", "guest"].map(|viewer| {
        let mut other = this.open(viewer, "/");
        other.wait("document.querySelectorAll('.tile .still video').length === 2");
        other
    });
    let more = this.service.own_memory().saturating_sub(before);
    println!(
        "memory of the service with three pages open: {} KiB more",
        more >> 10
    );
    assert!(more <= MOST_MEMORY, "{more} bytes more");
    drop(others);

    // The session ends under the page.
    tab.value("await fetch('api/v1/session', { method: 'DELETE' })");
    tab.wait("document.querySelector('form.login')");
    log_in(&mut tab, "guest");
    tab.wait("document.querySelectorAll('.tile').length === 2 && !document.querySelector('.tile .action')");
    pushers.into_iter().for_each(Pusher::stop);
    tab.is_clean();
}

#[test]
fn an_origin_that_is_not_trusted_plays_what_is_encrypted_and_copies() {
    let this = Box::start_with_http(
        "names = [\"box.test\"]\n",
        "[encryption]\nmaster_key = \"4c1f0c5ae29b4f63886b0e4f9a2c51d74c1f0c5ae29b4f63886b0e4f9a2c51d7\"\n\
         [[template]]\nname = \"secret\"\nformats = [\"hls\"]\nhls = { encrypt = \"aes-128\", key_chunks = 2 }\n\
         [[rule]]\nstream = \"live/secret\"\ntemplate = \"secret\"\n",
    );
    let clip = clip(this.home.path(), 12);
    edgereel(&[
        "publish",
        clip.to_str().unwrap(),
        &this.service.url("live/secret"),
        "--fast",
    ])
    .ok();
    wait_all_closed(&this.service.data(), 1);
    let mut tab = Tab::open(&format!(
        "http://box.test:{}/#/recordings",
        this.port.address().port()
    ));
    log_in(&mut tab, "staff");
    assert_eq!(
        tab.value("[isSecureContext, navigator.clipboard === undefined, crypto.subtle === undefined].join()"),
        "false,true,true"
    );
    tab.press_in(".recordings", "live/secret");
    tab.wait("(video => video && video.currentTime > 0.3 && video.videoWidth === 320)(document.querySelector('main video'))");
    tab.run("document.querySelector('main video').currentTime = 8");
    tab.wait("(video => !video.seeking && video.currentTime > 8)(document.querySelector('main video'))");
    assert_eq!(
        tab.value("document.querySelectorAll('a[download]').length"),
        0,
        "it is had as HLS alone"
    );
    tab.press_in(".copyable", "Copy");
    tab.wait("['Copied', 'Select the text and copy it'].includes(document.querySelector('.copyable button').textContent)");
    tab.is_clean();
}

#[test]
fn a_day_of_ten_thousand_recordings_and_four_streams_is_shown() {
    let this = Box::start();
    let clip = clip(this.home.path(), 4);
    let streams = ["live/cam1", "live/cam2", "live/cam3", "live/cam4"];
    for stream in streams {
        edgereel(&[
            "publish",
            clip.to_str().unwrap(),
            &this.service.url(stream),
            "--fast",
        ])
        .ok();
    }
    wait_all_closed(&this.service.data(), 4);
    let journal = this.service.data().join("journal.db");
    let down = this.stop();
    // Each recording 2,500 times, over the last day. They have the same tape.
    let journal = Connection::open(journal).unwrap();
    let columns: Vec<String> = journal
        .prepare("SELECT name FROM pragma_table_info('recordings')")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let value = |column: &String| match column.as_str() {
        "id" => "randomblob(16)".to_owned(),
        "recording" => "recording + n * 4".to_owned(),
        "start" | "end" => format!("{column} - (2500 - n) * 33000000"),
        other => other.to_owned(),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let copy = format!(
        "WITH RECURSIVE times(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM times WHERE n < 2499) \
         INSERT INTO recordings ({}) SELECT {} FROM recordings, times",
        columns.join(", "),
        values.join(", ")
    );
    journal.execute(&copy, []).unwrap();
    drop(journal);
    let this = down.start();
    let mut tab = this.open("staff", "/#/recordings");
    let began = std::time::Instant::now();
    tab.wait("document.querySelectorAll('.recordings li').length === 24");
    println!("the first page of 10,000 recordings: {:?}", began.elapsed());
    tab.press("Next page");
    tab.wait("[...document.querySelectorAll('.pages button')].some(one => one.textContent === 'First page' && !one.hidden)");
    assert_eq!(
        tab.value("document.querySelectorAll('.recordings li').length"),
        24
    );

    let query = streams
        .map(|name| format!("s={}", name.replace('/', "%2F")))
        .join("&");
    tab.run("performance.clearResourceTimings()");
    tab.run(&format!("location.hash = '#/timeline?{query}'"));
    let asked = "performance.getEntriesByType('resource').filter(one => /timeline|recording.search/.test(one.name)).slice(-8)";
    tab.wait(&format!(
        "{asked}.length === 8 && document.querySelectorAll('canvas').length === 4"
    ));
    tab.wait("document.querySelectorAll('tbody tr').length > 0");
    println!(
        "{} rows",
        tab.value("document.querySelectorAll('tbody tr').length")
    );
    let bytes = tab
        .value(&format!(
            "{asked}.reduce((sum, one) => sum + one.encodedBodySize, 0)"
        ))
        .as_u64()
        .unwrap();
    let slowest = tab.value(&format!(
        "Math.round(Math.max(...{asked}.map(one => one.responseEnd - one.requestStart)))"
    ));
    println!(
        "a day of four streams with 10,000 recordings: {bytes} bytes, the slowest answer after {slowest} ms"
    );
    assert!(bytes <= 50_000, "{bytes} bytes");
    for (what, press) in [
        ("the hours of four streams are dragged", "0.08"),
        ("a part is selected in four streams", "0.4"),
        ("the pointer moves over four streams", "null"),
    ] {
        draws_once_a_picture(&mut tab, what, press);
    }
    tab.is_clean();
}
