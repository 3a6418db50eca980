//! The samples of a chunk, and the bytes before its media.
//!
//! ```text
//! styp
//! moof    one: the run of the picture, then the run of the sound
//! mdat    the same, sample by sample
//! ```
//!
//! Everything here is a function of the frames and of the chunk's number. Only the last sample of a run does not say how long it
//! lasts. A picture lasts until the picture that begins the next chunk, but not beyond the longest chunk that a playlist of its
//! target duration may have; if the next picture is not known, it lasts as long as the picture before it. Sound lasts as long as
//! one of its frames sounds. So where the timestamps of a publish pause, no chunk has the pause.

use bytes::Bytes;

use super::sound::{self, Filling};
use crate::format::FileError;
use crate::format::fmp4::{self, TrackRun};
use crate::format::hls::STYP;
use crate::format::index::Sample;
use crate::media::{Frame, MILLISECONDS, Micros, TargetDuration, TrackKind, Tracks, rescale};

/// How long a single picture lasts whose successor is not known: 25 pictures a second, as on the tape.
const GUESSED_VIDEO_MS: i64 = 40;

/// The size and the kind of an `mdat`.
const MDAT_HEADER: u64 = 8;

/// The frames of a chunk in memory, in the order in which they came.
#[derive(Clone, Copy, Debug)]
pub struct ChunkFrames<'a> {
    /// The chunk's number in its stream.
    pub number: u64,
    /// The target of the publish at the beginning of the chunk.
    pub target: TargetDuration,
    /// The configurations that decode the frames.
    pub tracks: &'a Tracks,
    /// Tape time of the media time zero of the frames' publish.
    pub tape_zero: Micros,
    /// The frames.
    pub frames: &'a [Frame],
    /// DTS of the picture that begins the next chunk of the publish, in ticks of these tracks.
    pub next_video_dts: Option<i64>,
}

/// What a playlist says of a chunk, found without reading its media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkFacts {
    /// Bytes of the file.
    pub bytes: u64,
    /// Tape time of the chunk's first picture, by its DTS; of its first sound, where it has no picture.
    pub start: Micros,
    /// How long the pictures last, in microseconds; the sound, where there is no picture. Never longer than the
    /// [limit](TargetDuration::limit) of the chunk's target.
    pub duration_us: u64,
    /// Number of pictures.
    pub pictures: u32,
    /// True when decoding can begin with the chunk, and all of its pictures are then shown. Sound alone is always independent.
    pub independent: bool,
}

/// A sample on the media time of its publish.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) dts: i64,
    pub(super) sample: Sample,
}

/// The samples of one track, in decode order.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    pub(super) samples: Vec<Timed>,
}

/// A chunk's samples, with silence where its sound is missing.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    number: u64,
    target: TargetDuration,
    tracks: &'a Tracks,
    tape_zero: Micros,
    video: Run,
    audio: Run,
    pub(super) filling: Filling,
}

impl Run {
    /// A run of samples as they came. `ends` says when the last one ends; nothing if that is not known.
    pub(super) fn new(samples: impl Iterator<Item = Timed>, ends: Option<i64>) -> Self {
        let mut samples: Vec<Timed> = samples.collect();
        let next: Vec<i64> = samples.iter().skip(1).map(|next| next.dts).collect();
        for (timed, next) in samples.iter_mut().zip(next.into_iter().map(Some).chain([ends])) {
            if let Some(next) = next {
                let ticks = next.saturating_sub(timed.dts).max(0);
                timed.sample.duration = u32::try_from(ticks).unwrap_or(u32::MAX);
            }
        }
        Self { samples }
    }

    fn first_dts(&self) -> Option<i64> {
        Some(self.samples.first()?.dts)
    }

    /// When the last sample ends.
    pub(super) fn end_dts(&self) -> Option<i64> {
        let last = self.samples.last()?;
        Some(last.dts.saturating_add(last.sample.duration.into()))
    }

    /// When the earliest sample is presented.
    pub(super) fn first_pts(&self) -> Option<i64> {
        self.samples.iter().map(Timed::pts).min()
    }

    /// Has the last sample end no later than so many ticks behind the beginning of the first.
    fn end_within(&mut self, ticks: i64) {
        let Some(ends) = self.first_dts().map(|first| first.saturating_add(ticks)) else {
            return;
        };
        if let Some(last) = self.samples.last_mut() {
            let most = u32::try_from(ends.saturating_sub(last.dts).max(1)).unwrap_or(u32::MAX);
            last.sample.duration = last.sample.duration.min(most);
        }
    }

    fn bytes(&self) -> u64 {
        self.samples
            .iter()
            .map(|timed| u64::from(timed.sample.size))
            .sum()
    }

    /// True when the first picture is a keyframe, and no picture is shown before it.
    fn is_independent(&self) -> bool {
        let first = self.samples.first();
        first.is_none_or(|first| {
            let mut leads = self.samples.iter().skip(1).take_while(|timed| !timed.sample.key);
            first.sample.key && !leads.any(|timed| timed.pts() < first.pts())
        })
    }

    fn bare(&self) -> Vec<Sample> {
        self.samples.iter().map(|timed| timed.sample).collect()
    }
}

