//! The only way from the text of a statement to SQLite, so that tests see every statement.

use rusqlite::{Connection, Statement};

/// Prepares a statement. In tests, a statement that reads a long table whole is a failure, unless it contains [`WHOLE`].
#[expect(clippy::disallowed_methods, reason = "this is the one way")]
pub(super) fn prepare<'a>(db: &'a Connection, sql: &str) -> rusqlite::Result<Statement<'a>> {
    #[cfg(test)]
    plan::judge(db, sql);
    #[cfg(test)]
    count::one();
    db.prepare(sql)
}

/// The mark of a statement that may read a long table whole: at a start, to verify, or for a sum over all rows.
pub(super) const WHOLE: &str = "/* whole table */ ";

#[cfg(test)]
pub(in crate::store) mod count {
    use std::cell::Cell;

    thread_local! {
        static STATEMENTS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn one() {
        STATEMENTS.set(STATEMENTS.get() + 1);
    }

    /// Number of statements that this thread has asked for.
    pub(in crate::store) fn statements() -> usize {
        STATEMENTS.get()
    }
}

/// The formats of a recording `r` with commas between them, as the note of its session names an output. Its spec must be JSON.
macro_rules! formats_of {
    () => {
        r#"replace(replace(replace(json_extract(r.spec, '$.reel.formats'), '["', ''), '"]', ''), '","', ',')"#
    };
}
pub(super) use formats_of;

#[cfg(test)]
mod plan {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use rusqlite::Connection;

    /// Tables whose rows grow with the minutes, hours or events of the past.
    const LONG: [&str; 9] = [
        "segments",
        "recordings",
        "renditions",
        "indexes",
        "chunk_lists",
        "fragment_lists",
        "notes",
        "fingerprints",
        "fingerprint_blocks",
    ];

    /// Indexes with so few rows that they may be read whole.
    const SHORT: [&str; 10] = [
        "recordings_open",
        "recordings_added_up",
        "renditions_failed",
        "renditions_gone",
        "renditions_removing",
        "recordings_aside",
        "recordings_protected",
        "recordings_sidecar",
        "segments_cut",
        "fingerprints_due",
    ];

    static JUDGED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

    /// Asks SQLite for the plan of a statement, once for each text.
    #[expect(
        clippy::disallowed_methods,
        reason = "it is about the statement, not one of them"
    )]
    pub(super) fn judge(db: &Connection, sql: &str) {
        let verb = sql
            .trim_start_matches(super::WHOLE)
            .split_whitespace()
            .next()
            .unwrap_or_default();
        if !["SELECT", "WITH", "UPDATE", "DELETE", "INSERT"].contains(&verb) {
            return;
        }
        let new = JUDGED.lock().map(|mut judged| judged.insert(sql.to_owned()));
        // A journal without its tables belongs to another test.
        let Ok(mut statement) = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")) else {
            return;
        };
        if !new.unwrap_or(false) {
            return;
        }
        let mut rows = statement.raw_query();
        let mut steps: Vec<String> = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get(3).unwrap());
        }
        let ends_early = sql.contains("LIMIT") && !steps.iter().any(|step| step.contains("TEMP B-TREE"));
        let is_long = |step: &&String| is_scan(step, sql) || (is_of_stream(step, sql) && !ends_early);
        let scans: Vec<&String> = steps.iter().filter(is_long).collect();
        assert!(
            sql.contains(super::WHOLE.trim()) || scans.is_empty(),
            "{scans:?} in {steps:#?}\n{sql}"
        );
    }

    /// True for a step that reads all rows of a stream: they can be as many as all rows there are.
    fn is_of_stream(step: &str, sql: &str) -> bool {
        let found = step
            .strip_prefix("SEARCH ")
            .filter(|step| step.ends_with("(stream=?)"));
        let all = found.filter(|step| !step.contains("recordings_open"));
        all.is_some_and(|step| is_of_long(step, sql))
    }

    fn is_scan(step: &str, sql: &str) -> bool {
        let is_short = SHORT.iter().any(|index| step.ends_with(index));
        let found = step.strip_prefix("SCAN ").filter(|_| !is_short);
        found.is_some_and(|step| is_of_long(step, sql))
    }

    /// True for a step about a long table. The step `s USING INDEX …` names the table as the statement does.
    fn is_of_long(step: &str, sql: &str) -> bool {
        let name = step.split(' ').next().unwrap_or_default();
        let words: Vec<&str> = sql
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("as"))
            .collect();
        let named = |pair: &[&str]| pair[1] == name && LONG.contains(&pair[0]);
        LONG.contains(&name) || words.windows(2).any(named)
    }

    #[test]
    fn a_statement_that_reads_a_long_table_whole_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let journal = crate::store::journal::Journal::open(dir.path()).unwrap();
        let refused = |sql: &str| {
            let judged = std::panic::AssertUnwindSafe(|| judge(&journal.connection, sql));
            std::panic::catch_unwind(judged).is_err()
        };
        assert!(refused("SELECT count(*) FROM segments s WHERE s.tracks = 'x'"));
        assert!(refused(
            "SELECT 1 FROM streams t JOIN recordings AS r ON r.keep = t.stream"
        ));
        assert!(refused(
            "SELECT 1 FROM segments s WHERE s.stream = 1 AND s.start < 7"
        ));
        assert!(refused("UPDATE renditions SET state = 'waiting'"));
        assert!(refused("SELECT l.chunks FROM chunk_lists l"));
        assert!(!refused("SELECT state FROM segments WHERE segment = ?1"));
        assert!(!refused("SELECT name FROM streams"));
        assert!(!refused("SELECT /* whole table */ count(*) FROM segments"));
    }
}
