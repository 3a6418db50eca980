//! `task.…`: recordings that are ordered for a time.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Api;
use super::answer::Failure;
use super::arguments::{Limit, name, time, typed};
use super::command::{Command, Kind, needs, takes};
use crate::config::Span;
use crate::event::rfc3339;
use crate::media::{Micros, RecordingId, StreamName};
use crate::recorder::{Task, TaskState, When};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "task.create",
        about: "Orders a recording for a time, whoever publishes then and however often",
        arguments: &[
            needs("stream", Kind::Text, "the stream, as in live/cam1"),
            takes("start", Kind::Time, "when it begins; now, if left out"),
            takes("end", Kind::Time, "when it ends, at most 24 hours later"),
            takes("duration", Kind::Span, "or how long it is, as in 90min"),
            takes("template", Kind::Text, "how; HLS in one piece, if left out"),
            takes("name", Kind::Text, "a name for its recordings"),
        ],
        carry_out: |api, arguments| Box::pin(create(api, arguments)),
    },
    Command {
        name: "task.list",
        about: "Lists tasks, those made first first",
        arguments: &[
            takes("stream", Kind::Text, "of this stream alone"),
            takes("state", Kind::Text, "waiting, running, over or stopped"),
            takes(
                "limit",
                Kind::Number,
                "at most so many, 1 to 100; 50, if left out",
            ),
            takes(
                "after",
                Kind::Text,
                "go on where the list before ended: its 'next'",
            ),
        ],
        carry_out: |api, arguments| Box::pin(list(api, arguments)),
    },
    Command {
        name: "task.stop",
        about: "Ends a task for good, and what it records",
        arguments: ONE,
        carry_out: |api, arguments| Box::pin(stop(api, arguments)),
    },
    Command {
        name: "task.delete",
        about: "Forgets a task; what it records now goes on",
        arguments: ONE,
        carry_out: |api, arguments| Box::pin(delete(api, arguments)),
    },
];

const ONE: &[super::Argument] = &[needs("task", Kind::Text, "its id")];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    stream: StreamName,
    #[serde(default, deserialize_with = "time")]
    start: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    end: Option<Micros>,
    duration: Option<Span>,
    template: Option<String>,
    #[serde(default, deserialize_with = "name")]
    name: Option<String>,
}

impl Create {
    fn task(self, now: Micros) -> Result<Task, Failure> {
        let start = self.start.unwrap_or(now);
        let end = match (self.end, self.duration) {
            (Some(end), None) => end,
            (None, Some(duration)) => start.saturating_add(duration.as_micros()),
            (None, None) => return Err(Failure::bad("'end' or 'duration' is needed").about("end")),
            (Some(_), Some(_)) => {
                return Err(Failure::bad("either 'end' or 'duration', not both").about("duration"));
            }
        };
        Ok(Task {
            id: RecordingId::new(u64::try_from(now / 1_000).unwrap_or(0)).to_string(),
            stream: self.stream,
            template: self.template,
            name: self.name,
            when: When::Once(start, end),
            state: TaskState::Waiting,
        })
    }
}

async fn create(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let task = typed::<Create>(arguments)?.task(api.now())?;
    Ok(shown(&api.recorder.create_task(task).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    stream: Option<StreamName>,
    state: Option<TaskState>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let List {
        stream,
        state,
        limit,
        after,
    } = typed(arguments)?;
    let tasks = api
        .recorder
        .tasks(stream.as_ref(), state, after.as_deref(), limit.0);
    // A hundred tasks fit into an answer: names and templates are bounded.
    let last = tasks.last().filter(|_| tasks.len() == limit.0);
    let next = last.map(|task| task.id.clone());
    let tasks: Vec<Value> = tasks.iter().map(shown).collect();
    Ok(json!({ "tasks": tasks, "next": next }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    task: String,
}

async fn stop(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let One { task } = typed(arguments)?;
    Ok(shown(&api.recorder.stop_task(&task).await?))
}

async fn delete(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let One { task } = typed(arguments)?;
    Ok(shown(&api.recorder.delete_task(&task).await?))
}

fn shown(task: &Task) -> Value {
    let mut value = json!({
        "task": task.id,
        "stream": task.stream.as_str(),
        "state": task.state.as_str(),
        "template": task.template,
        "name": task.name,
    });
    if let Some(object) = value.as_object_mut() {
        match &task.when {
            When::Once(start, end) => {
                object.insert("start".to_owned(), rfc3339(*start).into());
                object.insert("end".to_owned(), rfc3339(*end).into());
            }
        }
    }
    value
}
