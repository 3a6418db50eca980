//! Chromium, with hls.js where a playlist is played: one browser for all tests, which play one after another. What is live plays
//! beside them.
//!
//! ```ignore
//! let seen = Case::hls(&folder).rate(2.0).play();
//! seen.plays_through(12.0);
//! ```

mod server;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::programs::CHROMIUM;
use crate::support::wait_for;
use server::Server;

/// A case: the media, and how it is played.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Case {
    #[serde(skip)]
    folder: PathBuf,
    #[serde(skip)]
    text: String,
    file: String,
    /// The address on another server, in place of a file.
    url: Option<String>,
    /// Whether the page of the case plays, in place of the browser's own.
    page: bool,
    /// Whether the browser plays a playlist itself, without hls.js.
    native: bool,
    /// Whether the numbers in the pictures are read.
    numbered: bool,
    /// Whether the test follows what is shown.
    followed: bool,
    rate: f64,
    listen: bool,
    seeks: Vec<f64>,
    /// The addresses where it goes, one after the other.
    legs: Vec<String>,
    /// How many pictures it sees at each.
    pictures: usize,
    limit: f64,
    config: serde_json::Value,
}

/// What the browser showed and played.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Seen {
    /// The errors of hls.js or the video element, also those that it overcame.
    pub(crate) errors: Vec<String>,
    /// Whether the player gave up.
    pub(crate) fatal: bool,
    /// The length in seconds. Zero where the player knows none.
    pub(crate) duration: f64,
    /// The size of the shown picture.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The position of the player.
    pub(crate) at: f64,
    pub(crate) ended: bool,
    /// The number of decoded pictures.
    pub(crate) frames: u32,
    /// Bytes of decoded sound.
    pub(crate) sound: u64,
    /// Requests until the first picture could be shown.
    pub(crate) requests: u32,
    /// Media times of the shown pictures, in seconds.
    pub(crate) times: Vec<f64>,
    /// The shown pictures in their order, where their numbers are read.
    pub(crate) numbers: Vec<Shown>,
    pub(crate) buffered: Vec<(f64, f64)>,
    pub(crate) seeks: Vec<Seek>,
    /// The numbers of the pictures that were shown on each leg.
    pub(crate) legs: Vec<Vec<usize>>,
    /// The times at which a picture lit up, in milliseconds of one clock.
    flashes: Vec<f64>,
    /// The times at which a beep began, by the same clock.
    beeps: Vec<f64>,
    crash: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Seek {
    pub(crate) to: f64,
    pub(crate) landed: bool,
    pub(crate) at: f64,
    /// The number in the picture that is shown there.
    pub(crate) number: Option<usize>,
}

/// A shown picture: its media time in seconds, its number, and its width.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Shown(pub(crate) f64, pub(crate) usize, pub(crate) u32);

/// A case that is being played.
pub(crate) struct Playing {
    id: u64,
    answer: Receiver<String>,
    patience: Duration,
}

impl Case {
    /// Plays a folder with `index.m3u8`, in hls.js.
    pub(crate) fn hls(folder: &Path) -> Self {
        Self::of(folder, "index.m3u8")
    }

    /// Plays a file, in the video element.
    pub(crate) fn file(path: &Path) -> Self {
        Self::of(
            path.parent().unwrap(),
            path.file_name().unwrap().to_str().unwrap(),
        )
    }

    /// Plays an address, in hls.js where it is of a playlist. The server must let pages of [`origin`] read it.
    pub(crate) fn at(url: &str) -> Self {
        Self {
            url: Some(url.to_owned()),
            ..Self::of(Path::new(""), "")
        }
    }

