//! Searches that read only the rows they look for: the recordings of a page. For each kind of rows that lists show of
//! recordings, one query reads the rows of the whole page.

use rusqlite::params;

use super::delivery::RENDITION;
use super::read::{RECORDING, RecordingData, SEGMENT, SEGMENTS, SegmentData, between, few, number};
use super::window::Window;
use super::{Journal, tracks};
use crate::config::{StreamSet, Streams};
use crate::media::{Micros, RecordingId, Tracks};
use crate::model::{CategoryId, Origin};
use crate::store::tally::SHARED;
use crate::store::{Cursor, Query, Rendition, Reviewed, Sort, StoreError, folded};

/// Slack of a search by time. Times of a recording are rounded, and begin with a segment: recordings this close are examined,
/// too.
pub(super) const CLOSE: Micros = 120_000_000;

/// Recordings `r` whose keys are in the list `?1`.
pub(super) const THESE: &str = "json_each(?1) k CROSS JOIN recordings r ON r.recording = k.value";

/// More ranges of tape time than these are searched as one.
const WINDOWS: usize = 8;

/// Tape time at which a recording `r` ends, unless it grows.
pub(super) const LIMIT: &str =
    "iif(r.state = 'open' AND NOT r.paused, ifnull(r.ends, 4611686018427387903), r.end)";

/// The template of a recording `r`, by which it is indexed.
const TEMPLATE: &str = "ifnull(iif(json_valid(r.spec), json_extract(r.spec, '$.template'), NULL), 'default')";

/// The pattern for SQLite's GLOB, in which more characters than `*` have a meaning.
fn as_glob(pattern: &str) -> String {
    pattern.replace('[', "[[]").replace('?', "[?]")
}

/// The condition that a recording `r` is of a stream that the reader may see, and all its ranges are. The parameter is of [`globs`].
fn seen(parameter: &str) -> String {
    let streams = format!(
        "SELECT stream FROM streams WHERE EXISTS (SELECT 1 FROM json_each({parameter}) w WHERE name GLOB w.value)"
    );
    format!(
        "({parameter} IS NULL OR (r.stream IN ({streams}) AND NOT (r.composed AND EXISTS (
            SELECT 1 FROM recordings x WHERE x.whole = r.recording AND x.stream NOT IN ({streams})))))"
    )
}

/// The condition that a recording `r` is not held back, or that the reader sees what is held back of its stream.
fn had(parameter: &str) -> String {
    format!("(ifnull(r.review, 0) = 0 OR {})", seen(parameter))
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

/// What a spec says of a recording `r`, as the index of searches has it.
fn said(of: &str) -> String {
    format!("iif(json_valid(r.spec), json_extract(r.spec, '$.{of}'), NULL)")
}

/// A category and all within it.
const WITHIN: &str = "WITH RECURSIVE within (id) AS (VALUES (?18)
    UNION SELECT c.id FROM within CROSS JOIN categories c ON c.parent = within.id) SELECT id FROM within";

/// The value that a list is in the order of. A recording that grows comes behind all others, whatever it has by now.
fn value(sort: Sort) -> String {
    match sort {
        Sort::Start => "r.start".to_owned(),
        Sort::End => format!("iif(r.state = 'open', {}, r.end)", Micros::MAX),
        Sort::Length => format!("ifnull(r.length, {})", Micros::MAX),
        Sort::Bytes => format!("ifnull(r.bytes, {})", Micros::MAX),
    }
}

