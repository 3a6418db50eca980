//! Which events are on their way, and which have arrived: a plain struct, told what happened.
//!
//! ```text
//! outbox ──take──► waiting ──next──► on the way ──arrived──► heard: the cursor moves past it
//!                     ▲                  │
//!                     └──── broken ──────┘   a connection ends: what was not confirmed is sent again, in order
//! ```
//!
//! Events are sent in order. An event counts as heard when it and all before it are: after a crash only what is behind the
//! cursor comes again, and nothing before it.

use std::collections::VecDeque;

/// More than so many are not read ahead.
const AHEAD: usize = 512;

/// Less than so many waiting, and more are read.
const LOW: usize = 128;

/// A message of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) topic: String,
    pub(super) body: String,
}

/// An event with all its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parcel {
    pub(super) sequence: u64,
    pub(super) letters: Vec<Letter>,
}

/// Events on their way to one listener.
#[derive(Debug)]
pub(super) struct Courier {
    /// All up to here are heard.
    cursor: u64,
    /// All up to here were taken from the outbox.
    taken: u64,
    waiting: VecDeque<Parcel>,
    on_the_way: VecDeque<Sent>,
    /// Letters of the first that waits that are on the way already.
    begun: usize,
}

#[derive(Debug)]
struct Sent {
    parcel: Parcel,
    /// Letters that were confirmed.
    arrived: usize,
}

impl Courier {
    /// For a listener that has all events up to `cursor`.
    pub(super) fn new(cursor: u64) -> Self {
        Self {
            cursor,
            taken: cursor,
            waiting: VecDeque::new(),
            on_the_way: VecDeque::new(),
            begun: 0,
        }
    }

    /// All up to this event are heard.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Behind which event more are wanted from the outbox, and how many, if any are.
    pub(super) fn wants(&self) -> Option<(u64, usize)> {
        (self.waiting.len() < LOW).then_some((self.taken, AHEAD))
    }

    /// Takes an event from the outbox; `make` is given how many are missing before it, and makes its messages.
    pub(super) fn take(&mut self, sequence: u64, make: impl FnOnce(u64) -> Vec<Letter>) -> u64 {
        if sequence <= self.taken {
            return 0;
        }
        let missing = sequence - self.taken - 1;
        self.taken = sequence;
        let letters = make(missing);
        self.waiting.push_back(Parcel { sequence, letters });
        missing
    }

    /// Events that are on their way.
    pub(super) fn on_the_way(&self) -> usize {
        self.on_the_way.len()
    }

    /// What is to be sent next, if anything is.
    pub(super) fn peek(&mut self) -> Option<&Letter> {
        self.settle();
        self.waiting.front()?.letters.get(self.begun)
    }

    /// What [`peek`](Self::peek) showed was sent; by this number it is known when it arrives.
    pub(super) fn sent(&mut self) -> u64 {
        let Some(parcel) = self.waiting.front() else {
            defect!("an event was sent that nobody was shown");
            return self.cursor;
        };
        let sequence = parcel.sequence;
        if self.begun == 0 {
            self.on_the_way.push_back(Sent {
                parcel: parcel.clone(),
                arrived: 0,
            });
        }
        self.begun += 1;
        if self.begun == parcel.letters.len() {
            self.waiting.pop_front();
            self.begun = 0;
        }
        sequence
    }

    /// A message of an event was confirmed, or given up. True when the cursor moved.
    pub(super) fn arrived(&mut self, sequence: u64) -> bool {
        if let Some(sent) = self
            .on_the_way
            .iter_mut()
            .find(|sent| sent.parcel.sequence == sequence)
        {
            sent.arrived += 1;
        }
        let before = self.cursor;
        self.settle();
        self.cursor != before
    }

    /// The connection is gone: what was not confirmed is sent again.
    pub(super) fn broken(&mut self) {
        if self.begun > 0 {
            // It stands in both.
            self.on_the_way.pop_back();
            self.begun = 0;
        }
        while let Some(sent) = self.on_the_way.pop_back() {
            self.waiting.push_front(sent.parcel);
        }
    }

