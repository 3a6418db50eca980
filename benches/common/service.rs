//! The real binary, with a configuration file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use nix::sys::signal::Signal;

use super::medium;
use super::process::{Process, Usage, free_ports, is_busy, listens, usage};
use super::push::{Pace, Push, Target};
use super::source::Source;

const PATIENCE: Duration = Duration::from_secs(60);
/// The quota of a store that is to be full, and its lines in `[storage]`. Eviction must be allowed because nothing is ever
/// delivered here.
const QUOTA: u64 = 1 << 30;
pub(crate) const FULL: &str = "quota = \"1GiB\"\nmin_free = \"64MiB\"\non_full = \"overwrite-oldest\"\n";
/// The unit that boxes run the service by.
const UNIT: &str = include_str!("../../systemd/edgereel.service");
/// The number of consecutive looks that must see no publisher.
const IDLE_LOOKS: u32 = 10;

/// The start of the service. Its configuration and log are beside its store, so that writes to them do not count.
pub(crate) struct Setup {
    edgereel: PathBuf,
    config: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) port: u16,
    /// The port for viewers; 0 without the HTTP server.
    pub(crate) http: u16,
}

/// Lines of a configuration, beside those that every bench needs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lines<'a> {
    /// In `[storage]`.
    pub(crate) storage: &'a str,
    /// In `[http]`. With `None`, there is no HTTP server.
    pub(crate) http: Option<&'a str>,
    /// Further sections.
    pub(crate) sections: &'a str,
}

/// A running service.
pub(crate) struct Service {
    process: Process,
    port: u16,
}

/// The variables that the service has on a box.
fn environment() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = UNIT.lines().filter_map(|line| line.strip_prefix("Environment="));
    lines.filter_map(|variable| variable.split_once('='))
}

impl Setup {
    /// Writes a configuration into `dir`, for a store in `tape`.
    pub(crate) fn new(edgereel: &Path, dir: &Path, tape: &Path, lines: Lines<'_>) -> anyhow::Result<Self> {
        let ports = free_ports(2)?;
        let port = ports.first().copied().context("no free port")?;
        let http = lines.http.and(ports.last()).copied().unwrap_or(0);
        let config = dir.join("edgereel.toml");
        let mut text = format!(
            "[rtmp]\nlisten = [\"127.0.0.1:{port}\"]\n\n[storage]\ndir = \"{}\"\ndurability = \"1s\"\n{}\n",
            tape.display(),
            lines.storage
        );
        if let Some(more) = lines.http {
            text += &format!("\n[http]\nlisten = [\"127.0.0.1:{http}\"]\n{more}\n");
        }
        std::fs::write(&config, text + lines.sections)?;
        Ok(Self {
            edgereel: edgereel.to_owned(),
            config,
            log: dir.join("service.log"),
            port,
            http,
        })
    }

    /// None if this build accepts the configuration, else its error, with the line.
    pub(crate) fn objection(&self) -> anyhow::Result<Option<String>> {
        let output = Command::new(&self.edgereel)
            .arg("check-config")
            .arg("--config")
            .arg(&self.config)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        // The error stands behind the path and the line.
        let why = said.rsplit(".toml:").next().unwrap_or_default().trim().to_owned();
        Ok((!output.status.success()).then_some(why))
    }

    /// Starts the service and does not wait for anything.
    pub(crate) fn spawn(&self) -> anyhow::Result<Service> {
        self.spawn_by(Command::new(&self.edgereel))
    }

    /// Starts the service and waits until it listens.
    pub(crate) fn start(&self) -> anyhow::Result<Service> {
        self.wait_for(self.spawn()?)
    }

