//! Tape in memory, for the tests of all formats.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::format::index::{FragmentIndex, FragmentList, Run, Sample, SampleIndex};
use crate::format::{Gaps, Kept, SourceError, TapeSource, TrackBase, View, ViewSegment, VirtualFile};
use crate::media::{
    AudioCodec, AudioConfig, ColourInfo, LightLevel, Mastering, Micros, SegmentId, TrackKind, Tracks,
    VideoConfig, parse_aac, parse_avc, rescale,
};

mod files;

pub(crate) use files::{Timed, from_hls, rendered, timescales};

/// 2026-01-02T03:04:05.678Z.
pub(crate) const SOME_DAY: Micros = 1_767_323_045_678_000;

/// H.264 320x240 and 640x360, baseline, from x264.
const SMALL: &str = "0142c00dffe100166742c00dda0507ec0440000003004000000f03c50aa801000468ce0fc8";
const LARGE: &str = "0142c01effe100196742c01eda0280bfe5c044000003000400000300f03c58ba8001000468ce0fc8";

/// Segments whose bytes are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reel {
    files: HashMap<SegmentId, (Arc<SampleIndex>, Vec<u8>)>,
}

/// A frame on its publish's media time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shot {
    pub(crate) kind: TrackKind,
    pub(crate) dts: i64,
    pub(crate) cts: i32,
    pub(crate) key: bool,
    pub(crate) payload: Vec<u8>,
}

/// What one segment of a test is to hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Take {
    pub(crate) tracks: Tracks,
    pub(crate) publish_zero: Micros,
    pub(crate) shots: Vec<Shot>,
}

impl TapeSource for Reel {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        Ok(Arc::clone(&self.files[&segment].0))
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let from = offset as usize;
        let bytes = self.files[&segment].1.get(from..from + buf.len());
        buf.copy_from_slice(bytes.ok_or(SourceError {
            segment,
            reason: format!("{} bytes at {offset} are beyond the end", buf.len()),
        })?);
        Ok(())
    }
}

/// H.264 320x240 and 44.1 kHz stereo AAC.
pub(crate) fn both() -> Tracks {
    Tracks {
        video: Some(Arc::new(small_video())),
        audio: Some(Arc::new(aac())),
    }
}

pub(crate) fn sound_only() -> Tracks {
    Tracks {
        video: None,
        ..both()
    }
}

pub(crate) fn small_video() -> VideoConfig {
    parse_avc(hex(SMALL)).unwrap()
}

/// The colour description that a publisher of HDR10 sends beside its pictures.
pub(crate) fn hdr10() -> ColourInfo {
    ColourInfo {
        colour: Some([9, 16, 9]),
        mastering: Some(Mastering {
            primaries: [[13_250, 34_500], [7_500, 3_000], [34_000, 16_000]],
            white: [15_635, 16_450],
            max_luminance: 10_000_000,
            min_luminance: 1,
        }),
        light: Some(LightLevel {
            content: 1_000,
            average: 400,
        }),
    }
}

/// 640x360.
pub(crate) fn other_video() -> VideoConfig {
    parse_avc(hex(LARGE)).unwrap()
}

pub(crate) fn aac() -> AudioConfig {
    parse_aac(Bytes::from_static(&[0x12, 0x10])).unwrap()
}

/// AAC Main, a codec that no silence is made of.
pub(crate) fn aac_main() -> AudioConfig {
    parse_aac(Bytes::from_static(&[0x0A, 0x10])).unwrap()
}

pub(crate) fn opus() -> AudioConfig {
    AudioConfig {
        codec: AudioCodec::Opus,
        record: hex("0102380180bb0000000000"),
        sample_rate: 48_000,
        channels: 2,
        frame_samples: 960,
    }
}

