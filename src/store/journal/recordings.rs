//! Carries out the changes of recordings.

use rusqlite::{Connection, OptionalExtension, params};

use super::facts;
use super::outbox::{Result, execute, post};
use super::ranges;
use super::read::{between, few};
use super::sql::prepare;
use super::tallies;
use crate::event::{Event, RecordingClosed, rfc3339};
use crate::media::{Micros, PublishId, RecordingId, StreamName};
use crate::model::{Origin, ReviewWhen};
use crate::store::RecordingSpec;
use crate::store::short::{self, Stretch};
use crate::store::tally::SHARED;

/// Begins a recording; `tell` is the time of its event, if there is to be one.
pub(super) fn start(
    db: &Connection,
    id: RecordingId,
    publish: PublishId,
    [start, keep]: [Option<Micros>; 2],
    spec: Option<&RecordingSpec>,
    tell: Option<Micros>,
) -> Result {
    let new = prepare(
        db,
        "INSERT OR IGNORE INTO recordings (id, stream, publish, state, start, end, keep, spec, exact)
             SELECT ?1, stream, publish, 'open', ?3, ?3, ?4, ?5, ?6 FROM publishes WHERE id = ?2",
    )?
    .execute(params![
        id.to_bytes(),
        publish.to_bytes(),
        start,
        keep,
        spec.map(RecordingSpec::written).unwrap_or_default(),
        spec.is_some()
    ])?;
    if let (0, Some(spec)) = (new, spec) {
        // The files found the recording again, and they know segments only. Here its specification is added.
        prepare(
            db,
            "UPDATE recordings SET spec = ?2, exact = 1, start = ifnull(?3, start), keep = ?4, runs = NULL
             WHERE id = ?1 AND spec = ''",
        )?
        .execute(params![id.to_bytes(), spec.written(), start, keep])?;
    }
    if spec.is_some_and(|spec| spec.output.review == ReviewWhen::Before) {
        // The tick writes its file.
        execute(
            db,
            "UPDATE recordings SET review = 1, asks = 1, sidecar = 2 WHERE id = ?1 AND review IS NULL",
            params![id.to_bytes()],
        )?;
    }
    // A clip has no event of its start. The event that it is ready tells of it.
    let told = spec.filter(|spec| spec.about.origin != Origin::Clip);
    // What a journal does not know of a session that began before it was made cannot be composed: only its first recording notes it.
    let begins = |spec: &&RecordingSpec| spec.output.compose && spec.about.number == 1;
    if let Some(spec) = told.filter(begins).filter(|_| tell.is_some()) {
        ranges::note_session(db, &spec.about.session, publish, start.unwrap_or(0))?;
    }
    let (Some(utc), Some(spec)) = (tell.filter(|_| new > 0), told) else {
        return Ok(());
    };
    let (stream, start) = place(db, publish, start.unwrap_or(0))?;
    let event = Event::RecordingStarted {
        stream,
        recording: id.to_string(),
        start: rfc3339(start),
        // Whoever sends the event knows the address of that moment.
        url: None,
        about: spec.about.clone(),
    };
    post(db, &event, utc)
}

/// Pauses a recording whose publish is over.
pub(super) fn pause(
    db: &Connection,
    id: RecordingId,
    end: Option<Micros>,
    reason: &str,
    utc: Micros,
) -> Result {
    let Some(found) = find(db, id, "state = 'open' AND NOT paused")? else {
        return Ok(());
    };
    let tape = tape(db, &found, end.unwrap_or(Micros::MAX))?;
    if tape.segments == 0 || found.ends.is_some() {
        // Nothing of the recording was kept, or it is over: no publish can go on with it.
        return close(db, id, found.ends.or(end), reason, utc);
    }
    let end = end.or(tape.end).unwrap_or(found.grown).max(found.start);
    execute(
        db,
        "UPDATE recordings SET paused = 1, end = ?2 WHERE recording = ?1",
        params![found.recording, end],
    )?;
    tallies::bounded(db, id)?;
    let event = Event::RecordingPaused {
        stream: found.stream,
        recording: id.to_string(),
        at: rfc3339(tape.last.unwrap_or(utc)),
        reason: reason.to_owned(),
        about: found.spec.about.clone(),
    };
    post(db, &event, utc)
}

