//! A text track of times (3GPP TS 26.245): when each moment of the file was, by the clock on the wall.
//!
//! All texts are equally long, so none of them is kept: what stands at a place of the file is computed from the [`Clock`] when somebody
//! reads it.
//!
//! ```text
//! moov/trak   tkhd   not enabled: players show it when somebody chooses it
//!             mdia   mdhd (milliseconds)  hdlr sbtl  nmhd  stts  stsc (one chunk)  stsz (28 each)  stco
//! mdat        in front of the media: 2 bytes 26, "2026-12-01 14:03:27 +01:00"; and so on
//! ```

use bytes::BufMut as _;

use super::boxes::{self, full, plain};
use super::side::Side;
use crate::format::fmp4::headers::{
    Times as Dates, TrackHeader, Width, put_data_reference, put_handler, put_mdhd, put_tkhd,
};
use crate::format::mark::Marker;
use crate::format::times::{Clock, TEXT, text};
use crate::format::{FileError, TapeSource, View};
use crate::media::{Zone, rescale};

/// Ticks of a second of the track.
const TIMESCALE: u32 = 1_000;

/// Bytes of a sample: the length of the text, and the text.
const SAMPLE: u32 = 2 + TEXT as u32;

/// How many samples are made at a time.
const AT_ONCE: u64 = 4_096;

/// The name that players show people.
const NAME: &str = "Times";

/// The texts of a file.
pub(super) struct Times {
    clock: Clock,
    zone: Zone,
}

/// What the boxes of the track say, beside the texts.
pub(super) struct Track {
    /// Number of the track in the file.
    pub(super) id: u32,
    /// When the recording began, as `mvhd` writes it.
    pub(super) created: u64,
    /// Ticks of a second of the movie.
    pub(super) timescale: u32,
    /// Size of the picture.
    pub(super) size: (u32, u32),
}

impl Times {
    /// The texts of a file that plays a side, and lasts so long in ticks of the movie. Nothing where there is no time to tell.
    pub(super) fn of<S: TapeSource>(
        side: &Side,
        view: &View<S>,
        (timescale, end): (u32, u64),
        zone: &Zone,
    ) -> Result<Option<Self>, FileError> {
        let segments = view.segments.get(side.first..).unwrap_or_default();
        let dated = side.line.dated(segments, view)?;
        let sets = dated
            .into_iter()
            .map(|(line, utc)| (side.plays(line).div_euclid(1_000), utc.div_euclid(1_000)));
        let end = i64::try_from(end).unwrap_or(i64::MAX);
        let clock = Clock::of(sets, rescale(end, timescale, TIMESCALE));
        let zone = zone.clone();
        Ok((clock.texts() > 0).then_some(Self { clock, zone }))
    }

    /// The samples in groups that are made at a time: the first one, and how many.
    pub(super) fn groups(&self) -> impl Iterator<Item = (u64, u64)> {
        let all = self.clock.texts();
        let step = usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        (0..all)
            .step_by(step)
            .map(move |first| (first, AT_ONCE.min(all - first)))
    }

    /// Bytes of a group.
    pub(super) fn len(count: u64) -> u64 {
        count.saturating_mul(SAMPLE.into())
    }

    /// Makes samples.
    pub(super) fn samples(&self, (first, count): (u64, u64)) -> Vec<u8> {
        let mut out = Vec::with_capacity(usize::try_from(Self::len(count)).unwrap_or(0));
        let count = usize::try_from(count).unwrap_or(0);
        for (_, utc_s) in self.clock.from(first).take(count) {
            out.put_u16(TEXT as u16);
            out.put_slice(text(utc_s, &self.zone).as_bytes());
        }
        out
    }

    /// Adds to `marker` what samples depend on. The bytes of the boxes are marked by themselves.
    pub(super) fn mark(&self, (first, count): (u64, u64), marker: &mut Marker) {
        marker.numbers(&[first, count]);
        self.clock.mark(marker);
        // The zone's rules may change with a new release of their list.
        for at in [first, first.saturating_add(count).saturating_sub(1)] {
            marker.bytes(&self.samples((at, 1)));
        }
    }

    /// About how many bytes of memory they take up.
    pub(super) fn weight(&self) -> usize {
        self.clock.weight()
    }

