//! How often one address may show a wrong proof, so that nobody finds a key by trying.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::limiter::counted_as;

/// After so many wrong proofs in a row, nothing of the address is looked at for a while.
const MOST: u32 = 20;
/// One wrong proof is forgiven in this time. An encoder with an old key tries every few seconds, and does not guess.
const FORGIVEN: Duration = Duration::from_secs(3);
/// How long nothing of an address is looked at.
const HELD_OFF: Duration = Duration::from_secs(30);
/// How long the answer to a wrong proof waits, for each wrong proof so far.
const DELAY: Duration = Duration::from_millis(100);
/// The longest time that an answer waits. The answer that nothing is looked at waits so long, too.
pub const LONGEST_DELAY: Duration = Duration::from_secs(2);
/// The most addresses that are remembered, and the most right proofs.
const KEPT: usize = 1_024;

/// The addresses that were wrong lately, and those that were right.
#[derive(Debug, Default)]
pub struct Guesses {
    lines: HashMap<IpAddr, Line>,
    /// Each address and what it had a right proof about, and the number of its last right proof.
    right: HashMap<(IpAddr, String), u64>,
    /// How many right proofs there were, of all addresses.
    times: u64,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    wrong: u32,
    at: Duration,
    until: Duration,
}

impl Line {
    /// The line at `now`, with the wrong proofs that are forgiven by then taken away.
    fn now(self, now: Duration) -> Self {
        let passed = now.saturating_sub(self.at);
        let forgiven = u32::try_from(passed.as_secs() / FORGIVEN.as_secs()).unwrap_or(u32::MAX);
        Self {
            wrong: self.wrong.saturating_sub(forgiven),
            at: self.at + FORGIVEN * forgiven.min(self.wrong.max(1)),
            ..self
        }
    }
}

impl Guesses {
    /// How long from `now` on nothing of this address is looked at, if it is held off. `what` is what its proof is about: a
    /// stream, or the name of a viewer. What was right from this address before is always looked at: others behind the same
    /// address cost no camera its recording.
    pub fn held_off(&self, peer: IpAddr, what: &str, now: Duration) -> Option<Duration> {
        let address = counted_as(peer);
        let left = self.lines.get(&address)?.until.checked_sub(now)?;
        let was_right = self.right.contains_key(&(address, what.to_owned()));
        (!left.is_zero() && !was_right).then_some(left)
    }

    /// Counts a wrong proof, and gives how long the answer has to wait.
    pub fn wrong(&mut self, peer: IpAddr, now: Duration) -> Duration {
        let address = counted_as(peer);
        if self.lines.len() >= KEPT && !self.lines.contains_key(&address) {
            self.lines
                .retain(|_, line| line.now(now).wrong > 0 || line.until > now);
            if self.lines.len() >= KEPT {
                return LONGEST_DELAY;
            }
        }
        let until = Duration::ZERO;
        let fresh = Line {
            wrong: 0,
            at: now,
            until,
        };
        let line = self.lines.entry(address).or_insert(fresh);
        *line = line.now(now);
        if line.wrong == 0 {
            line.at = now;
        }
        line.wrong += 1;
        let delay = (DELAY * line.wrong).min(LONGEST_DELAY);
        if line.wrong >= MOST {
            line.until = now + HELD_OFF;
        }
        delay
    }

    /// Remembers a right proof. Where there are too many, the oldest one is forgotten.
    pub fn right(&mut self, peer: IpAddr, what: &str) {
        self.times += 1;
        self.right.insert((counted_as(peer), what.to_owned()), self.times);
        if self.right.len() > KEPT {
            let longest_ago = self.right.iter().min_by_key(|(_, times)| **times);
            if let Some(forgotten) = longest_ago.map(|(who, _)| who.clone()) {
                self.right.remove(&forgotten);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn whoever_guesses_is_slowed_and_then_not_listened_to() {
        let (stream, attacker, other) = ("live/a", ip("192.0.2.1"), ip("192.0.2.2"));
        let mut guesses = Guesses::default();
        let (mut now, mut tried) = (Duration::ZERO, 0);
        // Somebody guesses as fast as the answers come, for an hour.
        while now < Duration::from_secs(3_600) {
            now += match guesses.held_off(attacker, stream, now) {
                Some(left) => left,
                None => {
                    tried += 1;
                    guesses.wrong(attacker, now)
                }
            };
        }
        assert!(tried < 2_000, "{tried} tried in an hour");
        assert_eq!(guesses.held_off(other, stream, now), None);
    }

    #[test]
    fn an_encoder_with_an_old_key_and_a_camera_beside_it_are_always_heard() {
        let (cam, peer) = ("live/cam", ip("192.0.2.1"));
        let mut guesses = Guesses::default();
        for second in (0..86_400).step_by(5) {
            let now = Duration::from_secs(second);
            assert_eq!(guesses.held_off(peer, cam, now), None);
            assert!(guesses.wrong(peer, now) <= DELAY * 2);
        }
        guesses.right(peer, cam);
        let now = Duration::from_secs(90_000);
        for _ in 0..100 {
            guesses.wrong(peer, now);
        }
        assert_eq!(guesses.held_off(peer, cam, now), None);
        assert!(guesses.held_off(peer, "live/new", now).is_some());
        for n in 0..10_000_u32 {
            guesses.wrong(IpAddr::from(n.to_be_bytes()), now);
            guesses.right(IpAddr::from(n.to_be_bytes()), cam);
            if n % 1_000 == 0 {
                guesses.right(peer, cam);
            }
        }
        assert_eq!(
            guesses.held_off(peer, cam, now),
            None,
            "it was right again and again"
        );
        assert!(guesses.lines.len() <= KEPT && guesses.right.len() <= KEPT);
    }
}
