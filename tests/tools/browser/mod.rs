//! Chromium, with hls.js where a playlist is played: one browser for all tests, which play one after another.
//!
//! ```ignore
//! let seen = Case::hls(&folder).rate(2.0).play();
//! seen.plays_through(12.0);
//! ```

mod server;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::programs::CHROMIUM;
use server::Server;

/// What is played, and how.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Case {
    #[serde(skip)]
    folder: PathBuf,
    file: String,
    rate: f64,
    listen: bool,
    seeks: Vec<f64>,
    limit: f64,
    config: serde_json::Value,
}

/// What was seen and heard.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Seen {
    /// What hls.js or the video element complained of, also what it overcame.
    pub(crate) errors: Vec<String>,
    /// It gave up.
    pub(crate) fatal: bool,
    /// Seconds.
    pub(crate) duration: f64,
    /// Of the picture as it is shown.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Where it stands.
    pub(crate) at: f64,
    pub(crate) ended: bool,
    /// Pictures that were decoded.
    pub(crate) frames: u32,
    /// Bytes of sound that were decoded.
    pub(crate) sound: u64,
    /// Requests until the first picture could be shown.
    pub(crate) requests: u32,
    /// Media times of the pictures that were shown, in seconds.
    pub(crate) times: Vec<f64>,
    pub(crate) buffered: Vec<(f64, f64)>,
    pub(crate) seeks: Vec<Seek>,
    /// When a picture lit up, in milliseconds of one clock.
    flashes: Vec<f64>,
    /// When a beep began, by the same clock.
    beeps: Vec<f64>,
    crash: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Seek {
    pub(crate) to: f64,
    pub(crate) landed: bool,
    pub(crate) at: f64,
}

impl Case {
    /// A folder with `index.m3u8`, in hls.js.
    pub(crate) fn hls(folder: &Path) -> Self {
        Self::of(folder, "index.m3u8")
    }

    /// A file, in the video element.
    pub(crate) fn file(path: &Path) -> Self {
        Self::of(
            path.parent().unwrap(),
            path.file_name().unwrap().to_str().unwrap(),
        )
    }

    /// A file of a folder.
    pub(crate) fn of(folder: &Path, file: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            file: file.to_owned(),
            rate: 1.0,
            listen: false,
            seeks: Vec::new(),
            limit: 30.0,
            config: serde_json::json!({}),
        }
    }

    /// Played so much faster.
    pub(crate) fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// Notes flashes and beeps: only at the usual rate do they say anything.
    pub(crate) fn listening(mut self) -> Self {
        self.listen = true;
        self
    }

    /// Not played: sought through.
    pub(crate) fn seeks(mut self, to: &[f64]) -> Self {
        to.clone_into(&mut self.seeks);
        self
    }

    /// Given up after so many seconds of playing.
    pub(crate) fn limit(mut self, seconds: f64) -> Self {
        self.limit = seconds;
        self
    }

    /// Waits until it was played.
    #[track_caller]
    pub(crate) fn play(self) -> Seen {
        static BROWSER: OnceLock<Browser> = OnceLock::new();
        let browser = BROWSER.get_or_init(Browser::start);
        // Others may come first.
        let patience = Duration::from_secs_f64(self.limit + 600.0);
        let answer = browser.server.ask(self.folder.clone(), &self);
        let answer = answer.recv_timeout(patience).expect("Chromium answers");
        let seen: Seen = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert_eq!(seen.crash, None, "the page failed");
        seen
    }
}

impl Seen {
    /// Sound less picture, in milliseconds, at each flash that has a beep near it.
    pub(crate) fn sync(&self) -> Vec<f64> {
        let nearest = |flash: &f64| {
            let apart = self.beeps.iter().map(|beep| beep - flash);
            apart.min_by(|a, b| a.abs().total_cmp(&b.abs()))
        };
        self.flashes.iter().filter_map(nearest).collect()
    }

    /// Fails unless it was played to its end, and nothing was given up.
    #[track_caller]
    pub(crate) fn plays_through(&self, seconds: f64) {
        assert!(!self.fatal && self.ended, "{self:?}");
        assert!(
            (self.at - seconds).abs() < 0.5,
            "{} is not {seconds}: {self:?}",
            self.at
        );
    }
}

struct Browser {
    server: Arc<Server>,
    // Chromium ends when the pipe that is its input does, and so with this process, however that ends.
    _chromium: Child,
}

impl Browser {
    fn start() -> Self {
        let server = Server::start(hls_js());
        let profile = tempfile::tempdir().unwrap().keep();
        // The shell is there for the file descriptors that the debugging pipe has, and to clean up.
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("\"$@\" 3<&0 4>/dev/null >/dev/null 2>&1; rm -rf \"$PROFILE\"")
            .arg("sh")
            .arg(CHROMIUM.path())
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--mute-audio",
                "--autoplay-policy=no-user-gesture-required",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("http://127.0.0.1:{}/", server.port))
            .env("PROFILE", &profile)
            .stdin(Stdio::piped());
        Self {
            server,
            _chromium: command.spawn().unwrap(),
        }
    }
}

/// Where scripts/setup.sh puts it, or `$HLSJS`.
fn hls_js() -> Vec<u8> {
    // This program is in debug/deps/ of the folder that cargo builds in; the tools are beside debug/.
    let program = std::env::current_exe().unwrap();
    let installed = program
        .ancestors()
        .nth(3)
        .map(|target| target.join("tools/node_modules/hls.js/dist/hls.min.js"));
    let named = std::env::var_os("HLSJS").map(PathBuf::from);
    let found = [installed, named].into_iter().flatten();
    let read = found.filter_map(|path| std::fs::read(path).ok()).next();
    read.expect("hls.js is missing: run scripts/setup.sh test")
}
