//! The state of the object store, by the results of transfers.

use std::collections::HashSet;

use super::{Action, Job};
use crate::delivery::backoff::Backoff;
use crate::media::Micros;

/// So many different renditions refused, with no success in between, are a problem of the store and not of the renditions.
const REFUSES_ALL: usize = 3;

/// The state of the store.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Failures since the last success.
    failures: u32,
    /// The reason for leaving the store alone, and until when.
    trouble: Option<(String, Micros)>,
    /// The renditions that the store refused since its last success.
    refused: HashSet<Job>,
    /// Requests that the store carried out.
    taken: u64,
    /// The state in the last event.
    told_online: Option<bool>,
}

impl Health {
    pub(super) fn trouble(&self) -> Option<(&str, Micros)> {
        self.trouble
            .as_ref()
            .map(|(reason, until)| (reason.as_str(), *until))
    }

    /// Number of requests that the store carried out.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    pub(super) fn is_online(&self) -> bool {
        self.told_online == Some(true)
    }

    /// True when the store failed and has carried out no request since.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.trouble.is_some()
    }

    pub(super) fn may_try(&self, now: Micros) -> bool {
        self.trouble.as_ref().is_none_or(|(_, until)| *until <= now)
    }

    pub(super) fn refuses_all(&self) -> bool {
        self.refused.len() >= REFUSES_ALL
    }

    /// The store carried out a request.
    pub(super) fn succeeded(&mut self) -> Option<Action> {
        self.failures = 0;
        self.taken = self.taken.wrapping_add(1);
        self.trouble = None;
        self.refused.clear();
        (self.told_online.replace(true) != Some(true)).then_some(Action::TellOnline)
    }

    /// Notes that the store carried out a request before it failed. This failure does not follow the ones before, so the wait
    /// does not grow.
    pub(super) fn did_something(&mut self, now: Micros) {
        if self.may_try(now) {
            self.failures = 0;
        }
    }

    /// The store did not carry out a request.
    pub(super) fn failed(&mut self, reason: &str, now: Micros, chance: u64) -> Option<Action> {
        self.waits(Backoff::STORE, reason, now, chance)
    }

    /// Something other than the store answered, a login page for example.
    pub(super) fn intercepted(&mut self, reason: &str, now: Micros, chance: u64) -> Option<Action> {
        self.waits(Backoff::PORTAL, reason, now, chance)
    }

    fn waits(&mut self, backoff: Backoff, reason: &str, now: Micros, chance: u64) -> Option<Action> {
        // Transfers that run together fail together: that is one failure.
        if self.may_try(now) {
            self.failures = self.failures.saturating_add(1);
            let until = now.saturating_add(backoff.after(self.failures, chance));
            self.trouble = Some((reason.to_owned(), until));
        }
        // A single failure is not reported: any store is busy now and then.
        let news = self.failures >= 2 && self.told_online.replace(false) != Some(false);
        news.then(|| Action::TellOffline(reason.to_owned()))
    }

    /// Notes that the store answered, and refused a rendition.
    pub(super) fn refused(&mut self, job: Job, reason: &str, now: Micros, chance: u64) -> Option<Action> {
        self.refused.insert(job);
        if self.refuses_all() {
            return self.failed(reason, now, chance);
        }
        // The store can be reached, and may take other renditions. Whether it carries requests out is not known yet.
        self.failures = 0;
        if self.is_online() {
            self.trouble = None;
        } else if let Some((why, until)) = &mut self.trouble {
            (*why, *until) = (reason.to_owned(), Micros::MIN);
        }
        None
    }

    /// Has the store tried again at once.
    pub(super) fn forgive(&mut self) {
        self.failures = 0;
        self.refused.clear();
        if let Some((_, until)) = &mut self.trouble {
            *until = Micros::MIN;
        }
    }
}
