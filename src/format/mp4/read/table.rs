//! Sample tables of other people's files, read where they stand (ISO/IEC 14496-12 §8.6, §8.7).

use crate::format::fmp4::boxes::{child, take, take_u32};
use crate::media::{TrackKind, rescale};

use super::{Mp4Error, Mp4Sample, Track};

/// The tables of one track.
#[derive(Clone, Copy)]
pub(super) struct Tables<'a> {
    stts: Runs<'a>,
    ctts: Option<Runs<'a>>,
    stss: Option<&'a [u8]>,
    stsc: &'a [u8],
    sizes: &'a [u8],
    size: u32,
    count: u32,
    offsets: &'a [u8],
    wide: bool,
}

/// A table of (count, value).
#[derive(Clone, Copy)]
struct Runs<'a> {
    entries: &'a [u8],
    left: u32,
    value: u32,
}

/// The samples of one track, in decode order.
pub(super) struct TrackSamples<'a> {
    tables: Tables<'a>,
    kind: TrackKind,
    configs: usize,
    timescale: u32,
    len: u64,
    sample: u32,
    dts: i64,
    chunk: u32,
    chunk_samples: u32,
    left_in_chunk: u32,
    config: usize,
    offset: u64,
    ended: bool,
}

impl<'a> Tables<'a> {
    /// Finds the tables. `None` when a required one is missing.
    pub(super) fn of(stbl: &'a [u8]) -> Option<Self> {
        let entries = |kind: &[u8; 4]| child(stbl, kind).and_then(|body| body.get(8..));
        let runs = |kind| {
            entries(kind).map(|entries| Runs {
                entries,
                left: 0,
                value: 0,
            })
        };
        let mut stsz = child(stbl, b"stsz")?.get(4..)?;
        let (size, count) = (take_u32(&mut stsz)?, take_u32(&mut stsz)?);
        let (offsets, wide) = match entries(b"stco") {
            Some(offsets) => (offsets, false),
            None => (entries(b"co64")?, true),
        };
        Some(Self {
            stts: runs(b"stts")?,
            ctts: runs(b"ctts"),
            stss: entries(b"stss"),
            stsc: entries(b"stsc")?,
            sizes: stsz,
            size,
            count,
            offsets,
            wide,
        })
    }

    /// Where each chunk begins.
    pub(super) fn chunk_offsets(mut self) -> impl Iterator<Item = u64> {
        std::iter::from_fn(move || self.next_offset())
    }

    fn next_offset(&mut self) -> Option<u64> {
        if self.wide {
            take(&mut self.offsets).map(u64::from_be_bytes)
        } else {
            take_u32(&mut self.offsets).map(u64::from)
        }
    }

    fn next_size(&mut self) -> Option<u32> {
        match self.size {
            0 => take_u32(&mut self.sizes),
            size => Some(size),
        }
    }

    /// True when decoding can begin at `sample`, which counts from one. A table of sync samples ascends.
    fn is_key(&mut self, sample: u32) -> bool {
        let Some(stss) = &mut self.stss else { return true };
        let mut ahead = *stss;
        while let Some(number) = take_u32(&mut ahead) {
            if number >= sample {
                return number == sample;
            }
            *stss = ahead;
        }
        false
    }
}

impl Runs<'_> {
    fn next(&mut self) -> Option<u32> {
        while self.left == 0 {
            self.left = take_u32(&mut self.entries)?;
            self.value = take_u32(&mut self.entries)?;
        }
        self.left -= 1;
        Some(self.value)
    }
}

impl<'a> TrackSamples<'a> {
    /// Begins at the first sample. `len` is the length of the file.
    pub(super) fn new(track: &Track, tables: Tables<'a>, len: u64) -> Self {
        Self {
            tables,
            kind: track.kind,
            configs: track.configs.len(),
            timescale: track.timescale,
            len,
            sample: 0,
            dts: track.shift,
            chunk: 0,
            chunk_samples: 0,
            left_in_chunk: 0,
            config: 0,
            offset: 0,
            ended: false,
        }
    }

