//! A tape of 30 days with four streams, as far as playlists read it: the rows of the journal. A day's quarter is recorded through the
//! store; its rows are then there 120 times, each one later. The files are empty: no playlist reads media.

use std::path::Path;

use anyhow::Context as _;
use rusqlite::{Connection, params};

use super::tape::{self, Shape};

/// The number of streams, `live/cam0` and on.
pub(crate) const STREAMS: usize = 4;
/// Minutes of a publish, and its length in microseconds.
const MINUTES: u32 = 360;
const LENGTH: i64 = MINUTES as i64 * 60_000_000;
/// The number of publishes of each stream.
const TIMES: i64 = 120;
/// How long ago the tape ends, in microseconds.
const AGO: i64 = 3_600_000_000;

/// Makes the store. Gives UTC of the beginning and of the end of the tape, in seconds.
pub(crate) fn make(dir: &Path) -> anyhow::Result<(i64, i64)> {
    tape::make(dir, &Shape::publishes(STREAMS, MINUTES))?;
    files(&dir.join("tape"))?;
    let mut journal = Connection::open(dir.join("journal.db"))?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let ends = i64::try_from(now.as_micros())? - AGO;
    let begins = ends - TIMES * LENGTH;
    let change = journal.transaction()?;
    change.execute_batch("UPDATE segments SET bytes = 4096, space = 4096")?;
    // The tape is of another boot, so that this one does not date it anew.
    change.execute(
        "UPDATE boots SET boot_id = randomblob(16),
            utc_offset = ?1 - (SELECT min(boot_zero) FROM publishes)",
        params![begins],
    )?;
    for table in ["publishes", "segments", "recordings"] {
        let copy = copy(&change, table)?;
        change
            .execute(&copy, params![TIMES, LENGTH, MINUTES])
            .with_context(|| copy.clone())?;
    }
    change.execute(
        &format!(
            "{} INSERT INTO chunk_lists SELECT segment + n * (SELECT max(segment) FROM chunk_lists), chunks
             FROM chunk_lists, times",
            times()
        ),
        params![TIMES],
    )?;
    change.execute(
        "UPDATE streams SET last_sequence = last_sequence * ?1, next_chunk = next_chunk * ?1, discontinuity = ?1 - 1",
        params![TIMES],
    )?;
    change.commit()?;
    Ok((begins / 1_000_000, ends / 1_000_000))
}

/// Puts empty files in place of the media: a start looks only for their names.
fn files(tape: &Path) -> anyhow::Result<()> {
    for stream in std::fs::read_dir(tape)? {
        let stream = stream?.path();
        std::fs::remove_dir_all(&stream)?;
        std::fs::create_dir(&stream)?;
        for number in 1..=i64::from(MINUTES) * TIMES {
            std::fs::File::create(stream.join(format!("{number:08}.mp4")))?;
        }
    }
    Ok(())
}

/// `times`: the numbers of the copies.
fn times() -> &'static str {
    "WITH RECURSIVE times(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM times WHERE n + 1 < ?1)"
}

/// The statement that copies the rows of a table, each copy as much later as its number says.
fn copy(journal: &Connection, table: &str) -> anyhow::Result<String> {
    let mut columns = journal.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let columns: Vec<String> = columns
        .query_map(params![table], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let rows = |table: &str, key: &str| format!("n * (SELECT max({key}) FROM {table})");
    let value = |column: &String| match (table, column.as_str()) {
        (_, "id") => "randomblob(16)".to_owned(),
        ("publishes", "publish") => format!("t.publish + {}", rows("publishes", "publish")),
        ("segments", "segment") => format!("t.segment + {}", rows("segments", "segment")),
        ("recordings", "recording") => format!("t.recording + {}", rows("recordings", "recording")),
        (_, key @ ("publish" | "last_publish")) => {
            // The table of publishes has its copies already.
            format!("t.{key} + n * (SELECT max(publish) / ?1 FROM publishes)")
        }
        (_, time @ ("start" | "end" | "tape_zero" | "boot_zero")) => format!("t.{time} + n * ?2"),
        (_, "sequence") => "t.sequence + n * ?3".to_owned(),
        (_, "chunk") => "t.chunk + n * (SELECT max(next_chunk) FROM streams)".to_owned(),
        (_, "discontinuity") => "t.discontinuity + n".to_owned(),
        (_, "breaks") => "t.breaks OR t.sequence = 1".to_owned(),
        (_, other) => format!("t.{other}"),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    Ok(format!(
        "{} INSERT INTO {table} ({}) SELECT {} FROM {table} t, times WHERE ?2 > 0 AND ?3 > 0",
        times(),
        columns.join(", "),
        values.join(", ")
    ))
}
