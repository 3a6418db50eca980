//! Pictures that are not counted in milliseconds, as doors other than RTMP will deliver them. Video from ffmpeg is put on a
//! tape in its own ticks, and ffmpeg, mpv, GStreamer and Chromium find each picture at its tick in every format.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use edgereel::media::{
    ChunkStart, Fragment, Frame, PublishId, RecordingId, StreamName, TrackKind, Tracks, VideoConfig,
    parse_aac, parse_avc, rescale,
};
use edgereel::store::{Command, Opened, RealClock, RealDisk, RecordingSpec, Store, StoreSettings};
use tempfile::TempDir;

use crate::browser::Case;
use crate::players::plays;
use crate::programs::{FFMPEG, GST_LAUNCH};
use crate::support::{edgereel, export, home, recordings, verified};

/// Ticks a second, and the rate of the pictures for ffmpeg: of RTP and MPEG-TS, of television in North America, and of both.
const SCALES: [(u32, &str); 3] = [(90_000, "30000/1001"), (30_000, "30000/1001"), (90_000, "25")];
pub(crate) const SECONDS: u32 = 6;
/// Pictures of a GOP.
pub(crate) const GOP: usize = 15;
const SAMPLE_RATE: u32 = 48_000;
/// AAC-LC, 48 kHz, one channel.
const SOUND: [u8; 2] = [0x11, 0x88];

/// A store with a recording of each file.
struct Kept {
    home: TempDir,
    sources: Vec<Source>,
}

/// A file from ffmpeg, and its recording.
struct Source {
    /// The decoded pictures: ticks from the first picture, and a hash of each.
    pictures: Vec<(i64, String)>,
    timescale: u32,
    recording: String,
}

impl Kept {
    #[track_caller]
    fn record() -> Self {
        let home = home();
        let (store, opened) = store_in(&home.path().join("data"));
        let mut sources = Vec::new();
        for (number, (timescale, rate)) in (0..).zip(SCALES) {
            let file = encode(home.path(), timescale, rate);
            let recording = RecordingId::new(number);
            let stream = StreamName::new("live", &format!("cam{number}")).unwrap();
            put(&store, stream, opened.tape_base, recording, &file);
            sources.push(Source {
                pictures: decoded(&file, timescale),
                timescale,
                recording: recording.to_string(),
            });
        }
        store.shutdown().unwrap();
        let kept = Self { home, sources };
        assert_eq!(recordings(&kept.data()).len(), SCALES.len());
        verified(&kept.data());
        kept
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The path that a player opens.
    #[track_caller]
    fn rendition(&self, source: &Source, format: &str) -> PathBuf {
        let name = match format {
            "hls" => format!("{}-hls", source.recording),
            "fmp4" => format!("{}-fragmented.mp4", source.recording),
            other => format!("{}.{other}", source.recording),
        };
        let path = self.home.path().join(name);
        export(&self.data(), &source.recording, format, &path).ok();
        match format {
            "hls" => path.join("index.m3u8"),
            _ => path,
        }
    }
}

/// Opens a store in a folder.
#[track_caller]
pub(crate) fn store_in(data: &Path) -> (Store, Opened) {
    let settings = StoreSettings::new(data.to_owned(), "test");
    Store::open(settings, Arc::new(RealDisk), Arc::new(RealClock)).unwrap()
}

/// H.264 with B-pictures and a keyframe each half second, and AAC, in an MP4 whose video has this timescale.
#[track_caller]
pub(crate) fn encode(folder: &Path, timescale: u32, rate: &str) -> PathBuf {
    let path = folder.join(format!("source-{timescale}-{}.mp4", rate.replace('/', "-")));
    let picture = format!("testsrc2=size=320x180:rate={rate}:duration={SECONDS}");
    let tone = format!("sine=frequency=440:sample_rate={SAMPLE_RATE}:duration={SECONDS}");
    let start = [
        "-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone,
    ];
    let codecs = format!(
        "-c:v libx264 -preset veryfast -bf 2 -g {GOP} -sc_threshold 0 -pix_fmt yuv420p -c:a aac -b:a 64k \
         -video_track_timescale {timescale}"
    );
    let end = codecs.split_whitespace().chain([path.to_str().unwrap()]);
    FFMPEG.run(start.into_iter().chain(end)).ok();
    path
}

/// Records a file unchanged, a fragment for each GOP.
#[track_caller]
pub(crate) fn put(store: &Store, stream: StreamName, tape_zero: i64, recording: RecordingId, file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    let mut reader = mp4::Mp4Reader::read_header(Cursor::new(&bytes), bytes.len() as u64).unwrap();
    let [video, audio] = [mp4::TrackType::Video, mp4::TrackType::Audio].map(|kind| {
        let track = reader
            .tracks()
            .iter()
            .find(|(_, track)| track.track_type().unwrap() == kind);
        *track.unwrap().0
    });
    let timescale = reader.tracks()[&video].timescale();
    let tracks = Tracks {
        video: Some(Arc::new(VideoConfig {
            timescale,
            ..parse_avc(boxed(&bytes, b"avcC")).unwrap()
        })),
        audio: Some(Arc::new(parse_aac(Bytes::from_static(&SOUND)).unwrap())),
    };
    let mut frames = |track, kind| {
        let count = reader.sample_count(track).unwrap();
        let samples = (1..=count).map(|number| reader.read_sample(track, number).unwrap().unwrap());
        let frames = samples.map(|sample| Frame {
            kind,
            dts: sample.start_time as i64,
            cts: sample.rendering_offset,
            key: sample.is_sync,
            payload: sample.bytes,
        });
        frames.collect::<Vec<Frame>>()
    };
    let (pictures, mut sound) = (frames(video, TrackKind::Video), frames(audio, TrackKind::Audio));
    let publish = PublishId::new(tape_zero.unsigned_abs());
    let submit = |command| store.submit(command).unwrap();
    submit(Command::PublishStarted {
        tell: Some(Box::default()),
        publish,
        stream,
        tape_zero,
        boot_zero: 0,
        about: Default::default(),
    });
    submit(Command::RecordingStarted {
        recording,
        publish,
        start: tape_zero,
        spec: Arc::new(RecordingSpec::built_in()),
    });
    let mut groups = pictures.chunk_by(|_, next| !next.key).peekable();
    while let Some(group) = groups.next() {
        let next = groups.peek().map(|group| group[0].dts);
        let ends = next.map_or(i64::MAX, |next| rescale(next, timescale, SAMPLE_RATE));
        let later = sound.split_off(sound.partition_point(|frame| frame.dts < ends));
        submit(Command::Append {
            publish,
            fragment: Fragment {
                tracks: tracks.clone(),
                chunk: Some(ChunkStart::default()),
                video: group.to_vec(),
                next_video_dts: next,
                next_audio_dts: later.first().map(|frame| frame.dts),
                audio: std::mem::replace(&mut sound, later),
            },
        });
    }
    submit(Command::RecordingClosed {
        recording,
        end: tape_zero + i64::from(SECONDS) * 1_000_000,
        reason: "closed".to_owned(),
    });
    submit(Command::PublishEnded {
        publish,
        reason: "the end of the file".to_owned(),
        outcome: Default::default(),
    });
}

/// The contents of the only box of this kind.
#[track_caller]
fn boxed(bytes: &[u8], kind: &[u8; 4]) -> Bytes {
    let at = bytes.windows(4).position(|four| four == kind).unwrap();
    let len = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) as usize;
    Bytes::copy_from_slice(&bytes[at + 4..at - 4 + len])
}

