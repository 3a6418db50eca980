//! The publishers: ffmpeg, the same for every server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::process::Process;
use super::source::Source;

/// The address that one publisher sends to.
pub(crate) enum Target {
    Rtmp(String),
    /// Bare bytes, for a server that does not know RTMP.
    Tcp(u16),
}

/// The speed of the publisher.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    RealTime,
    Unpaced,
}

/// One publisher at work.
pub(crate) enum Push {
    Ffmpeg(Process),
    Plain(JoinHandle<anyhow::Result<()>>),
}

impl Push {
    /// Sends `loops` times the source.
    pub(crate) fn start(
        source: &Source,
        loops: u64,
        pace: Pace,
        target: &Target,
        log: &Path,
    ) -> anyhow::Result<Self> {
        match target {
            Target::Rtmp(url) => {
                let mut command = Command::new("ffmpeg");
                command.args(["-v", "error", "-nostdin"]);
                if pace == Pace::RealTime {
                    command.arg("-re");
                }
                command
                    .args(["-stream_loop", &(loops - 1).to_string(), "-i"])
                    .arg(&source.path);
                command.args([
                    "-c",
                    "copy",
                    "-f",
                    "flv",
                    "-flvflags",
                    "no_duration_filesize",
                    url,
                ]);
                Ok(Self::Ffmpeg(Process::start(&mut command, log)?))
            }
            Target::Tcp(port) => {
                let (port, path) = (*port, source.path.clone());
                let seconds = (pace == Pace::RealTime).then(|| f64::from(source.seconds));
                Ok(Self::Plain(std::thread::spawn(move || {
                    plain(port, &path, loops, seconds)
                })))
            }
        }
    }

    /// Waits until everything is sent.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Ffmpeg(process) => process.succeed(),
            Self::Plain(thread) => thread
                .join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("the sender panicked"))),
        }
    }
}

/// Sends the bytes of the file over a bare connection, each loop spread over `seconds`.
fn plain(port: u16, path: &Path, loops: u64, seconds: Option<f64>) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.read_to_end(&mut bytes)?;
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    // Each write has the bytes of one picture, as a publisher sends.
    let pieces = seconds.map_or(256.0, |seconds| seconds * 25.0);
    let piece = (bytes.len() as f64 / pieces).ceil().max(1.0);
    let begun = Instant::now();
    for number in 0..loops {
        for (at, part) in bytes.chunks(piece as usize).enumerate() {
            if let Some(seconds) = seconds {
                let due = Duration::from_secs_f64(seconds * number as f64 + at as f64 / 25.0);
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
            }
            socket.write_all(part)?;
        }
    }
    Ok(())
}
