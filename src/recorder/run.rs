//! One output of a session while it runs: recordings of a stream, one after the other.
//!
//! ```text
//!           begin                 break, within the window
//!   Idle ──────────► Rolling ────────────────────────────► Waiting
//!    ▲                │   ▲ split: close and begin            │
//!    │  stop, or any  │   └───────────────────────────────────┤ back in time
//!    └── other end ◄──┘                                       │
//!    └────────────────────────────── the window is over ◄─────┘
//! ```
//!
//! A recording is a half-open interval of tape time. Where one recording follows another, they share the cut, so that no sample
//! is lost or there twice. The first is closed only when all of its samples have been handed over ([`Ending`]).

use std::sync::Arc;

use super::ended::{RESTARTED, SPLIT, SPLIT_BY_SIZE};
use super::live::Moment;
use super::publish::EndReason;
use crate::config::next_boundary;
use crate::event::Event;
use crate::media::{Micros, PublishId, RecordingId, StreamName};
use crate::model::{About, Output, ResumeAfter};
use crate::store::{Asked, Command, OpenRecording, RecordingSpec};

/// A recording that is due to be split waits this long for a keyframe that begins a closed GOP.
const CLOSED_PATIENCE: Micros = 10_000_000;
/// The recording waits this long for any picture that decoding can begin at, and is then split without one.
const PATIENCE: Micros = 30_000_000;
/// The recording waits this long for a picture that is shown behind all that came before it.
const ORDER_PATIENCE: Micros = 40_000_000;

/// The properties that all recordings of a session share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SessionSpec {
    /// The origin and the purpose of the recordings, without the number and the formats of each.
    pub(super) about: About,
    /// As in [`RecordingSpec`].
    pub(super) until: Option<Micros>,
    /// The interval that the first recordings were asked for.
    pub(super) asked: Option<Asked>,
}

/// The time and the place of an event on a stream.
pub(super) struct Scene<'a> {
    pub(super) stream: &'a StreamName,
    pub(super) publish: PublishId,
    pub(super) now: Moment,
    /// UTC less tape time, for this publish.
    pub(super) utc_of_tape: Micros,
    pub(super) out: &'a mut Vec<Command>,
    pub(super) endings: &'a mut Vec<Ending>,
}

/// A recording that is over. Its end is told when all of the stream's samples up to that end have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) recording: RecordingId,
    pub(super) end: Micros,
    pub(super) reason: String,
}

impl Ending {
    /// Tells at once where the recording ends: a crash from here on does not make it longer.
    fn announce(self, endings: &mut Vec<Ending>, out: &mut Vec<Command>) {
        out.push(Command::RecordingEnds {
            recording: self.recording,
            end: self.end,
        });
        endings.push(self);
    }
}

/// The properties of a frame that a run needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Tape time of its DTS.
    pub(super) at: Micros,
    pub(super) entry: Entry,
    pub(super) bytes: u64,
}

/// Whether a recording may begin with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// No picture after this frame refers to one before it.
    Closed,
    /// Decoding can begin here, but pictures beside the frame refer to earlier ones.
    Open,
    /// Decoding can begin here, and the picture is whole some pictures later.
    Gradual,
    /// The frame refers to earlier ones, and is shown behind all of them: no picture on one side is shown between those on the
    /// other side.
    Behind,
    /// A picture that is shown between others that came before it, or sound beside a picture.
    None,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) output: Arc<Output>,
    number: u32,
    /// The id of the next recording, if it was given out already.
    reserved: Option<RecordingId>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Idle,
    Rolling(Rolling),
    Waiting(Waiting),
}

#[derive(Clone, Debug)]
struct Rolling {
    recording: RecordingId,
    bytes: u64,
    /// Tape time from which on the recording grows without a break, and the media that it had before.
    from: Micros,
    done: Micros,
    /// Tape time from which on a keyframe splits the recording.
    due: Micros,
    /// The recording is split at the next keyframe, whatever the time: a command asked for it.
    restart: bool,
}

/// A recording whose publisher is gone, and may come back.
#[derive(Clone, Debug)]
struct Waiting {
    recording: RecordingId,
    end: Micros,
    bytes: u64,
    done: Micros,
    /// CLOCK_BOOTTIME at which the recording stops waiting.
    until: Micros,
}

impl Run {
    pub(super) fn new(output: Arc<Output>) -> Self {
        Self {
            output,
            number: 0,
            reserved: None,
            state: State::Idle,
        }
    }

