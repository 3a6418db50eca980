//! Alibaba's question where there is tape of a stream, with its answer.
//!
//! Source: Alibaba Cloud *Time shifting*, "Query the time shifting timeline". AliPlayer reads `current`, the first `start` and the
//! last `end`.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Serialize;

use super::refusal;
use crate::config::Http;
use crate::doors::http::answer::{Answer, Refusal, json};
use crate::doors::http::door::Door;
use crate::doors::http::files::{Bounds, within};
use crate::doors::http::query::Query;
use crate::event::Dialect;
use crate::media::Micros;
use crate::timeshift::{self, TimelineAsked};

const SECOND: Micros = 1_000_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    ret_code: u8,
    description: &'static str,
    content: Content,
}

#[derive(Serialize)]
struct Content {
    /// Seconds since 1970.
    current: i64,
    timeline: Vec<Span>,
}

/// A part of the time with tape, in seconds since 1970.
#[derive(Serialize)]
struct Span {
    start: i64,
    end: i64,
}

/// Reads the question.
pub(in crate::doors::http) fn asked(query: &Query, http: &Http) -> Result<TimelineAsked, Refusal> {
    if !http.dialects.contains(&Dialect::Aliyun) {
        return Err(Refusal::not_found(
            "http.dialects does not name aliyun, whose question this is",
        ));
    }
    timeshift::timeline(&query.iter().collect()).map_err(refusal)
}

/// Answers the question.
pub(in crate::doors::http) async fn timeline(
    door: &Arc<Door>,
    asked: TimelineAsked,
    bounds: Bounds,
) -> Result<Answer, Refusal> {
    let now = door.utc();
    let (from, to) = within((Some(asked.from), Some(asked.to)), bounds);
    let (from, to) = (from.unwrap_or(asked.from), to.unwrap_or(asked.to));
    let ranges = if from < to {
        door.api.ranges(asked.stream, from, to).await?
    } else {
        Vec::new()
    };
    let spans = ranges.into_iter().map(|(from, to)| Span {
        start: from.div_euclid(SECOND),
        end: to.saturating_add(SECOND - 1).div_euclid(SECOND),
    });
    let reply = Reply {
        ret_code: 0,
        description: "success",
        content: Content {
            current: now.div_euclid(SECOND),
            timeline: spans.collect(),
        },
    };
    Ok(json(StatusCode::OK, &reply))
}
