//! The service's reports of tape that it evicted.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;

/// The events `media.evicted_undelivered` that wait to be sent.
pub(crate) struct Told {
    recordings: HashSet<String>,
    streams: HashSet<String>,
    /// Segments that were evicted.
    pub(crate) segments: usize,
}

#[derive(Deserialize)]
struct Evicted {
    stream: String,
    recordings: Vec<String>,
}

impl Told {
    /// The events in the journal of a storage directory. They are never sent, so none of them is removed.
    #[track_caller]
    pub(crate) fn read(data: &Path) -> Self {
        let journal = Connection::open_with_flags(data.join("journal.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("the journal");
        let mut rows = journal
            .prepare("SELECT body FROM outbox WHERE kind = 'media.evicted_undelivered'")
            .expect("an outbox");
        let bodies = rows.query_map([], |row| row.get::<_, String>(0)).expect("events");
        let mut told = Self {
            recordings: HashSet::new(),
            streams: HashSet::new(),
            segments: 0,
        };
        for body in bodies {
            let evicted: Evicted = serde_json::from_str(&body.expect("an event")).expect("its body");
            told.recordings.extend(evicted.recordings);
            told.streams.insert(evicted.stream);
            told.segments += 1;
        }
        told
    }

    /// Whether the service reported that tape of this recording was evicted.
    pub(crate) fn recording(&self, id: &str) -> bool {
        self.recordings.contains(id)
    }

    /// Whether the service reported that tape of this stream was evicted.
    pub(crate) fn stream(&self, name: &str) -> bool {
        self.streams.contains(name)
    }
}