/// Frames of `tracks` with decode times in [`from_ms`, `to_ms`): 30 pictures a second with two B-frames
/// between references and a keyframe every second, and sound that begins at `sound_from` ticks.
pub(crate) fn shoot(tracks: &Tracks, from_ms: i64, to_ms: i64, sound_from: i64) -> Vec<Shot> {
    let mut shots = Vec::new();
    if tracks.video.is_some() {
        let ms = |frame: i64| (frame * 1_000 + 15) / 30;
        let frames = (0..)
            .skip_while(|frame| ms(*frame) < from_ms)
            .take_while(|frame| ms(*frame) < to_ms);
        for frame in frames {
            let shown = match frame % 30 {
                0 => frame + 1,
                n if n % 3 == 1 && n < 28 => frame + 3,
                n if n >= 28 => frame + 1,
                _ => frame,
            };
            shots.push(Shot {
                kind: TrackKind::Video,
                dts: ms(frame),
                cts: (ms(shown) - ms(frame)) as i32,
                key: frame % 30 == 0,
                payload: noise(frame as u64 + 1, if frame % 30 == 0 { 30_000 } else { 3_000 }),
            });
        }
    }
    if let Some(audio) = &tracks.audio {
        let step = i64::from(audio.frame_samples);
        let (from, to) = (
            rescale(from_ms, 1_000, audio.sample_rate),
            rescale(to_ms, 1_000, audio.sample_rate),
        );
        let times = (0..).map(|frame| sound_from + frame * step);
        for dts in times.skip_while(|dts| *dts < from).take_while(|dts| *dts < to) {
            shots.push(Shot {
                kind: TrackKind::Audio,
                dts,
                cts: 0,
                key: true,
                payload: noise(dts.unsigned_abs() + 77, 300),
            });
        }
    }
    shots
}

/// The same tracks, with `timescale` ticks a second for the picture.
pub(crate) fn in_ticks(tracks: &Tracks, timescale: u32) -> Tracks {
    let video = tracks.video.as_deref().map(|video| VideoConfig {
        timescale,
        ..video.clone()
    });
    Tracks {
        video: video.map(Arc::new),
        audio: tracks.audio.clone(),
    }
}

/// A take of `seconds` seconds. Each picture lasts `step` ticks of `timescale` a second. There are B-pictures, a keyframe each
/// second, and sound. No picture but the first is at a whole millisecond.
pub(crate) fn ticking(timescale: u32, step: i64, seconds: i64, seed: u64) -> Take {
    let tracks = in_ticks(&both(), timescale);
    let (mut shots, end) = (
        shoot(&sound_only(), 0, seconds * 1_000, 13),
        seconds * i64::from(timescale),
    );
    let mut second = -1;
    for (number, dts) in (0..)
        .map(|number| (number, number * step))
        .take_while(|(_, dts)| *dts < end)
    {
        let key = dts / i64::from(timescale) > second;
        second = dts / i64::from(timescale);
        let later = match (key, number % 3) {
            (true, _) => 1,
            (_, 1) => 3,
            _ => 0,
        };
        shots.push(Shot {
            kind: TrackKind::Video,
            dts,
            cts: (later * step) as i32,
            key,
            payload: noise(seed + number as u64, if key { 3_000 } else { 300 }),
        });
    }
    for shot in &mut shots {
        shot.payload.extend(seed.to_be_bytes());
    }
    Take {
        tracks,
        publish_zero: 50_000_000 * seed as i64,
        shots,
    }
}

/// Puts takes on tape, in fragments of a second at most that are cut before every keyframe.
pub(crate) fn view(takes: &[Take]) -> View<Reel> {
    view_of(takes, 0)
}

/// Puts takes on another reel, whose segments are others.
pub(crate) fn view_of(takes: &[Take], reel_number: u8) -> View<Reel> {
    view_as_it_came(takes, reel_number, |_, ms| ms)
}