/// The conditions that a recording has one of these tags, or all of them. The index has the tags as JSON: a tag is a part of that
/// text. Only where a letter of it is escaped may it be a part of another tag.
fn tagged(tags: &[String], parameter: &str, all: bool) -> Vec<String> {
    let part = |at| format!("instr(r.tags, json_extract({parameter}, '$[{at}]'))");
    let parts: Vec<String> = (0..tags.len()).map(part).collect();
    let own = "SELECT value FROM json_each(iif(json_valid(r.tags), r.tags, '[]'))";
    let wanted = format!("SELECT json_extract(w.value, '$') FROM json_each({parameter}) w");
    let (parts, exact) = if all {
        (parts.join(" AND "), format!("NOT EXISTS ({wanted} EXCEPT {own})"))
    } else {
        (parts.join(" OR "), format!("EXISTS ({wanted} INTERSECT {own})"))
    };
    // The tag `,` looks like what is between two tags.
    let exact = if tags.iter().any(|tag| tag == ",") {
        exact
    } else {
        format!("(NOT instr(r.tags, '\\') OR {exact})")
    };
    vec![format!("({parts})"), exact]
}

/// Tags as one value of a statement, each as it is written in a row.
fn quoted(tags: &[String]) -> String {
    let quoted: Vec<String> = tags
        .iter()
        .map(|tag| serde_json::Value::from(tag.as_str()).to_string())
        .collect();
    serde_json::Value::from(quoted).to_string()
}

/// How a search walks along its index.
#[derive(Clone, Copy, Debug)]
enum Walk {
    /// All of it, for the first in the order of the query, of those that have at least this value, if one is given.
    All(Option<i64>),
    /// From the youngest recording backwards, until there are enough. Their values come along.
    Youngest,
}

/// The statement of a search. It walks along one index, which has everything that it asks, in the order of the starts.
fn statement(query: &Query, windows: &[Window], walk: Walk) -> String {
    let (value, descending) = (value(query.order.sort), query.order.descending);
    let (behind, direction) = if descending { ("<", "DESC") } else { (">", "ASC") };
    let mut wheres = vec![format!(
        "r.whole IS NULL AND r.start >= ?1 AND r.start < ?2 AND ({value}, r.recording) {behind} (?3, ?4)"
    )];
    if let Some(state) = query.state {
        wheres.push(format!("r.state = '{}'", state.as_str()));
    }
    let of_streams = |which: &str| format!("r.stream IN (SELECT stream FROM streams WHERE {which})");
    match &query.stream {
        Some(Streams::One(_)) => wheres.push(of_streams("name = ?5")),
        Some(Streams::Fitting(_)) => wheres.push(of_streams("name GLOB ?5")),
        None => {}
    }
    if query.prefix.is_some() {
        wheres.push(of_streams("substr(name, 1, length(?6)) = ?6"));
    }
    if query.begins.is_some() {
        let of_stream = of_streams("substr(name, 1, length(?13)) = ?13");
        wheres.push(format!(
            "(substr({}, 1, length(?13)) = ?13 OR {of_stream})",
            said("name")
        ));
    }
    if !query.within.is_all() {
        wheres.push(seen("?10"));
    }
    let wanted = [
        (query.template.is_some(), format!("{TEMPLATE} = ?7")),
        (query.origin.is_some(), format!("{} = ?11", said("origin.kind"))),
        (query.domain.is_some(), format!("{} = ?12", said("domain"))),
        (query.category.is_some(), format!("r.category IN ({WITHIN})")),
        (query.text.is_some(), "instr(r.folded, ?19)".to_owned()),
        (query.length.0.is_some(), "ifnull(r.length >= ?14, 1)".to_owned()),
        (query.length.1.is_some(), "r.length <= ?15".to_owned()),
        (query.bytes.0.is_some(), "ifnull(r.bytes >= ?16, 1)".to_owned()),
        (query.bytes.1.is_some(), "r.bytes <= ?17".to_owned()),
    ];
    wheres.extend(
        wanted
            .into_iter()
            .filter_map(|(is_asked, condition)| is_asked.then_some(condition)),
    );
    wheres.extend(query.review.map(|review| match review {
        Reviewed::Pass => "r.review = 0".to_owned(),
        Reviewed::Review => "r.review = 1".to_owned(),
        Reviewed::Block => "r.review = 2".to_owned(),
        Reviewed::None => "r.review IS NULL".to_owned(),
    }));
    if !query.held_back.is_all() {
        wheres.push(had("?20"));
    }
    if !query.tags.is_empty() {
        wheres.extend(tagged(&query.tags, "?8", true));
    }
    if !query.any_tags.is_empty() {
        wheres.extend(tagged(&query.any_tags, "?9", false));
    }
    if query.from.is_some() || query.to.is_some() {
        let within = |window: &Window| {
            format!(
                "(r.start < {} AND (r.end > {} OR r.state = 'open'))",
                window.to, window.from
            )
        };
        let within: Vec<String> = windows.iter().map(within).collect();
        wheres.push(format!("({})", within.join(" OR ")));
    }
    let order = match walk {
        Walk::All(floor) => {
            wheres.extend(floor.map(|floor| format!("{value} >= {floor}")));
            format!("{value} {direction}, r.recording {direction}")
        }
        Walk::Youngest => "r.start DESC, r.recording DESC".to_owned(),
    };
    let wheres = wheres.join("\n    AND ");
    format!(
        "SELECT r.recording, {value} FROM recordings r INDEXED BY recordings_search WHERE {wheres}
         ORDER BY {order} LIMIT ?21"
    )
}

