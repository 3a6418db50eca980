//! The retained state: `status`, `health` and the streams. Each is published when it changes, and once in a while.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::{Session, boot_id, status};
use crate::api::JobNow;
use crate::defect;
use crate::doors::mqtt::link::{Loss, Mark};
use crate::doors::mqtt::message::StatusState;
use crate::doors::mqtt::streams::News;
use crate::media::Micros;
use crate::model::reply::Health;

/// What makes `health` worth publishing before its time, as far as it is known without a look at flash.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pulse {
    pub(super) live: usize,
    pub(super) recording: usize,
    pub(super) trouble: Option<String>,
    pub(super) synced: bool,
    pub(super) sync: u64,
}

impl Session<'_> {
    /// What is done once a second: looks for news about streams, and asks for `health` when it is due.
    pub(super) fn look(&mut self) -> Result<(), Loss> {
        if std::mem::take(&mut self.unread) {
            self.subscription.look_again();
        }
        let (now, utc) = (self.shared.clock.boot(), self.shared.clock.utc());
        let every = self.shared.settings.health;
        let live = self.shared.api.streams();
        let micros = Micros::try_from(every.as_micros()).unwrap_or(Micros::MAX);
        let address = self.shared.api.address();
        for news in self.streams.look(&live, now, utc, micros, address.as_deref()) {
            let (stream, body) = match news {
                News::State(stream, state) => (stream, defect::json(&state).into_bytes()),
                News::Forget(stream) => (stream, Vec::new()),
            };
            let topic = self.shared.topics.stream(&stream);
            if self.link.has_room() && self.link.fits(&topic, body.len()) {
                self.post(topic, body.into(), true, true, Mark::Other)?;
            }
        }
        let pulse = {
            let progress = self.shared.store.progress();
            let progress = progress.borrow();
            Pulse {
                live: live.len(),
                recording: live.iter().filter(|stream| !stream.recordings.is_empty()).count(),
                trouble: progress.full.clone().or_else(|| progress.failed.clone()),
                synced: self.shared.clock.synced(),
                sync: self.sync_event,
            }
        };
        let told = self.told_health.as_ref();
        let due = told.is_none_or(|(_, at)| at.elapsed() >= every) || pulse != self.pulse;
        if due && self.health.is_none() {
            self.pulse = pulse;
            let api = self.shared.api.clone();
            self.health = Some(tokio::spawn(async move { api.health().await }));
        }
        Ok(())
    }

    pub(super) fn say_health(&mut self, health: Option<Health>) -> Result<(), Loss> {
        let Some(health) = health else { return Ok(()) };
        let every = self.shared.settings.health;
        let told = self.told_health.as_ref();
        let due = told.is_none_or(|(before, at)| at.elapsed() >= every || health.is_news(before));
        if !due || !self.link.has_room() {
            return Ok(());
        }
        let body = defect::json(&health);
        self.told_health = Some((health, Instant::now()));
        let topic = self.shared.topics.health();
        if self.link.fits(&topic, body.len()) {
            self.post(topic, body.into(), true, false, Mark::Other)
        } else {
            Ok(())
        }
    }

    /// Publishes how far jobs are. Nobody needs what was published before the last time, so nothing of it is confirmed or retained.
    pub(super) fn say_jobs(&mut self) -> Result<(), Loss> {
        let now = self.jobs.borrow_and_update().clone();
        let told_of = self.told_of;
        self.told_of = now.iter().fold(told_of, |last, now| last.max(now.look));
        for JobNow { job, .. } in now.iter().filter(|now| now.look > told_of) {
            let (topic, body) = (self.shared.topics.job(&job.job), defect::json(job));
            if self.link.has_room() && self.link.fits(&topic, body.len()) {
                self.post(topic, body.into(), false, false, Mark::Other)?;
            }
        }
        Ok(())
    }

    pub(super) fn say_status(&mut self, state: StatusState) {
        let post = status(self.shared, state);
        // A lost connection is noticed elsewhere.
        let _ = self.link.post(post, Mark::Other);
    }

    /// Notices another client that speaks for this box. Brokers mostly say when another client takes over a connection, but not
    /// all of them say it in a way that rumqttc understands. A foreign status is seen with any broker.
    pub(super) fn beware_of_twins(&mut self, payload: &[u8]) {
        let Ok(said) = serde_json::from_slice::<SaidStatus>(payload) else {
            return;
        };
        // At the first connection, the status may be one that the last run left.
        let first = self.shared.tally.connects.load(Ordering::Relaxed) <= 1 && !self.worked;
        let own = said.pid == std::process::id() && said.boot_id == boot_id(self.shared);
        if first || own || said.state == "stopped" {
            return;
        }
        self.shared.tally.takeovers.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            "another box says that it is {}: two have the same device.id or mqtt.client_id, and take the connection from \
             each other",
            self.shared.settings.root
        );
    }
}

/// The fields of a status that tell which process wrote it.
#[derive(serde::Deserialize)]
struct SaidStatus {
    state: String,
    boot_id: String,
    pid: u32,
}
