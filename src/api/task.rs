//! `task.…`: recordings that are ordered for a time.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;
use super::arguments::{Limit, name, one_to_come, time, typed};
use super::command::{
    AFTER, Command, Effect, Kind, LIMIT, Reach, Right, STREAM, STREAMS, Values, ZONES, carries_out, needs,
    takes,
};
use super::paged::fitting;
use crate::config::{Span, Streams, Weekly, Zone};
use crate::event::rfc3339;
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::reply::{self, TaskList, TaskMissedTime, TaskSource};
use crate::recorder::{Missed, OrderError, Outcome, Task, TaskError, TaskState, When};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "task.create",
        about: "Plan a recording for a time; it records every publish of the stream in that time",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: &[
            STREAM,
            takes("start", Kind::Time, "when the task begins; default now").ahead(),
            takes("end", Kind::Time, "when the task ends, at most 24 hours later").ahead(),
            takes("duration", Kind::Span, "or how long the task lasts, as in 90min"),
            takes(
                "weekly",
                Kind::Lines,
                "or weekly hours, as in \"Mon-Fri 08:00-18:00\"",
            ),
            takes(
                "time_zone",
                Kind::Text,
                "the time zone of these hours, as in Asia/Shanghai; default UTC",
            )
            .of(ZONES),
            takes(
                "template",
                Kind::Text,
                "the template; default is HLS without splits",
            )
            .of(Values::Templates),
            takes("name", Kind::Text, "a name for the task's recordings"),
        ],
        carry_out: carries_out!(create -> reply::Task),
    },
    Command {
        name: "task.list",
        about: "List tasks, in the order in which they were made",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: &[
            STREAMS,
            takes(
                "state",
                Kind::Text,
                "only this state: waiting, running, over or stopped",
            )
            .of(Values::Words(&["waiting", "running", "over", "stopped"])),
            LIMIT,
            AFTER,
        ],
        carry_out: carries_out!(list -> TaskList),
    },
    Command {
        name: "task.stop",
        about: "End a task for good, and its recordings",
        effect: Effect::Ends,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: ONE,
        carry_out: carries_out!(stop -> reply::Task),
    },
    Command {
        name: "task.delete",
        about: "Delete a task; its current recordings continue",
        effect: Effect::Ends,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: ONE,
        carry_out: carries_out!(delete -> reply::Task),
    },
];

const ONE: &[super::Argument] = &[needs("task", Kind::Text, "the task's id").of(Values::Tasks)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    #[serde(deserialize_with = "one_to_come")]
    stream: StreamName,
    #[serde(default, deserialize_with = "time")]
    start: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    end: Option<Micros>,
    duration: Option<Span>,
    weekly: Option<Vec<String>>,
    time_zone: Option<Zone>,
    template: Option<String>,
    #[serde(default, deserialize_with = "name")]
    name: Option<String>,
}

impl Create {
    fn task(self, id: RecordingId, now: Micros) -> Result<Task, Failure> {
        let when = self.when(now)?;
        Ok(Task {
            id: id.to_string(),
            stream: self.stream,
            template: self.template,
            name: self.name,
            when,
            state: TaskState::Waiting,
            outcome: Outcome::default(),
            configured: false,
        })
    }

    fn when(&self, now: Micros) -> Result<When, Failure> {
        let either = |field: &str| {
            let text = "'end', 'duration' or 'weekly': one of them, and 'start' with the first two alone";
            Failure::bad(text).about(field)
        };
        let start = self.start.unwrap_or(now);
        match (self.end, self.duration, &self.weekly) {
            (Some(end), None, None) => Ok(When::Once(start, end)),
            (None, Some(duration), None) => Ok(When::Once(start, start.saturating_add(duration.as_micros()))),
            (None, None, Some(_)) if self.start.is_some() => Err(either("start")),
            (None, None, Some(hours)) => {
                let zone = self.time_zone.clone().unwrap_or_default();
                let weekly = Weekly::parse(hours, zone);
                let weekly = weekly.map_err(|error| Failure::bad(error.to_string()).about("weekly"));
                weekly.map(When::Weekly)
            }
            (None, None, None) => Err(either("end")),
            (_, _, Some(_)) => Err(either("weekly")),
            (Some(_), Some(_), None) => Err(either("duration")),
        }
    }
}

async fn create(api: &Api, arguments: Map<String, Value>) -> Result<reply::Task, Failure> {
    let task = typed::<Create>(arguments)?.task(api.makes(), api.now())?;
    api.sees(&task.stream)?;
    let made = api.recorder.tasks(None, None, api.seen(), None, usize::MAX);
    if let Some(made) = made.iter().find(|made| api.is_again() && made.id == task.id) {
        return Ok(shown(made));
    }
    Ok(shown(&api.recorder.create_task(task).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    stream: Option<Streams>,
    state: Option<TaskState>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<TaskList, Failure> {
    let List {
        stream,
        state,
        limit,
        after,
    } = typed(arguments)?;
    let tasks = api
        .recorder
        .tasks(stream.as_ref(), state, api.seen(), after.as_deref(), limit.0);
    let shown = fitting(tasks.iter().map(shown));
    let all = shown.len() == tasks.len() && tasks.len() < limit.0;
    let last = shown.len().checked_sub(1).and_then(|last| tasks.get(last));
    let next = last.filter(|_| !all).map(|task| task.id.clone());
    Ok(TaskList { tasks: shown, next })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    task: String,
}

async fn stop(api: &Api, arguments: Map<String, Value>) -> Result<reply::Task, Failure> {
    let One { task } = typed(arguments)?;
    seen(api, &task)?;
    Ok(shown(&api.recorder.stop_task(&task).await?))
}

async fn delete(api: &Api, arguments: Map<String, Value>) -> Result<reply::Task, Failure> {
    let One { task } = typed(arguments)?;
    seen(api, &task)?;
    Ok(shown(&api.recorder.delete_task(&task).await?))
}

/// Checks that the caller may see the stream of a task. For a caller who may not, there is no such task.
fn seen(api: &Api, task: &str) -> Result<(), Failure> {
    let tasks = api.recorder.tasks(None, None, api.seen(), None, usize::MAX);
    if api.seen().is_all() || tasks.iter().any(|seen| seen.id == task) {
        Ok(())
    } else {
        Err(OrderError::Task(TaskError::Unknown(task.to_owned())).into())
    }
}

fn shown(task: &Task) -> reply::Task {
    let (start, end, weekly) = match &task.when {
        When::Once(start, end) => (Some(rfc3339(*start)), Some(rfc3339(*end)), None),
        When::Weekly(weekly) => (None, None, Some(weekly)),
    };
    reply::Task {
        task: task.id.clone(),
        stream: task.stream.to_string(),
        state: task.state.as_str(),
        template: task.template.clone(),
        name: task.name.clone(),
        from: if task.configured {
            TaskSource::Config
        } else {
            TaskSource::Command
        },
        start,
        end,
        weekly: weekly.map(|weekly| weekly.hours().to_vec()),
        time_zone: weekly.map(|weekly| weekly.zone().to_string()),
        last_recorded: task.outcome.recorded.map(rfc3339),
        missed: task.outcome.missed.as_ref().map(missed),
    }
}

/// The last time of a task that is over, if nothing was recorded in it.
fn missed(missed: &Missed) -> TaskMissedTime {
    TaskMissedTime {
        start: rfc3339(missed.start),
        end: rfc3339(missed.end),
        times: missed.times,
        reason: missed.reason,
        detail: missed.detail.clone(),
    }
}
