//! Where recordings and streams play: what the page, the lists, the command line and events say.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use crate::support::http::{Reply, ask, get};
use crate::support::webhook::Webhook;
use crate::support::{
    Pusher, Service, edgereel_of, home, publish_file, record_sample, sample, sample_path, typed, wait_for,
};

const KEY: &str = "7d1f0c5ae29b4f63886b0e4f9a2c51d7";

/// The rows of `ls --json`.
fn rows(home: &Path) -> Vec<Value> {
    let list: Value = serde_json::from_slice(&edgereel_of(home, &["ls", "--json"]).ok().stdout).unwrap();
    list["recordings"].as_array().unwrap().clone()
}

/// The path of an address of this door.
fn path(door: SocketAddr, url: &Value) -> String {
    let url = url.as_str().expect("an address");
    let path = url.strip_prefix(&format!("http://{door}"));
    path.unwrap_or_else(|| panic!("{url} is not at {door}"))
        .to_owned()
}

#[test]
fn the_page_and_the_description_are_served_to_everybody() {
    let home = home();
    let config =
        format!("[http]\nlisten = [\"127.0.0.1:0\"]\n[[viewer]]\nname = \"staff\"\nkey = \"{KEY}\"\n");
    let service = Service::start_with(home.path(), &config);
    let door = service.http();
    assert_eq!(get(door, "/api/v1/recording.list", &[]).status, 401);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, file, media_type) in [
        ("/", "assets/console/index.html", "text/html; charset=utf-8"),
        (
            "/console.js",
            "assets/console/console.js",
            "text/javascript; charset=utf-8",
        ),
        (
            "/console.css",
            "assets/console/console.css",
            "text/css; charset=utf-8",
        ),
        ("/icon.svg", "assets/console/icon.svg", "image/svg+xml"),
        (
            "/hls.js",
            "assets/console/hls.js",
            "text/javascript; charset=utf-8",
        ),
        ("/openapi.yaml", "docs/openapi.yaml", "application/yaml"),
    ] {
        let text = std::fs::read(root.join(file)).unwrap();
        let plain = get(door, path, &[]);
        assert!(
            plain.status == 200 && plain.body == text,
            "{path}: {}",
            plain.status
        );
        assert_eq!(plain.header("content-type"), Some(media_type));
        assert_eq!(plain.header("content-encoding"), None);
        let packed = get(door, path, &[("Accept-Encoding", "gzip, br")]);
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        let mut unpacked = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(packed.body.as_slice());
        decoder.read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == text && packed.body.len() < text.len(), "{path}");
        // Each form has its own tag, because the tags are strong.
        let (tag, other) = (plain.header("etag").unwrap(), packed.header("etag").unwrap());
        assert_ne!(tag, other);
        assert_eq!(get(door, path, &[("If-None-Match", tag)]).status, 304);
        let head = ask(door, "HEAD", path, &[], b"");
        assert_eq!(
            head.header("content-length"),
            Some(text.len().to_string().as_str())
        );
        assert!(head.body.is_empty());
        assert_eq!(ask(door, "POST", path, &[], b"{}").status, 405);
    }
    // Who has logged in, or does, is asked by the page for a password, and not by the browser for a key.
    let basic = |(name, value): &&(String, String)| name == "www-authenticate" && value.starts_with("Basic");
    let challenges = |reply: &Reply| reply.headers.iter().filter(basic).count();
    let list = "/api/v1/recording.list";
    assert_eq!(challenges(&get(door, list, &[])), 1);
    assert_eq!(challenges(&get(door, list, &[("Cookie", "edgereel=ended")])), 0);
    let wrong = br#"{"name":"staff","password":"wrong"}"#;
    let sent = [("Content-Type", "application/json")];
    let refused = ask(door, "POST", "/api/v1/session", &sent, wrong);
    assert_eq!((refused.status, challenges(&refused)), (401, 0));
    // The page runs the scripts of the box, and nothing else. The console has no part in any frame.
    let page = get(door, "/", &[]);
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    // A browser asks each time, so that page and script are of one release; what it has is not sent again.
    assert_eq!(
        get(door, "/console.js", &[]).header("cache-control"),
        Some("no-cache")
    );
}

