//! Tasks: recordings that somebody ordered for a time. A task is armed from its start to its end: every publisher of its stream
//! in that time is recorded, however often the connection breaks and the box restarts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::live::Moment;
use super::missed::{Missed, Outcome};
use crate::config::{Span, Streams, Weekly};
use crate::media::{Micros, StreamName};

/// The longest time from a task's start to its end, as with the cloud services.
const LONGEST: Micros = 24 * 3_600_000_000;
/// Most tasks of one stream that may run at the same time.
const SIDE_BY_SIDE: usize = 3;
/// Most tasks that are kept, those that are over included.
const MOST: usize = 20_000;
/// How far ahead a weekly task is compared with others that would run at the same time.
const AHEAD: Micros = 8 * 24 * 3_600_000_000;
/// How long a task that is over is remembered.
const REMEMBERED: Micros = 7 * 24 * 3_600_000_000;

/// A task, as the journal keeps it and lists show it. Times are UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The id of the task.
    pub id: String,
    /// The stream.
    pub stream: StreamName,
    /// The template; without one, HLS that is kept until its space is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// A name for its recordings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The times at which the task records.
    pub when: When,
    /// The progress of the task.
    pub state: TaskState,
    /// The results of its times so far.
    #[serde(default)]
    pub outcome: Outcome,
    /// True for a task of the configuration file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub configured: bool,
}

/// The times at which a task records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Once, from the first of these moments to the second, UTC.
    Once(Micros, Micros),
    /// Every week.
    Weekly(Weekly),
}

/// The progress of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Its time is to come.
    Waiting,
    /// Its time is now: every publisher of the stream is recorded.
    Running,
    /// Its time is over.
    Over,
    /// A command stopped the task.
    Stopped,
}

impl TaskState {
    /// The word that lists show.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskState::Waiting => "waiting",
            TaskState::Running => "running",
            TaskState::Over => "over",
            TaskState::Stopped => "stopped",
        }
    }

    pub(super) fn is_live(self) -> bool {
        matches!(self, TaskState::Waiting | TaskState::Running)
    }
}

/// The reason why a task is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// The times are not valid.
    #[error("{0}")]
    Times(String),
    /// The stream has as many tasks as may run at the same time.
    #[error("stream '{stream}' has {SIDE_BY_SIDE} tasks at that time already: {}", .tasks.join(", "))]
    Crowded {
        /// The stream.
        stream: StreamName,
        /// The ids of these tasks.
        tasks: Vec<String>,
    },
    /// There are as many tasks as are allowed.
    #[error("there are {MOST} tasks that are not over, and no more are taken")]
    TooMany,
    /// There is no task of this id.
    #[error("there is no task '{0}'")]
    Unknown(String),
    /// The task stands in the configuration file.
    #[error(
        "task '{id}' is in the configuration file ([[task]] name = \"{name}\"): remove it there and reload; `task stop` ends it"
    )]
    Configured {
        /// The task.
        id: String,
        /// The name in the configuration file.
        name: String,
    },
    /// The task is not running, nor will it.
    #[error("task '{id}' is {}: there is nothing to stop", .state.as_str())]
    NotLive {
        /// The task.
        id: String,
        /// The state that prevents it.
        state: TaskState,
    },
}

/// The work that is due about a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A time of the task begins: its start and its end, UTC.
    Begins(Task, Micros, Micros),
    /// A time of the task is over, and nothing was recorded in it.
    Missed(Task, Missed),
    /// The task is over, or waits for next week.
    Ends(Task),
    /// A task that is over was kept long enough, and is forgotten.
    Forgotten(String),
}

/// All tasks.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    tasks: BTreeMap<String, Task>,
    by_stream: HashMap<StreamName, BTreeSet<String>>,
    /// The next moment at which work is due about each task.
    due: BTreeSet<(Micros, String)>,
    /// The time of each task in `due`.
    dues: HashMap<String, Micros>,
}

impl When {
    /// The time that contains this moment: its start and its end.
    pub(super) fn window_at(&self, utc: Micros) -> Option<(Micros, Micros)> {
        match self {
            When::Once(start, end) => (*start..*end).contains(&utc).then_some((*start, *end)),
            When::Weekly(weekly) => weekly.window_at(utc),
        }
    }

    /// The first time that begins after this moment.
    fn next_after(&self, utc: Micros) -> Option<(Micros, Micros)> {
        match self {
            When::Once(start, end) => (*start > utc).then_some((*start, *end)),
            When::Weekly(weekly) => weekly.next_after(utc),
        }
    }

