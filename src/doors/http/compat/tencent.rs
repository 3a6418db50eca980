//! `DescribeRecordTask` of Tencent Cloud's CSS: the tasks of a time.
//!
//! Source: Tencent Cloud *DescribeRecordTask* (live 2018-08-01; 267/56133, 457/56135).

use serde::Serialize;

use super::fault::Fault;
use super::parameters::{Parameters, streams};
use super::success;
use crate::config::{StreamSet, Streams};
use crate::doors::http::answer::Answer;
use crate::doors::http::door::Door;
use crate::media::Micros;
use crate::recorder::{Task, TaskState, When};

const ACTION: &str = "DescribeRecordTask";
const VERSION: &str = "2018-08-01";

const SECOND: Micros = 1_000_000;
/// The longest time that is asked for, and how long ago it begins at most: the cloud's limits.
const LONGEST: Micros = 7 * 86_400 * SECOND;
const OLDEST: Micros = 90 * 86_400 * SECOND;
/// The last moment that a time may be: the end of the year 9999, in seconds since 1970.
const LAST_S: i64 = 253_402_300_799;
/// Tasks of a page.
pub(super) const PAGE: usize = 100;
/// Tasks that are read at once.
const READ: usize = 500;

/// What every request may have, and nobody here reads: who signs it, and where.
const IGNORED: [&str; 9] = [
    "Language",
    "Nonce",
    "Region",
    "RequestClient",
    "SecretId",
    "Signature",
    "SignatureMethod",
    "Timestamp",
    "Token",
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply<'a> {
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    /// Empty at the end of the list.
    scroll_token: &'a str,
    task_list: Vec<RecordTask<'a>>,
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RecordTask<'a> {
    task_id: &'a str,
    domain_name: &'a str,
    app_name: &'a str,
    stream_name: &'a str,
    start_time: i64,
    end_time: i64,
    /// Their ids are numbers, and templates of the box have names, which may be numbers.
    template_id: u64,
    /// When it was stopped; 0 where nobody stopped it.
    stopped: i64,
}

/// The question.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) streams: Option<Streams>,
    pub(super) domain: Option<String>,
    pub(super) from: Micros,
    pub(super) to: Micros,
    pub(super) after: Option<String>,
}

/// Reads the question.
pub(super) fn asked(parameters: &mut Parameters, now: Micros) -> Result<Asked, Fault> {
    let action = parameters.take("Action").ok_or(Fault::Missing("Action"))?;
    if action != ACTION {
        return Err(Fault::Action(
            action,
            "Action DescribeRecordTask, or interface Live_Tape_GetFilelist,",
        ));
    }
    if let Some(version) = parameters.take("Version").filter(|version| version != VERSION) {
        return Err(Fault::Version(version, VERSION));
    }
    parameters.ignore(&IGNORED);
    let mut time = |name| match parameters.number(name, (0, LAST_S))? {
        Some(seconds) => Ok(seconds * SECOND),
        None => Err(Fault::Missing(name)),
    };
    let (from, to) = (time("StartTime")?, time("EndTime")?);
    let wrong = |name: &str, why: &str| Err(Fault::Value(name.to_owned(), why.to_owned()));
    if to <= from {
        return wrong("EndTime", "it must be later than StartTime");
    }
    if to - from > LONGEST {
        return wrong("EndTime", "it may be at most a week later than StartTime");
    }
    if from < now.saturating_sub(OLDEST) {
        return wrong("StartTime", "it may be at most 90 days ago");
    }
    let (app, name) = (parameters.take("AppName"), parameters.take("StreamName"));
    let streams = streams(("AppName", app), ("StreamName", name))?;
    let after = parameters.take("ScrollToken");
    if let Some(token) = after.as_ref().filter(|token| !is_task(token)) {
        return Err(Fault::value("ScrollToken", token, "is none that an answer had"));
    }
    let domain = parameters.take("DomainName");
    parameters.finish()?;
    Ok(Asked {
        streams,
        domain,
        from,
        to,
        after,
    })
}

/// True for what the id of a task looks like.
fn is_task(token: &str) -> bool {
    let is_of_file = token
        .strip_prefix("config.")
        .is_some_and(|name| (1..=64).contains(&name.len()));
    is_of_file || token.parse::<crate::media::RecordingId>().is_ok()
}

/// Answers the question.
pub(super) fn answer(
    door: &Door,
    parameters: &mut Parameters,
    seen: &StreamSet,
    now: Micros,
    request_id: &str,
) -> Result<Answer, Fault> {
    let asked = asked(parameters, now)?;
    let read = |after: Option<&str>| {
        let streams = asked.streams.as_ref();
        door.recorder().tasks(streams, None, seen, after, READ)
    };
    let (tasks, is_all) = page(&asked, read);
    let domain = asked.domain.as_deref().unwrap_or(door.domain());
    Ok(success(&Reply {
        response: Response {
            scroll_token: match tasks.last() {
                Some(last) if !is_all => &last.id,
                _ => "",
            },
            task_list: tasks.iter().filter_map(|task| shown(task, domain)).collect(),
            request_id,
        },
    }))
}

/// The tasks of a page, and whether they are the last ones. `read` gives tasks behind one with this id, some at a time.
pub(super) fn page(asked: &Asked, read: impl Fn(Option<&str>) -> Vec<Task>) -> (Vec<Task>, bool) {
    let mut page = Vec::new();
    let mut after = asked.after.clone();
    loop {
        let tasks = read(after.as_deref());
        let is_last = tasks.len() < READ;
        after = tasks.last().map(|task| task.id.clone());
        page.extend(tasks.into_iter().filter(|task| is_within(asked, task)));
        if page.len() > PAGE {
            page.truncate(PAGE);
            return (page, false);
        }
        if is_last {
            return (page, true);
        }
    }
}

/// A task that begins and ends in the time of the question. A weekly task has no beginning and no end, as theirs all have.
fn is_within(asked: &Asked, task: &Task) -> bool {
    matches!(task.when, When::Once(start, end) if start >= asked.from && end <= asked.to)
}

/// A task as they show it.
pub(super) fn shown<'a>(task: &'a Task, domain: &'a str) -> Option<RecordTask<'a>> {
    let When::Once(start, end) = task.when else {
        return None;
    };
    let seconds = |utc: Micros| utc.div_euclid(SECOND);
    let template = task.template.as_deref().unwrap_or_default();
    let stopped = match task.state {
        // An earlier release did not note when.
        TaskState::Stopped => task.outcome.stopped.unwrap_or(end),
        TaskState::Waiting | TaskState::Running | TaskState::Over => 0,
    };
    Some(RecordTask {
        task_id: &task.id,
        domain_name: domain,
        app_name: task.stream.app(),
        stream_name: task.stream.name(),
        start_time: seconds(start),
        end_time: seconds(end),
        template_id: template.parse().unwrap_or(0),
        stopped: seconds(stopped),
    })
}
