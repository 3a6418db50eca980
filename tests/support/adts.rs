//! ADTS: AAC frames, each with its own header.

use super::media::{Media, Sample};

/// The frames of a file, without their headers.
#[track_caller]
pub(crate) fn parse(bytes: &[u8], sample_rate: f64) -> Media {
    let mut media = Media::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        assert_eq!(
            (rest[0], rest[1] & 0xF6),
            (0xFF, 0xF0),
            "the sync word of a header"
        );
        let header = if rest[1] & 1 == 1 { 7 } else { 9 };
        let length = usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5]) >> 5;
        let time = media.audio.len() as f64 * 1024.0 * 1000.0 / sample_rate;
        media.audio.push(Sample {
            dts: time,
            pts: time,
            bytes: rest[header..length].to_vec(),
        });
        rest = &rest[length..];
    }
    media
}
