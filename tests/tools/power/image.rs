//! The contents of a device after a power cut: everything that was flushed, and a random part of what was written after that.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::log::{Entry, SECTOR, WriteLog};
use crate::support::random::Random;

/// The moment of a power cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// The number of requests that the device was given.
    pub(super) entries: usize,
    /// The seed of a random subset of the requests after the last flush. This subset survives, partly torn. None: all survive.
    pub(super) seed: Option<u64>,
}

/// The sectors of a device that were changed since it was made.
#[derive(Default)]
pub(super) struct Image {
    sectors: BTreeMap<u64, Vec<u8>>,
    /// Sectors that were written and not flushed.
    pub(super) at_stake: usize,
    /// The unflushed sectors that are lost.
    pub(super) gone: usize,
}

impl Image {
    /// This device after more requests and the cut.
    pub(super) fn after(&self, log: &WriteLog, cut: Cut) -> Self {
        let given = &log.entries[..cut.entries];
        let flushed = given.iter().rposition(|entry| *entry == Entry::Flush);
        let mut image = Self {
            sectors: self.sectors.clone(),
            at_stake: 0,
            gone: 0,
        };
        let mut luck = cut.seed.map(Luck::new);
        for (number, entry) in given.iter().enumerate() {
            match *entry {
                Entry::Flush => {}
                Entry::Discard { sector, sectors } => {
                    for sector in sector..sector + sectors {
                        image.sectors.remove(&sector);
                    }
                }
                Entry::Write { sector, sectors, at } => {
                    let at_stake = flushed.is_none_or(|flushed| number > flushed);
                    let luck = luck.as_mut().filter(|_| at_stake);
                    let survives = luck.map(|luck| whole_superblock(luck.of(sectors), sector));
                    image.at_stake += if at_stake { sectors as usize } else { 0 };
                    for one in 0..sectors {
                        if survives.as_ref().is_none_or(|survives| survives[one as usize]) {
                            image.sectors.insert(sector + one, log.sector(at, one).to_vec());
                        } else {
                            image.gone += 1;
                        }
                    }
                }
            }
        }
        image
    }

    /// Writes the device as a file of so many bytes.
    pub(super) fn write(&self, path: &Path, bytes: u64) {
        let file = File::create(path).expect("an image");
        file.set_len(bytes).expect("an image");
        for (sector, content) in &self.sectors {
            file.write_all_at(content, sector * SECTOR as u64)
                .expect("an image");
        }
    }
}

/// ext4 keeps its superblock in sectors 2 and 3 with one checksum, and does not mount if only half of it was written. It relies
/// on devices that write both sectors at once, and this is not under test here.
fn whole_superblock(mut survives: Vec<bool>, sector: u64) -> Vec<bool> {
    if let (Some(second), Some(third)) = (
        2_usize.checked_sub(sector as usize),
        3_usize.checked_sub(sector as usize),
    ) && third < survives.len()
    {
        survives[third] = survives[second];
    }
    survives
}

/// Decides which writes survive.
struct Luck {
    random: Random,
    /// The number of writes in a hundred that survive.
    whole: u64,
}

impl Luck {
    fn new(seed: u64) -> Self {
        let mut random = Random::from(seed);
        let whole = [0, 10, 50, 90][random.between(0, 4) as usize];
        Self { random, whole }
    }

    /// Which sectors of a write survive: all, none or, one time in four, any.
    fn of(&mut self, sectors: u64) -> Vec<bool> {
        let torn = self.random.between(0, 4) == 0;
        let whole = self.random.between(0, 100) < self.whole;
        (0..sectors)
            .map(|_| {
                if torn {
                    self.random.between(0, 2) == 0
                } else {
                    whole
                }
            })
            .collect()
    }
}
