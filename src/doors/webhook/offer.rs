//! One event, offered to a web service.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Url};

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

    /// Sends one request. The status says whether the service took it; the body of its answer does not matter.
    async fn send(&mut self, request: RequestBuilder, timeout: Duration) -> Result<(), String> {
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
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("it answered {}", answer.status())),
            Err(error) if error.is_timeout() => Err(format!("no answer within {} s", timeout.as_secs())),
            // The address may contain a token.
            Err(error) => Err(with_causes(&error.without_url())),
        }
    }
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
            match &settings.key {
                Some(key) => {
                    let signature = hmac_sha256_hex(key, message.body.as_bytes());
                    request.header("X-Edgereel-Signature", format!("sha256={signature}"))
                }
                None => request,
            }
            .body(message.body.clone())
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
