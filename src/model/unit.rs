//! Whole numbers with a unit, as people write them: lengths of time, sizes and rates are read and shown alike.

/// A text as a number of the smallest unit; `factor` says how many of those a unit is, as it stands behind the digits.
pub(crate) fn read(text: &str, factor: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    number.parse::<u64>().ok()?.checked_mul(factor(unit)?)
}

/// How many of a unit a value is exactly, of the first of `units` that divides it: the largest stands first.
pub(crate) fn largest(
    value: u64,
    units: impl IntoIterator<Item = (&'static str, u64)>,
) -> Option<(u64, &'static str)> {
    let mut units = units.into_iter();
    let (name, factor) = units.find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor))?;
    Some((value / factor, name))
}

/// How many of the smallest unit the one of this name is.
pub(crate) fn named(units: &[(&str, u64)], name: &str) -> Option<u64> {
    let found = units.iter().find(|(known, _)| *known == name.trim())?;
    Some(found.1)
}
