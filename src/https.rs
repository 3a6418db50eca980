//! Clients that ask other services over HTTP and HTTPS.
//!
//! The clients ask only the addresses that the configuration names. They use no proxy from the environment and follow no
//! redirect.

use std::error::Error;
use std::sync::Arc;

use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};

/// A client that trusts these certificates.
pub(crate) fn client(roots: RootCertStore) -> Result<reqwest::ClientBuilder, rustls::Error> {
    Ok(client_with(trusting(roots)?))
}

/// A TLS configuration that trusts these certificates. Clones share them.
pub(crate) fn trusting(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// A client with this TLS configuration.
pub(crate) fn client_with(tls: ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("edgereel/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
}

/// The certificates that the system trusts, read off the network's thread. Empty where the system trusts none.
pub(crate) async fn trusted() -> RootCertStore {
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let mut roots = RootCertStore::empty();
    if let Ok(found) = found {
        roots.add_parsable_certificates(found.certs);
    }
    roots
}

/// The text of an error and of all its causes.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
