//! The gate of a configuration: reads the keys that lie in files.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::access::Gate;
use crate::config::{Config, MAX_SECRET};

/// Reads what `[[publisher]]` points to. A path that is not absolute is a systemd credential.
pub(crate) fn gate(config: &Config) -> anyhow::Result<Gate> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let read = |path: &Path| match (path.is_absolute(), &credentials) {
        (true, _) => read(path),
        (false, Some(folder)) => read(&folder.join(path)),
        (false, None) => Err("the path is not absolute, and there is no $CREDENTIALS_DIRECTORY".to_owned()),
    };
    Gate::new(&config.publishers, config.rtmp.allow_anonymous, read).context("who may push is not known")
}

fn read(path: &Path) -> Result<String, String> {
    let said = |error: std::io::Error| error.to_string();
    let about = std::fs::metadata(path).map_err(said)?;
    // A line feed or two behind the key are no harm.
    match about.is_file() && about.len() <= MAX_SECRET as u64 + 16 {
        true => std::fs::read_to_string(path).map_err(said),
        false => Err(format!("it is no file of at most {MAX_SECRET} bytes")),
    }
}
