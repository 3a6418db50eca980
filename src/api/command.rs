//! What a command is.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
pub use crate::model::reply::{Argument, Kind};

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

/// What a command does, and the type of what it answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct CarryOut {
    pub(super) run: Run,
    #[cfg(test)]
    pub(super) reply: fn(schemars::SchemaGenerator) -> schemars::Schema,
}

/// A function of this room as what a command does: its arguments go in, and a value of this type of `model::reply` comes out.
macro_rules! carries_out {
    ($function:ident -> $reply:ty) => {
        $crate::api::command::CarryOut {
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
pub(super) type Run = for<'a> fn(&'a Api, Map<String, Value>) -> Done<'a>;

impl Command {
    /// True of one that answers with rows, a page of them at a time.
    pub fn is_list(&self) -> bool {
        self.row_limit().is_some()
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
    }
}
