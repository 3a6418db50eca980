//! `/metrics`: the numbers of the box, for Prometheus and whatever reads its formats.
//!
//! ```text
//! api::Figures ─┐
//!               ├─► Facts ─► families ─► text 0.0.4, or OpenMetrics 1.0 by `Accept`
//! the door ─────┘
//! ```
//!
//! All of it is pure: the facts go in, the text comes out. It is made when somebody asks. Labels are bounded: names of streams
//! are those of `Figures`, at most 256, and of these the ones that the viewer may see; all other labels are words of fixed
//! lists, or names of the configuration.

mod accept;
mod families;
#[cfg(test)]
mod tests;
mod text;

use accept::Format;

use crate::api::{ByWord, Figures};
use crate::media::StreamName;

/// What the metrics are made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    /// The numbers of the box.
    pub(super) figures: Figures,
    /// The numbers of the door.
    pub(super) http: HttpFigures,
}

/// The numbers of the door, since the service started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HttpFigures {
    /// Requests: route, status, number. Pairs that never were are left out.
    pub(super) requests: Vec<(&'static str, &'static str, u64)>,
    /// Bytes of bodies, by route.
    pub(super) sent: ByWord,
    /// Addresses that read media now, or did lately.
    pub(super) viewers: u64,
    /// Responses that are being sent.
    pub(super) open: u64,
}

/// The metrics for a request with this `Accept`, from somebody who may see these streams: the `Content-Type`, and the text.
pub(super) fn answer(
    facts: &Facts,
    accept: Option<&str>,
    sees: impl Fn(&StreamName) -> bool,
) -> (&'static str, String) {
    let format = Format::of(accept);
    (
        format.content_type(),
        text::written(&families::families(facts, sees), format),
    )
}
