//! Whether the service works, and whether it can do its work: the answers of `/healthz` and `/readyz`.

use serde::Serialize;

/// Whether the service works: `/healthz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Healthy {
    /// True while the service gives signs of life.
    pub healthy: bool,
    /// Why it is not.
    pub reasons: Vec<Why>,
}

/// Whether publishers are let in, and their media reaches flash: `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ready {
    /// True while both hold.
    pub ready: bool,
    /// Why they do not.
    pub reasons: Vec<Why>,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Why {
    /// For programs: `main_loop_stuck`, `storage_thread_stuck`, `stopping`, `storage_full`, `storage_failed` or `storage_stalled`.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Healthy {
    /// The answer with these reasons.
    pub fn new(reasons: Vec<Why>) -> Self {
        Self {
            healthy: reasons.is_empty(),
            reasons,
        }
    }
}

impl Ready {
    /// The answer with these reasons.
    pub fn new(reasons: Vec<Why>) -> Self {
        Self {
            ready: reasons.is_empty(),
            reasons,
        }
    }
}
