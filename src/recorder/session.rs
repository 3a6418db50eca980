//! One decision to record a stream, and its recordings. A rule, a command, a task or a clip decides.

use std::sync::Arc;

use super::ended::{NOBODY_CAME, TEMPLATE_CHANGED, TIME_IS_OVER};
use super::live::Moment;
use super::publish::EndReason;
use super::run::{Ending, Run, Sample, Scene, SessionSpec};
use crate::format::{Format, Gaps};
use crate::media::{Micros, RecordingId};
use crate::model::{About, Origin, Output};
use crate::store::{Command, OpenRecording};

/// The plan of recording a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The origin and the purpose of the recordings, as far as known before they begin.
    pub(super) about: About,
    /// UTC at which the session ends by itself at the latest.
    pub(super) until: Option<Micros>,
    pub(super) outputs: Vec<Arc<Output>>,
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) spec: SessionSpec,
    runs: Vec<Run>,
    /// The time at which the session ends, whatever is recorded then.
    pub(super) limit: Limit,
    /// The tape with which the session is to begin on the live publish; `None` when it has begun.
    pub(super) wanted: Option<Wanted>,
    /// The session begins anew with each publish, until it ends.
    pub(super) armed: bool,
}

/// The part of a session that begins with a publish's tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All tape from this tape time on; from the beginning of the tape if that is later.
    From(Micros),
    /// All tape from exactly this tape time on, which is on the tape already.
    At(Micros),
    /// Recordings that wait for their publisher continue.
    Again,
}

/// The limit at which a session ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Limit {
    /// The end of its publish, and of its resume windows.
    #[default]
    None,
    /// This CLOCK_BOOTTIME.
    Boot(Micros),
    /// This tape time. Where no media comes any more, this CLOCK_BOOTTIME.
    Tape(Micros, Micros),
}

impl Session {
    pub(super) fn new(id: String, plan: &Plan) -> Self {
        Self {
            spec: SessionSpec {
                about: About {
                    session: id,
                    ..plan.about.clone()
                },
                until: plan.until,
                asked: None,
            },
            runs: plan.outputs.iter().cloned().map(Run::new).collect(),
            limit: Limit::None,
            wanted: None,
            armed: false,
        }
    }

    /// A session of which the start of the service found a recording.
    pub(super) fn found(open: &OpenRecording, now: Moment, tape_now: Micros, clock_synced: bool) -> Self {
        let spec = &open.spec;
        let limit = match spec.about.origin {
            Origin::Manual => {
                let until = spec.until.unwrap_or(now.utc);
                Limit::Boot(now.boot.saturating_add(until.saturating_sub(now.utc)))
            }
            Origin::Clip => {
                // Tape time of another boot cannot be compared. How far the end lay ahead when the boot ended is not known.
                let to = spec.asked.and_then(|asked| asked.to).unwrap_or(open.end);
                let ahead = to.saturating_sub(open.end);
                let left = ahead.saturating_sub(now.utc.saturating_sub(open.paused_utc).max(0));
                Limit::Tape(tape_now.saturating_add(left), now.boot.saturating_add(left))
            }
            Origin::Rule | Origin::Push | Origin::Task | Origin::Composition => Limit::None,
        };
        Self {
            spec: SessionSpec {
                about: spec.about.clone(),
                until: spec.until,
                asked: spec.asked,
            },
            runs: vec![Run::found(open, now, clock_synced)],
            limit,
            wanted: None,
            armed: false,
        }
    }

    /// Adds another recording of the same session that was found.
    pub(super) fn join(&mut self, other: Session) {
        self.runs.extend(other.runs);
    }

    /// True when a new publish with this plan continues the session. Outputs of the plan that the session does not have are
    /// added. Outputs that wait for a publish of another plan stop waiting.
    pub(super) fn carries_on(&self, plan: &Plan) -> bool {
        let decision = |about: &About| (about.origin, about.task.clone(), about.template.clone());
        let same = decision(&self.spec.about) == decision(&plan.about);
        let known = |output: &Arc<Output>| self.runs.iter().any(|run| run.output == *output);
        same && plan.outputs.iter().any(known)
    }

    /// Takes over the outputs of the plan.
    pub(super) fn adopt(&mut self, plan: &Plan, out: &mut Vec<Command>) {
        for run in &mut self.runs {
            if !plan.outputs.contains(&run.output) {
                run.give_up(|_| true, TEMPLATE_CHANGED, out);
            }
        }
        self.runs.retain(|run| plan.outputs.contains(&run.output));
        for output in &plan.outputs {
            if self.runs.iter().all(|run| run.output != *output) {
                self.runs.push(Run::new(output.clone()));
            }
        }
    }

