//! A folder, on another disk or a share: objects are files.
//!
//! ```text
//! ROOT/live/cam/20261121/ID.mp4                               an object
//! ROOT/live/cam/20261121/.edgereel-<of the key>-<random>      an object that is not complete yet: its name is the upload's id
//! ```
//!
//! A complete file is synced before it gets its name, and its name is synced before the file counts as delivered. The root is
//! never created: when a disk is not mounted, its files must not fill the disk below the mount point.

use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use nix::errno::Errno;
use nix::libc::O_NOFOLLOW;

use super::pace::{Pace, Rank};
use super::{Answer, Content, Fault, ObjectSeen, Remote, Request};

/// The prefix of the names of files that are not complete yet.
const BEGUN: &str = ".edgereel-";

/// Bytes written at a time, within the common rate.
const SLICE: u64 = 256 << 10;

/// A folder.
pub(in crate::delivery) struct Folder {
    root: Arc<PathBuf>,
    pace: Pace,
}

impl Folder {
    pub(in crate::delivery) fn new(root: PathBuf, pace: Pace) -> Self {
        Self {
            root: Arc::new(root),
            pace,
        }
    }

    async fn carry_out(&self, request: Request) -> Result<Answer, Fault> {
        if let Request::Put { body, .. } | Request::Part { body, .. } = &request {
            let mut left = body.len();
            while left > 0 {
                let slice = left.min(SLICE);
                self.pace.take(slice, Rank::Rest).await;
                left -= slice;
            }
        }
        let root = self.root.clone();
        let done = tokio::task::spawn_blocking(move || carry_out(&root, request)).await;
        done.unwrap_or_else(|_| Err(Fault::Damaged("the folder's thread failed".to_owned())))
    }
}

impl Remote for Folder {
    fn perform(&self, request: Request) -> Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send + '_>> {
        Box::pin(self.carry_out(request))
    }

    /// The position of the second part is not known before the first part is there.
    fn takes_parts_in_any_order(&self) -> bool {
        false
    }

    fn clock_offset(&self) -> Option<i64> {
        None
    }
}

fn carry_out(root: &Path, request: Request) -> Result<Answer, Fault> {
    if !root.is_dir() {
        let root = root.display();
        return Err(Fault::Offline(format!(
            "{root}: there is no such folder; is its disk mounted?"
        )));
    }
    match request {
        Request::Put { key, body, .. } => put(&Place::of(root, &key)?, &body.content),
        Request::Create { key, .. } => create(&Place::of(root, &key)?),
        Request::Part {
            key,
            upload,
            offset,
            body,
            ..
        } => part(&Place::of(root, &key)?, &upload, offset, &body.content),
        Request::Parts { key, upload } => {
            let path = Place::of(root, &key)?.begun(&upload)?;
            match path.symlink_metadata() {
                Ok(_) => Ok(Answer::Parts(None)),
                Err(error) => Err(upload_fault(&path, error)),
            }
        }
        Request::Complete { key, upload, .. } => complete(&Place::of(root, &key)?, &upload),
        Request::Abort { key, upload } => {
            remove(&Place::of(root, &key)?.begun(&upload)?)?;
            Ok(Answer::Done)
        }
        Request::Uploads { key } => uploads(&Place::of(root, &key)?),
        Request::Head { key } => head(&Place::of(root, &key)?.path),
        Request::Read { key, offset, len } => read(&Place::of(root, &key)?.path, offset, len),
        Request::Remove { key } => {
            let place = Place::of(root, &key)?;
            remove(&place.path)?;
            remove_empty(root, &place.folder);
            Ok(Answer::Done)
        }
        Request::Tag { .. } => Err(Fault::Unsupported("files have no tags".to_owned())),
        Request::Space => space(root),
    }
}

#[allow(
    clippy::useless_conversion,
    reason = "the width of these fields differs between 32- and 64-bit targets"
)]
fn space(root: &Path) -> Result<Answer, Fault> {
    let found = nix::sys::statvfs::statvfs(root).map_err(|error| fault(root, &error.into()))?;
    let block = u64::from(found.fragment_size());
    Ok(Answer::Space(
        u64::from(found.blocks_available()).saturating_mul(block),
    ))
}

