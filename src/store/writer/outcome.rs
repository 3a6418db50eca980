//! Carries out a step, and concludes its outcome.
//!
//! Doing touches one stream, its file, and rows. Concluding brings the outcome to every part that it concerns: the book, the
//! space, the batch, and the state that the rest of the process sees.

use super::Writer;
use super::batch::{Batch, Rotation};
use super::recordings::recording_of;
use super::step::{Lacks, Step};
use super::streams::Written;
use crate::media::{Fragment, PublishId};
use crate::store::segment::AppendError;
use crate::store::{Command, GapCause};

/// The reason of a gap that begins because the fragment has no keyframe to play from.
const NO_KEYFRAME: &str = "no keyframe came to go on from";

/// The result of a step.
pub(super) enum Outcome {
    /// The step is done, or its rows wait for the next commit.
    Done,
    /// The command comes again behind the commit of this batch.
    Again(Command),
    /// The fragment comes again behind the commit of this batch. All further commands about its stream come behind it.
    Held(PublishId, Fragment),
    /// The fragment is in its file.
    Written(PublishId, Written),
    /// The fragment is not in its file, and the open segment may have to end for that.
    NotWritten(PublishId, Fragment, AppendError),
    /// The open segment ends. The fragment waits for the segment that follows, or for the reason why none does.
    Rotates(PublishId, Fragment, Box<Result<Rotation, String>>),
    /// The fragment cannot be kept.
    Lost(PublishId, Fragment, Lacks),
}

impl Writer {
    /// Carries out the step that was decided.
    pub(super) fn perform(&mut self, step: Step, command: Command, batch: &mut Batch) -> Outcome {
        match (step, command) {
            (Step::Wait, command) => Outcome::Again(command),
            (Step::Append, Command::Append { publish, fragment }) => {
                self.append(publish, fragment, batch.waited)
            }
            (Step::Rotate, Command::Append { publish, fragment }) => {
                let Self {
                    env,
                    clock,
                    streams,
                    book,
                    ..
                } = self;
                let rotation = streams.plan(publish, &fragment, env, clock, book);
                Outcome::Rotates(publish, fragment, Box::new(rotation))
            }
            (Step::Lose(lacks), Command::Append { publish, fragment }) => {
                Outcome::Lost(publish, fragment, lacks)
            }
            (_, command) => {
                self.enter(command, batch);
                Outcome::Done
            }
        }
    }

    /// Concludes an outcome; gives back the command that comes again behind the commit of this batch.
    pub(super) fn conclude(&mut self, outcome: Outcome, batch: &mut Batch) -> Option<Command> {
        match outcome {
            Outcome::Done => {}
            Outcome::Again(command) => {
                batch.held_recordings.extend(recording_of(&command));
                return Some(command);
            }
            Outcome::Held(publish, fragment) => {
                batch.held.extend(self.streams.name_of(publish).cloned());
                return Some(Command::Append { publish, fragment });
            }
            Outcome::Written(publish, written) => self.conclude_written(publish, &written),
            Outcome::NotWritten(publish, fragment, error) => {
                self.conclude_not_written(publish, &fragment, error);
            }
            Outcome::Rotates(publish, fragment, rotation) => {
                if let Some(writer) = self.streams.writers.get_mut(&publish) {
                    writer.rotates = false;
                    batch.held.insert(writer.stream.clone());
                }
                match *rotation {
                    Ok(rotation) => batch.rotations.push((publish, Some(rotation))),
                    Err(reason) => {
                        // The open segment ends here all the same: it cannot carry the next fragment.
                        batch.rotations.push((publish, None));
                        self.refuse(publish, reason);
                    }
                }
                return Some(Command::Append { publish, fragment });
            }
            Outcome::Lost(_, fragment, Lacks::Publish) => self.lose(fragment.payload_bytes() as u64),
            Outcome::Lost(publish, fragment, Lacks::Keyframe) => {
                let writer = self.streams.writers.get(&publish);
                let gave_up = writer.and_then(|writer| writer.gave_up.clone());
                let (cause, reason) = gave_up.unwrap_or((GapCause::NoKeyframe, NO_KEYFRAME.to_owned()));
                self.lose_fragment(publish, &fragment, (cause, &reason));
            }
            Outcome::Lost(publish, fragment, Lacks::Segment) => {
                let writer = self.streams.writers.get_mut(&publish);
                let refusal = writer.and_then(|writer| writer.refused.take());
                let (cause, reason) = refusal.unwrap_or_else(|| (GapCause::Failed, String::new()));
                self.lose_fragment(publish, &fragment, (cause, &reason));
            }
        }
        None
    }

    fn conclude_written(&mut self, publish: PublishId, written: &Written) {
        let Some(writer) = self.streams.writers.get_mut(&publish) else {
            return;
        };
        writer.reach(written.start);
        self.progress.bytes_written += written.bytes;
        let stream = self.progress.streams.entry(writer.stream.clone()).or_default();
        stream.bytes_written += written.bytes;
        if self.streams.dirty_since.is_none() {
            self.streams.dirty_since = Some(self.env.clock.boot());
        }
    }

    fn conclude_not_written(&mut self, publish: PublishId, fragment: &Fragment, error: AppendError) {
        let Some(writer) = self.streams.writers.get_mut(&publish) else {
            return;
        };
        let Some(segment) = writer.segment.as_mut() else {
            return;
        };
        let (cause, reason) = match error {
            AppendError::Media(error) => {
                let reason = format!("{}: {error}", segment.path.display());
                tracing::warn!(stream = %writer.stream, "fragment left out: {reason}");
                self.progress.last_error = Some(reason.clone());
                (GapCause::Media, reason)
            }
            AppendError::Disk(error) => {
                let reason = format!("{}: cannot write: {error}", segment.path.display());
                // The fragments that were whole before may well be good; the sync of the seal tells.
                match segment.cut() {
                    Ok(()) => self.seal(publish),
                    Err(_) => self.give_up(publish, &reason),
                }
                self.fail(publish, reason.clone());
                (GapCause::Failed, reason)
            }
        };
        self.lose_fragment(publish, fragment, (cause, &reason));
    }
}