#[test]
fn lists_and_the_command_line_say_where_things_play() {
    let home = home();
    let service = Service::start_with(home.path(), "[http]\nlisten = [\"127.0.0.1:0\"]\n");
    let door = service.http();
    publish_file(&sample_path(), &service.url("live/cam1"));
    let closed = wait_for("a closed recording", || {
        rows(home.path()).into_iter().find(|row| row["state"] == "closed")
    });
    let id = closed["id"].as_str().unwrap();
    assert_eq!(path(door, &closed["url"]), format!("/r/{id}/master.m3u8"));
    assert_eq!(path(door, &closed["mp4_url"]), format!("/r/{id}.mp4"));
    assert_eq!(get(door, &path(door, &closed["url"]), &[]).status, 200);
    let shown = edgereel_of(home.path(), &["recording", "get", "--last"])
        .ok()
        .text();
    assert!(shown.contains(closed["url"].as_str().unwrap()), "{shown}");
    let table = edgereel_of(home.path(), &["ls"]).ok().text();
    assert!(table.contains(closed["url"].as_str().unwrap()), "{table}");
    let over_http = get(door, "/api/v1/recording.list", &[]).json();
    assert_eq!(over_http["result"]["recordings"][0]["url"], closed["url"]);

    // What is open has an address of what it has now, which stays the same file while more is recorded.
    let pusher = Pusher::start(service.address(), "live/cam2", &sample(), 1.0);
    let open = |longer_than: f64| {
        wait_for("the open recording to be longer", || {
            let list = get(door, "/api/v1/recording.list?state=open", &[]).json();
            let open = list["result"]["recordings"].get(0)?.clone();
            (open["duration_s"].as_f64()? > longer_than).then_some(open)
        })
    };
    let first = open(2.0);
    let frozen = path(door, &first["mp4_url"]);
    assert!(frozen.contains(".mp4?to="), "{frozen}");
    let before = get(door, &frozen, &[]);
    assert_eq!(before.status, 200, "{}", String::from_utf8_lossy(&before.body));
    let streams = get(door, "/api/v1/stream.list", &[]).json();
    let live = path(door, &streams["result"]["streams"][0]["url"]);
    assert_eq!(live, "/live/cam2/master.m3u8");
    wait_for("the stream to play", || {
        (get(door, &live, &[]).status == 200).then_some(())
    });
    let later = open(first["duration_s"].as_f64().unwrap() + 1.0);
    assert_ne!(later["mp4_url"], first["mp4_url"]);
    let after = get(door, &frozen, &[]);
    assert_eq!(after.header("etag"), before.header("etag"));
    assert!(after.body == before.body, "the file has changed");
    pusher.stop();
    wait_for("the end of the recording", || {
        rows(home.path())
            .iter()
            .all(|row| row["state"] == "closed")
            .then_some(())
    });

    // For `wget -i`.
    let urls = edgereel_of(home.path(), &["ls", "--urls"]).ok().text();
    assert_eq!(urls.lines().count(), 2, "{urls}");
    for url in urls.lines() {
        let file = get(door, &path(door, &url.into()), &[]);
        assert_eq!(file.status, 200, "{url}");
        let name = file.header("content-disposition").unwrap();
        assert!(name.starts_with("attachment; filename=\"live_cam"), "{name}");
    }
    let one = edgereel_of(home.path(), &["ls", "--urls", "--stream", "live/cam1"])
        .ok()
        .text();
    assert_eq!(one.trim(), format!("http://{door}/r/{id}.mp4?download=1"));

    // Nothing plays where no service runs.
    service.stop();
    assert!(
        rows(home.path())
            .iter()
            .all(|row| row["url"].is_null() && row["mp4_url"].is_null())
    );
    edgereel_of(home.path(), &["ls", "--urls"]).failed(1, &["nothing can be downloaded", "http.listen"]);
}

