//! The layout of the file: which part holds what.

use crate::format::line::{Config, Line, Tape, TrackLine};
use crate::format::mark::Marker;
use crate::format::splice::{Parts, Script, Splice};
use crate::format::{FileError, TapeSource, ViewSegment, fmp4, rate};
use crate::media::{TrackKind, rescale};

use super::boxes;
use super::edit::{Edit, MICROSECONDS, MovieTime};
use super::labels::{self, Labels};
use super::table::{self, Table};

/// The longest a sample may last: players read `stts` as signed.
const LONGEST: u64 = i32::MAX as u64;

/// The parts of an MP4 file: boxes and slices of tables, then the media of each fragment.
pub struct Layout {
    line: Line,
    tracks: Vec<(TrackKind, Edit)>,
    pieces: Vec<Piece>,
    parts: Parts,
}

#[derive(Debug)]
enum Piece {
    Made(Vec<u8>),
    Slice {
        table: Table,
        kind: TrackKind,
        stretch: u32,
    },
}

/// Boxes whose lengths are known, though not all of their bytes.
struct Tree {
    pieces: Vec<(Piece, u64)>,
    len: u64,
}

impl Layout {
    /// Counts the parts, and decides where each goes.
    pub(super) fn of<S: TapeSource>(
        format: &'static str,
        wanted: &[TrackKind],
        line: Line,
        tape: &Tape<S>,
        labels: &Labels,
    ) -> Result<Self, FileError> {
        let mut kinds: Vec<TrackKind> = line
            .kinds()
            .into_iter()
            .filter(|kind| wanted.contains(kind))
            .collect();
        let mut tracks: Vec<&TrackLine> = kinds.iter().filter_map(|kind| line.track(*kind)).collect();
        check(format, wanted, &tracks)?;
        let mut time = MovieTime::of(&tracks);
        if let (true, Some(begins)) = (line.shown.any, line.shown.begins) {
            time.begin(begins, line.video.as_ref(), &line.shown.shows);
            kinds.retain(|kind| line.track(*kind).is_some_and(|track| time.shows(track)));
            tracks.retain(|track| time.shows(track));
        }
        let edits = kinds.iter().copied().zip(tracks).map(|(kind, track)| {
            let edit = match kind {
                TrackKind::Video if line.shown.any => time.edits(track, &line.shown.shows),
                _ => time.edit(track),
            };
            (kind, edit)
        });
        let edits = edits.collect();
        let created = tape.segments().first().map_or(0, |segment| {
            let begins = segment.begins().max(segment.kept.shown_from);
            boxes::creation_time(segment.utc(begins))
        });
        let mut layout = Self {
            line,
            tracks: edits,
            pieces: Vec::new(),
            parts: Parts::default(),
        };
        let media: u64 = tracks_bytes(&layout);
        let mut front = layout.front(time, created, labels, (media, false));
        if front.len.saturating_add(media) > u64::from(u32::MAX) {
            front = layout.front(time, created, labels, (media, true));
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
        for part in &layout.line.parts {
            let bytes = layout
                .tracks
                .iter()
                .map(|(kind, _)| u64::from(part.extent(*kind).bytes))
                .sum();
            layout.parts.push(bytes);
        }
        Ok(layout)
    }

    /// Everything before the media.
    fn front(&self, time: MovieTime, created: u64, labels: &Labels, (media, wide): (u64, bool)) -> Tree {
        let duration = self.tracks.iter().map(|(_, edit)| edit.end()).max().unwrap_or(0);
        let pictures = self.edit(TrackKind::Video).and(self.line.video.as_ref());
        let picture = pictures.and_then(|track| match track.configs.first() {
            Some(Config::Video(config)) => Some(config.codec),
            _ => None,
        });
        let mut moov = vec![Tree::made(boxes::mvhd(created, time, duration))];
        for (kind, edit) in &self.tracks {
            if let Some(track) = self.line.track(*kind) {
                moov.push(self.trak(*kind, edit, track, created, wide));
            }
        }
        let end = i64::try_from(duration).unwrap_or(i64::MAX);
        let end = rescale(end, time.timescale, MICROSECONDS);
        moov.push(Tree::made(labels::udta(labels, end)));
        Tree::sequence([
            Tree::made(boxes::ftyp(picture)),
            Tree::container(b"moov", moov),
            Tree::made(boxes::header(b"mdat", media)),
        ])
    }

    fn trak(&self, kind: TrackKind, edit: &Edit, track: &TrackLine, created: u64, wide: bool) -> Tree {
        let mut stbl = vec![Tree::made(boxes::stsd(track, rate::of(&self.line, kind)))];
        stbl.extend(
            Table::of(track, wide)
                .into_iter()
                .map(|table| self.table(table, kind)),
        );
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
            Tree::made(boxes::mdhd(created, track)),
            Tree::made(boxes::hdlr(kind)),
            Tree::container(b"minf", minf),
        ];
        let trak = [
            Tree::made(boxes::tkhd(kind, created, edit.end(), track)),
            Tree::made(boxes::edts(edit)),
            Tree::container(b"mdia", mdia),
        ];
        Tree::container(b"trak", trak)
    }

