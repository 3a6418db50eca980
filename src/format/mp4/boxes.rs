//! The boxes of a `moov` other than its tables (ISO/IEC 14496-12 §8).

use crate::format::fmp4::headers::{
    Times, TrackHeader, Width, put_ftyp, put_hdlr, put_mdhd, put_media_header, put_mvhd, put_tkhd,
};
use crate::format::fmp4::{self, BitRate, sample_entry};
use crate::format::line::{Config, TrackLine};
use crate::media::{TrackKind, VideoCodec};

use super::edit::Edit;

/// Seconds from the epoch of ISO base media files, 1904, to that of Unix.
const EPOCH: i64 = 2_082_844_800;

/// The track is enabled, and in the movie.
const FLAGS: u32 = 3;

/// The track is in the movie, and players show it only when somebody chooses it.
pub(super) const OTHER_FLAGS: u32 = 2;

/// The number of the group of tracks of text. Apple's players list only tracks that have one.
pub(super) const TEXTS: u16 = 3;

/// A track of the file: the recording that it is of, counted from 0, and what it has.
#[derive(Clone, Copy)]
pub(super) struct Which<'a> {
    pub(super) side: u32,
    pub(super) kind: TrackKind,
    /// What the track is called, where the file has several recordings.
    pub(super) name: Option<&'a str>,
    /// Players show it unless somebody chooses another one.
    pub(super) is_first: bool,
}

impl Which<'_> {
    /// Number of the track in the file. The picture comes first.
    fn id(&self) -> u32 {
        let own = match self.kind {
            TrackKind::Video => fmp4::VIDEO_TRACK,
            TrackKind::Audio => fmp4::AUDIO_TRACK,
        };
        self.side.saturating_mul(2).saturating_add(own)
    }

    /// The tracks of which players show one at a time have the same number.
    fn alternate_group(&self) -> u16 {
        match (self.name, self.kind) {
            (None, _) => 0,
            (Some(_), TrackKind::Video) => 1,
            (Some(_), TrackKind::Audio) => 2,
        }
    }
}

/// When the recording began, in seconds since 1904; 0 for times before 1970.
pub(in crate::format) fn creation_time(unix_micros: i64) -> u64 {
    match unix_micros.div_euclid(1_000_000) {
        seconds if seconds > 0 => seconds.saturating_add(EPOCH).unsigned_abs(),
        _ => 0,
    }
}

/// `ftyp`, with the brands of the pictures' codecs.
pub(super) fn ftyp(pictures: impl Iterator<Item = VideoCodec>) -> Vec<u8> {
    let mut brands: Vec<&[u8; 4]> = vec![b"isom", b"iso2"];
    for brand in pictures.map(fmp4::brand) {
        if !brands.contains(&brand) {
            brands.push(brand);
        }
    }
    match brands.len() {
        2 => brands = vec![b"M4A ", b"isom", b"iso2", b"mp42"],
        _ => brands.push(b"mp41"),
    }
    let mut out = Vec::new();
    put_ftyp(
        &mut out,
        brands.first().copied().unwrap_or(b"isom"),
        0x200,
        &brands,
    );
    out
}

/// `mvhd` (§8.2.2).
pub(super) fn mvhd(created: u64, (timescale, duration): (u32, u64), next_track: u32) -> Vec<u8> {
    let mut out = Vec::new();
    put_mvhd(&mut out, times(created, duration), timescale, next_track);
    out
}

/// `tkhd` (§8.3.2).
pub(super) fn tkhd(which: Which<'_>, created: u64, duration: u64, track: &TrackLine) -> Vec<u8> {
    let header = TrackHeader {
        id: which.id(),
        flags: if which.is_first { FLAGS } else { OTHER_FLAGS },
        alternate_group: which.alternate_group(),
        size: match track.configs.first() {
            Some(Config::Video(config)) => Some(config.display_size()),
            _ => None,
        },
    };
    let mut out = Vec::new();
    put_tkhd(&mut out, times(created, duration), header);
    out
}

fn times(created: u64, duration: u64) -> Times {
    Times {
        created,
        duration,
        width: Width::of(&[created, duration]),
    }
}

