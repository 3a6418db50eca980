//! The state of the box in numbers, for `device.stats` and for the published `health`.

use super::{Api, process};
use crate::event::rfc3339;
use crate::model::reply::{
    ClockHealth, Health, OutboxHealth, ProcessHealth, StorageHealth, StreamHealth, SyncHealth,
};

impl Api {
    /// The present state of the box.
    pub async fn health(&self) -> Health {
        let now = self.clock.boot();
        let streams = self.recorder.status();
        let progress = self.store.progress().borrow().clone();
        let uploader = self.uploader().ok();
        let sync = match uploader {
            Some(uploader) => uploader.status().await.ok(),
            None => None,
        };
        let tape = self.read(|library| Ok((library.oldest()?, library.outbox_depth()?)));
        let (oldest, depth) = tape.await.unwrap_or_default();
        let host = self.host().ok();
        let recorded = streams.iter().filter(|stream| !stream.recordings.is_empty());
        let (state, reason) = match (&progress.full, &progress.failed) {
            (Some(full), _) => ("full", Some(full.clone())),
            (None, Some(failed)) => ("failed", Some(failed.clone())),
            (None, None) => ("ok", None),
        };
        Health {
            time: rfc3339(self.clock.utc()),
            uptime_s: now.saturating_sub(self.started).unsigned_abs() / 1_000_000,
            process: ProcessHealth {
                cpu_s: process::cpu_seconds(),
                rss: process::resident_bytes(),
                failures: crate::watch::failures(),
                defects: crate::defect::count(),
            },
            streams: StreamHealth {
                live: streams.len(),
                recording: recorded.count(),
                bits_per_second: streams.iter().map(|stream| stream.bits_per_second).sum(),
                gaps: progress.gaps,
            },
            storage: StorageHealth {
                state,
                reason,
                used: progress.space_used,
                left: progress.space_left,
                written: progress.bytes_written,
                lost: progress.bytes_lost.saturating_add(progress.bytes_dropped),
                oldest: oldest.map(rfc3339),
            },
            sync: sync.map(|sync| SyncHealth {
                state: sync.state,
                reason: sync.reason,
                waiting: sync.waiting,
                waiting_bytes: sync.waiting_bytes,
                set_aside: sync.set_aside,
                rate: sync.rate,
            }),
            clock: ClockHealth {
                synced: self.clock.synced(),
            },
            outbox: OutboxHealth {
                events: depth.events,
                log_lost: host.as_ref().map_or(0, |host| host.log_lost()),
            },
            mqtt: host.and_then(|host| host.link()),
        }
    }
}
