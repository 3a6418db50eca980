//! Bounds how many changing commands a caller gives in a second. The time comes from the caller of these functions.

use std::collections::HashMap;

use super::answer::{Code, Failure};
use crate::media::Micros;

/// Changing commands a second.
const RATE: i64 = 5;
const SECOND: Micros = 1_000_000;
/// What one command takes of a bucket, as the time in which the bucket fills up again by as much.
const EACH: Micros = SECOND / RATE;
/// The most callers whose buckets are not full. When there are more, the fullest buckets are forgotten.
const MOST: usize = 256;

/// A token bucket for each caller. It holds five tokens, and gets five a second.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the bucket of each caller is full again, by CLOCK_BOOTTIME. A bucket that is full has no entry.
    full_at: HashMap<String, Micros>,
}

impl Pace {
    /// Takes a token of the caller at `now`. The error says how long the caller has to wait for the next one.
    pub(super) fn take(&mut self, caller: &str, now: Micros) -> Result<(), Failure> {
        let full_at = self.full_at.get(caller).copied().unwrap_or(now).max(now);
        let wait = (full_at - now).saturating_add(EACH) - SECOND;
        if wait > 0 {
            let tenths = (wait + SECOND / 10 - 1) / (SECOND / 10);
            let text = format!(
                "at most {RATE} commands that change something are taken from a caller in a second; try again in {:.1} s",
                tenths as f64 / 10.0
            );
            return Err(Failure::new(Code::TooMany, text));
        }
        self.full_at.insert(caller.to_owned(), full_at + EACH);
        self.forget(now);
        Ok(())
    }

    fn forget(&mut self, now: Micros) {
        if self.full_at.len() <= MOST {
            return;
        }
        self.full_at.retain(|_, full_at| *full_at > now);
        while self.full_at.len() > MOST {
            let fullest = self.full_at.iter().min_by_key(|(_, full_at)| **full_at);
            let Some(fullest) = fullest.map(|(caller, _)| caller.clone()) else {
                break;
            };
            self.full_at.remove(&fullest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_commands_at_once_and_then_one_every_fifth_of_a_second() {
        let mut pace = Pace::default();
        let mut taken = |now: Micros| pace.take("a", now).is_ok();
        assert_eq!(
            [0; 7].map(&mut taken),
            [true, true, true, true, true, false, false]
        );
        assert_eq!([EACH - 1, EACH, EACH].map(&mut taken), [false, true, false]);
        // After a second without a command there are five again, and no more.
        let later = 60 * SECOND;
        assert_eq!([later; 6].map(&mut taken), [true, true, true, true, true, false]);
        // A clock that goes back gives nothing.
        assert!(!taken(0));
    }

    #[test]
    fn nobody_waits_for_another_and_the_answer_says_how_long_to_wait() {
        let mut pace = Pace::default();
        for _ in 0..5 {
            pace.take("a", 0).unwrap();
        }
        assert!(pace.take("b", 0).is_ok());
        let refused = pace.take("a", 50_000).unwrap_err();
        assert_eq!(refused.code, Code::TooMany);
        assert!(
            refused.message.ends_with("try again in 0.2 s"),
            "{}",
            refused.message
        );
    }

    #[test]
    fn very_many_callers_take_bounded_memory() {
        let mut pace = Pace::default();
        for caller in 0..10 * MOST {
            pace.take(&caller.to_string(), 0).unwrap();
            assert!(pace.full_at.len() <= MOST);
        }
        let before = pace.full_at.len();
        pace.take("later", SECOND).unwrap();
        assert!(
            pace.full_at.len() <= before,
            "buckets that are full are forgotten first"
        );
    }
}
