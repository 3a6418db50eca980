//! Random moments that a seed repeats.

/// A small generator (splitmix64), good enough to choose moments.
pub(crate) struct Random(u64);

impl Random {
    /// A generator seeded by `EDGEREEL_TEST_SEED`, or else by the time. It prints the seed, so a failing test shows it.
    pub(crate) fn new() -> Self {
        let chosen = std::env::var("EDGEREEL_TEST_SEED")
            .ok()
            .and_then(|text| text.parse().ok());
        let seed = chosen.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(0, |since| since.as_nanos() as u64)
        });
        eprintln!("EDGEREEL_TEST_SEED={seed}");
        Self(seed)
    }

    /// Another generator, with a seed from this one.
    pub(crate) fn from(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(crate) fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` up to, not including, `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.any() % (high - low)
    }

    /// So many random bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.any() as u8).collect()
    }
}
