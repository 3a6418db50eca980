//! `edgereel ctl`: sends a request to a box through its broker.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Map, Value};

use super::complete;
use super::control::{long, read, verdict};
use super::output;
use super::shown;
use crate::api::{self, Kind};
use crate::config::{BrokerUrl, Mqtt, Span};
use crate::daemon::{block_on, broker_keys};
use crate::doors::mqtt::{LinkSettings, Remote};

/// Ask a box through its broker: any command, as in `ctl --broker mqtts://b --device box-17 recording.list limit=5`.
///
/// `watch` prints events as they come; `help` lists the commands.
#[derive(clap::Args)]
pub(super) struct Ctl {
    /// The broker, as in mqtts://broker.example.com:8883.
    #[arg(long, env = "EDGEREEL_BROKER", value_name = "URL")]
    broker: BrokerUrl,
    /// The id of the device; with `watch` it may be +, for all devices.
    #[arg(long, env = "EDGEREEL_DEVICE", value_name = "ID")]
    device: String,
    /// The prefix of the fleet's topics.
    #[arg(long, default_value = "edgereel", value_name = "PREFIX")]
    prefix: String,
    /// The user name for the broker.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// A file with the password for the broker.
    #[arg(long, value_name = "PATH", requires = "user", value_hint = clap::ValueHint::FilePath)]
    password_file: Option<PathBuf>,
    /// A PEM file with additional certificates to trust for the broker, beside those of the system.
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    ca_file: Option<PathBuf>,
    /// The client certificate.
    #[arg(long, value_name = "PATH", requires = "key_file", value_hint = clap::ValueHint::FilePath)]
    cert_file: Option<PathBuf>,
    /// The private key of the client certificate.
    #[arg(long, value_name = "PATH", requires = "cert_file", value_hint = clap::ValueHint::FilePath)]
    key_file: Option<PathBuf>,
    /// How long to wait for an answer.
    #[arg(long, default_value = "10s", value_name = "SPAN")]
    timeout: Span,
    /// Print answers and events as JSON.
    #[arg(long)]
    json: bool,
    /// A command such as recording.list, or watch to print events.
    #[arg(value_name = "COMMAND", add = ArgValueCompleter::new(complete::commands))]
    command: String,
    /// The arguments of the command, as in stream=live/cam1; a list is written as tags=a,b.
    #[arg(value_name = "ARG")]
    arguments: Vec<String>,
}

impl Ctl {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let root = format!("{}/{}", self.prefix, self.device);
        let watches = self.command == "watch";
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !(watches && self.device == "+") && (self.device.is_empty() || !self.device.chars().all(fits)) {
            bail!(
                "--device {}: an id has letters, digits, '.', '_' and '-'",
                self.device
            );
        }
        let arguments = arguments(&self.command, &self.arguments)?;
        let link = self.link()?;
        block_on(async {
            let mut remote = Remote::connect(&link, self.broker.to_string()).await?;
            if watches {
                return self.watch(&mut remote, &root).await;
            }
            let patience = self.timeout.duration();
            let answer = remote.ask(&root, &self.command, arguments, patience).await?;
            remote.close().await;
            self.print(&answer)
        })
    }

    fn link(&self) -> anyhow::Result<LinkSettings> {
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let client_id = format!("edgereel-ctl-{}", uuid::Uuid::now_v7().simple());
        let mqtt = Mqtt {
            url: self.broker.clone(),
            prefix: self.prefix.clone(),
            client_id: Some(client_id),
            user: self.user.clone(),
            password_file: self.password_file.as_ref().map(absolute),
            ca_file: self.ca_file.as_ref().map(absolute),
            cert_file: self.cert_file.as_ref().map(absolute),
            key_file: self.key_file.as_ref().map(absolute),
            session_expiry: Span::from_secs(0),
            ..Mqtt::default()
        };
        broker_keys(&mqtt)
    }

    fn print(&self, answer: &Value) -> anyhow::Result<()> {
        if self.json {
            output::line(&answer.to_string())?;
        } else if let Some(result) = answer.get("result") {
            shown::print(&self.command, result)?;
        }
        verdict(answer)
    }

    /// Prints events until it is interrupted.
    async fn watch(&self, remote: &mut Remote, root: &str) -> anyhow::Result<()> {
        remote
            .listen(&[&format!("{root}/status"), &format!("{root}/event/#")])
            .await?;
        let page = shown::Page::stdout();
        loop {
            let message = remote.message().await?;
            let topic = String::from_utf8_lossy(&message.topic).into_owned();
            let Ok(said) = serde_json::from_slice::<Value>(&message.payload) else {
                continue;
            };
            if self.json {
                output::line(&said.to_string())?;
            } else {
                output::line(&shown::event(&page, &self.prefix, &topic, &said))?;
            }
        }
    }
}

