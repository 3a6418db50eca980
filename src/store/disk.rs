//! The seam to flash: all file operations of the store, and no others.
//!
//! Bytes are durable after [`DiskFile::sync`], names after [`Disk::sync_dir`]. After an error of either it is unknown what is
//! durable, and another try proves nothing.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, Flock, FlockArg, fallocate};
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::sys::statfs::fstatfs;
use nix::sys::statvfs::statvfs;
use nix::sys::uio::pwritev;

use super::StoreError;

/// Linux takes this many parts in one `pwritev`.
const IOV_MAX: usize = 1024;

/// The operations of a file system that the store needs.
pub trait Disk: Send + Sync {
    /// Makes a directory; a directory that is there already is no error. The parent is not synced.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Creates a file that must not exist yet, for writing and reading.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to repair or remove it, also while others read it. A symbolic link is not followed: its target is not
    /// edgereel's to cut.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to read it. Until it is closed, [`open_unread`](Self::open_unread) does not open it. `WouldBlock` when a
    /// writer has opened it so and is about to write another segment over it.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to write another segment over it; `None` while it is read, in this process or another. No reader opens it
    /// until [`DiskFile::share`].
    fn open_unread(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>>;

    /// The entries of a directory, in no order; empty when there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;

    /// True when `path` exists.
    fn is_there(&self, path: &Path) -> bool;

    /// Moves a file to a path that does not exist, as one change: after a crash it has the old name or the new one. Durable
    /// after both directories are synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Moves a file to a path, and replaces what is there, as one change: after a crash the path has the old file or the new one.
    /// Durable after both directories are synced.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable after its directory is synced.
    fn unlink(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Has the file system of `dir` free the space of removed files. Some file systems (btrfs) free it only with a transaction
    /// of their own, many seconds later. All other waiting writes there come first, so this may take a while.
    fn sync_file_system(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    /// The space of the file system that holds `path`.
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Writes all parts at `offset`, one after the other. On an error any part of them may have been written.
    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// Fills as much of `buf` as there is from `offset` on; 0 at the end.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Makes the file's bytes, and the length needed to read them, durable (`fdatasync`).
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file, or grows it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// The file's length in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Bytes of the medium that the file takes: fewer than its length where it has holes.
    fn taken(&self) -> io::Result<u64> {
        self.size()
    }

    /// Bytes of the medium that the file takes although it has no name any more: they are free when everybody has closed it.
    fn held(&self) -> io::Result<u64> {
        Ok(0)
    }

    /// Allocates blocks for a file of `len` bytes and makes it that long; bytes that were never written read as zeros.
    /// `Unsupported` on file systems that cannot.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// True where allocated and unused blocks can be given back.
    fn gives_back(&self) -> bool {
        true
    }

    /// Gives all blocks of the file's first `len` bytes back, so that their content can no longer be read.
    fn punch(&self, len: u64) -> io::Result<()>;

    /// Ends [`Disk::open_unread`]: from now on everyone may read the file.
    fn share(&self) -> io::Result<()>;
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name alone.
    pub name: OsString,
    /// It is a directory.
    pub is_dir: bool,
}

/// The space of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this process may still write.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// The file system of this machine. Directories are made with mode 0750 and files with 0640, so that other users cannot read
/// the footage.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam that everything else goes through"
)]
impl Disk for RealDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o750).create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(true).mode(0o640);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).custom_flags(O_NOFOLLOW);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        // The open must not wait for a pipe that lies in the place of a file.
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(O_NONBLOCK).open(path)?;
        match file.try_lock_shared() {
            // Without locks of the file system, other processes are not noticed.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Box::new(RealFile(file))),
            Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn open_unread(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).custom_flags(O_NOFOLLOW);
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(RealFile(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        entries
            .map(|entry| {
                let entry = entry?;
                Ok(Entry {
                    name: entry.file_name(),
                    is_dir: entry.file_type()?.is_dir(),
                })
            })
            .collect()
    }

    fn is_there(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        // No other program writes here, so nothing can happen between the check and the move.
        if to.symlink_metadata().is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        std::fs::rename(from, to)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn sync_file_system(&self, dir: &Path) -> io::Result<()> {
        let dir = File::open(dir)?;
        // On other file systems the call would only wait for the writes of other programs.
        if is_btrfs(&dir) {
            nix::unistd::syncfs(dir)?;
        }
        Ok(())
    }

    #[allow(
        clippy::useless_conversion,
        reason = "the width of these fields differs between 32- and 64-bit targets"
    )]
    fn space(&self, path: &Path) -> io::Result<Space> {
        let stat = statvfs(path)?;
        let block = u64::from(stat.fragment_size());
        Ok(Space {
            free: u64::from(stat.blocks_available()).saturating_mul(block),
            total: u64::from(stat.blocks()).saturating_mul(block),
        })
    }
}

