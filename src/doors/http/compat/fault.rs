//! Why a question of a cloud is refused, and the words in which that cloud refuses.
//!
//! Sources: Alibaba Cloud *API error codes* of ApsaraVideo VOD; Tencent Cloud *Common error codes* of API 3.0. Tencent says its errors
//! with HTTP status 200. What the door refuses whatever is asked (a wrong key, too many requests, a method) keeps the door's status.

use hyper::StatusCode;
use serde::Serialize;

use crate::doors::http::answer::{Answer, Refusal, json};
use crate::doors::http::body::Body;
use crate::doors::http::target::Cloud;

/// The longest piece of a request that a message repeats, in characters.
const SHOWN: usize = 64;

/// Why a question is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A parameter that is needed is not there.
    Missing(&'static str),
    /// There is no such action. The second one is what there is.
    Action(String, &'static str),
    /// Another version of the interface.
    Version(String, &'static str),
    /// The action takes no such parameter.
    Unknown(String),
    /// A parameter has a wrong value.
    Value(String, String),
    /// The door refuses.
    Door(Refusal),
}

/// The shape of a question and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Alibaba's RPC.
    Aliyun,
    /// Tencent's API 3.0.
    Tencent,
    /// Tencent's older interface.
    Tape,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OfAliyun<'a> {
    request_id: &'a str,
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OfTencent<'a> {
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    error: Error<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Error<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct OfTape<'a> {
    ret: u16,
    message: &'a str,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Door(refusal)
    }
}

impl Fault {
    /// A parameter that has a wrong value. `why` says what it has to be.
    pub(super) fn value(name: &str, value: &str, why: &str) -> Self {
        Fault::Value(name.to_owned(), format!("'{}' {why}", shown(value)))
    }

    fn message(&self) -> String {
        match self {
            Fault::Missing(name) => format!("{name}: the parameter is needed"),
            Fault::Action(name, there_is) => {
                format!("'{}' is not answered here; {there_is} is", shown(name))
            }
            Fault::Version(version, there_is) => {
                format!("version '{}' is not answered here; {there_is} is", shown(version))
            }
            Fault::Unknown(name) => format!("{}: this is no parameter of this action", shown(name)),
            Fault::Value(name, why) => format!("{}: {why}", shown(name)),
            Fault::Door(refusal) => refusal.message.clone(),
        }
    }

    /// The status and the code with Alibaba.
    fn of_aliyun(&self) -> (StatusCode, &'static str) {
        match self {
            Fault::Missing(_) => (StatusCode::BAD_REQUEST, "MissingParameter"),
            Fault::Action(..) => (StatusCode::NOT_FOUND, "InvalidAction.NotFound"),
            Fault::Version(..) => (StatusCode::BAD_REQUEST, "InvalidVersion"),
            Fault::Unknown(_) | Fault::Value(..) => (StatusCode::BAD_REQUEST, "InvalidParameter"),
            Fault::Door(refusal) => {
                let code = match refusal.status.as_u16() {
                    401 | 403 => "Forbidden",
                    429 => "Throttling",
                    503 => "ServiceUnAvailable",
                    400..500 => "InvalidParameter",
                    _ => "InternalError",
                };
                (refusal.status, code)
            }
        }
    }

    /// The status and the code with Tencent.
    fn of_tencent(&self) -> (StatusCode, &'static str) {
        let code = match self {
            Fault::Missing(_) => "MissingParameter",
            Fault::Action(..) => "InvalidAction",
            Fault::Version(..) => "NoSuchVersion",
            Fault::Unknown(_) => "UnknownParameter",
            Fault::Value(..) => "InvalidParameterValue",
            Fault::Door(refusal) => {
                let code = match refusal.status.as_u16() {
                    401 => "AuthFailure",
                    403 => "AuthFailure.UnauthorizedOperation",
                    413 => "RequestSizeLimitExceeded",
                    429 => "RequestLimitExceeded",
                    503 => "ResourceUnavailable",
                    400..500 => "InvalidParameter",
                    _ => "InternalError",
                };
                return (refusal.status, code);
            }
        };
        (StatusCode::OK, code)
    }
}

impl Shape {
    /// The shape of a question with this query.
    pub(super) fn of(cloud: Cloud, query: &str) -> Self {
        let is_tape = query
            .split('&')
            .any(|pair| pair.split('=').next() == Some("interface"));
        match cloud {
            Cloud::Aliyun => Shape::Aliyun,
            Cloud::Tencent if is_tape => Shape::Tape,
            Cloud::Tencent => Shape::Tencent,
        }
    }

    /// The answer that says why a question is refused.
    pub(super) fn refused(self, fault: &Fault, request_id: &str) -> Answer {
        let message = &fault.message();
        let answer = match self {
            Shape::Aliyun => {
                let (status, code) = fault.of_aliyun();
                json(
                    status,
                    &OfAliyun {
                        request_id,
                        code,
                        message,
                    },
                )
            }
            Shape::Tencent => {
                let (status, code) = fault.of_tencent();
                let error = Error { code, message };
                json(
                    status,
                    &OfTencent {
                        response: Response { error, request_id },
                    },
                )
            }
            Shape::Tape => {
                let ret = fault.of_aliyun().0.as_u16();
                json(fault.of_tencent().0, &OfTape { ret, message })
            }
        };
        match fault {
            // The door says more in its headers: how to show a key, and when to ask again.
            Fault::Door(refusal) => with_body_of(refusal.answer(), answer),
            _ => answer,
        }
    }
}

/// A response with the body of another one.
fn with_body_of(mut answer: Answer, other: Answer) -> Answer {
    let body: Body = other.into_body();
    *answer.body_mut() = body;
    answer
}

/// The beginning of a text that came from outside, without what controls a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
