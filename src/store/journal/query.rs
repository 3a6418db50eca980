//! Searching, without reading what is not looked for.

use rusqlite::params;

use super::Journal;
use crate::media::{Micros, RecordingId, StreamName};
use crate::store::{Query, StoreError};

/// Times of a recording are rounded, and begin with a segment: what lies so close is looked at.
const CLOSE: Micros = 120_000_000;

impl Journal {
    /// Recordings that may answer a query, in the order of their rows, behind one of them. Of their times only those are
    /// told apart that need no look at the tape.
    pub(in crate::store) fn candidates(
        &self,
        query: &Query,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, RecordingId)>, StoreError> {
        // Where a recording ends in UTC is what the segment says in which it ends: it may be of another publish and
        // another boot than its beginning.
        let sql = "SELECT recording, r.id, utc_offset + boot_zero - tape_zero AS zero
            FROM recordings r JOIN publishes p ON p.publish = r.publish JOIN boots USING (boot)
                JOIN streams t ON t.stream = r.stream
            WHERE recording > ?1 AND (?2 IS NULL OR name = ?2)
                AND (?3 IS NULL OR substr(name, 1, length(?3)) = ?3)
                AND (?4 IS NULL OR r.state = ?4)
                AND (?8 IS NULL OR iif(json_valid(spec), json_extract(spec, '$.template'), NULL) = ?8)
                AND (?9 = '[]' OR NOT EXISTS (SELECT value FROM json_each(?9)
                    EXCEPT SELECT value FROM json_each(iif(json_valid(r.tags), r.tags, '[]'))))
                AND zero + r.start < ?5
                AND (r.state = 'open' OR zero + r.end > ?6 OR ?6 < (
                    SELECT b.utc_offset + q.boot_zero - q.tape_zero + r.end
                    FROM segments s JOIN publishes q ON q.publish = s.publish JOIN boots b ON b.boot = q.boot
                    WHERE s.stream = r.stream AND s.end >= r.end ORDER BY s.end LIMIT 1))
            ORDER BY recording LIMIT ?7";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = params![
            after,
            query.stream.as_ref().map(StreamName::as_str),
            query.prefix.as_deref(),
            query.state.map(|state| state.as_str()),
            query.to.map_or(Micros::MAX, |to| to.saturating_add(CLOSE)),
            query.from.map_or(Micros::MIN, |from| from.saturating_sub(CLOSE)),
            limit,
            query.template.as_deref(),
            serde_json::Value::from(query.tags.as_slice()).to_string(),
        ];
        self.all(sql, values, |row| {
            Ok((self.col(row, 0)?, RecordingId::from_bytes(self.col(row, 1)?)))
        })
    }
}
