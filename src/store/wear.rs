//! What the storage device says of its wear.
//!
//! An eMMC of version 5 and later estimates how much of its life is used, for each of its two kinds of memory, in tenths
//! (JEDEC JESD84-B51, 7.4.42 and 7.4.43). The kernel shows its registers as files:
//!
//! ```text
//! /sys/dev/block/179:2            the partition, a link to …/mmcblk0/mmcblk0p2
//! …/mmcblk0/device/life_time      0x02 0x01   the second tenth of one kind is being used, the first of the other
//! …/mmcblk0/device/pre_eol_info   0x01        1: the spare blocks are there; 2: few are left; 3: almost none
//! ```
//!
//! SD cards have no such registers, and disks tell theirs by commands of their own: of these nothing is known.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::sys::stat::{major, minor};

/// What a storage device says of its wear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wear {
    /// Percent of its life that are used at most; 101 when it has outlived the estimate of its maker.
    pub life_used: u8,
    /// Few of its spare blocks are left, or almost none.
    pub is_failing: bool,
}

impl Wear {
    /// The wear of the device that has a folder; `None` where it says nothing.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        let device = std::fs::metadata(dir).ok()?.dev();
        let block = format!("/sys/dev/block/{}:{}", major(device), minor(device));
        Self::shown(Path::new(&block))
    }

    /// The wear of a block device, or of the device that it is a partition of.
    fn shown(block: &Path) -> Option<Self> {
        let folders = ["device", "../device"].map(|folder| block.join(folder));
        let read = |name: &str| {
            folders
                .iter()
                .find_map(|folder| std::fs::read_to_string(folder.join(name)).ok())
        };
        let life = read("life_time")?;
        let tenth = life
            .split_whitespace()
            .filter_map(register)
            .max()
            .filter(|tenth| *tenth > 0)?;
        let spare = read("pre_eol_info").as_deref().and_then(register);
        Some(Self {
            life_used: if tenth > 10 { 101 } else { tenth * 10 },
            is_failing: spare.is_some_and(|spare| spare > 1),
        })
    }
}

/// Reads a register as the kernel writes it, `0x0a`.
fn register(text: &str) -> Option<u8> {
    u8::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test lays out what a kernel shows")]
mod tests {
    use super::*;

    fn shown(life: &str, spare: &str) -> Option<Wear> {
        let sys = tempfile::tempdir().unwrap();
        let device = sys.path().join("mmcblk0/device");
        std::fs::create_dir_all(&device).unwrap();
        std::fs::create_dir_all(sys.path().join("mmcblk0/mmcblk0p2")).unwrap();
        std::fs::write(device.join("life_time"), life).unwrap();
        std::fs::write(device.join("pre_eol_info"), spare).unwrap();
        std::os::unix::fs::symlink("mmcblk0/mmcblk0p2", sys.path().join("179:2")).unwrap();
        let of_partition = Wear::shown(&sys.path().join("179:2"));
        assert_eq!(of_partition, Wear::shown(&sys.path().join("mmcblk0")));
        of_partition
    }

    #[test]
    fn the_more_worn_of_both_kinds_of_memory_counts() {
        let wear = |life_used, is_failing| {
            Some(Wear {
                life_used,
                is_failing,
            })
        };
        assert_eq!(shown("0x02 0x01\n", "0x01\n"), wear(20, false));
        assert_eq!(shown("0x01 0x0a\n", "0x02\n"), wear(100, true));
        assert_eq!(shown("0x0b 0x00\n", "0x03\n"), wear(101, true));
    }

    #[test]
    fn a_device_that_says_nothing_has_no_wear() {
        for life in ["0x00 0x00", "", "nonsense", "0xfff"] {
            assert_eq!(shown(life, "0x00"), None, "{life}");
        }
        assert_eq!(Wear::shown(Path::new("/nowhere/179:2")), None);
        // Whatever this machine has.
        let _ = Wear::of(Path::new("/"));
    }
}
