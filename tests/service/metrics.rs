//! `/metrics`, `/healthz` and `/readyz` of a running service.

use std::net::SocketAddr;

use crate::support::http::{Reply, ask, get};
use crate::support::{Feed, Plan, Service, edgereel, home, sample_path, wait_for, wait_until};

const DOOR: &str = "[http]\nlisten = [\"127.0.0.1:0\"]\n";
/// A request through a proxy, which is no request of this machine.
const FROM_ELSEWHERE: (&str, &str) = ("X-Forwarded-For", "203.0.113.9");
const KEY: &str = "3f1c5a9e7b2d4f60812345678abcdef0";
const OTHER_KEY: &str = "a7d0e4b1c89f45236700ffeeddccbbaa";

/// A stream in real time, without end.
fn live(service: &Service, stream: &'static str) -> Feed {
    let plan = Plan {
        stream,
        speed: 1.0,
        length: None,
        weight: 0,
    };
    Feed::start(service.address(), plan, 0)
}

fn metrics(door: SocketAddr) -> String {
    let reply = get(door, "/metrics", &[]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().to_owned()
}

/// The value of a series, as it is written before it.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series))?;
    line.strip_prefix(' ')?.parse().ok()
}

/// The first value of a series that is wanted.
#[track_caller]
fn wait_for_value(door: SocketAddr, series: &str, wanted: impl Fn(f64) -> bool) -> f64 {
    wait_for(series, || {
        value(&metrics(door), series).filter(|value| wanted(*value))
    })
}

#[test]
fn metrics_follow_what_happens_on_the_box() {
    let home = home();
    let service = Service::start_with(
        home.path(),
        &format!(
            "[[publisher]]\nkey = \"right\"\n{DOOR}[[rule]]\nstream = \"live/*\"\n[[rule]]\nstream = \"live/lobby\"\n"
        ),
    );
    let door = service.http();
    let before = metrics(door);
    // Before anything comes, the stream that a rule names is known, and all counters are there.
    assert_eq!(
        value(&before, "edgereel_stream_up{stream=\"live/lobby\"}"),
        Some(0.0)
    );
    assert_eq!(
        value(
            &before,
            "edgereel_stream_gaps_total{stream=\"live/lobby\",reason=\"stalled\"}"
        ),
        Some(0.0)
    );
    assert_eq!(
        value(&before, "edgereel_publish_refused_total{reason=\"wrong_key\"}"),
        Some(0.0)
    );
    assert_eq!(value(&before, "edgereel_storage_state{state=\"ok\"}"), Some(1.0));
    let version = format!("edgereel_build_info{{version=\"{}\",", env!("CARGO_PKG_VERSION"));
    assert!(before.contains(&version), "{before}");
    let started = value(&before, "edgereel_start_time_seconds").unwrap();
    let process = value(&before, "process_start_time_seconds").unwrap();
    assert!(
        (process..process + 600.0).contains(&started.max(process)),
        "{started} {process}"
    );

    let publish = |stream: &str, key: &str| {
        let sample = sample_path();
        let url = format!("{}?key={key}", service.url(stream));
        edgereel(&["publish", sample.to_str().unwrap(), &url, "--fast"])
    };
    assert_ne!(publish("live/cam1", "wrong").code, Some(0));
    publish("live/cam1", "right").ok();
    publish("hall/unrecorded", "right").ok();
    let cam = "{stream=\"live/cam1\"}";
    wait_for_value(door, "edgereel_recordings{state=\"closed\"}", |count| {
        count == 1.0
    });
    wait_for_value(
        door,
        "edgereel_stream_received_bytes_total{stream=\"\"}",
        |bytes| bytes > 100_000.0,
    );
    let after = metrics(door);
    let received = value(&after, &format!("edgereel_stream_received_bytes_total{cam}")).unwrap();
    assert!(received > 100_000.0, "{received}");
    let frames = |track: &str| {
        let series = format!("edgereel_stream_frames_total{{stream=\"live/cam1\",track=\"{track}\"}}");
        value(&after, &series).unwrap()
    };
    assert!(frames("video") > 100.0 && frames("audio") > 100.0, "{after}");
    assert_eq!(value(&after, &format!("edgereel_stream_up{cam}")), Some(0.0));
    assert!(!after.contains("hall/unrecorded"), "{after}");
    assert!(value(&after, "edgereel_publish_refused_total{reason=\"wrong_key\"}") >= Some(1.0));
    assert!(value(&after, "edgereel_storage_sync_seconds_count") >= Some(1.0));
    assert!(value(&after, "edgereel_storage_written_bytes_total") > Some(received / 2.0));
    let ended = "edgereel_recordings_ended_total{reason=\"publisher\"}";
    assert_eq!(
        (value(&before, ended), value(&after, ended)),
        (Some(0.0), Some(1.0))
    );
    // The requests of this test are counted, too; the present one is not answered yet.
    assert!(
        value(
            &after,
            "edgereel_http_requests_total{route=\"metrics\",code=\"200\"}"
        ) >= Some(2.0)
    );
    assert!(value(&after, "edgereel_http_response_bytes_total{route=\"metrics\"}") > Some(1_000.0));
}

