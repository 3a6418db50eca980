//! Orders to the running recorder. Each order is carried out at once, or refused with the state that prevents it.

mod clip;
mod rule;
mod task;

use super::core::Core;
use super::live::Moment;
use super::rulebook::{RuleError, outputs};
use super::session::{Limit, Plan, Session, Wanted};
use super::tasks::TaskError;
use crate::event::{Lack, Short};
use crate::format::Format;
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::{About, Keep, Origin};
use crate::store::{Asked, Command};
pub(super) use clip::clip_output;

/// A manual recording that nobody stops ends after this, unless it was told another length; and the longest there is.
pub const MANUAL_USUAL: Micros = 4 * 3_600_000_000;
/// See [`MANUAL_USUAL`].
pub const MANUAL_LONGEST: Micros = 24 * 3_600_000_000;
/// A clip may be so long, and may lie so far ahead.
pub const CLIP_LONGEST: Micros = 24 * 3_600_000_000;
/// So many clips of one stream may be in the making.
const CLIPS_PENDING: usize = 32;
/// Media of the last seconds may not be on the tape yet.
const UNSYNCED: Micros = 5_000_000;

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

/// The recordings that were started.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// The recordings.
    pub recordings: Vec<RecordingId>,
    /// How much shorter they will be than asked for, as far as that is known before they begin.
    pub short: Option<Short>,
}

/// A part of a stream is to become a recording of its own.
#[derive(Clone, Debug)]
pub struct ClipOrder {
    /// The recording that it becomes.
    pub id: RecordingId,
    /// The stream.
    pub stream: StreamName,
    /// The part of the stream.
    pub range: ClipRange,
    /// The formats of the clip.
    pub formats: Vec<Format>,
    /// A name for it.
    pub name: Option<String>,
    /// How long it is kept.
    pub keep: Option<Keep>,
}

/// The part of a stream that a clip contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipRange {
    /// From one moment to another, UTC.
    Between(Micros, Micros),
    /// Of the picture that is live now: so much before it, and so much after.
    Around(Micros, Micros),
}

/// How a clip is to be made, and what it is to have: from the one UTC time to the other, whatever comes meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipCourse {
    /// UTC.
    pub from: Micros,
    /// UTC.
    pub to: Micros,
    /// Where it is taken from.
    pub source: ClipSource,
    /// Why it ends earlier, should it.
    pub early: Lack,
}

/// Where a clip is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipSource {
    /// All of it that there is, is on the tape.
    Tape,
    /// Its beginning may be on the tape: the tape has to be asked. It ends with what is in memory, or is to come.
    TapeAndLive,
    /// Memory has its beginning.
    Live,
}

/// The recordings that an order concerns.
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
        /// The order.
        what: String,
        /// The state that prevents it.
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
            outputs: outputs(&template, None),
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
                stopped.extend(session.told());
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
