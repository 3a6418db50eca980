//! An emulated box: an ARM64 Debian with systemd in QEMU, two Cortex-A53, 512 MiB, a disk for the system and one for
//! recordings. Its power can be cut.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::programs::Program;
use crate::support::wait_for;

const QEMU: Program = Program {
    name: "qemu-system-aarch64",
    package: "qemu-system-arm",
};
const SSH: Program = Program {
    name: "ssh",
    package: "openssh-client",
};

/// The longest time for anything on the box: it is emulated, perhaps on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// The address of the machine outside, in the box's user network.
pub(crate) const OUTSIDE: &str = "10.0.2.2";

/// The parts of a box: files of one folder.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) folder: PathBuf,
    pub(crate) data: PathBuf,
}

impl Parts {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// A running box. A drop cuts its power: QEMU is killed by its own process id, and everything that was not on its disks is
/// lost.
pub(crate) struct Guest {
    parts: Parts,
    qemu: Child,
    ssh_port: u16,
    /// The address to push to, on this machine's loopback.
    pub(crate) rtmp_port: u16,
    /// The time from power to the first command that the box accepted.
    pub(crate) booted_in: Duration,
}

impl Guest {
    /// Gives the box power and waits until it accepts commands. Its clock shows `clock`, or the right time.
    pub(crate) fn boot(parts: &Parts, clock: Option<&str>) -> Self {
        let (ssh_port, rtmp_port) = (free_port(), free_port());
        let disk = |name: &str, path: &Path| {
            [
                "-drive".to_owned(),
                format!("if=none,id={name},format=raw,cache=none,file={}", path.display()),
                "-device".to_owned(),
                format!("virtio-blk-pci,drive={name}"),
            ]
        };
        let mut command = Command::new(QEMU.path());
        command
            .args([
                "-M",
                "virt,gic-version=2",
                "-cpu",
                "cortex-a53",
                "-smp",
                "2",
                "-m",
                "512",
            ])
            .args([
                "-accel",
                "tcg,thread=multi",
                "-display",
                "none",
                "-monitor",
                "none",
            ])
            .arg("-serial")
            .arg(format!("file:{}", parts.file("console.log").display()))
            .arg("-kernel")
            .arg(parts.file("vmlinuz"))
            .arg("-initrd")
            .arg(parts.file("initrd"))
            .args(["-append", "root=/dev/vda rw console=ttyAMA0 net.ifnames=0 quiet"])
            .args(disk("root", &parts.file("disk.img")))
            .args(disk("data", &parts.data))
            .arg("-netdev")
            .arg(format!(
                "user,id=wire,hostfwd=tcp:127.0.0.1:{ssh_port}-:22,hostfwd=tcp:127.0.0.1:{rtmp_port}-:1935"
            ))
            .args([
                "-device",
                "virtio-net-pci,netdev=wire,romfile=",
                "-device",
                "virtio-rng-pci",
            ])
            .args(["-rtc", &format!("base={}", clock.unwrap_or("utc"))]);
        let began = Instant::now();
        let qemu = command.stdin(Stdio::null()).spawn().unwrap();
        let mut guest = Self {
            parts: parts.clone(),
            qemu,
            ssh_port,
            rtmp_port,
            booted_in: Duration::ZERO,
        };
        guest.wait_for_ssh(began + PATIENCE);
        guest.booted_in = began.elapsed();
        guest
    }

