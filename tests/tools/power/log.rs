//! The log of all requests to a device, in order, in the format of dm-log-writes, as QEMU's `blklogwrites` writes it.
//!
//! Numbers are little-endian. Sector 0 is the superblock, then each entry is a sector with its data behind it.
//!
//! ```text
//! superblock                              entry
//! at  bytes                               at  bytes
//!  0     8   0x6a736677736872              0     8   first sector on the device
//!  8     8   version, 1                    8     8   sectors
//! 16     8   entries                      16     8   1 = flush, 2 = FUA, 4 = discard, 8 = mark
//! 24     4   bytes in a sector            24     8   bytes of a mark's text
//! ```
//!
//! A discard has sectors and no data; a flush has neither.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

pub(super) const SECTOR: usize = 512;
const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
/// More than any run here writes. A greater length means that the log is damaged.
const LARGEST: u64 = 1 << 30;

/// The number of entries in a log that is still being written.
pub(super) fn entries(log: &File) -> u64 {
    let mut field = [0; 8];
    log.read_exact_at(&mut field, 16).expect("the log's superblock");
    u64::from_le_bytes(field)
}

/// A log that is complete.
#[derive(Default)]
pub(super) struct WriteLog {
    pub(super) entries: Vec<Entry>,
    bytes: Vec<u8>,
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A flush: all earlier writes are durable.
    Flush,
    /// A write of `sectors` sectors from `sector` on. Its bytes are at `at` of the log.
    Write { sector: u64, sectors: u64, at: usize },
    /// A discard: the contents of these sectors are gone.
    Discard { sector: u64, sectors: u64 },
}

impl WriteLog {
    /// Reads the log of a device of so many sectors. Fails if the log is damaged.
    #[track_caller]
    pub(super) fn read(path: &Path, device_sectors: u64) -> Self {
        let file = File::open(path).expect("the log");
        let mut bytes = Vec::new();
        let mut at = SECTOR as u64;
        let mut head = [0; SECTOR];
        file.read_exact_at(&mut head, 0).expect("the log's superblock");
        assert_eq!(
            [
                number(&head, 0),
                number(&head, 8),
                number(&head, 24) & 0xFFFF_FFFF
            ],
            [MAGIC, 1, SECTOR as u64],
            "magic, version and sector size of {}",
            path.display()
        );
        let mut entries = Vec::new();
        for index in 0..number(&head, 16) {
            file.read_exact_at(&mut head, at).expect("an entry of the log");
            at += SECTOR as u64;
            let (sector, sectors, flags) = (number(&head, 0), number(&head, 8), number(&head, 16));
            let inside = sector
                .checked_add(sectors)
                .is_some_and(|end| end <= device_sectors);
            assert!(
                inside && flags & MARK == 0 && at < LARGEST,
                "entry {index}: {sectors} sectors at {sector}, flags {flags}"
            );
            if flags & FLUSH != 0 {
                entries.push(Entry::Flush);
            }
            if flags & DISCARD != 0 {
                entries.push(Entry::Discard { sector, sectors });
            } else if sectors > 0 {
                let (start, length) = (bytes.len(), sectors as usize * SECTOR);
                bytes.resize(start + length, 0);
                file.read_exact_at(&mut bytes[start..], at)
                    .expect("an entry's data");
                at += length as u64;
                entries.push(Entry::Write {
                    sector,
                    sectors,
                    at: start,
                });
            } else if flags & FLUSH == 0 {
                panic!("entry {index} asks for nothing");
            }
            assert_eq!(
                entries.len() as u64,
                index + 1,
                "entry {index} is two requests in one"
            );
        }
        Self { entries, bytes }
    }

    /// The bytes of the sector `number` sectors after the beginning of the data.
    pub(super) fn sector(&self, at: usize, number: u64) -> &[u8] {
        &self.bytes[at + number as usize * SECTOR..][..SECTOR]
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[test]
fn a_log_is_read_as_it_was_written() {
    let folder = crate::support::home();
    let path = folder.path().join("log");
    let mut bytes = vec![0; SECTOR];
    let field = |bytes: &mut [u8], at: usize, value: u64| {
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    };
    for (at, value) in [(0, MAGIC), (8, 1), (16, 3), (24, SECTOR as u64)] {
        field(&mut bytes, at, value);
    }
    for (sector, sectors, flags) in [(5, 2, 0), (0, 0, FLUSH), (8, 8, DISCARD)] {
        let mut entry = vec![0; SECTOR];
        field(&mut entry, 0, sector);
        field(&mut entry, 8, sectors);
        field(&mut entry, 16, flags);
        bytes.extend(entry);
        if flags == 0 {
            bytes.extend([7; SECTOR]);
            bytes.extend([9; SECTOR]);
        }
    }
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(entries(&File::open(&path).unwrap()), 3);
    let log = WriteLog::read(&path, 16);
    let wanted = [
        Entry::Write {
            sector: 5,
            sectors: 2,
            at: 0,
        },
        Entry::Flush,
        Entry::Discard {
            sector: 8,
            sectors: 8,
        },
    ];
    assert_eq!(log.entries, wanted);
    assert!(log.sector(0, 1).iter().all(|byte| *byte == 9));
    let too_small = std::panic::catch_unwind(|| WriteLog::read(&path, 15));
    assert!(
        too_small.is_err(),
        "a request beyond the device's end was believed"
    );
}
