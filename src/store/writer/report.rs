//! The writer's reports: failures, gaps, recovery, the clock.

use super::Writer;
use super::clock::Reading;
use super::streams::ClosedGap;
use crate::event::Event;
use crate::media::{Fragment, Micros, PublishId, StreamName};
use crate::store::GapCause;
use crate::store::journal::Op;

impl Writer {
    /// Reports a segment that could not be begun. The fragment that waits for it is lost, and the next keyframe tries again.
    pub(super) fn refuse(&mut self, publish: PublishId, reason: String) {
        if let Some(writer) = self.streams.writers.get_mut(&publish) {
            writer.refused = Some((GapCause::Failed, reason.clone()));
        }
        self.fail(publish, reason);
    }

    /// Reports that there is no space for a segment, and that none may be made.
    pub(super) fn refuse_full(&mut self, publish: PublishId, reason: &str) {
        let Some(writer) = self.streams.writers.get_mut(&publish) else {
            return;
        };
        writer.refused = Some((GapCause::Full, reason.to_owned()));
        writer.failed = true;
        self.progress
            .streams
            .entry(writer.stream.clone())
            .or_default()
            .failed = true;
        if self.progress.full.is_none() {
            tracing::error!("storage full: {reason}");
            self.book.enter(Op::Report {
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

    /// Reports that a stream's tape stops. The report comes once until the tape goes on.
    pub(super) fn fail(&mut self, publish: PublishId, reason: String) {
        let Some(writer) = self.streams.writers.get_mut(&publish) else {
            return;
        };
        tracing::error!(stream = %writer.stream, "storage failed: {reason}");
        self.progress
            .streams
            .entry(writer.stream.clone())
            .or_default()
            .failed = true;
        self.progress.last_error = Some(reason.clone());
        if !std::mem::replace(&mut writer.failed, true) {
            self.book.enter(Op::Report {
                event: Event::StorageFailed {
                    reason: reason.clone(),
                    streams: vec![writer.stream.to_string()],
                },
            });
        }
        self.progress.failed = Some(reason);
    }

    /// Reports that all streams' tapes go on again.
    pub(super) fn recover_state(&mut self) {
        let healthy = !self.book.has_rows()
            && self.progress.full.is_none()
            && self.streams.writers.values().all(|writer| !writer.failed);
        if healthy && self.progress.failed.is_some() {
            self.progress.failed = None;
            tracing::warn!("the storage accepts media again");
            self.book.enter(Op::Report {
                event: Event::StorageRecovered {},
            });
            let _ = self.commit(Vec::new());
        }
    }

    /// Checks the clock once in a while, also when nothing is recorded; true when rows were committed.
    pub(in crate::store) fn look(&mut self) -> bool {
        if !self.clock.is_look_due(self.env.clock.boot()) {
            return false;
        }
        self.watch_clock();
        // Rows that a journal refused are tried again here, too.
        self.book.has_rows() && self.commit(Vec::new()).is_ok()
    }

    /// Dates all of the boot anew when the clock moved: UTC is one offset for the whole boot.
    pub(super) fn watch_clock(&mut self) {
        let utc_offset = self.env.clock.utc_offset();
        if !self.clock.may_move(utc_offset) {
            return;
        }
        let reading = Reading {
            boot: self.env.clock.boot(),
            utc_offset,
            synced: self.env.clock.synced(),
        };
        let Some(moved) = self.clock.follow(reading) else {
            return;
        };
        tracing::info!(
            synced = reading.synced,
            "the clock was set: all dates of this boot move by {} ms",
            moved / 1_000
        );
        self.book.enter_date(Op::SyncClock {
            clock: self.clock.row(),
        });
        // The commit comes at once: a reader who compares dates with the clock must find the new ones. If it fails, the next
        // commit carries them.
        let _ = self.commit(Vec::new());
    }

    /// Reports a fragment that cannot be kept.
    pub(super) fn lose_fragment(
        &mut self,
        publish: PublishId,
        fragment: &Fragment,
        reason: (GapCause, &str),
    ) {
        let bytes = fragment.payload_bytes() as u64;
        self.lose(bytes);
        self.open_gap(publish, fragment.span(), bytes, reason);
    }

    /// Reports that media of tape time `from` to `to`, of so many bytes, is lost after it was on the tape.
    pub(super) fn lose_span(
        &mut self,
        publish: PublishId,
        (from, to): (Micros, Micros),
        bytes: u64,
        reason: (GapCause, &str),
    ) {
        self.lose(bytes);
        let Some(writer) = self.streams.writers.get_mut(&publish) else {
            return;
        };
        writer.sealed_end = Some(from);
        let media = |tape: Micros| tape.saturating_sub(writer.tape_zero);
        let span = (media(from), media(to));
        self.open_gap(publish, span, bytes, reason);
    }

    /// Notes a gap for media time `span`, or extends the open gap, which keeps its reason.
    pub(super) fn open_gap(
        &mut self,
        publish: PublishId,
        span: (Micros, Micros),
        bytes: u64,
        reason: (GapCause, &str),
    ) {
        let Some(writer) = self.streams.writers.get_mut(&publish) else {
            return;
        };
        let stream = self.progress.streams.entry(writer.stream.clone()).or_default();
        stream.bytes_lost += bytes;
        writer.open_gap(span, reason);
    }

    /// Reports a gap that has found its end.
    pub(super) fn tell_gap(&mut self, publish: PublishId, stream: &StreamName, gap: ClosedGap) {
        let ClosedGap {
            from,
            to,
            cause,
            reason,
        } = gap;
        let millis = to.saturating_sub(from) / 1_000;
        tracing::warn!(%stream, "the tape has a gap of {millis} ms: {reason}");
        self.progress.gaps += 1;
        let of_stream = self.progress.streams.entry(stream.clone()).or_default();
        of_stream.gaps.count(cause);
        self.book.enter(Op::Gap {
            publish,
            from,
            to,
            reason,
        });
    }

    pub(super) fn lose(&mut self, bytes: u64) {
        self.progress.bytes_lost += bytes;
    }
}
