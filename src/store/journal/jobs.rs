//! Writes and reads jobs in the journal. Triggers of the schema end a job with its recording; [`tell`] writes the event of it in the
//! same transaction.

use rusqlite::{Connection, Row, params};
use serde_json::json;

use super::Journal;
use super::outbox::{Result, execute, post, whole};
use super::sql::prepare;
use crate::event::{Event, JobEnded, JobFile};
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::{JobKind, JobState, Work};
use crate::store::StoreError;
use crate::store::job::{Job, JobChange, JobRow, MOST, Worked};

pub(super) fn change(db: &Connection, change: &JobChange, utc: Micros) -> Result {
    match change {
        JobChange::Begun(job) => {
            let streams: Vec<&str> = job.streams.iter().map(StreamName::as_str).collect();
            execute(
                db,
                "INSERT OR IGNORE INTO jobs (id, kind, recording, streams, time, boot_id, work, steps, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, iif(?7 IS NULL, 'delivering', 'waiting'))",
                params![
                    job.id.to_bytes(),
                    job.kind.as_str(),
                    job.recording.to_bytes(),
                    json!(streams).to_string(),
                    job.time,
                    job.boot,
                    job.work.as_ref().map(|work| json!(work).to_string()),
                    job.work.as_ref().map_or(0, Work::steps),
                ],
            )?;
            // Those that are over are found by their place, so few are read.
            execute(
                db,
                "DELETE FROM jobs WHERE state NOT IN ('delivering', 'waiting', 'running') AND job <= (SELECT max(job) FROM jobs) - ?1",
                params![MOST],
            )
        }
        JobChange::Cancelled(id) => execute(
            db,
            "UPDATE jobs SET state = 'cancelled', due = 1 WHERE id = ?1 AND state IN ('delivering', 'waiting', 'running')",
            params![id.to_bytes()],
        ),
        JobChange::Worked { job, step, outcome } => worked(db, (*job, *step), outcome, utc),
        JobChange::Failed(id, reason) => execute(
            db,
            "UPDATE jobs SET state = 'failed', due = 1, reason = ?2 WHERE id = ?1 AND state IN ('waiting', 'running')",
            params![id.to_bytes(), reason],
        ),
    }
}

/// Counts a step of a job's work, writes its event, and ends the job with its last step. A step that was counted before counts no more.
fn worked(db: &Connection, (job, step): (RecordingId, u32), outcome: &Worked, utc: Micros) -> Result {
    let (made, reason) = match outcome {
        Worked::Still(_) => (1, None),
        Worked::GivenUp(reason) => (0, Some(reason)),
    };
    let counted = prepare(
        db,
        "UPDATE jobs SET state = 'running', made = made + ?3, given_up = given_up + 1 - ?3, reason = ifnull(?4, reason)
         WHERE id = ?1 AND made + given_up = ?2 AND state IN ('waiting', 'running')",
    )?
    .execute(params![job.to_bytes(), step, made, reason])?;
    if let (1, Worked::Still(still)) = (counted, outcome) {
        post(db, &Event::StillDelivered(still.clone()), utc)?;
    }
    execute(
        db,
        "UPDATE jobs SET state = iif(made > 0, 'done', 'failed'), due = 1
         WHERE id = ?1 AND made + given_up >= steps AND state IN ('waiting', 'running')",
        params![job.to_bytes()],
    )
}

/// Writes the events of the jobs that ended in this transaction.
pub(super) fn tell(db: &Connection, utc: Micros) -> Result {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE due ORDER BY job");
    let due: Vec<JobRow> = prepare(db, &sql)?.query_map([], row_of)?.collect::<Result<_>>()?;
    for mut row in due {
        let recording = row.job.recording;
        let is_work = row.job.work.is_some();
        // The files of its recording are not those of its work.
        let files = if is_work {
            Vec::new()
        } else {
            files_of(db, recording)?
        };
        if row.state == JobState::Done
            && !is_work
            && let Some(why) = unmade_of(db, recording)?
        {
            // A file that cannot be made of the recording: without any, nothing came of the job.
            row.reason = Some(why);
            if files.is_empty() {
                row.state = JobState::Failed;
            }
        }
        let event = JobEnded {
            job: row.job.id.to_string(),
            kind: row.job.kind,
            state: row.state,
            stream: row
                .job
                .streams
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
            streams: row.job.streams.iter().map(ToString::to_string).collect(),
            recording: recording.to_string(),
            files,
            steps: row.steps(),
            reason: row.reason.clone(),
        };
        post(db, &Event::JobEnded(Box::new(event)), utc)?;
        execute(
            db,
            "UPDATE jobs SET due = 0, state = ?3, reason = ?4, ended = ?2,
                ended_boot = (SELECT boot_id FROM boots ORDER BY boot DESC LIMIT 1) WHERE id = ?1",
            params![row.job.id.to_bytes(), utc, row.state.as_str(), row.reason],
        )?;
    }
    Ok(())
}

