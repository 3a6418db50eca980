//! Files that were cut, bent, mixed up or made to harm.

use std::cell::Cell;
use std::io;

use bytes::{BufMut, Bytes};
use crc32c::{crc32c, crc32c_append};
use proptest::prelude::*;

use super::fixtures::*;
use crate::format::fmp4::fragment::CHECKSUM_BOX;
use crate::format::fmp4::recover::{LEAST_LOOKED_AT, LOOKS};
use crate::format::fmp4::{MAX_MOOF, Position, ReadAt, ScanError, Stopped, find_fragment, moof_read, scan};
use crate::media::SegmentId;

#[test]
fn cut_anywhere_it_is_good_up_to_the_last_whole_fragment() {
    let (file, index, _) = usual();
    let header = index.fragments[0].offset;
    for len in 0..=file.len() {
        let scanned = match scan(&file[..len], len as u64) {
            Ok(scanned) => scanned,
            Err(error) => {
                assert!((len as u64) < header, "{error} at {len}");
                continue;
            }
        };
        let whole = index.fragments.iter().filter(|f| f.end() <= len as u64).count();
        assert_eq!(scanned.index.fragments, index.fragments[..whole]);
        let valid = index.fragments[..whole].last().map_or(header, |last| last.end());
        assert_eq!(scanned.valid_len, valid);
        // A few zeros at the beginning of a box look like space that was never written.
        match scanned.stopped {
            Stopped::Clean => assert_eq!(valid, len as u64),
            Stopped::Short | Stopped::Unwritten => assert_ne!(valid, len as u64),
            other => panic!("{other:?} at {len}"),
        }
    }
}

#[test]
fn a_fragment_is_found_wherever_it_begins() {
    let (file, index, _) = usual();
    let id = scan(file.as_slice(), file.len() as u64).unwrap().identity.segment;
    let second = &index.fragments[1];
    let fragment = &file[second.offset as usize..second.end() as usize];
    // Places around the end of what is read at once.
    let places = [0, 1, 3, 4, 1000].into_iter().chain(65_536 - 80..65_536 + 8);
    for place in places {
        let bytes = [&vec![0x75; place][..], fragment, b"uuid"].concat();
        let len = bytes.len() as u64;
        let at = Position {
            offset: place as u64,
            sequence: 2,
        };
        assert_eq!(find_fragment(bytes.as_slice(), len, id, 0), Some(at), "{place}");
        assert_eq!(
            find_fragment(bytes.as_slice(), len, id, at.offset + 5),
            None,
            "{place}"
        );
        assert_eq!(
            find_fragment(bytes.as_slice(), len, SegmentId::new(1), 0),
            None,
            "another's"
        );
        // A damaged box is none.
        let mut bent = bytes;
        let last = bent.len() - 6;
        bent[last] ^= 1;
        assert_eq!(find_fragment(bent.as_slice(), len, id, 0), None, "{place}");
    }
}

/// A file of which at most so many bytes may be read.
struct Bounded<'a> {
    file: &'a [u8],
    left: Cell<u64>,
}

impl ReadAt for Bounded<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.file.read_at(buf, offset)?;
        let left = self.left.get().checked_sub(count as u64);
        self.left.set(left.expect("read again and again"));
        Ok(count)
    }
}

