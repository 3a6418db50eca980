//! A disk in memory that knows durable from not, for tests: it can lose power at any moment, and it can fail.
//!
//! What it keeps apart is what docs/storage.md assumes of the medium: bytes are durable after a sync that succeeded,
//! names after their directory's; of everything else any subset survives, in sectors of 512 bytes. A sync that failed
//! leaves bytes that no later sync makes durable. It can also stall, until a test lets it go on.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::disk::{Disk, DiskFile, Entry, Space};

const SECTOR: usize = 512;

/// What survives of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Survives {
    Nothing,
    Everything,
    /// Any subset, chosen by this number.
    Some(u64),
}

/// The operation that a failure is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Create,
    /// Half of the write happens.
    Write,
    Sync,
    SyncDir,
    SetLen,
    Unlink,
    Rename,
    Allocate,
}

type Observer = Box<dyn FnMut(&Image) + Send>;

/// The disk; clones are the same one.
#[derive(Clone, Default)]
pub(super) struct CrashDisk {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    image: Mutex<Image>,
    observer: Mutex<Option<Observer>>,
    faults: Mutex<Vec<Fault>>,
    readers: Mutex<Vec<PathBuf>>,
    gate: Mutex<Gate>,
    moved: Condvar,
}

/// Where a write or a sync waits while the card stalls.
#[derive(Default)]
struct Gate {
    shut: bool,
    waiting: usize,
}

/// All that the disk holds at one moment.
#[derive(Clone, Default)]
pub(super) struct Image {
    nodes: HashMap<u64, Node>,
    live: BTreeMap<PathBuf, u64>,
    durable: BTreeMap<PathBuf, u64>,
    /// Changes of names that no directory's sync made durable, in their order.
    names: Vec<NameChange>,
    next: u64,
    pub(super) ops: usize,
    /// Bytes that all files together may take.
    capacity: Option<u64>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Add(PathBuf, u64),
    Remove(PathBuf),
    /// One change: the old name or the new one survives, never both, never none.
    Move(PathBuf, PathBuf),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
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

    fn concerns(&self, dir: &Path) -> bool {
        match self {
            NameChange::Add(path, _) | NameChange::Remove(path) => path.parent() == Some(dir),
            NameChange::Move(from, to) => from.parent() == Some(dir) || to.parent() == Some(dir),
        }
    }
}

#[derive(Clone, Default)]
struct Node {
    is_dir: bool,
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// A sync failed: what is pending is never known to be durable.
    broken: bool,
}

#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

impl CrashDisk {
    /// The disk as it is after the power came back.
    pub(super) fn after_crash(image: &Image, survives: Survives) -> Self {
        let disk = Self::default();
        *disk.image() = image.crash(survives);
        disk
    }

    /// Calls `observer` before and after every operation that changes something.
    pub(super) fn observe(&self, observer: impl FnMut(&Image) + Send + 'static) {
        *self.shared.observer.lock().unwrap() = Some(Box::new(observer));
    }

    /// The next operation of that kind fails. Several add up.
    pub(super) fn fail_next(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push(fault);
    }

    /// From now on writes and syncs wait until [`go_on`](Self::go_on).
    pub(super) fn stall(&self) {
        self.shared.gate.lock().unwrap().shut = true;
    }

    /// Waits until something waits for the card.
    pub(super) fn stalled(&self) {
        let gate = self.shared.gate.lock().unwrap();
        let waited = self
            .shared
            .moved
            .wait_timeout_while(gate, Duration::from_secs(60), |gate| gate.waiting == 0);
        assert!(!waited.unwrap().1.timed_out(), "nobody ever wrote");
    }

    /// The card is back.
    pub(super) fn go_on(&self) {
        self.shared.gate.lock().unwrap().shut = false;
        self.shared.moved.notify_all();
    }

    fn pass_gate(&self) {
        let mut gate = self.shared.gate.lock().unwrap();
        if gate.shut {
            gate.waiting += 1;
            self.shared.moved.notify_all();
            let open = self.shared.moved.wait_while(gate, |gate| gate.shut);
            open.unwrap().waiting -= 1;
        }
    }

    pub(super) fn faults_left(&self) -> usize {
        self.shared.faults.lock().unwrap().len()
    }

