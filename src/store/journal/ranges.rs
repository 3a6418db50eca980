//! The ranges of tape of recordings.
//!
//! Every question about the tape of a recording goes over these rows: [`Journal::ranges`] gives the row of an ordinary recording
//! itself, and of a composition a row for each of its ranges. A range is a row of the same table (`whole`, `position`, `source`), so
//! what holds the tape of a recording, gives it up, deletes it or adds it up does so for ranges, too. Lists, searches and deliveries
//! leave these rows out.
//!
//! The row of a composition (`composed`) has the stream of its first range. It starts with the earliest of its ranges and ends with the
//! latest, in tape time, so it has its place in lists by when its footage was recorded. No segment is found through it.

use rusqlite::{Connection, OptionalExtension, params};

use super::outbox::{Result, execute, post, whole};
use super::query::{THESE, keys};
use super::read::{RECORDING, RecordingData, between, few};
use super::sql::{formats_of, prepare};
use super::{Journal, facts, tracks};
use crate::event::{Event, RecordingClosed, rfc3339};
use crate::media::{Micros, PublishId, RecordingId, StreamName, Tracks};
use crate::model::{Facts, Form, Origin, ReviewWhen};
use crate::store::composition::{SessionPiece, TapeRange, ToCompose, Written};
use crate::store::tally::{Run, Tally};
use crate::store::{COMPOSE, RecordingSpec, RecordingState, StoreError};

/// The reason of a composition that a start made again of the file beside the tape.
pub(super) const FOUND_AGAIN: &str = "found again";

