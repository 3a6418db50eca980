//! Why a recording is gone, and who asked for it.

use serde::Serialize;

/// Why a recording was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ExpiredBy {
    /// Its retention time is over.
    Retention,
    /// It was evicted: `storage.quota` or `storage.min_free` was reached.
    Space,
    /// Somebody deleted it.
    Request,
}

/// Who asked for something, as far as the door knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AskedBy {
    /// Through which door: `socket` or `mqtt`.
    pub door: String,
    /// The user (`uid 0`), or for MQTT the topic of the answer.
    pub who: String,
    /// The id of the request, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}
