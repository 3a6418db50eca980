//! `recording.list` and `recording.get`, of a running service or of the store alone.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::row_of;
use crate::api::answer::Failure;
use crate::api::arguments::{Limit, time, typed};
use crate::api::paged::fitting;
use crate::api::{Api, row};
use crate::config::Streams;
use crate::media::Micros;
use crate::model::Tags;
use crate::model::reply::{self, RecordingList};
use crate::store::{Cursor, Library, Order, Query, RecordingRow, RecordingState};

/// A list has at most this many gaps of a recording: the last ones.
const LIST_GAPS: usize = 20;
/// The most gaps in an answer about one recording: the last ones.
const MOST_GAPS: usize = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    stream: Option<Streams>,
    prefix: Option<String>,
    #[serde(default, deserialize_with = "time")]
    from: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    to: Option<Micros>,
    state: Option<RecordingState>,
    template: Option<String>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

pub(super) async fn list(api: &Api, arguments: Map<String, Value>) -> Result<RecordingList, Failure> {
    let query = Query {
        within: api.seen().clone(),
        held_back: api.moderates(),
        ..query(typed(arguments)?)?
    };
    let rows = api.read(move |library| library.page(&query).map(|rows| (query, rows)));
    let (query, rows) = rows.await?;
    Ok(page(&query, &rows, Some(api)))
}

fn query(asked: List) -> Result<Query, Failure> {
    let after = place(asked.after.as_deref(), Order::default())?;
    Ok(Query {
        stream: asked.stream,
        prefix: asked.prefix,
        from: asked.from,
        to: asked.to,
        state: asked.state,
        template: asked.template,
        tags: asked.tags.texts(),
        after,
        ..Query::new(asked.limit.0)
    })
}

/// The place at which a list goes on.
pub(super) fn place(after: Option<&str>, order: Order) -> Result<Option<Cursor>, Failure> {
    let after = after.map(|text| Cursor::read(text, order)).transpose();
    after.map_err(|_| {
        Failure::bad("after: expected what 'next' of the list before said, in the same order").about("after")
    })
}

/// As many of the rows as an answer may hold. `api` says where they play.
pub(super) fn page(query: &Query, rows: &[(Cursor, RecordingRow)], api: Option<&Api>) -> RecordingList {
    let address = api.and_then(Api::address);
    let shown = |(_, row): &(Cursor, RecordingRow)| {
        let shown = row::listed(row, LIST_GAPS, address.as_deref());
        match api {
            Some(api) => api.as_closed(row, shown),
            None => shown,
        }
    };
    let recordings = fitting(rows.iter().map(shown));
    let all = recordings.len() == rows.len() && rows.len() < query.limit;
    let last = recordings.len().checked_sub(1).and_then(|last| rows.get(last));
    let last = last.map(|(place, _)| place.to_string());
    RecordingList {
        recordings,
        next: last.filter(|_| !all),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    recording: String,
}

pub(super) async fn get(api: &Api, arguments: Map<String, Value>) -> Result<reply::Recording, Failure> {
    let One { recording } = typed(arguments)?;
    let row = row_of(api, recording).await?;
    let mut shown = row::bounded(&row, MOST_GAPS, api.address().as_deref());
    if row.composed {
        let id = row.id;
        let ranges = api.read(move |library| library.composed_of(id)).await?;
        row::with_ranges(&mut shown, &ranges);
    }
    Ok(api.as_closed(&row, shown))
}

/// The same list as [`list`], from the store alone.
pub(super) fn list_alone(library: &Library, arguments: Map<String, Value>) -> Result<RecordingList, Failure> {
    let query = query(typed(arguments)?)?;
    Ok(page(&query, &library.page(&query)?, None))
}

/// The same recording as [`get`], from the store alone.
pub(super) fn get_alone(
    library: &Library,
    arguments: Map<String, Value>,
) -> Result<reply::Recording, Failure> {
    let One { recording } = typed(arguments)?;
    let row = library.find(&recording)?;
    let mut shown = row::bounded(&row, MOST_GAPS, None);
    row::with_ranges(&mut shown, &library.composed_of(row.id)?);
    Ok(shown)
}
