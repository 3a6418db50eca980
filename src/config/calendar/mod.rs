//! The clock on the wall: time zones, hours of the week, and the boundaries at which recordings are split.
//!
//! Times go in and out as UTC microseconds. Local times follow the zone's rules, including changes to and from summer time.

mod weekly;

pub use weekly::{Weekly, WeeklyError};

use jiff::civil::{Date, DateTime, Time};

use super::Span;
use crate::model::Zone;

/// The first moment after `utc` at which a clock on the wall shows a multiple of `every` since midnight. `every` divides a day.
/// If the clock is set over a boundary, the boundary is at that moment. In an hour that comes twice, boundaries come twice.
pub fn next_boundary(utc: i64, every: Span, zone: &Zone) -> i64 {
    let every = every.as_micros().clamp(1_000_000, DAY);
    zone.next_multiple(utc, every).unwrap_or(i64::MAX)
}

const DAY: i64 = 86_400_000_000;

/// A time of a day, `micros` after midnight by the clock. The end of a whole day is the next midnight.
fn at(date: Date, micros: i64) -> DateTime {
    if micros >= DAY {
        return date.tomorrow().unwrap_or(date).to_datetime(Time::midnight());
    }
    let seconds = micros / 1_000_000;
    let small = |n: i64| i8::try_from(n).unwrap_or(0);
    let nanos = i32::try_from(micros % 1_000_000 * 1_000).unwrap_or(0);
    let time = Time::new(
        small(seconds / 3_600),
        small(seconds / 60 % 60),
        small(seconds % 60),
        nanos,
    );
    date.to_datetime(time.unwrap_or(Time::midnight()))
}

#[cfg(test)]
mod tests;
