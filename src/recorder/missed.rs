//! Times of tasks in which nothing was recorded. Each time is reported once, also over restarts: the task's row contains the
//! times that were checked, and is committed in one transaction with the event.

use serde::{Deserialize, Serialize};

use super::tasks::{Task, TaskState, When};
use crate::event::{Event, Miss, TaskMissed, rfc3339};
use crate::media::{CLOCK_SET, Micros};

/// How far back the times of a weekly task are judged.
const LOOKED_BACK: Micros = 8 * 24 * 3_600_000_000;

/// The results of a task's times so far, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// UTC up to which the task's times are judged. Times from before the task count as judged.
    judged: Micros,
    /// UTC at which the last recording of the task began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Micros>,
    /// The last of its times that is over, if nothing was recorded in that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
    /// UTC at which a command stopped the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Micros>,
}

/// A time of a task in which nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// UTC at which the time begins.
    pub start: Micros,
    /// UTC at which the time ends.
    pub end: Micros,
    /// Number of missed times since the task was judged before, this one included.
    pub times: u32,
    /// The reason.
    pub reason: Miss,
    /// The reason in a sentence, with what to check.
    pub detail: String,
}

impl Outcome {
    /// The outcome of a task that is made now.
    pub(super) fn new(utc: Micros) -> Self {
        Self {
            judged: utc,
            ..Self::default()
        }
    }

    /// Times that are over and not judged yet, UTC.
    pub(super) fn unjudged(&self, when: &When, utc: Micros) -> Vec<(Micros, Micros)> {
        let since = match when {
            // With a clock that was never set, the weeks before are unknown.
            When::Weekly(_) if self.judged < CLOCK_SET => return Vec::new(),
            When::Weekly(_) => self.judged.max(utc.saturating_sub(LOOKED_BACK)),
            When::Once(start, _) => *start,
        };
        let mut over = when.windows(since, utc.saturating_add(1));
        over.retain(|(_, end)| *end > self.judged && *end <= utc);
        over
    }

    /// True when something was recorded since then, or since the task was judged.
    pub(super) fn has_recorded_since(&self, utc: Micros) -> bool {
        self.recorded.is_some_and(|at| at >= self.judged.min(utc))
    }

    fn recorded_within(&self, (start, end): (Micros, Micros)) -> bool {
        self.recorded.is_some_and(|at| (start..=end).contains(&at))
    }
}

impl Task {
    /// Notes that a recording of the task began, with media from one of these moments to the other (UTC). The beginning is told
    /// up to a second later, when the time may be over already. True if the task has to be stored.
    pub(super) fn has_begun(&mut self, from: Micros, to: Micros) -> bool {
        let time = self.when.windows(from, to.saturating_add(1)).pop();
        let is_known = time.is_some_and(|time| self.outcome.recorded_within(time));
        self.outcome.recorded = Some(time.map_or(to, |(start, _)| start.max(from)));
        !is_known
    }

    /// Judges the times that are over by now. Gives the last one in which nothing was recorded, without its reason.
    pub(super) fn judge(&mut self, utc: Micros) -> Option<Missed> {
        if !self.state.is_live() {
            return None;
        }
        let over = self.outcome.unjudged(&self.when, utc);
        let last = over.last().copied()?;
        self.outcome.judged = utc;
        let mut missed = over.clone();
        missed.retain(|time| !self.outcome.recorded_within(*time));
        if !missed.contains(&last) {
            self.outcome.missed = None;
        }
        let (start, end) = missed.last().copied()?;
        Some(Missed {
            start,
            end,
            times: u32::try_from(missed.len()).unwrap_or(u32::MAX),
            reason: Miss::default(),
            detail: String::new(),
        })
    }

    /// Completes the row of a release that did not judge times: the times before are not known.
    pub(super) fn judged_from(mut self, utc: Micros) -> Self {
        if self.outcome == Outcome::default() {
            self.outcome = Outcome::new(utc);
            self.outcome.recorded = (self.state == TaskState::Running).then_some(utc);
        }
        self
    }

    /// The event of a time that the task missed.
    pub(super) fn missed(&self, missed: &Missed) -> Event {
        Event::TaskMissed(Box::new(TaskMissed {
            task: self.id.clone(),
            stream: self.stream.to_string(),
            name: self.name.clone(),
            start: rfc3339(missed.start),
            end: rfc3339(missed.end),
            times: missed.times,
            reason: missed.reason,
            detail: missed.detail.clone(),
        }))
    }
}
