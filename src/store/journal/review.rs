//! Reviews: the columns `review` and `review_reason` of `recordings`, and the table `reviewed`, which triggers of the schema keep.

use rusqlite::{Connection, OptionalExtension, params};

use super::candidates::SHARING;
use super::outbox::{Result, execute, post};
use super::read::between;
use super::sql::{WHOLE, prepare};
use super::{Journal, tags};
use crate::event::{Event, RecordingReviewed};
use crate::media::{Micros, RecordingId};
use crate::model::{OnBlock, Review, ReviewStatus};
#[cfg(test)]
use crate::store::Held;
use crate::store::review::{ReviewedChange, ReviewedTape};
use crate::store::{RecordingSpec, StoreError, TapeSpan};

/// The number of a status in the journal.
pub(super) fn number_of(status: ReviewStatus) -> i64 {
    match status {
        ReviewStatus::Pass => 0,
        ReviewStatus::Review => 1,
        ReviewStatus::Block => 2,
    }
}

/// The status of a number. Whatever no release writes is held back.
pub(super) fn status_of(number: i64) -> ReviewStatus {
    let of = |status: &ReviewStatus| number_of(*status) == number;
    ReviewStatus::ALL
        .into_iter()
        .find(of)
        .unwrap_or(ReviewStatus::Block)
}

/// The review of the columns. A reason that no release writes counts as none.
pub(super) fn review_of(status: Option<i64>, reason: Option<String>) -> Option<Review> {
    Some(Review {
        status: status_of(status?),
        reason: reason.and_then(|reason| reason.try_into().ok()),
        asks: false,
    })
}

/// The condition that a recording `r` has no tape that is blocked. A composition has that of its ranges.
pub(super) const UNBLOCKED: &str = "NOT EXISTS (SELECT 1 FROM reviewed b INDEXED BY reviewed_blocked WHERE b.review = 2
        AND b.stream = r.stream AND NOT r.composed
        AND b.start < iif(r.state = 'open', 1 << 54, r.end) - 100000 AND b.end > r.start + 100000)
    AND NOT EXISTS (SELECT 1 FROM recordings p CROSS JOIN reviewed b INDEXED BY reviewed_blocked ON b.review = 2
        AND b.stream = p.stream AND b.start < p.end - 100000 AND b.end > p.start + 100000 WHERE p.whole = r.recording)";

/// Recordings that are over, and of which a service is to say whether viewers may have them.
const ASKED: &str =
    "recordings INDEXED BY recordings_asks WHERE asks AND asks = 1 AND state = 'closed' AND review = 1";

/// Notes what a review says. What is held back is not delivered: what was begun is given up. `tell` is the time of the event.
pub(super) fn review(
    db: &Connection,
    id: RecordingId,
    review: &Review,
    on_block: OnBlock,
    tell: Option<Micros>,
) -> Result {
    let reason = review.reason.as_ref().map(|reason| reason.as_str());
    let changed = prepare(
        db,
        "UPDATE recordings SET review = ?2, review_reason = ?3
         WHERE id = ?1 AND (review IS NOT ?2 OR review_reason IS NOT ?3)",
    )?
    .execute(params![id.to_bytes(), number_of(review.status), reason])?;
    execute(
        db,
        "UPDATE recordings SET asks = ?2 WHERE id = ?1 AND asks <> ?2",
        params![id.to_bytes(), review.asks],
    )?;
    let is_blocked = review.status == ReviewStatus::Block;
    // A block that is said again removes, or tags, what had stayed at its destination.
    if review.status.holds_back() && (changed > 0 || (is_blocked && on_block == OnBlock::Delete)) {
        give_up(db, id, is_blocked && on_block == OnBlock::Delete)?;
    }
    if (is_blocked && on_block == OnBlock::Tag) || changed > 0 {
        tags::say(db, id, review.status, is_blocked && on_block == OnBlock::Tag)?;
    }
    match tell.filter(|_| changed > 0) {
        Some(utc) => told(db, id, review, utc),
        None => Ok(()),
    }
}

