//! What a publisher may send, on the tape and in memory.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::format::fmp4::{FIRST_SEQUENCE, Place, fragment_header};
use crate::format::hls::live::{ChunkBytes, ChunkFrames, ChunkPlace};
use crate::format::index::SampleIndex;
use crate::format::testing::{self, SOME_DAY};
use crate::format::{Gaps, Kept, SourceError, TapeSource, TrackBase, ViewSegment};
use crate::media::{Fragment, Frame, SegmentId, TargetDuration, TrackKind, Tracks, rescale};

/// A segment in memory, as the store writes it.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) index: Arc<SampleIndex>,
    bytes: Arc<[u8]>,
}

impl TapeSource for Segment {
    fn index(&self, _: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        Ok(Arc::clone(&self.index))
    }

    fn read_exact_at(&self, _: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let from = offset as usize;
        buf.copy_from_slice(&self.bytes[from..from + buf.len()]);
        Ok(())
    }
}

/// Frames of a publish as they came, and where chunks begin among them.
#[derive(Clone, Debug)]
pub(super) struct Footage {
    pub(super) tracks: Tracks,
    pub(super) tape_zero: i64,
    pub(super) frames: Vec<Frame>,
    /// The first frame of each chunk.
    pub(super) chunks: Vec<usize>,
}

impl Footage {
    pub(super) fn chunk(&self, chunk: usize) -> Range<usize> {
        let end = self.chunks.get(chunk + 1).copied().unwrap_or(self.frames.len());
        self.chunks[chunk]..end
    }

    pub(super) fn in_memory(&self, chunk: usize) -> ChunkBytes {
        let next = self.chunks.get(chunk + 1).and_then(|next| self.frames.get(*next));
        ChunkBytes::of(&ChunkFrames {
            number: 4_711 + chunk as u64,
            target: TargetDuration::default(),
            tracks: &self.tracks,
            tape_zero: self.tape_zero,
            frames: &self.frames[self.chunk(chunk)],
            next_video_dts: next
                .filter(|next| next.kind == TrackKind::Video)
                .map(|next| next.dts),
        })
        .unwrap()
    }

    /// The fragments of a chunk. The last one has a picture: then its end is known, because the next chunk begins with one.
    fn fragments(&self, chunk: Range<usize>, together: usize) -> Vec<(usize, usize)> {
        let starts = chunk.clone().step_by(together);
        let mut starts: Vec<usize> = starts.collect();
        while let Some(last) = starts.last().copied().filter(|last| *last > chunk.start)
            && self.frames[last..chunk.end]
                .iter()
                .all(|frame| frame.kind == TrackKind::Audio)
        {
            starts.pop();
        }
        let ends = starts.iter().skip(1).copied().chain([chunk.end]);
        starts.iter().copied().zip(ends).collect()
    }

    /// Writes the chunks `these` into a segment, in fragments of so many frames at most. Returns the places of the chunks.
    pub(super) fn on_tape(
        &self,
        these: Range<usize>,
        together: usize,
    ) -> (ViewSegment, Segment, Vec<ChunkPlace>) {
        let frames = self.chunk(these.start).start..self.chunk(these.end - 1).end;
        let scale = |kind| self.tracks.timescale(kind).unwrap_or(1_000);
        let ms = |frame: &Frame| rescale(frame.dts, scale(frame.kind), 1_000);
        let zero_ms = self.frames[frames].iter().map(ms).min().unwrap();
        let base = TrackBase {
            video: rescale(zero_ms, 1_000, scale(TrackKind::Video)),
            audio: rescale(zero_ms, 1_000, scale(TrackKind::Audio)),
        };
        let (mut bytes, mut index, mut places) = (vec![0xEE; 77], SampleIndex::default(), Vec::new());
        for chunk in these {
            let first = index.fragments.len();
            let own = self.chunk(chunk);
            for (start, end) in self.fragments(own, together) {
                let of = |kind| {
                    let frames = self.frames[start..end].iter();
                    frames.filter(|frame| frame.kind == kind).cloned().collect()
                };
                let next = |kind| {
                    self.frames
                        .get(end)
                        .filter(|next| next.kind == kind)
                        .map(|next| next.dts)
                };
                let fragment = Fragment {
                    tracks: self.tracks.clone(),
                    video: of(TrackKind::Video),
                    audio: of(TrackKind::Audio),
                    next_video_dts: next(TrackKind::Video),
                    next_audio_dts: next(TrackKind::Audio),
                    chunk: None,
                };
                let place = Place {
                    segment: SegmentId::from_bytes([7; 16]),
                    sequence: FIRST_SEQUENCE + index.fragments.len() as u32,
                    durable: 0,
                    offset: bytes.len() as u64,
                };
                let header = fragment_header(place, base, &fragment).unwrap();
                bytes.extend(header.bytes);
                for frame in fragment.video.iter().chain(&fragment.audio) {
                    bytes.extend_from_slice(&frame.payload);
                }
                index.fragments.push(header.index);
            }
            places.push(ChunkPlace {
                number: 4_711 + chunk as u64,
                fragments: first..index.fragments.len(),
                target: TargetDuration::default(),
            });
        }
        let segment = ViewSegment {
            id: SegmentId::from_bytes([7; 16]),
            tracks: self.tracks.clone(),
            base,
            publish_zero: self.tape_zero,
            publish_zero_utc: SOME_DAY,
            end: None,
            kept: Kept::default(),
            range: 0,
            gaps: Gaps::Close,
            silence: None,
            filled: None,
            in_step: None,
        };
        let source = Segment {
            index: Arc::new(index),
            bytes: bytes.into(),
        };
        (segment, source, places)
    }
}

