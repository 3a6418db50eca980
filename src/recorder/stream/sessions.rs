//! The sessions that record a stream, and the media that they want on the tape.

use super::{OnAir, Stream};
use crate::media::{Frame, Micros, RandomAccess, TrackKind, VideoConfig};
use crate::recorder::ended::TIME_IS_OVER;
use crate::recorder::live::{Fed, Moment};
use crate::recorder::run::{Ending, Entry, Sample};
use crate::recorder::session::{Limit, Session, Wanted};
use crate::store::Command;

/// A publisher that is silent for this long delays nothing: the frames that wait for its next one are handed over. Frames that
/// it sends later do not belong to the time before.
const SILENT: Micros = 10_000_000;
/// How long a clip waits beyond its end for a publisher that is behind real time.
const CLIP_GRACE: Micros = 30_000_000;

impl Stream {
    /// Adds a session. It begins at the keyframe at or before tape time `from`, as far back as the ring or the tape goes.
    /// Without such a keyframe it begins with the media to come.
    pub(in crate::recorder) fn add(
        &mut self,
        mut session: Session,
        wanted: Wanted,
        now: Moment,
        out: &mut Vec<Command>,
    ) {
        session.wanted = self.live.as_ref().map(|_| wanted);
        self.sessions.push(session);
        let from = match wanted {
            Wanted::From(at) | Wanted::At(at) => at,
            Wanted::Again => Micros::MAX,
        };
        self.want_tape(from, now, out);
    }

    pub(in crate::recorder) fn tick(&mut self, now: Moment, out: &mut Vec<Command>) {
        let edge = self.edge();
        for session in &mut self.sessions {
            match (session.limit, edge) {
                (Limit::Boot(until), Some(edge)) if now.boot >= until => {
                    session.stop(edge, TIME_IS_OVER, &mut self.endings, out);
                }
                (Limit::Tape(end, until), Some(edge))
                    if edge >= end || now.boot >= until.saturating_add(CLIP_GRACE) =>
                {
                    session.stop(end.min(edge), TIME_IS_OVER, &mut self.endings, out);
                }
                _ => {}
            }
            // A publisher that is back, though not for a second yet, is back in time.
            if session.wanted.is_none() {
                session.expire(now, out);
            }
        }
        self.sessions.retain(|session| !session.is_over());
        let silent = |on_air: &OnAir| now.boot.saturating_sub(on_air.last_heard) >= SILENT;
        if !self.endings.is_empty()
            && let Some(on_air) = self.live.as_mut().filter(|on_air| silent(on_air))
        {
            let mut fed = Vec::new();
            on_air.live.draw_line(&mut fed);
            self.hand_over(fed, now, out);
            close(&mut self.endings, |_| true, out);
        }
        self.close_past(now, out);
    }

    /// Ends the sessions that `which` selects at the present end of the tape, and closes their waiting recordings.
    pub(in crate::recorder) fn stop(
        &mut self,
        which: impl Fn(&Session) -> bool,
        reason: &str,
        now: Moment,
        out: &mut Vec<Command>,
    ) {
        let edge = self.edge();
        for session in self.sessions.iter_mut().filter(|session| which(session)) {
            session.stop(edge.unwrap_or(self.tape_end), reason, &mut self.endings, out);
            session.give_up(reason, out);
        }
        self.sessions.retain(|session| !session.is_over());
        self.close_past(now, out);
    }

    pub(super) fn want_tape(&mut self, from: Micros, now: Moment, out: &mut Vec<Command>) {
        let Some(on_air) = &mut self.live else {
            return;
        };
        if self.sessions.iter().all(|session| session.wanted.is_none()) {
            return;
        }
        if let Some(written) = on_air.live.written_from() {
            self.begin_wanted(written, now, out);
            return;
        }
        let mut fed = Vec::new();
        on_air.live.want(&self.ring, from, &mut fed);
        self.hand_over(fed, now, out);
    }

