//! What the time line of a stream is made of: its segments, recordings and gaps in a range of the tape. Each is read by a range
//! of an index.

use rusqlite::params;

use super::candidates::SHARING;
use super::query::CLOSE;
use super::read::{SEGMENT, SEGMENTS, SegmentData, between, few, number};
use super::window::Window;
use super::{Journal, tracks};
use crate::media::{Micros, RecordingId, StreamName};
use crate::store::{RecordingSpec, StoreError};

/// A sealed segment's place on the tape.
#[derive(Clone, Debug)]
pub(in crate::store) struct SegmentSpan {
    pub(in crate::store) publish: i64,
    pub(in crate::store) sequence: u64,
    pub(in crate::store) start: Micros,
    pub(in crate::store) end: Micros,
    pub(in crate::store) bytes: u64,
    /// UTC less tape time.
    pub(in crate::store) utc: Micros,
    /// The reason for the end of its publish, if that is over.
    pub(in crate::store) publish_ended: Option<String>,
}

/// A recording's place on the tape.
#[derive(Clone, Debug)]
pub(in crate::store) struct RecordingSpan {
    pub(in crate::store) id: RecordingId,
    pub(in crate::store) spec: RecordingSpec,
    /// Tape time from which on it is shown.
    pub(in crate::store) start: Micros,
    /// Tape time at which it ends; `Micros::MAX` while it grows.
    pub(in crate::store) end: Micros,
    /// The reason for its end, if it is closed.
    pub(in crate::store) ended: Option<String>,
}

/// A gap in the tape of a publish, in tape time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct GapSpan {
    pub(in crate::store) start: Micros,
    pub(in crate::store) end: Micros,
    pub(in crate::store) reason: String,
}

impl Journal {
    /// The key of a stream that has a row.
    pub(in crate::store) fn stream_key(&self, stream: &StreamName) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT stream FROM streams WHERE name = ?1";
        self.one(sql, params![stream.as_str()], |row| self.col(row, 0))
    }

    /// All tape that may lie between two moments (UTC).
    pub(in crate::store) fn window(&self, from: Micros, to: Micros) -> Result<Window, StoreError> {
        Ok(Window::of(&self.boots()?, from, to))
    }

    /// Hands over the sealed segments of a stream in a window, in the order of their ends. A few more may come.
    pub(in crate::store) fn segment_spans(
        &self,
        stream: i64,
        window: Window,
        mut each: impl FnMut(SegmentSpan),
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT s.publish, s.sequence, s.start, s.end, s.bytes, utc_offset + boot_zero - tape_zero, end_reason
             FROM segments s CROSS JOIN publishes p ON p.publish = s.publish CROSS JOIN boots b ON b.boot = p.boot
             WHERE s.state = 'sealed' AND {} ORDER BY s.end",
            between("?1", "?2", "?3")
        );
        self.each(&sql, params![stream, window.from, window.to], |row| {
            each(SegmentSpan {
                publish: self.col(row, 0)?,
                sequence: number(self.col(row, 1)?),
                start: self.col(row, 2)?,
                end: self.col(row, 3)?,
                bytes: number(self.col(row, 4)?),
                utc: self.col(row, 5)?,
                publish_ended: self.col(row, 6)?,
            });
            Ok(())
        })
    }

    /// The segments of a stream that are being written, or were when the power went, with their publishes.
    pub(in crate::store) fn open_segments(&self, stream: i64) -> Result<Vec<(i64, SegmentData)>, StoreError> {
        let sql = format!(
            "SELECT s.publish, {SEGMENT} FROM {SEGMENTS} WHERE {} AND +s.stream = ?1 ORDER BY s.sequence",
            few("open")
        );
        self.all(&sql, params![stream], |row| {
            let segment = self.segment_data_at(row, 1, tracks::decode)?;
            Ok((self.col(row, 0)?, segment))
        })
    }

    /// The recordings of a stream that may have a part in a window and are not expired, in the order of their starts.
    pub(in crate::store) fn recording_spans(
        &self,
        stream: i64,
        window: Window,
    ) -> Result<Vec<RecordingSpan>, StoreError> {
        const COLUMNS: &str = "o.id, o.spec, o.start, iif(o.state = 'open' AND NOT o.paused, ifnull(o.ends, ?4), o.end), o.reason";
        let sql = format!(
            "SELECT {COLUMNS} FROM (SELECT ?1 AS stream, ?2 AS start, ?3 AS end) s CROSS JOIN {SHARING}
                AND +o.state NOT IN ('open', 'expired') AND o.whole IS NULL
             UNION ALL SELECT {COLUMNS} FROM recordings o INDEXED BY recordings_open WHERE o.stream = ?1 AND o.state = 'open' AND o.start < ?3
             ORDER BY 3"
        );
        let values = params![stream, window.from.saturating_sub(CLOSE), window.to, Micros::MAX];
        self.all(&sql, values, |row| {
            let spec = RecordingSpec::read(&self.col::<String>(row, 1)?);
            let start: Micros = self.col(row, 2)?;
            Ok(RecordingSpan {
                id: RecordingId::from_bytes(self.col(row, 0)?),
                start: spec.shown_from().map_or(start, |from| from.max(start)),
                end: self.col(row, 3)?,
                ended: self.col(row, 4)?,
                spec,
            })
        })
    }

    /// The gaps in the tape of a stream in a window, in order.
    pub(in crate::store) fn gap_spans(
        &self,
        stream: i64,
        window: Window,
    ) -> Result<Vec<GapSpan>, StoreError> {
        let sql =
            "SELECT start, end, reason FROM gaps WHERE stream = ?1 AND end > ?2 AND start < ?3 ORDER BY end";
        self.all(sql, params![stream, window.from, window.to], |row| {
            Ok(GapSpan {
                start: self.col(row, 0)?,
                end: self.col(row, 1)?,
                reason: self.col(row, 2)?,
            })
        })
    }
}
