//! The sample tables (ISO/IEC 14496-12 §8.6, §8.7), one segment's slice at a time.

use crate::format::index::SampleIndex;
use crate::format::line::{Line, Summary, TrackLine, walk};
use crate::media::TrackKind;

/// A table of `stbl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// How long each sample lasts.
    Stts,
    /// Presentation less decode time.
    Ctts,
    /// Where decoding can begin.
    Stss,
    /// Which samples are in which chunk. A chunk is one track's run in one fragment.
    Stsc,
    /// How large each sample is.
    Stsz,
    /// Where each chunk begins, 32 bits.
    Stco,
    /// Where each chunk begins, 64 bits.
    Co64,
}

impl Table {
    /// The tables that a track needs. `wide` is true when the file is too long for 32-bit offsets.
    pub(super) fn of(track: &TrackLine, wide: bool) -> Vec<Table> {
        let offsets = if wide { Table::Co64 } else { Table::Stco };
        let composed = track.min_cts != 0 || track.max_cts != 0;
        let not_all_keys = track.keys != track.samples;
        [
            Some(Table::Stts),
            composed.then_some(Table::Ctts),
            not_all_keys.then_some(Table::Stss),
            Some(Table::Stsc),
            Some(Table::Stsz),
            Some(offsets),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub(super) fn kind(self) -> &'static [u8; 4] {
        match self {
            Table::Stts => b"stts",
            Table::Ctts => b"ctts",
            Table::Stss => b"stss",
            Table::Stsc => b"stsc",
            Table::Stsz => b"stsz",
            Table::Stco => b"stco",
            Table::Co64 => b"co64",
        }
    }

    /// Version, flags and number of entries: the bytes before the entries.
    pub(super) fn preamble(self, entries: u32) -> Vec<u8> {
        let mut out = vec![0; if self == Table::Stsz { 8 } else { 4 }];
        out.extend_from_slice(&entries.to_be_bytes());
        out
    }

    /// Bytes of one entry.
    pub(super) fn entry_bytes(self) -> u64 {
        match self {
            Table::Stts | Table::Ctts | Table::Co64 => 8,
            Table::Stss | Table::Stsz | Table::Stco => 4,
            Table::Stsc => 12,
        }
    }

    /// Number of entries that one segment adds.
    pub(super) fn entries(self, summary: &Summary) -> u32 {
        match self {
            Table::Stts => summary.duration_runs,
            Table::Ctts => summary.cts_runs,
            Table::Stss => summary.keys,
            Table::Stsc => summary.chunk_runs,
            Table::Stsz => summary.samples,
            Table::Stco | Table::Co64 => summary.chunks,
        }
    }

    /// True when a slice is made from the samples, and not from what is known of the fragments.
    pub(super) fn needs_samples(self) -> bool {
        matches!(self, Table::Stts | Table::Ctts | Table::Stss | Table::Stsz)
    }
}

/// Makes one segment's slice of a table that is made from samples. `cts_shift` is added to every composition offset.
pub(super) fn sample_slice(
    table: Table,
    index: &SampleIndex,
    kind: TrackKind,
    summary: &Summary,
    cts_shift: i32,
) -> Vec<u8> {
    let spots = walk(index, kind, summary);
    let bytes = u64::from(table.entries(summary)) * table.entry_bytes();
    let mut out = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    match table {
        Table::Stts => runs(
            spots.map(|spot| u32::try_from(spot.duration).unwrap_or(u32::MAX)),
            &mut out,
        ),
        Table::Ctts => runs(
            spots.map(|spot| spot.cts.saturating_add(cts_shift).cast_unsigned()),
            &mut out,
        ),
        Table::Stss => {
            for (spot, number) in spots.zip(summary.samples_before.saturating_add(1)..) {
                if spot.key {
                    out.extend_from_slice(&number.to_be_bytes());
                }
            }
        }
        Table::Stsz => {
            let runs = index
                .fragments
                .iter()
                .map(|fragment| crate::format::line::run(fragment, kind));
            for sample in runs.flat_map(|run| &run.samples) {
                out.extend_from_slice(&sample.size.to_be_bytes());
            }
        }
        Table::Stsc | Table::Stco | Table::Co64 => (),
    }
    out
}

/// Makes one segment's slice of `stsc`.
pub(super) fn chunk_slice(line: &Line, stretch: usize, kind: TrackKind) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(stretch) = line.stretches.get(stretch) else {
        return out;
    };
    let summary = stretch.track(kind);
    let config = u32::try_from(summary.config).unwrap_or(0) + 1;
    let parts = line.parts.iter().skip(stretch.first_part).take(stretch.parts);
    let chunks = parts
        .map(|part| part.extent(kind).samples)
        .filter(|samples| *samples > 0);
    let mut before = None;
    for (samples, number) in chunks.zip(summary.chunks_before.saturating_add(1)..) {
        if before != Some(samples) {
            before = Some(samples);
            out.extend_from_slice(&number.to_be_bytes());
            out.extend_from_slice(&samples.to_be_bytes());
            out.extend_from_slice(&config.to_be_bytes());
        }
    }
    out
}

/// Makes one segment's slice of `stco` or `co64`. `starts` says where the media of each of its fragments stands in the file,
/// the picture first.
pub(super) fn offset_slice(
    table: Table,
    line: &Line,
    stretch: usize,
    kind: TrackKind,
    pictures_too: bool,
    start: impl Fn(usize) -> u64,
) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(stretch) = line.stretches.get(stretch) else {
        return out;
    };
    let parts = line
        .parts
        .iter()
        .enumerate()
        .skip(stretch.first_part)
        .take(stretch.parts);
    for (number, part) in parts.filter(|(_, part)| part.extent(kind).samples > 0) {
        let before = match kind {
            TrackKind::Audio if pictures_too => u64::from(part.video.bytes),
            _ => 0,
        };
        let offset = start(number).saturating_add(before);
        match table {
            Table::Co64 => out.extend_from_slice(&offset.to_be_bytes()),
            _ => {
                let narrow: u32 = fitted!(offset, "a chunk offset of 32 bits");
                out.extend_from_slice(&narrow.to_be_bytes());
            }
        }
    }
    out
}

fn runs(values: impl Iterator<Item = u32>, out: &mut Vec<u8>) {
    let mut current: Option<(u32, u32)> = None;
    let mut flush = |run: Option<(u32, u32)>| {
        if let Some((value, count)) = run {
            out.extend_from_slice(&count.to_be_bytes());
            out.extend_from_slice(&value.to_be_bytes());
        }
    };
    for value in values {
        current = match current {
            Some((same, count)) if same == value => Some((value, count + 1)),
            other => {
                flush(other);
                Some((value, 1))
            }
        };
    }
    flush(current);
}
