//! One publish from its first message to its end: what arrives becomes fragments of tape.

use std::sync::Arc;

use super::cutter::Cutter;
use super::lead::Lead;
use crate::media::{
    AudioConfig, CodecConfig, Exception, Fragment, Frame, Incoming, MediaMessage, Metadata, Micros,
    PublishId, RecordingId, StreamName, Timeline, TrackKind, Tracks, VIDEO_TIMESCALE, rescale,
};
use crate::store::Command;

/// A push shorter than this makes no recording, as with the clouds.
const WORTH_KEEPING: Micros = 1_000_000;
/// How long the first segment waits for a track that was announced before it begins without it.
const WAIT_FOR_TRACKS: Micros = 2_000_000;
/// How long sound that begins late waits for a keyframe to begin a segment with.
const WAIT_FOR_KEY: Micros = 1_000_000;
/// What waits for either never exceeds this.
const WAIT_BYTES: usize = 1 << 20;

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
    timeline: Timeline,
    cutter: Cutter,
    stage: Stage,
    late_audio: Option<LateAudio>,
    seen_key: bool,
    ends: TrackEnds,
    lead: Lead,
    /// Frames that came before their configuration or the first keyframe.
    pub(super) undecodable: u64,
}

#[derive(Debug)]
enum Stage {
    /// Too short to be worth keeping so far.
    Waiting { fragments: Vec<Fragment>, bytes: usize },
    /// On the tape.
    Recording(RecordingId),
}

/// Sound that began after the segment did: it waits for the next keyframe, where a segment with both
/// tracks can begin.
#[derive(Debug)]
struct LateAudio {
    config: Arc<AudioConfig>,
    frames: Vec<Frame>,
    bytes: usize,
}

/// Where each track ends so far, in microseconds of media time.
#[derive(Debug, Default)]
struct TrackEnds {
    first: Option<Micros>,
    video: Option<(Micros, Micros)>,
    audio: Option<Micros>,
}

/// What a frame did besides being recorded.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The frame as placed on the tape, with its tape time; for the ring.
    pub(super) frame: Option<(Frame, Micros)>,
    /// What its timestamps said.
    pub(super) exception: Option<Exception>,
}

impl Live {
    pub(super) fn new(publish: PublishId, tape_zero: Micros, boot_zero: Micros) -> Self {
        Self {
            publish,
            tape_zero,
            boot_zero,
            tracks: Tracks::default(),
            announced: Metadata::default(),
            timeline: Timeline::new(),
            cutter: Cutter::default(),
            stage: Stage::Waiting {
                fragments: Vec::new(),
                bytes: 0,
            },
            late_audio: None,
            seen_key: false,
            ends: TrackEnds::default(),
            lead: Lead::default(),
            undecodable: 0,
        }
    }

    /// The recording that this publish feeds, once it is worth one.
    pub(super) fn recording(&self) -> Option<RecordingId> {
        match self.stage {
            Stage::Recording(id) => Some(id),
            Stage::Waiting { .. } => None,
        }
    }

    /// Its media comes faster than time: it loses nothing when it is not read for a while.
    pub(super) fn is_flat_out(&self) -> bool {
        self.lead.is_flat_out()
    }

    /// Tape time up to which it has media, if it has any.
    pub(super) fn tape_end(&self) -> Option<Micros> {
        self.ends.first.map(|_| self.tape_zero + self.ends.last())
    }

    pub(super) fn push(
        &mut self,
        message: MediaMessage,
        now: Moment,
        stream: &StreamName,
        out: &mut Vec<Command>,
    ) -> Taken {
        match message {
            MediaMessage::Metadata(metadata) => {
                self.announced = metadata;
                Taken::default()
            }
            MediaMessage::Config { config, .. } => {
                self.configure(config, now, stream, out);
                Taken::default()
            }
            MediaMessage::Frame(incoming) => self.frame(incoming, now, stream, out),
        }
    }

    /// Everything that waits goes to the tape, and the recording ends. Nothing comes of a push that was
    /// too short.
    pub(super) fn end(mut self, reason: &str, now: Moment, stream: &StreamName, out: &mut Vec<Command>) {
        self.join_late_audio(now, stream, out);
        if let Some(fragment) = self.cutter.flush() {
            self.keep(fragment, now, stream, out);
        }
        self.start_if_worth_it(now, stream, out, true);
        if let Stage::Recording(recording) = self.stage {
            out.push(Command::RecordingClosed {
                recording,
                end: self.tape_zero + self.ends.last(),
            });
            out.push(Command::PublishEnded {
                publish: self.publish,
                reason: reason.to_owned(),
            });
        }
    }

