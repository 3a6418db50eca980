//! `callback.…`.

use serde::Serialize;

/// The callbacks that are configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CallbackStatus {
    /// In the order of the configuration; `review.hook`, where it is configured, is the last.
    pub callbacks: Vec<Callback>,
}

/// A callback, and the events that it did not accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Callback {
    /// Its name.
    pub name: String,
    /// Its URL, without possible secrets.
    pub url: String,
    /// Events that are offered again; of `review.hook`, recordings that wait for its answer.
    pub waiting: usize,
    /// Events that were given up; `callback.retry` offers them again.
    pub given_up: usize,
    /// When the next event is offered; null when none waits.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub next: Option<String>,
    /// Why the last of them was not accepted.
    pub error: Option<String>,
}
