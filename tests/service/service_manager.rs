//! The notifications to a service manager, by the protocol of sd_notify(3).

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::support::{Pusher, Service, edgereel, home, sample};

/// The manager's end of the socket.
struct Manager {
    socket: UnixDatagram,
    path: String,
}

impl Manager {
    fn new(home: &Path) -> Self {
        let path = home.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket
            .set_read_timeout(Some(crate::support::wait::PATIENCE))
            .unwrap();
        Self {
            socket,
            path: path.display().to_string(),
        }
    }

    fn service(&self, home: &Path) -> Service {
        // A watchdog of two seconds expects a message each second.
        Service::start_among(
            home,
            &[("NOTIFY_SOCKET", &self.path), ("WATCHDOG_USEC", "2000000")],
        )
    }

    /// Fills the socket's buffer, as other programs on the machine do while a manager is busy, and reads nothing.
    fn is_stuck(&self) {
        let other = UnixDatagram::unbound().unwrap();
        other.set_nonblocking(true).unwrap();
        while other.send_to(b"X=1", &self.path).is_ok() {}
    }

    /// Reads until a message has a line that begins so. Returns the whole message.
    fn hears(&self, line: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self
                .socket
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("no '{line}': {error}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|said| said.starts_with(line)) {
                return message;
            }
        }
    }
}

#[test]
fn ready_means_that_publishers_are_let_in() {
    let home = home();
    let manager = Manager::new(home.path());
    let service = manager.service(home.path());
    manager.hears("READY=1");
    std::net::TcpStream::connect(service.address()).unwrap();
    service.signal(Signal::SIGTERM);
    manager.hears("STOPPING=1");
}

#[test]
fn the_watchdog_is_fed_and_the_status_says_what_goes_on() {
    let home = home();
    let manager = Manager::new(home.path());
    let service = manager.service(home.path());
    manager.hears("STATUS=waiting for publishers");
    let pushing = Pusher::start(service.address(), "live/cam1", &sample(), 1.0);
    manager.hears("STATUS=1 on the air, 1 recording");
    for _ in 0..2 {
        manager.hears("WATCHDOG=1");
    }
    drop(pushing);
}

#[test]
fn a_reload_is_announced_with_its_time() {
    let home = home();
    let manager = Manager::new(home.path());
    let service = manager.service(home.path());
    manager.hears("READY=1");
    service.signal(Signal::SIGHUP);
    let message = manager.hears("RELOADING=1");
    assert!(
        message.lines().any(|line| line.starts_with("MONOTONIC_USEC=")),
        "{message}"
    );
    manager.hears("READY=1");
}

#[test]
fn a_reload_that_fails_is_over_too() {
    let home = home();
    let manager = Manager::new(home.path());
    let service = manager.service(home.path());
    manager.hears("READY=1");
    std::fs::write(home.path().join("edgereel.toml"), "[ring]\nmemori = 1\n").unwrap();
    service.signal(Signal::SIGHUP);
    manager.hears("RELOADING=1");
    manager.hears("READY=1");
    service.wait_for_log(|log| log.contains("configuration not reloaded").then_some(()));
}

#[test]
fn a_manager_that_does_not_read_stops_nothing() {
    let home = home();
    let manager = Manager::new(home.path());
    let service = manager.service(home.path());
    manager.hears("READY=1");
    manager.is_stuck();
    // The service sends this at once. Meanwhile it feeds the watchdog and sends its status.
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| log.contains("configuration reloaded").then_some(()));
    // The publisher is accepted and recorded, and the status says so.
    let pushing = Pusher::start(service.address(), "live/cam1", &sample(), 1.0);
    service.wait_for_log(|log| log.contains("live/cam1").then_some(()));
    drop(pushing);
    let stats = edgereel(&[
        "device",
        "stats",
        "--socket",
        home.path().join("control.sock").to_str().unwrap(),
    ]);
    stats.ok();
    let (status, _) = service.stop();
    assert!(status.success(), "{status}");
}

#[test]
fn a_manager_that_reads_again_hears_what_it_missed() {
    let home = home();
    let manager = Manager::new(home.path());
    let service = manager.service(home.path());
    manager.hears("READY=1");
    manager.is_stuck();
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| log.contains("configuration reloaded").then_some(()));
    manager.hears("RELOADING=1");
    manager.hears("READY=1");
    manager.hears("WATCHDOG=1");
}
