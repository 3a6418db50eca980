//! How long a reader waits for the index of a long recording, and how fast the media follows.
//!
//! The recording: two hours, 30 pictures a second with B-frames, 44.1 kHz AAC, segments of a minute. Indexes are decoded from
//! their journal form at each request, as the store does it.
//!
//! `cargo bench --bench format`

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use edgereel::format::flv::Flv;
use edgereel::format::hls::{self, Hls, Served, Start, Update, Uris};
use edgereel::format::index::{FragmentIndex, Run, Sample, SampleIndex};
use edgereel::format::mp4::Mp4;
use edgereel::format::{
    FileFormat, Gaps, Kept, Plan, SourceError, TapeSource, TrackBase, View, ViewSegment, VirtualFile,
};
use edgereel::media::{SegmentId, Tracks, parse_aac, parse_avc};

const SEGMENTS: u8 = 120;
const RECORD: &[u8] =
    b"\x01\x42\xc0\x0d\xff\xe1\x00\x16\x67\x42\xc0\x0d\xda\x05\x07\xec\x04\x40\x00\x00\x03\x00\x40\x00\
\x00\x0f\x03\xc5\x0a\xa8\x01\x00\x04\x68\xce\x0f\xc8";

/// Indexes in their journal form, and media that costs as much as a copy from the page cache.
#[derive(Clone)]
struct Tape {
    blob: Arc<[u8]>,
    file: Arc<[u8]>,
}

impl TapeSource for Tape {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        match SampleIndex::decode(&self.blob) {
            Ok(index) => Ok(Arc::new(index)),
            Err(error) => Err(SourceError {
                segment,
                reason: error.to_string(),
            }),
        }
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(bytes) = self.file.get(from..from.saturating_add(buf.len())) else {
            return Err(SourceError {
                segment,
                reason: "beyond the end".to_owned(),
            });
        };
        buf.copy_from_slice(bytes);
        Ok(())
    }
}

fn minute() -> SampleIndex {
    let mut offset = 1_000;
    let fragments = (0..60_u64).map(|second| {
        let video = (0..30_u64).map(|frame| Sample {
            size: if frame == 0 {
                60_000
            } else {
                14_000 + (frame as u32 * 7_919 + second as u32) % 3_000
            },
            duration: 33 + u32::from(frame % 3 == 2),
            cts: match frame % 3 {
                0 => 33,
                1 => 100,
                _ => 0,
            },
            key: frame == 0,
        });
        let audio = (0..43_u64).map(|frame| Sample {
            size: 300 + (frame as u32 * 31 + second as u32) % 80,
            duration: 1_024,
            cts: 0,
            key: true,
        });
        let mut run = |first_dts, samples: Vec<Sample>| {
            let run = Run {
                first_dts,
                data_offset: offset,
                samples,
            };
            offset += run.bytes();
            run
        };
        FragmentIndex {
            offset: 0,
            len: 0,
            video: run(second * 1_000, video.collect()),
            audio: run(second * 43 * 1_024, audio.collect()),
        }
    });
    let mut fragments: Vec<FragmentIndex> = fragments.collect();
    for fragment in &mut fragments {
        fragment.offset = fragment.video.data_offset.saturating_sub(10);
        fragment.len = fragment.video.bytes() + fragment.audio.bytes() + 10;
    }
    SampleIndex { fragments }
}

fn two_hours() -> View<Tape> {
    let index = minute();
    let len = index
        .fragments
        .iter()
        .map(|fragment| fragment.offset + fragment.len)
        .max()
        .unwrap_or(0);
    let source = Tape {
        blob: index.encode().into(),
        file: vec![7; usize::try_from(len).unwrap_or(0)].into(),
    };
    let tracks = Tracks {
        video: parse_avc(RECORD.into()).ok().map(Arc::new),
        audio: parse_aac((&b"\x12\x10"[..]).into()).ok().map(Arc::new),
    };
    let segments = (0..SEGMENTS).map(|number| ViewSegment {
        id: SegmentId::from_bytes([number; 16]),
        tracks: tracks.clone(),
        base: TrackBase {
            video: i64::from(number) * 60_000,
            audio: i64::from(number) * 60 * 44_100,
        },
        publish_zero: 0,
        publish_zero_utc: 1_767_323_045_678_000,
        end: None,
        kept: Kept::default(),
        range: 0,
        gaps: Gaps::Close,
        silence: None,
        in_step: None,
        filled: None,
    });
    View {
        segments: segments.collect(),
        source,
    }
}

