//! Searching, without reading what is not looked for: what a page of recordings is, and all that is shown of them, each with
//! one question for the whole page.

use rusqlite::params;

use super::delivery::RENDITION;
use super::read::{RECORDING, RecordingData, SEGMENT, SEGMENTS, SHARED, SegmentData, between, few, number};
use super::window::Window;
use super::{Journal, tracks};
use crate::config::Streams;
use crate::media::{Micros, RecordingId, Tracks};
use crate::store::{Query, RecordingState, Rendition, StoreError};

/// Times of a recording are rounded, and begin with a segment: what lies so close is looked at.
const CLOSE: Micros = 120_000_000;

/// Recordings `r` by their keys in the list `?1`.
const THESE: &str = "json_each(?1) k CROSS JOIN recordings r ON r.recording = k.value";

/// Tape time at which a recording `r` ends, unless it grows.
const LIMIT: &str = "iif(r.state = 'open' AND NOT r.paused, ifnull(r.ends, 4611686018427387903), r.end)";

/// The name, or what SQLite's GLOB takes for the pattern: there, more than `*` means something.
fn as_sql(streams: &Streams) -> String {
    match streams {
        Streams::One(name) => name.as_str().to_owned(),
        Streams::Fitting(pattern) => pattern.as_str().replace('[', "[[]").replace('?', "[?]"),
    }
}

