//! The compared servers. Each is started with a configuration that records everything and does nothing else.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::Signal;

use crate::arguments::Arguments;
use crate::common::process::{Process, Usage, free_ports, is_busy, listens, nginx, usage};
use crate::common::push::Target;
use crate::copier;

/// The folders in which Debian and other systems put the module.
const NGINX_MODULES: [&str; 3] = [
    "/usr/lib/nginx/modules/ngx_rtmp_module.so",
    "/usr/lib64/nginx/modules/ngx_rtmp_module.so",
    "/usr/share/nginx/modules/ngx_rtmp_module.so",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Edgereel(PathBuf),
    /// nginx, with the path of its RTMP module.
    Nginx(PathBuf),
    Ffmpeg,
    Copier,
}

/// A server that accepts publishers.
pub(crate) struct Running {
    processes: Vec<Process>,
    ports: Vec<u16>,
    pub(crate) targets: Vec<Target>,
    pub(crate) dir: PathBuf,
    at_start: f64,
    memory: u64,
}

/// The requested servers that this machine has.
pub(crate) fn available(arguments: &Arguments) -> Vec<Server> {
    let mut servers = vec![Server::Edgereel(arguments.edgereel.clone())];
    match NGINX_MODULES.iter().map(PathBuf::from).find(|path| path.exists()) {
        Some(module) if Command::new(nginx()).arg("-v").output().is_ok() => {
            servers.push(Server::Nginx(module))
        }
        _ => eprintln!("nginx with its RTMP module is not installed: left out"),
    }
    servers.push(Server::Ffmpeg);
    servers.push(Server::Copier);
    match &arguments.servers {
        Some(wanted) => servers
            .into_iter()
            .filter(|it| wanted.contains(&it.to_string()))
            .collect(),
        None => servers,
    }
}

impl Server {
    /// The endings of a server's media files.
    pub(crate) fn endings(&self) -> &'static [&'static str] {
        match self {
            Self::Edgereel(_) => &[".mp4"],
            Self::Nginx(_) | Self::Ffmpeg => &[".flv"],
            Self::Copier => &[".copy"],
        }
    }

    /// Starts the server for so many publishers and waits until it listens.
    pub(crate) fn start(&self, dir: &Path, publishers: usize) -> anyhow::Result<Running> {
        std::fs::create_dir_all(dir)?;
        // Another program may take a port between its choice and its use.
        let mut attempts = 0;
        loop {
            match self.try_start(dir, publishers) {
                Err(error) if attempts < 2 => {
                    eprintln!("{self}: {error:#}; once more");
                    attempts += 1;
                }
                done => return done,
            }
        }
    }

    fn try_start(&self, dir: &Path, publishers: usize) -> anyhow::Result<Running> {
        let ports = match self {
            Self::Ffmpeg => free_ports(publishers)?,
            _ => free_ports(1)?,
        };
        let log = dir.join("server.log");
        let mut processes = Vec::new();
        for (number, port) in ports.iter().enumerate() {
            processes.push(Process::start(&mut self.command(dir, *port, number)?, &log)?);
        }
        let begun = Instant::now();
        while !ports.iter().all(|port| listens(*port)) {
            if begun.elapsed() > Duration::from_secs(10) || !processes.iter().all(Process::is_running) {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("{self} does not listen; it said:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let targets = (0..publishers).map(|number| {
            let port = ports.get(number).or(ports.first()).copied().unwrap_or_default();
            match self {
                Self::Copier => Target::Tcp(port),
                _ => Target::Rtmp(format!("rtmp://127.0.0.1:{port}/live/cam{number}")),
            }
        });
        let targets = targets.collect();
        let mut running = Running {
            processes,
            ports,
            targets,
            dir: dir.to_owned(),
            at_start: 0.0,
            memory: 0,
        };
        running.at_start = running.sample().cpu;
        Ok(running)
    }

    fn command(&self, dir: &Path, port: u16, number: usize) -> anyhow::Result<Command> {
        Ok(match self {
            Self::Edgereel(path) => {
                let config = dir.join("edgereel.toml");
                let text = format!(
                    "[rtmp]\nlisten = [\"127.0.0.1:{port}\"]\n\n[storage]\ndir = \"{}\"\n",
                    dir.join("tape").display()
                );
                std::fs::write(&config, text)?;
                let mut command = Command::new(path);
                command.arg("run").arg("--config").arg(config);
                command
            }
            Self::Nginx(module) => {
                let config = dir.join("nginx.conf");
                std::fs::write(&config, nginx_config(module, dir, port))?;
                let mut command = Command::new(nginx());
                command
                    .arg("-p")
                    .arg(dir)
                    .arg("-e")
                    .arg(dir.join("nginx-error.log"))
                    .arg("-c")
                    .arg(config);
                command
            }
            Self::Ffmpeg => {
                let mut command = Command::new("ffmpeg");
                command.args(["-v", "error", "-nostdin", "-listen", "1", "-i"]);
                command.arg(format!("rtmp://127.0.0.1:{port}/live/cam{number}"));
                command
                    .args(["-c", "copy", "-f", "flv"])
                    .arg(dir.join(format!("cam{number}.flv")));
                command
            }
            Self::Copier => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg(copier::MODE).arg(port.to_string()).arg(dir);
                command
            }
        })
    }
}

impl Running {
    /// What the server used so far. Memory is the peak of all samples, because a process that has ended does not report it.
    pub(crate) fn sample(&mut self) -> Usage {
        let mut whole = Usage::default();
        for process in &self.processes {
            let usage = usage(process.id());
            whole.cpu += usage.cpu;
            whole.memory += usage.memory;
        }
        self.memory = self.memory.max(whole.memory);
        Usage {
            cpu: whole.cpu - self.at_start,
            memory: self.memory,
        }
    }

    /// Ends the server normally. Returns what it used from the moment when it listened to its end.
    pub(crate) fn stop(mut self) -> anyhow::Result<Usage> {
        // The last sent bytes are still on their way through the sockets.
        let begun = Instant::now();
        while self.ports.iter().any(|port| is_busy(*port)) && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.sample();
        for process in &self.processes {
            process.signal(Signal::SIGTERM);
        }
        for process in &self.processes {
            process
                .ended(Duration::from_secs(30))
                .context("the server was asked to stop")?;
        }
        Ok(self.sample())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Edgereel(_) => "edgereel",
            Self::Nginx(_) => "nginx",
            Self::Ffmpeg => "ffmpeg",
            Self::Copier => "copier",
        })
    }
}

/// One worker that records everything as FLV, sends nothing to anyone, and accepts messages as large as edgereel does.
fn nginx_config(module: &Path, dir: &Path, port: u16) -> String {
    let (module, dir) = (module.display(), dir.display());
    format!(
        "load_module {module};\nuser root;\ndaemon off;\nworker_processes 1;\npid {dir}/nginx.pid;\n\
         error_log {dir}/nginx-error.log error;\nevents {{ worker_connections 64; }}\n\
         rtmp {{\n  access_log off;\n  max_message 16M;\n  server {{\n    listen 127.0.0.1:{port};\n\
         \x20   application live {{\n      live on;\n      record all;\n      record_path {dir};\n    }}\n  }}\n}}\n"
    )
}
