//! `recording.…`: recordings by command, and the list of recordings.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{Limit, Seconds, name, one_stream, one_stream_or_none, tags, time, typed};
use super::command::{
    AFTER, Command, Effect, Kind, LIMIT, Reach, Right, STREAM, STREAMS, Values, carries_out, needs, takes,
};
use super::ends::Ends;
use super::paged::fitting;
use super::row;
use crate::config::{StreamSet, Streams};
use crate::event::Short;
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::reply::{
    self, RecordingDeleted, RecordingList, RecordingProtected, RecordingTagged, Recordings, RecordingsBegun,
};
use crate::recorder::{AskError, MANUAL_USUAL, OrderError, StartOrder, Started, Which};
use crate::store::{
    Change, Command as StoreCommand, Cursor, Deletion, Library, Query, RecordingRow, RecordingState,
    RenditionState, StoreError,
};

/// A list has at most this many gaps of a recording: the last ones.
const LIST_GAPS: usize = 20;
/// The most gaps in an answer about one recording: the last ones.
const MOST_GAPS: usize = 500;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "recording.start",
        about: "Record a stream that is on the air, from now on",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: &[
            STREAM,
            takes(
                "template",
                Kind::Text,
                "the template; default is the template of the stream's rule",
            )
            .of(Values::Templates),
            takes("name", Kind::Text, "a name for the recordings"),
            takes(
                "pre_roll_s",
                Kind::Seconds,
                "include this much media from before the command, as far as memory reaches",
            ),
            takes(
                "longest_s",
                Kind::Seconds,
                "end the recording after this time; default 4 hours",
            ),
        ],
        carry_out: carries_out!(start -> RecordingsBegun),
    },
    Command {
        name: "recording.stop",
        about: "End recordings now",
        effect: Effect::Ends,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: WHICH,
        carry_out: carries_out!(stop -> Recordings),
    },
    Command {
        name: "recording.restart",
        about: "End recordings at the next keyframe, and begin new ones there",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: WHICH,
        carry_out: carries_out!(restart -> Recordings),
    },
    Command {
        name: "recording.finish",
        about: "Close recordings that wait for their publisher, without waiting longer",
        effect: Effect::Ends,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: WHICH,
        carry_out: carries_out!(finish -> Recordings),
    },
    Command {
        name: "recording.list",
        about: "List recordings, oldest first",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: &[
            STREAMS,
            takes(
                "prefix",
                Kind::Text,
                "only streams whose names begin with this, as in live/",
            )
            .of(Values::Streams),
            takes("from", Kind::Time, "only recordings that end after this time"),
            takes("to", Kind::Time, "only recordings that start before this time"),
            takes(
                "state",
                Kind::Text,
                "only this state: open, closed, delivered or expired",
            )
            .of(Values::Words(&["open", "closed", "delivered", "expired"])),
            takes("template", Kind::Text, "only recordings made by this template").of(Values::Templates),
            takes("tags", Kind::Texts, "only recordings that have all of these tags"),
            LIMIT,
            AFTER,
        ],
        carry_out: carries_out!(list -> RecordingList, or list_alone),
    },
    Command {
        name: "recording.get",
        about: "Show all details of a recording",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: ONE,
        carry_out: carries_out!(get -> reply::Recording, or get_alone),
    },
    Command {
        name: "recording.protect",
        about: "Protect a recording from eviction, or end its protection",
        effect: Effect::Changes,
        right: Right::Moderate,
        reach: Reach::Streams,
        arguments: &[
            THIS,
            takes(
                "protected",
                Kind::Switch,
                "false ends the protection; default true",
            ),
        ],
        carry_out: carries_out!(protect -> RecordingProtected),
    },
    Command {
        name: "recording.tag",
        about: "Replace the tags of a recording",
        effect: Effect::Changes,
        right: Right::Moderate,
        reach: Reach::Streams,
        arguments: &[
            THIS,
            takes(
                "tags",
                Kind::Texts,
                "at most 16 tags of at most 32 letters each; default none",
            ),
        ],
        carry_out: carries_out!(tag -> RecordingTagged),
    },
    Command {
        name: "recording.delete",
        about: "Delete a recording for good, with the footage that no other recording needs",
        effect: Effect::Ends,
        right: Right::Moderate,
        reach: Reach::Streams,
        arguments: &[
            THIS,
            takes("remote", Kind::Switch, "also delete the delivered files"),
        ],
        carry_out: carries_out!(delete -> RecordingDeleted, for good),
    },
];

