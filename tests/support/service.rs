//! `edgereel run` as a child process, on a port that the system chose.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait::{PATIENCE, wait_for};

/// A running service. When this is dropped, the service is killed by its own process id.
pub(crate) struct Service {
    child: Child,
    address: SocketAddr,
    data: PathBuf,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

impl Service {
    /// Starts a service with its configuration and store in `home`.
    #[track_caller]
    pub(crate) fn start(home: &Path) -> Self {
        Self::start_with(home, "")
    }

    /// The same, with more in its `[rtmp]` section, or in sections of its own.
    #[track_caller]
    pub(crate) fn start_with(home: &Path, more: &str) -> Self {
        write_config(home, more);
        let mut command = super::cli::command();
        command.args(["run", "--config"]).arg(home.join("edgereel.toml"));
        Self::spawn(command, home, |_| ())
    }

    /// The same with full logging, and with variables in its environment.
    #[track_caller]
    pub(crate) fn start_talkative(home: &Path, more: &str, variables: &[(&str, &str)]) -> Self {
        write_config(home, more);
        let mut command = super::cli::command();
        command.args(["run", "--config"]).arg(home.join("edgereel.toml"));
        command
            .env("EDGEREEL_LOG", "trace")
            .envs(variables.iter().copied());
        Self::spawn(command, home, |_| ())
    }

    /// The same, with variables in its environment.
    #[track_caller]
    pub(crate) fn start_among(home: &Path, variables: &[(&str, &str)]) -> Self {
        Self::start_heard(home, variables, |_| ())
    }

    /// The same; `hear` is given each line of its log at once.
    #[track_caller]
    pub(crate) fn start_heard(
        home: &Path,
        variables: &[(&str, &str)],
        hear: impl FnMut(&str) + Send + 'static,
    ) -> Self {
        write_config(home, "");
        let mut command = super::cli::command();
        command.args(["run", "--config"]).arg(home.join("edgereel.toml"));
        command.envs(variables.iter().copied());
        Self::spawn(command, home, hear)
    }

    /// Starts a service whose storage directory is `data`, with `storage` in that section and `more` behind it.
    #[track_caller]
    pub(crate) fn start_on(
        home: &Path,
        data: &Path,
        (storage, more): (&str, &str),
        variables: &[(&str, &str)],
    ) -> Self {
        write_config_on(home, data, storage, more);
        let mut command = super::cli::command();
        command.args(["run", "--config"]).arg(home.join("edgereel.toml"));
        command.envs(variables.iter().copied());
        let mut service = Self::spawn(command, home, |_| ());
        service.data = data.to_owned();
        service
    }

    /// Starts a service with these variables and kills it so long after, probably before it is ready.
    #[track_caller]
    pub(crate) fn kill_early(home: &Path, variables: &[(&str, &str)], after: Duration) {
        write_config(home, "");
        let mut command = super::cli::command();
        command.args(["run", "--config"]).arg(home.join("edgereel.toml"));
        command.envs(variables.iter().copied());
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = quiet.spawn().expect("edgereel starts");
        // This moment is the subject of the test. The sleep waits for nothing.
        std::thread::park_timeout(after);
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
    }

    #[track_caller]
    fn spawn(mut command: Command, home: &Path, mut hear: impl FnMut(&str) + Send + 'static) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("edgereel starts");
        let log = Arc::new(Log::default());
        let (stderr, lines) = (child.stderr.take().expect("its stderr"), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                hear(&line);
                let mut text = lines.text.lock().expect("the log");
                text.push_str(&line);
                text.push('\n');
                lines.grown.notify_all();
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut service = Self {
            child,
            address: nowhere,
            data: data_dir(home),
            log,
        };
        service.address = service.wait_for_log(|text| {
            let (_, after) = text.split_once("listening on rtmp://")?;
            after.split_whitespace().next()?.parse().ok()
        });
        service
    }

    /// The address on which the service listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the door for viewers.
    #[track_caller]
    pub(crate) fn http(&self) -> SocketAddr {
        self.wait_for_log(|text| {
            let (_, after) = text.split_once("viewers: http://")?;
            after.split('/').next()?.parse().ok()
        })
    }

    /// The address of a stream to push to, as in `live/cam1`.
    pub(crate) fn url(&self, stream: &str) -> String {
        format!("rtmp://{}/{stream}", self.address)
    }

    /// The service's storage directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        // A test that failed while it held the lock also gets the log, because it needs the log most.
        let text = self.log.text.lock();
        text.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The log, once it contains all of these texts. The service writes lines from a separate thread.
    #[track_caller]
    pub(crate) fn log_with(&self, words: &[&str]) -> String {
        self.wait_for_log(|log| {
            words
                .iter()
                .all(|word| log.contains(word))
                .then(|| log.to_owned())
        })
    }

    /// The first result of `look` in the log.
    #[track_caller]
    pub(crate) fn wait_for_log<T>(&self, look: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut text = self.log.text.lock().expect("the log");
        loop {
            if let Some(found) = look(&text) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let said = text.clone();
                drop(text);
                panic!("the service never said what was waited for; it said:\n{said}");
            }
            text = self
                .log
                .grown
                .wait_timeout(text, left.min(Duration::from_millis(100)))
                .expect("the log")
                .0;
            // A service that has ended logs nothing more.
            let dead = !Path::new(&format!("/proc/{}/fd/2", self.child.id())).exists();
            if dead && look(&text).is_none() {
                let said = text.clone();
                drop(text);
                panic!("the service ended; it said:\n{said}");
            }
        }
    }

