//! A bucket that speaks S3.
//!
//! Requests are signed in their address (Signature Version 4, presigned), and the signature covers every header that matters.
//! Bodies are not signed, but each has its MD5 with it, which the service checks. rusty-s3 signs, reqwest sends.

mod answer;
mod fuzz;
mod proxy;
mod refusal;
mod request;
#[cfg(test)]
mod tests;
mod xml;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rusty_s3::Bucket;

use super::body::{Ahead, PacedBody};
use super::link::Sent;
use super::pace::Pace;
use super::progress::Progress;
use super::{Answer, Fault, ObjectSeen, Remote, Request};
use crate::config::{Encryption, S3Target, UrlStyle};
use crate::delivery::{AccessKey, Keys};
use crate::https::{self, with_causes};
use crate::store::Clock;

use answer::Looked;
pub(in crate::delivery) use answer::same_etag;
pub use fuzz::fuzz;
use request::Prepared;

/// Seconds for which a signature is valid: as long as the slowest part may take.
const VALID: u64 = 6 * 3_600;

/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(15);

/// The least rate of a link, bytes a second. A slower link counts as making no progress.
const LEAST_RATE: u64 = 1 << 10;

/// Seconds by which the clocks of this box and the service may differ before the signature corrects for it. S3 accepts a
/// quarter of an hour.
const SKEW: i64 = 60;

/// A bucket.
pub(in crate::delivery) struct S3 {
    target: S3Target,
    bucket: Bucket,
    keys: Arc<dyn Keys>,
    /// The keys of the last read; `None` after the service did not know them.
    known: Mutex<Option<AccessKey>>,
    client: tokio::sync::OnceCell<reqwest::Client>,
    authority: Vec<CertificateDer<'static>>,
    pace: Pace,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    /// How far the service's clock is ahead of this box's, seconds.
    skew: AtomicI64,
    /// The service's UTC less CLOCK_BOOTTIME, microseconds; `i64::MIN` before the first answer. A step of this box's clock does
    /// not change it.
    theirs: AtomicI64,
    /// Bytes a second of recent uploads; zero where the rate is not known.
    rate: AtomicU64,
}

impl S3 {
    /// A bucket, before the first request. `authority` is PEM of certificates that are trusted beside those of the system.
    pub(in crate::delivery) fn new(
        target: &S3Target,
        keys: Arc<dyn Keys>,
        authority: Option<&[u8]>,
        pace: Pace,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let endpoint: Url = target
            .endpoint
            .parse()
            .map_err(|error| format!("{}: {error}", target.endpoint))?;
        let style = match target.style {
            UrlStyle::Path => rusty_s3::UrlStyle::Path,
            UrlStyle::Virtual => rusty_s3::UrlStyle::VirtualHost,
        };
        let bucket = Bucket::new(endpoint, style, target.bucket.clone(), target.region.clone())
            .map_err(|error| format!("{}: {error}", target.endpoint))?;
        let authority: Result<Vec<_>, _> = authority
            .map(|pem| CertificateDer::pem_slice_iter(pem).collect())
            .unwrap_or_else(|| Ok(Vec::new()));
        Ok(Self {
            target: target.clone(),
            bucket,
            keys,
            known: Mutex::new(None),
            client: tokio::sync::OnceCell::new(),
            authority: authority.map_err(|error| format!("the certificates of ca_file: {error}"))?,
            pace,
            timeout,
            clock,
            skew: AtomicI64::new(0),
            theirs: AtomicI64::new(i64::MIN),
            rate: AtomicU64::new(0),
        })
    }

    async fn client(&self) -> Result<&reqwest::Client, Fault> {
        self.client
            .get_or_try_init(|| async {
                let mut roots = if self.target.endpoint.starts_with("https:") {
                    https::trusted().await
                } else {
                    RootCertStore::empty()
                };
                roots.add_parsable_certificates(self.authority.iter().cloned());
                let unusable = |error: &dyn std::error::Error| Fault::Unusable(with_causes(error));
                let client = https::client(roots).map_err(|error| unusable(&error))?;
                let client = match proxy::of(&self.target).map_err(Fault::Unusable)? {
                    Some(proxy) => client.proxy(proxy),
                    None => client,
                };
                client
                    .http1_only()
                    .connect_timeout(CONNECT.min(self.timeout))
                    .pool_idle_timeout(Duration::from_secs(30))
                    .build()
                    .map_err(|error| unusable(&error))
            })
            .await
    }

