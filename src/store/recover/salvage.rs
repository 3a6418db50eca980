//! The media of a segment without a row behind a damaged place.
//!
//! A segment that was being written ends at its first fragment that is not whole: the bytes behind it were never acknowledged.
//! When the row of a file is lost, it is unknown whether the file was being written. Then a flipped bit at its beginning must
//! not cost the rest.

use super::pace::Paced;
use crate::format::fmp4::{self, FIRST_SEQUENCE, Left, Position, ScanError, Scanned, Stopped};
use crate::store::disk::DiskFile;

/// Reads a segment as far as it goes, over fragments with damaged media and whole boxes.
///
/// A segment with a `successor` was synced and sealed before its successor began. When its boxes lead to its very end, its
/// media is not read: to read all of a full card takes an hour, without any recording.
///
/// In any other segment, the media that its boxes call durable is believed. `Damage` when such media still lies behind the end:
/// then the file must not be cut.
pub(super) fn salvage(file: &dyn DiskFile, len: u64, successor: bool) -> Result<(Scanned, Left), ScanError> {
    let reader = Paced(file);
    if let Some(scanned) = successor.then(|| by_its_boxes(&reader, len)).flatten() {
        return Ok((scanned, Left::Nothing));
    }
    let (mut scanned, left) = fmp4::scan_open(&reader, len)?;
    if scanned.gone {
        return Ok((scanned, left));
    }
    let segment = scanned.identity.segment;
    let behind = |from: u64| fmp4::find_fragment(&reader, len, segment, from).is_some();
    let first = fmp4::read_header(&reader, len)?.len;
    let (mut index, _, stopped) = fmp4::scan_headers(&reader, len, segment, Position::first(first));
    if left == Left::Nothing && !behind(scanned.valid_len) {
        // A single fragment with whole boxes is kept for a person, whatever its media is like.
        let lone = scanned.index.fragments.is_empty() && !index.fragments.is_empty();
        return Ok((scanned, if lone { Left::Damage } else { Left::Nothing }));
    }
    // The end may be torn, as any end may be.
    while let Some((last, sequence)) = index.fragments.iter().zip(FIRST_SEQUENCE..).last() {
        let at = Position {
            offset: last.offset,
            sequence,
        };
        if fmp4::check_fragment(&reader, len, segment, at).is_ok() {
            break;
        }
        index.fragments.pop();
    }
    if index.end() > scanned.valid_len {
        scanned.valid_len = index.end();
        scanned.index = index;
        scanned.stopped = stopped;
    }
    let more = scanned.valid_len < len && behind(scanned.valid_len);
    Ok((scanned, if more { Left::Damage } else { Left::Nothing }))
}

fn by_its_boxes(reader: &Paced<'_>, len: u64) -> Option<Scanned> {
    let header = fmp4::read_header(reader, len).ok()?;
    let first = Position::first(header.len);
    let (index, end, stopped) = fmp4::scan_headers(reader, len, header.identity.segment, first);
    let whole = stopped == Stopped::Clean && !index.fragments.is_empty();
    let gone = fmp4::has_gaps(&index, header.len, end.offset);
    whole.then_some(Scanned {
        identity: header.identity,
        tracks: header.tracks,
        index,
        valid_len: end.offset,
        stopped,
        torn: 0,
        // The segment that follows began after this one was sealed.
        durable_len: end.offset,
        gone,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::super::looked_at;
    use super::*;
    use crate::format::TrackBase;
    use crate::format::fmp4::{Identity, Place};
    use crate::media::{PublishId, SegmentId};
    use crate::store::testing;

    /// A file that is only read, and of which at most so many bytes may be read.
    struct Bounded {
        bytes: Vec<u8>,
        left: AtomicU64,
        /// The value of `looked_at` at the last read.
        looked_at: AtomicU64,
    }

    impl DiskFile for Bounded {
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            let now = looked_at();
            let before = self.looked_at.swap(now, Ordering::Relaxed);
            assert!(
                now > before,
                "who waits for the start takes it for one that hangs"
            );
            let count = fmp4::ReadAt::read_at(self.bytes.as_slice(), buf, offset)?;
            let left = self.left.load(Ordering::Relaxed).checked_sub(count as u64);
            self.left
                .store(left.expect("read again and again"), Ordering::Relaxed);
            Ok(count)
        }
        fn size(&self) -> io::Result<u64> {
            Ok(self.bytes.len() as u64)
        }
        fn write_at(&self, _: u64, _: &mut [IoSlice<'_>]) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn sync(&self) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn set_len(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn allocate(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn punch(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
        fn share(&self) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
    }

    /// A whole header, followed by valid boxes that each claim a `moof` of all bytes behind.
    fn prepared(boxes: usize) -> Vec<u8> {
        const BOX: usize = 68;
        let fragment = testing::fragment(0, true);
        let identity = Identity {
            segment: SegmentId::new(1),
            publish: PublishId::new(1),
            device: "box-1".to_owned(),
            stream: "live/a".parse().unwrap(),
            sequence: 1,
            tape_zero: 0,
            boot_zero: 0,
            boot: *b"one-boot-of-many",
            utc_offset: 0,
            clock_synced: true,
            base: TrackBase::default(),
            recordings: Vec::new(),
            chunks: None,
        };
        let mut bytes = fmp4::segment_header(&identity, &fragment.tracks).unwrap();
        let place = Place {
            segment: identity.segment,
            sequence: FIRST_SEQUENCE,
            durable: 0,
            offset: bytes.len() as u64,
        };
        let head = fmp4::fragment_header(place, identity.base, &fragment).unwrap();
        let mut one = head.bytes[..BOX].to_vec();
        for behind in (0..boxes).rev() {
            let claimed = (behind * BOX).min(fmp4::MAX_MOOF as usize);
            one[48..52].copy_from_slice(&(claimed as u32).to_be_bytes());
            one[52..56].fill(0);
            let crc = crc32c::crc32c(&one[..64]);
            one[64..].copy_from_slice(&crc.to_be_bytes());
            bytes.extend_from_slice(&one);
        }
        bytes
    }

    #[test]
    fn a_prepared_file_costs_no_more_than_some_looks_at_it_and_each_is_seen() {
        let bytes = prepared(20_000);
        let len = bytes.len() as u64;
        // A file this short may be read for 64 MiB, each time that a fragment is searched behind a place.
        let most = 3 * (64 << 20);
        assert!(
            10_000 * len > 50 * most,
            "it is nothing to read all that is claimed"
        );
        let file = Bounded {
            bytes,
            left: AtomicU64::new(most),
            looked_at: AtomicU64::new(looked_at()),
        };
        for successor in [false, true] {
            file.left.store(most, Ordering::Relaxed);
            let (scanned, left) = salvage(&file, len, successor).unwrap();
            // The content is unknown, so the file is not cut.
            assert_eq!(left, Left::Damage);
            assert!(scanned.index.fragments.is_empty());
        }
    }
}
