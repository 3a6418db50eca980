//! Applies the eviction of tape, and writes the events of what is lost by it.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::audit;
use super::candidates::SHARING;
use super::lists;
use super::outbox::{Result, execute, post};
use super::read::{between, number};
use super::sql::prepare;
use super::{ranges, tallies, thin};
use crate::event::{Event, Evicted, ExpiredBy, rfc3339};
use crate::media::{Micros, RecordingId, SegmentId};

/// Expires a recording whose time is over. Its row goes with the last of its tape.
pub(super) fn expire(db: &Connection, id: RecordingId, reason: &str, utc: Micros) -> Result {
    let changed = prepare(
        db,
        "UPDATE recordings SET state = 'expired'
             WHERE id = ?1 AND state IN ('closed', 'delivered') AND NOT protected",
    )?
    .execute(params![id.to_bytes()])?;
    if changed == 0 {
        return Ok(());
    }
    let (recording, stream): (i64, String) = prepare(
        db,
        "SELECT recording, name FROM recordings JOIN streams USING (stream) WHERE id = ?1",
    )?
    .query_row(params![id.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    post(db, &gone(stream, id, reason, ExpiredBy::Retention), utc)?;
    ranges::forget_empty(db, recording)?;
    forget_without_tape(db, recording).map(drop)
}

/// Deletes a recording on request: media that only this recording needs is removed for good. A recording that is open or
/// protected stays. One with much tape is deleted in steps: this is one of them, and the row of `deleting` says that others follow.
pub(super) fn delete(db: &Connection, id: RecordingId, utc: Micros) -> Result {
    let found: Option<(i64, String, Micros, Micros, bool)> = prepare(
        db,
        "SELECT recording, name, start, end, composed FROM recordings JOIN streams USING (stream)
             WHERE id = ?1 AND state <> 'open' AND NOT (protected & 1) AND whole IS NULL",
    )?
    .query_row(params![id.to_bytes()], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    })
    .optional()?;
    let Some((recording, stream, start, end, composed)) = found else {
        return thin::spare(db, id);
    };
    let mut deletion = thin::Deletion::of(db, id)?;
    let is_removed = if composed {
        remove_ranges(db, recording, &mut deletion)?
    } else {
        thin::remove(db, recording, (start, end), &mut deletion)?
    };
    if !is_removed {
        return deletion.pause(db);
    }
    thin::note(db, &deletion)?;
    let mut event = gone(stream, id, "deleted", ExpiredBy::Request);
    if let Event::RecordingExpired { left_s, asked_by, .. } = &mut event {
        *left_s = Some(deletion.left as f64 / 1e6);
        *asked_by = audit::who_deletes(db, id)?;
    }
    post(db, &event, utc)?;
    execute(
        db,
        "DELETE FROM recordings WHERE recording = ?1",
        params![recording],
    )
}

/// The same of a recording that goes because a composition has its footage. Whether that is so is asked in the transaction that deletes:
/// the composition has a range of it, is neither gone nor going, and no review holds back one of the two. Where it is not so, nothing
/// happens.
pub(super) fn delete_beside(db: &Connection, id: RecordingId, whole: RecordingId, utc: Micros) -> Result {
    let sql = "SELECT EXISTS (SELECT 1 FROM recordings r CROSS JOIN recordings w ON w.id = ?2
        WHERE r.id = ?1 AND NOT r.protected AND ifnull(r.review, 0) = 0
            AND w.composed AND w.state <> 'expired' AND ifnull(w.review, 0) = 0
            AND EXISTS (SELECT 1 FROM recordings x WHERE x.whole = w.recording AND x.source = r.id)
            AND NOT EXISTS (SELECT 1 FROM deleted d WHERE d.id = w.id)
            AND NOT EXISTS (SELECT 1 FROM deleting d WHERE d.id = w.id))";
    let has = prepare(db, sql)?.query_row(params![id.to_bytes(), whole.to_bytes()], |row| row.get(0))?;
    if has { delete(db, id, utc) } else { Ok(()) }
}

/// Removes the media that only a composition needs, range by range: a range that is removed needs nothing any more. True when
/// all are removed.
fn remove_ranges(db: &Connection, composition: i64, deletion: &mut thin::Deletion) -> Result<bool> {
    for (range, start, end) in ranges::keys_of(db, composition)? {
        if !thin::remove(db, range, (start, end), deletion)? {
            return Ok(false);
        }
        execute(db, "DELETE FROM recordings WHERE recording = ?1", params![range])?;
    }
    Ok(true)
}