impl Timed {
    fn pts(&self) -> i64 {
        self.dts.saturating_add(self.sample.cts.into())
    }
}

impl<'a> Samples<'a> {
    /// Takes the runs of a chunk, and fills in silence where sound is missing.
    pub(super) fn new(
        (number, target): (u64, TargetDuration),
        tracks: &'a Tracks,
        tape_zero: Micros,
        mut video: Run,
        audio: Run,
    ) -> Self {
        let scale = tracks.timescale(TrackKind::Video).unwrap_or(MILLISECONDS);
        video.end_within(rescale(target.limit(), 1_000_000, scale));
        let (audio, filling) = sound::filled(tracks, &video, audio);
        Self {
            number,
            target,
            tracks,
            tape_zero,
            video,
            audio,
            filling,
        }
    }

    /// The samples of frames in memory.
    pub(super) fn of_frames(chunk: &ChunkFrames<'a>) -> Self {
        let run = |kind, ends| {
            let own = chunk.frames.iter().filter(move |frame| frame.kind == kind);
            Run::new(own.map(timed), ends)
        };
        let mut video = run(TrackKind::Video, chunk.next_video_dts);
        if chunk.next_video_dts.is_none() {
            let scale = chunk.tracks.timescale(TrackKind::Video).unwrap_or(MILLISECONDS);
            let guess = rescale(GUESSED_VIDEO_MS, MILLISECONDS, scale);
            let guess = u32::try_from(guess).map_or(1, |ticks| ticks.max(1));
            let before = video
                .samples
                .iter()
                .rev()
                .nth(1)
                .map(|timed| timed.sample.duration);
            if let Some(last) = video.samples.last_mut() {
                last.sample.duration = before.unwrap_or(guess);
            }
        }
        let audio = run(TrackKind::Audio, None);
        Self::new(
            (chunk.number, chunk.target),
            chunk.tracks,
            chunk.tape_zero,
            video,
            audio,
        )
    }

    /// The bytes before the media: `styp moof`, and the head of `mdat`.
    pub(super) fn head(&self) -> Result<Bytes, FileError> {
        let media = self.video.bytes().saturating_add(self.audio.bytes());
        let Ok(mdat) = u32::try_from(media.saturating_add(MDAT_HEADER)) else {
            return Err(FileError::Unsupported {
                format: "hls",
                reason: format!("chunk {} has more than 4 GiB", self.number),
            });
        };
        let (video, audio) = (self.video.bare(), self.audio.bare());
        let run = |kind, run: &Run, samples| {
            run.first_dts().map(|dts| TrackRun {
                tfdt: self.tfdt(kind, dts),
                samples,
            })
        };
        // The number of a moof only has to differ from that of its neighbours.
        let sequence = (self.number & u64::from(u32::MAX)) as u32;
        let moof = fmp4::moof(
            sequence,
            run(TrackKind::Video, &self.video, &video),
            run(TrackKind::Audio, &self.audio, &audio),
        );
        Ok([&STYP[..], &moof, &mdat.to_be_bytes(), b"mdat"].concat().into())
    }

    /// What a playlist says of the chunk.
    pub(super) fn facts(&self) -> ChunkFacts {
        let (kind, run) = if self.video.samples.is_empty() {
            (TrackKind::Audio, &self.audio)
        } else {
            (TrackKind::Video, &self.video)
        };
        let micros = |ticks: Option<i64>| self.tracks.micros(kind, ticks.unwrap_or(0));
        let (start, end) = (micros(run.first_dts()), micros(run.end_dts()));
        let samples = |run: &Run| (!run.samples.is_empty()).then(|| run.bare());
        let (video, audio) = (samples(&self.video), samples(&self.audio));
        let moof = fmp4::moof_len(video.as_deref(), audio.as_deref());
        let media = self.video.bytes().saturating_add(self.audio.bytes());
        ChunkFacts {
            bytes: (STYP.len() as u64 + moof as u64 + MDAT_HEADER).saturating_add(media),
            start: self.tape_zero.saturating_add(start),
            duration_us: end
                .saturating_sub(start)
                .clamp(1, self.target.limit())
                .unsigned_abs(),
            pictures: fitted!(self.video.samples.len(), "the pictures of a chunk"),
            independent: self.video.is_independent(),
        }
    }

    /// Decode time of a sample on the line of the tape, in ticks of its track. The tape's zero is rounded to a tick once for a
    /// publish, so its samples keep their distances.
    fn tfdt(&self, kind: TrackKind, dts: i64) -> u64 {
        let scale = i128::from(self.tracks.timescale(kind).unwrap_or(MILLISECONDS));
        let zero = (i128::from(self.tape_zero) * scale + 500_000).div_euclid(1_000_000);
        u64::try_from(zero + i128::from(dts)).unwrap_or(0)
    }
}

fn timed(frame: &Frame) -> Timed {
    Timed {
        dts: frame.dts,
        sample: Sample {
            size: fitted!(frame.payload.len(), "the size of a frame"),
            duration: 0,
            cts: frame.cts,
            key: frame.key,
        },
    }
}
