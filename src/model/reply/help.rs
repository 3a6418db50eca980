//! `help`.

use serde::Serialize;
use serde_json::Value;

/// The commands, or one of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
}

/// A command and what it takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CommandHelp {
    /// Its name, and what it does.
    #[serde(flatten)]
    pub about: CommandAbout,
    /// Its arguments: `name`, `type`, `required` and `about` of each.
    pub arguments: Vec<Value>,
}
