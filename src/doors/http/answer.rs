//! Responses that are not media: errors, JSON, texts.

use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, IntoHeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::body::Body;
use crate::api::Failure;
use crate::media::StreamName;
use crate::model::Span;

/// A response of the door.
pub(super) type Answer = Response<Body>;

/// The reason why a request gets no answer but an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status.
    pub(super) status: StatusCode,
    /// For programs: a code of the commands, or `unauthorized`, `gone`, `bad_range`, `too_many`.
    pub(super) code: &'static str,
    /// For people.
    pub(super) message: String,
    /// The parameter that is wrong.
    pub(super) field: Option<&'static str>,
    /// Seconds after which the client may ask again.
    pub(super) retry_after_s: Option<u64>,
    /// The methods that are allowed here.
    pub(super) allow: Option<&'static str>,
}

#[derive(Serialize)]
struct Sent<'a> {
    error: SentError<'a>,
}

#[derive(Serialize)]
struct SentError<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            field: None,
            retry_after_s: None,
            allow: None,
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// A parameter of the query that has a wrong value.
    pub(super) fn parameter(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            ..Self::bad_request(message)
        }
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "refused", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// The answer for a time before the time shift of a stream.
    pub(super) fn too_old(stream: &StreamName, back: Span) -> Self {
        Self::not_found(format!(
            "this is longer ago than viewers of {stream} may go: time_shift of its template is {back}"
        ))
    }

    pub(super) fn gone(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "gone", message)
    }

    /// The method is none of those that are allowed here.
    pub(super) fn method(message: impl Into<String>, allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "bad_request", message)
        }
    }

    pub(super) fn misdirected(message: impl Into<String>) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "refused", message)
    }

    pub(super) fn too_many(message: impl Into<String>, retry_after_s: u64) -> Self {
        Self {
            retry_after_s: Some(retry_after_s),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message)
        }
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self {
            retry_after_s: Some(5),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
        }
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// The response that says so.
    pub(super) fn answer(&self) -> Answer {
        let body = Sent {
            error: SentError {
                code: self.code,
                message: &self.message,
                field: self.field,
            },
        };
        let mut answer = json(self.status, &body);
        let headers = answer.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.append(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"edgereel\""),
            );
            // Players and browsers then ask for a name and a key.
            headers.append(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"edgereel\", charset=\"UTF-8\""),
            );
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        answer
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let status = StatusCode::from_u16(failure.code.status());
        Self::new(
            status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            failure.code.as_str(),
            failure.message,
        )
    }
}

/// A response with these bytes. Nothing stores it.
pub(super) fn bytes(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Body::Bytes(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A response with a JSON document.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    // Only values of our own are written, whose keys are texts: nothing can fail.
    let text = serde_json::to_vec(body).unwrap_or_default();
    bytes(status, "application/json", text)
}

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Body::Bytes(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

/// Sets a header whose value was made here. A value that cannot be one is left out.
pub(super) fn set(answer: &mut Answer, name: impl IntoHeaderName + std::fmt::Debug, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            answer.headers_mut().insert(name, value);
        }
        Err(_) => defect!("a header of a response cannot be written: {name:?}"),
    }
}
