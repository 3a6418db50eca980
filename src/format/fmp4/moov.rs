//! `ftyp` and `moov`: how to decode what follows, without any sample of its own.

use bytes::BufMut;
use mp4_atom::{Dinf, Dref, FourCC, Ftyp, Hdlr, Matrix, Mdhd, Mvhd, Smhd, Tkhd, Trex, Url, Vmhd};

use super::boxes::{atom, boxed, full};
use super::{AUDIO_TRACK, VIDEO_TRACK, sample_entry};
use crate::media::{AudioConfig, Tracks, VIDEO_TIMESCALE, VideoConfig};

/// The initialization segment of these tracks: `ftyp moov`, for HLS and DASH.
pub fn init(tracks: &Tracks) -> Vec<u8> {
    let mut out = ftyp(b"iso6", &[b"iso6", b"mp41", b"cmfc"]);
    put_moov(&mut out, tracks, 0);
    out
}

/// `ftyp` (ISO/IEC 14496-12 §4.3).
pub(super) fn ftyp(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
    let mut out = Vec::new();
    let ftyp = Ftyp {
        major_brand: FourCC::new(major),
        minor_version: 0,
        compatible_brands: compatible.iter().map(|brand| FourCC::new(brand)).collect(),
    };
    atom(&mut out, &ftyp);
    out
}

/// `moov` (ISO/IEC 14496-12 §8.2.1) with a track each and `mvex`: samples come in fragments.
///
/// `created` is in seconds since 1904, 0 when unknown.
pub(super) fn put_moov(out: &mut Vec<u8>, tracks: &Tracks, created: u64) {
    boxed(out, b"moov", |out| {
        let mvhd = Mvhd {
            creation_time: created,
            modification_time: created,
            timescale: VIDEO_TIMESCALE,
            duration: 0,
            rate: 1.into(),
            volume: 1.into(),
            matrix: Matrix::default(),
            next_track_id: AUDIO_TRACK + 1,
        };
        atom(out, &mvhd);
        if let Some(video) = &tracks.video {
            put_video(out, video, created);
        }
        if let Some(audio) = &tracks.audio {
            put_audio(out, audio, created);
        }
        boxed(out, b"mvex", |out| {
            let present = [
                tracks.video.as_ref().map(|_| VIDEO_TRACK),
                tracks.audio.as_ref().map(|_| AUDIO_TRACK),
            ];
            for track_id in present.into_iter().flatten() {
                let trex = Trex {
                    track_id,
                    default_sample_description_index: 1,
                    default_sample_duration: 0,
                    default_sample_size: 0,
                    default_sample_flags: 0,
                };
                atom(out, &trex);
            }
        });
    });
}

fn put_video(out: &mut Vec<u8>, config: &VideoConfig, created: u64) {
    let tkhd = Tkhd {
        track_id: VIDEO_TRACK,
        creation_time: created,
        modification_time: created,
        enabled: true,
        in_movie: true,
        width: config.width.into(),
        height: config.height.into(),
        ..Tkhd::default()
    };
    let media = Media {
        created,
        timescale: VIDEO_TIMESCALE,
        handler: b"vide",
        name: "video",
        entry: sample_entry::video(config),
    };
    boxed(out, b"trak", |out| {
        atom(out, &tkhd);
        media.put(out, |out| atom(out, &Vmhd::default()));
    });
}

fn put_audio(out: &mut Vec<u8>, config: &AudioConfig, created: u64) {
    let tkhd = Tkhd {
        track_id: AUDIO_TRACK,
        creation_time: created,
        modification_time: created,
        enabled: true,
        in_movie: true,
        alternate_group: 1,
        volume: 1.into(),
        ..Tkhd::default()
    };
    let media = Media {
        created,
        timescale: config.sample_rate,
        handler: b"soun",
        name: "audio",
        entry: sample_entry::audio(config),
    };
    boxed(out, b"trak", |out| {
        atom(out, &tkhd);
        media.put(out, |out| atom(out, &Smhd::default()));
    });
}

/// What `mdia` says of a track (ISO/IEC 14496-12 §8.4).
struct Media<'a> {
    created: u64,
    timescale: u32,
    handler: &'a [u8; 4],
    name: &'a str,
    entry: Vec<u8>,
}

impl Media<'_> {
    fn put(&self, out: &mut Vec<u8>, put_header: impl FnOnce(&mut Vec<u8>)) {
        boxed(out, b"mdia", |out| {
            let mdhd = Mdhd {
                creation_time: self.created,
                modification_time: self.created,
                timescale: self.timescale,
                duration: 0,
                language: "und".to_owned(),
            };
            atom(out, &mdhd);
            let hdlr = Hdlr {
                handler: FourCC::new(self.handler),
                name: self.name.to_owned(),
            };
            atom(out, &hdlr);
            boxed(out, b"minf", |out| {
                put_header(out);
                let in_this_file = Dinf {
                    dref: Dref {
                        entries: vec![Url::default().into()],
                    },
                };
                atom(out, &in_this_file);
                boxed(out, b"stbl", |out| self.put_tables(out));
            });
        });
    }

    /// `stsd` with the one entry, and the other tables that must be there, empty.
    fn put_tables(&self, out: &mut Vec<u8>) {
        full(out, b"stsd", 0, 0, |out| {
            out.put_u32(1);
            out.put_slice(&self.entry);
        });
        full(out, b"stts", 0, 0, |out| out.put_u32(0));
        full(out, b"stsc", 0, 0, |out| out.put_u32(0));
        full(out, b"stsz", 0, 0, |out| out.put_u64(0));
        full(out, b"stco", 0, 0, |out| out.put_u32(0));
    }
}
