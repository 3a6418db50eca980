//! How much shorter a recording is than asked for, computed from its tape.

use super::Asked;
use crate::event::{Lack, Short};
use crate::media::Micros;

/// A shorter distance between two segments is rounding, not a gap.
pub(super) const GAP: Micros = 500_000;

/// A part of a recording's tape without a gap: the tape of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: Micros,
    pub(super) to: Micros,
    /// The row of its publish; 0 where it is not asked for.
    pub(super) publish: i64,
    /// UTC less tape time.
    pub(super) utc: Micros,
}

/// The missing parts of a recording that begins at tape time `begins` and has these stretches, in their order. The end of an
/// open recording is not missing yet.
pub(super) fn of(asked: &Asked, begins: Micros, stretches: &[Stretch], open: bool) -> Option<Short> {
    let (first, last) = (stretches.first()?, stretches.last()?);
    let mut missing = Vec::new();
    let late = |to: Micros, from: Micros, reason| {
        (
            from.saturating_add(first.utc),
            to.saturating_add(first.utc),
            reason,
        )
    };
    missing.push(late(begins.min(first.from), asked.from, asked.late));
    // The tape had this part when the recording began.
    missing.push(late(first.from, begins.max(asked.from), Lack::Tape));
    let mut end = first.to;
    for pair in stretches.windows(2) {
        let [before, after] = pair else { continue };
        if after.from.saturating_sub(end) > GAP {
            let from = end.saturating_add(before.utc);
            missing.push((from, after.from.saturating_add(after.utc), Lack::Gap));
        }
        end = end.max(after.to);
    }
    match asked.to {
        // The end is still to come.
        Some(to) if open => end = to,
        Some(to) => missing.push((
            end.saturating_add(last.utc),
            to.saturating_add(last.utc),
            asked.early,
        )),
        None => {}
    }
    Short::of(
        first.from.saturating_add(first.utc),
        end.saturating_add(last.utc),
        missing,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    fn stretch(from: Micros, to: Micros) -> Stretch {
        Stretch {
            publish: 0,
            from: from * SECOND,
            to: to * SECOND,
            utc: 0,
        }
    }

    fn asked(from: Micros, to: Micros) -> Asked {
        Asked {
            from: from * SECOND,
            late: Lack::Ring,
            to: Some(to * SECOND),
            early: Lack::Publish,
        }
    }

    fn parts(begins: Micros, stretches: &[Stretch], open: bool) -> Vec<(f64, Lack)> {
        let short = of(&asked(10, 40), begins * SECOND, stretches, open);
        let missing = short.map(|short| short.missing).unwrap_or_default();
        missing.iter().map(|part| (part.missing_s, part.reason)).collect()
    }

    #[test]
    fn each_missing_part_has_its_reason() {
        // The recording begins with the keyframe before, and lacks nothing.
        assert_eq!(parts(8, &[stretch(10, 25), stretch(25, 40)], false), []);
        assert_eq!(parts(15, &[stretch(15, 40)], false), [(5.0, Lack::Ring)]);
        assert_eq!(parts(8, &[stretch(12, 40)], false), [(2.0, Lack::Tape)]);
        assert_eq!(
            parts(15, &[stretch(17, 40)], false),
            [(5.0, Lack::Ring), (2.0, Lack::Tape)]
        );
        assert_eq!(
            parts(8, &[stretch(10, 20), stretch(23, 40)], false),
            [(3.0, Lack::Gap)]
        );
        assert_eq!(parts(8, &[stretch(10, 31)], false), [(9.0, Lack::Publish)]);
        assert_eq!(parts(8, &[stretch(10, 31)], true), [], "the end is to come");
        assert_eq!(parts(8, &[], false), []);
    }
}
