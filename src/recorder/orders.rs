//! What people and machines may ask of the recorder while it runs. Each order is carried out at once or refused with the
//! state that is in its way.

use std::sync::Arc;

use super::core::Core;
use super::live::Moment;
use super::rulebook::{RuleError, reels};
use super::session::{Limit, Plan, Session, Wanted};
use super::tasks::{Due, Task, TaskError};
use crate::config::{Keep, Reel, Resume, ResumeAfter, Rule, Span, Split, Template, TemplateSource};
use crate::event::Event;
use crate::format::Format;
use crate::media::{Micros, RecordingId, StreamName};
use crate::store::{Command, Origin};

/// A manual recording that nobody stops ends after this, unless it was told another length; and the longest there is.
pub const MANUAL_USUAL: Micros = 4 * 3_600_000_000;
/// See [`MANUAL_USUAL`].
pub const MANUAL_LONGEST: Micros = 24 * 3_600_000_000;
/// A clip may be so long, and may lie so far ahead.
pub const CLIP_LONGEST: Micros = 24 * 3_600_000_000;
/// What came within the last seconds is perhaps not on the tape yet.
const UNSETTLED: Micros = 5_000_000;
/// Whatever a publisher does, a clip is not waited for longer than this beyond its end.
const CLIP_GRACE: Micros = 30_000_000;

/// Where tasks are kept.
pub(super) const TASKS: &str = "task";
/// Where rules that commands put are kept.
pub(super) const RULES: &str = "rule";
/// Where templates that commands put are kept.
pub(super) const TEMPLATES: &str = "template";

/// A stream is to be recorded from now on.
#[derive(Clone, Debug)]
pub struct StartOrder {
    /// The stream; it must be on the air.
    pub stream: StreamName,
    /// The template; of none, that of the stream's rule.
    pub template: Option<String>,
    /// A name for the recordings.
    pub name: Option<String>,
    /// How far back it begins, as far as the ring goes.
    pub pre_roll: Micros,
    /// After this it ends by itself.
    pub longest: Micros,
}

/// A part of a stream is to become a recording of its own.
#[derive(Clone, Debug)]
pub struct ClipOrder {
    /// The stream.
    pub stream: StreamName,
    /// Which part.
    pub range: ClipRange,
    /// What it is to be had in.
    pub formats: Vec<Format>,
    /// A name for it.
    pub name: Option<String>,
    /// How long it is kept.
    pub keep: Option<Keep>,
}

/// Which part of a stream a clip is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipRange {
    /// From one moment to another, UTC.
    Between(Micros, Micros),
    /// Of the picture that is live now: so much before it, and so much after.
    Around(Micros, Micros),
}

/// How a clip is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// All of it is on the tape already, from one UTC time to another.
    Tape(Micros, Micros),
    /// It begins on the tape at this UTC time and ends with what is live.
    TapeAndLive(Micros),
    /// The ring has its beginning.
    Live,
}

/// Which recordings an order is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that a command began on this stream.
    Stream(StreamName),
    /// The ones that were begun together with this one, whoever wanted it.
    Recording(RecordingId),
}

/// Why an order is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Nobody publishes.
    #[error("nobody publishes '{0}' now")]
    OffAir(StreamName),
    /// It was started before.
    #[error("'{stream}' is being recorded by command already: {}", list(.recordings))]
    AlreadyStarted {
        /// The stream.
        stream: StreamName,
        /// Its recordings.
        recordings: Vec<RecordingId>,
    },
    /// There is nothing to stop, or to go on with.
    #[error("{what}: {state}")]
    NotRecording {
        /// What was asked for.
        what: String,
        /// What is so instead.
        state: String,
    },
    /// The range cannot be.
    #[error("{0}")]
    Range(String),
    /// About templates and rules.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// About tasks.
    #[error(transparent)]
    Task(#[from] TaskError),
}