/// Somebody prepared the file: each box is right, and claims as much of what follows as a box may.
#[test]
fn a_file_of_boxes_that_each_claim_the_rest_of_it_is_not_read_once_for_each() {
    let (usual, index, _) = usual();
    let at = index.fragments[0].offset as usize;
    let mut one = usual[at..at + CHECKSUM_BOX].to_vec();
    const BOXES: usize = 20_000;
    let mut file = Vec::with_capacity(BOXES * CHECKSUM_BOX);
    for behind in (0..BOXES).rev() {
        let rest = (behind * CHECKSUM_BOX).min(MAX_MOOF as usize);
        one[48..52].copy_from_slice(&(rest as u32).to_be_bytes());
        one[52..56].fill(0);
        let crc = crc32c(&one[..64]);
        one[64..].copy_from_slice(&crc.to_be_bytes());
        file.extend_from_slice(&one);
    }
    let len = file.len() as u64;
    // The bytes that the boxes claim, up to a bound, and the bytes that it takes to find them.
    let most = LEAST_LOOKED_AT.max(len * LOOKS) + 4 * len;
    let claimed = (BOXES as u64 / 2).saturating_mul(len);
    assert!(claimed > 100 * most, "it is nothing to read all that is claimed");
    let bounded = Bounded {
        file: &file,
        left: Cell::new(most),
    };
    let found = find_fragment(&bounded, len, identity().segment, 0);
    assert!(found.is_some(), "what was not looked at is not called nothing");
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (mut file, index, _) = usual();
    let second = &index.fragments[1];
    for at in 0..index.fragments[0].offset as usize {
        for bit in 0..8 {
            file[at] ^= 1 << bit;
            assert!(
                scan(file.as_slice(), file.len() as u64).is_err(),
                "bit {bit} of byte {at}"
            );
            file[at] ^= 1 << bit;
        }
    }
    for at in second.offset as usize..second.end() as usize {
        for bit in 0..8 {
            file[at] ^= 1 << bit;
            let scanned = scan(file.as_slice(), file.len() as u64).unwrap();
            assert_eq!(scanned.valid_len, second.offset, "bit {bit} of byte {at}");
            assert_eq!(scanned.index.fragments.len(), 1);
            assert!(!matches!(scanned.stopped, Stopped::Clean | Stopped::Unwritten));
            file[at] ^= 1 << bit;
        }
    }
}

#[test]
fn every_lost_sector_is_noticed() {
    let (file, index, _) = usual();
    let first = index.fragments[0].offset as usize;
    for lost in (first..file.len()).step_by(7) {
        for fill in [0, 0xFF] {
            let mut torn = file.clone();
            let end = torn.len().min(lost + 40);
            torn[lost..end].fill(fill);
            let scanned = scan(torn.as_slice(), torn.len() as u64).unwrap();
            let whole = index.fragments.iter().filter(|f| f.end() <= lost as u64).count();
            assert_eq!(scanned.index.fragments, index.fragments[..whole], "lost {lost}");
        }
    }
}

#[test]
fn what_an_earlier_file_left_in_the_same_blocks_is_not_taken() {
    let (mut file, index, tracks) = usual();
    let valid = file.len() as u64;
    let mut earlier = identity();
    earlier.segment = segment_id(9);
    append(&mut file, &earlier, 4, &fragment(&tracks, 3, false));
    let scanned = scan(file.as_slice(), file.len() as u64).unwrap();
    assert_eq!((scanned.valid_len, scanned.stopped), (valid, Stopped::Foreign));
    assert_eq!(scanned.index, index);
}

#[test]
fn a_fragment_out_of_order_is_not_taken() {
    for wrong in [0, 3, 5] {
        let (mut file, index, tracks) = usual();
        append(&mut file, &identity(), wrong, &fragment(&tracks, 3, false));
        let scanned = scan(file.as_slice(), file.len() as u64).unwrap();
        assert_eq!(scanned.stopped, Stopped::Sequence { found: wrong });
        assert_eq!(scanned.index, index);
    }
}

#[test]
fn a_new_box_over_old_media_is_not_taken() {
    let (file, index, tracks) = usual();
    let mut other = fragment(&tracks, 1, false);
    other.video[0].payload = Bytes::from_static(b"\0\0\0\x06\x65FIRST");
    let fragments = [fragment(&tracks, 0, false), other];
    let (newer, _) = segment(&identity(), &tracks, &fragments);
    let mut mixed = file.clone();
    let at = index.fragments[1].offset as usize;
    mixed[at..at + CHECKSUM_BOX].copy_from_slice(&newer[at..at + CHECKSUM_BOX]);
    let scanned = scan(mixed.as_slice(), mixed.len() as u64).unwrap();
    assert_eq!(
        (scanned.valid_len, scanned.stopped),
        (at as u64, Stopped::Checksum("mdat"))
    );
}

