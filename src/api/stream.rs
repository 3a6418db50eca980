//! `stream.…`: what is on the air.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{Limit, one_stream, typed};
use super::command::{Command, Effect, Kind, needs, takes};
use super::paged::{Window, paged};
use crate::event::Recorded;
use crate::media::{LeftOut, StreamName, Tracks};
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
    let (streams, next) = paged(window, &api.recorder.status(), |stream| json!(row(stream)));
    Ok(json!({ "streams": streams, "next": next }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    #[serde(deserialize_with = "one_stream")]
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

/// A stream on the air.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamRow {
    /// Its name.
    pub stream: String,
    /// The publish.
    pub publish: String,
    /// The address that it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The host that the publisher addressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// What the publisher says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// What it is made of.
    pub tracks: Vec<StreamTrack>,
    /// What it sends now.
    pub bits_per_second: u64,
    /// Pictures a second.
    pub fps: f64,
    /// Seconds from one keyframe to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gop_s: Option<f64>,
    /// Holes in its tape since the start of the service.
    pub gaps: u64,
    /// Frames that were not recorded: they came before their sequence header or the first keyframe, or far too late.
    pub dropped_frames: u64,
    /// What is wrong with what it sends, and what is made of it, in sentences; tracks of another coding are in `left_out` alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Bytes that this publish has sent.
    pub bytes: u64,
    /// Tracks that it sends and that are not recorded, because of their coding; nothing else is said of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutTrack>,
    /// Whether it is recorded now, and how, or why not.
    pub recorded: Recorded,
    /// The recordings that it feeds.
    pub recordings: Vec<String>,
}

/// A track that is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LeftOutTrack {
    /// `video` or `audio`.
    pub kind: &'static str,
    /// Its coding: a name, or the number or FourCC it goes by.
    pub codec: String,
}

/// A track of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamTrack {
    /// `video` or `audio`.
    pub kind: &'static str,
    /// As ffprobe names it.
    pub codec: &'static str,
    /// Pixels, for video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// Pixels, for video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    /// Hertz, for audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// For audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
}

/// A stream as answers and `stream/…` show it.
pub fn row(stream: &StreamStatus) -> StreamRow {
    StreamRow {
        stream: stream.stream.to_string(),
        publish: stream.publish.to_string(),
        peer: stream.about.peer.clone(),
        domain: stream.about.domain.clone(),
        encoder: stream.about.encoder.clone(),
        tracks: tracks(&stream.tracks),
        fps: stream.fps,
        gop_s: stream.gop.map(|gop| gop as f64 / 1e6),
        gaps: stream.gaps,
        dropped_frames: stream.dropped_frames,
        notes: stream.oddities.iter().map(ToString::to_string).collect(),
        bits_per_second: stream.bits_per_second,
        bytes: stream.bytes,
        recorded: stream.recorded.clone(),
        left_out: stream.left_out.iter().map(left_out).collect(),
        recordings: stream.recordings.iter().map(ToString::to_string).collect(),
    }
}

fn left_out(track: &LeftOut) -> LeftOutTrack {
    LeftOutTrack {
        kind: track.kind.as_str(),
        codec: track.codec.clone(),
    }
}

fn tracks(tracks: &Tracks) -> Vec<StreamTrack> {
    let video = tracks.video.as_ref().map(|video| StreamTrack {
        kind: "video",
        codec: video.codec.as_str(),
        width: Some(video.width),
        height: Some(video.height),
        sample_rate: None,
        channels: None,
    });
    let audio = tracks.audio.as_ref().map(|audio| StreamTrack {
        kind: "audio",
        codec: audio.codec.as_str(),
        width: None,
        height: None,
        sample_rate: Some(audio.sample_rate),
        channels: Some(audio.channels),
    });
    video.into_iter().chain(audio).collect()
}
