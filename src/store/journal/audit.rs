//! Writes and reads the audit in the journal.

use rusqlite::{Connection, OptionalExtension, params};

use super::Journal;
use super::outbox::{Result, execute};
use super::sql::prepare;
use crate::event::AskedBy;
use crate::media::{Micros, RecordingId};
use crate::store::StoreError;
use crate::store::audit::{AuditChange, AuditQuery, AuditRow, KEPT, MOST};
use crate::store::outbox::Remembered;

pub(super) fn change(db: &Connection, change: &AuditChange) -> Result {
    match change {
        AuditChange::Begun(audited) => {
            execute(
                db,
                "INSERT OR IGNORE INTO audit (id, time, boot_id, door, who, request, command, object)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    audited.id,
                    audited.time,
                    audited.boot,
                    audited.door,
                    audited.who,
                    audited.request,
                    audited.command,
                    audited.object
                ],
            )?;
            execute(
                db,
                "DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?1",
                params![MOST],
            )
        }
        AuditChange::About { id, recording } => execute(
            db,
            "UPDATE audit SET recording = ?2 WHERE id = ?1",
            params![id, recording.to_bytes()],
        ),
        AuditChange::Ended { id, object, outcome } => execute(
            db,
            "UPDATE audit SET object = ?2, outcome = ?3 WHERE id = ?1",
            params![id, object, outcome],
        ),
        AuditChange::Expired { before } => {
            // The time of commands in a boot whose clock was never set is unknown. They are older than the commands that came
            // later.
            execute(
                db,
                "DELETE FROM audit WHERE time <= ?2 AND number < (SELECT max(number) FROM audit WHERE time < ?1 AND time > ?2)",
                params![before, Remembered::DATED_FROM],
            )?;
            execute(
                db,
                "DELETE FROM audit WHERE time < ?1 AND time > ?2",
                params![before, Remembered::DATED_FROM],
            )
        }
    }
}

/// Dates the commands of a boot anew when its clock is set.
pub(super) fn redate(db: &Connection, boot: &[u8; 16], by: Micros) -> Result {
    execute(
        db,
        "UPDATE audit SET time = time + ?2 WHERE boot_id = ?1",
        params![boot, by],
    )
}

/// The last command to delete this recording.
pub(super) fn who_deletes(db: &Connection, recording: RecordingId) -> Result<Option<AskedBy>> {
    prepare(
        db,
        "SELECT door, who, request FROM audit WHERE recording = ?1 AND command = 'recording.delete'
         ORDER BY number DESC LIMIT 1",
    )?
    .query_row(params![recording.to_bytes()], |row| {
        Ok(AskedBy {
            door: row.get(0)?,
            who: row.get(1)?,
            request: row.get(2)?,
        })
    })
    .optional()
}

impl Journal {
    pub(in crate::store) fn audit(
        &self,
        query: &AuditQuery,
    ) -> std::result::Result<Vec<AuditRow>, StoreError> {
        let sql = "SELECT number, time, door, who, request, command, object, outcome FROM audit
            WHERE number < ?1 AND time >= ?2 AND time < ?3 ORDER BY number DESC LIMIT ?4";
        let wanted = params![
            query.before.unwrap_or(i64::MAX),
            query.from.unwrap_or(Micros::MIN),
            query.to.unwrap_or(Micros::MAX),
            i64::try_from(query.limit).unwrap_or(i64::MAX)
        ];
        self.all(sql, wanted, |row| {
            Ok(AuditRow {
                number: self.col(row, 0)?,
                time: self.col(row, 1)?,
                door: self.col(row, 2)?,
                who: self.col(row, 3)?,
                request: self.col(row, 4)?,
                command: self.col(row, 5)?,
                object: self.col(row, 6)?,
                outcome: self.col(row, 7)?,
            })
        })
    }

    /// The time before which commands are forgotten now, if there are commands that old. A time before 2020 comes from a clock
    /// that was not set.
    pub(in crate::store) fn audit_due(&self, utc: Micros) -> std::result::Result<Option<Micros>, StoreError> {
        let before = utc.saturating_sub(KEPT);
        let sql = "SELECT 1 FROM audit WHERE time < ?1 AND time > ?2 LIMIT 1";
        let due: Option<i64> = self.one(sql, params![before, Remembered::DATED_FROM], |row| {
            self.col(row, 0)
        })?;
        Ok(due.map(|_| before))
    }
}
