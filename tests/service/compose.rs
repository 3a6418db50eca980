//! Recordings that are made of others over MQTT, watched over HTTP, and delivered.

use serde_json::json;

use crate::support::broker::Broker;
use crate::support::delivered::{all_delivered, expected, files, push, rows, same_files};
use crate::support::fleet::{ask, event, managed, status};
use crate::support::http::get;
use crate::support::{Service, home, typed, verified, wait_until};

#[test]
fn two_recordings_are_put_together_over_mqtt_and_watched_and_delivered_as_one() {
    let (home, target, broker) = (home(), home(), Broker::start());
    let more = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\n[sync]\nurl = \"file://{}\"\n",
        target.path().display()
    );
    let service = Service::start_with(home.path(), &managed(&broker, &more));
    status(&broker, "up");
    push(&service, "live/a", 8, 0);
    push(&service, "live/b", 6, 0);
    let data = service.data();
    wait_until("both to be delivered", || all_delivered(&data, 2));
    let of = |stream: &str| {
        let rows = rows(&data);
        let row = rows.iter().find(|row| row["stream"] == stream);
        row.unwrap()["id"].clone()
    };
    let (a, b) = (of("live/a"), of("live/b"));
    let body = json!({
        "id": "best", "title": "Best of both", "ranges": [
            {"recording": b, "from_s": -3, "note": "the end"},
            {"recording": a, "from_s": 1.5, "to_s": 5, "note": "the middle"},
        ],
    });
    let made = ask(&broker, "recording.compose", &body, "a");
    assert_eq!(
        (made["ok"].as_bool(), made["result"]["duration_s"].as_f64()),
        (Some(true), Some(6.5)),
        "{made}"
    );
    // A repeated request makes nothing else.
    assert_eq!(ask(&broker, "recording.compose", &body, "b"), made);
    let id = made["result"]["recording"].as_str().unwrap();
    let delivered = || {
        let told = crate::support::fleet::events(&broker);
        let of = |event: &&serde_json::Value| {
            event["type"] == "recording.delivered" && event["data"]["recording"] == id
        };
        told.values().filter(of).count()
    };
    wait_until("it to be told of as delivered", || {
        delivered() == 2 && all_delivered(&data, 3)
    });
    assert_eq!(event(&broker, "recording.delivered")["data"]["origin"], "rule");
    let door = service.http();
    let file = get(door, &format!("/r/{id}.mp4"), &[]);
    assert_eq!(file.status, 200);
    for text in ["Best of both", "the end", "the middle"] {
        let has = file.body.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(has, "{text}");
    }
    let playlist = get(door, &format!("/r/{id}/index.m3u8"), &[]);
    // Each range has the date at which it was recorded.
    let dates = playlist.text().matches("EXT-X-PROGRAM-DATE-TIME").count();
    assert_eq!(dates, 2, "{}", playlist.text());
    let part = get(door, &format!("/r/{id}.mp4?from=1s"), &[]);
    assert_eq!(part.status, 400, "{}", part.text());
    // Both beside each other, in one MP4 and in nothing else.
    let body =
        json!({"recordings": [{"recording": a}, {"recording": b, "to_s": 4}], "title": "Both in step"});
    let made = ask(&broker, "recording.mix", &body, "e");
    let mixed = made["result"]["recording"]
        .as_str()
        .unwrap_or_else(|| panic!("{made}"));
    wait_until("it to be delivered", || all_delivered(&data, 4));
    let beside = get(door, &format!("/r/{mixed}.mp4"), &[]);
    let tracks = beside.body.windows(4).filter(|found| *found == b"trak").count();
    assert_eq!((beside.status, tracks), (200, 4));
    for (path, status, says) in [
        ("/index.m3u8", 404, "beside each other"),
        (".m4a", 404, "beside each other"),
        (".flv", 404, "beside each other"),
        (".mp4?from=1s", 404, "beside each other"),
    ] {
        let refused = get(door, &format!("/r/{mixed}{path}"), &[]);
        assert_eq!(refused.status, status, "{path}: {}", refused.text());
        assert!(refused.text().contains(says), "{path}: {}", refused.text());
    }
    let still = get(door, &format!("/r/{mixed}/frame.mp4"), &[]);
    assert_eq!(still.status, 200, "{}", still.text());
    // Its recordings go, and it plays as before, also after a kill.
    for (place, source) in [("c", a), ("d", b)] {
        let deleted = ask(
            &broker,
            "recording.delete",
            &json!({ "recording": source }),
            place,
        );
        let needed = deleted["result"]["needed_by"].as_array().unwrap();
        assert!(
            needed.contains(&json!(id)) && needed.contains(&json!(mixed)),
            "{deleted}"
        );
    }
    service.kill();
    let service = Service::start_with(home.path(), &managed(&broker, &more));
    assert_eq!(rows(&data).len(), 2);
    for (made, file) in [(id, &file), (mixed, &beside)] {
        let again = get(service.http(), &format!("/r/{made}.mp4"), &[]);
        assert!(again.body == file.body);
    }
    let out = crate::support::home();
    let mut found = files(target.path());
    let wanted = expected(&data, out.path());
    found.retain(|key, _| wanted.contains_key(key));
    same_files(&wanted, &found);
    drop(service);
    verified(&data);
}

