//! A recording that grows, for the tests of its readers.

use super::rig::{Publisher, Rig};
use crate::media::RecordingId;
use crate::store::Library;
use crate::store::journal::sql::count;

/// A store with one open recording, in segments of three seconds.
pub(crate) struct Growing {
    rig: Rig,
    publisher: Publisher,
    seconds: i64,
    pub(crate) recording: RecordingId,
}

impl Growing {
    pub(crate) fn new() -> Self {
        let mut rig = Rig::new();
        let (publisher, start) = rig.publish(1, "a");
        let recording = RecordingId::new(1);
        rig.handle(vec![start, publisher.record(recording, 0)]);
        Self {
            rig,
            publisher,
            seconds: 0,
            recording,
        }
    }

    /// Adds so many seconds, and makes them durable.
    pub(crate) fn grow(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.rig.handle(vec![self.publisher.append(self.seconds)]);
            self.rig.pass(1_000_000);
            self.seconds += 1;
        }
    }

    pub(crate) fn library(&self) -> Library {
        self.rig.library()
    }

    /// Number of SQL statements that the work of this thread takes.
    pub(crate) fn statements(work: impl FnOnce()) -> usize {
        let before = count::statements();
        work();
        count::statements() - before
    }
}
