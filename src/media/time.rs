//! Units of time and the one way to convert between them.

/// Microseconds: of tape time, of CLOCK_BOOTTIME or of UTC, as the field that holds them says.
pub type Micros = i64;

/// UTC of 2025-01-01. A clock that shows an earlier time was never set.
pub const CLOCK_SET: Micros = 1_735_689_600_000_000;

/// Converts ticks of one timescale into another, rounding down, without overflow.
///
/// ```
/// assert_eq!(edgereel::media::rescale(1024, 44_100, 1_000_000), 23_219);
/// assert_eq!(edgereel::media::rescale(-1, 1_000, 90_000), -90);
/// ```
pub fn rescale(ticks: i64, from: u32, to: u32) -> i64 {
    // Few numbers need the division of 128 bits, which takes several times longer.
    if let Some(product) = ticks.checked_mul(i64::from(to)) {
        return product.div_euclid(i64::from(from.max(1)));
    }
    let wide = i128::from(ticks) * i128::from(to);
    let scaled = wide.div_euclid(i128::from(from.max(1)));
    i64::try_from(scaled).unwrap_or(if scaled < 0 { i64::MIN } else { i64::MAX })
}

/// The least timescale in which every tick of both is whole; nothing where that has more than [`MOST_COMMON`] ticks a second.
///
/// ```
/// assert_eq!(edgereel::media::common_timescale(1_000, 90_000), Some(90_000));
/// assert_eq!(edgereel::media::common_timescale(24_000, 90_000), Some(360_000));
/// assert_eq!(edgereel::media::common_timescale(999_983, 999_979), None);
/// ```
pub fn common_timescale(one: u32, other: u32) -> Option<u32> {
    let (one, other) = (one.max(1), other.max(1));
    (one / gcd(one, other))
        .checked_mul(other)
        .filter(|common| *common <= MOST_COMMON)
}

/// The most ticks a second of a common timescale. A sample of an MP4 lasts at most 2³¹ ticks, which is then still over a
/// minute.
pub const MOST_COMMON: u32 = 30_000_000;

/// The greatest common divisor, which is the other number where one is zero.
pub(crate) fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
