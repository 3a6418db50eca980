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
    next: u64,
    pub(super) ops: usize,
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
        image.durable.insert(path.to_owned(), id);
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
        self.live.insert(path.to_owned(), self.next);
        self.next
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
        // Names: each one that differs is either as it was or as it is.
        let mut names = BTreeMap::new();
        let all = self.live.keys().chain(self.durable.keys());
        for path in all.collect::<std::collections::BTreeSet<_>>() {
            let (old, new) = (self.durable.get(path), self.live.get(path));
            let id = if old == new || keep() { new } else { old };
            let parent_lives = path
                .parent()
                .is_none_or(|dir| !self.knows(dir) || names.contains_key(dir));
            if let Some(id) = id.filter(|_| parent_lives) {
                names.insert(path.clone(), *id);
            }
        }
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
            next: self.next,
            ops: 0,
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

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(None, |image, _| {
            let id = image.live.remove(from).ok_or(ErrorKind::NotFound)?;
            image.live.insert(to.to_owned(), id);
            Ok(())
        })
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.change(Some(Fault::Unlink), |image, fails| {
            if !fails {
                image.live.remove(path).ok_or(ErrorKind::NotFound)?;
            }
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(Some(Fault::SyncDir), |image, fails| {
            if !fails {
                image.durable.retain(|path, _| path.parent() != Some(dir));
                let inside = image.live.iter().filter(|(path, _)| path.parent() == Some(dir));
                image.durable.extend(inside.map(|(path, id)| (path.clone(), *id)));
            }
            Ok(())
        })
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        Ok(Space {
            free: 1 << 30,
            total: 1 << 31,
        })
    }
}

struct CrashFile {
    disk: CrashDisk,
    id: u64,
}

impl CrashFile {
    fn change(&self, fault: Fault, change: impl FnOnce(&mut Node, bool)) -> io::Result<()> {
        self.disk.change(Some(fault), |image, fails| {
            change(image.nodes.get_mut(&self.id).unwrap(), fails);
            Ok(())
        })
    }
}

impl DiskFile for CrashFile {
    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.disk.pass_gate();
        let mut data: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.change(Fault::Write, |node, fails| {
            if fails {
                data.truncate(data.len() / 2);
            }
            write_sectors(&mut node.live, offset as usize, &data, &mut || true);
            node.pending.push(Change::Write(offset, data));
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
        self.change(Fault::Sync, |node, fails| {
            node.broken |= fails;
            if !node.broken {
                node.durable = node.live.clone();
                node.pending.clear();
            }
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Fault::SetLen, |node, fails| {
            if !fails {
                node.live.resize(len as usize, 0);
                node.pending.push(Change::SetLen(len));
            }
        })
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.image().nodes[&self.id].live.len() as u64)
    }
}
