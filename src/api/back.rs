//! How far back viewers may go by time shift, also while the box does not know the time.

use super::Api;
use super::answer::Failure;
use crate::media::{Micros, StreamName};
use crate::model::Span;

/// What is dated so much later than now was dated by another clock. A publisher may be ahead of time, by less.
const AHEAD: Micros = 600_000_000;

/// How far back viewers of a stream may go, where that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    /// By so much.
    pub span: Span,
    /// UTC, as far as the box knows.
    now: Micros,
    /// While the clock is not believed: UTC of the end of the newest tape that was dated by one that was. It is later than that by
    /// now.
    newest: Option<Micros>,
}

impl Back {
    /// UTC before which a viewer may not go who asks for a moment (UTC). Of what lies ahead of a clock that is not believed, the
    /// newest tape says how late it is at least. What is recorded meanwhile is dated by the clock.
    pub fn oldest(&self, at: Micros) -> Micros {
        let newest = self.newest.filter(|_| self.is_ahead(at));
        let now = newest.map_or(self.now, |newest| newest.max(self.now));
        now.saturating_sub(self.span.as_micros())
    }

    /// True for media that ends at this moment (UTC), where a range of what the clock says does not leave it out.
    pub fn has_ahead(&self, ends: Micros) -> bool {
        !self.is_ahead(ends) || ends > self.oldest(ends)
    }

    fn is_ahead(&self, at: Micros) -> bool {
        at > self.now.saturating_add(AHEAD)
    }
}

impl Api {
    /// How far back viewers of a stream may go, if the template of its rule limits that.
    pub async fn back(&self, stream: &StreamName) -> Result<Option<Back>, Failure> {
        let Some(span) = self.recorder.time_shift(stream) else {
            return Ok(None);
        };
        let now = self.now();
        let newest = match self.recorder.believed_utc() {
            Some(_) => None,
            None => {
                let stream = stream.clone();
                self.read(move |library| library.dated_until(&stream)).await?
            }
        };
        Ok(Some(Back { span, now, newest }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Micros = 3_600_000_000;

    #[test]
    fn a_clock_that_is_not_believed_opens_nothing_that_is_older_than_allowed() {
        let newest = 1_796_025_600_000_000;
        let back = |now, newest| Back {
            span: "1h".parse().unwrap(),
            now,
            newest,
        };
        // The box has started in 1970, and records since then.
        let started = back(2 * HOUR, Some(newest));
        assert_eq!(started.oldest(2 * HOUR), HOUR);
        assert_eq!(started.oldest(newest), newest - HOUR);
        assert!(started.has_ahead(2 * HOUR) && started.has_ahead(newest - HOUR + 1));
        assert!(!started.has_ahead(newest - HOUR));
        // It has never recorded under a clock that was believed.
        assert_eq!(back(2 * HOUR, None).oldest(newest), HOUR);
        // The clock is not believed and is right all the same.
        let right = back(newest + HOUR, Some(newest));
        assert_eq!(right.oldest(newest), newest);
        assert!(right.has_ahead(newest + HOUR));
    }
}