struct Place {
    root: PathBuf,
    folder: PathBuf,
    path: PathBuf,
    /// The names of the key's uploads begin with this.
    begun: String,
}

impl Place {
    /// The names of an object. No part of its key leads out of the root, and no symbolic link in the key does.
    fn of(root: &Path, key: &str) -> Result<Self, Fault> {
        let refuse = |why: &str| Err(Fault::Refused(format!("{key}: {why}")));
        let parts: Vec<&str> = key.split('/').collect();
        let wrong = |part: &&str| {
            matches!(*part, "" | "." | "..")
                || part.len() > 255
                || part.starts_with(BEGUN)
                || part.contains('\0')
        };
        if parts.iter().any(wrong) {
            return refuse("that cannot be the path of a file");
        }
        let mut path = root.to_owned();
        for part in parts {
            if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) && path != root {
                return refuse("a symbolic link is in its path");
            }
            path.push(part);
        }
        let digest: [u8; 16] = Md5::digest(key).into();
        let begun = HEXLOWER.encode(digest.split_at(8).0);
        Ok(Self {
            root: root.to_owned(),
            folder: path.parent().unwrap_or(root).to_owned(),
            path,
            begun: format!("{BEGUN}{begun}-"),
        })
    }

    /// The file of an upload; its name must be one of this key's uploads.
    fn begun(&self, upload: &str) -> Result<PathBuf, Fault> {
        let rest = upload.strip_prefix(&self.begun);
        if rest
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))
        {
            Ok(self.folder.join(upload))
        } else {
            Err(Fault::UploadGone)
        }
    }

    /// Creates the file of an object that is not complete yet.
    fn begin(&self) -> Result<(File, PathBuf), Fault> {
        self.make_folder()?;
        let random = uuid::Uuid::now_v7();
        let path = self.folder.join(format!("{}{random}", self.begun));
        let file = open(&path, OpenOptions::new().write(true).create_new(true).mode(0o640))?;
        Ok((file, path))
    }

    /// Creates the folders that are not there, and makes their names durable.
    fn make_folder(&self) -> Result<(), Fault> {
        let mut missing = Vec::new();
        let mut folder = self.folder.as_path();
        while folder != self.root && !folder.is_dir() {
            missing.push(folder.to_owned());
            folder = folder.parent().unwrap_or(&self.root);
        }
        for folder in missing.iter().rev() {
            match fs::DirBuilder::new().mode(0o750).create(folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(fault(folder, &error)),
                _ => sync_folder(folder.parent().unwrap_or(&self.root))?,
            }
        }
        Ok(())
    }

    /// Renames a complete file to its name.
    fn name(&self, begun: &Path) -> Result<(), Fault> {
        rename(begun, &self.path).map_err(|error| fault(&self.path, &error))?;
        sync_folder(&self.folder)
    }
}

fn put(place: &Place, body: &Content) -> Result<Answer, Fault> {
    let (file, begun) = place.begin()?;
    let written = write(&file, &begun, 0, body)
        .and_then(|()| file.sync_all().map_err(|error| fault(&begun, &error)))
        .and_then(|()| place.name(&begun));
    if written.is_err() {
        let _ = remove(&begun);
    }
    written.map(|()| Answer::Stored { etag: String::new() })
}

fn create(place: &Place) -> Result<Answer, Fault> {
    let (file, begun) = place.begin()?;
    file.sync_all().map_err(|error| fault(&begun, &error))?;
    sync_folder(&place.folder)?;
    let name = begun.file_name().unwrap_or_default();
    Ok(Answer::Created {
        upload: name.to_string_lossy().into_owned(),
    })
}

fn part(place: &Place, upload: &str, offset: Option<u64>, body: &Content) -> Result<Answer, Fault> {
    let begun = place.begun(upload)?;
    let Some(offset) = offset else {
        return Err(Fault::Refused(format!(
            "{}: where a part stands must be known",
            begun.display()
        )));
    };
    let file = open_begun(&begun)?;
    write(&file, &begun, offset, body)?;
    file.sync_data().map_err(|error| fault(&begun, &error))?;
    Ok(Answer::Stored { etag: String::new() })
}

