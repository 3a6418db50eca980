//! The files of sidecars: how they are written, take their places, are read and go.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};

use super::{Damage, Sidecar};
use crate::media::RecordingId;
use crate::store::disk::{Disk, DiskFile};
use crate::store::{StoreError, paths};

/// The longest file that is read or written.
const LONGEST: usize = 1 << 20;

/// The folder within the folder of sidecars where files are before the journal has what is in them.
const NEW: &str = "new";
const CATEGORIES: &str = "categories";

/// What a sidecar is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Name {
    /// The tree of categories.
    Categories,
    /// A recording.
    Recording(RecordingId),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Categories => write!(f, "{CATEGORIES}.json"),
            Name::Recording(id) => write!(f, "{id}.json"),
        }
    }
}

impl Name {
    fn read(name: &OsStr) -> Option<Self> {
        let found = match name.to_str()?.strip_suffix(".json")? {
            CATEGORIES => Name::Categories,
            id => Name::Recording(id.parse().ok()?),
        };
        (found.to_string() == name.to_str()?).then_some(found)
    }

    /// The path of the file in its place.
    pub(in crate::store) fn path(self, dir: &Path) -> PathBuf {
        paths::sidecars(dir).join(self.to_string())
    }

    /// The path of the file before the journal has what is in it.
    pub(in crate::store) fn new_path(self, dir: &Path) -> PathBuf {
        paths::sidecars(dir).join(NEW).join(self.to_string())
    }
}

/// The files in the folder that have names of sidecars, and the paths of all other ones.
pub(in crate::store) fn names(disk: &dyn Disk, dir: &Path) -> Result<(Vec<Name>, Vec<PathBuf>), StoreError> {
    listed(disk, &paths::sidecars(dir), Some(NEW))
}

/// The files that were written and did not take their places.
pub(in crate::store) fn newer(disk: &dyn Disk, dir: &Path) -> Result<(Vec<Name>, Vec<PathBuf>), StoreError> {
    listed(disk, &paths::sidecars(dir).join(NEW), None)
}

fn listed(
    disk: &dyn Disk,
    folder: &Path,
    but: Option<&str>,
) -> Result<(Vec<Name>, Vec<PathBuf>), StoreError> {
    let mut entries = disk.list(folder).map_err(StoreError::disk("list", folder))?;
    entries.retain(|entry| but.is_none_or(|but| entry.name != but));
    entries.sort_unstable();
    let (mut names, mut others) = (Vec::new(), Vec::new());
    for entry in entries {
        match Name::read(&entry.name).filter(|_| !entry.is_dir) {
            Some(name) => names.push(name),
            None => others.push(folder.join(entry.name)),
        }
    }
    Ok((names, others))
}

/// Reads a sidecar in its place; `None` where there is none. The inner error is of its content.
pub(in crate::store) fn read(
    disk: &dyn Disk,
    dir: &Path,
    name: Name,
) -> Result<Option<Result<Sidecar, Damage>>, StoreError> {
    read_at(disk, &name.path(dir))
}

/// Reads a sidecar that did not take its place.
pub(in crate::store) fn writing(
    disk: &dyn Disk,
    dir: &Path,
    name: Name,
) -> Result<Option<Result<Sidecar, Damage>>, StoreError> {
    read_at(disk, &name.new_path(dir))
}

fn read_at(disk: &dyn Disk, path: &Path) -> Result<Option<Result<Sidecar, Damage>>, StoreError> {
    let bytes = || -> io::Result<Option<Vec<u8>>> {
        let file = disk.open_read(path)?;
        let size = usize::try_from(file.size()?).unwrap_or(usize::MAX);
        if size > LONGEST {
            return Ok(None);
        }
        let mut bytes = vec![0; size];
        let read = file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(Some(bytes))
    };
    match bytes() {
        Ok(Some(bytes)) => Ok(Some(Sidecar::decode(&bytes))),
        Ok(None) => Ok(Some(Err(Damage::Torn(format!(
            "it has more than {LONGEST} bytes"
        ))))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::disk("read", path)(error)),
    }
}

/// The newest content of a sidecar that is whole: the one in `new/` was written last.
pub(in crate::store) fn newest(
    disk: &dyn Disk,
    dir: &Path,
    name: Name,
) -> Result<Option<Result<Sidecar, Damage>>, StoreError> {
    match writing(disk, dir, name)? {
        Some(Ok(newest)) => Ok(Some(Ok(newest))),
        _ => read(disk, dir, name),
    }
}