    /// The same under `strace`, which writes each sync to a file. strace is no parent of the service, and it looks at no other
    /// system call, so the figures of the service's process are its own.
    pub(crate) fn start_traced(&self, trace: &Path) -> anyhow::Result<Service> {
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "--seccomp-bpf", "--decode-pids=comm", "-qq"]);
        command.args(["-e", "trace=fsync,fdatasync", "-e", "signal=none", "-ttt", "-T"]);
        command.arg("-o").arg(trace).arg(&self.edgereel);
        self.wait_for(self.spawn_by(command)?)
    }

    fn spawn_by(&self, mut command: Command) -> anyhow::Result<Service> {
        command.arg("run").arg("--config").arg(&self.config);
        command.envs(environment());
        Ok(Service {
            process: Process::start(&mut command, &self.log)?,
            port: self.port,
        })
    }

    fn wait_for(&self, service: Service) -> anyhow::Result<Service> {
        let begun = Instant::now();
        while !listens(self.port) || (self.http > 0 && !listens(self.http)) {
            if begun.elapsed() > PATIENCE || !service.process.is_running() {
                let said = std::fs::read_to_string(&self.log).unwrap_or_default();
                bail!("edgereel does not listen; it said:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(service)
    }

    /// Starts a publisher of `live/camNUMBER`.
    pub(crate) fn push(
        &self,
        number: usize,
        source: &Source,
        loops: u64,
        pace: Pace,
    ) -> anyhow::Result<Push> {
        let target = Target::Rtmp(format!("rtmp://127.0.0.1:{}/live/cam{number}", self.port));
        Push::start(source, loops, pace, &target, &self.log)
    }

    /// Starts a publisher of each of so many streams.
    pub(crate) fn publish(
        &self,
        source: &Source,
        streams: usize,
        loops: u64,
        pace: Pace,
    ) -> anyhow::Result<Vec<Push>> {
        (0..streams)
            .map(|number| self.push(number, source, loops, pace))
            .collect()
    }

    /// Records unpaced until the quota of [`FULL`] is used up and the oldest segment was evicted.
    pub(crate) fn fill(&self, source: &Source, streams: usize, store: &Path) -> anyhow::Result<()> {
        let service = self.start()?;
        let loops = (QUOTA + QUOTA / 4).div_ceil(source.bytes * streams as u64);
        let pushes = self.publish(source, streams, loops, Pace::Unpaced)?;
        pushes.into_iter().try_for_each(Push::finish)?;
        service.stop()?;
        let tape = medium::allocated(store);
        let state = format!("{} of {} MiB are taken", tape >> 20, QUOTA >> 20);
        eprintln!("a store with its quota used up: {state}");
        ensure!(
            tape > QUOTA / 10 * 8 && tape < QUOTA / 10 * 11,
            "the quota is not what the store holds to: {state}"
        );
        Ok(())
    }

    /// Gives a command to the running service.
    pub(crate) fn command(&self, words: &[&str]) -> anyhow::Result<()> {
        let output = Command::new(&self.edgereel)
            .args(words)
            .arg("--config")
            .arg(&self.config)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "edgereel {}: {said}", words.join(" "));
        Ok(())
    }

    /// The id, and the bytes on the tape, of each recording.
    pub(crate) fn recordings(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let output = Command::new(&self.edgereel)
            .args(["ls", "--json", "--config"])
            .arg(&self.config)
            .output()?;
        let document: serde_json::Value =
            serde_json::from_slice(&output.stdout).context("edgereel ls --json")?;
        let rows = document.get("recordings").and_then(serde_json::Value::as_array);
        let row = |row: &serde_json::Value| {
            Some((row.get("id")?.as_str()?.to_owned(), row.get("bytes")?.as_u64()?))
        };
        rows.context("edgereel ls --json has no recordings")?
            .iter()
            .map(|it| row(it).context("a recording without id and bytes"))
            .collect()
    }

    /// The first warnings and errors of the log, for the output.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        said.lines()
            .filter(|line| line.contains("WARN") || line.contains("ERROR"))
            .take(3)
            .map(str::to_owned)
            .collect()
    }
}

impl Service {
    /// What the service used so far.
    pub(crate) fn usage(&self) -> Usage {
        usage(self.process.id())
    }

    /// Counts the peak of the memory from now on: a start over a large store may need more than what is measured.
    pub(crate) fn forget_peak(&self) -> anyhow::Result<()> {
        let path = format!("/proc/{}/clear_refs", self.process.id());
        std::fs::write(path, "5").context("/proc/…/clear_refs")
    }

    /// Ends the service normally, when it has read everything that was sent.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut idle = 0;
        // The kernel's table is not read at one moment, so a connection may be missing once.
        while idle < IDLE_LOOKS && begun.elapsed() < PATIENCE {
            idle = if is_busy(self.port) { 0 } else { idle + 1 };
            std::thread::sleep(Duration::from_millis(20));
        }
        self.process.signal(Signal::SIGTERM);
        self.process.succeed().context("the service was asked to stop")
    }

    /// Sends SIGKILL, and waits until the service is gone.
    pub(crate) fn kill(self) {
        // The drop does this.
    }
}
