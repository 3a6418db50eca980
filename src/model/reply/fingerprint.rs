//! `fingerprint.…`.

use serde::Serialize;

/// The fingerprint of a recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FingerprintOf {
    /// The recording.
    pub recording: String,
    /// How far it is.
    pub state: FingerprintState,
    /// How much of the recording was looked at, seconds.
    pub looked_s: f64,
    /// The number of its keyframes.
    pub keyframes: u64,
    /// Why it failed; absent where it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far a fingerprint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FingerprintState {
    /// Nobody asked for it.
    None,
    /// It is asked for.
    Waiting,
    /// A part of it is there.
    Making,
    /// It is there.
    Whole,
    /// It cannot be made.
    Failed,
}

/// Where pictures were found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FingerprintFound {
    /// The places, the best first.
    pub matches: Vec<FingerprintMatch>,
    /// How much was searched: hours of recordings that have a fingerprint, and that the caller may see.
    pub searched_h: f64,
    /// False where the search ended before it had looked at all of them, because it took 20 s.
    pub complete: bool,
    /// The number of recordings whose fingerprints are damaged and were not searched; absent when there are none. `fingerprint.create`
    /// makes them again.
    #[serde(skip_serializing_if = "super::recording::is_zero")]
    pub damaged: usize,
}

/// A place where pictures were found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FingerprintMatch {
    /// The recording.
    pub recording: String,
    /// The stream.
    pub stream: String,
    /// Where it begins, in seconds from the beginning of the recording.
    pub from_s: f64,
    /// Where it ends. One picture: where it is last seen without a pause of more than 10 s.
    pub to_s: f64,
    /// How many of the pictures are there, in per cent: 80 to 100.
    pub share: u32,
    /// How many of the 256 bits of a picture's hash differ in the mean: 0 to 31.
    pub distance: u32,
}
