//! Lists of recordings, read a page at a time.

use std::fmt;
use std::str::FromStr;

use super::journal::RecordingData;
use super::library::{Filter, Library, RecordingRow, RecordingState};
use super::{RecordingSpec, StoreError};
use crate::config::{StreamSet, Streams};
use crate::media::{Micros, RecordingId};

/// Recordings that [`Library::pages`] reads at once.
const PAGE: usize = 500;

/// The filter of a list of recordings, and the number that is read at one time.
#[derive(Clone, Debug)]
pub struct Query {
    /// Only recordings of these streams.
    pub stream: Option<Streams>,
    /// Only recordings of streams whose names begin with this.
    pub prefix: Option<String>,
    /// Only recordings of streams that the reader may see.
    pub within: StreamSet,
    /// Only recordings that end after this UTC time.
    pub from: Option<Micros>,
    /// Only recordings that start before this UTC time.
    pub to: Option<Micros>,
    /// Only recordings in this state.
    pub state: Option<RecordingState>,
    /// Only recordings of this template.
    pub template: Option<String>,
    /// Only recordings with all of these tags.
    pub tags: Vec<String>,
    /// Only recordings behind this place.
    pub after: Option<Cursor>,
    /// At most so many recordings.
    pub limit: usize,
}

/// A place in the list of all recordings, which is in the order of their starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Tape time at which the recording before this place begins.
    pub(super) start: Micros,
    /// The row of that recording.
    pub(super) recording: i64,
}

/// What the journal says of a recording without a look at its tape.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingHead {
    /// Its place in the list of all recordings.
    pub place: Cursor,
    /// Its id.
    pub id: RecordingId,
    /// Its state.
    pub state: RecordingState,
    /// The origin and the purpose of the recording.
    pub spec: RecordingSpec,
}

/// The error of a text that is no place in a list.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownCursor;

impl Default for Cursor {
    fn default() -> Self {
        Self {
            start: Micros::MIN,
            recording: i64::MIN,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.start, self.recording)
    }
}

impl FromStr for Cursor {
    type Err = UnknownCursor;

    fn from_str(text: &str) -> Result<Self, UnknownCursor> {
        let number = |text: &str| text.parse().map_err(|_| UnknownCursor);
        let (start, recording) = text.split_once('.').ok_or(UnknownCursor)?;
        Ok(Self {
            start: number(start)?,
            recording: number(recording)?,
        })
    }
}

impl Library {
    /// A page of recordings in the order of their starts, each with its place. Only the rows of the page are read, so a page
    /// costs about the same however many recordings there are.
    pub fn page(&self, query: &Query) -> Result<Vec<(Cursor, RecordingRow)>, StoreError> {
        let mut page = Vec::new();
        let mut query = query.clone();
        let limit = query.limit;
        while page.len() < limit {
            query.limit = limit - page.len();
            let found = self.rows(|journal| journal.candidates(&query))?;
            let all = found.len() < query.limit;
            query.after = found.last().map(|(place, _)| *place);
            page.extend(found.into_iter().filter(|(_, row)| {
                let ends_after = query.from.is_none_or(|from| row.end > from);
                ends_after && query.to.is_none_or(|to| row.start < to)
            }));
            if all {
                break;
            }
        }
        Ok(page)
    }

    /// A page of recordings in the order of their starts, without their segments: for who is to find a few among many. Times are
    /// compared to two minutes. A page with fewer recordings than its limit is the last one.
    pub fn heads(&self, query: &Query) -> Result<Vec<RecordingHead>, StoreError> {
        let found = self.journal().candidates(query)?;
        let head = |found: RecordingData| RecordingHead {
            place: Cursor {
                start: found.start,
                recording: found.key,
            },
            id: found.id,
            state: found.state,
            spec: found.spec,
        };
        Ok(found.into_iter().map(head).collect())
    }

    /// Hands recordings over, oldest first, some at a time, until there are no more or `each` returns false. So the memory does
    /// not grow with the store.
    pub fn pages(
        &self,
        filter: &Filter,
        mut each: impl FnMut(Vec<RecordingRow>) -> bool,
    ) -> Result<(), StoreError> {
        let mut query = Query {
            stream: filter.stream.clone(),
            prefix: None,
            within: StreamSet::All,
            from: filter.from,
            to: filter.to,
            state: None,
            template: None,
            tags: Vec::new(),
            after: None,
            limit: PAGE,
        };
        loop {
            let page = self.page(&query)?;
            query.after = page.last().map(|(place, _)| *place);
            let last = page.len() < PAGE;
            if !each(page.into_iter().map(|(_, row)| row).collect()) || last {
                return Ok(());
            }
        }
    }
}