    fn wait_for_ssh(&mut self, deadline: Instant) {
        loop {
            if let Some(status) = self.qemu.try_wait().unwrap() {
                panic!("QEMU ended: {status}");
            }
            if self.connect() {
                return;
            }
            let console = || std::fs::read_to_string(self.parts.file("console.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "it does not boot: {}", console());
            std::thread::park_timeout(Duration::from_millis(500));
        }
    }

    /// Runs `script` in a shell of root's. The script must succeed. Returns its output.
    #[track_caller]
    pub(crate) fn shell(&self, script: &str) -> String {
        self.ssh(script, &[])
            .unwrap_or_else(|said| panic!("`{script}`: {said}"))
    }

    /// The same for a script that may fail. An error has its output.
    pub(crate) fn attempt(&self, script: &str) -> Result<String, String> {
        self.ssh(script, &[])
    }

    /// Puts a file on the box.
    #[track_caller]
    pub(crate) fn put(&self, path: &str, content: &[u8]) {
        let done = self.ssh(&format!("cat >'{path}'"), content);
        done.unwrap_or_else(|said| panic!("putting {path}: {said}"));
    }

    /// The JSON answer of a command.
    #[track_caller]
    pub(crate) fn json(&self, command: &str) -> Value {
        let text = self.shell(command);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("`{command}`: {error}: {text}"))
    }

    fn ssh(&self, script: &str, input: &[u8]) -> Result<String, String> {
        let mut command = self.wire();
        command.args(["-o", "ControlMaster=no", "root@127.0.0.1", script]);
        finish(command, input)
    }

    /// The one connection that all commands share: a handshake costs an emulated processor a second.
    fn connect(&self) -> bool {
        let mut command = self.wire();
        command.args(["-o", "ControlMaster=yes", "-f", "-N", "root@127.0.0.1"]);
        // The connection stays in the background, and would keep pipes open.
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    fn wire(&self) -> Command {
        let mut command = Command::new(SSH.path());
        command
            .args(["-q", "-F", "none", "-i"])
            .arg(self.parts.file("key"))
            .args(["-p", &self.ssh_port.to_string()])
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .args([
                "-o",
                "BatchMode=yes",
                "-o",
                "ConnectTimeout=5",
                "-o",
                "ServerAliveInterval=10",
                "-o",
            ])
            .arg(format!("ControlPath={}", self.control().display()));
        command
    }

    /// The path is short, as the name of a socket must be.
    fn control(&self) -> PathBuf {
        std::env::temp_dir().join(format!("edgereel-ssh-{}", self.qemu.id()))
    }

    /// A property of the service, from systemd.
    #[track_caller]
    pub(crate) fn property(&self, name: &str) -> String {
        self.shell(&format!("systemctl show -P {name} edgereel"))
            .trim()
            .to_owned()
    }

    /// Waits until the service is up. Returns the time from its first instruction to accepting publishers.
    #[track_caller]
    pub(crate) fn wait_active(&self) -> Duration {
        wait_for("the service to be active", || {
            self.attempt("systemctl is-active edgereel").is_ok().then_some(())
        });
        let moment = |name: &str| self.property(name).parse::<u64>().unwrap();
        Duration::from_micros(
            moment("ActiveEnterTimestampMonotonic") - moment("ExecMainStartTimestampMonotonic"),
        )
    }

    /// The service's resident memory in KiB.
    #[track_caller]
    pub(crate) fn rss_kib(&self) -> u64 {
        let text = self.shell("cat /proc/$(systemctl show -P MainPID edgereel)/status");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Shuts the box down as a person does.
    pub(crate) fn shut_down(mut self) {
        let _ = self.attempt("systemctl poweroff");
        wait_for("the box to go down", || self.qemu.try_wait().unwrap());
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
        let mut command = self.wire();
        let _ = command
            .args(["-O", "exit", "root@127.0.0.1"])
            .stderr(Stdio::null())
            .status();
    }
}

/// Runs a command to its end. Fails if the command does not end. Returns its output, or how it failed.
fn finish(mut command: Command, input: &[u8]) -> Result<String, String> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (input, (done, over)) = (input.to_vec(), mpsc::channel());
    std::thread::spawn(move || {
        if let Some(mut stdin) = child.stdin.take() {
            // A command that ends early does not read all of its input. Its exit code says so.
            let _ = stdin.write_all(&input);
        }
        let _ = done.send(child.wait_with_output());
    });
    let Ok(output) = over.recv_timeout(PATIENCE) else {
        let _ = kill(pid, Signal::SIGKILL);
        return Err(format!("no end after {PATIENCE:?}"));
    };
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(format!(
            "{}: {said}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
