//! The content of the disk at one moment, and the part of it that a power cut leaves.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

pub(super) const SECTOR: usize = 512;

/// The unsynced changes that survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Survives {
    Nothing,
    Everything,
    /// Any subset, chosen by this number.
    Some(u64),
    /// Any subset, but every file keeps its length: bytes that were not written read as zeros.
    Zeros(u64),
    /// Any subset, but bytes that were not written read as the content of other files: older media, fragments and all.
    Stale(u64),
}

/// The whole content of the disk at one moment.
#[derive(Clone, Default)]
pub(in crate::store) struct Image {
    pub(super) nodes: HashMap<u64, Node>,
    pub(super) live: BTreeMap<PathBuf, u64>,
    pub(super) durable: BTreeMap<PathBuf, u64>,
    /// Changes of names that no sync of a directory made durable yet, in their order.
    pub(super) names: Vec<NameChange>,
    next: u64,
    pub(in crate::store) ops: usize,
    /// Bytes that all files together may take.
    pub(super) capacity: Option<u64>,
    /// The same limit by a quota that nothing tells of before it is used up.
    pub(super) hidden: Option<u64>,
    /// Bytes that were removed and are not free yet, on a file system that frees them only with a transaction of its own.
    pub(super) late: Option<u64>,
    /// Most files and folders of the disk.
    pub(super) inodes: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Add(PathBuf, u64),
    Remove(PathBuf),
    /// A rename as one change: the old name or the new one survives, never both, never none.
    Move(PathBuf, PathBuf),
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            NameChange::Add(path, id) => {
                names.insert(path.clone(), *id);
            }
            NameChange::Remove(path) => {
                names.remove(path);
            }
            NameChange::Move(from, to) => {
                if let Some(id) = names.remove(from) {
                    names.insert(to.clone(), id);
                }
            }
        }
    }

    pub(super) fn concerns(&self, dir: &Path) -> bool {
        match self {
            NameChange::Add(path, _) | NameChange::Remove(path) => path.parent() == Some(dir),
            NameChange::Move(from, to) => from.parent() == Some(dir) || to.parent() == Some(dir),
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct Node {
    pub(super) is_dir: bool,
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Change>,
    /// Number of pending changes that a failed sync met: no later sync makes them durable.
    pub(super) broken: usize,
}

impl Node {
    /// Makes the changes durable that came after the last failed sync; the changes that it met are lost.
    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending).into_iter().skip(self.broken) {
            match change {
                Change::SetLen(len) => self.durable.resize(len as usize, 0),
                Change::Write(offset, data) => {
                    write_sectors(&mut self.durable, offset as usize, &data, &mut || true)
                }
            }
        }
        self.broken = 0;
    }
}

#[derive(Clone)]
pub(super) enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

impl Image {
    pub(super) fn add(&mut self, path: &Path, is_dir: bool) -> u64 {
        self.next += 1;
        let node = Node {
            is_dir,
            ..Node::default()
        };
        self.nodes.insert(self.next, node);
        self.name(NameChange::Add(path.to_owned(), self.next));
        self.next
    }

    pub(super) fn name(&mut self, change: NameChange) {
        change.apply(&mut self.live);
        self.names.push(change);
    }

