//! The state of delivery, for people and for `health`.

use serde::Serialize;

/// The state of delivery.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SyncStatus {
    /// Where recordings go.
    pub store: String,
    /// `online`, `offline`, `paused`, `waiting` for the hours in which anything is sent, or `starting`: nothing was sent yet.
    pub state: &'static str,
    /// Since when it has this state, or since when the service has run.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub since: String,
    /// Why it is offline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When edgereel tries again, or when the hours begin: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Recordings that are closed and not delivered.
    pub waiting: u64,
    /// Bytes of their tape.
    pub waiting_bytes: u64,
    /// The files that wait, by format; of more than 1,000 recordings, those of the 1,000 that have waited longest.
    pub formats: Vec<WaitingFormat>,
    /// Seconds since the end of the recording that has waited longest; absent when nothing waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_s: Option<u64>,
    /// Recordings with failed deliveries.
    pub set_aside: u64,
    /// Bytes a second that were sent, over the last seconds.
    pub rate: u64,
    /// Most bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<u64>,
    /// Bytes of files and parts that the object store confirmed, since the service started.
    pub sent_bytes: u64,
    /// The problems that the last check of the object store found, in sentences.
    pub problems: Vec<String>,
    /// What is being recorded, and when it is sent; of very many, the first.
    pub open: Vec<OpenStatus>,
    /// The transfers that run.
    pub transfers: Vec<TransferStatus>,
    /// Failed deliveries, the newest first; of very many, the first.
    pub failed: Vec<FailedStatus>,
}

/// Files of one format that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WaitingFormat {
    /// The format.
    pub format: String,
    /// The number of files.
    pub files: u64,
    /// Bytes of the tape of their recordings: a file has about as many.
    pub bytes: u64,
}

/// Something that is being recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OpenStatus {
    /// The recording.
    pub recording: String,
    /// Its stream.
    pub stream: String,
    /// The format.
    pub format: String,
    /// Its key in the store; empty before it has one.
    pub key: String,
    /// Bytes that the store has of it.
    pub sent_bytes: u64,
    /// When it is sent, in a sentence.
    pub goes: String,
    /// The latest time at which viewers of its live playlist get the next chunk, if the link carries the stream: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// The latest time at which the recording is closed, if its template limits it: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
}

/// A delivery that is being sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TransferStatus {
    /// The recording.
    pub recording: String,
    /// The format.
    pub format: String,
    /// Its key in the store; of HLS, that of the playlist. Empty before it has one.
    pub key: String,
    /// Bytes that the store has of it.
    pub sent_bytes: u64,
    /// Its size in bytes, as far as it is known now.
    pub bytes: u64,
}

/// A failed delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FailedStatus {
    /// The recording.
    pub recording: String,
    /// The format.
    pub format: String,
    /// Its key in the store.
    pub key: String,
    /// Why.
    pub reason: String,
}
