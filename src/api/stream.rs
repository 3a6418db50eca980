//! `stream.…`: what is on the air.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{Limit, typed};
use super::command::{Command, Effect, Kind, needs, takes};
use super::paged::{Window, paged};
use crate::media::{StreamName, Tracks};
use crate::recorder::StreamStatus;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "stream.list",
        about: "Lists the streams that are on the air",
        effect: Effect::Reads,
        arguments: &[
            takes(
                "limit",
                Kind::Number,
                "at most so many, 1 to 100; 50, if left out",
            ),
            takes(
                "after",
                Kind::Text,
                "go on where the list before ended: its 'next'",
            ),
        ],
        carry_out: |api, arguments| Box::pin(list(api, arguments)),
    },
    Command {
        name: "stream.kick",
        about: "Ends a publish; the publisher may come back",
        effect: Effect::Acts,
        arguments: &[needs("stream", Kind::Text, "the stream, as in live/cam1")],
        carry_out: |api, arguments| Box::pin(kick(api, arguments)),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let List { limit, after } = typed(arguments)?;
    let window = Window::new(limit, after.as_deref())?;
    let (streams, next) = paged(window, &api.recorder.status(), shown);
    Ok(json!({ "streams": streams, "next": next }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    stream: StreamName,
}

async fn kick(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let One { stream } = typed(arguments)?;
    match api.recorder.kick(&stream) {
        true => Ok(json!({ "stream": stream })),
        false => Err(Failure::new(
            Code::Conflict,
            format!("nobody publishes '{stream}' now"),
        )),
    }
}

fn shown(stream: &StreamStatus) -> Value {
    let recordings: Vec<String> = stream.recordings.iter().map(ToString::to_string).collect();
    json!({
        "stream": stream.stream.as_str(),
        "tracks": tracks(&stream.tracks),
        "bits_per_second": stream.bits_per_second,
        "bytes": stream.bytes,
        "recordings": recordings,
    })
}

fn tracks(tracks: &Tracks) -> Vec<Value> {
    let video = tracks.video.as_ref().map(|video| {
        json!({
            "kind": "video",
            "codec": video.codec.as_str(),
            "width": video.width,
            "height": video.height,
        })
    });
    let audio = tracks.audio.as_ref().map(|audio| {
        json!({
            "kind": "audio",
            "codec": audio.codec.as_str(),
            "sample_rate": audio.sample_rate,
            "channels": audio.channels,
        })
    });
    video.into_iter().chain(audio).collect()
}
