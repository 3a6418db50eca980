//! One event, offered to a web service.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

use super::CallbackSettings;
use crate::event::dialect::{Message, aliyun_headers, hmac_sha256_hex, ingest_query};
use crate::event::{Dialect, Posted};
use crate::https::with_causes;
use crate::media::Micros;

/// The client of one service, and what is known about its connection.
pub(super) struct Door {
    client: Client,
    /// The service answered the last time, so its connection may have been kept open.
    kept: bool,
}

impl Door {
    /// `client` keeps at most one connection to the service.
    pub(super) fn new(client: Client) -> Self {
        Self { client, kept: false }
    }

    /// A request to post something.
    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    /// Sends one request. The status says whether the service took it; the body of its answer does not matter.
    async fn send(&mut self, request: RequestBuilder, timeout: Duration) -> Result<(), String> {
        let answer = self.answer(request, timeout).await?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("it answered {}", answer.status()))
        }
    }

    /// Sends one request, and reads the answer: its status, and of its body no more than a piece beyond `most` bytes.
    pub(super) async fn exchange(
        &mut self,
        request: RequestBuilder,
        timeout: Duration,
        most: usize,
    ) -> Result<(StatusCode, Vec<u8>), String> {
        let mut answer = self.answer(request, timeout).await?;
        let (status, mut body) = (answer.status(), Vec::new());
        while body.len() <= most {
            match answer.chunk().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break,
                Err(error) => {
                    self.kept = false;
                    return Err(told(error, timeout));
                }
            }
        }
        Ok((status, body))
    }

    async fn answer(&mut self, request: RequestBuilder, timeout: Duration) -> Result<Response, String> {
        let request = request.timeout(timeout);
        let again = request.try_clone().filter(|_| self.kept);
        let mut answer = request.send().await;
        if let (Err(error), Some(again)) = (&answer, again)
            && !error.is_timeout()
        {
            // A service may close an idle connection at any time, also just when the next request uses it. That is no fault of
            // the service. The same request at once, on a fresh connection, keeps the order. Events are sent at least once
            // anyway.
            answer = again.send().await;
        }
        self.kept = answer.is_ok();
        answer.map_err(|error| told(error, timeout))
    }
}

/// Why there is no answer.
fn told(error: reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", timeout.as_secs());
    }
    // The address may contain a token.
    with_causes(&error.without_url())
}

/// The request with this body, and its signature where there is a key.
pub(super) fn signed(request: RequestBuilder, key: Option<&[u8]>, body: String) -> RequestBuilder {
    let request = match key {
        Some(key) => {
            let signature = hmac_sha256_hex(key, body.as_bytes());
            request.header("X-Edgereel-Signature", format!("sha256={signature}"))
        }
        None => request,
    };
    request.body(body)
}

/// Sends all messages of an event, one after the other. The error says why one was not taken.
pub(super) async fn offer(
    settings: &CallbackSettings,
    door: &mut Door,
    event: &Posted,
    now: Micros,
    dropped: u64,
) -> Result<(), String> {
    for message in settings.dialect.render(event, &settings.sender, now, dropped) {
        tell(settings, door, &message, now).await?;
    }
    Ok(())
}

async fn tell(
    settings: &CallbackSettings,
    door: &mut Door,
    message: &Message,
    now: Micros,
) -> Result<(), String> {
    let url: Url = settings.url.expose().parse().map_err(|_| "the address is none")?;
    let request = match settings.dialect {
        // The HTTP binding of CloudEvents 1.0, structured mode.
        Dialect::CloudEvents => {
            let request = door
                .client
                .post(url)
                .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8");
            signed(request, settings.key.as_deref(), message.body.clone())
        }
        Dialect::Tencent => json(door.client.post(url), message),
        Dialect::Aliyun => {
            let host = url.host_str().unwrap_or_default().to_owned();
            let request = match ingest_query(message) {
                Some(query) => door.client.get(with_query(url, &query)),
                None => json(door.client.post(url), message),
            };
            match &settings.key {
                Some(key) => {
                    let (timestamp, signature) = aliyun_headers(&host, now, key);
                    request
                        .header("ALI-LIVE-TIMESTAMP", timestamp)
                        .header("ALI-LIVE-SIGNATURE", signature)
                }
                None => request,
            }
        }
    };
    door.send(request, settings.timeout).await
}

fn json(request: RequestBuilder, message: &Message) -> RequestBuilder {
    request
        .header(CONTENT_TYPE, "application/json")
        .body(message.body.clone())
}

fn with_query(mut url: Url, query: &str) -> Url {
    let both = match url.query() {
        Some(own) if !own.is_empty() => format!("{own}&{query}"),
        _ => query.to_owned(),
    };
    url.set_query(Some(&both));
    url
}
