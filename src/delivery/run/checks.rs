//! Checks of the store, one at a time, and who waits for their results.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use crate::delivery::check::{SyncCheck, check};
use crate::delivery::context::Context;

#[derive(Default)]
pub(super) struct Checks {
    running: JoinSet<SyncCheck>,
    asked: Vec<oneshot::Sender<SyncCheck>>,
    /// The callers that asked while another check was running: that check may have seen an earlier state of the store.
    asked_since: Vec<oneshot::Sender<SyncCheck>>,
    last: Option<SyncCheck>,
}

impl Checks {
    /// Checks the store now.
    pub(super) fn begin(&mut self, cx: &Arc<Context>) {
        self.running.spawn(check(cx.clone()));
    }

    /// Gives `done` the result of a check that begins after this.
    pub(super) fn ask(&mut self, cx: &Arc<Context>, done: oneshot::Sender<SyncCheck>) {
        if self.running.is_empty() {
            self.asked.push(done);
            self.begin(cx);
        } else {
            self.asked_since.push(done);
        }
    }

    /// The next check that ends; none while no check runs. Cancellation loses nothing.
    pub(super) async fn next(&mut self) -> Option<Result<SyncCheck, JoinError>> {
        self.running.join_next().await
    }

    /// Says what a check found, to the log where it is news and to all who asked before it began.
    pub(super) fn ended(&mut self, cx: &Arc<Context>, checked: Result<SyncCheck, JoinError>) -> &SyncCheck {
        let checked = checked.unwrap_or_else(|error| {
            crate::watch::failed("the check of the store", &error.to_string(), "deliveries go on");
            SyncCheck::default()
        });
        let news = self.last.as_ref().map(SyncCheck::problems) != Some(checked.problems());
        for problem in checked.problems().iter().filter(|_| news) {
            tracing::warn!("the check of {}: {problem}", checked.store);
        }
        for asked in self.asked.drain(..) {
            let _ = asked.send(checked.clone());
        }
        if !self.asked_since.is_empty() {
            self.asked = std::mem::take(&mut self.asked_since);
            self.begin(cx);
        }
        self.last.insert(checked)
    }

    /// What the last check found.
    pub(super) fn problems(&self) -> Vec<String> {
        self.last.as_ref().map(SyncCheck::problems).unwrap_or_default()
    }
}
