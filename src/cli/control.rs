//! `edgereel recording|clip|task|rule|template|stream|timeline …`: every command that a running service takes. Names, arguments and
//! their descriptions come from the table in `api`. Here they become a command line, and the line becomes a request.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::{Arg, ArgAction, ArgMatches, Args as _, FromArgMatches as _};
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Map, Value};

use super::complete;
use super::hidden;
use super::offline;
use super::open::StoreArgument;
use super::output;
use super::service::{NoService, ask, find_socket};
use super::shown;
use crate::api::{self, Argument, Command, GROUPS, Kind, Values, commands};

/// A command of the line that stands for another command.
struct StandsFor {
    group: &'static str,
    name: &'static str,
    command: &'static str,
    /// An argument that it sets.
    said: Option<(&'static str, bool)>,
}

/// Commands of the line that stand for another command. `edgereel export` itself makes a file on the box.
const STANDS_FOR: &[StandsFor] = &[
    StandsFor {
        group: "recording",
        name: "unprotect",
        command: "recording.protect",
        said: Some(("protected", false)),
    },
    StandsFor {
        group: "job",
        name: "export",
        command: "export.create",
        said: None,
    },
    StandsFor {
        group: "job",
        name: "stills",
        command: "still.create",
        said: None,
    },
];

/// Commands with an argument that holds a secret.
const SECRETS: &[(&str, &str)] = &[("channel.push", "url")];

/// The argument that is a stream or a recording. A stream has a `/` in its name.
const WHICH: &str = "which";

const NAME: &str = "name";
const RECORDING: &str = "recording";
const RECORDINGS: &str = "recordings";
const LAST: &str = "last";
const YES: &str = "yes";

// No words of its own: they would stand in place of each command's.
#[derive(clap::Args)]
struct Service {
    /// The control socket of the service [default: from the configuration, or the one that systemd makes].
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    socket: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgument,
}

/// The groups as commands of the line, and the commands without a group.
pub(super) fn groups() -> impl Iterator<Item = clap::Command> {
    let groups = GROUPS.iter().map(|(group, about)| {
        let of_group = commands().filter_map(|command| {
            let name = command.name.strip_prefix(group)?.strip_prefix('.')?;
            Some(one(name, command, None))
        });
        let others = STANDS_FOR.iter().filter(|of| of.group == *group);
        let others = others.filter_map(|of| {
            let said = of.said.map(|(argument, _)| argument);
            Some(one(of.name, api::command(of.command)?, said))
        });
        clap::Command::new(*group)
            .about(*about)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(of_group.chain(others))
    });
    groups.chain(without_group().map(|command| one(command.name, command, None)))
}

/// The commands without a group. The line has a `help` of its own.
fn without_group() -> impl Iterator<Item = &'static Command> {
    commands().filter(|command| !command.name.contains('.') && command.name != "help")
}

/// Carries out the line, if its command is of one of the groups, or is a command without a group.
pub(super) fn run(matches: &ArgMatches) -> Option<anyhow::Result<()>> {
    let (group, matches) = matches.subcommand()?;
    if let Some(command) = without_group().find(|command| command.name == group) {
        return Some(carry_out(command, None, matches));
    }
    if GROUPS.iter().all(|(name, _)| *name != group) {
        return None;
    }
    let (name, matches) = matches.subcommand()?;
    let stands = STANDS_FOR.iter().find(|of| (of.group, of.name) == (group, name));
    let full = stands.map_or_else(|| format!("{group}.{name}"), |of| of.command.to_owned());
    let said = stands.and_then(|of| of.said);
    let command = api::command(&full)?;
    Some(carry_out(command, said, matches))
}

