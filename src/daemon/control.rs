//! The control socket while the service runs.

use std::path::{Path, PathBuf};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::config::Config;
use crate::socket::{ControlSocket, SocketError};

/// Serves until it is stopped.
pub(super) struct Control {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Control {
    /// Opens the door. A box whose storage takes no sockets, or has no room for one, records all the same: that is logged.
    /// Only where another service answers nothing is started.
    pub(super) async fn start(config: &Config, api: Api) -> Result<Option<Self>, SocketError> {
        let path = config.control_socket(runtime_directory().as_deref());
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

    /// Closes it; what is being carried out may be finished.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// The first directory that systemd made for this service.
pub fn runtime_directory() -> Option<PathBuf> {
    let directories = std::env::var_os("RUNTIME_DIRECTORY")?;
    let text = directories.to_string_lossy();
    let first = text.split(':').next().filter(|first| !first.is_empty())?;
    Some(Path::new(first).to_owned())
}
