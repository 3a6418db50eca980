//! `ftyp` and `moov`: the decoder configuration for what follows, without any sample.

use bytes::BufMut;

use super::boxes::{boxed, full};
use super::headers::{
    Times, TrackHeader, Width, put_ftyp, put_hdlr, put_mdhd, put_media_header, put_mvhd, put_tkhd, put_trex,
};
use super::{AUDIO_TRACK, BitRate, VIDEO_TRACK, sample_entry};
use crate::media::{AudioCodec, AudioConfig, MILLISECONDS, TrackKind, Tracks, VideoCodec, VideoConfig};

/// The facts about a whole recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Movie {
    /// When the recording began, in seconds since 1904; 0 when unknown.
    pub created: u64,
    /// How long the recording is, in milliseconds, where it is complete.
    pub duration_ms: Option<u64>,
    /// The bit rate of the picture, where it is known.
    pub video_rate: Option<BitRate>,
    /// The bit rate of the sound, where it is known.
    pub audio_rate: Option<BitRate>,
}

/// The initialization segment of these tracks: `ftyp moov`, for HLS and DASH, or before all fragments of a file.
pub fn init(tracks: &Tracks, movie: Movie) -> Vec<u8> {
    // CMAF (ISO/IEC 23000-19 §7.3) has one track in a file.
    let alone = tracks.video.is_some() != tracks.audio.is_some();
    let mut brands: Vec<&[u8; 4]> = vec![b"iso6", b"mp41"];
    brands.extend(alone.then_some(b"cmfc"));
    brands.extend(tracks.video.as_ref().map(|video| brand(video.codec)));
    let mut out = ftyp(b"iso6", &brands);
    put_moov(&mut out, tracks, movie, Rolls::Said);
    out
}

/// Whether the file says how many samples a decoder needs before a sample to make it sound right. The tape does not need it.
/// Every exported file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rolls {
    Said,
    Left,
}

/// The brand of files with pictures of a codec.
pub(in crate::format) fn brand(codec: VideoCodec) -> &'static [u8; 4] {
    match codec {
        VideoCodec::Avc => b"avc1",
        VideoCodec::Hevc => b"hvc1",
        VideoCodec::Av1 => b"av01",
    }
}

/// `ftyp` (ISO/IEC 14496-12 §4.3).
pub(super) fn ftyp(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
    let mut out = Vec::new();
    put_ftyp(&mut out, major, 0, compatible);
    out
}

/// `moov` (ISO/IEC 14496-12 §8.2.1) with a track each and `mvex`: samples come in fragments.
pub(super) fn put_moov(out: &mut Vec<u8>, tracks: &Tracks, movie: Movie, rolls: Rolls) {
    boxed(out, b"moov", |out| {
        put_mvhd(out, times(movie), MILLISECONDS, AUDIO_TRACK + 1);
        if let Some(video) = &tracks.video {
            put_video(out, video, movie);
        }
        if let Some(audio) = &tracks.audio {
            put_audio(out, audio, movie, rolls);
        }
        boxed(out, b"mvex", |out| {
            if let Some(duration_ms) = movie.duration_ms {
                full(out, b"mehd", 1, 0, |out| out.put_u64(duration_ms));
            }
            let present = [
                tracks.video.as_ref().map(|_| VIDEO_TRACK),
                tracks.audio.as_ref().map(|_| AUDIO_TRACK),
            ];
            for track_id in present.into_iter().flatten() {
                put_trex(out, track_id);
            }
        });
    });
}

/// The times of the headers. The duration stands elsewhere, if it is known.
fn times(movie: Movie) -> Times {
    Times {
        created: movie.created,
        duration: 0,
        width: Width::Wide,
    }
}

/// The track is enabled, in the movie and in its preview.
const FLAGS: u32 = 7;

fn put_video(out: &mut Vec<u8>, config: &VideoConfig, movie: Movie) {
    let (width, height) = config.display_size();
    let pixels = |size: u32, coded: u16| u32::from(u16::try_from(size).unwrap_or(coded));
    let header = TrackHeader {
        id: VIDEO_TRACK,
        flags: FLAGS,
        alternate_group: 0,
        size: Some((pixels(width, config.width), pixels(height, config.height))),
    };
    let media = Media {
        kind: TrackKind::Video,
        times: times(movie),
        timescale: config.timescale,
        name: "video",
        entry: sample_entry::with_bit_rate(sample_entry::video(config), movie.video_rate),
        roll: None,
    };
    media.put(out, header);
}

fn put_audio(out: &mut Vec<u8>, config: &AudioConfig, movie: Movie, rolls: Rolls) {
    let header = TrackHeader {
        id: AUDIO_TRACK,
        flags: FLAGS,
        alternate_group: 1,
        size: None,
    };
    let media = Media {
        kind: TrackKind::Audio,
        times: times(movie),
        timescale: config.sample_rate,
        name: "audio",
        entry: sample_entry::with_bit_rate(sample_entry::audio(config), movie.audio_rate),
        roll: roll_distance(config).filter(|_| rolls == Rolls::Said),
    };
    media.put(out, header);
}

/// The number of packets, as a negative number, that a decoder needs before a packet to make it sound right: 80 ms of them
/// (Encapsulation of Opus in ISOBMFF §4.3.6.2). Nothing for other codecs.
pub(in crate::format) fn roll_distance(config: &AudioConfig) -> Option<i16> {
    if config.codec != AudioCodec::Opus {
        return None;
    }
    let samples = u64::from(config.sample_rate) * 80 / 1_000;
    let packets = samples.div_ceil(u64::from(config.frame_samples.max(1)));
    Some(i16::try_from(packets).map_or(i16::MIN, |packets| -packets))
}

/// `sgpd` (ISO/IEC 14496-12 §8.9.3) of version 2. Its only entry holds for every sample that no `sbgp` names, so no fragment
/// needs an `sbgp`.
fn put_roll(out: &mut Vec<u8>, distance: i16) {
    full(out, b"sgpd", 2, 0, |out| {
        out.put_slice(b"roll");
        out.put_u32(2); // bytes of an entry
        out.put_u32(1); // the entry of all others
        out.put_u32(1); // entries
        out.put_i16(distance);
    });
}

/// The values for the `mdia` of a track (ISO/IEC 14496-12 §8.4).
struct Media<'a> {
    kind: TrackKind,
    times: Times,
    timescale: u32,
    name: &'a str,
    entry: Vec<u8>,
    /// The [`roll_distance`] of every sample.
    roll: Option<i16>,
}

impl Media<'_> {
    fn put(&self, out: &mut Vec<u8>, header: TrackHeader) {
        boxed(out, b"trak", |out| {
            put_tkhd(out, self.times, header);
            boxed(out, b"mdia", |out| {
                put_mdhd(out, self.times, self.timescale);
                put_hdlr(out, self.kind, self.name);
                boxed(out, b"minf", |out| {
                    put_media_header(out, self.kind);
                    boxed(out, b"stbl", |out| self.put_tables(out));
                });
            });
        });
    }

    /// `stsd` with the only entry. The other required tables are empty.
    fn put_tables(&self, out: &mut Vec<u8>) {
        full(out, b"stsd", 0, 0, |out| {
            out.put_u32(1);
            out.put_slice(&self.entry);
        });
        full(out, b"stts", 0, 0, |out| out.put_u32(0));
        full(out, b"stsc", 0, 0, |out| out.put_u32(0));
        full(out, b"stsz", 0, 0, |out| out.put_u64(0));
        full(out, b"stco", 0, 0, |out| out.put_u32(0));
        if let Some(distance) = self.roll {
            put_roll(out, distance);
        }
    }
}
