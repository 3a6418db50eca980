//! How much of the box all viewers together may take: memory of pieces on their way, and bytes a second.
//!
//! Each connection may always have a small piece or two in memory, so that no viewer waits for another one that reads slowly. What is
//! left of the memory goes to whoever asks first, in larger pieces: they make fast downloads cheap. A response begins with small
//! ones, so that a viewer that reads nothing never has a large one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Bytes of the piece that every connection may have.
pub(super) const SMALL: usize = 8 << 10;
/// Bytes of a piece of a file while memory is left.
pub(super) const LARGE: usize = 256 << 10;
/// Bytes of a piece for a player while memory is left. A player gets no more than it plays, so large pieces would take memory and
/// make nothing faster.
const PLAYED: usize = 64 << 10;
const LARGE_PERMITS: u32 = (LARGE / PLAYED) as u32;
/// Large pieces whose memory is kept for the next ones. A download needs two at a time, and to take memory of this size anew for
/// each piece costs more than to copy the bytes.
const KEPT: usize = 2;
/// Bytes of a response before its first piece that is not small: more than the system takes for a viewer that reads nothing.
const BEGINNING: u64 = 256 << 10;
/// The most small pieces of a connection. One of HTTP/1.1 has one: the next is read when the system has taken the one before, and
/// the system keeps more of them than one. Responses of a connection of HTTP/2 share theirs: those that the peer does not take are
/// in the way of those beside them, and of nobody else.
const SMALL_PIECES: usize = 2;
/// The most reads of files at a time. The threads that are left are there for what players wait for.
const FILE_READS: usize = 2;
/// How far a viewer that pauses gets ahead of the rate.
const BURST: Duration = Duration::from_millis(250);

/// The common bounds of all responses. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// Memory for pieces that are not small, a permit for each [`PLAYED`] bytes.
    spare: Arc<Semaphore>,
    file_reads: Arc<Semaphore>,
    rate: Arc<Mutex<Rate>>,
    /// Memory of large pieces that were sent.
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// What a response still has to send, and how soon it is needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// Bytes that the response still has to send.
    pub(super) left: u64,
    /// Bytes that it has sent.
    pub(super) sent: u64,
    /// Who waits for it.
    pub(super) pace: Pace,
}

/// Who waits for a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// A player, that plays what it gets at once: a chunk or a picture. It goes before files, however many are read.
    Player,
    /// Whoever reads a file.
    File,
}

/// A piece that may be read.
#[derive(Debug)]
pub(super) struct Turn {
    /// The most bytes of the piece.
    pub(super) len: usize,
    /// Given back when the piece was written to the socket.
    pub(super) room: Room,
}

/// The memory of a piece, taken until this is dropped.
#[derive(Debug)]
pub(super) struct Room {
    /// Bytes that have room.
    len: usize,
    _permit: Option<OwnedSemaphorePermit>,
}

/// The small piece of a connection that sends one response at a time.
pub(super) fn single() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(1))
}

/// The small pieces of a connection that sends several responses at a time.
pub(super) fn several() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(SMALL_PIECES))
}

/// The rate of all viewers. Pure: the time is given.
#[derive(Clone, Copy, Debug)]
struct Rate {
    bytes_per_second: Option<u64>,
    /// When everything that was let through so far would have gone at the rate.
    through: Instant,
    /// The same of what players wait for. It waits for nothing else, and files wait for it.
    through_first: Instant,
}

impl Flow {
    /// Bounds for at most `connections` connections, within `memory` bytes as far as the small pieces allow.
    pub(super) fn new(memory: u64, connections: usize, bytes_per_second: Option<u64>) -> Self {
        let small = connections.saturating_mul(SMALL * SMALL_PIECES) as u64;
        let spare = memory.saturating_sub(small) / PLAYED as u64;
        let spare = usize::try_from(spare)
            .unwrap_or(usize::MAX)
            .min(Semaphore::MAX_PERMITS);
        Self {
            spare: Arc::new(Semaphore::new(spare)),
            file_reads: Arc::new(Semaphore::new(FILE_READS)),
            rate: Arc::new(Mutex::new(Rate {
                bytes_per_second,
                through: Instant::now(),
                through_first: Instant::now(),
            })),
            kept: Arc::default(),
        }
    }