    /// Opens a page that plays by itself. `hls.min.js` is beside it.
    pub(crate) fn page(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            page: true,
            ..Self::of(Path::new(""), "")
        }
    }

    /// A file of a folder.
    pub(crate) fn of(folder: &Path, file: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            text: String::new(),
            file: file.to_owned(),
            url: None,
            page: false,
            native: false,
            numbered: false,
            followed: false,
            rate: 1.0,
            listen: false,
            seeks: Vec::new(),
            legs: Vec::new(),
            pictures: 0,
            limit: 30.0,
            config: serde_json::json!({}),
        }
    }

    /// Plays the case so many times faster.
    pub(crate) fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// Notes flashes and beeps. They are useful only at the usual rate.
    pub(crate) fn listening(mut self) -> Self {
        self.listen = true;
        self
    }

    /// Seeks through the media and does not play it.
    pub(crate) fn seeks(mut self, to: &[f64]) -> Self {
        to.clone_into(&mut self.seeks);
        self
    }

    /// Goes to one address after the other, and sees so many pictures there.
    pub(crate) fn legs(mut self, to: &[&str], pictures: usize) -> Self {
        self.legs = to.iter().map(|&to| to.to_owned()).collect();
        self.pictures = pictures;
        self
    }

    /// Gives up after so many seconds of playing.
    pub(crate) fn limit(mut self, seconds: f64) -> Self {
        self.limit = seconds;
        self
    }

    /// Has the browser play a playlist itself, without hls.js.
    pub(crate) fn native(mut self) -> Self {
        self.native = true;
        self
    }

    /// Reads the number in each picture that is shown.
    pub(crate) fn numbered(mut self) -> Self {
        self.numbered = true;
        self
    }

    /// Waits until the case was played.
    #[track_caller]
    pub(crate) fn play(self) -> Seen {
        self.start().end()
    }

    /// Plays beside other cases, and says how far it is.
    pub(crate) fn follow(mut self) -> Playing {
        self.followed = true;
        self.numbered().start()
    }

    fn start(self) -> Playing {
        let (id, answer) = browser().server.ask(&self);
        Playing {
            id,
            answer,
            // The results of other cases may come first.
            patience: Duration::from_secs_f64(self.limit + 600.0),
        }
    }
}

impl Playing {
    /// Waits until a picture with this number, or a later one, is shown.
    #[track_caller]
    pub(crate) fn wait_shown(&self, number: usize) {
        wait_for("the browser to show the picture", || {
            let shown = browser().server.shown(self.id);
            let shown = shown.unwrap_or_else(|| panic!("it ended: {:?}", self.answer.try_recv()));
            shown.filter(|shown| *shown >= number)
        });
    }

    /// Waits until the case was played.
    #[track_caller]
    pub(crate) fn end(self) -> Seen {
        let answer = self.answer.recv_timeout(self.patience).expect("Chromium answers");
        let seen: Seen = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert_eq!(seen.crash, None, "the page failed");
        seen
    }
}

impl Seen {
    /// The time of the sound minus that of the picture, in milliseconds, at each flash that has a beep near it.
    pub(crate) fn sync(&self) -> Vec<f64> {
        let nearest = |flash: &f64| {
            let apart = self.beeps.iter().map(|beep| beep - flash);
            apart.min_by(|a, b| a.abs().total_cmp(&b.abs()))
        };
        self.flashes.iter().filter_map(nearest).collect()
    }

    /// Fails unless the media was played to its end, and the player never gave up.
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

/// The origin of the browser's page, as in `http://127.0.0.1:4711`.
pub(crate) fn origin() -> String {
    format!("http://127.0.0.1:{}", browser().server.port)
}

fn browser() -> &'static Browser {
    static BROWSER: OnceLock<Browser> = OnceLock::new();
    BROWSER.get_or_init(Browser::start)
}

struct Browser {
    server: Arc<Server>,
    // Chromium ends when the pipe of its input does. So it ends with this process, however this process ends.
    _chromium: Child,
}

impl Browser {
    fn start() -> Self {
        let server = Server::start(hls_js());
        let profile = tempfile::tempdir().unwrap().keep();
        // The shell sets the file descriptors of the debugging pipe, and cleans up.
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

/// The path where scripts/setup.sh puts hls.js, or `$HLSJS`.
fn hls_js() -> Vec<u8> {
    // This program is in debug/deps/ of cargo's build folder. The tools are beside debug/.
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