/// Moves a file to a path, and replaces what is there. Durable after both directories are synced.
#[expect(
    clippy::disallowed_methods,
    reason = "what SQLite reads is on the real disk, whatever carries the tape"
)]
pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// The identity of the file at a path: its file system, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) number: u64,
}

/// The identity of the file at `path` now.
pub(super) fn file_id(path: &Path) -> io::Result<FileId> {
    let found = path.metadata()?;
    Ok(FileId {
        device: found.dev(),
        number: found.ino(),
    })
}

/// True when `path` exists.
pub(super) fn is_there(path: &Path) -> bool {
    path.exists()
}

/// Fails where this user may not read the file; a file that does not exist is no error here.
pub(super) fn may_read(path: &Path) -> Result<(), StoreError> {
    match nix::unistd::access(path, nix::unistd::AccessFlags::R_OK) {
        Err(errno @ (Errno::EACCES | Errno::EPERM)) => Err(StoreError::disk("read", path)(errno.into())),
        _ => Ok(()),
    }
}

/// Locks a storage directory for this process, until the result is dropped or the process ends.
#[expect(
    clippy::disallowed_methods,
    reason = "a lock is held on a file that nothing is written to"
)]
pub(super) fn lock(dir: &Path) -> Result<Flock<File>, StoreError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    let options = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o640);
    let file = options.open(&path).map_err(StoreError::disk("open", &path))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        Errno::EWOULDBLOCK => StoreError::Locked { path: path.clone() },
        other => StoreError::disk("lock", &path)(other.into()),
    })
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&self, mut offset: u64, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        // Empty parts would make a complete write look like an empty one.
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            let position = nix::libc::off_t::try_from(offset).map_err(|_| ErrorKind::FileTooLarge)?;
            let now = parts.get(..IOV_MAX).unwrap_or(parts);
            let written = match pwritev(&self.0, now, position) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            offset = offset.saturating_add(written as u64);
            IoSlice::advance_slices(&mut parts, written);
        }
        Ok(())
    }

    fn read_at(&self, mut offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset) {
                Ok(0) => break,
                Ok(n) => {
                    done += n;
                    offset = offset.saturating_add(n as u64);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn taken(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.blocks().saturating_mul(512))
    }

    fn held(&self) -> io::Result<u64> {
        let metadata = self.0.metadata()?;
        let blocks = if metadata.nlink() == 0 {
            metadata.blocks()
        } else {
            0
        };
        Ok(blocks.saturating_mul(512))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        falloc(&self.0, FallocateFlags::empty(), len)
    }

    fn gives_back(&self) -> bool {
        !is_btrfs(&self.0)
    }

    fn punch(&self, len: u64) -> io::Result<()> {
        let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        match falloc(&self.0, flags, len) {
            Err(error) if error.kind() == ErrorKind::Unsupported => self.0.set_len(0),
            other => other,
        }
    }

    fn share(&self) -> io::Result<()> {
        self.0.unlock()
    }
}

