//! From a publisher's 32-bit milliseconds to ticks that never mislead.

use super::{AudioConfig, Frame, Incoming, Micros};

/// Something about a publisher's timestamps that a user should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The timestamps jumped by this many milliseconds without the time having passed; the tape goes on.
    Jump {
        /// Signed size of the jump.
        by_ms: i64,
    },
    /// Nothing came for this long and the timestamps say so too: the tape has a gap.
    Gap {
        /// Length of the gap.
        ms: i64,
    },
}

/// Places frames on the media time of their publish.
#[derive(Debug, Default)]
pub struct Timeline {}

impl Timeline {
    /// A publish that has sent nothing yet.
    pub fn new() -> Self {
        Self {}
    }

    /// Places one frame. `audio` is the current audio configuration, `arrival` the boot time it came at.
    pub fn place(
        &mut self,
        _incoming: Incoming,
        _audio: Option<&AudioConfig>,
        _arrival: Micros,
    ) -> (Frame, Option<Exception>) {
        unimplemented!("media helper")
    }
}