/// The arguments of a request from `key=value`. For a command that this release does not know, the look of a value decides its
/// type.
fn arguments(command: &str, pairs: &[String]) -> anyhow::Result<Map<String, Value>> {
    let known = api::command(command);
    let mut arguments = Map::new();
    for pair in pairs {
        let (name, text) = pair
            .split_once('=')
            .with_context(|| format!("'{pair}': arguments are written as in stream=live/cam1"))?;
        let argument = known.and_then(|command| {
            let mut all = command.arguments.iter();
            all.find(|argument| argument.name == name || long(argument.name) == name)
        });
        let Some(argument) = argument else {
            if let Some(command) = known.filter(|command| !command.arguments.is_empty()) {
                let names: Vec<&str> = command.arguments.iter().map(|argument| argument.name).collect();
                bail!(
                    "{} has no argument '{name}'; it takes {}",
                    command.name,
                    names.join(", ")
                );
            }
            let value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
            arguments.insert(name.to_owned(), value);
            continue;
        };
        let value = match argument.kind {
            Kind::Texts => text
                .split(',')
                .filter(|text| !text.is_empty())
                .map(Value::from)
                .collect(),
            Kind::Lines => {
                let mut lines = match arguments.remove(argument.name) {
                    Some(Value::Array(lines)) => lines,
                    _ => Vec::new(),
                };
                lines.push(text.into());
                Value::Array(lines)
            }
            _ => read(argument, text).with_context(|| name.to_owned())?,
        };
        arguments.insert(argument.name.to_owned(), value);
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(command: &str, pairs: &[&str]) -> Result<Value, String> {
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        arguments(command, &pairs)
            .map(Value::Object)
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn arguments_are_what_the_command_takes() {
        let read = read_all(
            "recording.start",
            &["stream=live/cam1", "pre-roll=10s", "name=a=b"],
        );
        let wanted = serde_json::json!({ "stream": "live/cam1", "pre_roll_s": 10.0, "name": "a=b" });
        assert_eq!(read.unwrap(), wanted);
        let read = read_all(
            "task.create",
            &[
                "stream=live/a",
                "weekly=Mon 08:00-09:00",
                "weekly=Tue 08:00-09:00",
            ],
        );
        let weekly = serde_json::json!(["Mon 08:00-09:00", "Tue 08:00-09:00"]);
        assert_eq!(read.unwrap()["weekly"], weekly);
        let read = read_all("recording.list", &["limit=5", "tags=a,b"]).unwrap();
        assert_eq!(
            (&read["limit"], &read["tags"]),
            (&5.into(), &serde_json::json!(["a", "b"]))
        );
        // A command of a later release.
        let read = read_all("device.dance", &["steps=3", "to=left"]).unwrap();
        assert_eq!((&read["steps"], &read["to"]), (&3.into(), &"left".into()));
    }

    #[test]
    fn what_it_does_not_take_is_refused_here() {
        let error = read_all("recording.list", &["limt=5"]).unwrap_err();
        assert!(
            error.contains("no argument 'limt'") && error.contains("limit"),
            "{error}"
        );
        assert!(
            read_all("recording.list", &["limit"])
                .unwrap_err()
                .contains("written as in")
        );
        assert!(
            read_all("recording.list", &["limit=x"])
                .unwrap_err()
                .starts_with("limit")
        );
    }
}