/// Puts takes on tape where frames are put together by when they came. `came` says it for each kind and decode time in
/// milliseconds.
pub(crate) fn view_as_it_came(
    takes: &[Take],
    reel_number: u8,
    came: impl Fn(TrackKind, i64) -> i64,
) -> View<Reel> {
    let mut reel = Reel::default();
    let mut segments = Vec::new();
    for (number, take) in takes.iter().enumerate() {
        let mut id = [number as u8 + 1; 16];
        id[0] = reel_number;
        let id = SegmentId::from_bytes(id);
        let rate = take
            .tracks
            .audio
            .as_ref()
            .map_or(1_000, |audio| audio.sample_rate);
        let scale = take.tracks.timescale(TrackKind::Video).unwrap_or(1_000);
        let ms = |shot: &Shot| match shot.kind {
            TrackKind::Video => rescale(shot.dts, scale, 1_000),
            TrackKind::Audio => rescale(shot.dts, rate, 1_000),
        };
        let began = take.shots.iter().map(ms).min().unwrap_or(0);
        let base = TrackBase {
            video: rescale(began, 1_000, scale),
            audio: rescale(began, 1_000, rate),
        };
        let (mut file, mut index) = (vec![0xEE; 100], SampleIndex::default());
        let came = |shot: &Shot| came(shot.kind, ms(shot));
        let last = take.shots.iter().map(came).max().unwrap_or(0);
        for second in 0..=(last - began) / 1_000 {
            let within = |shot: &&Shot| (came(shot) - began).max(0) / 1_000 == second;
            let shots: Vec<&Shot> = take.shots.iter().filter(within).collect();
            let offset = file.len() as u64;
            file.extend_from_slice(&[0xDD; 50]);
            let audio_step = take.tracks.audio.as_ref().map_or(0, |audio| audio.frame_samples);
            let picture = rescale(33, 1_000, scale) as u32;
            let video = put_run(&shots, TrackKind::Video, base.video, picture, &mut file);
            let audio = put_run(&shots, TrackKind::Audio, base.audio, audio_step, &mut file);
            index.fragments.push(FragmentIndex {
                offset,
                len: file.len() as u64 - offset,
                video,
                audio,
            });
        }
        reel.files.insert(id, (Arc::new(index), file));
        segments.push(ViewSegment {
            id,
            tracks: take.tracks.clone(),
            base,
            publish_zero: take.publish_zero,
            publish_zero_utc: SOME_DAY + take.publish_zero,
            end: None,
            kept: Kept::default(),
            range: 0,
            gaps: Gaps::Close,
            silence: None,
            filled: None,
            in_step: None,
        });
    }
    View {
        segments: segments.into(),
        source: reel,
    }
}

/// Where the publish of each segment begins on the line, in milliseconds.
pub(crate) fn line_zeros(view: &View<Reel>) -> Vec<i64> {
    let mut tape = super::line::Tape::new(view.clone());
    let line = super::line::Line::open(&mut tape).unwrap();
    let laid = tape.segments().iter().zip(&line.stretches);
    let tape = laid.filter(|(segment, _)| segment.silence.is_none());
    tape.map(|(_, stretch)| stretch.zero_ms).collect()
}

/// True for the silent frame of [`aac`], which stands in a file where the tape has no sound.
pub(crate) fn is_silence(bytes: &[u8]) -> bool {
    bytes == [0x21, 0x00, 0x03, 0x20, 0x64, 0x1C]
}

/// The frames of the takes as they must come out on the line, in ticks of their track.
pub(crate) fn expected(takes: &[Take]) -> Vec<Shot> {
    let mut shots = Vec::new();
    for (take, later_ms) in takes.iter().zip(line_zeros(&view(takes))) {
        for shot in &take.shots {
            let scale = take.tracks.timescale(shot.kind).unwrap();
            let mut shot = shot.clone();
            shot.dts += rescale(later_ms, 1_000, scale);
            shots.push(shot);
        }
    }
    shots
}

/// A sample on the tape: its track, the tape time of its DTS, and its bytes.
pub(crate) type OnTape = (TrackKind, Micros, Vec<u8>);

/// The samples of a view: first those of the picture, then those of the sound, each track in its order.
pub(crate) fn on_tape<S: TapeSource>(view: &View<S>) -> Vec<OnTape> {
    let mut out = Vec::new();
    for kind in [TrackKind::Video, TrackKind::Audio] {
        for segment in &view.segments {
            let index = view.index(segment).unwrap();
            for placed in index.runs(kind).flat_map(Run::placed) {
                let mut bytes = vec![0; placed.sample.size as usize];
                view.source
                    .read_exact_at(segment.id, placed.offset, &mut bytes)
                    .unwrap();
                out.push((kind, segment.tape(kind, placed.dts), bytes));
            }
        }
    }
    out
}

