//! Recordings that are shown again at set times, over HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use crate::support::http::{Reply, ask, get};
use crate::support::{Service, home, record_sample, typed};

const KEY: &str = "7d1f0c5ae29b4f63886b0e4f9a2c51d7";
const OTHER: &str = "0b94e2f07c1a8436d9f50e7732bd6481";
const OPERATOR: &str = "5e8c21b7f09d4a63be17c0f4d82a9365";
const TOKEN_KEY: &str = "b94e2f07c1a8436d9f50e7732bd6481c";

fn started(home: &Path) -> Service {
    let sections = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\ntoken_key = \"{TOKEN_KEY}\"\n\
         [[viewer]]\nname = \"staff\"\nkey = \"{KEY}\"\nstreams = \"live/*\"\n\
         [[viewer]]\nname = \"operator\"\nkey = \"{OPERATOR}\"\nstreams = \"live/*\"\nmay = [\"watch\", \"operate\"]\n\
         [[viewer]]\nname = \"others\"\nkey = \"{OTHER}\"\nstreams = \"other/*\"\n"
    );
    Service::start_with(home, &sections)
}

fn of_staff(door: SocketAddr, path: &str) -> Reply {
    get(door, path, &[("Authorization", &format!("Bearer {KEY}"))])
}

/// The chunks of a playlist by their numbers: when they are shown, and their paths.
fn chunks(text: &str) -> BTreeMap<u64, (String, String)> {
    let behind = |tag: &str| text.lines().find_map(|line| line.strip_prefix(tag));
    let first: u64 = behind("#EXT-X-MEDIA-SEQUENCE:").unwrap().parse().unwrap();
    let dates = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    let names = text.lines().filter(|line| !line.starts_with('#'));
    let both = dates
        .zip(names)
        .map(|(date, name)| (date.to_owned(), format!("/channel/{name}")));
    (first..).zip(both).collect()
}

/// The bytes with the decode times made zero, and these times.
fn without_times(bytes: &[u8]) -> (Vec<u8>, Vec<u64>) {
    let (mut bytes, mut times) = (bytes.to_vec(), Vec::new());
    for at in 0..bytes.len().saturating_sub(16) {
        if bytes[at..].starts_with(b"tfdt") {
            times.push(u64::from_be_bytes(bytes[at + 8..at + 16].try_into().unwrap()));
            bytes[at + 8..at + 16].fill(0);
        }
    }
    (bytes, times)
}

