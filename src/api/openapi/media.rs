//! The paths of players, and what else the door answers: described in words, for no types stand behind them.

use serde_json::{Map, Value, json};

use super::document::refusals;
use crate::api::Code;
use crate::model::Right;

/// A path that is read.
struct Path {
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    about: &'static str,
    more: &'static str,
    right: Option<Right>,
    media_type: &'static str,
    parameters: &'static [&'static str],
    /// It is read by ranges of bytes.
    ranges: bool,
    codes: &'static [Code],
}

const FILE: &[&str] = &["recording", "format", "from", "to", "part", "times", "download"];
const MEDIA: &[Code] = &[
    Code::BadRequest,
    Code::Unauthorized,
    Code::Refused,
    Code::NotFound,
    Code::Gone,
    Code::TooMany,
    Code::Unavailable,
];
const RANGES: &[Code] = &[
    Code::BadRequest,
    Code::Unauthorized,
    Code::Refused,
    Code::NotFound,
    Code::Gone,
    Code::BadRange,
    Code::TooMany,
    Code::Unavailable,
];
/// A stream, and when it is played from.
const SHIFTED: &[&str] = &["app", "stream", "start", "end", "delay"];
/// The cells of sheets of small pictures.
const SPRITES: &[&str] = &[
    "recording",
    "every",
    "cell_width",
    "cell_height",
    "columns",
    "rows",
    "quality",
];
const PLAYLIST: &str = "application/vnd.apple.mpegurl";