/// Makes a composition, with what of its ranges is on the tape. `utc` is the time of its event, if there is to be one.
pub(super) fn compose(
    db: &Connection,
    id: RecordingId,
    of: &Written,
    facts: &Facts,
    utc: Option<Micros>,
) -> Result {
    let spec = of.spec();
    let known = prepare(db, "SELECT 1 FROM recordings WHERE id = ?1")?
        .query_row(params![id.to_bytes()], |_| Ok(()))
        .optional()?;
    let Some(first) = of.ranges.first().filter(|_| known.is_none()) else {
        return Ok(());
    };
    let reason = utc.map_or(FOUND_AGAIN, |_| spec.about.origin.as_str());
    // Its ranges say later when it begins and ends, and which publishes date that.
    let made = prepare(
        db,
        "INSERT OR IGNORE INTO recordings (id, stream, publish, state, start, end, keep, spec, exact, reason, composed, form, runs, length, bytes)
         SELECT ?1, t.stream, (SELECT s.publish FROM segments s WHERE s.stream = t.stream ORDER BY s.end DESC LIMIT 1), 'closed',
            ?3, ?4, ?5, ?6, 1, ?7, 1, ?8, '', 0, 0
         FROM streams t WHERE t.name = ?2 AND EXISTS (SELECT 1 FROM segments s WHERE s.stream = t.stream)",
    )?
    .execute(params![
        id.to_bytes(),
        first.stream.as_str(),
        first.start,
        first.end,
        of.keep,
        spec.written(),
        reason,
        form_row(of.form)
    ])?;
    if made == 0 {
        return Ok(());
    }
    let key = db.last_insert_rowid();
    for (position, range) in (0_i64..).zip(&of.ranges) {
        enter(db, key, position, range, &spec)?;
    }
    let sum = "SELECT count(*), min(start), max(end) FROM recordings WHERE whole = ?1";
    let (count, start, end): (i64, Option<Micros>, Option<Micros>) =
        prepare(db, sum)?.query_row(params![key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (Some(start), Some(end), true) = (start, end, count > 0) else {
        return execute(db, "DELETE FROM recordings WHERE recording = ?1", params![key]);
    };
    execute(
        db,
        "UPDATE recordings SET start = ?2, end = ?3, runs = NULL,
            publish = (SELECT publish FROM recordings WHERE whole = ?1 ORDER BY start, position LIMIT 1),
            last_publish = (SELECT last_publish FROM recordings WHERE whole = ?1 ORDER BY end DESC, position LIMIT 1)
         WHERE recording = ?1",
        params![key, start, end],
    )?;
    facts::describe(db, id, facts)?;
    if spec.output.review == ReviewWhen::Before {
        // The tick writes its file.
        execute(
            db,
            "UPDATE recordings SET review = 1, asks = 1, sidecar = 2 WHERE recording = ?1",
            params![key],
        )?;
    }
    match utc {
        Some(utc) => tell(db, (id, key), (spec, of.form), utc),
        None => Ok(()),
    }
}

/// Enters a range, if there is tape of it.
fn enter(db: &Connection, whole: i64, position: i64, range: &TapeRange, of: &RecordingSpec) -> Result {
    let sql = format!(
        "WITH of AS (SELECT stream FROM streams WHERE name = ?3),
            part AS (SELECT s.publish, s.sequence FROM of CROSS JOIN segments s ON {} AND s.state IN ('sealed', 'missing')
                WHERE s.start < ?5 AND s.end > ?4)
         INSERT INTO recordings (id, stream, publish, last_publish, state, start, end, spec, exact, whole, position, source)
         SELECT randomblob(16), stream, (SELECT publish FROM part ORDER BY sequence LIMIT 1),
            (SELECT publish FROM part ORDER BY sequence DESC LIMIT 1), 'closed', ?4, ?5, ?6, 1, ?1, ?2, ?7
         FROM of WHERE EXISTS (SELECT 1 FROM part)",
        between("of.stream", "?4", "?5"),
    );
    execute(
        db,
        &sql,
        params![
            whole,
            position,
            range.stream.as_str(),
            range.start,
            range.end,
            range.spec(&of.output).written(),
            range.recording.to_bytes()
        ],
    )
}

/// Writes the event of a composition that is complete.
fn tell(
    db: &Connection,
    (id, key): (RecordingId, i64),
    (spec, form): (RecordingSpec, Form),
    utc: Micros,
) -> Result {
    while super::tallies::add_up(db)? {}
    let sql = "SELECT name, length, bytes, a.utc_offset + p.boot_zero + (r.start - p.tape_zero),
            b.utc_offset + q.boot_zero + (r.end - q.tape_zero)
         FROM recordings r CROSS JOIN streams t ON t.stream = r.stream
            CROSS JOIN publishes p ON p.publish = r.publish CROSS JOIN boots a ON a.boot = p.boot
            CROSS JOIN publishes q ON q.publish = r.last_publish CROSS JOIN boots b ON b.boot = q.boot
         WHERE r.recording = ?1";
    let (stream, length, bytes, start, end): (String, Micros, i64, Micros, Micros) = prepare(db, sql)?
        .query_row(params![key], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
    let event = Event::RecordingClosed(Box::new(RecordingClosed {
        stream,
        recording: id.to_string(),
        start: rfc3339(start),
        end: rfc3339(end),
        duration_s: length as f64 / 1e6,
        bytes: super::read::number(bytes),
        reason: Origin::Composition.as_str().to_owned(),
        short: None,
        url: None,
        mp4_url: None,
        form: form.told(),
        label: facts::label(db, id)?,
        about: spec.about,
    }));
    post(db, &event, utc)
}

/// The form of a composition in its row: as JSON, and none where its ranges are played one after the other.
fn form_row(form: Form) -> Option<String> {
    // A form is always JSON.
    (!form.is_joined()).then(|| serde_json::to_string(&form).unwrap_or_default())
}

/// The form that a row has. One that nobody can read counts as the usual one: the tape is worth more than the words about it.
pub(super) fn form_of(row: Option<String>) -> Form {
    row.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Adds up a composition of the tallies of its ranges; none where a range has too many runs for its row. The length is that of what is
/// played.
pub(super) fn added_up(db: &Connection, key: i64) -> Result<(Option<Tally>, Micros, i64)> {
    let form = prepare(db, "SELECT form FROM recordings WHERE recording = ?1")?
        .query_row(params![key], |row| row.get(0))
        .optional()?;
    let form = form_of(form.flatten());
    let sql = "SELECT runs, length, bytes FROM recordings WHERE whole = ?1 ORDER BY position";
    let mut statement = prepare(db, sql)?;
    let mut rows = statement.query(params![key])?;
    let (mut all, mut lengths, mut bytes) = (Some(Tally::default()), Vec::new(), 0_i64);
    while let Some(row) = rows.next()? {
        let runs: Option<String> = row.get(0)?;
        lengths.push(row.get::<_, Option<i64>>(1)?.unwrap_or(0));
        bytes = bytes.saturating_add(row.get::<_, Option<i64>>(2)?.unwrap_or(0));
        let of = runs.and_then(|runs| Tally::read(&runs));
        all = all.zip(of).map(|(all, of)| joined(all, of));
    }
    let lasts = match (form, &all) {
        (Form::InStep, Some(all)) => lasts(db, all)?,
        _ => None,
    };
    Ok((
        all,
        lasts.unwrap_or_else(|| form.length(lengths.into_iter())),
        bytes,
    ))
}

/// How long it is by the clock from the first moment of the tape to the last one.
fn lasts(db: &Connection, of: &Tally) -> Result<Option<Micros>> {
    let mut statement = prepare(
        db,
        "SELECT utc_offset + boot_zero - tape_zero FROM publishes JOIN boots USING (boot) WHERE publish = ?1",
    )?;
    let mut known: Option<(i64, Micros)> = None;
    let mut lasts: Option<(Micros, Micros)> = None;
    for run in of.runs.iter().filter(|run| **run != Run::BORDER) {
        let zero = match known {
            Some((publish, zero)) if publish == run.publish => zero,
            _ => statement.query_row(params![run.publish], |row| row.get(0))?,
        };
        known = Some((run.publish, zero));
        let (from, to) = (run.from.saturating_add(zero), run.to.saturating_add(zero));
        lasts = Some(lasts.map_or((from, to), |(first, last)| (first.min(from), last.max(to))));
    }
    Ok(lasts.map(|(first, last)| last.saturating_sub(first)))
}

/// A tally with that of the next range behind it.
pub(super) fn joined(mut all: Tally, of: Tally) -> Tally {
    if of.runs.is_empty() {
        return all;
    }
    all.segments = all.segments.saturating_add(of.segments);
    all.length = all.length.saturating_add(of.length);
    all.bytes = all.bytes.saturating_add(of.bytes);
    all.last = of.last;
    if !all.runs.is_empty() {
        all.runs.push(Run::BORDER);
    }
    all.runs.extend(of.runs);
    all
}

/// Removes the ranges of a composition that have no tape left, and the composition with the last of them; true when it is gone.
pub(super) fn forget_empty(db: &Connection, composition: i64) -> Result<bool> {
    let sql = format!(
        "DELETE FROM recordings AS r WHERE r.whole = ?1
            AND NOT EXISTS (SELECT 1 FROM segments s WHERE {} AND s.state IN ('open', 'sealed'))",
        between("r.stream", "r.start", "r.end")
    );
    execute(db, &sql, params![composition])?;
    let left = "DELETE FROM recordings AS r WHERE r.recording = ?1 AND r.composed
        AND NOT EXISTS (SELECT 1 FROM deleting d WHERE d.id = r.id)
        AND NOT EXISTS (SELECT 1 FROM recordings x WHERE x.whole = ?1)";
    Ok(prepare(db, left)?.execute(params![composition])? > 0)
}

/// The keys of the ranges of a composition.
pub(super) fn keys_of(db: &Connection, composition: i64) -> Result<Vec<(i64, Micros, Micros)>> {
    let sql = "SELECT recording, start, end FROM recordings WHERE whole = ?1 ORDER BY position";
    prepare(db, sql)?
        .query_map(params![composition], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect()
}

/// Notes that a session is to be composed when it is over.
pub(super) fn note_session(db: &Connection, session: &str, publish: PublishId, start: Micros) -> Result {
    execute(
        db,
        "INSERT OR IGNORE INTO shelves (shelf, id, body)
         SELECT ?1, ?2, json_object('stream', name, 'start', ?4) FROM publishes JOIN streams USING (stream) WHERE id = ?3",
        params![COMPOSE, session, publish.to_bytes(), start],
    )
}

/// The condition that a recording `r` is of the session ?3, and of none of the outputs in the JSON list ?4.
const OF_SESSION: &str = concat!(
    "iif(json_valid(r.spec), json_extract(r.spec, '$.session') = ?3 AND ",
    formats_of!(),
    " NOT IN (SELECT value FROM json_each(?4)), 0)"
);

/// The outputs of a session that are given up, as a JSON list.
fn given_up(of: &ToCompose) -> String {
    serde_json::Value::from_iter(of.given_up.iter().map(String::as_str)).to_string()
}

impl Journal {
    /// The sessions that are to be composed, at most so many.
    pub(in crate::store) fn to_compose(
        &self,
        most: usize,
    ) -> std::result::Result<Vec<ToCompose>, StoreError> {
        let sql = "SELECT id, iif(json_valid(body), json(body), NULL) FROM shelves WHERE shelf = ?1 LIMIT ?2";
        let rows = self.all(sql, params![COMPOSE, whole(most as u64)], |row| {
            Ok((self.col(row, 0)?, self.col::<Option<String>>(row, 1)?))
        })?;
        let read = rows.into_iter().filter_map(|(session, body)| {
            let body: serde_json::Value = serde_json::from_str(&body?).ok()?;
            let wholes = body.get("wholes").and_then(|wholes| wholes.as_object());
            let wholes = wholes.into_iter().flatten().filter_map(|(formats, id)| {
                let id = id.as_str()?.parse().ok()?;
                Some((formats.clone(), id))
            });
            let given_up = body.get("given_up").and_then(|formats| formats.as_array());
            let given_up = given_up.into_iter().flatten();
            Some(ToCompose {
                session,
                stream: body.get("stream")?.as_str()?.parse().ok()?,
                start: body.get("start")?.as_i64()?,
                wholes: wholes.collect(),
                given_up: given_up
                    .filter_map(|formats| Some(formats.as_str()?.to_owned()))
                    .collect(),
            })
        });
        Ok(read.collect())
    }

    /// The recordings of a session, in the order of the tape, at most so many; without those of outputs that are given up. Those of its
    /// stream that start before it are not looked at.
    pub(in crate::store) fn session(
        &self,
        of: &ToCompose,
        most: usize,
    ) -> std::result::Result<Vec<SessionPiece>, StoreError> {
        let sql = format!(
            "SELECT r.id, r.state, r.spec FROM streams t CROSS JOIN recordings r ON r.stream = t.stream
             WHERE t.name = ?1 AND r.start >= ?2 AND r.whole IS NULL AND NOT r.composed AND r.state <> 'expired' AND {OF_SESSION}
             ORDER BY r.start, r.recording LIMIT ?5"
        );
        let given_up = given_up(of);
        let values = params![
            of.stream.as_str(),
            of.start,
            of.session,
            given_up,
            whole(most as u64)
        ];
        self.all(&sql, values, |row| {
            let state: String = self.col(row, 1)?;
            Ok(SessionPiece {
                recording: RecordingId::from_bytes(self.col(row, 0)?),
                state: match state.as_str() {
                    "open" => RecordingState::Open,
                    "delivered" => RecordingState::Delivered,
                    _ => RecordingState::Closed,
                },
                spec: RecordingSpec::read(&self.col::<String>(row, 2)?),
            })
        })
    }

    /// The highest number of an open recording of a session, or 0: so many were begun of one of its outputs. Outputs that are given up do
    /// not count.
    pub(in crate::store) fn session_reached(&self, of: &ToCompose) -> std::result::Result<u32, StoreError> {
        let sql = format!(
            "SELECT max(json_extract(r.spec, '$.number')) FROM streams t
                CROSS JOIN recordings r INDEXED BY recordings_open ON r.stream = t.stream
             WHERE t.name = ?1 AND r.state = 'open' AND {OF_SESSION}"
        )
        .replace("?4", "?2");
        let values = params![of.stream.as_str(), given_up(of), of.session];
        Ok(self
            .one(&sql, values, |row| self.col::<Option<u32>>(row, 0))?
            .flatten()
            .unwrap_or(0))
    }

    /// The rows that have the tape of a recording, in the order in which it is played: the recording itself, or the ranges of a
    /// composition.
    pub(in crate::store) fn ranges(
        &self,
        of: &RecordingData,
    ) -> std::result::Result<Vec<RecordingData>, StoreError> {
        if !of.composed {
            return Ok(vec![of.clone()]);
        }
        let sql = format!("{RECORDING} WHERE r.whole = ?1 ORDER BY r.position");
        self.all(&sql, params![of.key], |row| self.recording_data(row))
    }

    /// The ranges of a composition, as its file says them.
    pub(in crate::store) fn tape_ranges(
        &self,
        of: &RecordingData,
    ) -> std::result::Result<Vec<TapeRange>, StoreError> {
        let sql = "SELECT source FROM recordings WHERE whole = ?1 ORDER BY position";
        let sources: Vec<[u8; 16]> = self.all(sql, params![of.key], |row| self.col(row, 0))?;
        let ranges = self.ranges(of)?.into_iter().zip(sources);
        Ok(ranges
            .map(|(row, source)| TapeRange {
                recording: RecordingId::from_bytes(source),
                stream: row.stream,
                start: row.start,
                end: row.end,
                from: row.spec.asked.map_or(row.start, |asked| asked.from),
                to: row.spec.asked.and_then(|asked| asked.to),
                media: row.spec.output.media,
                gradual: row.spec.gradual,
            })
            .collect())
    }

    /// What the file beside the tape says of a composition; `None` of any other recording.
    pub(in crate::store) fn composition(
        &self,
        id: RecordingId,
    ) -> std::result::Result<Option<Written>, StoreError> {
        let Some(row) = self.recording(id)?.filter(|row| row.composed) else {
            return Ok(None);
        };
        let sql = "SELECT keep FROM recordings WHERE recording = ?1";
        let keep = self.one(sql, params![row.key], |row| self.col(row, 0))?.flatten();
        let ranges = self.tape_ranges(&row)?;
        Ok(Some(Written::new(&row.spec, keep, row.form, ranges)))
    }

    /// The streams that compositions have tape of, but for their own.
    pub(in crate::store) fn other_streams(
        &self,
        compositions: &[i64],
    ) -> std::result::Result<Vec<(i64, StreamName)>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT r.recording, t.name FROM {THESE} CROSS JOIN recordings x ON x.whole = r.recording
                CROSS JOIN streams t ON t.stream = x.stream
             WHERE x.stream <> r.stream ORDER BY r.recording, t.name"
        );
        self.all(&sql, params![keys(compositions)], |row| {
            Ok((self.col(row, 0)?, self.stream(row, 1)?))
        })
    }

    /// The tracks of each range of these compositions, in the order of the ranges, while their tape is there.
    pub(in crate::store) fn tracks_of_ranges(
        &self,
        compositions: &[i64],
    ) -> std::result::Result<Vec<(i64, Tracks)>, StoreError> {
        let sql = format!(
            "SELECT r.recording, (SELECT s.tracks FROM segments s WHERE s.stream = x.stream AND s.end > x.start AND s.start < x.end
                AND s.state NOT IN ('spare', 'wipe') ORDER BY s.end LIMIT 1)
             FROM {THESE} CROSS JOIN recordings x ON x.whole = r.recording ORDER BY r.recording, x.position"
        );
        let rows = self.all(&sql, params![keys(compositions)], |row| {
            Ok((self.col(row, 0)?, self.col::<Option<String>>(row, 1)?))
        })?;
        let tracks = rows
            .into_iter()
            .filter_map(|(key, text)| Some((key, tracks::decode(&text?)?)));
        Ok(tracks.collect())
    }

    /// The date of a moment of the tape of a stream, by the publish that it lies in, or the last one before it.
    pub(in crate::store) fn date_of(
        &self,
        stream: &StreamName,
        at: Micros,
    ) -> std::result::Result<Option<Date>, StoreError> {
        for (side, order) in [(">=", "s.end"), ("<", "s.end DESC")] {
            let sql = format!(
                "SELECT b.utc_offset + p.boot_zero + (?2 - p.tape_zero), b.boot_id, b.synced
                 FROM streams t CROSS JOIN segments s ON s.stream = t.stream AND s.end {side} ?2
                    CROSS JOIN publishes p ON p.publish = s.publish CROSS JOIN boots b ON b.boot = p.boot
                 WHERE t.name = ?1 ORDER BY {order} LIMIT 1"
            );
            let found = self.one(&sql, params![stream.as_str(), at], |row| {
                Ok(Date {
                    utc: self.col(row, 0)?,
                    boot: self.col(row, 1)?,
                    synced: self.col(row, 2)?,
                })
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The number, from 1 on, of the first range that nobody knows the time of, beside the others: it was recorded in another boot, and
    /// its clock was not believed. With it the boot.
    pub(in crate::store) fn undated(
        &self,
        ranges: &[TapeRange],
    ) -> std::result::Result<Option<(usize, [u8; 16])>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT b.boot_id, b.synced FROM segments s CROSS JOIN publishes p ON p.publish = s.publish
                CROSS JOIN boots b ON b.boot = p.boot
             WHERE {} AND s.state IN ('sealed', 'missing')",
            between("(SELECT stream FROM streams WHERE name = ?1)", "?2", "?3")
        );
        let mut boots: Vec<(usize, [u8; 16], bool)> = Vec::new();
        for (number, range) in (1..).zip(ranges) {
            let values = params![range.stream.as_str(), range.start, range.end];
            boots.extend(self.all(&sql, values, |row| {
                Ok((number, self.col(row, 0)?, self.col(row, 1)?))
            })?);
        }
        // Within a boot, the tape itself says how much later something was.
        let is_one = boots
            .windows(2)
            .all(|pair| matches!(pair, [one, other] if one.1 == other.1));
        let doubtful = boots.into_iter().find(|(_, _, synced)| !is_one && !synced);
        Ok(doubtful.map(|(number, boot, _)| (number, boot)))
    }

    /// What is in the way of a range: no tape of it is there, or some of it is still written.
    pub(in crate::store) fn is_sealed(
        &self,
        stream: &StreamName,
        [start, end]: [Micros; 2],
    ) -> std::result::Result<Sealing, StoreError> {
        const STREAM: &str = "(SELECT stream FROM streams WHERE name = ?1)";
        let open = format!(
            "SELECT 1 FROM segments s WHERE {} AND +s.stream = {STREAM} AND s.start < ?2 LIMIT 1",
            few("open")
        );
        if self
            .one(&open, params![stream.as_str(), end], |_| Ok(()))?
            .is_some()
        {
            return Ok(Sealing::Open);
        }
        let sealed = format!(
            "SELECT 1 FROM segments s WHERE s.state IN ('sealed', 'missing') AND {} LIMIT 1",
            between(STREAM, "?2", "?3")
        );
        let found = self.one(&sealed, params![stream.as_str(), start, end], |_| Ok(()))?;
        Ok(match found {
            Some(()) => Sealing::Sealed,
            None => Sealing::Gone,
        })
    }

    /// The compositions that have footage of a recording, by the tape; at most so many. With a source, only those with a range that was
    /// taken from it.
    pub(in crate::store) fn needed_by(
        &self,
        of: &RecordingData,
        source: Option<RecordingId>,
        most: usize,
    ) -> std::result::Result<Vec<RecordingId>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT w.id FROM (SELECT ?1 AS stream, ?2 AS start, ?3 AS end) s CROSS JOIN {}
                CROSS JOIN recordings w ON w.recording = o.whole
             WHERE o.whole IS NOT NULL AND o.whole <> ?4 AND o.state <> 'expired'
                AND (?6 IS NULL OR o.source = ?6) LIMIT ?5",
            super::candidates::SHARING
        );
        let mut found = Vec::new();
        for range in self.ranges(of)? {
            let stream: Option<i64> = self.one(
                "SELECT stream FROM streams WHERE name = ?1",
                params![range.stream.as_str()],
                |row| self.col(row, 0),
            )?;
            let source = source.map(RecordingId::to_bytes);
            let values = params![stream, range.start, range.end, of.key, whole(most as u64), source];
            let some = self.all(&sql, values, |row| Ok(RecordingId::from_bytes(self.col(row, 0)?)))?;
            found.extend(some);
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(most);
        Ok(found)
    }
}

/// When a moment of the tape was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Date {
    pub(in crate::store) utc: Micros,
    /// The boot whose clock says so.
    pub(in crate::store) boot: [u8; 16],
    /// That clock was believed.
    pub(in crate::store) synced: bool,
}

/// Whether the tape of a range is on segments that are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Sealing {
    /// It is.
    Sealed,
    /// A part of it may be in a segment that is still written.
    Open,
    /// There is none.
    Gone,
}
