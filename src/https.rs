//! Clients that ask other services over HTTP and HTTPS.
//!
//! What the configuration names is asked, and nobody else: no proxy from the environment, no redirect is followed.

use std::error::Error;
use std::sync::Arc;

use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};

/// A client that trusts these.
pub(crate) fn client(roots: RootCertStore) -> Result<reqwest::ClientBuilder, rustls::Error> {
    Ok(client_with(trusting(roots)?))
}

/// What encrypts, and trusts these; clones share what is trusted.
pub(crate) fn trusting(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// A client that encrypts with this.
pub(crate) fn client_with(tls: ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("edgereel/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
}

/// What the system trusts, read off the network's thread; empty where it trusts nothing.
pub(crate) async fn trusted() -> RootCertStore {
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let mut roots = RootCertStore::empty();
    if let Ok(found) = found {
        roots.add_parsable_certificates(found.certs);
    }
    roots
}

/// An error with all that it is about.
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
