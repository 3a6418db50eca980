//! Writes events in the transaction that makes them true. Here are also the few functions through which all changes call
//! SQLite.

use rusqlite::{Connection, params};
use serde_json::Value;
use uuid::Uuid;

use super::sql::prepare;
use crate::event::Event;
use crate::media::Micros;
use crate::store::OUTBOX_ROWS;

pub(super) type Result<T = ()> = rusqlite::Result<T>;

/// The longest body of an event, in bytes. The journal is not trusted at the next start with a text of a mebibyte
/// ([`super::trust`]).
const LONGEST_BODY: usize = 256 << 10;
/// What is left of a text and of a list of a longer one, in characters and entries.
const LONGEST_TEXT: usize = 300;
const MOST_OF_LIST: usize = 100;

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
        params![
            Uuid::new_v7(time).as_bytes(),
            event.kind(),
            bounded(event.body()),
            utc
        ],
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

/// The body of an event, with its texts and lists cut where it is too long. Texts in it may be of servers, publishers and files.
fn bounded(body: String) -> String {
    if body.len() <= LONGEST_BODY {
        return body;
    }
    let mut value = serde_json::from_str(&body).unwrap_or_default();
    cut(&mut value);
    value.to_string()
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.chars().take(LONGEST_TEXT).collect(),
        Value::Array(all) => {
            all.truncate(MOST_OF_LIST);
            all.iter_mut().for_each(cut);
        }
        Value::Object(all) => all.values_mut().for_each(cut),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(super) fn execute(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Result {
    prepare(db, sql)?.execute(params).map(drop)
}

/// SQLite has no unsigned 64-bit numbers; no number of ours comes near the difference.
pub(super) fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