/// The pictures that ffmpeg decodes: ticks in this timescale from the first one, and a hash of each.
#[track_caller]
pub(crate) fn decoded(path: &Path, timescale: u32) -> Vec<(i64, String)> {
    let words = "-map 0:v -fps_mode passthrough -enc_time_base -1 -copyts -f framehash -hash md5 -";
    let start = ["-v", "error", "-xerror", "-i", path.to_str().unwrap()];
    let done = FFMPEG.run(start.into_iter().chain(words.split(' '))).ok();
    assert!(
        done.stderr.trim().is_empty(),
        "{}: {}",
        path.display(),
        done.stderr
    );
    let text = done.text();
    let base = text
        .lines()
        .find_map(|line| line.strip_prefix("#tb 0: 1/"))
        .unwrap();
    let base: u32 = base.parse().unwrap();
    let pictures = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        (fields[2].parse::<i64>().unwrap(), fields[5].to_owned())
    });
    let pictures: Vec<_> = pictures.collect();
    let first = pictures[0].0;
    let ticks = |pts: i64| {
        let wide = i128::from(pts - first) * i128::from(timescale);
        // A tick may not be a whole number in the time base of ffmpeg's output, so the time is rounded to the nearest tick.
        i64::try_from((2 * wide + i128::from(base)).div_euclid(2 * i128::from(base))).unwrap()
    };
    pictures
        .into_iter()
        .map(|(pts, hash)| (ticks(pts), hash))
        .collect()
}

/// The times at which GStreamer shows each picture, in nanoseconds from the first.
#[track_caller]
fn shown_by_gstreamer(path: &Path, demuxer: &str) -> Vec<i64> {
    let location = format!("location={}", path.display());
    let words = format!("! {demuxer} ! h264parse ! avdec_h264 ! fakesink silent=false sync=false");
    let start = ["-v", "filesrc", &location];
    let done = GST_LAUNCH.run(start.into_iter().chain(words.split(' '))).ok();
    let text = done.text();
    let times = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("chain ")?;
        let (_, pts) = rest.split_once("pts: ")?;
        let (time, _) = pts.split_once(',')?;
        let (clock, nanos) = time.split_once('.')?;
        let seconds = clock
            .split(':')
            .fold(0, |sum, part| sum * 60 + part.parse::<i64>().unwrap());
        Some(seconds * 1_000_000_000 + nanos.parse::<i64>().unwrap())
    });
    let times: Vec<i64> = times.collect();
    times.iter().map(|time| time - times[0]).collect()
}

