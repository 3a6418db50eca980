//! How long something is kept.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Span, SpanError};

/// How long something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum Keep {
    /// Until its room is needed.
    Forever,
    /// For this long after its end, or less when its room is needed.
    For(Span),
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keep::Forever => f.write_str("forever"),
            Keep::For(span) => span.fmt(f),
        }
    }
}

impl From<Keep> for String {
    fn from(keep: Keep) -> String {
        keep.to_string()
    }
}

impl TryFrom<String> for Keep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "forever" | "0" => Ok(Keep::Forever),
            _ => text
                .parse()
                .map(|span: Span| match span.as_micros() {
                    // A length of zero means what "0" alone means: nobody wants a recording that is deleted as soon as it has
                    // ended.
                    0 => Keep::Forever,
                    _ => Keep::For(span),
                })
                .map_err(|error: SpanError| format!("{error}, or \"forever\"")),
        }
    }
}
