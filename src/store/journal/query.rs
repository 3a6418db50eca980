//! Searches that read only the rows they look for: the recordings of a page. For each kind of rows that lists show of
//! recordings, one query reads the rows of the whole page.

use rusqlite::params;

use super::delivery::RENDITION;
use super::read::{RECORDING, RecordingData, SEGMENT, SEGMENTS, SHARED, SegmentData, between, few, number};
use super::window::Window;
use super::{Journal, tracks};
use crate::config::{StreamSet, Streams};
use crate::media::{Micros, RecordingId, Tracks};
use crate::store::{Query, RecordingState, Rendition, StoreError};

/// Slack of a search by time. Times of a recording are rounded, and begin with a segment: recordings this close are examined,
/// too.
const CLOSE: Micros = 120_000_000;

/// Recordings `r` whose keys are in the list `?1`.
pub(super) const THESE: &str = "json_each(?1) k CROSS JOIN recordings r ON r.recording = k.value";

/// Tape time at which a recording `r` ends, unless it grows.
const LIMIT: &str = "iif(r.state = 'open' AND NOT r.paused, ifnull(r.ends, 4611686018427387903), r.end)";

/// Up to so many streams are searched one by one. For more of them, the search reads the one list of all recordings.
const FEW: usize = 8;

/// The template of a recording `r`, by which it is indexed.
const TEMPLATE: &str = "ifnull(iif(json_valid(r.spec), json_extract(r.spec, '$.template'), NULL), 'default')";

/// The pattern for SQLite's GLOB, in which more characters than `*` have a meaning.
fn as_glob(pattern: &str) -> String {
    pattern.replace('[', "[[]").replace('?', "[?]")
}

/// The condition that a recording `r` is of a stream that the reader may see. The parameter is of [`globs`].
fn seen(parameter: &str) -> String {
    format!(
        "({parameter} IS NULL OR r.stream IN (SELECT stream FROM streams
            WHERE EXISTS (SELECT 1 FROM json_each({parameter}) w WHERE name GLOB w.value)))"
    )
}

/// The patterns of a set of streams as one value of a statement. `None` for all streams.
fn globs(streams: &StreamSet) -> Option<String> {
    match streams {
        StreamSet::All => None,
        StreamSet::Fitting(patterns) => {
            let globs: Vec<String> = patterns.iter().map(|pattern| as_glob(pattern.as_str())).collect();
            Some(serde_json::Value::from(globs).to_string())
        }
    }
}

/// The index that a search uses. It also has the order of the starts. Other conditions are checked row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The first of the tags.
    Tag,
    /// Open recordings.
    Open,
    Stream,
    Template,
    State,
    Start,
}

impl By {
    fn of(query: &Query, stream: Option<i64>) -> Self {
        match query {
            _ if !query.tags.is_empty() => Self::Tag,
            _ if query.state == Some(RecordingState::Open) => Self::Open,
            _ if stream.is_some() => Self::Stream,
            _ if query.template.is_some() => Self::Template,
            _ if query.state.is_some() => Self::State,
            _ => Self::Start,
        }
    }

    /// The sign before a column that keeps SQLite from choosing an index other than this one.
    fn other(self, than: &[Self]) -> &'static str {
        if than.contains(&self) { "" } else { "+" }
    }
}

