//! One publish from its first message to its end: its frames become fragments of tape, while a session records the stream.
//!
//! No media of a publish goes to the store before a second of it is there ([`Fed::Begins`]). Frames that no session recorded
//! are in the ring, as far as the ring goes back.

use std::sync::Arc;

use super::ahead::Ahead;
use super::chunks::{Chunks, Numbered};
use super::cutter::Cutter;
use super::ends::TrackEnds;
use super::open_gop::{LastKey, OpenGop};
use super::ring::{Kept, Ring};
use crate::event::{PublishAbout, Recorded};
use crate::media::{
    AudioConfig, ChunkStart, CodecConfig, Exception, Fragment, Frame, Incoming, LeftOut, MILLISECONDS,
    MediaMessage, Metadata, Micros, Oddity, PublishId, RandomAccess, StreamName, Timeline, TrackKind, Tracks,
    rescale,
};
use crate::store::Command;

/// A push shorter than this makes no recording, as with the cloud services.
const WORTH_KEEPING: Micros = 1_000_000;
/// How long the first segment waits for a track that was announced before it begins without it.
const WAIT_FOR_TRACKS: Micros = 2_000_000;
/// How long sound that begins late waits for a keyframe to begin a segment with.
const WAIT_FOR_KEY: Micros = 1_000_000;
/// Most bytes that wait for a track or a keyframe.
const WAIT_BYTES: usize = 1 << 20;
/// Pictures without a keyframe: more of them than a publisher sends that is joined in the middle of a GOP.
const PATIENT_PICTURES: u64 = 100;
/// A track that is this far behind the other has ended, or pauses: its next sample will not be of the past.
const SILENT: Micros = 10_000_000;

/// A publish that is on the air.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) publish: PublishId,
    /// Tape time of media time zero.
    pub(super) tape_zero: Micros,
    /// CLOCK_BOOTTIME of the same moment.
    boot_zero: Micros,
    pub(super) tracks: Tracks,
    announced: Metadata,
    /// Tracks with a codec that is not recorded.
    pub(super) left_out: Vec<LeftOut>,
    timeline: Timeline,
    chunks: Chunks,
    cutter: Cutter,
    stage: Stage,
    late_audio: Option<LateAudio>,
    seen_key: bool,
    open_gop: OpenGop,
    last_key: LastKey,
    /// Media time of the last frame that decoding can begin at.
    entry: Option<Micros>,
    ends: TrackEnds,
    ahead: Ahead,
    /// Frames placed so far.
    placed: u64,
    /// The number of the first frame that is not fed yet, and the tape time from which on all frames before it were fed.
    fed: Option<(u64, Micros)>,
    /// Media time before which no frame is taken any more.
    line: Option<Micros>,
    /// Frames that came before their configuration or the first keyframe, or too late.
    pub(super) undecodable: u64,
    /// Pictures since the last configuration that came before a keyframe.
    keyless: u64,
    /// The faults of the publish's media so far, each once.
    pub(super) oddities: Vec<Oddity>,
    /// The last of these faults, if it was not reported yet.
    untold: Option<Oddity>,
}

#[derive(Debug)]
enum Stage {
    /// No session records the stream.
    Idle,
    /// The media is too short to be worth keeping so far.
    Waiting {
        fragments: Vec<Fragment>,
        bytes: usize,
        /// Tape time from which on the media is on the tape already, and continues without a break.
        since: Option<Micros>,
        /// The value of `fed` before, which comes back if nothing is kept.
        before: Option<(u64, Micros)>,
    },
    /// Fragments go to the store.
    Writing,
}

/// The output for the tape.
#[derive(Debug)]
pub(super) enum Fed {
    /// The media is worth keeping from here on; fragments follow.
    Begins {
        /// Tape time from which on all media is on the tape, together with the media to come.
        start: Micros,
    },
    Fragment(Fragment),
}

/// Sound that began after the segment did. It waits for the next keyframe, where a segment with both tracks can begin.
#[derive(Debug)]
struct LateAudio {
    config: Arc<AudioConfig>,
    frames: Vec<Frame>,
    bytes: usize,
}

/// The effects of a frame, besides its recording.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The frame as placed on the tape, for the ring.
    pub(super) frame: Option<Kept>,
    /// A fault in the timestamps of the frame.
    pub(super) exception: Option<Exception>,
    /// The fault of the frame's media, if it is the first of its kind.
    pub(super) oddity: Option<Oddity>,
}

