//! `timeline`.

use serde::Serialize;

/// Where there is tape of a stream, and how much.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Timeline {
    /// The stream.
    pub stream: String,
    /// Where the time line begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// The length of a part of `bytes`, seconds. Spans that are closer than that are one span. It is the requested length, doubled
    /// until the answer is small enough.
    pub resolution_s: f64,
    /// The parts of the time with tape of recordings, in order.
    pub spans: Vec<TimelineSpan>,
    /// Clips.
    pub clips: Vec<TimelineClip>,
    /// The number of further clips; absent when all are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_clips: Option<usize>,
    /// Bytes of tape in each part of the time, from `from` on. The last part may be shorter.
    pub bytes: Vec<u64>,
    /// The time zone of `days`.
    pub time_zone: String,
    /// The days of the calendar that the time line touches.
    pub days: Vec<TimelineDay>,
}

/// A part of the time with tape of the same recordings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TimelineSpan {
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// The recordings, without clips. None: only clips are of this tape. A span of a coarse time line lists the first eight.
    pub recordings: Vec<String>,
    /// The number of further recordings; absent when all are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_recordings: Option<usize>,
    /// Why no tape follows; absent when tape follows, and when the reason is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_reason: Option<String>,
}

/// A clip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TimelineClip {
    /// The recording that it is.
    pub recording: String,
    /// A name that somebody gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it begins on the time line.
    pub from: String,
    /// Where it ends on the time line.
    pub to: String,
}

/// A day of the calendar.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TimelineDay {
    /// The date, as in `2026-03-29`.
    pub date: String,
    /// Midnight at its beginning. A day has 23, 24 or 25 hours.
    pub from: String,
    /// Midnight at its end.
    pub to: String,
    /// Seconds of tape on this day, as far as the time line goes.
    pub duration_s: f64,
    /// Bytes of that tape.
    pub bytes: u64,
}
