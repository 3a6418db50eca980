//! One stream: its publisher, its last seconds, and every session that records it.

mod sessions;
mod state;

use std::sync::Arc;

use self::sessions::close;
use super::chunks::{Chunks, Numbered};
use super::counts::Received;
use super::decision::Verdict;
use super::ended::RULES_CHANGED;
use super::live::{Live, Moment};
use super::notice::Notice;
use super::publish::EndReason;
use super::ring::Ring;
use super::run::{Ending, Scene};
use super::session::{Session, Wanted};
use super::status::{GopLength, Rate};
use crate::event::{Event, PublishAbout, PublishOutcome, Recorded};
use crate::media::{Frame, MediaMessage, Micros, Oddity, PublishId, RecordingId, StreamName, TrackKind};
use crate::model::Origin;
use crate::store::Command;

/// A publisher that sends no keyframe for this long is reported, once.
const KEYLESS: Micros = 30_000_000;
/// Shortest time between two reports of a publisher's exceptions.
const REPORT_EVERY: Micros = 10_000_000;

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: StreamName,
    pub(super) live: Option<OnAir>,
    pub(super) ring: Ring,
    /// Tape time behind which all later tape of this stream begins.
    pub(super) tape_end: Micros,
    /// Where the numbers of the next publish's chunks begin.
    pub(super) numbered: Numbered,
    /// The publish whose frames are in the ring.
    aired: Option<Aired>,
    pub(super) sessions: Vec<Session>,
    /// The memory of the waiting frames, as counted last.
    pub(super) held: usize,
    /// Recordings that end as soon as all of their samples are handed over.
    endings: Vec<Ending>,
}

/// A publish whose frames are in memory.
#[derive(Clone, Copy, Debug)]
struct Aired {
    publish: PublishId,
    /// Tape time of media time zero, and CLOCK_BOOTTIME of the same moment: its date may become known later.
    tape_zero: Micros,
    boot_zero: Micros,
    /// The number of the first chunk that is played from the tape only; `None` where nobody recorded the publish last.
    recorded_from: Option<u64>,
}

#[derive(Debug)]
pub(super) struct OnAir {
    pub(super) live: Live,
    /// The publisher.
    about: Arc<PublishAbout>,
    pub(super) last_heard: Micros,
    pub(super) bytes: u64,
    /// Media that came in and was not counted yet.
    uncounted: Received,
    pub(super) rate: Rate,
    gop: GopLength,
    /// UTC less tape time, fixed at the first moment of the publish: a clock that is stepped moves no boundary.
    utc_of_tape: Micros,
    /// The decision of rules and push parameters.
    verdict: Verdict,
    /// PTS of the picture that is shown last, of all that came so far.
    newest: Option<i64>,
    /// The store knows the publish.
    started: bool,
    /// The event `stream.published` was sent.
    told: bool,
    /// The lack of keyframes was reported.
    keyless_told: bool,
    /// CLOCK_BOOTTIME before which no further exception is reported: a publisher whose timestamps are wrong is reported once in
    /// a while, not once a frame.
    quiet_until: Micros,
}

impl Stream {
    /// A stream whose tape begins no earlier than `floor`.
    pub(super) fn new(name: StreamName, floor: Micros, numbered: Numbered) -> Self {
        Self {
            name,
            live: None,
            ring: Ring::default(),
            tape_end: floor,
            numbered,
            aired: None,
            sessions: Vec::new(),
            held: 0,
            endings: Vec::new(),
        }
    }

