//! The order of deliveries: a plain struct that gets events and returns actions.
//!
//! The planner knows nothing about files, networks or clocks; times are microseconds of a clock that only goes forward. It
//! holds a bounded window of the recordings that wait, and asks for further ones when there is space.
//!
//! ```text
//! first   recordings that were live and are closed now: somebody waits for them, and little of them is left
//! then    live recordings, the one that waited longest first
//! then    closed recordings, newest or oldest first
//! ```
//!
//! Small files of a recording are sent before large ones. When a store fails, the planner waits for a while and then tries one
//! transfer. A rendition that the store refuses waits alone; after several refusals it counts as failed.

mod health;
mod next;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::backoff::Backoff;
use crate::format::Format;
use crate::media::{Micros, RecordingId};
use crate::store::ToDeliver;

use health::Health;

/// A format of a recording: what one transfer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Job {
    pub(super) recording: RecordingId,
    pub(super) format: Format,
}

/// The outcome of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The whole rendition is in the store.
    Done,
    /// The store has all that there is so far of an open recording. A next look is of no use before so many microseconds.
    Grows(Micros),
    /// The transfer cannot go on before so many microseconds: the rendition has no name yet, or its recording is gone.
    Waits(Micros),
    /// There is more to send, and other transfers have their turn first.
    Turn,
    /// The store could not be reached, or can do nothing now.
    StoreFailed(String),
    /// Another server answers in the store's place.
    Intercepted(String),
    /// The store takes nothing from this box.
    StoreRefused(String),
    /// The store refused this rendition.
    Refused(String),
    /// The rendition cannot be made: the tape cannot be read, for example.
    Broken(String),
    /// The rendition failed in an earlier run, and that was reported.
    FailedBefore,
    Stopped,
    /// The journal does not take the transfer's changes.
    JournalFailed(String),
}

/// An action for the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Start(Job),
    /// All renditions of a recording are delivered.
    Delivered(RecordingId),
    /// The rest of a recording cannot be delivered until somebody acts.
    Failed(RecordingId),
    /// Report that a delivery failed for good.
    TellFailed(Job, String),
    /// Report that the store answers.
    TellOnline,
    /// Report that the store cannot be reached, or takes nothing.
    TellOffline(String),
    /// Check whether the store permits this box what deliveries need.
    Check,
}

/// Most recordings that the planner holds ahead of time.
pub(super) const WINDOW: usize = 64;

/// Tries of one rendition before it counts as failed.
const TRIES: u32 = 4;

/// The planner.
pub(super) struct Planner {
    transfers: usize,
    paused: bool,
    /// True within the hours in which recordings are sent.
    in_hours: bool,
    order: Vec<RecordingId>,
    recordings: HashMap<RecordingId, Course>,
    running: HashSet<Job>,
    health: Health,
    actions: Vec<Action>,
    /// Renditions that were refused as if the store took nothing from this box, with the number of requests that it had carried
    /// out by then.
    doubted: HashMap<Job, u64>,
    unchecked: bool,
    checking: bool,
    chance: u64,
}

struct Course {
    open: bool,
    /// A transfer of the recording ran while it was open.
    was_live: bool,
    formats: BTreeMap<u8, (Format, State)>,
    /// Whether it was reported as delivered or failed.
    concluded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The transfer may go on at this time.
    From(Micros, Tries),
    Done,
    Failed,
}

/// Number of refusals in a row.
type Tries = u32;

impl Planner {
    /// A planner without recordings. `chance` is any number.
    pub(super) fn new(transfers: usize, chance: u64) -> Self {
        Self {
            transfers,
            paused: false,
            in_hours: true,
            order: Vec::new(),
            recordings: HashMap::new(),
            running: HashSet::new(),
            health: Health::default(),
            actions: Vec::new(),
            doubted: HashMap::new(),
            unchecked: true,
            checking: false,
            chance,
        }
    }

    /// While paused, no transfer begins.
    pub(super) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Notes whether the present hour is one in which recordings are sent.
    pub(super) fn set_in_hours(&mut self, in_hours: bool) {
        self.in_hours = in_hours;
    }

    pub(super) fn may_run(&self) -> bool {
        self.in_hours && !self.paused
    }

    /// The state of the store: why it is not reached, and when it is tried again.
    pub(super) fn trouble(&self) -> Option<(&str, Micros)> {
        self.health.trouble()
    }

