//! What `edgereel verify --json` says.

use serde::Serialize;

/// What was looked at, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verified {
    /// Nothing is wrong.
    pub sound: bool,
    /// Segments that were looked at.
    pub segments: u64,
    /// Fragments in them.
    pub fragments: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Segments that are being written, and were not judged.
    pub being_written: u64,
    /// What was repaired, in words.
    pub repaired: Vec<String>,
    /// What is wrong; of very many, the first.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub problems_left_out: u64,
    /// Files in `lost+found`; of very many, the first.
    pub lost_found: Vec<String>,
    /// How many there are.
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
    /// The part of it; null where it is about all of the file.
    pub fragment: Option<ProblemFragment>,
    /// What is wrong, in words.
    pub what: String,
    /// The recordings that have it.
    pub recordings: Vec<String>,
}

/// A fragment that something is wrong with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProblemFragment {
    /// Its place in the segment.
    pub number: u32,
    /// Where it is in the file.
    pub offset: u64,
    /// When it starts.
    pub start: String,
    /// Its length, seconds.
    pub duration_s: f64,
}