    /// Begins the recordings of the session at `start`.
    pub(super) fn begin(&mut self, start: Micros, scene: &mut Scene<'_>) {
        let Some(wanted) = self.wanted.take() else {
            return;
        };
        for run in &mut self.runs {
            if wanted != Wanted::Again || run.is_waiting() {
                run.begin(&self.spec, start, scene);
            }
        }
    }

    /// Gives the session's single recording this id.
    pub(super) fn reserve_as(&mut self, id: RecordingId) {
        if let Some(run) = self.runs.first_mut() {
            run.reserve_as(id);
        }
    }

    /// Reserves ids for the recordings with which the session will begin, if it begins at all.
    pub(super) fn reserve(&mut self, now: Moment) -> Vec<RecordingId> {
        self.runs.iter_mut().map(|run| run.reserve(now)).collect()
    }

    pub(super) fn frame(&mut self, sample: Sample, scene: &mut Scene<'_>) {
        match self.limit {
            Limit::Boot(until) if scene.now.boot >= until => {
                self.stop(sample.at, TIME_IS_OVER, scene.endings, scene.out)
            }
            Limit::Tape(end, _) if sample.at >= end => self.stop(end, TIME_IS_OVER, scene.endings, scene.out),
            _ => {}
        }
        for run in &mut self.runs {
            run.frame(&self.spec, sample, scene);
        }
    }

    pub(super) fn interrupt(
        &mut self,
        end: Micros,
        heard: Micros,
        reason: &EndReason,
        scene: &mut Scene<'_>,
    ) {
        self.wanted = None;
        for run in &mut self.runs {
            run.interrupt(end, heard, reason, scene);
        }
    }

    /// Ends the growing recordings at `end`. [`give_up`](Self::give_up) closes those that wait.
    pub(super) fn stop(
        &mut self,
        end: Micros,
        reason: &str,
        endings: &mut Vec<Ending>,
        out: &mut Vec<Command>,
    ) {
        self.wanted = None;
        self.armed = false;
        for run in &mut self.runs {
            run.stop(end, reason, endings, out);
        }
    }

    /// Closes the waiting recordings whose window is over by now.
    pub(super) fn expire(&mut self, now: Moment, out: &mut Vec<Command>) {
        let over = match self.limit {
            Limit::Boot(until) | Limit::Tape(_, until) => now.boot >= until,
            Limit::None => false,
        };
        self.armed &= !over;
        let reason = if over { TIME_IS_OVER } else { NOBODY_CAME };
        for run in &mut self.runs {
            run.give_up(|until| over || now.boot >= until, reason, out);
        }
    }

    /// Closes the recordings that wait for a publisher, at once.
    pub(super) fn give_up(&mut self, reason: &str, out: &mut Vec<Command>) {
        for run in &mut self.runs {
            run.give_up(|_| true, reason, out);
        }
    }

    /// Ends each growing recording at the next keyframe, and begins another; false when none grows.
    pub(super) fn restart(&mut self) -> bool {
        let mut any = false;
        for run in &mut self.runs {
            any |= run.restart();
        }
        any
    }

    /// The formats of the session.
    pub(super) fn formats(&self) -> impl Iterator<Item = Format> {
        self.runs
            .iter()
            .flat_map(|run| run.output.formats.iter().copied())
    }

    /// True when one of its outputs keeps the gaps of its recordings.
    pub(super) fn keeps_gaps(&self) -> bool {
        self.runs.iter().any(|run| run.output.gaps == Gaps::Keep)
    }

    /// True when one of its recordings begins at this tape time, and one of its formats cannot hide the pictures that its
    /// beginning needs for decoding.
    pub(super) fn shows_from(&self, at: Micros) -> bool {
        self.runs.iter().any(|run| run.shows_from(at))
    }

    pub(super) fn rolling(&self) -> impl Iterator<Item = RecordingId> {
        self.runs.iter().filter_map(Run::rolling)
    }

    pub(super) fn recordings(&self) -> impl Iterator<Item = RecordingId> {
        self.runs.iter().filter_map(Run::recording)
    }

    /// The recordings that grow or wait, and those that begin with the next keyframe and whose ids were given out.
    pub(super) fn told(&self) -> impl Iterator<Item = RecordingId> {
        self.runs.iter().filter_map(Run::told)
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = RecordingId> {
        let waits = self.runs.iter().filter(|run| run.is_waiting());
        waits.filter_map(Run::recording)
    }

    /// True while the session records the frames that come.
    pub(super) fn wants_tape(&self) -> bool {
        self.wanted.is_some() || self.rolling().next().is_some()
    }

    /// True while a recording of the session waits for its publisher.
    pub(super) fn is_waiting(&self) -> bool {
        self.runs.iter().any(Run::is_waiting)
    }

    /// True when the session will record nothing more.
    pub(super) fn is_over(&self) -> bool {
        !self.armed && self.wanted.is_none() && self.recordings().next().is_none()
    }
}