/// The statement of a search, of one stream or of all.
fn statement(query: &Query, stream: Option<i64>) -> String {
    let by = By::of(query, stream);
    let (from, start, key) = match by {
        By::Tag => (
            "FROM tagged g CROSS JOIN recordings r ON r.recording = g.owner",
            "g.begins",
            "g.owner",
        ),
        _ => ("FROM recordings r", "r.start", "r.recording"),
    };
    let mut wheres = vec![format!(
        "({start}, {key}) > (?1, ?2) AND {start} >= ?3 AND {start} < ?4"
    )];
    if by == By::Tag {
        wheres.push("g.tag = ?12".to_owned());
    }
    if let Some(state) = query.state {
        let other = by.other(&[By::Open, By::State]);
        wheres.push(format!("{other}r.state = '{}'", state.as_str()));
    }
    if stream.is_some() {
        wheres.push(format!("{}r.stream = ?5", by.other(&[By::Stream])));
    } else {
        // In a list of all streams, SQLite reads the stream from the index, and reads only the rows of the wanted streams.
        match &query.stream {
            Some(Streams::One(_)) => {
                wheres.push("+r.stream = (SELECT stream FROM streams WHERE name = ?11)".to_owned())
            }
            Some(Streams::Fitting(_)) => {
                wheres.push("+r.stream IN (SELECT stream FROM streams WHERE name GLOB ?11)".to_owned())
            }
            None => (),
        }
        if query.prefix.is_some() {
            wheres.push(
                "+r.stream IN (SELECT stream FROM streams WHERE substr(name, 1, length(?6)) = ?6)".to_owned(),
            );
        }
        if !query.within.is_all() {
            wheres.push(seen("?13"));
        }
    }
    if query.template.is_some() {
        wheres.push(format!("{}{TEMPLATE} = ?7", by.other(&[By::Template])));
    }
    if query.tags.len() > 1 {
        wheres.push(
            "NOT EXISTS (SELECT value FROM json_each(?8)
                EXCEPT SELECT value FROM json_each(iif(json_valid(r.tags), r.tags, '[]')))"
                .to_owned(),
        );
    }
    if query.from.is_some() || query.to.is_some() {
        // The UTC of a recording's end comes from the segment in which it ends. That segment may be of another publish and
        // another boot than the beginning.
        wheres.push(
            "utc_offset + boot_zero - tape_zero + r.start < ?9
            AND (r.state = 'open' OR utc_offset + boot_zero - tape_zero + r.end > ?10 OR ?10 < (
                SELECT c.utc_offset + q.boot_zero - q.tape_zero + r.end
                FROM segments s JOIN publishes q ON q.publish = s.publish JOIN boots c ON c.boot = q.boot
                WHERE s.stream = r.stream AND s.end >= r.end ORDER BY s.end LIMIT 1))"
                .to_owned(),
        );
    }
    let wheres = wheres.join("\n    AND ");
    let columns = RECORDING.replacen("FROM recordings r", from, 1);
    format!("{columns} WHERE {wheres} ORDER BY {start}, {key} LIMIT ?14")
}

impl Journal {
    /// Recordings that may answer a query, behind its place, in the order of their starts. Times are compared only as far as
    /// they can be without the tape.
    pub(in crate::store) fn candidates(&self, query: &Query) -> Result<Vec<RecordingData>, StoreError> {
        let starts = self.starts(query.from, query.to)?;
        let streams = match By::of(query, None) {
            By::Tag => None,
            _ => self.few_streams(query)?,
        };
        let Some(streams) = streams else {
            return self.searched(query, None, starts);
        };
        let mut all = Vec::new();
        for stream in streams {
            all.extend(self.searched(query, Some(stream), starts)?);
        }
        all.sort_by_key(|found| (found.start, found.key));
        all.truncate(query.limit);
        Ok(all)
    }

    /// The keys of the query's streams, if these are few.
    fn few_streams(&self, query: &Query) -> Result<Option<Vec<i64>>, StoreError> {
        if query.stream.is_none() && query.prefix.is_none() && query.within.is_all() {
            return Ok(None);
        }
        let (name, glob) = match &query.stream {
            Some(Streams::One(name)) => (Some(name.as_str()), None),
            Some(Streams::Fitting(pattern)) => (None, Some(as_glob(pattern.as_str()))),
            None => (None, None),
        };
        let sql =
            "SELECT stream FROM streams WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR name GLOB ?2)
            AND (?3 IS NULL OR substr(name, 1, length(?3)) = ?3)
            AND (?4 IS NULL OR EXISTS (SELECT 1 FROM json_each(?4) w WHERE name GLOB w.value)) LIMIT ?5";
        let most = i64::try_from(FEW).unwrap_or(0).saturating_add(1);
        let values = params![name, glob, query.prefix, globs(&query.within), most];
        let streams: Vec<i64> = self.all(sql, values, |row| self.col(row, 0))?;
        Ok((streams.len() <= FEW).then_some(streams))
    }

