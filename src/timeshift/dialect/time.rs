//! Times as the clouds write them: numbers with a unit, and fourteen digits in a time zone of whole hours.
//!
//! A zone is an offset from UTC that never changes. So no hour comes twice or is left out, as where clocks are set for the summer.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::media::Micros;
use crate::timeshift::ask::shown;

/// Microseconds of a second.
pub(super) const SECOND: Micros = 1_000_000;
/// The last moment that a time may be, UTC: the end of the year 9999.
const LAST: Micros = 253_402_300_799 * SECOND;

/// The unit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "s" => Some(Unit::Seconds),
            "ms" => Some(Unit::Millis),
            "us" => Some(Unit::Micros),
            "ns" => Some(Unit::Nanos),
            _ => None,
        }
    }

    /// A number of this unit in microseconds, rounded down.
    fn micros(self, number: Micros) -> Option<Micros> {
        match self {
            Unit::Seconds => number.checked_mul(SECOND),
            Unit::Millis => number.checked_mul(1_000),
            Unit::Micros => Some(number),
            Unit::Nanos => Some(number / 1_000),
        }
    }

    /// The digits of a second's fraction in this unit.
    fn digits(self) -> usize {
        match self {
            Unit::Seconds => 0,
            Unit::Millis => 3,
            Unit::Micros => 6,
            Unit::Nanos => 9,
        }
    }
}

/// A time zone: whole hours east of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hours(Offset);

impl Hours {
    /// A zone from `least` to `most`.
    pub(super) fn parse(text: &str, (least, most): (i8, i8)) -> Option<Self> {
        let hours: i8 = text.parse().ok()?;
        let fits = (least..=most).contains(&hours) && !text.starts_with('+');
        fits.then(|| Offset::from_hours(hours).ok()).flatten().map(Self)
    }
}

/// A number of a unit since 1970, or of a length of time.
pub(super) fn number(text: &str, unit: Unit) -> Result<Micros, String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_plain.then(|| text.parse().ok()).flatten();
    let micros = number.and_then(|number| unit.micros(number));
    micros
        .filter(|micros| (0..=LAST).contains(micros))
        .ok_or_else(|| format!("'{}' is not a whole number up to the year 9999", shown(text)))
}

/// Fourteen digits, `YYYYMMDDhhmmss`, and behind them those of the second's fraction, where the unit has one.
pub(super) fn human(text: &str, unit: Unit, zone: Hours) -> Result<Micros, String> {
    let wrong = || format!("'{}' is not a time in digits, as in 20230202095635", shown(text));
    let (whole, fraction) = text.split_at_checked(14).ok_or_else(wrong)?;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain || !(fraction.is_empty() || fraction.len() == unit.digits()) {
        return Err(wrong());
    }
    let time = DateTime::strptime("%Y%m%d%H%M%S", whole).map_err(|_| wrong())?;
    let utc = zone.0.to_timestamp(time).map_err(|_| wrong())?;
    let fraction = if fraction.is_empty() {
        0
    } else {
        fraction.parse().map_err(|_| wrong())?
    };
    let micros = unit.micros(fraction).ok_or_else(wrong)?;
    Ok(utc.as_microsecond().saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(hours: &str) -> Hours {
        Hours::parse(hours, (-12, 12)).unwrap()
    }

    #[test]
    fn digits_are_read_in_their_zone() {
        // 2023-02-02T09:56:35+08:00
        let utc = 1_675_302_995 * SECOND;
        assert_eq!(human("20230202095635", Unit::Seconds, zone("8")), Ok(utc));
        assert_eq!(human("20230202015635", Unit::Seconds, zone("0")), Ok(utc));
        assert_eq!(human("20230201135635", Unit::Seconds, zone("-12")), Ok(utc));
        assert_eq!(
            human("20230202095635250", Unit::Millis, zone("8")),
            Ok(utc + 250_000)
        );
        assert_eq!(human("20230202095635", Unit::Nanos, zone("8")), Ok(utc));
        assert_eq!(human("20230202095635000000999", Unit::Nanos, zone("8")), Ok(utc));
        for wrong in [
            "",
            "2023020209563",
            "20230202095635250",
            "20231302095635",
            "20230202095661",
            "2023-02-0209:56",
            "２０２３",
        ] {
            assert!(human(wrong, Unit::Seconds, zone("8")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_hour_that_a_summer_time_leaves_out_or_repeats_is_one_hour_of_a_fixed_zone() {
        // Berlin had no 02:30 on 2026-03-29, and two of them on 2026-10-25. UTC+1 has one of each.
        let at = |text| human(text, Unit::Seconds, zone("1")).unwrap();
        assert_eq!(at("20260329023000") - at("20260329013000"), 3_600 * SECOND);
        assert_eq!(at("20261025033000") - at("20261025023000"), 3_600 * SECOND);
    }

    #[test]
    fn numbers_have_units_and_an_end() {
        assert_eq!(number("1675302995", Unit::Seconds), Ok(1_675_302_995 * SECOND));
        assert_eq!(number("1675302995001", Unit::Millis), Ok(1_675_302_995_001_000));
        assert_eq!(number("1999", Unit::Nanos), Ok(1));
        assert_eq!(number("0", Unit::Seconds), Ok(0));
        for wrong in [
            "",
            "-1",
            "+1",
            "1.5",
            "1e9",
            "253402300800",
            "99999999999999999999",
        ] {
            assert!(number(wrong, Unit::Seconds).is_err(), "{wrong}");
        }
        for wrong in ["13", "-13", "+8", "8.5", "", "Z"] {
            assert!(Hours::parse(wrong, (-12, 12)).is_none(), "{wrong}");
        }
    }
}