impl Live {
    pub(super) fn new(publish: PublishId, tape_zero: Micros, boot_zero: Micros, chunks: Chunks) -> Self {
        Self {
            publish,
            tape_zero,
            boot_zero,
            tracks: Tracks::default(),
            announced: Metadata::default(),
            left_out: Vec::new(),
            timeline: Timeline::new(),
            chunks,
            cutter: Cutter::default(),
            stage: Stage::Idle,
            late_audio: None,
            seen_key: false,
            open_gop: OpenGop::default(),
            last_key: LastKey::default(),
            entry: None,
            ends: TrackEnds::default(),
            ahead: Ahead::default(),
            placed: 0,
            fed: None,
            line: None,
            undecodable: 0,
            keyless: 0,
            oddities: Vec::new(),
            untold: None,
        }
    }

    /// True while fragments go to the store.
    pub(super) fn is_writing(&self) -> bool {
        matches!(self.stage, Stage::Writing)
    }

    /// True while a session records the stream.
    pub(super) fn is_wanted(&self) -> bool {
        !matches!(self.stage, Stage::Idle)
    }

    /// Tape time from which on all media is on the tape, while the publish is written.
    pub(super) fn written_from(&self) -> Option<Micros> {
        self.fed.filter(|_| self.is_writing()).map(|(_, from)| from)
    }

    /// Tape time from which on all media will be on the tape, while a session wants it there.
    pub(super) fn wanted_from(&self) -> Option<Micros> {
        self.fed.filter(|_| self.is_wanted()).map(|(_, from)| from)
    }

    /// True when all samples before tape time `end` have been handed over, and no more will come.
    pub(super) fn is_past(&self, end: Micros) -> bool {
        let end = end.saturating_sub(self.tape_zero);
        let video = self.ends.video.map(|(last, _)| last);
        let newest = video.max(self.ends.audio);
        let late = self
            .late_audio
            .as_ref()
            .is_some_and(|late| !late.frames.is_empty());
        let past = |kind, last: Option<Micros>| match (self.cutter.first(kind), last) {
            (_, Some(_)) if kind == TrackKind::Audio && late => false,
            (Some(first), _) => first >= end,
            (None, Some(last)) => {
                last >= end || newest.is_some_and(|newest| newest.saturating_sub(last) > SILENT)
            }
            (None, None) => true,
        };
        past(TrackKind::Video, video) && past(TrackKind::Audio, self.ends.audio)
    }

    /// True when the media comes faster than real time: the publisher loses nothing when its connection is not read for a
    /// while.
    pub(super) fn is_ahead(&self) -> bool {
        self.ahead.is_ahead()
    }

    /// The command that announces the publish to the store, before all other commands of it.
    pub(super) fn started(
        &self,
        stream: &StreamName,
        about: &Arc<PublishAbout>,
        tell: Option<Box<Recorded>>,
    ) -> Command {
        Command::PublishStarted {
            publish: self.publish,
            stream: stream.clone(),
            tape_zero: self.tape_zero,
            boot_zero: self.boot_zero,
            about: Arc::clone(about),
            tell,
        }
    }

    /// True when more than a second of the publish came: an event may tell of it.
    pub(super) fn is_worth_telling(&self) -> bool {
        let span = self.ends.first.map(|first| self.ends.last() - first);
        span.is_some_and(|span| span >= WORTH_KEEPING)
    }

    /// Tape time of the last frame that decoding can begin at.
    pub(super) fn last_entry(&self) -> Option<Micros> {
        self.entry.map(|at| self.tape_zero.saturating_add(at))
    }

    /// Tape time at which the publish's media begins, if there is any.
    pub(super) fn begins(&self) -> Option<Micros> {
        self.ends.first.map(|first| self.tape_zero.saturating_add(first))
    }

    /// Tape time up to which the publish has media, if there is any.
    pub(super) fn tape_end(&self) -> Option<Micros> {
        self.ends.first.map(|_| self.tape_zero + self.ends.last())
    }

    /// The numbers with which the stream's next publish goes on.
    pub(super) fn numbered(&self) -> Numbered {
        self.chunks.end(self.tape_end().unwrap_or(self.tape_zero))
    }

    /// The target duration of the publish's chunks in seconds, if it is fixed.
    pub(super) fn target_s(&self) -> Option<u16> {
        self.chunks.target_s()
    }

