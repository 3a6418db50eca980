//! Writes and reads the positions of listeners, and the answers to requests.

use rusqlite::{Connection, Row, params};

use super::Journal;
use super::outbox::{Result, execute, whole};
use super::read::number;
use super::sql::prepare;
use crate::event::Posted;
use crate::media::Micros;
use crate::store::outbox::{Behind, Callback, OutboxChange, OutboxDepth, Place, Remembered};
use crate::store::{KEPT_BYTES, KEPT_ROWS, OUTBOX_ROWS, StoreError};

/// A request with the same id that comes later than this is another request.
const REMEMBERED: Micros = 24 * 3_600 * 1_000_000;

/// Most answers that are remembered. The oldest are forgotten first.
const MOST_REMEMBERED: i64 = 10_000;

pub(super) fn change(db: &Connection, change: &OutboxChange) -> Result {
    match change {
        OutboxChange::Listeners(all) => listeners(db, all, FROM_START),
        OutboxChange::Rejoin(all) => listeners(db, all, "0"),
        OutboxChange::Heard { listener, place } => {
            execute(
                db,
                "UPDATE listeners SET sequence = max(sequence, ?2)
                 WHERE listener = ?1 AND ?3 = (SELECT value FROM counters WHERE name = 'journal')",
                params![listener, whole(place.through), place.journal],
            )?;
            sweep(db)
        }
        OutboxChange::Missed(callback) => missed(db, callback),
        OutboxChange::Made { listener, sequence } => execute(
            db,
            "DELETE FROM callbacks WHERE listener = ?1 AND sequence = ?2",
            params![listener, whole(*sequence)],
        ),
        OutboxChange::RetryAll { now } => {
            execute(db, "UPDATE callbacks SET due = ?1, tries = 0", params![now])
        }
    }
}

/// The position of a new listener: it begins with the last start of the service.
const FROM_START: &str = "ifnull((SELECT max(sequence) - 1 FROM outbox WHERE kind = 'device.started'),
    ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0))";

fn listeners(db: &Connection, all: &[String], from: &str) -> Result {
    let known: Vec<String> = prepare(db, "SELECT listener FROM listeners")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    for gone in known.iter().filter(|known| !all.contains(known)) {
        execute(db, "DELETE FROM listeners WHERE listener = ?1", params![gone])?;
        execute(db, "DELETE FROM callbacks WHERE listener = ?1", params![gone])?;
    }
    for new in all {
        let sql = format!("INSERT OR IGNORE INTO listeners (listener, sequence) SELECT ?1, {from}");
        execute(db, &sql, params![new])?;
    }
    sweep(db)
}

/// Removes the events that all listeners have, but for the newest ones. Without a listener all events stay, up to the bound of
/// the outbox.
fn sweep(db: &Connection) -> Result {
    execute(
        db,
        "DELETE FROM outbox WHERE sequence <= (SELECT min(sequence) FROM listeners)
            AND (sequence <= (SELECT seq FROM sqlite_sequence WHERE name = 'outbox') - ?1
                OR sequence <= (SELECT max(sequence) FROM (
                    SELECT sequence, sum(bytes) OVER (ORDER BY sequence DESC) AS total FROM (
                        SELECT sequence, octet_length(body) AS bytes FROM outbox ORDER BY sequence DESC LIMIT ?1))
                    WHERE total > ?2))",
        params![KEPT_ROWS, KEPT_BYTES],
    )
}

fn missed(db: &Connection, callback: &Callback) -> Result {
    let event = &callback.event;
    execute(
        db,
        "INSERT OR REPLACE INTO callbacks (listener, sequence, id, kind, time, body, tries, due, error)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            callback.listener,
            whole(event.sequence),
            event.id,
            event.kind,
            event.time,
            event.body,
            callback.tries,
            callback.due,
            callback.error
        ],
    )?;
    execute(
        db,
        "DELETE FROM callbacks WHERE listener = ?1 AND sequence <= (SELECT sequence FROM callbacks
            WHERE listener = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)",
        params![callback.listener, OUTBOX_ROWS],
    )
}

/// Remembers a request that is begun, or answered.
pub(super) fn remember(db: &Connection, request: &Remembered) -> Result {
    execute(
        db,
        "INSERT INTO answers (id, command, begun, answer) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET answer = ifnull(excluded.answer, answer) WHERE command = excluded.command",
        params![request.id, request.command, request.begun, request.answer],
    )?;
    execute(
        db,
        "DELETE FROM answers WHERE (begun < ?1 AND begun > ?3) OR id IN
            (SELECT id FROM answers ORDER BY begun DESC LIMIT -1 OFFSET ?2)",
        params![
            request.begun.saturating_sub(REMEMBERED),
            MOST_REMEMBERED,
            Remembered::DATED_FROM
        ],
    )
}

