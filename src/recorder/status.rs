//! What is going on, as it is shown.

use crate::media::{Micros, PublishId, RecordingId, StreamName, Tracks};

/// A stream as the status shows it.
#[derive(Clone, Debug)]
pub struct StreamStatus {
    /// Its name.
    pub stream: StreamName,
    /// The publish.
    pub publish: PublishId,
    /// What it sends; empty before the first sequence header.
    pub tracks: Tracks,
    /// The recordings it feeds, once it is worth any.
    pub recordings: Vec<RecordingId>,
    /// Media received in this publish, bytes.
    pub bytes: u64,
    /// Media received over the last second, bits per second.
    pub bits_per_second: u64,
    /// Media of it in memory, bytes.
    pub ring_bytes: usize,
    /// When it was last heard, CLOCK_BOOTTIME.
    pub last_heard: Micros,
}

/// Bytes over the last whole second.
#[derive(Debug, Default)]
pub(super) struct Rate {
    second_began: Micros,
    bytes: u64,
    last: u64,
}

impl Rate {
    pub(super) fn count(&mut self, bytes: u64, now: Micros) {
        let elapsed = now - self.second_began;
        if elapsed >= 1_000_000 {
            let per_second = u128::from(self.bytes) * 1_000_000 / u128::try_from(elapsed.max(1)).unwrap_or(1);
            self.last = u64::try_from(per_second).unwrap_or(u64::MAX);
            self.bytes = 0;
            self.second_began = now;
        }
        self.bytes += bytes;
    }

    pub(super) fn bits_per_second(&self, now: Micros) -> u64 {
        match (now - self.second_began, self.last) {
            // A stream that fell silent sends nothing, whatever it sent before.
            (3_000_001.., _) => 0,
            // In its first second what came so far is the best there is to say.
            (_, 0) => self.bytes * 8,
            (_, last) => last * 8,
        }
    }
}
