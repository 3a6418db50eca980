//! What the writer says of itself: failures, recovery, the clock.

use super::Writer;
use crate::event::Event;
use crate::media::PublishId;
use crate::store::journal::Op;

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
            self.pending.push(Op::Report {
                event: Event::StorageRecovered {},
            });
            let _ = self.commit(Vec::new());
        }
    }

    /// The first synchronisation of a boot dates all of it anew.
    pub(super) fn watch_clock(&mut self) {
        if !self.synced && self.clock.synced() {
            self.synced = true;
            self.utc_offset = self.clock.utc().saturating_sub(self.clock.boot());
            self.pending.push(Op::SyncClock {
                boot: self.boot,
                utc_offset: self.utc_offset,
            });
        }
    }

    pub(super) fn lose(&mut self, bytes: u64) {
        self.progress.bytes_lost += bytes;
    }
}
