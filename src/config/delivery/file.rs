//! The section as it is written.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::{
    Credentials, DeliverOrder, DeliverWhen, Delivery, Encryption, HttpProxy, Lifecycle, PublicUrl, S3Target,
    Target, UrlStyle,
};
use crate::config::file::{Refused, in_range};
use crate::config::{ByteRate, Secret, SecretSource, Span, Weekly, Zone};

/// The region of services that have none.
const REGION: &str = "us-east-1";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct DeliveryFile {
    url: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    style: Option<UrlStyle>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    secret_access_key_file: Option<PathBuf>,
    session_token_file: Option<PathBuf>,
    credentials_file: Option<PathBuf>,
    profile: Option<String>,
    encryption: Option<String>,
    encryption_key: Option<String>,
    storage_class: Option<String>,
    ca_file: Option<PathBuf>,
    proxy: Option<String>,
    when: Option<DeliverWhen>,
    order: Option<DeliverOrder>,
    transfers: Option<usize>,
    max_rate: Option<ByteRate>,
    window: Option<Vec<String>>,
    time_zone: Option<Zone>,
    public_url: Option<PublicUrl>,
    clock_wait: Option<Span>,
    timeout: Option<Span>,
    read_back: Option<bool>,
    lifecycle: Option<Lifecycle>,
}

impl DeliveryFile {
    /// Nothing is delivered where there is no `url`.
    pub(in crate::config) fn resolve(self) -> Result<Option<Delivery>, Refused> {
        let Some(url) = self.url.clone() else {
            return match self.says_anything() {
                true => refuse(
                    "sync.url",
                    "sync.url is missing: where to, as in \"s3://bucket/prefix\" or \"file:///media\"",
                ),
                false => Ok(None),
            };
        };
        let delivery = Delivery {
            target: self.target(&url)?,
            when: self.when.unwrap_or_default(),
            order: self.order.unwrap_or_default(),
            transfers: self.transfers.unwrap_or(2),
            max_rate: self.max_rate,
            window: window(self.window, self.time_zone)?,
            public_url: self.public_url,
            clock_wait: self.clock_wait.unwrap_or(Span::from_secs(600)),
            timeout: self.timeout.unwrap_or(Span::from_secs(60)),
            read_back: self.read_back.unwrap_or(false),
            lifecycle: self.lifecycle.unwrap_or_default(),
        };
        in_range("sync.transfers", delivery.transfers, 1, 16)?;
        let day = Span::from_secs(86_400);
        in_range("sync.clock_wait", delivery.clock_wait, Span::from_secs(0), day)?;
        let hour = Span::from_secs(3_600);
        in_range("sync.timeout", delivery.timeout, Span::from_secs(1), hour)?;
        Ok(Some(delivery))
    }

    fn says_anything(&self) -> bool {
        self.endpoint.is_some()
            || self.access_key_id.is_some()
            || self.proxy.is_some()
            || self.when.is_some()
            || self.max_rate.is_some()
            || self.window.is_some()
            || self.public_url.is_some()
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
        // A service of one's own seldom has a name for every bucket; those of the clouds do, and some want it.
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
            proxy: self.proxy.as_deref().map(proxy_of).transpose()?,
        })))
    }

    fn credentials(&self) -> Result<Credentials, Refused> {
        let secret = match (&self.secret_access_key, &self.secret_access_key_file) {
            (None, None) => None,
            (Some(text), None) => match Secret::try_from(text.clone()) {
                Ok(secret) => Some(SecretSource::Given(secret)),
                Err(error) => {
                    return refuse(
                        "sync.secret_access_key",
                        &format!("sync.secret_access_key: {error}"),
                    );
                }
            },
            (None, Some(path)) => Some(SecretSource::File(path.clone())),
            (Some(_), Some(_)) => {
                return refuse(
                    "sync.secret_access_key",
                    "sync.secret_access_key and sync.secret_access_key_file: one of them",
                );
            }
        };
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

fn window(hours: Option<Vec<String>>, zone: Option<Zone>) -> Result<Option<Weekly>, Refused> {
    let Some(hours) = hours else { return Ok(None) };
    // Hours without days are those of every day.
    let hours: Vec<String> = hours
        .into_iter()
        .map(|text| match text.starts_with(|c: char| c.is_ascii_digit()) {
            true => format!("daily {text}"),
            false => text,
        })
        .collect();
    match Weekly::parse(&hours, zone.unwrap_or_default()) {
        Ok(window) => Ok(Some(window)),
        Err(error) => refuse("sync.window", &format!("sync.window: {error}")),
    }
}

/// Scheme, host and port, and the path that the service is behind.
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
    match is_host(host) && path_fits {
        true => Ok(text.to_owned()),
        false => refuse(
            "sync.endpoint",
            "sync.endpoint: scheme and host, as in \"https://cos.ap-shanghai.myqcloud.com\" or \"http://127.0.0.1:9000\", with \
             the path that the service is behind, if there is one, as in \"https://PROJECT.supabase.co/storage/v1/s3\"",
        ),
    }
}

fn is_host(host: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.:[]_".contains(c);
    (1..=255).contains(&host.len()) && host.chars().all(fits)
}

fn proxy_of(text: &str) -> Result<HttpProxy, Refused> {
    const EXPECTED: &str =
        "sync.proxy: \"http://HOST:PORT\", \"http://USER:PASSWORD@HOST:PORT\", or \"environment\"";
    if text == "environment" {
        return Ok(HttpProxy::Environment);
    }
    let Some(rest) = text.strip_prefix("http://") else {
        return refuse("sync.proxy", EXPECTED);
    };
    let rest = rest.trim_end_matches('/');
    let (login, host) = match rest.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, rest),
    };
    if !is_host(host) {
        return refuse("sync.proxy", EXPECTED);
    }
    let login = match login {
        None => None,
        Some(login) => {
            let parts = login.split_once(':');
            let Some((user, password)) =
                parts.and_then(|(user, word)| Some((unescaped(user)?, unescaped(word)?)))
            else {
                return refuse("sync.proxy", EXPECTED);
            };
            match Secret::try_from(password) {
                Ok(password) if !user.is_empty() && user.len() <= 255 => Some((user, password)),
                Ok(_) => return refuse("sync.proxy", EXPECTED),
                Err(error) => return refuse("sync.proxy", &format!("sync.proxy: the password: {error}")),
            }
        }
    };
    Ok(HttpProxy::At {
        url: format!("http://{host}"),
        login,
    })
}

fn is_behind_path(endpoint: &str) -> bool {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    rest.contains('/')
}

/// True for addresses, one-word names and such: those under which no bucket has a name of its own.
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

/// The path of a URL, its `%XX` taken back.
fn unescaped(path: &str) -> Option<String> {
    let whole = |code: &str| code.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    // The decoder leaves a `%` without its two digits as it is; here that is a slip.
    if !path.split('%').skip(1).all(whole) {
        return None;
    }
    let path = percent_decode_str(path).decode_utf8().ok()?;
    (!path.contains('\0')).then(|| path.into_owned())
}

fn refuse<T>(key: &'static str, message: &str) -> Result<T, Refused> {
    Err(Refused::new(key, message.to_owned()))
}
