//! A service manager's socket: the notifications that systemd would get.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::support::{home, wait_for};

/// A socket that listens in place of a service manager.
pub(crate) struct Manager {
    _folder: TempDir,
    socket: PathBuf,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    fed: usize,
    status: Vec<String>,
}

impl Manager {
    pub(crate) fn new() -> Self {
        let folder = home();
        let socket = folder.path().join("notify");
        let ear = UnixDatagram::bind(&socket).unwrap();
        let told = Arc::new(Mutex::new(Told::default()));
        let kept = Arc::clone(&told);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = ear.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                let mut told = kept.lock().unwrap();
                told.fed += usize::from(text.contains("WATCHDOG=1"));
                let status = text.lines().filter_map(|line| line.strip_prefix("STATUS="));
                told.status.extend(status.map(str::to_owned));
            }
        });
        Self {
            _folder: folder,
            socket,
            told,
        }
    }

    /// The environment of a service whose watchdog expires after so many microseconds. The service sends its status twice as
    /// often.
    pub(crate) fn variables<'a>(&'a self, watchdog: &'a str) -> [(&'static str, &'a str); 2] {
        let socket = self.socket.to_str().unwrap();
        [("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", watchdog)]
    }

    /// The number of watchdog signals.
    pub(crate) fn fed(&self) -> usize {
        self.told.lock().unwrap().fed
    }

    /// The latest status line.
    pub(crate) fn status(&self) -> String {
        self.told
            .lock()
            .unwrap()
            .status
            .last()
            .cloned()
            .unwrap_or_default()
    }

    /// Waits until the status contains these words. Returns the status.
    #[track_caller]
    pub(crate) fn wait_status(&self, words: &str) -> String {
        let what = format!("the status to say '{words}'");
        wait_for(&what, || {
            Some(self.status()).filter(|status| status.contains(words))
        })
    }
}