impl Journal {
    /// Recordings that may answer a query, behind its place, in its order. Times are compared only as far as they can be without
    /// the tape.
    pub(in crate::store) fn candidates(&self, query: &Query) -> Result<Vec<RecordingData>, StoreError> {
        self.these(&self.found(query)?)
    }

    /// Their keys alone, which are read from one index.
    pub(in crate::store) fn found(&self, query: &Query) -> Result<Vec<i64>, StoreError> {
        let windows = self.windows(query.from, query.to)?;
        let (Some(first), Some(last)) = (windows.first(), windows.last()) else {
            return Ok(Vec::new());
        };
        let (mut from, mut to) = (self.began(first.from)?, last.to);
        let after = query.after.unwrap_or(Cursor::before_all(query.order));
        match (query.order.sort, query.order.descending) {
            (Sort::Start, false) => from = from.max(after.value),
            (Sort::Start, true) => to = to.min(after.value.saturating_add(1)),
            _ => {}
        }
        let name = query.stream.as_ref().map(|streams| match streams {
            Streams::One(name) => name.as_str().to_owned(),
            Streams::Fitting(pattern) => as_glob(pattern.as_str()),
        });
        let bytes = |bytes: Option<u64>| bytes.map(super::outbox::whole);
        let values = params![
            from,
            to,
            after.value,
            after.recording,
            name,
            query.prefix.as_deref(),
            query.template.as_deref(),
            quoted(&query.tags),
            quoted(&query.any_tags),
            globs(&query.within),
            query.origin.map(Origin::as_str),
            query.domain.as_deref(),
            query.begins.as_deref(),
            query.length.0,
            query.length.1,
            bytes(query.bytes.0),
            bytes(query.bytes.1),
            query.category.as_ref().map(CategoryId::as_str),
            query.text.as_deref().map(folded),
            globs(&query.held_back),
            i64::try_from(query.limit).unwrap_or(i64::MAX),
        ];
        let walk = |walk| {
            let statement = statement(query, &windows, walk);
            self.all(&statement, values, |row| {
                Ok((self.col(row, 0)?, self.col(row, 1)?))
            })
        };
        let mut floor = None;
        if (query.order.sort, query.order.descending) == (Sort::End, true) {
            // The youngest are nearly always the last to end. Without a value that so many have, each row of the index would take the
            // place of another in the list so far.
            let mut youngest: Vec<(i64, i64)> = walk(Walk::Youngest)?;
            if youngest.len() < query.limit {
                youngest.sort_by_key(|(recording, end)| std::cmp::Reverse((*end, *recording)));
                return Ok(youngest.into_iter().map(|(recording, _)| recording).collect());
            }
            floor = youngest.iter().map(|(_, end)| *end).min();
        }
        let found = walk(Walk::All(floor))?;
        Ok(found.into_iter().map(|(recording, _)| recording).collect())
    }

