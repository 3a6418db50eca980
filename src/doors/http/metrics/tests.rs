//! The metrics of a busy box; and that what is shipped beside them, and the page about them, name those that there are.

use std::collections::BTreeSet;
use std::path::Path;

use super::families::families;
use super::text::{Family, Type};
use super::*;
use crate::api::{Build, DeliveryFigures, JournalFigures, LinkFigures, StreamFigures, WaitingFigures};
use crate::model::reply::{
    ClockHealth, Health, LinkHealth, OutboxHealth, ProcessHealth, StorageHealth, StreamHealth, SyncHealth,
};
use crate::store::{RecordingCounts, SyncTimes};

fn stream(name: &str) -> StreamFigures {
    StreamFigures {
        stream: name.parse().ok(),
        is_live: name == "live/cam1",
        received_bytes: 1_000,
        video_frames: 25,
        audio_frames: 47,
        gaps: vec![
            ("stalled", 1),
            ("failed", 0),
            ("full", 0),
            ("no_keyframe", 0),
            ("media", 0),
        ],
        keyframe_interval: (name == "live/cam1").then_some(2_000_000),
        last_frame: (name == "live/cam1").then_some(1_790_000_000_250_000),
    }
}

/// A box on which everything is configured, and something happened of everything.
fn facts() -> Facts {
    let mut syncs = SyncTimes::default();
    [8_000, 40_000, 20_000_000]
        .into_iter()
        .for_each(|took| syncs.note(took));
    let figures = Figures {
        build: Build {
            version: "0.1.0",
            arch: "aarch64",
            revision: "0123456789ab",
        },
        started: 1_790_000_000_000_000,
        process_started: Some(1_789_999_999_500_000),
        open_files: 40,
        process: ProcessHealth {
            cpu_s: 1.5,
            rss: 30 << 20,
            failures: 0,
            defects: 0,
        },
        streams: StreamHealth {
            live: 2,
            recording: 1,
            bits_per_second: 4_000_000,
            gaps: 1,
        },
        storage: storage(),
        clock: ClockHealth { synced: true },
        named: vec![stream("live/cam1"), stream("live/lobby")],
        others: stream(""),
        refused: vec![("wrong_key", 3), ("busy", 0)],
        syncs,
        queue_bytes: 5,
        ring_bytes: 6,
        ended: vec![("split", 4), ("publisher", 1)],
        journal: Some(JournalFigures {
            recordings: RecordingCounts {
                open: 1,
                closed: 2,
                delivered: 3,
            },
            outbox_events: 7,
            callbacks: vec![("backend".to_owned(), 1, 2)],
        }),
        delivery: Some(DeliveryFigures {
            reached: Some(true),
            sent_bytes: 9,
            failures: vec![("offline", 2), ("refused", 0)],
            waiting: Some(WaitingFigures {
                formats: vec![("mp4", 2), ("hls", 1)],
                bytes: 10,
                set_aside: 1,
                lag: 3_600_000_000,
            }),
        }),
        mqtt: Some(LinkFigures {
            is_up: true,
            counts: LinkHealth::default(),
        }),
        log_lost: 0,
    };
    Facts {
        figures,
        http: HttpFigures {
            requests: vec![("hls", "200", 8), ("file", "206", 9)],
            sent: vec![("hls", 1), ("file", 2)],
            viewers: 2,
            open: 1,
        },
    }
}

fn storage() -> StorageHealth {
    StorageHealth {
        state: "ok",
        reason: None,
        used: 1,
        left: 2,
        written: 3,
        lost: 4,
        oldest: None,
    }
}

fn all() -> Vec<Family> {
    families(&facts(), |_| true)
}

fn names() -> BTreeSet<String> {
    all().iter().map(Family::full_name).collect()
}

/// The names that queries may use.
fn series() -> BTreeSet<String> {
    let histograms = all().into_iter().filter(|family| family.kind == Type::Histogram);
    let parts = histograms
        .flat_map(|family| ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", family.name)));
    names().into_iter().chain(parts).collect()
}

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(path).unwrap()
}

/// Words of a text that look like names of metrics.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let own = words.filter(|word| word.starts_with("edgereel_") || word.starts_with("process_"));
    own.map(str::to_owned).collect()
}

#[test]
fn a_busy_box_is_written_as_golden() {
    let (content_type, text) = answer(&facts(), None, |_| true);
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    insta::assert_snapshot!(text);
}