/// What a publisher may send.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) scale: u32,
    pub(super) audio: u8,
    pub(super) fps: i64,
    pub(super) gop: i64,
    pub(super) seconds: i64,
    /// How much later than its time sound comes, in milliseconds.
    pub(super) lag: i64,
    /// Moves each time a little.
    pub(super) jitter: i64,
    /// From when to when there is no sound, in milliseconds.
    pub(super) silent: (i64, i64),
    pub(super) began: i64,
}

pub(super) fn sent() -> impl Strategy<Value = Sent> {
    let scale = prop_oneof![Just(1_000_u32), Just(90_000), Just(30_000)];
    let times = (0..3_000_i64, 0..4_000_i64);
    (
        scale,
        0..4_u8,
        3..60_i64,
        1..90_i64,
        2..7_i64,
        -300..300_i64,
        0..3_i64,
        times,
        -3..90_000_i64,
    )
        .prop_map(
            |(scale, audio, fps, gop, seconds, lag, jitter, (from, long), began)| Sent {
                scale,
                audio,
                fps,
                gop,
                seconds,
                lag,
                jitter,
                silent: (from, from + long),
                began,
            },
        )
}

pub(super) fn footage(sent: &Sent) -> Footage {
    let audio = match sent.audio {
        0 => None,
        1 => Some(testing::opus()),
        2 => Some(testing::aac_main()),
        _ => Some(testing::aac()),
    };
    let tracks = Tracks {
        audio: audio.map(Arc::new),
        ..testing::in_ticks(&testing::both(), sent.scale)
    };
    let mut came: Vec<(i64, Frame)> = Vec::new();
    for number in 0..sent.seconds * sent.fps {
        let us = number * 1_000_000 / sent.fps;
        let shaken = us + (number * 7_919 % (sent.jitter + 1)) * 1_000;
        let reordered = if number % 3 == 1 && number % sent.gop != 0 {
            2 * 1_000_000 / sent.fps
        } else {
            0
        };
        let frame = Frame {
            kind: TrackKind::Video,
            dts: sent.began + rescale(shaken, 1_000_000, sent.scale),
            cts: rescale(reordered, 1_000_000, sent.scale) as i32,
            key: number % sent.gop == 0,
            payload: Bytes::from(vec![number as u8; 20 + number as usize % 50]),
        };
        came.push((us, frame));
    }
    if let Some(config) = &tracks.audio {
        let step = i64::from(config.frame_samples);
        let began = rescale(sent.began, sent.scale, config.sample_rate);
        for number in 0..sent.seconds * i64::from(config.sample_rate) / step {
            let ms = rescale(number * step, config.sample_rate, 1_000);
            if (sent.silent.0..sent.silent.1).contains(&ms) {
                continue;
            }
            let frame = Frame {
                kind: TrackKind::Audio,
                dts: began + number * step,
                cts: 0,
                key: true,
                payload: Bytes::from(vec![number as u8 ^ 0xFF; 9 + number as usize % 7]),
            };
            came.push(((ms + sent.lag) * 1_000, frame));
        }
    }
    came.sort_by_key(|(at, _)| *at);
    let key = came.iter().position(|(_, frame)| frame.kind == TrackKind::Video);
    let frames: Vec<Frame> = came
        .into_iter()
        .skip(key.unwrap())
        .map(|(_, frame)| frame)
        .collect();
    // A keyframe of another slot of 750 ms begins a chunk.
    let (mut chunks, mut slot) = (Vec::new(), None);
    for (at, frame) in frames
        .iter()
        .enumerate()
        .filter(|(_, frame)| frame.kind == TrackKind::Video)
    {
        let own = rescale(frame.dts, sent.scale, 1_000).div_euclid(750);
        if frame.key && slot.replace(own) != Some(own) {
            chunks.push(at);
        }
    }
    Footage {
        tracks,
        tape_zero: 1_234_567_891,
        frames,
        chunks,
    }
}

/// Chunks of two seconds each, of pictures at 25 a second and sound of AAC.
pub(super) fn plain() -> Sent {
    Sent {
        scale: 1_000,
        audio: 3,
        fps: 25,
        gop: 50,
        seconds: 6,
        lag: 0,
        jitter: 0,
        silent: (0, 0),
        began: 0,
    }
}
