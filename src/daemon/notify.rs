//! Tells systemd (sd_notify(3)) that the service is ready, reloads or stops, one status line, and that the storage thread still
//! makes progress. Nothing happens where there is no systemd.
//!
//! A busy manager does not read its socket, and a send to it then blocks. So a task sends, without blocking. Messages that
//! cannot go out wait in the task's bounded queue, and the recorder goes on.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::net::UnixDatagram;
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Snapshot;

/// The service manager. A message to it never blocks the caller. Clones speak to the same manager.
#[derive(Clone)]
pub(super) struct Manager {
    /// None where there is no service manager.
    line: Option<Arc<Line>>,
}

/// The messages that are still to be sent.
#[derive(Default)]
struct Line {
    pending: Mutex<Pending>,
    more: Notify,
}

impl Manager {
    /// Finds the manager that started this process, and starts the task that sends to it, on this runtime.
    pub(super) fn find() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self { line: None };
        };
        match address(&name) {
            Ok(address) => Self::at(address),
            Err(error) => {
                tracing::warn!(
                    "the service manager cannot be notified: NOTIFY_SOCKET '{}': {error}",
                    name.display()
                );
                Self { line: None }
            }
        }
    }

    fn at(address: SocketAddr) -> Self {
        let line = Arc::new(Line::default());
        tokio::spawn(send_all(address, line.clone()));
        Self { line: Some(line) }
    }

    /// Waits for the service to start. While recovery makes progress, as `looked_at` shows by growing, the manager is asked for
    /// more time.
    pub(super) async fn while_starting<T>(
        &self,
        start: impl Future<Output = T>,
        looked_at: impl Fn() -> u64,
    ) -> T {
        let mut start = std::pin::pin!(start);
        let mut every = interval(STARTING);
        let mut before = looked_at();
        loop {
            tokio::select! {
                started = &mut start => return started,
                _ = every.tick() => {
                    let now = looked_at();
                    if now != before {
                        before = now;
                        self.phase(&[NotifyState::ExtendTimeoutUsec(MORE_TIME)]);
                    }
                }
            }
        }
    }

    pub(super) fn ready(&self) {
        self.phase(&[NotifyState::Ready]);
    }

    pub(super) fn reloading(&self) {
        // With Type=notify-reload, systemd needs the time of the reload as well.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.phase(&[NotifyState::Reloading, now]),
            Err(_) => self.phase(&[NotifyState::Reloading]),
        }
    }

    pub(super) fn stopping(&self) {
        self.phase(&[NotifyState::Stopping]);
    }

    fn phase(&self, states: &[NotifyState<'_>]) {
        self.say(|pending| pending.phase(written(states)));
    }

    fn say(&self, say: impl FnOnce(&mut Pending)) {
        if let Some(line) = &self.line {
            say(&mut line.pending.lock().unwrap_or_else(PoisonError::into_inner));
            line.more.notify_one();
        }
    }
}

/// While the service starts, its progress is checked so often.
const STARTING: Duration = Duration::from_secs(2);
/// The time that each check asks for, in microseconds: 60 s.
const MORE_TIME: u32 = 60_000_000;

/// The most phases that wait for a manager that does not read. Only the last ones matter to it.
const MOST_PHASES: usize = 8;

/// The messages to send, in order: every phase, then the sign of life and the last status line once.
#[derive(Debug, Default)]
struct Pending {
    phases: VecDeque<String>,
    alive: bool,
    status: Option<String>,
}

impl Pending {
    fn phase(&mut self, phase: String) {
        if self.phases.len() == MOST_PHASES {
            self.phases.pop_front();
        }
        self.phases.push_back(phase);
    }

    fn next(&mut self) -> Option<String> {
        if let Some(phase) = self.phases.pop_front() {
            return Some(phase);
        }
        if std::mem::take(&mut self.alive) {
            return Some(written(&[NotifyState::Watchdog]));
        }
        let status = self.status.take()?;
        Some(written(&[NotifyState::Status(&status)]))
    }
}

fn written(states: &[NotifyState<'_>]) -> String {
    states.iter().map(|state| format!("{state}\n")).collect()
}

/// The address of the socket: a path, or an abstract name, which begins with `@`.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(name),
    }
}

async fn send_all(address: SocketAddr, line: Arc<Line>) {
    loop {
        let next = line.pending.lock().unwrap_or_else(PoisonError::into_inner).next();
        match next {
            Some(message) => {
                if let Err(error) = send(&address, &message).await {
                    tracing::debug!("systemd could not be notified: {error}");
                }
            }
            None => line.more.notified().await,
        }
    }
}

/// Sends one message, and waits while the manager does not read. Connects anew each time: the manager may have been started
/// anew.
async fn send(address: &SocketAddr, message: &str) -> io::Result<()> {
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(address)?;
    UnixDatagram::from_std(socket)?.send(message.as_bytes()).await?;
    Ok(())
}

/// Feeds the watchdog as long as the service gives signs of life. It also keeps the status line.
pub(super) struct Heart {
    manager: Manager,
    watchdog: bool,
    interval: Interval,
    last_status: String,
}

impl Heart {
    pub(super) fn new(manager: Manager) -> Self {
        let watchdog = sd_notify::watchdog_enabled();
        // The watchdog is fed twice as often as it wants, so that one late beat is no reason to kill the process.
        let every = watchdog.map_or(Duration::from_secs(5), |limit| {
            (limit / 2).min(Duration::from_secs(5))
        });
        let mut interval = interval(every.max(Duration::from_millis(100)));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            manager,
            watchdog: watchdog.is_some(),
            interval,
            last_status: String::new(),
        }
    }

    pub(super) async fn beat(&mut self) {
        self.interval.tick().await;
    }

    pub(super) fn tell(&mut self, snapshot: &Snapshot) {
        if self.watchdog && snapshot.silence.stuck().is_empty() {
            self.manager.say(|pending| pending.alive = true);
        }
        let status = status_line(snapshot);
        if status != self.last_status {
            self.last_status.clone_from(&status);
            self.manager.say(|pending| pending.status = Some(status));
        }
    }
}

