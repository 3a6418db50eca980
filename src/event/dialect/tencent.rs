//! The callbacks of Tencent Cloud's CSS: 100 a file is ready, 1 and 0 a push begins and ends, 332 the state of a recording,
//! 341 something is wrong with what is recorded, 200 a picture is in the bucket.
//!
//! What their service knows and this one does not (the account, ids in their VOD) is 0 or empty, of the type it has there.

use serde::Serialize;
use serde_json::Value;

use super::played::files;
use super::{Body, Message, Posted, SECOND, Sender, md5_hex, seconds, written};

/// How long a message holds, seconds.
const HOLDS: i64 = 600;

/// No recording has more formats that they know.
const MOST_FORMATS: usize = 9;

/// The messages of an event, signed.
pub(super) fn render(posted: &Posted, sender: &Sender, now: i64) -> Vec<Message> {
    let body = Body::read(&posted.body);
    let (body, sign) = (&body, |told: Told<'_>| signed(told, sender, now));
    let states = |event: &'static str| {
        states(body, posted, sender, event)
            .map(Told::State)
            .map(sign)
            .collect::<Vec<_>>()
    };
    // The files are where they were recorded, if they are delivered nowhere.
    let files = files(posted, body, sender);
    let here = || {
        let ready = files
            .iter()
            .map(|(format, url)| file_ready(body, sender, (format, url)));
        ready.map(Told::FileReady).map(sign)
    };
    match posted.kind.as_str() {
        "recording.delivered" => {
            let file = (body.word("format"), body.word("url"));
            vec![sign(Told::FileReady(file_ready(body, sender, file)))]
        }
        "still.delivered" => vec![sign(Told::Screenshot(screenshot(body, posted, sender)))],
        "publish.started" => vec![sign(Told::PushBegan(push(body, posted, sender, (0, "ok"))))],
        "publish.ended" => vec![sign(Told::PushEnded(push_ended(body, posted, sender)))],
        "recording.started" => states("record_start_succeeded"),
        "recording.failed" => states(failure(body)),
        "recording.paused" => states("record_paused"),
        "recording.resumed" => states("record_resumed"),
        "recording.closed" => states("record_ended").into_iter().chain(here()).collect(),
        "clip.ready" => here().collect(),
        "stream.exception" | "stream.gap" => vec![sign(Told::Exception(exception(body, posted)))],
        _ => Vec::new(),
    }
}

/// A message, but for what every message has.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    FileReady(FileReady<'a>),
    PushBegan(Push<'a>),
    PushEnded(PushEnded<'a>),
    State(State<'a>),
    Screenshot(Screenshot<'a>),
    Exception(Exception<'a>),
}

impl Told<'_> {
    /// Its number with them.
    fn event_type(&self) -> u32 {
        match self {
            Told::FileReady(_) => 100,
            Told::PushBegan(_) => 1,
            Told::PushEnded(_) => 0,
            Told::Screenshot(_) => 200,
            Told::State(_) => 332,
            Told::Exception(_) => 341,
        }
    }
}

/// A message with what every message has.
#[derive(Serialize)]
struct Signed<'a> {
    event_type: u32,
    appid: u32,
    /// Until when `sign` holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<i64>,
    /// The MD5 of the key and `t`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign: Option<String>,
    #[serde(flatten)]
    told: Told<'a>,
}

/// The stream as files and pushes have it.
#[derive(Serialize)]
struct StreamOf<'a> {
    app: &'a str,
    appname: &'a str,
    stream_id: &'a str,
    channel_id: &'a str,
}

#[derive(Serialize)]
struct FileReady<'a> {
    #[serde(flatten)]
    stream: StreamOf<'a>,
    file_id: String,
    record_file_id: &'a str,
    record_temp_id: &'a str,
    file_format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_param: Option<&'a str>,
    video_url: &'a str,
    file_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time_usec: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time_usec: Option<i64>,
    duration: i64,
    media_start_time: u32,
    record_bps: i64,
    /// JSON within a string, as they have it.
    callback_ext: String,
}

#[derive(Serialize)]
struct CallbackExt<'a> {
    video_codec: &'a str,
    resolution: String,
    session_id: &'a str,
    /// The object of the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<&'a Value>,
}

#[derive(Serialize)]
struct Screenshot<'a> {
    #[serde(flatten)]
    stream: StreamOf<'a>,
    stream_param: &'a str,
    /// When it was taken.
    create_time: i64,
    file_size: u64,
    width: u64,
    height: u64,
    /// Its path in the bucket.
    pic_url: String,
    pic_full_url: &'a str,
}

