//! The boxes of a `moov` that hold facts of a movie and its tracks outside of the sample tables (ISO/IEC 14496-12 §8).
//!
//! Segments, fragmented MP4 and progressive MP4 all use these writers. The caller gives what differs between them.

use bytes::BufMut;

use super::boxes::{boxed, full, take, take_u32};
use crate::media::TrackKind;

/// The unity matrix of `mvhd` and `tkhd`.
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// The language `und`, as three letters of five bits.
const LANGUAGE: u16 = 0x55C4;

/// How wide the times of a header are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Width {
    /// 32 bits, version 0.
    Narrow,
    /// 64 bits, version 1.
    Wide,
}

impl Width {
    /// The width that these values need.
    pub(in crate::format) fn of(values: &[u64]) -> Self {
        if values.iter().all(|value| *value < u64::from(u32::MAX)) {
            Width::Narrow
        } else {
            Width::Wide
        }
    }

    pub(in crate::format) fn version(self) -> u8 {
        u8::from(self == Width::Wide)
    }

    pub(in crate::format) fn put(self, out: &mut Vec<u8>, value: u64) {
        match (self, u32::try_from(value)) {
            (Width::Narrow, Ok(value)) => out.put_u32(value),
            _ => out.put_u64(value),
        }
    }
}

/// When the movie or track was created, in seconds since 1904, and how long it is, in its own ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct Times {
    pub(in crate::format) created: u64,
    pub(in crate::format) duration: u64,
    pub(in crate::format) width: Width,
}

impl Times {
    fn put_created(&self, out: &mut Vec<u8>) {
        self.width.put(out, self.created);
        self.width.put(out, self.created);
    }
}

/// The fields of `tkhd` beside its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct TrackHeader {
    pub(in crate::format) id: u32,
    /// 1: enabled, 2: in the movie, 4: in its preview.
    pub(in crate::format) flags: u32,
    /// Tracks of the same group are alternatives. 0 is no group.
    pub(in crate::format) alternate_group: u16,
    /// Width and height in pixels. Nothing for sound.
    pub(in crate::format) size: Option<(u32, u32)>,
}

/// `ftyp` (§4.3).
pub(in crate::format) fn put_ftyp(out: &mut Vec<u8>, major: &[u8; 4], minor: u32, compatible: &[&[u8; 4]]) {
    boxed(out, b"ftyp", |out| {
        out.put_slice(major);
        out.put_u32(minor);
        compatible.iter().for_each(|brand| out.put_slice(*brand));
    });
}

/// `mvhd` (§8.2.2): at its own speed, at full volume.
pub(in crate::format) fn put_mvhd(out: &mut Vec<u8>, times: Times, timescale: u32, next_track: u32) {
    full(out, b"mvhd", times.width.version(), 0, |out| {
        times.put_created(out);
        out.put_u32(timescale);
        times.width.put(out, times.duration);
        out.put_u32(0x1_0000);
        out.put_u16(0x0100);
        out.put_bytes(0, 10);
        MATRIX.iter().for_each(|value| out.put_u32(*value));
        out.put_bytes(0, 24);
        out.put_u32(next_track);
    });
}

/// `tkhd` (§8.3.2).
pub(in crate::format) fn put_tkhd(out: &mut Vec<u8>, times: Times, track: TrackHeader) {
    let (width, height) = track.size.unwrap_or_default();
    let volume = if track.size.is_some() { 0 } else { 0x0100 };
    full(out, b"tkhd", times.width.version(), track.flags, |out| {
        times.put_created(out);
        out.put_u32(track.id);
        out.put_u32(0);
        times.width.put(out, times.duration);
        out.put_u64(0);
        out.put_u16(0);
        out.put_u16(track.alternate_group);
        out.put_u16(volume);
        out.put_u16(0);
        MATRIX.iter().for_each(|value| out.put_u32(*value));
        out.put_u32(width << 16);
        out.put_u32(height << 16);
    });
}

/// `mdhd` (§8.4.2).
pub(in crate::format) fn put_mdhd(out: &mut Vec<u8>, times: Times, timescale: u32) {
    full(out, b"mdhd", times.width.version(), 0, |out| {
        times.put_created(out);
        out.put_u32(timescale);
        times.width.put(out, times.duration);
        out.put_u16(LANGUAGE);
        out.put_u16(0);
    });
}

/// `hdlr` (§8.4.3) of a track, with a name for people.
pub(in crate::format) fn put_hdlr(out: &mut Vec<u8>, kind: TrackKind, name: &str) {
    let handler = match kind {
        TrackKind::Video => b"vide",
        TrackKind::Audio => b"soun",
    };
    put_handler(out, handler, name);
}

/// The same of a track of any kind.
pub(in crate::format) fn put_handler(out: &mut Vec<u8>, handler: &[u8; 4], name: &str) {
    full(out, b"hdlr", 0, 0, |out| {
        out.put_u32(0);
        out.put_slice(handler);
        out.put_bytes(0, 12);
        out.put_slice(name.as_bytes());
        out.put_u8(0);
    });
}

/// `vmhd` or `smhd`, and a `dinf` that says that the media is in this file (§8.4.5, §8.7.1).
pub(in crate::format) fn put_media_header(out: &mut Vec<u8>, kind: TrackKind) {
    match kind {
        TrackKind::Video => full(out, b"vmhd", 0, 1, |out| out.put_u64(0)),
        TrackKind::Audio => full(out, b"smhd", 0, 0, |out| out.put_u32(0)),
    }
    put_data_reference(out);
}