fn write(file: &File, path: &Path, offset: u64, body: &Content) -> Result<(), Fault> {
    let mut done = 0;
    while let Some(piece) = body.piece(done) {
        // The error of the source says what is wrong with the body.
        let piece = piece.map_err(Fault::Damaged)?;
        file.write_all_at(&piece, offset.saturating_add(done))
            .map_err(|error| fault(path, &error))?;
        done = done.saturating_add(piece.len() as u64);
    }
    Ok(())
}

fn complete(place: &Place, upload: &str) -> Result<Answer, Fault> {
    let begun = place.begun(upload)?;
    let file = open_begun(&begun)?;
    file.sync_all().map_err(|error| fault(&begun, &error))?;
    place.name(&begun)?;
    Ok(Answer::Stored { etag: String::new() })
}

fn uploads(place: &Place) -> Result<Answer, Fault> {
    let entries = match fs::read_dir(&place.folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Answer::Uploads(Vec::new())),
        Err(error) => return Err(fault(&place.folder, &error)),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ours = names.filter(|name| name.starts_with(&place.begun));
    Ok(Answer::Uploads(ours.collect()))
}

fn head(path: &Path) -> Result<Answer, Fault> {
    match path.symlink_metadata() {
        Ok(found) if found.is_file() => Ok(Answer::Head(Some(ObjectSeen {
            bytes: found.len(),
            etag: String::new(),
            recording: None,
        }))),
        Ok(_) => Ok(Answer::Head(None)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Answer::Head(None))
        }
        Err(error) => Err(fault(path, &error)),
    }
}

fn read(path: &Path, offset: u64, len: u64) -> Result<Answer, Fault> {
    let file = open(path, OpenOptions::new().read(true))?;
    let mut bytes = Vec::new();
    let mut rest = io::Seek::seek(&mut &file, io::SeekFrom::Start(offset))
        .map(|_| (&file).take(len))
        .map_err(|error| fault(path, &error))?;
    rest.read_to_end(&mut bytes)
        .map_err(|error| fault(path, &error))?;
    Ok(Answer::Bytes(bytes.into()))
}

fn remove(path: &Path) -> Result<(), Fault> {
    match unlink(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fault(path, &error)),
        _ => Ok(()),
    }
}

/// Removes folders that are empty now.
fn remove_empty(root: &Path, folder: &Path) {
    let mut folder = folder;
    while folder != root && folder.starts_with(root) && fs::remove_dir(folder).is_ok() {
        folder = folder.parent().unwrap_or(root);
    }
}

fn open_begun(path: &Path) -> Result<File, Fault> {
    let mut options = OpenOptions::new();
    open_as(path, options.write(true)).map_err(|error| upload_fault(path, error))
}

fn open(path: &Path, options: &mut OpenOptions) -> Result<File, Fault> {
    open_as(path, options).map_err(|error| fault(path, &error))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the folder that is delivered to is not the tape"
)]
fn open_as(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.custom_flags(O_NOFOLLOW).open(path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the folder that is delivered to is not the tape"
)]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the folder that is delivered to is not the tape"
)]
fn unlink(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

fn sync_folder(folder: &Path) -> Result<(), Fault> {
    let synced = open_as(folder, OpenOptions::new().read(true)).and_then(|folder| folder.sync_all());
    match synced {
        // Not every share knows this operation.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        other => other.map_err(|error| fault(folder, &error)),
    }
}

fn upload_fault(path: &Path, error: io::Error) -> Fault {
    match error.kind() {
        ErrorKind::NotFound => Fault::UploadGone,
        _ => fault(path, &error),
    }
}

fn fault(path: &Path, error: &io::Error) -> Fault {
    let said = format!("{}: {error}", path.display());
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSPC | Errno::EDQUOT | Errno::EIO | Errno::EROFS | Errno::EAGAIN | Errno::EBUSY) => {
            Fault::Busy(said)
        }
        Some(Errno::ENODEV | Errno::ENXIO | Errno::ESTALE | Errno::ETIMEDOUT | Errno::EHOSTDOWN) => {
            Fault::Offline(said)
        }
        Some(Errno::EACCES | Errno::EPERM) => Fault::Unusable(said),
        _ => Fault::Refused(said),
    }
}

#[cfg(test)]
mod tests;