/// The frames of takes between two tape times, as [`on_tape`] has them.
pub(crate) fn shot_between(takes: &[Take], start: Micros, end: Micros) -> Vec<(OnTape, Shot)> {
    let mut out = Vec::new();
    for kind in [TrackKind::Video, TrackKind::Audio] {
        for take in takes {
            for shot in take.shots.iter().filter(|shot| shot.kind == kind) {
                let scale = take.tracks.timescale(kind).unwrap();
                let tape = take.publish_zero + rescale(shot.dts, scale, 1_000_000);
                if (start..end).contains(&tape) {
                    out.push(((kind, tape, shot.payload.clone()), shot.clone()));
                }
            }
        }
    }
    out
}

/// A virtual file's bytes, all at once.
pub(crate) fn all(file: &mut (impl VirtualFile + ?Sized)) -> Vec<u8> {
    let mut bytes = vec![0; file.len() as usize];
    assert_eq!(file.read_at(0, &mut bytes).unwrap(), bytes.len());
    assert_eq!(file.read_at(bytes.len() as u64, &mut [0; 9]).unwrap(), 0);
    bytes
}

/// Reads with the given buffer lengths, over and over, and compares with `whole`.
pub(crate) fn assert_same_in_pieces(file: &mut impl VirtualFile, whole: &[u8], lengths: &[usize]) {
    let mut at = 0;
    for len in lengths.iter().cycle() {
        let mut buf = vec![0; *len];
        let read = file.read_at(at as u64, &mut buf).unwrap();
        assert_eq!(buf[..read], whole[at..at + read]);
        at += read;
        if at == whole.len() {
            break;
        }
        assert_ne!(read, 0, "stopped at {at} of {}", whole.len());
    }
}

/// The usual footage: two segments of one publish that follow each other. The sound begins 20 ms late.
pub(crate) fn two_segments() -> Vec<Take> {
    let tracks = both();
    [(0, 2_000), (2_000, 4_500)]
        .map(|(from, to)| Take {
            shots: shoot(&tracks, from, to, 882),
            tracks: tracks.clone(),
            publish_zero: 0,
        })
        .to_vec()
}

/// The usual footage without the sound between each two times, in milliseconds, as if packets were lost.
pub(crate) fn without_sound(drop_outs: &[(i64, i64)]) -> Vec<Take> {
    let mut takes = two_segments();
    for take in &mut takes {
        take.shots.retain(|shot| {
            let ms = rescale(shot.dts, 44_100, 1_000);
            let lost = drop_outs.iter().any(|(from, to)| (*from..*to).contains(&ms));
            shot.kind == TrackKind::Video || !lost
        });
    }
    takes
}

/// The usual footage with a drop-out of 150 ms every half second: within fragments, over their ends, and over the end of a
/// segment.
pub(crate) fn dropping_out() -> Vec<Take> {
    let drop_outs: Vec<_> = (1..9).map(|n| (n * 500 - 50, n * 500 + 100)).collect();
    without_sound(&drop_outs)
}

/// A tape whose sealed segments have lists of their fragments, as the journal has them.
#[derive(Clone)]
pub(crate) struct Listed<S>(pub(crate) S, Arc<HashMap<SegmentId, Arc<FragmentList>>>);

impl<S: TapeSource> Listed<S> {
    /// The same view with lists of those segments whose end is known.
    pub(crate) fn of(view: View<S>) -> View<Self> {
        let mut lists = HashMap::new();
        for segment in view.segments.iter().filter(|segment| segment.end.is_some()) {
            let index = view.source.index(segment.id).unwrap();
            let list = FragmentList::of(&index, segment.tracks.timescale(TrackKind::Video));
            let list = FragmentList::decode(&list.encode()).unwrap();
            lists.insert(segment.id, Arc::new(list));
        }
        View {
            segments: view.segments,
            source: Self(view.source, Arc::new(lists)),
        }
    }
}