fn carry_out(command: &Command, said: Option<(&str, bool)>, matches: &ArgMatches) -> anyhow::Result<()> {
    let service = Service::from_arg_matches(matches)?;
    let mut arguments = Map::new();
    if let Some((argument, value)) = said {
        arguments.insert(argument.to_owned(), value.into());
    }
    if is_about_either(command)
        && let Some(which) = matches.get_one::<String>(WHICH)
    {
        let name = if which.contains('/') {
            "stream"
        } else {
            "recording"
        };
        arguments.insert(name.to_owned(), which.as_str().into());
    }
    for argument in command.arguments {
        if is_about_either(command) {
            break;
        }
        if said.is_some_and(|(name, _)| name == argument.name) {
            continue;
        }
        if is_the_recording(command, argument) && matches.get_flag(LAST) {
            arguments.insert(argument.name.to_owned(), LAST.into());
            continue;
        }
        if let Some(value) = value(argument, matches)? {
            arguments.insert(argument.name.to_owned(), value);
        }
    }
    let secret = SECRETS
        .iter()
        .find(|(name, _)| *name == command.name)
        .map(|(_, secret)| *secret);
    if secret.is_some()
        && let Some(name) = misplaced(&arguments)
    {
        bail!(
            "{}: no name of a channel: it has 1 to 64 letters, digits and '-'; the address comes behind it",
            name.to_uppercase()
        );
    }
    if let Some(secret) = secret
        && let Some(Value::String(text)) = arguments.get_mut(secret)
    {
        if text == hidden::FROM_INPUT {
            *text = hidden::read().with_context(|| secret.to_uppercase())?;
        } else {
            hidden::hide(text);
        }
    }
    if command.is_for_good() && !matches.get_flag(YES) {
        ask_first(&service, &arguments)?;
    }
    let answer = answer(&service, command, arguments)?;
    if matches.get_flag("json") {
        output::line(&answer.to_string())?;
    } else if let Some(result) = answer.get("result") {
        shown::print(command.name, result)?;
    }
    verdict(&in_options(command, answer))
}

/// The name among the arguments of a command with a secret, where it is none. It may be the secret, so nobody else may see it.
fn misplaced(arguments: &Map<String, Value>) -> Option<&'static str> {
    let text = arguments.get(NAME)?.as_str()?;
    (!api::is_channel_name(text)).then_some(NAME)
}

/// A failure names arguments. The user of the command line knows them as options.
fn in_options(command: &Command, mut answer: Value) -> Value {
    if let Some(message) = answer.pointer_mut("/error/message")
        && let Some(text) = message.as_str()
    {
        let mut text = text.to_owned();
        let optional = |it: &&Argument| !it.required && !is_the_recording(command, it);
        for argument in command.arguments.iter().filter(optional) {
            let (name, long) = (argument.name, long(argument.name));
            text = text.replace(&format!("'{name}'"), &format!("--{long}"));
            if let Some(what) = text.strip_prefix(&format!("{name}: ")) {
                text = format!("--{long}: {what}");
            }
        }
        *message = text.into();
    }
    answer
}

/// Fails when a request was refused, or when the checked thing is not right: scripts use the exit code.
pub(super) fn verdict(answer: &Value) -> anyhow::Result<()> {
    if let Some(error) = answer.get("error") {
        let message = error.get("message").and_then(Value::as_str);
        bail!("{}", message.unwrap_or("refused, without a word"))
    }
    if let Some(reviews) = answer.pointer("/result/reviews").and_then(Value::as_array) {
        let failed = reviews.iter().filter(|review| review.get("error").is_some());
        let failed = failed.count();
        ensure!(
            failed == 0,
            "{failed} of {} recordings were not reviewed",
            reviews.len()
        );
    }
    let right = answer.pointer("/result/ok").and_then(Value::as_bool);
    ensure!(
        right != Some(false),
        "the check failed: the steps say what is missing"
    );
    Ok(())
}

/// The answer of the service. A command that needs only the store is answered from there while no service runs.
fn answer(service: &Service, command: &Command, arguments: Map<String, Value>) -> anyhow::Result<Value> {
    let mut request = arguments.clone();
    request.insert("command".to_owned(), command.name.into());
    let paths = match &service.socket {
        Some(path) => vec![path.clone()],
        None => find_socket(&service.store)?,
    };
    let absent: NoService = match ask(&paths, &Value::Object(request))? {
        Ok(answer) => return Ok(answer),
        Err(absent) => absent,
    };
    if command.name == "token.create" {
        return offline::token(&service.store, arguments).with_context(|| absent.to_string());
    }
    if !command.needs_no_service() {
        return Err(absent.into());
    }
    let library = service.store.library().with_context(|| absent.to_string())?;
    match command.alone(&library, arguments) {
        Some(result) => Ok(api::without_service(&result)),
        None => Err(absent.into()),
    }
}

