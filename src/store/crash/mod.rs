//! A disk in memory for tests, which distinguishes durable changes from others. It can lose power at any moment, and it can
//! fail.
//!
//! It models what docs/storage.md assumes of the medium. Bytes are durable after a sync that succeeded, names after the sync of
//! their directory. Of all other changes any subset survives, in sectors of 512 bytes. A failed sync leaves bytes that no later
//! sync makes durable. The disk can also stall, until a test lets it continue.

mod image;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use self::image::{Change, NameChange, write_sectors};
pub(super) use self::image::{Image, Survives};
use super::disk::{Disk, DiskFile, Entry, Space};

/// The operation that a test lets fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Create,
    /// Half of the write happens.
    Write,
    /// Only so many bytes of a write happen.
    Short(usize),
    /// The medium fails to read, once.
    Read,
    Sync,
    SyncDir,
    SetLen,
    Unlink,
    Rename,
    Allocate,
}

impl Fault {
    fn error(self) -> io::Error {
        io::Error::from_raw_os_error(nix::libc::EIO)
    }

    /// True when the fault hits this `operation`.
    fn hits(self, operation: Fault) -> bool {
        self == operation || matches!((self, operation), (Fault::Short(_), Fault::Write))
    }
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
    unreadable: Mutex<Vec<PathBuf>>,
    gate: Mutex<Gate>,
    moved: Condvar,
    read_only: AtomicBool,
}

/// The place where a write or a sync waits while the card stalls.
#[derive(Default)]
struct Gate {
    shut: bool,
    waiting: usize,
}

impl CrashDisk {
    /// The disk after the power came back.
    pub(super) fn after_crash(image: &Image, survives: Survives) -> Self {
        let disk = Self::default();
        *disk.image() = image.crash(survives);
        disk
    }

    /// Calls `observer` before and after every operation that changes the disk.
    pub(super) fn observe(&self, observer: impl FnMut(&Image) + Send + 'static) {
        *self.shared.observer.lock().unwrap() = Some(Box::new(observer));
    }

    /// The next operation of that kind fails. Several calls add up.
    pub(super) fn fail_next(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push(fault);
    }

    /// From now on writes and syncs wait until [`go_on`](Self::go_on).
    pub(super) fn stall(&self) {
        self.shared.gate.lock().unwrap().shut = true;
    }

    /// Waits until an operation waits for the card.
    pub(super) fn stalled(&self) {
        let gate = self.shared.gate.lock().unwrap();
        let waited = self
            .shared
            .moved
            .wait_timeout_while(gate, Duration::from_secs(60), |gate| gate.waiting == 0);
        assert!(!waited.unwrap().1.timed_out(), "nobody ever wrote");
    }

    /// Ends the stall.
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

    /// Adds a durable file, as if it had always been there.
    pub(super) fn put(&self, path: &Path, bytes: &[u8]) {
        let mut image = self.image();
        let id = image.add(path, false);
        let node = image.nodes.get_mut(&id).unwrap();
        node.live = bytes.to_vec();
        node.durable = bytes.to_vec();
        image.names.pop();
        image.durable.insert(path.to_owned(), id);
    }

    /// The file behind a name: the same number means the same blocks.
    pub(super) fn node_of(&self, path: &Path) -> Option<u64> {
        self.image().live.get(path).copied()
    }

    /// From now on all files together take at most so many bytes.
    pub(super) fn limit(&self, capacity: u64) {
        self.image().capacity = Some(capacity);
    }

    /// Limits the bytes by a quota of the file system: free space is shown, and writes are refused.
    pub(super) fn hidden_quota(&self, bytes: Option<u64>) {
        self.image().hidden = bytes;
    }

    /// From now on the space of removed files is free only after the next sync of the whole file system.
    pub(super) fn free_late(&self) {
        self.image().late = Some(0);
    }

    /// From now on there are no more files and folders than now.
    pub(super) fn no_more_inodes(&self) {
        let mut image = self.image();
        image.inodes = Some(image.live.len());
    }

    /// Behaves as if a reader had the file open, while `held`.
    pub(super) fn hold(&self, path: &Path, held: bool) {
        let mut readers = self.shared.readers.lock().unwrap();
        readers.retain(|other| other != path);
        readers.extend(held.then(|| path.to_owned()));
    }

    /// From now on the medium does not read this file or folder, or it does again.
    pub(super) fn unreadable(&self, path: &Path, unreadable: bool) {
        let mut all = self.shared.unreadable.lock().unwrap();
        all.retain(|other| other != path);
        all.extend(unreadable.then(|| path.to_owned()));
    }

    fn expect_readable(&self, path: &Path) -> io::Result<()> {
        let all = self.shared.unreadable.lock().unwrap();
        if all.iter().any(|other| other == path) {
            return Err(Fault::Read.error());
        }
        Ok(())
    }

