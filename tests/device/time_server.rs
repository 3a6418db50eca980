//! A server of SNTP (RFC 4330) that gives one answer: the right time for the box, when the box asks for it.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds from 1900, where NTP begins, to 1970.
const EPOCH: u64 = 2_208_988_800;

/// A server that answers, or that cannot be reached.
pub(crate) struct TimeServer {
    pub(crate) port: u16,
    reachable: Arc<AtomicBool>,
}

impl TimeServer {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: socket.local_addr().unwrap().port(),
            reachable: Arc::new(AtomicBool::new(true)),
        };
        let reachable = Arc::clone(&server.reachable);
        std::thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, asker)) = socket.recv_from(&mut packet) {
                if length >= 48 && reachable.load(Ordering::Relaxed) {
                    let _ = socket.send_to(&answer(&packet[..48]), asker);
                }
            }
        });
        server
    }

    pub(crate) fn reachable(&self, reachable: bool) {
        self.reachable.store(reachable, Ordering::Relaxed);
    }
}

fn answer(asked: &[u8]) -> [u8; 48] {
    let now = timestamp();
    let mut packet = [0; 48];
    // No leap second, version 4, server; stratum 1, polled every 64 s at most, precision of a microsecond.
    packet[..4].copy_from_slice(&[0x24, 1, 6, 0xEC]);
    packet[12..16].copy_from_slice(b"LOCL");
    packet[16..24].copy_from_slice(&now);
    // The client's own time comes back, so that the client can measure the length of the way.
    packet[24..32].copy_from_slice(&asked[40..48]);
    packet[32..40].copy_from_slice(&now);
    packet[40..48].copy_from_slice(&timestamp());
    packet
}

/// Seconds since 1900 and their fraction, 32 bits each.
fn timestamp() -> [u8; 8] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
    (((now.as_secs() + EPOCH) << 32) | fraction).to_be_bytes()
}
