//! What earlier looks at a growing file found.

use super::fragmented::Known;
use super::line::{Laid, Line, Tape};
use super::{FileError, TapeSource};

/// What is kept of a look at one file of a growing recording, so that the next look reads only what has come since. The
/// resulting file is the same as one that was made from the beginning. `Default` knows nothing. The value of a failed look is
/// of no use.
#[derive(Debug, Default)]
pub struct Looked {
    laid: Laid,
    /// For fragmented MP4: what is known of the first fragments.
    pub(super) known: Known,
    /// For FLV: the first keyframe of each of the first fragments.
    pub(super) keys: Vec<Option<KeyTag>>,
}

/// The tag of a keyframe.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyTag {
    /// When the keyframe is decoded, in milliseconds on the line.
    pub(super) timestamp_ms: i64,
    /// Where the tag begins within its fragment.
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

    /// The number of fragments that stay where they are.
    pub(super) fn parts(&self) -> usize {
        self.laid.parts()
    }
}

#[cfg(test)]
mod tests;