/// The same `dinf`, for media of any kind.
pub(in crate::format) fn put_data_reference(out: &mut Vec<u8>) {
    boxed(out, b"dinf", |out| {
        full(out, b"dref", 0, 0, |out| {
            out.put_u32(1);
            full(out, b"url ", 0, 1, |_| ());
        });
    });
}

/// `trex` (§8.8.3): the only sample entry, and no value that is the same in all fragments.
pub(super) fn put_trex(out: &mut Vec<u8>, track: u32) {
    full(out, b"trex", 0, 0, |out| {
        out.put_u32(track);
        out.put_u32(1);
        out.put_bytes(0, 12);
    });
}

/// track_ID of the body of a `tkhd`.
pub(super) fn track_id(body: &[u8]) -> Option<u32> {
    behind_times(body).and_then(|mut rest| take_u32(&mut rest))
}

/// Ticks a second of the body of an `mdhd`.
pub(super) fn timescale(body: &[u8]) -> Option<u32> {
    behind_times(body).and_then(|mut rest| take_u32(&mut rest))
}

/// The bytes behind version, flags and the two times, which both boxes begin with.
fn behind_times(mut body: &[u8]) -> Option<&[u8]> {
    let [version, ..] = take::<4>(&mut body)?;
    match version {
        0 => take::<8>(&mut body).map(drop)?,
        1 => take::<16>(&mut body).map(drop)?,
        _ => return None,
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Dinf, Dref, Encode, FourCC, Ftyp, Hdlr, Matrix, Mdhd, Mvhd, Smhd, Tkhd, Trex, Url, Vmhd};

    use super::*;

    #[track_caller]
    fn assert_same(put: impl FnOnce(&mut Vec<u8>), judge: &impl Encode) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        put(&mut ours);
        judge.encode(&mut theirs).unwrap();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn each_box_is_as_another_writer_makes_it() {
        let times = Times {
            created: 3_900_000_000,
            duration: 77,
            width: Width::Wide,
        };
        let created = times.created;
        let brands = [FourCC::new(b"iso6"), FourCC::new(b"mp41")];
        let ftyp = Ftyp {
            major_brand: brands[0],
            minor_version: 0x200,
            compatible_brands: brands.to_vec(),
        };
        assert_same(|out| put_ftyp(out, b"iso6", 0x200, &[b"iso6", b"mp41"]), &ftyp);
        let mvhd = Mvhd {
            creation_time: created,
            modification_time: created,
            timescale: 90_000,
            duration: 77,
            rate: 1.into(),
            volume: 1.into(),
            matrix: Matrix::default(),
            next_track_id: 3,
        };
        assert_same(|out| put_mvhd(out, times, 90_000, 3), &mvhd);
        let tkhd = Tkhd {
            track_id: 1,
            creation_time: created,
            modification_time: created,
            duration: 77,
            enabled: true,
            in_movie: true,
            width: 1_920.into(),
            height: 1_080.into(),
            ..Tkhd::default()
        };
        let header = TrackHeader {
            id: 1,
            flags: 7,
            alternate_group: 0,
            size: Some((1_920, 1_080)),
        };
        assert_same(|out| put_tkhd(out, times, header), &tkhd);
        let sound = Tkhd {
            track_id: 2,
            alternate_group: 1,
            volume: 1.into(),
            width: 0.into(),
            height: 0.into(),
            ..tkhd
        };
        let header = TrackHeader {
            id: 2,
            alternate_group: 1,
            size: None,
            ..header
        };
        assert_same(|out| put_tkhd(out, times, header), &sound);
        let mdhd = Mdhd {
            creation_time: created,
            modification_time: created,
            timescale: 48_000,
            duration: 77,
            language: "und".to_owned(),
        };
        assert_same(|out| put_mdhd(out, times, 48_000), &mdhd);
        for (kind, handler) in [(TrackKind::Video, b"vide"), (TrackKind::Audio, b"soun")] {
            let hdlr = Hdlr {
                handler: FourCC::new(handler),
                name: "a name".to_owned(),
            };
            assert_same(|out| put_hdlr(out, kind, "a name"), &hdlr);
        }
        let trex = Trex {
            track_id: 2,
            default_sample_description_index: 1,
            default_sample_duration: 0,
            default_sample_size: 0,
            default_sample_flags: 0,
        };
        assert_same(|out| put_trex(out, 2), &trex);
    }

    #[test]
    fn the_media_is_in_this_file() {
        let dinf = Dinf {
            dref: Dref {
                entries: vec![Url::default().into()],
            },
        };
        let (mut video, mut audio, mut judge) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
        put_media_header(&mut video, TrackKind::Video);
        put_media_header(&mut audio, TrackKind::Audio);
        let [vide, soun] = &mut judge;
        Vmhd::default().encode(vide).unwrap();
        Smhd::default().encode(soun).unwrap();
        for theirs in [vide, soun] {
            dinf.encode(theirs).unwrap();
        }
        assert_eq!([video, audio], judge);
    }

    #[test]
    fn both_versions_are_read() {
        for width in [Width::Narrow, Width::Wide] {
            let times = Times {
                created: 7,
                duration: 9,
                width,
            };
            let (mut tkhd, mut mdhd) = (Vec::new(), Vec::new());
            let header = TrackHeader {
                id: 0x0102_0304,
                flags: 3,
                alternate_group: 0,
                size: None,
            };
            put_tkhd(&mut tkhd, times, header);
            put_mdhd(&mut mdhd, times, 90_000);
            assert_eq!(track_id(&tkhd[8..]), Some(0x0102_0304));
            assert_eq!(timescale(&mdhd[8..]), Some(90_000));
            assert_eq!(timescale(&mdhd[8..20]), None);
            mdhd[8] = 2;
            assert_eq!(timescale(&mdhd[8..]), None);
        }
    }
}