#[test]
fn events_say_where_a_recording_plays_that_is_delivered_nowhere() {
    let (home, webhook) = (home(), Webhook::start());
    let callback =
        |path: &str, more: &str| format!("[[callback]]\nurl = \"{}\"\n{more}\n", webhook.url(path));
    let config = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\npublic_url = \"https://video.example.com/box-17\"\n{}{}{}",
        callback("/events", "events = [\"recording.*\"]"),
        callback("/tencent", "name = \"tencent\"\ndialect = \"tencent\""),
        callback("/aliyun", "name = \"aliyun\"\ndialect = \"aliyun\""),
    );
    let service = Service::start_with(home.path(), &config);
    publish_file(&sample_path(), &service.url("live/cam1"));
    let call = |path: &str, of: &dyn Fn(&Value) -> bool| {
        wait_for(path, || {
            let calls = webhook.calls().into_iter().filter(|call| call.path == path);
            calls
                .filter(|call| call.method == "POST")
                .map(|call| call.json())
                .find(of)
        })
    };
    let closed = call("/events", &|body| body["type"] == "recording.closed");
    let id = closed["data"]["recording"].as_str().unwrap();
    let base = format!("https://video.example.com/box-17/r/{id}");
    assert_eq!(closed["data"]["url"], format!("{base}/master.m3u8"));
    assert_eq!(closed["data"]["mp4_url"], format!("{base}.mp4"));
    crate::support::contract::check("x", "x/event/recording.closed", closed.to_string().as_bytes());
    let started = call("/events", &|body| body["type"] == "recording.started");
    assert_eq!(started["data"]["url"], closed["data"]["url"]);
    let file = call("/tencent", &|body| {
        body["event_type"] == 100 && body["file_format"] == "mp4"
    });
    assert_eq!(file["video_url"], format!("{base}.mp4"));
    let file = call("/aliyun", &|body| {
        body["uri"].as_str().is_some_and(|uri| uri.ends_with(".mp4"))
    });
    assert_eq!(file["uri"], format!("{base}.mp4"));
    drop(service);
}

#[test]
fn a_stream_that_nobody_records_has_stills_and_its_publisher_is_told_of_to_operators_alone() {
    let home = home();
    let config = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\nlive_window = \"10s\"\n[[rule]]\nstream = \"*\"\nrecord = \"never\"\n\
         [[viewer]]\nname = \"staff\"\nkey = \"{KEY}\"\nmay = [\"watch\", \"operate\"]\n[[viewer]]\nname = \"all\"\n"
    );
    let service = Service::start_with(home.path(), &config);
    let door = service.http();
    // Its app is a word of the door.
    let pusher = Pusher::start(service.address(), "r/cam1", &sample(), 1.0);
    let still = wait_for("a still", || {
        Some(get(door, "/s/r/cam1/frame.mp4", &[])).filter(|still| still.status == 200)
    });
    let key = format!("Bearer {KEY}");
    let list = |headers: &[(&str, &str)]| {
        let list = get(door, "/api/v1/stream.list", headers).json();
        list["result"]["streams"][0].clone()
    };
    let (operator, other) = (list(&[("Authorization", &key)]), list(&[]));
    assert_eq!(
        (&operator["peer"], &other["peer"]),
        (&"127.0.0.1".into(), &Value::Null)
    );
    assert_eq!(other["stream"], "r/cam1");
    // Whoever publishes it is told where it plays.
    let url = path(door, &operator["url"]);
    assert_eq!(url, "/s/r/cam1/master.m3u8");
    let note = operator["notes"][0].as_str().unwrap();
    assert!(
        note.contains("a word of the HTTP server") && note.ends_with("/s/r/cam1"),
        "{note}"
    );
    service.log_with(&["its app is a word of the HTTP server, so it plays under /s/r/cam1"]);
    wait_for("the stream to play", || {
        (get(door, &url, &[]).status == 200).then_some(())
    });

    assert_eq!(still.header("content-type"), Some("video/mp4"));
    let time = still.header("x-edgereel-time").unwrap();
    let at_that_time = get(door, &format!("/s/r/cam1/frame.mp4?at={time}"), &[]);
    let micros = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let again = micros(at_that_time.header("x-edgereel-time").unwrap());
    // The clock of the machine may be set right meanwhile, by microseconds.
    assert!(again.abs_diff(micros(time)) < 1_000, "{again} {time}");
    // How long the newest picture lasts is not known before the next one has come. The rest is the same.
    let picture = still.body.windows(4).position(|four| four == b"mdat").unwrap();
    assert!(
        at_that_time.body.ends_with(&still.body[picture..]),
        "the same picture"
    );
    assert_eq!(
        get(door, "/s/r/cam1/frame.mp4?at=2001-01-01T00:00:00Z", &[]).status,
        404
    );
    wait_for("a later picture", || {
        let later = get(door, "/s/r/cam1/frame.mp4", &[]);
        (later.header("x-edgereel-time") > Some(time)).then_some(())
    });
    pusher.stop();
}