/// `edts` with its `elst` (§8.6.6).
pub(super) fn edts(edit: &Edit) -> Vec<u8> {
    let fits = |(duration, media_time): &(u64, i64)| {
        Width::of(&[*duration]) == Width::Narrow && i32::try_from(*media_time).is_ok()
    };
    let width = if edit.entries.iter().all(fits) {
        Width::Narrow
    } else {
        Width::Wide
    };
    plain(b"edts", |edts| {
        edts.extend(full(b"elst", width.version(), 0, |out| {
            let count: u32 = fitted!(edit.entries.len(), "the entries of an edit list");
            out.extend_from_slice(&count.to_be_bytes());
            for (duration, media_time) in edit.entries.iter().copied() {
                width.put(out, duration);
                match (width, i32::try_from(media_time)) {
                    (Width::Narrow, Ok(media_time)) => out.extend_from_slice(&media_time.to_be_bytes()),
                    _ => out.extend_from_slice(&media_time.to_be_bytes()),
                }
                out.extend_from_slice(&0x1_0000_u32.to_be_bytes());
            }
        }));
    })
}

/// `mdhd` (§8.4.2).
pub(super) fn mdhd(created: u64, track: &TrackLine) -> Vec<u8> {
    let duration = track.end_dts.saturating_sub(track.first_dts).unsigned_abs();
    let mut out = Vec::new();
    put_mdhd(&mut out, times(created, duration), track.timescale);
    out
}

/// `hdlr` (§8.4.3).
pub(super) fn hdlr(which: Which<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let usual = match which.kind {
        TrackKind::Video => "Video",
        TrackKind::Audio => "Sound",
    };
    put_hdlr(&mut out, which.kind, which.name.unwrap_or(usual));
    out
}

/// `udta` with the name of a track, as QuickTime and ffmpeg know it: a text without an end.
pub(super) fn track_name(name: &str) -> Vec<u8> {
    plain(b"udta", |udta| {
        udta.extend(plain(b"name", |out| out.extend_from_slice(name.as_bytes())));
    })
}

/// `vmhd` or `smhd`, and `dinf`.
pub(super) fn media_header(kind: TrackKind) -> Vec<u8> {
    let mut out = Vec::new();
    put_media_header(&mut out, kind);
    out
}

/// `stsd` with an entry for each configuration (§8.5.2).
pub(super) fn stsd(track: &TrackLine, rate: Option<BitRate>) -> Vec<u8> {
    full(b"stsd", 0, 0, |out| {
        let count: u32 = fitted!(track.configs.len(), "the sample entries of a track");
        out.extend_from_slice(&count.to_be_bytes());
        for config in &track.configs {
            let entry = match config {
                Config::Video(config) => sample_entry::video(config),
                Config::Audio(config) => sample_entry::audio(config),
            };
            out.extend(sample_entry::with_bit_rate(entry, rate));
        }
    })
}

/// `sgpd` and `sbgp` (§8.9): every sample decodes rightly once the given number of samples before it were decoded.
pub(super) fn roll(samples: u32, distance: i16) -> Vec<u8> {
    let mut out = full(b"sgpd", 1, 0, |out| {
        out.extend_from_slice(b"roll");
        out.extend_from_slice(&2_u32.to_be_bytes());
        out.extend_from_slice(&1_u32.to_be_bytes());
        out.extend_from_slice(&distance.to_be_bytes());
    });
    out.extend(full(b"sbgp", 0, 0, |out| {
        out.extend_from_slice(b"roll");
        out.extend_from_slice(&1_u32.to_be_bytes());
        out.extend_from_slice(&samples.to_be_bytes());
        out.extend_from_slice(&1_u32.to_be_bytes());
    }));
    out
}

/// A box header in front of `body` bytes that follow elsewhere. It has a 64-bit size if necessary.
pub(super) fn header(kind: &[u8; 4], body: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    match u32::try_from(body.saturating_add(8)) {
        Ok(size) => {
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(kind);
        }
        Err(_) => {
            out.extend_from_slice(&1_u32.to_be_bytes());
            out.extend_from_slice(kind);
            out.extend_from_slice(&body.saturating_add(16).to_be_bytes());
        }
    }
    out
}

pub(super) fn plain(kind: &[u8; 4], write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    fmp4::boxes::boxed(&mut out, kind, write);
    out
}

pub(super) fn full(kind: &[u8; 4], version: u8, flags: u32, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    fmp4::boxes::full(&mut out, kind, version, flags, write);
    out
}
