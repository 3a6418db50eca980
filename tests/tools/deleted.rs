//! Deleted means deleted: no file of the store contains any of the footage, and media that other recordings need plays.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::judge::decodes;
use crate::packets::Packets;
use crate::programs::FFMPEG;
use crate::session::{Session, plain_session};
use crate::support::flv::VIDEO;
use crate::support::{Flv, edgereel, export, verified, wait_until};

/// Bytes from the middle of each picture that is large enough, and its decoding time in seconds.
fn pictures(flv: &Path) -> Vec<(f64, Vec<u8>)> {
    let tags = Flv::read(flv).tags.into_iter();
    let large = tags.filter(|tag| tag.kind == VIDEO && tag.body.len() > 200);
    large
        .map(|tag| {
            let middle = tag.body.len() / 2;
            (
                f64::from(tag.time) / 1000.0,
                tag.body[middle..middle + 64].to_vec(),
            )
        })
        .collect()
}

/// Every file of a store except SQLite's files, which contain no media.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let (folders, mut found): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    found.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with("journal"));
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found
}

/// The decoding times of the pictures that are in any file of the store, once for each time.
fn there(data: &Path, pictures: &[(f64, Vec<u8>)]) -> Vec<f64> {
    let mut by_start: HashMap<&[u8], Vec<&(f64, Vec<u8>)>> = HashMap::new();
    for picture in pictures {
        by_start.entry(&picture.1[..8]).or_default().push(picture);
    }
    let mut begins = vec![false; 1 << 16];
    for start in by_start.keys() {
        begins[usize::from(start[0]) << 8 | usize::from(start[1])] = true;
    }
    let mut found = Vec::new();
    for path in files(data) {
        let bytes = std::fs::read(path).unwrap();
        for at in 0..bytes.len().saturating_sub(64) {
            if !begins[usize::from(bytes[at]) << 8 | usize::from(bytes[at + 1])] {
                continue;
            }
            let of = by_start.get(&bytes[at..at + 8]).into_iter().flatten();
            let whole = of.filter(|(_, part)| bytes[at..].starts_with(part));
            found.extend(whole.map(|(time, _)| *time));
        }
    }
    found.sort_by(f64::total_cmp);
    found
}

/// Sends a command to the session's service. Returns the answer.
#[track_caller]
fn asked(session: &Session, arguments: &[&str]) -> Value {
    let socket = session.service.data().with_file_name("control.sock");
    let more = ["--socket", socket.to_str().unwrap(), "--json"];
    let done = edgereel(&[arguments, &more].concat()).ok();
    serde_json::from_str::<Value>(&done.text()).unwrap()["result"].clone()
}

#[test]
fn what_was_deleted_is_in_no_file_and_the_clip_plays() {
    let session = plain_session(14);
    let data = session.service.data();
    let id = session.recording.id.clone();
    let before = data.with_file_name("before.flv");
    export(&data, &id, "flv", &before).ok();
    let mut pictures = pictures(&before);
    // Some bytes of a test picture are those of another one.
    let mut known = HashMap::<Vec<u8>, u32>::new();
    for (_, part) in &pictures {
        *known.entry(part.clone()).or_default() += 1;
    }
    pictures.retain(|(_, part)| known[part] == 1);
    let all: Vec<f64> = pictures.iter().map(|(time, _)| *time).collect();
    assert!(all.len() > 150, "{} pictures", all.len());
    assert_eq!(there(&data, &pictures), all);

    // The deleted range begins within a GOP of 2 s.
    let start: Timestamp = asked(&session, &["recording", "get", &id])["start"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let moment = |seconds| (start + SignedDuration::from_secs(seconds)).to_string();
    let (from, to) = (moment(3), moment(5));
    // The clip was pushed faster than real time.
    let end = start + SignedDuration::from_secs(5);
    wait_until("the end of the clip to be past", || Timestamp::now() > end);
    let clip = asked(
        &session,
        &["clip", "create", "live/cam1", "--from", &from, "--to", &to],
    );
    let clip = clip["recording"]
        .as_str()
        .or(clip["recordings"][0].as_str())
        .unwrap()
        .to_owned();

    // A script needs `--yes`.
    let socket = data.with_file_name("control.sock");
    let refused = edgereel(&["recording", "delete", &id, "--socket", socket.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("--yes") && refused.stderr.contains("live/cam1"),
        "{}",
        refused.stderr
    );
    let answer = asked(&session, &["recording", "delete", &id, "--yes"]);
    let left = answer["left_s"].as_f64().unwrap();
    assert!((2.0..5.2).contains(&left), "{answer}");
    wait_until("it to be written over", || {
        let left = there(&data, &pictures);
        // At most a GOP and a fragment before the range, and a fragment behind it, stay.
        left[0] > 0.8 && *left.last().unwrap() < 6.2
    });
    let found = there(&data, &pictures);
    let wanted: Vec<f64> = all
        .iter()
        .copied()
        .filter(|time| (3.0..4.9).contains(time))
        .collect();
    assert!(wanted.iter().all(|time| found.contains(time)), "{found:?}");

    let path = data.with_file_name("clip.mp4");
    export(&data, &clip, "mp4", &path).ok();
    decodes(&path, FFMPEG);
    let packets = Packets::of(&path, FFMPEG);
    assert!(packets.video.len() >= 50, "{} pictures", packets.video.len());
    crate::players::plays(&path);
    session.service.stop();
    verified(&data);

    // After the loss of the journal, the footage is not found again.
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(data.join(name));
    }
    let again = crate::support::Service::start_with(data.parent().unwrap(), "");
    let rows = crate::support::recordings(&data);
    assert!(rows.iter().all(|row| row.id != id), "{rows:#?}");
    assert!(there(&data, &pictures).iter().all(|time| found.contains(time)));
    again.stop();
    verified(&data);
}
