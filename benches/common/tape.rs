//! A long tape, made through the store itself: every row, file and index is what the service would have left. Only the frames
//! are small, so that hundreds of hours fit.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use edgereel::format::Format;
use edgereel::media::{
    ChunkStart, Fragment, Frame, PublishId, RecordingId, StreamName, TrackKind, Tracks, parse_aac, parse_avc,
};
use edgereel::store::{Clock as _, Command, RealClock, RealDisk, RecordingSpec, Store, StoreSettings};

const RECORD: &[u8] =
    b"\x01\x42\xc0\x0d\xff\xe1\x00\x16\x67\x42\xc0\x0d\xda\x05\x07\xec\x04\x40\x00\x00\x03\x00\x40\x00\
\x00\x0f\x03\xc5\x0a\xa8\x01\x00\x04\x68\xce\x0f\xc8";

/// The length of one segment, in microseconds and in seconds.
const MINUTE: i64 = 60_000_000;
const SEGMENT: u32 = 60;

/// The template of a recording that waits, for the service over its store: a publisher goes on with recordings of the template
/// that applies to it, as it is now.
pub(crate) const TEMPLATE: &str =
    "\n[[template]]\nname = \"day\"\nformats = [\"hls\"]\nsplit = \"off\"\n[[rule]]\ntemplate = \"day\"\n";

/// What is made.
pub(crate) struct Shape {
    /// The number of streams, `live/cam0` and on.
    streams: usize,
    /// The number of segments of each stream.
    segments: u32,
    /// The number of segments of one recording.
    recording: u32,
    /// Seconds in a fragment. A minute is a whole number of them.
    fragment: u32,
    /// True when the recording is not closed: it waits for its publisher, from now on.
    waits: bool,
}

/// The pieces of a publish: 25 pictures a second and 48 kHz AAC, with as many samples as a camera's, but of a few bytes each.
struct Footage {
    tracks: Tracks,
    payloads: Vec<Bytes>,
    /// Seconds in a piece.
    seconds: i64,
}

impl Shape {
    /// So many segments in all, each of one fragment, in recordings of an hour.
    pub(crate) fn segments(streams: usize, segments: u32) -> Self {
        Self {
            streams,
            segments: segments / u32::try_from(streams).unwrap_or(1),
            recording: 60,
            fragment: SEGMENT,
            waits: false,
        }
    }

    /// One publish of each stream, with so many segments, in one recording, with a chunk in each fragment of two seconds.
    pub(crate) fn publishes(streams: usize, segments: u32) -> Self {
        Self {
            streams,
            segments,
            recording: segments,
            fragment: 2,
            waits: false,
        }
    }

    /// One recording of so many hours, of [`TEMPLATE`], with fragments of a second as the service writes them. It waits for its
    /// publisher.
    pub(crate) fn waiting(hours: u32) -> Self {
        Self {
            streams: 1,
            segments: hours * 60,
            recording: hours * 60,
            fragment: 1,
            waits: true,
        }
    }

    fn spec(&self) -> Arc<RecordingSpec> {
        let mut spec = RecordingSpec::built_in();
        if self.waits {
            spec.about.template = "day".to_owned();
            spec.about.formats = vec![Format::Hls];
            spec.output.formats = vec![Format::Hls];
            spec.output.split.after = None;
        }
        Arc::new(spec)
    }
}

