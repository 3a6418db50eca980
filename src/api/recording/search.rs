//! `recording.search`, of a running service or of the store alone: the rows of `recording.list`, found by more and in more orders.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::list::{page, place};
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::arguments::{Limit, time, typed};
use crate::api::command::{AFTER, Kind, LIMIT, STREAMS, Values, takes};
use crate::config::Streams;
use crate::media::Micros;
use crate::model::reply::{Argument, RecordingList};
use crate::model::{CategoryId, Origin, Tags, Words};
use crate::store::{Cursor, Library, Order, Query, RecordingRow, RecordingState, Reviewed, Sort, StoreError};

pub(super) const ARGUMENTS: &[Argument] = &[
    takes(
        "text",
        Kind::Text,
        "only recordings with this in their titles, in small or capital letters; at most 64 characters",
    ),
    takes(
        "prefix",
        Kind::Text,
        "only recordings whose names, or the names of whose streams, begin with this; at most 255 characters",
    )
    .of(Values::Streams),
    takes("tags", Kind::Texts, "only recordings that have all of these tags"),
    takes(
        "any_tags",
        Kind::Texts,
        "only recordings that have one of these tags",
    ),
    takes(
        "category",
        Kind::Text,
        "only recordings of this category, or of one within it",
    ),
    STREAMS,
    takes(
        "domain",
        Kind::Text,
        "only recordings whose publishers addressed this host",
    ),
    takes("from", Kind::Time, "only recordings that end after this time"),
    takes("to", Kind::Time, "only recordings that start before this time"),
    takes(
        "min_length_s",
        Kind::Seconds,
        "only recordings at least so long, gaps not counted; an open one is longer than any",
    ),
    takes(
        "max_length_s",
        Kind::Seconds,
        "only recordings at most so long; at most 10 years",
    ),
    takes(
        "min_bytes",
        Kind::Number,
        "only recordings with at least so many bytes of tape; an open one has more than any",
    ),
    takes(
        "max_bytes",
        Kind::Number,
        "only recordings with at most so many bytes of tape",
    ),
    takes(
        "state",
        Kind::Text,
        "only this state: open, closed, delivered or expired",
    )
    .of(Values::Words(&["open", "closed", "delivered", "expired"])),
    takes(
        "origin",
        Kind::Text,
        "only what was begun by: rule, push, manual, task or clip",
    )
    .of(Values::Words(&["rule", "push", "manual", "task", "clip"])),
    takes(
        "review",
        Kind::Text,
        "only what a review says this of: pass, review or block; none: nobody reviewed it",
    )
    .of(Values::Words(&["pass", "review", "block", "none"])),
    takes("template", Kind::Text, "only recordings made by this template").of(Values::Templates),
    takes(
        "sort",
        Kind::Text,
        "the order: start, end, length or bytes; default start",
    )
    .of(Values::Words(&["start", "end", "length", "bytes"])),
    takes(
        "descending",
        Kind::Switch,
        "the last, longest or largest come first; default false",
    ),
    LIMIT,
    AFTER,
];

/// The longest length that can be asked for, in seconds: 10 years.
const LONGEST: f64 = 315_576_000.0;

/// Names of streams, and what people call recordings.
type Name = Words<255>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    text: Option<Words<64>>,
    prefix: Option<Name>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    any_tags: Tags,
    category: Option<CategoryId>,
    stream: Option<Streams>,
    domain: Option<Name>,
    #[serde(default, deserialize_with = "time")]
    from: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    to: Option<Micros>,
    #[serde(default, deserialize_with = "length")]
    min_length_s: Option<Micros>,
    #[serde(default, deserialize_with = "length")]
    max_length_s: Option<Micros>,
    min_bytes: Option<u64>,
    max_bytes: Option<u64>,
    state: Option<RecordingState>,
    origin: Option<Origin>,
    review: Option<Reviewed>,
    template: Option<Name>,
    #[serde(default)]
    sort: Sort,
    #[serde(default)]
    descending: bool,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

fn length<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Micros>, D::Error> {
    match Option::<f64>::deserialize(from)? {
        None => Ok(None),
        Some(seconds) if (0.0..=LONGEST).contains(&seconds) => Ok(Some((seconds * 1e6).round() as Micros)),
        Some(seconds) => Err(serde::de::Error::custom(format!(
            "{seconds} is not a number of seconds from 0 to 10 years"
        ))),
    }
}

/// What was found: rows, or the category that there is not.
type Found = Result<Vec<(Cursor, RecordingRow)>, CategoryId>;

pub(super) async fn search(api: &Api, arguments: Map<String, Value>) -> Result<RecordingList, Failure> {
    let query = Query {
        within: api.seen().clone(),
        held_back: api.moderates(),
        ..query(typed(arguments)?)?
    };
    let found = api.read(move |library| found(library, &query).map(|rows| (query, rows)));
    let (query, rows) = found.await?;
    Ok(page(&query, &rows.map_err(unknown)?, Some(api)))
}

/// The same list as [`search`], from the store alone.
pub(super) fn search_alone(
    library: &Library,
    arguments: Map<String, Value>,
) -> Result<RecordingList, Failure> {
    let query = query(typed(arguments)?)?;
    let rows = found(library, &query)?;
    Ok(page(&query, &rows.map_err(unknown)?, None))
}

fn found(library: &Library, query: &Query) -> Result<Found, StoreError> {
    let rows = library.page(query)?;
    match &query.category {
        // Nobody is to take a category that is written wrongly for an empty one.
        Some(id) if rows.is_empty() && library.categories()?.iter().all(|of| of.category != *id) => {
            Ok(Err(id.clone()))
        }
        _ => Ok(Ok(rows)),
    }
}

fn unknown(category: CategoryId) -> Failure {
    let text = format!("there is no category '{}'", category.as_str());
    Failure::new(Code::NotFound, text).about("category")
}

fn query(asked: Search) -> Result<Query, Failure> {
    let order = Order {
        sort: asked.sort,
        descending: asked.descending,
    };
    let length = (asked.min_length_s, asked.max_length_s);
    let bytes = (asked.min_bytes, asked.max_bytes);
    in_order(asked.from, asked.to, ["from", "to"])?;
    in_order(length.0, length.1, ["min_length_s", "max_length_s"])?;
    in_order(bytes.0, bytes.1, ["min_bytes", "max_bytes"])?;
    let text = |name: Option<Name>| name.map(|name| name.as_str().to_owned());
    Ok(Query {
        stream: asked.stream,
        begins: text(asked.prefix),
        from: asked.from,
        to: asked.to,
        state: asked.state,
        template: text(asked.template),
        origin: asked.origin,
        review: asked.review,
        domain: text(asked.domain),
        tags: asked.tags.texts(),
        any_tags: asked.any_tags.texts(),
        category: asked.category,
        text: asked.text.map(|text| text.as_str().to_owned()),
        length,
        bytes,
        order,
        after: place(asked.after.as_deref(), order)?,
        ..Query::new(asked.limit.0)
    })
}

/// Refuses a range of which the end comes before the beginning.
fn in_order<T: PartialOrd>(
    least: Option<T>,
    most: Option<T>,
    [first, last]: [&str; 2],
) -> Result<(), Failure> {
    match (least, most) {
        (Some(least), Some(most)) if most < least => {
            Err(Failure::bad(format!("'{last}' is less than '{first}'")).about(last))
        }
        _ => Ok(()),
    }
}