    /// Puts the publish on the tape from here on: the ring's media from tape time `from` on, and the media to come.
    pub(super) fn want(&mut self, ring: &Ring, from: Micros, fed: &mut Vec<Fed>) {
        if self.is_wanted() {
            return;
        }
        let (next, mut stretch) = self.fed.unwrap_or((0, Micros::MAX));
        // The tape begins with a chunk. Chunks that may have been played stay as they are; others begin anew with the tape.
        let entry = if self.chunks.are_fixed() {
            ring.entry(from)
        } else {
            ring.since(from).next()
        };
        let entry = entry.map(|gop| (gop.first, gop.start));
        // If the frame that was fed last and all later ones are in the ring, nothing is missing in between.
        let goes_on = ring.first().is_some_and(|first| first <= next)
            && entry.is_some_and(|(first, _)| first <= next && stretch < Micros::MAX);
        let first = match (goes_on, entry) {
            (true, _) => next,
            (false, Some((first, start))) => {
                stretch = start;
                first
            }
            (false, None) => {
                // Nothing can be decoded before the next keyframe.
                self.seen_key = false;
                self.chunks.break_off(&self.tracks);
                stretch = self.tape_zero.saturating_add(self.ends.last());
                self.placed
            }
        };
        self.stage = Stage::Waiting {
            fragments: Vec::new(),
            bytes: 0,
            since: goes_on.then_some(stretch),
            before: self.fed,
        };
        if !goes_on {
            // Where it does not go on, it begins with a keyframe.
            self.cutter = Cutter::default();
        }
        self.fed = Some((first, stretch));
        let mut open_gop = OpenGop::default();
        let mut is_first = !goes_on;
        let mut begins = !goes_on;
        let begins_anew = !goes_on && !self.chunks.are_fixed();
        let mut before = None;
        let (mut left_out, mut is_whole) = (0, true);
        for gop in ring.since(from.min(stretch)) {
            let wanted = gop
                .frames
                .iter()
                .zip(gop.first..)
                .filter(|(_, number)| *number >= first);
            for (n, (frame, number)) in wanted.enumerate() {
                if n == 0 {
                    if begins_anew {
                        self.decode_with(before.replace(&gop.tracks), &gop.tracks);
                    }
                    self.set_tracks(gop.tracks.clone(), fed);
                }
                let first = gop.tracks.video.as_deref();
                let first = first.filter(|_| std::mem::take(&mut is_first));
                if gop.tracks.timescale(frame.kind).is_none() {
                    continue;
                }
                is_whole &=
                    first.is_none_or(|video| video.random_access(&frame.payload) != RandomAccess::Gradual);
                if open_gop.leaves_out(frame, first) {
                    left_out += 1;
                    continue;
                }
                let place = usize::try_from(number.saturating_sub(gop.first)).unwrap_or(usize::MAX);
                let chunk = if begins_anew {
                    self.chunks.take(frame, gop.tracks.micros(frame.kind, frame.dts))
                } else {
                    let known = gop.chunk_at(place).map(|(start, _)| start);
                    // Where the tape begins, its time line breaks: what came before is not on it.
                    let breaks = std::mem::take(&mut begins);
                    known.map(|start| ChunkStart {
                        breaks: start.breaks || breaks,
                        ..start
                    })
                };
                self.feed(frame.clone(), chunk, fed);
            }
        }
        // A missing picture from before the wanted time is not missed.
        let is_missed = ring.shows_from().is_some_and(|shows| shows > from);
        if left_out > 0 && is_missed {
            self.undecodable += left_out;
            self.untold = self.notice(Oddity::LeadingPictures { on_tape: false }).oddity;
        }
        if !is_whole && is_missed {
            self.untold = self.notice(Oddity::NotWholeYet { on_tape: false }).oddity;
        }
        if let Some(before) = before.filter(|before| **before != self.tracks) {
            self.decode_with(Some(before), &self.tracks.clone());
        }
        self.set_tracks(self.tracks.clone(), fed);
        self.fed = Some((self.placed, stretch));
        self.begin_if_worth_it(fed, false);
    }

    /// Has chunks that begin anew go on with frames of the ring that other tracks decode. Without tracks before, they begin here.
    fn decode_with(&mut self, before: Option<&Tracks>, tracks: &Tracks) {
        match before {
            None => self.chunks.break_off(tracks),
            Some(before) if before == tracks => {}
            Some(before) => self.chunks.switch(before, tracks, true),
        }
    }

