//! Gives the events in the outbox new dates when the clock of this boot is set: an event that is not sent yet must not say 1970.
//! Events that are kept although all listeners have them get new dates, too: who reads them later gets what is known then.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value};

use super::sql::prepare;
use crate::event::rfc3339;
use crate::media::{Micros, RecordingId};

type Result<T = ()> = rusqlite::Result<T>;

/// The counter that holds the sequence of the boot's first event.
const FIRST: &str = "outbox_of_boot";

/// The reason of recordings that the last run left open.
const UNCLEAN: &str = crate::store::UNCLEAN;

/// Notes that the events from here on belong to a boot that begins.
pub(super) fn begin_boot(db: &Connection) -> Result {
    prepare(
        db,
        "INSERT INTO counters (name, value)
         SELECT ?1, 1 + ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)
         WHERE true ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![FIRST])
    .map(drop)
}

/// Moves the times of this boot's events that are still in the outbox.
pub(super) fn redate(db: &Connection, boot: &[u8; 16], by: Micros) -> Result {
    let rows = prepare(
        db,
        "SELECT sequence, kind, body FROM outbox
             WHERE sequence >= (SELECT value FROM counters WHERE name = ?1) ORDER BY sequence",
    )?
    .query_map(params![FIRST], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
    .collect::<Result<Vec<(i64, String, String)>>>()?;
    let mut update = prepare(
        db,
        "UPDATE outbox SET time = time + ?2, body = ?3 WHERE sequence = ?1",
    )?;
    for (sequence, kind, body) in rows {
        let moved = moved(db, boot, &kind, &body, by)?;
        update.execute(params![sequence, by, moved.as_ref().unwrap_or(&body)])?;
    }
    Ok(())
}

/// The body with its times moved; `None` when no time is of this boot. A start closes or pauses the recordings that the boot
/// before left open, and dates that by the clock of the boot before. A recording may also begin in one boot and end in another.
fn moved(db: &Connection, boot: &[u8; 16], kind: &str, body: &str, by: Micros) -> Result<Option<String>> {
    let Some(mut body) = serde_json::from_str::<Value>(body).ok() else {
        return Ok(None);
    };
    let [begun, ended] = in_boot(db, boot, &body)?;
    let fields: &[&str] = match kind {
        "recording.started" => &["start"],
        "stream.gap" => &["from", "to"],
        "recording.resumed" if begun => &["from", "at"],
        "recording.resumed" => &["at"],
        "recording.paused" if begun || body.get("reason").is_none_or(|reason| reason != UNCLEAN) => &["at"],
        "recording.closed" | "clip.ready" => match (begun, ended) {
            (true, true) => &["start", "end"],
            (true, false) => &["start"],
            (false, true) => &["end"],
            (false, false) => return Ok(None),
        },
        _ => return Ok(None),
    };
    let Some(object) = body.as_object_mut() else {
        return Ok(None);
    };
    move_times(object, fields, by);
    if let Some(short) = object.get_mut("short").and_then(Value::as_object_mut) {
        move_times(short, fields, by);
        let missing = short.get_mut("missing").and_then(Value::as_array_mut);
        // The boot of a missing part is not known, unless the whole recording is of this boot.
        for part in missing.into_iter().flatten().filter(|_| begun && ended) {
            part.as_object_mut()
                .into_iter()
                .for_each(|part| move_times(part, &["from", "to"], by));
        }
    }
    if kind == "recording.resumed" {
        // The gap between the two times changes with them.
        let time = |name: &str| object.get(name)?.as_str()?.parse::<jiff::Timestamp>().ok();
        if let (Some(from), Some(at)) = (time("from"), time("at")) {
            let gap = at.as_microsecond().saturating_sub(from.as_microsecond()).max(0);
            object.insert("gap_s".to_owned(), (gap as f64 / 1e6).into());
        }
    }
    Ok(Some(body.to_string()))
}

fn move_times(object: &mut Map<String, Value>, fields: &[&str], by: Micros) {
    for name in fields {
        let time = object.get(*name);
        let time = time.and_then(|time| time.as_str()?.parse::<jiff::Timestamp>().ok());
        if let Some(time) = time {
            let moved = rfc3339(time.as_microsecond().saturating_add(by));
            object.insert((*name).to_owned(), moved.into());
        }
    }
}

/// Whether the recording of an event began, and ended, in this boot. A recording without any tape has no row; the clock of the
/// moment dated its event.
fn in_boot(db: &Connection, boot: &[u8; 16], body: &Value) -> Result<[bool; 2]> {
    let id = body.get("recording").and_then(|id| id.as_str()?.parse().ok());
    let Some(id): Option<RecordingId> = id else {
        return Ok([true, true]);
    };
    let of = |publish: &str| -> Result<bool> {
        let sql = format!(
            "SELECT boot_id FROM recordings r JOIN publishes p ON p.publish = {publish} JOIN boots USING (boot)
             WHERE r.id = ?1"
        );
        let found: Option<[u8; 16]> = prepare(db, &sql)?
            .query_row(params![id.to_bytes()], |row| row.get(0))
            .optional()?;
        Ok(found.is_none_or(|of| of == *boot))
    };
    Ok([of("r.publish")?, of("ifnull(r.last_publish, r.publish)")?])
}
