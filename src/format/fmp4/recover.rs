//! Reads a segment that was being written at a power cut, or that is damaged.

use std::ops::Range;

use super::fragment::{CHECKSUM_BOX, Checksums, FRAGMENT_TYPE};
use super::scan::{
    Position, READ_AT_ONCE, ReadAt, ScanError, Scanned, Stopped, Walk, durable_len, fill, read_header,
};
use crate::format::index::FragmentIndex;
use crate::media::SegmentId;

/// How far behind the end of a scan recovery looks for more of the segment: a few fragments of the largest that are written.
/// One tick of the writer leaves nothing further away.
const LOOK_BEHIND: u64 = 4 * 1024 * 1024;

/// Claimed fragments are read until their bytes are this many times the file's length, and at least [`LEAST_LOOKED_AT`].
pub(super) const LOOKS: u64 = 4;
pub(super) const LEAST_LOOKED_AT: u64 = 64 * 1024 * 1024;

/// The bytes behind the last whole fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing was ever durable there: unused space, bytes of an earlier file, the torn end of a write.
    Nothing,
    /// Media was durable there once. The medium damaged it, or cannot read it now.
    Damage,
}

/// Reads a segment of `len` bytes as far as it is whole. It does not read media again that was durable already when the last
/// fragment was written: the boxes say so. The cost depends on the tick, not on the segment's length.
pub fn scan_open(reader: &(impl ReadAt + ?Sized), len: u64) -> Result<(Scanned, Left), ScanError> {
    let header = read_header(reader, len)?;
    let segment = header.identity.segment;
    let first = Position::first(header.len);
    let mut boxes = Walk::new(reader, len, segment, first);
    let ended = boxes.run();
    if boxes.gone {
        // Only sealed segments have fragments deleted. Nothing of a sealed segment is torn, so bytes that do not lead to its
        // end are damaged.
        let left = match ended {
            Stopped::Clean => Left::Nothing,
            _ => Left::Damage,
        };
        let scanned = Scanned {
            identity: header.identity,
            tracks: header.tracks,
            valid_len: boxes.at.offset,
            durable_len: boxes.at.offset,
            index: boxes.index,
            stopped: ended,
            torn: 0,
            gone: true,
        };
        return Ok((scanned, left));
    }

    let durable_len = durable_len(&boxes, header.len);
    let durable = usize::try_from(boxes.durable)
        .unwrap_or(usize::MAX)
        .min(boxes.index.fragments.len());
    let mut index = std::mem::take(&mut boxes.index);
    index.fragments.truncate(durable);
    let from = Position {
        offset: index.fragments.last().map_or(first.offset, |last| last.end()),
        sequence: first
            .sequence
            .saturating_add(u32::try_from(durable).unwrap_or(u32::MAX)),
    };
    let mut media = Walk::new(reader, len, segment, from).with_media();
    let stopped = media.run();
    index.fragments.append(&mut media.index.fragments);

    let whole = u32::try_from(index.fragments.len()).unwrap_or(u32::MAX);
    let left = match stopped {
        Stopped::Unreadable(_) => Left::Damage,
        _ if was_durable(reader, len, segment, media.at.offset, whole) => Left::Damage,
        _ => Left::Nothing,
    };
    let scanned = Scanned {
        identity: header.identity,
        tracks: header.tracks,
        index,
        valid_len: media.at.offset,
        stopped,
        torn: media.torn,
        durable_len,
        gone: false,
    };
    Ok((scanned, left))
}

/// Reads the fragment that is at `at` by an index, whatever stands before it, and checks every checksum.
pub fn check_fragment(
    reader: &(impl ReadAt + ?Sized),
    len: u64,
    segment: SegmentId,
    at: Position,
) -> Result<FragmentIndex, Stopped> {
    Walk::new(reader, len, segment, at).with_media().fragment()
}

/// The next whole fragment of a segment from byte `from` on, wherever it begins. It finds what is behind a damaged fragment
/// whose boxes do not tell its length.
pub fn find_fragment(
    reader: &(impl ReadAt + ?Sized),
    len: u64,
    segment: SegmentId,
    from: u64,
) -> Option<Position> {
    // A file may be full of boxes that each claim the rest of it, and reading all of that would take days. Past this limit the
    // next claimed fragment is returned unread, because nobody knows that it is nothing.
    let mut left = len.saturating_mul(LOOKS).max(LEAST_LOOKED_AT);
    find_box(reader, segment, from..len, |at, found| {
        let Some(rest) = left.checked_sub(u64::from(found.moof_len) + u64::from(found.mdat_len)) else {
            return true;
        };
        left = rest;
        check_fragment(reader, len, segment, at).is_ok()
    })
}

/// True when the header of a file cannot be read, and a fragment of the segment in it says that an earlier one was durable.
/// Then the header was durable too, because it goes to flash in the same write as the first fragment, and the medium damaged
/// it. Otherwise a power cut tore the first write: some of its sectors are there, and those of the header are not, or are still
/// those of the file whose blocks were taken over.
pub fn holds_durable_fragments(reader: &(impl ReadAt + ?Sized), len: u64, segment: SegmentId) -> bool {
    find_box(reader, segment, 0..len, |_, found| found.durable > 0).is_some()
}

/// True when a later fragment of the segment says that more than `whole` of them were durable.
fn was_durable(
    reader: &(impl ReadAt + ?Sized),
    len: u64,
    segment: SegmentId,
    behind: u64,
    whole: u32,
) -> bool {
    let near = behind..len.min(behind.saturating_add(LOOK_BEHIND));
    find_box(reader, segment, near, |_, found| found.durable > whole).is_some()
}

/// The first checksum box of the segment in this part of the file that is `wanted`.
fn find_box(
    reader: &(impl ReadAt + ?Sized),
    segment: SegmentId,
    within: Range<u64>,
    mut wanted: impl FnMut(Position, &Checksums) -> bool,
) -> Option<Position> {
    let mut mark = b"uuid".to_vec();
    mark.extend(FRAGMENT_TYPE);
    mark.extend(segment.to_bytes());
    let mut block = vec![0; READ_AT_ONCE];
    let mut at = within.start;
    while at < within.end {
        let rest = within.end - at;
        let size = usize::try_from(rest).map_or(block.len(), |rest| rest.min(block.len()));
        let piece = block.get_mut(..size)?;
        // A sector that cannot be read holds no box, and hides no box behind it.
        if !fill(reader, piece, at).unwrap_or(false) {
            piece.fill(0);
        }
        let marks = (0..piece.len()).filter(|n| piece.get(*n..).is_some_and(|rest| rest.starts_with(&mark)));
        for found in marks {
            // The box's length stands before its type.
            let Some(offset) = (at + found as u64).checked_sub(4) else {
                continue;
            };
            let mut head = [0; CHECKSUM_BOX];
            if !fill(reader, &mut head, offset).unwrap_or(false) {
                continue;
            }
            let Ok(checksums) = Checksums::parse(&head) else {
                continue;
            };
            let position = Position {
                offset,
                sequence: checksums.sequence,
            };
            if wanted(position, &checksums) {
                return Some(position);
            }
        }
        // A mark may lie across the end of the piece.
        match size.checked_sub(mark.len()) {
            Some(step) if size as u64 != rest => at += step as u64 + 1,
            _ => break,
        }
    }
    None
}
