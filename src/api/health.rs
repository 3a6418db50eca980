//! The state of the box in numbers, for `device.stats` and for the published `health`.

use super::{Api, process as resources};
use crate::event::rfc3339;
use crate::media::Micros;
use crate::model::reply::{
    ClockHealth, Health, OutboxHealth, ProcessHealth, ReviewHealth, StorageHealth, StreamHealth, SyncHealth,
};
use crate::recorder::StreamStatus;
use crate::store::Progress;

impl Api {
    /// The present state of the box.
    pub async fn health(&self) -> Health {
        let now = self.clock.boot();
        let live = self.recorder.status();
        let progress = self.store.progress().borrow().clone();
        let uploader = self.uploader().ok();
        let sync = match uploader {
            Some(uploader) => uploader.status().await.ok(),
            None => None,
        };
        let tape = self.read(|library| Ok((library.oldest()?, library.outbox_depth()?)));
        let (oldest, depth) = tape.await.unwrap_or_default();
        let host = self.host().ok();
        Health {
            time: rfc3339(self.clock.utc()),
            uptime_s: now.saturating_sub(self.started).unsigned_abs() / 1_000_000,
            process: process(),
            streams: streams(&live, &progress),
            storage: storage(&progress, oldest),
            sync: sync.map(|sync| SyncHealth {
                state: sync.state,
                reason: sync.reason,
                waiting: sync.waiting,
                waiting_bytes: sync.waiting_bytes,
                lag_s: sync.lag_s,
                set_aside: sync.set_aside,
                rate: sync.rate,
                sent_bytes: sync.sent_bytes,
            }),
            clock: ClockHealth {
                synced: self.clock.synced(),
            },
            outbox: OutboxHealth {
                events: depth.events,
                log_lost: host.as_ref().map_or(0, |host| host.log_lost()),
            },
            mqtt: host.as_ref().and_then(|host| host.link()),
            review: host.and_then(|host| host.review_hook()).map(|hook| ReviewHealth {
                waiting: hook.waiting,
                error: hook.error,
            }),
        }
    }
}

/// The resources that the process uses.
pub(super) fn process() -> ProcessHealth {
    ProcessHealth {
        cpu_s: resources::cpu_seconds(),
        rss: resources::resident_bytes(),
        failures: crate::watch::failures(),
        defects: crate::defect::count(),
    }
}

/// What is on the air.
pub(super) fn streams(live: &[StreamStatus], progress: &Progress) -> StreamHealth {
    let recorded = live.iter().filter(|stream| !stream.recordings.is_empty());
    StreamHealth {
        live: live.len(),
        recording: recorded.count(),
        bits_per_second: live.iter().map(|stream| stream.bits_per_second).sum(),
        gaps: progress.gaps,
    }
}

/// The tape. `oldest` is UTC at which the oldest media begins.
pub(super) fn storage(progress: &Progress, oldest: Option<Micros>) -> StorageHealth {
    let (state, reason) = match (&progress.full, &progress.failed) {
        (Some(full), _) => ("full", Some(full.clone())),
        (None, Some(failed)) => ("failed", Some(failed.clone())),
        (None, None) => ("ok", None),
    };
    StorageHealth {
        state,
        reason,
        used: progress.space_used,
        left: progress.space_left,
        written: progress.bytes_written,
        lost: progress.bytes_lost.saturating_add(progress.bytes_dropped),
        oldest: oldest.map(rfc3339),
    }
}