    fn searched(
        &self,
        query: &Query,
        stream: Option<i64>,
        (from, to): (Micros, Micros),
    ) -> Result<Vec<RecordingData>, StoreError> {
        let after = query.after.unwrap_or_default();
        let name = query.stream.as_ref().map(|streams| match streams {
            Streams::One(name) => name.as_str().to_owned(),
            Streams::Fitting(pattern) => as_glob(pattern.as_str()),
        });
        let values = params![
            after.start,
            after.recording,
            from,
            to,
            stream,
            query.prefix.as_deref(),
            query.template.as_deref(),
            serde_json::Value::from(query.tags.as_slice()).to_string(),
            query.to.map_or(Micros::MAX, |to| to.saturating_add(CLOSE)),
            query.from.map_or(Micros::MIN, |from| from.saturating_sub(CLOSE)),
            name,
            query.tags.first(),
            globs(&query.within),
            i64::try_from(query.limit).unwrap_or(i64::MAX),
        ];
        self.all(&statement(query, stream), values, |row| self.recording_data(row))
    }

    /// Tape time from which, and before which, a recording begins that may share a moment with an interval (UTC).
    pub(in crate::store) fn starts(
        &self,
        from: Option<Micros>,
        to: Option<Micros>,
    ) -> Result<(Micros, Micros), StoreError> {
        if from.is_none() && to.is_none() {
            return Ok((Micros::MIN, Micros::MAX));
        }
        let close =
            |time: Option<Micros>, or: Micros, by: Micros| time.map_or(or, |time| time.saturating_add(by));
        let window = Window::of(
            &self.boots()?,
            close(from, Micros::MIN, -CLOSE),
            close(to, Micros::MAX, CLOSE),
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
        // The length of an open recording is not known.
        Ok((from.min(open.unwrap_or(Micros::MAX)), window.to))
    }

    /// The recordings of these streams whose ids lie between two, the smaller ones first.
    pub(in crate::store) fn recordings_between(
        &self,
        [first, last]: [RecordingId; 2],
        within: &StreamSet,
        limit: usize,
    ) -> Result<Vec<RecordingData>, StoreError> {
        let seen = seen("?3");
        let sql = format!("{RECORDING} WHERE r.id BETWEEN ?1 AND ?2 AND {seen} ORDER BY r.id LIMIT ?4");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = params![first.to_bytes(), last.to_bytes(), globs(within), limit];
        self.all(&sql, values, |row| self.recording_data(row))
    }

    /// The number of these recordings.
    pub(in crate::store) fn count_between(
        &self,
        [first, last]: [RecordingId; 2],
        within: &StreamSet,
    ) -> Result<usize, StoreError> {
        let seen = seen("?3");
        let sql = format!("SELECT count(*) FROM recordings r WHERE r.id BETWEEN ?1 AND ?2 AND {seen}");
        let values = params![first.to_bytes(), last.to_bytes(), globs(within)];
        let count = self.one(&sql, values, |row| Ok(number(self.col(row, 0)?)))?;
        Ok(usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX))
    }

