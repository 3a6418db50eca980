//! `callback.…`.

use serde::Serialize;

/// The callbacks that are configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CallbackStatus {
    /// In the order of the configuration.
    pub callbacks: Vec<Callback>,
}

/// A callback, and what it did not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Callback {
    /// Its name.
    pub name: String,
    /// Where it is, without what may be secret.
    pub url: String,
    /// Events that are offered again.
    pub waiting: usize,
    /// Events that are not offered again unless `callback.retry` says so.
    pub given_up: usize,
    /// When the next of them is offered; null where none waits.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub next: Option<String>,
    /// Why the last of them was not taken.
    pub error: Option<String>,
}