/// The content of a sidecar that another is made of.
fn in_place(disk: &dyn Disk, dir: &Path, name: Name) -> Result<Sidecar, StoreError> {
    match read(disk, dir, name)? {
        None => Ok(Sidecar::default()),
        Some(Ok(before)) => Ok(before),
        // What is damaged is lost already. What a later release wrote is not this one's to write over.
        Some(Err(Damage::Torn(_) | Damage::Empty)) => Ok(Sidecar::default()),
        Some(Err(damage @ Damage::Later(_))) => {
            let error = io::Error::new(ErrorKind::InvalidData, format!("the file {damage}"));
            Err(StoreError::disk("change", &name.path(dir))(error))
        }
    }
}

/// Writes the next content of a sidecar to `new/`: durable when this returns. The sections that `change` leaves alone are those
/// of the file that is in its place.
pub(in crate::store) fn write(
    disk: &dyn Disk,
    dir: &Path,
    name: Name,
    change: impl FnOnce(Sidecar) -> Sidecar,
) -> Result<(), StoreError> {
    let path = name.new_path(dir);
    let bytes = change(in_place(disk, dir, name)?).encode();
    let mut made = false;
    let mut written = || -> io::Result<()> {
        let folder = paths::sidecars(dir);
        // The syncs also follow where the folders are there: earlier ones may have failed.
        disk.create_dir(&folder)?;
        disk.create_dir(&folder.join(NEW))?;
        disk.sync_dir(dir)?;
        disk.sync_dir(&folder)?;
        made = true;
        if disk.is_there(&path) {
            empty_replaced(disk.open(&path), &path);
            disk.unlink(&path)?;
        }
        let file = disk.create(&path)?;
        file.write_at(0, &mut [IoSlice::new(&bytes)])?;
        file.sync()?;
        disk.sync_dir(&folder.join(NEW))
    };
    written().map_err(|error| {
        // The caller says that nothing was changed: so nothing of it is to be found later.
        if made && clear(disk, &path).is_err() {
            let _ = disk.unlink(&path);
        }
        StoreError::disk("write", &path)(error)
    })
}

/// Brings a sidecar that was written into its place: durable when this returns. Then the blocks of the one before are emptied.
pub(in crate::store) fn put(disk: &dyn Disk, dir: &Path, name: Name) -> Result<(), StoreError> {
    let (from, to) = (name.new_path(dir), name.path(dir));
    // It has no name afterwards by which it could be opened.
    let replaced = disk.is_there(&to).then(|| disk.open(&to));
    disk.replace(&from, &to)
        .and_then(|()| disk.sync_dir(&paths::sidecars(dir)))
        .map_err(StoreError::disk("replace", &to))?;
    if let Some(replaced) = replaced {
        empty_replaced(replaced, &to);
    }
    Ok(())
}

/// Brings a sidecar into agreement with the journal, whatever a crash left: `change` gives it what the journal says. `None`
/// where the journal has nothing for it: then what is in `new/` never became true.
pub(in crate::store) fn settle(
    disk: &dyn Disk,
    dir: &Path,
    name: Name,
    change: Option<impl FnOnce(Sidecar) -> Sidecar>,
) -> Result<(), StoreError> {
    match change {
        Some(change) => {
            let wanted = change(in_place(disk, dir, name)?);
            // What is in `new/` may be all that there is. It is not written anew where it says the right thing.
            if !matches!(writing(disk, dir, name)?, Some(Ok(written)) if written == wanted) {
                write(disk, dir, name, |_| wanted)?;
            } else if let Err(error) = disk.open(&name.new_path(dir)).and_then(|file| file.sync()) {
                return Err(StoreError::disk("sync", &name.new_path(dir))(error));
            }
            put(disk, dir, name)
        }
        None => {
            let path = name.new_path(dir);
            clear(disk, &path).map_err(StoreError::disk("remove", &path))
        }
    }
}

/// Removes a sidecar: its blocks are emptied, because what people wrote goes with the recording.
pub(in crate::store) fn remove(disk: &dyn Disk, dir: &Path, name: Name) -> Result<(), StoreError> {
    for path in [name.new_path(dir), name.path(dir)] {
        clear(disk, &path).map_err(StoreError::disk("remove", &path))?;
    }
    Ok(())
}

/// Empties and removes a file, if there is one: durable when this returns.
fn clear(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if !disk.is_there(path) {
        return Ok(());
    }
    let file = disk.open(path)?;
    empty(file.as_ref())?;
    drop(file);
    disk.unlink(path)?;
    path.parent().map_or(Ok(()), |folder| disk.sync_dir(folder))
}

fn empty(file: &dyn DiskFile) -> io::Result<()> {
    file.punch(file.size()?)?;
    file.sync()
}

/// Empties what another file took the place of. The change is true all the same where that fails.
fn empty_replaced(file: io::Result<Box<dyn DiskFile>>, path: &Path) {
    if let Err(error) = file.and_then(|file| empty(file.as_ref())) {
        tracing::warn!(
            "{}: its text before stays in free blocks of the storage device: {error}",
            path.display()
        );
    }
}