    /// Memory for a piece of so many bytes, with anything in them.
    pub(super) fn buffer(&self, len: usize) -> Vec<u8> {
        let kept = (len == LARGE).then(|| self.kept().pop()).flatten();
        kept.unwrap_or_else(|| vec![0; len])
    }

    /// Takes the memory of a piece that was sent.
    pub(super) fn take_back(&self, buffer: Vec<u8>) {
        let mut kept = self.kept();
        if buffer.len() == LARGE && kept.len() < KEPT {
            kept.push(buffer);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets another rate, from the next piece on.
    pub(super) fn set_rate(&self, bytes_per_second: Option<u64>) {
        self.rate().bytes_per_second = bytes_per_second;
    }

    /// Room for a piece, if there is some now. `small` is what the connection of the response may have.
    pub(super) fn room(&self, ask: Ask, small: &Arc<Semaphore>) -> Option<Room> {
        self.room_to_spare(ask).or_else(|| {
            let permit = Arc::clone(small).try_acquire_owned().ok()?;
            Some(Room::of(SMALL, Some(permit)))
        })
    }

    /// Room for a piece that nobody waits for yet, if there is some now.
    pub(super) fn room_to_spare(&self, ask: Ask) -> Option<Room> {
        let (len, permits) = match ask.pace {
            Pace::Player => (PLAYED, 1),
            Pace::File => (LARGE, LARGE_PERMITS),
        };
        let spare = || Arc::clone(&self.spare).try_acquire_many_owned(permits).ok();
        let is_worth_it = ask.left > SMALL as u64 && ask.sent >= BEGINNING;
        let permit = is_worth_it.then(spare).flatten()?;
        Some(Room::of(len, Some(permit)))
    }

    /// Waits until a piece may go. A response that ends meanwhile takes nothing of the rate.
    pub(super) async fn turn(&self, ask: Ask, small: &Arc<Semaphore>, room: Option<Room>) -> Turn {
        let room = match room.or_else(|| self.room(ask, small)) {
            Some(room) => room,
            // Nobody closes the semaphore, so there is a permit.
            None => Room::of(SMALL, Arc::clone(small).acquire_owned().await.ok()),
        };
        let len = usize::try_from(ask.left).unwrap_or(usize::MAX).min(room.len);
        let (at, takes) = self.rate().take(len, ask.pace, Instant::now());
        if let Some(at) = at {
            let mut reserved = Reserved {
                rate: &self.rate,
                takes,
                pace: ask.pace,
            };
            sleep_until(at).await;
            reserved.takes = Duration::ZERO;
        }
        Turn { len, room }
    }

    /// Waits until a piece may be read. It is read while the permit is there.
    pub(super) async fn read(&self, pace: Pace) -> Option<OwnedSemaphorePermit> {
        match pace {
            Pace::Player => None,
            Pace::File => Arc::clone(&self.file_reads).acquire_owned().await.ok(),
        }
    }

    fn rate(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn of(len: usize, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self { len, _permit: permit }
    }
}

/// A part of the rate that a response waits for. It goes back when the response ends before.
struct Reserved<'a> {
    rate: &'a Mutex<Rate>,
    takes: Duration,
    pace: Pace,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.give_back(self.takes, self.pace);
    }
}

impl Rate {
    /// Counts a piece. Gives the moment at which it may go, if that is later than now, and how long the piece takes.
    fn take(&mut self, bytes: usize, pace: Pace, now: Instant) -> (Option<Instant>, Duration) {
        let Some(rate) = self.bytes_per_second.filter(|rate| *rate > 0) else {
            return (None, Duration::ZERO);
        };
        let takes = Duration::from_secs_f64(bytes as f64 / rate as f64);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let through = self.through.max(earliest);
        let begins = match pace {
            Pace::Player => {
                let begins = self.through_first.max(earliest);
                self.through_first = begins + takes;
                begins
            }
            Pace::File => through,
        };
        self.through = through + takes;
        ((begins > now).then_some(begins), takes)
    }

