//! `help`.

use serde::Serialize;

use crate::model::Right;

/// The commands, or one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Help {
    /// One of them.
    One(CommandHelp),
    /// All of them.
    All(CommandsHelp),
}

/// All commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CommandsHelp {
    /// Group by group.
    pub commands: Vec<CommandAbout>,
}

/// A command in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CommandAbout {
    /// Its name.
    pub command: &'static str,
    /// What it does.
    pub about: &'static str,
    /// The right that it needs over HTTP. Over MQTT and the control socket, callers have all rights.
    pub right: Right,
}

/// A command and what it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CommandHelp {
    /// Its name, and what it does.
    #[serde(flatten)]
    pub about: CommandAbout,
    /// What it takes; required ones first.
    pub arguments: Vec<Argument>,
}

/// An argument of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Of a time: a length of time that is written there counts from now on, not back.
    #[serde(skip)]
    pub ahead: bool,
    /// Of the number of rows of a list: how many there are at most where it is left out. The list goes on behind them.
    #[serde(skip)]
    pub rows: Option<u64>,
    /// What may stand there, as far as it can be said at once.
    #[serde(skip)]
    pub values: Values,
}

impl Argument {
    /// A length of time that is written there counts from now on.
    pub(crate) const fn ahead(self) -> Self {
        Self { ahead: true, ..self }
    }

    /// What may stand there.
    pub(crate) const fn of(self, values: Values) -> Self {
        Self { values, ..self }
    }

    /// It says how many rows a list has at most; so many, where it is left out.
    pub(crate) const fn rows(self, unsaid: u64) -> Self {
        Self {
            rows: Some(unsaid),
            ..self
        }
    }
}

/// What may stand as an argument, for a shell that completes a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Values {
    /// There is no saying.
    #[default]
    Any,
    /// One of these; of lengths of time, these among others.
    Words(&'static [&'static str]),
    /// The id of a recording.
    Recordings,
    /// A stream.
    Streams,
    /// The name of a template.
    Templates,
    /// The id of a task.
    Tasks,
    /// A command.
    Commands,
}

/// What is written as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Several objects.
    Objects,
}