#[derive(Serialize)]
struct Push<'a> {
    #[serde(flatten)]
    stream: StreamOf<'a>,
    event_time: i64,
    /// The same for both ends of a push, whatever else it may be.
    sequence: &'a str,
    node: &'a str,
    user_ip: &'a str,
    stream_param: &'a str,
    width: u64,
    height: u64,
    errcode: u32,
    errmsg: &'a str,
}

#[derive(Serialize)]
struct PushEnded<'a> {
    #[serde(flatten)]
    push: Push<'a>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    push_duration: Option<String>,
}

#[derive(Serialize)]
struct State<'a> {
    domain: &'a str,
    appname: &'a str,
    stream_id: &'a str,
    session_id: &'a str,
    /// A number that no other message has: whoever drops repeats must not drop the other formats.
    seq: String,
    event_time: i64,
    record_event: &'static str,
    /// JSON within a string, as they have it.
    record_detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<&'a str>,
}

#[derive(Serialize)]
struct RecordDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_format: Option<u32>,
    record_bps: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_model: Option<u32>,
}

#[derive(Serialize)]
struct Exception<'a> {
    stream_id: &'a str,
    session_id: &'a str,
    file_format: &'static str,
    timestamp: i64,
    exception_level: &'static str,
    exception: Happened,
}

#[derive(Serialize)]
struct Happened {
    #[serde(rename = "type")]
    number: i32,
    occurs: u32,
    desc: String,
}

fn signed(told: Told<'_>, sender: &Sender, now: i64) -> Message {
    let until = seconds(now).saturating_add(HOLDS);
    let sign = |key: &Vec<u8>| md5_hex(&[key, until.to_string().as_bytes()]);
    let event_type = told.event_type();
    let signed = Signed {
        event_type,
        appid: 0,
        t: sender.key.as_ref().map(|_| until),
        sign: sender.key.as_ref().map(sign),
        told,
    };
    Message {
        name: event_type.to_string(),
        body: written(&signed),
    }
}

fn stream_of<'a>(body: &'a Body, sender: &'a Sender) -> StreamOf<'a> {
    let (appname, name) = body.stream();
    StreamOf {
        app: body.domain(sender),
        appname,
        stream_id: name,
        channel_id: name,
    }
}

/// The task that a recording is of.
fn task(body: &Body) -> Option<&str> {
    body.text("task").filter(|_| body.text("origin") == Some("task"))
}

fn file_ready<'a>(body: &'a Body, sender: &'a Sender, (format, url): (&'a str, &'a str)) -> FileReady<'a> {
    let recording = body.word("recording");
    let part = body.whole("part").unwrap_or(1);
    let is_task = body.text("origin") == Some("task");
    let (start, end) = (body.time("start"), body.time("end"));
    let micros = |time: i64| time.rem_euclid(SECOND);
    let whole = |duration: f64| duration.round() as i64;
    FileReady {
        stream: stream_of(body, sender),
        file_id: format!("{recording}-{format}-{part}"),
        record_file_id: recording,
        record_temp_id: body.word("template"),
        file_format: known_format(format).map_or(format, |(name, _)| name),
        task_id: task(body),
        stream_param: (!is_task).then(|| body.word("param")),
        video_url: url,
        file_size: body.whole("bytes").unwrap_or(0),
        start_time: start.map(seconds),
        start_time_usec: start.map(micros),
        end_time: end.map(seconds),
        end_time_usec: end.map(micros),
        duration: body.number("duration_s").map_or(0, whole),
        media_start_time: 0,
        record_bps: kilobits_per_second(body),
        callback_ext: callback_ext(body),
    }
}

fn screenshot<'a>(body: &'a Body, posted: &Posted, sender: &'a Sender) -> Screenshot<'a> {
    Screenshot {
        stream: stream_of(body, sender),
        stream_param: "",
        create_time: seconds(body.time("time").unwrap_or(posted.time)),
        file_size: body.whole("bytes").unwrap_or(0),
        width: body.whole("width").unwrap_or(0),
        height: body.whole("height").unwrap_or(0),
        pic_url: format!("/{}", body.word("key")),
        pic_full_url: body.word("url"),
    }
}

fn callback_ext(body: &Body) -> String {
    let (width, height) = (body.whole("width"), body.whole("height"));
    let resolution = width
        .zip(height)
        .map(|(width, height)| format!("{width}x{height}"));
    written(&CallbackExt {
        video_codec: body.word("video_codec"),
        resolution: resolution.unwrap_or_default(),
        session_id: body.word("session"),
        custom: body.object("custom"),
    })
}

