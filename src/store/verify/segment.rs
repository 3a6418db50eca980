//! Checks one sealed segment against its row.

use std::io::ErrorKind;
use std::path::Path;

use super::FragmentAt;
use crate::format::chunks::ChunkList;
use crate::format::fmp4::{self, Position, ScanError, Stopped};
use crate::format::index::{FragmentIndex, SampleIndex};
use crate::media::{Micros, TrackKind};
use crate::store::disk::{Disk, DiskFile};
use crate::store::journal::{Journal, SegmentData};
use crate::store::reader::{Reader, read_exact};
use crate::store::segment::{self, boxes_crc, fragment_end};

/// Most faults of one file that are reported one by one.
const TROUBLES: usize = 1_000;

/// A fault of a segment.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    pub(super) fragment: Option<FragmentAt>,
    pub(super) what: String,
}

/// The kind of damage, which decides what a repair can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gone,
    /// The file cannot be opened or read at all.
    Unreadable,
    /// The file ends before its sealed length.
    Short,
    /// The file has the header of another segment.
    Foreign,
    Header,
    Fragment,
    /// The journal's sample index or checksum differs from the file, or a list from the index.
    Row,
    /// The file contains media that was deleted on request.
    Deleted,
}

/// The result of the check of one segment.
#[derive(Default)]
pub(super) struct Found {
    pub(super) troubles: Vec<Trouble>,
    /// Number of fragments that were looked for.
    pub(super) fragments: u64,
    /// Number of fragments that left nothing in their place.
    pub(super) lost: u64,
    /// Number of these that lie behind the end of the file.
    pub(super) behind: u64,
}

impl Found {
    pub(super) fn gone() -> Self {
        Self {
            troubles: vec![Trouble::new(Kind::Gone, "the file is gone")],
            ..Self::default()
        }
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.troubles.iter().any(|trouble| trouble.kind == kind)
    }

    /// True when no media of this file can ever be played.
    pub(super) fn is_lost(&self) -> bool {
        let nothing = self.fragments > 0 && self.lost == self.fragments;
        nothing && (self.has(Kind::Header) || self.behind == self.fragments)
    }
}

impl Trouble {
    pub(super) fn deleted() -> Self {
        let what = "the file contains footage again that was deleted on request; the next start of the service overwrites it";
        Self::new(Kind::Deleted, what)
    }

    fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            fragment: None,
            what: what.into(),
        }
    }
}

/// Reads all of a sealed segment. Bytes behind its sealed length are not judged.
pub(super) fn check(
    disk: &dyn Disk,
    path: &Path,
    row: &SegmentData,
    samples: Option<&[u8]>,
    progress: &mut dyn FnMut(u64),
) -> Found {
    let mut found = Found::default();
    let opened = disk.open_read(path).and_then(|file| {
        let len = file.size()?;
        Ok((file, len))
    });
    let (file, len) = match opened {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Found::gone(),
        Err(error) => {
            let what = format!("the file cannot be opened: {error}");
            found.troubles.push(Trouble::new(Kind::Unreadable, what));
            return found;
        }
    };
    let file = file.as_ref();
    if len < row.bytes {
        let what = format!("the file is {len} bytes long; it was sealed with {}", row.bytes);
        found.troubles.push(Trouble::new(Kind::Short, what));
    }
    let header = header(file, row, &mut found.troubles);
    if found.has(Kind::Foreign) {
        return found;
    }
    let index = index(file, row, samples, header, &mut found.troubles);
    let Some(index) = index else { return found };
    fragments(file, row, &index, &mut found, progress);
    if found.troubles.is_empty() && row.cuts == 0 {
        // Each box has a checksum of its own; this one covers all of them.
        match boxes_crc(&index, |at, len| read_exact(file, at, len)) {
            Ok(crc) if row.crc == Some(crc) => {}
            Ok(_) => found.troubles.push(Trouble::new(
                Kind::Row,
                "its boxes differ from the boxes that were sealed",
            )),
            Err(error) => found
                .troubles
                .push(Trouble::new(Kind::Unreadable, error.to_string())),
        }
    }
    found
}

