//! How delivery is, for people and for whoever watches a fleet.

use serde::Serialize;

/// How delivery is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SyncStatus {
    /// Where recordings go.
    pub store: String,
    /// `online`, `offline`, `paused`, `waiting` for the hours in which anything is sent, or `starting`: nothing was sent yet.
    pub state: &'static str,
    /// Why it is offline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it is tried again, or when the hours begin: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Recordings that are closed and not delivered.
    pub waiting: u64,
    /// Bytes of their tape.
    pub waiting_bytes: u64,
    /// Recordings that were set aside.
    pub set_aside: u64,
    /// Bytes a second that went out, over the last seconds.
    pub rate: u64,
    /// Most bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<u64>,
    /// Bytes of files and their parts that the store said to have, since the service started.
    pub sent_bytes: u64,
    /// What the last check of the store found to be wrong, in sentences.
    pub problems: Vec<String>,
    /// What is being recorded, and when it goes; not all of it, if it is much.
    pub open: Vec<OpenStatus>,
    /// What is on its way.
    pub transfers: Vec<TransferStatus>,
    /// What was set aside, the newest first; not all of it, if it is much.
    pub failed: Vec<FailedStatus>,
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
    /// When it goes, in a sentence.
    pub goes: String,
    /// When viewers of its live playlist have the next chunk at the latest, as long as the link carries it: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// When the recording is closed at the latest, as far as its template says so: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
}

/// Something on its way.
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
    /// Bytes of it, as far as they are known now.
    pub bytes: u64,
}

/// Something that was set aside.
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
