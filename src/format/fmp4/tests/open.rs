//! A segment that was being written at a power cut.

use std::cell::Cell;
use std::io;

use super::fixtures::*;
use crate::format::fmp4::{Left, ReadAt, Scanned, Stopped, holds_durable_fragments, scan, scan_open};
use crate::format::index::{FragmentIndex, SampleIndex};

/// Six fragments; the n-th says that n − 2 are durable.
fn six() -> (Vec<u8>, SampleIndex) {
    let tracks = tracks(Some(avc()), Some(aac()));
    let fragments: Vec<_> = (0..6).map(|nth| fragment(&tracks, nth, nth % 2 == 0)).collect();
    segment(&identity(), &tracks, &fragments)
}

#[test]
fn cut_anywhere_it_is_what_a_full_scan_believes() {
    let (file, index) = six();
    for len in index.fragments[0].offset as usize..=file.len() {
        let cut = &file[..len];
        let (scanned, left) = scan_open(cut, len as u64).unwrap();
        assert_eq!(scanned, scan(cut, len as u64).unwrap());
        assert_eq!(left, Left::Nothing);
    }
}

#[test]
fn the_last_writes_torn_anywhere_are_a_torn_end() {
    let (file, index) = six();
    // The sixth says that four are durable: the last two may be anything.
    for byte in index.fragments[4].offset as usize..file.len() {
        let mut torn = file.clone();
        torn[byte] ^= 0x10;
        let (scanned, left) = scan_open(torn.as_slice(), torn.len() as u64).unwrap();
        let durable_len = scanned.durable_len;
        let full = scan(torn.as_slice(), torn.len() as u64).unwrap();
        assert_eq!(scanned, Scanned { durable_len, ..full });
        assert!(durable_len <= index.fragments[4].offset);
        assert_eq!(left, Left::Nothing, "byte {byte}");
    }
}

#[test]
fn what_was_durable_and_is_gone_is_damage() {
    let (file, index) = six();
    for gone in 0..3 {
        let fragment = &index.fragments[gone];
        let mut damaged = file.clone();
        damaged[fragment.offset as usize..fragment.end() as usize].fill(0);
        let (scanned, left) = scan_open(damaged.as_slice(), damaged.len() as u64).unwrap();
        assert_eq!((scanned.index.fragments.len(), left), (gone, Left::Damage));
    }
}

#[test]
fn an_unreadable_place_is_damage() {
    let (file, index) = six();
    let bad = index.fragments[5].offset;
    let reader = Watched {
        file: &file,
        bad: Some(bad),
        bytes: Cell::new(0),
    };
    let (scanned, left) = scan_open(&reader, file.len() as u64).unwrap();
    assert_eq!(
        (scanned.stopped, left),
        (Stopped::Unreadable(io::ErrorKind::Other), Left::Damage)
    );
}

#[test]
fn media_that_was_durable_is_not_read_again() {
    let (file, index) = six();
    let mdat = |fragment: &FragmentIndex| 8 + fragment.video.bytes() + fragment.audio.bytes();
    let reader = Watched {
        file: &file,
        bad: None,
        bytes: Cell::new(0),
    };
    scan_open(&reader, file.len() as u64).unwrap();
    let both = reader.bytes.replace(0);
    scan(&reader, file.len() as u64).unwrap();
    // The boxes of the last two are read twice. The media of the first four is not read at all.
    let twice: u64 = index.fragments[4..].iter().map(|one| one.len - mdat(one)).sum();
    let never: u64 = index.fragments[..4].iter().map(mdat).sum();
    assert_eq!(both, reader.bytes.get() + twice - never);
}

#[test]
fn a_header_was_durable_when_a_fragment_says_so() {
    let (file, index) = six();
    let mut taken = file.clone();
    taken[..index.fragments[0].offset as usize].fill(0);
    let len = taken.len() as u64;
    assert!(holds_durable_fragments(taken.as_slice(), len, identity().segment));
    assert!(!holds_durable_fragments(taken.as_slice(), len, segment_id(77)));
    // The first write, which is the first fragment, says that none was durable.
    let second = index.fragments[1].offset as usize;
    assert!(!holds_durable_fragments(
        &taken[..second],
        second as u64,
        identity().segment
    ));
}

struct Watched<'a> {
    file: &'a [u8],
    bad: Option<u64>,
    bytes: Cell<u64>,
}

impl ReadAt for Watched<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.bad.is_some_and(|bad| offset + buf.len() as u64 > bad) {
            return Err(io::Error::other("bad sector"));
        }
        let n = self.file.read_at(buf, offset)?;
        self.bytes.set(self.bytes.get() + n as u64);
        Ok(n)
    }
}