    /// Hands a publish's media to the store, behind the beginning of its publish and recordings.
    pub(super) fn hand_over(&mut self, fed: Vec<Fed>, now: Moment, out: &mut Vec<Command>) {
        for fed in fed {
            let Some(on_air) = &mut self.live else {
                defect!("media came of a stream that nobody publishes");
                return;
            };
            match fed {
                Fed::Begins { start } => {
                    if !std::mem::replace(&mut on_air.started, true) {
                        let recorded = on_air.verdict.now(&self.name, &self.sessions);
                        let tell = (!std::mem::replace(&mut on_air.told, true)).then(|| Box::new(recorded));
                        out.push(on_air.live.started(&self.name, &on_air.about, tell));
                    }
                    self.begin_wanted(start, now, out);
                }
                Fed::Fragment(fragment) => out.push(Command::Append {
                    publish: on_air.live.publish,
                    fragment,
                }),
            }
        }
    }

    /// Begins the sessions that wait for tape; the tape begins at `written`.
    fn begin_wanted(&mut self, written: Micros, now: Moment, out: &mut Vec<Command>) {
        let Some(on_air) = &self.live else {
            return;
        };
        let mut scene = on_air.scene(&self.name, now, out, &mut self.endings);
        for session in &mut self.sessions {
            let start = match session.wanted {
                Some(Wanted::At(at)) => at,
                Some(Wanted::From(from)) if from > written => {
                    let entry = self.ring.since(from).next().map(|gop| gop.start);
                    let entry = entry.or(on_air.live.last_entry());
                    entry.map_or(written, |entry| entry.max(written))
                }
                _ => written,
            };
            session.begin(start, &mut scene);
        }
    }

    /// Handles a frame that was placed at tape time `at`.
    pub(super) fn record(&mut self, frame: &Frame, at: Micros, now: Moment, out: &mut Vec<Command>) {
        let Some(on_air) = &mut self.live else {
            return;
        };
        let is_behind =
            frame.kind == TrackKind::Video && on_air.newest.is_none_or(|shown| frame.pts() > shown);
        if is_behind {
            on_air.newest = Some(frame.pts());
        }
        let on_air = &*on_air;
        if !on_air.live.is_writing() {
            return;
        }
        let entry = match (frame.kind, &on_air.live.tracks.video) {
            (TrackKind::Video, Some(video)) if frame.key => entry_of(video, &frame.payload),
            (TrackKind::Video, _) if is_behind => Entry::Behind,
            (TrackKind::Audio, None) => Entry::Closed,
            (TrackKind::Video | TrackKind::Audio, _) => Entry::None,
        };
        let sample = Sample {
            at,
            entry,
            bytes: frame.payload.len() as u64,
        };
        let mut scene = on_air.scene(&self.name, now, out, &mut self.endings);
        for session in &mut self.sessions {
            session.frame(sample, &mut scene);
        }
        self.close_past(now, out);
    }

    /// Closes recordings that have ended, and stops writing tape when no session needs it.
    fn close_past(&mut self, now: Moment, out: &mut Vec<Command>) {
        let live = self.live.as_ref().map(|on_air| &on_air.live);
        close(
            &mut self.endings,
            |end| live.is_none_or(|live| live.is_past(end)),
            out,
        );
        self.rest(now, out);
    }

    fn rest(&mut self, now: Moment, out: &mut Vec<Command>) {
        let wanted = !self.endings.is_empty() || self.sessions.iter().any(Session::wants_tape);
        if let Some(on_air) = self.live.as_mut().filter(|_| !wanted)
            && on_air.live.is_wanted()
        {
            let mut fed = Vec::new();
            on_air.live.let_be(&mut fed);
            self.hand_over(fed, now, out);
        }
        self.sessions.retain(|session| !session.is_over());
    }
}

/// Whether a recording may begin with a keyframe, by the contents of the picture.
fn entry_of(video: &VideoConfig, picture: &[u8]) -> Entry {
    match video.random_access(picture) {
        RandomAccess::Open => Entry::Open,
        RandomAccess::Gradual => Entry::Gradual,
        // For a picture without such contents, the publisher's flag decides.
        RandomAccess::Closed | RandomAccess::Intra | RandomAccess::Dependent | RandomAccess::Unknown => {
            Entry::Closed
        }
    }
}

/// Tells the ends of recordings whose samples are all handed over.
pub(super) fn close(endings: &mut Vec<Ending>, past: impl Fn(Micros) -> bool, out: &mut Vec<Command>) {
    let over = endings.extract_if(.., |ending| past(ending.end));
    out.extend(over.map(|ending| Command::RecordingClosed {
        recording: ending.recording,
        end: ending.end,
        reason: ending.reason,
    }));
}
