//! Tape that stays longer than its own recordings, because another recording needs it for decoding.

use rusqlite::{OptionalExtension, params};

use super::Journal;
use super::candidates::Blocks;
use super::lead_in;
use super::outbox;
use super::sql::prepare;
use super::thin::{COLUMNS, Piece};
use crate::media::SegmentId;
use crate::store::StoreError;
use crate::store::thin::LOOK_BACK;

/// Number of recordings after a segment that are examined. A recording that is decoded with the segment begins soon after it.
/// So it is among the first, unless somebody cuts many clips out of the same minutes.
const NEXT: i64 = 64;

/// Most segments that are remembered as held. For other segments the search is made again.
const KNOWN: usize = 4_096;

impl Journal {
    /// Segments of `find`, at most `limit`, without those that a recording of a kind is decoded with. `find` takes the largest
    /// number that it may return.
    pub(super) fn not_held(
        &self,
        needed: &str,
        limit: usize,
        find: impl Fn(usize) -> Result<Vec<Blocks>, StoreError>,
    ) -> Result<Vec<Blocks>, StoreError> {
        let mut most = limit;
        loop {
            let found = find(most)?;
            let is_all = found.len() < most;
            let mut free = Vec::with_capacity(limit);
            for blocks in found {
                if free.len() < limit && !self.is_held(blocks.id, needed)? {
                    free.push(blocks);
                }
            }
            if free.len() >= limit || is_all {
                return Ok(free);
            }
            most = most.saturating_mul(2);
        }
    }

    fn is_held(&self, segment: SegmentId, needed: &str) -> Result<bool, StoreError> {
        let known = self.held.borrow().get(&segment).copied();
        let found = match known {
            Some(recording) => self.still_needs(recording, needed),
            None => Ok(false),
        };
        let found = found.and_then(|is_held| {
            if is_held {
                Ok(known)
            } else {
                self.holder(segment, needed)
            }
        });
        let holder = found.map_err(|error| self.error(error))?;
        let mut held = self.held.borrow_mut();
        if held.len() >= KNOWN {
            held.clear();
        }
        match holder {
            Some(recording) => held.insert(segment, recording),
            None => held.remove(&segment),
        };
        Ok(holder.is_some())
    }

    fn still_needs(&self, recording: i64, needed: &str) -> outbox::Result<bool> {
        let sql = format!("SELECT 1 FROM recordings o WHERE o.recording = ?1 AND {needed}");
        let found = prepare(&self.connection, &sql)?
            .query_row(params![recording], |_| Ok(()))
            .optional()?;
        Ok(found.is_some())
    }

    /// The recording that is decoded with a segment.
    fn holder(&self, segment: SegmentId, needed: &str) -> outbox::Result<Option<i64>> {
        let db = &self.connection;
        let sql = format!(
            "SELECT {COLUMNS} FROM segments s CROSS JOIN publishes p ON p.publish = s.publish WHERE s.id = ?1"
        );
        let piece = prepare(db, &sql)?
            .query_row(params![segment.to_bytes()], Piece::of)
            .optional()?;
        let Some(piece) = piece else { return Ok(None) };
        let sql = format!(
            "SELECT o.recording FROM segments s CROSS JOIN recordings o
             WHERE s.segment = ?1 AND o.stream = s.stream AND o.start >= s.end AND o.start < s.end + {LOOK_BACK} AND NOT o.composed
                AND {needed}
             ORDER BY o.start LIMIT {NEXT}"
        );
        let next: Vec<i64> = prepare(db, &sql)?
            .query_map(params![piece.key], |row| row.get(0))?
            .collect::<outbox::Result<_>>()?;
        for recording in next {
            if lead_in::of(db, recording)?.is_some_and(|lead| lead.needs(&piece)) {
                return Ok(Some(recording));
            }
        }
        Ok(None)
    }
}
