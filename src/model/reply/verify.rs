//! The document that `edgereel verify --json` prints.

use serde::Serialize;

/// What was checked, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verified {
    /// Nothing is wrong.
    pub sound: bool,
    /// Segments that were checked.
    pub segments: u64,
    /// Fragments that were checked.
    pub fragments: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Segments that are being written, and were not checked.
    pub being_written: u64,
    /// What was repaired, in words.
    pub repaired: Vec<String>,
    /// What is wrong; the first 100,000.
    pub problems: Vec<Problem>,
    /// How many more problems there are.
    pub problems_left_out: u64,
    /// Files in `lost+found`; the first 100.
    pub lost_found: Vec<String>,
    /// How many files are in `lost+found`.
    pub lost_found_count: u64,
    /// Folders of journals that were set aside.
    pub journals_set_aside: Vec<String>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    /// The file.
    pub path: String,
    /// The segment; null where none is known.
    pub segment: Option<String>,
    /// The damaged fragment; null where the problem concerns the whole file.
    pub fragment: Option<ProblemFragment>,
    /// What is wrong, in words.
    pub what: String,
    /// The recordings that contain the segment.
    pub recordings: Vec<String>,
}

/// A damaged fragment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProblemFragment {
    /// Its number in the segment, from 1.
    pub number: u32,
    /// The byte of the file at which it begins.
    pub offset: u64,
    /// The time of its first sample, RFC 3339.
    pub start: String,
    /// Its length, seconds.
    pub duration_s: f64,
}
