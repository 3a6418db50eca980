//! Which step is done when. Pure.

use std::collections::HashMap;

use crate::media::{Micros, RecordingId};

const SECOND: Micros = 1_000_000;
/// The first pause, and the longest one.
const PAUSES: (Micros, Micros) = (2 * SECOND, 60 * SECOND);
/// How often a step is tried that fails by itself.
const TRIES: u32 = 5;

/// A step of a job: its job, and its number from 0 on.
pub(super) type Step = (RecordingId, u32);

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The journal has it.
    Over,
    /// Something else keeps it from being done. It is looked at again, without end.
    Later(String),
    /// It failed by itself. It is tried again, with an end.
    Failed(String),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// A step begins.
    Begin(Step),
    /// A step was tried often enough: it is left out, for this reason.
    GiveUp(Step, String),
}

/// Plans the work of all jobs: one step at a time, that of the oldest job that is due.
#[derive(Debug, Default)]
pub(super) struct Planner {
    /// The jobs with their next step, the oldest first.
    jobs: Vec<Step>,
    /// What keeps the next step of a job from being done.
    held: HashMap<RecordingId, Held>,
    running: Option<Step>,
}

#[derive(Clone, Debug)]
struct Held {
    step: u32,
    until: Micros,
    /// Pauses in a row.
    pauses: u32,
    /// Times that the step failed by itself.
    failed: u32,
    reason: String,
}

impl Planner {
    /// Notes the jobs with their next steps, the oldest first, as the journal has them.
    pub(super) fn jobs(&mut self, jobs: Vec<Step>) {
        self.held.retain(|job, held| jobs.contains(&(*job, held.step)));
        self.jobs = jobs;
    }

    /// What is to be done now.
    pub(super) fn poll(&mut self, now: Micros) -> Option<Action> {
        if self.running.is_some() {
            return None;
        }
        let is_due = |job: &RecordingId| self.held.get(job).is_none_or(|held| held.until <= now);
        let step = *self.jobs.iter().find(|(job, _)| is_due(job))?;
        self.running = Some(step);
        let often = self.held.get(&step.0).filter(|held| held.failed >= TRIES);
        Some(match often {
            Some(held) => Action::GiveUp(step, held.reason.clone()),
            None => Action::Begin(step),
        })
    }

    /// Notes what came of the step that ran.
    pub(super) fn ended(&mut self, outcome: Outcome, now: Micros) {
        let Some((job, step)) = self.running.take() else {
            return;
        };
        let (reason, failed) = match outcome {
            Outcome::Over => {
                self.held.remove(&job);
                // The journal says what comes next.
                self.jobs.retain(|of| *of != (job, step));
                return;
            }
            Outcome::Later(reason) => (reason, 0),
            Outcome::Failed(reason) => (reason, 1),
        };
        let before = self.held.remove(&job).filter(|held| held.step == step);
        let (pauses, failures) = before.map_or((0, 0), |held| (held.pauses, held.failed));
        let failures = failures + failed;
        let (first, longest) = PAUSES;
        let pause = first.saturating_mul(1 << pauses.min(10)).min(longest);
        let is_last = failures >= TRIES;
        self.held.insert(
            job,
            Held {
                step,
                until: if is_last { now } else { now.saturating_add(pause) },
                pauses: pauses.saturating_add(1),
                failed: failures,
                reason,
            },
        );
    }

    /// When something is due; none where nothing waits for its time.
    pub(super) fn next_wake(&self) -> Option<Micros> {
        let until = |(job, _): &Step| self.held.get(job).map_or(Micros::MIN, |held| held.until);
        self.jobs
            .iter()
            .map(until)
            .min()
            .filter(|_| self.running.is_none())
    }

