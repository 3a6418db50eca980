//! Tells doors how far jobs are, while some go on. A box without jobs reads nothing for that.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::told::{status_for, told};
use crate::api::Api;
use crate::api::answer::Failure;
use crate::media::StreamName;
use crate::model::reply;
use crate::store::{Change, Command as StoreCommand, JobChange};

/// Time between two looks at the jobs that go on, while files are sent.
const LOOK: Duration = Duration::from_secs(5);
/// The same while nothing is sent: a box may be offline for days.
const LOOK_QUIET: Duration = Duration::from_secs(30);
/// Most jobs that are told of. `job.list` has the others.
const MOST: usize = 20;

/// How far a job is now.
#[derive(Clone, Debug)]
pub struct JobNow {
    /// The streams that a caller must see.
    pub streams: Vec<StreamName>,
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
    /// Begins a run of the service: jobs of the last run whose recording was not made failed. To be called before any command comes.
    pub fn begin_jobs(&self) {
        if let Err(failure) = self.change_job(JobChange::Unmade) {
            tracing::warn!("jobs are not looked at: {}", failure.message);
        }
        self.jobs.begin();
    }

    /// How far jobs are, as it is found out while some go on: the first of them.
    pub fn jobs_now(&self) -> watch::Receiver<Arc<[JobNow]>> {
        self.jobs.now.subscribe()
    }

    /// Follows the jobs that go on, without end, and finishes what an earlier run began to cancel.
    pub async fn follow_jobs(self) {
        while crate::watch::has_failed("the jobs", self.clone().follow()).await {}
    }

    async fn follow(self) {
        loop {
            self.jobs.begun.notified().await;
            crate::watch::may_fail("the jobs");
            if let Err(failure) = self.finish_cancelled().await {
                tracing::debug!("cancelled jobs were not looked at: {}", failure.message);
            }
            loop {
                let (now, is_sent) = match self.open_now().await {
                    Ok(found) => found,
                    Err(failure) => {
                        tracing::debug!("jobs were not looked at: {}", failure.message);
                        (self.jobs.now.borrow().clone(), false)
                    }
                };
                let is_over = now.is_empty();
                self.jobs.now.send_if_modified(|before| {
                    let is_news = !(is_over && before.is_empty());
                    *before = now;
                    is_news
                });
                if is_over {
                    break;
                }
                tokio::select! {
                    () = tokio::time::sleep(if is_sent { LOOK } else { LOOK_QUIET }) => {}
                    () = self.jobs.begun.notified() => {}
                }
            }
        }
    }

    /// The jobs that go on, and whether something is sent now.
    async fn open_now(&self) -> Result<(Arc<[JobNow]>, bool), Failure> {
        // What was handed over by now is seen.
        self.recorder.flush().await?;
        let mut rows = self.read(|library| library.open_jobs()).await?;
        rows.truncate(MOST);
        let status = status_for(self, rows.iter()).await;
        let mut now = Vec::with_capacity(rows.len());
        for row in rows {
            now.push(JobNow {
                job: told(self, &row, status.as_ref()).await?,
                streams: row.job.streams,
            });
        }
        let is_sent = status.is_some_and(|status| !status.transfers.is_empty());
        Ok((now.into(), is_sent))
    }

    /// Deletes the recordings of cancelled jobs that are still there.
    async fn finish_cancelled(&self) -> Result<(), Failure> {
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
