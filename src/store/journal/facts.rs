//! What people set of recordings: the columns `title`, `description`, `tags`, `category` and `custom` of `recordings`, and the
//! tables `notes` and `categories`.
//!
//! Each has a file beside the tape, too ([`crate::store::sidecar`]). The column `sidecar` says whether a recording has one: 0 no,
//! 1 yes, 2 it is to be written. `sidecars_gone` has the recordings that were removed, until their files are.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Journal;
use super::outbox::{Result, execute};
use super::query::{THESE, keys};
use super::read::number;
use super::sql::prepare;
use crate::media::{Micros, RecordingId};
use crate::model::{Category, CategoryId, Custom, Facts, Label, Note, Notes, Tags, Words};
use crate::store::{StoreError, folded};

/// The columns of facts, in the order of [`columns`].
pub(super) const FACTS: &str = "r.title, r.description, r.tags, r.category, r.custom";

/// The counter that says that the files beside the tape are in the journal.
const READ: &str = "sidecars";

/// Gives a recording these facts, and no others. Its file has them.
pub(super) fn describe(db: &Connection, id: RecordingId, facts: &Facts) -> Result {
    let tags = if facts.tags.is_empty() {
        String::new()
    } else {
        serde_json::Value::from(facts.tags.texts()).to_string()
    };
    execute(
        db,
        "UPDATE recordings SET title = ?2, description = ?3, tags = ?4, category = ?5, custom = ?6, folded = ?7, sidecar = 1 WHERE id = ?1",
        params![
            id.to_bytes(),
            facts.title.as_ref().map(Words::as_str),
            facts.description.as_ref().map(Words::as_str),
            tags,
            facts.category.as_ref().map(CategoryId::as_str),
            facts.custom.as_ref().map(Custom::to_json),
            facts.title.as_ref().map(|title| folded(title.as_str())),
        ],
    )?;
    execute(
        db,
        "DELETE FROM notes WHERE recording = (SELECT recording FROM recordings WHERE id = ?1)",
        params![id.to_bytes()],
    )?;
    for note in facts.notes.iter() {
        execute(
            db,
            "INSERT OR IGNORE INTO notes (recording, at, text) SELECT recording, ?2, ?3 FROM recordings WHERE id = ?1",
            params![id.to_bytes(), note.at, note.text.as_str()],
        )?;
    }
    Ok(())
}

/// Replaces the tree of categories.
pub(super) fn categorize(db: &Connection, all: &[Category]) -> Result {
    execute(db, "DELETE FROM categories", params![])?;
    for one in all {
        execute(
            db,
            "INSERT OR REPLACE INTO categories (id, parent, name) VALUES (?1, ?2, ?3)",
            params![
                one.category.as_str(),
                one.parent.as_ref().map(CategoryId::as_str),
                one.name.as_str()
            ],
        )?;
    }
    Ok(())
}

/// Notes that the file of a recording, which was to be written, has its facts.
pub(super) fn written(db: &Connection, id: RecordingId) -> Result {
    execute(
        db,
        "UPDATE recordings SET sidecar = 1 WHERE id = ?1 AND sidecar = 2",
        params![id.to_bytes()],
    )
}

/// Notes that the file of a recording that was removed is gone, too.
pub(super) fn gone(db: &Connection, id: RecordingId) -> Result {
    execute(
        db,
        "DELETE FROM sidecars_gone WHERE id = ?1",
        params![id.to_bytes()],
    )
}

/// Notes that the journal has what the files have.
pub(super) fn read(db: &Connection) -> Result {
    execute(
        db,
        "INSERT OR IGNORE INTO counters (name, value) VALUES (?1, 1)",
        params![READ],
    )
}

/// Notes that the files may have what the journal lacks.
pub(super) fn unread(db: &Connection) -> Result {
    execute(db, "DELETE FROM counters WHERE name = ?1", params![READ])
}

/// The facts of a recording that its events carry.
pub(super) fn label(db: &Connection, id: RecordingId) -> Result<Label> {
    let sql = format!("SELECT {FACTS} FROM recordings r WHERE r.id = ?1");
    let found = prepare(db, &sql)?
        .query_row(params![id.to_bytes()], |row| columns(row, 0))
        .optional()?
        .unwrap_or_default();
    Ok(Label {
        title: found.title,
        tags: found.tags,
        category: found.category,
        custom: found.custom,
    })
}

/// The facts of a row, but for the notes. A value that no release writes counts as none: the tape is worth more than the words
/// about it.
pub(super) fn columns(row: &Row<'_>, at: usize) -> Result<Facts> {
    let text = |column: usize| row.get::<_, Option<String>>(at + column);
    let tags: Vec<String> = text(2)?
        .and_then(|tags| serde_json::from_str(&tags).ok())
        .unwrap_or_default();
    // Releases before took any characters for tags.
    let mut tags: Vec<Words<32>> = tags.into_iter().filter_map(|tag| tag.try_into().ok()).collect();
    tags.truncate(16);
    Ok(Facts {
        title: text(0)?.and_then(|title| title.try_into().ok()),
        description: text(1)?.and_then(|description| description.try_into().ok()),
        tags: Tags::try_from(tags).unwrap_or_default(),
        category: text(3)?.and_then(|category| category.try_into().ok()),
        notes: Notes::default(),
        custom: text(4)?.and_then(|custom| serde_json::from_str(&custom).ok()),
    })
}

