//! Lists that are in memory, a page at a time.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::Failure;
use super::arguments::{Limit, typed};

/// A page has at most this many bytes of rows, so that the answer around it fits, too.
const PAGE_BYTES: usize = 60 << 10;

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    skip: usize,
    limit: usize,
}

/// The arguments of a list that has no other ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

impl Window {
    /// Reads the [arguments](super::command::PAGE) of a list that has no other ones.
    pub(super) fn of(arguments: Map<String, Value>) -> Result<Self, Failure> {
        let Page { limit, after } = typed(arguments)?;
        Self::new(limit, after.as_deref())
    }

    /// The number of rows before the page.
    pub(super) fn skip(self) -> usize {
        self.skip
    }

    /// `after` is the number of rows that were listed before, as `next` gave it.
    pub(super) fn new(limit: Limit, after: Option<&str>) -> Result<Self, Failure> {
        let skip = after.map_or(Ok(0), str::parse);
        let skip = skip.map_err(|_| {
            Failure::bad("after: expected what 'next' of the list before said").about("after")
        })?;
        Ok(Self { skip, limit: limit.0 })
    }
}

/// A page, and where the next page begins if there is one.
pub(super) fn paged<T, Row: Serialize>(
    window: Window,
    all: &[T],
    shown: impl Fn(&T) -> Row,
) -> (Vec<Row>, Option<String>) {
    let page = fitting(all.iter().skip(window.skip).take(window.limit).map(shown));
    let end = window.skip.saturating_add(page.len());
    let next = (end < all.len() && !page.is_empty()).then(|| end.to_string());
    (page, next)
}

/// The first of these rows, as many as an answer may hold, and at least one. The list goes on behind them.
pub(super) fn fitting<Row: Serialize>(rows: impl Iterator<Item = Row>) -> Vec<Row> {
    let mut page = Vec::new();
    let mut bytes = 0;
    for row in rows {
        bytes += serde_json::to_string(&row).map_or(0, |text| text.len()) + 1;
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(row);
    }
    page
}