    pub(super) fn image(&self) -> MutexGuard<'_, Image> {
        self.shared.image.lock().unwrap()
    }

    /// Every file, by path.
    pub(super) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let image = self.image();
        let files = image.live.iter().map(|(path, id)| (path, &image.nodes[id]));
        let files = files.filter(|(_, node)| !node.is_dir);
        files
            .map(|(path, node)| (path.clone(), node.live.clone()))
            .collect()
    }

    /// Puts a durable file there, as if it had always been.
    pub(super) fn put(&self, path: &Path, bytes: &[u8]) {
        let mut image = self.image();
        let id = image.add(path, false);
        let node = image.nodes.get_mut(&id).unwrap();
        node.live = bytes.to_vec();
        node.durable = bytes.to_vec();
        image.names.pop();
        image.durable.insert(path.to_owned(), id);
    }

    /// Which file a name stands for: the same number, the same blocks.
    pub(super) fn node_of(&self, path: &Path) -> Option<u64> {
        self.image().live.get(path).copied()
    }

    /// From now on all files together take at most so many bytes.
    pub(super) fn limit(&self, capacity: u64) {
        self.image().capacity = Some(capacity);
    }

    /// As if somebody read the file, until it is held no more.
    pub(super) fn hold(&self, path: &Path, held: bool) {
        let mut readers = self.shared.readers.lock().unwrap();
        readers.retain(|other| other != path);
        readers.extend(held.then(|| path.to_owned()));
    }

    fn change<T>(
        &self,
        fault: Option<Fault>,
        change: impl FnOnce(&mut Image, bool) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut faults = self.shared.faults.lock().unwrap();
        let at = faults.iter().position(|wanted| Some(*wanted) == fault);
        let fails = at.map(|at| faults.remove(at)).is_some();
        drop(faults);
        let mut image = self.image();
        let mut observer = self.shared.observer.lock().unwrap();
        if let Some(observer) = observer.as_mut() {
            observer(&image);
        }
        image.ops += 1;
        let result = change(&mut image, fails);
        if let Some(observer) = observer.as_mut() {
            observer(&image);
        }
        if fails {
            Err(ErrorKind::StorageFull.into())
        } else {
            result
        }
    }
}

impl Image {
    fn add(&mut self, path: &Path, is_dir: bool) -> u64 {
        self.next += 1;
        let node = Node {
            is_dir,
            ..Node::default()
        };
        self.nodes.insert(self.next, node);
        self.name(NameChange::Add(path.to_owned(), self.next));
        self.next
    }

    fn name(&mut self, change: NameChange) {
        change.apply(&mut self.live);
        self.names.push(change);
    }

    /// What a file holds, if there is one of that name.
    pub(super) fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        self.live.get(path).map(|id| self.nodes[id].live.clone())
    }

    fn used(&self) -> u64 {
        self.live
            .values()
            .map(|id| self.nodes[id].live.len() as u64)
            .sum()
    }

    /// An error when so many bytes more do not fit.
    fn fit(&self, more: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if self.used() + more > capacity => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn node(&mut self, path: &Path) -> io::Result<(u64, &mut Node)> {
        let id = *self.live.get(path).ok_or(ErrorKind::NotFound)?;
        Ok((id, self.nodes.get_mut(&id).unwrap()))
    }

    fn crash(&self, survives: Survives) -> Image {
        let mut dice = Dice(match survives {
            Survives::Some(seed) => seed.wrapping_mul(2).wrapping_add(1),
            _ => 1,
        });
        let mut keep = || match survives {
            Survives::Nothing => false,
            Survives::Everything => true,
            Survives::Some(_) => dice.roll(),
        };
        let mut names = self.durable.clone();
        for change in self.names.iter().filter(|_| keep()) {
            change.apply(&mut names);
        }
        // What lies in a directory that did not survive is gone with it.
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
        }
    }

    fn knows(&self, path: &Path) -> bool {
        self.live.contains_key(path) || self.durable.contains_key(path)
    }
}

fn write_sectors(bytes: &mut Vec<u8>, offset: usize, data: &[u8], keep: &mut impl FnMut() -> bool) {
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

/// xorshift: the same crash for the same number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.is_multiple_of(2)
    }
}