    fn give_back(&mut self, takes: Duration, pace: Pace) {
        self.through = self.through.checked_sub(takes).unwrap_or(self.through);
        if pace == Pace::Player {
            let first = self.through_first;
            self.through_first = first.checked_sub(takes).unwrap_or(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// A response in the middle of a long file.
    const LONG: Ask = Ask {
        left: 1 << 30,
        sent: 1 << 30,
        pace: Pace::File,
    };

    fn rate(bytes_per_second: u64, start: Instant) -> Rate {
        Rate {
            bytes_per_second: Some(bytes_per_second),
            through: start,
            through_first: start,
        }
    }

    #[test]
    fn all_viewers_together_keep_to_the_rate() {
        let start = Instant::now();
        let mut rate = rate(1_000_000, start);
        let mut now = start;
        for _ in 0..100 {
            if let (Some(at), _) = rate.take(50_000, Pace::File, now) {
                now = at;
            }
        }
        let took = (now - start).as_secs_f64();
        assert!((4.6..=5.0).contains(&took), "{took}");
        // A pause is made up for by a quarter of a second at most.
        now += Duration::from_secs(60);
        assert_eq!(rate.take(250_000, Pace::File, now).0, None);
        assert_eq!(rate.take(1, Pace::File, now).0, None);
        assert!(rate.take(1_000, Pace::File, now).0.is_some());
    }

    #[test]
    fn what_a_player_waits_for_goes_before_files_and_files_wait_for_it() {
        let start = Instant::now();
        let mut rate = rate(1_000_000, start);
        for _ in 0..200 {
            rate.take(100_000, Pace::File, start);
        }
        assert_eq!(rate.take(100_000, Pace::Player, start).0, None);
        // Players alone keep to the rate, too.
        rate.take(1_000_000, Pace::Player, start);
        let at = rate.take(1, Pace::Player, start).0.unwrap();
        assert!(at - start >= Duration::from_millis(800), "{:?}", at - start);
        let at = rate.take(1, Pace::File, start).0.unwrap();
        assert!(at - start >= Duration::from_secs(20), "{:?}", at - start);
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_keeps_its_pieces_takes_no_turn_from_another() {
        let flow = Flow::new(8 << 20, 64, None);
        let mut kept = Vec::new();
        let mut small = 0;
        for _ in 0..64 {
            let pieces = several();
            while let Some(room) = flow.room(LONG, &pieces) {
                let turn = flow.turn(LONG, &pieces, Some(room)).await;
                small += usize::from(turn.len == SMALL);
                kept.push(turn);
            }
            // A connection whose peer takes nothing gets nothing more, however many responses it has.
            let more = timeout(Duration::ZERO, flow.turn(LONG, &pieces, None));
            assert!(more.await.is_err());
        }
        assert_eq!(small, 64 * SMALL_PIECES);
        assert!(kept.iter().map(|turn| turn.len).sum::<usize>() <= 8 << 20);
        assert_eq!(flow.turn(LONG, &several(), None).await.len, SMALL);
        kept.clear();
        assert_eq!(flow.turn(LONG, &several(), None).await.len, LARGE);
        let played = Ask {
            pace: Pace::Player,
            ..LONG
        };
        assert_eq!(flow.turn(played, &several(), None).await.len, PLAYED);
        let begins = Ask { sent: 0, ..LONG };
        assert_eq!(flow.turn(begins, &several(), None).await.len, SMALL);
        let ends = Ask { left: 100, ..LONG };
        assert_eq!(flow.turn(ends, &several(), None).await.len, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_and_leaves_takes_nothing_of_the_rate() {
        let flow = Flow::new(8 << 20, 16, Some(1 << 20));
        let pieces = several();
        for _ in 0..2 {
            flow.turn(LONG, &pieces, None).await;
        }
        for _ in 0..1_000 {
            let pieces = several();
            let left = timeout(Duration::ZERO, flow.turn(LONG, &pieces, None));
            assert!(left.await.is_err());
        }
        let began = Instant::now();
        flow.turn(LONG, &pieces, None).await;
        assert!(began.elapsed() <= Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