    /// The recordings with these keys, in this order.
    pub(in crate::store) fn these(&self, found: &[i64]) -> Result<Vec<RecordingData>, StoreError> {
        let rows = RECORDING.replacen("FROM recordings r", &format!("FROM {THESE}"), 1);
        self.all(&format!("{rows} ORDER BY k.key"), params![keys(found)], |row| {
            self.recording_data(row)
        })
    }

    /// Ranges of tape time that may share a moment with an interval (UTC).
    fn windows(&self, from: Option<Micros>, to: Option<Micros>) -> Result<Vec<Window>, StoreError> {
        let whole = Window {
            from: Micros::MIN,
            to: Micros::MAX,
        };
        if from.is_none() && to.is_none() {
            return Ok(vec![whole]);
        }
        let windows = Window::each(
            &self.boots()?,
            from.map_or(Micros::MIN, |from| from.saturating_sub(CLOSE)),
            to.map_or(Micros::MAX, |to| to.saturating_add(CLOSE)),
        );
        Ok(if windows.len() > WINDOWS {
            vec![Window::around(&windows)]
        } else {
            windows
        })
    }

    /// The earliest tape time at which a recording begins that goes on at a moment of the tape, or later.
    fn began(&self, at: Micros) -> Result<Micros, StoreError> {
        if at == Micros::MIN {
            return Ok(at);
        }
        let sql = "SELECT (SELECT max(end - start) FROM recordings),
            (SELECT min(start) FROM recordings WHERE state = 'open')";
        let (longest, open): (Option<Micros>, Option<Micros>) = self
            .one(sql, [], |row| Ok((self.col(row, 0)?, self.col(row, 1)?)))?
            .unwrap_or_default();
        let began = at
            .saturating_sub(longest.unwrap_or(0).max(0))
            .saturating_sub(CLOSE);
        // The length of an open recording is not known.
        Ok(began.min(open.unwrap_or(Micros::MAX)))
    }