    /// The times that contain the first moment, or begin between the two.
    pub(super) fn windows(&self, from: Micros, to: Micros) -> Vec<(Micros, Micros)> {
        let mut windows: Vec<_> = self.window_at(from).into_iter().collect();
        let mut at = from;
        while let Some(next) = self
            .next_after(at)
            .filter(|next| next.0 < to && windows.len() < 100)
        {
            at = next.0;
            windows.push(next);
        }
        windows
    }
}

impl Tasks {
    /// Takes a task that the journal kept over a restart.
    pub(super) fn found(&mut self, task: Task, now: Moment) {
        self.put(task.judged_from(now.utc), now);
    }

    pub(super) fn create(&mut self, task: Task, now: Moment) -> Result<Task, TaskError> {
        if let When::Once(start, end) = task.when {
            let length = end.saturating_sub(start);
            if length <= 0 || end <= now.utc {
                return Err(TaskError::Times(
                    "end must be after start, and not in the past".to_owned(),
                ));
            }
            if length > LONGEST {
                let hours = Span::from_millis(length.unsigned_abs() / 1_000);
                return Err(TaskError::Times(format!(
                    "from start to end are {hours}; at most 24h are taken"
                )));
            }
        }
        let live = self.tasks.values().filter(|task| task.state.is_live()).count();
        if live >= MOST {
            return Err(TaskError::TooMany);
        }
        self.check_crowd(&task, now)?;
        let outcome = Outcome::new(now.utc);
        Ok(self.put(Task { outcome, ..task }, now))
    }

    /// Notes that a recording of a task began, with media from one moment to the other. Gives the task, if it has to be stored.
    pub(super) fn has_begun(&mut self, id: &str, from: Micros, to: Micros) -> Option<&Task> {
        let task = self.tasks.get_mut(id)?;
        task.has_begun(from, to).then_some(&*task)
    }

    /// Notes that a recording of a task was found, with media from one moment to the other. What the task's row itself says
    /// stands: the clock may have been set since.
    pub(super) fn has_recorded(&mut self, id: &str, from: Micros, to: Micros) {
        let task = self.tasks.get_mut(id);
        if let Some(task) = task.filter(|task| !task.outcome.has_recorded_since(from)) {
            task.has_begun(from, to);
        }
    }

    /// Notes that a task missed one of its times. The reason is known now.
    pub(super) fn miss(&mut self, id: &str, missed: Missed) -> Option<&Task> {
        let task = self.tasks.get_mut(id)?;
        task.outcome.missed = Some(missed);
        Some(task)
    }

    /// Stops a task for good; gives the task.
    pub(super) fn stop(&mut self, id: &str, now: Moment) -> Result<Task, TaskError> {
        let task = self
            .tasks
            .get(id)
            .ok_or_else(|| TaskError::Unknown(id.to_owned()))?;
        if !task.state.is_live() {
            return Err(TaskError::NotLive {
                id: id.to_owned(),
                state: task.state,
            });
        }
        let mut task = task.clone();
        task.state = TaskState::Stopped;
        task.outcome.stopped = Some(now.utc);
        Ok(self.put(task, now))
    }

    /// Takes a task of the configuration, in place of the one with the same id. A task without a change stays as it is, also if
    /// a command stopped it.
    pub(super) fn configure(&mut self, task: Task, now: Moment) -> Result<Option<Task>, TaskError> {
        let known = self.tasks.get(&task.id);
        let same = |known: &Task| {
            Task {
                state: task.state,
                outcome: task.outcome.clone(),
                ..known.clone()
            } == task
        };
        if known.is_some_and(same) {
            return Ok(None);
        }
        let before = self.remove(&task.id);
        if let Err(error) = self.check_crowd(&task, now) {
            before.into_iter().for_each(|before| drop(self.put(before, now)));
            return Err(error);
        }
        let outcome = Outcome::new(now.utc);
        Ok(Some(self.put(Task { outcome, ..task }, now)))
    }

    /// The tasks of the configuration that are not in `left`.
    pub(super) fn unconfigured(&self, left: &BTreeSet<&str>) -> Vec<String> {
        let of_file = self.tasks.values().filter(|task| task.configured);
        let gone = of_file.filter(|task| !left.contains(task.id.as_str()));
        gone.map(|task| task.id.clone()).collect()
    }

    pub(super) fn delete(&mut self, id: &str) -> Result<Task, TaskError> {
        self.remove(id).ok_or_else(|| TaskError::Unknown(id.to_owned()))
    }

