//! RTMPS from the publishing side: which servers it trusts, and what it says about the others.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};

use super::RtmpUrl;

/// The authorities whose certificates a publisher trusts.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts these authorities, and no others.
    pub fn in_roots(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn connection(&self, url: &RtmpUrl) -> Result<ClientConnection, String> {
        let name = ServerName::try_from(url.host.clone())
            .map_err(|_| format!("'{}' is not a name that a certificate can have", url.host))?;
        ClientConnection::new(Arc::clone(&self.0), name).map_err(|error| words(&error, url))
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

/// The words that say why there is no connection, and what helps.
pub(super) fn words(error: &rustls::Error, url: &RtmpUrl) -> String {
    let host = &url.host;
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => format!(
                "the certificate of {host} is from nobody that this machine trusts; a file with its authority, or with \
                 itself if it is its own, can be trusted beside (--ca-file FILE; of a channel, channel.ca_file)"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("{host} has a certificate for another name: {why}")
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                format!(
                    "the certificate of {host} does not hold now: {why}; is the clock of this machine right?"
                )
            }
            _ => format!("the certificate of {host} cannot be taken: {why}"),
        },
        rustls::Error::InvalidMessage(_) => no_tls(url),
        other => other.to_string(),
    }
}

pub(super) fn no_tls(url: &RtmpUrl) -> String {
    format!(
        "{} does not answer with TLS; is it rtmp:// in place of rtmps://, or another port?",
        url.authority()
    )
}