    /// The recording of these streams that began last.
    pub(in crate::store) fn newest_recording(
        &self,
        within: &StreamSet,
    ) -> Result<Option<RecordingData>, StoreError> {
        let seen = seen("?1");
        let sql = format!(
            "{RECORDING} WHERE r.start > {} AND {seen} ORDER BY r.start DESC, r.recording DESC LIMIT 1",
            Micros::MIN
        );
        self.one(&sql, params![globs(within)], |row| self.recording_data(row))
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

    /// The open segments that may belong to recordings: of the stream of each, those that began before its end.
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

    /// The renditions of recordings.
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

/// A reader of tracks that remembers the last row: most rows have the tracks of the row before.
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

/// A list of keys as one value of a statement.
pub(super) fn keys(recordings: &[i64]) -> String {
    serde_json::Value::from(recordings).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Pattern;

    fn all() -> Query {
        Query {
            stream: None,
            prefix: None,
            within: StreamSet::All,
            from: None,
            to: None,
            state: None,
            template: None,
            tags: Vec::new(),
            after: None,
            limit: 100,
        }
    }

    /// The plan of SQLite for a search: the step that finds recordings, and whether SQLite has to sort them.
    #[expect(
        clippy::disallowed_methods,
        reason = "it is about the statement, not one of them"
    )]
    fn plan(journal: &Journal, query: &Query, stream: Option<i64>) -> (String, bool) {
        let sql = format!("EXPLAIN QUERY PLAN {}", statement(query, stream));
        let mut statement = journal.connection.prepare(&sql).unwrap();
        let mut rows = statement.raw_query();
        let mut steps: Vec<(i64, String)> = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push((row.get(1).unwrap(), row.get(3).unwrap()));
        }
        steps.retain(|(within, _)| *within == 0);
        let finds = |step: &str| {
            let of = ["SEARCH r ", "SEARCH g ", "SCAN r", "SCAN g"];
            of.iter().any(|of| step.starts_with(of))
        };
        let found = steps.iter().find(|(_, step)| finds(step)).unwrap().1.clone();
        (found, steps.iter().any(|(_, step)| step.contains("ORDER BY")))
    }

    #[test]
    fn each_search_goes_by_an_index_that_has_what_is_asked_for_and_the_order() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let fitting: Streams = "live/*".parse().unwrap();
        let one: Streams = "live/a".parse().unwrap();
        let some = StreamSet::of([Pattern::try_from("live/a*".to_owned()).unwrap()]);
        let states = [
            None,
            Some(RecordingState::Open),
            Some(RecordingState::Closed),
            Some(RecordingState::Delivered),
        ];
        for state in states {
            for template in [None, Some("lesson".to_owned())] {
                for tags in [vec![], vec!["x".to_owned()], vec!["x".to_owned(), "y".to_owned()]] {
                    for times in [(None, None), (Some(5), Some(9))] {
                        for (stream, within, known) in [
                            (None, &StreamSet::All, None),
                            (None, &some, None),
                            (Some(&one), &StreamSet::All, Some(1)),
                            (Some(&fitting), &StreamSet::All, None),
                            (Some(&fitting), &some, Some(1)),
                        ] {
                            let query = Query {
                                stream: stream.cloned(),
                                within: within.clone(),
                                prefix: stream.map(|_| "live/".to_owned()),
                                state,
                                template: template.clone(),
                                tags: tags.clone(),
                                from: times.0,
                                to: times.1,
                                ..all()
                            };
                            let wanted = match By::of(&query, known) {
                                By::Tag => "SEARCH g USING PRIMARY KEY (tag=? AND ",
                                // Open recordings are few, so SQLite may sort them.
                                By::Open => "SEARCH r USING INDEX recordings_",
                                By::Stream => {
                                    "SEARCH r USING INDEX recordings_of (stream=? AND start>? AND start<?)"
                                }
                                By::Template => {
                                    "SEARCH r USING INDEX recordings_template (<expr>=? AND start>? AND start<?)"
                                }
                                By::State => {
                                    "SEARCH r USING INDEX recordings_state (state=? AND start>? AND start<?)"
                                }
                                By::Start => "SEARCH r USING INDEX recordings_start (start>? AND start<?)",
                            };
                            let (found, sorts) = plan(&journal, &query, known);
                            assert!(found.starts_with(wanted), "{query:?}: {found}, and not {wanted}");
                            assert!(
                                !sorts || By::of(&query, known) == By::Open,
                                "{query:?} is put in order"
                            );
                        }
                    }
                }
            }
        }
    }
}