/// Reads up to `until` with buffers of a mebibyte.
fn read(file: &mut impl VirtualFile, until: u64) -> u64 {
    let mut buf = vec![0; 1 << 20];
    let mut at = 0;
    while at < until {
        match file.read_at(at, &mut buf) {
            Ok(read) if read > 0 => at += read as u64,
            _ => break,
        }
        black_box(&buf);
    }
    at
}

fn index(criterion: &mut Criterion) {
    let view = two_hours();
    let media: u64 = minute()
        .fragments
        .iter()
        .map(|fragment| fragment.len - 10)
        .sum::<u64>()
        * u64::from(SEGMENTS);
    let mut group = criterion.benchmark_group("index of two hours");
    group.sample_size(10);
    group.bench_function("mp4: open", |bench| {
        bench.iter(|| Mp4::open(view.clone()).map(|mp4| mp4.len()))
    });
    group.bench_function("mp4: open, read the whole moov", |bench| {
        bench.iter(|| {
            let Ok(mut mp4) = Mp4::open(view.clone()) else {
                return 0;
            };
            let front = mp4.len() - media;
            read(&mut mp4, front)
        });
    });
    group.bench_function("mp4: a plan with its tag", |bench| {
        bench.iter(|| Plan::of(FileFormat::Mp4, view.clone()).map(|plan| (plan.len(), plan.tag())))
    });
    if let Ok(plan) = Plan::of(FileFormat::Mp4, view.clone()) {
        let (middle, mut buf) = (plan.len() / 2, vec![0; 64 << 10]);
        println!("the plan of an MP4 of two hours: {} bytes", plan.weight());
        group.bench_function("mp4: open a plan, read its beginning and its middle", |bench| {
            bench.iter(|| {
                let mut file = plan.open(view.source.clone());
                [0, middle].map(|at| file.read_at(at, &mut buf).unwrap_or(0))
            });
        });
    }
    group.bench_function("flv: open", |bench| {
        bench.iter(|| Flv::open(view.clone()).map(|flv| flv.len()))
    });
    group.bench_function("hls: open", |bench| {
        bench.iter(|| Hls::open(view.clone(), hls::TARGET_MS).map(|hls| hls.count()));
    });
    if let Ok(hls) = Hls::open(view.clone(), hls::TARGET_MS) {
        let uris = Uris::default();
        let served = |update| Served {
            start: Start::Beginning,
            update,
            uris: &uris,
            later_us: 0,
        };
        group.bench_function("hls: its playlist", |bench| {
            bench.iter(|| hls.served(&served(Update::Whole)).len())
        });
        group.bench_function("hls: the playlist of its keyframes", |bench| {
            bench.iter(|| hls.keyframes(&served(Update::Whole)).map(|text| text.len()))
        });
    }
    group.finish();
}

fn media(criterion: &mut Criterion) {
    let view = two_hours();
    let bytes = 512 << 20;
    let mut group = criterion.benchmark_group("media from memory");
    group.sample_size(10).throughput(Throughput::Bytes(bytes));
    if let Ok(mut mp4) = Mp4::open(view.clone()) {
        group.bench_function("mp4", |bench| bench.iter(|| read(&mut mp4, bytes)));
    }
    if let Ok(mut flv) = Flv::open(view) {
        group.bench_function("flv", |bench| bench.iter(|| read(&mut flv, bytes)));
    }
    group.finish();
}

criterion_group!(benches, index, media);
criterion_main!(benches);
