//! Where a stream has tape whose chunks can be played.

use rusqlite::params;

use super::Journal;
use super::read::{between, few};
use super::window::Window;
use crate::config::Streams;
use crate::media::{Micros, SegmentId, StreamName};
use crate::store::StoreError;

impl Journal {
    /// The keys and names of streams, in the order of their names: of all that may have tape in a window. A stream that is named alone is
    /// not looked at.
    pub(in crate::store) fn streams_of(
        &self,
        streams: Option<&Streams>,
        window: Window,
    ) -> Result<Vec<(i64, StreamName)>, StoreError> {
        if let Some(Streams::One(name)) = streams {
            let key = self.stream_key(name)?;
            return Ok(key.map(|key| (key, name.clone())).into_iter().collect());
        }
        // The row of an open segment has no end yet.
        let sql = format!(
            "SELECT t.stream, name FROM streams t
             WHERE (SELECT s.start FROM segments s WHERE s.stream = t.stream AND s.end > ?1 ORDER BY s.end LIMIT 1) < ?2
                OR t.stream IN (SELECT +s.stream FROM segments s WHERE {})
             ORDER BY name",
            few("open")
        );
        // Segments overlap by less than a minute.
        let to = window.to.saturating_add(60_000_000);
        let mut all = self.all(&sql, params![window.from, to], |row| {
            Ok((self.col::<i64>(row, 0)?, self.stream(row, 1)?))
        })?;
        all.retain(|(_, name)| streams.is_none_or(|streams| streams.fits(name)));
        Ok(all)
    }

    /// UTC of the beginnings and ends of the sealed segments of a stream that have numbers and lie in a window, in the order of the
    /// tape. A few more may come.
    pub(in crate::store) fn played_spans(
        &self,
        stream: i64,
        window: Window,
    ) -> Result<Vec<(Micros, Micros)>, StoreError> {
        let sql = format!(
            "SELECT s.start, s.end, utc_offset + boot_zero - tape_zero
             FROM segments s CROSS JOIN publishes p ON p.publish = s.publish CROSS JOIN boots b ON b.boot = p.boot
             WHERE s.state = 'sealed' AND s.cuts = 0 AND +s.chunk IS NOT NULL AND {} ORDER BY s.end",
            between("?1", "?2", "?3")
        );
        self.all(&sql, params![stream, window.from, window.to], |row| {
            let utc: Micros = self.col(row, 2)?;
            let at = |tape: Micros| tape.saturating_add(utc);
            Ok((at(self.col(row, 0)?), at(self.col(row, 1)?)))
        })
    }

    /// UTC of the beginning of the oldest tape that is left of a segment's publish.
    pub(in crate::store) fn publish_begins(&self, segment: SegmentId) -> Result<Option<Micros>, StoreError> {
        let sql = "SELECT s.start + utc_offset + boot_zero - tape_zero
             FROM segments s CROSS JOIN publishes p ON p.publish = s.publish CROSS JOIN boots b ON b.boot = p.boot
             WHERE s.publish = (SELECT publish FROM segments WHERE id = ?1) AND s.state IN ('sealed', 'open')
             ORDER BY s.segment LIMIT 1";
        self.one(sql, params![segment.to_bytes()], |row| self.col(row, 0))
    }

    /// UTC of the end of the newest tape of a stream that was dated by a clock that was believed.
    pub(in crate::store) fn dated_until(&self, stream: i64) -> Result<Option<Micros>, StoreError> {
        let sql = "SELECT s.end + utc_offset + boot_zero - tape_zero
             FROM segments s CROSS JOIN publishes p ON p.publish = s.publish CROSS JOIN boots b ON b.boot = p.boot
             WHERE s.stream = ?1 AND s.end > ?2 AND s.end <= ?3 AND synced ORDER BY s.end DESC LIMIT 1";
        // The tape of one boot lies before the tape of the next.
        let mut next = Micros::MAX;
        for boot in self.boots()?.iter().rev() {
            if boot.synced {
                let found = self.one(sql, params![stream, boot.begins, next], |row| self.col(row, 0))?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            next = boot.begins;
        }
        Ok(None)
    }
}
