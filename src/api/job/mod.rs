//! `job.…`, `export.create` and `still.create`: work that goes on behind the answer of a command. The journal ends a job when what it makes is delivered
//! or gone. `follow` tells doors how far jobs are.

mod follow;
mod told;

use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::follow::JobNow;
pub(super) use self::follow::Jobs;
use self::told::{shown, status_for, told};
use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{Limit, typed};
use super::command::{AFTER, Command, Effect, Kind, LIMIT, Reach, Right, Values, carries_out, needs, takes};
use super::paged::{Window, paged};
use super::recording::{EXPORT, STILL, export, still};
use crate::model::reply::{self, JobBegun, JobList, StillsBegun};
use crate::model::{JobKind, JobState};
use crate::store::{Command as StoreCommand, JobChange, JobRow};

const ONE: &[super::Argument] = &[needs("job", Kind::Text, "the job's id, or the beginning of it")];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "export.create",
        about: "Make a file of recordings, or of parts of them, and deliver it to the object store",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: EXPORT,
        carry_out: carries_out!(export -> JobBegun),
    },
    Command {
        name: "still.create",
        about: "Make pictures of a recording, and deliver them to the object store",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: STILL,
        carry_out: carries_out!(still -> StillsBegun),
    },
    Command {
        name: "job.list",
        about: "List jobs, newest first",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: &[
            takes(
                "state",
                Kind::Text,
                "only this state: delivering, waiting, running, done, failed or cancelled",
            )
            .of(Values::Words(&[
                "delivering",
                "waiting",
                "running",
                "done",
                "failed",
                "cancelled",
            ])),
            LIMIT,
            AFTER,
        ],
        carry_out: carries_out!(list -> JobList),
    },
    Command {
        name: "job.get",
        about: "Show how far a job is, and its files",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: ONE,
        carry_out: carries_out!(get -> reply::Job),
    },
    Command {
        name: "job.cancel",
        about: "Cancel a job: what it made is deleted, with the footage that no other recording needs, and its upload given up; pictures that are delivered stay",
        effect: Effect::Ends,
        right: Right::Moderate,
        reach: Reach::Streams,
        arguments: ONE,
        carry_out: carries_out!(cancel -> reply::Job, for good),
    },
];

/// The shortest beginning of an id.
const SHORTEST: usize = 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    state: Option<JobState>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<JobList, Failure> {
    let asked: List = typed(arguments)?;
    let window = Window::new(asked.limit, asked.after.as_deref())?;
    let rows = seen(api).await?;
    let rows: Vec<JobRow> = rows
        .into_iter()
        .filter(|row| asked.state.is_none_or(|state| row.state == state))
        .collect();
    let page = rows.iter().skip(window.skip()).take(asked.limit.0);
    let mut shown = Vec::new();
    let status = status_for(api, page.clone()).await;
    for row in page {
        shown.push(told(api, row, status.as_ref()).await?.0);
    }
    let (jobs, _) = paged(Window::new(asked.limit, None)?, &shown, Clone::clone);
    let end = window.skip().saturating_add(jobs.len());
    Ok(JobList {
        next: (end < rows.len() && !jobs.is_empty()).then(|| end.to_string()),
        jobs,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    job: String,
}

async fn get(api: &Api, arguments: Map<String, Value>) -> Result<reply::Job, Failure> {
    let One { job } = typed(arguments)?;
    shown(api, &find(api, &job).await?).await
}

async fn cancel(api: &Api, arguments: Map<String, Value>) -> Result<reply::Job, Failure> {
    let One { job } = typed(arguments)?;
    let row = find(api, &job).await?;
    let (id, recording) = (row.job.id, row.job.recording);
    let over = |state: JobState| {
        let text = format!(
            "job {id} is {}: only a job that goes on can be cancelled",
            state.as_str()
        );
        Failure::new(Code::Conflict, text).about("job")
    };
    if !row.state.is_open() && row.state != JobState::Cancelled {
        return Err(over(row.state));
    }
    let made = api.read(move |library| library.recording(recording)).await?;
    // The recording of pictures stays.
    if row.job.kind == JobKind::Export && made.is_some_and(|made| made.protected) {
        let text = format!("recording {recording} is protected; take that back first: recording unprotect");
        return Err(Failure::new(Code::Conflict, text).about("job"));
    }
    api.is_about(recording);
    api.change_job(JobChange::Cancelled(id))?;
    api.recorder.flush().await?;
    // It may have ended meanwhile.
    let row = find(api, &id.to_string()).await?;
    if row.state != JobState::Cancelled {
        return Err(over(row.state));
    }
    if row.job.kind == JobKind::Export {
        api.recorder.submit(StoreCommand::Delete { recording }).await?;
    }
    shown(api, &row).await
}

/// The jobs whose streams the caller may see, the newest first.
async fn seen(api: &Api) -> Result<Vec<JobRow>, Failure> {
    let within = api.seen().clone();
    let mut rows = api.read(|library| library.jobs()).await?;
    rows.retain(|row| row.job.is_within(&within));
    Ok(rows)
}

async fn find(api: &Api, text: &str) -> Result<JobRow, Failure> {
    let text: String = text.chars().take(64).collect();
    let rows = seen(api).await?;
    let is_long = text.len() >= SHORTEST;
    let mut found = rows
        .into_iter()
        .filter(|row| is_long && row.job.id.to_string().starts_with(&text));
    match (found.next(), found.next()) {
        (Some(row), None) => Ok(row),
        (Some(_), Some(_)) => {
            let text = format!("several jobs have ids that begin with '{text}': give more of it");
            Err(Failure::new(Code::Conflict, text).about("job"))
        }
        (None, _) => Err(Failure::new(Code::NotFound, format!("there is no job '{text}'")).about("job")),
    }
}
