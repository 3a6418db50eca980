//! `[media]`: the media worker, which makes pictures.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::{LONGEST_SOCKET, Refused};

/// Where edgereel-media.socket listens.
const SOCKET: &str = "/run/edgereel-media/media.sock";

/// How the service reaches the media worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<PathBuf>,
}

impl MediaSettings {
    /// The socket at which the worker serves, if there is one.
    pub fn socket(&self) -> &Path {
        self.socket.as_deref().unwrap_or(Path::new(SOCKET))
    }

    /// The socket, where the configuration names it.
    pub fn named(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    pub(super) fn check(&self) -> Result<(), Refused> {
        let Some(socket) = &self.socket else { return Ok(()) };
        if socket.is_absolute() && socket.as_os_str().len() <= LONGEST_SOCKET {
            return Ok(());
        }
        let message = format!(
            "media.socket: a path from '/' on, of at most {LONGEST_SOCKET} bytes, as in \"{SOCKET}\""
        );
        Err(Refused::new("media.socket", message))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Some((Path::new("box.toml"), text)), [], "box").map_err(|error| error.to_string())
    }

    #[test]
    fn the_worker_is_where_its_unit_listens_unless_the_file_says_otherwise() {
        let config = parse("").unwrap();
        assert_eq!(config.media.socket(), Path::new(SOCKET));
        let unit = include_str!("../../systemd/edgereel-media.socket");
        assert!(unit.contains(&format!("\nListenStream={SOCKET}\n")));
        let config = parse("[media]\nsocket = \"/tmp/m\"").unwrap();
        assert_eq!(config.media.named(), Some(Path::new("/tmp/m")));
        assert!(config.to_toml().contains("[media]\nsocket = \"/tmp/m\"\n"));
        for wrong in [
            String::new(),
            "media.sock".to_owned(),
            format!("/{}", "m".repeat(LONGEST_SOCKET)),
        ] {
            let error = parse(&format!("[media]\nsocket = \"{wrong}\"")).unwrap_err();
            assert!(error.starts_with("box.toml:2: media.socket: a path"), "{error}");
        }
        assert!(
            parse(&format!(
                "[media]\nsocket = \"/{}\"",
                "m".repeat(LONGEST_SOCKET - 1)
            ))
            .is_ok()
        );
    }
}