fn one(name: &'static str, command: &'static Command, said: Option<&str>) -> clap::Command {
    let taken = |argument: &&Argument| Some(argument.name) != said && !is_about_either(command);
    let arguments = command.arguments.iter().filter(taken);
    let arguments = arguments.map(|it| complete::with_values(argument(command, it), it));
    // `last` works here, too, for users who know the option of `export`.
    let last = command
        .arguments
        .iter()
        .find(|it| is_the_recording(command, it))
        .map(|it| {
            let about = "The newest recording, as RECORDING 'last'";
            Arg::new(LAST)
                .long(LAST)
                .action(ArgAction::SetTrue)
                .conflicts_with(it.name)
                .help(about)
        });
    let either = is_about_either(command).then(|| {
        let about =
            "a stream, as in live/cam1: its recordings that a command began; or a recording, with those that began with it";
        Arg::new(WHICH)
            .value_name("STREAM|RECORDING")
            .required(true)
            .add(ArgValueCompleter::new(complete::either))
            .help(about)
    });
    let about = match said {
        Some(_) => "End the protection of a recording",
        None => command.about,
    };
    let yes = command.is_for_good().then(|| {
        Arg::new(YES)
            .long(YES)
            .short('y')
            .action(ArgAction::SetTrue)
            .help("Do not ask for confirmation; required in scripts")
    });
    let line = clap::Command::new(name)
        .about(about)
        .args(either)
        .args(arguments)
        .args(last)
        .args(yes)
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print the answer as JSON"),
        );
    Service::augment_args(line)
}

/// Asks on a terminal whether a recording is to be removed. Without a terminal nobody can be asked.
fn ask_first(service: &Service, arguments: &Map<String, Value>) -> anyhow::Result<()> {
    let which = arguments.get(RECORDING).cloned().unwrap_or_default();
    let get = api::command("recording.get").context("no such command")?;
    let one = Map::from_iter([(RECORDING.to_owned(), which.clone())]);
    let found = answer(service, get, one)?;
    let Some(row) = found.get("result") else {
        let message = found.pointer("/error/message").and_then(Value::as_str);
        bail!("{}", message.unwrap_or("refused, without a word"));
    };
    let id = row.get("id").unwrap_or(&which);
    let shown = shown::sentence(id, row);
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        bail!("this removes {shown} for good; confirm it with --yes");
    }
    let mut out = std::io::stderr();
    write!(out, "Remove {shown} for good? [y/N] ")?;
    out.flush()?;
    let mut said = String::new();
    std::io::stdin().read_line(&mut said)?;
    ensure!(
        matches!(said.trim().to_ascii_lowercase().as_str(), "y" | "yes"),
        "nothing was removed"
    );
    Ok(())
}

/// True when a command takes a stream or a recording and nothing else.
fn is_about_either(command: &Command) -> bool {
    let values = command.arguments.iter().map(|argument| argument.values);
    values.eq([Values::Streams, Values::Recordings])
}

/// True for the argument that names the recording of a command, or the one of a list of them. It may be the last recording.
fn is_the_recording(command: &Command, argument: &Argument) -> bool {
    let alone = argument.required || command.arguments.iter().any(|it| it.name == RECORDINGS);
    argument.name == RECORDING && alone
}

