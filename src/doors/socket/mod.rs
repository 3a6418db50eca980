//! The door for this machine: a Unix socket on which every command can be asked for.
//!
//! Each line is a request, a JSON object with a `command` and its arguments. Each is answered by a line, in order. Root and the
//! user that the service runs as may ask; the kernel says who asks (`SO_PEERCRED`). Recording does not depend on the socket:
//! without it everything is recorded as before.

mod connection;
mod lines;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::api::{Answer, Api, Caller, Code, Failure};

/// The most connections at the same time.
const MOST: usize = 16;
/// How long a bind waits for another service to take a connection. A service that takes none in this time counts as there.
const PROBE: Duration = Duration::from_secs(1);
/// A stranger is named in the log at most once in this time.
const TELL: Duration = Duration::from_secs(60);
/// How long the door writes to a connection that it turns away.
const GOODBYE: Duration = Duration::from_millis(200);
/// How long requests that are being carried out have when the service stops.
const FAREWELL: Duration = Duration::from_millis(300);
/// How long the door waits after a connection could not be taken, for want of file descriptors for example.
const PAUSE: Duration = Duration::from_millis(200);

/// Why the socket could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another service listens on the path.
    #[error("{path}: another edgereel service answers here")]
    Taken {
        /// The path of the socket.
        path: PathBuf,
    },
    /// The path holds something that is no socket.
    #[error(
        "{path}: something is there that is no socket; move it away, or set control.socket to another path"
    )]
    Other {
        /// The path of that file.
        path: PathBuf,
    },
    /// The operating system refused a call.
    #[error("{path}: cannot {what}: {source}")]
    System {
        /// What was tried, in a few words.
        what: &'static str,
        /// The path of the socket.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// The socket, from when it is made until it is removed.
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// The device and inode of the socket's file. Another service may put its own socket there one day.
    made: (u64, u64),
    own: u32,
}

impl ControlSocket {
    /// Makes the socket. A socket that a dead service left is replaced.
    pub async fn bind(path: &Path) -> Result<Self, SocketError> {
        let system = |what| {
            move |source| SocketError::System {
                what,
                path: path.to_owned(),
                source,
            }
        };
        let bound = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                clear(path).await?;
                UnixListener::bind(path)
            }
            bound => bound,
        };
        let listener = bound.map_err(system("listen"))?;
        let owner_alone = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, owner_alone).map_err(system("restrict access"))?;
        let made = place(path).map_err(system("look"))?;
        let own = own_user().map_err(system("ask who this is"))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            made,
            own,
        })
    }

    /// Serves until `stop` resolves, then removes the socket. Requests that are being carried out may be finished, for a short
    /// time.
    pub async fn run(self, api: Api, stop: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(MOST));
        let (stopping, stopped) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut told: Option<Instant> = None;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(ended) = connections.join_next() => if let Err(error) = ended {
                    crate::watch::failed("a connection of the control socket", &error.to_string(), "it was closed");
                },
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let user = match self.judge(&stream) {
                            Ok(user) => user,
                            Err(failure) => {
                                if told.is_none_or(|told| told.elapsed() > TELL) {
                                    told = Some(Instant::now());
                                    tracing::warn!("control socket: {}", failure.message);
                                }
                                turn_away(stream, failure).await;
                                continue;
                            }
                        };
                        match slots.clone().try_acquire_owned() {
                            Ok(slot) => {
                                let (api, stopped) = (api.for_caller(Caller::socket(user)), stopped.clone());
                                connections.spawn(async move {
                                    connection::serve(stream, &api, stopped).await;
                                    drop(slot);
                                });
                            }
                            Err(_) => {
                                let text = format!("{MOST} are connected, and no more are taken");
                                turn_away(stream, Failure::new(Code::Unavailable, text)).await;
                            }
                        }
                    }
                    Err(error) => {
                        tracing::warn!("control socket: no connection could be taken: {error}");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        if place(&self.path).is_ok_and(|place| place == self.made) {
            // A socket file that is left harms nobody: the next start replaces it.
            let _ = remove(&self.path);
        }
        drop(stopping);
        let all = async { while connections.join_next().await.is_some() {} };
        let _ = timeout(FAREWELL, all).await;
    }

    /// The user who asks. The error says why that user may not.
    fn judge(&self, stream: &UnixStream) -> Result<u32, Failure> {
        let peer = stream.peer_cred().map(|peer| peer.uid());
        match peer {
            Ok(user) if admits(user, self.own) => Ok(user),
            Ok(user) => Err(Failure::new(
                Code::Refused,
                format!(
                    "user {user} may not ask; root and user {}, which the service runs as, may",
                    self.own
                ),
            )),
            Err(error) => Err(Failure::new(
                Code::Refused,
                format!("who asks is not known: {error}"),
            )),
        }
    }
}

/// Whether `user` may ask a service that runs as `own`.
fn admits(user: u32, own: u32) -> bool {
    user == 0 || user == own
}

/// Writes why, as far as the other side reads: a stranger must not hold up the door.
async fn turn_away(mut stream: UnixStream, failure: Failure) {
    let _ = timeout(GOODBYE, connection::tell(&mut stream, &Answer::refusal(failure))).await;
}

/// Removes a socket that nobody listens on.
async fn clear(path: &Path) -> Result<(), SocketError> {
    let taken = || SocketError::Taken {
        path: path.to_owned(),
    };
    if !std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        return Err(SocketError::Other {
            path: path.to_owned(),
        });
    }
    match timeout(PROBE, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        _ => return Err(taken()),
    }
    remove(path).map_err(|source| SocketError::System {
        what: "remove what a dead service left",
        path: path.to_owned(),
        source,
    })
}

fn place(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// The user that this process runs as, by the kernel.
fn own_user() -> io::Result<u32> {
    let (one, _other) = UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

#[expect(clippy::disallowed_methods, reason = "a socket, not the tape")]
fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}
