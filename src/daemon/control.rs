//! The control socket while the service runs.

use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::config::Config;
use crate::doors::socket::{ControlSocket, SocketError};

/// The task that serves the control socket until it is stopped.
pub(super) struct Control {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Control {
    /// Opens the control socket. A box whose storage takes no sockets, or has no space for one, records all the same, and logs
    /// an error. Only where another service answers on the socket, nothing is started.
    pub(super) async fn start(config: &Config, api: Api) -> Result<Option<Self>, SocketError> {
        let configured = config.control.socket.clone();
        let path = configured.unwrap_or_else(|| default_socket(&config.storage.dir));
        if let Err(error) = prepare(&path) {
            let directory = path.parent().unwrap_or(&path).display();
            tracing::error!("no control socket, so no commands: {directory}: {error}");
            return Ok(None);
        }
        let socket = match ControlSocket::bind(&path).await {
            Ok(socket) => socket,
            Err(error @ SocketError::Taken { .. }) => return Err(error),
            Err(error) => {
                tracing::error!(
                    "no control socket, so no commands; everything is recorded as configured: {error}"
                );
                return Ok(None);
            }
        };
        tracing::info!("control socket at {}", path.display());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::task::spawn(socket.run(api, async {
            let _ = stopped.await;
        }));
        Ok(Some(Self { task, stop }))
    }

    /// Resolves when the task has ended by itself, which it never should. The text says how it ended.
    pub(super) async fn ended(&mut self) -> String {
        match (&mut self.task).await {
            Ok(()) => "the control socket ended by itself".to_owned(),
            Err(error) => format!("the control socket failed: {error}"),
        }
    }

    /// Closes the socket. Requests that are being carried out may be finished.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        if !self.task.is_finished() {
            let _ = self.task.await;
        }
    }
}

/// The path of the socket where none is configured. It is in the directory that systemd made for the service, else in a
/// directory of this user, under a name made of the storage directory's. It is never in the storage directory itself: a socket
/// there would keep a card from being unmounted.
pub fn default_socket(store: &Path) -> PathBuf {
    match runtime_directory() {
        Some(made) => made.join(NAME),
        None => {
            let store = std::path::absolute(store).unwrap_or_else(|_| store.to_owned());
            let name = crc32c::crc32c(store.as_os_str().as_encoded_bytes());
            own_directory().join(format!("{name:08x}.sock"))
        }
    }
}

/// The socket's name in the directory that systemd made.
pub(crate) const NAME: &str = "control.sock";

fn own_directory() -> PathBuf {
    let base = std::env::var_os("XDG_RUNTIME_DIR").filter(|base| !base.is_empty());
    let base = base.map_or_else(std::env::temp_dir, PathBuf::from);
    base.join(format!("edgereel-{}", nix::unistd::geteuid()))
}

/// Makes this user's directory if the socket belongs there. The error says that the directory is somebody else's, or open to
/// others.
fn prepare(socket: &Path) -> std::io::Result<()> {
    let Some(directory) = socket.parent().filter(|parent| *parent == own_directory()) else {
        return Ok(());
    };
    match std::fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(directory)?;
    let ours = found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() && found.mode() & 0o077 == 0;
    if ours {
        Ok(())
    } else {
        Err(std::io::Error::other(
            "it is not this user's alone; set control.socket to another path",
        ))
    }
}

/// The first directory that systemd made for this service.
fn runtime_directory() -> Option<PathBuf> {
    let directories = std::env::var_os("RUNTIME_DIRECTORY")?;
    let text = directories.to_string_lossy();
    let first = text.split(':').next().filter(|first| !first.is_empty())?;
    Some(Path::new(first).to_owned())
}
