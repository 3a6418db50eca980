//! Recordings a page at a time.

use std::collections::HashMap;

use super::StoreError;
use super::library::{Library, RecordingRow, RecordingState};
use crate::media::{Micros, StreamName};

/// Which recordings are asked for, and how many at once.
#[derive(Clone, Debug)]
pub struct Query {
    /// Of this stream alone.
    pub stream: Option<StreamName>,
    /// Of streams whose names begin so.
    pub prefix: Option<String>,
    /// That end after this UTC time.
    pub from: Option<Micros>,
    /// That start before this UTC time.
    pub to: Option<Micros>,
    /// In this state.
    pub state: Option<RecordingState>,
    /// Made by this template.
    pub template: Option<String>,
    /// With all of these tags.
    pub tags: Vec<String>,
    /// Behind this place.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Library {
    /// A page of recordings in the order in which they were begun, each with its place. What is not asked for is not
    /// read: pages cost about the same however many recordings there are.
    pub fn page(&self, query: &Query) -> Result<Vec<(i64, RecordingRow)>, StoreError> {
        let mut page = Vec::new();
        // A segment that is open may be part of several recordings; its file is looked at once.
        let mut open = HashMap::new();
        let mut after = query.after.unwrap_or(i64::MIN);
        while page.len() < query.limit {
            let wanted = query.limit - page.len();
            let journal = self.journal();
            let found = journal.snapshot(|| {
                let mut found = Vec::new();
                for (place, id) in journal.candidates(query, after, wanted)? {
                    if let Some(row) = journal.recording(id)? {
                        let segments = journal.segments_of(&row)?;
                        found.push((place, row, segments));
                    }
                }
                Ok(found)
            })?;
            drop(journal);
            let all = found.len() < wanted;
            for (place, row, segments) in found {
                after = place;
                let row = self.row(row, &segments, &mut open)?;
                let ends_after = query.from.is_none_or(|from| row.end > from);
                if ends_after && query.to.is_none_or(|to| row.start < to) {
                    page.push((place, row));
                }
            }
            if all {
                break;
            }
        }
        Ok(page)
    }
}
