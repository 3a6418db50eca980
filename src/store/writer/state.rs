//! What the writer says of itself: failures, recovery, the clock.

use super::Writer;
use crate::event::Event;
use crate::media::{Micros, PublishId};
use crate::store::clock::is_step;
use crate::store::journal::{BootClock, Op};

/// How often the clock is looked at when nothing is recorded, and at least between two steps that are followed: a
/// clock that jumps to and fro must not fill the outbox.
const LOOK: Micros = 10_000_000;

impl Writer {
    /// A segment could not be begun: the fragment that waits for it is lost, the next keyframe tries again.
    pub(super) fn refuse(&mut self, publish: PublishId, reason: String) {
        if let Some(lane) = self.lanes.get_mut(&publish) {
            lane.refused = true;
        }
        self.fail(publish, reason);
    }

    /// There is no room for a segment, and none may be made.
    pub(super) fn refuse_full(&mut self, publish: PublishId, reason: &str) {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            return;
        };
        lane.refused = true;
        lane.failed = true;
        self.progress
            .streams
            .entry(lane.stream.clone())
            .or_default()
            .failed = true;
        if self.progress.full.is_none() {
            tracing::error!("storage full: {reason}");
            self.pending.push(Op::Report {
                event: Event::StorageFull {
                    reason: reason.to_owned(),
                    used: self.progress.space_used,
                },
            });
        }
        self.progress.full = Some(reason.to_owned());
        self.progress.failed = Some(reason.to_owned());
        self.progress.last_error = Some(reason.to_owned());
    }

    /// A stream's tape stops. Told once until it goes on.
    pub(super) fn fail(&mut self, publish: PublishId, reason: String) {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            return;
        };
        tracing::error!(stream = %lane.stream, "storage failed: {reason}");
        self.progress
            .streams
            .entry(lane.stream.clone())
            .or_default()
            .failed = true;
        self.progress.last_error = Some(reason.clone());
        if !std::mem::replace(&mut lane.failed, true) {
            self.pending.push(Op::Report {
                event: Event::StorageFailed {
                    reason: reason.clone(),
                    streams: vec![lane.stream.to_string()],
                },
            });
        }
        self.progress.failed = Some(reason);
    }

    /// Says when all streams' tapes go on again.
    pub(super) fn recover_state(&mut self) {
        let healthy =
            !self.has_rows() && self.progress.full.is_none() && self.lanes.values().all(|lane| !lane.failed);
        if healthy && self.progress.failed.is_some() {
            self.progress.failed = None;
            tracing::warn!("the storage accepts media again");
            self.pending.push(Op::Report {
                event: Event::StorageRecovered {},
            });
            let _ = self.commit(Vec::new());
        }
    }

    /// Looks at the clock once in a while, also when nothing is recorded; true when it had something to say.
    pub(in crate::store) fn look(&mut self) -> bool {
        let now = self.clock.boot();
        if now.saturating_sub(self.looked) < LOOK {
            return false;
        }
        self.looked = now;
        self.watch_clock();
        // Rows that a journal refused are tried again, too.
        self.has_rows() && self.commit(Vec::new()).is_ok()
    }

    /// UTC is one offset for the whole boot. When the clock is first believed, and when it is stepped, all of the
    /// boot is dated anew: a clock that is set late was wrong all the time before.
    pub(super) fn watch_clock(&mut self) {
        let offset = self.clock.utc_offset();
        let stepped = is_step(self.utc_offset, offset);
        if self.synced && !stepped {
            return;
        }
        let (now, synced) = (self.clock.boot(), self.clock.synced());
        let first = synced && !self.synced;
        // A clock that is not believed any more has nothing to say.
        let follows = stepped && synced >= self.synced && now.saturating_sub(self.dated) >= LOOK;
        if !first && !follows {
            return;
        }
        let moved_ms = offset.saturating_sub(self.utc_offset) / 1_000;
        tracing::info!(
            synced,
            "the clock was set: all dates of this boot move by {moved_ms} ms"
        );
        self.synced |= synced;
        self.utc_offset = offset;
        self.dated = now;
        let clock = BootClock {
            boot: self.boot,
            utc_offset: offset,
            synced,
        };
        self.redate = Some(Op::SyncClock { clock });
        // At once: whoever compares dates with the clock must find the new ones. Should it fail, the next commit
        // carries it.
        let _ = self.commit(Vec::new());
    }

    pub(super) fn lose(&mut self, bytes: u64) {
        self.progress.bytes_lost += bytes;
    }
}