fn list(recordings: &[RecordingId]) -> String {
    recordings
        .iter()
        .map(RecordingId::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Core {
    /// Records a stream from now on; gives the recordings.
    pub(super) fn start(
        &mut self,
        order: &StartOrder,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Vec<RecordingId>, OrderError> {
        let template = self
            .rulebook
            .template(order.template.as_deref(), &order.stream)?
            .clone();
        let stream = self.on_air_stream(&order.stream);
        let stream = stream.ok_or_else(|| OrderError::OffAir(order.stream.clone()))?;
        let manual = stream.sessions.iter().find(|session| is_manual(session));
        if let Some(session) = manual {
            return Err(OrderError::AlreadyStarted {
                stream: order.stream.clone(),
                recordings: session.recordings().collect(),
            });
        }
        let longest = order.longest.clamp(0, MANUAL_LONGEST);
        let plan = Plan {
            origin: Origin::Manual {
                until: now.utc.saturating_add(longest),
            },
            template: template.name.clone(),
            reels: reels(&template, None),
            name: order.name.clone(),
            domain: None,
        };
        let mut session = Session::new(session_id(now), &plan);
        session.limit = Limit::Boot(now.boot.saturating_add(longest));
        let recordings = session.reserve(now);
        let edge = stream.edge().unwrap_or(0);
        let from = edge.saturating_sub(order.pre_roll.max(0));
        stream.add(session, Wanted::From(from), now, out);
        Ok(recordings)
    }

    /// Ends recordings now; gives those that were ended.
    pub(super) fn stop(
        &mut self,
        which: &Which,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Vec<RecordingId>, OrderError> {
        self.on_sessions(which, |stream, chosen| {
            let mut stopped = Vec::new();
            for session in stream.sessions.iter().filter(|session| chosen(session)) {
                stopped.extend(session.recordings());
            }
            stream.stop(chosen, "stopped", now, out);
            stopped
        })
    }

    /// The recordings end at the next keyframe, and others begin there; gives those that end.
    pub(super) fn restart(&mut self, which: &Which) -> Result<Vec<RecordingId>, OrderError> {
        self.on_sessions(which, |stream, chosen| {
            let mut ending = Vec::new();
            for session in stream.sessions.iter_mut().filter(|session| chosen(session)) {
                ending.extend(session.rolling());
                session.restart();
            }
            ending
        })
    }

    /// Recordings that wait for their publisher end without it; gives those.
    pub(super) fn finish(
        &mut self,
        which: &Which,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Vec<RecordingId>, OrderError> {
        self.on_sessions(which, |stream, chosen| {
            let mut finished = Vec::new();
            let all = |which: &Which, session: &Session| matches!(which, Which::Stream(_)) || chosen(session);
            for session in stream.sessions.iter_mut() {
                if all(which, session) && session.is_waiting() {
                    finished.extend(session.waiting());
                    session.give_up("finished", out);
                }
            }
            stream.tick(now, out);
            finished
        })
    }

    /// Carries something out on the stream that an order is about, with a way to tell its sessions.
    fn on_sessions(
        &mut self,
        which: &Which,
        act: impl FnOnce(&mut super::stream::Stream, &dyn Fn(&Session) -> bool) -> Vec<RecordingId>,
    ) -> Result<Vec<RecordingId>, OrderError> {
        let chosen = |session: &Session| match which {
            Which::Stream(_) => is_manual(session),
            Which::Recording(id) => session.recordings().any(|recording| recording == *id),
        };
        let stream = match which {
            Which::Stream(name) => self.stream(name),
            Which::Recording(_) => self.streams().find(|stream| stream.sessions.iter().any(chosen)),
        };
        let nothing = |state: String| OrderError::NotRecording {
            what: match which {
                Which::Stream(name) => format!("stream '{name}'"),
                Which::Recording(id) => format!("recording {id}"),
            },
            state,
        };
        let Some(stream) = stream else {
            return Err(nothing(match which {
                Which::Stream(_) => "nobody publishes it, and nothing of it is being recorded".to_owned(),
                Which::Recording(_) => "it is over, or never was".to_owned(),
            }));
        };
        let state = describe(stream);
        let ids = act(stream, &chosen);
        if ids.is_empty() {
            return Err(nothing(state));
        }
        Ok(ids)
    }

    /// How a clip is to be made; nothing is done yet.
    pub(super) fn course(&mut self, order: &ClipOrder, now: Moment) -> Result<Course, OrderError> {
        let length = match order.range {
            ClipRange::Between(from, to) => to.saturating_sub(from),
            ClipRange::Around(before, after) => before.saturating_add(after),
        };
        if length <= 0 || length > CLIP_LONGEST {
            let text = format!(
                "the range is {} s long; a clip has more than 0 s and at most 24 h",
                length / 1_000_000
            );
            return Err(OrderError::Range(text));
        }
        let Some((from, to)) = self.clip_range(order) else {
            return match order.range {
                ClipRange::Between(from, to) if from < now.utc => Ok(Course::Tape(from, to)),
                ClipRange::Between(..) | ClipRange::Around(..) => {
                    Err(OrderError::OffAir(order.stream.clone()))
                }
            };
        };
        let stream = self.on_air_stream(&order.stream);
        let stream = stream.ok_or_else(|| OrderError::OffAir(order.stream.clone()))?;
        let edge = stream.edge().unwrap_or(0);
        if to.saturating_sub(edge) > CLIP_LONGEST {
            return Err(OrderError::Range("the end is more than 24 h ahead".to_owned()));
        }
        let written = stream.live.as_ref().and_then(|on_air| on_air.live.written_from());
        let in_ring = stream.ring.start().is_some_and(|start| start <= from);
        let on_tape = written.is_some_and(|written| written <= from);
        let utc = |tape: Micros| stream.utc_at(tape).unwrap_or(now.utc);
        Ok(match (in_ring, on_tape) {
            _ if to < edge.saturating_sub(UNSETTLED) && (on_tape || !in_ring) => {
                Course::Tape(utc(from), utc(to))
            }
            (true, _) | (false, false) => Course::Live,
            (false, true) => Course::TapeAndLive(utc(from)),
        })
    }

    /// Makes a clip that ends with what is live. `entry` is the tape time at which it begins on the tape, if it does.
    pub(super) fn clip(
        &mut self,
        order: &ClipOrder,
        entry: Option<Micros>,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<RecordingId, OrderError> {
        let range = self.clip_range(order);
        let (from, to) = range.ok_or_else(|| OrderError::OffAir(order.stream.clone()))?;
        let stream = self.on_air_stream(&order.stream);
        let stream = stream.ok_or_else(|| OrderError::OffAir(order.stream.clone()))?;
        let plan = Plan {
            origin: Origin::Clip,
            template: String::new(),
            reels: vec![Arc::new(clip_reel(order))],
            name: order.name.clone(),
            domain: None,
        };
        let mut session = Session::new(session_id(now), &plan);
        let ahead = to.saturating_sub(stream.edge().unwrap_or(to)).max(0);
        let until = now.boot.saturating_add(ahead).saturating_add(CLIP_GRACE);
        session.limit = Limit::Tape(to, until);
        let recording = session.reserve(now).into_iter().next();
        let recording = recording.unwrap_or_else(|| RecordingId::new(now.unix_millis()));
        stream.add(session, entry.map_or(Wanted::From(from), Wanted::At), now, out);
        // What it needs may all be there.
        stream.tick(now, out);
        Ok(recording)
    }

    /// The range of a clip in tape time, where the stream is on the air.
    fn clip_range(&mut self, order: &ClipOrder) -> Option<(Micros, Micros)> {
        let stream = self.on_air_stream(&order.stream)?;
        match order.range {
            ClipRange::Between(from, to) => Some((stream.tape_at(from)?, stream.tape_at(to)?)),
            ClipRange::Around(before, after) => {
                let edge = stream.edge()?;
                Some((edge.saturating_sub(before), edge.saturating_add(after)))
            }
        }
    }

    /// Takes a new task; it begins at once if its time is now.
    pub(super) fn create_task(
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

    /// Ends a task for good, and what it records.
    pub(super) fn stop_task(
        &mut self,
        id: &str,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Task, OrderError> {
        let task = self.tasks.stop(id, now)?;
        out.push(keep_task(&task));
        if let Some(stream) = self.stream(&task.stream) {
            stream.stop(|session| is_of(session, id), "its task was stopped", now, out);
        }
        Ok(task)
    }

    /// Forgets a task. What it records now goes on until the publisher breaks off, or its time is over.
    pub(super) fn delete_task(&mut self, id: &str, out: &mut Vec<Command>) -> Result<Task, OrderError> {
        let task = self.tasks.delete(id)?;
        out.push(Command::Keep {
            shelf: TASKS,
            id: id.to_owned(),
            body: None,
        });
        if let Some(stream) = self.stream(&task.stream) {
            let of = stream.sessions.iter_mut().filter(|session| is_of(session, id));
            of.for_each(|session| session.armed = false);
        }
        Ok(task)
    }

    /// What time has come for.
    pub(super) fn carry_out(&mut self, due: Due, now: Moment, out: &mut Vec<Command>) {
        match due {
            Due::Begins(task, start, end) => {
                out.push(keep_task(&task));
                self.arm(&task, start, end, now, out);
            }
            Due::Ends(task) => {
                out.push(keep_task(&task));
                if let Some(stream) = self.stream(&task.stream) {
                    stream.stop(|session| is_of(session, &task.id), "its task is over", now, out);
                }
            }
            Due::Forgotten(id) => out.push(Command::Keep {
                shelf: TASKS,
                id,
                body: None,
            }),
        }
    }

    /// Arms a task whose time is now, from `start` to `end` (UTC).
    pub(super) fn arm(
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
        let (template, reels) = match &task.template {
            Some(name) => {
                let template = self.rulebook.template(Some(name), &task.stream)?;
                (template.name.clone(), reels(template, None))
            }
            // As with the clouds: HLS, kept for ever, and a break ends the file.
            None => (
                String::new(),
                vec![Arc::new(bare_reel(vec![Format::Hls], Some(Keep::Forever)))],
            ),
        };
        Ok(Plan {
            origin: Origin::Task { id: task.id.clone() },
            template,
            reels,
            name: task.name.clone(),
            domain: None,
        })
    }

    /// Puts a template over what the configuration says, from the next push on.
    pub(super) fn put_template(
        &mut self,
        source: TemplateSource,
        out: &mut Vec<Command>,
    ) -> Result<(), OrderError> {
        let body = to_json(&source);
        let id = source.name().to_owned();
        self.rulebook.put_template(source)?;
        out.push(Command::Keep {
            shelf: TEMPLATES,
            id,
            body,
        });
        Ok(())
    }

    /// Takes a template back that was put.
    pub(super) fn delete_template(&mut self, name: &str, out: &mut Vec<Command>) -> Result<(), OrderError> {
        let needed = |task: &&Task| task.template.as_deref() == Some(name) && task.state.is_live();
        if let Some(task) = self.tasks.list(None, None, None).find(needed) {
            let by = format!("task {}", task.id);
            let name = name.to_owned();
            return Err(RuleError::Needed { name, by }.into());
        }
        self.rulebook.delete_template(name)?;
        out.push(Command::Keep {
            shelf: TEMPLATES,
            id: name.to_owned(),
            body: None,
        });
        Ok(())
    }

    /// Puts a rule over what the configuration says, from the next push on.
    pub(super) fn put_rule(&mut self, rule: Rule, out: &mut Vec<Command>) -> Result<(), OrderError> {
        let (id, body) = (rule_id(&rule), to_json(&rule));
        self.rulebook.put_rule(rule)?;
        out.push(Command::Keep {
            shelf: RULES,
            id,
            body,
        });
        Ok(())
    }

    /// Takes a rule back that was put.
    pub(super) fn delete_rule(&mut self, about: &Rule, out: &mut Vec<Command>) -> Result<(), OrderError> {
        self.rulebook.delete_rule(about)?;
        out.push(Command::Keep {
            shelf: RULES,
            id: rule_id(about),
            body: None,
        });
        Ok(())
    }

    /// Templates, whether a command put them, and whether they are there to switch recording off.
    pub(super) fn templates(&self) -> Vec<(Template, bool)> {
        self.rulebook
            .templates()
            .map(|(template, put)| (template.clone(), put))
            .collect()
    }

    /// Rules in the order in which they apply, and whether a command put them.
    pub(super) fn rules(&self) -> Vec<(Rule, bool)> {
        self.rulebook
            .rules()
            .map(|(rule, put)| (rule.clone(), put))
            .collect()
    }
}

/// The reel of a clip: one file in each format, whatever its length.
pub(super) fn clip_reel(order: &ClipOrder) -> Reel {
    bare_reel(order.formats.clone(), order.keep)
}

fn bare_reel(formats: Vec<Format>, keep: Option<Keep>) -> Reel {
    Reel {
        split: Split::default(),
        resume: Resume {
            window: Span::from_secs(0),
            after: ResumeAfter::Break,
        },
        keep,
        ..Reel::of(&formats)
    }
}

fn is_manual(session: &Session) -> bool {
    matches!(session.about.origin, Origin::Manual { .. })
}

fn is_of(session: &Session, task: &str) -> bool {
    matches!(&session.about.origin, Origin::Task { id } if id == task)
}

fn describe(stream: &super::stream::Stream) -> String {
    let air = match stream.live {
        Some(_) => "it is on the air",
        None => "nobody publishes it",
    };
    let others: Vec<String> = stream
        .sessions
        .iter()
        .flat_map(|session| {
            let origin = session.about.origin.as_str();
            session.recordings().map(move |id| format!("{id} ({origin})"))
        })
        .collect();
    match others.is_empty() {
        true => format!("{air}, and nothing of it is being recorded"),
        false => format!("{air}; what there is of it: {}", others.join(", ")),
    }
}

fn session_id(now: Moment) -> String {
    RecordingId::new(now.unix_millis()).to_string()
}

fn rule_id(rule: &Rule) -> String {
    format!("{}|{}|{}", rule.domain, rule.app, rule.stream)
}

fn keep_task(task: &Task) -> Command {
    Command::Keep {
        shelf: TASKS,
        id: task.id.clone(),
        body: to_json(task),
    }
}

fn to_json(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}