#[test]
fn room_never_written_ends_it() {
    let (mut file, index, _) = usual();
    for room in [1, CHECKSUM_BOX - 1, CHECKSUM_BOX, 4096] {
        file.truncate(index.end() as usize);
        file.resize(file.len() + room, 0);
        let scanned = scan(file.as_slice(), file.len() as u64).unwrap();
        assert_eq!(
            (scanned.valid_len, scanned.stopped),
            (index.end(), Stopped::Unwritten)
        );
    }
    file.truncate(index.end() as usize);
    file.extend_from_slice(&[b'x'; 600]);
    let scanned = scan(file.as_slice(), file.len() as u64).unwrap();
    assert_eq!(
        (scanned.valid_len, scanned.stopped),
        (index.end(), Stopped::Foreign)
    );
}

/// A medium that gives a few bytes at a time, is interrupted, and has a sector that cannot be read.
struct Flaky<'a> {
    file: &'a [u8],
    bad: std::ops::Range<u64>,
}

impl ReadAt for Flaky<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if buf.len() > 100 {
            let few = buf.len() / 2;
            return self.read_at(&mut buf[..few], offset);
        }
        let end = offset + buf.len() as u64;
        if offset < self.bad.end && self.bad.start < end {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.file.read_at(buf, offset)
    }
}

#[test]
fn a_sector_that_cannot_be_read_ends_it() {
    let (file, index, _) = usual();
    let last = index.fragments[2].audio.data_offset;
    let flaky = Flaky {
        file: &file,
        bad: last..last + 1,
    };
    let scanned = scan(&flaky, file.len() as u64).unwrap();
    assert_eq!(scanned.index.fragments, index.fragments[..2]);
    assert_eq!(scanned.stopped, Stopped::Unreadable(io::ErrorKind::InvalidData));
    let flaky = Flaky {
        file: &file,
        bad: 100..101,
    };
    assert!(matches!(
        scan(&flaky, file.len() as u64),
        Err(ScanError::Io { offset: 0, .. })
    ));
}

#[test]
fn another_file_is_refused_by_name() {
    let other = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x08free\0\0\0\x08mdat\0\0\0\x08moov\0\0\0\0";
    for file in [&other[..], &[0; 4096], &[0xFF; 4096]] {
        let refused = scan(file, file.len() as u64);
        assert!(
            matches!(refused, Err(ScanError::NotASegment { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_moof_that_promises_more_than_it_holds_takes_no_memory() {
    let (file, index, _) = usual();
    let first = &index.fragments[0];
    let moof_at = first.offset as usize + CHECKSUM_BOX;
    let mdat_at = first.video.data_offset as usize - 8;
    let mut moof = file[moof_at..mdat_at].to_vec();
    let trun = moof.windows(4).position(|kind| kind == b"trun").unwrap();
    moof[trun + 8..trun + 12].fill(0xFF);
    assert_eq!(moof_read::runs(&moof, 1, 0), None);
}

/// The header with its checksum made right again.
fn resealed(mut header: Vec<u8>) -> Vec<u8> {
    let identity = u32::from_be_bytes(header[24..28].try_into().unwrap()) as usize;
    let end = 24 + identity;
    if end < 56 || end > header.len() {
        return header;
    }
    let crc = crc32c_append(crc32c(&header[..end - 4]), &header[end..]);
    (&mut header[end - 4..end]).put_u32(crc);
    header
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_forged_header_breaks_nothing(at in any::<prop::sample::Index>(), bytes in any::<[u8; 2]>(), len in 1..3_usize) {
        let (file, index, _) = usual();
        let mut header = file[..index.fragments[0].offset as usize].to_vec();
        let at = at.index(header.len() - 2);
        header[at..at + len].copy_from_slice(&bytes[..len]);
        let header = resealed(header);
        let _ = scan(header.as_slice(), header.len() as u64);
    }

    #[test]
    fn a_forged_moof_breaks_nothing(at in any::<prop::sample::Index>(), bytes in any::<[u8; 4]>(), len in 1..5_usize) {
        let (file, index, _) = usual();
        let first = &index.fragments[0];
        let mut moof = file[first.offset as usize + CHECKSUM_BOX..first.video.data_offset as usize - 8].to_vec();
        let at = at.index(moof.len() - 4);
        moof[at..at + len].copy_from_slice(&bytes[..len]);
        let _ = moof_read::runs(&moof, 1, u64::MAX - 9);
    }
}
