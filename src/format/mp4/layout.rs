//! The layout of the file: which part holds what.

use crate::format::line::{Config, Tape, TrackLine};
use crate::format::mark::Marker;
use crate::format::splice::{Parts, Script, Splice};
use crate::format::{FileError, TapeSource, ViewSegment, fmp4, rate};
use crate::media::{TrackKind, rescale};

use super::boxes::{self, Which};
use super::edit::{Edit, MICROSECONDS};
use super::labels::{self, Labels};
use super::side::{Laid, Side};
use super::table::{self, Table};
use super::times::{self, Times};

/// The parts of an MP4 file: boxes and slices of tables, then the media of each fragment.
pub struct Layout {
    sides: Vec<Side>,
    pieces: Vec<Piece>,
    /// The fragments in the order of the file, each with the number of its side. Empty where there is one side.
    order: Vec<(u32, u32)>,
    times: Option<Times>,
    parts: Parts,
}

#[derive(Debug)]
enum Piece {
    Made(Vec<u8>),
    Slice {
        table: Table,
        side: u32,
        kind: TrackKind,
        stretch: u32,
    },
    /// Samples of the track of times: the first one, and how many.
    Times(u64, u64),
}

/// Boxes whose lengths are known, though not all of their bytes.
struct Tree {
    pieces: Vec<(Piece, u64)>,
    len: u64,
}

