//! Keys and certificates that the configuration points to: where they are, and reading them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::access::Gate;
use crate::config::{Config, MAX_SECRET, Target, Tls};
use crate::ingest::Certificate;

/// Longest file with a chain of certificates or a private key.
const MAX_PEM: usize = 256 << 10;

/// The gate of a configuration. Reads what `[[publisher]]` points to.
pub(crate) fn gate(config: &Config) -> anyhow::Result<Gate> {
    // A line feed or two behind the key are no harm.
    let read = |path: &Path| read(path, MAX_SECRET + 16);
    Gate::new(&config.publishers, config.rtmp.allow_anonymous, read).context("who may push is not known")
}

/// The certificate for RTMPS, if that is configured.
pub(crate) fn certificate(config: &Config) -> anyhow::Result<Option<Certificate>> {
    let Some(Tls { cert, key, .. }) = &config.rtmp.tls else {
        return Ok(None);
    };
    let pem = |what: &'static str, path: &Path| {
        let text = read(path, MAX_PEM).map_err(anyhow::Error::msg);
        text.with_context(|| format!("cannot read the {what} of RTMPS from '{}'", path.display()))
    };
    let (chain, private) = (pem("certificate", cert)?, pem("key", key)?);
    let certificate = Certificate::from_pem(chain.as_bytes(), private.as_bytes());
    let shown = || {
        format!(
            "cannot take '{}' and '{}' for RTMPS",
            cert.display(),
            key.display()
        )
    };
    certificate.map(Some).with_context(shown)
}

/// The certificates that the store of objects is to be trusted by, beside those of the system.
pub(crate) fn authority(config: &Config) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(Target::S3(s3)) = config.sync.as_ref().map(|sync| &sync.target) else {
        return Ok(None);
    };
    let Some(path) = &s3.ca_file else {
        return Ok(None);
    };
    let text = read(path, MAX_PEM).map_err(anyhow::Error::msg);
    let text = text.with_context(|| format!("cannot read sync.ca_file '{}'", path.display()))?;
    Ok(Some(text.into_bytes()))
}

/// Reads a file of at most `most` bytes. A path that is not absolute is a systemd credential.
pub(super) fn read(path: &Path, most: usize) -> Result<String, String> {
    let said = |error: std::io::Error| error.to_string();
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let path = match (path.is_absolute(), credentials) {
        (true, _) => path.to_owned(),
        (false, Some(folder)) => folder.join(path),
        (false, None) => {
            return Err("the path is not absolute, and there is no $CREDENTIALS_DIRECTORY".to_owned());
        }
    };
    let about = std::fs::metadata(&path).map_err(said)?;
    match about.is_file() && about.len() <= most as u64 {
        true => std::fs::read_to_string(path).map_err(said),
        false => Err(format!("it is no file of at most {most} bytes")),
    }
}
