//! Where objects are: a bucket, or a folder.

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

/// A bucket that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Target {
    /// Its name.
    pub bucket: String,
    /// What every key begins with: empty, or without `/` at its ends.
    pub prefix: String,
    /// The service: scheme, host, port, and the path that it is behind, without a `/` at its end.
    pub endpoint: String,
    /// The service's region, which is part of every signature.
    pub region: String,
    /// Where the bucket's name stands in an address.
    pub style: UrlStyle,
    /// Who asks.
    pub credentials: Credentials,
    /// How the store encrypts what it holds, if it is to be said.
    pub encryption: Option<Encryption>,
    /// The class of storage, if it is to be said.
    pub storage_class: Option<String>,
    /// PEM of the authority that the service's certificate is from, where the system does not know it.
    pub ca_file: Option<PathBuf>,
    /// The proxy that requests go through; none of the environment unless that is said.
    pub proxy: Option<HttpProxy>,
}

/// A proxy of HTTP: plain requests go to it, and encrypted ones through a tunnel (`CONNECT`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum HttpProxy {
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as other programs read them.
    Environment,
    /// This one.
    At {
        /// `http://HOST:PORT`
        url: String,
        /// Who asks it.
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

/// Where the keys of an account are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or else a credentials file: that named here,
    /// `AWS_SHARED_CREDENTIALS_FILE`, or `~/.aws/credentials`.
    Found {
        /// The credentials file.
        file: Option<PathBuf>,
        /// The profile in it; `AWS_PROFILE`, or `default`.
        profile: Option<String>,
    },
    /// Named in the configuration.
    Given {
        /// Not a secret.
        id: String,
        /// The secret.
        secret: SecretSource,
        /// The token of a session, in a file: it changes.
        token: Option<PathBuf>,
    },
}

impl Target {
    /// Its address, without anything secret.
    pub fn url(&self) -> String {
        match self {
            Target::S3(s3) if s3.prefix.is_empty() => format!("s3://{}", s3.bucket),
            Target::S3(s3) => format!("s3://{}/{}", s3.bucket, s3.prefix),
            Target::Folder(path) => format!("file://{}", url_path(&path.display().to_string())),
        }
    }

    /// The address of an object that nobody said another of.
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

    /// The key with what all keys of the store begin with.
    pub fn full_key(&self, key: &str) -> String {
        match self {
            Target::S3(s3) if !s3.prefix.is_empty() => format!("{}/{key}", s3.prefix),
            _ => key.to_owned(),
        }
    }
}

impl HttpProxy {
    /// Without anything secret.
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

/// A path as part of an address (RFC 3986 §3.3): all but unreserved characters and `/` become `%XX`.
pub(super) fn url_path(text: &str) -> String {
    const PATH: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'/');
    utf8_percent_encode(text, PATH).to_string()
}
