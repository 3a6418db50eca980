//! How written fragments become durable, how a segment begins, and how it ends.

use super::Writer;
use super::batch::Rotation;
use super::streams::{Ended, Synced};
use crate::media::{Micros, PublishId};
use crate::store::GapCause;
use crate::store::journal::Op;
use crate::store::segment::Segment;

impl Writer {
    /// Makes a publish's open segment durable, and reports how far.
    pub(super) fn sync(&mut self, publish: PublishId) {
        let began = self.env.clock.boot();
        let writer = self.streams.writers.get_mut(&publish);
        let Some(synced) = writer.and_then(|writer| writer.sync(self.env.disk.as_ref())) else {
            return;
        };
        let took = self.env.clock.boot().saturating_sub(began);
        self.progress.syncs.note(took);
        match synced {
            Ok(synced) => self.conclude_synced(publish, &synced),
            Err(reason) => {
                self.fail(publish, reason.clone());
                self.give_up(publish, &reason);
            }
        }
    }

    fn conclude_synced(&mut self, publish: PublishId, synced: &Synced) {
        let Some(writer) = self.streams.writers.get_mut(&publish) else {
            return;
        };
        let zero_utc = self.clock.utc(writer.boot_zero);
        if let Some(tape) = writer.open_tape(zero_utc) {
            self.open_tapes.publish(writer.stream.clone(), tape);
        }
        self.progress.bytes_durable += synced.bytes;
        let stream = self.progress.streams.entry(writer.stream.clone()).or_default();
        stream.bytes_durable += synced.bytes;
        stream.durable_until = stream.durable_until.max(Some(synced.until));
        stream.failed = false;
        if let Some(id) = synced.replaced {
            // The name is durable with the bytes: nothing can bring back the former contents of the file.
            self.book.enter_quietly(Op::Evicted { id });
        }
        // A test can check the promise by this line: a power cut cannot take tape that the line calls durable.
        let until_ms = synced.until.saturating_sub(writer.tape_zero) / 1000;
        tracing::trace!(stream = %writer.stream, %publish, until_ms, "durable");
        if let Some(gap) = writer.close_gap() {
            let stream = writer.stream.clone();
            self.tell_gap(publish, &stream, gap);
        }
    }

    /// Ends a publish's segment at its last whole fragment, or the last durable one if the sync fails.
    pub(super) fn seal(&mut self, publish: PublishId) {
        let writer = self.streams.writers.get_mut(&publish);
        if let Some(segment) = writer.and_then(|writer| writer.segment.as_mut()) {
            segment.trim();
        }
        self.sync(publish);
        let writer = self.streams.writers.get_mut(&publish);
        if let Some(segment) = writer.and_then(|writer| writer.segment.take()) {
            self.end_segment(publish, &segment);
        }
    }

    /// Ends a publish's segment at its last durable fragment.
    pub(super) fn give_up(&mut self, publish: PublishId, reason: &str) {
        let writer = self.streams.writers.get_mut(&publish);
        let taken = writer.and_then(|writer| {
            let segment = writer.segment.take()?;
            writer.gave_up = Some((GapCause::Failed, reason.to_owned()));
            Some(segment)
        });
        let Some(mut segment) = taken else { return };
        let written = segment.written.end;
        let lost = segment.give_up();
        self.lose(lost);
        self.end_segment(publish, &segment);
        if lost > 0
            && let Some(writer) = self.streams.writers.get(&publish)
        {
            let media = |tape: Micros| tape.saturating_sub(writer.tape_zero);
            let span = (media(segment.durable.end), media(written));
            self.open_gap(publish, span, lost, (GapCause::Failed, reason));
        }
    }

    /// Enters the outcome of a segment that is not written any more.
    pub(super) fn end_segment(&mut self, publish: PublishId, segment: &Segment) {
        let Some(ended) = self.streams.end(publish, segment, self.env.disk.as_ref()) else {
            return;
        };
        let Some(name) = self.streams.name_of(publish).cloned() else {
            return;
        };
        self.ended.push((name.clone(), segment.id));
        let stream = self.progress.streams.entry(name.clone()).or_default();
        stream.open_segment = None;
        match ended {
            Ended::Sealed(sealed) => {
                stream.segments_sealed += 1;
                self.progress.segments_sealed += 1;
                self.space.sealed(sealed.space);
                self.book.enter_seal(Op::SealSegment(sealed));
            }
            Ended::Empty(id) => self.book.enter_seal(Op::DropSegment { id }),
            // The segment is left for the next start: file and row may hold more than is known here.
            Ended::Stays(bytes) => {
                self.space.sealed(bytes);
                self.book.leave_unsealed(name.clone());
            }
        }
        // From here on the journal knows how far the segment goes, and which recordings are to be deleted.
        let deletes = self.streams.deletes.extract_if(.., |(of, _)| *of == name);
        self.book.pending.extend(deletes.map(|(_, op)| op));
    }

    /// Creates the file of a segment whose row is committed.
    pub(super) fn begin(&mut self, publish: PublishId, rotation: Rotation) {
        let Some(stream) = self.streams.name_of(publish).cloned() else {
            return;
        };
        let (id, sequence) = (rotation.begin.id, rotation.row.sequence);
        match self.create(&stream, &rotation) {
            Ok(segment) => {
                if let Some(writer) = self.streams.writers.get_mut(&publish) {
                    writer.segment = Some(segment);
                    writer.gave_up = None;
                }
                self.progress.streams.entry(stream).or_default().open_segment = Some(sequence);
            }
            Err(error) => {
                let path = rotation.begin.path.display();
                self.book.enter_seal(Op::DropSegment { id });
                self.refuse(publish, format!("{path}: cannot create: {error}"));
            }
        }
    }
}