/// Takes back the delivery of a recording: what was begun, and with `all` what was delivered, too.
fn give_up(db: &Connection, id: RecordingId, all: bool) -> Result {
    execute(
        db,
        "UPDATE renditions SET state = 'removing', error = NULL
         WHERE recording = ?1 AND key IS NOT NULL AND (state IN ('waiting', 'failed') OR (?2 AND state = 'delivered'))",
        params![id.to_bytes(), all],
    )?;
    // It is to be delivered again, once it is passed.
    execute(
        db,
        "UPDATE recordings SET state = 'closed' WHERE id = ?1 AND state = 'delivered'
            AND EXISTS (SELECT 1 FROM renditions d WHERE d.recording = ?1 AND d.state = 'removing')",
        params![id.to_bytes()],
    )?;
    execute(
        db,
        "UPDATE recordings SET aside = 0 WHERE id = ?1 AND aside",
        params![id.to_bytes()],
    )
}

fn told(db: &Connection, id: RecordingId, review: &Review, utc: Micros) -> Result {
    let sql = "SELECT name, spec FROM recordings JOIN streams USING (stream) WHERE id = ?1";
    let found = prepare(db, sql)?.query_row(params![id.to_bytes()], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?))
    });
    let Some((stream, spec)) = found.optional()? else {
        return Ok(());
    };
    let event = Event::RecordingReviewed(Box::new(RecordingReviewed {
        stream,
        recording: id.to_string(),
        status: review.status,
        reason: review.reason.clone(),
        about: RecordingSpec::read(&spec).about,
    }));
    post(db, &event, utc)
}

/// True for a recording that is not to be delivered now.
pub(super) fn is_held_back(db: &Connection, id: RecordingId) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM recordings WHERE id = ?1 AND review > 0)";
    prepare(db, sql)?.query_row(params![id.to_bytes()], |row| row.get(0))
}

/// Forgets the intervals of removed recordings that have no tape any more.
pub(super) fn forget_without_tape(db: &Connection) -> Result {
    let sql = format!(
        "DELETE FROM reviewed AS r WHERE r.gone
            AND NOT EXISTS (SELECT 1 FROM segments s WHERE {} AND s.state NOT IN ('spare', 'wipe'))",
        between("r.stream", "r.start", "r.end")
    );
    execute(db, &sql, [])
}

/// Notes which rows of `reviewed` change, for this connection: the triggers and the table are its own, and a transaction that
/// is taken back takes its notes back.
pub(super) fn watch(db: &Connection) -> Result {
    db.execute_batch(
        "CREATE TEMP TABLE reviewed_changed (id BLOB PRIMARY KEY) WITHOUT ROWID;
         CREATE TEMP TRIGGER reviewed_put AFTER INSERT ON main.reviewed BEGIN
             INSERT OR IGNORE INTO reviewed_changed VALUES (new.id); END;
         CREATE TEMP TRIGGER reviewed_set AFTER UPDATE ON main.reviewed BEGIN
             INSERT OR IGNORE INTO reviewed_changed VALUES (new.id); END;
         CREATE TEMP TRIGGER reviewed_gone AFTER DELETE ON main.reviewed BEGIN
             INSERT OR IGNORE INTO reviewed_changed VALUES (old.id); END;",
    )
}

impl Journal {
    /// The reviewed tape of recordings that changed since the last call of this or [`reviewed`](Self::reviewed).
    pub(in crate::store) fn reviewed_changes(&self) -> std::result::Result<Vec<ReviewedChange>, StoreError> {
        let sql = format!(
            "{WHOLE}SELECT c.id, name, v.start, v.end, v.review FROM reviewed_changed c
                LEFT JOIN reviewed v ON v.id = c.id LEFT JOIN streams t ON t.stream = v.stream"
        );
        let changes = self.all(&sql, [], |row| {
            let id = RecordingId::from_bytes(self.col(row, 0)?);
            let Some(status) = self.col::<Option<i64>>(row, 4)? else {
                return Ok((id, None));
            };
            let range = TapeSpan {
                stream: self.stream(row, 1)?,
                from: self.col(row, 2)?,
                to: self.col(row, 3)?,
            };
            Ok((id, Some((range, status_of(status)))))
        })?;
        if !changes.is_empty() {
            self.forget_changes()?;
        }
        Ok(changes)
    }

    fn forget_changes(&self) -> std::result::Result<(), StoreError> {
        execute(&self.connection, "DELETE FROM reviewed_changed", []).map_err(|error| self.error(error))
    }

    /// The reviewed tape of all recordings.
    pub(in crate::store) fn reviewed(&self) -> std::result::Result<Vec<ReviewedTape>, StoreError> {
        self.forget_changes()?;
        self.reviewed_now()
    }

