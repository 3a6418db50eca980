//! The commands over HTTP: `POST /api/v1/<command>`, and `GET` for those that only read.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, StatusCode};
use tokio::time::timeout;

use super::answer::{Answer, Refusal, bytes};
use super::door::Door;
use super::folder::{WORTH_COMPRESSING, takes_gzip};
use super::gate;
use super::packed::gzipped;
use super::query::Query;
use crate::access::viewer::Viewer;
use crate::api::{self, Caller, Code, Command, Effect, Failure, MAX_REQUEST, Request, Scope};
use crate::config::StreamSet;
use crate::model::Right;

/// The body of a request.
pub(super) trait Sent: http_body::Body<Data = Bytes> + Send + Unpin {}

impl<B: http_body::Body<Data = Bytes> + Send + Unpin> Sent for B {}

/// The time for the body of a request, which is as long as for its head.
const BODY: Duration = Duration::from_secs(30);

/// Answers a request for a command, in the form in which every door answers.
pub(super) async fn answer(
    door: &Arc<Door>,
    viewer: &Viewer,
    name: &str,
    query: &Query,
    (method, headers, body): (&Method, &HeaderMap, Incoming),
) -> Result<Answer, Refusal> {
    let command = api::command(name).ok_or_else(|| {
        let shown: String = name.chars().take(64).collect();
        Refusal::not_found(format!(
            "there is no command '{shown}'; GET /api/v1/help lists them"
        ))
    })?;
    gate::allow_some(viewer, command.right)?;
    let request = match *method {
        Method::GET | Method::HEAD if command.effect != Effect::Reads => {
            return Err(Refusal::method(
                format!("{name} changes something: use POST"),
                "POST",
            ));
        }
        Method::GET | Method::HEAD => asked(door, command, query),
        Method::POST => Request::parse(&self::body(headers, body).await?),
        _ => return Err(Refusal::method("commands are sent with POST", "GET, HEAD, POST")),
    };
    let (rights, streams) = viewer.scope(command.right);
    let scope = Scope {
        rights,
        streams: StreamSet::of(streams),
        moderates: StreamSet::of(viewer.scope(Right::Moderate).1),
    };
    let api = door.api.for_caller(Caller::http(viewer.name(), scope));
    let answer = match request {
        Ok(request) => api.ask(name, request).await,
        Err(failure) => crate::api::Answer::refusal(failure),
    };
    let status = match &answer.result {
        Ok(_) => StatusCode::OK,
        Err(failure) => status(failure.code),
    };
    let text = if method == Method::HEAD {
        String::new()
    } else {
        answer.to_json()
    };
    // The length of a compressed text tells something of what is in it, so a secret is not compressed beside other text.
    let is_packed = text.len() >= WORTH_COMPRESSING && !command.is_secret() && takes_gzip(headers);
    let mut answer = if is_packed {
        let mut answer = bytes(status, "application/json", gzipped(text.as_bytes()));
        answer
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        answer
    } else {
        bytes(status, "application/json", text)
    };
    if status == StatusCode::TOO_MANY_REQUESTS {
        // The next command may be given in a fraction of a second.
        answer
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(answer)
}

/// The request in a query.
fn asked(door: &Door, command: &'static Command, query: &Query) -> Result<Request, Failure> {
    let arguments = api::read_arguments(command, query.iter(), door.utc())?;
    Ok(Request { id: None, arguments })
}

/// The JSON in the body of a request, at most as long as a request may be, if it comes in time.
pub(super) async fn body(headers: &HeaderMap, body: impl Sent) -> Result<BytesMut, Refusal> {
    if media_type(headers) != "application/json" {
        // A form of another web site can be sent without a question, but not with this type.
        return Err(Refusal {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ..Refusal::bad_request("a command is sent with Content-Type: application/json")
        });
    }
    bytes_of(body).await
}

/// The type of the body of a request, in small letters and without parameters; empty where there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let name = media_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

/// The body of a request, at most as long as a request may be, if it comes in time.
pub(super) async fn bytes_of(body: impl Sent) -> Result<BytesMut, Refusal> {
    timeout(BODY, read(body)).await.unwrap_or_else(|_| {
        Err(Refusal {
            status: StatusCode::REQUEST_TIMEOUT,
            ..Refusal::bad_request(format!("the request did not come within {} s", BODY.as_secs()))
        })
    })
}

async fn read(body: impl Sent) -> Result<BytesMut, Refusal> {
    let mut body = body;
    let mut read = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| Refusal::bad_request("the request broke off"))?;
        let Ok(piece) = frame.into_data() else { continue };
        if read.len() + piece.len() > MAX_REQUEST {
            return Err(Refusal {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                ..Refusal::bad_request(format!("a request has at most {MAX_REQUEST} bytes"))
            });
        }
        read.extend_from_slice(&piece);
    }
    Ok(read)
}

/// The status that goes with a code.
fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::super::body::Body;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_command_that_comes_byte_by_byte_is_not_waited_for() {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let (sender, pieces) = mpsc::channel(1);
        let slow = tokio::spawn(async move {
            while sender.send(Bytes::from_static(b" ")).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let began = Instant::now();
        let refusal = body(&headers, Body::Pieces(pieces)).await.unwrap_err();
        assert_eq!(refusal.status, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(began.elapsed(), BODY);
        slow.await.unwrap();
    }
}
