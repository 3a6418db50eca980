//! The hint about a file that this user may not read: its owner, and what helps.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User, geteuid};

use crate::store::StoreError;

/// The failed action and its file. [`hint`] looks at the file where the system denied access.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) what: String,
    pub(super) path: PathBuf,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

/// The hint about an error, if this user lacks a permission. Otherwise the hint is empty.
pub(super) fn hint(error: &anyhow::Error) -> String {
    let user = geteuid();
    if user.is_root() || !is_denied(error) {
        return String::new();
    }
    let path = error
        .chain()
        .find_map(|cause| match cause.downcast_ref::<StoreError>() {
            Some(StoreError::Disk { path, .. } | StoreError::Journal { path, .. }) => Some(path.clone()),
            _ => None,
        });
    let path = path.or_else(|| {
        error
            .downcast_ref::<Refused>()
            .map(|refused| refused.path.clone())
    });
    match path.as_deref().and_then(barrier) {
        Some((at, owner, group, mode)) => advice(user, &at, owner, group, mode),
        None => String::new(),
    }
}

fn is_denied(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        let journal = cause.downcast_ref::<StoreError>();
        io.is_some_and(|error| error.kind() == ErrorKind::PermissionDenied)
            || matches!(journal, Some(StoreError::Journal { source, .. }) if cannot_open(source))
    })
}

/// SQLite gives no other error for a file or directory that it may not open.
fn cannot_open(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            rusqlite::ErrorCode::CannotOpen
                | rusqlite::ErrorCode::ReadOnly
                | rusqlite::ErrorCode::PermissionDenied
        )
    )
}

/// The lowest part of a path that this user can look at. The obstacle is that part, or is in it.
fn barrier(path: &Path) -> Option<(PathBuf, Uid, Gid, u32)> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find_map(|part| {
        let found = part.metadata().ok()?;
        let (owner, group) = (Uid::from_raw(found.uid()), Gid::from_raw(found.gid()));
        Some((part.to_owned(), owner, group, found.mode() & 0o7777))
    })
}

fn advice(user: Uid, at: &Path, owner: Uid, group: Gid, mode: u32) -> String {
    let name_of = |uid: Uid| {
        let known = User::from_uid(uid).ok().flatten();
        known.map_or_else(|| uid.to_string(), |user| user.name)
    };
    let group_name = Group::from_gid(group)
        .ok()
        .flatten()
        .map_or_else(|| group.to_string(), |group| group.name);
    let (me, owner_name) = (name_of(user), name_of(owner));
    let shown = at.display();
    let mut text = format!(
        "\n  you are '{me}'; {shown} belongs to user '{owner_name}' and group '{group_name}' (mode {mode:04o})"
    );
    if owner != user {
        text += &if owner.is_root() {
            "\n  try it with sudo".to_owned()
        } else {
            format!("\n  try it as that user: sudo -u {owner_name} edgereel …")
        };
        // A directory needs both permissions. The files in it may still be closed.
        let readable = if at.is_dir() { 0o050 } else { 0o040 };
        if mode & readable == readable && !group.as_raw().eq(&0) {
            text += &format!(
                "\n  or let yourself into the group, and log in again: sudo usermod -aG {group_name} {me}"
            );
        }
    }
    text
}
