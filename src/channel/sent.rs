//! What comes next when a channel is sent to another server, in real time, one chunk after the other.

use super::{Channel, Now, Over, Shown};
use crate::media::Micros;

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// This chunk.
    Chunk(Shown),
    /// Nothing before this moment, UTC in microseconds.
    NotBefore(Micros),
    /// The chunk behind the last one is not of this moment: the channel was made anew, the clock was set, or what receives it is too
    /// slow. The present moment comes next.
    Elsewhere,
    /// Nothing, because the channel shows nothing any more.
    Nothing(Why),
}

/// Why a channel shows nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its last chunk was shown.
    Ended,
    /// It is over for another reason.
    Over(Over),
}

impl Channel {
    /// What comes behind the chunk with the number `sent`; without a number, what is shown now.
    pub fn next_to_send(&self, sent: Option<u64>, now: Micros) -> Next {
        let window = match self.at(now) {
            Now::Begins(at) if sent.is_none() => return Next::NotBefore(at),
            Now::Begins(_) => return Next::Elsewhere,
            Now::Over(over) => return Next::Nothing(Why::Over(over)),
            Now::Plays(window) => window,
        };
        let is_next = |chunk: &&Shown| match sent {
            None => now < chunk.ends_at(),
            Some(sent) => chunk.sequence == sent.saturating_add(1),
        };
        if let Some(chunk) = window.chunks.iter().find(is_next) {
            return Next::Chunk(*chunk);
        }
        let last = window.chunks.last().map(|last| last.sequence);
        match sent {
            None if window.ended => Next::Nothing(Why::Ended),
            Some(sent) if window.ended && last == Some(sent) => Next::Nothing(Why::Ended),
            // Many short chunks: the list does not reach far enough yet.
            Some(sent) if last == Some(sent) => {
                let ends = window.chunks.last().map_or(now, Shown::ends_at);
                Next::NotBefore(ends)
            }
            None | Some(_) => Next::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::tests::{S, START, channel, chunk, even, item};
    use crate::channel::{Play, Shown};

    /// The chunks that are sent from a moment on, one after the other, each when the one before is over.
    fn sent(channel: &Channel, from: Micros, count: usize) -> Vec<Shown> {
        let (mut all, mut now, mut last) = (Vec::<Shown>::new(), from, None);
        while all.len() < count {
            match channel.next_to_send(last, now) {
                Next::Chunk(chunk) => {
                    last = Some(chunk.sequence);
                    now = now.max(chunk.ends_at());
                    all.push(chunk);
                }
                Next::NotBefore(at) if at > now => now = at,
                Next::Nothing(_) => break,
                other => panic!("{other:?} at {now}"),
            }
        }
        all
    }

    #[test]
    fn each_chunk_is_sent_once_and_in_time_over_items_and_laps() {
        let short = item(3, 2, vec![chunk(40); 3]);
        for (play, items) in [
            (Play::Loop, vec![even(1, 1, 3), even(2, 1, 2), short.clone()]),
            // A lap that is shorter than a target duration.
            (Play::Loop, vec![short.clone()]),
            (Play::Loop, vec![item(4, 1, vec![chunk(40)])]),
            (Play::Once, vec![even(1, 1, 3), short]),
        ] {
            let channel = channel(play, items);
            let all = sent(&channel, START - 5 * S, 300);
            assert_eq!(all.len(), if play == Play::Once { 6 } else { 300 });
            assert_eq!(all[0].at, START);
            for (one, next) in all.iter().zip(&all[1..]) {
                assert_eq!((next.sequence, next.at), (one.sequence + 1, one.ends_at()));
                assert!(next.name.offset_ms >= one.name.offset_ms, "media time goes on");
            }
        }
    }

    #[test]
    fn a_push_begins_with_what_is_shown_and_begins_anew_where_that_is_elsewhere() {
        let mut loops = channel(Play::Loop, vec![even(1, 1, 10)]);
        assert_eq!(loops.next_to_send(None, START - S), Next::NotBefore(START));
        let Next::Chunk(present) = loops.next_to_send(None, START + 627 * S) else {
            panic!("it plays");
        };
        assert_eq!((present.sequence, present.at), (104, START + 624 * S));
        for now in [START - S, START, START + 3_600 * S] {
            assert_eq!(loops.next_to_send(Some(104), now), Next::Elsewhere, "{now}");
        }
        loops.enabled = false;
        let off = Next::Nothing(Why::Over(Over::Disabled));
        assert_eq!(loops.next_to_send(Some(104), START + 630 * S), off);
        let once = channel(Play::Once, vec![even(1, 1, 10)]);
        for (sent, after_s) in [(Some(9), 59), (Some(9), 60), (None, 60), (None, 3_600)] {
            let next = once.next_to_send(sent, START + after_s * S);
            assert_eq!(next, Next::Nothing(Why::Ended), "{sent:?} {after_s}");
        }
    }
}
