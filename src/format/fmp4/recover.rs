//! Reads a segment that was being written when the power went.

use super::fragment::{CHECKSUM_BOX, Checksums, FRAGMENT_TYPE};
use super::scan::{Position, ReadAt, ScanError, Scanned, Stopped, Walk, read_header};
use crate::media::SegmentId;

/// How far behind the place where a scan stopped is looked for more of the segment: a few fragments of the
/// largest that are written. Further away lies nothing that a tick could have left.
const LOOK_BEHIND: u64 = 4 * 1024 * 1024;

/// The type's place in a checksum box.
const TYPE_AT: usize = 8;

/// What lies behind the last whole fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing that was ever durable: room, what an earlier file left there, the torn end of a write.
    Nothing,
    /// Media that was durable once: the medium damaged it, or cannot read it now.
    Damage,
}

/// Reads a segment of `len` bytes as far as it is whole, without a second look at media that was durable already
/// when the last of its fragments was written: their boxes say so. What this costs depends on the tick, not on
/// the segment's length.
pub fn scan_open(reader: &(impl ReadAt + ?Sized), len: u64) -> Result<(Scanned, Left), ScanError> {
    let header = read_header(reader, len)?;
    let segment = header.identity.segment;
    let first = Position::first(header.len);
    let mut boxes = Walk::new(reader, len, segment, first);
    boxes.run();

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
    };
    Ok((scanned, left))
}

/// True when there is a fragment of the segment, whole or not, anywhere in a file whose header cannot be read: then the
/// file did hold its media once. A file that only took over another's blocks has none.
pub fn holds_fragments(reader: &(impl ReadAt + ?Sized), len: u64, segment: SegmentId) -> bool {
    boxes_between(reader, 0, len, |found| found.segment == segment)
}

/// True when a later fragment of the segment says that more than `whole` of them were durable.
fn was_durable(
    reader: &(impl ReadAt + ?Sized),
    len: u64,
    segment: SegmentId,
    behind: u64,
    whole: u32,
) -> bool {
    let end = len.min(behind.saturating_add(LOOK_BEHIND));
    boxes_between(reader, behind, end, |found| {
        found.segment == segment && found.durable > whole
    })
}

/// True when one of the checksum boxes in that part of the file is `wanted`.
fn boxes_between(
    reader: &(impl ReadAt + ?Sized),
    from: u64,
    end: u64,
    wanted: impl Fn(&Checksums) -> bool,
) -> bool {
    let mut block = vec![0; 64 * 1024];
    let mut at = from;
    while at < end {
        let n = match reader.read_at(&mut block, at) {
            Ok(0) | Err(_) => return false,
            Ok(n) => n,
        };
        let read = block.get(..n).unwrap_or_default();
        let mut searched = 0;
        while let Some(found) = read.get(searched..).and_then(find_type) {
            searched += found + 1;
            let start = (searched - 1).checked_sub(TYPE_AT);
            let bytes = start.and_then(|start| read.get(start..)?.first_chunk::<CHECKSUM_BOX>());
            if bytes.is_some_and(|bytes| Checksums::parse(bytes).is_ok_and(|found| wanted(&found))) {
                return true;
            }
        }
        if n <= CHECKSUM_BOX {
            return false;
        }
        // A box that lies across the seam is found whole in the next block.
        at = at.saturating_add((n - CHECKSUM_BOX) as u64);
    }
    false
}

fn find_type(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from
            + bytes
                .get(from..)?
                .iter()
                .position(|byte| *byte == FRAGMENT_TYPE[0])?;
        if bytes.get(at..)?.starts_with(&FRAGMENT_TYPE) {
            return Some(at);
        }
        from = at + 1;
    }
}
