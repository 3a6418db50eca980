//! Whole numbers with a unit, as people write them. Lengths of time, sizes and rates are read and shown alike.

/// Reads a text as a number of the smallest unit. `factor` says how many smallest units the unit behind the digits is.
pub(crate) fn read(text: &str, factor: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    number.parse::<u64>().ok()?.checked_mul(factor(unit)?)
}

/// Finds the first of `units` that divides a value, and how many of it the value is. The largest unit stands first.
pub(crate) fn largest(
    value: u64,
    units: impl IntoIterator<Item = (&'static str, u64)>,
) -> Option<(u64, &'static str)> {
    let mut units = units.into_iter();
    let (name, factor) = units.find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor))?;
    Some((value / factor, name))
}

/// The number of smallest units in the unit of this name.
pub(crate) fn named(units: &[(&str, u64)], name: &str) -> Option<u64> {
    let found = units.iter().find(|(known, _)| *known == name.trim())?;
    Some(found.1)
}