    /// Takes the publish off the tape, from the first frame on that is not handed over yet.
    pub(super) fn let_be(&mut self, fed: &mut Vec<Fed>) {
        if let Stage::Waiting { before, .. } = &self.stage {
            (self.cutter, self.fed) = (Cutter::default(), *before);
            self.stage = Stage::Idle;
            return;
        }
        self.join_late_audio(fed);
        // The waiting frames are later than any session needs. The ring has them, in case somebody asks.
        let left = self.cutter.forget();
        if let Some((number, _)) = &mut self.fed {
            *number = self.placed.saturating_sub(left);
        }
        self.stage = Stage::Idle;
    }

    /// Hands over the frames that wait for their fragment to be full. Frames of an earlier time that still come are left out:
    /// the tape counts as complete up to here.
    pub(super) fn draw_line(&mut self, fed: &mut Vec<Fed>) {
        self.line = self.line.max(Some(self.ends.last()));
        if self.is_writing()
            && let Some(fragment) = self.cutter.flush()
        {
            self.keep(fragment, fed);
        }
    }

    /// Memory of the frames that wait here, on their way to the tape.
    pub(super) fn in_hand(&self) -> usize {
        let waiting = match &self.stage {
            Stage::Waiting { bytes, .. } => *bytes,
            Stage::Idle | Stage::Writing => 0,
        };
        let late = self.late_audio.as_ref().map_or(0, |late| late.bytes);
        self.cutter.cost() + waiting + late
    }

    /// Hands over all waiting frames, though they would wait longer: there is no memory for them.
    pub(super) fn hurry(&mut self, fed: &mut Vec<Fed>) {
        self.join_late_audio(fed);
        if let Some(fragment) = self.cutter.flush() {
            self.keep(fragment, fed);
        }
        self.begin(fed);
    }

    pub(super) fn push(&mut self, message: MediaMessage, now: Moment, fed: &mut Vec<Fed>) -> Taken {
        match message {
            MediaMessage::Metadata(metadata) => {
                self.announced = metadata;
                Taken::default()
            }
            MediaMessage::LeftOut(track) => {
                self.left_out.retain(|other| other.kind != track.kind);
                self.left_out.push(track);
                Taken::default()
            }
            MediaMessage::Config { config, .. } => {
                let kind = config.kind();
                self.left_out.retain(|other| other.kind != kind);
                self.configure(config, fed);
                Taken::default()
            }
            MediaMessage::Frame(incoming) => self.frame(incoming, now, fed),
            MediaMessage::Oddity(oddity) => {
                self.undecodable += u64::from(oddity.loses_a_frame());
                self.notice(oddity)
            }
        }
    }

    /// Notes a fault. It is reported if it is the first of its kind.
    pub(super) fn notice(&mut self, oddity: Oddity) -> Taken {
        let is_known = self.oddities.iter().any(|known| known.is_like(&oddity));
        if !is_known {
            self.oddities.push(oddity.clone());
        }
        Taken {
            oddity: Some(oddity).filter(|_| !is_known),
            ..Taken::default()
        }
    }

    /// Counts the leading pictures of the last keyframe, where a recording begins with that keyframe: the recording lacks them.
    /// Reported the first time.
    pub(super) fn leave_out_leading(&mut self, begins: impl FnOnce(Micros) -> bool) -> Option<Oddity> {
        let missing = self.last_key.missing(begins);
        self.undecodable += missing;
        match missing {
            0 => None,
            _ => self.notice(Oddity::LeadingPictures { on_tape: true }).oddity,
        }
    }

    /// True for a recording that begins with a keyframe from which on the picture is refreshed bit by bit. Reported the first
    /// time.
    pub(super) fn begins_not_whole(&mut self, begins: impl FnOnce(Micros) -> bool) -> Option<Oddity> {
        if self.last_key.is_not_whole(begins) {
            self.notice(Oddity::NotWholeYet { on_tape: true }).oddity
        } else {
            None
        }
    }

    /// The fault of the media that went from the ring to the tape, once.
    pub(super) fn take_untold(&mut self) -> Option<Oddity> {
        self.untold.take()
    }

    /// Hands over all waiting frames at the end of the publish. A push that was too short leaves nothing.
    pub(super) fn end(&mut self, fed: &mut Vec<Fed>) {
        if self.is_wanted() {
            self.join_late_audio(fed);
            if let Some(fragment) = self.cutter.flush() {
                self.keep(fragment, fed);
            }
            self.begin_if_worth_it(fed, true);
        }
    }