    pub(super) fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.get(id)
    }

    /// Tasks behind the one called `after`, by id: tasks that were made first come first.
    pub(super) fn list<'a>(
        &'a self,
        stream: Option<&'a Streams>,
        state: Option<TaskState>,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a Task> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.to_owned()));
        self.tasks
            .range((from, Bound::Unbounded))
            .map(|(_, task)| task)
            .filter(move |task| stream.is_none_or(|streams| streams.fits(&task.stream)))
            .filter(move |task| state.is_none_or(|state| task.state == state))
    }

    /// The next work that is due; `None` when there is no more.
    pub(super) fn due(&mut self, now: Moment) -> Option<Due> {
        let (at, id) = self.due.first()?;
        if *at > now.utc {
            return None;
        }
        let mut task = self.tasks.get(id)?.clone();
        if let Some(missed) = task.judge(now.utc) {
            return Some(Due::Missed(self.put(task, now), missed));
        }
        match (task.state, task.when.window_at(now.utc)) {
            (TaskState::Waiting, Some((start, end))) => {
                task.state = TaskState::Running;
                Some(Due::Begins(self.put(task, now), start, end))
            }
            (TaskState::Waiting | TaskState::Running, None) => {
                let next = task.when.next_after(now.utc);
                task.state = next.map_or(TaskState::Over, |_| TaskState::Waiting);
                Some(Due::Ends(self.put(task, now)))
            }
            (TaskState::Running, Some(_)) => {
                self.put(task, now);
                self.due(now)
            }
            (TaskState::Over | TaskState::Stopped, _) => {
                self.remove(&task.id);
                Some(Due::Forgotten(task.id))
            }
        }
    }

    fn put(&mut self, task: Task, now: Moment) -> Task {
        self.remove(&task.id);
        let at = match task.state {
            _ if task.state.is_live() && !task.outcome.unjudged(&task.when, now.utc).is_empty() => now.utc,
            TaskState::Waiting => match task.when.window_at(now.utc) {
                Some((start, _)) => start,
                None => task.when.next_after(now.utc).map_or(now.utc, |(start, _)| start),
            },
            TaskState::Running => task.when.window_at(now.utc).map_or(now.utc, |(_, end)| end),
            // A task that stands in the file is not begun anew as long as it stands there.
            TaskState::Over | TaskState::Stopped if task.configured => Micros::MAX,
            TaskState::Over | TaskState::Stopped => {
                let end = match task.when {
                    When::Once(_, end) => end.max(now.utc),
                    When::Weekly(_) => now.utc,
                };
                end.saturating_add(REMEMBERED)
            }
        };
        self.by_stream
            .entry(task.stream.clone())
            .or_default()
            .insert(task.id.clone());
        self.due.insert((at, task.id.clone()));
        self.dues.insert(task.id.clone(), at);
        self.tasks.insert(task.id.clone(), task.clone());
        task
    }

    fn remove(&mut self, id: &str) -> Option<Task> {
        let task = self.tasks.remove(id)?;
        if let Some(at) = self.dues.remove(id) {
            self.due.remove(&(at, id.to_owned()));
        }
        if let Some(ids) = self.by_stream.get_mut(&task.stream) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_stream.remove(&task.stream);
            }
        }
        Some(task)
    }

    fn check_crowd(&self, new: &Task, now: Moment) -> Result<(), TaskError> {
        let to = match new.when {
            When::Once(_, end) => end,
            When::Weekly(_) => now.utc.saturating_add(AHEAD),
        };
        let ids = self.by_stream.get(&new.stream).into_iter().flatten();
        let others: Vec<(&str, Vec<(Micros, Micros)>)> = ids
            .filter_map(|id| self.tasks.get(id))
            .filter(|task| task.state.is_live())
            .map(|task| (task.id.as_str(), task.when.windows(now.utc, to)))
            .collect();
        for (start, end) in new.when.windows(now.utc, to) {
            // The moment with the most tasks at once is one at which a task begins.
            let begins = others
                .iter()
                .flat_map(|(_, windows)| windows)
                .map(|window| window.0);
            let moments = begins.filter(|at| (start..end).contains(at)).chain([start]);
            for at in moments {
                let runs = |windows: &[(Micros, Micros)]| {
                    windows.iter().any(|(from, to)| (*from..*to).contains(&at))
                };
                let tasks: Vec<String> = others
                    .iter()
                    .filter(|(_, windows)| runs(windows))
                    .map(|(id, _)| (*id).to_owned())
                    .collect();
                if tasks.len() >= SIDE_BY_SIDE {
                    return Err(TaskError::Crowded {
                        stream: new.stream.clone(),
                        tasks,
                    });
                }
            }
        }
        Ok(())
    }
}
