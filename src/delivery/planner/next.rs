//! What is done next.

use super::{Action, Course, Job, Planner, State};
use crate::format::Format;
use crate::media::{Micros, RecordingId};

impl Planner {
    /// The next action. The loop calls this until there is none.
    pub(in crate::delivery) fn poll(&mut self, now: Micros) -> Option<Action> {
        if let Some(action) = self.actions.pop() {
            return Some(action);
        }
        if let Some(action) = self.conclude() {
            return Some(action);
        }
        // After a failure, one transfer tries the store.
        if self.wants_check(now) {
            self.checking = true;
            return Some(Action::Check);
        }
        if !self.may_run() || !self.health.may_try(now) {
            return None;
        }
        let job = self.next(now, |job| self.has_room(job))?;
        self.running.insert(job);
        if let Some(course) = self.recordings.get_mut(&job.recording) {
            course.was_live |= course.open;
        }
        Some(Action::Start(job))
    }

    /// True once after the start. Later true while the store is not reached and no transfer would find out that it is there
    /// again. A check is small, so it also runs outside of the hours.
    fn wants_check(&self, now: Micros) -> bool {
        let nothing_else = || {
            let may_start = self.may_run() && self.next(now, |_| true).is_some();
            self.health.is_in_doubt() && self.running.is_empty() && !may_start
        };
        !self.paused && !self.checking && self.health.may_try(now) && (self.unchecked || nothing_else())
    }

    /// True when somebody waits for the recording: it is live, or was until now.
    pub(in crate::delivery) fn is_urgent(&self, recording: RecordingId) -> bool {
        let course = self.recordings.get(&recording);
        course.is_some_and(|course| course.open || course.was_live)
    }

    /// True when an urgent transfer waits for a free place: transfers that can wait give way.
    pub(in crate::delivery) fn is_crowded(&self, now: Micros) -> bool {
        let waits = |job: Job| self.is_urgent(job.recording) && !self.has_room(job);
        self.may_run() && self.health.may_try(now) && self.next(now, waits).is_some()
    }

    /// After a failure, one transfer tries the store. Live playlists may use one place more than transfers have, and also a
    /// place beside the transfers that ran when the store failed: viewers wait for them, and a part of a large file may take
    /// minutes.
    fn has_room(&self, job: Job) -> bool {
        let is_live = job.format == Format::Hls && self.is_urgent(job.recording);
        match (self.health.is_in_doubt(), is_live) {
            (true, true) => !self.running.iter().any(|other| other.format == Format::Hls),
            (true, false) => self.running.is_empty(),
            (false, true) => self.running.len() <= self.transfers,
            (false, false) => self.running.len() < self.transfers,
        }
    }

    /// The time at which there may be work without another event; `None` if there is no such time.
    pub(in crate::delivery) fn next_wake(&self, now: Micros) -> Option<Micros> {
        if !self.may_run() {
            return None;
        }
        let waits = self.order.iter().filter_map(|id| self.recordings.get(id));
        let states = waits.flat_map(|course| course.formats.values());
        let due = states.filter_map(|(_, state)| match state {
            State::From(at, _) => Some(*at),
            State::Done | State::Failed => None,
        });
        let due = due.filter(|at| *at > now).min();
        match self.health.trouble() {
            Some((_, until)) if until > now => Some(until),
            _ => due,
        }
    }

    /// The event of a recording whose renditions are all delivered or failed, if it was not reported yet.
    fn conclude(&mut self) -> Option<Action> {
        let running = &self.running;
        let over = |id: &RecordingId, course: &Course| {
            let ended = |(format, state): &(Format, State)| {
                let job = Job {
                    recording: *id,
                    format: *format,
                };
                !matches!(state, State::From(..)) && !running.contains(&job)
            };
            !course.open && !course.concluded && course.formats.values().all(ended)
        };
        let (id, course) = self.recordings.iter_mut().find(|(id, course)| over(id, course))?;
        course.concluded = true;
        let failed = course.formats.values().any(|(_, state)| *state == State::Failed);
        Some(if failed {
            Action::Failed(*id)
        } else {
            Action::Delivered(*id)
        })
    }

    /// The first job that is due, and wanted.
    fn next(&self, now: Micros, wanted: impl Fn(Job) -> bool) -> Option<Job> {
        let mut best: Option<((u8, Micros, usize), Job)> = None;
        for (place, id) in self.order.iter().enumerate() {
            let Some(course) = self.recordings.get(id) else {
                continue;
            };
            for (format, state) in course.formats.values() {
                let job = Job {
                    recording: *id,
                    format: *format,
                };
                let State::From(at, _) = state else { continue };
                let doubted = (self.unchecked || self.checking) && self.doubted.contains_key(&job);
                if *at > now || doubted || self.running.contains(&job) || !wanted(job) {
                    continue;
                }
                let class = match (course.open, course.was_live) {
                    (false, true) => 0,
                    (true, _) => 1,
                    (false, false) => 2,
                };
                let rank = (class, *at, place);
                if best.is_none_or(|(known, _)| rank < known) {
                    best = Some((rank, job));
                }
            }
        }
        best.map(|(_, job)| job)
    }
}
