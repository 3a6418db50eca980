//! `sync.…`, but for what delivery says of itself.

use serde::Serialize;

/// Whether delivery is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SyncPaused {
    /// Nothing is delivered until `sync.resume`.
    pub paused: bool,
}

/// The rate limit of delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SyncLimit {
    /// The limit in bytes a second; null without a limit.
    pub max_rate: Option<u64>,
}
