//! Resolves the section: combines keys that belong together, and refuses impossible values.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, de};

use super::{Credentials, Delivery, Encryption, HttpProxy, OnBlock, S3Target, Target, UrlStyle};
use crate::config::file::{Refused, in_range, refuse};
use crate::config::{Secret, SecretSource, Span, Weekly, Zone};

/// The region for services that have none.
const REGION: &str = "us-east-1";

impl Delivery {
    /// Resolves the section. Without `url` nothing is delivered.
    pub(in crate::config) fn resolve(mut self) -> Result<Option<Self>, Refused> {
        let Some(url) = &self.url else {
            return if self == Self::default() {
                Ok(None)
            } else {
                refuse(
                    "sync.url",
                    "sync.url is missing: where to, as in \"s3://bucket/prefix\" or \"file:///media\"",
                )
            };
        };
        self.target = self.target(url)?;
        if self.on_block == OnBlock::Tag && matches!(self.target, Target::Folder(_)) {
            return refuse(
                "sync.on_block",
                "sync.on_block: files of a folder have no tags; \"delete\" removes what is blocked, \"keep\" leaves it there",
            );
        }
        self.window = window(self.hours.clone(), self.time_zone.clone())?;
        in_range("sync.transfers", self.transfers, 1, 16)?;
        let day = Span::from_secs(86_400);
        in_range("sync.clock_wait", self.clock_wait, Span::from_secs(0), day)?;
        let hour = Span::from_secs(3_600);
        in_range("sync.timeout", self.timeout, Span::from_secs(1), hour)?;
        Ok(Some(self.whole()))
    }

    /// The section with all keys that may be left out, as it is shown.
    fn whole(mut self) -> Self {
        self.url = Some(self.target.url());
        if let Target::S3(s3) = &self.target {
            self.endpoint = Some(s3.endpoint.clone());
            self.region = Some(s3.region.clone());
            self.style = Some(s3.style);
        }
        if let Some(window) = &self.window {
            self.hours = Some(window.hours());
            self.time_zone = Some(window.zone().clone());
        }
        self
    }

    fn target(&self, url: &str) -> Result<Target, Refused> {
        if let Some(path) = url.strip_prefix("file://") {
            let path = unescaped(path).filter(|path| path.starts_with('/') && path.len() <= 1_024);
            return match path {
                Some(path) => Ok(Target::Folder(PathBuf::from(path))),
                None => refuse(
                    "sync.url",
                    "sync.url: a folder is named by its whole path, as in \"file:///media/usb\"",
                ),
            };
        }
        let Some(rest) = url.strip_prefix("s3://") else {
            return refuse(
                "sync.url",
                "sync.url: expected \"s3://bucket/prefix\" or \"file:///path\"; COS, OSS, MinIO and others are \
                 s3:// with an endpoint",
            );
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let fits = |text: &str, more: &[char]| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c) || more.contains(&c))
        };
        let safe = |part: &str| !matches!(part, "" | "." | "..");
        if !(1..=255).contains(&bucket.len()) || !fits(bucket, &[]) || !safe(bucket) {
            return refuse(
                "sync.url",
                "sync.url: a bucket has 1 to 255 letters, digits, '-', '.' or '_'",
            );
        }
        if prefix.len() > 100
            || !fits(prefix, &['/', '='])
            || !(prefix.is_empty() || prefix.split('/').all(safe))
        {
            return refuse(
                "sync.url",
                "sync.url: a prefix has up to 100 letters, digits, '-', '.', '_', '=' and '/'",
            );
        }
        let region = self.region.clone().unwrap_or_else(|| REGION.to_owned());
        if region.is_empty() || region.len() > 64 || !fits(&region, &[]) {
            return refuse(
                "sync.region",
                "sync.region: letters, digits and '-', as in \"eu-central-1\"",
            );
        }
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint_of(endpoint)?,
            None => format!("https://s3.{region}.amazonaws.com"),
        };
        // A private service seldom has a host name for every bucket. Cloud services have one, and some require it.
        let own = self.endpoint.is_some() && (is_local(&endpoint) || is_behind_path(&endpoint));
        let style = self
            .style
            .unwrap_or(if own { UrlStyle::Path } else { UrlStyle::Virtual });
        Ok(Target::S3(Box::new(S3Target {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint,
            region,
            style,
            credentials: self.credentials()?,
            encryption: self.encryption()?,
            storage_class: word("sync.storage_class", self.storage_class.as_ref())?,
            ca_file: self.ca_file.clone(),
            proxy: self.proxy.clone(),
        })))
    }

    fn credentials(&self) -> Result<Credentials, Refused> {
        let secret = SecretSource::one_of(
            "sync.secret_access_key",
            self.secret_access_key.as_ref(),
            self.secret_access_key_file.as_ref(),
        )?;
        match (word("sync.access_key_id", self.access_key_id.as_ref())?, secret) {
            (Some(id), Some(secret)) => Ok(Credentials::Given {
                id,
                secret,
                token: self.session_token_file.clone(),
            }),
            (None, None) => Ok(Credentials::Found {
                file: self.credentials_file.clone(),
                profile: self.profile.clone(),
            }),
            _ => refuse(
                "sync.access_key_id",
                "sync.access_key_id goes with sync.secret_access_key or sync.secret_access_key_file",
            ),
        }
    }

    fn encryption(&self) -> Result<Option<Encryption>, Refused> {
        let key = word("sync.encryption_key", self.encryption_key.as_ref())?;
        match (self.encryption.as_deref(), key) {
            (None, None) => Ok(None),
            (Some("AES256"), None) => Ok(Some(Encryption::Aes256)),
            (Some("aws:kms"), key) => Ok(Some(Encryption::Kms(key))),
            _ => refuse(
                "sync.encryption",
                "sync.encryption: \"AES256\", or \"aws:kms\" with or without encryption_key",
            ),
        }
    }
}

