//! The callbacks of the clouds: what `event::dialect` writes. Their names and their odd types are the clouds' own.

use serde_json::{Value, json};

use super::messages::Message;
use crate::api::described::schema::{always, object, one_of, text, whole};

/// Every callback of the clouds, as a message.
pub(super) fn all() -> Vec<Message> {
    let tencent = |number: u32, about: &str, mut payload: Value| {
        payload["properties"]["event_type"] = json!({ "type": "integer", "const": number });
        Message::new("tencent", format!("tencent/{number}"), about, payload)
    };
    let aliyun =
        |event: &str, about: &str, payload| Message::new("aliyun", format!("aliyun/{event}"), about, payload);
    vec![
        tencent(100, "A file of a recording was delivered.", file_ready()),
        tencent(1, "Somebody publishes to a stream.", push(false)),
        tencent(0, "A publish is over.", push(true)),
        tencent(
            332,
            "The state of a recording; one for each format.",
            record_state(),
        ),
        tencent(200, "A picture is in the object store.", screenshot()),
        tencent(341, "Something is wrong with what is recorded.", exception()),
        aliyun("record_started", "A recording began.", state("record_started")),
        aliyun(
            "record_paused",
            "A recording's publisher is gone.",
            state("record_paused"),
        ),
        aliyun(
            "record_resumed",
            "A publisher goes on with a recording.",
            state("record_resumed"),
        ),
        aliyun(
            "record_file",
            "A file of a recording was delivered.",
            record_file(),
        ),
        aliyun(
            "SnapshotComplete",
            "A job that makes pictures is over.",
            snapshots(),
        ),
        aliyun("publish", "Somebody publishes to a stream.", ingest("publish")),
        aliyun("publish_done", "A publish is over.", ingest("publish_done")),
    ]
}

/// Adds the fields that all callbacks of Tencent have.
fn signed<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let mut all = object([
        ("event_type", whole("Which event it is.")),
        (
            "appid",
            json!({ "type": "integer", "const": 0, "description": "Always 0." }),
        ),
        (
            "t?",
            whole("When `sign` expires, in seconds since 1970; only with a key."),
        ),
        (
            "sign?",
            text("The MD5 of the key and `t`, in lower-case hexadecimal; only with a key."),
        ),
    ]);
    let more = object(fields);
    for part in ["required", "properties"] {
        match (&mut all[part], &more[part]) {
            (Value::Array(all), Value::Array(more)) => all.extend(more.iter().cloned()),
            (Value::Object(all), Value::Object(more)) => all.extend(more.clone()),
            _ => {}
        }
    }
    all
}

fn file_ready() -> Value {
    signed([
        ("app", domain()),
        ("appname", app()),
        ("stream_id", stream()),
        ("channel_id", stream()),
        (
            "file_id",
            text("The recording, the format and the part, with hyphens."),
        ),
        ("record_file_id", text("The recording.")),
        ("record_temp_id", text("The template.")),
        ("file_format", text("`flv`, `hls`, `mp4` or `aac`.")),
        ("task_id?", text("The task, if a task made the recording.")),
        (
            "stream_param?",
            text("Empty; absent if a task made the recording."),
        ),
        ("video_url", text("The URL.")),
        ("file_size", whole("Bytes.")),
        ("start_time?", whole("When it starts, in seconds since 1970.")),
        ("start_time_usec?", whole("The microseconds of that.")),
        ("end_time?", whole("When it ends, in seconds since 1970.")),
        ("end_time_usec?", whole("The microseconds of that.")),
        ("duration", whole("Seconds.")),
        ("media_start_time", whole("Always 0.")),
        (
            "record_bps",
            whole("Kilobits a second; 0 where that is not known."),
        ),
        (
            "callback_ext",
            text("JSON in a text: `video_codec`, `resolution` and `session_id`."),
        ),
    ])
}

