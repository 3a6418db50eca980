//! The tags of delivered files: `tag` of `renditions` is the review that a file is to say at its destination, and `tag_due` whether it
//! says so.
//!
//! ```text
//! tag NULL             the file never got a tag
//! tag_due 1            it is to get one; `error` says why that fails again and again
//! tag_due 2            its store refused one, and `error` says why: it waits for somebody to act, or for the next day
//! tag_due 0            its store has it
//! ```

use rusqlite::{Connection, params};

use super::Journal;
use super::delivery::RENDITION;
use super::outbox::{Result, execute};
use super::review::{number_of, status_of};
use crate::media::RecordingId;
use crate::model::ReviewStatus;
use crate::store::StoreError;
use crate::store::delivery::{Rendition, RenditionId};

/// Has the delivered files of a recording say what a review says: `all` of them, or those that have a tag.
pub(super) fn say(db: &Connection, id: RecordingId, status: ReviewStatus, all: bool) -> Result {
    execute(
        db,
        "UPDATE renditions SET tag = ?2, tag_due = 1, error = NULL
         WHERE recording = ?1 AND state = 'delivered' AND (?3 OR tag IS NOT NULL) AND (tag IS NOT ?2 OR tag_due = 2)",
        params![id.to_bytes(), number_of(status), all],
    )
}

/// Has a file that was found at its destination say what the review of its recording says: it may have a tag of before.
pub(super) fn say_again(db: &Connection, id: RenditionId) -> Result {
    execute(
        db,
        "UPDATE renditions SET tag_due = 1, tag = (SELECT review FROM recordings WHERE id = ?1)
         WHERE recording = ?1 AND format = ?2 AND part = ?3 AND state = 'delivered'
            AND (SELECT review FROM recordings WHERE id = ?1) IS NOT NULL",
        params![id.recording.to_bytes(), id.format.as_str(), id.part],
    )
}

/// A file says this. Where it is to say something else meanwhile, it still is.
pub(super) fn said(db: &Connection, id: RenditionId, status: ReviewStatus) -> Result {
    execute(
        db,
        "UPDATE renditions SET tag_due = 0, error = NULL
         WHERE recording = ?1 AND format = ?2 AND part = ?3 AND tag = ?4 AND tag_due <> 0",
        params![
            id.recording.to_bytes(),
            id.format.as_str(),
            id.part,
            number_of(status)
        ],
    )
}

/// A file does not say this, for a reason.
pub(super) fn refused(db: &Connection, id: RenditionId, status: ReviewStatus, reason: &str) -> Result {
    execute(
        db,
        "UPDATE renditions SET tag_due = 2, error = ?5
         WHERE recording = ?1 AND format = ?2 AND part = ?3 AND tag = ?4 AND tag_due = 1",
        params![
            id.recording.to_bytes(),
            id.format.as_str(),
            id.part,
            number_of(status),
            reason
        ],
    )
}

/// A file does not say this yet, for a reason. It still is to say it.
pub(super) fn fails(db: &Connection, id: RenditionId, status: ReviewStatus, reason: &str) -> Result {
    execute(
        db,
        "UPDATE renditions SET error = ?5
         WHERE recording = ?1 AND format = ?2 AND part = ?3 AND tag = ?4 AND tag_due = 1 AND state = 'delivered'",
        params![
            id.recording.to_bytes(),
            id.format.as_str(),
            id.part,
            number_of(status),
            reason
        ],
    )
}

/// A tag took the place of a file: what is there is to be removed, and the file is delivered again where the recording may be.
pub(super) fn spoiled(db: &Connection, id: RenditionId) -> Result {
    let recording = id.recording.to_bytes();
    execute(
        db,
        "UPDATE renditions SET state = 'removing', error = NULL, tag = NULL, tag_due = 0
         WHERE recording = ?1 AND format = ?2 AND part = ?3 AND state = 'delivered'",
        params![recording, id.format.as_str(), id.part],
    )?;
    execute(
        db,
        "UPDATE recordings SET state = 'closed' WHERE id = ?1 AND state = 'delivered'",
        params![recording],
    )
}

/// Asks again for tags that were refused.
pub(super) fn retry(db: &Connection) -> Result {
    execute(
        db,
        "UPDATE renditions SET tag_due = 1, error = NULL WHERE tag_due <> 0 AND tag_due = 2",
        [],
    )
}

impl Journal {
    /// Delivered files that are to say at their destination what a review says.
    pub(in crate::store) fn to_tag(
        &self,
        limit: usize,
    ) -> std::result::Result<Vec<(Rendition, ReviewStatus)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = format!(
            "SELECT {RENDITION}, d.tag FROM renditions d
             WHERE tag_due <> 0 AND tag_due = 1 AND state = 'delivered' AND tag IS NOT NULL LIMIT ?1"
        );
        self.all(&sql, params![limit], |row| {
            Ok((self.rendition_at(row, 0)?, status_of(self.col(row, 19)?)))
        })
    }
}
