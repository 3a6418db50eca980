//! `channel.push`, `channel.unpush`, `channel.pushes`.

use serde::Serialize;

/// A channel on its way to another server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChannelPush {
    /// The name of the channel.
    pub channel: String,
    /// The number of the push among those of the channel.
    pub push: u32,
    /// Where it is sent to; `***` stands for the stream key.
    pub url: String,
    /// What it does now.
    pub state: PushState,
    /// Since when it does that; null when it has not begun.
    pub since: Option<String>,
    /// Why it is not sent; null where there is nothing to say.
    pub reason: Option<String>,
    /// When the next attempt is made; null when none waits.
    pub tries_at: Option<String>,
    /// Bytes of media that were sent since the service began.
    pub sent_bytes: u64,
}

/// What a push does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PushState {
    /// The channel shows nothing now.
    Waiting,
    /// It connects.
    Connecting,
    /// It sends.
    Sending,
    /// The server cannot be reached, or was lost; it is tried again.
    Failing,
    /// The server refuses; it is tried again, seldom.
    Refused,
    /// The configuration does not allow it.
    Forbidden,
}

/// The pushes of channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChannelPushes {
    /// By channel and number.
    pub pushes: Vec<ChannelPush>,
    /// The value of `after` for the next request; null at the end of the list.
    pub next: Option<String>,
}

/// Pushes that were ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChannelUnpushed {
    /// The name of the channel.
    pub channel: String,
    /// Their numbers.
    pub pushes: Vec<u32>,
}
