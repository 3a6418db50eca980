//! Lists of recordings, read a page at a time.

use std::collections::HashMap;
use std::fmt;

use super::journal::{Journal, RecordingData};
use super::library::{Filter, Library, RecordingRow, RecordingState};
use super::summary::Summary;
use super::tally::Extent;
use super::{RecordingSpec, StoreError};
use crate::config::{StreamSet, Streams};
use crate::media::{Micros, RecordingId, Tracks};
use crate::model::{CategoryId, Form, Note, Origin};

/// Recordings that [`Library::pages`] reads at once.
const PAGE: usize = 500;

/// The filter of a list of recordings, its order, and the number that is read at one time.
#[derive(Clone, Debug)]
pub struct Query {
    /// Only recordings of these streams.
    pub stream: Option<Streams>,
    /// Only recordings of streams whose names begin with this.
    pub prefix: Option<String>,
    /// Only recordings of streams that the reader may see.
    pub within: StreamSet,
    /// Only recordings whose names, or the names of whose streams, begin with this.
    pub begins: Option<String>,
    /// Only recordings that end after this UTC time.
    pub from: Option<Micros>,
    /// Only recordings that start before this UTC time.
    pub to: Option<Micros>,
    /// Only recordings in this state.
    pub state: Option<RecordingState>,
    /// Only recordings of this template.
    pub template: Option<String>,
    /// Only recordings of this origin.
    pub origin: Option<Origin>,
    /// Only recordings whose publishers addressed this host.
    pub domain: Option<String>,
    /// Only recordings with all of these tags.
    pub tags: Vec<String>,
    /// Only recordings with one of these tags.
    pub any_tags: Vec<String>,
    /// Only recordings of this category, or of one within it.
    pub category: Option<CategoryId>,
    /// Only recordings with this text in their titles, whether its letters are small or capital ones.
    pub text: Option<String>,
    /// Only recordings at least and at most so long. A recording that grows is longer than any.
    pub length: (Option<Micros>, Option<Micros>),
    /// Only recordings with at least and at most so many bytes. A recording that grows has more than any.
    pub bytes: (Option<u64>, Option<u64>),
    /// Only recordings of which a review says this.
    pub review: Option<Reviewed>,
    /// The streams of which the reader also sees what is held back.
    pub held_back: StreamSet,
    /// The order of the list.
    pub order: Order,
    /// Only recordings behind this place, which is one of a list in this order.
    pub after: Option<Cursor>,
    /// At most so many recordings.
    pub limit: usize,
}

impl Query {
    /// All recordings, oldest first, at most so many at one time.
    pub fn new(limit: usize) -> Self {
        Self {
            stream: None,
            prefix: None,
            within: StreamSet::All,
            begins: None,
            from: None,
            to: None,
            state: None,
            template: None,
            origin: None,
            domain: None,
            tags: Vec::new(),
            any_tags: Vec::new(),
            category: None,
            text: None,
            length: (None, None),
            bytes: (None, None),
            review: None,
            held_back: StreamSet::All,
            order: Order::default(),
            after: None,
            limit,
        }
    }
}

/// What a review says of the recordings of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reviewed {
    /// Somebody passed them.
    Pass,
    /// They are to be reviewed.
    Review,
    /// They are blocked.
    Block,
    /// Nobody said anything of them.
    None,
}

/// What a list is in the order of. A recording that is open comes behind all others in each order but that of the starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The start. It is the order of the tape, whatever the clock said.
    #[default]
    Start,
    /// The end.
    End,
    /// The length, gaps not counted.
    Length,
    /// The bytes of the tape.
    Bytes,
}

/// The order of a list. Recordings with the same value are in the order in which they were begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// What it is the order of.
    pub sort: Sort,
    /// The largest, or last, come first.
    pub descending: bool,
}

/// A place in a list of recordings. It holds while recordings come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The order of the list.
    pub(super) order: Order,
    /// What the list is in the order of, of the recording before this place.
    pub(super) value: i64,
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

