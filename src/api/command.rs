//! What a command is.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
pub use crate::model::reply::{Argument, Kind, Values};
use crate::store::Library;

/// A command: what it is called, what it takes and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// As in `recording.start`.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// What it does to the box.
    pub effect: Effect,
    /// What it takes; required ones first.
    pub arguments: &'static [Argument],
    pub(super) carry_out: CarryOut,
}

/// The formats of a recording.
pub(super) const FORMATS: Values = Values::Words(&["mp4", "hls", "fmp4", "flv", "aac"]);
/// For how long something is kept, among others.
pub(super) const KEPT: Values = Values::Words(&["7d", "30d", "forever"]);
/// Time zones, among others.
pub(super) const ZONES: Values = Values::Words(&["UTC", "local"]);

/// What a command does, and the type of what it answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct CarryOut {
    pub(super) run: Run,
    /// Answers from the store alone, while no service runs.
    pub(super) alone: Option<Alone>,
    /// Nobody can take back what it does.
    pub(super) for_good: bool,
    #[cfg(test)]
    pub(super) reply: fn(schemars::SchemaGenerator) -> schemars::Schema,
}

/// A function of this room as what a command does: its arguments go in, and a value of this type of `model::reply` comes out.
/// `or …` names the one that does the same with the store alone; `for good` is said of what nobody can take back.
macro_rules! carries_out {
    ($function:ident -> $reply:ty) => {
        $crate::api::command::carries_out!(@ $function, $reply, None, false)
    };
    ($function:ident -> $reply:ty, or $alone:ident) => {
        $crate::api::command::carries_out!(@ $function, $reply, Some(|library, arguments| {
            let reply: $reply = $alone(library, arguments)?;
            $crate::api::command::written(&reply)
        }), false)
    };
    ($function:ident -> $reply:ty, for good) => {
        $crate::api::command::carries_out!(@ $function, $reply, None, true)
    };
    (@ $function:ident, $reply:ty, $alone:expr, $for_good:literal) => {
        $crate::api::command::CarryOut {
            alone: $alone,
            for_good: $for_good,
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

/// What a command does to the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    Reads,
    /// Something that does no harm when it is done again after a restart.
    Acts,
    /// Something that is there afterwards.
    Changes,
    /// Something that is not there afterwards.
    Ends,
}

pub(super) type Done<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;
pub(super) type Alone = fn(&Library, Map<String, Value>) -> Result<Value, Failure>;
pub(super) type Run = for<'a> fn(&'a Api, Map<String, Value>) -> Done<'a>;

impl Command {
    /// True of one that answers with rows, a page of them at a time.
    pub fn is_list(&self) -> bool {
        self.row_limit().is_some()
    }

    /// True of what nobody can take back: who types it is asked first.
    pub fn is_for_good(&self) -> bool {
        self.carry_out.for_good
    }

    /// True of one that the store alone can answer, while no service runs.
    pub fn needs_no_service(&self) -> bool {
        self.carry_out.alone.is_some()
    }

    /// What the store alone answers, if it can.
    pub fn alone(&self, library: &Library, arguments: Map<String, Value>) -> Option<Result<Value, Failure>> {
        Some((self.carry_out.alone?)(library, arguments))
    }

    /// The argument that says how many rows there are at most, and how many that is where it is left out.
    pub(super) fn row_limit(&self) -> Option<(&'static str, u64)> {
        let limit = |argument: &Argument| Some((argument.name, argument.rows?));
        self.arguments.iter().find_map(limit)
    }

    pub(super) fn run<'a>(&self, api: &'a Api, arguments: Map<String, Value>) -> Done<'a> {
        (self.carry_out.run)(api, arguments)
    }

    /// The schema of what it answers.
    #[cfg(test)]
    pub(crate) fn reply(&self, generator: schemars::SchemaGenerator) -> schemars::Schema {
        (self.carry_out.reply)(generator)
    }
}

/// A reply as it stands in an answer.
pub(super) fn written(reply: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(reply)
        .map_err(|error| Failure::new(Code::Internal, format!("the answer cannot be written: {error}")))
}

/// An argument without which there is no request.
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
