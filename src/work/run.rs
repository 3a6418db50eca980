//! The loop around the planner.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

use super::planner::{Action, Outcome, Planner};
use super::step::{self, NotDone};
use crate::delivery::Uploader;
use crate::media::{Micros, RecordingId};
use crate::store::{Change, Clock, Command, JobChange, JobRow, Reader, Store, StoreError, Worked};
use crate::worker::MediaWorker;

/// The pause before the journal is read again that could not be read.
const LOOK: Duration = Duration::from_secs(10);

/// What the work is done with.
#[derive(Clone)]
pub struct Source {
    /// The store, for what came of the work.
    pub store: Store,
    /// Reads jobs and recordings.
    pub reader: Reader,
    /// The clock for pauses.
    pub clock: Arc<dyn Clock>,
    /// The media worker.
    pub worker: Arc<MediaWorker>,
    /// The name of the box, for keys.
    pub device: String,
    /// Delivery, as it is at the time; none where nothing is delivered.
    pub uploader: Arc<dyn Fn() -> Option<Uploader> + Send + Sync>,
}

/// Why jobs wait, and how their work is begun. Clones share it.
#[derive(Clone, Default)]
pub struct Waits {
    reasons: Arc<Mutex<HashMap<RecordingId, String>>>,
    begun: Arc<Notify>,
}

/// The work of all jobs.
#[derive(Clone)]
pub struct Queue {
    source: Source,
    waits: Waits,
}

impl Waits {
    /// Why this job waits now.
    pub fn reason(&self, job: RecordingId) -> Option<String> {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.get(&job).cloned()
    }

    /// Has the journal looked at: a job began.
    pub fn begin(&self) {
        self.begun.notify_one();
    }

    fn say(&self, reasons: HashMap<RecordingId, String>) {
        *self.reasons.lock().unwrap_or_else(PoisonError::into_inner) = reasons;
    }
}

impl Queue {
    /// The work of all jobs, for [`Self::run`].
    pub fn new(source: Source, waits: Waits) -> Self {
        Self { source, waits }
    }

    /// Works without end. A step that is under way when this is dropped is done again.
    pub async fn run(self) {
        while crate::watch::has_failed("the work of jobs", self.clone().work()).await {}
    }

    async fn work(self) {
        let mut planner = Planner::default();
        loop {
            crate::watch::may_fail("the work of jobs");
            let wait = match self.round(&mut planner).await {
                Ok(()) => planner.next_wake().map(|at| self.until(at)),
                Err(reason) => {
                    tracing::debug!("the work of jobs was not looked at: {reason}");
                    Some(LOOK)
                }
            };
            self.waits.say(planner.reasons());
            tokio::select! {
                () = self.waits.begun.notified() => {}
                () = sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some() => {}
            }
        }
    }

    /// Does what is due.
    async fn round(&self, planner: &mut Planner) -> Result<(), String> {
        // What was handed over by now is seen.
        self.commit(None).await?;
        loop {
            let rows = self.source.reader.read(|library| library.work_jobs()).await;
            let rows: Vec<JobRow> = rows.map_err(|error: StoreError| error.to_string())?;
            let steps = rows.iter().filter_map(|row| Some((row.job.id, row.next_step()?)));
            planner.jobs(steps.collect());
            let Some(action) = planner.poll(self.source.clock.boot()) else {
                return Ok(());
            };
            let outcome = match action {
                Action::Begin((job, step)) => match rows.iter().find(|row| row.job.id == job) {
                    Some(row) => self.step(row, step).await,
                    None => Outcome::Over,
                },
                Action::GiveUp((job, step), reason) => self.over(job, step, Worked::GivenUp(reason)).await,
            };
            planner.ended(outcome, self.source.clock.boot());
            self.waits.say(planner.reasons());
        }
    }

    async fn step(&self, row: &JobRow, step: u32) -> Outcome {
        let job = row.job.id;
        match step::run(&self.source, row, step).await {
            Ok(worked) => self.over(job, step, worked).await,
            Err(NotDone::Never(reason)) => self.over(job, step, Worked::GivenUp(reason)).await,
            Err(NotDone::Gone) => {
                let reason = "its recording was deleted or evicted before the work was done".to_owned();
                self.told(JobChange::Failed(job, reason)).await
            }
            Err(NotDone::Later(reason)) => Outcome::Later(reason),
            Err(NotDone::Failed(reason)) => Outcome::Failed(reason),
        }
    }

    async fn over(&self, job: RecordingId, step: u32, outcome: Worked) -> Outcome {
        if let Worked::GivenUp(reason) = &outcome {
            tracing::warn!(%job, step, "a picture is left out: {reason}");
        }
        self.told(JobChange::Worked { job, step, outcome }).await
    }

    async fn told(&self, change: JobChange) -> Outcome {
        match self.commit(Some(change)).await {
            Ok(()) => Outcome::Over,
            Err(reason) => Outcome::Later(format!("the journal cannot be written: {reason}")),
        }
    }

    /// Commits a change, and all that was handed over before; durable when this returns.
    async fn commit(&self, change: Option<JobChange>) -> Result<(), String> {
        let (done, committed) = oneshot::channel();
        let change = change.map(|change| Command::Change(Change::Job(change)));
        for command in change.into_iter().chain([Command::Fence { done }]) {
            self.source
                .store
                .submit(command)
                .map_err(|error| error.to_string())?;
        }
        committed
            .await
            .unwrap_or_else(|_| Err("the store was closed".to_owned()))
    }

    fn until(&self, at: Micros) -> Duration {
        let micros = at.saturating_sub(self.source.clock.boot()).max(0);
        Duration::from_micros(micros.unsigned_abs())
    }
}
