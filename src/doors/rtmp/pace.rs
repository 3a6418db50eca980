//! Decides when to look into a publisher's socket: rarely for an encoder, all the time for an unpaced publish.

use std::time::Duration;

use tokio::time::Instant;

/// The step of the grid that all publishers are read on, so that one wake serves them all.
pub(super) const TICK: Duration = Duration::from_millis(80);

/// The most bytes that should gather in a socket between two looks. With more, the sender stalls on a full window: Linux begins
/// with 64 KiB.
const GATHERING: usize = 48 << 10;

/// The shortest time of the runtime's timer.
const SHORTEST: Duration = Duration::from_millis(1);

/// The reading rhythm of one publisher.
#[derive(Debug)]
pub(super) struct Pace {
    grid: Instant,
    tick: Instant,
    gathered: usize,
    last: usize,
    before: usize,
}

impl Pace {
    /// A publisher that begins now, on the grid that began at `grid`.
    pub(super) fn new(grid: Instant, now: Instant) -> Self {
        Self {
            grid,
            tick: next_tick(grid, now),
            gathered: 0,
            last: 0,
            before: 0,
        }
    }

    /// When to look again, after a look at `now` that brought `read` bytes. A time that is not after `now` means at once.
    pub(super) fn next_look(&mut self, read: usize, now: Instant) -> Instant {
        self.gathered = self.gathered.saturating_add(read);
        if now >= self.tick {
            self.before = self.last;
            self.last = self.gathered;
            self.gathered = 0;
            self.tick = next_tick(self.grid, now);
        }
        // The lesser of two ticks counts: a keyframe alone is no reason to hurry.
        let looks = self.last.min(self.before) / GATHERING + 1;
        let pause = TICK / u32::try_from(looks).unwrap_or(u32::MAX);
        if pause >= SHORTEST {
            self.tick.min(now + pause)
        } else if read > 0 {
            now
        } else {
            now + SHORTEST
        }
    }
}

fn next_tick(grid: Instant, now: Instant) -> Instant {
    let since = now.saturating_duration_since(grid);
    let ticks = since.as_millis() / TICK.as_millis() + 1;
    grid + TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The looks in a second at a rate of bytes a millisecond, with keyframes on top.
    fn looks(rate: usize, keyframe: usize) -> usize {
        let start = Instant::now();
        let mut pace = Pace::new(start, start);
        let (mut now, mut looks) = (start, 0);
        let mut seen = start;
        while now < start + Duration::from_secs(4) {
            let millis = usize::try_from((now - seen).as_millis()).unwrap();
            let burst = usize::from((now - start).as_millis() / 2000 > (seen - start).as_millis() / 2000);
            seen = now;
            let next = pace.next_look(rate * millis + keyframe * burst, now);
            now = next.max(now + Duration::from_micros(20));
            looks += 1;
        }
        looks / 4
    }

    #[test]
    fn an_encoder_is_looked_at_once_a_tick() {
        assert_eq!(looks(500, 0), 12);
        assert_eq!(looks(500, 120_000), 12);
        assert_eq!(looks(0, 0), 12);
    }

    #[test]
    fn a_faster_one_more_often_and_one_unpaced_all_the_time() {
        assert!((24..40).contains(&looks(1000, 0)));
        assert!(looks(10_000, 0) > 150);
        assert!(looks(1_000_000, 0) > 900);
    }

    #[test]
    fn all_look_at_the_same_instants() {
        let grid = Instant::now();
        let instants: Vec<_> = [3, 17, 79]
            .map(|offset| {
                let now = grid + Duration::from_millis(offset);
                Pace::new(grid, now).next_look(1000, now)
            })
            .to_vec();
        assert_eq!(instants, [grid + TICK; 3]);
    }
}