    /// True when the store was reached, and was not lost since.
    pub(super) fn is_online(&self) -> bool {
        self.health.is_online()
    }

    pub(super) fn running(&self) -> &HashSet<Job> {
        &self.running
    }

    /// True for a recording that waits or runs.
    pub(super) fn knows(&self, recording: RecordingId) -> bool {
        self.recordings.contains_key(&recording)
    }

    /// Replaces the recordings that wait, in the order of their delivery. Recordings that are not in the list are forgotten.
    pub(super) fn candidates(&mut self, candidates: Vec<ToDeliver>) {
        let mut known = std::mem::take(&mut self.recordings);
        self.order.clear();
        for candidate in candidates {
            let mut course = known.remove(&candidate.recording).unwrap_or_else(|| Course {
                open: candidate.open,
                was_live: false,
                formats: BTreeMap::new(),
                concluded: false,
            });
            for format in candidate.formats {
                let state = (format, State::From(0, 0));
                course.formats.entry(rank(format)).or_insert(state);
            }
            if course.open && !candidate.open {
                // The recording is whole now, so its transfers have nothing to wait for.
                for (_, state) in course.formats.values_mut() {
                    if let State::From(at, 0) = state {
                        *at = 0;
                    }
                }
            }
            course.open = candidate.open;
            self.order.push(candidate.recording);
            self.recordings.insert(candidate.recording, course);
        }
        // A running transfer is known until it ends.
        let running: HashSet<RecordingId> = self.running.iter().map(|job| job.recording).collect();
        known.retain(|recording, _| running.contains(recording));
        self.recordings.extend(known);
        let recordings = &self.recordings;
        self.doubted
            .retain(|job, _| recordings.contains_key(&job.recording));
    }

    /// Notes that a transfer has ended. `answered`: the store carried out a request.
    pub(super) fn ended(&mut self, job: Job, outcome: Outcome, answered: bool, now: Micros) {
        self.running.remove(&job);
        let outcome = self.about(job, outcome);
        let chance = self.draw();
        let open = self
            .recordings
            .get(&job.recording)
            .is_some_and(|course| course.open);
        let Some((tries, state)) = self.state(job) else {
            self.judge_store(job, &outcome, answered, now, chance);
            return;
        };
        *state = match &outcome {
            Outcome::Done => State::Done,
            // The recording was closed while the transfer ran: the rest of it goes now.
            Outcome::Grows(_) if !open => State::From(now, 0),
            Outcome::Grows(wait) => State::From(now.saturating_add(*wait), 0),
            // A closed recording continues before other closed ones begin.
            Outcome::Turn => State::From(if open { now } else { 0 }, 0),
            Outcome::Waits(wait) => State::From(now.saturating_add(*wait), 0),
            Outcome::Stopped => State::From(0, tries),
            // The job goes behind the others: the failure may be about this rendition after all.
            Outcome::StoreFailed(_) | Outcome::Intercepted(_) | Outcome::StoreRefused(_) => {
                State::From(now, tries)
            }
            Outcome::JournalFailed(_) => {
                State::From(now.saturating_add(Backoff::OBJECT.after(1, chance)), tries)
            }
            Outcome::FailedBefore => State::Failed,
            Outcome::Broken(_) | Outcome::Refused(_) if tries + 1 >= TRIES => State::Failed,
            Outcome::Broken(_) | Outcome::Refused(_) => {
                let wait = Backoff::OBJECT.after(tries + 1, chance);
                State::From(now.saturating_add(wait), tries + 1)
            }
        };
        let failed = *state == State::Failed;
        self.judge_store(job, &outcome, answered, now, chance);
        if failed && let Outcome::Broken(reason) | Outcome::Refused(reason) = outcome {
            if self.health.refuses_all() {
                // The failure is not about this rendition.
                if let Some((_, state)) = self.state(job) {
                    *state = State::From(0, TRIES - 1);
                }
            } else {
                self.actions.push(Action::TellFailed(job, reason));
            }
        }
    }