/// Why files of a recording are not there that were to be made of it.
fn unmade_of(db: &Connection, recording: RecordingId) -> Result<Option<String>> {
    let mut unmade = prepare(
        db,
        "SELECT format, ifnull(error, 'it has no media for this format') FROM renditions
            WHERE recording = ?1 AND state = 'empty' ORDER BY format, part LIMIT 8",
    )?;
    let rows = unmade.query_map(params![recording.to_bytes()], |row| {
        Ok(format!(
            "{}: {}",
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?
        ))
    })?;
    let all: Vec<String> = rows.collect::<Result<_>>()?;
    Ok((!all.is_empty()).then(|| all.join("; ")))
}

fn files_of(db: &Connection, recording: RecordingId) -> Result<Vec<JobFile>> {
    prepare(
        db,
        "SELECT format, part, url, bytes FROM renditions WHERE recording = ?1 AND state = 'delivered' ORDER BY format, part",
    )?
    .query_map(params![recording.to_bytes()], |row| {
        Ok(JobFile {
            format: row.get(0)?,
            part: row.get(1)?,
            url: row.get(2)?,
            bytes: row.get::<_, i64>(3)?.unsigned_abs(),
        })
    })?
    .collect()
}

/// Dates the jobs of a boot anew when its clock is set.
pub(super) fn redate(db: &Connection, boot: &[u8; 16], by: Micros) -> Result {
    execute(
        db,
        "UPDATE jobs SET time = time + iif(boot_id = ?1, ?2, 0), ended = ended + iif(ended_boot = ?1, ?2, 0)
         WHERE boot_id = ?1 OR ended_boot = ?1",
        params![boot, by],
    )
}

const COLUMNS: &str =
    "id, kind, recording, streams, time, boot_id, state, ended, reason, work, made, given_up, job";

fn row_of(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    let streams: Vec<String> = serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default();
    Ok(JobRow {
        job: Job {
            id: RecordingId::from_bytes(row.get(0)?),
            kind: JobKind::read(&row.get::<_, String>(1)?).unwrap_or_default(),
            recording: RecordingId::from_bytes(row.get(2)?),
            streams: streams.iter().filter_map(|name| name.parse().ok()).collect(),
            time: row.get(4)?,
            boot: row.get(5)?,
            work: row
                .get::<_, Option<String>>(9)?
                .and_then(|work| serde_json::from_str(&work).ok()),
        },
        // A word of a later release: nobody waits for it here.
        state: JobState::read(&row.get::<_, String>(6)?).unwrap_or(JobState::Failed),
        ended: row.get(7)?,
        reason: row.get(8)?,
        made: row.get(10)?,
        given_up: row.get(11)?,
    })
}

impl Journal {
    fn read_job(&self, row: &Row<'_>) -> std::result::Result<JobRow, StoreError> {
        row_of(row).map_err(|error| self.error(error))
    }

    pub(in crate::store) fn jobs(&self) -> std::result::Result<Vec<JobRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs ORDER BY job DESC LIMIT ?1");
        self.all(
            &sql,
            params![MOST + whole(crate::store::MOST_OPEN_JOBS as u64)],
            |row| self.read_job(row),
        )
    }

    pub(in crate::store) fn job(&self, id: RecordingId) -> std::result::Result<Option<JobRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
        self.one(&sql, params![id.to_bytes()], |row| self.read_job(row))
    }

    pub(in crate::store) fn open_jobs(&self) -> std::result::Result<Vec<JobRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE state = 'delivering'
             UNION ALL SELECT {COLUMNS} FROM jobs WHERE state IN ('waiting', 'running') ORDER BY job"
        );
        self.all(&sql, [], |row| self.read_job(row))
    }

    pub(in crate::store) fn work_jobs(&self) -> std::result::Result<Vec<JobRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE state IN ('waiting', 'running') ORDER BY job");
        self.all(&sql, [], |row| self.read_job(row))
    }

    pub(in crate::store) fn cancelled_recordings(&self) -> std::result::Result<Vec<RecordingId>, StoreError> {
        let sql = "SELECT j.recording FROM jobs j WHERE j.state = 'cancelled' AND j.work IS NULL
            AND EXISTS (SELECT 1 FROM recordings r WHERE r.id = j.recording)";
        self.all(sql, [], |row| Ok(RecordingId::from_bytes(self.col(row, 0)?)))
    }
}
