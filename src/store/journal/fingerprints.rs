//! Writes and reads fingerprints: the tables `fingerprints` and `fingerprint_blocks`.

use rusqlite::{Connection, params};

use super::Journal;
use super::outbox::{Result, execute};
use super::read::number;
use crate::fingerprint::{Chosen, Keyframe, read_block};
use crate::media::RecordingId;
use crate::store::StoreError;
use crate::store::fingerprint::{Fingerprint, FingerprintChange, Fingerprinted};

/// The key of a recording by its id.
const KEY: &str = "(SELECT r.recording FROM recordings r WHERE r.id = ?1)";

pub(super) fn change(db: &Connection, change: &FingerprintChange) -> Result {
    match change {
        FingerprintChange::Asked(recording) => {
            let id = recording.to_bytes();
            execute(
                db,
                &format!("DELETE FROM fingerprints WHERE recording = {KEY} AND NOT due"),
                params![id],
            )?;
            execute(
                db,
                "INSERT OR IGNORE INTO fingerprints (recording, due) SELECT recording, 1 FROM recordings WHERE id = ?1",
                params![id],
            )
        }
        FingerprintChange::Failed { recording, reason } => execute(
            db,
            &format!("UPDATE fingerprints SET due = 0, reason = ?2 WHERE recording = {KEY} AND due"),
            params![recording.to_bytes(), reason],
        ),
        FingerprintChange::Block {
            recording,
            block,
            bytes,
            keyframes,
            reached_ms,
            lost,
        } => {
            let id = recording.to_bytes();
            execute(
                db,
                &format!(
                    "INSERT OR IGNORE INTO fingerprint_blocks (recording, block, keyframes)
                     SELECT f.recording, ?2, ?3 FROM fingerprints f WHERE f.recording = {KEY} AND f.due AND f.blocks = ?2"
                ),
                params![id, block, bytes],
            )?;
            execute(
                db,
                &format!(
                    "UPDATE fingerprints SET blocks = blocks + 1, keyframes = keyframes + ?3, reached = ?4,
                        lost = iif(blocks = 0, ?5, lost) WHERE recording = {KEY} AND due AND blocks = ?2"
                ),
                params![id, block, keyframes, reached_ms, lost],
            )
        }
        FingerprintChange::Whole { recording, chosen } => execute(
            db,
            &format!("UPDATE fingerprints SET chosen = ?2, due = 0 WHERE recording = {KEY} AND due"),
            params![
                recording.to_bytes(),
                serde_json::to_string(chosen).unwrap_or_default()
            ],
        ),
    }
}

/// What represents a recording, by its column.
pub(super) fn chosen_of(text: Option<String>) -> Option<Chosen> {
    serde_json::from_str(&text?).ok()
}

impl Journal {
    pub(in crate::store) fn fingerprint(
        &self,
        id: RecordingId,
    ) -> std::result::Result<Option<Fingerprint>, StoreError> {
        let sql = format!(
            "SELECT blocks, keyframes, reached, lost, chosen, due, reason FROM fingerprints WHERE recording = {KEY}"
        );
        self.one(&sql, params![id.to_bytes()], |row| {
            Ok(Fingerprint {
                blocks: self.col(row, 0)?,
                keyframes: number(self.col(row, 1)?),
                reached_ms: self.col(row, 2)?,
                lost: self.col(row, 3)?,
                chosen: chosen_of(self.col(row, 4)?),
                due: self.col(row, 5)?,
                reason: self.col(row, 6)?,
            })
        })
    }

    /// The recording whose fingerprint is to be made first.
    pub(in crate::store) fn fingerprint_due(&self) -> std::result::Result<Option<RecordingId>, StoreError> {
        let sql = "SELECT r.id FROM fingerprints f CROSS JOIN recordings r ON r.recording = f.recording
             WHERE f.due ORDER BY f.recording LIMIT 1";
        self.one(sql, [], |row| Ok(RecordingId::from_bytes(self.col(row, 0)?)))
    }

    /// Recordings with fingerprints, behind a key, in order.
    pub(in crate::store) fn fingerprinted(
        &self,
        after: i64,
        most: usize,
    ) -> std::result::Result<Vec<Fingerprinted>, StoreError> {
        let sql = "SELECT f.recording, r.id, t.name, f.reached, f.keyframes, f.lost FROM fingerprints f
             CROSS JOIN recordings r ON r.recording = f.recording CROSS JOIN streams t ON t.stream = r.stream
             WHERE f.recording > ?1 AND f.blocks > 0 ORDER BY f.recording LIMIT ?2";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.all(sql, params![after, most], |row| {
            Ok(Fingerprinted {
                key: self.col(row, 0)?,
                id: RecordingId::from_bytes(self.col(row, 1)?),
                stream: self.col(row, 2)?,
                reached_ms: self.col(row, 3)?,
                bytes: number(self.col(row, 4)?) * 40,
                lost: self.col(row, 5)?,
            })
        })
    }

    /// The keyframes of a recording, in order.
    pub(in crate::store) fn keyframes(
        &self,
        id: RecordingId,
        see: impl FnMut(&Keyframe),
    ) -> std::result::Result<(), StoreError> {
        let sql = "SELECT recording FROM recordings WHERE id = ?1";
        match self.one(sql, params![id.to_bytes()], |row| self.col(row, 0))? {
            Some(key) => self.keyframes_of(key, see),
            None => Ok(()),
        }
    }

    /// The same by its key. One block is in memory at a time.
    pub(in crate::store) fn keyframes_of(
        &self,
        key: i64,
        mut see: impl FnMut(&Keyframe),
    ) -> std::result::Result<(), StoreError> {
        let sql = "SELECT keyframes FROM fingerprint_blocks WHERE recording = ?1 ORDER BY block";
        self.each(sql, params![key], |row| {
            let bytes = row.get_ref(0).map_err(|error| self.error(error))?;
            let bytes = bytes.as_blob().unwrap_or_default();
            let keyframes = read_block(bytes).map_err(|bad| self.row_error(bad.to_string()))?;
            keyframes.for_each(|keyframe| see(&keyframe));
            Ok(())
        })
    }
}
