//! A block device that logs every request, and file systems on devices that are files.
//!
//! `qemu-storage-daemon` keeps the log and shows the device as a file (FUSE). A loop device makes a block device of that file,
//! for ext4. On drop, everything is removed by its own ids.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::image::Image;
use super::log::{self, WriteLog};
use crate::programs::Program;
use crate::support::wait_until;

/// Enough for what a test writes, with room for ext4's journal.
pub(super) const BYTES: u64 = 256 << 20;
/// Unwritten parts take no space.
const LOG_BYTES: u64 = 1 << 30;

const STORAGE_DAEMON: Program = system("qemu-storage-daemon", "qemu-utils");
const LOSETUP: Program = system("losetup", "mount");
const MKFS: Program = system("mkfs.ext4", "e2fsprogs");
const FSCK: Program = system("e2fsck", "e2fsprogs");
const MOUNT: Program = system("mount", "mount");
const UMOUNT: Program = system("umount", "mount");

const fn system(name: &'static str, package: &'static str) -> Program {
    Program { name, package }
}

/// Fails with the reason on a machine that cannot run this test.
#[track_caller]
pub(super) fn required() {
    assert!(
        std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0),
        "power cuts need root: they mount file systems"
    );
    for path in ["/dev/fuse", "/dev/loop-control"] {
        assert!(
            Path::new(path).exists(),
            "power cuts need {path}, which is not here: load the module fuse or loop, or give the container the device"
        );
    }
}

/// The device that logs every request.
pub(super) struct Recorder {
    daemon: Child,
    folder: PathBuf,
}

impl Recorder {
    /// Starts a device with these contents. It keeps its files in `folder`.
    #[track_caller]
    pub(super) fn start(folder: &Path, image: &Image) -> Self {
        let (disk, log, shown) = (folder.join("disk"), folder.join("log"), folder.join("device"));
        image.write(&disk, BYTES);
        for (path, bytes) in [(&log, LOG_BYTES), (&shown, 0)] {
            let file = File::create(path).expect("a file");
            file.set_len(bytes).expect("a file");
        }
        let errors = File::create(folder.join("errors")).expect("a file");
        let daemon = Command::new(STORAGE_DAEMON.path())
            .args(["--blockdev", &format!("driver=file,node-name=disk,filename={}", disk.display())])
            .args(["--blockdev", &format!("driver=file,node-name=log,filename={}", log.display())])
            .args([
                "--blockdev",
                "driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=512,log-super-update-interval=1",
            ])
            .args(["--blockdev", "driver=raw,node-name=top,file=logged"])
            .args([
                "--export",
                &format!("type=fuse,id=export,node-name=top,mountpoint={},writable=on", shown.display()),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .expect("qemu-storage-daemon starts");
        let mut recorder = Self {
            daemon,
            folder: folder.to_owned(),
        };
        wait_until("the recording device", || {
            let ended = recorder.daemon.try_wait().expect("its status");
            let said = || std::fs::read_to_string(folder.join("errors")).unwrap_or_default();
            assert!(ended.is_none(), "qemu-storage-daemon ended: {}", said());
            std::fs::metadata(&shown).is_ok_and(|file| file.len() == BYTES)
        });
        recorder
    }

    /// Makes a new file system on the device.
    #[track_caller]
    pub(super) fn mount_new(&self, at: &Path) -> Mount {
        let device = Loop::of(&self.folder.join("device"));
        // The blocks are as on a card. Unwritten parts need not be in the log.
        let quick = [
            "-q",
            "-b",
            "4096",
            "-N",
            "2048",
            "-E",
            "nodiscard,lazy_itable_init=0,lazy_journal_init=0",
        ];
        MKFS.run(quick.map(Path::new).into_iter().chain([device.0.as_path()]))
            .ok();
        Mount::of(device, at)
    }

    /// Mounts the file system of the device.
    #[track_caller]
    pub(super) fn mount(&self, at: &Path) -> Mount {
        Mount::image(&self.folder.join("device"), at)
    }

    /// Reads the number of requests so far, from any thread.
    pub(super) fn counter(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let file = File::open(self.folder.join("log")).expect("the log");
        move || log::entries(&file)
    }

    /// The log of the device, which must not be mounted any more.
    pub(super) fn finish(mut self) -> WriteLog {
        self.end();
        WriteLog::read(&self.folder.join("log"), BYTES / log::SECTOR as u64)
    }

    fn end(&mut self) {
        if matches!(self.daemon.try_wait(), Ok(None)) {
            let pid = Pid::from_raw(i32::try_from(self.daemon.id()).expect("a process id"));
            // The daemon removes its FUSE mount by itself.
            let _ = kill(pid, Signal::SIGTERM);
            let _ = self.daemon.wait();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
    }
}

/// A mounted file system.
pub(super) struct Mount {
    at: PathBuf,
    device: Loop,
    mounted: bool,
}

impl Mount {
    /// Mounts the contents of an image. The kernel replays ext4's journal.
    #[track_caller]
    pub(super) fn image(image: &Path, at: &Path) -> Self {
        Self::of(Loop::of(image), at)
    }

    #[track_caller]
    fn of(device: Loop, at: &Path) -> Self {
        std::fs::create_dir_all(at).expect("a folder");
        MOUNT
            .run([Path::new("-t"), Path::new("ext4"), &device.0, at])
            .ok();
        Self {
            at: at.to_owned(),
            device,
            mounted: true,
        }
    }

    /// Unmounts the file system, and checks its structure.
    #[track_caller]
    pub(super) fn unmount_and_check(mut self) {
        UMOUNT.run([&self.at]).ok();
        self.mounted = false;
        let checked = FSCK.run([Path::new("-fn"), &self.device.0]);
        assert_eq!(checked.code, Some(0), "{}{}", checked.text(), checked.stderr);
    }

    /// Unmounts the file system.
    #[track_caller]
    pub(super) fn unmount(mut self) {
        UMOUNT.run([&self.at]).ok();
        self.mounted = false;
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // The unmount is lazy: a test that fails may still have files open there.
        if self.mounted {
            UMOUNT.run([Path::new("-l"), &self.at]);
        }
    }
}

/// A loop device.
struct Loop(PathBuf);

impl Loop {
    #[track_caller]
    fn of(file: &Path) -> Self {
        let mut said = String::new();
        // Other tests look for a free device at the same time.
        for _ in 0..20 {
            let done = LOSETUP.run([Path::new("-f"), Path::new("--show"), file]);
            if done.code == Some(0) {
                return Self(PathBuf::from(done.text().trim()));
            }
            said = done.stderr;
        }
        panic!("no loop device for {}: {said}", file.display());
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        LOSETUP.run([Path::new("-d"), &self.0]);
    }
}
