//! `stream.…`: the streams on the air.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{one_stream, typed};
use super::command::{Command, Effect, PAGE, Reach, Right, STREAM, carries_out};
use super::paged::{Window, paged};
use crate::config::{is_reserved, stream_path};
use crate::media::{LeftOut, StreamName, Tracks};
use crate::model::reply::{LeftOutTrack, Stream, StreamKicked, StreamList, Track};
use crate::recorder::StreamStatus;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "stream.list",
        about: "List the streams that are on the air",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: PAGE,
        carry_out: carries_out!(list -> StreamList),
    },
    Command {
        name: "stream.kick",
        about: "End a publish; the publisher may connect again",
        effect: Effect::Acts,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: &[STREAM],
        carry_out: carries_out!(kick -> StreamKicked),
    },
];

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<StreamList, Failure> {
    let window = Window::of(arguments)?;
    let mut live = api.recorder.status();
    live.retain(|live| api.seen().has(live.stream.as_str()));
    let address = api.address();
    let knows_publishers = api.knows_publishers();
    let (streams, next) = paged(window, &live, |status| {
        let row = row(status, address.as_deref());
        Stream {
            peer: row.peer.filter(|_| knows_publishers),
            ..row
        }
    });
    Ok(StreamList { streams, next })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    #[serde(deserialize_with = "one_stream")]
    stream: StreamName,
}

async fn kick(api: &Api, arguments: Map<String, Value>) -> Result<StreamKicked, Failure> {
    let One { stream } = typed(arguments)?;
    api.sees(&stream)?;
    if api.recorder.kick(&stream) {
        Ok(StreamKicked {
            stream: stream.to_string(),
        })
    } else {
        Err(Failure::new(
            Code::Conflict,
            format!("nobody publishes '{stream}' now"),
        ))
    }
}

/// A stream as answers and `stream/…` show it. `address` is the one under which viewers reach the box, without a slash at its end,
/// if they can.
pub fn row(stream: &StreamStatus, address: Option<&str>) -> Stream {
    Stream {
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
        notes: notes(stream, address),
        bits_per_second: stream.bits_per_second,
        bytes: stream.bytes,
        recorded: stream.recorded.clone(),
        left_out: stream.left_out.iter().map(left_out).collect(),
        recordings: stream.recordings.iter().map(ToString::to_string).collect(),
        url: address
            .zip(played_at(stream))
            .map(|(address, path)| format!("{address}{path}")),
    }
}

/// Where a stream plays that is on the air.
fn played_at(stream: &StreamStatus) -> Option<String> {
    stream
        .plays
        .then(|| format!("{}/master.m3u8", stream_path(&stream.stream)))
}

/// What a user should know of a stream, in sentences.
fn notes(stream: &StreamStatus, address: Option<&str>) -> Vec<String> {
    let elsewhere = address.filter(|_| is_reserved(&stream.stream)).map(|address| {
        format!(
            "its app is a word of the HTTP server, so it plays under {address}{}",
            stream_path(&stream.stream)
        )
    });
    let oddities = stream.oddities.iter().map(ToString::to_string);
    oddities.chain(elsewhere).collect()
}

fn left_out(track: &LeftOut) -> LeftOutTrack {
    LeftOutTrack {
        kind: track.kind.as_str(),
        codec: track.codec.clone(),
    }
}

fn tracks(tracks: &Tracks) -> Vec<Track> {
    let video = tracks.video.as_ref().map(|video| Track {
        kind: "video",
        codec: video.codec.as_str(),
        width: Some(video.width),
        height: Some(video.height),
        sample_rate: None,
        channels: None,
    });
    let audio = tracks.audio.as_ref().map(|audio| Track {
        kind: "audio",
        codec: audio.codec.as_str(),
        width: None,
        height: None,
        sample_rate: Some(audio.sample_rate),
        channels: Some(audio.channels),
    });
    video.into_iter().chain(audio).collect()
}
