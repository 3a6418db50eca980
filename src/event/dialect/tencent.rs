//! The callbacks of Tencent Cloud's CSS: 100 a file is ready, 1 and 0 a push begins and ends, 332 the state of a recording,
//! 341 something is wrong with what is recorded.
//!
//! What their service knows and this one does not (the account, ids in their VOD) is 0 or empty, of the type it has there.

use serde_json::{Map, Value, json};

use super::{Body, Message, Posted, SECOND, Sender, md5_hex, seconds};

/// How long a message holds, seconds.
const HOLDS: i64 = 600;

/// No recording has more formats that they know.
const MOST_FORMATS: usize = 9;

/// The messages of an event, signed.
pub(super) fn render(posted: &Posted, sender: &Sender, now: i64) -> Vec<Message> {
    let body = Body::read(&posted.body);
    let told = match posted.kind.as_str() {
        "recording.delivered" => vec![file_ready(&body, sender)],
        "publish.started" => vec![push(&body, posted, sender)],
        "publish.ended" => vec![cut(&body, posted, sender)],
        "recording.started" => states(&body, posted, sender, "record_start_succeeded"),
        "recording.failed" => states(&body, posted, sender, failure(&body)),
        "recording.paused" => states(&body, posted, sender, "record_paused"),
        "recording.resumed" => states(&body, posted, sender, "record_resumed"),
        "recording.closed" => states(&body, posted, sender, "record_ended"),
        "stream.exception" | "stream.gap" => vec![exception(&body, posted)],
        _ => Vec::new(),
    };
    told.into_iter()
        .map(|fields| fields.signed(sender, now))
        .collect()
}

/// The fields of a message of an event with this number.
struct Fields {
    event_type: u32,
    map: Map<String, Value>,
}

impl Fields {
    fn new(event_type: u32) -> Self {
        let map = Map::new();
        let fields = Self { event_type, map };
        fields.with("event_type", event_type).with("appid", 0)
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.map.insert(name.to_owned(), value.into());
        self
    }

