//! Keeps which events are on their way to the broker, and which have arrived. A plain struct that is told what happened.
//!
//! ```text
//! outbox ──take──► waiting ──next──► on the way ──arrived──► heard: the cursor moves past it
//!                     ▲                  │
//!                     └──── broken ──────┘   a connection ends: what was not confirmed is sent again, in order
//! ```
//!
//! Events are sent in order. An event counts as acknowledged when it and all events before it have arrived. After a crash only
//! events behind the cursor are sent again.

use std::collections::VecDeque;

/// The most events that are read ahead.
const AHEAD: usize = 512;

/// More events are read when fewer than this wait.
const LOW: usize = 128;

/// A message of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventMessage {
    pub(super) topic: String,
    pub(super) body: String,
}

/// An event with all its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventMessages {
    pub(super) sequence: u64,
    pub(super) messages: Vec<EventMessage>,
}

/// Events on their way to one listener.
#[derive(Debug)]
pub(super) struct OutboxSender {
    /// The listener has all events up to this number.
    cursor: u64,
    /// All events up to this number were taken from the outbox.
    taken: u64,
    waiting: VecDeque<EventMessages>,
    on_the_way: VecDeque<Sent>,
    /// How many messages of the first waiting event are on their way already.
    begun: usize,
}

#[derive(Debug)]
struct Sent {
    event: EventMessages,
    /// How many of its messages were confirmed.
    arrived: usize,
}

impl OutboxSender {
    /// A sender for a listener that has all events up to `cursor`.
    pub(super) fn new(cursor: u64) -> Self {
        Self {
            cursor,
            taken: cursor,
            waiting: VecDeque::new(),
            on_the_way: VecDeque::new(),
            begun: 0,
        }
    }

    /// The listener has all events up to this one.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Which events to read from the outbox: the number behind which they begin, and how many. `None` while enough are waiting.
    pub(super) fn wants(&self) -> Option<(u64, usize)> {
        (self.waiting.len() < LOW).then_some((self.taken, AHEAD))
    }

    /// Takes an event from the outbox. `make` is given how many events are missing before it, and makes its messages. Returns
    /// that number.
    pub(super) fn take(&mut self, sequence: u64, make: impl FnOnce(u64) -> Vec<EventMessage>) -> u64 {
        if sequence <= self.taken {
            return 0;
        }
        let missing = sequence - self.taken - 1;
        self.taken = sequence;
        let messages = make(missing);
        self.waiting.push_back(EventMessages { sequence, messages });
        missing
    }

    /// The number of events that are on their way.
    pub(super) fn on_the_way(&self) -> usize {
        self.on_the_way.len()
    }

    /// The next message to send.
    pub(super) fn peek(&mut self) -> Option<&EventMessage> {
        self.advance();
        self.waiting.front()?.messages.get(self.begun)
    }

    /// Notes that the message of [`peek`](Self::peek) was sent. Returns the event's number, which [`arrived`](Self::arrived)
    /// takes.
    pub(super) fn sent(&mut self) -> u64 {
        let Some(event) = self.waiting.front() else {
            defect!("an event was sent that nobody was shown");
            return self.cursor;
        };
        let sequence = event.sequence;
        if self.begun == 0 {
            self.on_the_way.push_back(Sent {
                event: event.clone(),
                arrived: 0,
            });
        }
        self.begun += 1;
        if self.begun == event.messages.len() {
            self.waiting.pop_front();
            self.begun = 0;
        }
        sequence
    }

    /// Notes that a message of an event was confirmed, or given up. True when the cursor moved.
    pub(super) fn arrived(&mut self, sequence: u64) -> bool {
        if let Some(sent) = self
            .on_the_way
            .iter_mut()
            .find(|sent| sent.event.sequence == sequence)
        {
            sent.arrived += 1;
        }
        let before = self.cursor;
        self.advance();
        self.cursor != before
    }

    /// Notes that the connection is gone: messages that were not confirmed are sent again.
    pub(super) fn broken(&mut self) {
        if self.begun > 0 {
            // An event of which some messages are sent stands in both queues.
            self.on_the_way.pop_back();
            self.begun = 0;
        }
        while let Some(sent) = self.on_the_way.pop_back() {
            self.waiting.push_front(sent.event);
        }
    }