impl Journal {
    /// All facts of a recording, and whether there is a file with them or is to be one; `None` where there is no such recording.
    pub(in crate::store) fn facts(
        &self,
        id: RecordingId,
    ) -> std::result::Result<Option<(Facts, bool)>, StoreError> {
        let sql = format!("SELECT {FACTS}, r.recording, r.sidecar FROM recordings r WHERE r.id = ?1");
        let found = self.one(&sql, params![id.to_bytes()], |row| {
            let facts = columns(row, 0).map_err(|error| self.error(error))?;
            Ok((facts, self.col::<i64>(row, 5)?, self.col::<i64>(row, 6)? > 0))
        })?;
        let Some((mut facts, key, file)) = found else {
            return Ok(None);
        };
        let notes = self.notes_of(&[key])?.into_iter().map(|(_, note)| note);
        facts.notes = notes.collect::<Vec<_>>().try_into().unwrap_or_default();
        Ok(Some((facts, file)))
    }

    /// The notes of recordings, each in the order of their moments.
    pub(in crate::store) fn notes_of(
        &self,
        recordings: &[i64],
    ) -> std::result::Result<Vec<(i64, Note)>, StoreError> {
        let sql = format!(
            "SELECT r.recording, n.at, n.text FROM {THESE} CROSS JOIN notes n ON n.recording = r.recording
             ORDER BY k.key, n.at, n.text"
        );
        let rows = self.all(&sql, params![keys(recordings)], |row| {
            let (key, at, text): (i64, Micros, String) =
                (self.col(row, 0)?, self.col(row, 1)?, self.col(row, 2)?);
            Ok(text.try_into().ok().map(|text| (key, Note { at, text })))
        })?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// All categories.
    pub(in crate::store) fn categories(&self) -> std::result::Result<Vec<Category>, StoreError> {
        let rows = self.all("SELECT id, parent, name FROM categories ORDER BY id", [], |row| {
            let parent: Option<String> = self.col(row, 1)?;
            let (id, name): (String, String) = (self.col(row, 0)?, self.col(row, 2)?);
            let parent = parent.map(CategoryId::try_from).transpose();
            let read = || Some((id.try_into().ok()?, parent.ok()?, name.try_into().ok()?));
            Ok(read().map(|(category, parent, name)| Category {
                category,
                name,
                parent,
            }))
        })?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// The number of recordings in a category itself, and the first of them.
    pub(in crate::store) fn in_category(
        &self,
        category: &CategoryId,
        most: usize,
    ) -> std::result::Result<(u64, Vec<RecordingId>), StoreError> {
        let count = "SELECT count(*) FROM recordings r WHERE r.category = ?1";
        let count = self.one(count, params![category.as_str()], |row| {
            Ok(number(self.col(row, 0)?))
        })?;
        let sql = "SELECT r.id FROM recordings r WHERE r.category = ?1 ORDER BY r.start LIMIT ?2";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let found = self.all(sql, params![category.as_str(), most], |row| {
            Ok(RecordingId::from_bytes(self.col(row, 0)?))
        })?;
        Ok((count.unwrap_or(0), found))
    }

    /// True when the files beside the tape may have what this journal lacks: it was made again, or is of an earlier release, or
    /// lost recordings that were found again.
    pub(in crate::store) fn lacks_sidecars(&self) -> std::result::Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM counters WHERE name = ?1)";
        Ok(self.one(sql, params![READ], |row| self.col(row, 0))? != Some(true))
    }

    /// True for a recording whose facts the journal has, whatever its file says.
    pub(in crate::store) fn is_described(&self, id: RecordingId) -> std::result::Result<bool, StoreError> {
        let sql = "SELECT r.sidecar = 1 FROM recordings r WHERE r.id = ?1";
        Ok(self.one(sql, params![id.to_bytes()], |row| self.col(row, 0))? == Some(true))
    }

    /// True for a recording whose file is to be written.
    pub(in crate::store) fn is_sidecar_due(&self, id: RecordingId) -> std::result::Result<bool, StoreError> {
        let sql = "SELECT r.sidecar = 2 FROM recordings r WHERE r.id = ?1";
        Ok(self.one(sql, params![id.to_bytes()], |row| self.col(row, 0))? == Some(true))
    }

    /// Some of the recordings whose files are to be written.
    pub(in crate::store) fn sidecars_due(
        &self,
        most: usize,
    ) -> std::result::Result<Vec<RecordingId>, StoreError> {
        let sql = "SELECT r.id FROM recordings r WHERE r.sidecar = 2 LIMIT ?1";
        self.ids(sql, most)
    }

    /// Some of the recordings that were removed, and whose files are to go.
    pub(in crate::store) fn sidecars_gone(
        &self,
        most: usize,
    ) -> std::result::Result<Vec<RecordingId>, StoreError> {
        self.ids("SELECT id FROM sidecars_gone LIMIT ?1", most)
    }

    /// True for a recording that was removed, and whose file is to go.
    pub(in crate::store) fn is_sidecar_gone(&self, id: RecordingId) -> std::result::Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM sidecars_gone WHERE id = ?1)";
        Ok(self.one(sql, params![id.to_bytes()], |row| self.col(row, 0))? == Some(true))
    }

    /// Every recording that has a file or is to have one.
    pub(in crate::store) fn with_sidecars(&self) -> std::result::Result<Vec<RecordingId>, StoreError> {
        let sql = format!(
            "SELECT {} r.id FROM recordings r WHERE r.sidecar > 0 LIMIT ?1",
            super::sql::WHOLE
        );
        self.ids(&sql, usize::MAX)
    }

    fn ids(&self, sql: &str, most: usize) -> std::result::Result<Vec<RecordingId>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.all(sql, params![most], |row| {
            Ok(RecordingId::from_bytes(self.col(row, 0)?))
        })
    }
}
