//! The segments in which chunks are found by their numbers.

use rusqlite::params;

use super::Journal;
use super::read::{SEGMENT, SEGMENTS, SegmentData, number};
use super::sql::prepare;
use super::tracks::decode;
use crate::media::{Micros, StreamName, Tracks};
use crate::store::StoreError;

const STREAM: &str = "(SELECT stream FROM streams WHERE name = ?1)";

/// Starts of the service are this many numbers apart: a stream that is played out of memory for a hundred years needs fewer.
const EACH_START: u32 = 32;

impl Journal {
    /// The last segment of a stream that begins with this chunk or an earlier one.
    pub(in crate::store) fn numbered_at(
        &self,
        stream: &StreamName,
        chunk: u64,
    ) -> Result<Option<SegmentData>, StoreError> {
        let sql = format!(
            "SELECT {SEGMENT} FROM {SEGMENTS} WHERE s.stream = {STREAM} AND s.chunk <= ?2
             ORDER BY s.chunk DESC, s.sequence DESC LIMIT 1"
        );
        let chunk = i64::try_from(chunk).unwrap_or(i64::MAX);
        self.one(&sql, params![stream.as_str(), chunk], |row| {
            self.segment_data(row)
        })
    }

    /// The first segment of a stream that begins with a later chunk.
    pub(in crate::store) fn numbered_after(
        &self,
        stream: &StreamName,
        chunk: u64,
    ) -> Result<Option<SegmentData>, StoreError> {
        let sql = format!(
            "SELECT {SEGMENT} FROM {SEGMENTS} WHERE s.stream = {STREAM} AND s.chunk > ?2 ORDER BY s.chunk LIMIT 1"
        );
        let chunk = i64::try_from(chunk).unwrap_or(i64::MAX);
        self.one(&sql, params![stream.as_str(), chunk], |row| {
            self.segment_data(row)
        })
    }

    /// The newest tracks of a stream's segments whose chunks have numbers, of which `is_wanted` gives true. Segments that follow each
    /// other mostly have the same ones, which are decoded once.
    pub(in crate::store) fn newest_tracks(
        &self,
        stream: &StreamName,
        is_wanted: impl Fn(&Tracks) -> bool,
    ) -> Result<Option<Tracks>, StoreError> {
        let sql = format!(
            "SELECT s.tracks FROM segments s WHERE s.stream = {STREAM} AND s.chunk IS NOT NULL ORDER BY s.chunk DESC"
        );
        let mut statement = prepare(&self.connection, &sql).map_err(|error| self.error(error))?;
        let rows = statement.query(params![stream.as_str()]);
        let mut rows = rows.map_err(|error| self.error(error))?;
        let mut before = String::new();
        while let Some(row) = rows.next().map_err(|error| self.error(error))? {
            let text = row.get_ref(0).map_err(|error| self.error(error))?;
            let text = text.as_str().map_err(|_| self.row_error("segments.tracks"))?;
            if text == before {
                continue;
            }
            let tracks = decode(text).ok_or_else(|| self.row_error("segments.tracks"))?;
            if is_wanted(&tracks) {
                return Ok(Some(tracks));
            }
            text.clone_into(&mut before);
        }
        Ok(None)
    }

    /// The least number from which on no chunk of this run has the number of a chunk that an earlier run played.
    pub(in crate::store) fn first_number(&self) -> Result<u64, StoreError> {
        let sql = "SELECT value FROM counters WHERE name = 'starts'";
        let starts: Option<i64> = self.one(sql, [], |row| self.col(row, 0))?;
        Ok(starts.map_or(0, number) << EACH_START)
    }

    /// The streams with tape that ends behind tape time `since`: their target durations, if they are known, and where that
    /// tape ends.
    pub(in crate::store) fn recent_targets(
        &self,
        since: Micros,
    ) -> Result<Vec<(StreamName, u16, Micros)>, StoreError> {
        let sql =
            "SELECT name, t.target_s, max(s.end) FROM segments s CROSS JOIN streams t ON t.stream = s.stream
             WHERE s.state = 'sealed' AND s.end > ?1 AND t.target_s > 0 GROUP BY +s.stream";
        self.all(sql, params![since], |row| {
            Ok((self.stream(row, 0)?, self.col(row, 1)?, self.col(row, 2)?))
        })
    }
}