    /// A run with a recording that waited at the start of the service, as long as its window is open. A believed clock tells
    /// how long it waited; otherwise the window begins anew.
    pub(super) fn found(open: &OpenRecording, now: Moment, clock_synced: bool) -> Self {
        let elapsed = if open.clock_synced && clock_synced {
            now.utc.saturating_sub(open.paused_utc).max(0)
        } else {
            0
        };
        let window = open.spec.output.resume.window.as_micros();
        let waiting = Waiting {
            recording: open.recording,
            end: open.end,
            bytes: open.bytes,
            done: open.end.saturating_sub(open.start),
            until: now.boot.saturating_add(window.saturating_sub(elapsed)),
        };
        Self {
            output: Arc::new(open.spec.output.clone()),
            number: open.spec.about.number,
            reserved: None,
            state: State::Waiting(waiting),
        }
    }

    pub(super) fn rolling(&self) -> Option<RecordingId> {
        match &self.state {
            State::Rolling(rolling) => Some(rolling.recording),
            State::Idle | State::Waiting(_) => None,
        }
    }

    /// True when the growing recording begins at this tape time, and one of its formats cannot hide the pictures that its
    /// beginning needs for decoding.
    pub(super) fn shows_from(&self, at: Micros) -> bool {
        let is_there =
            matches!(&self.state, State::Rolling(rolling) if rolling.from == at && rolling.done == 0);
        is_there && self.output.formats.iter().any(|format| !format.can_hide())
    }

    pub(super) fn recording(&self) -> Option<RecordingId> {
        match &self.state {
            State::Waiting(waiting) => Some(waiting.recording),
            State::Rolling(_) | State::Idle => self.rolling(),
        }
    }

    /// The recording that grows, or waits, or has not begun and whose id was given out.
    pub(super) fn told(&self) -> Option<RecordingId> {
        self.recording().or(self.reserved)
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// Gives the next recording this id.
    pub(super) fn reserve_as(&mut self, id: RecordingId) {
        self.reserved = Some(id);
    }

    /// The id of the next recording.
    pub(super) fn reserve(&mut self, now: Moment) -> RecordingId {
        *self
            .reserved
            .get_or_insert_with(|| RecordingId::new(now.unix_millis()))
    }

    /// Begins with a publish's media at `start`: goes on with the recording that waits, or begins one.
    pub(super) fn begin(&mut self, of: &SessionSpec, start: Micros, scene: &mut Scene<'_>) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => self.start(of, start, false, scene),
            State::Waiting(waiting) => {
                scene.out.push(Command::RecordingResumed {
                    recording: waiting.recording,
                    publish: scene.publish,
                    start,
                });
                // The time in between is not media, and does not count.
                self.state = State::Rolling(Rolling {
                    recording: waiting.recording,
                    bytes: waiting.bytes,
                    from: start,
                    done: waiting.done,
                    due: self.due(start, waiting.done, scene.utc_of_tape),
                    restart: false,
                });
            }
            State::Rolling(rolling) => self.state = State::Rolling(rolling),
        }
    }

    /// Takes a frame. The frame splits the recording, if a split is due.
    pub(super) fn frame(&mut self, of: &SessionSpec, sample: Sample, scene: &mut Scene<'_>) {
        let State::Rolling(rolling) = &mut self.state else {
            return;
        };
        let full = self
            .output
            .split
            .bytes
            .is_some_and(|most| rolling.bytes >= most.bytes());
        let due = rolling.restart || full || sample.at >= rolling.due;
        if due {
            // From here on the recording waits for a keyframe, as one whose time is over.
            rolling.due = rolling.due.min(sample.at);
        }
        let patience = match sample.entry {
            Entry::Closed => 0,
            Entry::Open | Entry::Gradual => CLOSED_PATIENCE,
            Entry::Behind => PATIENCE,
            Entry::None => ORDER_PATIENCE,
        };
        if !due || sample.at.saturating_sub(rolling.due) < patience {
            rolling.bytes += sample.bytes;
            return;
        }
        let ending = Ending {
            recording: rolling.recording,
            end: sample.at,
            reason: match (rolling.restart, full) {
                (true, _) => RESTARTED.to_owned(),
                (false, true) => SPLIT_BY_SIZE.to_owned(),
                (false, false) => SPLIT.to_owned(),
            },
        };
        if matches!(sample.entry, Entry::Behind | Entry::None) {
            scene.out.push(Command::Report {
                event: no_keyframe(scene.stream, &ending),
            });
        }
        ending.announce(scene.endings, scene.out);
        self.start(of, sample.at, sample.entry == Entry::Gradual, scene);
        if let State::Rolling(rolling) = &mut self.state {
            rolling.bytes = sample.bytes;
        }
    }

