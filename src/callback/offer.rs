//! One event, offered to a web service.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Url};

use super::CallbackSettings;
use crate::event::dialect::{Message, aliyun_headers, hmac_sha256_hex, ingest_query};
use crate::event::{Dialect, Posted};
use crate::https::with_causes;
use crate::media::Micros;

/// Offers all messages of an event, one after the other; says why, when one was not taken.
pub(super) async fn offer(
    settings: &CallbackSettings,
    client: &Client,
    event: &Posted,
    now: Micros,
    dropped: u64,
) -> Result<(), String> {
    for message in settings.dialect.render(event, &settings.sender, now, dropped) {
        tell(settings, client, &message, now).await?;
    }
    Ok(())
}

async fn tell(
    settings: &CallbackSettings,
    client: &Client,
    message: &Message,
    now: Micros,
) -> Result<(), String> {
    let url: Url = settings.url.expose().parse().map_err(|_| "the address is none")?;
    let request = match settings.dialect {
        // HTTP binding of CloudEvents 1.0, structured mode.
        Dialect::CloudEvents => {
            let request = client
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
        Dialect::Tencent => json(client.post(url), message),
        Dialect::Aliyun => {
            let host = url.host_str().unwrap_or_default().to_owned();
            let request = match ingest_query(message) {
                Some(query) => client.get(with_query(url, &query)),
                None => json(client.post(url), message),
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
    send(request, settings.timeout).await
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

/// What a service answers does not matter, but whether it takes it: its status says so.
async fn send(request: RequestBuilder, timeout: Duration) -> Result<(), String> {
    match request.timeout(timeout).send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("it answered {}", answer.status())),
        Err(error) if error.is_timeout() => Err(format!("no answer within {} s", timeout.as_secs())),
        // Its address may have a token in it.
        Err(error) => Err(with_causes(&error.without_url())),
    }
}
