//! What a command is.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;

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
    pub(super) carry_out: Run,
}

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

/// An argument of a command.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Argument {
    /// Its name in a request.
    pub name: &'static str,
    /// What is written there.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Without it there is no request.
    pub required: bool,
    /// What it is for, in a few words.
    pub about: &'static str,
}

/// What is written as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A text.
    Text,
    /// A moment as in RFC 3339.
    Time,
    /// A length of time as in the configuration: `"30min"`.
    Span,
    /// A number of seconds.
    Seconds,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// Several texts.
    Texts,
    /// Several texts that may have commas in them.
    Lines,
    /// An object, as in the configuration.
    Object,
}

pub(super) type Done<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;
pub(super) type Run = for<'a> fn(&'a Api, Map<String, Value>) -> Done<'a>;

impl Command {
    pub(super) fn run<'a>(&self, api: &'a Api, arguments: Map<String, Value>) -> Done<'a> {
        (self.carry_out)(api, arguments)
    }
}

/// An argument without which there is no request.
pub(super) const fn needs(name: &'static str, kind: Kind, about: &'static str) -> Argument {
    Argument {
        name,
        kind,
        required: true,
        about,
    }
}

/// An argument that may be left out.
pub(super) const fn takes(name: &'static str, kind: Kind, about: &'static str) -> Argument {
    Argument {
        name,
        kind,
        required: false,
        about,
    }
}
