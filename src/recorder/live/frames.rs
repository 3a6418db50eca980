//! What comes of a publish: configurations, and frames in their order.

use std::sync::Arc;

use super::{Fed, LateAudio, Live, Moment, Stage, Taken, WAIT_BYTES};
use crate::media::{
    ChunkStart, CodecConfig, Frame, Incoming, MILLISECONDS, MediaMessage, Micros, Oddity, RandomAccess,
    TrackKind, Tracks, rescale,
};
use crate::recorder::ring::Kept;

/// How long sound that begins late waits for a keyframe to begin a segment with.
const WAIT_FOR_KEY: Micros = 1_000_000;
/// Pictures without a keyframe: more of them than a publisher sends that is joined in the middle of a GOP.
const PATIENT_PICTURES: u64 = 100;

impl Live {
    pub(in crate::recorder) fn push(
        &mut self,
        message: MediaMessage,
        now: Moment,
        fed: &mut Vec<Fed>,
    ) -> Taken {
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

    pub(super) fn feed(&mut self, frame: Frame, chunk: Option<ChunkStart>, fed: &mut Vec<Fed>) {
        let chunk = chunk.map(|chunk| self.chunks.told(chunk));
        if let Some(fragment) = self.cutter.push(frame, chunk) {
            self.keep(fragment, fed);
        }
    }

    pub(super) fn join_late_audio(&mut self, fed: &mut Vec<Fed>) {
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
}