const PATHS: &[Path] = &[
    Path {
        path: "/r/{recording}.{format}",
        id: "file",
        tag: "media",
        about: "A recording, or a part of it, as a file.",
        more: "The bytes are those of `edgereel export`. An open recording is as long as it is now; with `to` it is always the same file. The entity \
               tag is strong, so a download goes on after a break (If-Range). Where codec or picture size change in the middle of it, \
               X-Edgereel-Parts says how many files there are.",
        right: Some(Right::Download),
        media_type: "video/mp4",
        parameters: FILE,
        ranges: true,
        codes: RANGES,
    },
    Path {
        path: "/r/{recording}/master.m3u8",
        id: "master",
        tag: "media",
        about: "The master playlist of a recording (HLS).",
        more: "It names codecs, size, frame rate and bit rates, the playlist, and the playlist of keyframes.",
        right: Some(Right::Watch),
        media_type: PLAYLIST,
        parameters: &["recording", "from", "to"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/r/{recording}/index.m3u8",
        id: "playlist",
        tag: "media",
        about: "The playlist of a recording (HLS).",
        more: "Of the type EVENT, with EXT-X-ENDLIST when the recording is closed. Without a type while the recording is open and its beginning is evicted already. With `_HLS_skip=YES` a long playlist is sent without its old chunks.",
        right: Some(Right::Watch),
        media_type: PLAYLIST,
        parameters: &["recording", "from", "to"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/r/{recording}/iframes.m3u8",
        id: "keyframes",
        tag: "media",
        about: "The keyframes of a recording, for pictures while somebody seeks (HLS).",
        more: "Each keyframe is a file of its own.",
        right: Some(Right::Watch),
        media_type: PLAYLIST,
        parameters: &["recording", "from", "to"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/r/{recording}/{file}",
        id: "chunk",
        tag: "media",
        about: "A file that a playlist of a recording names.",
        more: "Take its name from the playlist. Its bytes never change.",
        right: Some(Right::Watch),
        media_type: "video/mp4",
        parameters: &["recording", "file"],
        ranges: true,
        codes: RANGES,
    },
    Path {
        path: "/k/{key}",
        id: "key",
        tag: "media",
        about: "A key of an encrypted recording: 16 bytes.",
        more: "Take its name from the playlist. It is for who may watch the recording, and kept nowhere (no-store).",
        right: Some(Right::Watch),
        media_type: "application/octet-stream",
        parameters: &["key"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/r/{recording}/frame.mp4",
        id: "frame",
        tag: "media",
        about: "A picture of a recording: the keyframe at a time or before it, as an MP4 with one picture.",
        more: "X-Edgereel-Time says of when the picture is.",
        right: Some(Right::Watch),
        media_type: "video/mp4",
        parameters: &["recording", "at"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/r/{recording}/frame.jpg",
        id: "picture",
        tag: "media",
        about: "The same picture of a recording as a JPEG.",
        more: "The media worker decodes it: without one, and while it is too busy, the answer is 503 with the reason. X-Edgereel-Time says of when the \
               picture is. The entity tag is a weak one.",
        right: Some(Right::Watch),
        media_type: "image/jpeg",
        parameters: &["recording", "at", "width", "height", "quality"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/r/{recording}/sprites.vtt",
        id: "sprites",
        tag: "media",
        about: "Small pictures of a recording, for players that show them over their bar: a WebVTT track.",
        more: "Each cue names a part of a sheet: `sprite.jpg?…#xywh=x,y,w,h`. Times are those of the recording's MP4. It needs no media worker;                its sheets do. A recording has at most 2,000 pictures: of a long one they are further apart.",
        right: Some(Right::Watch),
        media_type: "text/vtt",
        parameters: SPRITES,
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/r/{recording}/sprites.json",
        id: "sprites.facts",
        tag: "media",
        about: "The same sheets as Tencent Cloud describes them: Height, Width, TotalCount, ImageUrlSet, WebVttUrl.",
        more: "The addresses are relative to this one.",
        right: Some(Right::Watch),
        media_type: "application/json",
        parameters: SPRITES,
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/r/{recording}/sprite.jpg",
        id: "sprite",
        tag: "media",
        about: "A sheet of small pictures of a recording, as a JPEG.",
        more: "Take its address from `sprites.vtt`. The media worker makes it, as `frame.jpg`. The entity tag is a weak one; the last sheet of a                recording that grows changes.",
        right: Some(Right::Watch),
        media_type: "image/jpeg",
        parameters: &[
            "recording",
            "every",
            "cell_width",
            "cell_height",
            "columns",
            "rows",
            "quality",
            "sheet",
        ],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/{app}/{stream}.m3u8",
        id: "live",
        tag: "media",
        about: "The last chunks of a stream that is on the air, or the stream at another time than now (HLS).",
        more: "An app may have several levels. Where the app is a word of the door (`r`, `t`, `s`, `api`, …), the stream is played under /s. The parameters of time shift of Tencent Cloud and Alibaba Cloud are understood, too.",
        right: Some(Right::Watch),
        media_type: PLAYLIST,
        parameters: SHIFTED,
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/{app}/{stream}/master.m3u8",
        id: "live.master",
        tag: "media",
        about: "The master playlist of a stream that is on the air, or of the stream at another time than now (HLS).",
        more: "It names codecs, size, frame rate and bit rates, and the playlist with the same parameters.",
        right: Some(Right::Watch),
        media_type: PLAYLIST,
        parameters: SHIFTED,
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/{app}/{stream}/c/{file}",
        id: "live.chunk",
        tag: "media",
        about: "A file that the playlist of a stream names.",
        more: "A chunk has its number as its name. In a playlist of more than two hours, several chunks one behind the other are one file, named by the first and the last of them. The bytes never change.",
        right: Some(Right::Watch),
        media_type: "video/mp4",
        parameters: &["app", "stream", "file"],
        ranges: true,
        codes: RANGES,
    },
    Path {
        path: "/{app}/{stream}/c/k/{key}/{file}",
        id: "live.sealed",
        tag: "media",
        about: "A file that the playlist of an encrypted stream names: a chunk as ciphertext, or its key.",
        more: "Take its name from the playlist. `key` is the 16 bytes of the key, and is kept by nobody.",
        right: Some(Right::Watch),
        media_type: "application/octet-stream",
        parameters: &["app", "stream", "key", "file"],
        ranges: true,
        codes: RANGES,
    },
    Path {
        path: "/{app}/{stream}/frame.mp4",
        id: "live.frame",
        tag: "media",
        about: "A picture of a stream: the last keyframe, or the one at a time or before it, as an MP4 with one picture.",
        more: "X-Edgereel-Time says of when the picture is.",
        right: Some(Right::Watch),
        media_type: "video/mp4",
        parameters: &["app", "stream", "at"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/{app}/{stream}/frame.jpg",
        id: "live.picture",
        tag: "media",
        about: "The same picture of a stream as a JPEG.",
        more: "As `/r/{recording}/frame.jpg`.",
        right: Some(Right::Watch),
        media_type: "image/jpeg",
        parameters: &["app", "stream", "at", "width", "height", "quality"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/channel/{name}.m3u8",
        id: "channel",
        tag: "media",
        about: "What a channel shows now: recordings that are shown again at set times (HLS).",
        more: "A sliding playlist that is a function of the channel and the time. Before the start 404 with Retry-After, before the clock of the box \
               is believed 503.",
        right: Some(Right::Watch),
        media_type: PLAYLIST,
        parameters: &["name"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/channel/{name}/master.m3u8",
        id: "channel.master",
        tag: "media",
        about: "The master playlist of a channel (HLS).",
        more: "It names codecs, size, frame rate and bit rates of all recordings.",
        right: Some(Right::Watch),
        media_type: PLAYLIST,
        parameters: &["name"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/channel/{name}/{file}",
        id: "channel.chunk",
        tag: "media",
        about: "A file that the playlist of a channel names.",
        more: "Take its name from the playlist. Its bytes never change.",
        right: Some(Right::Watch),
        media_type: "video/mp4",
        parameters: &["name", "file"],
        ranges: true,
        codes: RANGES,
    },
    Path {
        path: "/timeshift/{app}/{stream}/timeshift.m3u8",
        id: "timeshift",
        tag: "media",
        about: "The address that older players of Tencent Cloud have for a stream at another time than now (HLS).",
        more: "With `delay` in seconds, or `starttime` in fourteen digits of UTC+8.",
        right: Some(Right::Watch),
        media_type: PLAYLIST,
        parameters: &["app", "stream", "delay", "starttime"],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/openapi/timeline/query",
        id: "timeshift.timeline",
        tag: "media",
        about: "When there is tape of a stream, as players of Alibaba Cloud ask it.",
        more: "The stream and the times are in the query: `app`, `stream`, `lhs_start_unix_s_0`, `lhs_end_unix_s_0`. The answer has `retCode`, `description` and `content`.",
        right: Some(Right::Watch),
        media_type: "application/json",
        parameters: &[],
        ranges: false,
        codes: MEDIA,
    },
    Path {
        path: "/compat/aliyun",
        id: "compat.aliyun",
        tag: "box",
        about: "Alibaba Cloud's question `ListLiveRecordVideo`, answered in its shape.",
        more: "The parameters are in the query, or in a form that is sent with POST; a refusal has the shape of that cloud. Only with `http.compat`.",
        right: Some(Right::Watch),
        media_type: "application/json",
        parameters: &[],
        ranges: false,
        codes: &[Code::NotFound],
    },
    Path {
        path: "/compat/tencent",
        id: "compat.tencent",
        tag: "box",
        about: "Tencent Cloud's questions `DescribeRecordTask` and `Live_Tape_GetFilelist`, answered in their shapes.",
        more: "The parameters are in the query, or in JSON or a form that is sent with POST; a refusal has the shape of that cloud. Only with `http.compat`.",
        right: Some(Right::Watch),
        media_type: "application/json",
        parameters: &[],
        ranges: false,
        codes: &[Code::NotFound],
    },
    Path {
        path: "/t/{token}/{path}",
        id: "token",
        tag: "media",
        about: "Any of the paths of media, under a token.",
        more: "The token says which streams or recordings, from when to when, and until when it is valid. URIs in playlists are relative, so they have the \
               token, too. A page of any origin may read these paths.",
        right: None,
        media_type: "application/octet-stream",
        parameters: &["token", "path"],
        ranges: true,
        codes: RANGES,
    },
    Path {
        path: "/healthz",
        id: "healthz",
        tag: "box",
        about: "Whether the service works.",
        more: "200, or 503 when its main loop or its storage thread does not answer.",
        right: Some(Right::Metrics),
        media_type: "application/json",
        parameters: &[],
        ranges: false,
        codes: &[Code::Unauthorized, Code::Refused, Code::Unavailable],
    },
    Path {
        path: "/readyz",
        id: "readyz",
        tag: "box",
        about: "Whether publishers are let in and media reaches flash.",
        more: "200, or 503 with the reasons.",
        right: Some(Right::Metrics),
        media_type: "application/json",
        parameters: &[],
        ranges: false,
        codes: &[Code::Unauthorized, Code::Refused, Code::Unavailable],
    },
    Path {
        path: "/metrics",
        id: "metrics",
        tag: "box",
        about: "Metrics for Prometheus.",
        more: "The text format 0.0.4, or OpenMetrics 1.0 where the client accepts it. Only streams that the viewer may see are labels.",
        right: Some(Right::Metrics),
        media_type: "text/plain",
        parameters: &[],
        ranges: false,
        codes: &[Code::Unauthorized, Code::Refused, Code::Unavailable],
    },
    Path {
        path: "/",
        id: "home",
        tag: "box",
        about: "A page for browsers that lists and plays what the viewer may see.",
        more: "It has nothing of the box in it: it asks the commands.",
        right: None,
        media_type: "text/html",
        parameters: &[],
        ranges: false,
        codes: &[],
    },
    Path {
        path: "/openapi.yaml",
        id: "openapi",
        tag: "box",
        about: "This document.",
        more: "It is the one of the release that runs.",
        right: None,
        media_type: "application/yaml",
        parameters: &[],
        ranges: false,
        codes: &[],
    },
];

/// All of these paths.
pub(super) fn paths() -> Vec<(String, Value)> {
    PATHS
        .iter()
        .map(|path| (path.path.to_owned(), described(path)))
        .collect()
}

fn described(path: &Path) -> Value {
    let operation = |method: &str| {
        let mut operation = json!({
            "operationId": format!("{method}.{}", path.id),
            "tags": [path.tag],
            "summary": path.about,
            "description": path.more,
            "responses": responses(path, method),
        });
        if let Some(right) = path.right {
            operation["x-right"] = json!(right);
        }
        operation
    };
    let mut item = json!({ "get": operation("get"), "head": operation("head") });
    if !path.parameters.is_empty() {
        item["parameters"] = path.parameters.iter().map(|name| parameter(name)).collect();
    }
    item
}

fn responses(path: &Path, method: &str) -> Map<String, Value> {
    let answer = |about: &str| match method {
        "head" => json!({ "description": about }),
        _ => json!({ "description": about, "content": { path.media_type: {} } }),
    };
    let mut responses = Map::from_iter([("200".to_owned(), answer("All of it."))]);
    if path.ranges {
        responses.insert("206".to_owned(), answer("The range of bytes that is requested."));
        responses.insert(
            "304".to_owned(),
            json!({ "description": "It is as the client has it (If-None-Match)." }),
        );
    }
    responses.extend(refusals(path.codes));
    responses
}

fn parameter(name: &str) -> Value {
    let (about, schema) = match name {
        "recording" => (
            "The recording's id.",
            json!({ "type": "string", "format": "uuid" }),
        ),
        "format" => (
            "The format. `m4a` and `aac` have sound alone.",
            json!({ "type": "string", "enum": ["mp4", "fmp4", "flv", "m4a", "aac"] }),
        ),
        "key" => ("The id of the key.", json!({ "type": "string" })),
        "from" => ("Where it begins; default the beginning.", moment()),
        "to" => ("Where it ends; default the end.", moment()),
        "at" => ("The time; default now.", moment()),
        "width" | "height" => (
            "The most pixels of this side, 8 to 8,192. The picture keeps its shape and is never enlarged. 0 and nothing: as it is.",
            json!({ "type": "integer", "minimum": 0, "maximum": 8192 }),
        ),
        "every" => (
            "The time from one picture to the next, 1s to 1h; default 10s. Longer where there would be more than 2,000.",
            json!({ "type": "string", "examples": ["10s"] }),
        ),
        "cell_width" | "cell_height" => (
            "Pixels of this side of a cell, an even number from 16 to 512. Default 160 wide, in the shape of the picture.",
            json!({ "type": "integer", "minimum": 16, "maximum": 512, "multipleOf": 2 }),
        ),
        "columns" | "rows" => (
            "The most cells of a sheet beside or below each other; default 10.",
            json!({ "type": "integer", "minimum": 1, "maximum": 10 }),
        ),
        "sheet" => (
            "The number of the sheet; from 1 on.",
            json!({ "type": "integer", "minimum": 1 }),
        ),
        "quality" => (
            "The quality of the JPEG; default 90, of sheets 75.",
            json!({ "type": "integer", "minimum": 1, "maximum": 100 }),
        ),
        "start" => (
            "The moment to play from: seconds since 1970, or a time with its offset.",
            json!({ "type": "string", "examples": ["2026-11-20T08:00:00Z", "1795161600"] }),
        ),
        "end" => (
            "The end of the range, at most 24 h later.",
            json!({ "type": "string", "examples": ["2026-11-20T08:01:00Z", "1795161660"] }),
        ),
        "delay" => (
            "How long ago what is played was live, in seconds, or as in 90s.",
            json!({ "type": "string", "examples": ["90s", "90"] }),
        ),
        "starttime" => (
            "The moment to play from.",
            json!({ "type": "string", "examples": ["20261120160000"] }),
        ),
        "part" => (
            "Which of the files, where the coding changes in the middle of it; from 1 on.",
            json!({ "type": "integer", "minimum": 1 }),
        ),
        "times" => (
            "With 1, an MP4 has a track that shows when each moment was; with 0, it has none. Default is what the template says.",
            json!({ "type": "string", "enum": ["1", "0"] }),
        ),
        "download" => (
            "With 1, browsers save it as a file.",
            json!({ "type": "string", "enum": ["1"] }),
        ),
        "app" => ("The stream's app.", json!({ "type": "string" })),
        "stream" => ("The stream's name in its app.", json!({ "type": "string" })),
        "token" => ("The token.", json!({ "type": "string" })),
        "path" => (
            "A path of media without its first slash.",
            json!({ "type": "string" }),
        ),
        _ => ("The name.", json!({ "type": "string" })),
    };
    let in_query = [
        "from",
        "to",
        "at",
        "start",
        "end",
        "delay",
        "starttime",
        "part",
        "times",
        "download",
        "width",
        "height",
        "quality",
        "every",
        "cell_width",
        "cell_height",
        "columns",
        "rows",
        "sheet",
    ]
    .contains(&name);
    let name = name.trim_start_matches("cell_");
    json!({
        "name": name,
        "in": if in_query { "query" } else { "path" },
        "required": !in_query,
        "description": about,
        "schema": schema,
    })
}

fn moment() -> Value {
    json!({ "type": "string", "examples": ["2026-11-20T08:00:00Z", "90s"] })
}
