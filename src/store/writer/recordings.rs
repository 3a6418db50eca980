//! What the writer does for recordings: views that grow with the tape, wait, end, and are cut out of it.

use std::sync::Arc;

use super::{Open, Pass, Writer};
use crate::media::{Micros, PublishId, RecordingId, StreamName};
use crate::model::Keep;
use crate::store::journal::Op;
use crate::store::{Command, RecordingSpec};

impl Writer {
    /// Takes a command that is about a recording; gives any other back.
    pub(super) fn take_recording(&mut self, command: Command, pass: &mut Pass) -> Option<Command> {
        match command {
            Command::RecordingStarted {
                recording,
                publish,
                start,
                spec,
            } => {
                let keep = self.keep(&spec);
                self.grow(recording, publish, start, spec.clone());
                self.pending.push(Op::StartRecording {
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
                if let Some(Open { stream, .. }) = self.recordings.remove(&recording) {
                    pass.settle.insert(stream);
                }
                self.pending.push(Op::PauseRecording {
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
                let row = self.journal.recording(recording).ok().flatten();
                let known = row.map(|row| (row.start, Arc::new(row.spec)));
                let (from, spec) = known.unwrap_or_else(|| (start, Arc::new(RecordingSpec::built_in())));
                self.grow(recording, publish, from, spec);
                self.pending.push(Op::ContinueRecording {
                    id: recording,
                    publish,
                    start,
                });
            }
            Command::RecordingEnds { recording, end } => {
                if let Some(open) = self.recordings.get_mut(&recording) {
                    open.ends = Some(end);
                }
                self.pending.push(Op::EndRecording { id: recording, end });
            }
            Command::RecordingClosed {
                recording,
                end,
                reason,
            } => {
                self.progress.recordings_ended += 1;
                let mut doomed = false;
                if let Some(open) = self.recordings.remove(&recording) {
                    self.turn_behind(&open.stream, end);
                    pass.settle.insert(open.stream);
                    doomed = open.doomed;
                }
                self.pending.push(Op::CloseRecording {
                    id: recording,
                    end: Some(end),
                    reason,
                });
                if doomed {
                    self.delete(recording, pass);
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
                pass.settle.insert(stream.clone());
                self.pending.push(Op::Clip {
                    id: recording,
                    stream,
                    start,
                    end,
                    keep,
                    spec,
                });
            }
            other => return Some(other),
        }
        None
    }

    /// How long a recording is kept after its end; `None` is until its room is needed.
    pub(super) fn keep(&self, spec: &RecordingSpec) -> Option<Micros> {
        match spec.output.keep {
            Some(Keep::Forever) => None,
            Some(Keep::For(span)) => Some(span.as_micros()),
            None => self.settings.keep,
        }
    }

    /// What comes behind the end of a recording is not to be in a segment that says that it is a part of it.
    fn turn_behind(&mut self, stream: &StreamName, end: Micros) {
        for lane in self.lanes.values_mut().filter(|lane| lane.stream == *stream) {
            let says_so = lane.segment.as_ref().is_none_or(|segment| segment.start < end);
            lane.turn |= says_so;
        }
    }

    fn grow(&mut self, recording: RecordingId, publish: PublishId, start: Micros, spec: Arc<RecordingSpec>) {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            return;
        };
        lane.turn = true;
        let open = Open {
            stream: lane.stream.clone(),
            publish,
            start,
            spec,
            ends: None,
            doomed: false,
        };
        self.recordings.insert(recording, open);
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
