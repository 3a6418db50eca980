//! The type of a command.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
pub(super) use crate::model::Right;
pub use crate::model::reply::{Argument, Kind, Values};
use crate::store::Library;

/// A command: its name, its arguments and its effect.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The name, as in `recording.start`.
    pub name: &'static str,
    /// The purpose of the command, in a sentence.
    pub about: &'static str,
    /// The effect on the box.
    pub effect: Effect,
    /// The right that a caller needs.
    pub right: Right,
    /// How much of the box the command is about.
    pub reach: Reach,
    /// The arguments; required ones first.
    pub arguments: &'static [Argument],
    pub(super) carry_out: CarryOut,
}

/// The stream that a command is about.
pub(super) const STREAM: Argument =
    needs("stream", Kind::Text, "the stream, as in live/cam1").of(Values::Streams);
/// The streams of a list.
pub(super) const STREAMS: Argument = takes(
    "stream",
    Kind::Text,
    "only this stream, or the streams that a pattern matches, as in live/*",
)
.of(Values::Streams);
/// The beginning of the time [between](super::arguments::between) two moments.
pub(super) const FROM: Argument = takes("from", Kind::Time, "the beginning; default a day before the end");
/// How many rows of a list: [`Limit`](super::arguments::Limit).
pub(super) const LIMIT: Argument = takes(
    "limit",
    Kind::Number,
    "the largest number of rows, 1 to 100; default 50",
)
.rows(50);
/// Where a list goes on.
pub(super) const AFTER: Argument = takes(
    "after",
    Kind::Text,
    "continue after the previous list: the value of its 'next'",
);
/// The arguments of a list that has no other ones: [`Window::of`](super::paged::Window::of) reads them.
pub(super) const PAGE: &[Argument] = &[LIMIT, AFTER];
/// The formats of a recording.
pub(super) const FORMATS: Values = Values::Words(&["mp4", "hls", "fmp4", "flv", "aac"]);
/// Some of the times that something can be kept for.
pub(super) const KEPT: Values = Values::Words(&["7d", "30d", "forever"]);
/// Some of the time zones.
pub(super) const ZONES: Values = Values::Words(&["UTC", "local"]);

/// The function of a command, and the type of its reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct CarryOut {
    pub(super) run: Run,
    /// Answers from the store alone, while no service runs.
    pub(super) alone: Option<Alone>,
    /// True when the effect cannot be undone.
    pub(super) for_good: bool,
    /// True when the answer is a secret.
    pub(super) secret: bool,
    #[cfg(test)]
    pub(super) reply: fn(schemars::SchemaGenerator) -> schemars::Schema,
}

/// Turns a function of this folder into the function of a command. Its arguments go in, and a value of this type of
/// `model::reply` comes out. `or …` names the function that does the same with the store alone. `for good` marks commands whose
/// effect cannot be undone, `secret` those whose answer is a secret.
macro_rules! carries_out {
    ($function:ident -> $reply:ty) => {
        $crate::api::command::carries_out!(@ $function, $reply, None, false, false)
    };
    ($function:ident -> $reply:ty, or $alone:ident) => {
        $crate::api::command::carries_out!(@ $function, $reply, Some(|library, arguments| {
            let reply: $reply = $alone(library, arguments)?;
            $crate::api::command::written(&reply)
        }), false, false)
    };
    ($function:ident -> $reply:ty, for good) => {
        $crate::api::command::carries_out!(@ $function, $reply, None, true, false)
    };
    ($function:ident -> $reply:ty, secret) => {
        $crate::api::command::carries_out!(@ $function, $reply, None, false, true)
    };
    (@ $function:ident, $reply:ty, $alone:expr, $for_good:literal, $secret:literal) => {
        $crate::api::command::CarryOut {
            alone: $alone,
            for_good: $for_good,
            secret: $secret,
            run: |api, arguments| {
                Box::pin(async move {
                    let reply: $reply = $function(api, arguments).await?;
                    $crate::api::command::written(&reply)
                })
            },
            #[cfg(test)]
            reply: |generator| generator.into_root_schema_for::<$reply>(),
        }
    };
}
pub(super) use carries_out;

/// The effect of a command on the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The command changes nothing.
    Reads,
    /// The command does something that does no harm when it is repeated after a restart.
    Acts,
    /// The command makes or changes something that lasts.
    Changes,
    /// The command ends or removes something.
    Ends,
}

/// How much of the box a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Streams that the caller may see. The command does nothing to other streams, and its answer has nothing of them.
    Streams,
    /// The whole box. The command is for callers who may see all streams.
    Box,
}

pub(super) type Done<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;
pub(super) type Alone = fn(&Library, Map<String, Value>) -> Result<Value, Failure>;
pub(super) type Run = for<'a> fn(&'a Api, Map<String, Value>) -> Done<'a>;

impl Command {
    /// True when the command answers with rows, a page at a time.
    pub fn is_list(&self) -> bool {
        self.row_limit().is_some()
    }

    /// True when the effect cannot be undone. A user on a terminal is asked first.
    pub fn is_for_good(&self) -> bool {
        self.carry_out.for_good
    }

    /// True when the answer is a secret: it is remembered nowhere.
    pub fn is_secret(&self) -> bool {
        self.carry_out.secret
    }

    /// True when the command changes nothing. Over HTTP such a command can be given with GET.
    pub fn only_reads(&self) -> bool {
        self.effect == Effect::Reads
    }

    /// True when the store alone can answer while no service runs.
    pub fn needs_no_service(&self) -> bool {
        self.carry_out.alone.is_some()
    }

    /// The answer from the store alone, if there can be one.
    pub fn alone(&self, library: &Library, arguments: Map<String, Value>) -> Option<Result<Value, Failure>> {
        Some((self.carry_out.alone?)(library, arguments))
    }

    /// The argument with the most rows of an answer, and its default.
    pub(super) fn row_limit(&self) -> Option<(&'static str, u64)> {
        let limit = |argument: &Argument| Some((argument.name, argument.rows?));
        self.arguments.iter().find_map(limit)
    }

    pub(super) fn run<'a>(&self, api: &'a Api, arguments: Map<String, Value>) -> Done<'a> {
        (self.carry_out.run)(api, arguments)
    }

    /// The schema of the reply.
    #[cfg(test)]
    pub(crate) fn reply(&self, generator: schemars::SchemaGenerator) -> schemars::Schema {
        (self.carry_out.reply)(generator)
    }
}

/// A reply in the form in which it stands in an answer.
pub(super) fn written(reply: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(reply)
        .map_err(|error| Failure::new(Code::Internal, format!("the answer cannot be written: {error}")))
}

/// A required argument.
pub(super) const fn needs(name: &'static str, kind: Kind, about: &'static str) -> Argument {
    Argument {
        name,
        kind,
        required: true,
        about,
        ahead: false,
        rows: None,
        values: Values::Any,
    }
}

/// An argument that may be left out.
pub(super) const fn takes(name: &'static str, kind: Kind, about: &'static str) -> Argument {
    Argument {
        name,
        kind,
        required: false,
        about,
        ahead: false,
        rows: None,
        values: Values::Any,
    }
}