/// A text without a difference of small and capital letters, in any script: of each letter the small one of its capital one. So `ß`
/// is `ss`, and all kinds of sigma are one.
pub(super) fn folded(text: &str) -> String {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

impl Order {
    /// How a place in a list in this order begins, as a text.
    fn word(self) -> &'static str {
        match (self.sort, self.descending) {
            (Sort::Start, false) => "",
            (Sort::Start, true) => "start-",
            (Sort::End, false) => "end+",
            (Sort::End, true) => "end-",
            (Sort::Length, false) => "length+",
            (Sort::Length, true) => "length-",
            (Sort::Bytes, false) => "bytes+",
            (Sort::Bytes, true) => "bytes-",
        }
    }
}

impl Cursor {
    /// The place before all recordings of a list.
    pub(super) fn before_all(order: Order) -> Self {
        let first = if order.descending { i64::MAX } else { i64::MIN };
        Self {
            order,
            value: first,
            recording: first,
        }
    }

    /// The place behind a recording.
    fn behind(of: &RecordingData, order: Order) -> Self {
        let grows = of.state == RecordingState::Open;
        let value = match order.sort {
            Sort::Start => of.start,
            Sort::End if grows => Micros::MAX,
            Sort::End => of.end,
            Sort::Length => of.length.unwrap_or(Micros::MAX),
            Sort::Bytes => of.bytes.unwrap_or(Micros::MAX),
        };
        Self {
            order,
            value,
            recording: of.key,
        }
    }

