//! Counts rows of the journal.

use std::collections::BTreeMap;

use rusqlite::params;

use super::Journal;
use super::read::number;
use crate::format::Format;
use crate::media::Micros;
use crate::store::figures::{MissedCounts, RecordingCounts, Waiting};
use crate::store::{RecordingSpec, RecordingState, StoreError};

/// The recordings in a state, but for ranges of compositions.
const IN_STATE: &str = "SELECT count(*) FROM recordings WHERE state = ?1 AND whole IS NULL";

impl Journal {
    /// The number of recordings in each state.
    pub(in crate::store) fn recording_counts(&self) -> Result<RecordingCounts, StoreError> {
        Ok(RecordingCounts {
            open: self.recordings_in(RecordingState::Open)?,
            closed: self.recordings_in(RecordingState::Closed)?,
            delivered: self.recordings_in(RecordingState::Delivered)?,
        })
    }

    fn recordings_in(&self, state: RecordingState) -> Result<u64, StoreError> {
        let count = self.one(IN_STATE, params![state.as_str()], |row| {
            self.col(row, 0).map(number)
        })?;
        Ok(count.unwrap_or(0))
    }

    /// The renditions of closed recordings that wait for delivery. A format with a failed rendition and no waiting one does not
    /// wait.
    pub(in crate::store) fn waiting_renditions(&self) -> Result<Waiting, StoreError> {
        let sql = "SELECT f.value, count(*) FROM recordings r
                JOIN json_each(iif(json_valid(r.spec), json_extract(r.spec, '$.reel.formats'), ?1)) f
            WHERE r.state = 'closed' AND r.whole IS NULL AND (
                EXISTS (SELECT 1 FROM renditions d WHERE d.recording = r.id AND d.format = f.value AND d.state = 'waiting')
                OR NOT EXISTS (SELECT 1 FROM renditions d WHERE d.recording = r.id AND d.format = f.value))
            GROUP BY f.value";
        // A recording that was found again has no spec, and counts as one of the built-in template.
        let built_in = RecordingSpec::built_in().output.formats;
        let built_in: Vec<&str> = built_in.iter().map(|format| format.as_str()).collect();
        let rows = self.all(sql, params![crate::defect::json(&built_in)], |row| {
            Ok((self.col::<String>(row, 0)?, number(self.col(row, 1)?)))
        })?;
        let formats = rows
            .into_iter()
            .filter_map(|(format, count)| Some((format.parse::<Format>().ok()?, count)));
        Ok(Waiting {
            formats: formats.collect(),
            oldest_end: self.oldest_waiting()?,
        })
    }

    /// UTC of the end of the recording that has waited longest for its delivery, and has no failed one.
    pub(in crate::store) fn oldest_waiting(&self) -> Result<Option<Micros>, StoreError> {
        let oldest = format!(
            "SELECT utc_offset + boot_zero - tape_zero + r.end FROM recordings r INDEXED BY recordings_deliver
                JOIN publishes p ON p.publish = ifnull(r.last_publish, r.publish) JOIN boots USING (boot)
            WHERE r.state = 'closed' AND NOT r.aside AND r.whole IS NULL AND ifnull(r.review, 0) = 0 AND r.end > {} ORDER BY r.end LIMIT 1",
            Micros::MIN
        );
        self.one(&oldest, [], |row| self.col(row, 0))
    }

    /// The numbers of events that listeners did not accept.
    pub(in crate::store) fn missed_counts(&self) -> Result<BTreeMap<String, MissedCounts>, StoreError> {
        let sql = "SELECT listener, count(due), count(*) FROM callbacks GROUP BY listener";
        let rows = self.all(sql, [], |row| {
            let (waiting, all) = (number(self.col(row, 1)?), number(self.col(row, 2)?));
            let counts = MissedCounts {
                waiting,
                given_up: all.saturating_sub(waiting),
            };
            Ok((self.col::<String>(row, 0)?, counts))
        })?;
        Ok(rows.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_are_counted_in_an_index_alone() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {IN_STATE}");
        let plan: String = journal
            .connection
            .query_row(&sql, params!["closed"], |row| row.get(3))
            .unwrap();
        assert_eq!(
            plan,
            "SEARCH recordings USING COVERING INDEX recordings_state (state=?)"
        );
    }
}
