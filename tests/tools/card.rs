//! A separate file system on a loop device: it can stall, be pulled, turn read-only, fill up and lose blocks. It needs root and
//! a loop device.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
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

/// A storage device. When this is dropped, its mount and its loop device are removed.
pub(crate) struct Card {
    folder: TempDir,
    point: PathBuf,
    /// The real storage of the device, if it is smaller than the device reports.
    substance: Option<PathBuf>,
    /// The loop device, while it is plugged in.
    device: Option<String>,
}

/// A stall: the device accepts nothing as long as this value lives.
pub(crate) struct Stall(PathBuf);

/// The file of another program. It takes all free space until this value is dropped.
pub(crate) struct Filler(PathBuf);

impl Card {
    /// A mounted device of 256 MiB.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::sized(256)
    }

    /// A mounted device of so many MiB.
    #[track_caller]
    pub(crate) fn sized(mib: u64) -> Self {
        Self::made_of(mib, None)
    }

    /// A device that reports so many MiB and has fewer: see [`exhaust`](Self::exhaust).
    #[track_caller]
    pub(crate) fn fake(mib: u64, real: u64) -> Self {
        Self::made_of(mib, Some(real))
    }

    #[track_caller]
    fn made_of(mib: u64, real: Option<u64>) -> Self {
        let folder = home();
        let point = folder.path().join("card");
        std::fs::create_dir(&point).unwrap();
        let mut card = Self {
            folder,
            point,
            substance: None,
            device: None,
        };
        if let Some(real) = real {
            let substance = card.folder.path().join("substance");
            std::fs::create_dir(&substance).unwrap();
            let size = format!("size={real}M");
            needs_root(MOUNT, &["-t", "tmpfs", "-o", &size, "tmpfs", shown(&substance)]);
            card.substance = Some(substance);
        }
        let file = File::create(card.image()).unwrap();
        file.set_len(mib << 20).unwrap();
        card.plug();
        // The file system reserves no space for root: the service of the test is root, but a normal service is not.
        needs_root(MKFS, &["-q", "-m", "0", card.device()]);
        card.mount();
        card
    }

    /// The mount point.
    pub(crate) fn path(&self) -> PathBuf {
        self.point.clone()
    }

    /// The device node.
    pub(crate) fn device(&self) -> &str {
        self.device.as_deref().expect("the card is plugged in")
    }

    /// The file behind the device.
    pub(crate) fn image(&self) -> PathBuf {
        let folder = self.substance.as_deref().unwrap_or(self.folder.path());
        folder.join("card.img")
    }

    /// From now on, a fake device fails to write wherever nothing was written before, until the returned value is dropped.
    #[track_caller]
    pub(crate) fn exhaust(&self) -> Filler {
        let substance = self.substance.as_deref().expect("a fake card");
        let filler = Filler(substance.join("filler"));
        // Space that the service frees meanwhile stays free for it: the service needs it to make space.
        filler.take(0, room(&self.point));
        filler
    }

    #[track_caller]
    pub(crate) fn mount(&self) {
        let options = "errors=remount-ro";
        needs_root(MOUNT, &["-o", options, self.device(), shown(&self.point)]);
    }

    /// Unmounts the device as a user does. All programs must have closed their files on it within some seconds.
    #[track_caller]
    pub(crate) fn unmount(&self) {
        wait_until("everybody to let go of the card", || self.try_unmount());
    }

    /// Unmounts the device if no program uses it now.
    pub(crate) fn try_unmount(&self) -> bool {
        ran(UMOUNT, &[shown(&self.point)]).is_ok()
    }

    /// Detaches the mount while programs use it.
    #[track_caller]
    pub(crate) fn pull(&self) {
        needs_root(UMOUNT, &["--lazy", shown(&self.point)]);
    }

    /// Unplugs the device once no program has anything of it open, and plugs it in as another device.
    #[track_caller]
    pub(crate) fn plug_elsewhere(&mut self) {
        let before = self.device().to_owned();
        // As long as the first node is held, the next free one is another.
        let image = shown(&self.image()).to_owned();
        wait_until("everybody to let go of the card", || is_free(&before));
        let next = needs_root(LOSETUP, &["--find", "--show", &image]);
        needs_root(LOSETUP, &["--detach", &before]);
        self.device = Some(next.trim().to_owned());
    }

    /// Waits until no file of the device is open.
    #[track_caller]
    pub(crate) fn let_go(&self) {
        wait_until("everybody to let go of the card", || is_free(self.device()));
    }

    /// Repairs the unmounted file system. Returns the program's output.
    #[track_caller]
    pub(crate) fn check(&self) -> String {
        let done = Command::new(E2FSCK.path())
            .args(["-fy", self.device()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        // Exit code 1: the file system was repaired.
        assert!(matches!(done.status.code(), Some(0 | 1)), "{said}");
        said
    }

    /// ext4 detects damage, and turns read-only.
    #[track_caller]
    pub(crate) fn damage(&self) {
        let name = Path::new(self.device()).file_name().unwrap().to_owned();
        let trigger = Path::new("/sys/fs/ext4").join(name).join("trigger_fs_error");
        std::fs::write(&trigger, "1").unwrap_or_else(|error| panic!("{}: {error}", trigger.display()));
    }

    /// The kernel gives up ext4's journal: from here on nothing can be written.
    #[track_caller]
    pub(crate) fn abort(&self) {
        needs_root(MOUNT, &["-o", "remount,abort", shown(&self.point)]);
    }

    /// Takes all free space, to the last byte.
    #[track_caller]
    pub(crate) fn fill(&self) -> Filler {
        let filler = Filler(self.point.join("filler"));
        filler.grow(0);
        filler
    }

    /// The device accepts nothing until the stall is dropped.
    #[track_caller]
    pub(crate) fn stall(&self) -> Stall {
        needs_root(FSFREEZE, &["--freeze", shown(&self.point)]);
        Stall(self.path())
    }

    #[track_caller]
    fn plug(&mut self) {
        let image = self.image();
        let device = needs_root(LOSETUP, &["--find", "--show", shown(&image)]);
        self.device = Some(device.trim().to_owned());
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        // The device is busy for a moment after the last process that used it, and several mounts may lie on one another.
        let gone = (0..50).any(|turn| {
            std::thread::park_timeout(Duration::from_millis(100 * u64::from(turn > 0)));
            while is_mounted(&self.point) && ran(UMOUNT, &[shown(&self.point)]).is_ok() {}
            !is_mounted(&self.point)
        });
        if !gone {
            let _ = ran(UMOUNT, &["--lazy", shown(&self.point)]);
        }
        if let Some(device) = &self.device {
            let _ = ran(LOSETUP, &["--detach", device]);
        }
        if let Some(substance) = &self.substance {
            let _ = ran(UMOUNT, &["--lazy", shown(substance)]);
        }
        assert!(
            gone || std::thread::panicking(),
            "{} stays mounted",
            self.point.display()
        );
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        let _ = ran(FSFREEZE, &["--unfreeze", shown(&self.0)]);
    }
}

impl Filler {
    /// Takes the space that has become free since, except so many bytes.
    #[track_caller]
    pub(crate) fn grow(&self, leave: u64) {
        self.take(leave, u64::MAX);
    }

    #[track_caller]
    fn take(&self, leave: u64, mut most: u64) {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(&self.0).unwrap();
        for size in [1 << 20, 1 << 16, 1 << 12, 1 << 9, 1] {
            let zeros = vec![0; size];
            while most >= size as u64 && (leave == 0 || room(&self.0) >= leave + (1 << 20)) {
                match file.write(&zeros) {
                    Ok(written) => most -= written as u64,
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{}: {error}", self.0.display()),
                }
            }
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The free bytes of the file system of `path`.
pub(crate) fn room(path: &Path) -> u64 {
    let space = nix::sys::statvfs::statvfs(path).unwrap();
    space.blocks_available() * space.fragment_size()
}

/// True when a device can be opened exclusively: it is not mounted anywhere, visible or not.
fn is_free(device: &str) -> bool {
    use std::os::unix::fs::OpenOptionsExt as _;
    let exclusive = nix::libc::O_EXCL;
    OpenOptions::new()
        .read(true)
        .custom_flags(exclusive)
        .open(device)
        .is_ok()
}

fn is_mounted(point: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == point.to_str())
}

/// The path as text, for a command.
pub(crate) fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The output of a program.
#[track_caller]
fn needs_root(program: Program, arguments: &[&str]) -> String {
    ran(program, arguments).unwrap_or_else(|said| {
        panic!(
            "`{} {}` failed: {said}\nThis test has a file system of its own: it needs root and a loop device",
            program.name,
            arguments.join(" ")
        )
    })
}

fn ran(program: Program, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(program.path()).args(arguments).output();
    let done = done.map_err(|error| format!("it cannot be run: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() {
        Ok(text(&done.stdout))
    } else {
        Err(text(&done.stderr))
    }
}