/// Compares the lists that the journal has of a segment with its sample index. A segment of an earlier release has none. Lists that
/// cannot be read are a fault of this segment: the others are checked all the same.
pub(super) fn check_lists(journal: &Journal, row: &SegmentData, samples: &[u8]) -> Option<Trouble> {
    let index = SampleIndex::decode(samples).ok()?;
    let lists = journal
        .chunk_list(row.id)
        .and_then(|chunks| Ok((chunks, journal.fragment_list(row.id)?)));
    let (chunks, fragments) = match lists {
        Ok(lists) => lists,
        Err(error) => {
            let what = format!("the journal's lists of it cannot be read: {error}");
            return Some(Trouble::new(Kind::Row, what));
        }
    };
    let are_chunks = match (chunks, &row.numbers) {
        (Some(list), Some(numbers)) => list == ChunkList::of(&index, row.base, &row.tracks, numbers).encode(),
        (Some(_) | None, _) => true,
    };
    let are_fragments = fragments.is_none_or(|list| list == segment::fragments(&index, &row.tracks));
    let what = match (are_chunks, are_fragments) {
        (true, true) => return None,
        (false, _) => "the journal's list of its chunks is not what its sample index says",
        (true, false) => "the journal's list of its fragments is not what its sample index says",
    };
    Some(Trouble::new(Kind::Row, what))
}

/// The index of the first `bytes` of a file, made from its boxes without reading media, and where it ends.
pub(super) fn index_of(file: &dyn DiskFile, row: &SegmentData, bytes: u64) -> Option<(SampleIndex, u64)> {
    let header = fmp4::read_header(&Reader(file), bytes).ok()?;
    let first = Position::first(header.len);
    let (index, end, _) = fmp4::scan_headers(&Reader(file), bytes, row.id, first);
    (!index.fragments.is_empty()).then_some((index, end.offset))
}

/// Checks the header and gives its length.
fn header(file: &dyn DiskFile, row: &SegmentData, troubles: &mut Vec<Trouble>) -> Option<u64> {
    match fmp4::read_header(&Reader(file), row.bytes) {
        Ok(header) if header.identity.segment != row.id => {
            let what = format!("the file is segment {}, not {}", header.identity.segment, row.id);
            troubles.push(Trouble::new(Kind::Foreign, what));
            None
        }
        Ok(header) => {
            if header.identity.stream != row.stream || header.identity.sequence != row.sequence {
                let what = format!(
                    "the file is number {} of {}, not {} of {}",
                    header.identity.sequence, header.identity.stream, row.sequence, row.stream
                );
                troubles.push(Trouble::new(Kind::Header, what));
            }
            Some(header.len)
        }
        Err(error) => {
            let what = match error {
                ScanError::Io { offset, source } => {
                    format!("its header cannot be read at byte {offset}: {source}")
                }
                other => format!("its header is damaged: {other}"),
            };
            troubles.push(Trouble::new(Kind::Header, what));
            None
        }
    }
}

/// The index of the fragments: the journal's, or the file's where the journal's cannot be believed.
fn index(
    file: &dyn DiskFile,
    row: &SegmentData,
    samples: Option<&[u8]>,
    header: Option<u64>,
    troubles: &mut Vec<Trouble>,
) -> Option<SampleIndex> {
    let decoded = match samples {
        None => Err("the journal has no sample index of the segment".to_owned()),
        Some(samples) => SampleIndex::decode(samples).map_err(|error| format!("in the journal, {error}")),
    };
    let believed = decoded.and_then(|index| {
        if covers(&index, row, header) {
            Ok(index)
        } else {
            Err("the journal's sample index does not cover the file".to_owned())
        }
    });
    let what = match believed {
        Ok(index) => return Some(index),
        Err(what) => what,
    };
    troubles.push(Trouble::new(Kind::Row, what));
    let first = Position::first(header?);
    let (index, end, stopped) = fmp4::scan_headers(&Reader(file), row.bytes, row.id, first);
    if end.offset < row.bytes {
        let after = index.fragments.last();
        let at = FragmentAt {
            number: end.sequence,
            offset: end.offset,
            start: after.map_or_else(|| utc(row, row.start), |last| utc(row, end_of(row, last))),
            duration: 0,
        };
        let what = format!("{}; the fragments behind it cannot be found", words(stopped));
        troubles.push(Trouble {
            kind: Kind::Fragment,
            fragment: Some(at),
            what,
        });
    }
    Some(index)
}