impl Disk for CrashDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.change(None, |image, _| {
            if !image.live.contains_key(path) {
                image.add(path, true);
            }
            Ok(())
        })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let id = self.change(Some(Fault::Create), |image, fails| match image.live.get(path) {
            Some(_) => Err(ErrorKind::AlreadyExists.into()),
            None if fails => Ok(0),
            None => Ok(image.add(path, false)),
        })?;
        Ok(Box::new(CrashFile {
            disk: self.clone(),
            id,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let id = self.image().node(path)?.0;
        Ok(Box::new(CrashFile {
            disk: self.clone(),
            id,
        }))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open(path)
    }

    fn open_unread(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>> {
        let held = self
            .shared
            .readers
            .lock()
            .unwrap()
            .iter()
            .any(|other| other == path);
        self.open(path).map(|file| (!held).then_some(file))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let image = self.image();
        let inside = image.live.iter().filter(|(path, _)| path.parent() == Some(dir));
        Ok(inside
            .map(|(path, id)| Entry {
                name: path.file_name().unwrap().to_owned(),
                is_dir: image.nodes[id].is_dir,
            })
            .collect())
    }

    fn is_there(&self, path: &Path) -> bool {
        self.image().live.contains_key(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(Some(Fault::Rename), |image, fails| {
            if !image.live.contains_key(from) {
                return Err(ErrorKind::NotFound.into());
            }
            if image.live.contains_key(to) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            if !fails {
                image.name(NameChange::Move(from.to_owned(), to.to_owned()));
            }
            Ok(())
        })
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.change(Some(Fault::Unlink), |image, fails| {
            if !image.live.contains_key(path) {
                return Err(ErrorKind::NotFound.into());
            }
            if !fails {
                image.name(NameChange::Remove(path.to_owned()));
            }
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(Some(Fault::SyncDir), |image, fails| {
            if !fails {
                let names = std::mem::take(&mut image.names);
                let (synced, left) = names.into_iter().partition(|change| change.concerns(dir));
                image.names = left;
                let synced: Vec<NameChange> = synced;
                synced.iter().for_each(|change| change.apply(&mut image.durable));
            }
            Ok(())
        })
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        let image = self.image();
        let total = image.capacity.unwrap_or(1 << 31);
        Ok(Space {
            free: total.saturating_sub(image.used()),
            total,
        })
    }
}

struct CrashFile {
    disk: CrashDisk,
    id: u64,
}

impl CrashFile {
    fn change(
        &self,
        fault: Fault,
        change: impl FnOnce(&mut Image, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        self.disk.change(Some(fault), change)
    }
}

impl Image {
    fn file(&mut self, id: u64) -> &mut Node {
        self.nodes.get_mut(&id).unwrap()
    }

    fn resize(&mut self, id: u64, len: u64) {
        let node = self.file(id);
        node.live.resize(len as usize, 0);
        node.pending.push(Change::SetLen(len));
    }
}

impl DiskFile for CrashFile {
    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.disk.pass_gate();
        let mut data: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.change(Fault::Write, |image, fails| {
            let len = image.file(self.id).live.len() as u64;
            let fits = image.fit((offset + data.len() as u64).saturating_sub(len));
            if fails || fits.is_err() {
                data.truncate(data.len() / 2);
            }
            if image
                .fit((offset + data.len() as u64).saturating_sub(len))
                .is_err()
            {
                return fits;
            }
            let node = image.file(self.id);
            write_sectors(&mut node.live, offset as usize, &data, &mut || true);
            node.pending.push(Change::Write(offset, data));
            fits
        })
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let image = self.disk.image();
        let live = &image.nodes[&self.id].live;
        let rest = live.get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.pass_gate();
        self.change(Fault::Sync, |image, fails| {
            let node = image.file(self.id);
            node.broken |= fails;
            if !node.broken {
                node.durable = node.live.clone();
                node.pending.clear();
            }
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Fault::SetLen, |image, fails| {
            if !fails {
                image.resize(self.id, len);
            }
            Ok(())
        })
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.image().nodes[&self.id].live.len() as u64)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.change(Fault::Allocate, |image, fails| {
            let now = image.file(self.id).live.len() as u64;
            image.fit(len.saturating_sub(now))?;
            if !fails && len > now {
                image.resize(self.id, len);
            }
            Ok(())
        })
    }

    fn punch(&self, len: u64) -> io::Result<()> {
        self.change(Fault::Write, |image, fails| {
            let node = image.file(self.id);
            let zeros = vec![0; node.live.len().min(len as usize)];
            if !fails {
                node.live[..zeros.len()].fill(0);
                node.pending.push(Change::Write(0, zeros));
            }
            Ok(())
        })
    }

    fn share(&self) -> io::Result<()> {
        Ok(())
    }
}
