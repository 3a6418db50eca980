//! When a session that could not be composed is looked at again. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// The pause behind the first failure, and the longest one. Each is twice as long as the one before.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// Time between two looks at sessions that go on.
const GOING_ON: Duration = Duration::from_secs(60);

/// The looks at sessions so far.
#[derive(Debug, Default)]
pub(in crate::api) struct Looks {
    later: BTreeMap<String, Later>,
    going_on: Option<Instant>,
}

/// A session that is looked at again.
#[derive(Debug)]
struct Later {
    at: Instant,
    pause: Duration,
    said: String,
}

impl Looks {
    /// Forgets all sessions but these.
    pub(super) fn keep(&mut self, sessions: &BTreeSet<&str>) {
        self.later
            .retain(|session, _| sessions.contains(session.as_str()));
    }

    /// True where a session is looked at now.
    pub(super) fn is_due(&self, session: &str, now: Instant) -> bool {
        self.later.get(session).is_none_or(|later| later.at <= now)
    }

    /// True where sessions that go on are looked at now.
    pub(super) fn has_time_for_others(&mut self, now: Instant) -> bool {
        let is_time = self.going_on.is_none_or(|next| next <= now);
        if is_time {
            self.going_on = Some(now + GOING_ON);
        }
        is_time
    }

    /// Notes that a session could not be composed, and why. True where the last failure was another one.
    pub(super) fn fails(&mut self, session: &str, now: Instant, why: &str) -> bool {
        let before = self.later.get(session);
        let pause = before.map_or(PAUSES.0, |before| (before.pause * 2).min(PAUSES.1));
        let is_new = before.is_none_or(|before| before.said != why);
        let later = Later {
            at: now + pause,
            pause,
            said: why.to_owned(),
        };
        self.later.insert(session.to_owned(), later);
        is_new
    }

    /// Notes that nothing was in the way of a session.
    pub(super) fn goes_on(&mut self, session: &str) {
        self.later.remove(session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_fails_is_looked_at_less_and_less_often_and_its_reason_is_said_once() {
        let mut looks = Looks::default();
        let begun = Instant::now();
        let mut now = begun;
        for (pause_s, why, is_new) in [
            (5, "no clock", true),
            (10, "no clock", false),
            (20, "full", true),
            (40, "no clock", true),
            (80, "no clock", false),
            (160, "no clock", false),
            (300, "no clock", false),
            (300, "no clock", false),
        ] {
            assert!(looks.is_due("s", now));
            assert_eq!(looks.fails("s", now, why), is_new, "{pause_s}");
            now += Duration::from_secs(pause_s) - Duration::from_millis(1);
            assert!(!looks.is_due("s", now) && looks.is_due("t", now), "{pause_s}");
            now += Duration::from_millis(1);
        }
        // A note that is gone is forgotten, and so is what was overcome.
        assert!(looks.fails("t", now, "full"));
        looks.keep(&BTreeSet::from(["t"]));
        assert_eq!(looks.later.len(), 1);
        looks.goes_on("t");
        assert!(looks.later.is_empty() && looks.fails("s", now, "no clock"));
        assert!(!looks.is_due("s", now + Duration::from_secs(4)));
    }

    #[test]
    fn sessions_that_go_on_are_looked_at_once_a_minute() {
        let (mut looks, now) = (Looks::default(), Instant::now());
        let found =
            [0, 5, 59, 60, 65, 119, 120].map(|s| looks.has_time_for_others(now + Duration::from_secs(s)));
        assert_eq!(found, [true, false, false, true, false, false, true]);
    }
}
