//! Tells doors how far jobs are, while some go on. A box without jobs reads nothing for that.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::told::{status_for, told};
use crate::api::Api;
use crate::api::answer::Failure;
use crate::media::StreamName;
use crate::model::reply;
use crate::store::{Change, Command as StoreCommand, JobChange, JobRow};

/// Time between two looks at the jobs that go on, while files are sent.
const LOOK: Duration = Duration::from_secs(5);
/// The same while nothing is sent: a box may be offline for days.
const LOOK_QUIET: Duration = Duration::from_secs(30);
/// So many looks at which nothing is sent come before that: what begins is not sent in the same moment.
const QUIET: u32 = 6;
/// Most jobs that are told of. `job.list` has the others.
const MOST: usize = 20;

/// How far a job is now.
#[derive(Clone, Debug, PartialEq)]
pub struct JobNow {
    /// The streams that a caller must see.
    pub streams: Vec<StreamName>,
    /// Only callers that moderate these streams may see it: a review holds back what it makes.
    pub is_held_back: bool,
    /// The look at which it changed last.
    pub look: u64,
    /// The job.
    pub job: reply::Job,
}

/// What all commands of a service know of jobs.
#[derive(Clone)]
pub(in crate::api) struct Jobs {
    begun: Arc<Notify>,
    now: Arc<watch::Sender<Arc<[JobNow]>>>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            begun: Arc::default(),
            now: Arc::new(watch::Sender::new(Arc::new([]))),
        }
    }
}

impl Jobs {
    /// A job began.
    pub(in crate::api) fn begin(&self) {
        self.begun.notify_one();
    }
}

impl Api {
    /// How far jobs are, as it is found out while some go on: the first of them. What changed since a look that a reader knows has a
    /// higher number.
    pub fn jobs_now(&self) -> watch::Receiver<Arc<[JobNow]>> {
        self.jobs.now.subscribe()
    }

    /// Follows the jobs that go on, without end, and finishes what was begun to be cancelled.
    pub async fn follow_jobs(self) {
        while crate::watch::has_failed("the jobs", self.clone().follow()).await {}
    }

    async fn follow(self) {
        // Those of an earlier run.
        self.jobs.begin();
        let mut look = self
            .jobs
            .now
            .borrow()
            .iter()
            .map(|now| now.look)
            .max()
            .unwrap_or(0);
        loop {
            self.jobs.begun.notified().await;
            crate::watch::may_fail("the jobs");
            let mut quiet = 0;
            let mut unread = String::new();
            loop {
                look += 1;
                let is_sent = match self.look_at_jobs(look).await {
                    Ok(Some(is_sent)) => is_sent,
                    // None goes on.
                    Ok(None) => break,
                    Err(failure) => {
                        if unread != failure.message {
                            tracing::warn!("jobs cannot be looked at: {}", failure.message);
                        }
                        unread = failure.message;
                        false
                    }
                };
                quiet = if is_sent { 0 } else { (quiet + 1).min(QUIET) };
                tokio::select! {
                    () = tokio::time::sleep(if quiet < QUIET { LOOK } else { LOOK_QUIET }) => {}
                    () = self.jobs.begun.notified() => quiet = 0,
                }
            }
        }
    }

    /// Looks at the jobs that go on, and tells what changed. Gives whether something of them is sent now, and nothing where none goes on.
    async fn look_at_jobs(&self, look: u64) -> Result<Option<bool>, Failure> {
        self.finish_cancelled().await?;
        let mut rows = self.read(|library| library.open_jobs()).await?;
        let status = status_for(self, rows.iter()).await;
        let sent: BTreeSet<&str> = status
            .iter()
            .flat_map(|status| &status.transfers)
            .map(|transfer| transfer.recording.as_str())
            .collect();
        let is_sent = |row: &JobRow| sent.contains(row.job.recording.to_string().as_str());
        let some_sent = rows.iter().any(is_sent);
        // Those that wait for somebody hide none that gets on.
        rows.sort_by_key(|row| !is_sent(row));
        rows.truncate(MOST);
        let before = self.jobs.now.borrow().clone();
        let mut now = Vec::with_capacity(rows.len());
        for row in rows {
            let (job, is_held_back) = told(self, &row, status.as_ref()).await?;
            let same = before
                .iter()
                .find(|before| before.job == job && before.is_held_back == is_held_back);
            now.push(JobNow {
                look: same.map_or(look, |before| before.look),
                streams: row.job.streams,
                is_held_back,
                job,
            });
        }
        let is_over = now.is_empty();
        self.jobs.now.send_if_modified(|before| {
            let is_news = now.iter().any(|now| now.look == look);
            *before = now.into();
            is_news
        });
        Ok((!is_over).then_some(some_sent))
    }

    /// Deletes the recordings of cancelled jobs that are still there.
    async fn finish_cancelled(&self) -> Result<(), Failure> {
        // What was handed over by now is seen.
        self.recorder.flush().await?;
        for recording in self.read(|library| library.cancelled_recordings()).await? {
            self.recorder.submit(StoreCommand::Delete { recording }).await?;
        }
        Ok(())
    }

    /// Hands a change of a job to the journal. What is handed over later is committed later, or with it.
    pub(in crate::api) fn change_job(&self, change: JobChange) -> Result<(), Failure> {
        Ok(self
            .recorder
            .hand_over(StoreCommand::Change(Change::Job(change)))?)
    }
}
