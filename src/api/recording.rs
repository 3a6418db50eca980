//! `recording.…`: recordings by command, and the list of recordings.

mod compose;
mod delete;
mod facts;
mod hook;
mod list;
mod review;
mod search;
mod still;

use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) use self::compose::{EXPORT, export};
use self::compose::{compose, cut, mix, split, timelapse};
use self::delete::delete;
use self::facts::{set, tag};
use self::list::{get, get_alone, list, list_alone};
use self::review::review;
use self::search::{search, search_alone};
pub(super) use self::still::{STILL, still};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{Seconds, name, one_stream, one_stream_or_none, typed};
use super::command::{
    AFTER, Command, Effect, Kind, LIMIT, Reach, Right, STREAM, STREAMS, Values, carries_out, needs, takes,
};
use super::encrypted::keys;
use crate::event::Short;
use crate::media::{RecordingId, StreamName};
use crate::model::reply::{
    self, RecordingComposed, RecordingDeleted, RecordingFacts, RecordingKeys, RecordingList,
    RecordingProtected, RecordingTagged, Recordings, RecordingsBegun, RecordingsSplit, Reviewed,
};
use crate::recorder::{AskError, MANUAL_USUAL, OrderError, StartOrder, Started, Which};
use crate::store::{Change, Command as StoreCommand, RecordingRow, RecordingState, StoreError};

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
        name: "recording.search",
        about: "Find recordings by text, tags, category, length and more, in an order of your choice",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: search::ARGUMENTS,
        carry_out: carries_out!(search -> RecordingList, or search_alone),
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
        name: "recording.review",
        about: "Pass a recording, block it, or have it reviewed: blocked tape is held back from viewers and deliveries",
        effect: Effect::Changes,
        right: Right::Moderate,
        reach: Reach::Streams,
        arguments: &[
            // The recording may be left out on the command line, for the last one.
            needs(
                "status",
                Kind::Text,
                "what the review says: pass, review or block",
            )
            .of(Values::Words(&["pass", "review", "block"])),
            takes(
                "recording",
                Kind::Text,
                "the recording's id, or the beginning of the id",
            )
            .of(Values::Recordings),
            takes(
                "recordings",
                Kind::Texts,
                "or several, at most 20: the answer says what became of each",
            )
            .of(Values::Recordings),
            takes("reason", Kind::Text, "why; at most 128 bytes"),
        ],
        carry_out: carries_out!(review -> Reviewed),
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
        name: "recording.set",
        about: "Set the title, description, tags, category, notes and custom fields of a recording",
        effect: Effect::Changes,
        right: Right::Moderate,
        reach: Reach::Streams,
        arguments: &[
            THIS,
            takes(
                "title",
                Kind::Text,
                "its title, at most 64 characters; empty removes it",
            ),
            takes(
                "description",
                Kind::Text,
                "its description, one line of at most 512 characters; empty removes it",
            ),
            takes(
                "tags",
                Kind::Texts,
                "all its tags: at most 16 of at most 32 characters each; an empty list removes them",
            ),
            takes(
                "category",
                Kind::Text,
                "the id of its category; empty takes it out of its category",
            ),
            takes(
                "notes",
                Kind::Objects,
                "all its notes: at most 100, as in [{\"at_s\":12.5,\"text\":\"goal\"}], each text at most 128 characters; an empty list removes them",
            ),
            takes(
                "custom",
                Kind::Object,
                "an object of your own, at most 2 KiB, which events carry; {} removes it",
            ),
        ],
        carry_out: carries_out!(set -> RecordingFacts),
    },
    Command {
        name: "recording.compose",
        about: "Make a new recording of ranges of others, one after the other",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: compose::COMPOSE,
        carry_out: carries_out!(compose -> RecordingComposed),
    },
    Command {
        name: "recording.cut",
        about: "Make a new recording of ranges of one",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: compose::CUT,
        carry_out: carries_out!(cut -> RecordingComposed),
    },
    Command {
        name: "recording.split",
        about: "Make new recordings of the parts of one; the one itself stays",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: compose::SPLIT,
        carry_out: carries_out!(split -> RecordingsSplit),
    },
    Command {
        name: "recording.timelapse",
        about: "Make a new recording of the keyframes of one, many times faster, without sound: an MP4",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: compose::TIMELAPSE,
        carry_out: carries_out!(timelapse -> RecordingComposed),
    },
    Command {
        name: "recording.mix",
        about: "Make a new recording of two to four that play beside each other, in step by the clock",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: compose::MIX,
        carry_out: carries_out!(mix -> RecordingComposed),
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
    Command {
        name: "recording.keys",
        about: "Show the keys of a recording whose HLS is encrypted, for the key service",
        effect: Effect::Acts,
        right: Right::Keys,
        reach: Reach::Streams,
        arguments: &[
            takes(
                "recording",
                Kind::Text,
                "the recording's id, or the beginning of the id",
            )
            .of(Values::Recordings),
            takes("key", Kind::Text, "or one key, by its id, as playlists name it"),
            LIMIT,
            AFTER,
        ],
        carry_out: carries_out!(keys -> RecordingKeys, secret),
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
    answer(api, &which, api.recorder.stop_recording(&which).await).await
}

async fn restart(api: &Api, arguments: Map<String, Value>) -> Result<Recordings, Failure> {
    let which = which(api, arguments).await?;
    answer(api, &which, api.recorder.restart(&which).await).await
}

async fn finish(api: &Api, arguments: Map<String, Value>) -> Result<Recordings, Failure> {
    let which = which(api, arguments).await?;
    answer(api, &which, api.recorder.finish(&which).await).await
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

/// The recordings that a command is about, or why there are none.
async fn answer(
    api: &Api,
    which: &Which,
    done: Result<Vec<RecordingId>, AskError>,
) -> Result<Recordings, Failure> {
    match done {
        Ok(recordings) => Ok(Recordings {
            recordings: texts(&recordings),
        }),
        Err(error) => Err(explained(api, which, error.into()).await),
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
    let row = api.read(move |library| library.recording(recording)).await?;
    if protected && row.is_none_or(|row| !row.protected) {
        let why = "is being deleted: a part of it is gone already";
        return Err(Failure::new(
            Code::Conflict,
            format!("recording {recording} {why}"),
        ));
    }
    Ok(RecordingProtected {
        recording: recording.to_string(),
        protected,
    })
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
    let (within, shown) = (api.seen().clone(), text.clone());
    let found = api.read(move |library| match library.find_within(&text, &within) {
        Ok(row) => Ok(Ok(row)),
        Err(error @ (StoreError::NoRecording { .. } | StoreError::Ambiguous { .. })) => Ok(Err(error)),
        Err(error) => Err(error),
    });
    let row = found
        .await?
        .map_err(|error| Failure::from(error).about("recording"))?;
    if api.hides(&row) {
        let error = StoreError::NoRecording { text: shown };
        return Err(Failure::from(error).about("recording"));
    }
    Ok(row)
}

fn texts(recordings: &[RecordingId]) -> Vec<String> {
    recordings.iter().map(ToString::to_string).collect()
}