    fn configure(&mut self, config: CodecConfig, now: Moment, stream: &StreamName, out: &mut Vec<Command>) {
        let mut tracks = self.tracks.clone();
        match config {
            CodecConfig::Video(video) => {
                if tracks.video.as_deref() == Some(&video) {
                    return;
                }
                // Until the first keyframe of the new configuration nothing can be decoded.
                self.seen_key = false;
                tracks.video = Some(Arc::new(video));
            }
            CodecConfig::Audio(audio) => {
                if tracks.audio.as_deref() == Some(&audio) {
                    return;
                }
                let late = tracks.audio.is_none() && tracks.video.is_some() && self.recording().is_some();
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
        self.switch(tracks, now, stream, out);
    }

    fn frame(
        &mut self,
        incoming: Incoming,
        now: Moment,
        stream: &StreamName,
        out: &mut Vec<Command>,
    ) -> Taken {
        let kind = incoming.kind;
        let late = self.late_audio.as_ref().map(|late| late.config.clone());
        let audio = self.tracks.audio.clone().or(late);
        let configured = match kind {
            TrackKind::Video => self.tracks.video.is_some(),
            TrackKind::Audio => audio.is_some(),
        };
        if !configured || (kind == TrackKind::Video && !self.seen_key && !incoming.key) {
            self.undecodable += 1;
            return Taken::default();
        }
        self.seen_key |= kind == TrackKind::Video;
        let (frame, exception) = self.timeline.place(incoming, audio.as_deref(), now.boot);
        let timescale = match kind {
            TrackKind::Video => VIDEO_TIMESCALE,
            TrackKind::Audio => audio
                .as_ref()
                .map_or(VIDEO_TIMESCALE, |config| config.sample_rate),
        };
        let at = rescale(frame.dts, timescale, 1_000_000);
        let frame_samples = audio.as_ref().map_or(0, |config| config.frame_samples);
        self.ends
            .extend(kind, at, rescale(i64::from(frame_samples), timescale, 1_000_000));
        self.lead.reach(at, now.boot);

        if let (TrackKind::Audio, Some(late)) = (kind, &mut self.late_audio) {
            late.bytes += frame.payload.len();
            late.frames.push(frame.clone());
            let first = late
                .frames
                .first()
                .map_or(0, |first| rescale(first.dts, timescale, 1_000_000));
            if at - first >= WAIT_FOR_KEY || late.bytes > WAIT_BYTES {
                self.join_late_audio(now, stream, out);
            }
        } else {
            if kind == TrackKind::Video && frame.key {
                self.join_late_audio(now, stream, out);
            }
            if let Some(fragment) = self.cutter.push(frame.clone()) {
                self.keep(fragment, now, stream, out);
            }
        }
        Taken {
            frame: Some((frame, self.tape_zero + at)),
            exception,
        }
    }

    fn join_late_audio(&mut self, now: Moment, stream: &StreamName, out: &mut Vec<Command>) {
        let Some(late) = self.late_audio.take() else {
            return;
        };
        if let Some(fragment) = self.cutter.flush() {
            self.keep(fragment, now, stream, out);
        }
        self.switch(
            Tracks {
                audio: Some(late.config),
                ..self.tracks.clone()
            },
            now,
            stream,
            out,
        );
        for frame in late.frames {
            if let Some(fragment) = self.cutter.push(frame) {
                self.keep(fragment, now, stream, out);
            }
        }
    }

    fn switch(&mut self, tracks: Tracks, now: Moment, stream: &StreamName, out: &mut Vec<Command>) {
        // Video that begins after the sound began a segment needs one of its own, from its keyframe on.
        if tracks.video.is_some()
            && self.tracks.video.is_none()
            && self.recording().is_some()
            && let Some(fragment) = self.cutter.flush()
        {
            self.keep(fragment, now, stream, out);
        }
        if let Some(fragment) = self.cutter.set_tracks(tracks.clone()) {
            self.keep(fragment, now, stream, out);
        } else if let Stage::Waiting { fragments, .. } = &mut self.stage {
            // Nothing is on flash yet: what waits becomes part of a segment that has the new track too.
            fragments
                .iter_mut()
                .filter(|f| f.tracks == self.tracks)
                .for_each(|f| f.tracks = tracks.clone());
        }
        self.tracks = tracks;
    }

    fn keep(&mut self, fragment: Fragment, now: Moment, stream: &StreamName, out: &mut Vec<Command>) {
        match &mut self.stage {
            Stage::Recording(_) => out.push(Command::Append {
                publish: self.publish,
                fragment,
            }),
            Stage::Waiting { fragments, bytes } => {
                *bytes += fragment.payload_bytes();
                fragments.push(fragment);
                self.start_if_worth_it(now, stream, out, false);
            }
        }
    }

    fn start_if_worth_it(&mut self, now: Moment, stream: &StreamName, out: &mut Vec<Command>, ending: bool) {
        let Stage::Waiting { fragments, bytes } = &mut self.stage else {
            return;
        };
        let span = self.ends.last() - self.ends.first.unwrap_or(0);
        let missing = (self.announced.has_audio && self.tracks.audio.is_none())
            || (self.announced.has_video && self.tracks.video.is_none());
        let waits = span < WORTH_KEEPING || (missing && span < WAIT_FOR_TRACKS && !ending);
        // However short, so many bytes are not kept in memory until their timestamps have made up a second.
        if fragments.is_empty() || (waits && *bytes < WAIT_BYTES) {
            return;
        }
        let recording = RecordingId::new(now.unix_millis());
        out.push(Command::PublishStarted {
            publish: self.publish,
            stream: stream.clone(),
            tape_zero: self.tape_zero,
            boot_zero: self.boot_zero,
        });
        let start = self.tape_zero + self.ends.first.unwrap_or(0);
        out.push(Command::RecordingStarted {
            recording,
            publish: self.publish,
            start,
        });
        let publish = self.publish;
        out.extend(
            fragments
                .drain(..)
                .map(|fragment| Command::Append { publish, fragment }),
        );
        self.stage = Stage::Recording(recording);
    }
}

/// Now, as the caller's clocks have it.
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

impl TrackEnds {
    fn extend(&mut self, kind: TrackKind, at: Micros, audio_duration: Micros) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        match kind {
            // A picture lasts until the next; the last one as long as the one before it.
            TrackKind::Video => {
                let step = self.video.map_or(40_000, |(last, _)| (at - last).max(0));
                self.video = Some((at, step));
            }
            TrackKind::Audio => self.audio = Some(at + audio_duration),
        }
    }

    fn last(&self) -> Micros {
        let video = self.video.map(|(last, step)| last + step);
        video.max(self.audio).unwrap_or(0).max(0)
    }
}
