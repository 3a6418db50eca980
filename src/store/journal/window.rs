//! From UTC to tape time: the part of the tape that lies between two moments of UTC.

use super::Journal;
use crate::media::Micros;
use crate::store::StoreError;

/// A segment begins less than this before its publish.
const BEFORE: Micros = 24 * 3_600 * 1_000_000;

/// The range of times of a boot's publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct BootSpan {
    /// Tape time at which its first publish began.
    pub(super) begins: Micros,
    /// UTC less tape time, at least and at most.
    pub(super) zero: [Micros; 2],
    pub(super) synced: bool,
}

/// A range of tape time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Window {
    pub(super) from: Micros,
    pub(super) to: Micros,
}

impl Window {
    /// All tape that may lie between two moments.
    pub(in crate::store) fn of(boots: &[BootSpan], from: Micros, to: Micros) -> Self {
        Self::around(&Self::each(boots, from, to))
    }

    /// The ranges of tape that may lie between two moments, in order; ranges that meet are one. The boots are in the order of the
    /// tape: tape of one boot lies before the tape of the next, whatever their clocks said.
    pub(super) fn each(boots: &[BootSpan], from: Micros, to: Micros) -> Vec<Self> {
        let nexts = boots.iter().skip(1).map(|next| next.begins).chain([Micros::MAX]);
        let windows = boots.iter().zip(nexts).map(|(boot, next)| Self {
            from: from
                .saturating_sub(boot.zero[1])
                .max(boot.begins.saturating_sub(BEFORE)),
            to: to.saturating_sub(boot.zero[0]).min(next),
        });
        let mut each: Vec<Self> = Vec::new();
        for window in windows.filter(|window| window.from < window.to) {
            match each.last_mut() {
                Some(last) if window.from <= last.to => {
                    *last = Self::around(&[*last, window]);
                }
                _ => each.push(window),
            }
        }
        each
    }

    /// One range with all of these.
    pub(super) fn around(windows: &[Self]) -> Self {
        let none = Self {
            from: Micros::MAX,
            to: Micros::MIN,
        };
        windows.iter().fold(none, |all, window| Self {
            from: all.from.min(window.from),
            to: all.to.max(window.to),
        })
    }
}

impl Journal {
    /// The boots that have publishes, in the order of the tape.
    pub(super) fn boots(&self) -> Result<Vec<BootSpan>, StoreError> {
        let sql = "SELECT (SELECT tape_zero FROM publishes p WHERE p.boot = b.boot ORDER BY tape_zero LIMIT 1) AS begins,
                utc_offset + (SELECT min(boot_zero - tape_zero) FROM publishes p WHERE p.boot = b.boot),
                utc_offset + (SELECT max(boot_zero - tape_zero) FROM publishes p WHERE p.boot = b.boot), synced
             FROM boots b WHERE begins IS NOT NULL ORDER BY begins";
        self.all(sql, [], |row| {
            Ok(BootSpan {
                begins: self.col(row, 0)?,
                zero: [self.col(row, 1)?, self.col(row, 2)?],
                synced: self.col(row, 3)?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Micros = 3_600_000_000;
    const DAY: Micros = 24 * HOUR;

    fn boot(begins: Micros, zero: Micros) -> BootSpan {
        BootSpan {
            begins,
            zero: [zero, zero + 5],
            synced: true,
        }
    }

    #[test]
    fn only_the_tape_of_boots_that_saw_these_moments_is_looked_at() {
        // The second boot's clock said 1970, and the third's was ten years ahead.
        let utc = 20_000 * DAY;
        let boots = [
            boot(0, utc),
            boot(100 * DAY, 0),
            boot(200 * DAY, utc + 3_650 * DAY),
            boot(300 * DAY, utc),
        ];
        let of = |from: Micros, to: Micros| Window::of(&boots, utc + from, utc + to);
        let window = of(10 * DAY, 11 * DAY);
        assert_eq!((window.from, window.to), (10 * DAY - 5, 11 * DAY));
        let window = of(310 * DAY, 311 * DAY);
        assert_eq!((window.from, window.to), (310 * DAY - 5, 311 * DAY));
        let window = Window::of(&boots, Micros::MIN, Micros::MAX);
        assert!(window.from <= 0 && window.to >= 400 * DAY);
        let nowhere = of(-20 * DAY, -19 * DAY);
        assert!(nowhere.from >= nowhere.to);
        assert_eq!(Window::of(&[], 0, DAY).from, Micros::MAX);
    }

    #[test]
    fn what_began_a_little_before_its_publish_is_found() {
        let boots = [boot(100 * DAY, 0)];
        let window = Window::of(&boots, 0, 99 * DAY + 2 * HOUR);
        assert!(window.from <= 99 * DAY + HOUR && window.to > 99 * DAY + HOUR);
    }
}
