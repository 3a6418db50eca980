//! The worker's side: a connection that systemd hands over, or a socket of its own. Blocks: it is a process of its own.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::decoder::Decoder;
use super::protocol::{Outcome, REQUEST, Type, Work, answer, read_request};

/// The longest silence of a connection.
const SILENCE: Duration = Duration::from_secs(30);
/// The mode of a socket of our own: its owner and the group may connect.
const MODE: u32 = 0o660;

/// Why the worker cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Nobody handed a connection over.
    #[error(
        "standard input is no connection: edgereel-media.socket starts the worker for each. Without systemd: edgereel media-worker --listen PATH"
    )]
    NoConnection,
    /// The socket cannot be made.
    #[error("cannot listen at {path}: {source}")]
    Listen {
        /// The path of the socket.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Another program serves there.
    #[error("another media worker serves at {0}")]
    Taken(PathBuf),
    /// The connection failed.
    #[error("the connection to the recorder failed: {0}")]
    Connection(#[from] io::Error),
}

/// Serves the one connection that standard input is, as systemd hands it over (`Accept=yes`).
pub fn serve_input(decoder: &Decoder) -> Result<(), ServeError> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let connection = UnixStream::from(input);
    if connection.peer_addr().is_err() {
        return Err(ServeError::NoConnection);
    }
    Ok(serve(&connection, decoder)?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a socket in memory (/run), and not the tape"
)]
/// Serves connections at a socket of its own, one after the other, for ever.
pub fn listen(path: &Path, decoder: &Decoder) -> Result<(), ServeError> {
    let refused = |source| ServeError::Listen {
        path: path.to_owned(),
        source,
    };
    // A worker that was killed leaves its socket.
    if std::fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket()) {
        if UnixStream::connect(path).is_ok() {
            return Err(ServeError::Taken(path.to_owned()));
        }
        std::fs::remove_file(path).map_err(refused)?;
    }
    let listener = UnixListener::bind(path).map_err(refused)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE)).map_err(refused)?;
    loop {
        let (connection, _) = listener.accept().map_err(refused)?;
        if !is_known(&connection) {
            tracing::warn!(
                "another user than root and the worker's own asked for a picture, and was refused"
            );
            continue;
        }
        // Whoever left, left: the next one is served.
        if let Err(error) = serve(&connection, decoder) {
            tracing::debug!("a connection ended: {error}");
        }
    }
}

/// True for root and the user of this process.
fn is_known(connection: &UnixStream) -> bool {
    let peer = getsockopt(connection, PeerCredentials);
    peer.is_ok_and(|peer| peer.uid() == 0 || peer.uid() == nix::unistd::geteuid().as_raw())
}

/// Answers the request of a connection.
pub(super) fn serve(connection: &UnixStream, decoder: &Decoder) -> io::Result<()> {
    connection.set_read_timeout(Some(SILENCE))?;
    connection.set_write_timeout(Some(SILENCE))?;
    let (work, len) = match read(connection)? {
        Ok(asked) => asked,
        Err(reason) => return write(connection, (Outcome::Refused, &reason), (Type::Jpeg, &[])),
    };
    match decoder.make(work, (connection, len)) {
        Some((outcome, reason, result)) => {
            if outcome != Outcome::Made {
                tracing::warn!("no picture: {reason}");
            }
            write(connection, (outcome, &reason), (work.makes(), &result))
        }
        None => Ok(()),
    }
}

/// Reads the head of a request. `Err` says why it is none.
fn read(mut connection: &UnixStream) -> io::Result<Result<(Work, u64), String>> {
    let mut head = [0; REQUEST];
    connection.read_exact(&mut head)?;
    Ok(read_request(&head).map_err(|wrong| wrong.to_string()))
}

fn write(
    mut connection: &UnixStream,
    (outcome, reason): (Outcome, &str),
    (of, result): (Type, &[u8]),
) -> io::Result<()> {
    connection.write_all(&answer(outcome, reason, (of, result.len())))?;
    connection.write_all(result)
}
