//! Counts rows of the journal.

use std::collections::BTreeMap;

use rusqlite::params;

use super::Journal;
use super::read::number;
use super::shown::{BY_CHANNEL, BY_SOMEBODY};
use crate::format::Format;
use crate::media::Micros;
use crate::store::figures::{KeptSpace, MissedCounts, RecordingCounts, TapeReach, Waiting, WaitingFormat};
use crate::store::{RecordingSpec, RecordingState, StoreError};

/// The recordings in a state, but for ranges of compositions.
const IN_STATE: &str = "SELECT count(*) FROM recordings WHERE state = ?1 AND whole IS NULL";

/// The formats of a recording `r`. A recording that was found again has no spec, and counts as one of the built-in template: ?1.
const OF_FORMATS: &str =
    "JOIN json_each(iif(json_valid(r.spec), json_extract(r.spec, '$.reel.formats'), ?1)) f";

/// A format with a failed rendition and no waiting one does not wait.
const FORMAT_WAITS: &str = "(EXISTS (SELECT 1 FROM renditions d WHERE d.recording = r.id AND d.format = f.value AND d.state = 'waiting')
    OR NOT EXISTS (SELECT 1 FROM renditions d WHERE d.recording = r.id AND d.format = f.value))";

fn built_in_formats() -> String {
    let built_in = RecordingSpec::built_in().output.formats;
    let built_in: Vec<&str> = built_in.iter().map(|format| format.as_str()).collect();
    crate::defect::json(&built_in)
}

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

    /// The renditions of closed recordings that wait for delivery.
    pub(in crate::store) fn waiting_renditions(&self) -> Result<Waiting, StoreError> {
        let sql = format!(
            "SELECT f.value, count(*) FROM recordings r {OF_FORMATS}
            WHERE r.state = 'closed' AND r.whole IS NULL AND {FORMAT_WAITS} GROUP BY f.value"
        );
        let rows = self.all(&sql, params![built_in_formats()], |row| {
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

    /// The files that wait for delivery, by format, of the recordings that have waited longest.
    pub(in crate::store) fn waiting_of_formats(&self, most: usize) -> Result<Vec<WaitingFormat>, StoreError> {
        let sql = format!(
            "SELECT f.value, count(*), sum(r.bytes) FROM (SELECT id, spec, bytes FROM recordings INDEXED BY recordings_deliver
                    WHERE state = 'closed' AND NOT aside AND whole IS NULL AND ifnull(review, 0) = 0 AND end > {}
                    ORDER BY end LIMIT ?2) r
                {OF_FORMATS}
            WHERE {FORMAT_WAITS} GROUP BY f.value",
            Micros::MIN
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = self.all(&sql, params![built_in_formats(), most], |row| {
            let (format, files, bytes): (String, _, _) = (
                self.col(row, 0)?,
                number(self.col(row, 1)?),
                number(self.col(row, 2)?),
            );
            Ok(format
                .parse()
                .ok()
                .map(|format| WaitingFormat { format, files, bytes }))
        })?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// The recordings that somebody protected, and those that channels show.
    pub(in crate::store) fn kept_space(&self, most: usize) -> Result<[KeptSpace; 2], StoreError> {
        let sql = "SELECT count(*), ifnull(sum(bytes), 0) FROM (SELECT bytes FROM recordings INDEXED BY recordings_protected
            WHERE protected AND protected & ?1 AND whole IS NULL LIMIT ?2)";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let kept = |by: i64| {
            let counted = self.one(sql, params![by, most], |row| {
                let count: i64 = self.col(row, 0)?;
                Ok(KeptSpace {
                    recordings: number(count),
                    bytes: number(self.col(row, 1)?),
                    more: count >= most,
                })
            })?;
            Ok::<_, StoreError>(counted.unwrap_or_default())
        };
        Ok([kept(BY_SOMEBODY)?, kept(BY_CHANNEL)?])
    }

    /// How far back the tape of each stream reaches. Two rows of each stream are read, and no others.
    pub(in crate::store) fn tape_reach(&self, most: usize) -> Result<(Vec<TapeReach>, bool), StoreError> {
        // Streams whose tape is gone keep their rows, and are stepped over.
        let sql = "WITH RECURSIVE k(stream) AS (SELECT min(stream) FROM segments
                UNION ALL SELECT (SELECT min(s.stream) FROM segments s WHERE s.stream > k.stream) FROM k WHERE k.stream IS NOT NULL LIMIT ?1)
            SELECT t.name, (SELECT utc_offset + boot_zero + (s.start - tape_zero) FROM segments s JOIN publishes USING (publish)
                    JOIN boots USING (boot) WHERE s.stream = k.stream AND s.state = 'sealed' ORDER BY s.end LIMIT 1),
                (SELECT utc_offset + boot_zero + (s.end - tape_zero) FROM segments s JOIN publishes USING (publish)
                    JOIN boots USING (boot) WHERE s.stream = k.stream AND s.state = 'sealed' ORDER BY s.end DESC LIMIT 1)
            FROM k JOIN streams t ON t.stream = k.stream";
        let look = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
        let found = self.all(sql, params![look], |row| {
            let (from, to): (Option<Micros>, Option<Micros>) = (self.col(row, 1)?, self.col(row, 2)?);
            let stream = self.stream(row, 0)?;
            Ok(from.zip(to).map(|(from, to)| TapeReach { stream, from, to }))
        })?;
        let more = found.len() > most;
        let mut found: Vec<TapeReach> = found.into_iter().take(most).flatten().collect();
        found.sort_by(|one, other| one.stream.cmp(&other.stream));
        Ok((found, more))
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
