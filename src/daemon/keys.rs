//! Reads the keys and certificates that the configuration points to.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::access::Authorizer;
use crate::access::viewer::{ViewerKeyError, Viewers};
use crate::config::{
    Advice, Callback, ChannelSettings, Config, MAX_SECRET, Mqtt, PushTo, ReviewSettings, Secret,
    SecretSource, Target, Tls,
};
use crate::doors::mqtt::LinkSettings;
use crate::doors::rtmp::Trust;
use crate::tls::Certificate;

/// The longest file with a chain of certificates or a private key, in bytes.
const MAX_PEM: usize = 256 << 10;

/// The authorizer of a configuration. It reads the key files of `[[publisher]]`.
pub(crate) fn authorizer(config: &Config) -> anyhow::Result<Authorizer> {
    // One or two line feeds behind the key do no harm.
    let read = |path: &Path| {
        let text = read(path, MAX_SECRET + 16)?;
        if Secret::from_file_text(&text).is_ok_and(|key| key.is_short()) {
            let of = format!("the file '{}' of a [[publisher]]", path.display());
            tracing::warn!("{}", Advice::ShortKey { of });
        }
        Ok(text)
    };
    Authorizer::new(&config.publishers, config.rtmp.allow_anonymous, read)
        .context("who may push is not known")
}

/// Who may watch, with the keys from their files.
pub(crate) fn viewers(config: &Config) -> Result<Viewers, ViewerKeyError> {
    Viewers::of(config, |path| read(path, MAX_SECRET + 16))
}

/// The certificate for RTMPS, if one is configured.
pub(crate) fn certificate(config: &Config) -> anyhow::Result<Option<Certificate>> {
    let tls = config.rtmp.tls.as_ref();
    tls.map(|tls| certificate_of("RTMPS", tls)).transpose()
}

/// The certificate for HTTPS, if one is configured.
pub(crate) fn https_certificate(config: &Config) -> anyhow::Result<Option<Certificate>> {
    let tls = config.http.tls.as_ref();
    tls.map(|tls| certificate_of("HTTPS", tls)).transpose()
}

/// The certificate of a door, read from its files.
fn certificate_of(door: &str, Tls { cert, key, .. }: &Tls) -> anyhow::Result<Certificate> {
    let pem = |what: &'static str, path: &Path| {
        let text = read(path, MAX_PEM).map_err(anyhow::Error::msg);
        text.with_context(|| format!("cannot read the {what} of {door} from '{}'", path.display()))
    };
    let (chain, private) = (pem("certificate", cert)?, pem("key", key)?);
    let certificate = Certificate::from_pem(chain.as_bytes(), private.as_bytes());
    certificate.with_context(|| {
        format!(
            "cannot take '{}' and '{}' for {door}",
            cert.display(),
            key.display()
        )
    })
}

/// The certificates, as PEM, that object storage is trusted by, beside those of the system.
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

