//! The stretch of tape that a playlist is of, where it is no sliding window.

use super::ask::Shift;
use crate::media::Micros;

/// The longest stretch. What is asked for from a moment on ends so much later.
pub const LONGEST: Micros = 24 * 3_600_000_000;
/// Of a longer stretch, chunks are listed joined.
const SINGLY: Micros = 2 * 3_600_000_000;

/// A stretch of tape between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// UTC of its beginning.
    pub from: Micros,
    /// UTC of its end.
    pub to: Micros,
    /// When its playlist is complete.
    pub growth: Growth,
    /// Chunks from this moment on are listed joined (UTC).
    joined_from: Micros,
    /// True when the beginning that was asked for is not there any more, so that the list loses more of its beginning while it
    /// grows. A player then counts by the numbers of the tape, so nothing is joined.
    slides: bool,
}

/// When a playlist is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// At once.
    AtOnce,
    /// When the end of the stretch has passed.
    UntilEnd,
    /// When the programme is over that is on the tape at its beginning, or at the end of the stretch.
    UntilOver,
}

impl Stretch {
    /// The stretch that is asked for. `None` for a delay, which has a [window](super::window()).
    pub fn of(shift: Shift) -> Option<Self> {
        let (from, to, growth) = match shift {
            Shift::Range {
                from,
                to,
                at_once: true,
            } => (from, to, Growth::AtOnce),
            Shift::Range { from, to, .. } => (from, to, Growth::UntilEnd),
            Shift::From { from } => (from, from.saturating_add(LONGEST), Growth::UntilOver),
            Shift::Delay { .. } => return None,
        };
        let joined_from = match growth {
            // Nobody knows how long it will be, and what is listed once stays.
            Growth::UntilOver => from.saturating_add(SINGLY),
            Growth::AtOnce | Growth::UntilEnd if to.saturating_sub(from) > SINGLY => Micros::MIN,
            Growth::AtOnce | Growth::UntilEnd => Micros::MAX,
        };
        Some(Self {
            from,
            to,
            growth,
            joined_from,
            slides: false,
        })
    }

    /// The part of the stretch between two moments that do not change (UTC). `None` when nothing is left.
    pub fn within(self, earliest: Option<Micros>, latest: Option<Micros>) -> Option<Self> {
        let from = earliest.map_or(self.from, |earliest| earliest.max(self.from));
        let to = latest.map_or(self.to, |latest| latest.min(self.to));
        (from < to).then_some(Self { from, to, ..self })
    }

    /// The part of the stretch from a moment on before which nothing is left (UTC). The moment moves on while the playlist is
    /// served. `None` when nothing is left at all.
    pub fn since(self, oldest: Micros) -> Option<Self> {
        if self.from >= oldest {
            return Some(self);
        }
        let rest = self.within(Some(oldest), None)?;
        Some(Self {
            joined_from: Micros::MAX,
            slides: true,
            ..rest
        })
    }

    /// The same stretch, where viewers may go back by so much and no further (microseconds). A list that is to lose its beginning
    /// before it is complete lists every chunk alone from the first one on, because it could not go on with the numbers of joined ones.
    pub fn kept_for(self, back: Micros) -> Self {
        let loses = self.growth != Growth::AtOnce && self.to.saturating_sub(self.from) > back;
        Self {
            joined_from: if loses { Micros::MAX } else { self.joined_from },
            ..self
        }
    }

    pub(super) fn is_joined(&self, utc: Micros) -> bool {
        utc >= self.joined_from
    }

    pub(super) fn joins_some(&self) -> bool {
        self.joined_from < self.to
    }

    pub(super) fn slides(&self) -> bool {
        self.slides
    }
}