/// The end of a push has one field more.
fn push(is_end: bool) -> Value {
    let mut push = signed([
        ("app", domain()),
        ("appname", app()),
        ("stream_id", stream()),
        ("channel_id", stream()),
        ("event_time", event_time()),
        ("sequence", text("The publish: the same at both of its ends.")),
        ("node", text("The id of the box.")),
        ("user_ip", text("The publisher's address.")),
        (
            "stream_param",
            text("The parameters after the stream's name, without possible secrets."),
        ),
        ("width", whole("Pixels; 0 where that is not known.")),
        ("height", whole("Pixels; 0 where that is not known.")),
        (
            "errcode",
            whole("At the end: 1 the publisher, 12 the network, 21 a request, 5 the service; else 0."),
        ),
        ("errmsg", text("`ok`; at the end the reason, in a word or two.")),
    ]);
    if is_end {
        push["properties"]["push_duration"] = text("Milliseconds.");
    }
    push
}

fn record_state() -> Value {
    let states = [
        "record_start_succeeded",
        "record_start_failed",
        "record_paused",
        "record_resumed",
        "record_error",
        "record_ended",
    ];
    signed([
        ("domain", domain()),
        ("appname", app()),
        ("stream_id", stream()),
        (
            "session_id",
            text("The session: the same for all recordings of one decision to record."),
        ),
        ("seq", text("A number that no other message of this box has.")),
        ("event_time", event_time()),
        ("record_event", one_of(&states, "The new state of the recording.")),
        (
            "record_detail",
            text("JSON in a text: `record_bps`, and where they are known `file_format` and `start_model`."),
        ),
        ("task_id?", text("The task, if a task made the recording.")),
    ])
}

fn exception() -> Value {
    let exception = object([
        (
            "type",
            whole(
                "-104 a gap, -9 timestamps, -10 sound and picture, -100 resolution, -120 codec, -132 keyframes; else 0.",
            ),
        ),
        ("occurs", whole("Always 1.")),
        ("desc", text("In words.")),
    ]);
    signed([
        ("stream_id", stream()),
        ("session_id", text("Empty.")),
        ("file_format", text("Empty.")),
        ("timestamp", event_time()),
        (
            "exception_level",
            one_of(&["error", "warning", "info"], "The severity."),
        ),
        ("exception", exception),
    ])
}

fn state(event: &str) -> Value {
    object([
        ("domain", domain()),
        ("app", app()),
        ("stream", stream()),
        ("event", always(event)),
    ])
}

fn record_file() -> Value {
    object([
        ("domain", domain()),
        ("app", app()),
        ("stream", stream()),
        ("uri", text("Its key in the store.")),
        ("duration", json!({ "type": "number", "description": "Seconds." })),
        ("start_time", whole("When it starts, in seconds since 1970.")),
        ("stop_time", whole("When it ends, in seconds since 1970.")),
    ])
}

fn screenshot() -> Value {
    signed([
        ("app", domain()),
        ("appname", app()),
        ("stream_id", stream()),
        ("channel_id", stream()),
        ("stream_param", text("Always empty.")),
        ("create_time", whole("When it was taken, in seconds since 1970.")),
        ("file_size", whole("Bytes.")),
        ("width", whole("Pixels.")),
        ("height", whole("Pixels.")),
        ("pic_url", text("Its path in the bucket.")),
        ("pic_full_url", text("Where it can be fetched.")),
    ])
}

fn snapshots() -> Value {
    let status = || json!({ "type": "string", "enum": ["success", "fail"] });
    let infos = object([
        ("Status", status()),
        ("SnapshotType", always("Normal")),
        ("SnapshotCount", whole("Pictures that are delivered.")),
        ("SnapshotFormat", always("jpg")),
        ("JobId", text("The job.")),
    ]);
    object([
        ("EventType", always("SnapshotComplete")),
        ("EventTime", text("When the job was over, in UTC.")),
        ("VideoId", text("The recording.")),
        ("Status", status()),
        ("SnapshotInfos", json!({ "type": "array", "items": infos })),
    ])
}

fn ingest(action: &str) -> Value {
    object([
        ("action", always(action)),
        ("ip", text("The publisher's address.")),
        ("id", stream()),
        ("app", domain()),
        ("appname", app()),
        ("time", event_time()),
        (
            "usrargs",
            text("The parameters after the stream's name, without possible secrets."),
        ),
    ])
}

fn domain() -> Value {
    text("The host that the publisher addressed; the box's own domain where that is not known.")
}

fn app() -> Value {
    text("The stream's app.")
}

fn stream() -> Value {
    text("The stream's name in its app.")
}

fn event_time() -> Value {
    whole("When it happened, in seconds since 1970.")
}
