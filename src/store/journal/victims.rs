//! Which tape may go, and which is gone already.

use rusqlite::params;

use super::Journal;
use super::read::number;
use crate::media::{Micros, RecordingId, SegmentId, StreamName};
use crate::store::StoreError;

/// Which tape may go. Each class comes before the next, the oldest of each first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Class {
    /// Every recording that it belongs to has expired.
    Expired,
    /// It belongs to no recording.
    Nobodys,
    /// Every recording that it belongs to was delivered, or has expired.
    Delivered,
    /// Any but that of protected recordings: here something is lost that nobody else has.
    Undelivered,
}

/// A file whose blocks may become another segment's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Blocks {
    pub(in crate::store) id: SegmentId,
    pub(in crate::store) stream: StreamName,
    pub(in crate::store) sequence: u64,
    /// Bytes that the file takes.
    pub(in crate::store) space: u64,
}

const BLOCKS: &str = "SELECT DISTINCT s.id, t.name, s.sequence, s.space
    FROM segments s JOIN streams t ON t.stream = s.stream";

/// Recordings `o` that a segment `s` belongs to, or so nearly that no difference is made here.
pub(super) const SHARES: &str = "o.stream = s.stream AND o.end > s.start AND o.start < s.end";

impl Journal {
    /// Up to so many segments of a class that may go next.
    pub(in crate::store) fn victims(&self, class: Class, limit: usize) -> Result<Vec<Blocks>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let among = |state: &str, needed: &str| {
            format!(
                "{BLOCKS} JOIN recordings r ON r.stream = s.stream AND s.end > r.start AND s.start < r.end
                 WHERE r.state = '{state}' AND s.state = 'sealed'
                    AND NOT EXISTS (SELECT 1 FROM recordings o WHERE {SHARES} AND {needed})
                 ORDER BY s.end LIMIT ?1"
            )
        };
        let sql = match class {
            Class::Expired => among("expired", "(o.state <> 'expired' OR o.protected)"),
            Class::Nobodys => format!(
                "{BLOCKS} WHERE s.state = 'sealed' AND NOT EXISTS (SELECT 1 FROM recordings o WHERE {SHARES})
                 ORDER BY s.end LIMIT ?1"
            ),
            Class::Delivered => among("delivered", "(o.state IN ('open', 'closed') OR o.protected)"),
            Class::Undelivered => format!(
                "{BLOCKS} WHERE s.state = 'sealed'
                    AND NOT EXISTS (SELECT 1 FROM recordings o WHERE {SHARES} AND o.protected)
                 ORDER BY s.end LIMIT ?1"
            ),
        };
        self.all(&sql, params![limit], |row| self.blocks(row))
    }

    /// Files whose media was given up already; those to be wiped when `wipe`.
    pub(in crate::store) fn given_up(&self, wipe: bool) -> Result<Vec<Blocks>, StoreError> {
        let sql = format!("{BLOCKS} WHERE s.state = ?1");
        let state = if wipe { "wipe" } else { "spare" };
        self.all(&sql, params![state], |row| self.blocks(row))
    }

    /// Bytes that all files of the tape take.
    pub(in crate::store) fn space(&self) -> Result<u64, StoreError> {
        let sql = "SELECT ifnull(sum(space), 0) FROM segments WHERE state <> 'missing'";
        let space: Option<i64> = self.one(sql, [], |row| self.col(row, 0))?;
        Ok(number(space.unwrap_or(0)))
    }

    /// Recordings that were kept as long as they were to be. Those of a boot whose clock was never set are not among
    /// them: nobody knows how old they are. With `delivered`, only those that are delivered.
    pub(in crate::store) fn due(&self, utc: Micros, delivered: bool) -> Result<Vec<RecordingId>, StoreError> {
        let sql =
            "SELECT r.id FROM recordings r JOIN publishes p ON p.publish = ifnull(r.last_publish, r.publish)
                JOIN boots b USING (boot)
             WHERE r.keep IS NOT NULL AND r.state IN ('delivered', iif(?2, '', 'closed')) AND NOT r.protected AND b.synced
                AND b.utc_offset + p.boot_zero + (r.end - p.tape_zero) + r.keep <= ?1
             ORDER BY r.end LIMIT 64";
        self.all(sql, params![utc, delivered], |row| {
            Ok(RecordingId::from_bytes(self.col(row, 0)?))
        })
    }

    fn blocks(&self, row: &rusqlite::Row<'_>) -> Result<Blocks, StoreError> {
        Ok(Blocks {
            id: SegmentId::from_bytes(self.col(row, 0)?),
            stream: self.stream(row, 1)?,
            sequence: number(self.col(row, 2)?),
            space: number(self.col(row, 3)?),
        })
    }
}