    /// Sends the service a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the service is there");
    }

    /// Sends SIGKILL, and waits until the service is gone. Its files and sockets are free then.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().expect("it ends");
    }

    /// Sends SIGTERM. Returns how the service ended and how long that took.
    #[track_caller]
    pub(crate) fn stop(mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        self.signal(Signal::SIGTERM);
        let status = wait_for("the service to stop", || {
            self.child.try_wait().expect("its status")
        });
        (status, began.elapsed())
    }

    /// Whether the service runs.
    pub(crate) fn alive(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    /// The service's resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory that the service ever had, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// The service's memory of its own, in bytes.
    pub(crate) fn own_memory(&self) -> u64 {
        own_memory(self.child.id()).unwrap_or(0)
    }

    /// The most memory that the service ever had for itself, in bytes. Resident pages of the program's own file do not count:
    /// they are 20 MiB of a debug build and grow with the code. If the system took some of those pages back, the value is too
    /// high rather than too low.
    pub(crate) fn peak_of_its_own(&self) -> u64 {
        self.peak().saturating_sub(self.memory("RssFile:"))
    }

    /// Number of files that the service has open, whose path has this text in it.
    pub(crate) fn open_files(&self, text: &str) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("the service runs");
        let paths = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        paths.filter(|path| path.to_string_lossy().contains(text)).count()
    }

    fn memory(&self, field: &str) -> u64 {
        memory(self.child.id(), field).unwrap_or(0)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.alive() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let said = self.log();
        if std::thread::panicking() {
            eprintln!("---- the service said:\n{said}----");
        } else {
            // The service reported a broken invariant.
            let is_well = !said.contains("a defect of edgereel");
            assert!(is_well, "a defect was found; the service said:\n{said}");
        }
    }
}

/// The memory of a process of its own, in bytes. None when it has ended. Mapped pages of files do not count: the system takes them
/// back when it needs memory, and of a debug build they are 100 MB.
pub(crate) fn own_memory(process: u32) -> Option<u64> {
    memory(process, "RssAnon:")
}

/// A field of `/proc/PID/status` that has kilobytes, in bytes.
fn memory(process: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// The storage directory of the service in this home.
pub(crate) fn data_dir(home: &Path) -> PathBuf {
    home.join("data")
}

/// Every break ends a recording, so that a crash leaves complete recordings, which say so. Tests of recordings that wait for
/// their publisher have their own templates.
const NOBODY_WAITS: &str =
    "\n[[template]]\nname = \"default\"\nformats = [\"hls\", \"mp4\"]\nresume_window = \"0s\"\n";

/// Writes the configuration that [`Service::start_with`] starts with.
pub(crate) fn write_config(home: &Path, more: &str) {
    write_config_on(home, &data_dir(home), "", more);
}

fn write_config_on(home: &Path, data: &Path, storage: &str, more: &str) {
    let socket = home.join("control.sock");
    let control = if more.contains("[control]") {
        String::new()
    } else {
        format!("\n[control]\nsocket = {socket:?}\n")
    };
    let device = if more.contains("[device]") {
        ""
    } else {
        "[device]\nid = \"test\"\n\n"
    };
    let template = if more.contains("[[template]]") {
        ""
    } else {
        NOBODY_WAITS
    };
    // On an emulated processor, a test's own publisher may send nothing for longer than an encoder ever does.
    let idle = if more.contains("idle_timeout") {
        ""
    } else {
        "idle_timeout = \"10min\"\n"
    };
    let text = format!(
        "{device}[storage]\ndir = {data:?}\n{storage}\n[rtmp]\nlisten = [\"127.0.0.1:0\"]\n{idle}{more}{template}{control}"
    );
    std::fs::write(home.join("edgereel.toml"), text).expect("the configuration is written");
}