impl Journal {
    pub(in crate::store) fn posted(
        &self,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> std::result::Result<Vec<Posted>, StoreError> {
        let sql = "SELECT sequence, id, kind, time, body FROM outbox WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = self.all(sql, params![whole(after), limit], |row| {
            Ok(Posted {
                sequence: number(self.col(row, 0)?),
                id: uuid::Uuid::from_bytes(self.col(row, 1)?).to_string(),
                kind: self.col(row, 2)?,
                time: self.col(row, 3)?,
                body: self.col(row, 4)?,
            })
        })?;
        let mut total = 0;
        let keep = rows
            .iter()
            .take_while(|row| {
                total += row.body.len();
                total <= bytes
            })
            .count();
        rows.truncate(keep.max(1));
        Ok(rows)
    }

    pub(in crate::store) fn behind(
        &self,
        place: Place,
        limit: usize,
        bytes: usize,
    ) -> std::result::Result<Behind, StoreError> {
        self.snapshot(|| {
            let newest = Place {
                journal: self.identity()?,
                through: self.newest_event()?,
            };
            if place.journal != newest.journal || place.through > newest.through {
                return Ok(Behind::Gone(newest));
            }
            let rows = self.posted(place.through, limit, bytes)?;
            // Numbers have no gaps, so the next event is there or was removed.
            let next = rows.first().map_or(newest.through, |first| first.sequence - 1);
            Ok(if next == place.through {
                Behind::Events(rows)
            } else {
                Behind::Gone(newest)
            })
        })
    }

    pub(in crate::store) fn heard(&self, listener: &str) -> std::result::Result<Option<Place>, StoreError> {
        let journal = self.identity()?;
        let sql = "SELECT sequence FROM listeners WHERE listener = ?1";
        self.one(sql, params![listener], |row| {
            let through = number(self.col(row, 0)?);
            Ok(Place { journal, through })
        })
    }

    /// The identity of the journal: a journal that was made again has another one.
    pub(in crate::store) fn identity(&self) -> std::result::Result<i64, StoreError> {
        let sql = "SELECT value FROM counters WHERE name = 'journal'";
        Ok(self.one(sql, [], |row| self.col(row, 0))?.unwrap_or(0))
    }

    pub(in crate::store) fn outbox_depth(&self) -> std::result::Result<OutboxDepth, StoreError> {
        let sql =
            "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0), count(*) FROM outbox
            WHERE sequence > (SELECT min(sequence) FROM listeners)";
        let depth = self.one(sql, [], |row| {
            Ok(OutboxDepth {
                newest: number(self.col(row, 0)?),
                events: number(self.col(row, 1)?),
            })
        })?;
        Ok(depth.unwrap_or_default())
    }

    pub(in crate::store) fn oldest(&self) -> std::result::Result<Option<Micros>, StoreError> {
        let sql = "SELECT utc_offset + boot_zero + (s.start - tape_zero)
            FROM segments s JOIN publishes p ON p.publish = s.publish JOIN boots USING (boot)
            WHERE s.state = 'sealed' AND s.end = (SELECT min(end) FROM segments WHERE state = 'sealed') LIMIT 1";
        self.one(sql, [], |row| self.col(row, 0))
    }

    /// The number of the newest event.
    pub(in crate::store) fn newest_event(&self) -> std::result::Result<u64, StoreError> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'";
        Ok(self
            .one(sql, [], |row| self.col(row, 0).map(number))?
            .unwrap_or(0))
    }

    pub(in crate::store) fn missed(
        &self,
        listener: &str,
        all: bool,
        limit: usize,
    ) -> std::result::Result<Vec<Callback>, StoreError> {
        let sql = "SELECT listener, sequence, id, kind, time, body, tries, due, error FROM callbacks
            WHERE listener = ?1 AND (?2 OR due IS NOT NULL) ORDER BY due IS NULL, due, sequence LIMIT ?3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.all(sql, params![listener, all, limit], |row| self.callback(row))
    }

    fn callback(&self, row: &Row<'_>) -> std::result::Result<Callback, StoreError> {
        Ok(Callback {
            listener: self.col(row, 0)?,
            event: Posted {
                sequence: number(self.col(row, 1)?),
                id: self.col(row, 2)?,
                kind: self.col(row, 3)?,
                time: self.col(row, 4)?,
                body: self.col(row, 5)?,
            },
            tries: self.col(row, 6)?,
            due: self.col(row, 7)?,
            error: self.col(row, 8)?,
        })
    }

    pub(in crate::store) fn remembered(
        &self,
        id: &str,
    ) -> std::result::Result<Option<Remembered>, StoreError> {
        let sql = "SELECT id, command, begun, answer FROM answers WHERE id = ?1";
        self.one(sql, params![id], |row| {
            Ok(Remembered {
                id: self.col(row, 0)?,
                command: self.col(row, 1)?,
                begun: self.col(row, 2)?,
                answer: self.col(row, 3)?,
            })
        })
    }
}
