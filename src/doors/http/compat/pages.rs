//! Pages by their number: how far they go, and what of the journal they are.

use super::fault::Fault;
use super::parameters::Parameters;
use crate::doors::http::answer::Refusal;
use crate::doors::http::door::Door;
use crate::doors::http::files::of_store;
use crate::store::{Query, RecordingRow};

/// The most recordings that a question finds, whatever its pages. The cloud's limit.
pub(super) const MOST: usize = 5_000;
/// The most recordings of a page, and those of one for which nobody asks.
const PAGE: i64 = 100;
const USUAL: i64 = 10;

/// A page by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// The recordings before it.
    pub(super) skip: usize,
    pub(super) size: usize,
}

impl Page {
    /// Takes the parameters with these names.
    pub(super) fn take(parameters: &mut Parameters, [number, size]: [&str; 2]) -> Result<Self, Fault> {
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let page = parameters.number(number, (1, most))?.unwrap_or(1);
        let size = parameters.number(size, (1, PAGE))?.unwrap_or(USUAL);
        let skip = (page - 1) * size;
        if skip >= most {
            let why = format!(
                "page {page} of {size} begins behind the first {MOST}, which are all that pages reach: ask for a shorter time"
            );
            return Err(Fault::Value(number.to_owned(), why));
        }
        let whole = |number: i64| usize::try_from(number).unwrap_or(MOST);
        Ok(Self {
            skip: whole(skip),
            size: whole(size.min(most - skip)),
        })
    }
}

/// The recordings of a page, what else the answer needs of the journal, and how many recordings there are in all, as far as pages
/// reach.
pub(super) async fn found<T: Send + 'static>(
    door: &Door,
    page: Page,
    query: Query,
    more: impl FnOnce(&crate::store::Library) -> Result<T, crate::store::StoreError> + Send + 'static,
) -> Result<(Vec<RecordingRow>, usize, T), Refusal> {
    let query = Query {
        limit: page.size,
        ..query
    };
    // One with times reads the rows of all that it finds. One at a time leaves the other readers to those who watch.
    let _turn = door.counting().await?;
    let read = move |library: &crate::store::Library| {
        let (rows, all) = library
            .numbered(&query, page.skip, MOST)
            .map_err(|error| of_store(&error))?;
        let more = more(library).map_err(|error| of_store(&error))?;
        Ok((rows, all, more))
    };
    door.read(read).await
}
