//! Decides whether two configurations decode the same samples. Encoders write one configuration in several forms: with and
//! without the extension of the high profiles, parameter sets twice or in another order, zeros at the end. A new form is no new
//! configuration, and makes no new file.

use std::collections::BTreeSet;

use super::{AudioCodec, AudioConfig, VideoCodec, VideoConfig, aac, av1, avc, hevc};

impl PartialEq for VideoConfig {
    fn eq(&self, other: &Self) -> bool {
        self.timescale == other.timescale && self.decodes_like(other)
    }
}

impl Eq for VideoConfig {}

impl VideoConfig {
    /// True when both decode the same samples, in whatever timescale they count.
    pub fn decodes_like(&self, other: &Self) -> bool {
        let alike = (self.codec, self.width, self.height) == (other.codec, other.width, other.height);
        alike
            && (self.record == other.record || is_same_video(self, other))
            // Another notation of the same appearance makes no difference.
            && (self.colour_info == other.colour_info || self.appearance() == other.appearance())
    }
}

impl PartialEq for AudioConfig {
    fn eq(&self, other: &Self) -> bool {
        let told = |config: &Self| {
            (
                config.codec,
                config.sample_rate,
                config.channels,
                config.frame_samples,
            )
        };
        told(self) == told(other) && (self.record == other.record || is_same_audio(self, other))
    }
}

impl Eq for AudioConfig {}

fn is_same_video(one: &VideoConfig, other: &VideoConfig) -> bool {
    let sets = match one.codec {
        VideoCodec::Avc => avc_sets,
        VideoCodec::Hevc => hevc_sets,
        VideoCodec::Av1 => {
            let header = |config: &VideoConfig| av1::sequence_header(&config.record).ok().map(<[u8]>::to_vec);
            return header(one).is_some_and(|header_of| header(other) == Some(header_of));
        }
    };
    one.nal_length_size() == other.nal_length_size()
        && sets(&one.record).is_some_and(|sets_of| sets(&other.record) == Some(sets_of))
}

fn avc_sets(record: &[u8]) -> Option<BTreeSet<&[u8]>> {
    let mut sets = BTreeSet::new();
    avc::each_set(record, |nal| {
        sets.insert(without_zeros(nal));
    })
    .ok()?;
    Some(sets)
}

/// The parameter sets alone, because records may hold messages, too.
fn hevc_sets(record: &[u8]) -> Option<BTreeSet<&[u8]>> {
    let mut sets = BTreeSet::new();
    hevc::each_set(record, |kind, nal| {
        if matches!(kind, 32..=34) {
            sets.insert(without_zeros(nal));
        }
    })
    .ok()?;
    Some(sets)
}

/// The unit without padding: no unit ends with a zero.
fn without_zeros(nal: &[u8]) -> &[u8] {
    let used = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    nal.get(..used).unwrap_or(nal)
}

fn is_same_audio(one: &AudioConfig, other: &AudioConfig) -> bool {
    match one.codec {
        AudioCodec::Aac => aac::meaning(&one.record) == aac::meaning(&other.record),
        // The rate of the input, bytes 4 to 7, is for display (RFC 7845 §5.1).
        AudioCodec::Opus => {
            let told = |record: &[u8]| Some((record.get(..4)?.to_vec(), record.get(8..)?.to_vec()));
            told(&one.record).is_some_and(|said| told(&other.record) == Some(said))
        }
        AudioCodec::Mp3 => true,
    }
}
