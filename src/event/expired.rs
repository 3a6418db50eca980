//! Why a recording is gone, and who asked for it.

use serde::Serialize;

/// What a recording went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ExpiredBy {
    /// It was kept as long as it was to be.
    Retention,
    /// Its room was needed: the quota, or the free space that is to be left.
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
    /// The user (`uid 0`), or where the answer went that MQTT has.
    pub who: String,
    /// The id of the request, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}