/// Resumes a recording with another publish.
pub(super) fn resume(
    db: &Connection,
    id: RecordingId,
    publish: PublishId,
    start: Micros,
    utc: Micros,
) -> Result {
    // In a journal that was made again meanwhile, the recording is closed.
    let Some(found) = find(db, id, "(state = 'closed' OR (state = 'open' AND paused))")? else {
        return Ok(());
    };
    let tape = tape(db, &found, found.grown)?;
    execute(
        db,
        "UPDATE recordings SET state = 'open', reason = NULL, paused = 0, runs = NULL, last_publish = (SELECT publish FROM publishes WHERE id = ?2)
         WHERE recording = ?1",
        params![found.recording, publish.to_bytes()],
    )?;
    let (stream, at) = place(db, publish, start)?;
    let gap = tape.last.map_or(0, |last| at.saturating_sub(last).max(0));
    let event = Event::RecordingResumed {
        stream,
        recording: id.to_string(),
        from: rfc3339(tape.last.unwrap_or(at)),
        at: rfc3339(at),
        gap_s: gap as f64 / 1e6,
        about: found.spec.about.clone(),
    };
    post(db, &event, utc)
}

/// Makes a recording of a part of the tape. A range without any tape becomes no recording.
pub(super) fn clip(
    db: &Connection,
    id: RecordingId,
    stream: &StreamName,
    [start, end]: [Micros; 2],
    keep: Option<Micros>,
    spec: &RecordingSpec,
    utc: Micros,
) -> Result {
    // The publish of its first tape dates the clip.
    let sql = format!(
        "WITH of AS (SELECT stream FROM streams WHERE name = ?2),
            part AS (SELECT s.publish, s.sequence FROM of CROSS JOIN segments s
                    ON {} AND s.state = 'sealed'
                UNION ALL SELECT s.publish, s.sequence FROM of CROSS JOIN segments s
                    ON {} AND +s.stream = of.stream AND s.start < ?4)
         INSERT OR IGNORE INTO recordings (id, stream, publish, last_publish, state, start, end, keep, spec, exact)
         SELECT ?1, stream, (SELECT publish FROM part ORDER BY sequence LIMIT 1),
            (SELECT publish FROM part ORDER BY sequence DESC LIMIT 1), 'open', ?3, ?4, ?5, ?6, 1
         FROM of WHERE EXISTS (SELECT 1 FROM part)",
        between("of.stream", "?3", "?4"),
        few("open")
    );
    let made = prepare(db, &sql)?.execute(params![
        id.to_bytes(),
        stream.as_str(),
        start,
        end,
        keep,
        spec.written()
    ])?;
    if made == 0 {
        return post(db, &nothing(stream.to_string(), id.to_string()), utc);
    }
    close(db, id, Some(end), "clip", utc)
}

/// Closes a recording: no later tape belongs to it. A recording without any tape is removed.
pub(super) fn close(
    db: &Connection,
    id: RecordingId,
    end: Option<Micros>,
    reason: &str,
    utc: Micros,
) -> Result {
    let Some(found) = find(db, id, "state = 'open'")? else {
        return Ok(());
    };
    let label = facts::label(db, id)?;
    // The limit is the end that was asked for, or else the end of the tape.
    let end = end.or(found.ends).or(found.paused.then_some(found.grown));
    let tape = tape(db, &found, end.unwrap_or(Micros::MAX))?;
    if tape.segments == 0 {
        execute(
            db,
            "DELETE FROM recordings WHERE recording = ?1",
            params![found.recording],
        )?;
    } else {
        let end = end.or(tape.end).unwrap_or(found.grown).max(found.start);
        execute(
            db,
            "UPDATE recordings SET state = 'closed', paused = 0, ends = NULL, end = ?2, reason = ?3 WHERE recording = ?1",
            params![found.recording, end, reason],
        )?;
        tallies::bounded(db, id)?;
    }
    // A listener that has the event of the start gets the event of the end, also when there is no media.
    let (first, last) = (tape.first.unwrap_or(utc), tape.last.unwrap_or(utc));
    let short = match found.spec.asked {
        Some(asked) => {
            let stretches = stretches(db, &found, end.unwrap_or(Micros::MAX))?;
            short::of(&asked, found.start, &stretches, false)
        }
        None => None,
    };
    let closed = Box::new(RecordingClosed {
        stream: found.stream,
        recording: id.to_string(),
        start: rfc3339(first),
        end: rfc3339(last),
        duration_s: tape.duration as f64 / 1e6,
        bytes: u64::try_from(tape.bytes).unwrap_or(0),
        reason: reason.to_owned(),
        short: short.map(Box::new),
        url: None,
        mp4_url: None,
        form: None,
        label,
        about: found.spec.about.clone(),
    });
    let event = match found.spec.about.origin {
        Origin::Clip if tape.segments > 0 => Event::ClipReady(closed),
        Origin::Clip => nothing(closed.stream, closed.recording),
        _ => Event::RecordingClosed(closed),
    };
    post(db, &event, utc)
}