    fn configure(&mut self, config: CodecConfig, fed: &mut Vec<Fed>) {
        let mut tracks = self.tracks.clone();
        match config {
            CodecConfig::Video(video) => {
                if tracks.video.as_deref() == Some(&video) {
                    return;
                }
                // No picture can be decoded before the first keyframe of the new configuration.
                (self.seen_key, self.keyless) = (false, 0);
                tracks.video = Some(Arc::new(video));
            }
            CodecConfig::Audio(audio) => {
                if tracks.audio.as_deref() == Some(&audio) {
                    return;
                }
                let late = tracks.audio.is_none() && tracks.video.is_some() && self.is_writing();
                if late {
                    match &mut self.late_audio {
                        Some(late) if *late.config == audio => {}
                        _ => {
                            let config = Arc::new(audio);
                            self.late_audio = Some(LateAudio {
                                config,
                                frames: Vec::new(),
                                bytes: 0,
                            });
                        }
                    }
                    return;
                }
                tracks.audio = Some(Arc::new(audio));
            }
        }
        self.switch(tracks, fed);
    }

    fn frame(&mut self, incoming: Incoming, now: Moment, fed: &mut Vec<Fed>) -> Taken {
        let kind = incoming.kind;
        let late = self.late_audio.as_ref().map(|late| late.config.clone());
        let audio = self.tracks.audio.clone().or(late);
        let configured = match kind {
            TrackKind::Video => self.tracks.video.is_some(),
            TrackKind::Audio => audio.is_some(),
        };
        if !configured {
            self.undecodable += 1;
            return Taken::default();
        }
        if kind == TrackKind::Video && !self.seen_key && !incoming.key {
            self.undecodable += 1;
            self.keyless += 1;
            return match self.keyless {
                PATIENT_PICTURES => self.notice(Oddity::NoKeyframe {
                    pictures: PATIENT_PICTURES,
                }),
                _ => Taken::default(),
            };
        }
        let is_first = kind == TrackKind::Video && !self.seen_key;
        self.seen_key |= is_first;
        let (frame, exception) = self.timeline.place(incoming, audio.as_deref(), now.boot);
        let timescale = match kind {
            TrackKind::Video => MILLISECONDS,
            TrackKind::Audio => audio.as_ref().map_or(MILLISECONDS, |config| config.sample_rate),
        };
        let at = rescale(frame.dts, timescale, 1_000_000);
        if self.line.is_some_and(|line| at < line) {
            self.undecodable += 1;
            return Taken::default();
        }
        let first = self.tracks.video.as_deref().filter(|_| is_first);
        if self.open_gop.leaves_out(&frame, first) {
            self.undecodable += 1;
            return Taken {
                exception,
                ..self.notice(Oddity::LeadingPictures { on_tape: false })
            };
        }
        if first.is_some_and(|video| video.random_access(&frame.payload) == RandomAccess::Gradual) {
            self.untold = self.notice(Oddity::NotWholeYet { on_tape: false }).oddity;
        }
        let tape = self.tape_zero.saturating_add(at);
        self.last_key.see(&frame, tape, self.tracks.video.as_deref());
        let frame_samples = audio.as_ref().map_or(0, |config| config.frame_samples);
        self.ends
            .extend(kind, at, rescale(i64::from(frame_samples), timescale, 1_000_000));
        self.ahead.reach(at, now.boot);
        if frame.key && (kind == TrackKind::Video || self.tracks.video.is_none()) {
            self.entry = Some(at);
        }
        let number = self.placed;
        self.placed += 1;

        let mut chunk = None;
        if let (TrackKind::Audio, Some(late)) = (kind, &mut self.late_audio) {
            late.bytes += frame.cost();
            late.frames.push(frame.clone());
            let first = late
                .frames
                .first()
                .map_or(0, |first| rescale(first.dts, timescale, 1_000_000));
            if at - first >= WAIT_FOR_KEY || late.bytes > WAIT_BYTES {
                self.join_late_audio(fed);
            }
        } else {
            if kind == TrackKind::Video && frame.key && self.is_wanted() {
                self.join_late_audio(fed);
            }
            chunk = self.chunks.take(&frame, at);
            if self.is_wanted() {
                self.feed(frame.clone(), chunk, fed);
            }
        }
        let kept = Kept {
            frame,
            at: self.tape_zero + at,
            number,
            chunk,
        };
        Taken {
            frame: Some(kept),
            exception,
            oddity: None,
        }
    }

