//! The minimum: one process copies bytes from connections to files, makes them durable every second, and does nothing else.
//!
//! It has one thread per connection and reads 64 KiB at a time. It has no protocol, no container and no journal.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The argument that makes the bench the copier.
pub(crate) const MODE: &str = "--be-the-copier";

pub(crate) fn run(port: u16, dir: &Path) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    for (number, socket) in listener.incoming().enumerate() {
        let (socket, path) = (socket?, dir.join(format!("{number}.copy")));
        std::thread::spawn(move || {
            if let Err(error) = copy(socket, path) {
                eprintln!("copier: {error}");
            }
        });
    }
    Ok(())
}

fn copy(mut socket: TcpStream, path: PathBuf) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    let mut buffer = vec![0; 64 << 10];
    let mut synced = Instant::now();
    loop {
        let count = match socket.read(&mut buffer) {
            Ok(0) => return file.sync_data(),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        file.write_all(buffer.get(..count).unwrap_or_default())?;
        if synced.elapsed() >= Duration::from_secs(1) {
            file.sync_data()?;
            synced = Instant::now();
        }
    }
}
