//! Who may see what, over HTTP: keys, tokens and signatures, and what of them is told.

use std::path::Path;

use md5::{Digest as _, Md5};

use crate::support::http::{Reply, ask, get};
use crate::support::{Service, edgereel_of, home, record_sample, typed};

const KEY: &str = "7d1f0c5ae29b4f63886b0e4f9a2c51d7";
const TOKEN_KEY: &str = "b94e2f07c1a8436d9f50e7732bd6481c";

fn sections(more: &str) -> String {
    format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\npublic_url = \"https://video.example.com/box\"\n{more}\n\
         [[viewer]]\nname = \"staff\"\nkey = \"{KEY}\"\nmay = [\"watch\", \"download\", \"keys\"]\nstreams = \"live/*\"\n\
         [[viewer]]\nname = \"cloud\"\naliyun_key = \"s3cret-of-aliyun\"\nstreams = \"live/*\"\n"
    )
}

/// A service with one closed recording of the sample, and with full logging.
fn recorded(home: &Path, more: &str) -> (Service, String) {
    let service = Service::start_talkative(home, &sections(more), &[]);
    let id = record_sample(&service, "live/cam1").id;
    (service, id)
}

/// The token that a command makes.
fn made(home: &Path, arguments: &[&str]) -> serde_json::Value {
    typed(home, &[&["token", "create"], arguments].concat())
}

