//! The certificate that a door under TLS proves itself with.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use tokio_rustls::TlsAcceptor;

/// The longest chain of certificates, with the server's own.
const MAX_CHAIN: usize = 8;

/// The protocols that HTTPS offers (ALPN, RFC 7301), the best first.
const HTTP: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A server's certificate with its chain and private key.
#[derive(Clone)]
pub struct Certificate {
    rtmp: Arc<ServerConfig>,
    http: Arc<ServerConfig>,
}

/// Why a certificate cannot be used. It never holds any of the key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file is not PEM, or lacks what it should hold.
    #[error("{0}")]
    Pem(&'static str),
    /// rustls does not take it: an unknown kind of key, or one of another certificate.
    #[error("the certificate and its key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The certificate in force, if there is one. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Identity(Arc<Mutex<Option<Certificate>>>);

impl Certificate {
    /// Reads PEM (RFC 7468): the chain, with the server's own certificate first, and the private key (PKCS #8, PKCS #1 or
    /// SEC 1).
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let unreadable = |_| CertificateError::Pem("the file of the certificate is not PEM");
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .take(MAX_CHAIN + 1)
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        if chain.is_empty() || chain.len() > MAX_CHAIN {
            return Err(CertificateError::Pem(
                "the file of the certificate has none, or more than eight",
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| CertificateError::Pem("the file of the key has no private key in PEM"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let mut http = config.clone();
        http.alpn_protocols = HTTP.map(<[u8]>::to_vec).into();
        Ok(Self {
            rtmp: Arc::new(config),
            http: Arc::new(http),
        })
    }

    /// The server's side of one connection of RTMPS.
    pub(crate) fn connection(&self) -> Result<ServerConnection, rustls::Error> {
        ServerConnection::new(Arc::clone(&self.rtmp))
    }

    /// What makes connections of HTTPS.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.http))
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate")
    }
}

impl Identity {
    /// Sets the certificate that new connections are shown. Connections that exist keep theirs.
    pub fn set(&self, certificate: Certificate) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(certificate);
    }

    /// The certificate in force.
    pub fn certificate(&self) -> Option<Certificate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_cannot_be_used_are_refused() {
        let (one, other) = (
            rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap(),
            rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap(),
        );
        let (chain, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        for (chain, key) in [
            ("", key.as_str()),
            ("no PEM at all", &key),
            (&key, &key),
            (&chain, ""),
            (&chain, &chain),
            (&chain, &other.signing_key.serialize_pem()),
            (&chain.repeat(9), &key),
            (&chain.replace("MII", "!!!"), &key),
        ] {
            assert!(Certificate::from_pem(chain.as_bytes(), key.as_bytes()).is_err());
        }
        Certificate::from_pem(chain.repeat(2).as_bytes(), key.as_bytes()).unwrap();
    }
}
