//! The name of a codec in MIME types and playlists, RFC 6381.

use std::fmt::Write;

use super::{AudioCodec, AudioConfig, VideoCodec, VideoConfig, aac};

impl VideoConfig {
    /// The `codecs` parameter (RFC 6381) of this track, as in the `CODECS` attribute of HLS: `avc1.64001f`,
    /// `hvc1.1.6.L93.B0`, `av01.0.04M.08`.
    pub fn codec_string(&self) -> String {
        match self.codec {
            VideoCodec::Avc => avc_string(&self.record),
            VideoCodec::Hevc => hevc_string(&self.record),
            VideoCodec::Av1 => av1_string(&self.record),
        }
    }

    /// Bytes of the length before each NAL unit of a sample: 1, 2 or 4 (ISO/IEC 14496-15 `lengthSizeMinusOne`). `None` for AV1,
    /// whose OBUs bring their own length.
    pub fn nal_length_size(&self) -> Option<u8> {
        let at = match self.codec {
            VideoCodec::Avc => 4,
            VideoCodec::Hevc => 21,
            VideoCodec::Av1 => return None,
        };
        self.record.get(at).map(|lengths| (lengths & 3) + 1)
    }
}

impl AudioConfig {
    /// The `codecs` parameter (RFC 6381) of this track: `mp4a.40.2`, `mp4a.40.34`, `opus`.
    pub fn codec_string(&self) -> String {
        match self.codec {
            AudioCodec::Aac => format!("mp4a.40.{}", aac::object_type(&self.record).unwrap_or(2)),
            AudioCodec::Mp3 => "mp4a.40.34".to_owned(),
            AudioCodec::Opus => "opus".to_owned(),
        }
    }
}

/// RFC 6381 §3.3: profile, compatibility and level in hexadecimal.
fn avc_string(record: &[u8]) -> String {
    match record.first_chunk::<4>() {
        Some([_, profile, compatibility, level]) => {
            format!("avc1.{profile:02x}{compatibility:02x}{level:02x}")
        }
        None => "avc1".to_owned(),
    }
}

/// ISO/IEC 14496-15 §E.3: profile space and number, compatibility flags in reverse order, tier and level, and the constraint
/// bytes without the zeros at their end.
fn hevc_string(record: &[u8]) -> String {
    let Some(&[_, profile, f0, f1, f2, f3, c0, c1, c2, c3, c4, c5, level]) = record.first_chunk::<13>()
    else {
        return "hvc1".to_owned();
    };
    let space = match profile >> 6 {
        1 => "A",
        2 => "B",
        3 => "C",
        _ => "",
    };
    let flags = u32::from_be_bytes([f0, f1, f2, f3]).reverse_bits();
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let mut out = format!("hvc1.{space}{}.{flags:X}.{tier}{level}", profile & 0x1f);
    let constraints = [c0, c1, c2, c3, c4, c5];
    let used = constraints
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    for byte in constraints.iter().take(used) {
        // Writing to a String cannot fail.
        let _ = write!(out, ".{byte:X}");
    }
    out
}

/// AV1 in ISOBMFF §5: profile, level and tier, bit depth.
fn av1_string(record: &[u8]) -> String {
    let Some(&[_, profile_level, flags]) = record.first_chunk::<3>() else {
        return "av01".to_owned();
    };
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    format!(
        "av01.{}.{:02}{tier}.{depth:02}",
        profile_level >> 5,
        profile_level & 0x1f
    )
}
