//! Lines of a bounded length, however they arrive.

use crate::api::MAX_REQUEST;

/// Bytes that came and are not yet given out as lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// How many of the bytes are known to hold no end of a line.
    looked: usize,
}

/// A line that is longer than a request may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    /// Appends bytes that arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole line, without its end.
    pub(super) fn line(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let rest = self.bytes.iter().skip(self.looked);
        let Some(end) = rest.take(MAX_REQUEST + 1).position(|byte| *byte == b'\n') else {
            self.looked = self.bytes.len();
            return if self.bytes.len() > MAX_REQUEST {
                Err(TooLong)
            } else {
                Ok(None)
            };
        };
        let end = self.looked + end;
        if end > MAX_REQUEST {
            return Err(TooLong);
        }
        let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
        line.pop();
        self.looked = 0;
        Ok(Some(line))
    }

    /// The bytes behind the last end of a line.
    pub(super) fn rest(self) -> Vec<u8> {
        self.bytes
    }
}
