//! Signs of life of the main loop and of the storage thread. The watchdog, `/healthz` and `/readyz` judge by the same ones.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::api::Signs;
use crate::model::reply::Why;

/// The storage thread counts as alive while it gives no sign for so long. A card that stalls is no reason to restart: that would
/// throw away the frames in memory, and the next start would wait for the same card. After this time it is more likely that the
/// thread hangs for another reason, or that the card needs to be opened anew.
const PATIENCE: Duration = Duration::from_secs(300);
/// The same for the main loop, where no watchdog of systemd says how long.
const LOOP_PATIENCE: Duration = Duration::from_secs(30);
/// A time between two signs of life below this is an ordinary second's work.
const STALLED: Duration = Duration::from_secs(5);

/// The last signs of life.
pub(super) struct Pulse {
    last: Mutex<Last>,
    loop_patience: Duration,
}

struct Last {
    main_loop: Instant,
    heartbeat: u64,
    storage: Instant,
}

/// How long there was no sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    main_loop: Duration,
    loop_patience: Duration,
    storage: Duration,
}

impl Pulse {
    /// Begins with a sign of both. `watchdog` is the time after which systemd ends a service that gives none.
    pub(super) fn new(watchdog: Option<Duration>, now: Instant) -> Self {
        Self {
            last: Mutex::new(Last {
                main_loop: now,
                heartbeat: 0,
                storage: now,
            }),
            loop_patience: watchdog.unwrap_or(LOOP_PATIENCE),
        }
    }

    /// Notes that the main loop has come round. `heartbeat` is how many signs of life the storage thread gave so far.
    pub(super) fn beat(&self, heartbeat: u64, now: Instant) -> Silence {
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.main_loop = now;
            if heartbeat != last.heartbeat {
                (last.heartbeat, last.storage) = (heartbeat, now);
            }
        }
        self.silence(now)
    }

    /// How long there was no sign of life. The storage thread is asked for one when the main loop comes round: its silence is
    /// that of the last time.
    pub(super) fn silence(&self, now: Instant) -> Silence {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        Silence {
            main_loop: now.saturating_duration_since(last.main_loop),
            loop_patience: self.loop_patience,
            storage: last.main_loop.saturating_duration_since(last.storage),
        }
    }
}

impl Silence {
    /// Why the service counts as stuck. Empty while it is alive.
    pub(super) fn stuck(self) -> Vec<Why> {
        let why = |code, what: &str, silent: Duration| Why {
            code,
            message: format!("{what} has given no sign of life for {} s", silent.as_secs()),
        };
        let main_loop = (self.main_loop >= self.loop_patience)
            .then(|| why("main_loop_stuck", "the main loop", self.main_loop));
        let storage = (self.storage >= PATIENCE)
            .then(|| why("storage_thread_stuck", "the storage thread", self.storage));
        main_loop.into_iter().chain(storage).collect()
    }

    /// How long the storage device has accepted nothing, if that is longer than usual.
    pub(super) fn stall(self) -> Option<Duration> {
        (self.storage >= STALLED).then_some(self.storage)
    }

    /// The signs, for commands and doors.
    pub(super) fn signs(self) -> Signs {
        Signs {
            stuck: self.stuck(),
            stall: self.stall(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(silence: Silence) -> Vec<&'static str> {
        silence.stuck().iter().map(|why| why.code).collect()
    }

    #[test]
    fn a_card_that_stalls_does_not_starve_the_watchdog_but_a_thread_that_hangs_does() {
        let start = Instant::now();
        let pulse = Pulse::new(None, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(pulse.beat(1, at(5)).stall(), None);
        // The thread is stuck from here on.
        assert_eq!(pulse.beat(1, at(15)).stall(), Some(Duration::from_secs(10)));
        assert_eq!(codes(pulse.beat(1, at(65))), [""; 0]);
        assert_eq!(codes(pulse.beat(1, at(305))), ["storage_thread_stuck"]);
        // The thread gives a sign of life again: it had waited for the card.
        assert_eq!(codes(pulse.beat(2, at(310))), [""; 0]);
        // Nobody asked it since.
        assert_eq!(pulse.silence(at(325)).stall(), None);
    }

    #[test]
    fn a_main_loop_that_does_not_come_round_is_stuck_after_the_watchdogs_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (watchdog, limit) in [(None, 30), (Some(Duration::from_secs(12)), 12)] {
            let pulse = Pulse::new(watchdog, start);
            pulse.beat(1, at(100));
            assert_eq!(codes(pulse.silence(at(99 + limit))), [""; 0]);
            assert_eq!(codes(pulse.silence(at(100 + limit))), ["main_loop_stuck"]);
        }
    }
}
