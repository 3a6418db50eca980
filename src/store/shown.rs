//! What a caller must know of recordings that channels are to show.

use super::{Library, StoreError};
use crate::media::RecordingId;

/// Bytes of the tape that is not given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldSpace {
    /// Bytes of the tape of the recordings that were asked for.
    pub shown: u64,
    /// The same, with all that somebody protected.
    pub in_all: u64,
}

impl Library {
    /// How much tape these recordings are on. Tape of several recordings counts once.
    pub fn held_space(&self, recordings: &[RecordingId]) -> Result<HeldSpace, StoreError> {
        let [shown, in_all] = self.journal().space_of(recordings)?;
        Ok(HeldSpace { shown, in_all })
    }

    /// Those of these recordings that are not there any more, or are being removed.
    pub fn gone_of(&self, recordings: &[RecordingId]) -> Result<Vec<RecordingId>, StoreError> {
        self.journal().gone_of(recordings)
    }
}
