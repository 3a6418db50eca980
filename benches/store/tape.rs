//! A long tape, made through the store itself: every row, file and index is what the service would have left. Only the frames
//! are small, so that hundreds of hours fit.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use edgereel::media::{
    ChunkStart, Fragment, Frame, PublishId, RecordingId, StreamName, TrackKind, Tracks, parse_aac, parse_avc,
};
use edgereel::store::{Command, RealClock, RealDisk, RecordingSpec, Store, StoreSettings};

const RECORD: &[u8] =
    b"\x01\x42\xc0\x0d\xff\xe1\x00\x16\x67\x42\xc0\x0d\xda\x05\x07\xec\x04\x40\x00\x00\x03\x00\x40\x00\
\x00\x0f\x03\xc5\x0a\xa8\x01\x00\x04\x68\xce\x0f\xc8";

/// The length of one segment.
const MINUTE: i64 = 60_000_000;
/// The number of segments of one recording.
const RECORDING: u32 = 60;

/// A minute of 25 pictures a second and 48 kHz AAC, in one fragment: with as many samples as a camera's, but
/// of a few bytes each.
struct Minute {
    tracks: Tracks,
    payloads: Vec<Bytes>,
}

/// Records so many segments of a minute, of streams `live/cam0` and on in turn, and closes the store.
pub(crate) fn make(dir: &Path, streams: usize, segments: u32) -> anyhow::Result<()> {
    let mut settings = StoreSettings::new(dir, "bench");
    settings.durability = Duration::from_secs(60);
    settings.segment_duration = Duration::from_secs(60);
    // Each fragment is a segment, however little space a store may reserve for one.
    settings.segment_bytes = 128 << 10;
    let (store, opened) = Store::open(settings, Arc::new(RealDisk), Arc::new(RealClock))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let minute = Minute::new()?;
    let names = (0..streams)
        .map(|number| StreamName::new("live", &format!("cam{number}")))
        .collect::<Result<Vec<_>, _>>()?;
    let each = segments / u32::try_from(streams)?;
    ensure!(each > 0, "fewer segments than streams");
    for first in (0..each).step_by(RECORDING as usize) {
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
                boot_zero: 0,
                about: Default::default(),
            })?;
            store.submit(Command::RecordingStarted {
                recording: *recording,
                publish: *publish,
                start: tape_zero,
                spec: Arc::new(RecordingSpec::built_in()),
            })?;
        }
        let count = RECORDING.min(each - first);
        for number in 0..count {
            for (publish, _) in &publishes {
                runtime.block_on(store.room());
                let fragment = minute.fragment(i64::from(number));
                store.submit(Command::Append {
                    publish: *publish,
                    fragment,
                })?;
            }
        }
        for (publish, recording) in publishes {
            let end = tape_zero + i64::from(count) * MINUTE;
            store.submit(Command::RecordingClosed {
                recording,
                end,
                reason: "closed".to_owned(),
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

impl Minute {
    fn new() -> anyhow::Result<Self> {
        let video = parse_avc(Bytes::from_static(RECORD)).context("the bench's video configuration")?;
        let audio =
            parse_aac(Bytes::from_static(&[0x11, 0x90])).context("the bench's audio configuration")?;
        Ok(Self {
            tracks: Tracks {
                video: Some(Arc::new(video)),
                audio: Some(Arc::new(audio)),
            },
            payloads: (1..=8).map(|length| Bytes::from(vec![0x5A; length])).collect(),
        })
    }

    /// The `number`th fragment of its publish.
    fn fragment(&self, number: i64) -> Fragment {
        let video =
            (0..1_500).map(|i| self.frame(TrackKind::Video, number * 60_000 + i * 40, i, i % 50 == 0));
        // 48,000 samples a second in frames of 1,024 are not a whole number of frames a minute.
        let (from, to) = (frames(number), frames(number + 1));
        let audio = (from..to).map(|i| self.frame(TrackKind::Audio, i * 1_024, i, true));
        Fragment {
            tracks: self.tracks.clone(),
            chunk: Some(ChunkStart::default()),
            video: video.collect(),
            audio: audio.collect(),
            next_video_dts: Some((number + 1) * 60_000),
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

/// Audio frames of so many minutes.
fn frames(minutes: i64) -> i64 {
    (minutes * 60 * 48_000).div_euclid(1_024)
}