    /// The recordings of these streams whose ids lie between two, the smaller ones first.
    pub(in crate::store) fn recordings_between(
        &self,
        [first, last]: [RecordingId; 2],
        within: &StreamSet,
        limit: usize,
    ) -> Result<Vec<RecordingData>, StoreError> {
        let seen = seen("?3");
        let sql = format!(
            "{RECORDING} WHERE r.id BETWEEN ?1 AND ?2 AND r.whole IS NULL AND {seen} ORDER BY r.id LIMIT ?4"
        );
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
        let sql = format!(
            "SELECT count(*) FROM recordings r WHERE r.id BETWEEN ?1 AND ?2 AND r.whole IS NULL AND {seen}"
        );
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
            "{RECORDING} WHERE r.whole IS NULL AND r.start > {} AND {seen} ORDER BY r.start DESC, r.recording DESC LIMIT 1",
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
             WHERE s.state = 'sealed' AND NOT r.composed AND {} AND min(s.end, {LIMIT}) - max(s.start, r.start)
                > iif(r.exact, 0, min(?2, (s.end - s.start) / 2))",
            between("r.stream", "r.start", LIMIT),
        );
        let mut decode = memo();
        self.each(&sql, params![keys(recordings), SHARED], |row| {
            each(self.col(row, 0)?, self.segment_data_at(row, 1, &mut decode)?);
            Ok(())
        })
    }

    /// The open segments that may belong to recordings, with their publishes: of the stream of each, those that began before its end.
    pub(in crate::store) fn open_of(
        &self,
        recordings: &[i64],
    ) -> Result<Vec<(i64, i64, SegmentData)>, StoreError> {
        let sql = format!(
            "SELECT r.recording, s.publish, {SEGMENT} FROM {THESE} CROSS JOIN {SEGMENTS}
             WHERE {} AND +s.stream = r.stream AND NOT r.composed
                AND s.start < {LIMIT} - iif(r.exact, 0, min(?2, ({LIMIT} - r.start) / 2))",
            few("open"),
        );
        let mut decode = memo();
        self.all(&sql, params![keys(recordings), SHARED], |row| {
            let segment = self.segment_data_at(row, 2, &mut decode)?;
            Ok((self.col(row, 0)?, self.col(row, 1)?, segment))
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
pub(super) fn memo() -> impl FnMut(&str) -> Option<Tracks> {
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
    use crate::store::{Order, RecordingState};

    /// The plan of SQLite for a search: its steps, the outermost ones first.
    #[expect(
        clippy::disallowed_methods,
        reason = "it is about the statement, not one of them"
    )]
    fn plan(journal: &Journal, query: &Query, walk: Walk) -> Vec<String> {
        let windows = [Window { from: 5, to: 9 }, Window { from: 12, to: 15 }];
        let sql = format!("EXPLAIN QUERY PLAN {}", statement(query, &windows, walk));
        let mut statement = journal.connection.prepare(&sql).unwrap();
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push((row.get::<_, i64>(1).unwrap(), row.get(3).unwrap()));
        }
        steps.retain(|(within, _)| *within == 0);
        steps.into_iter().map(|(_, step)| step).collect()
    }

    #[test]
    fn each_search_reads_one_index_alone_whatever_is_asked_and_in_whatever_order() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let all = Query::new(100);
        let text = || Some("x".to_owned());
        let within = StreamSet::of([Pattern::try_from("live/a*".to_owned()).unwrap()]);
        let within_some = within.clone();
        let tags = vec!["x".to_owned(), "y".to_owned()];
        let queries = [
            all.clone(),
            Query {
                stream: Some("live/a".parse().unwrap()),
                ..all.clone()
            },
            Query {
                stream: Some("live/*".parse().unwrap()),
                prefix: text(),
                within,
                ..all.clone()
            },
            Query {
                begins: text(),
                template: text(),
                domain: text(),
                origin: Some(Origin::Clip),
                ..all.clone()
            },
            Query {
                from: Some(5),
                to: Some(9),
                state: Some(RecordingState::Open),
                ..all.clone()
            },
            Query {
                length: (Some(1), Some(2)),
                bytes: (Some(1), Some(2)),
                ..all.clone()
            },
            Query {
                category: CategoryId::try_from("school".to_owned()).ok(),
                text: text(),
                ..all.clone()
            },
            Query {
                review: Some(Reviewed::Block),
                held_back: within_some,
                ..all.clone()
            },
            Query {
                any_tags: tags.clone(),
                tags,
                ..all
            },
        ];
        for sort in [Sort::Start, Sort::End, Sort::Length, Sort::Bytes] {
            for descending in [false, true] {
                for (query, walk) in queries.iter().flat_map(|query| {
                    [Walk::All(None), Walk::All(Some(7)), Walk::Youngest].map(|walk| (query, walk))
                }) {
                    let order = Order { sort, descending };
                    let query = Query {
                        order,
                        ..query.clone()
                    };
                    let steps = plan(&journal, &query, walk);
                    let wanted = "SEARCH r USING COVERING INDEX recordings_search (start>? AND start<?)";
                    let read: Vec<&String> = steps.iter().filter(|step| step.contains(" r ")).collect();
                    assert_eq!(read, [wanted], "{query:?}");
                    // A list in the order of the starts is not put in order.
                    let sorts = steps.iter().any(|step| step.contains("ORDER BY"));
                    let by_start = sort == Sort::Start || matches!(walk, Walk::Youngest);
                    assert!(!sorts || !by_start, "{query:?}: {steps:?}");
                }
            }
        }
    }
}
