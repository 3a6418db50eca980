//! `help`: the commands themselves.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{Command, Effect, Kind, takes};
use super::table::{commands, known};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "help",
    about: "Lists the commands, or the arguments of one",
    effect: Effect::Reads,
    arguments: &[takes("about", Kind::Text, "this command alone")],
    carry_out: |api, arguments| Box::pin(help(api, arguments)),
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HelpOrder {
    about: Option<String>,
}

async fn help(_: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let order: HelpOrder = typed(arguments)?;
    Ok(match order.about {
        Some(name) => {
            let Command {
                name,
                about,
                arguments,
                ..
            } = known(&name)?;
            json!({ "command": name, "about": about, "arguments": arguments })
        }
        None => {
            let all: Vec<Value> = commands()
                .map(|command| json!({ "command": command.name, "about": command.about }))
                .collect();
            json!({ "commands": all })
        }
    })
}