    /// Decides whether a refusal is about one rendition. "A wrong signature" and the like may be about one key: a proxy may
    /// rewrite its address. The store is checked. If it refuses the rendition again although it took others meanwhile, the
    /// refusal is about this rendition.
    fn about(&mut self, job: Job, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::StoreRefused(reason) => {
                let taken = self.health.taken();
                match self.doubted.insert(job, taken) {
                    Some(before) if before < taken => Outcome::Refused(reason),
                    _ => {
                        self.unchecked = true;
                        Outcome::StoreRefused(reason)
                    }
                }
            }
            Outcome::StoreFailed(_)
            | Outcome::Intercepted(_)
            | Outcome::Stopped
            | Outcome::JournalFailed(_) => outcome,
            other => {
                self.doubted.remove(&job);
                other
            }
        }
    }

    /// Notes that a growing recording has more tape: its transfer may go on.
    pub(super) fn grew(&mut self, job: Job, now: Micros) {
        if let Some((0, State::From(at, _))) = self.state(job) {
            *at = now.min(*at);
        }
    }

    /// Has the store checked again.
    pub(super) fn check(&mut self) {
        self.unchecked = true;
    }

    /// Notes the result of a check: the reason why nothing can be delivered, if there is one.
    pub(super) fn checked(&mut self, failure: Option<String>, now: Micros) {
        (self.checking, self.unchecked) = (false, false);
        let chance = self.draw();
        let told = match failure {
            None => self.health.succeeded(),
            Some(reason) => self.health.failed(&reason, now, chance),
        };
        self.actions.extend(told);
    }

    /// Has everything tried again at once.
    pub(super) fn retry(&mut self) {
        self.health.forgive();
        self.doubted.clear();
        for course in self.recordings.values_mut() {
            course.concluded &= course.formats.values().all(|(_, state)| *state == State::Done);
            for (_, state) in course.formats.values_mut() {
                if !matches!(state, State::Done) {
                    *state = State::From(0, 0);
                }
            }
        }
    }

    /// Has all formats of a recording looked at again at this time: what its transfers said may be true no more.
    pub(super) fn again(&mut self, recording: RecordingId, at: Micros) {
        if let Some(course) = self.recordings.get_mut(&recording) {
            course.concluded = false;
            for (_, state) in course.formats.values_mut() {
                *state = State::From(at, 0);
            }
        }
    }

    /// Notes that other recordings are held back: what was delivered of those that wait may be removed.
    pub(super) fn reviewed(&mut self) {
        for course in self.recordings.values_mut() {
            course.concluded = false;
            for (_, state) in course.formats.values_mut() {
                if *state == State::Done {
                    *state = State::From(0, 0);
                }
            }
        }
    }

    fn state(&mut self, job: Job) -> Option<(Tries, &mut State)> {
        let course = self.recordings.get_mut(&job.recording)?;
        let (_, state) = course.formats.get_mut(&rank(job.format))?;
        let tries = match state {
            State::From(_, tries) => *tries,
            State::Done | State::Failed => 0,
        };
        Some((tries, state))
    }

    fn judge_store(&mut self, job: Job, outcome: &Outcome, answered: bool, now: Micros, chance: u64) {
        let told = match outcome {
            // A transfer that sent no request knows nothing about the store.
            Outcome::Done | Outcome::Grows(_) | Outcome::Waits(_) | Outcome::Turn => {
                answered.then(|| self.health.succeeded()).flatten()
            }
            // The check finds out whether the store is the cause.
            Outcome::StoreRefused(_) if self.health.is_online() && !self.health.is_in_doubt() => None,
            Outcome::StoreFailed(reason) | Outcome::StoreRefused(reason) => {
                if answered {
                    self.health.did_something(now);
                }
                self.health.failed(reason, now, chance)
            }
            Outcome::Intercepted(reason) => self.health.intercepted(reason, now, chance),
            Outcome::Refused(reason) => self.health.refused(job, reason, now, chance),
            Outcome::Broken(_) | Outcome::FailedBefore | Outcome::Stopped | Outcome::JournalFailed(_) => None,
        };
        self.actions.extend(told);
    }

    /// A random number that nobody can predict without the first one (xorshift64).
    fn draw(&mut self) -> u64 {
        let mut x = self.chance | 1;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.chance = x;
        x
    }
}

/// The order among formats: small files first.
fn rank(format: Format) -> u8 {
    match format {
        Format::Hls => 0,
        Format::Aac => 1,
        Format::Mp4 => 2,
        Format::Fmp4 => 3,
        Format::Flv => 4,
    }
}
