//! The bounds of the memory that all rings and all publishes take.

use super::Core;
use crate::recorder::live::Moment;
use crate::recorder::stream::Stream;
use crate::store::Command;

/// The frames that wait in publishes may take this part of the rings' memory beside it, and at least that much.
const IN_HAND: usize = 2;
const IN_HAND_LEAST: usize = 8 << 20;

impl Core {
    /// Notes how many bytes wait for the card. The rings give way to them: most of their media is the same, and no waiting
    /// media is lost with a ring.
    pub(in crate::recorder) fn make_room(&mut self, backlog: usize) {
        self.backlog = backlog;
        self.bound_rings();
    }

    /// Media in all rings, bytes. It is summed up, so it is for questions and not for every message.
    pub(in crate::recorder) fn ring_bytes(&self) -> usize {
        self.streams.values().map(|stream| stream.ring.bytes()).sum()
    }

    /// Memory of the frames that wait in all publishes, and of the rings.
    #[cfg(test)]
    pub(in crate::recorder) fn memory(&self) -> (usize, usize) {
        (self.in_hand, self.ring_cost)
    }

    /// Drops the oldest GOPs of the stream with the largest ring, until all rings fit.
    pub(super) fn bound_rings(&mut self) {
        while self.ring_cost > self.settings.ring_bytes.saturating_sub(self.backlog) {
            let fattest = self.streams.values_mut().max_by_key(|stream| stream.ring.cost());
            let Some(stream) = fattest else { return };
            let before = stream.ring.cost();
            if !stream.ring.drop_oldest() {
                return;
            }
            self.ring_cost -= before - stream.ring.cost();
        }
    }

    /// Hands over early the waiting frames of the publish with the most, until all of them fit. Its fragments become smaller,
    /// and nothing is lost: the store has its own limit.
    pub(super) fn bound_in_hand(&mut self, now: Moment, out: &mut Vec<Command>) {
        let most = (self.settings.ring_bytes / IN_HAND).max(IN_HAND_LEAST);
        while self.in_hand > most {
            let fattest = self.streams.values_mut().max_by_key(|stream| stream.held);
            let Some(stream) = fattest.filter(|stream| stream.held > 0) else {
                defect!(
                    "{} bytes are counted as in hand, and no stream holds any",
                    self.in_hand
                );
                self.in_hand = 0;
                return;
            };
            let before = stream.held;
            stream.hurry(now, out);
            count(&mut self.in_hand, stream);
            if stream.held >= before {
                return;
            }
        }
    }
}

/// Counts the waiting frames of a stream anew.
pub(super) fn count(in_hand: &mut usize, stream: &mut Stream) {
    let now = stream.in_hand();
    *in_hand = in_hand.saturating_sub(stream.held).saturating_add(now);
    stream.held = now;
}