    /// Begins a publish, which is recorded as the verdict says. `played` is true where its chunks are played out of the ring.
    /// Gives whether it is recorded, by the verdict or another session.
    pub(super) fn enter(
        &mut self,
        (publish, played): (PublishId, bool),
        tape_now: Micros,
        verdict: Verdict,
        about: &Arc<PublishAbout>,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Recorded {
        let tape_zero = tape_now.max(self.tape_end);
        // A new publish counts its bytes from zero.
        self.ring.clear();
        self.aired = Some(Aired {
            publish,
            tape_zero,
            boot_zero: now.boot,
            recorded_from: None,
        });
        self.live = Some(OnAir {
            live: Live::new(
                publish,
                tape_zero,
                now.boot,
                Chunks::new(self.numbered, tape_zero, played),
            ),
            about: Arc::clone(about),
            last_heard: now.boot,
            bytes: 0,
            uncounted: Received::default(),
            rate: Rate::default(),
            gop: GopLength::default(),
            utc_of_tape: now.utc.saturating_sub(tape_zero),
            verdict: verdict.clone(),
            newest: None,
            started: false,
            told: false,
            keyless_told: false,
            quiet_until: 0,
        });
        let plan = verdict.plan();
        for session in &mut self.sessions {
            match (session.spec.about.origin, plan) {
                (Origin::Rule | Origin::Push, Some(plan)) if session.carries_on(plan) => {
                    session.adopt(plan, out);
                    session.wanted = Some(Wanted::From(tape_zero));
                }
                (Origin::Rule | Origin::Push, _) => session.give_up(RULES_CHANGED, out),
                _ if session.armed => session.wanted = Some(Wanted::From(tape_zero)),
                _ if session.is_waiting() => session.wanted = Some(Wanted::Again),
                _ => {}
            }
        }
        self.sessions.retain(|session| !session.is_over());
        let is_ruled = |session: &Session| matches!(session.spec.about.origin, Origin::Rule | Origin::Push);
        if let Some(plan) = plan.filter(|_| !self.sessions.iter().any(is_ruled)) {
            let mut session = Session::new(RecordingId::new(now.unix_millis()).to_string(), plan);
            session.wanted = Some(Wanted::From(tape_zero));
            self.sessions.push(session);
        }
        self.want_tape(tape_zero, now, out);
        verdict.now(&self.name, &self.sessions)
    }

    /// Takes a message of the live publish. The ring keeps the last `kept` of it. Gives the exceptions of its timestamps, if a
    /// report is due.
    pub(super) fn push(
        &mut self,
        message: MediaMessage,
        kept: Micros,
        now: Moment,
        out: &mut Vec<Command>,
    ) -> Option<Notice> {
        let on_air = self.live.as_mut()?;
        if let MediaMessage::Frame(frame) = &message {
            on_air.last_heard = now.boot;
            on_air.bytes += frame.payload.len() as u64;
            on_air.uncounted.count(frame.kind, frame.payload.len() as u64);
            let is_picture = frame.kind == TrackKind::Video;
            on_air
                .rate
                .count(frame.payload.len() as u64, is_picture, now.boot);
        }
        let left_out = match &message {
            MediaMessage::LeftOut(track) => Some(Notice::Track(track.clone())),
            _ => None,
        };
        let mut fed = Vec::new();
        let taken = on_air.live.push(message, now, &mut fed);
        let exception = taken.exception.filter(|_| now.boot >= on_air.quiet_until);
        if exception.is_some() {
            on_air.quiet_until = now.boot + REPORT_EVERY;
        }
        self.hand_over(fed, now, out);
        if let Some(frame) = taken.frame {
            let at = frame.at;
            self.watch_keys(&frame.frame, at, out);
            self.record(&frame.frame, at, now, out);
            if let Some(on_air) = &mut self.live {
                on_air.gop.see(&frame.frame, at);
                self.ring.push(frame, &on_air.live.tracks);
                self.ring.expire(at, kept);
            }
            self.tell_unrecorded(out);
        }
        let oddity = taken.oddity.or_else(|| self.unfilled_gaps());
        let oddity = oddity.or_else(|| self.leading_pictures());
        let oddity = oddity.or_else(|| self.live.as_mut()?.live.take_untold());
        let media = oddity.map(Notice::Media).or(left_out);
        exception.map(Notice::Time).or(media)
    }

    /// Memory of the frames that wait here, on their way to the tape.
    pub(super) fn in_hand(&self) -> usize {
        self.live.as_ref().map_or(0, |on_air| on_air.live.in_hand())
    }

    /// Hands over all waiting frames, though they would wait longer.
    pub(super) fn hurry(&mut self, now: Moment, out: &mut Vec<Command>) {
        let mut fed = Vec::new();
        if let Some(on_air) = &mut self.live {
            on_air.live.hurry(&mut fed);
        }
        self.hand_over(fed, now, out);
    }

    /// The oddity that gaps are to be kept, and that the codec of the sound has no silence to fill them with; once.
    fn unfilled_gaps(&mut self) -> Option<Oddity> {
        let keeps = self.sessions.iter().any(Session::keeps_gaps);
        let on_air = self.live.as_mut().filter(|_| keeps)?;
        let sound = on_air.live.tracks.audio.as_deref();
        let codec = sound.filter(|sound| !sound.has_silence())?.codec_string();
        on_air.live.notice(Oddity::GapsClosed { codec }).oddity
    }

    /// The oddity that a recording begins at a keyframe of an open GOP, so that some formats lack the pictures that are shown
    /// before it. Also the one that a recording begins where the picture is refreshed bit by bit. Each once.
    fn leading_pictures(&mut self) -> Option<Oddity> {
        let live = &mut self.live.as_mut()?.live;
        let begins = |at| self.sessions.iter().any(|session| session.shows_from(at));
        let leading = live.leave_out_leading(begins);
        leading.or_else(|| live.begins_not_whole(begins))
    }

    /// Reports a publish that is long enough to be reported, and that no session records.
    fn tell_unrecorded(&mut self, out: &mut Vec<Command>) {
        let Some(on_air) = &mut self.live else {
            return;
        };
        if on_air.told || on_air.live.is_wanted() || !on_air.live.is_worth_telling() {
            return;
        }
        on_air.told = true;
        out.push(Command::Report {
            event: Event::PublishStarted {
                stream: self.name.to_string(),
                publish: on_air.live.publish.to_string(),
                recorded: on_air.verdict.now(&self.name, &self.sessions),
                about: PublishAbout::clone(&on_air.about),
            },
        });
    }

    pub(super) fn leave(&mut self, reason: &EndReason, now: Moment, out: &mut Vec<Command>) {
        let Some(on_air) = &mut self.live else {
            return;
        };
        let mut fed = Vec::new();
        on_air.live.end(&mut fed);
        self.hand_over(fed, now, out);
        let Some(on_air) = self.live.take() else {
            return;
        };
        let end = on_air.live.tape_end().unwrap_or(self.tape_end);
        self.tape_end = self.tape_end.max(end);
        self.numbered = on_air.live.numbered();
        if let Some(aired) = &mut self.aired {
            aired.recorded_from = on_air.live.recorded_from();
        }
        let mut scene = on_air.scene(&self.name, now, out, &mut self.endings);
        for session in &mut self.sessions {
            session.interrupt(end, on_air.last_heard, reason, &mut scene);
        }
        close(&mut self.endings, |_| true, out);
        if on_air.started {
            out.push(Command::PublishEnded {
                publish: on_air.live.publish,
                reason: reason.to_string(),
                outcome: Box::new(on_air.outcome()),
            });
        } else if on_air.told {
            out.push(Command::Report {
                event: Event::PublishEnded {
                    stream: self.name.to_string(),
                    publish: on_air.live.publish.to_string(),
                    reason: reason.to_string(),
                    outcome: on_air.outcome(),
                },
            });
        }
        self.sessions.retain(|session| !session.is_over());
    }

    /// Reports once that no keyframes come: recordings end and begin at them.
    fn watch_keys(&mut self, frame: &Frame, at: Micros, out: &mut Vec<Command>) {
        let Some(on_air) = self.live.as_mut().filter(|on_air| !on_air.keyless_told) else {
            return;
        };
        let entry = on_air.live.last_entry().unwrap_or(at);
        if frame.kind == TrackKind::Video && at.saturating_sub(entry) >= KEYLESS {
            on_air.keyless_told = true;
            let detail = format!(
                "no keyframe came for {} s; recordings can be split, and clips can begin, at keyframes only, and memory holds \
                 whole GOPs; set a keyframe interval of 2 s in the encoder",
                KEYLESS / 1_000_000
            );
            out.push(Command::Report {
                event: Event::StreamException {
                    stream: self.name.to_string(),
                    what: "keyframe".to_owned(),
                    detail,
                },
            });
        }
    }
}

impl OnAir {
    /// The publish's outcome so far, for its event.
    fn outcome(&self) -> PublishOutcome {
        let video = self.live.tracks.video.as_ref();
        let media = |end: Micros| end.saturating_sub(self.live.tape_zero).max(0) as f64 / 1e6;
        PublishOutcome {
            duration_s: self.live.tape_end().map(media),
            bytes: Some(self.bytes),
            width: video.map(|video| video.width),
            height: video.map(|video| video.height),
            about: PublishAbout::clone(&self.about),
        }
    }

    fn scene<'a>(
        &self,
        stream: &'a StreamName,
        now: Moment,
        out: &'a mut Vec<Command>,
        endings: &'a mut Vec<Ending>,
    ) -> Scene<'a> {
        Scene {
            stream,
            publish: self.live.publish,
            now,
            utc_of_tape: self.utc_of_tape,
            out,
            endings,
        }
    }
}