    /// Ends the publish, whose media ends at `end`. The publisher was last heard at CLOCK_BOOTTIME `heard`: the resume window
    /// begins there.
    pub(super) fn interrupt(
        &mut self,
        end: Micros,
        heard: Micros,
        reason: &EndReason,
        scene: &mut Scene<'_>,
    ) {
        let State::Rolling(rolling) = &self.state else {
            return;
        };
        let rolling = rolling.clone();
        self.state = State::Idle;
        let resume = self.output.resume;
        let until = heard.saturating_add(resume.window.as_micros());
        let waits = until > scene.now.boot && (!reason.is_meant() || resume.after == ResumeAfter::Any);
        if !waits {
            scene.endings.push(Ending {
                recording: rolling.recording,
                end,
                reason: reason.to_string(),
            });
            return;
        }
        scene.out.push(Command::RecordingPaused {
            recording: rolling.recording,
            end,
            reason: reason.to_string(),
        });
        self.state = State::Waiting(Waiting {
            recording: rolling.recording,
            end,
            bytes: rolling.bytes,
            done: rolling.done.saturating_add(end.saturating_sub(rolling.from)),
            until,
        });
    }

    /// Closes a recording that stops waiting: its window is over, or a command ends it.
    pub(super) fn give_up(&mut self, over: impl Fn(Micros) -> bool, reason: &str, out: &mut Vec<Command>) {
        let State::Waiting(waiting) = &self.state else {
            return;
        };
        if over(waiting.until) {
            out.push(Command::RecordingClosed {
                recording: waiting.recording,
                end: waiting.end,
                reason: reason.to_owned(),
            });
            self.state = State::Idle;
        }
    }

    /// Ends the growing recording at `end`.
    pub(super) fn stop(
        &mut self,
        end: Micros,
        reason: &str,
        endings: &mut Vec<Ending>,
        out: &mut Vec<Command>,
    ) {
        if let State::Rolling(rolling) = &self.state {
            let ending = Ending {
                recording: rolling.recording,
                end,
                reason: reason.to_owned(),
            };
            ending.announce(endings, out);
            self.state = State::Idle;
        }
    }

    /// Has the next keyframe begin a new recording; false when no recording grows.
    pub(super) fn restart(&mut self) -> bool {
        match &mut self.state {
            State::Rolling(rolling) => {
                rolling.restart = true;
                true
            }
            State::Idle | State::Waiting(_) => false,
        }
    }

    fn start(&mut self, of: &SessionSpec, start: Micros, gradual: bool, scene: &mut Scene<'_>) {
        self.number += 1;
        let reserved = self.reserved.take();
        let recording = reserved.unwrap_or_else(|| RecordingId::new(scene.now.unix_millis()));
        let spec = RecordingSpec {
            about: About {
                formats: self.output.formats.clone(),
                number: self.number,
                encrypted: self.output.is_closed(),
                ..of.about.clone()
            },
            output: (*self.output).clone(),
            until: of.until,
            asked: of.asked.filter(|_| self.number == 1),
            gradual,
        };
        scene.out.push(Command::RecordingStarted {
            recording,
            publish: scene.publish,
            start,
            spec: Arc::new(spec),
        });
        self.state = State::Rolling(Rolling {
            recording,
            bytes: 0,
            from: start,
            done: 0,
            due: self.due(start, 0, scene.utc_of_tape),
            restart: false,
        });
    }

    /// Tape time at which a recording is split that has so much media already, and grows (again) from `from` on. The clock is
    /// read here and not later: a step of it moves no boundary.
    fn due(&self, from: Micros, done: Micros, utc_of_tape: Micros) -> Micros {
        let split = &self.output.split;
        let after = split.after.map_or(Micros::MAX, |after| {
            from.saturating_add(after.as_micros().saturating_sub(done).max(0))
        });
        let on_clock = split.on_clock.map_or(Micros::MAX, |every| {
            let zone = self.output.time_zone.clone().unwrap_or_default();
            next_boundary(from.saturating_add(utc_of_tape), every, &zone).saturating_sub(utc_of_tape)
        });
        after.min(on_clock)
    }
}

fn no_keyframe(stream: &StreamName, ending: &Ending) -> Event {
    Event::StreamException {
        stream: stream.to_string(),
        what: "keyframe".to_owned(),
        detail: format!(
            "no keyframe came for {} s after recording {} was due to end; the next one begins without a keyframe; set a \
             keyframe interval of 2 s in the encoder",
            PATIENCE / 1_000_000,
            ending.recording
        ),
    }
}