    /// Reads a place in a list in this order, as it was written.
    pub fn read(text: &str, order: Order) -> Result<Self, UnknownCursor> {
        let number = |text: &str| text.parse().map_err(|_| UnknownCursor);
        let place = text.strip_prefix(order.word()).ok_or(UnknownCursor)?;
        let (value, recording) = place.split_once('.').ok_or(UnknownCursor)?;
        Ok(Self {
            order,
            value: number(value)?,
            recording: number(recording)?,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}.{}", self.order.word(), self.value, self.recording)
    }
}

impl Library {
    /// A page of recordings, each with its place. Only the rows of the page are read.
    pub fn page(&self, query: &Query) -> Result<Vec<(Cursor, RecordingRow)>, StoreError> {
        let mut page = Vec::new();
        let mut query = query.clone();
        let limit = query.limit;
        while page.len() < limit {
            query.limit = limit - page.len();
            let found = self.rows(query.order, |journal| journal.candidates(&query))?;
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

    /// The recordings of a query behind so many others, as many as its limit, and how many answer it in all, at most `most`. Where
    /// the query asks for no time, only the rows of the page are read; else those of all, some at a time.
    pub fn numbered(
        &self,
        query: &Query,
        skip: usize,
        most: usize,
    ) -> Result<(Vec<RecordingRow>, usize), StoreError> {
        if query.from.is_none() && query.to.is_none() {
            let mut all = 0;
            let rows = self.rows(query.order, |journal| {
                let whole = Query {
                    limit: most,
                    ..query.clone()
                };
                let found = journal.found(&whole)?;
                all = found.len();
                let page: Vec<i64> = found.into_iter().skip(skip).take(query.limit).collect();
                journal.these(&page)
            })?;
            return Ok((rows.into_iter().map(|(_, row)| row).collect(), all));
        }
        let (mut page, mut all) = (Vec::new(), 0);
        let mut part = query.clone();
        while all < most {
            part.limit = PAGE.min(most - all);
            let rows = self.page(&part)?;
            part.after = rows.last().map(|(place, _)| *place);
            let (count, before) = (rows.len(), all);
            all += count;
            let shown = rows.into_iter().skip(skip.saturating_sub(before));
            page.extend(
                shown
                    .take(query.limit.saturating_sub(page.len()))
                    .map(|(_, row)| row),
            );
            if count < part.limit {
                break;
            }
        }
        Ok((page, all))
    }

    /// A page of recordings without their tape: for who is to find a few among many. Times are
    /// compared to two minutes. A page with fewer recordings than its limit is the last one.
    pub fn heads(&self, query: &Query) -> Result<Vec<RecordingHead>, StoreError> {
        let found = self.journal().candidates(query)?;
        let head = |found: RecordingData| RecordingHead {
            place: Cursor::behind(&found, query.order),
            id: found.id,
            state: found.state,
            spec: found.spec,
        };
        Ok(found.into_iter().map(head).collect())
    }

    /// The rows of lists for these recordings. Each kind of rows is read with one query for all recordings, and all of them at
    /// one moment of the journal. The sealed tape of each was added up before.
    pub(super) fn rows(
        &self,
        order: Order,
        which: impl FnOnce(&Journal) -> Result<Vec<RecordingData>, StoreError>,
    ) -> Result<Vec<(Cursor, RecordingRow)>, StoreError> {
        let journal = self.journal();
        let mut zeros: HashMap<i64, Micros> = HashMap::new();
        let (mut rows, open) = journal.snapshot(|| {
            let mut found = which(&journal)?;
            let keys: Vec<i64> = found.iter().map(|row| row.key).collect();
            let places: HashMap<i64, usize> = keys.iter().copied().zip(0..).collect();
            let mut tallies = Vec::with_capacity(found.len());
            for row in &mut found {
                tallies.push(match row.tally.take() {
                    Some(tally) => tally,
                    None => journal.added_up(row.key)?,
                });
            }
            let mut publishes: Vec<i64> = tallies
                .iter()
                .flat_map(|tally| tally.runs.iter().map(|run| run.publish))
                .collect();
            publishes.sort_unstable();
            publishes.dedup();
            journal.zeros(&publishes, |publish, zero| {
                zeros.insert(publish, zero);
            })?;
            let mut tracks: HashMap<i64, Tracks> = HashMap::new();
            let last: Vec<i64> = tallies.iter().map(|tally| tally.last).collect();
            journal.tracks_of_each(&last, |segment, of| drop(tracks.insert(segment, of.clone())))?;
            let composed = found.iter().filter(|row| row.composed);
            let composed: Vec<i64> = composed.map(|row| row.key).collect();
            let in_step = found.iter().filter(|row| row.form == Form::InStep);
            let in_step: Vec<i64> = in_step.map(|row| row.key).collect();
            let mut rows: Vec<Summary> = Vec::with_capacity(found.len());
            for (row, tally) in found.into_iter().zip(tallies) {
                let (place, last) = (Cursor::behind(&row, order), tally.last);
                let mut row = Summary::new(row, place, tally);
                if let Some(tracks) = tracks.get(&last) {
                    row.tracks(tracks);
                }
                rows.push(row);
            }
            for (key, rendition) in journal.renditions_of(&keys)? {
                if let Some(row) = places.get(&key).and_then(|place| rows.get_mut(*place)) {
                    row.renditions(rendition);
                }
            }
            if let ([key], [row]) = (composed.as_slice(), rows.as_mut_slice()) {
                row.tape(journal.tape_of_composition(*key)?);
            }
            for (key, stream) in journal.other_streams(&composed)? {
                if let Some(row) = places.get(&key).and_then(|place| rows.get_mut(*place)) {
                    row.also(stream);
                }
            }
            let mut beside: HashMap<i64, Vec<Tracks>> = HashMap::new();
            if !in_step.is_empty() {
                for (key, tracks) in journal.tracks_of_ranges(&in_step)? {
                    beside.entry(key).or_default().push(tracks);
                }
            }
            for (key, tracks) in beside {
                if let Some(row) = places.get(&key).and_then(|place| rows.get_mut(*place)) {
                    row.tracks_in_step(&tracks);
                }
            }
            let mut notes: HashMap<i64, Vec<Note>> = HashMap::new();
            for (key, note) in journal.notes_of(&keys)? {
                notes.entry(key).or_default().push(note);
            }
            for (key, notes) in notes {
                if let Some(row) = places.get(&key).and_then(|place| rows.get_mut(*place)) {
                    row.notes(notes);
                }
            }
            let open = journal.open_of(&keys)?.into_iter();
            let open =
                open.filter_map(|(key, publish, segment)| Some((*places.get(&key)?, publish, segment)));
            Ok((rows, open.collect::<Vec<_>>()))
        })?;
        drop(journal);
        // An open segment may be part of several recordings; its file is examined once.
        let mut extents = HashMap::new();
        for (place, publish, segment) in open {
            let extent = extents
                .entry(segment.id)
                .or_insert_with(|| self.open_extent(&segment));
            if let (Some(row), Some(extent)) = (rows.get_mut(place), extent) {
                zeros.insert(publish, segment.utc_zero.saturating_sub(segment.tape_zero));
                row.add(&Extent { publish, ..*extent }, &segment.tracks);
            }
        }
        Ok(rows.into_iter().map(|row| row.finish(&zeros)).collect())
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
            from: filter.from,
            to: filter.to,
            ..Query::new(PAGE)
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