impl Layout {
    /// Counts the parts, and decides where each goes.
    pub(super) fn of<S: TapeSource>(
        (format, wanted): (&'static str, &[TrackKind]),
        laid: Vec<Laid>,
        tape: &Tape<S>,
        labels: &Labels,
    ) -> Result<Self, FileError> {
        let (sides, timescale) = Side::all((format, wanted), laid, tape)?;
        let mut layout = Self {
            sides,
            pieces: Vec::new(),
            order: Vec::new(),
            times: None,
            parts: Parts::default(),
        };
        if let (Some(zone), Some(side)) = (&labels.times, layout.pictured()) {
            layout.times = Times::of(side, tape.view(), (timescale, layout.lasts()), zone)?;
        }
        if layout.sides.len() > 1 {
            layout.interleave(tape)?;
        }
        let media = layout.sides.iter().map(Side::bytes).fold(0, u64::saturating_add);
        let mut front = layout.front(timescale, labels, (media, false));
        if front.len.saturating_add(media) > u64::from(u32::MAX) {
            front = layout.front(timescale, labels, (media, true));
        }
        if front.len > u64::from(u32::MAX) {
            return Err(FileError::Unsupported {
                format,
                reason: "its index alone would be larger than 4 GiB; split it or choose HLS".to_owned(),
            });
        }
        for (piece, len) in front.pieces {
            layout.pieces.push(piece);
            layout.parts.push(len);
        }
        for place in 0..layout.fragments() {
            let Some((side, part)) = layout.fragment(place) else {
                continue;
            };
            let bytes = side
                .tracks
                .iter()
                .filter_map(|(kind, _)| side.line.parts.get(part).map(|part| part.extent(*kind)))
                .map(|extent| u64::from(extent.bytes))
                .sum();
            layout.parts.push(bytes);
        }
        Ok(layout)
    }

    /// Puts the fragments of all sides in the order in which they are played, so that a player reads forward.
    fn interleave<S: TapeSource>(&mut self, tape: &Tape<S>) -> Result<(), FileError> {
        let mut begins = Vec::new();
        for (number, side) in (0_u32..).zip(&self.sides) {
            let parts = side.begins(tape)?.into_iter().zip(0_u32..);
            begins.extend(parts.map(|(at, part)| (at, number, part)));
        }
        begins.sort_unstable();
        self.order = begins.into_iter().map(|(_, side, part)| (side, part)).collect();
        for (place, (side, _)) in (0_u32..).zip(&self.order) {
            // The fragments of one side are in their own order.
            if let Some(side) = self.sides.get_mut(*side as usize) {
                side.places.push(place);
            }
        }
        Ok(())
    }

    /// The number of fragments of the file.
    fn fragments(&self) -> usize {
        match self.sides.as_slice() {
            [side] => side.line.parts.len(),
            _ => self.order.len(),
        }
    }

    /// The side of a fragment of the file, and its number there.
    fn fragment(&self, place: usize) -> Option<(&Side, usize)> {
        match self.sides.as_slice() {
            [side] => Some((side, place)),
            sides => {
                let (side, part) = self.order.get(place)?;
                Some((sides.get(*side as usize)?, *part as usize))
            }
        }
    }

    /// The first side with pictures.
    fn pictured(&self) -> Option<&Side> {
        self.sides.iter().find(|side| side.size().is_some())
    }

    /// How long the file is played, in ticks of the movie.
    fn lasts(&self) -> u64 {
        let edits = self.sides.iter().flat_map(|side| &side.tracks);
        edits.map(|(_, edit)| edit.end()).max().unwrap_or(0)
    }

    /// Everything before the media.
    fn front(&self, timescale: u32, labels: &Labels, (media, wide): (u64, bool)) -> Tree {
        let duration = self.lasts();
        let created = self.sides.iter().map(|side| side.created).min().unwrap_or(0);
        let count: u32 = fitted!(self.sides.len(), "the recordings of a file");
        let next = count.saturating_mul(2).saturating_add(1);
        let texts = self.times.as_ref().zip(self.pictured().and_then(Side::size));
        let texts = texts.map(|(times, size)| {
            let track = times::Track {
                id: next,
                created,
                timescale,
                size,
            };
            (times, track)
        });
        let next = next.saturating_add(u32::from(texts.is_some()));
        let mut moov = vec![Tree::made(boxes::mvhd(created, (timescale, duration), next))];
        let mut known = Vec::new();
        for (number, side) in (0_u32..).zip(&self.sides) {
            for (kind, edit) in &side.tracks {
                if let Some(track) = side.line.track(*kind) {
                    let which = Which {
                        side: number,
                        kind: *kind,
                        name: side.name.as_deref(),
                        is_first: !known.contains(kind),
                    };
                    known.push(*kind);
                    moov.push(trak(side, which, (edit, track), wide));
                }
            }
        }
        let end = i64::try_from(duration).unwrap_or(i64::MAX);
        let udta = Tree::made(labels::udta(labels, rescale(end, timescale, MICROSECONDS)));
        let ftyp = Tree::made(boxes::ftyp(self.sides.iter().filter_map(Side::codec)));
        let mut samples = Tree::sequence([]);
        if let Some((times, track)) = texts {
            // The place of the samples is behind the moov, and its length is known before it says so.
            let trak = times.trak(&track, 0).len() as u64;
            let others = moov
                .iter()
                .map(|tree| tree.len)
                .fold(udta.len, u64::saturating_add);
            let before = ftyp
                .len
                .saturating_add(others)
                .saturating_add(trak)
                .saturating_add(8);
            moov.push(Tree::made(times.trak(&track, times::offset(before))));
            samples = Tree::container(b"mdat", times.groups().map(Tree::times));
        }
        moov.push(udta);
        Tree::sequence([
            ftyp,
            Tree::container(b"moov", moov),
            samples,
            Tree::made(boxes::header(b"mdat", media)),
        ])
    }

    fn slice<S: TapeSource>(
        &self,
        (side, stretch): (&Side, usize),
        (table, kind): (Table, TrackKind),
        tape: &mut Tape<S>,
    ) -> Result<Vec<u8>, FileError> {
        let stretches = &side.line.stretches;
        let summary = stretches.get(stretch).map(|stretch| stretch.track(kind));
        let cts_shift = side.edit(kind).map_or(0, |edit| edit.cts_shift);
        Ok(match (table, summary) {
            (_, Some(summary)) if table.needs_samples() => {
                let index = tape.index(side.first.saturating_add(stretch))?;
                table::sample_slice(table, &index, kind, summary, cts_shift)
            }
            (Table::Stsc, _) => table::chunk_slice(&side.line, stretch, kind),
            _ => {
                let pictures_too = side.edit(TrackKind::Video).is_some();
                table::offset_slice(table, &side.line, stretch, kind, pictures_too, |part| {
                    self.parts.start(self.pieces.len() + side.place(part))
                })
            }
        })
    }

    fn side(&self, number: u32) -> Option<&Side> {
        self.sides.get(number as usize)
    }
}

fn trak(side: &Side, which: Which<'_>, (edit, track): (&Edit, &TrackLine), wide: bool) -> Tree {
    let kind = which.kind;
    let mut stbl = vec![Tree::made(boxes::stsd(track, rate::of(&side.line, kind)))];
    let tables = Table::of(track, wide).into_iter();
    stbl.extend(tables.map(|table| table_of(side, which, table)));
    if let Some(Config::Audio(config)) = track.configs.first()
        && let Some(distance) = fmp4::roll_distance(config)
    {
        stbl.push(Tree::made(boxes::roll(track.samples, distance)));
    }
    let minf = [
        Tree::made(boxes::media_header(kind)),
        Tree::container(b"stbl", stbl),
    ];
    let mdia = [
        Tree::made(boxes::mdhd(side.created, track)),
        Tree::made(boxes::hdlr(which)),
        Tree::container(b"minf", minf),
    ];
    let mut trak = vec![
        Tree::made(boxes::tkhd(which, side.created, edit.end(), track)),
        Tree::made(boxes::edts(edit)),
        Tree::container(b"mdia", mdia),
    ];
    trak.extend(which.name.map(|name| Tree::made(boxes::track_name(name))));
    Tree::container(b"trak", trak)
}

fn table_of(side: &Side, which: Which<'_>, table: Table) -> Tree {
    let (stretches, kind) = (&side.line.stretches, which.kind);
    let mut slices = Vec::with_capacity(stretches.len() + 1);
    let mut entries = 0_u32;
    for (stretch, summary) in (0..).zip(stretches.iter().map(|stretch| stretch.track(kind))) {
        let count = table.entries(summary);
        entries = entries.saturating_add(count);
        if count > 0 {
            let len = u64::from(count) * table.entry_bytes();
            let slice = Piece::Slice {
                table,
                side: which.side,
                kind,
                stretch,
            };
            slices.push(Tree {
                pieces: vec![(slice, len)],
                len,
            });
        }
    }
    slices.insert(0, Tree::made(table.preamble(entries)));
    Tree::container(table.kind(), slices)
}

impl Script for Layout {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    fn make<S: TapeSource>(
        &self,
        part: usize,
        tape: &mut Tape<S>,
        out: &mut Splice,
    ) -> Result<(), FileError> {
        match self.pieces.get(part) {
            Some(Piece::Made(bytes)) => out.write(bytes),
            Some(Piece::Slice {
                table,
                side,
                kind,
                stretch,
            }) => {
                if let Some(side) = self.side(*side) {
                    out.write(&self.slice((side, *stretch as usize), (*table, *kind), tape)?);
                }
            }
            Some(Piece::Times(first, count)) => {
                if let Some(times) = &self.times {
                    out.write(&times.samples((*first, *count)));
                }
            }
            None => {
                if let Some((side, number)) = self.fragment(part - self.pieces.len())
                    && let Some(media) = side.line.parts.get(number)
                {
                    let segment = side.first.saturating_add(media.segment as usize);
                    for (kind, _) in &side.tracks {
                        let run = media.extent(*kind);
                        out.copy(segment, *kind, run, run.offset, u64::from(run.bytes));
                    }
                }
            }
        }
        Ok(())
    }

