//! What systemd is told (sd_notify(3)): ready, reloading, stopping, one status line, and that the storage
//! thread still makes progress. Nothing happens where there is no systemd.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

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

/// The watchdog is fed for so long while the storage thread says nothing. A card that stalls is no reason to
/// restart: that would throw away what waits in memory, and the next start would wait for the same card. Past
/// this it is more likely that the thread hangs for another reason, or that the card needs to be opened anew.
const PATIENCE: Duration = Duration::from_secs(300);

/// Feeds the watchdog as long as the storage thread makes progress or may be waiting for the card, and keeps the
/// status line.
pub(super) struct Heart {
    watchdog: bool,
    interval: Interval,
    pulse: Pulse,
    last_status: String,
}

/// Since when the storage thread has said nothing.
struct Pulse {
    heartbeat: u64,
    since: Instant,
}

impl Pulse {
    /// How long the thread has been silent, given how many signs of life it gave so far.
    fn silence(&mut self, heartbeat: u64, now: Instant) -> Duration {
        if heartbeat != self.heartbeat {
            self.heartbeat = heartbeat;
            self.since = now;
        }
        now - self.since
    }
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
            pulse: Pulse {
                heartbeat: 0,
                since: Instant::now(),
            },
            last_status: String::new(),
        }
    }

    pub(super) async fn beat(&mut self) {
        self.interval.tick().await;
    }

    pub(super) fn tell(&mut self, snapshot: &Snapshot) {
        let silence = self.pulse.silence(snapshot.heartbeat, Instant::now());
        if self.watchdog && silence < PATIENCE {
            tell(&[NotifyState::Watchdog]);
        }
        let status = status_line(snapshot, silence);
        if status != self.last_status {
            tell(&[NotifyState::Status(&status)]);
            self.last_status = status;
        }
    }
}

/// Less than this between two signs of life is an ordinary second's work.
const STALLED: Duration = Duration::from_secs(5);

fn status_line(snapshot: &Snapshot, silence: Duration) -> String {
    if silence >= STALLED {
        let (seconds, waiting, let_go) = (silence.as_secs(), snapshot.backlog, snapshot.let_go);
        return format!(
            "the card stalls for {seconds} s: {waiting} bytes wait in memory, {let_go} were let go"
        );
    }
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
        .filter(|stream| !stream.recordings.is_empty())
        .count();
    let bits: u64 = snapshot.streams.iter().map(|stream| stream.bits_per_second).sum();
    let whole = bits / 1_000_000;
    let tenth = bits / 100_000 % 10;
    let gaps = match snapshot.progress.gaps {
        0 => String::new(),
        gaps => format!(", {gaps} gaps since the start"),
    };
    format!("{count} on the air, {recording} recording, {whole}.{tenth} Mbit/s{gaps}")
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd could not be told: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Progress;

    fn snapshot(heartbeat: u64) -> Snapshot {
        Snapshot {
            streams: Vec::new(),
            progress: Progress::default(),
            heartbeat,
            backlog: 7_000,
            let_go: 300,
        }
    }

    #[test]
    fn a_card_that_stalls_does_not_starve_the_watchdog_but_a_thread_that_hangs_does() {
        let start = Instant::now();
        let mut pulse = Pulse {
            heartbeat: 0,
            since: start,
        };
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(pulse.silence(1, at(5)), Duration::ZERO);
        // Stuck from here on.
        assert_eq!(pulse.silence(1, at(15)), Duration::from_secs(10));
        assert!(pulse.silence(1, at(65)) < PATIENCE);
        assert!(pulse.silence(1, at(305)) >= PATIENCE);
        // It was the card after all.
        assert_eq!(pulse.silence(2, at(310)), Duration::ZERO);
    }

    #[test]
    fn the_status_says_how_long_the_card_has_stalled_and_what_that_costs() {
        let line = status_line(&snapshot(1), Duration::from_secs(12));
        assert_eq!(
            line,
            "the card stalls for 12 s: 7000 bytes wait in memory, 300 were let go"
        );
        assert_eq!(
            status_line(&snapshot(1), Duration::ZERO),
            "waiting for publishers"
        );
    }
}
