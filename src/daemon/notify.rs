//! What systemd is told (sd_notify(3)): ready, reloading, stopping, one status line, and that the storage
//! thread still makes progress. Nothing happens where there is no systemd.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Snapshot;

pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

pub(super) fn reloading() {
    // Type=notify-reload wants the time of the reload with it.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Feeds the watchdog, but only with real progress of the storage thread, and keeps the status line.
pub(super) struct Heart {
    watchdog: bool,
    interval: Interval,
    last_heartbeat: Option<u64>,
    last_status: String,
}

impl Heart {
    pub(super) fn new() -> Self {
        let watchdog = sd_notify::watchdog_enabled();
        // Twice as often as the watchdog wants, so that one late beat is no reason to kill.
        let every = watchdog.map_or(Duration::from_secs(5), |limit| {
            (limit / 2).min(Duration::from_secs(5))
        });
        let mut interval = interval(every.max(Duration::from_millis(100)));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            watchdog: watchdog.is_some(),
            interval,
            last_heartbeat: None,
            last_status: String::new(),
        }
    }

    pub(super) async fn beat(&mut self) {
        self.interval.tick().await;
    }

    pub(super) fn tell(&mut self, snapshot: &Snapshot) {
        if self.watchdog && self.last_heartbeat != Some(snapshot.heartbeat) {
            tell(&[NotifyState::Watchdog]);
        }
        self.last_heartbeat = Some(snapshot.heartbeat);
        let status = status_line(snapshot);
        if status != self.last_status {
            tell(&[NotifyState::Status(&status)]);
            self.last_status = status;
        }
    }
}

fn status_line(snapshot: &Snapshot) -> String {
    if let Some(error) = &snapshot.progress.failed {
        return format!("storage failed: {error}");
    }
    let count = snapshot.streams.len();
    if count == 0 {
        return "waiting for publishers".to_owned();
    }
    let recording = snapshot
        .streams
        .iter()
        .filter(|stream| stream.recording.is_some())
        .count();
    let bits: u64 = snapshot.streams.iter().map(|stream| stream.bits_per_second).sum();
    let whole = bits / 1_000_000;
    let tenth = bits / 100_000 % 10;
    format!("{count} on the air, {recording} recording, {whole}.{tenth} Mbit/s")
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd could not be told: {error}");
    }
}
