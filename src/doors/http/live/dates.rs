//! The dates that playlists keep.
//!
//! A player that is told another date of a chunk that it knows loses its place, and some never find it again. So the date of a
//! publish's media time zero stays what it was when a chunk of the publish was first listed, though the box learns another time
//! meanwhile, or the service starts again. The next publish has the new time.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::media::{Micros, StreamName};
use crate::store::Change;

/// The namespace of these values in the journal. The id of a value is the name of its stream. Its body is JSON: for each publish
/// the tape time of its media time zero, and the date of that moment, both in microseconds.
pub const DATES: &str = "live";

/// The most streams whose dates are kept. Their viewers ask every few seconds, so others are forgotten first.
const MOST_STREAMS: usize = 256;
/// The most publishes of a stream. A playlist is seldom of more than two.
const MOST_PUBLISHES: usize = 8;

/// The dates that were told.
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
    /// The streams whose value in the journal is another.
    unkept: BTreeSet<StreamName>,
}

impl Dates {
    /// The dates that earlier runs told: the names of streams, and the values that were kept.
    pub(in crate::doors::http) fn restored(kept: &[(String, String)]) -> Self {
        let mut told = Told::default();
        for (name, body) in kept {
            let value = name.parse().ok().zip(serde_json::from_str(body).ok());
            match value {
                Some((stream, publishes)) => told.add(stream, publishes),
                None => tracing::error!("{DATES} '{name}' cannot be read and is left out"),
            }
        }
        Self {
            told: Mutex::new(told),
        }
    }

    /// The date of media time zero of a publish that was told before.
    pub(in crate::doors::http) fn told(&self, stream: &StreamName, zero: Micros) -> Option<Micros> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let publishes = told.streams.get(stream)?;
        let found = publishes.iter().find(|(known, _)| *known == zero);
        found.map(|(_, date)| *date)
    }

    /// The date of media time zero of a publish: the one that was told before, or this one from now on.
    pub(in crate::doors::http) fn of(&self, stream: &StreamName, zero: Micros, utc: Micros) -> Micros {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.streams.contains_key(stream) {
            told.add(stream.clone(), VecDeque::new());
        }
        let publishes = told.streams.entry(stream.clone()).or_default();
        if let Some((_, date)) = publishes.iter().find(|(known, _)| *known == zero) {
            return *date;
        }
        if publishes.len() >= MOST_PUBLISHES {
            publishes.pop_front();
        }
        publishes.push_back((zero, utc));
        told.unkept.insert(stream.clone());
        utc
    }

    /// Has the journal keep what it does not have yet. A change that `keep` does not take comes again.
    pub(in crate::doors::http) fn keep(&self, keep: impl Fn(Change) -> bool) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let unkept = std::mem::take(&mut told.unkept);
        let left = unkept.into_iter().filter(|stream| {
            let body = told.streams.get(stream).map(serde_json::to_string);
            !keep(Change::Keep {
                namespace: DATES,
                id: stream.to_string(),
                body: body.and_then(Result::ok),
                tell: Vec::new(),
            })
        });
        let left = left.collect();
        told.unkept = left;
    }
}

impl Told {
    fn add(&mut self, stream: StreamName, publishes: VecDeque<(Micros, Micros)>) {
        if self.order.len() >= MOST_STREAMS
            && let Some(oldest) = self.order.pop_front()
        {
            self.streams.remove(&oldest);
            self.unkept.insert(oldest);
        }
        self.order.push_back(stream.clone());
        self.streams.insert(stream, publishes);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;

    fn stream(name: &str) -> StreamName {
        StreamName::new("live", name).unwrap()
    }

    /// The values in the journal.
    #[derive(Default)]
    struct Kept(RefCell<BTreeMap<String, String>>);

    impl Kept {
        fn take(&self, change: Change) -> bool {
            let Change::Keep {
                namespace: DATES,
                id,
                body,
                tell: _,
            } = change
            else {
                panic!("{change:?}");
            };
            let mut kept = self.0.borrow_mut();
            match body {
                Some(body) => kept.insert(id, body),
                None => kept.remove(&id),
            };
            true
        }

        fn rows(&self) -> Vec<(String, String)> {
            self.0.borrow().clone().into_iter().collect()
        }
    }

    #[test]
    fn a_date_that_was_told_stays_until_the_next_publish() {
        let dates = Dates::default();
        assert_eq!(dates.of(&stream("a"), 0, 100), 100);
        assert_eq!(dates.of(&stream("a"), 0, 9_999), 100, "the clock was set");
        assert_eq!(dates.of(&stream("a"), 5, 10_004), 10_004, "another publish");
        assert_eq!(dates.of(&stream("b"), 0, 200), 200);
        assert_eq!(dates.told(&stream("b"), 0), Some(200));
        assert_eq!(
            (dates.told(&stream("b"), 5), dates.told(&stream("c"), 0)),
            (None, None)
        );
        for n in 0..MOST_STREAMS {
            dates.of(&stream(&format!("s{n}")), 0, 1);
        }
        assert_eq!(dates.of(&stream("a"), 0, 300), 300, "memory is bounded");
    }

    #[test]
    fn a_date_that_was_told_stays_over_a_restart_and_a_clock_that_was_set() {
        let (dates, kept) = (Dates::default(), Kept::default());
        dates.of(&stream("a"), 0, 100);
        dates.of(&stream("a"), 50, 160);
        dates.keep(|_| false);
        assert_eq!(kept.rows(), []);
        dates.keep(|change| kept.take(change));
        assert_eq!(
            kept.rows(),
            [("live/a".to_owned(), "[[0,100],[50,160]]".to_owned())]
        );
        // Nothing is written while nothing changes.
        dates.of(&stream("a"), 0, 7_000);
        dates.keep(|change| panic!("{change:?}"));

        let dates = Dates::restored(&kept.rows());
        assert_eq!(dates.of(&stream("a"), 0, 7_100), 100);
        assert_eq!(dates.of(&stream("a"), 50, 7_160), 160);
        assert_eq!(dates.of(&stream("a"), 90, 7_200), 7_200, "another publish");
        for n in 0..MOST_STREAMS {
            dates.of(&stream(&format!("s{n}")), 0, 1);
        }
        dates.keep(|change| kept.take(change));
        assert_eq!(kept.rows().len(), MOST_STREAMS, "the journal is bounded, too");
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let row = |id: &str, body: &str| (id.to_owned(), body.to_owned());
        let rows = [row("live/a", "{}"), row("", "[]"), row("live/b", "[[0,100]]")];
        let dates = Dates::restored(&rows);
        assert_eq!(dates.of(&stream("a"), 0, 5), 5);
        assert_eq!(dates.of(&stream("b"), 0, 5), 100);
    }
}