    /// Moves the cursor past what is heard. Events without any message are, as soon as all before them are.
    fn settle(&mut self) {
        while self.begun == 0
            && let Some(parcel) = self.waiting.pop_front_if(|first| first.letters.is_empty())
        {
            self.on_the_way.push_back(Sent { parcel, arrived: 0 });
        }
        while let Some(first) = self
            .on_the_way
            .pop_front_if(|first| first.arrived >= first.parcel.letters.len())
        {
            self.cursor = first.parcel.sequence;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn letters(sequence: u64, count: usize) -> Vec<Letter> {
        let letter = |number| Letter {
            topic: number_of(number),
            body: sequence.to_string(),
        };
        (0..count).map(letter).collect()
    }

    fn number_of(number: usize) -> String {
        number.to_string()
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// So many events happen, each with so many messages.
        Happen(Vec<usize>),
        Send(usize),
        /// The broker confirms one of those on the way, mostly the first.
        Confirm(usize),
        Break,
        /// The process ends; what was written of the cursor is behind by so many commits.
        Crash(usize),
        /// The bound of the outbox: all but so many are dropped.
        Drop(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            prop::collection::vec(0_usize..3, 1..6).prop_map(Step::Happen),
            (1_usize..8).prop_map(Step::Send),
            prop_oneof![4 => Just(0_usize), 1 => 0_usize..4].prop_map(Step::Confirm),
            Just(Step::Break),
            (0_usize..3).prop_map(Step::Crash),
            (5_usize..20).prop_map(Step::Drop),
        ]
    }

    proptest! {
        #[test]
        fn every_event_is_heard_in_order_or_counted_whatever_happens(
            steps in prop::collection::vec(step(), 1..60),
        ) {
            // What the broker has got of each event, and the order in which it first got them.
            let mut outbox: VecDeque<(u64, usize)> = VecDeque::new();
            let (mut newest, mut cursors) = (0_u64, vec![0_u64]);
            let mut courier = Courier::new(0);
            let mut flying: Vec<u64> = Vec::new();
            let mut heard: Vec<u64> = Vec::new();
            for step in steps.into_iter().chain([Step::Break, Step::Send(1_000)]) {
                match step {
                    Step::Happen(counts) => for count in counts {
                        newest += 1;
                        outbox.push_back((newest, count));
                    },
                    Step::Drop(keep) => while outbox.len() > keep { outbox.pop_front(); },
                    Step::Send(count) => {
                        if let Some((after, _)) = courier.wants() {
                            for (sequence, count) in outbox.iter().filter(|(sequence, _)| *sequence > after) {
                                courier.take(*sequence, |_| letters(*sequence, *count));
                            }
                        }
                        for _ in 0..count {
                            let Some(letter) = courier.peek() else { break };
                            let sequence: u64 = letter.body.parse().unwrap();
                            // Never one before another that was not sent at least once.
                            let last = heard.iter().max().copied().unwrap_or(0);
                            prop_assert!(sequence <= last || flying.iter().all(|it| *it <= sequence));
                            heard.push(sequence);
                            flying.push(courier.sent());
                        }
                    }
                    Step::Confirm(which) => if which < flying.len() {
                        let sequence = flying.remove(which);
                        let before = courier.cursor();
                        let moved = courier.arrived(sequence);
                        prop_assert_eq!(moved, courier.cursor() != before);
                        prop_assert!(courier.cursor() >= before);
                        cursors.push(courier.cursor());
                        while outbox.front().is_some_and(|(sequence, _)| *sequence <= courier.cursor()) {
                            outbox.pop_front();
                        }
                    },
                    Step::Break => {
                        flying.clear();
                        courier.broken();
                    }
                    Step::Crash(behind) => {
                        flying.clear();
                        let at = cursors[cursors.len().saturating_sub(1 + behind)];
                        // Rows go with the commit that moves the cursor.
                        let gone = outbox.front().map_or(newest, |(sequence, _)| sequence - 1);
                        courier = Courier::new(at.max(gone.min(courier.cursor())));
                    }
                }
                // What is confirmed was sent.
                prop_assert!(courier.cursor() <= newest);
            }
            // All that is still in the outbox and has a message was sent at least once.
            for (sequence, count) in outbox.iter().filter(|(_, count)| *count > 0) {
                prop_assert!(heard.contains(sequence), "{} of {} ({:?})", sequence, count, courier);
            }
        }
    }

    #[test]
    fn what_has_no_message_holds_nobody_up() {
        let mut courier = Courier::new(4);
        for (sequence, count) in [(5, 0), (6, 1), (7, 0), (9, 2)] {
            let missing = courier.take(sequence, |_| letters(sequence, count));
            assert_eq!(missing, u64::from(sequence == 9));
        }
        assert_eq!(courier.peek().unwrap().body, "6");
        assert_eq!((courier.cursor(), courier.sent()), (5, 6));
        assert_eq!(courier.peek().unwrap().body, "9");
        assert_eq!(courier.sent(), 9);
        assert!(!courier.arrived(9));
        assert!(courier.arrived(6));
        assert_eq!(courier.cursor(), 7);
        // The second half of the last one is still to come.
        assert_eq!(courier.sent(), 9);
        assert!(courier.arrived(9));
        assert_eq!((courier.cursor(), courier.on_the_way()), (9, 0));
    }
}
