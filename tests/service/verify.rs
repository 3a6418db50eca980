//! `edgereel verify` as a user meets it.

use std::path::{Path, PathBuf};

use crate::support::{Done, Service, edgereel, home, record_sample, recordings};

/// A store in which the whole sample was recorded once, and its service.
fn recorded(home: &Path) -> Service {
    let service = Service::start(home);
    record_sample(&service, "live/cam1");
    service
}

fn verify(data: &Path, more: &[&str]) -> Done {
    let mut arguments = vec!["verify", "--data", data.to_str().unwrap()];
    arguments.extend(more);
    edgereel(&arguments)
}

fn segment(data: &Path) -> PathBuf {
    data.join("tape/live+cam1/00000001.mp4")
}

/// Where the `n`th `mdat` of a file ends.
fn end_of_media(bytes: &[u8], n: usize) -> usize {
    let mut at = 0;
    let mut found = 0;
    while at < bytes.len() {
        let len = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        found += usize::from(&bytes[at + 4..at + 8] == b"mdat");
        at += len;
        if found == n {
            break;
        }
    }
    at
}

#[test]
fn a_sound_store_is_0_and_silent_on_standard_error() {
    let home = home();
    let service = recorded(home.path());
    let data = service.data();
    // `verify` runs beside the service and after it.
    let running = verify(&data, &[]).ok();
    assert!(running.stderr.is_empty(), "{}", running.stderr);
    assert!(running.text().contains(" segments, "), "{}", running.text());
    assert!(service.stop().0.success());
    let document = verify(&data, &["--json"]).ok();
    let document: serde_json::Value = serde_json::from_slice(&document.stdout).unwrap();
    assert_eq!(document["sound"], true);
    assert_eq!(document["problems"], serde_json::json!([]));
    assert_eq!(document["being_written"], 0);
    verify(&data, &["--repair"]).ok();
}

#[test]
fn one_flipped_bit_is_named_with_its_segment_and_fragment() {
    let home = home();
    let service = recorded(home.path());
    let data = service.data();
    let path = segment(&data);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = end_of_media(&bytes, 3) - 20;
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let recording = recordings(&data).remove(0);

    let done = verify(&data, &[]).failed(1, &["1 problem"]);
    let line = done.text().lines().next().unwrap().to_owned();
    let words = [
        path.to_str().unwrap(),
        ": fragment 3 (byte ",
        "Z, 1.0 s): its media does not match its checksum; in recording ",
        &recording.id,
    ];
    for word in words {
        assert!(line.contains(word), "'{word}' is not in: {line}");
    }
    let done = verify(&data, &["--json"]).failed(1, &["1 problem"]);
    let document: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let problem = &document["problems"][0];
    assert_eq!(problem["fragment"]["number"], 3);
    assert_eq!(problem["recordings"][0], recording.id.as_str());
    let start: jiff::Timestamp = problem["fragment"]["start"].as_str().unwrap().parse().unwrap();
    let begun: jiff::Timestamp = recording.start.parse().unwrap();
    let after = start.duration_since(begun).as_secs_f64();
    assert!((1.5..2.5).contains(&after), "{after} s after the start");

    // The damaged media is still footage: a repair leaves it, and exports contain it.
    assert!(service.stop().0.success());
    verify(&data, &["--repair"]).failed(1, &["1 problem"]);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let out = home.path().join("out.mp4");
    crate::support::export(&data, &recording.id, "mp4", &out).ok();
}

#[test]
fn a_repair_wants_the_service_stopped() {
    let home = home();
    let service = recorded(home.path());
    verify(&service.data(), &["--repair"]).failed(1, &["the service must be stopped", "lock"]);
    assert!(service.stop().0.success());
    let nothing = home.path().join("nothing-here");
    verify(&nothing, &["--repair"]).failed(1, &["nothing-here"]);
    verify(&nothing, &[]).failed(1, &["nothing-here"]);
    assert!(!nothing.exists(), "a repair made the store");
    edgereel(&["verify", "--bananas"]).failed(2, &["--help"]);
}

#[test]
fn a_ruined_journal_is_repaired_by_command_and_by_starting() {
    let home = home();
    let service = recorded(home.path());
    let data = service.data();
    assert!(service.stop().0.success());
    let before = recordings(&data);
    let same = |what: &str| {
        let after = recordings(&data);
        assert_eq!(after.len(), 1, "{what}");
        assert_eq!(
            (&after[0].id, after[0].bytes),
            (&before[0].id, before[0].bytes),
            "{what}"
        );
        // A start compares the two clocks anew, and does not read them at exactly the same moment.
        let micros = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        let near = |a: &str, b: &str| (micros(a) - micros(b)).abs() < 1_000;
        assert!(
            near(&after[0].start, &before[0].start) && near(&after[0].end, &before[0].end),
            "{what}: {after:?}, and before {before:?}"
        );
    };
    let ruin = || std::fs::write(data.join("journal.db"), b"this is not a database").unwrap();

    ruin();
    for command in ["ls", "verify"] {
        let path = data.to_str().unwrap();
        edgereel(&[command, "--data", path]).failed(1, &["journal.db", "edgereel verify --repair"]);
    }
    let done = verify(&data, &["--repair"]).ok();
    assert!(
        done.text().contains("repaired: journal set aside to"),
        "{}",
        done.text()
    );
    assert!(data.join("journal-damaged-1/reason.json").exists());
    same("after verify --repair");
    let text = verify(&data, &["--repair"]).ok().text();
    assert!(!text.contains("repaired:"), "a second run did something: {text}");

    ruin();
    let service = Service::start(home.path());
    let log = service.log();
    assert!(log.contains("journal set aside to"), "{log}");
    same("after a start");
    assert!(service.stop().0.success());
    verify(&data, &[]).ok();
}
