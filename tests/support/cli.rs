//! The commands other than `run`, run to their end.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Instant;

use serde::Deserialize;
use serde_json::Value;

use super::wait::{PATIENCE, wait_for};

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// Its exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Done {
    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("text")
    }

    /// Fails unless the command succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "it failed: {}", self.stderr);
        self
    }

    /// Fails unless the command failed with `code` and printed `words`.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "'{word}' is not in: {}", self.stderr);
        }
        self
    }
}

/// One entry of `ls --json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Recording {
    pub(crate) id: String,
    pub(crate) stream: String,
    pub(crate) state: String,
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) duration_s: f64,
    pub(crate) bytes: u64,
    pub(crate) tracks: Vec<Track>,
    pub(crate) gaps: Vec<Value>,
    pub(crate) renditions: Vec<Value>,
}

impl Recording {
    pub(crate) fn is_closed(&self) -> bool {
        // One that is delivered at once was closed before anybody looked.
        matches!(&*self.state, "closed" | "delivered")
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Track {
    pub(crate) kind: String,
    pub(crate) codec: String,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) sample_rate: Option<u32>,
}

/// `edgereel`, without environment variables that configure it.
pub(crate) fn command() -> Command {
    let mut command = program(Path::new(env!("CARGO_BIN_EXE_edgereel")));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EDGEREEL")) {
        command.env_remove(name);
    }
    for name in ["NOTIFY_SOCKET", "JOURNAL_STREAM", "RUNTIME_DIRECTORY"] {
        command.env_remove(name);
    }
    command
}

/// A program of this project. `EDGEREEL_TEST_RUNNER` runs one that was built for another processor, as cargo runs the tests
/// themselves.
pub(crate) fn program(path: &Path) -> Command {
    let runner = std::env::var("EDGEREEL_TEST_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(first) = words.next() else {
        return Command::new(path);
    };
    let mut command = Command::new(first);
    command.args(words).arg(path);
    command
}

/// Runs `edgereel` with `arguments`.
#[track_caller]
pub(crate) fn edgereel<S: AsRef<OsStr>>(arguments: &[S]) -> Done {
    let mut command = command();
    command.args(arguments);
    run(command)
}

/// The same about the service of a home: its configuration says where that is.
#[track_caller]
pub(crate) fn edgereel_of(home: &Path, arguments: &[&str]) -> Done {
    let config = home.join("edgereel.toml");
    edgereel(&[arguments, &["--config", config.to_str().expect("a path")]].concat())
}

/// The result of a command about the service of a home, which must succeed.
#[track_caller]
pub(crate) fn typed(home: &Path, arguments: &[&str]) -> Value {
    let done = edgereel_of(home, &[arguments, &["--json"]].concat()).ok();
    let mut answer: Value = serde_json::from_slice(&done.stdout).expect("an answer");
    assert_eq!(answer["ok"], true, "{arguments:?}: {answer}");
    answer["result"].take()
}

/// Publishes a file as fast as the service takes it.
#[track_caller]
pub(crate) fn publish_file(file: &Path, url: &str) {
    edgereel(&["publish", file.to_str().expect("a path"), url, "--fast"]).ok();
}

/// The same, in a folder and with more environment.
#[track_caller]
pub(crate) fn edgereel_in(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Done {
    let mut command = command();
    command
        .current_dir(folder)
        .envs(environment.iter().copied())
        .args(arguments);
    run(command)
}

/// Runs a command to its end. Fails if the command does not end.
#[track_caller]
pub(crate) fn run(mut command: Command) -> Done {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    finish(child, &format!("{command:?}"))
}

/// Runs a command to its end, with this standard input.
#[track_caller]
pub(crate) fn fed(mut command: Command, input: &[u8]) -> Done {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    if let Some(mut stdin) = child.stdin.take() {
        // A command that has read enough may have closed it.
        let _ = stdin.write_all(input);
    }
    finish(child, &format!("{command:?}"))
}

/// Collects the output of a child until it ends.
#[track_caller]
pub(crate) fn finish(mut child: Child, what: &str) -> Done {
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().expect("its status") {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                let _ = child.kill();
                let _ = child.wait();
                let stderr = String::from_utf8_lossy(&stderr.join().unwrap_or_default()).into_owned();
                panic!("{what} did not end within {PATIENCE:?}; it said:\n{stderr}");
            }
            None => std::thread::park_timeout(std::time::Duration::from_millis(5)),
        }
    };
    Done {
        code: status.code(),
        stdout: stdout.join().expect("its output"),
        stderr: String::from_utf8_lossy(&stderr.join().expect("its errors")).into_owned(),
    }
}

fn collect(pipe: Option<impl std::io::Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// `ls --json` of a storage directory.
#[track_caller]
pub(crate) fn recordings(data: &Path) -> Vec<Recording> {
    let done = edgereel(&[
        OsStr::new("ls"),
        OsStr::new("--json"),
        OsStr::new("--data"),
        data.as_os_str(),
    ])
    .ok();
    let mut document: Value = serde_json::from_slice(&done.stdout).expect("one JSON document");
    serde_json::from_value(document["recordings"].take()).expect("recordings as promised")
}

/// The only recording of a storage directory.
#[track_caller]
pub(crate) fn only_recording(data: &Path) -> Recording {
    let mut all = recordings(data);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// A closed recording of a storage directory, once there is one.
#[track_caller]
pub(crate) fn wait_closed(data: &Path) -> Recording {
    wait_for("a closed recording", || {
        recordings(data).into_iter().find(Recording::is_closed)
    })
}

/// A closed recording of a stream, once there is one.
#[track_caller]
pub(crate) fn wait_closed_of(data: &Path, stream: &str) -> Recording {
    wait_for("a closed recording", || {
        let all = recordings(data).into_iter();
        all.filter(Recording::is_closed).find(|one| one.stream == stream)
    })
}

/// All recordings of a storage directory, once there are so many and all are closed.
#[track_caller]
pub(crate) fn wait_all_closed(data: &Path, count: usize) -> Vec<Recording> {
    wait_for("closed recordings", || {
        let all = recordings(data);
        (all.len() == count && all.iter().all(Recording::is_closed)).then_some(all)
    })
}

/// `export` to a path.
#[track_caller]
pub(crate) fn export(data: &Path, id: &str, format: &str, out: &Path) -> Done {
    let arguments = ["export", id, "--format", format].map(OsStr::new).into_iter();
    let arguments: Vec<&OsStr> = arguments
        .chain([
            OsStr::new("--data"),
            data.as_os_str(),
            OsStr::new("-o"),
            out.as_os_str(),
        ])
        .collect();
    edgereel(&arguments)
}

/// Runs `verify` on a storage directory. Every byte must match its checksum and its row, and nothing may be in `lost+found`.
#[track_caller]
pub(crate) fn verified(data: &Path) {
    let done = edgereel(&[OsStr::new("verify"), OsStr::new("--data"), data.as_os_str()]);
    assert_eq!(done.code, Some(0), "{}{}", done.text(), done.stderr);
    assert!(!data.join("lost+found").exists(), "something could not be read");
}
