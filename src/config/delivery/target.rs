//! The destination of objects: a bucket, or a folder.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, Serializer};

use crate::config::secret::MASK;
use crate::config::{Secret, SecretSource};

/// A store of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `s3://bucket/prefix`
    S3(Box<S3Target>),
    /// `file:///path`
    Folder(PathBuf),
}

/// A bucket with the S3 protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Target {
    /// The name of the bucket.
    pub bucket: String,
    /// The beginning of every key: empty, or without `/` at its ends.
    pub prefix: String,
    /// The service: scheme, host, port, and the path in front of it, without a `/` at its end.
    pub endpoint: String,
    /// The service's region, which is part of every signature.
    pub region: String,
    /// Where the bucket's name stands in an address.
    pub style: UrlStyle,
    /// The credentials of the box.
    pub credentials: Credentials,
    /// How the store encrypts its objects, if requests are to name it.
    pub encryption: Option<Encryption>,
    /// The class of storage, if requests are to name it.
    pub storage_class: Option<String>,
    /// PEM of the authority of the service's certificate, where the system does not know it.
    pub ca_file: Option<PathBuf>,
    /// The proxy that requests go through. The environment's proxy is used only if the configuration says so.
    pub proxy: Option<HttpProxy>,
}

/// An HTTP proxy. Plain requests go to it, and encrypted ones through a tunnel (`CONNECT`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum HttpProxy {
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as other programs read them.
    Environment,
    /// The proxy at an address.
    At {
        /// `http://HOST:PORT`
        url: String,
        /// User and password for the proxy.
        login: Option<(String, Secret)>,
    },
}

/// Where the bucket's name stands in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UrlStyle {
    /// `https://host/bucket/key`
    Path,
    /// `https://bucket.host/key`
    Virtual,
}

/// Server-side encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// `x-amz-server-side-encryption: AES256`
    Aes256,
    /// `aws:kms`, with a key other than the bucket's own if there is one.
    Kms(Option<String>),
}

/// The source of an account's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// The keys are in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or else in a credentials file: the
    /// one named here, `AWS_SHARED_CREDENTIALS_FILE`, or `~/.aws/credentials`.
    Found {
        /// The credentials file.
        file: Option<PathBuf>,
        /// The profile in the file; by default `AWS_PROFILE`, or `default`.
        profile: Option<String>,
    },
    /// The configuration names the keys.
    Given {
        /// The id of the key. It is not secret.
        id: String,
        /// The source of the secret key.
        secret: SecretSource,
        /// A file with the token of a session. The token changes.
        token: Option<PathBuf>,
    },
}

impl Target {
    /// The address of the store, without anything secret.
    pub fn url(&self) -> String {
        match self {
            Target::S3(s3) if s3.prefix.is_empty() => format!("s3://{}", s3.bucket),
            Target::S3(s3) => format!("s3://{}/{}", s3.bucket, s3.prefix),
            Target::Folder(path) => format!("file://{}", url_path(&path.display().to_string())),
        }
    }

    /// The address of an object without a `public_url`.
    pub fn object_url(&self, key: &str) -> String {
        let key = url_path(key);
        match self {
            Target::S3(s3) => match (s3.style, s3.endpoint.split_once("://")) {
                (UrlStyle::Virtual, Some((scheme, host))) => format!("{scheme}://{}.{host}/{key}", s3.bucket),
                _ => format!("{}/{}/{key}", s3.endpoint, s3.bucket),
            },
            Target::Folder(_) => format!("{}/{key}", self.url()),
        }
    }

    /// The key with the prefix of all keys of the store.
    pub fn full_key(&self, key: &str) -> String {
        match self {
            Target::S3(s3) if !s3.prefix.is_empty() => format!("{}/{key}", s3.prefix),
            _ => key.to_owned(),
        }
    }
}

impl HttpProxy {
    /// The target without anything secret.
    pub fn shown(&self) -> String {
        match self {
            HttpProxy::Environment => "environment".to_owned(),
            HttpProxy::At { url, login: None } => url.clone(),
            HttpProxy::At {
                url,
                login: Some((user, _)),
            } => {
                let host = url.strip_prefix("http://").unwrap_or(url);
                format!("http://{}:{MASK}@{host}", url_path(user))
            }
        }
    }
}

impl Serialize for HttpProxy {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.shown())
    }
}

/// A path as part of an address (RFC 3986 §3.3). All but unreserved characters and `/` become `%XX`.
pub(super) fn url_path(text: &str) -> String {
    const PATH: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'/');
    utf8_percent_encode(text, PATH).to_string()
}