impl Journal {
    /// Recordings that may answer a query, in the order of their starts, behind its place. Of their times only those are told
    /// apart that need no look at the tape.
    pub(in crate::store) fn candidates(&self, query: &Query) -> Result<Vec<RecordingData>, StoreError> {
        let (from, to) = self.starts(query)?;
        let mut wheres =
            vec!["(r.start, r.recording) > (?1, ?2) AND r.start >= ?3 AND r.start < ?4".to_owned()];
        // One index is gone by: that of the few that are open, of a stream, of a state.
        let is_open = query.state == Some(RecordingState::Open);
        if let Some(state) = query.state {
            let other = if matches!(query.stream, Some(Streams::One(_))) && !is_open {
                "+"
            } else {
                ""
            };
            wheres.push(format!("{other}r.state = '{}'", state.as_str()));
        }
        match query.stream {
            Some(Streams::One(_)) => {
                let other = if is_open { "+" } else { "" };
                wheres.push(format!(
                    "{other}r.stream = (SELECT stream FROM streams WHERE name = ?5)"
                ));
            }
            Some(Streams::Fitting(_)) => {
                wheres.push("+r.stream IN (SELECT stream FROM streams WHERE name GLOB ?5)".to_owned());
            }
            None => (),
        }
        if query.prefix.is_some() {
            wheres.push(
                "+r.stream IN (SELECT stream FROM streams WHERE substr(name, 1, length(?6)) = ?6)".to_owned(),
            );
        }
        if query.template.is_some() {
            wheres.push("iif(json_valid(spec), json_extract(spec, '$.template'), NULL) = ?7".to_owned());
        }
        if !query.tags.is_empty() {
            wheres.push(
                "NOT EXISTS (SELECT value FROM json_each(?8)
                    EXCEPT SELECT value FROM json_each(iif(json_valid(r.tags), r.tags, '[]')))"
                    .to_owned(),
            );
        }
        if query.from.is_some() || query.to.is_some() {
            // Where a recording ends in UTC is what the segment says in which it ends: it may be of another publish and
            // another boot than its beginning.
            wheres.push(
                "utc_offset + boot_zero - tape_zero + r.start < ?9
                AND (r.state = 'open' OR utc_offset + boot_zero - tape_zero + r.end > ?10 OR ?10 < (
                    SELECT c.utc_offset + q.boot_zero - q.tape_zero + r.end
                    FROM segments s JOIN publishes q ON q.publish = s.publish JOIN boots c ON c.boot = q.boot
                    WHERE s.stream = r.stream AND s.end >= r.end ORDER BY s.end LIMIT 1))"
                    .to_owned(),
            );
        }
        let sql = format!(
            "{RECORDING} WHERE {} ORDER BY r.start, r.recording LIMIT ?11",
            wheres.join("\n    AND ")
        );
        let after = query.after.unwrap_or_default();
        let values = params![
            after.start,
            after.recording,
            from,
            to,
            query.stream.as_ref().map(as_sql),
            query.prefix.as_deref(),
            query.template.as_deref(),
            serde_json::Value::from(query.tags.as_slice()).to_string(),
            query.to.map_or(Micros::MAX, |to| to.saturating_add(CLOSE)),
            query.from.map_or(Micros::MIN, |from| from.saturating_sub(CLOSE)),
            i64::try_from(query.limit).unwrap_or(i64::MAX),
        ];
        self.all(&sql, values, |row| self.recording_data(row))
    }

    /// Tape time from and before which a recording begins that shares a moment with what is asked for.
    fn starts(&self, query: &Query) -> Result<(Micros, Micros), StoreError> {
        if query.from.is_none() && query.to.is_none() {
            return Ok((Micros::MIN, Micros::MAX));
        }
        let close =
            |time: Option<Micros>, or: Micros, by: Micros| time.map_or(or, |time| time.saturating_add(by));
        let window = Window::of(
            &self.boots()?,
            close(query.from, Micros::MIN, -CLOSE),
            close(query.to, Micros::MAX, CLOSE),
        );
        let sql = "SELECT (SELECT max(end - start) FROM recordings),
            (SELECT min(start) FROM recordings WHERE state = 'open')";
        let (longest, open): (Option<Micros>, Option<Micros>) = self
            .one(sql, [], |row| Ok((self.col(row, 0)?, self.col(row, 1)?)))?
            .unwrap_or_default();
        let from = window
            .from
            .saturating_sub(longest.unwrap_or(0).max(0))
            .saturating_sub(CLOSE);
        // Of what is open nobody knows how long it is.
        Ok((from.min(open.unwrap_or(Micros::MAX)), window.to))
    }

    /// The recordings whose ids lie between two, the smaller ones first.
    pub(in crate::store) fn recordings_between(
        &self,
        [first, last]: [RecordingId; 2],
        limit: usize,
    ) -> Result<Vec<RecordingData>, StoreError> {
        let sql = format!("{RECORDING} WHERE r.id BETWEEN ?1 AND ?2 ORDER BY r.id LIMIT ?3");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = params![first.to_bytes(), last.to_bytes(), limit];
        self.all(&sql, values, |row| self.recording_data(row))
    }

    /// How many that are.
    pub(in crate::store) fn count_between(
        &self,
        [first, last]: [RecordingId; 2],
    ) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM recordings WHERE id BETWEEN ?1 AND ?2";
        let count = self.one(sql, params![first.to_bytes(), last.to_bytes()], |row| {
            Ok(number(self.col(row, 0)?))
        })?;
        Ok(usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX))
    }

    /// The recording that began last.
    pub(in crate::store) fn newest_recording(&self) -> Result<Option<RecordingData>, StoreError> {
        let sql = format!(
            "{RECORDING} WHERE r.start > {} ORDER BY r.start DESC, r.recording DESC LIMIT 1",
            Micros::MIN
        );
        self.one(&sql, [], |row| self.recording_data(row))
    }

    /// Hands over the sealed segments of recordings, recording by recording, each in the order of the tape.
    pub(in crate::store) fn sealed_of(
        &self,
        recordings: &[i64],
        mut each: impl FnMut(i64, SegmentData),
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT r.recording, {SEGMENT} FROM {THESE} CROSS JOIN {SEGMENTS}
             WHERE s.state = 'sealed' AND {} AND min(s.end, {LIMIT}) - max(s.start, r.start)
                > iif(r.exact, 0, min(?2, (s.end - s.start) / 2))",
            between("r.stream", "r.start", LIMIT),
        );
        let mut decode = memo();
        self.each(&sql, params![keys(recordings), SHARED], |row| {
            each(self.col(row, 0)?, self.segment_data_at(row, 1, &mut decode)?);
            Ok(())
        })
    }

    /// The open segments that may belong to recordings: of each those of its stream that began before its end.
    pub(in crate::store) fn open_of(
        &self,
        recordings: &[i64],
    ) -> Result<Vec<(i64, SegmentData)>, StoreError> {
        let sql = format!(
            "SELECT r.recording, {SEGMENT} FROM {THESE} CROSS JOIN {SEGMENTS}
             WHERE {} AND +s.stream = r.stream
                AND s.start < {LIMIT} - iif(r.exact, 0, min(?2, ({LIMIT} - r.start) / 2))",
            few("open"),
        );
        let mut decode = memo();
        self.all(&sql, params![keys(recordings), SHARED], |row| {
            Ok((self.col(row, 0)?, self.segment_data_at(row, 1, &mut decode)?))
        })
    }

    /// What is known of the renditions of recordings.
    pub(in crate::store) fn renditions_of(
        &self,
        recordings: &[i64],
    ) -> Result<Vec<(i64, Rendition)>, StoreError> {
        let sql = format!(
            "SELECT r.recording, {RENDITION} FROM {THESE} CROSS JOIN renditions d ON d.recording = r.id
             ORDER BY k.key, d.format, d.part"
        );
        self.all(&sql, params![keys(recordings)], |row| {
            Ok((self.col(row, 0)?, self.rendition_at(row, 1)?))
        })
    }
}

/// Reads tracks that are, most of the time, those of the row before.
fn memo() -> impl FnMut(&str) -> Option<Tracks> {
    let mut known: Option<(String, Tracks)> = None;
    move |text| match &known {
        Some((same, tracks)) if same == text => Some(tracks.clone()),
        _ => {
            let tracks = tracks::decode(text)?;
            known = Some((text.to_owned(), tracks.clone()));
            Some(tracks)
        }
    }
}

/// A list that a statement takes as one value.
fn keys(recordings: &[i64]) -> String {
    serde_json::Value::from(recordings).to_string()
}