/// A template of which a session is one recording, too.
const CLASS: &str = "\n[[template]]\nname = \"class\"\nformats = [\"mp4\"]\nsplit = \"30s\"\n\
                     compose = true\n[[rule]]\ntemplate = \"class\"\n";

#[test]
fn a_session_is_delivered_as_one_recording_more_also_when_the_service_was_killed_at_its_end() {
    let (home, target) = (home(), home());
    let more = format!("[sync]\nurl = \"file://{}\"\n{CLASS}", target.path().display());
    let service = Service::start_with(home.path(), &more);
    push(&service, "live/class", 80, 0);
    let data = service.data();
    wait_until("it to be closed", || {
        let rows = rows(&data);
        rows.len() >= 3 && rows.iter().all(|row| row["state"] != "open")
    });
    service.kill();
    let _service = Service::start_with(home.path(), &more);
    wait_until("all to be delivered", || all_delivered(&data, 4));
    let rows = rows(&data);
    let (whole, pieces): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["origin"] == "composition");
    let length = |row: &serde_json::Value| row["duration_s"].as_f64().unwrap();
    let sum: f64 = pieces.iter().map(|piece| length(piece)).sum();
    assert!(
        whole.len() == 1 && (length(whole[0]) - sum).abs() < 0.001,
        "{rows:#?}"
    );
    assert_eq!(
        (&whole[0]["session"], &whole[0]["number"]),
        (&pieces[0]["session"], &json!(4))
    );
    let out = crate::support::home();
    same_files(&expected(&data, out.path()), &files(target.path()));
}

#[test]
fn a_time_lapse_is_an_mp4_alone_over_http_and_where_it_is_delivered() {
    let (home, target) = (home(), home());
    let more = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\n[sync]\nurl = \"file://{}\"\n",
        target.path().display()
    );
    let service = Service::start_with(home.path(), &more);
    push(&service, "live/a", 8, 0);
    let data = service.data();
    wait_until("it to be delivered", || all_delivered(&data, 1));
    let source = rows(&data)[0]["id"].as_str().unwrap().to_owned();
    let words = ["recording", "timelapse", &source, "--speed", "4", "--from", "1"];
    let made = typed(home.path(), &words);
    // Seven seconds, four times faster.
    let length = made["duration_s"].as_f64().unwrap();
    assert!((1.7..1.8).contains(&length), "{made}");
    let id = made["recording"].as_str().unwrap();
    wait_until("the time lapse to be delivered", || all_delivered(&data, 2));
    typed(home.path(), &["recording", "delete", &source, "--yes"]);
    service.kill();
    let service = Service::start_with(home.path(), &more);
    let at = |end: &str, headers: &[(&str, &str)]| get(service.http(), &format!("/r/{id}{end}"), headers);
    let file = at(".mp4", &[]);
    let tag = file.header("etag").unwrap().to_owned();
    let part = at(".mp4", &[("Range", "bytes=10-19"), ("If-Range", &tag)]);
    assert_eq!((file.status, part.status), (200, 206));
    assert_eq!(part.body, file.body[10..20]);
    assert_eq!(at(".mp4", &[("If-None-Match", &tag)]).status, 304);
    for end in [
        "/index.m3u8",
        "/master.m3u8",
        "/frame.mp4",
        ".flv",
        ".fmp4",
        ".m4a",
        ".mp4?from=1s",
    ] {
        let refused = at(end, &[]);
        assert_eq!(refused.status, 404, "{end}");
        assert!(
            refused.text().contains("is a time lapse"),
            "{end}: {}",
            refused.text()
        );
    }
    let rows = rows(&data);
    let delivered = rows[0]["renditions"].as_array().unwrap();
    assert_eq!(
        (rows.len(), delivered.len(), &delivered[0]["format"]),
        (1, 1, &json!("mp4"))
    );
    let out = crate::support::home();
    let wanted = expected(&data, out.path());
    let mut found = files(target.path());
    found.retain(|key, _| wanted.contains_key(key));
    same_files(&wanted, &found);
    let [path] = found.values().collect::<Vec<_>>()[..] else {
        panic!("{found:?}")
    };
    assert!(std::fs::read(path).unwrap() == file.body);
    let flv = out.path().join("film.flv");
    crate::support::export(&data, id, "flv", &flv).failed(1, &["is a time lapse", "as an MP4"]);
    verified(&data);
}
