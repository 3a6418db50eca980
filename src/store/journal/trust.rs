//! The checks of a journal before edgereel trusts it: somebody may have prepared the storage device, or it may be from
//! another box.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::sql::{WHOLE, prepare};
use super::{BESIDE, FILE, Journal, schema, tracks};
use crate::store::StoreError;

/// Bytes of a WAL that has no frame.
const WAL_HEADER: u64 = 32;

/// False for a journal that certainly has no recording. A journal that cannot be read may have some. The file is left as it was
/// found.
pub(in crate::store) fn may_have_recordings(dir: &Path) -> bool {
    let [wal, ..] = BESIDE;
    let bytes = |suffix: &str| {
        let found = dir.join(format!("{FILE}{suffix}")).symlink_metadata();
        found.map_or(0, |found| if found.is_file() { found.len() } else { u64::MAX })
    };
    if bytes("") == 0 {
        return false;
    }
    bytes(wal) > WAL_HEADER || has_recordings(&dir.join(FILE)).unwrap_or(true)
}

fn has_recordings(path: &Path) -> rusqlite::Result<bool> {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'.')
        .remove(b'-')
        .remove(b'_');
    let path = percent_encode(path.as_os_str().as_encoded_bytes(), ESCAPED);
    let uri = format!("file:{path}?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags)?;
    // A view could be made that runs without end, so only a table is queried.
    let kind: String = connection.query_row(
        "SELECT type FROM sqlite_schema WHERE name = 'recordings'",
        [],
        |row| row.get(0),
    )?;
    if kind != "table" {
        return Ok(true);
    }
    connection.query_row("SELECT EXISTS (SELECT 1 FROM recordings)", [], |row| row.get(0))
}

/// Most bytes of a value. No value that this edgereel writes is longer.
const LONGEST_VALUE: i32 = 64 << 20;
/// Most bytes of a text. Texts are far shorter, but for lists of deleted parts and sample indexes.
const LONGEST_TEXT: i64 = 1 << 20;
/// The largest number or time. Real ones are far smaller, and sums of them do not overflow.
const MOST: i64 = 1 << 55;
/// Most rows of a table. A start has all rows of a table in memory.
const MOST_ROWS: i64 = 5_000_000;

/// An element of a schema: kind and name, table and text.
type Schema = BTreeMap<(String, String), (String, String)>;

/// Restricts a connection: no code in the journal runs by itself with more power than our own statements have, and no value is
/// longer than memory allows.
pub(super) fn restrain(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;
    Ok(())
}

/// The first element of a journal's schema that its version does not have: a table, a trigger or a view that is not ours.
pub(super) fn foreign_object(connection: &Connection, version: i64) -> rusqlite::Result<Option<String>> {
    let expected = usize::try_from(version)
        .ok()
        .and_then(|version| EXPECTED.get_or_init(all).get(version));
    let found = schema_of(connection)?;
    let Some(expected) = expected else {
        return Ok(Some("no version has this number".to_owned()));
    };
    let other = |(name, text): &(&(String, String), &(String, String))| expected.get(name) != Some(text);
    let foreign = found.iter().find(other).map(|(name, _)| name);
    let missing = || expected.keys().find(|name| !found.contains_key(name));
    let short = |text: &str| text.chars().take(64).collect::<String>();
    Ok(foreign
        .or_else(missing)
        .map(|(kind, name)| format!("the {} {}", short(kind), short(name))))
}

static EXPECTED: OnceLock<Vec<Schema>> = OnceLock::new();

/// The schema of each version, as SQLite itself stores it.
fn all() -> Vec<Schema> {
    let Ok(connection) = Connection::open_in_memory() else {
        return Vec::new();
    };
    let mut all = vec![Schema::new()];
    for step in schema::STEPS {
        let made = connection
            .execute_batch(step)
            .and_then(|()| schema_of(&connection));
        all.push(made.unwrap_or_default());
    }
    all
}

/// The trigger by which a test has a journal refuse. The program has no such trigger.
const TEST_REFUSES: &str = if cfg!(test) { "a_test_refuses" } else { "" };

/// Reads the schema. SQLite's own tables of statistics are left out.
fn schema_of(connection: &Connection) -> rusqlite::Result<Schema> {
    let sql = format!(
        "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema
         WHERE name NOT LIKE 'sqlite#_stat_' ESCAPE '#' AND name <> '{TEST_REFUSES}' LIMIT 1000"
    );
    let mut statement = prepare(connection, &sql)?;
    let rows = statement.query_map([], |row| {
        Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)))
    })?;
    rows.collect()
}