fn status_line(snapshot: &Snapshot) -> String {
    if let Some(stall) = snapshot.silence.stall() {
        let (seconds, waiting, let_go) = (stall.as_secs(), snapshot.backlog, snapshot.let_go);
        return format!(
            "the storage device stalls for {seconds} s: {waiting} bytes wait in memory, {let_go} were dropped"
        );
    }
    if let Some(error) = &snapshot.progress.failed {
        return format!("storage failed: {error}");
    }
    let count = snapshot.streams.len();
    if count == 0 {
        return "waiting for publishers".to_owned();
    }
    let recording = snapshot
        .streams
        .iter()
        .filter(|stream| !stream.recordings.is_empty())
        .count();
    let bits: u64 = snapshot.streams.iter().map(|stream| stream.bits_per_second).sum();
    let whole = bits / 1_000_000;
    let tenth = bits / 100_000 % 10;
    let gaps = match snapshot.progress.gaps {
        0 => String::new(),
        gaps => format!(", {gaps} gaps since the start"),
    };
    format!("{count} on the air, {recording} recording, {whole}.{tenth} Mbit/s{gaps}")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::time::Instant;

    use super::super::pulse::Pulse;
    use super::*;
    use crate::store::Progress;

    /// The state when the storage thread has been silent for so long.
    fn snapshot(silent: Duration) -> Snapshot {
        let start = Instant::now();
        Snapshot {
            streams: Vec::new(),
            progress: Progress::default(),
            silence: Pulse::new(None, start).beat(0, start + silent),
            backlog: 7_000,
            let_go: 300,
        }
    }

    #[test]
    fn what_a_manager_does_not_read_is_bounded_and_the_newest_of_it() {
        let mut pending = Pending::default();
        for number in 0..100 {
            pending.phase(format!("RELOADING={number}\n"));
            pending.alive = true;
            pending.status = Some(format!("{number} on the air"));
        }
        let told: Vec<String> = std::iter::from_fn(|| pending.next()).collect();
        assert_eq!(told.len(), MOST_PHASES + 2);
        assert_eq!(told[0], "RELOADING=92\n");
        assert_eq!(
            told[MOST_PHASES - 1..],
            ["RELOADING=99\n", "WATCHDOG=1\n", "STATUS=99 on the air\n"]
        );
    }

    /// The manager's end of a socket that has no path.
    struct Ear {
        address: SocketAddr,
        socket: UnixDatagram,
    }

    impl Ear {
        fn new() -> Self {
            let name = format!("@edgereel-{}", uuid::Uuid::now_v7());
            let address = address(OsStr::new(&name)).unwrap();
            let socket = std::os::unix::net::UnixDatagram::bind_addr(&address).unwrap();
            socket.set_nonblocking(true).unwrap();
            let socket = UnixDatagram::from_std(socket).unwrap();
            Self { address, socket }
        }

        async fn hears(&self) -> String {
            let mut heard = [0; 64];
            let length = self.socket.recv(&mut heard).await.unwrap();
            String::from_utf8(heard[..length].to_vec()).unwrap()
        }

        /// The test asks the socket itself, not the runtime.
        fn heard_nothing(&self) -> bool {
            let heard = nix::sys::socket::recv(
                std::os::fd::AsRawFd::as_raw_fd(&self.socket),
                &mut [0; 64],
                nix::sys::socket::MsgFlags::MSG_DONTWAIT,
            );
            heard == Err(nix::errno::Errno::EAGAIN)
        }
    }

    #[tokio::test]
    async fn a_manager_whose_socket_has_no_path_is_told_too() {
        let ear = Ear::new();
        send(&ear.address, "READY=1\n").await.unwrap();
        assert_eq!(ear.hears().await, "READY=1\n");
    }

    /// The clock of the test stands still while anything else has to run.
    #[tokio::test(start_paused = true)]
    async fn a_long_start_asks_for_more_time_while_it_gets_on_and_not_while_it_does_not() {
        const HOUR: Duration = Duration::from_secs(3_600);
        let ear = Ear::new();
        let manager = Manager::at(ear.address.clone());
        let looked_at = AtomicU64::new(7);
        let start = async {
            // The start failed: another service has the store, for example.
            tokio::time::sleep(HOUR).await;
            assert!(ear.heard_nothing());
            for _ in 0..3 {
                looked_at.fetch_add(1, Ordering::Relaxed);
                let heard = tokio::time::timeout(HOUR, ear.hears()).await.unwrap();
                assert_eq!(heard, "EXTEND_TIMEOUT_USEC=60000000\n");
            }
            // The start hangs: the manager has to end the process.
            tokio::time::sleep(HOUR).await;
            assert!(ear.heard_nothing());
            "started"
        };
        let started = manager.while_starting(start, || looked_at.load(Ordering::Relaxed));
        assert_eq!(started.await, "started");
    }

    #[test]
    fn the_status_says_how_long_the_card_has_stalled_and_what_that_costs() {
        let line = status_line(&snapshot(Duration::from_secs(12)));
        assert_eq!(
            line,
            "the storage device stalls for 12 s: 7000 bytes wait in memory, 300 were dropped"
        );
        assert_eq!(status_line(&snapshot(Duration::ZERO)), "waiting for publishers");
    }
}