    /// What is held back from viewers, read whole.
    #[cfg(test)]
    pub(in crate::store) fn held(&self) -> std::result::Result<Held, StoreError> {
        Ok(Held::of(self.reviewed_now()?))
    }

    fn reviewed_now(&self) -> std::result::Result<Vec<ReviewedTape>, StoreError> {
        let sql = format!(
            "{WHOLE}SELECT name, v.start, v.end, v.review, v.id FROM reviewed v CROSS JOIN streams t ON t.stream = v.stream"
        );
        self.all(&sql, [], |row| {
            let range = TapeSpan {
                stream: self.stream(row, 0)?,
                from: self.col(row, 1)?,
                to: self.col(row, 2)?,
            };
            Ok((
                RecordingId::from_bytes(self.col(row, 4)?),
                range,
                status_of(self.col(row, 3)?),
            ))
        })
    }

    /// The tape of a composition.
    pub(in crate::store) fn tape_of_composition(
        &self,
        key: i64,
    ) -> std::result::Result<Vec<TapeSpan>, StoreError> {
        let sql = "SELECT name, p.start, p.end FROM recordings p CROSS JOIN streams t ON t.stream = p.stream
             WHERE p.whole = ?1 ORDER BY p.position";
        self.all(sql, params![key], |row| {
            Ok(TapeSpan {
                stream: self.stream(row, 0)?,
                from: self.col(row, 1)?,
                to: self.col(row, 2)?,
            })
        })
    }

    /// What a review says of a recording, if there was one.
    pub(in crate::store) fn review(
        &self,
        id: RecordingId,
    ) -> std::result::Result<Option<Review>, StoreError> {
        let sql = "SELECT review, review_reason, asks FROM recordings WHERE id = ?1";
        let found = self.one(sql, params![id.to_bytes()], |row| {
            let review = review_of(self.col(row, 0)?, self.col(row, 1)?);
            let asks = self.col(row, 2)?;
            Ok(review.map(|review| Review { asks, ..review }))
        })?;
        Ok(found.flatten())
    }

    /// Recordings that are over, and of which a service is to say whether viewers may have them: those behind a place of the list,
    /// each with its own.
    pub(in crate::store) fn to_ask(
        &self,
        after: i64,
        most: usize,
    ) -> std::result::Result<Vec<(i64, RecordingId)>, StoreError> {
        let sql = format!("SELECT recording, id FROM {ASKED} AND recording > ?1 ORDER BY recording LIMIT ?2");
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.all(&sql, params![after, most], |row| {
            Ok((self.col(row, 0)?, RecordingId::from_bytes(self.col(row, 1)?)))
        })
    }

    /// How many there are of them, counted up to `most`.
    pub(in crate::store) fn waiting_to_ask(&self, most: usize) -> std::result::Result<usize, StoreError> {
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {ASKED} LIMIT ?1)");
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let count = self.one(&sql, params![most], |row| self.col::<i64>(row, 0))?;
        Ok(usize::try_from(count.unwrap_or_default()).unwrap_or_default())
    }

    /// Some of the other recordings that have tape of a recording, or nearly, with their reviews.
    pub(in crate::store) fn sharing_tape(
        &self,
        id: RecordingId,
        most: usize,
    ) -> std::result::Result<Vec<(RecordingId, Option<Review>)>, StoreError> {
        let sql = format!(
            "WITH own AS (SELECT recording FROM recordings WHERE id = ?1),
                s AS (SELECT recording, stream, start, end FROM recordings WHERE id = ?1 AND NOT composed
                    UNION ALL SELECT p.recording, p.stream, p.start, p.end FROM own CROSS JOIN recordings p
                        ON p.whole = own.recording),
                other AS (SELECT DISTINCT ifnull(o.whole, o.recording) AS recording FROM s CROSS JOIN {SHARING}
                    WHERE o.recording <> s.recording AND o.whole IS NOT (SELECT recording FROM own)
                        AND o.end > s.start + 100000 AND o.start < s.end - 100000)
             SELECT r.id, r.review, r.review_reason FROM other CROSS JOIN recordings r ON r.recording = other.recording
             WHERE r.id <> ?1 ORDER BY r.recording LIMIT ?2"
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.all(&sql, params![id.to_bytes(), most], |row| {
            let review = review_of(self.col(row, 1)?, self.col(row, 2)?);
            Ok((RecordingId::from_bytes(self.col(row, 0)?), review))
        })
    }
}
