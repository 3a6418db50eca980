//! The callbacks of Alibaba Cloud's ApsaraVideo Live: the state of a recording, a file, a push.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::played::files;
use super::{Body, Message, Posted, Sender, md5_hex, seconds, written};
use crate::event::rfc3339;

const PUBLISH: &str = "publish";
const PUBLISH_DONE: &str = "publish_done";
const FILE: &str = "record_file";

/// The parameters of a push, in the order they have them.
const INGEST: [&str; 7] = ["action", "ip", "id", "app", "appname", "time", "usrargs"];

/// The messages of an event: none where they have no words for it.
pub(super) fn render(posted: &Posted, sender: &Sender) -> Vec<Message> {
    let body = Body::read(&posted.body);
    let message = |(name, told): (&str, String)| Message {
        name: name.to_owned(),
        body: told,
    };
    let one = match posted.kind.as_str() {
        "recording.started" => state("record_started", &body, sender),
        "recording.paused" => state("record_paused", &body, sender),
        "recording.resumed" => state("record_resumed", &body, sender),
        "recording.delivered" => (FILE, file(&body, sender, body.word("key"))),
        // The file is where it was recorded, if it is delivered nowhere.
        "recording.closed" | "clip.ready" => {
            let files = files(posted, &body, sender).into_iter();
            return files
                .map(|(_, url)| message((FILE, file(&body, sender, &url))))
                .collect();
        }
        "job.ended" if body.word("kind") == "stills" => snapshots(&body, posted),
        "publish.started" => ingest(PUBLISH, &body, posted, sender),
        "publish.ended" => ingest(PUBLISH_DONE, &body, posted, sender),
        _ => return Vec::new(),
    };
    vec![message(one)]
}

/// What a job with pictures came to. `SnapshotComplete` is of their VOD.
fn snapshots(body: &Body, posted: &Posted) -> (&'static str, String) {
    let is_done = body.word("state") == "done";
    let made = body.object("steps").and_then(|steps| steps.get("made"));
    let told = json!({
        "EventType": "SnapshotComplete",
        "EventTime": format!("{}Z", rfc3339(posted.time).get(..19).unwrap_or_default()),
        "VideoId": body.word("recording"),
        "Status": if is_done { "success" } else { "fail" },
        "SnapshotInfos": [{
            "Status": if is_done { "success" } else { "fail" },
            "SnapshotType": "Normal",
            "SnapshotCount": made.and_then(Value::as_u64).unwrap_or(0),
            "SnapshotFormat": "jpg",
            "JobId": body.word("job"),
        }],
    });
    ("SnapshotComplete", told.to_string())
}

/// What a callback of a push is with them: the query of a GET. Nothing of any other message.
pub fn ingest_query(message: &Message) -> Option<String> {
    if ![PUBLISH, PUBLISH_DONE].contains(&message.name.as_str()) {
        return None;
    }
    let fields: Map<String, Value> = serde_json::from_str(&message.body).ok()?;
    let pair = |name: &str| {
        let value = match fields.get(name)? {
            Value::String(text) => encoded(text),
            other => encoded(&other.to_string()),
        };
        Some(format!("{name}={value}"))
    };
    let pairs: Vec<String> = INGEST.iter().filter_map(|name| pair(name)).collect();
    Some(pairs.join("&"))
}

/// `ALI-LIVE-TIMESTAMP` and `ALI-LIVE-SIGNATURE` of a callback to `host` at `now`, UTC microseconds.
///
/// ```
/// let (timestamp, signature) = edgereel::event::dialect::aliyun_headers("example.com", 1_519_375_990_000_000, b"yourkey");
/// assert_eq!(timestamp, "1519375990");
/// assert_eq!(signature.len(), 32);
/// ```
pub fn aliyun_headers(host: &str, now: i64, key: &[u8]) -> (String, String) {
    let timestamp = seconds(now).to_string();
    let signature = md5_hex(&[host.as_bytes(), b"|", timestamp.as_bytes(), b"|", key]);
    (timestamp, signature)
}

/// The state of a recording.
#[derive(Serialize)]
struct State<'a> {
    domain: &'a str,
    app: &'a str,
    stream: &'a str,
    event: &'static str,
}

/// A file that can be fetched.
#[derive(Serialize)]
struct File<'a> {
    domain: &'a str,
    app: &'a str,
    stream: &'a str,
    uri: &'a str,
    duration: f64,
    start_time: i64,
    stop_time: i64,
}

/// A push. `app` is the domain with them, and `appname` the app.
#[derive(Serialize)]
struct Ingest<'a> {
    action: &'static str,
    ip: &'a str,
    id: &'a str,
    app: &'a str,
    appname: &'a str,
    time: i64,
    usrargs: &'a str,
}

fn state(event: &'static str, body: &Body, sender: &Sender) -> (&'static str, String) {
    let (app, stream) = body.stream();
    let state = State {
        domain: body.domain(sender),
        app,
        stream,
        event,
    };
    (event, written(&state))
}

fn file(body: &Body, sender: &Sender, uri: &str) -> String {
    let (app, stream) = body.stream();
    written(&File {
        domain: body.domain(sender),
        app,
        stream,
        uri,
        duration: body.number("duration_s").unwrap_or(0.0),
        start_time: body.time("start").map_or(0, seconds),
        stop_time: body.time("end").map_or(0, seconds),
    })
}

fn ingest(action: &'static str, body: &Body, posted: &Posted, sender: &Sender) -> (&'static str, String) {
    let (app, stream) = body.stream();
    let ingest = Ingest {
        action,
        ip: body.word("peer"),
        id: stream,
        app: body.domain(sender),
        appname: app,
        time: seconds(posted.time),
        usrargs: body.word("param"),
    };
    (action, written(&ingest))
}

/// Percent-encoded but for the unreserved characters of RFC 3986.
fn encoded(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'.')
        .remove(b'_')
        .remove(b'-')
        .remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}