#[test]
fn a_recording_is_shown_again_as_if_it_were_live() {
    let home = home();
    let service = started(home.path());
    let id = record_sample(&service, "live/cam1").id;
    let door = service.http();
    let playlist = "/channel/evening.m3u8";

    typed(home.path(), &["channel", "put", "later", &id, "--start", "1h"]);
    let early = of_staff(door, "/channel/later.m3u8");
    let wait: u64 = early.header("retry-after").unwrap().parse().unwrap();
    assert!(
        early.status == 404 && (3_000..=3_600).contains(&wait),
        "{} {wait}",
        early.status
    );
    let part = format!("{id}@0s..4s");
    let put = typed(
        home.path(),
        &["channel", "put", "evening", &id, &part, "--play", "loop"],
    );
    assert_eq!(
        (put["state"].as_str(), put["path"].as_str()),
        (Some("playing"), Some(playlist)),
        "{put}"
    );

    let shown = of_staff(door, playlist);
    assert_eq!(shown.status, 200, "{}", shown.text());
    assert_eq!(
        shown.header("content-type"),
        Some("application/vnd.apple.mpegurl")
    );
    let text = shown.text().to_owned();
    assert!(
        text.contains("#EXT-X-START:TIME-OFFSET=-") && !text.contains("ENDLIST"),
        "{text}"
    );
    let before = chunks(&text);
    assert!(before.len() >= 4, "{text}");
    // The first chunk of the recording, later. Its media is the same.
    let path = before[&0].1.clone();
    let first = of_staff(door, &path);
    let listed = of_staff(door, &format!("/r/{id}/index.m3u8")).text().to_owned();
    let original = listed.lines().find(|line| line.ends_with(".m4s")).unwrap();
    let original = of_staff(door, &format!("/r/{id}/{original}"));
    assert_eq!((first.status, original.status), (200, 200), "{path}");
    assert!(first.header("cache-control").unwrap().contains("immutable"));
    let ((bytes, times), (wanted, early)) = (without_times(&first.body), without_times(&original.body));
    assert!(bytes == wanted, "other media");
    assert!(
        times.iter().zip(&early).all(|(time, early)| time > early),
        "{times:?} {early:?}"
    );
    let map = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\""))
        .unwrap();
    let init = of_staff(door, &format!("/channel/{}", map.trim_end_matches('"')));
    let original = of_staff(door, &format!("/r/{id}/{}", crate::http::map(&listed).unwrap()));
    assert!(init.status == 200 && init.body == original.body);
    let master = of_staff(door, "/channel/evening/master.m3u8");
    assert!(
        master.text().contains("CODECS=") && master.text().ends_with("../evening.m3u8\n"),
        "{}",
        master.text()
    );
    let head = ask(
        door,
        "HEAD",
        playlist,
        &[("Authorization", &format!("Bearer {KEY}"))],
        b"",
    );
    assert!(head.status == 200 && head.body.is_empty());

    // Who may not watch the stream does not learn of the channel.
    let token = |arguments: &[&str]| {
        let made = typed(home.path(), &[&["token", "create"], arguments].concat());
        made["token"].as_str().unwrap().to_owned()
    };
    assert_eq!(get(door, playlist, &[]).status, 401);
    assert_eq!(
        get(door, playlist, &[("Authorization", &format!("Bearer {OTHER}"))]).status,
        404
    );
    for (arguments, status) in [
        (&["--stream", "live/cam1"][..], 200),
        (&["--recording", &id], 200),
        (&["--stream", "other/cam1"], 404),
        // A time of media is no time of a channel.
        (&["--stream", "live/cam1", "--from", "24h"], 404),
    ] {
        let got = get(door, &format!("/t/{}{playlist}", token(arguments)), &[]);
        assert_eq!(got.status, status, "{arguments:?}: {}", got.text());
    }
    for (path, status) in [
        ("/channel/none.m3u8", 404),
        ("/channel/evening/0000000000000000-0-0.m4s", 404),
        ("/channel/evening/init-00000000.mp4", 404),
    ] {
        assert_eq!(of_staff(door, path).status, status, "{path}");
    }

    // Commands are for callers who may operate, on all streams: a channel shows any.
    for (command, body) in [
        ("put", serde_json::json!({"name": "x", "items": [id]})),
        ("list", serde_json::json!({})),
        ("delete", serde_json::json!({"name": "evening"})),
        ("enable", serde_json::json!({"name": "evening"})),
        ("disable", serde_json::json!({"name": "evening"})),
        (
            "push",
            serde_json::json!({"name": "evening", "url": "rtmp://127.0.0.1/live/key"}),
        ),
        ("unpush", serde_json::json!({"name": "evening"})),
        ("pushes", serde_json::json!({})),
    ] {
        for key in [KEY, OTHER, OPERATOR] {
            let headers = [
                ("Authorization", &*format!("Bearer {key}")),
                ("Content-Type", "application/json"),
            ];
            let path = format!("/api/v1/channel.{command}");
            let got = ask(door, "POST", &path, &headers, body.to_string().as_bytes());
            assert_eq!(got.status, 403, "{command}: {}", got.text());
        }
    }

    // The service is started again, and nothing has moved.
    service.stop();
    let service = started(home.path());
    let door = service.http();
    let after = chunks(of_staff(door, playlist).text());
    for (number, chunk) in &after {
        assert!(
            before.get(number).is_none_or(|known| known == chunk),
            "{number}: {chunk:?}"
        );
    }
    assert!(
        after.keys().any(|number| before.contains_key(number)),
        "{before:?} {after:?}"
    );
    assert_eq!(
        of_staff(door, &path).body,
        first.body,
        "a chunk never changes its bytes"
    );

    typed(home.path(), &["channel", "disable", "evening"]);
    assert_eq!(of_staff(door, playlist).status, 404);
    assert_eq!(of_staff(door, &path).status, 404);
    typed(home.path(), &["channel", "enable", "evening"]);
    assert_eq!(of_staff(door, playlist).status, 200);
    // What is listed of a recording that is deleted all the same is gone.
    typed(home.path(), &["recording", "delete", &id, "--yes"]);
    let gone = of_staff(door, &path);
    assert_eq!(gone.status, 410, "{}", gone.text());
    typed(home.path(), &["channel", "delete", "evening"]);
    assert_eq!(of_staff(door, playlist).status, 404);
    let left = typed(home.path(), &["channel", "list"]);
    assert_eq!(left["channels"].as_array().unwrap().len(), 1, "{left}");
}