#[test]
fn a_stream_on_the_air_is_up_and_its_keyframes_are_measured() {
    let home = home();
    let service = Service::start_with(home.path(), DOOR);
    let door = service.http();
    let _feed = live(&service, "live/cam1");
    wait_for_value(door, "edgereel_stream_up{stream=\"live/cam1\"}", |up| up == 1.0);
    let interval = "edgereel_stream_keyframe_interval_seconds{stream=\"live/cam1\"}";
    let interval = wait_for_value(door, interval, |interval| interval > 0.0);
    assert!(interval < 20.0, "{interval}");
    let text = metrics(door);
    assert_eq!(value(&text, "edgereel_streams{state=\"live\"}"), Some(1.0));
    assert_eq!(value(&text, "edgereel_recordings{state=\"open\"}"), Some(1.0));
    assert!(value(&text, "edgereel_ring_bytes") > Some(0.0));
    let last = value(
        &text,
        "edgereel_stream_last_frame_timestamp_seconds{stream=\"live/cam1\"}",
    );
    assert!(last > value(&text, "edgereel_start_time_seconds"), "{last:?}");
}

#[test]
fn who_asks_for_openmetrics_gets_it_and_nobody_changes_anything() {
    let home = home();
    let service = Service::start_with(home.path(), DOOR);
    let door = service.http();
    let open = get(
        door,
        "/metrics",
        &[("Accept", "application/openmetrics-text;version=1.0.0")],
    );
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.header("content-type"), Some(content_type));
    assert!(open.text().ends_with("# EOF\n"));
    assert_eq!(open.header("cache-control"), Some("no-store"));
    let text = get(door, "/metrics", &[]);
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    for path in ["/metrics", "/healthz", "/readyz"] {
        let head = ask(door, "HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(ask(door, "POST", path, &[], b"").status, 405, "{path}");
    }
}

#[test]
fn from_elsewhere_monitoring_needs_a_viewer_with_that_right_and_names_its_streams() {
    let home = home();
    let viewers = format!(
        "[[viewer]]\nname = \"prometheus\"\nkey = \"{KEY}\"\nstreams = [\"live/*\"]\nmay = [\"metrics\"]\n\
         [[viewer]]\nname = \"hall\"\nkey = \"{OTHER_KEY}\"\nmay = [\"watch\"]\n\
         [[rule]]\nstream = \"live/lobby\"\n[[rule]]\nstream = \"court/1\"\n"
    );
    let service = Service::start_with(home.path(), &format!("{DOOR}{viewers}"));
    let door = service.http();
    let asked = |path: &str, key: Option<&str>| -> Reply {
        let bearer = key.map(|key| format!("Bearer {key}"));
        let mut headers = vec![FROM_ELSEWHERE];
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        get(door, path, &headers)
    };
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(asked(path, None).status, 401, "{path}");
        assert_eq!(asked(path, Some(OTHER_KEY)).status, 403, "{path}");
        assert_eq!(asked(path, Some(KEY)).status, 200, "{path}");
        // A program of this machine needs nothing.
        assert_eq!(get(door, path, &[]).status, 200, "{path}");
    }
    let seen = asked("/metrics", Some(KEY)).text().to_owned();
    assert!(seen.contains("live/lobby") && !seen.contains("court/1"), "{seen}");
    assert!(metrics(door).contains("court/1"));
}

#[test]
fn a_box_whose_media_reaches_no_flash_is_healthy_and_not_ready() {
    let home = home();
    let service = Service::start_with(home.path(), DOOR);
    let door = service.http();
    let healthy = get(door, "/healthz", &[]);
    assert_eq!(
        (healthy.status, healthy.text()),
        (200, r#"{"healthy":true,"reasons":[]}"#)
    );
    let is_ready = || {
        let ready = get(door, "/readyz", &[]);
        (ready.status, ready.text().to_owned()) == (200, r#"{"ready":true,"reasons":[]}"#.to_owned())
    };
    assert!(is_ready());

    let _feed = live(&service, "live/cam1");
    wait_for_value(door, "edgereel_recordings{state=\"open\"}", |count| count == 1.0);
    // The store is moved away, and something else is in its place.
    let (store, moved) = (service.data(), home.path().join("moved"));
    std::fs::rename(&store, &moved).unwrap();
    std::fs::write(&store, "no store").unwrap();
    let message = wait_for("it is not ready", || {
        let ready = get(door, "/readyz", &[]);
        let body = (ready.status == 503).then(|| ready.json())?;
        assert_eq!(body["ready"], false);
        let reasons = body["reasons"].as_array()?.iter();
        let mut failed = reasons.filter(|reason| reason["code"] == "storage_failed");
        failed.next_back()?["message"].as_str().map(str::to_owned)
    });
    assert!(message.contains(store.to_str().unwrap()), "{message}");
    assert_eq!(get(door, "/healthz", &[]).status, 200);
    // Metrics say so without the journal.
    let text = metrics(door);
    assert_eq!(
        value(&text, "edgereel_storage_state{state=\"failed\"}"),
        Some(1.0)
    );
    assert!(!text.contains("edgereel_recordings{"), "{text}");

    std::fs::remove_file(&store).unwrap();
    std::fs::rename(&moved, &store).unwrap();
    wait_until("it is ready again", is_ready);

    // The file that is written is removed: a gap, and its cause.
    let failed = "edgereel_stream_gaps_total{stream=\"live/cam1\",reason=\"failed\"}";
    let before = value(&metrics(door), failed).unwrap();
    wait_for_value(door, failed, |gaps| {
        for folder in std::fs::read_dir(store.join("tape")).unwrap() {
            for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
                std::fs::remove_file(file.unwrap().path()).unwrap();
            }
        }
        gaps > before
    });
}