    /// Moves the cursor past events that have arrived. An event without messages has arrived as soon as all before it have.
    fn advance(&mut self) {
        while self.begun == 0
            && let Some(event) = self.waiting.pop_front_if(|first| first.messages.is_empty())
        {
            self.on_the_way.push_back(Sent { event, arrived: 0 });
        }
        while let Some(first) = self
            .on_the_way
            .pop_front_if(|first| first.arrived >= first.event.messages.len())
        {
            self.cursor = first.event.sequence;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn messages(sequence: u64, count: usize) -> Vec<EventMessage> {
        let message = |number| EventMessage {
            topic: number_of(number),
            body: sequence.to_string(),
        };
        (0..count).map(message).collect()
    }

    fn number_of(number: usize) -> String {
        number.to_string()
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// This many events happen, each with this many messages.
        Happen(Vec<usize>),
        Send(usize),
        /// The broker confirms one of the messages on the way, mostly the first.
        Confirm(usize),
        Break,
        /// The process ends. The written cursor is behind by this many commits.
        Crash(usize),
        /// The bound of the outbox: all events but this many are dropped.
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
            // The messages that the broker has got of each event, and the order in which it first got them.
            let mut outbox: VecDeque<(u64, usize)> = VecDeque::new();
            let (mut newest, mut cursors) = (0_u64, vec![0_u64]);
            let mut sender = OutboxSender::new(0);
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
                        if let Some((after, _)) = sender.wants() {
                            for (sequence, count) in outbox.iter().filter(|(sequence, _)| *sequence > after) {
                                sender.take(*sequence, |_| messages(*sequence, *count));
                            }
                        }
                        for _ in 0..count {
                            let Some(message) = sender.peek() else { break };
                            let sequence: u64 = message.body.parse().unwrap();
                            // The sender never sends one before another that was not sent at least once.
                            let last = heard.iter().max().copied().unwrap_or(0);
                            prop_assert!(sequence <= last || flying.iter().all(|it| *it <= sequence));
                            heard.push(sequence);
                            flying.push(sender.sent());
                        }
                    }
                    Step::Confirm(which) => if which < flying.len() {
                        let sequence = flying.remove(which);
                        let before = sender.cursor();
                        let moved = sender.arrived(sequence);
                        prop_assert_eq!(moved, sender.cursor() != before);
                        prop_assert!(sender.cursor() >= before);
                        cursors.push(sender.cursor());
                        while outbox.front().is_some_and(|(sequence, _)| *sequence <= sender.cursor()) {
                            outbox.pop_front();
                        }
                    },
                    Step::Break => {
                        flying.clear();
                        sender.broken();
                    }
                    Step::Crash(behind) => {
                        flying.clear();
                        let at = cursors[cursors.len().saturating_sub(1 + behind)];
                        // Rows are deleted with the commit that moves the cursor.
                        let gone = outbox.front().map_or(newest, |(sequence, _)| sequence - 1);
                        sender = OutboxSender::new(at.max(gone.min(sender.cursor())));
                    }
                }
                // A message that is confirmed was sent.
                prop_assert!(sender.cursor() <= newest);
            }
            // Every event that is still in the outbox and has a message was sent at least once.
            for (sequence, count) in outbox.iter().filter(|(_, count)| *count > 0) {
                prop_assert!(heard.contains(sequence), "{} of {} ({:?})", sequence, count, sender);
            }
        }
    }

    #[test]
    fn what_has_no_message_holds_nobody_up() {
        let mut sender = OutboxSender::new(4);
        for (sequence, count) in [(5, 0), (6, 1), (7, 0), (9, 2)] {
            let missing = sender.take(sequence, |_| messages(sequence, count));
            assert_eq!(missing, u64::from(sequence == 9));
        }
        assert_eq!(sender.peek().unwrap().body, "6");
        assert_eq!((sender.cursor(), sender.sent()), (5, 6));
        assert_eq!(sender.peek().unwrap().body, "9");
        assert_eq!(sender.sent(), 9);
        assert!(!sender.arrived(9));
        assert!(sender.arrived(6));
        assert_eq!(sender.cursor(), 7);
        // The second half of the last one is still to come.
        assert_eq!(sender.sent(), 9);
        assert!(sender.arrived(9));
        assert_eq!((sender.cursor(), sender.on_the_way()), (9, 0));
    }
}