    /// The next sample. Nothing after the last one or an error.
    pub(super) fn next(&mut self) -> Option<Result<Mp4Sample, Mp4Error>> {
        if self.ended || self.sample >= self.tables.count {
            return None;
        }
        self.sample += 1;
        let read = self.read();
        self.ended = read.is_err();
        Some(read.map_err(|reason| Mp4Error::Broken {
            kind: self.kind.as_str(),
            sample: self.sample,
            reason,
        }))
    }

    fn read(&mut self) -> Result<Mp4Sample, &'static str> {
        if self.left_in_chunk == 0 {
            self.next_chunk()?;
        }
        self.left_in_chunk -= 1;
        let size = self.tables.next_size().ok_or("its size is missing")?;
        let duration = self.tables.stts.next().ok_or("its duration is missing")?;
        // Version 0 is unsigned, but many programs write signed values into it.
        let cts = self
            .tables
            .ctts
            .as_mut()
            .and_then(Runs::next)
            .unwrap_or(0)
            .cast_signed();
        let offset = self.offset;
        self.offset = offset.saturating_add(u64::from(size));
        if self.offset > self.len {
            return Err("its bytes are beyond the end of the file");
        }
        let dts_ms = self.to_ms(self.dts);
        let pts_ms = self.to_ms(self.dts.saturating_add(i64::from(cts)));
        self.dts = self.dts.saturating_add(i64::from(duration));
        Ok(Mp4Sample {
            kind: self.kind,
            config: self.config,
            dts_ms,
            cts_ms: i32::try_from(pts_ms - dts_ms).map_err(|_| "its composition offset is out of range")?,
            key: self.tables.is_key(self.sample),
            offset,
            size,
        })
    }

    fn next_chunk(&mut self) -> Result<(), &'static str> {
        self.offset = self.tables.next_offset().ok_or("its chunk is missing")?;
        self.chunk = self.chunk.saturating_add(1);
        let mut ahead = self.tables.stsc;
        if let (Some(first), Some(samples), Some(config)) =
            (take_u32(&mut ahead), take_u32(&mut ahead), take_u32(&mut ahead))
            && first <= self.chunk
        {
            self.tables.stsc = ahead;
            self.chunk_samples = samples;
            self.config = usize::try_from(config).unwrap_or(0).wrapping_sub(1);
        }
        if self.chunk_samples == 0 {
            return Err("its chunk is empty");
        }
        if self.config >= self.configs {
            return Err("its configuration is missing");
        }
        self.left_in_chunk = self.chunk_samples;
        Ok(())
    }

    fn to_ms(&self, ticks: i64) -> i64 {
        let scale = i128::from(self.timescale.max(1));
        let nearest = (i128::from(ticks) * 1_000 + scale / 2).div_euclid(scale);
        i64::try_from(nearest).unwrap_or(0)
    }
}

/// The offset that the edit list adds to a track's times, in its ticks: empty edits at the beginning, less the media time of
/// the first edit that is not empty. Later edits are for editors.
pub(super) fn edit_shift(trak: &[u8], movie_scale: u32, timescale: u32) -> i64 {
    let Some(elst) = child(trak, b"edts").and_then(|edts| child(edts, b"elst")) else {
        return 0;
    };
    let wide = elst.first() == Some(&1);
    let mut rest = elst.get(8..).unwrap_or_default();
    let mut next = || -> Option<(i64, i64)> {
        let edit = if wide {
            (
                take(&mut rest).map(i64::from_be_bytes)?,
                take(&mut rest).map(i64::from_be_bytes)?,
            )
        } else {
            (
                i64::from(take_u32(&mut rest)?),
                i64::from(take_u32(&mut rest)?.cast_signed()),
            )
        };
        take_u32(&mut rest)?;
        Some(edit)
    };
    let mut shift = 0_i64;
    while let Some((duration, media_time)) = next() {
        if media_time >= 0 {
            return shift.saturating_sub(media_time);
        }
        shift = shift.saturating_add(rescale(duration, movie_scale, timescale));
    }
    shift
}