    /// Reads the keys off the runtime's thread: a file may be on a card that stalls.
    async fn key(&self) -> Result<AccessKey, Fault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(key) = known {
            return Ok(key);
        }
        let keys = self.keys.clone();
        let read = tokio::task::spawn_blocking(move || keys.read()).await;
        let key = read
            .unwrap_or_else(|error| Err(error.to_string()))
            .map_err(Fault::Unusable)?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        Ok(key)
    }

    fn forget_key(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The request's address, signed.
    fn sign(&self, prepared: &Prepared, key: &AccessKey) -> Url {
        let skew = self.clock_offset().filter(|skew| skew.abs() > SKEW).unwrap_or(0);
        let utc = self.clock.utc().saturating_add(skew.saturating_mul(1_000_000));
        let now = Timestamp::from_microsecond(utc).unwrap_or(Timestamp::UNIX_EPOCH);
        rusty_s3::signing::sign(
            &now,
            prepared.method(),
            match prepared.key.as_deref() {
                Some(key) => self.bucket.object_url(key),
                None => self.bucket.base_url().clone(),
            },
            &key.id,
            key.secret(),
            key.token.as_deref(),
            self.bucket.region(),
            VALID,
            prepared.query.iter().map(|(name, value)| (*name, value.as_str())),
            prepared
                .headers
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        )
    }

    async fn send(&self, request: Request) -> Result<Answer, Fault> {
        match request {
            Request::Parts { key, upload } => self.parts(&key, &upload).await,
            Request::Uploads { key } => self.uploads(&key).await,
            Request::Head { key } => self.head(key).await,
            Request::Remove { key } => self.remove(key).await,
            Request::Space => Err(Fault::Unsupported("buckets have no end".to_owned())),
            other => {
                let prepared = request::prepare(other, &self.target);
                let answer = self.exchange(&prepared).await?;
                answer::read(&prepared, answer, !self.hides_md5())
            }
        }
    }

    /// Sends one request and reads one answer; an answer that is not a success is a fault.
    async fn exchange(&self, prepared: &Prepared) -> Result<answer::Raw, Fault> {
        let key = self.key().await?;
        let url = self.sign(prepared, &key);
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut headers = HeaderMap::new();
        for (name, value) in &prepared.headers {
            let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value)) else {
                return Err(Fault::Refused(format!(
                    "{prepared}: the header {name} cannot be sent"
                )));
            };
            headers.insert(name, value);
        }
        // The length in the answer must be that of the object. The header is not signed, because proxies rewrite it.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let progress = Progress::new();
        let ahead = prepared.first.then(Ahead::default);
        let body = PacedBody::new(
            prepared.body.clone(),
            ahead.clone(),
            self.pace.clone(),
            progress.clone(),
        );
        let request = self
            .client()
            .await?
            .request(prepared.http_method(), url)
            .headers(headers);
        let request = if prepared.has_body() {
            request.body(reqwest::Body::wrap(body))
        } else {
            request
        };
        let work = async {
            let offline = |error: reqwest::Error| {
                // The address has a signature in it.
                let said = with_causes(&error.without_url());
                match &self.target.proxy {
                    // The error does not always say which of the two cannot be reached.
                    Some(proxy) => {
                        let proxy = proxy.shown();
                        Fault::Offline(format!(
                            "{prepared}: {host}, through sync.proxy = {proxy:?}: {said}"
                        ))
                    }
                    None => Fault::Offline(format!("{prepared}: {host}: {said}")),
                }
            };
            let answer = request.send().await.map_err(offline)?;
            progress.sign(0);
            self.look_at_clock(answer.headers());
            answer::Raw::read(prepared, answer, &progress).await
        };
        // A quarter of the recent rate. For an unknown link, the least rate that makes sense.
        let rate = (self.rate.load(Ordering::Relaxed) / 4).max(LEAST_RATE);
        let answer = progress.watch(self.timeout, rate, work).await;
        if let Some(ahead) = ahead {
            ahead.end(match &answer {
                Ok(Ok(raw)) if raw.status.is_success() => Sent::Arrived(prepared.body.len()),
                Ok(Ok(_)) => Sent::Refused,
                Ok(Err(_)) | Err(_) => Sent::Failed,
            });
        }
        match (&answer, progress.rate()) {
            (Ok(Ok(_)), Some(rate)) => self.rate.store(rate, Ordering::Relaxed),
            (Ok(Ok(_)), None) => (),
            (Err(_) | Ok(Err(_)), _) => self.rate.store(0, Ordering::Relaxed),
        }
        let answer = answer.map_err(|silence| {
            let seconds = silence.as_secs();
            Fault::Offline(format!("{prepared}: {host}: nothing happened for {seconds} s"))
        })??;
        refusal::judge(prepared, &host, &answer).inspect_err(|fault| {
            if matches!(fault, Fault::Unusable(_)) {
                self.forget_key();
            }
        })?;
        Ok(answer)
    }

    async fn parts(&self, key: &str, upload: &str) -> Result<Answer, Fault> {
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let prepared = request::list_parts(key, upload, after);
            let answer = self.exchange(&prepared).await?;
            let (more, next) = answer::parts(&prepared, &answer)?;
            seen.extend(more);
            match next {
                Some(next) if next > after => after = next,
                _ => break,
            }
        }
        seen.sort_by_key(|part| part.number);
        Ok(Answer::Parts(Some(seen)))
    }

    async fn uploads(&self, key: &str) -> Result<Answer, Fault> {
        let prepared = request::list_uploads(key);
        let answer = self.exchange(&prepared).await?;
        Ok(Answer::Uploads(answer::uploads(&prepared, &answer, key)?))
    }

    async fn head(&self, key: String) -> Result<Answer, Fault> {
        let size = request::size(&key);
        let prepared = request::prepare(Request::Head { key }, &self.target);
        let answer = self.exchange(&prepared).await?;
        Ok(Answer::Head(match answer::head(&prepared, answer)? {
            Looked::Missing => None,
            Looked::Seen(seen) => Some(seen),
            Looked::WithoutLength(seen) => {
                let answer = self.exchange(&size).await?;
                let bytes = answer::size(&size, &answer)?;
                Some(ObjectSeen { bytes, ..seen })
            }
        }))
    }

    /// An answer that an object is gone counts only in the form of S3.
    async fn remove(&self, key: String) -> Result<Answer, Fault> {
        let prepared = request::prepare(Request::Remove { key: key.clone() }, &self.target);
        let answer = self.exchange(&prepared).await?;
        if answer::removed(&prepared, &answer)? {
            return Ok(Answer::Done);
        }
        match self.head(key).await? {
            Answer::Head(None) => Ok(Answer::Done),
            _ => Err(Fault::Refused(format!(
                "{prepared}: the store says {}, and the object is still there",
                answer.status.as_u16()
            ))),
        }
    }

    /// True when the service encrypts with keys of its own: its ETags are not MD5s.
    fn hides_md5(&self) -> bool {
        matches!(self.target.encryption, Some(Encryption::Kms(_)))
    }

    /// Compares the clocks. A box with a wrong clock signs for another time, and is refused. The service's answer tells the
    /// time.
    fn look_at_clock(&self, headers: &HeaderMap) {
        let date = headers.get("date").and_then(|date| date.to_str().ok());
        let Some(theirs) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) else {
            return;
        };
        let theirs = theirs.timestamp().as_microsecond();
        self.theirs
            .store(theirs.saturating_sub(self.clock.boot()), Ordering::Relaxed);
        let skew = theirs.saturating_sub(self.clock.utc()) / 1_000_000;
        let skew = if skew.abs() > SKEW { skew } else { 0 };
        if self.skew.swap(skew, Ordering::Relaxed) != skew && skew != 0 {
            tracing::warn!(
                "this box's clock and that of the store differ by {skew} s; requests are signed for theirs"
            );
        }
    }
}

impl Remote for S3 {
    fn perform(&self, request: Request) -> Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send + '_>> {
        Box::pin(self.send(request))
    }

    fn takes_parts_in_any_order(&self) -> bool {
        true
    }

    fn clock_offset(&self) -> Option<i64> {
        match self.theirs.load(Ordering::Relaxed) {
            i64::MIN => None,
            theirs => Some(theirs.saturating_sub(self.clock.utc_offset()) / 1_000_000),
        }
    }
}
