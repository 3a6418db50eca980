//! The table of commands.

use super::answer::{Code, Failure};
use super::command::Command;
use super::{
    audit, callback, category, channel, clip, device, fingerprint, help, job, recording, rule, store, stream,
    sync, task, template, timeline, timeshift, token,
};
use crate::config;

/// What the commands of each group are about. A group has the commands whose names begin with its name. `timeline` and `help` have
/// no group.
pub const GROUPS: &[(&str, &str)] = &[
    ("recording", "Record streams; list, protect and delete recordings"),
    ("clip", "Make a recording of a part of a stream"),
    (
        "job",
        "Show and cancel work that goes on behind its answer; export to the object store",
    ),
    ("fingerprint", "Find recordings again by their pictures"),
    (
        "category",
        "Manage the tree of categories that recordings are filed in",
    ),
    (
        "channel",
        "Show recordings again at set times, as if they were live",
    ),
    ("task", "Plan recordings for a time"),
    ("rule", "Set which streams are recorded by which template"),
    ("template", "Set formats, splits and retention of recordings"),
    ("stream", "Show the streams on the air, and end a publish"),
    (
        "timeshift",
        "Show which streams can be played at another time than now",
    ),
    ("sync", "Show and control delivery"),
    (
        "store",
        "Show the space of the tape, and adopt a storage directory from another box",
    ),
    (
        "callback",
        "Show events that web services did not accept, and send them again",
    ),
    ("token", "Make tokens, with which others can watch"),
    ("device", "Show what the box is, and its state"),
    ("config", "Show the configuration that is in force, and reload it"),
    ("log", "Show the last lines of the log, and set its level"),
    ("audit", "Show who changed what"),
];

/// Every command, group by group.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    [
        recording::COMMANDS,
        clip::COMMANDS,
        job::COMMANDS,
        fingerprint::COMMANDS,
        category::COMMANDS,
        channel::COMMANDS,
        task::COMMANDS,
        rule::COMMANDS,
        template::COMMANDS,
        stream::COMMANDS,
        timeline::COMMANDS,
        timeshift::COMMANDS,
        store::COMMANDS,
        sync::COMMANDS,
        callback::COMMANDS,
        audit::COMMANDS,
        token::COMMANDS,
        device::COMMANDS,
        help::COMMANDS,
    ]
    .into_iter()
    .flatten()
}

/// The command with this name.
pub fn command(name: &str) -> Option<&'static Command> {
    commands().find(|command| command.name == name)
}

pub(super) fn known(name: &str) -> Result<&'static Command, Failure> {
    command(name).ok_or_else(|| {
        let shown: String = name.chars().take(64).collect();
        let names: Vec<&str> = commands().map(|command| command.name).collect();
        let near = config::nearest(&shown, &names);
        Failure::new(
            Code::NotFound,
            match near {
                Some(near) => format!("there is no command '{shown}'; did you mean '{near}'?"),
                None => format!("there is no command '{shown}'; 'help' lists them"),
            },
        )
        .about("command")
    })
}
