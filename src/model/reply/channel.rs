//! `channel.…`.

use serde::Serialize;

/// A channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// What it does now.
    pub state: ChannelState,
    /// When it began, or will begin.
    pub start: String,
    /// What comes behind the last item.
    pub play: ChannelPlay,
    /// From when on it shows nothing any more; null when it never expires.
    pub expires: Option<String>,
    /// How long all items last, seconds.
    pub duration_s: f64,
    /// The items, in order.
    pub items: Vec<ChannelItem>,
    /// When these items replace the present ones; absent when they are the present ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub changes_at: Option<String>,
    /// The path of its playlist.
    pub path: String,
    /// The address of its playlist; null where viewers cannot connect.
    pub url: Option<String>,
}

/// What a channel does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ChannelState {
    /// It begins later.
    Waiting,
    /// It plays.
    Playing,
    /// Its last item was shown, or all of its items are gone.
    Over,
    /// It is switched off.
    Disabled,
    /// It has expired.
    Expired,
    /// The box does not know the time, so no channel plays.
    Clockless,
}

/// What comes behind the last item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ChannelPlay {
    /// The first item, again and again.
    Loop,
    /// Nothing.
    Once,
}

/// An item of a channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChannelItem {
    /// The recording.
    pub recording: String,
    /// Its stream.
    pub stream: String,
    /// Where the item begins, seconds from the beginning of the recording; absent when it begins with the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_s: Option<f64>,
    /// Where the item ends, seconds from the beginning of the recording; absent when it ends with the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_s: Option<f64>,
    /// How long it lasts, seconds.
    pub duration_s: f64,
}

/// The channels.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChannelList {
    /// By name.
    pub channels: Vec<Channel>,
    /// The value of `after` for the next request; null at the end of the list.
    pub next: Option<String>,
}

/// A channel that is not there any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChannelDeleted {
    /// Its name.
    pub name: String,
}
