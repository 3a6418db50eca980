//! Writes events in the transaction that makes them true. Here are also the few functions through which all changes call
//! SQLite.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::sql::prepare;
use crate::event::Event;
use crate::media::Micros;
use crate::store::OUTBOX_ROWS;

pub(super) type Result<T = ()> = rusqlite::Result<T>;

/// Puts an event into the outbox, and removes the oldest event when the outbox is full.
pub(super) fn post(db: &Connection, event: &Event, utc: Micros) -> Result {
    let millis = u64::try_from(utc / 1_000).unwrap_or(0);
    let time = uuid::Timestamp::from_unix(
        uuid::NoContext,
        millis / 1_000,
        u32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000,
    );
    execute(
        db,
        "INSERT INTO outbox (id, kind, body, time) VALUES (?1, ?2, ?3, ?4)",
        params![Uuid::new_v7(time).as_bytes(), event.kind(), event.body(), utc],
    )?;
    let dropped = prepare(db, "DELETE FROM outbox WHERE sequence <= ?1")?
        .execute(params![db.last_insert_rowid().saturating_sub(OUTBOX_ROWS)])?;
    if dropped == 0 {
        return Ok(());
    }
    execute(
        db,
        "INSERT INTO counters (name, value) VALUES ('outbox_dropped', ?1)
         ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        params![whole(dropped as u64)],
    )
}

pub(super) fn execute(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Result {
    prepare(db, sql)?.execute(params).map(drop)
}

/// SQLite has no unsigned 64-bit numbers; no number of ours comes near the difference.
pub(super) fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