    /// The content of a file by its number, also when its name is gone.
    pub(super) fn held(&self, node: u64) -> Option<Vec<u8>> {
        self.image().nodes.get(&node).map(|node| node.live.clone())
    }

    /// From now on every change is refused, or no longer: the kernel remounts a broken file system read-only.
    pub(super) fn read_only(&self, read_only: bool) {
        self.shared.read_only.store(read_only, Ordering::Relaxed);
    }

    /// Ends all faults: none waits any more, the disk is writable, no file is held by a reader, and every one can be read.
    pub(super) fn mend(&self) {
        self.read_only(false);
        self.shared.faults.lock().unwrap().clear();
        self.shared.readers.lock().unwrap().clear();
        self.shared.unreadable.lock().unwrap().clear();
    }

    /// The fault that hits an operation, if there is one. The operation uses it up.
    fn fault(&self, operation: Fault) -> Option<Fault> {
        let mut faults = self.shared.faults.lock().unwrap();
        let at = faults.iter().position(|wanted| wanted.hits(operation))?;
        Some(faults.remove(at))
    }

    fn change<T>(
        &self,
        operation: Option<Fault>,
        change: impl FnOnce(&mut Image, Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.shared.read_only.load(Ordering::Relaxed) {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        let fault = operation.and_then(|operation| self.fault(operation));
        let mut image = self.image();
        let mut observer = self.shared.observer.lock().unwrap();
        if let Some(observer) = observer.as_mut() {
            observer(&image);
        }
        image.ops += 1;
        let result = change(&mut image, fault);
        if let Some(observer) = observer.as_mut() {
            observer(&image);
        }
        match fault {
            Some(fault) => Err(fault.error()),
            None => result,
        }
    }
}

impl Disk for CrashDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.change(None, |image, _| {
            if !image.live.contains_key(path) {
                image.one_more()?;
                image.add(path, true);
            }
            Ok(())
        })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let id = self.change(Some(Fault::Create), |image, fails| match image.live.get(path) {
            Some(_) => Err(ErrorKind::AlreadyExists.into()),
            None if fails.is_some() => Ok(0),
            None => image.one_more().map(|()| image.add(path, false)),
        })?;
        Ok(Box::new(CrashFile {
            disk: self.clone(),
            id,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.expect_readable(path)?;
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
        self.expect_readable(dir)?;
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
            if fails.is_none() {
                image.name(NameChange::Move(from.to_owned(), to.to_owned()));
            }
            Ok(())
        })
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(Some(Fault::Rename), |image, fails| {
            if !image.live.contains_key(from) {
                return Err(ErrorKind::NotFound.into());
            }
            if fails.is_none() {
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
            if fails.is_none() {
                let bytes = image.bytes(path).map_or(0, |bytes| bytes.len() as u64);
                image.late = image.late.map(|late| late + bytes);
                image.name(NameChange::Remove(path.to_owned()));
            }
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(Some(Fault::SyncDir), |image, fails| {
            if fails.is_none() {
                let names = std::mem::take(&mut image.names);
                let (synced, left) = names.into_iter().partition(|change| change.concerns(dir));
                image.names = left;
                let synced: Vec<NameChange> = synced;
                synced.iter().for_each(|change| change.apply(&mut image.durable));
            }
            Ok(())
        })
    }

    fn sync_file_system(&self, _dir: &Path) -> io::Result<()> {
        let mut image = self.image();
        image.late = image.late.map(|_| 0);
        Ok(())
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
        change: impl FnOnce(&mut Image, Option<Fault>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.disk.change(Some(fault), change)
    }
}

impl DiskFile for CrashFile {
    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.disk.pass_gate();
        let mut data: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.change(Fault::Write, |image, fails| {
            let len = image.file(self.id).live.len() as u64;
            let fits = image.fit((offset + data.len() as u64).saturating_sub(len));
            match fails {
                Some(Fault::Short(len)) => data.truncate(len),
                None if fits.is_ok() => {}
                _ => data.truncate(data.len() / 2),
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
        if let Some(fault) = self.disk.fault(Fault::Read) {
            return Err(fault.error());
        }
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
            if fails.is_some() {
                node.broken = node.pending.len();
            } else {
                node.sync();
            }
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Fault::SetLen, |image, fails| {
            if image.late.is_some() {
                // Such a file system needs space to write down that a file is shorter.
                image.fit(1)?;
            }
            if fails.is_none() {
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
            if fails.is_none() && len > now {
                image.resize(self.id, len);
            }
            Ok(())
        })
    }

    fn punch(&self, len: u64) -> io::Result<()> {
        self.change(Fault::Write, |image, fails| {
            let node = image.file(self.id);
            let zeros = vec![0; node.live.len().min(len as usize)];
            if fails.is_none() {
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