#[test]
fn nobody_keeps_a_file_longer_than_the_viewer_may_have_it() {
    let home = home();
    let config = format!("[http]\nlisten = [\"127.0.0.1:0\"]\ntoken_key = \"{KEY}\"\n");
    let service = Service::start_with(home.path(), &config);
    let door = service.http();
    let id = record_sample(&service, "live/cam1").id;
    let token = |valid: &str| {
        let arguments = ["--stream", "live/*", "--valid", valid];
        let made = typed(home.path(), &[&["token", "create"], &arguments[..]].concat());
        format!("/t/{}", made["token"].as_str().unwrap())
    };
    let kept = |path: &str| {
        let got = get(door, path, &[]);
        assert_eq!(got.status, 200, "{path}");
        got.header("cache-control").unwrap().to_owned()
    };
    let playlist = get(door, "/live/cam1.m3u8", &[]);
    let chunk = playlist
        .text()
        .lines()
        .find(|line| line.ends_with(".m4s"))
        .unwrap();
    let listed = get(door, &format!("/r/{id}/index.m3u8"), &[]).text().to_owned();
    let of_recording = listed.lines().find(|line| line.ends_with(".m4s")).unwrap();
    for (valid, least, most) in [
        ("forever", 3_600, 3_600),
        ("24h", 3_600, 3_600),
        ("30min", 1, 1_800),
    ] {
        let under = token(valid);
        let control = kept(&format!("{under}/live/{chunk}"));
        let seconds = control.strip_prefix("private, max-age=").unwrap();
        let seconds: u32 = seconds.strip_suffix(", immutable").unwrap().parse().unwrap();
        assert!((least..=most).contains(&seconds), "{valid}: {control}");
        // A recording can lose its beginning. So each use asks again, and a token that has expired is refused then.
        for file in [of_recording, crate::http::map(&listed).unwrap(), "index.m3u8"] {
            let control = kept(&format!("{under}/r/{id}/{file}"));
            assert_eq!(control, "private, no-cache", "{file}");
        }
    }
}

#[test]
fn while_the_storage_directory_is_away_viewers_are_asked_to_come_again() {
    let home = home();
    let service = Service::start_with(home.path(), "[http]\nlisten = [\"127.0.0.1:0\"]\n");
    let door = service.http();
    let id = record_sample(&service, "live/cam1").id;
    let (here, away) = (service.data(), service.data().with_extension("away"));
    std::fs::rename(&here, &away).unwrap();
    for path in [
        format!("/r/{id}.mp4"),
        format!("/r/{id}/master.m3u8"),
        "/live/cam1/frame.mp4".to_owned(),
    ] {
        let refused = wait_for("the store to be away", || {
            Some(get(door, &path, &[])).filter(|got| got.status == 503)
        });
        assert_eq!(refused.header("retry-after"), Some("5"), "{path}");
        assert_eq!(refused.json()["error"]["code"], "unavailable");
    }
    std::fs::rename(&away, &here).unwrap();
    wait_for("the store to be back", || {
        (get(door, &format!("/r/{id}.mp4"), &[]).status == 200).then_some(())
    });
}
