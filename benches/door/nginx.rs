//! nginx, which sends the files of a directory with `sendfile`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::common::process::{Process, free_ports, listens, nginx, usage};

/// A running nginx with one worker.
pub(crate) struct Nginx {
    process: Process,
    pub(crate) port: u16,
}

impl Nginx {
    /// Serves the files of `dir`, where it also keeps its own.
    pub(crate) fn start(dir: &Path) -> anyhow::Result<Self> {
        let port = free_ports(1)?.into_iter().next().context("no free port")?;
        let (config, log) = (dir.join("nginx.conf"), dir.join("nginx.log"));
        std::fs::write(&config, text(dir, port))?;
        let mut command = Command::new(nginx());
        command
            .arg("-p")
            .arg(dir)
            .arg("-e")
            .arg(&log)
            .arg("-c")
            .arg(config);
        let process = Process::start(&mut command, &log)?;
        let begun = Instant::now();
        while !listens(port) {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            ensure!(
                begun.elapsed() < Duration::from_secs(10) && process.is_running(),
                "nginx does not listen; it said:\n{}",
                said()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { process, port })
    }

    /// Seconds of processor time so far.
    pub(crate) fn cpu(&self) -> f64 {
        usage(self.process.id()).cpu
    }
}

fn text(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        "user root;\ndaemon off;\nworker_processes 1;\npid {dir}/nginx.pid;\nevents {{ worker_connections 64; }}\n\
         http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  types {{ video/mp4 mp4; }}\n\
         \x20 client_body_temp_path {dir}/body;\n  server {{\n    listen 127.0.0.1:{port};\n    root {dir};\n  }}\n}}\n"
    )
}
