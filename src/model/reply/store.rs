//! `store.…`.

use serde::Serialize;

/// The storage directory: which box it belongs to, its space, and how far back its tape reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoreStatus {
    /// It belongs to this box.
    pub own: bool,
    /// Its space; null when the storage device does not answer.
    pub space: Option<StoreSpace>,
    /// How far back the tape reaches, by stream; at most 100 streams.
    pub streams: Vec<StoreStream>,
    /// There are more streams with tape.
    pub more_streams: bool,
}

/// The space of the tape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoreSpace {
    /// Bytes that media takes.
    pub used: u64,
    /// Bytes that are left until the next eviction.
    pub left: u64,
    /// Most bytes that media may take; null where `storage.quota` is not set.
    pub quota: Option<u64>,
    /// Bytes of the file system.
    pub total: u64,
    /// Bytes of it that are free.
    pub free: u64,
    /// Recordings that somebody protected.
    pub protected: StoreKept,
    /// Recordings that channels show.
    pub in_channels: StoreKept,
    /// Recordings that are not delivered yet; null where nothing is delivered.
    pub undelivered: Option<StoreKept>,
    /// Percent of the life of the storage device that are used at most, as the device says; 101 when it has outlived the estimate
    /// of its maker. Null where the device says nothing, as SD cards.
    pub life_used: Option<u8>,
    /// The device says that few of its spare blocks are left; null where it says nothing.
    pub is_failing: Option<bool>,
}

/// Recordings that keep their space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoreKept {
    /// Recordings.
    pub recordings: u64,
    /// Bytes of their tape. What several recordings have counts for each.
    pub bytes: u64,
    /// There may be more, which were not counted.
    pub more: bool,
}

/// The tape of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoreStream {
    /// The stream.
    pub stream: String,
    /// When its oldest complete segment begins.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub from: String,
    /// When its newest complete segment ends.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub to: String,
}

/// The storage directory belongs to this box now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoreAdopted {
    /// Always true.
    pub own: bool,
    /// It came from another box before.
    pub adopted: bool,
}