impl<S: TapeSource> TapeSource for Listed<S> {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        self.0.index(segment)
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.0.read_exact_at(segment, offset, buf)
    }

    fn fragments(&self, segment: SegmentId) -> Option<Arc<FragmentList>> {
        self.1.get(&segment).cloned()
    }
}

/// A tape whose last segment is being written. It has the first fragments of that segment.
#[derive(Clone)]
pub(crate) struct Growing {
    reel: Reel,
    open: Option<(SegmentId, usize)>,
    /// Counts the indexes that were read.
    pub(crate) reads: Arc<AtomicUsize>,
}

impl TapeSource for Growing {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let whole = self.reel.index(segment)?;
        Ok(match self.open {
            Some((open, fragments)) if open == segment => Arc::new(SampleIndex {
                fragments: whole.fragments[..fragments].to_vec(),
            }),
            _ => whole,
        })
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.reel.read_exact_at(segment, offset, buf)
    }
}

/// The tape after each fragment. With `sealed` also the tape just after a segment was sealed, when nothing follows yet.
pub(crate) fn steps(whole: &View<Reel>, sealed: bool) -> Vec<View<Growing>> {
    let mut steps = Vec::new();
    for last in 0..whole.segments.len() {
        let id = whole.segments[last].id;
        let count = whole.source.index(id).unwrap().fragments.len();
        for fragments in 1..=count + usize::from(sealed) {
            let mut segments = whole.segments[..=last].to_vec();
            let is_open = fragments <= count;
            for segment in &mut segments[..last + usize::from(!is_open)] {
                segment.end = Some(Micros::MAX - 1);
            }
            steps.push(View {
                segments: segments.into(),
                source: Growing {
                    reel: whole.source.clone(),
                    open: is_open.then_some((id, fragments)),
                    reads: Arc::default(),
                },
            });
        }
    }
    steps
}

/// Everything that can happen to a recording: sound before the picture, a new configuration, a break.
pub(crate) fn eventful() -> Vec<Take> {
    let (first, second) = (
        both(),
        Tracks {
            video: Some(Arc::new(other_video())),
            ..both()
        },
    );
    vec![
        Take {
            tracks: sound_only(),
            shots: shoot(&sound_only(), -40, 1_000, -1_764),
            publish_zero: 5_000_000,
        },
        Take {
            shots: shoot(&first, 1_000, 3_000, -1_764),
            tracks: first,
            publish_zero: 5_000_000,
        },
        Take {
            shots: shoot(&second, 3_000, 5_500, -1_764),
            tracks: second.clone(),
            publish_zero: 5_000_000,
        },
        Take {
            shots: shoot(&second, 0, 1_700, 100),
            tracks: second,
            publish_zero: 17_345_678,
        },
    ]
}

fn put_run(shots: &[&Shot], kind: TrackKind, base: i64, estimate: u32, file: &mut Vec<u8>) -> Run {
    let shots: Vec<&&Shot> = shots.iter().filter(|shot| shot.kind == kind).collect();
    let data_offset = file.len() as u64;
    let samples = shots.iter().enumerate().map(|(number, shot)| {
        file.extend_from_slice(&shot.payload);
        let next = shots.get(number + 1).map(|next| (next.dts - shot.dts) as u32);
        Sample {
            size: shot.payload.len() as u32,
            duration: next.unwrap_or(estimate),
            cts: shot.cts,
            key: shot.key,
        }
    });
    let samples = samples.collect();
    let first_dts = shots.first().map_or(0, |shot| (shot.dts - base) as u64);
    Run {
        first_dts,
        data_offset,
        samples,
    }
}

fn noise(seed: u64, about: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let len = about / 2 + (state >> 33) as usize % about;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(len)
    .collect()
}

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(|byte| byte.is_ascii_hexdigit()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect::<Vec<u8>>().into()
}

impl crate::format::JoinSource for Reel {
    fn join(mut self, others: Vec<Self>) -> Self {
        self.files
            .extend(others.into_iter().flat_map(|other| other.files));
        self
    }

    fn with_indexes(mut self, indexes: HashMap<SegmentId, Arc<SampleIndex>>) -> Self {
        for (id, index) in indexes {
            self.files.get_mut(&id).unwrap().0 = index;
        }
        self
    }
}
