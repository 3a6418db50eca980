//! A card: a file system of its own on a loop device, that can be pulled, broken, filled and stalled. Needs root.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::programs::Program;
use crate::support::{home, wait_until};

const LOSETUP: Program = system("losetup", "mount");
const MKFS: Program = system("mkfs.ext4", "e2fsprogs");
const E2FSCK: Program = system("e2fsck", "e2fsprogs");
const MOUNT: Program = system("mount", "mount");
const UMOUNT: Program = system("umount", "mount");
const FSFREEZE: Program = system("fsfreeze", "util-linux");

const fn system(name: &'static str, package: &'static str) -> Program {
    Program { name, package }
}

/// A file system of its own, on a loop device.
pub(crate) struct Card {
    folder: TempDir,
    device: String,
}

/// The card takes nothing as long as this lives.
pub(crate) struct Stall(PathBuf);

impl Card {
    /// One of 256 MiB, empty and mounted.
    #[track_caller]
    pub(crate) fn new() -> Self {
        let folder = home();
        let (image, mount) = (folder.path().join("card.img"), folder.path().join("card"));
        let file = std::fs::File::create(&image).unwrap();
        file.set_len(256 << 20).unwrap();
        std::fs::create_dir(&mount).unwrap();
        let device = needs_root(LOSETUP, &["--find", "--show", shown(&image)]);
        let card = Self {
            folder,
            device: device.trim().to_owned(),
        };
        // Nothing is kept for root: full is full.
        needs_root(MKFS, &["-q", "-m", "0", &card.device]);
        card.mount();
        card
    }

    /// Puts it back where it was.
    #[track_caller]
    pub(crate) fn mount(&self) {
        needs_root(MOUNT, &[&self.device, shown(&self.path())]);
    }

    /// Pulls it out, whoever uses it.
    #[track_caller]
    pub(crate) fn pull(&self) {
        needs_root(UMOUNT, &["--lazy", shown(&self.path())]);
    }

    /// Unmounts it, once nobody uses it any more.
    #[track_caller]
    pub(crate) fn unmount(&self) {
        wait_until("nobody uses the card", || {
            let done = Command::new(UMOUNT.path()).arg(self.path()).output();
            done.is_ok_and(|done| done.status.success())
        });
    }

    /// The kernel gives up on its journal: from here on nothing can be written.
    #[track_caller]
    pub(crate) fn abort(&self) {
        needs_root(MOUNT, &["-o", "remount,abort", shown(&self.path())]);
    }

    /// Repairs it while it is not mounted.
    #[track_caller]
    pub(crate) fn check(&self) {
        let done = Command::new(E2FSCK.path())
            .args(["-fy", &self.device])
            .output()
            .unwrap();
        assert!(done.status.code().is_some_and(|code| code < 4), "{done:?}");
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("card")
    }

    #[track_caller]
    pub(crate) fn stall(&self) -> Stall {
        needs_root(FSFREEZE, &["--freeze", shown(&self.path())]);
        Stall(self.path())
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        // Busy for a moment after the last process that used it.
        let mounted = || {
            let table = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
            table.contains(shown(&self.path()))
        };
        let unmounted = (0..50).any(|turn| {
            std::thread::park_timeout(Duration::from_millis(100 * u64::from(turn > 0)));
            let done = Command::new(UMOUNT.path()).arg(self.path()).output();
            done.is_ok_and(|done| done.status.success()) || !mounted()
        });
        let _ = Command::new(LOSETUP.path())
            .args(["--detach", &self.device])
            .status();
        assert!(
            unmounted || std::thread::panicking(),
            "{} stays mounted",
            self.device
        );
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        let _ = Command::new(FSFREEZE.path())
            .arg("--unfreeze")
            .arg(&self.0)
            .status();
    }
}

pub(crate) fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a program says.
#[track_caller]
fn needs_root(program: Program, arguments: &[&str]) -> String {
    let done = Command::new(program.path()).args(arguments).output();
    let done = done.unwrap_or_else(|error| panic!("{} cannot be run: {error}", program.name));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(
        done.status.success(),
        "`{} {}` failed: {said}\nThis test has a file system of its own: it needs root and a loop device",
        program.name,
        arguments.join(" ")
    );
    String::from_utf8_lossy(&done.stdout).into_owned()
}
