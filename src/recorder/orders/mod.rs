//! Orders to the running recorder. Each order is carried out at once, or refused with the state that prevents it.

mod clip;
mod rule;
mod task;

use super::core::Core;
use super::ended::{FINISHED, STOPPED};
use super::live::Moment;
use super::rulebook::RuleError;
use super::session::{Limit, Plan, Session, Wanted};
use super::tasks::TaskError;
use crate::event::{Lack, Short};
use crate::format::Format;
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::{About, Keep, Origin};
use crate::store::{Asked, Command};
pub(super) use clip::clip_output;

/// Length of a manual recording that nobody stops and that was given no other length, in microseconds.
pub const MANUAL_USUAL: Micros = 4 * 3_600_000_000;
/// Longest length of a manual recording, in microseconds.
pub const MANUAL_LONGEST: Micros = 24 * 3_600_000_000;
/// The longest clip, and the longest time that a clip may lie ahead.
pub const CLIP_LONGEST: Micros = 24 * 3_600_000_000;
/// Most clips of one stream that may be made at the same time.
const CLIPS_PENDING: usize = 32;
/// Media of this last time may not be on the tape yet.
const UNSYNCED: Micros = 5_000_000;

/// The namespace in which tasks are kept.
pub(super) const TASKS: &str = "task";
/// The namespace in which the rules of commands are kept.
pub(super) const RULES: &str = "rule";
/// The namespace in which the templates of commands are kept.
pub(super) const TEMPLATES: &str = "template";

/// An order to record a stream from now on.
#[derive(Clone, Debug)]
pub struct StartOrder {
    /// The stream; it must be on the air.
    pub stream: StreamName,
    /// The template; `None` is the one of the stream's rule.
    pub template: Option<String>,
    /// A name for the recordings.
    pub name: Option<String>,
    /// How far back the recording begins, as far as the ring goes.
    pub pre_roll: Micros,
    /// The length after which the recording ends by itself.
    pub longest: Micros,
}

/// The recordings that were started.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// The recordings.
    pub recordings: Vec<RecordingId>,
    /// The part that the recordings will lack, as far as that is known before they begin.
    pub short: Option<Short>,
}

/// An order to make a recording of a part of a stream.
#[derive(Clone, Debug)]
pub struct ClipOrder {
    /// The id of the recording that the clip becomes.
    pub id: RecordingId,
    /// The stream.
    pub stream: StreamName,
    /// The part of the stream.
    pub range: ClipRange,
    /// The formats of the clip.
    pub formats: Vec<Format>,
    /// A name for the clip.
    pub name: Option<String>,
    /// How long the clip is kept.
    pub keep: Option<Keep>,
}

/// The part of a stream that a clip contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipRange {
    /// The part from one moment to another, UTC.
    Between(Micros, Micros),
    /// The part around the picture that is live now: the time before it, and the time after it.
    Around(Micros, Micros),
}

/// How a clip is made, and its bounds: from one UTC time to the other, whatever media comes meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipCourse {
    /// UTC at which the clip begins.
    pub from: Micros,
    /// UTC at which the clip ends.
    pub to: Micros,
    /// The source of its media.
    pub source: ClipSource,
    /// The reason to give if the clip ends earlier.
    pub early: Lack,
}

/// The source of a clip's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipSource {
    /// The tape has all of the clip that there is.
    Tape,
    /// The beginning of the clip may be on the tape, which has to be read for that. The end is in memory, or is to come.
    TapeAndLive,
    /// Memory has the beginning of the clip.
    Live,
}

/// The recordings that an order concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The recordings that a command began on this stream.
    Stream(StreamName),
    /// The recordings that were begun together with this one, whoever asked for them.
    Recording(RecordingId),
}

