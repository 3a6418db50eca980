//! The dates that playlists keep.
//!
//! A player that is told another date of a chunk that it knows loses its place, and some never find it again. So the date of a
//! publish's media time zero stays what it was when a chunk of the publish was first listed, though the box learns another time
//! meanwhile. The next publish has the new time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::media::{Micros, StreamName};

/// The most streams whose dates are kept. Their viewers ask every few seconds, so others are forgotten first.
const MOST_STREAMS: usize = 256;
/// The most publishes of a stream. A playlist is seldom of more than two.
const MOST_PUBLISHES: usize = 8;

/// The dates that were told. Lost with the process: then the publish has ended, too.
#[derive(Debug, Default)]
pub(in crate::doors::http) struct Dates {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// For each stream: tape time of media time zero of a publish, and its date.
    streams: HashMap<StreamName, VecDeque<(Micros, Micros)>>,
    /// The streams, the one asked for last behind.
    order: VecDeque<StreamName>,
}

impl Dates {
    /// The date of media time zero of a publish: the one that was told before, or this one from now on.
    pub(super) fn of(&self, stream: &StreamName, zero: Micros, utc: Micros) -> Micros {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = &mut *told;
        if !told.streams.contains_key(stream) {
            if told.order.len() >= MOST_STREAMS
                && let Some(oldest) = told.order.pop_front()
            {
                told.streams.remove(&oldest);
            }
            told.order.push_back(stream.clone());
        }
        let publishes = told.streams.entry(stream.clone()).or_default();
        if let Some((_, date)) = publishes.iter().find(|(known, _)| *known == zero) {
            return *date;
        }
        if publishes.len() >= MOST_PUBLISHES {
            publishes.pop_front();
        }
        publishes.push_back((zero, utc));
        utc
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_was_told_stays_until_the_next_publish() {
        let dates = Dates::default();
        let stream = |name: &str| StreamName::new("live", name).unwrap();
        assert_eq!(dates.of(&stream("a"), 0, 100), 100);
        assert_eq!(dates.of(&stream("a"), 0, 9_999), 100, "the clock was set");
        assert_eq!(dates.of(&stream("a"), 5, 10_004), 10_004, "another publish");
        assert_eq!(dates.of(&stream("b"), 0, 200), 200);
        for n in 0..MOST_STREAMS {
            dates.of(&stream(&format!("s{n}")), 0, 1);
        }
        assert_eq!(dates.of(&stream("a"), 0, 300), 300, "memory is bounded");
    }
}