/// Records the streams in turn, and closes the store.
pub(crate) fn make(dir: &Path, shape: &Shape) -> anyhow::Result<()> {
    ensure!(shape.segments > 0, "fewer segments than streams");
    let mut settings = StoreSettings::new(dir, "bench");
    settings.durability = Duration::from_secs(60);
    settings.segment_duration = Duration::from_secs(SEGMENT.into());
    // Each minute is a segment, however little space a store may reserve for one.
    settings.segment_bytes = 128 << 10;
    let (store, opened) = Store::open(settings, Arc::new(RealDisk), Arc::new(RealClock))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let footage = Footage::new(shape.fragment)?;
    let names = (0..shape.streams)
        .map(|number| StreamName::new("live", &format!("cam{number}")))
        .collect::<Result<Vec<_>, _>>()?;
    // What waits has waited since now: its publisher may be back in time.
    let boot_zero = if shape.waits {
        RealClock.boot() - i64::from(shape.segments) * MINUTE
    } else {
        0
    };
    for first in (0..shape.segments).step_by(shape.recording as usize) {
        let tape_zero = opened.tape_base + i64::from(first) * MINUTE;
        let publishes: Vec<_> = names
            .iter()
            .map(|_| (PublishId::new(1), RecordingId::new(1)))
            .collect();
        for ((publish, recording), stream) in publishes.iter().zip(&names) {
            store.submit(Command::PublishStarted {
                tell: Some(Box::default()),
                publish: *publish,
                stream: stream.clone(),
                tape_zero,
                boot_zero,
                about: Default::default(),
            })?;
            store.submit(Command::RecordingStarted {
                recording: *recording,
                publish: *publish,
                start: tape_zero,
                spec: shape.spec(),
            })?;
        }
        let count = shape.recording.min(shape.segments - first);
        for number in 0..count * SEGMENT / shape.fragment {
            for (publish, _) in &publishes {
                runtime.block_on(store.room());
                store.submit(Command::Append {
                    publish: *publish,
                    fragment: footage.fragment(number.into()),
                })?;
            }
        }
        let end = tape_zero + i64::from(count) * MINUTE;
        for (publish, recording) in publishes {
            store.submit(if shape.waits {
                Command::RecordingPaused {
                    recording,
                    end,
                    reason: "broken".to_owned(),
                }
            } else {
                Command::RecordingClosed {
                    recording,
                    end,
                    reason: "closed".to_owned(),
                }
            })?;
            store.submit(Command::PublishEnded {
                publish,
                reason: "end of the day".to_owned(),
                outcome: Default::default(),
            })?;
        }
    }
    store.shutdown()?;
    let progress = store.progress().borrow().clone();
    ensure!(
        progress.bytes_lost == 0,
        "the store lost {} bytes while the tape was made: {}",
        progress.bytes_lost,
        progress.last_error.unwrap_or_default()
    );
    Ok(())
}

impl Footage {
    fn new(seconds: u32) -> anyhow::Result<Self> {
        let video = parse_avc(Bytes::from_static(RECORD)).context("the bench's video configuration")?;
        let audio =
            parse_aac(Bytes::from_static(&[0x11, 0x90])).context("the bench's audio configuration")?;
        Ok(Self {
            tracks: Tracks {
                video: Some(Arc::new(video)),
                audio: Some(Arc::new(audio)),
            },
            payloads: (1..=8).map(|length| Bytes::from(vec![0x5A; length])).collect(),
            seconds: seconds.into(),
        })
    }

    /// The `number`th fragment of its publish.
    fn fragment(&self, number: i64) -> Fragment {
        let (begins, ends) = (number * self.seconds, (number + 1) * self.seconds);
        let video = (begins * 25..ends * 25).map(|i| self.frame(TrackKind::Video, i * 40, i, i % 50 == 0));
        // 48,000 samples a second in frames of 1,024 are not a whole number of frames.
        let (from, to) = (frames(begins), frames(ends));
        let audio = (from..to).map(|i| self.frame(TrackKind::Audio, i * 1_024, i, true));
        Fragment {
            tracks: self.tracks.clone(),
            chunk: (begins % 2 == 0).then(ChunkStart::default),
            video: video.collect(),
            audio: audio.collect(),
            next_video_dts: Some(ends * 1_000),
            next_audio_dts: Some(to * 1_024),
        }
    }

    fn frame(&self, kind: TrackKind, dts: i64, i: i64, key: bool) -> Frame {
        // The sizes have no pattern that an index could compress.
        let length = usize::try_from(i.wrapping_mul(7_919) / 13 % 8).unwrap_or(0);
        Frame {
            kind,
            dts,
            cts: 0,
            key,
            payload: self.payloads.get(length).cloned().unwrap_or_default(),
        }
    }
}

/// Audio frames of so many seconds.
fn frames(seconds: i64) -> i64 {
    (seconds * 48_000).div_euclid(1_024)
}