/// Values that no edgereel writes, besides numbers and texts that are too long: the table, and the condition that they fulfil.
const NEVER: &[(&str, &str)] = &[
    ("boots", "octet_length(boot_id) <> 16"),
    ("publishes", "octet_length(id) <> 16"),
    (
        "segments",
        "octet_length(id) <> 16 OR state NOT IN ('open', 'sealed', 'missing', 'spare', 'wipe') OR sequence < 0
            OR bytes NOT BETWEEN 0 AND 1 << 42 OR space NOT BETWEEN 0 AND 1 << 42 OR crc NOT BETWEEN 0 AND 4294967295
            OR end < start OR end - start > 1 << 46 OR cuts < 0 OR chunk < 0 OR chunks < 0 OR discontinuity < 0
            OR breaks NOT IN (0, 1) OR skipped < 0 OR target_s NOT BETWEEN 0 AND 6 OR complete NOT BETWEEN 0 AND 3",
    ),
    (
        "streams",
        "next_chunk < 0 OR discontinuity < 0 OR skipped < 0 OR target_s NOT BETWEEN 0 AND 6",
    ),
    (
        "recordings",
        "octet_length(id) <> 16 OR state NOT IN ('open', 'closed', 'delivered', 'expired') OR sidecar NOT IN (0, 1, 2)
            OR composed NOT IN (0, 1) OR octet_length(source) <> 16 OR (composed AND whole IS NOT NULL)
            OR review NOT IN (0, 1, 2) OR asks NOT IN (0, 1) OR NOT json_valid(form)",
    ),
    ("reviewed", "octet_length(id) <> 16 OR review NOT IN (0, 1, 2) OR gone NOT IN (0, 1)"),
    (
        "renditions",
        "octet_length(recording) <> 16 OR state NOT IN ('waiting', 'delivered', 'failed', 'empty', 'removing')
            OR format NOT IN ('mp4', 'fmp4', 'flv', 'hls', 'aac') OR part NOT BETWEEN 0 AND 4294967295
            OR inits NOT BETWEEN 0 AND 1 << 27 OR chunks NOT BETWEEN 0 AND 1 << 27
            OR bytes < 0 OR layout < 0 OR crc NOT BETWEEN 0 AND 4294967295",
    ),
    (
        "jobs",
        "octet_length(id) <> 16 OR octet_length(recording) <> 16 OR octet_length(boot_id) <> 16 OR octet_length(ended_boot) <> 16
            OR json_array_length(iif(json_valid(streams), streams, '[]')) = 0 OR due NOT IN (0, 1)",
    ),
    (
        "fingerprints",
        "blocks < 0 OR keyframes < 0 OR keyframes > blocks * 1024 OR reached NOT BETWEEN 0 AND 4294967295 OR lost < 0 OR due NOT IN (0, 1) OR NOT json_valid(chosen)",
    ),
    ("pieces", "bytes < 0 OR crc NOT BETWEEN 0 AND 4294967295"),
    ("outbox", "NOT json_valid(body)"),
    ("callbacks", "NOT json_valid(body) OR sequence < 0"),
    ("deleted", "octet_length(id) <> 16"),
    ("sidecars_gone", "octet_length(id) <> 16"),
    ("counters", "value NOT BETWEEN 0 AND iif(name = 'journal', 1 << 62, 1 << 55)"),
];

impl Journal {
    /// Reads every row but the sample indexes and the lists of chunks, and reports values that no edgereel wrote: numbers that overflow sums, ids of
    /// another length, unknown words, rows that refer to rows which are not there.
    pub(super) fn check_values(&self) -> Result<(), StoreError> {
        let never: BTreeMap<&str, &str> = NEVER.iter().copied().collect();
        for table in schema::CHECKED {
            let count = format!("SELECT {WHOLE} count(*) FROM (SELECT 1 FROM {table} LIMIT {MOST_ROWS} + 1)");
            let rows: Option<i64> = self.one(&count, [], |row| self.col(row, 0))?;
            if rows > Some(MOST_ROWS) {
                return Err(self.foreign(format!("{table} has more than {MOST_ROWS} rows")));
            }
            let mut wheres: Vec<String> = never
                .get(table)
                .map(|never| (*never).to_owned())
                .into_iter()
                .collect();
            let columns = format!("SELECT name, type FROM pragma_table_info('{table}')");
            let columns: Vec<(String, String)> =
                self.all(&columns, [], |row| Ok((self.col(row, 0)?, self.col(row, 1)?)))?;
            wheres.extend(
                columns
                    .iter()
                    .filter_map(|(column, kind)| match (*table, column.as_str()) {
                        ("counters", "value") | ("deleted", "parts") => None,
                        (_, column) if kind == "INTEGER" => {
                            Some(format!("{column} NOT BETWEEN -{MOST} AND {MOST}"))
                        }
                        (_, column) => Some(format!("octet_length({column}) > {LONGEST_TEXT}")),
                    }),
            );
            let sql = format!(
                "SELECT {WHOLE} EXISTS (SELECT 1 FROM {table} WHERE {})",
                wheres.join(" OR ")
            );
            if self.one(&sql, [], |row| self.col(row, 0))? == Some(true) {
                return Err(self.foreign(format!("a row of {table} has a value that no edgereel writes")));
            }
            let dangling = format!("PRAGMA foreign_key_check('{table}')");
            if self.one(&dangling, [], |_| Ok(()))?.is_some() {
                return Err(self.foreign(format!("a row of {table} names another that is not there")));
            }
        }
        let numbered =
            format!("SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE seq NOT BETWEEN 0 AND {MOST})");
        if self.one(&numbered, [], |row| self.col(row, 0))? == Some(true) {
            return Err(self.foreign("its events are numbered as nobody numbers them".to_owned()));
        }
        self.all("SELECT name FROM streams", [], |row| self.stream(row, 0))?;
        self.check_tracks()
    }

    /// Checks the tracks of segments. Most segments have the same ones.
    fn check_tracks(&self) -> Result<(), StoreError> {
        let mut known = String::new();
        let sql = format!("SELECT {WHOLE} tracks FROM segments");
        self.each(&sql, [], |row| {
            let text: String = self.col(row, 0)?;
            if text != known && tracks::decode(&text).is_none() {
                return Err(self.row_error("segments.tracks"));
            }
            known = text;
            Ok(())
        })
    }

    pub(super) fn foreign(&self, reason: String) -> StoreError {
        StoreError::JournalDamaged {
            path: self.path.clone(),
            reason,
        }
    }
}