    fn table(&self, table: Table, kind: TrackKind) -> Tree {
        let mut slices = Vec::with_capacity(self.line.stretches.len() + 1);
        let mut entries = 0_u32;
        for (stretch, summary) in (0..).zip(self.line.stretches.iter().map(|stretch| stretch.track(kind))) {
            let count = table.entries(summary);
            entries = entries.saturating_add(count);
            if count > 0 {
                let len = u64::from(count) * table.entry_bytes();
                slices.push(Tree {
                    pieces: vec![(Piece::Slice { table, kind, stretch }, len)],
                    len,
                });
            }
        }
        slices.insert(0, Tree::made(table.preamble(entries)));
        Tree::container(table.kind(), slices)
    }

    fn slice<S: TapeSource>(
        &self,
        table: Table,
        kind: TrackKind,
        stretch: usize,
        tape: &mut Tape<S>,
    ) -> Result<Vec<u8>, FileError> {
        let summary = self
            .line
            .stretches
            .get(stretch)
            .map(|stretch| stretch.track(kind));
        let cts_shift = self.edit(kind).map_or(0, |edit| edit.cts_shift);
        Ok(match (table, summary) {
            (_, Some(summary)) if table.needs_samples() => {
                table::sample_slice(table, &*tape.index(stretch)?, kind, summary, cts_shift)
            }
            (Table::Stsc, _) => table::chunk_slice(&self.line, stretch, kind),
            _ => {
                let pictures_too = self.edit(TrackKind::Video).is_some();
                table::offset_slice(table, &self.line, stretch, kind, pictures_too, |part| {
                    self.parts.start(self.pieces.len() + part)
                })
            }
        })
    }

    fn edit(&self, kind: TrackKind) -> Option<&Edit> {
        self.tracks
            .iter()
            .find(|(own, _)| *own == kind)
            .map(|(_, edit)| edit)
    }
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
            Some(Piece::Slice { table, kind, stretch }) => {
                out.write(&self.slice(*table, *kind, *stretch as usize, tape)?);
            }
            None => {
                if let Some(media) = self.line.parts.get(part - self.pieces.len()) {
                    for (kind, _) in &self.tracks {
                        let run = media.extent(*kind);
                        out.copy(
                            media.segment as usize,
                            *kind,
                            run,
                            run.offset,
                            u64::from(run.bytes),
                        );
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
        let fragment = part.saturating_sub(self.pieces.len());
        marker.fragment(&self.line, segments, fragment);
    }

    fn front(&self, part: usize, marker: &mut Marker) {
        match self.pieces.get(part) {
            Some(Piece::Made(bytes)) => marker.bytes(bytes),
            // The kind of the table stands in the bytes before its first slice.
            Some(Piece::Slice { kind, stretch, .. }) => {
                let stretch = self.line.stretches.get(*stretch as usize);
                stretch
                    .into_iter()
                    .for_each(|stretch| stretch.track(*kind).mark(marker));
            }
            None => (),
        }
    }

    fn weight(&self) -> usize {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Made(bytes) => size_of::<Piece>() + bytes.len(),
            Piece::Slice { .. } => size_of::<Piece>(),
        });
        self.line.weight() + self.parts.weight() + pieces.sum::<usize>()
    }

    fn segment_of(&self, part: usize) -> usize {
        match self.pieces.get(part) {
            Some(Piece::Made(_)) => 0,
            Some(Piece::Slice { stretch, .. }) => *stretch as usize,
            None => {
                let media = self.line.parts.get(part - self.pieces.len());
                media.map_or(0, |part| part.segment as usize)
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

fn tracks_bytes(layout: &Layout) -> u64 {
    let tracks = layout
        .tracks
        .iter()
        .filter_map(|(kind, _)| layout.line.track(*kind));
    tracks.fold(0, |sum, track| sum.saturating_add(track.bytes))
}

fn check(format: &'static str, wanted: &[TrackKind], tracks: &[&TrackLine]) -> Result<(), FileError> {
    let unsupported = |reason: String| Err(FileError::Unsupported { format, reason });
    if tracks.is_empty() {
        return unsupported(match wanted {
            [TrackKind::Audio] => "it has no sound".to_owned(),
            _ => "it has neither picture nor sound".to_owned(),
        });
    }
    for track in tracks {
        let mut codecs = track.configs.iter().map(|config| config.codec());
        if let Some(first) = codecs.next()
            && let Some(other) = codecs.find(|codec| *codec != first)
        {
            return unsupported(format!(
                "a track changes from {first} to {other}; HLS and FLV can carry that"
            ));
        }
        if track.longest > LONGEST {
            let hours = track.longest / u64::from(track.timescale.max(1)) / 3_600;
            return unsupported(format!("it has a break of {hours} hours; HLS can carry that"));
        }
    }
    Ok(())
}
