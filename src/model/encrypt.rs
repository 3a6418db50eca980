//! Encryption of HLS, as a template asks for it.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// How the HLS of recordings is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Encrypt {
    /// Another key follows after so many chunks. Without a value, a recording has one key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_chunks: Option<NonZeroU32>,
    /// True where the same media may be had in clear, too.
    pub also_clear: bool,
}

impl Encrypt {
    /// What holds for a recording that two say this of: each closes what it closes.
    pub fn and(self, other: Self) -> Self {
        Self {
            also_clear: self.also_clear && other.also_clear,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_closes_stays_closed() {
        let (closed, open) = (
            Encrypt::default(),
            Encrypt {
                also_clear: true,
                ..Encrypt::default()
            },
        );
        assert!(open.and(open).also_clear);
        assert!(!open.and(closed).also_clear && !closed.and(open).also_clear);
    }
}