/// Gives a segment's media up, and tells what is lost by that.
pub(super) fn evict(db: &Connection, id: SegmentId, utc: Micros) -> Result {
    let changed = prepare(
        db,
        "UPDATE segments SET state = 'spare' WHERE id = ?1 AND state = 'sealed'",
    )?
    .execute(params![id.to_bytes()])?;
    if changed == 0 {
        return Ok(());
    }
    let (segment, stream, bytes, from, to): (i64, String, i64, Micros, Micros) = prepare(
        db,
        "SELECT s.segment, name, bytes, utc_offset + boot_zero + (s.start - tape_zero),
                utc_offset + boot_zero + (s.end - tape_zero)
             FROM segments s JOIN publishes p ON p.publish = s.publish JOIN boots USING (boot)
                JOIN streams t ON t.stream = s.stream
             WHERE s.id = ?1",
    )?
    .query_row(params![id.to_bytes()], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    })?;
    execute(db, "DELETE FROM indexes WHERE segment = ?1", params![segment])?;
    lists::remove(db, segment)?;
    tallies::gone(db, id)?;
    let sql = format!(
        "SELECT o.recording, ifnull(w.id, o.id), o.state, o.whole, ifnull(n.name, '') FROM segments s CROSS JOIN {SHARING}
            LEFT JOIN recordings w ON w.recording = o.whole LEFT JOIN streams n ON n.stream = w.stream
         WHERE s.segment = ?1"
    );
    let mut statement = prepare(db, &sql)?;
    let rows = statement.query_map(params![segment], |row| {
        Ok(Loser {
            recording: row.get(0)?,
            id: RecordingId::from_bytes(row.get(1)?),
            state: row.get(2)?,
            whole: row.get(3)?,
            of: row.get(4)?,
        })
    })?;
    let recordings: Vec<Loser> = rows.collect::<Result<_>>()?;
    let losers = recordings
        .iter()
        .filter(|loser| loser.state == "open" || loser.state == "closed");
    // A composition may have several ranges here.
    let losers: BTreeSet<String> = losers.map(|loser| loser.id.to_string()).collect();
    let losers: Vec<String> = losers.into_iter().collect();
    if !losers.is_empty() {
        let event = Event::MediaEvictedUndelivered(Evicted {
            stream: stream.clone(),
            from: rfc3339(from),
            to: rfc3339(to),
            bytes: number(bytes),
            recordings: losers,
        });
        post(db, &event, utc)?;
    }
    for loser in recordings {
        let mut left = forget_without_tape(db, loser.recording)?;
        let mut of = stream.clone();
        if let Some(composition) = loser.whole {
            left = !ranges::forget_empty(db, composition)?;
            of = loser.of;
        }
        if !left && loser.state != "expired" {
            let event = gone(of, loser.id, "its space was needed", ExpiredBy::Space);
            post(db, &event, utc)?;
        }
    }
    Ok(())
}

/// A recording, or a range of a composition, that loses tape.
struct Loser {
    recording: i64,
    /// Of a range, its composition.
    id: RecordingId,
    state: String,
    /// The composition that it is a range of, and the stream of that.
    whole: Option<i64>,
    of: String,
}

/// Removes the row of a segment whose blocks another one has, and the rows that only this segment kept.
pub(super) fn evicted(db: &Connection, id: SegmentId) -> Result {
    let publish: Option<i64> = prepare(
        db,
        "SELECT publish FROM segments WHERE id = ?1 AND state IN ('spare', 'wipe')",
    )?
    .query_row(params![id.to_bytes()], |row| row.get(0))
    .optional()?;
    let Some(publish) = publish else { return Ok(()) };
    execute(db, "DELETE FROM segments WHERE id = ?1", params![id.to_bytes()])?;
    execute(
        db,
        "DELETE FROM publishes WHERE publish = ?1 AND end_reason IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM segments s WHERE s.publish = ?1)
            AND NOT EXISTS (SELECT 1 FROM recordings r WHERE r.publish = ?1)
            AND NOT EXISTS (SELECT 1 FROM recordings r WHERE r.last_publish = ?1)",
        params![publish],
    )
}

/// Forgets a closed recording that has no tape left; false when it did. One of which steps of a deletion are carried out goes
/// with the last step.
fn forget_without_tape(db: &Connection, recording: i64) -> Result<bool> {
    let sql = format!(
        "DELETE FROM recordings AS r WHERE r.recording = ?1 AND r.state <> 'open' AND NOT r.composed
            AND NOT EXISTS (SELECT 1 FROM deleting d WHERE d.id = r.id)
            AND NOT EXISTS (SELECT 1 FROM segments s WHERE {} AND s.state IN ('open', 'sealed'))",
        between("r.stream", "r.start", "r.end")
    );
    let deleted = prepare(db, &sql)?.execute(params![recording])?;
    Ok(deleted == 0)
}

fn gone(stream: String, id: RecordingId, reason: &str, by: ExpiredBy) -> Event {
    Event::RecordingExpired {
        stream,
        recording: id.to_string(),
        reason: reason.to_owned(),
        by,
        asked_by: None,
        left_s: None,
    }
}
