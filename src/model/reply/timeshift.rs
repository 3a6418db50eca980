//! Where streams can be played at another time than now.

use serde::Serialize;

/// The streams with tape between two moments.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TimeShiftStreams {
    /// The number of these streams, on all pages.
    pub total: usize,
    /// The streams of this page, in the order of their names.
    pub streams: Vec<TimeShiftStream>,
}

/// A stream with tape between two moments.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TimeShiftStream {
    /// The stream.
    pub stream: String,
    /// Where its tape begins between the two moments.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// Seconds of tape, without gaps.
    pub duration_s: f64,
}

/// The parts of the time in which there is tape of a stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TimeShiftRanges {
    /// The stream.
    pub stream: String,
    /// The parts of the time, in order. At most 200: where there would be more, the shortest gaps are left out.
    pub ranges: Vec<TimeShiftRange>,
}

/// A part of the time with tape of a stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TimeShiftRange {
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// Where viewers play it, where the box has an address for viewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