/// True when the fragments stand one behind the other, from the header to the sealed end. There may be room between them where
/// some were deleted.
fn covers(index: &SampleIndex, row: &SegmentData, header: Option<u64>) -> bool {
    let mut at = header.or_else(|| index.fragments.first().map(|first| first.offset));
    for fragment in &index.fragments {
        if at != Some(fragment.offset) && (row.cuts == 0 || at > Some(fragment.offset)) {
            return false;
        }
        at = Some(fragment.end());
    }
    let ends = at == Some(row.bytes) || (row.cuts > 0 && at < Some(row.bytes));
    !index.fragments.is_empty() && ends
}

/// Checks each fragment by itself: a damaged one says nothing about the next.
fn fragments(
    file: &dyn DiskFile,
    row: &SegmentData,
    index: &SampleIndex,
    found: &mut Found,
    progress: &mut dyn FnMut(u64),
) {
    let mut odd = false;
    let mut next = Position::first(index.fragments.first().map_or(0, |first| first.offset));
    for fragment in &index.fragments {
        // Behind deleted fragments, the fragment itself says which one it is.
        let apart = row.cuts > 0 && (found.fragments == 0 || next.offset != fragment.offset);
        let said = apart.then(|| fmp4::sequence_at(&Reader(file), row.id, fragment.offset));
        let sequence = said.flatten().unwrap_or(next.sequence);
        next = Position {
            offset: fragment.end(),
            sequence: sequence.saturating_add(1),
        };
        let at = Position {
            offset: fragment.offset,
            sequence,
        };
        found.fragments += 1;
        match fmp4::check_fragment(&Reader(file), row.bytes, row.id, at) {
            Ok(read) => odd |= read != *fragment,
            Err(stopped) => {
                let (lost, behind) = match stopped {
                    Stopped::Short | Stopped::Clean => (1, 1),
                    Stopped::Unwritten | Stopped::Foreign | Stopped::Sequence { .. } => (1, 0),
                    Stopped::Checksum(_) | Stopped::Unreadable(_) | Stopped::Malformed(_) => (0, 0),
                };
                found.lost += lost;
                found.behind += behind;
                if found.troubles.len() >= TROUBLES {
                    continue;
                }
                let start = start_of(row, fragment);
                found.troubles.push(Trouble {
                    kind: Kind::Fragment,
                    fragment: Some(FragmentAt {
                        number: sequence,
                        offset: fragment.offset,
                        start: utc(row, start),
                        duration: end_of(row, fragment).saturating_sub(start),
                    }),
                    what: words(stopped),
                });
            }
        }
        progress(fragment.end());
    }
    if odd {
        let what = "the journal's sample index differs from the file";
        found.troubles.push(Trouble::new(Kind::Row, what));
    }
}

fn words(stopped: Stopped) -> String {
    match stopped {
        Stopped::Checksum("mdat") => "its media does not match its checksum".to_owned(),
        Stopped::Checksum(part) => format!("its {part} does not match its checksum"),
        Stopped::Short | Stopped::Clean => "the file ends before the fragment does".to_owned(),
        Stopped::Unwritten => "there are zeros in its place".to_owned(),
        Stopped::Foreign => "the bytes in its place are not a fragment of this segment".to_owned(),
        Stopped::Sequence { found } => format!("fragment {found} is in its place"),
        Stopped::Unreadable(kind) => format!("it cannot be read: {kind}"),
        Stopped::Malformed(what) => format!("it cannot be used: {what}"),
    }
}

/// Tape time at which a fragment's earlier track begins.
fn start_of(row: &SegmentData, fragment: &FragmentIndex) -> Micros {
    let start = |kind: TrackKind, base: i64| {
        let run = fragment.run(kind);
        let dts = i64::try_from(run.first_dts).unwrap_or(i64::MAX);
        (!run.samples.is_empty()).then(|| row.tracks.micros(kind, dts.saturating_add(base)))
    };
    let starts = [
        start(TrackKind::Video, row.base.video),
        start(TrackKind::Audio, row.base.audio),
    ];
    row.tape_zero
        .saturating_add(starts.into_iter().flatten().min().unwrap_or(0))
}

fn end_of(row: &SegmentData, fragment: &FragmentIndex) -> Micros {
    fragment_end(fragment, row.base, &row.tracks, row.tape_zero)
}

fn utc(row: &SegmentData, tape: Micros) -> Micros {
    row.utc_zero.saturating_add(tape.saturating_sub(row.tape_zero))
}