/// True on btrfs. There the space of removed files is free with the next transaction. Blocks allocated ahead are one extent
/// there, which is given back when none of it is used any more. A file of 10 MB that had 32 MB allocated ahead takes these 32
/// MB, and a quota counts them.
fn is_btrfs(file: &File) -> bool {
    const BTRFS: u32 = 0x9123_683e;
    // The type of the number differs between targets, and its 32 bits do not.
    fstatfs(file).is_ok_and(|system| system.filesystem_type().0 as u32 == BTRFS)
}

fn falloc(file: &File, flags: FallocateFlags, len: u64) -> io::Result<()> {
    let len = nix::libc::off_t::try_from(len).map_err(|_| ErrorKind::FileTooLarge)?;
    loop {
        match fallocate(file, flags, 0, len) {
            Err(Errno::EINTR) => {}
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => return Err(ErrorKind::Unsupported.into()),
            other => return Ok(other?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_parts_arrive_whole_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let file = RealDisk.create(&dir.path().join("a")).unwrap();
        let parts: Vec<Vec<u8>> = (0..3000u32).map(|n| vec![n as u8; (n % 5) as usize]).collect();
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        file.write_at(10, &mut slices).unwrap();
        let whole: Vec<u8> = parts.concat();
        let mut read = vec![0xff; whole.len() + 99];
        assert_eq!(file.read_at(10, &mut read).unwrap(), whole.len());
        assert_eq!(&read[..whole.len()], whole);
        file.sync().unwrap();
        file.set_len(12).unwrap();
        assert_eq!(file.size().unwrap(), 12);
    }

    #[test]
    fn a_file_that_is_read_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        RealDisk.create(&path).unwrap();
        let reader = RealDisk.open_read(&path).unwrap();
        let other = RealDisk.open_read(&path).unwrap();
        assert!(RealDisk.open_unread(&path).unwrap().is_none());
        drop((reader, other));
        let writer = RealDisk.open_unread(&path).unwrap().unwrap();
        let refused = RealDisk.open_read(&path).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        writer.share().unwrap();
        RealDisk.open_read(&path).unwrap();
    }

    #[test]
    fn a_file_without_a_name_holds_its_space_until_it_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        RealDisk
            .create(&path)
            .unwrap()
            .write_at(0, &mut [IoSlice::new(&[1; 70_000])])
            .unwrap();
        let reader = RealDisk.open_read(&path).unwrap();
        assert_eq!(reader.held().unwrap(), 0);
        RealDisk.unlink(&path).unwrap();
        assert_eq!(reader.held().unwrap(), reader.taken().unwrap());
        assert!(reader.held().unwrap() >= 70_000);
    }

    #[test]
    fn blocks_are_taken_ahead_and_given_back() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let file = RealDisk.create(&path).unwrap();
        file.allocate(1 << 20).unwrap();
        assert_eq!(file.size().unwrap(), 1 << 20);
        let blocks = || path.metadata().unwrap().blocks() * 512;
        assert!(blocks() >= 1 << 20);
        file.write_at(70_000, &mut [IoSlice::new(b"footage")]).unwrap();
        file.punch(1 << 20).unwrap();
        let mut read = [1; 7];
        assert_eq!(file.read_at(70_000, &mut read).unwrap(), 7);
        assert_eq!((read, blocks()), ([0; 7], 0));
    }

    #[test]
    fn an_existing_file_is_never_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        RealDisk.create(&dir.path().join("b")).unwrap();
        RealDisk.create(&path).unwrap();
        assert_eq!(
            RealDisk.create(&path).err().unwrap().kind(),
            ErrorKind::AlreadyExists
        );
        let moved = RealDisk.rename(&dir.path().join("b"), &path);
        assert_eq!(moved.unwrap_err().kind(), ErrorKind::AlreadyExists);
        RealDisk.create_dir(&dir.path().join("d")).unwrap();
        RealDisk.create_dir(&dir.path().join("d")).unwrap();
        assert!(RealDisk.create_dir(&path).is_err());
        assert_eq!(RealDisk.list(dir.path()).unwrap().len(), 3);
        assert!(RealDisk.list(&dir.path().join("none")).unwrap().is_empty());
        assert!(RealDisk.space(dir.path()).unwrap().total > 0);
    }
}
