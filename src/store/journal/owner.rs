//! The box that a journal belongs to. edgereel removes delivered objects because the journal says so. A journal from another
//! box, or one that somebody prepared, must not cause the removal of objects that this box never sent.

use rusqlite::{Connection, OptionalExtension, params};

use super::outbox::{Result, execute, post};
use super::sql::{WHOLE, prepare};
use super::{Journal, Op};
use crate::event::Event;
use crate::media::Micros;
use crate::store::StoreError;

/// The namespace of these values. The recorder does not use it.
pub(super) const NAMESPACE: &str = "box";
/// The box that the journal belongs to.
const OWNER: &str = "owner";
/// The box that the journal was moved to, and whose event of the move is written.
const MOVED_TO: &str = "moved_to";

impl Journal {
    /// Binds the journal to this box where nothing speaks against that. Otherwise notes, once, that the journal came from
    /// another box. True when it belongs to this box.
    pub(in crate::store) fn bind(&mut self, own: &str, utc: Micros) -> std::result::Result<bool, StoreError> {
        let [owner, moved_to] = self.owners()?;
        if owner.as_deref() == Some(own) && moved_to.is_none() {
            return Ok(true);
        }
        if owner.as_deref() == Some(own) || moved_to.as_deref() != Some(own) {
            self.commit(&[Op::Bind { own: own.to_owned() }], utc)?;
        }
        self.belongs_to(own)
    }

    pub(in crate::store) fn belongs_to(&self, own: &str) -> std::result::Result<bool, StoreError> {
        let [owner, _] = self.owners()?;
        Ok(owner.as_deref() == Some(own))
    }

    fn owners(&self) -> std::result::Result<[Option<String>; 2], StoreError> {
        let read = |id: &str| known(&self.connection, id).map_err(|error| self.error(error));
        Ok([read(OWNER)?, read(MOVED_TO)?])
    }
}

pub(super) fn bind(db: &Connection, own: &str, utc: Micros) -> Result {
    let owner = known(db, OWNER)?;
    if owner.as_deref() == Some(own) {
        return forget(db, MOVED_TO);
    }
    if owner.is_none() && !tells_of_objects(db)? {
        return put(db, OWNER, own);
    }
    // A delivery that is not finished goes under a key that this box chooses.
    execute(
        db,
        &format!(
            "INSERT OR IGNORE INTO abandoned (key, upload, store) SELECT {WHOLE} key, upload, store FROM renditions
             WHERE state = 'waiting' AND upload IS NOT NULL AND key IS NOT NULL"
        ),
        [],
    )?;
    execute(
        db,
        &format!(
            "DELETE FROM pieces WHERE rendition IN (SELECT {WHOLE} rendition FROM renditions WHERE state = 'waiting')"
        ),
        [],
    )?;
    execute(
        db,
        &format!(
            "UPDATE {WHOLE} renditions SET key = NULL, upload = NULL, layout = NULL, inits = 0, chunks = 0, bytes = 0
             WHERE state = 'waiting'"
        ),
        [],
    )?;
    put(db, MOVED_TO, own)?;
    post(db, &Event::StorageMoved {}, utc)
}

/// Gives the journal to this box, as somebody asked for.
pub(super) fn adopt(db: &Connection, own: &str, utc: Micros) -> Result {
    if known(db, OWNER)?.as_deref() == Some(own) {
        return Ok(());
    }
    put(db, OWNER, own)?;
    forget(db, MOVED_TO)?;
    post(db, &Event::StorageAdopted {}, utc)
}

fn known(db: &Connection, id: &str) -> Result<Option<String>> {
    prepare(db, "SELECT body FROM shelves WHERE shelf = ?1 AND id = ?2")?
        .query_row(params![NAMESPACE, id], |row| row.get(0))
        .optional()
}

fn put(db: &Connection, id: &str, body: &str) -> Result {
    execute(
        db,
        "INSERT OR REPLACE INTO shelves (shelf, id, body) VALUES (?1, ?2, ?3)",
        params![NAMESPACE, id, body],
    )
}

fn forget(db: &Connection, id: &str) -> Result {
    execute(
        db,
        "DELETE FROM shelves WHERE shelf = ?1 AND id = ?2",
        params![NAMESPACE, id],
    )
}

/// True for a journal that could cause an object to be removed or written over in object storage.
fn tells_of_objects(db: &Connection) -> Result<bool> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM renditions WHERE key IS NOT NULL) OR EXISTS (SELECT 1 FROM abandoned)";
    prepare(db, sql)?.query_row([], |row| row.get(0))
}