/// The event of a clip whose range has no tape.
fn nothing(stream: String, recording: String) -> Event {
    Event::RecordingFailed {
        stream,
        recording: Some(recording),
        reason: "there is nothing between these times".to_owned(),
    }
}

struct Found {
    recording: i64,
    stream: String,
    start: Micros,
    grown: Micros,
    paused: bool,
    ends: Option<Micros>,
    spec: RecordingSpec,
}

fn find(db: &Connection, id: RecordingId, state: &str) -> Result<Option<Found>> {
    let sql = format!(
        "SELECT recording, name, start, end, paused, spec, ends FROM recordings JOIN streams USING (stream)
         WHERE id = ?1 AND {state}"
    );
    prepare(db, &sql)?
        .query_row(params![id.to_bytes()], |row| {
            Ok(Found {
                recording: row.get(0)?,
                stream: row.get(1)?,
                start: row.get(2)?,
                grown: row.get(3)?,
                paused: row.get(4)?,
                ends: row.get(6)?,
                spec: RecordingSpec::read(&row.get::<_, String>(5)?),
            })
        })
        .optional()
}

/// The media on the tape of a recording that ends at `limit`.
struct Tape {
    segments: i64,
    bytes: i64,
    /// The duration of the media, without gaps.
    duration: Micros,
    /// UTC of its first and last moment.
    first: Option<Micros>,
    last: Option<Micros>,
    /// Tape time of its last moment.
    end: Option<Micros>,
}

/// The parts of segments that a recording has: their tape times, UTC less tape time, and for an exact recording their share of
/// the bytes. ?2 is the end of the recording, ?3 the least tape that a segment shares with it, ?4 the time from which on it is
/// shown.
fn part() -> String {
    format!(
        "WITH part AS (
        SELECT s.bytes, s.start, s.end, b.utc_offset + p.boot_zero - p.tape_zero AS utc,
            iif(r.exact, max(s.start, r.start, ?4), s.start) AS a, iif(r.exact, min(s.end, ?2), s.end) AS z
         FROM recordings r CROSS JOIN segments s ON {}
            CROSS JOIN publishes p ON p.publish = s.publish CROSS JOIN boots b ON b.boot = p.boot
         WHERE r.recording = ?1 AND s.state NOT IN ('spare', 'wipe')
            AND min(s.end, ?2) - iif(r.exact, max(s.start, r.start, ?4), max(s.start, r.start))
                > iif(r.exact, 0, min(?3, (s.end - s.start) / 2)))",
        between("r.stream", "r.start", "?2")
    )
}

fn tape(db: &Connection, found: &Found, limit: Micros) -> Result<Tape> {
    let sql = format!(
        "{}
         SELECT count(*), CAST(ifnull(sum(bytes * (z - a) / max(end - start, 1)), 0) AS INTEGER), ifnull(sum(z - a), 0),
            (SELECT utc + a FROM part ORDER BY a LIMIT 1), (SELECT utc + z FROM part ORDER BY z DESC LIMIT 1), max(z)
         FROM part",
        part()
    );
    let values = params![found.recording, limit, SHARED, found.shown_from()];
    prepare(db, &sql)?.query_row(values, |row| {
        Ok(Tape {
            segments: row.get(0)?,
            bytes: row.get(1)?,
            duration: row.get(2)?,
            first: row.get(3)?,
            last: row.get(4)?,
            end: row.get(5)?,
        })
    })
}

/// The stretches of tape that a recording has, one by one.
fn stretches(db: &Connection, found: &Found, limit: Micros) -> Result<Vec<Stretch>> {
    let sql = format!("{} SELECT a, z, utc FROM part ORDER BY a", part());
    let values = params![found.recording, limit, SHARED, found.shown_from()];
    let mut statement = prepare(db, &sql)?;
    let rows = statement.query_map(values, |row| {
        Ok(Stretch {
            publish: 0,
            from: row.get(0)?,
            to: row.get(1)?,
            utc: row.get(2)?,
        })
    })?;
    rows.collect()
}

impl Found {
    fn shown_from(&self) -> Micros {
        self.spec.shown_from().unwrap_or(self.start)
    }
}

/// A publish's stream, and UTC of a tape time.
fn place(db: &Connection, publish: PublishId, at: Micros) -> Result<(String, Micros)> {
    prepare(
        db,
        "SELECT name, utc_offset + boot_zero + (?2 - tape_zero)
         FROM publishes JOIN streams USING (stream) JOIN boots USING (boot) WHERE id = ?1",
    )?
    .query_row(params![publish.to_bytes(), at], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}
