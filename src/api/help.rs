//! `help`: the list of the commands.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{Command, Effect, Kind, Reach, Right, Values, carries_out, takes};
use super::table::{commands, known};
use crate::model::reply::{CommandAbout, CommandHelp, CommandsHelp, Help};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "help",
    about: "List the commands, or the arguments of one command",
    effect: Effect::Reads,
    right: Right::Watch,
    reach: Reach::Streams,
    arguments: &[takes("about", Kind::Text, "show only this command").of(Values::Commands)],
    carry_out: carries_out!(help -> Help),
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HelpOrder {
    about: Option<String>,
}

async fn help(_: &Api, arguments: Map<String, Value>) -> Result<Help, Failure> {
    let order: HelpOrder = typed(arguments)?;
    Ok(match order.about {
        Some(name) => {
            let Command {
                name,
                about,
                right,
                arguments,
                ..
            } = known(&name)?;
            Help::One(CommandHelp {
                about: CommandAbout {
                    command: name,
                    about,
                    right: *right,
                },
                arguments: arguments.to_vec(),
            })
        }
        None => {
            let commands = commands().map(|command| CommandAbout {
                command: command.name,
                about: command.about,
                right: command.right,
            });
            Help::All(CommandsHelp {
                commands: commands.collect(),
            })
        }
    })
}