const WHICH: &[super::Argument] = &[
    takes(
        "stream",
        Kind::Text,
        "end what commands began to record on this stream, as in live/cam1",
    )
    .of(Values::Streams),
    takes(
        "recording",
        Kind::Text,
        "or this recording, and those that began together with it",
    )
    .of(Values::Recordings),
];
const THIS: super::Argument = needs(
    "recording",
    Kind::Text,
    "the recording's id, or the beginning of the id",
)
.of(Values::Recordings);
const ONE: &[super::Argument] = &[THIS];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    #[serde(deserialize_with = "one_stream")]
    stream: StreamName,
    template: Option<String>,
    #[serde(default, deserialize_with = "name")]
    name: Option<String>,
    pre_roll_s: Option<Seconds>,
    longest_s: Option<Seconds>,
}

async fn start(api: &Api, arguments: Map<String, Value>) -> Result<RecordingsBegun, Failure> {
    let asked: Start = typed(arguments)?;
    api.sees(&asked.stream)?;
    let order = StartOrder {
        stream: asked.stream,
        template: asked.template,
        name: asked.name,
        pre_roll: asked.pre_roll_s.map_or(0, |seconds| seconds.0),
        longest: asked.longest_s.map_or(MANUAL_USUAL, |seconds| seconds.0),
    };
    match api.recorder.start(&order).await {
        Ok(started) => {
            let short = short(api, &started).await;
            Ok(begun(&started.recordings, short))
        }
        // This request began the recording, before the service was interrupted.
        Err(AskError::Refused(OrderError::AlreadyStarted { recordings, .. })) if api.is_again() => {
            Ok(begun(&recordings, None))
        }
        Err(error) => Err(error.into()),
    }
}

fn begun(recordings: &[RecordingId], short: Option<Short>) -> RecordingsBegun {
    RecordingsBegun {
        recordings: texts(recordings),
        short,
    }
}

