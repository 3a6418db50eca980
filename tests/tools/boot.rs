//! A box that boots: systemd, this machine's programs, and edgereel as a package installs it. It needs root and systemd-nspawn.
//! Its network is its own and has nothing else in it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::programs::{CP, Program};
use crate::support::{Done, cli, home, sample_path, wait_for};

const NSPAWN: Program = systemd("systemd-nspawn", "systemd-container");
const SYSUSERS: Program = systemd("systemd-sysusers", "systemd");
const TMPFILES: Program = systemd("systemd-tmpfiles", "systemd");
const NSENTER: Program = systemd("nsenter", "util-linux");

const fn systemd(name: &'static str, package: &'static str) -> Program {
    Program { name, package }
}

/// The path of the clip on the box.
pub(crate) const CLIP: &str = "/root/sample.flv";

/// The box boots only the service and what the service needs, not the other services of this machine.
const TARGET: &str =
    "[Unit]\nRequires=basic.target\nWants=edgereel.service edgereel-media.socket\nAfter=basic.target\n";

/// A box. It is shut down when this value is dropped.
pub(crate) struct Booted {
    folder: TempDir,
    machine: Child,
    /// The process id of its systemd.
    leader: String,
}

impl Booted {
    /// Starts a box whose configuration has these lines beside `[storage]`, with more lines in the unit.
    #[track_caller]
    pub(crate) fn new(configuration: &str, drop_in: &str) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "a box is booted by root only");
        let folder = home();
        furnish(folder.path(), configuration, drop_in);
        let console = File::create(folder.path().join("console")).unwrap();
        let machine = Command::new(NSPAWN.path())
            .args([
                "--quiet",
                "--boot",
                "--register=no",
                "--keep-unit",
                "--private-network",
            ])
            .args(["--kill-signal=SIGRTMIN+3", "--console=pipe", "--link-journal=no"])
            .arg(format!("--directory={}", root(folder.path()).display()))
            .arg(format!("--overlay-ro=/usr:{}:/usr", usr(folder.path()).display()))
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        let mut booted = Self {
            folder,
            machine,
            leader: String::new(),
        };
        booted.leader = wait_for("a booted box", || booted.look_for_leader());
        wait_for("its systemd", || {
            let done = booted.run(&["systemctl", "is-system-running"]);
            // Some service of this machine may fail in a box.
            ["running", "degraded"]
                .contains(&done.text().trim())
                .then_some(())
        });
        booted
    }

    #[track_caller]
    fn look_for_leader(&mut self) -> Option<String> {
        if let Some(status) = self.machine.try_wait().unwrap() {
            let said = fs::read_to_string(self.folder.path().join("console")).unwrap_or_default();
            panic!("systemd-nspawn does not boot here ({status}); it said:\n{said}");
        }
        let id = self.machine.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
        let child = children.split_whitespace().next()?;
        // Before that, the process is nspawn's own, in no namespace yet.
        let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
        (name.trim() == "systemd").then(|| child.to_owned())
    }

    /// Runs a command on the box, as root.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Done {
        cli::run(self.command(words))
    }

    /// A command on the box.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(NSENTER.path());
        command
            .args(["--target", &self.leader, "--all", "--"])
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/usr/sbin");
        command
    }

    /// A property of the service, from systemd.
    #[track_caller]
    pub(crate) fn shows(&self, property: &str) -> String {
        let done = self.run(&["systemctl", "show", "-P", property, "edgereel"]);
        done.ok().text().trim().to_owned()
    }

    /// Waits until systemd has this value for a property.
    #[track_caller]
    pub(crate) fn wait_shows(&self, property: &str, value: &str) {
        wait_for(&format!("{property} to be {value}"), || {
            (self.shows(property) == value).then_some(())
        });
    }

    /// Waits until the service, or systemd about the service, has logged these words.
    #[track_caller]
    pub(crate) fn wait_journal(&self, words: &str) {
        wait_for(&format!("the journal to say '{words}'"), || {
            let journal = self.run(&["journalctl", "--no-pager", "--output=cat", "--unit=edgereel"]);
            journal.ok().text().contains(words).then_some(())
        });
    }

    /// Writes a new configuration.
    pub(crate) fn configure(&self, configuration: &str) {
        write_configuration(&root(self.folder.path()), configuration);
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        // nspawn passes SIGTERM on as its --kill-signal.
        let id = i32::try_from(self.machine.id()).map(Pid::from_raw);
        let asked = id.is_ok_and(|id| kill(id, Signal::SIGTERM).is_ok());
        let gone = |machine: &mut Child| matches!(machine.try_wait(), Ok(Some(_)));
        for _ in 0..if asked { 500 } else { 0 } {
            if gone(&mut self.machine) {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
        let _ = self.machine.kill();
        let _ = self.machine.wait();
    }
}

fn root(folder: &Path) -> PathBuf {
    folder.join("root")
}

/// The folder of the files that the box has in /usr in addition to those of this machine.
fn usr(folder: &Path) -> PathBuf {
    folder.join("usr")
}

fn write_configuration(root: &Path, configuration: &str) {
    let text = format!("[storage]\ndir = \"/var/lib/edgereel/store\"\n{configuration}");
    fs::write(root.join("etc/edgereel/edgereel.toml"), text).unwrap();
}

/// The files of a box.
fn furnish(folder: &Path, configuration: &str, drop_in: &str) {
    let (root, usr) = (root(folder), usr(folder));
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let drop_ins = root.join("etc/systemd/system/edgereel.service.d");
    for made in [
        "proc",
        "sys",
        "dev",
        "run",
        "tmp",
        "var",
        "mnt",
        "root",
        "usr",
        "etc/edgereel",
    ] {
        fs::create_dir_all(root.join(made)).unwrap();
    }
    fs::set_permissions(&root, Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(&drop_ins).unwrap();
    fs::write(drop_ins.join("test.conf"), drop_in).unwrap();
    for link in ["bin", "sbin", "lib", "lib32", "lib64"] {
        symlink(Path::new("usr").join(link), root.join(link)).unwrap();
    }
    for copied in ["passwd", "group", "os-release", "ld.so.cache"] {
        fs::copy(Path::new("/etc").join(copied), root.join("etc").join(copied)).unwrap();
    }
    // Libraries of ffmpeg are found by links in this folder.
    CP.run([
        "-a".as_ref(),
        "/etc/alternatives".as_ref(),
        root.join("etc").as_os_str(),
    ])
    .ok();
    fs::write(root.join("etc/machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
    fs::write(root.join("etc/systemd/system/default.target"), TARGET).unwrap();
    fs::copy(sample_path(), root.join(&CLIP[1..])).unwrap();
    write_configuration(&root, configuration);
    for (file, place) in [
        (
            Path::new(env!("CARGO_BIN_EXE_edgereel")).to_owned(),
            "bin/edgereel",
        ),
        (
            ours.join("edgereel.service"),
            "lib/systemd/system/edgereel.service",
        ),
        (
            ours.join("edgereel-media.socket"),
            "lib/systemd/system/edgereel-media.socket",
        ),
        (
            ours.join("edgereel-media@.service"),
            "lib/systemd/system/edgereel-media@.service",
        ),
    ] {
        let place = usr.join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(file, place).unwrap();
    }
    let at = format!("--root={}", root.display());
    let (users, files) = (ours.join("edgereel.sysusers"), ours.join("edgereel.tmpfiles"));
    SYSUSERS.run([at.as_ref(), users.as_os_str()]).ok();
    TMPFILES
        .run([at.as_ref(), "--create".as_ref(), files.as_os_str()])
        .ok();
}