    /// The content of a file, if there is one of that name.
    pub(in crate::store) fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        self.live.get(path).map(|id| self.nodes[id].live.clone())
    }

    /// Number of files whose new name is not durable.
    pub(in crate::store) fn moves(&self) -> usize {
        let moves = self
            .names
            .iter()
            .filter(|change| matches!(change, NameChange::Move(..)));
        moves.count()
    }

    pub(super) fn used(&self) -> u64 {
        self.live
            .values()
            .map(|id| self.nodes[id].live.len() as u64)
            .sum()
    }

    /// Fails when so many bytes more do not fit.
    pub(super) fn fit(&self, more: u64) -> io::Result<()> {
        let taken = self.used() + self.late.unwrap_or(0) + more;
        match self.capacity {
            Some(capacity) if taken > capacity => Err(ErrorKind::StorageFull.into()),
            _ => match self.hidden {
                Some(hidden) if taken > hidden => Err(ErrorKind::QuotaExceeded.into()),
                _ => Ok(()),
            },
        }
    }

    /// Fails when there is no inode for another file.
    pub(super) fn one_more(&self) -> io::Result<()> {
        match self.inodes {
            Some(inodes) if self.live.len() >= inodes => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn node(&mut self, path: &Path) -> io::Result<(u64, &mut Node)> {
        let id = *self.live.get(path).ok_or(ErrorKind::NotFound)?;
        Ok((id, self.nodes.get_mut(&id).unwrap()))
    }

    pub(super) fn file(&mut self, id: u64) -> &mut Node {
        self.nodes.get_mut(&id).unwrap()
    }

    pub(super) fn resize(&mut self, id: u64, len: u64) {
        let node = self.file(id);
        node.live.resize(len as usize, 0);
        node.pending.push(Change::SetLen(len));
    }

    /// The image after the power came back.
    pub(super) fn crash(&self, survives: Survives) -> Image {
        let (seed, lengths) = match survives {
            Survives::Nothing | Survives::Everything => (0, false),
            Survives::Some(seed) => (seed, false),
            Survives::Zeros(seed) | Survives::Stale(seed) => (seed, true),
        };
        let mut dice = Dice(seed.wrapping_mul(2).wrapping_add(1));
        let mut keep = || match survives {
            Survives::Nothing => false,
            Survives::Everything => true,
            _ => dice.roll(),
        };
        let mut names = self.durable.clone();
        for change in self.names.iter().filter(|_| keep()) {
            change.apply(&mut names);
        }
        // The content of a directory that did not survive is gone with the directory.
        let dirs: Vec<PathBuf> = names.keys().cloned().collect();
        let lost = |path: &Path| {
            path.ancestors()
                .skip(1)
                .any(|dir| self.knows(dir) && dirs.binary_search(&dir.to_owned()).is_err())
        };
        names.retain(|path, _| !lost(path));
        let mut nodes = HashMap::new();
        for id in names.values() {
            let node = &self.nodes[id];
            let mut bytes = node.durable.clone();
            if lengths {
                let unwritten = self.unwritten(*id, survives);
                let len = bytes.len();
                bytes.resize(node.live.len().max(len), 0);
                for (at, byte) in bytes.iter_mut().enumerate().skip(len) {
                    *byte = unwritten.get(at).copied().unwrap_or(0);
                }
            }
            for change in &node.pending {
                match change {
                    Change::SetLen(len) if keep() => bytes.resize(*len as usize, 0),
                    Change::SetLen(_) => {}
                    Change::Write(offset, data) => {
                        write_sectors(&mut bytes, *offset as usize, data, &mut keep)
                    }
                }
            }
            let node = Node {
                is_dir: node.is_dir,
                live: bytes.clone(),
                durable: bytes,
                ..Node::default()
            };
            nodes.insert(*id, node);
        }
        Image {
            nodes,
            live: names.clone(),
            durable: names,
            names: Vec::new(),
            next: self.next,
            ops: 0,
            capacity: self.capacity,
            hidden: self.hidden,
            late: self.late.map(|_| 0),
            inodes: self.inodes,
        }
    }

    /// The bytes in a part of a file that was never written: none, or the content of the longest other file.
    fn unwritten(&self, id: u64, survives: Survives) -> Vec<u8> {
        let Survives::Stale(_) = survives else {
            return Vec::new();
        };
        let others = self
            .nodes
            .iter()
            .filter(|(other, node)| **other != id && !node.is_dir);
        let longest = others.max_by_key(|(other, node)| (node.durable.len(), **other));
        longest.map(|(_, node)| node.durable.clone()).unwrap_or_default()
    }

    fn knows(&self, path: &Path) -> bool {
        self.live.contains_key(path) || self.durable.contains_key(path)
    }
}

pub(super) fn write_sectors(
    bytes: &mut Vec<u8>,
    offset: usize,
    data: &[u8],
    keep: &mut impl FnMut() -> bool,
) {
    let mut at = offset;
    while at < offset + data.len() {
        let end = ((at / SECTOR + 1) * SECTOR).min(offset + data.len());
        if keep() {
            let len = bytes.len().max(end);
            bytes.resize(len, 0);
            bytes[at..end].copy_from_slice(&data[at - offset..end - offset]);
        }
        at = end;
    }
}

/// A random number generator (xorshift): the same number gives the same crash.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.is_multiple_of(2)
    }
}
