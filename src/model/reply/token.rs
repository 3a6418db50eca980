//! `token.…`.

use serde::Serialize;

/// A token that was made. Whoever has it can use it: it is a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TokenMade {
    /// The token.
    pub token: String,
    /// The path of the media under the token. For a pattern of streams it is the beginning of all their paths.
    pub path: String,
    /// The same as an address that a player opens; null when the box does not know its address.
    pub url: Option<String>,
    /// When the token expires; null when it does not.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub expires: Option<String>,
}
