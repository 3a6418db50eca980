//! Child processes and their figures in /proc.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The unit of times in /proc/ID/stat. Linux shows 100 a second on every architecture that this runs on,
/// whatever the kernel's own tick.
const TICKS_PER_SECOND: f64 = 100.0;

/// A child that does not outlive its owner.
pub(crate) struct Process {
    child: Child,
    name: String,
}

/// What a server and its workers used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time, seconds.
    pub(crate) cpu: f64,
    /// Most resident memory of the processes that do the work, bytes.
    pub(crate) memory: u64,
}

impl Process {
    /// Starts a command. Its output goes to `log`.
    pub(crate) fn start(command: &mut Command, log: &std::path::Path) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // The child may have ended by itself.
            let _ = kill(Pid::from_raw(id), signal);
        }
    }

    /// Waits until the child has ended, but does not reap it, so that its use can still be read.
    pub(crate) fn ended(&self, patience: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while state(self.id()) != Some('Z') {
            if begun.elapsed() > patience {
                bail!("{} did not end within {patience:?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Waits for the child and fails unless it succeeded.
    pub(crate) fn succeed(mut self) -> anyhow::Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            bail!("{} failed: {status}", self.name);
        }
        Ok(())
    }

    pub(crate) fn is_running(&self) -> bool {
        !matches!(state(self.id()), None | Some('Z'))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A signal does no harm to a child that has ended: it is not reaped yet, so its id is still its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The CPU of a process and its children, living and reaped, and the memory of its leaves. A process that has ended and was not
/// reaped still reports its CPU.
pub(crate) fn usage(id: u32) -> Usage {
    let mut usage = Usage {
        cpu: cpu(id).unwrap_or(0.0),
        memory: 0,
    };
    let children = children(id);
    if children.is_empty() {
        usage.memory = peak_memory(id).unwrap_or(0);
    }
    for child in children {
        let of_child = self::usage(child);
        usage.cpu += of_child.cpu;
        usage.memory += of_child.memory;
    }
    usage
}

/// The program nginx. Debian puts it where only root's PATH leads.
pub(crate) fn nginx() -> &'static str {
    let debian = "/usr/sbin/nginx";
    if std::path::Path::new(debian).exists() {
        debian
    } else {
        "nginx"
    }
}

/// Ports that the system calls free, all different.
pub(crate) fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()?;
    Ok(listeners
        .iter()
        .map(|it| it.local_addr().map(|at| at.port()))
        .collect::<Result<_, _>>()?)
}

/// Whether a program listens on this port of 127.0.0.1. The kernel knows it; a connection would be taken for a publisher.
pub(crate) fn listens(port: u16) -> bool {
    has_socket(port, &["0A"])
}

/// Whether a connection to this port is open, or its server has not yet read everything that came before its end.
pub(crate) fn is_busy(port: u16) -> bool {
    // ESTABLISHED and CLOSE_WAIT of include/net/tcp_states.h.
    has_socket(port, &["01", "08"])
}

fn has_socket(port: u16, states: &[&str]) -> bool {
    let wanted = format!("0100007F:{port:04X}");
    std::fs::read_to_string("/proc/net/tcp").is_ok_and(|table| {
        table.lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            words.next() == Some(wanted.as_str()) && words.nth(1).is_some_and(|state| states.contains(&state))
        })
    })
}

fn children(id: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten()
        .flatten();
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|ids| {
            ids.split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

fn cpu(id: u32) -> Option<f64> {
    let fields = stat(id)?;
    // utime stime cutime cstime are fields 14 to 17 of proc(5); the state, field 3, is the first here.
    let ticks: u64 = fields
        .get(11..15)?
        .iter()
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Some(ticks as f64 / TICKS_PER_SECOND)
}

fn state(id: u32) -> Option<char> {
    stat(id)?.first()?.chars().next()
}

/// The fields behind the name in /proc/ID/stat. The name itself may contain spaces and parentheses.
fn stat(id: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn peak_memory(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}
