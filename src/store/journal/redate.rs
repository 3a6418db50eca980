//! Dates the outbox anew when the clock of the present boot was set: what is not sent yet shall not speak of 1970.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::event::rfc3339;
use crate::media::{Micros, RecordingId};

type Result<T = ()> = rusqlite::Result<T>;

/// The counter that holds the sequence of the boot's first event.
const FIRST: &str = "outbox_of_boot";

/// The fields of an event that hold a time.
const TIMES: [&str; 4] = ["start", "end", "from", "to"];

/// Events from here on belong to a boot that begins.
pub(super) fn begin_boot(db: &Connection) -> Result {
    db.prepare(
        "INSERT INTO counters (name, value)
         SELECT ?1, 1 + ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)
         WHERE true ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![FIRST])
    .map(drop)
}

/// Moves the times of what the present boot has told and nobody has fetched.
pub(super) fn redate(db: &Connection, boot: &[u8; 16], by: Micros) -> Result {
    let rows = db
        .prepare(
            "SELECT sequence, kind, body FROM outbox
             WHERE sequence >= (SELECT value FROM counters WHERE name = ?1) ORDER BY sequence",
        )?
        .query_map(params![FIRST], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<Vec<(i64, String, String)>>>()?;
    let mut update = db.prepare("UPDATE outbox SET time = time + ?2, body = ?3 WHERE sequence = ?1")?;
    for (sequence, kind, body) in rows {
        let moved = match kind.as_str() {
            "recording.closed" if is_of_another_boot(db, boot, &body)? => None,
            "recording.started" | "recording.closed" | "stream.gap" => moved(&body, by),
            _ => None,
        };
        update.execute(params![sequence, by, moved.as_ref().unwrap_or(&body)])?;
    }
    Ok(())
}

/// A start closes what the boot before left open, and dates it by that boot's clock.
fn is_of_another_boot(db: &Connection, boot: &[u8; 16], body: &str) -> Result<bool> {
    let body: Option<Value> = serde_json::from_str(body).ok();
    let id = body
        .as_ref()
        .and_then(|body| body.get("recording")?.as_str()?.parse().ok());
    let Some(id): Option<RecordingId> = id else {
        return Ok(false);
    };
    let of: Option<[u8; 16]> = db
        .prepare(
            "SELECT boot_id FROM recordings r JOIN publishes USING (publish) JOIN boots USING (boot)
             WHERE r.id = ?1",
        )?
        .query_row(params![id.to_bytes()], |row| row.get(0))
        .optional()?;
    // One without any tape has no row; its event was dated by the clock of the moment.
    Ok(of.is_some_and(|of| of != *boot))
}

/// The body with its times moved; `None` when it is none of ours.
fn moved(body: &str, by: Micros) -> Option<String> {
    let mut body: Value = serde_json::from_str(body).ok()?;
    let fields = body.as_object_mut()?;
    for name in TIMES {
        let time = fields
            .get(name)
            .and_then(|time| time.as_str()?.parse::<jiff::Timestamp>().ok());
        if let Some(time) = time {
            let moved = rfc3339(time.as_microsecond().saturating_add(by));
            fields.insert(name.to_owned(), moved.into());
        }
    }
    Some(body.to_string())
}
