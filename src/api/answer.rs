//! Answers to requests.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::Stopping;
use crate::recorder::{AskError, OrderError, RuleError, TaskError};
use crate::store::StoreError;

/// The most bytes of an answer.
pub const MAX_ANSWER: usize = 64 << 10;

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The id of the request, if it could be read.
    pub id: Option<String>,
    /// The result of the request, or its failure.
    pub result: Result<Value, Failure>,
}

/// An answer as a door sends it.
#[derive(Serialize)]
struct Sent<'a> {
    /// Missing in an answer that the command line makes without a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Option<String>>,
    ok: bool,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

/// The outcome of a request: `{"result":…}` or `{"error":…}`.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome<'a> {
    Result(&'a Value),
    Error(&'a Failure),
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// For programs.
    pub code: Code,
    /// For people: what was asked for, and what is in its way.
    pub message: String,
    /// The argument that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The recordings that are in the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<String>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request cannot be understood, or asks for what cannot be.
    BadRequest,
    /// Nobody knows who asks. Only over HTTP.
    Unauthorized,
    /// What it is about is not there.
    NotFound,
    /// The state of things is in its way.
    Conflict,
    /// It is understood, and will not be done.
    Refused,
    /// What it is about was there, and was deleted or evicted. Only over HTTP.
    Gone,
    /// The file does not have these bytes. Only over HTTP.
    BadRange,
    /// The caller asks too often.
    TooMany,
    /// It cannot be done now.
    Unavailable,
    /// A defect of edgereel.
    Internal,
}

impl Answer {
    /// The status of the answer over HTTP.
    pub fn status(&self) -> u16 {
        self.result
            .as_ref()
            .map_or_else(|failure| failure.code.status(), |_| 200)
    }

    /// The answer to a request that could not be read.
    pub fn refusal(failure: Failure) -> Self {
        Self {
            id: None,
            result: Err(failure),
        }
    }

    /// The answer as a door sends it: one line of JSON, at most [`MAX_ANSWER`] bytes.
    pub fn to_json(&self) -> String {
        let text = self.render();
        if text.len() <= MAX_ANSWER {
            return text;
        }
        let message = format!(
            "the answer has {} bytes, and at most {MAX_ANSWER} are sent; ask for less",
            text.len()
        );
        let failure = Failure::new(Code::Refused, message);
        let id = self.id.clone();
        Self {
            id,
            result: Err(failure),
        }
        .render()
    }

    fn render(&self) -> String {
        sent(Some(&self.id), &self.result).to_string()
    }
}

/// A result that the command line found without a service, in the form in which the service would have sent it.
pub fn without_service(result: &Result<Value, Failure>) -> Value {
    sent(None, result)
}

fn sent(id: Option<&Option<String>>, result: &Result<Value, Failure>) -> Value {
    let sent = Sent {
        id,
        ok: result.is_ok(),
        outcome: Outcome::of(result),
    };
    sorted(&sent)
}

/// JSON whose objects have their keys in alphabetical order, as in all answers.
pub(super) fn sorted(of: &impl Serialize) -> Value {
    // The callers pass texts and values of JSON alone, so nothing can fail.
    serde_json::to_value(of).unwrap_or_default()
}

impl<'a> Outcome<'a> {
    pub(super) fn of(result: &'a Result<Value, Failure>) -> Self {
        match result {
            Ok(result) => Outcome::Result(result),
            Err(failure) => Outcome::Error(failure),
        }
    }
}

impl Failure {
    /// A failure of this kind.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        // The message may contain input from outside, and only an excerpt of that belongs there.
        let message: String = message.into().chars().take(2_000).collect();
        Self {
            code,
            message,
            field: None,
            recordings: Vec::new(),
        }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    pub(super) fn about(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 10] = [
        Code::BadRequest,
        Code::Unauthorized,
        Code::NotFound,
        Code::Conflict,
        Code::Refused,
        Code::Gone,
        Code::BadRange,
        Code::TooMany,
        Code::Unavailable,
        Code::Internal,
    ];

    /// The status of an answer over HTTP (RFC 9110, 15).
    pub const fn status(self) -> u16 {
        match self {
            Code::BadRequest => 400,
            Code::Unauthorized => 401,
            Code::Refused => 403,
            Code::NotFound => 404,
            Code::Conflict => 409,
            Code::Gone => 410,
            Code::BadRange => 416,
            Code::TooMany => 429,
            Code::Internal => 500,
            Code::Unavailable => 503,
        }
    }

    /// The code as it stands in an answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::BadRequest => "bad_request",
            Code::Unauthorized => "unauthorized",
            Code::NotFound => "not_found",
            Code::Conflict => "conflict",
            Code::Refused => "refused",
            Code::Gone => "gone",
            Code::BadRange => "bad_range",
            Code::TooMany => "too_many",
            Code::Unavailable => "unavailable",
            Code::Internal => "internal",
        }
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(error) => error.into(),
            AskError::Unwritten(_) => Self::new(Code::Unavailable, error.to_string()),
        }
    }
}

impl From<OrderError> for Failure {
    fn from(error: OrderError) -> Self {
        let code = match &error {
            OrderError::OffAir(_) | OrderError::AlreadyStarted { .. } | OrderError::NotRecording { .. } => {
                Code::Conflict
            }
            OrderError::Range(_) => Code::BadRequest,
            OrderError::Rule(error) => rule_code(error),
            OrderError::Task(error) => task_code(error),
        };
        let mut failure = Self::new(code, error.to_string());
        if let OrderError::AlreadyStarted { recordings, .. } = &error {
            failure.recordings = recordings.iter().map(ToString::to_string).collect();
        }
        failure
    }
}

fn rule_code(error: &RuleError) -> Code {
    match error {
        RuleError::Template(_) => Code::BadRequest,
        RuleError::NoTemplate(_) | RuleError::NoRule(_) => Code::NotFound,
        RuleError::Needed { .. } | RuleError::InClear { .. } => Code::Conflict,
        RuleError::Configured(_) | RuleError::TooMany(_) => Code::Refused,
    }
}

fn task_code(error: &TaskError) -> Code {
    match error {
        TaskError::Times(_) => Code::BadRequest,
        TaskError::Crowded { .. } | TaskError::NotLive { .. } => Code::Conflict,
        TaskError::TooMany | TaskError::Configured { .. } => Code::Refused,
        TaskError::Unknown(_) => Code::NotFound,
    }
}

impl From<Stopping> for Failure {
    fn from(error: Stopping) -> Self {
        Self::new(Code::Unavailable, error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::NoRecording { .. } => Code::NotFound,
            StoreError::Ambiguous { .. } => Code::BadRequest,
            StoreError::Reading { .. } => Code::Internal,
            _ => Code::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}