fn push_ended<'a>(body: &'a Body, posted: &Posted, sender: &'a Sender) -> PushEnded<'a> {
    let reason = body.word("reason");
    let millis = |duration: f64| ((duration * 1e3).round() as i64).to_string();
    PushEnded {
        push: push(body, posted, sender, (error_code(reason), reason)),
        push_duration: body.number("duration_s").map(millis),
    }
}

fn push<'a>(body: &'a Body, posted: &Posted, sender: &'a Sender, error: (u32, &'a str)) -> Push<'a> {
    let (errcode, errmsg) = error;
    Push {
        stream: stream_of(body, sender),
        event_time: seconds(posted.time),
        sequence: body.word("publish"),
        node: sender.device.as_str(),
        user_ip: body.word("peer"),
        stream_param: body.word("param"),
        width: body.whole("width").unwrap_or(0),
        height: body.whole("height").unwrap_or(0),
        errcode,
        errmsg,
    }
}

/// Why a push ended, by their numbers: the client, the network, a request, the service itself; 0 is not known.
fn error_code(reason: &str) -> u32 {
    let codes = [
        ("unpublished", 1),
        ("broken", 12),
        ("taken over", 21),
        ("ended by command", 21),
        ("the service stopped", 5),
        ("shutdown", 5),
        ("unclean shutdown", 5),
    ];
    let code = codes.iter().find(|(words, _)| reason.starts_with(words));
    code.map_or(0, |(_, code)| *code)
}

fn failure(body: &Body) -> &'static str {
    match body.text("recording") {
        None => "record_start_failed",
        Some(_) => "record_error",
    }
}

/// Each format is a recording of its own with them.
fn states<'a>(
    body: &'a Body,
    posted: &'a Posted,
    sender: &'a Sender,
    record_event: &'static str,
) -> impl Iterator<Item = State<'a>> {
    let formats = body.texts("formats").filter_map(known_format);
    let mut formats: Vec<Option<u32>> = formats
        .map(|(_, number)| Some(number))
        .take(MOST_FORMATS)
        .collect();
    if formats.is_empty() {
        formats.push(None);
    }
    let state = move |(n, format): (usize, Option<u32>)| {
        let (appname, name) = body.stream();
        State {
            domain: body.domain(sender),
            appname,
            stream_id: name,
            session_id: body.word("session"),
            seq: format!("{}{n}", posted.sequence),
            event_time: seconds(posted.time),
            record_event,
            record_detail: record_detail(body, format),
            task_id: task(body),
        }
    };
    formats.into_iter().enumerate().map(state)
}

fn record_detail(body: &Body, format: Option<u32>) -> String {
    let start_model = match body.text("origin") {
        Some("rule" | "push") => Some(1),
        Some(_) => Some(5),
        None => None,
    };
    written(&RecordDetail {
        file_format: format,
        record_bps: kilobits_per_second(body),
        start_model,
    })
}

fn exception<'a>(body: &'a Body, posted: &Posted) -> Exception<'a> {
    let (exception_level, number) = match (posted.kind.as_str(), body.word("what")) {
        // Frames could not be written to the file.
        ("stream.gap", _) => ("error", -104),
        (_, "timestamp") => ("warning", -9),
        (_, "desync") => ("warning", -10),
        (_, "resolution") => ("warning", -100),
        (_, "codec") => ("warning", -120),
        (_, "keyframe") => ("warning", -132),
        _ => ("info", 0),
    };
    let gap = body.text("from").zip(body.text("to"));
    let desc = match gap {
        Some((from, to)) => format!("{from} to {to}: {}", body.word("reason")),
        None => body.word("detail").to_owned(),
    };
    Exception {
        stream_id: body.stream().1,
        session_id: body.word("session"),
        file_format: "",
        timestamp: seconds(posted.time),
        exception_level,
        exception: Happened {
            number,
            occurs: 1,
            desc,
        },
    }
}

/// A format's name and number with them.
fn known_format(format: &str) -> Option<(&'static str, u32)> {
    match format {
        "flv" => Some(("flv", 1)),
        "hls" => Some(("hls", 2)),
        "mp4" | "fmp4" => Some(("mp4", 3)),
        "aac" => Some(("aac", 4)),
        _ => None,
    }
}

/// 0 where it is not known.
fn kilobits_per_second(body: &Body) -> i64 {
    let duration = body.number("duration_s").filter(|duration| *duration > 0.0);
    let rate = |(bytes, duration): (f64, f64)| (bytes * 8.0 / 1e3 / duration).round() as i64;
    body.number("bytes").zip(duration).map_or(0, rate)
}