    /// Why jobs wait.
    pub(super) fn reasons(&self) -> HashMap<RecordingId, String> {
        let of = |(job, held): (&RecordingId, &Held)| (*job, held.reason.clone());
        self.held.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn id(n: u8) -> RecordingId {
        RecordingId::from_bytes([n; 16])
    }

    #[derive(Clone, Debug)]
    enum Act {
        Ask(u8, u32),
        Cancel(u8),
        /// The step that runs ends: 0 made, 1 later, 2 failed.
        End(u8),
        Pass(Micros),
        /// The power fails: before the step that runs is in the journal, or behind.
        Crash(bool),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0..4u8, 1..6u32).prop_map(|(job, steps)| Act::Ask(job, steps)),
            (0..4u8).prop_map(Act::Cancel),
            (0..3u8).prop_map(Act::End),
            (0..3u8).prop_map(Act::End),
            (0..3u8).prop_map(Act::End),
            (0..90 * SECOND).prop_map(Act::Pass),
            any::<bool>().prop_map(Act::Crash),
        ]
    }

    /// A journal: each job with its steps, those that are over, and how often each was counted.
    #[derive(Default)]
    struct Journal(BTreeMap<u8, (u32, Vec<u32>)>);

    impl Journal {
        fn open(&self) -> Vec<Step> {
            let open = self.0.iter().filter_map(|(job, (steps, over))| {
                let next = over.len() as u32;
                (next < *steps).then_some((id(*job), next))
            });
            open.collect()
        }

        fn count(&mut self, (job, step): Step) {
            let (steps, over) = self.0.get_mut(&job.to_bytes()[0]).unwrap();
            if over.len() as u32 == step && step < *steps {
                over.push(step);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn every_step_is_over_once_in_its_order_whatever_happens(acts in prop::collection::vec(act(), 0..200)) {
            let (mut planner, mut journal, mut now) = (Planner::default(), Journal::default(), 0);
            let mut running: Option<Step> = None;
            let end = |how: u8, planner: &mut Planner, journal: &mut Journal, running: &mut Option<Step>, now| {
                let Some(step) = running.take() else { return };
                let outcome = match how {
                    0 => { journal.count(step); Outcome::Over }
                    1 => Outcome::Later("later".into()),
                    _ => Outcome::Failed("failed".into()),
                };
                planner.ended(outcome, now);
            };
            for act in acts {
                match act {
                    Act::Ask(job, steps) => { journal.0.entry(job).or_insert((steps, Vec::new())); }
                    Act::Cancel(job) => {
                        if let Some((steps, over)) = journal.0.get_mut(&job) { *steps = over.len() as u32; }
                    }
                    Act::End(how) => end(how, &mut planner, &mut journal, &mut running, now),
                    Act::Pass(time) => now += time,
                    Act::Crash(counted) => {
                        if let Some(step) = running.take().filter(|_| counted) { journal.count(step); }
                        planner = Planner::default();
                    }
                }
                planner.jobs(journal.open());
                while let Some(action) = planner.poll(now) {
                    prop_assert!(running.is_none());
                    match action {
                        Action::Begin(step) => running = Some(step),
                        Action::GiveUp(step, reason) => {
                            prop_assert_eq!(reason, "failed");
                            journal.count(step);
                            planner.ended(Outcome::Over, now);
                            planner.jobs(journal.open());
                        }
                    }
                }
                // Something runs, or something is due later, or nothing is left.
                prop_assert!(running.is_some() || planner.next_wake().is_some_and(|at| at > now) || journal.open().is_empty());
            }
            // Where nothing fails any more, all is over at last.
            for _ in 0..100 {
                end(0, &mut planner, &mut journal, &mut running, now);
                now += PAUSES.1;
                planner.jobs(journal.open());
                match planner.poll(now) {
                    Some(Action::Begin(step)) => running = Some(step),
                    Some(Action::GiveUp(step, _)) => { journal.count(step); planner.ended(Outcome::Over, now); }
                    None => {}
                }
            }
            prop_assert!(journal.open().is_empty());
            for (steps, over) in journal.0.values() {
                prop_assert_eq!(over, &(0..*steps).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn what_fails_is_left_out_after_some_tries_and_what_waits_is_not() {
        let mut planner = Planner::default();
        let (mut now, mut tries) = (0, 0);
        planner.jobs(vec![(id(1), 0)]);
        let given_up = loop {
            match planner.poll(now) {
                Some(Action::Begin(_)) => {
                    tries += 1;
                    planner.ended(Outcome::Failed("damaged".into()), now);
                }
                Some(Action::GiveUp(_, reason)) => break reason,
                None => now = planner.next_wake().unwrap(),
            }
        };
        assert_eq!((tries, given_up.as_str(), now), (TRIES, "damaged", 30 * SECOND));
        planner.ended(Outcome::Over, now);
        planner.jobs(vec![(id(1), 1), (id(2), 0)]);
        for _ in 0..50 {
            assert_eq!(planner.poll(now), Some(Action::Begin((id(1), 1))));
            planner.ended(Outcome::Later("no worker".into()), now);
            assert_eq!(planner.reasons()[&id(1)], "no worker");
            // Another job has its turn meanwhile.
            assert_eq!(planner.poll(now), Some(Action::Begin((id(2), 0))));
            planner.ended(Outcome::Later("no worker".into()), now);
            assert_eq!(planner.poll(now), None);
            now = planner.next_wake().unwrap();
        }
    }
}