/// Reads a secret. The message about a wrong one names its key and does not repeat the value.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    let refuse = |why: &str| de::Error::custom(format!("sync.secret_access_key: {why}"));
    let text = String::deserialize(from).map_err(|_| refuse("expected a text in quotes"))?;
    Secret::try_from(text)
        .map(Some)
        .map_err(|error| refuse(&error.to_string()))
}

fn window(hours: Option<Vec<String>>, zone: Option<Zone>) -> Result<Option<Weekly>, Refused> {
    let Some(hours) = hours else { return Ok(None) };
    // Hours without days mean every day.
    let hours: Vec<String> = hours
        .into_iter()
        .map(|text| {
            if text.starts_with(|c: char| c.is_ascii_digit()) {
                format!("daily {text}")
            } else {
                text
            }
        })
        .collect();
    match Weekly::parse(&hours, zone.unwrap_or_default()) {
        Ok(window) => Ok(Some(window)),
        Err(error) => refuse("sync.window", &format!("sync.window: {error}")),
    }
}

/// Scheme, host and port, and the path in front of the service.
fn endpoint_of(text: &str) -> Result<String, Refused> {
    let text = text.trim_end_matches('/');
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let (host, path) = rest.map_or(("", None), |rest| match rest.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (rest, None),
    });
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(fits);
    let path_fits = path.is_none_or(|path| path.len() <= 255 && path.split('/').all(part));
    if is_host(host) && path_fits {
        Ok(text.to_owned())
    } else {
        refuse(
            "sync.endpoint",
            "sync.endpoint: scheme and host, as in \"https://cos.ap-shanghai.myqcloud.com\" or \"http://127.0.0.1:9000\", with \
         the path that the service is behind, if there is one, as in \"https://PROJECT.supabase.co/storage/v1/s3\"",
        )
    }
}

fn is_host(host: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.:[]_".contains(c);
    (1..=255).contains(&host.len()) && host.chars().all(fits)
}

impl TryFrom<String> for HttpProxy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const EXPECTED: &str =
            "sync.proxy: \"http://HOST:PORT\", \"http://USER:PASSWORD@HOST:PORT\", or \"environment\"";
        if text == "environment" {
            return Ok(HttpProxy::Environment);
        }
        let rest = text.strip_prefix("http://").ok_or(EXPECTED)?;
        let rest = rest.trim_end_matches('/');
        let (login, host) = match rest.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, rest),
        };
        if !is_host(host) {
            return Err(EXPECTED.to_owned());
        }
        let login = match login
            .map(|login| login.split_once(':').ok_or(EXPECTED))
            .transpose()?
        {
            None => None,
            Some((user, password)) => {
                let user = unescaped(user).filter(|user| (1..=255).contains(&user.len()));
                let password = unescaped(password).ok_or(EXPECTED)?;
                let password = Secret::try_from(password);
                let password = password.map_err(|error| format!("sync.proxy: the password: {error}"))?;
                Some((user.ok_or(EXPECTED)?, password))
            }
        };
        Ok(HttpProxy::At {
            url: format!("http://{host}"),
            login,
        })
    }
}

fn is_behind_path(endpoint: &str) -> bool {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    rest.contains('/')
}

/// True for addresses, one-word names and such: no bucket has a host name of its own under these.
fn is_local(endpoint: &str) -> bool {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    host.starts_with('[') || !name.contains('.') || name.parse::<std::net::IpAddr>().is_ok()
}

fn word(key: &'static str, text: Option<&String>) -> Result<Option<String>, Refused> {
    match text {
        Some(text) if text.is_empty() || text.len() > 512 || !text.chars().all(|c| c.is_ascii_graphic()) => {
            refuse(key, &format!("{key}: 1 to 512 characters without blanks"))
        }
        other => Ok(other.cloned()),
    }
}

/// The path of a URL with its `%XX` decoded.
fn unescaped(path: &str) -> Option<String> {
    let whole = |code: &str| code.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    // The decoder leaves a `%` without two digits as it is. Here it is a mistake.
    if !path.split('%').skip(1).all(whole) {
        return None;
    }
    let path = percent_decode_str(path).decode_utf8().ok()?;
    (!path.contains('\0')).then(|| path.into_owned())
}