#[test]
fn both_formats_have_the_same_samples() {
    let samples = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    let (content_type, open) = answer(&facts(), Some("application/openmetrics-text"), |_| true);
    assert_eq!(
        content_type,
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(open.ends_with("\n# EOF\n") && open.matches("# EOF").count() == 1);
    assert_eq!(samples(&open), samples(&answer(&facts(), None, |_| true).1));
}

#[test]
fn names_keep_to_the_rules_and_no_series_is_there_twice() {
    let mut seen = BTreeSet::new();
    for family in all() {
        assert!(!family.samples.is_empty(), "{} has no sample here", family.name);
        assert!(
            !family.help.ends_with('.') && !family.help.contains('\n'),
            "{}",
            family.help
        );
        assert!(
            !family.name.ends_with("_total") && !family.name.contains("__"),
            "{}",
            family.name
        );
        for sample in &family.samples {
            let series = format!("{}{} {:?}", family.name, sample.end, sample.labels);
            assert!(seen.insert(series.clone()), "{series} is there twice");
        }
    }
    assert_eq!(names().len(), all().len());
}

#[test]
fn a_viewer_finds_only_its_streams_and_the_sum_of_the_nameless_ones() {
    let (_, text) = answer(&facts(), None, |stream| stream.as_str() == "live/lobby");
    assert!(
        text.contains("edgereel_stream_up{stream=\"live/lobby\"} 0\n"),
        "{text}"
    );
    assert!(
        text.contains("edgereel_stream_received_bytes_total{stream=\"\"} 1000\n"),
        "{text}"
    );
    assert!(!text.contains("cam1"), "{text}");
}

#[test]
fn what_is_not_known_is_left_out_and_not_zero() {
    let mut facts = facts();
    facts.figures.journal = None;
    facts.figures.mqtt = None;
    facts.figures.delivery = Some(DeliveryFigures::default());
    let (_, text) = answer(&facts, None, |_| true);
    for name in [
        "edgereel_recordings{",
        "edgereel_outbox_events",
        "edgereel_callback_waiting",
        "edgereel_mqtt_up",
        "edgereel_delivery_up",
        "edgereel_delivery_waiting",
        "edgereel_delivery_lag_seconds",
    ] {
        assert!(!text.contains(name), "{name}");
    }
    assert!(text.contains("edgereel_delivery_sent_bytes_total 0\n"));
}

#[test]
fn the_page_lists_every_metric_and_no_other() {
    let page = file("docs/operations.md");
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("Monitoring with Prometheus"));
    let table: String = section
        .expect("the section")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split(" | ").next().unwrap())
        .collect();
    assert_eq!(named(&table), names());
}

#[test]
fn dashboard_and_alerts_ask_for_metrics_that_there_are() {
    let series = series();
    for path in ["packaging/grafana/edgereel.json", "packaging/grafana/alerts.yaml"] {
        let text = file(path);
        let asked = named(&text);
        assert!(asked.len() > 5, "{path}");
        let unknown: Vec<_> = asked.difference(&series).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
    }
    let dashboard: serde_json::Value =
        serde_json::from_str(&file("packaging/grafana/edgereel.json")).unwrap();
    let rows = dashboard["panels"].as_array().unwrap().iter();
    let rows: Vec<&str> = rows
        .filter(|panel| panel["type"] == "row")
        .filter_map(|row| row["title"].as_str())
        .collect();
    assert_eq!(rows.first(), Some(&"Fleet"));
    assert!(rows.len() > 3, "{rows:?}");
}

/// The recipe for boxes behind NAT makes the same metrics of `health`.
#[test]
fn the_recipe_for_telegraf_reads_what_health_has_and_names_metrics_that_there_are() {
    let health = Health {
        review: None,
        time: String::new(),
        uptime_s: 1,
        process: facts().figures.process,
        streams: facts().figures.streams,
        storage: storage(),
        sync: Some(SyncHealth {
            state: "online",
            reason: None,
            waiting: 1,
            waiting_bytes: 2,
            lag_s: Some(3),
            set_aside: 4,
            rate: 5,
            sent_bytes: 6,
        }),
        clock: ClockHealth { synced: true },
        outbox: OutboxHealth::default(),
        mqtt: Some(LinkHealth::default()),
    };
    let health = serde_json::to_value(health).unwrap();
    let page = file("docs/operations.md");
    let recipe = page.split("```conf\n").nth(1).expect("the recipe");
    let recipe: toml::Value = toml::from_str(recipe.split("```").next().unwrap()).unwrap();
    let inputs = recipe["inputs"]["mqtt_consumer"].as_array().unwrap();
    let fields: Vec<&toml::Value> = inputs
        .iter()
        .flat_map(|input| input["json_v2"][0]["field"].as_array().unwrap())
        .collect();
    let series = series();
    for field in &fields {
        let (path, name) = (field["path"].as_str().unwrap(), field["rename"].as_str().unwrap());
        let pointer = format!("/{}", path.replace('.', "/"));
        assert!(health.pointer(&pointer).is_some(), "health has no {path}");
        assert!(series.contains(name), "there is no metric {name}");
    }
    assert!(fields.len() > 10);
}
