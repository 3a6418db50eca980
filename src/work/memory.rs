//! How much memory is left.

use std::fs;

/// Bytes that must be there before a picture is made: what the worker may take.
const NEEDED: u64 = 192 << 20;

/// Why there is not enough memory for a picture. Blocks for a moment.
pub(super) fn short() -> Option<String> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    short_of(available(&text)?)
}

fn short_of(available: u64) -> Option<String> {
    (available < NEEDED).then(|| {
        format!(
            "of memory, {} MiB are available, and a picture may need {} MiB",
            available >> 20,
            NEEDED >> 20
        )
    })
}

/// `MemAvailable` of this text, in bytes.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.saturating_mul(1_024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_short_below_what_the_worker_may_take() {
        let text = "MemTotal:         500000 kB\nMemFree:           10000 kB\nMemAvailable:     196608 kB\n";
        assert_eq!(available(text), Some(NEEDED));
        assert!(short_of(NEEDED).is_none());
        assert!(short_of(NEEDED - 1).unwrap().contains("191 MiB are available"));
        assert_eq!(available("MemFree: 1 kB"), None);
        assert_eq!(available("MemAvailable: much kB"), None);
    }
}