fn not_made(home: &Path, arguments: &[&str], why: &str) {
    edgereel_of(home, &[&["token", "create"], arguments].concat()).failed(1, &[why]);
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_token_plays_what_it_is_for_and_nothing_of_it_is_logged() {
    let home = home();
    let (service, id) = recorded(home.path(), &format!("token_key = \"{TOKEN_KEY}\""));
    let door = service.http();
    let status = |path: &str| get(door, path, &[]).status;
    assert_eq!(status(&format!("/r/{id}/index.m3u8")), 401);

    let token = made(home.path(), &["--recording", &id, "--valid", "2h"]);
    let path = text(&token["path"]);
    assert_eq!(path, format!("/t/{}/r/{id}/master.m3u8", text(&token["token"])));
    assert_eq!(
        text(&token["url"]),
        format!("https://video.example.com/box{path}")
    );
    assert!(token["expires"].is_string());
    let under = format!("/t/{}", text(&token["token"]));
    for (path, expected) in [
        (format!("{under}/r/{id}/index.m3u8"), 200),
        (format!("{under}/r/{id}/master.m3u8"), 200),
        // It allows to watch, not to download, and no command.
        (format!("{under}/r/{id}.mp4?download=1"), 403),
        (format!("{under}/api/v1/recording.list"), 404),
        (format!("{under}x/r/{id}/index.m3u8"), 403),
    ] {
        let got = get(door, &path, &[]);
        assert_eq!(got.status, expected, "{path}: {}", got.text());
    }

    let pattern = made(
        home.path(),
        &[
            "--stream",
            "live/*",
            "--may",
            "watch,download",
            "--valid",
            "forever",
        ],
    );
    assert_eq!(
        (text(&pattern["path"]), &pattern["expires"]),
        (
            format!("/t/{}/", text(&pattern["token"])).as_str(),
            &serde_json::Value::Null
        )
    );
    assert_eq!(
        status(&format!("/t/{}/r/{id}.mp4?download=1", text(&pattern["token"]))),
        200
    );
    let elsewhere = made(home.path(), &["--stream", "hall/*"]);
    assert_eq!(
        status(&format!("/t/{}/r/{id}/index.m3u8", text(&elsewhere["token"]))),
        404
    );

    for (arguments, why) in [
        (&[][..], "--stream is needed, or --recording"),
        (
            &["--stream", "live/*", "--may", "operate"],
            "a token allows watch, download or both",
        ),
        (&["--stream", "live/*", "--valid", "0s"], "for some time"),
    ] {
        not_made(home.path(), arguments, why);
    }

    let log = service.log_with(&["/r/"]);
    for secret in [KEY, TOKEN_KEY, text(&token["token"]), text(&pattern["token"])] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn a_viewer_passes_on_what_it_has_and_no_more() {
    let home = home();
    let (service, id) = recorded(home.path(), &format!("token_key = \"{TOKEN_KEY}\""));
    let door = service.http();
    let bearer = format!("Bearer {KEY}");
    let create = |body: &str| -> Reply {
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        // Five commands a second are allowed.
        crate::support::wait_for("the command is taken", || {
            let path = "/api/v1/token.create";
            let reply = crate::support::http::ask(door, "POST", path, &headers, body.as_bytes());
            Some(reply).filter(|reply| reply.status != 429)
        })
    };
    let made = create("{\"stream\":\"live/*\",\"valid\":\"1h\"}");
    let token = made.json()["result"]["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    assert_eq!(
        get(door, &format!("/t/{token}/r/{id}/index.m3u8"), &[]).status,
        200
    );
    assert_eq!(create(&format!("{{\"recording\":\"{id}\"}}")).status, 200);
    for (body, status) in [
        ("{\"stream\":\"hall/*\"}", 403),
        ("{\"stream\":\"*\"}", 403),
        ("{\"recording\":\"0198f3a2-5b7c-7d00-8000-0123456789ab\"}", 404),
        ("{\"stream\":\"live/*\",\"may\":[\"operate\"]}", 400),
    ] {
        assert_eq!(create(body).status, status, "{body}");
    }
}

#[test]
fn without_a_key_there_is_no_token_and_with_it_the_line_needs_no_service() {
    let home = home();
    let (service, id) = recorded(home.path(), "");
    not_made(home.path(), &["--stream", "live/*"], "http.token_key");
    service.stop();
    // The same key makes the same kind of token while nothing runs.
    let config = home.path().join("edgereel.toml");
    let written = std::fs::read_to_string(&config).unwrap();
    let key = format!("[http]\ntoken_key = \"{TOKEN_KEY}\"");
    std::fs::write(&config, written.replace("[http]", &key)).unwrap();
    let made = made(home.path(), &["--recording", &id, "--valid", "1h"]);
    let service = Service::start_with(home.path(), &sections(&format!("token_key = \"{TOKEN_KEY}\"")));
    let path = format!("/t/{}/r/{id}/index.m3u8", text(&made["token"]));
    assert_eq!(get(service.http(), &path, &[]).status, 200);
}

#[test]
fn a_signature_on_a_playlist_holds_for_its_chunks_and_is_in_no_log() {
    let home = home();
    let (service, id) = recorded(home.path(), "");
    let door = service.http();
    let path = format!("/r/{id}/index.m3u8");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let sum = Md5::digest(format!("{path}-{now}-0-0-s3cret-of-aliyun"));
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    let query = format!("auth_key={now}-0-0-{sum}");
    let playlist = get(door, &format!("{path}?{query}"), &[]);
    assert_eq!(playlist.status, 200, "{}", playlist.text());
    let chunk = playlist
        .text()
        .lines()
        .find(|line| !line.starts_with('#'))
        .expect("a chunk");
    assert!(chunk.ends_with(&query), "{chunk}");
    assert_eq!(get(door, &format!("/r/{id}/{chunk}"), &[]).status, 200);
    let (bare, _) = chunk.split_once('?').unwrap();
    assert_eq!(get(door, &format!("/r/{id}/{bare}"), &[]).status, 401);
    let old = query.replace(&now.to_string(), &(now - 1).to_string());
    assert_eq!(get(door, &format!("{path}?{old}"), &[]).status, 403);
    let log = service.log_with(&["/r/"]);
    assert!(!log.contains(&sum) && !log.contains("s3cret"), "{log}");
}

/// Each takes 8 MiB for a moment. The C library keeps such memory, in another place each time, unless it is asked for in another way.
#[test]
fn logins_leave_no_memory_behind() {
    let home = home();
    let mut command = crate::support::cli::command();
    command.arg("hash-password");
    let hash = crate::support::cli::fed(command, b"a long password").ok().text();
    let ann = format!("[[viewer]]\nname = \"ann\"\npassword = \"{}\"\n", hash.trim());
    let service = Service::start_with(home.path(), &sections(&ann));
    let door = service.http();
    let log_in = |password: &str| {
        let body = format!("{{\"name\":\"ann\",\"password\":\"{password}\"}}");
        let json = [("Content-Type", "application/json")];
        ask(door, "POST", "/api/v1/session", &json, body.as_bytes()).status
    };
    // What a connection and a thread that reads take is there before anything is compared.
    assert_eq!(log_in("a long password"), 204);
    let before = service.own_memory();
    for _ in 0..8 {
        assert_eq!(log_in("a long password"), 204);
    }
    assert_eq!(log_in("another password"), 401);
    let more = service.own_memory().saturating_sub(before);
    assert!(more < 4 << 20, "{more} bytes more");
}