    fn body(&self) -> usize {
        self.pieces.len()
    }

    fn material(&self, part: usize, segments: &[ViewSegment], marker: &mut Marker) {
        let place = part.saturating_sub(self.pieces.len());
        if let Some((side, number)) = self.fragment(place) {
            let segments = segments.get(side.first..).unwrap_or_default();
            marker.fragment(&side.line, segments, number);
        }
    }

    fn front(&self, part: usize, marker: &mut Marker) {
        match self.pieces.get(part) {
            Some(Piece::Made(bytes)) => marker.bytes(bytes),
            // The kind of the table stands in the bytes before its first slice.
            Some(Piece::Slice {
                side, kind, stretch, ..
            }) => {
                let side = self.side(*side);
                let stretch = side.and_then(|side| side.line.stretches.get(*stretch as usize));
                stretch
                    .into_iter()
                    .for_each(|stretch| stretch.track(*kind).mark(marker));
            }
            Some(Piece::Times(first, count)) => {
                if let Some(times) = &self.times {
                    times.mark((*first, *count), marker);
                }
            }
            None => (),
        }
    }

    fn weight(&self) -> usize {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Made(bytes) => size_of::<Piece>() + bytes.len(),
            Piece::Slice { .. } | Piece::Times(..) => size_of::<Piece>(),
        });
        let sides = self
            .sides
            .iter()
            .map(|side| side.line.weight() + size_of_val(side.places.as_slice()));
        sides.sum::<usize>()
            + size_of_val(self.order.as_slice())
            + self.parts.weight()
            + self.times.as_ref().map_or(0, Times::weight)
            + pieces.sum::<usize>()
    }

    fn segment_of(&self, part: usize) -> usize {
        match self.pieces.get(part) {
            Some(Piece::Made(_) | Piece::Times(..)) => 0,
            Some(Piece::Slice { side, stretch, .. }) => {
                let first = self.side(*side).map_or(0, |side| side.first);
                first.saturating_add(*stretch as usize)
            }
            None => {
                let found = self.fragment(part - self.pieces.len());
                let media = found.and_then(|(side, number)| Some((side.first, side.line.parts.get(number)?)));
                media.map_or(0, |(first, media)| first.saturating_add(media.segment as usize))
            }
        }
    }
}

impl Tree {
    fn made(bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Self {
            pieces: vec![(Piece::Made(bytes), len)],
            len,
        }
    }

    fn times((first, count): (u64, u64)) -> Self {
        let len = Times::len(count);
        Self {
            pieces: vec![(Piece::Times(first, count), len)],
            len,
        }
    }

    fn sequence(children: impl IntoIterator<Item = Tree>) -> Self {
        let mut tree = Tree {
            pieces: Vec::new(),
            len: 0,
        };
        for child in children {
            tree.len = tree.len.saturating_add(child.len);
            for (piece, len) in child.pieces {
                match (tree.pieces.last_mut(), piece) {
                    (Some((Piece::Made(before), sum)), Piece::Made(mut bytes)) => {
                        before.append(&mut bytes);
                        *sum += len;
                    }
                    (_, piece) => tree.pieces.push((piece, len)),
                }
            }
        }
        tree
    }

    fn container(kind: &[u8; 4], children: impl IntoIterator<Item = Tree>) -> Self {
        let body = Tree::sequence(children);
        Tree::sequence([Tree::made(boxes::header(kind, body.len)), body])
    }
}
