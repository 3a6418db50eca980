//! Sixteen bytes that identify what a stretch of a virtual file is made of.

use std::fmt;

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};

use super::ViewSegment;
use super::line::Line;

/// A fingerprint of the material of a stretch of a virtual file: which fragments of which segments, and where they lie in time.
/// Two stretches with the same mark have the same bytes. No byte of media is read to make a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([u8; 16]);

impl Mark {
    pub(super) fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The first 32 bits, for names that need not be long.
    pub(super) fn short(self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

/// Each release that makes other bytes of the same tape has another number. Files that an older release sent are then sent
/// again.
const LAYOUT: u64 = 2;

/// A [`Mark`] in the making.
pub(super) struct Marker(Md5);

impl Default for Marker {
    fn default() -> Self {
        Self(Md5::new_with_prefix(LAYOUT.to_be_bytes()))
    }
}

impl Marker {
    /// Adds numbers that the bytes depend on.
    pub(super) fn numbers(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.0.update(number.to_be_bytes());
        }
    }

    /// Adds bytes that stand in the file as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.numbers(&[bytes.len() as u64]);
        self.0.update(bytes);
    }

    /// Adds a fragment of the tape, with its place on the line.
    pub(super) fn fragment(&mut self, line: &Line, segments: &[ViewSegment], fragment: usize) {
        let Some(part) = line.parts.get(fragment) else {
            return;
        };
        let segment = part.segment as usize;
        if let Some(segment) = segments.get(segment) {
            self.bytes(&segment.id.to_bytes());
            if segment.silence.is_some() {
                self.numbers(&[segment.base.audio.cast_unsigned()]);
            }
        }
        if let Some(stretch) = line.stretches.get(segment) {
            self.numbers(&[stretch.zero_ms.cast_unsigned()]);
        }
        for extent in [part.video, part.audio] {
            self.numbers(&[extent.offset, extent.bytes.into(), extent.samples.into()]);
        }
    }

    /// Adds what decides, beside their samples, how these segments are shown.
    pub(super) fn kept(&mut self, segments: &[ViewSegment]) {
        for kept in segments.iter().map(|segment| &segment.kept) {
            let times = [kept.shown_from, kept.shown_to, kept.passed.0, kept.passed.1];
            self.numbers(&times.map(i64::cast_unsigned));
        }
    }

    pub(super) fn finish(self) -> Mark {
        Mark(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests;
