//! The writer's work for recordings: they are views that grow with the tape, wait, end, and are cut out of it.

use std::sync::Arc;

use super::Writer;
use super::batch::Batch;
use super::step::{Removable, Removal, removal};
use crate::media::{Micros, PublishId, RecordingId, StreamName};
use crate::model::Keep;
use crate::store::journal::Op;
use crate::store::{Command, RecordingSpec, RecordingState};

/// A recording that grows.
pub(super) struct Growing {
    pub(super) stream: StreamName,
    pub(super) publish: PublishId,
    pub(super) start: Micros,
    pub(super) spec: Arc<RecordingSpec>,
    /// Tape time of its end, if that is known.
    pub(super) ends: Option<Micros>,
    /// The recording is to be deleted as soon as it is closed.
    pub(super) doomed: bool,
}

impl Writer {
    /// Enters a command that is about a recording.
    pub(super) fn enter_recording(&mut self, command: Command, batch: &mut Batch) {
        match command {
            Command::RecordingStarted {
                recording,
                publish,
                start,
                spec,
            } => {
                let keep = self.keep(&spec);
                self.grow(recording, publish, start, spec.clone());
                self.book.enter(Op::StartRecording {
                    id: recording,
                    publish,
                    start,
                    keep,
                    spec: Some(spec),
                    tell: true,
                });
            }
            Command::RecordingPaused {
                recording,
                end,
                reason,
            } => {
                self.progress.recordings_ended += 1;
                if let Some(Growing { stream, .. }) = self.streams.recordings.remove(&recording) {
                    batch.syncs.insert(stream);
                }
                self.book.enter(Op::PauseRecording {
                    id: recording,
                    end: Some(end),
                    reason,
                });
            }
            Command::RecordingResumed {
                recording,
                publish,
                start,
            } => {
                let row = self.book.journal.recording(recording).ok().flatten();
                let known = row.map(|row| (row.start, Arc::new(row.spec)));
                let (from, spec) = known.unwrap_or_else(|| (start, Arc::new(RecordingSpec::built_in())));
                self.grow(recording, publish, from, spec);
                self.book.enter(Op::ContinueRecording {
                    id: recording,
                    publish,
                    start,
                });
            }
            Command::RecordingEnds { recording, end } => {
                if let Some(growing) = self.streams.recordings.get_mut(&recording) {
                    growing.ends = Some(end);
                }
                self.book.enter(Op::EndRecording { id: recording, end });
            }
            Command::RecordingClosed {
                recording,
                end,
                reason,
            } => {
                self.progress.recordings_ended += 1;
                let mut doomed = false;
                if let Some(growing) = self.streams.recordings.remove(&recording) {
                    self.streams.rotate_behind(&growing.stream, end);
                    batch.syncs.insert(growing.stream);
                    doomed = growing.doomed;
                }
                self.book.enter(Op::CloseRecording {
                    id: recording,
                    end: Some(end),
                    reason,
                });
                if doomed {
                    self.delete(recording, Op::Delete { id: recording }, batch);
                }
            }
            Command::Clip {
                recording,
                stream,
                start,
                end,
                spec,
            } => {
                let keep = self.keep(&spec);
                self.progress.recordings_ended += 1;
                batch.syncs.insert(stream.clone());
                self.book.enter(Op::Clip {
                    id: recording,
                    stream,
                    start,
                    end,
                    keep,
                    spec,
                });
            }
            _ => {}
        }
    }

    /// Ends recordings when the service stops. Those that may go on at the next start wait for their publishers; the others
    /// end.
    pub(super) fn end_recordings(&mut self) {
        for (id, growing) in std::mem::take(&mut self.streams.recordings) {
            let (end, reason) = (None, "shutdown".to_owned());
            self.book.enter(if growing.spec.resumes() {
                Op::PauseRecording { id, end, reason }
            } else {
                Op::CloseRecording { id, end, reason }
            });
            if growing.doomed {
                self.book.enter(Op::Delete { id });
            }
        }
    }

