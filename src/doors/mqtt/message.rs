//! What is said beside events and answers.

use serde::Serialize;

use crate::model::reply::Stream;

/// `status`: whether the box is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Status {
    /// Whether it is.
    pub state: StatusState,
    /// The release that runs, or ran.
    pub version: String,
    /// The kernel's id of the boot, in hexadecimal.
    pub boot_id: String,
    /// The process.
    pub pid: u32,
    /// When the connection was made that this was said in; of one that stopped, when it did.
    pub time: String,
}

/// Whether the box is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum StatusState {
    /// It is connected.
    Up,
    /// The connection is lost: the broker says so.
    Down,
    /// The service was stopped in good order.
    Stopped,
}

/// `stream/<app>/<name>`: how a stream is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamState {
    /// When this was so.
    pub time: String,
    /// Somebody publishes it.
    pub live: bool,
    /// As in `stream.list`.
    #[serde(flatten)]
    pub row: Stream,
}