    /// `trak`. The samples begin at `offset` in the file.
    pub(super) fn trak(&self, track: &Track, offset: u32) -> Vec<u8> {
        let lasts = self.clock.lasts_ms();
        let in_movie = rescale(
            i64::try_from(lasts).unwrap_or(i64::MAX),
            TIMESCALE,
            track.timescale,
        );
        let dates = |duration: u64| Dates {
            created: track.created,
            duration,
            width: Width::of(&[track.created, duration]),
        };
        let header = TrackHeader {
            id: track.id,
            flags: boxes::OTHER_FLAGS,
            alternate_group: boxes::TEXTS,
            size: Some(track.size),
        };
        plain(b"trak", |trak| {
            put_tkhd(trak, dates(in_movie.unsigned_abs()), header);
            trak.extend(plain(b"mdia", |mdia| {
                put_mdhd(mdia, dates(lasts), TIMESCALE);
                put_handler(mdia, b"sbtl", NAME);
                mdia.extend(plain(b"minf", |minf| {
                    minf.extend(full(b"nmhd", 0, 0, |_| ()));
                    put_data_reference(minf);
                    minf.extend(plain(b"stbl", |stbl| self.tables(stbl, track.size, offset)));
                }));
            }));
            trak.extend(boxes::track_name(NAME));
        })
    }

    fn tables(&self, stbl: &mut Vec<u8>, size: (u32, u32), offset: u32) {
        let samples: u32 = fitted!(self.clock.texts(), "the texts of a file");
        stbl.extend(full(b"stsd", 0, 0, |out| {
            out.put_u32(1);
            out.extend(tx3g(size));
        }));
        stbl.extend(full(b"stts", 0, 0, |out| {
            let runs = self.clock.runs();
            out.put_u32(fitted!(runs.len(), "the lengths of texts"));
            for (count, lasts_ms) in runs {
                out.put_u32(fitted!(count, "the texts of a length"));
                out.put_u32(fitted!(lasts_ms, "how long a text stands"));
            }
        }));
        stbl.extend(full(b"stsc", 0, 0, |out| {
            [1, 1, samples, 1].iter().for_each(|value| out.put_u32(*value));
        }));
        stbl.extend(full(b"stsz", 0, 0, |out| {
            out.put_u32(SAMPLE);
            out.put_u32(samples);
        }));
        stbl.extend(full(b"stco", 0, 0, |out| {
            out.put_u32(1);
            out.put_u32(offset);
        }));
    }
}

/// Where the texts of a file are, when boxes of `before` bytes stand in front of them: behind the header of an `mdat`.
pub(super) fn offset(before: u64) -> u32 {
    fitted!(before.saturating_add(8), "the place of the texts of a file")
}

/// `TextSampleEntry` (3GPP TS 26.245 §5.16): white on half black, at the lower left.
///
/// ```text
/// 6 bytes 0, index 1 (2), flags (4), justification: -1 = left or lower (1, 1), colour behind the text (4),
/// box: top left bottom right (2 each), style: from to font (2 each) face size (1 each) colour (4),
/// ftab: count 1 (2), font 1 (2), length (1), name
/// ```
fn tx3g((width, height): (u32, u32)) -> Vec<u8> {
    let pixels = |of: u32| u16::try_from(of).unwrap_or(u16::MAX);
    let size = (height / 24).clamp(12, 255);
    let bottom = height.saturating_sub(height / 48);
    let top = bottom.saturating_sub(size.saturating_mul(3) / 2);
    plain(b"tx3g", |out| {
        out.put_bytes(0, 6);
        out.put_u16(1);
        out.put_u32(0);
        // Left, and at the bottom.
        out.put_slice(&[0, 0xFF]);
        out.put_slice(&[0, 0, 0, 0x80]);
        for edge in [top, width / 48, bottom, width] {
            out.put_u16(pixels(edge));
        }
        [0, 0, 1].iter().for_each(|value| out.put_u16(*value));
        out.put_slice(&[0, u8::try_from(size).unwrap_or(u8::MAX)]);
        out.put_slice(&[0xFF; 4]);
        out.extend(plain(b"ftab", |out| {
            let font = b"Sans-Serif";
            out.put_u16(1);
            out.put_u16(1);
            out.put_u8(font.len() as u8);
            out.put_slice(font);
        }));
    })
}

#[cfg(test)]
mod tests;
