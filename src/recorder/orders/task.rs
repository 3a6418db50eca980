//! Tasks: orders to record at a given time.

use std::sync::Arc;

use super::clip::bare_output;
use super::{OrderError, TASKS, session_id, to_json};
use crate::config::{self, nearest};
use crate::event::{Event, Miss};
use crate::format::Format;
use crate::media::Micros;
use crate::model::{About, Keep, Origin};
use crate::recorder::core::Core;
use crate::recorder::ended::{TASK_CHANGED, TASK_IS_OVER, TASK_STOPPED};
use crate::recorder::live::Moment;
use crate::recorder::missed::{Missed, Outcome};
use crate::recorder::rulebook::RuleError;
use crate::recorder::session::{Limit, Plan, Session, Wanted};
use crate::recorder::tasks::{Due, Task, TaskError, TaskState, When};
use crate::store::{Change, Command};

impl Core {
    /// Takes a new task; the task begins at once if its time is now.
    pub(in crate::recorder) fn create_task(
        &mut self,
        task: Task,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Task, OrderError> {
        if let Some(name) = &task.template {
            self.rulebook.template(Some(name), &task.stream)?;
        }
        let task = self.tasks.create(task, now)?;
        out.push(keep_task(&task));
        self.tick(now, out);
        Ok(self.tasks.task(&task.id).cloned().unwrap_or(task))
    }

    /// Ends a task for good, and its recordings.
    pub(in crate::recorder) fn stop_task(
        &mut self,
        id: &str,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Task, OrderError> {
        let task = self.tasks.stop(id, now)?;
        out.push(keep_task(&task));
        if let Some(stream) = self.stream(&task.stream) {
            stream.stop(|session| is_of(session, id), TASK_STOPPED, now, out);
        }
        Ok(task)
    }

    /// Takes over the tasks of the configuration. A new or changed task replaces the former one, and its recordings go on if
    /// its time is now. A task that left the configuration is forgotten as by command. Gives the reasons why some are left out.
    pub(in crate::recorder) fn configure_tasks(
        &mut self,
        tasks: &[config::Task],
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Vec<String> {
        let ids: Vec<String> = tasks.iter().map(config::Task::id).collect();
        let left = ids.iter().map(String::as_str).collect();
        for gone in self.tasks.unconfigured(&left) {
            // The task was there a moment ago, so this cannot fail.
            let _ = self.forget_task(&gone, out);
        }
        let mut refused = Vec::new();
        for task in tasks {
            match self.tasks.configure(Task::of_file(task), now) {
                Ok(Some(task)) => {
                    out.push(keep_task(&task));
                    self.end_unless_due(&task, now, out);
                }
                Ok(None) => {}
                Err(error) => refused.push(format!(
                    "task '{}' of the configuration is left out: {error}",
                    task.name
                )),
            }
        }
        self.tick(now, out);
        refused
    }

    /// Ends the recordings of a task that was changed, unless its time is now: then they continue.
    fn end_unless_due(&mut self, task: &Task, now: Moment, out: &mut Vec<Command>) {
        let due = task.when.window_at(now.utc).is_some();
        for stream in self.streams() {
            let elsewhere = stream.name != task.stream;
            if elsewhere || !due {
                stream.stop(|session| is_of(session, &task.id), TASK_CHANGED, now, out);
            }
        }
    }

    /// Forgets a task. Its present recording goes on until the publisher breaks off, or its time is over.
    pub(in crate::recorder) fn delete_task(
        &mut self,
        id: &str,
        out: &mut Vec<Command>,
    ) -> Result<Task, OrderError> {
        if let Some(task) = self.tasks.task(id).filter(|task| task.configured) {
            let name = task.name.clone().unwrap_or_default();
            let id = id.to_owned();
            return Err(TaskError::Configured { id, name }.into());
        }
        self.forget_task(id, out)
    }

    fn forget_task(&mut self, id: &str, out: &mut Vec<Command>) -> Result<Task, OrderError> {
        let task = self.tasks.delete(id)?;
        out.push(Command::Change(Change::Keep {
            namespace: TASKS,
            id: id.to_owned(),
            body: None,
            tell: Vec::new(),
        }));
        if let Some(stream) = self.stream(&task.stream) {
            let of = stream.sessions.iter_mut().filter(|session| is_of(session, id));
            of.for_each(|session| session.armed = false);
        }
        Ok(task)
    }

    /// Carries out a task whose time has come.
    pub(in crate::recorder) fn carry_out(&mut self, due: Due, now: Moment, out: &mut Vec<Command>) {
        match due {
            Due::Begins(task, start, end) => {
                out.push(keep_task(&task));
                self.arm(&task, start, end, now, out);
            }
            Due::Missed(task, missed) => {
                let (reason, detail) = self.why_missed(&task);
                let missed = Missed {
                    reason,
                    detail,
                    ..missed
                };
                let event = task.missed(&missed);
                let task = self.tasks.miss(&task.id, missed);
                out.extend(task.map(|task| keep_and_tell(task, vec![event])));
            }
            Due::Ends(task) => {
                out.push(keep_task(&task));
                if let Some(stream) = self.stream(&task.stream) {
                    stream.stop(|session| is_of(session, &task.id), TASK_IS_OVER, now, out);
                }
            }
            Due::Forgotten(id) => out.push(Command::Change(Change::Keep {
                namespace: TASKS,
                id,
                body: None,
                tell: Vec::new(),
            })),
        }
    }

    /// Stores the tasks whose recordings began, according to the commands in `out` from number `from` on.
    pub(in crate::recorder) fn keep_begun(&mut self, from: usize, now: Moment, out: &mut Vec<Command>) {
        let tape_now = self.tape_base.saturating_add(now.boot);
        let begun = out.iter().skip(from).filter_map(|command| match command {
            Command::RecordingStarted { start, spec, .. } => {
                let task = spec.about.task.as_deref()?;
                let age = tape_now.saturating_sub(*start).max(0);
                let since = now.utc.saturating_sub(age);
                self.tasks.has_begun(task, since, now.utc).map(keep_task)
            }
            _ => None,
        });
        let kept: Vec<Command> = begun.collect();
        out.extend(kept);
    }

    /// The reason why nothing was recorded in a time of a task that is over now, and what to check.
    fn why_missed(&mut self, task: &Task) -> (Miss, String) {
        let name = task.stream.clone();
        if let Err(error) = self.task_plan(task) {
            let detail = format!("{error}; put that template, or order the task with another one");
            return (Miss::Template, detail);
        }
        let stream = self.stream(&name);
        let armed = stream.as_ref().is_some_and(|stream| {
            let mut sessions = stream.sessions.iter();
            sessions.any(|session| is_of(session, &task.id))
        });
        if stream.is_some_and(|stream| stream.live.is_some()) {
            let detail = format!(
                "'{name}' was published, and sent nothing that can be recorded before the time was over; `edgereel stream \
                 list` says what it sends, and the log what is wrong with that"
            );
            return (Miss::Media, detail);
        }
        if !armed {
            let detail = "the service did not run, or the clock of the box was not set; the log says when it started \
                          (journalctl -u edgereel)";
            return (Miss::Off, detail.to_owned());
        }
        let others = self.on_air();
        let others: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
        let near = nearest(name.as_str(), &others)
            .map(|near| format!("; '{near}' is published now: is that the one?"))
            .unwrap_or_default();
        let detail = format!(
            "nobody published '{name}' for as long as a second; check that the encoder was on, that it publishes to exactly \
             this name, and that it was not refused (`edgereel stream list`, and the log){near}"
        );
        (Miss::Publish, detail)
    }

    /// Arms a task whose time is now, from `start` to `end` (UTC).
    pub(in crate::recorder) fn arm(
        &mut self,
        task: &Task,
        start: Micros,
        end: Micros,
        now: Moment,
        out: &mut Vec<Command>,
    ) {
        let limit = Limit::Boot(now.boot.saturating_add(end.saturating_sub(now.utc)));
        let plan = match self.task_plan(task) {
            Ok(plan) => plan,
            Err(error) => {
                let event = Event::RecordingFailed {
                    stream: task.stream.to_string(),
                    recording: None,
                    reason: format!("task {}: {error}", task.id),
                };
                out.push(Command::Report { event });
                return;
            }
        };
        let stream = self.stream_or_new(&task.stream);
        if let Some(session) = stream
            .sessions
            .iter_mut()
            .find(|session| is_of(session, &task.id))
        {
            session.adopt(&plan, out);
            (session.armed, session.limit) = (true, limit);
            return;
        }
        let mut session = Session::new(session_id(now), &plan);
        (session.armed, session.limit) = (true, limit);
        let from = stream.tape_at(start).unwrap_or(0);
        stream.add(session, Wanted::From(from), now, out);
    }

    fn task_plan(&self, task: &Task) -> Result<Plan, RuleError> {
        let (template, outputs) = match &task.template {
            Some(name) => {
                let template = self.rulebook.template(Some(name), &task.stream)?;
                (
                    template.name.clone(),
                    self.rulebook.outputs(&task.stream, template, None),
                )
            }
            // As with the cloud services: HLS, kept for ever, and a break ends the file.
            None => (
                String::new(),
                vec![Arc::new(self.rulebook.closed(
                    &task.stream,
                    bare_output(vec![Format::Hls], Some(Keep::Forever)),
                ))],
            ),
        };
        Ok(Plan {
            about: About {
                origin: Origin::Task,
                template,
                name: task.name.clone(),
                task: Some(task.id.clone()),
                ..About::default()
            },
            until: None,
            outputs,
        })
    }
}

impl Task {
    /// A task of the configuration.
    fn of_file(task: &config::Task) -> Self {
        Self {
            id: task.id(),
            stream: task.stream.clone(),
            template: task.template.clone(),
            name: Some(task.name.clone()),
            when: match &task.times {
                config::TaskTimes::Once(start, end) => When::Once(*start, *end),
                config::TaskTimes::Weekly(weekly) => When::Weekly(weekly.clone()),
            },
            state: TaskState::Waiting,
            outcome: Outcome::default(),
            configured: true,
        }
    }
}

fn is_of(session: &Session, task: &str) -> bool {
    session.spec.about.task.as_deref() == Some(task)
}

fn keep_task(task: &Task) -> Command {
    keep_and_tell(task, Vec::new())
}

fn keep_and_tell(task: &Task, tell: Vec<Event>) -> Command {
    Command::Change(Change::Keep {
        namespace: TASKS,
        id: task.id.clone(),
        body: to_json(task),
        tell,
    })
}
