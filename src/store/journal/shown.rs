//! Recordings that channels show. They are neither given up for space nor expire, as if somebody had protected them.
//!
//! The column `protected` of a recording has a bit for each reason: [`BY_SOMEBODY`] and [`BY_CHANNEL`].

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::Journal;
use super::outbox::{self, execute};
use super::read::{between, number};
use super::sql::prepare;
use crate::media::RecordingId;
use crate::store::StoreError;

/// Somebody protected the recording. Releases so far wrote no other value.
pub(super) const BY_SOMEBODY: i64 = 1;
/// A channel shows the recording.
pub(super) const BY_CHANNEL: i64 = 2;

/// Notes that channels show these recordings, and no others.
pub(super) fn note(db: &Connection, recordings: &[RecordingId]) -> outbox::Result {
    execute(
        db,
        "UPDATE recordings INDEXED BY recordings_protected SET protected = protected & ?1 WHERE protected AND protected & ?2",
        params![BY_SOMEBODY, BY_CHANNEL],
    )?;
    let mut set = prepare(
        db,
        "UPDATE recordings SET protected = protected | ?2 WHERE id = ?1",
    )?;
    for recording in recordings {
        set.execute(params![recording.to_bytes(), BY_CHANNEL])?;
    }
    Ok(())
}

impl Journal {
    /// Bytes of the tape that these recordings are on, and bytes of that and of all that somebody protected. A segment of several
    /// recordings counts once.
    pub(in crate::store) fn space_of(&self, recordings: &[RecordingId]) -> Result<[u64; 2], StoreError> {
        let sql = format!(
            "SELECT s.segment, s.space FROM (SELECT o.recording FROM recordings o WHERE o.id = ?1 AND NOT o.composed
                UNION ALL SELECT x.recording FROM recordings w CROSS JOIN recordings x ON x.whole = w.recording WHERE w.id = ?1) k
                CROSS JOIN recordings r ON r.recording = k.recording CROSS JOIN segments s ON {}
             WHERE s.state IN ('sealed', 'missing')",
            between("r.stream", "r.start", "r.end")
        );
        let mut segments: HashMap<i64, u64> = HashMap::new();
        for recording in recordings {
            segments.extend(self.segments_under(&sql, recording.to_bytes())?);
        }
        let own = segments.values().sum();
        let protected: Vec<[u8; 16]> = self.all(
            "SELECT id FROM recordings INDEXED BY recordings_protected WHERE protected AND protected & ?1 AND NOT composed",
            params![BY_SOMEBODY],
            |row| self.col(row, 0),
        )?;
        for recording in protected {
            segments.extend(self.segments_under(&sql, recording)?);
        }
        Ok([own, segments.values().sum()])
    }

    fn segments_under(&self, sql: &str, recording: [u8; 16]) -> Result<Vec<(i64, u64)>, StoreError> {
        self.all(sql, params![recording], |row| {
            Ok((self.col(row, 0)?, number(self.col(row, 1)?)))
        })
    }

    /// Those of these recordings that are not there any more, or are being removed.
    pub(in crate::store) fn gone_of(
        &self,
        recordings: &[RecordingId],
    ) -> Result<Vec<RecordingId>, StoreError> {
        let sql = "SELECT 1 FROM recordings WHERE id = ?1 AND state <> 'expired'";
        let mut gone = Vec::new();
        for recording in recordings {
            let found: Option<i64> = self.one(sql, params![recording.to_bytes()], |row| self.col(row, 0))?;
            if found.is_none() {
                gone.push(*recording);
            }
        }
        Ok(gone)
    }
}