    fn feed(&mut self, frame: Frame, chunk: Option<ChunkStart>, fed: &mut Vec<Fed>) {
        let chunk = chunk.map(|chunk| self.chunks.told(chunk));
        if let Some(fragment) = self.cutter.push(frame, chunk) {
            self.keep(fragment, fed);
        }
    }

    fn join_late_audio(&mut self, fed: &mut Vec<Fed>) {
        let Some(late) = self.late_audio.take() else {
            return;
        };
        if let Some(fragment) = self.cutter.flush() {
            self.keep(fragment, fed);
        }
        self.switch(
            Tracks {
                audio: Some(late.config),
                ..self.tracks.clone()
            },
            fed,
        );
        for frame in late.frames {
            let at = self.tracks.micros(frame.kind, frame.dts);
            let chunk = self.chunks.take(&frame, at);
            self.feed(frame, chunk, fed);
        }
    }

    fn switch(&mut self, tracks: Tracks, fed: &mut Vec<Fed>) {
        // Sound began a segment, and video begins later. The video needs a segment of its own, from its keyframe on.
        if tracks.video.is_some()
            && self.tracks.video.is_none()
            && self.is_writing()
            && let Some(fragment) = self.cutter.flush()
        {
            self.keep(fragment, fed);
        }
        let joins = matches!(self.stage, Stage::Waiting { .. });
        self.chunks.switch(&self.tracks, &tracks, joins);
        if self.is_wanted() {
            self.set_tracks(tracks.clone(), fed);
        }
        self.tracks = tracks;
    }

    fn set_tracks(&mut self, tracks: Tracks, fed: &mut Vec<Fed>) {
        let before = self.cutter.tracks().clone();
        if let Some(fragment) = self.cutter.set_tracks(tracks.clone()) {
            self.keep(fragment, fed);
        } else if let Stage::Waiting { fragments, .. } = &mut self.stage {
            // Nothing is on flash yet: the waiting fragments become part of a segment that has the new track, too.
            fragments
                .iter_mut()
                .filter(|f| f.tracks == before)
                .for_each(|f| f.tracks = tracks.clone());
        }
    }

    fn keep(&mut self, fragment: Fragment, fed: &mut Vec<Fed>) {
        match &mut self.stage {
            Stage::Idle => {}
            Stage::Writing => fed.push(Fed::Fragment(fragment)),
            Stage::Waiting { fragments, bytes, .. } => {
                *bytes += fragment.cost();
                fragments.push(fragment);
                self.begin_if_worth_it(fed, false);
            }
        }
    }

    fn begin_if_worth_it(&mut self, fed: &mut Vec<Fed>, ending: bool) {
        let Stage::Waiting { fragments, bytes, .. } = &self.stage else {
            return;
        };
        let first = self.ends.first.unwrap_or(0);
        let span = self.ends.last() - first;
        let comes = |kind| self.left_out.iter().all(|track| track.kind != kind);
        let missing = (self.announced.has_audio && self.tracks.audio.is_none() && comes(TrackKind::Audio))
            || (self.announced.has_video && self.tracks.video.is_none() && comes(TrackKind::Video));
        let waits = span < WORTH_KEEPING || (missing && span < WAIT_FOR_TRACKS && !ending);
        // So many bytes do not wait in memory until their timestamps make up a second, however short the media is.
        if !fragments.is_empty() && (!waits || *bytes >= WAIT_BYTES) {
            self.begin(fed);
        }
    }

    fn begin(&mut self, fed: &mut Vec<Fed>) {
        let Stage::Waiting { fragments, since, .. } = &mut self.stage else {
            return;
        };
        if fragments.is_empty() {
            return;
        }
        let first = self.ends.first.unwrap_or(0);
        let first = fragments
            .iter()
            .map(|fragment| fragment.span().0)
            .min()
            .unwrap_or(first);
        let start = since.unwrap_or(self.tape_zero.saturating_add(first));
        if let Some((_, from)) = &mut self.fed {
            *from = start;
        }
        fed.push(Fed::Begins { start });
        fed.extend(fragments.drain(..).map(Fed::Fragment));
        self.stage = Stage::Writing;
    }
}

/// The present moment by the caller's clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// CLOCK_BOOTTIME, microseconds.
    pub boot: Micros,
    /// UTC as the box believes it, microseconds since 1970.
    pub utc: Micros,
}

impl Moment {
    pub(super) fn unix_millis(self) -> u64 {
        u64::try_from(self.utc / 1000).unwrap_or(0)
    }
}
