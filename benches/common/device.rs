//! A separate block device, so that it counts only the bytes of the measured program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::medium;

/// The size of the device. The file behind it is sparse.
const SIZE: u64 = 4 << 30;

/// How long a file system may stay busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// A file system that boxes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Ext4,
    F2fs,
}

/// A loop device over a file, with a mounted file system. It is removed on drop.
pub(crate) struct Device {
    image: PathBuf,
    mount: PathBuf,
    loop_device: Option<String>,
    mounted: bool,
}

impl FileSystem {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::F2fs => "f2fs",
        }
    }

    /// Whether the kernel and this machine's tools know the file system; an error says why not.
    pub(crate) fn available(self) -> Result<(), String> {
        let name = self.name();
        // This fails on a machine without modules. The kernel's answer after that decides.
        let _ = Command::new("modprobe").args(["-q", name]).output();
        let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
        if !known
            .lines()
            .any(|line| line.split_whitespace().last() == Some(name))
        {
            return Err(format!("no {name} in this kernel"));
        }
        match Command::new(format!("mkfs.{name}")).arg("-V").output() {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("mkfs.{name}: {error}")),
        }
    }

    /// The file system is as on a box. Everything that a first mount would do in the background is done, because a box has done
    /// it long ago.
    fn make(self, device: &str) -> anyhow::Result<()> {
        match self {
            Self::Ext4 => {
                let finished = "lazy_itable_init=0,lazy_journal_init=0";
                run(Command::new("mkfs.ext4").args(["-q", "-F", "-E", finished, device]))
            }
            Self::F2fs => run(Command::new("mkfs.f2fs").args(["-q", "-f", device])),
        }
    }
}

impl Device {
    /// Makes the device below `dir`, with this name.
    pub(crate) fn make(kind: FileSystem, dir: &Path, name: &str) -> anyhow::Result<Self> {
        let mut device = Self {
            image: dir.join(format!("{name}.img")),
            mount: dir.join(name),
            loop_device: None,
            mounted: false,
        };
        std::fs::create_dir_all(&device.mount)?;
        std::fs::File::create(&device.image)?.set_len(SIZE)?;
        let output = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(&device.image)
            .output()
            .context("losetup")?;
        ensure!(
            output.status.success(),
            "losetup: {} (this needs root and loop devices)",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let loop_device = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        device.loop_device = Some(loop_device.clone());
        kind.make(&loop_device)?;
        device.mount()?;
        Ok(device)
    }

    /// The mount point.
    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Unmounts and mounts, so that no earlier write is still on its way.
    pub(crate) fn remount(&mut self) -> anyhow::Result<()> {
        self.unmount()?;
        self.mount()
    }

    /// Writes all cached data of the file system to the device.
    pub(crate) fn unmount(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        // Another row may be starting a program at this moment. Until that program is executed, it has this row's files open,
        // too.
        while let Err(error) = run(Command::new("umount").arg(&self.mount)) {
            ensure!(begun.elapsed() < PATIENCE, error);
            std::thread::sleep(Duration::from_millis(50));
        }
        self.mounted = false;
        Ok(())
    }

    /// Bytes written to the device since it was made, by everything: media, journals, the file system itself.
    pub(crate) fn written(&self) -> anyhow::Result<u64> {
        let name = self
            .loop_device
            .as_deref()
            .and_then(|it| it.strip_prefix("/dev/"));
        let name = name.context("the loop device has no name")?;
        medium::written(&format!("/sys/block/{name}")).with_context(|| format!("/sys/block/{name}/stat"))
    }

    /// Mounts the device again.
    pub(crate) fn mount(&mut self) -> anyhow::Result<()> {
        let device = self.loop_device.as_deref().context("no loop device")?;
        run(Command::new("mount").arg(device).arg(&self.mount))?;
        self.mounted = true;
        Ok(())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let unmounted = if self.mounted { self.unmount() } else { Ok(()) };
        let detached = self.loop_device.as_ref().map_or(Ok(()), |device| {
            run(Command::new("losetup").arg("-d").arg(device))
        });
        for error in [unmounted, detached].into_iter().filter_map(Result::err) {
            eprintln!("cleaning up: {error:#}");
        }
        let _ = std::fs::remove_file(&self.image);
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name}: {}: {}", output.status, said.trim());
    }
    Ok(())
}