/// How the broker is reached, for commands. The system's certificates are read at once.
pub(crate) fn broker_keys(mqtt: &Mqtt) -> anyhow::Result<LinkSettings> {
    link(mqtt, system_roots)
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Whom servers under TLS must prove themselves to that channels are sent to. None where channels are sent to no such server.
pub(super) fn push_trust(settings: &ChannelSettings) -> anyhow::Result<Option<Trust>> {
    if !settings.push_to.iter().any(PushTo::is_tls) {
        return Ok(None);
    }
    let mut roots = system_roots();
    if let Some(path) = &settings.ca_file {
        trust(&mut roots, "channel.ca_file", path)?;
    }
    Ok(Some(Trust::in_roots(roots)?))
}

/// Trusts the certificates of a file, too.
fn trust(roots: &mut RootCertStore, key: &str, path: &Path) -> anyhow::Result<()> {
    for certificate in chain(key, path)? {
        let added = roots.add(certificate);
        added.with_context(|| format!("{key} '{}'", path.display()))?;
    }
    Ok(())
}

fn pem(key: &str, path: &Path) -> anyhow::Result<String> {
    let text = read(path, MAX_PEM).map_err(anyhow::Error::msg);
    text.with_context(|| format!("cannot read {key} '{}'", path.display()))
}

fn chain(key: &str, path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let text = pem(key, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => anyhow::bail!("{key} '{}' has no certificates in it", path.display()),
    }
}

/// The key that signs a callback, if one is configured.
pub(crate) fn callback_key(callback: &Callback) -> anyhow::Result<Option<Vec<u8>>> {
    let key = callback.key().map(|key| secret("callback.key", &key));
    key.transpose()
        .with_context(|| format!("callback '{}'", callback.name()))
}

/// The key that signs questions to `review.hook`, if one is configured.
pub(crate) fn review_key(review: &ReviewSettings) -> anyhow::Result<Option<Vec<u8>>> {
    let key = review.key();
    key.map(|key| secret("review.key", &key)).transpose()
}

/// How the broker is reached. Reads the passwords, keys and certificates for it. `system` gives the certificates of the system.
pub(super) fn link(mqtt: &Mqtt, system: impl FnOnce() -> RootCertStore) -> anyhow::Result<LinkSettings> {
    let login = match &mqtt.user {
        Some(user) => {
            let password = mqtt.password();
            let password = password.map(|password| secret("mqtt.password", &password));
            let password = password.transpose()?.unwrap_or_default();
            Some((user.clone(), String::from_utf8_lossy(&password).into_owned()))
        }
        None => None,
    };
    let tls = if mqtt.url.tls {
        Some(Arc::new(tls(mqtt, system())?))
    } else {
        None
    };
    Ok(LinkSettings {
        version: mqtt.version,
        host: mqtt.url.host.clone(),
        port: mqtt.url.port,
        tls,
        client_id: mqtt.client_id.clone().unwrap_or_default(),
        login,
        keep_alive: mqtt.keep_alive.duration(),
        session_expiry: mqtt.session_expiry.duration(),
    })
}

fn tls(mqtt: &Mqtt, mut roots: RootCertStore) -> anyhow::Result<ClientConfig> {
    if let Some(path) = &mqtt.ca_file {
        trust(&mut roots, "mqtt.ca_file", path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let (Some(cert), Some(key)) = (&mqtt.cert_file, &mqtt.key_file) else {
        return Ok(config.with_no_client_auth());
    };
    let private = pem("mqtt.key_file", key)?;
    let private = PrivateKeyDer::from_pem_slice(private.as_bytes())
        .with_context(|| format!("mqtt.key_file '{}' has no private key in it", key.display()))?;
    config
        .with_client_auth_cert(chain("mqtt.cert_file", cert)?, private)
        .with_context(|| {
            format!(
                "cannot take '{}' and '{}' for MQTT",
                cert.display(),
                key.display()
            )
        })
}

/// The master keys of encrypted HLS, in their order.
pub(super) fn master_keys(config: &Config) -> anyhow::Result<Vec<Vec<u8>>> {
    let sources = config.encryption.master_keys();
    let key = |source: &SecretSource| {
        let bytes = secret("encryption.master_key", source)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let strong = Secret::try_from(text).and_then(Secret::strong);
        let strong = strong.with_context(|| match source.file() {
            Some(path) => format!("encryption.master_key_file '{}'", path.display()),
            None => "encryption.master_key".to_owned(),
        })?;
        Ok(strong.expose().to_vec())
    };
    sources.iter().map(key).collect()
}

/// The bytes of a secret, which stands in the configuration or in a file.
pub(super) fn secret(key: &str, source: &SecretSource) -> anyhow::Result<Vec<u8>> {
    match source {
        SecretSource::Given(secret) => Ok(secret.expose().to_vec()),
        SecretSource::File(path) => {
            let text = read(path, MAX_SECRET + 16).map_err(anyhow::Error::msg);
            let text = text.with_context(|| format!("cannot read {key}_file '{}'", path.display()))?;
            let secret = Secret::from_file_text(&text);
            let secret = secret.with_context(|| format!("{key}_file '{}'", path.display()))?;
            Ok(secret.expose().to_vec())
        }
    }
}

/// The prefix that systemd puts before the name of each file in `/etc/edgereel/credentials`: systemd/edgereel.service loads the
/// folder under this id.
const FOLDER: &str = "edgereel_";

/// Reads a file of at most `most` bytes. A path that is not absolute is a systemd credential.
pub(super) fn read(path: &Path, most: usize) -> Result<String, String> {
    let said = |error: std::io::Error| error.to_string();
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let path = match (path.is_absolute(), credentials) {
        (true, _) => path.to_owned(),
        (false, Some(folder)) => credential(&folder, path),
        (false, None) => {
            return Err("the path is not absolute, and there is no $CREDENTIALS_DIRECTORY".to_owned());
        }
    };
    let about = std::fs::metadata(&path).map_err(said)?;
    if about.is_file() && about.len() <= most as u64 {
        std::fs::read_to_string(path).map_err(said)
    } else {
        Err(format!("it is no file of at most {most} bytes"))
    }
}

/// The path of the credential with this name, or of the file with this name in the credentials folder.
fn credential(folder: &Path, name: &Path) -> PathBuf {
    let mut of_folder = OsString::from(FOLDER);
    of_folder.push(name);
    let (own, of_folder) = (folder.join(name), folder.join(of_folder));
    if !own.exists() && of_folder.exists() {
        of_folder
    } else {
        own
    }
}