    fn with_known(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The stream as files and pushes have it.
    fn with_stream(self, body: &Body, sender: &Sender) -> Self {
        let (app, name) = body.stream();
        self.with("app", body.domain(sender))
            .with("appname", app)
            .with("stream_id", name)
            .with("channel_id", name)
    }

    /// `sign` is the MD5 of the key and `t`, until when it holds.
    fn signed(self, sender: &Sender, now: i64) -> Message {
        let name = self.event_type.to_string();
        let fields = match &sender.key {
            Some(key) => {
                let until = seconds(now).saturating_add(HOLDS);
                let sign = md5_hex(&[key, until.to_string().as_bytes()]);
                self.with("t", until).with("sign", sign)
            }
            None => self,
        };
        Message {
            name,
            body: Value::Object(fields.map).to_string(),
        }
    }
}

fn file_ready(body: &Body, sender: &Sender) -> Fields {
    let (recording, format) = (body.word("recording"), body.word("format"));
    let part = body.whole("part").unwrap_or(1);
    let is_task = body.text("origin") == Some("task");
    let (start, end) = (body.time("start"), body.time("end"));
    let micros = |time: i64| time.rem_euclid(SECOND);
    let whole = |duration: f64| duration.round() as i64;
    Fields::new(100)
        .with_stream(body, sender)
        .with("file_id", format!("{recording}-{format}-{part}"))
        .with("record_file_id", recording)
        .with("record_temp_id", body.word("template"))
        .with(
            "file_format",
            known_format(format).map_or(format, |(name, _)| name),
        )
        .with_known("task_id", body.text("task").filter(|_| is_task))
        .with_known("stream_param", (!is_task).then(|| body.word("param")))
        .with("video_url", body.word("url"))
        .with("file_size", body.whole("bytes").unwrap_or(0))
        .with_known("start_time", start.map(seconds))
        .with_known("start_time_usec", start.map(micros))
        .with_known("end_time", end.map(seconds))
        .with_known("end_time_usec", end.map(micros))
        .with("duration", body.number("duration_s").map_or(0, whole))
        .with("media_start_time", 0)
        .with("record_bps", kilobits_per_second(body))
        .with("callback_ext", callback_ext(body))
}

/// JSON within a string, as they have it.
fn callback_ext(body: &Body) -> String {
    let (width, height) = (body.whole("width"), body.whole("height"));
    let resolution = width
        .zip(height)
        .map(|(width, height)| format!("{width}x{height}"));
    let ext = json!({
        "video_codec": body.word("video_codec"),
        "resolution": resolution.unwrap_or_default(),
        "session_id": body.word("session"),
    });
    ext.to_string()
}

fn push(body: &Body, posted: &Posted, sender: &Sender) -> Fields {
    publish(1, body, posted, sender)
        .with("errcode", 0)
        .with("errmsg", "ok")
}

fn cut(body: &Body, posted: &Posted, sender: &Sender) -> Fields {
    let reason = body.word("reason");
    let millis = |duration: f64| ((duration * 1e3).round() as i64).to_string();
    publish(0, body, posted, sender)
        .with_known("push_duration", body.number("duration_s").map(millis))
        .with("errcode", error_code(reason))
        .with("errmsg", reason)
}

fn publish(event_type: u32, body: &Body, posted: &Posted, sender: &Sender) -> Fields {
    Fields::new(event_type)
        .with_stream(body, sender)
        .with("event_time", seconds(posted.time))
        // The same for both ends of a push, whatever else it may be.
        .with("sequence", body.word("publish"))
        .with("node", sender.device.as_str())
        .with("user_ip", body.word("peer"))
        .with("stream_param", body.word("param"))
        .with("width", body.whole("width").unwrap_or(0))
        .with("height", body.whole("height").unwrap_or(0))
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
fn states(body: &Body, posted: &Posted, sender: &Sender, record_event: &str) -> Vec<Fields> {
    let formats = body.texts("formats").filter_map(known_format);
    let mut formats: Vec<Option<u32>> = formats
        .map(|(_, number)| Some(number))
        .take(MOST_FORMATS)
        .collect();
    if formats.is_empty() {
        formats.push(None);
    }
    let state = |(n, format): (usize, Option<u32>)| {
        let (app, name) = body.stream();
        let is_task = body.text("origin") == Some("task");
        Fields::new(332)
            .with("domain", body.domain(sender))
            .with("appname", app)
            .with("stream_id", name)
            .with("session_id", body.word("session"))
            // A number that no other message has: whoever drops repeats must not drop the other formats.
            .with("seq", format!("{}{n}", posted.sequence))
            .with("event_time", seconds(posted.time))
            .with("record_event", record_event)
            .with("record_detail", record_detail(body, format))
            .with_known("task_id", body.text("task").filter(|_| is_task))
    };
    formats.into_iter().enumerate().map(state).collect()
}

/// JSON within a string, as they have it.
fn record_detail(body: &Body, format: Option<u32>) -> String {
    let mut detail = Map::new();
    let start_model = match body.text("origin") {
        Some("rule" | "push") => Some(1),
        Some(_) => Some(5),
        None => None,
    };
    if let Some(format) = format {
        detail.insert("file_format".to_owned(), format.into());
    }
    detail.insert("record_bps".to_owned(), kilobits_per_second(body).into());
    if let Some(start_model) = start_model {
        detail.insert("start_model".to_owned(), start_model.into());
    }
    Value::Object(detail).to_string()
}

fn exception(body: &Body, posted: &Posted) -> Fields {
    let (level, number) = match (posted.kind.as_str(), body.word("what")) {
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
    Fields::new(341)
        .with("stream_id", body.stream().1)
        .with("session_id", body.word("session"))
        .with("file_format", "")
        .with("timestamp", seconds(posted.time))
        .with("exception_level", level)
        .with("exception", json!({ "type": number, "occurs": 1, "desc": desc }))
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