/// The part of the pre-roll that a new recording lacks.
async fn short(api: &Api, started: &Started) -> Option<Short> {
    let expected = started.short.clone();
    let id = started
        .recordings
        .first()
        .copied()
        .filter(|_| expected.is_some())?;
    match api.read(move |library| library.recording(id)).await {
        Ok(Some(row)) => row.short,
        // The recording begins with the next media.
        Ok(None) | Err(_) => expected,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneOrAll {
    #[serde(default, deserialize_with = "one_stream_or_none")]
    stream: Option<StreamName>,
    recording: Option<String>,
}

async fn stop(api: &Api, arguments: Map<String, Value>) -> Result<Recordings, Failure> {
    let which = which(api, arguments).await?;
    let stopped = api.recorder.stop_recording(&which).await;
    Ok(ids(&match stopped {
        Ok(stopped) => stopped,
        Err(error) => return Err(explained(api, &which, error.into()).await),
    }))
}

async fn restart(api: &Api, arguments: Map<String, Value>) -> Result<Recordings, Failure> {
    let which = which(api, arguments).await?;
    let ending = api.recorder.restart(&which).await;
    Ok(ids(&match ending {
        Ok(ending) => ending,
        Err(error) => return Err(explained(api, &which, error.into()).await),
    }))
}

async fn finish(api: &Api, arguments: Map<String, Value>) -> Result<Recordings, Failure> {
    let which = which(api, arguments).await?;
    let finished = api.recorder.finish(&which).await;
    Ok(ids(&match finished {
        Ok(finished) => finished,
        Err(error) => return Err(explained(api, &which, error.into()).await),
    }))
}

async fn which(api: &Api, arguments: Map<String, Value>) -> Result<Which, Failure> {
    let asked: OneOrAll = typed(arguments)?;
    match (asked.stream, asked.recording) {
        (Some(stream), None) => api.sees(&stream).map(|()| Which::Stream(stream)),
        (None, Some(text)) => id(api, text).await.map(Which::Recording),
        (None, None) => Err(Failure::bad("a stream or a recording is needed").about("stream")),
        (Some(_), Some(_)) => {
            Err(Failure::bad("either a stream or a recording, not both").about("recording"))
        }
    }
}

/// The recorder knows only what is going on. The store has the state of recordings that are over.
async fn explained(api: &Api, which: &Which, failure: Failure) -> Failure {
    let Which::Recording(id) = which else {
        return failure;
    };
    match row_of(api, id.to_string()).await {
        Ok(row) if row.state != RecordingState::Open => Failure::new(
            Code::Conflict,
            format!("recording {} is {}", row.id, row.state.as_str()),
        ),
        Err(other) if other.code == Code::NotFound => other,
        Ok(_) | Err(_) => failure,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    stream: Option<Streams>,
    prefix: Option<String>,
    #[serde(default, deserialize_with = "time")]
    from: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    to: Option<Micros>,
    state: Option<RecordingState>,
    template: Option<String>,
    #[serde(default, deserialize_with = "tags")]
    tags: Vec<String>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<RecordingList, Failure> {
    let query = Query {
        within: api.seen().clone(),
        ..query(typed(arguments)?)?
    };
    let rows = api.read(move |library| library.page(&query).map(|rows| (query, rows)));
    let (query, rows) = rows.await?;
    Ok(page(&query, &rows, api.address().as_deref()))
}

fn query(asked: List) -> Result<Query, Failure> {
    let after = asked.after.map(|text| text.parse::<Cursor>());
    let after = after
        .transpose()
        .map_err(|_| Failure::bad("after: expected what 'next' of the list before said").about("after"))?;
    Ok(Query {
        stream: asked.stream,
        prefix: asked.prefix,
        within: StreamSet::All,
        from: asked.from,
        to: asked.to,
        state: asked.state,
        template: asked.template,
        tags: asked.tags,
        after,
        limit: asked.limit.0,
    })
}

/// As many of the rows as an answer may hold.
fn page(query: &Query, rows: &[(Cursor, RecordingRow)], address: Option<&str>) -> RecordingList {
    let recordings = fitting(rows.iter().map(|(_, row)| row::bounded(row, LIST_GAPS, address)));
    let all = recordings.len() == rows.len() && rows.len() < query.limit;
    let last = recordings.len().checked_sub(1).and_then(|last| rows.get(last));
    let last = last.map(|(place, _)| place.to_string());
    RecordingList {
        recordings,
        next: last.filter(|_| !all),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    recording: String,
}

async fn get(api: &Api, arguments: Map<String, Value>) -> Result<reply::Recording, Failure> {
    let One { recording } = typed(arguments)?;
    let row = row_of(api, recording).await?;
    Ok(row::bounded(&row, MOST_GAPS, api.address().as_deref()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Protect {
    recording: String,
    #[serde(default = "yes")]
    protected: bool,
}

fn yes() -> bool {
    true
}

async fn protect(api: &Api, arguments: Map<String, Value>) -> Result<RecordingProtected, Failure> {
    let Protect { recording, protected } = typed(arguments)?;
    let recording = row_of(api, recording).await?.id;
    let command = StoreCommand::Change(Change::Protect { recording, protected });
    api.recorder.submit(command).await?;
    Ok(RecordingProtected {
        recording: recording.to_string(),
        protected,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    recording: String,
    #[serde(default, deserialize_with = "tags")]
    tags: Vec<String>,
}

async fn tag(api: &Api, arguments: Map<String, Value>) -> Result<RecordingTagged, Failure> {
    let Tag { recording, tags } = typed(arguments)?;
    let recording = row_of(api, recording).await?.id;
    let answer = RecordingTagged {
        recording: recording.to_string(),
        tags: tags.clone(),
    };
    api.recorder
        .submit(StoreCommand::Change(Change::Tag { recording, tags }))
        .await?;
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    recording: String,
    #[serde(default)]
    remote: bool,
}

async fn delete(api: &Api, arguments: Map<String, Value>) -> Result<RecordingDeleted, Failure> {
    let Delete { recording, remote } = typed(arguments)?;
    let mut row = row_of(api, recording).await?;
    let id = row.id;
    let mut ends = Ends::of(&api.store);
    let read = || api.read(move |library| library.recording(id));
    if remote && row.ending {
        // Files that are delivered while the recording ends would be there again.
        row = ends.closed(read).await?.unwrap_or(row);
    }
    let refused = |why: &str| Failure::new(Code::Conflict, format!("recording {id} is {why}"));
    let stands = |row: &RecordingRow| match row.protected {
        true => Some("protected; take that back first: recording unprotect"),
        false if row.state == RecordingState::Open && row.paused => {
            Some("open and waits for its publisher; end it first: recording finish")
        }
        false if row.ending && remote => Some("ending; try again in a moment"),
        false if row.ending => None,
        false => (row.state == RecordingState::Open).then_some("open; stop it first: recording stop"),
    };
    if let Some(why) = stands(&row) {
        return Err(refused(why));
    }
    api.is_about(id);
    if remote {
        // The remote files are removed first: a recording that is deleted here is not known any more.
        let removed = api.uploader()?.remove(id).await?;
        removed.map_err(|reason| Failure::new(Code::Unavailable, reason))?;
    }
    api.recorder
        .submit(StoreCommand::Delete { recording: id })
        .await?;
    if row.ending {
        // The deletion is under way already. The caller gets a better answer once the recording has ended.
        ends.closed(read).await?;
    }
    let (deletion, now) = api
        .read(move |library| Ok((library.deletion(id)?, library.recording(id)?)))
        .await?;
    if now.is_none()
        && let Err(failure) = api.look_at_channels().await
    {
        // They are looked at again soon.
        tracing::debug!("channels were not looked at: {}", failure.message);
    }
    match (deletion, now) {
        (Deletion::Done { left }, None) => Ok(deleted(&row, Some(left), remote)),
        (Deletion::None, None) => Ok(deleted(&row, Some(0), remote)),
        // Somebody protected the recording meanwhile.
        (_, Some(now)) if now.protected => {
            Err(refused("protected; take that back first: recording unprotect"))
        }
        (Deletion::Waits, _) => Ok(deleted(&row, None, remote)),
        (_, Some(now)) => Err(refused(now.state.as_str())),
    }
}

/// The reply about a recording that is to be deleted: how much of it is left on the tape, if that is known already, and what
/// happens to files that were delivered or are on their way.
fn deleted(row: &RecordingRow, left: Option<Micros>, remote: bool) -> RecordingDeleted {
    let count = |states: &[RenditionState]| {
        let of = row.renditions.iter().filter(|of| states.contains(&of.state));
        of.count()
    };
    let given_up = count(&[RenditionState::Waiting, RenditionState::Failed]);
    let delivered = if remote {
        0
    } else {
        count(&[RenditionState::Delivered])
    };
    RecordingDeleted {
        recording: row.id.to_string(),
        left_s: left.map(|left| left as f64 / 1e6),
        waits: left.is_none(),
        given_up,
        still_delivered: delivered,
    }
}

/// The same list as [`list`], from the store alone.
fn list_alone(library: &Library, arguments: Map<String, Value>) -> Result<RecordingList, Failure> {
    let query = query(typed(arguments)?)?;
    Ok(page(&query, &library.page(&query)?, None))
}

/// The same recording as [`get`], from the store alone.
fn get_alone(library: &Library, arguments: Map<String, Value>) -> Result<reply::Recording, Failure> {
    let One { recording } = typed(arguments)?;
    Ok(row::bounded(&library.find(&recording)?, MOST_GAPS, None))
}

/// The id of a recording. The recording may be so new that it has no row yet, or the text may be only the beginning of its id.
pub(super) async fn id(api: &Api, text: String) -> Result<RecordingId, Failure> {
    match text.parse() {
        Ok(id) if api.certainly_sees(id) => Ok(id),
        _ => row_of(api, text).await.map(|row| row.id),
    }
}

pub(super) async fn row_of(api: &Api, text: String) -> Result<RecordingRow, Failure> {
    let text: String = text.chars().take(64).collect();
    let within = api.seen().clone();
    let found = api.read(move |library| match library.find_within(&text, &within) {
        Ok(row) => Ok(Ok(row)),
        Err(error @ (StoreError::NoRecording { .. } | StoreError::Ambiguous { .. })) => Ok(Err(error)),
        Err(error) => Err(error),
    });
    found
        .await?
        .map_err(|error| Failure::from(error).about("recording"))
}

fn ids(recordings: &[RecordingId]) -> Recordings {
    Recordings {
        recordings: texts(recordings),
    }
}

fn texts(recordings: &[RecordingId]) -> Vec<String> {
    recordings.iter().map(ToString::to_string).collect()
}
