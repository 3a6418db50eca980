//! The audit: the commands that changed something, and who sent them.

use super::{Library, StoreError};
use crate::media::{Micros, RecordingId};

/// How long a command is remembered.
pub(in crate::store) const KEPT: Micros = 30 * 24 * 3_600 * 1_000_000;
/// Most commands that are remembered. The oldest are forgotten first.
pub(in crate::store) const MOST: i64 = 5_000;

/// The identity of a command until it is over.
pub type AuditId = [u8; 16];

/// A command that is about to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// The identity of the command.
    pub id: AuditId,
    /// When it was begun, UTC.
    pub time: Micros,
    /// The boot in which it was begun: the clock of that boot may be set later.
    pub boot: [u8; 16],
    /// The door through which it came.
    pub door: &'static str,
    /// Who sent the command, as far as the door knows.
    pub who: String,
    /// The id of the request, if it had one.
    pub request: Option<String>,
    /// The command.
    pub command: String,
    /// The objects of the command, as a JSON object.
    pub object: String,
}

/// A change of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditChange {
    /// A command is about to be carried out. This change comes before all changes of the command.
    Begun(Box<Audited>),
    /// A command is about this recording.
    About {
        /// The command.
        id: AuditId,
        /// The recording.
        recording: RecordingId,
    },
    /// A command is over.
    Ended {
        /// The command.
        id: AuditId,
        /// The objects of the command, and what it made.
        object: String,
        /// `ok`, or the code of its error.
        outcome: &'static str,
    },
    /// Removes entries that are older than this.
    Expired {
        /// UTC.
        before: Micros,
    },
}

/// A command that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The number of the command. It grows from command to command.
    pub number: i64,
    /// When it was begun, UTC.
    pub time: Micros,
    /// The door through which it came.
    pub door: String,
    /// Who sent the command, as far as the door knows.
    pub who: String,
    /// The id of the request, if it had one.
    pub request: Option<String>,
    /// The command.
    pub command: String,
    /// The objects of the command, as a JSON object.
    pub object: String,
    /// `ok`, or the code of its error; `None` where the service ended before the command was over.
    pub outcome: Option<String>,
}

/// The commands to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only commands that were begun at this moment or later, UTC.
    pub from: Option<Micros>,
    /// Only commands that were begun before this moment, UTC.
    pub to: Option<Micros>,
    /// Only commands before the one with this number.
    pub before: Option<i64>,
    /// At most so many commands.
    pub limit: usize,
}

impl Library {
    /// Commands that changed something, the newest first.
    pub fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        self.journal().audit(query)
    }
}