/// The reason why an order is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Nobody publishes the stream.
    #[error("nobody publishes '{0}' now")]
    OffAir(StreamName),
    /// A command started recording the stream before.
    #[error("'{stream}' is being recorded by command already: {}", list(.recordings))]
    AlreadyStarted {
        /// The stream.
        stream: StreamName,
        /// Its recordings.
        recordings: Vec<RecordingId>,
    },
    /// There is no recording to stop, or to go on with.
    #[error("{what}: {state}")]
    NotRecording {
        /// The order.
        what: String,
        /// The state that prevents it.
        state: String,
    },
    /// The range of the clip is not possible.
    #[error("{0}")]
    Range(String),
    /// The error of a template or a rule.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The error of a task.
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
    pub(super) fn start(
        &mut self,
        order: &StartOrder,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Started, OrderError> {
        let template = self
            .rulebook
            .template(order.template.as_deref(), &order.stream)?
            .clone();
        let outputs = self.rulebook.outputs(&order.stream, &template, None);
        let stream = self.on_air_stream(&order.stream);
        let stream = stream.ok_or_else(|| OrderError::OffAir(order.stream.clone()))?;
        let manual = stream.sessions.iter().find(|session| is_manual(session));
        if let Some(session) = manual {
            return Err(OrderError::AlreadyStarted {
                stream: order.stream.clone(),
                recordings: session.told().collect(),
            });
        }
        let longest = order.longest.clamp(0, MANUAL_LONGEST);
        let plan = Plan {
            about: About {
                origin: Origin::Manual,
                template: template.name.clone(),
                name: order.name.clone(),
                ..About::default()
            },
            until: Some(now.utc.saturating_add(longest)),
            outputs,
        };
        let mut session = Session::new(session_id(now), &plan);
        session.limit = Limit::Boot(now.boot.saturating_add(longest));
        let recordings = session.reserve(now);
        let edge = stream.edge().unwrap_or(0);
        let from = edge.saturating_sub(order.pre_roll.max(0));
        session.spec.asked = (order.pre_roll > 0).then(|| Asked {
            from,
            late: stream.why_late(from),
            to: None,
            early: Lack::Publish,
        });
        let asked = session.spec.asked;
        stream.add(session, Wanted::From(from), now, out);
        Ok(Started {
            recordings,
            short: asked.and_then(|asked| stream.short(&asked, from, edge)),
        })
    }

    /// Ends recordings now; gives the recordings that were ended.
    pub(super) fn stop(
        &mut self,
        which: &Which,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Result<Vec<RecordingId>, OrderError> {
        self.on_sessions(which, |stream, chosen| {
            let mut stopped = Vec::new();
            for session in stream.sessions.iter().filter(|session| chosen(session)) {
                stopped.extend(session.told());
            }
            stream.stop(chosen, STOPPED, now, out);
            stopped
        })
    }

    /// Ends recordings at the next keyframe, and begins others there; gives the recordings that end.
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

    /// Ends recordings that wait for their publisher, and gives them.
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
                    session.give_up(FINISHED, out);
                }
            }
            stream.tick(now, out);
            finished
        })
    }

    /// Carries an action out on the stream of an order, with a function that selects its sessions.
    fn on_sessions(
        &mut self,
        which: &Which,
        act: impl FnOnce(&mut crate::recorder::stream::Stream, &dyn Fn(&Session) -> bool) -> Vec<RecordingId>,
    ) -> Result<Vec<RecordingId>, OrderError> {
        let chosen = |session: &Session| match which {
            Which::Stream(_) => is_manual(session),
            Which::Recording(id) => session.told().any(|recording| recording == *id),
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
}

fn is_manual(session: &Session) -> bool {
    session.spec.about.origin == Origin::Manual
}
fn describe(stream: &crate::recorder::stream::Stream) -> String {
    let air = match stream.live {
        Some(_) => "it is on the air",
        None => "nobody publishes it",
    };
    let others: Vec<String> = stream
        .sessions
        .iter()
        .flat_map(|session| {
            let origin = session.spec.about.origin.as_str();
            session.told().map(move |id| format!("{id} ({origin})"))
        })
        .collect();
    if others.is_empty() {
        format!("{air}, and nothing of it is being recorded")
    } else {
        format!("{air}; what there is of it: {}", others.join(", "))
    }
}

fn session_id(now: Moment) -> String {
    RecordingId::new(now.unix_millis()).to_string()
}

fn to_json(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}