#[test]
fn ffmpeg_decodes_each_picture_at_its_tick_in_every_format() {
    let kept = Kept::record();
    for source in &kept.sources {
        for format in ["mp4", "fmp4", "hls", "flv"] {
            let found = decoded(&kept.rendition(source, format), source.timescale);
            let hashes = |pictures: &[(i64, String)]| -> Vec<String> {
                pictures.iter().map(|picture| picture.1.clone()).collect()
            };
            assert!(
                hashes(&found) == hashes(&source.pictures),
                "{format}: {}",
                source.timescale
            );
            // FLV counts milliseconds: both times of a picture are rounded.
            let most = if format == "flv" {
                i64::from(source.timescale) / 1_000
            } else {
                0
            };
            for (found, sent) in found.iter().zip(&source.pictures) {
                assert!(
                    (found.0 - sent.0).abs() <= most,
                    "{format}: {} for {} of {}",
                    found.0,
                    sent.0,
                    source.timescale
                );
            }
        }
    }
}

#[test]
fn gstreamer_and_mpv_play_each_picture_at_its_tick() {
    let kept = Kept::record();
    for source in &kept.sources {
        for (format, demuxer) in [("mp4", "qtdemux"), ("fmp4", "qtdemux"), ("flv", "flvdemux")] {
            let path = kept.rendition(source, format);
            let found = shown_by_gstreamer(&path, demuxer);
            assert_eq!(found.len(), source.pictures.len(), "{format}");
            let most = if format == "flv" { 1_000_001 } else { 1_000 };
            for (found, (ticks, _)) in found.iter().zip(&source.pictures) {
                let wanted = rescale(*ticks, source.timescale, 1_000_000_000);
                assert!((found - wanted).abs() <= most, "{format}: {found} for {wanted}");
            }
            plays(&path);
        }
        plays(&kept.rendition(source, "hls"));
    }
}

#[test]
fn chromium_shows_pictures_at_their_ticks() {
    let kept = Kept::record();
    for source in &kept.sources[..2] {
        for format in ["mp4", "fmp4", "hls"] {
            let path = kept.rendition(source, format);
            let seen = match format {
                "hls" => Case::hls(path.parent().unwrap()),
                _ => Case::file(&path),
            };
            let seen = seen.rate(2.0).play();
            seen.plays_through(f64::from(SECONDS));
            assert!(seen.errors.is_empty() && seen.sound > 0, "{format}: {seen:?}");
            assert!(
                seen.frames as usize >= source.pictures.len() - 2,
                "{format}: {seen:?}"
            );
            // The busy machine may skip pictures, but the times of the shown pictures do not depend on it.
            let scale = f64::from(source.timescale);
            let begins = seen.times.iter().copied().fold(f64::MAX, f64::min);
            let off = |time: &f64| {
                let pictures = source.pictures.iter();
                let apart = pictures.map(|(ticks, _)| (begins + *ticks as f64 / scale - time).abs());
                apart.fold(f64::MAX, f64::min)
            };
            let worst = seen.times.iter().map(off).fold(0.0, f64::max);
            assert!(worst < 0.002, "{format}: {worst} s from any picture: {seen:?}");
        }
    }
}

/// The file has the least timescale that keeps all ticks.
#[test]
fn recordings_in_different_ticks_join_to_the_tick() {
    let kept = Kept::record();
    // The configuration of the decoder is the same.
    let sources = &kept.sources[..2];
    let pictures = sources.iter().flat_map(|source| &source.pictures);
    let wanted: Vec<&String> = pictures.map(|(_, hash)| hash).collect();
    // Not HLS: ffmpeg reads the second part of the folder with the timescale of the first.
    for format in ["mp4", "fmp4"] {
        let path = kept.home.path().join(format!("joined-{format}"));
        let (data, out) = (kept.data(), path.to_str().unwrap());
        let ids = sources.iter().map(|source| source.recording.as_str());
        let more = ["--data", data.to_str().unwrap(), "--format", format, "-o", out];
        let words: Vec<&str> = ["export"].into_iter().chain(ids).chain(more).collect();
        edgereel(&words).ok();
        let found = decoded(&path, 90_000);
        let hashes = found.iter().map(|(_, hash)| hash);
        assert!(hashes.eq(wanted.iter().copied()), "{format}");
        let mut rest = found.as_slice();
        for source in sources {
            let (own, left) = rest.split_at(source.pictures.len());
            let by = i64::from(90_000 / source.timescale);
            for (found, sent) in own.iter().zip(&source.pictures) {
                assert_eq!(found.0 - own[0].0, sent.0 * by, "{format}");
            }
            rest = left;
        }
    }
}
