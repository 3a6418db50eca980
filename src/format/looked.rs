//! What is known of a file that grows since it was looked at before.

use super::fragmented::Known;
use super::line::{Laid, Line, Tape};
use super::{FileError, TapeSource};

/// What is kept of a look at one file of a recording that grows: the next one reads only what has come since. What comes out
/// is the same as from the beginning. `Default` knows nothing; what a failed look had is of no use.
#[derive(Debug, Default)]
pub struct Looked {
    laid: Laid,
    /// Of fragmented MP4: what is known of the first fragments.
    pub(super) known: Known,
    /// Of FLV: of the first fragments, each one's first keyframe.
    pub(super) keys: Vec<Option<KeyTag>>,
}

/// The tag of a keyframe.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyTag {
    /// When it is decoded, in milliseconds on the line.
    pub(super) timestamp_ms: i64,
    /// Where it begins within its fragment.
    pub(super) within: u64,
}

impl Looked {
    /// Lays out what there is now, and forgets what does not hold any more.
    pub(super) fn lay<S: TapeSource>(&mut self, tape: &mut Tape<S>) -> Result<Line, FileError> {
        let line = self.laid.lay(tape)?;
        if !self.laid.goes_on() {
            (self.known, self.keys) = (Known::default(), Vec::new());
        }
        Ok(line)
    }

    /// How many fragments stay where they are.
    pub(super) fn parts(&self) -> usize {
        self.laid.parts()
    }
}

#[cfg(test)]
mod tests;