/// The argument on the command line. Required arguments are positional; the others have options.
fn argument(command: &Command, argument: &Argument) -> Arg {
    let arg = Arg::new(argument.name).help(argument.about);
    let arg = match argument.kind {
        Kind::Texts => arg.value_delimiter(',').action(ArgAction::Append),
        Kind::Lines => arg.action(ArgAction::Append),
        // Some count from the end.
        Kind::Seconds => arg.allow_negative_numbers(true),
        _ => arg,
    };
    if is_the_recording(command, argument) {
        let has_list = command.arguments.iter().any(|it| it.name == RECORDINGS);
        let arg = if has_list {
            arg.required_unless_present_any([LAST, RECORDINGS])
        } else {
            arg.required_unless_present(LAST)
        };
        return arg.value_name(argument.name.to_uppercase());
    }
    let takes_several = matches!(argument.kind, Kind::Texts | Kind::Lines);
    if argument.required && takes_several {
        return arg
            .required(true)
            .num_args(1..)
            .value_name(argument.name.to_uppercase());
    }
    if argument.required && argument.kind == Kind::Objects {
        // Text of a program is easier to find behind its name.
        return arg.long(long(argument.name)).value_name("JSON").required(true);
    }
    if argument.required && argument.kind == Kind::Number {
        // So is a number.
        return arg.long(long(argument.name)).value_name("N").required(true);
    }
    if argument.required {
        return arg.required(true).value_name(argument.name.to_uppercase());
    }
    let long = long(argument.name);
    let value_name = match argument.kind {
        Kind::Text | Kind::Lines => "TEXT",
        Kind::Time => "TIME",
        Kind::Span | Kind::Seconds => "SPAN",
        Kind::Number => "N",
        Kind::Switch => "true|false",
        Kind::Texts => "A,B",
        Kind::Object | Kind::Objects => "JSON",
    };
    arg.long(long).value_name(value_name)
}

/// The name of the option: `pre_roll_s` becomes `--pre-roll`. Its value is written as a length of time.
pub(super) fn long(name: &str) -> String {
    name.strip_suffix("_s").unwrap_or(name).replace('_', "-")
}

fn value(argument: &Argument, matches: &ArgMatches) -> anyhow::Result<Option<Value>> {
    if matches!(argument.kind, Kind::Texts | Kind::Lines) {
        let texts = matches.get_many::<String>(argument.name);
        return Ok(texts.map(|texts| texts.filter(|text| !text.is_empty()).cloned().collect()));
    }
    let Some(text) = matches.get_one::<String>(argument.name) else {
        return Ok(None);
    };
    let what = || {
        if argument.required {
            argument.name.to_uppercase()
        } else {
            format!("--{}", long(argument.name))
        }
    };
    read(argument, text).with_context(what).map(Some)
}

/// The value of a text in a request. Times count from now, ahead or back.
pub(super) fn read(argument: &Argument, text: &str) -> anyhow::Result<Value> {
    // Texts of their own are separated by their callers.
    if matches!(argument.kind, Kind::Texts | Kind::Lines) {
        return Ok(text.into());
    }
    let now = jiff::Timestamp::now().as_microsecond();
    api::read_argument(argument, text, now).map_err(|failure| {
        let prefix = format!("{}: ", argument.name);
        anyhow::anyhow!(failure.message.trim_start_matches(&prefix).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_options_that_can_be_typed() {
        let said = |command: &str, message: &str| {
            let answer = serde_json::json!({ "ok": false, "error": { "message": message } });
            let answer = in_options(api::command(command).unwrap(), answer);
            answer["error"]["message"].as_str().unwrap().to_owned()
        };
        for (command, message, words) in [
            (
                "clip.create",
                "'to' is needed, or 'before_s' and 'after_s'",
                "--to is needed, or --before and --after",
            ),
            (
                "clip.create",
                "before_s: -1 is not a number",
                "--before: -1 is not a number",
            ),
            (
                "clip.create",
                "there is no tape of 'live/to'",
                "there is no tape of 'live/to'",
            ),
            ("recording.delete", "no recording 'x'", "no recording 'x'"),
        ] {
            assert_eq!(said(command, message), words);
        }
    }

    #[test]
    fn an_address_in_place_of_the_name_is_found_before_it_is_sent_or_said() {
        for (name, found) in [
            ("evening", None),
            ("rtmp://h/app/s3cret", Some("name")),
            ("rtmp:/h/app/s3cret", Some("name")),
        ] {
            let arguments = Map::from_iter([("name".to_owned(), name.into())]);
            assert_eq!(misplaced(&arguments), found, "{name}");
        }
    }
}
