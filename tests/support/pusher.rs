//! Pushes an FLV file and knows how much of it the service has taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::flv::Flv;
use super::rtmp::Rtmp;

/// A publisher on its own thread.
pub(crate) struct Pusher {
    thread: JoinHandle<Result<(), String>>,
    taken: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
}

impl Pusher {
    /// Pushes at `speed` times real time to `app/key`, and unpublishes at the end.
    #[track_caller]
    pub(crate) fn start(address: SocketAddr, stream: &str, flv: &Flv, speed: f64) -> Self {
        let (app, key) = stream.split_once('/').expect("app/key");
        let client = Rtmp::publishing(address, app, key);
        let (taken, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (told, asked) = (Arc::clone(&taken), Arc::clone(&stop));
        let (flv, key) = (flv.clone(), key.to_owned());
        let thread = std::thread::spawn(move || push(client, &key, &flv, speed, &told, &asked));
        Self { thread, taken, stop }
    }

    /// Milliseconds of media that the service has taken from the socket: it has answered since.
    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Acquire)
    }

    /// Whether the publisher still pushes.
    pub(crate) fn pushes(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Ends the push early, properly.
    #[track_caller]
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.done();
    }

    /// Waits for the end of the push, which must succeed.
    #[track_caller]
    pub(crate) fn done(self) {
        let result = self.thread.join().expect("the publisher does not panic");
        assert_eq!(result, Ok(()), "the publisher was disturbed");
    }

    /// Waits for the end of the push, whether it succeeds or not.
    pub(crate) fn over(self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.thread.join();
    }
}

fn push(
    mut client: Rtmp,
    key: &str,
    flv: &Flv,
    speed: f64,
    taken: &AtomicU32,
    stop: &AtomicBool,
) -> Result<(), String> {
    let began = Instant::now();
    let first = flv.tags.first().map_or(0, |tag| tag.time);
    for (number, tag) in flv.tags.iter().enumerate() {
        let due = Duration::from_secs_f64(f64::from(tag.time.wrapping_sub(first)) / 1000.0 / speed);
        // This wait is the pace of the push, not a wait of the test.
        while let Some(left) = due.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            if stop.load(Ordering::Acquire) {
                break;
            }
            std::thread::park_timeout(left);
        }
        if stop.load(Ordering::Acquire) {
            break;
        }
        client
            .media(tag.kind, tag.time, &tag.body)
            .map_err(|error| format!("tag {number}: {error}"))?;
        client
            .ping(tag.time)
            .map_err(|error| format!("ping {number}: {error}"))?;
        if let Some(token) = client.last_pong() {
            taken.fetch_max(token, Ordering::AcqRel);
        }
    }
    client.unpublish(key).map_err(|error| format!("the end: {error}"))
}
