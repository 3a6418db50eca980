//! A store of an earlier release is read unchanged. `tests/fixtures/README.md` lists its contents.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{Service, edgereel, home, recordings, verified, wait_all_closed};

const STORE: &[u8] = include_bytes!("../fixtures/store-0.1.0-62db12f.bin");
const SUMS: &str = include_str!("../fixtures/store-0.1.0-62db12f.sha256");

const FINISHED: &str = "01a22810-c3f5-713a-8bdd-7d0642639b8d";
const UNFINISHED: &str = "01a22810-e9c5-74e8-a352-62d01456b21e";

fn take<'a>(rest: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(len);
    *rest = left;
    taken
}

fn number(rest: &mut &[u8], len: usize) -> usize {
    take(rest, len)
        .iter()
        .fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Writes the store's files to `data`.
fn unpack(data: &Path) {
    let end = STORE.iter().position(|byte| *byte == b'\n').unwrap();
    let mut rest = &STORE[end + 1..];
    while !rest.is_empty() {
        let name = number(&mut rest, 2);
        let mut bytes = vec![0; number(&mut rest, 8)];
        let pieces = number(&mut rest, 4);
        let path = data.join(std::str::from_utf8(take(&mut rest, name)).unwrap());
        for _ in 0..pieces {
            let (at, len) = (number(&mut rest, 8), number(&mut rest, 4));
            bytes[at..at + len].copy_from_slice(take(&mut rest, len));
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The fields of `ls --json` of each recording that do not depend on later events.
fn listed(data: &Path) -> Vec<Value> {
    let listed = recordings(data).into_iter().map(|recording| {
        let codecs: Vec<_> = recording
            .tracks
            .iter()
            .map(|track| track.codec.as_str())
            .collect();
        json!([
            recording.id,
            recording.stream,
            recording.start,
            recording.end,
            recording.bytes,
            codecs,
            recording.gaps
        ])
    });
    listed.collect()
}

fn expected() -> Vec<Value> {
    let gap = json!({ "from": "2026-11-29T16:08:39.198663Z", "to": "2026-11-29T16:08:41.207370Z" });
    let codecs = json!(["h264", "aac"]);
    vec![
        json!([
            FINISHED,
            "live/cam1",
            "2026-11-29T16:08:36.099661Z",
            "2026-11-29T16:08:45.328049Z",
            40_258,
            codecs,
            [gap]
        ]),
        json!([
            UNFINISHED,
            "live/cam2",
            "2026-11-29T16:08:45.723903Z",
            "2026-11-29T16:08:53.965903Z",
            44_858,
            codecs,
            []
        ]),
    ]
}

/// Exports everything, and writes the sum of each file in the form of the fixture.
fn exported(data: &Path, out: &Path) -> Vec<String> {
    std::fs::create_dir_all(out).unwrap();
    let export = |name: &str, arguments: &[&str]| {
        let (data, out) = (data.to_str().unwrap(), out.join(name));
        let more = ["--data", data, "-o", out.to_str().unwrap()];
        edgereel(&[&["export"], arguments, &more].concat()).ok();
    };
    let (cut, part) = (
        format!("{FINISHED}@1500ms..6200ms"),
        format!("{UNFINISHED}@2s..5s"),
    );
    for (name, ranges) in [
        ("finished", &[FINISHED][..]),
        ("unfinished", &[UNFINISHED]),
        ("cut", &[&cut]),
        ("joined", &[FINISHED, &part]),
    ] {
        for (ending, format) in [
            (".mp4", "mp4"),
            ("-fragmented.mp4", "fmp4"),
            (".flv", "flv"),
            ("-hls", "hls"),
        ] {
            export(
                &format!("{name}{ending}"),
                &[ranges, &["--format", format]].concat(),
            );
        }
    }
    for (name, id) in [("finished", FINISHED), ("unfinished", UNFINISHED)] {
        for ending in ["m4a", "aac"] {
            export(&format!("{name}.{ending}"), &[id, "--format", "aac"]);
        }
    }
    export("split.mp4", &[UNFINISHED, "--split", "3s", "--format", "mp4"]);
    let mut sums = Vec::new();
    sum(out, Path::new(""), &mut sums);
    sums.sort();
    sums.into_iter()
        .map(|(name, sum)| format!("{sum} {}", name.display()))
        .collect()
}

fn sum(folder: &Path, name: &Path, sums: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder.join(name)).unwrap() {
        let name = name.join(entry.unwrap().file_name());
        let path = folder.join(&name);
        if path.is_dir() {
            sum(folder, &name, sums);
            continue;
        }
        let digest = Sha256::digest(std::fs::read(path).unwrap());
        let digits = digest.iter().map(|byte| format!("{byte:02x}"));
        sums.push((name, digits.collect()));
    }
}

#[test]
fn a_store_of_the_release_before_is_read_as_it_is() {
    let home = home();
    let data = home.path().join("data");
    unpack(&data);
    let wanted: Vec<_> = SUMS.lines().collect();
    // Its journal lacks the last steps of the schema. A reader says what to do, and changes nothing.
    let early = edgereel(&["ls", "--data", data.to_str().unwrap()]);
    assert_eq!(early.code, Some(1), "{}", early.stderr);
    assert!(
        early.stderr.contains("start the service once"),
        "{}",
        early.stderr
    );

    // A start recovers the open recordings, and records new media.
    let service = Service::start(home.path());
    assert_eq!(service.data(), data);
    wait_all_closed(&data, 2);
    assert_eq!(listed(&data), expected());
    assert!(service.stop().0.success());
    assert_eq!(exported(&data, &home.path().join("out")), wanted);
    verified(&data);
    assert!(!data.join("journal-damaged-1").exists());

    // The same store without its journal.
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(data.join(file));
    }
    let service = Service::start(home.path());
    let ids: Vec<_> = recordings(&data)
        .into_iter()
        .map(|recording| recording.id)
        .collect();
    assert_eq!(ids, [FINISHED, UNFINISHED]);
    assert!(service.stop().0.success());
    verified(&data);
}
