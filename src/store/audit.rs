//! Who had what changed: the commands that were carried out, and for whom.

use super::{Library, StoreError};
use crate::media::{Micros, RecordingId};

/// So long a command is remembered.
pub(in crate::store) const KEPT: Micros = 30 * 24 * 3_600 * 1_000_000;
/// However many come: the oldest are forgotten first.
pub(in crate::store) const MOST: i64 = 5_000;

/// What a command is known by until it is over.
pub type AuditId = [u8; 16];

/// A command that is about to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// What it is known by.
    pub id: AuditId,
    /// When, UTC.
    pub time: Micros,
    /// In which boot: its clock may be set later.
    pub boot: [u8; 16],
    /// Through which door it came.
    pub door: &'static str,
    /// Who asked, as far as the door knows.
    pub who: String,
    /// The id of the request, if it had one.
    pub request: Option<String>,
    /// The command.
    pub command: String,
    /// What it is about, as a JSON object.
    pub object: String,
}

/// What is to be remembered of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditChange {
    /// One is about to be carried out: handed over before whatever it changes.
    Begun(Box<Audited>),
    /// It is about this recording.
    About {
        /// Which command.
        id: AuditId,
        /// The recording.
        recording: RecordingId,
    },
    /// It is over.
    Ended {
        /// Which command.
        id: AuditId,
        /// What it is about, and what it made.
        object: String,
        /// `ok`, or the code of its error.
        outcome: &'static str,
    },
    /// What is older than this is forgotten.
    Expired {
        /// UTC.
        before: Micros,
    },
}

/// A command that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// One more from command to command.
    pub number: i64,
    /// When it was begun, UTC.
    pub time: Micros,
    /// Through which door it came.
    pub door: String,
    /// Who asked, as far as the door knows.
    pub who: String,
    /// The id of the request, if it had one.
    pub request: Option<String>,
    /// The command.
    pub command: String,
    /// What it is about, as a JSON object.
    pub object: String,
    /// `ok`, or the code of its error; none where the service ended before it was over.
    pub outcome: Option<String>,
}

/// Which commands are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Begun at this moment or later.
    pub from: Option<Micros>,
    /// Begun before this moment.
    pub to: Option<Micros>,
    /// Those before the one with this number.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Library {
    /// Commands that changed something, the newest first.
    pub fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        self.journal().audit(query)
    }
}
