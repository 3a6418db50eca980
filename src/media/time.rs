//! Units of time and the one way to go from one to another.

/// Microseconds: of tape time, of CLOCK_BOOTTIME or of UTC, as the field that holds them says.
pub type Micros = i64;

/// UTC of 2025-01-01: a clock that says less was never set.
pub const CLOCK_SET: Micros = 1_735_689_600_000_000;

/// Converts ticks of one timescale into another, rounding down, without overflow.
///
/// ```
/// assert_eq!(edgereel::media::rescale(1024, 44_100, 1_000_000), 23_219);
/// assert_eq!(edgereel::media::rescale(-1, 1_000, 90_000), -90);
/// ```
pub fn rescale(ticks: i64, from: u32, to: u32) -> i64 {
    let wide = i128::from(ticks) * i128::from(to);
    let scaled = wide.div_euclid(i128::from(from.max(1)));
    i64::try_from(scaled).unwrap_or(if scaled < 0 { i64::MIN } else { i64::MAX })
}