    /// How long a recording is kept after its end; `None` is until its space is needed.
    pub(super) fn keep(&self, spec: &RecordingSpec) -> Option<Micros> {
        match spec.output.keep {
            Some(Keep::Forever) => None,
            Some(Keep::For(span)) => Some(span.as_micros()),
            None => self.env.settings.keep,
        }
    }

    /// Deletes a recording on request, by this row.
    pub(super) fn delete(&mut self, recording: RecordingId, row: Op, batch: &mut Batch) {
        let is_sure = matches!(row, Op::Delete { .. });
        match removal(self.removable(recording)) {
            // It was closed when that was asked for, and goes on.
            Removal::WhenClosed if !is_sure => {}
            Removal::WhenClosed => {
                if let Some(growing) = self.streams.recordings.get_mut(&recording) {
                    growing.doomed = true;
                }
                // The row also serves after a power cut: the next start closes the recording, and deletes it.
                self.book.enter(Op::Doom { id: recording });
            }
            Removal::WhenSealed(stream) => {
                if is_sure {
                    // The row also serves after a power cut: the next start deletes the recording.
                    self.book.enter(Op::Doom { id: recording });
                } else if self
                    .streams
                    .deletes
                    .iter()
                    .any(|(_, op)| op.deleted() == Some(recording))
                {
                    // It was asked for before, and waits.
                    return;
                }
                self.streams.deletes.push((stream, row));
            }
            Removal::Now(ends) => {
                if let Some(stream) = ends {
                    let writers = self.streams.writers.iter();
                    let of = writers.filter(|(_, writer)| writer.stream == stream);
                    batch.rotations.extend(of.map(|(publish, _)| (*publish, None)));
                    // Later fragments may belong to another recording: they do not go into that segment.
                    batch.held.insert(stream);
                }
                self.book.enter(row);
                self.space.look_soon();
            }
        }
    }

    fn removable(&self, recording: RecordingId) -> Removable {
        let growing = self.streams.recordings.get(&recording);
        let row = self.book.journal.recording(recording).ok().flatten();
        let closes = |op: &Op| matches!(op, Op::CloseRecording { id, .. } if *id == recording);
        let closes = self.book.is_pending(closes);
        let closed = row.filter(|row| closes || row.state != RecordingState::Open);
        let over = closed.map(|row| row.stream).or_else(|| self.clipped(recording));
        let is_of = |stream: &StreamName| over.as_ref() == Some(stream);
        Removable {
            ends: growing.is_some_and(|growing| growing.ends.is_some()),
            shared: self.streams.recordings.values().any(|other| is_of(&other.stream)),
            open: self
                .streams
                .writers
                .values()
                .any(|writer| is_of(&writer.stream) && writer.segment.is_some()),
            over,
        }
    }

    /// The stream of a clip that the next commit enters.
    fn clipped(&self, recording: RecordingId) -> Option<StreamName> {
        self.book.pending.iter().find_map(|op| match op {
            Op::Clip { id, stream, .. } if *id == recording => Some(stream.clone()),
            _ => None,
        })
    }

    fn grow(&mut self, recording: RecordingId, publish: PublishId, start: Micros, spec: Arc<RecordingSpec>) {
        let Some(writer) = self.streams.writers.get_mut(&publish) else {
            return;
        };
        writer.rotates = true;
        let growing = Growing {
            stream: writer.stream.clone(),
            publish,
            start,
            spec,
            ends: None,
            doomed: false,
        };
        self.streams.recordings.insert(recording, growing);
    }
}

/// The recording that a command is about.
pub(super) fn recording_of(command: &Command) -> Option<RecordingId> {
    match command {
        Command::RecordingStarted { recording, .. }
        | Command::RecordingPaused { recording, .. }
        | Command::RecordingResumed { recording, .. }
        | Command::RecordingEnds { recording, .. }
        | Command::RecordingClosed { recording, .. }
        | Command::Clip { recording, .. } => Some(*recording),
        _ => None,
    }
}
