//! The words that a shell offers behind a command. The shell asks the program itself, so the words are the ids, streams and
//! templates that exist. Words that cannot be found at once are left out: a user who presses TAB wants no error.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::Arg;
use clap::builder::StyledStr;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::CompleteEnv;
use serde::Serialize;
use serde_json::{Map, Value};

use super::open::StoreArgument;
use super::service::{ask_within, find_socket};
use super::shown::Page;
use crate::api::{self, Argument, Kind, Values};
use crate::event::rfc3339;
use crate::media::Micros;

/// The variable that names the shell.
pub(super) const VARIABLE: &str = "EDGEREEL_COMPLETE";
/// The longest wait for the service.
const PATIENCE: Duration = Duration::from_secs(2);
const DAY: Micros = 86_400_000_000;
/// The most words, as many as a list has.
const MOST: usize = 100;

const SWITCH: &[&str] = &["true", "false"];

/// Answers a shell and ends, if a shell asks.
pub(super) fn answer(whole: fn() -> clap::Command) {
    CompleteEnv::with_factory(whole).var(VARIABLE).complete();
}

/// The argument of a command of the table, with completions for its values.
pub(super) fn with_values(arg: Arg, argument: &Argument) -> Arg {
    let values = match argument.values {
        Values::Words(words) => one_of(words),
        Values::Recordings => ArgValueCompleter::new(recordings),
        Values::Streams => ArgValueCompleter::new(streams),
        Values::Templates => ArgValueCompleter::new(templates),
        Values::Tasks => ArgValueCompleter::new(tasks),
        Values::Commands => ArgValueCompleter::new(commands),
        Values::Any if argument.kind == Kind::Switch => one_of(SWITCH),
        Values::Any => return arg,
    };
    arg.add(values)
}

/// The names of all formats.
pub(super) fn formats() -> ArgValueCompleter {
    one_of(&["mp4", "hls", "fmp4", "flv", "aac"])
}

fn one_of(words: &'static [&'static str]) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        fitting(current, words.iter().map(|word| ((*word).to_owned(), None)))
    })
}

/// Ids of the newest recordings, and `last`.
pub(super) fn recordings(current: &OsStr) -> Vec<CompletionCandidate> {
    let rows = newest().into_iter().filter_map(|row| {
        let text = |name: &str| {
            row.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let start = text("start")
            .parse()
            .ok()
            .map(|at| Page::terminal().time(at))
            .unwrap_or_default();
        Some((
            row.get("id")?.as_str()?.to_owned(),
            Some(format!("{} {start} {}", text("stream"), text("state"))),
        ))
    });
    let mut all = vec![("last".to_owned(), Some("the newest".to_owned()))];
    all.extend(rows);
    let old = begun_so(current).filter(|id| all.iter().all(|(known, _)| known != id));
    all.extend(old.map(|id| (id, None)));
    fitting(current, all)
}

/// Streams on the air, and the streams of the newest recordings.
pub(super) fn streams(current: &OsStr) -> Vec<CompletionCandidate> {
    let live = asked("stream.list", "streams", "stream").into_iter();
    let recorded = newest()
        .into_iter()
        .filter_map(|row| Some(row.get("stream")?.as_str()?.to_owned()));
    let mut names: Vec<String> = live.chain(recorded).collect();
    names.sort();
    names.dedup();
    fitting(current, names.into_iter().map(|name| (name, None)))
}

/// Streams or recordings, for an argument that takes either.
pub(super) fn either(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut all = streams(current);
    all.extend(recordings(current));
    all
}

/// Commands, as `ctl` takes them.
pub(super) fn commands(current: &OsStr) -> Vec<CompletionCandidate> {
    let all = api::commands().map(|command| (command.name.to_owned(), Some(command.about.to_owned())));
    let watch = ("watch".to_owned(), Some("Prints events as they come".to_owned()));
    fitting(current, all.chain([watch]))
}

fn templates(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = asked("template.list", "templates", "name");
    fitting(current, names.into_iter().map(|name| (name, None)))
}

fn tasks(current: &OsStr) -> Vec<CompletionCandidate> {
    let ids = asked("task.list", "tasks", "task");
    fitting(current, ids.into_iter().map(|id| (id, None)))
}

fn fitting(
    current: &OsStr,
    all: impl IntoIterator<Item = (String, Option<String>)>,
) -> Vec<CompletionCandidate> {
    let begun = current.to_string_lossy();
    let fits = all
        .into_iter()
        .filter(|(value, _)| value.starts_with(begun.as_ref()));
    fits.map(|(value, help)| CompletionCandidate::new(value).help(help.map(StyledStr::from)))
        .collect()
}

/// The newest recordings of the store that the line names: those of its last day. A list begins with the oldest.
fn newest() -> Vec<Value> {
    let Ok(library) = store().library() else {
        return Vec::new();
    };
    let Ok(last) = library.find("last") else {
        return Vec::new();
    };
    let from = rfc3339(last.start.saturating_sub(DAY));
    let arguments = Map::from_iter([
        ("limit".to_owned(), MOST.into()),
        ("from".to_owned(), from.into()),
    ]);
    let list = api::command("recording.list");
    let answer = list
        .and_then(|list| list.alone(&library, arguments))
        .and_then(Result::ok);
    let mut rows = rows(answer.as_ref(), "recordings");
    let last = serde_json::to_value(api::recording_row(&last, None)).unwrap_or_default();
    if rows.iter().all(|row| row.get("id") != last.get("id")) {
        rows.push(last);
    }
    rows
}

/// The only recording whose id begins with `current`, however old it is.
fn begun_so(current: &OsStr) -> Option<String> {
    let begun = current
        .to_str()
        .filter(|begun| !begun.is_empty() && *begun != "last")?;
    let found = store().library().ok()?.find(begun).ok()?;
    Some(found.id.to_string())
}

/// A request for one of the lists.
#[derive(Serialize)]
struct ListRequest<'a> {
    command: &'a str,
    limit: usize,
}

/// One field of each row that the running service lists.
fn asked(command: &str, list: &str, field: &str) -> Vec<String> {
    let store = store();
    let socket = named("--socket").map(|path| vec![path.into()]);
    let Some(paths) = socket.or_else(|| find_socket(&store).ok()) else {
        return Vec::new();
    };
    let request = serde_json::to_value(ListRequest { command, limit: MOST });
    let answer = request
        .ok()
        .and_then(|request| ask_within(&paths, &request, PATIENCE).ok());
    let answer = answer.and_then(Result::ok);
    let things = rows(answer.as_ref().and_then(|answer| answer.get("result")), list);
    let fields = things
        .iter()
        .filter_map(|thing| Some(thing.get(field)?.as_str()?.to_owned()));
    fields.collect()
}

fn rows(answer: Option<&Value>, list: &str) -> Vec<Value> {
    let found = answer.and_then(|answer| answer.get(list)?.as_array().cloned());
    found.unwrap_or_default()
}

fn store() -> StoreArgument {
    StoreArgument::named(named("--config"), named("--data"))
}

/// The value of an option in the line. The shell passes the whole line.
fn named(option: &str) -> Option<OsString> {
    let words: Vec<OsString> = std::env::args_os().skip_while(|word| word != "--").collect();
    let of_one = |word: &OsString| {
        let rest = word.to_str()?.strip_prefix(option)?.strip_prefix('=')?;
        Some(OsString::from(rest))
    };
    let after = words.windows(2).find_map(|pair| match pair {
        [name, value] if name == option => Some(value.clone()),
        _ => None,
    });
    after.or_else(|| words.iter().find_map(of_one))
}
