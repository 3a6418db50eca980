//! The real binary, with a configuration file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::Signal;

use crate::common::process::{Process, free_ports, is_busy, listens};
use crate::common::push::{Pace, Push, Target};
use crate::common::source::Source;

const PATIENCE: Duration = Duration::from_secs(60);
/// The number of consecutive looks that must see no publisher.
const IDLE_LOOKS: u32 = 10;

/// The start of the service. Its configuration and log are beside its store, so that writes to them do not count.
pub(crate) struct Setup {
    edgereel: PathBuf,
    config: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) port: u16,
}

/// A running service.
pub(crate) struct Service {
    process: Process,
    port: u16,
}

impl Setup {
    /// Writes a configuration into `dir`, for a store in `tape`; `storage` is more lines for its section.
    pub(crate) fn new(edgereel: &Path, dir: &Path, tape: &Path, storage: &str) -> anyhow::Result<Self> {
        let port = free_ports(1)?.into_iter().next().context("no free port")?;
        let config = dir.join("edgereel.toml");
        let text = format!(
            "[rtmp]\nlisten = [\"127.0.0.1:{port}\"]\n\n[storage]\ndir = \"{}\"\ndurability = \"1s\"\n{storage}",
            tape.display()
        );
        std::fs::write(&config, text)?;
        Ok(Self {
            edgereel: edgereel.to_owned(),
            config,
            log: dir.join("service.log"),
            port,
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
        let mut command = Command::new(&self.edgereel);
        command.arg("run").arg("--config").arg(&self.config);
        Ok(Service {
            process: Process::start(&mut command, &self.log)?,
            port: self.port,
        })
    }

    /// Starts the service and waits until it listens.
    pub(crate) fn start(&self) -> anyhow::Result<Service> {
        let service = self.spawn()?;
        let begun = Instant::now();
        while !listens(self.port) {
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
