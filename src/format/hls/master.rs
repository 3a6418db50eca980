//! `master.m3u8`: the facts that a player should know before it opens `index.m3u8`, which is its only choice.
//!
//! A player that begins there need not guess the codecs (RFC 8216 §4.3.4.2). It refuses what it cannot play at once and by
//! name.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use super::keyframes::{KEYFRAMES, Keyframes};
use super::served::Uris;
use super::text::VERSION;
use super::{PLAYLIST, chunk::Pace};
use crate::format::rate::per_second;
use crate::media::{Tracks, VideoConfig};

/// The rate in a parameter set is used if the rate of the pictures differs from it by this fraction at most.
const NEAR: f64 = 0.02;

/// A rate that no parameter set confirms is rounded to a whole number from here on.
const WHOLE_FROM: f64 = 5.0;

/// `TransferCharacteristics` of ISO/IEC 23091-2.
const PQ: u8 = 16;
const HLG: u8 = 18;
/// The values that the draft behind RFC 8216 assigns to the usual range.
const SDR: [u8; 5] = [1, 6, 13, 14, 15];

/// The one variant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Master {
    pub(super) codecs: Vec<String>,
    /// How many of these codecs are of pictures. They stand first.
    pub(super) picture_codecs: usize,
    pub(super) size: Option<(u32, u32)>,
    pub(super) range: Option<&'static str>,
    pub(super) frame_rate: Option<f64>,
    pub(super) peak: u32,
    pub(super) average: u32,
}

impl Master {
    /// The master playlist of everything in the playlist: `tracks` of each init, the pace of the pictures of each
    /// configuration, and bytes and milliseconds of each chunk.
    pub(super) fn of(
        tracks: &[Tracks],
        paces: &[(Arc<VideoConfig>, Pace)],
        chunks: &[(u64, u64)],
        target_ms: u64,
    ) -> Self {
        let pictures: Vec<&VideoConfig> = tracks.iter().filter_map(|one| one.video.as_deref()).collect();
        let bytes = chunks.iter().map(|chunk| chunk.0).sum();
        let (codecs, picture_codecs) = codecs(tracks);
        Self {
            codecs,
            picture_codecs,
            size: pictures
                .iter()
                .map(|config| config.display_size())
                .max_by_key(|(width, height)| u64::from(*width) * u64::from(*height)),
            range: range(&pictures),
            frame_rate: frame_rate(paces),
            peak: peak(chunks, target_ms),
            average: per_second(bytes, chunks.iter().map(|chunk| chunk.1).sum()),
        }
    }

    /// Takes the rates from other bytes and milliseconds of each chunk.
    pub(super) fn resize(&mut self, chunks: &[(u64, u64)], target_ms: u64) {
        let bytes = chunks.iter().map(|chunk| chunk.0).sum();
        self.peak = peak(chunks, target_ms);
        self.average = per_second(bytes, chunks.iter().map(|chunk| chunk.1).sum());
    }

    /// The text for a complete recording.
    pub(super) fn text(&self) -> Vec<u8> {
        self.written(self.peak, PLAYLIST, &Uris::default()).into_bytes()
    }

    /// The text for a growing recording. Its peak is rounded up, so that the file seldom has to be written again.
    pub(super) fn live_text(&self) -> Vec<u8> {
        self.written(rounded_up(self.peak), PLAYLIST, &Uris::default())
            .into_bytes()
    }

    /// The text for a stream: what `live_text` says, of another playlist.
    pub(super) fn live(&self, playlist: &str, uris: &Uris) -> Vec<u8> {
        self.written(rounded_up(self.peak), playlist, uris).into_bytes()
    }

    /// The text as a door serves it for a complete recording: with the playlist of its keyframes, if it has any.
    pub(super) fn served(&self, keyframes: &Keyframes<'_>, uris: &Uris) -> Vec<u8> {
        let mut text = self.written(self.peak, PLAYLIST, uris);
        if let Some((peak, average)) = keyframes.rates() {
            let pictures = Self {
                codecs: self.codecs.iter().take(self.picture_codecs).cloned().collect(),
                frame_rate: None,
                average,
                ..self.clone()
            };
            let variant = Variant {
                master: &pictures,
                peak,
            };
            let uri = uris.of(KEYFRAMES);
            // Writing to memory does not fail.
            let _ = writeln!(text, "#EXT-X-I-FRAME-STREAM-INF:{variant},URI=\"{uri}\"");
        }
        text.into_bytes()
    }

    /// The part of the text that makes another file necessary while the recording grows. A change of the average does not.
    pub(super) fn essence(&self) -> String {
        let peak = rounded_up(self.peak);
        format!("{:?} {:?} {:?} {peak}", self.codecs, self.size, self.range)
    }

    fn written(&self, peak: u32, playlist: &str, uris: &Uris) -> String {
        let variant = Variant { master: self, peak };
        let mut text = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n");
        // Writing to memory does not fail.
        let _ = writeln!(text, "#EXT-X-STREAM-INF:{variant}");
        let _ = writeln!(text, "{}", uris.of(playlist));
        text
    }
}

/// The attributes of the variant (RFC 8216 §4.3.4.2).
struct Variant<'a> {
    master: &'a Master,
    peak: u32,
}

impl fmt::Display for Variant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let master = self.master;
        write!(f, "BANDWIDTH={},AVERAGE-BANDWIDTH={}", self.peak, master.average)?;
        if !master.codecs.is_empty() {
            write!(f, ",CODECS=\"{}\"", master.codecs.join(","))?;
        }
        if let Some((width, height)) = master.size {
            write!(f, ",RESOLUTION={width}x{height}")?;
        }
        if let Some(rate) = master.frame_rate {
            write!(f, ",FRAME-RATE={rate}")?;
        }
        if let Some(range) = master.range {
            write!(f, ",VIDEO-RANGE={range}")?;
        }
        Ok(())
    }
}

/// Each codec once, those of the picture first, and how many of them are of pictures.
fn codecs(tracks: &[Tracks]) -> (Vec<String>, usize) {
    let mut codecs: Vec<String> = Vec::new();
    let mut add = |codec: String| {
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
        codecs.len()
    };
    let pictures = tracks.iter().filter_map(|one| one.video.as_ref());
    let picture_codecs = pictures
        .map(|config| add(config.codec_string()))
        .last()
        .unwrap_or(0);
    for config in tracks.iter().filter_map(|one| one.audio.as_ref()) {
        add(config.codec_string());
    }
    (codecs, picture_codecs)
}

/// `VIDEO-RANGE`: the widest range that occurs, as far as the stream names one. Players take a missing value for the usual
/// range.
fn range(pictures: &[&VideoConfig]) -> Option<&'static str> {
    let transfers: Vec<u8> = pictures
        .iter()
        .filter_map(|config| Some(config.appearance().colour?.transfer))
        .collect();
    let usual = |transfer| SDR.contains(transfer);
    match (transfers.contains(&PQ), transfers.contains(&HLG)) {
        (true, _) => Some("PQ"),
        (false, true) => Some("HLG"),
        (false, false) => Some("SDR").filter(|_| transfers.iter().any(usual)),
    }
}

/// RFC 8216 §4.3.4.2: the largest rate of all pictures. Rates of too few pictures count only where there are no others.
fn frame_rate(paces: &[(Arc<VideoConfig>, Pace)]) -> Option<f64> {
    let largest = |short: bool| {
        let these = paces.iter().filter(|(_, pace)| short || !pace.is_short());
        let rates = these.filter_map(|(config, pace)| rate(config, *pace));
        rates.max_by(f64::total_cmp)
    };
    largest(false).or_else(|| largest(true))
}

/// The rate in the parameter set, where pictures come at that rate; else the rate at which they come. It has three decimal
/// places.
fn rate(config: &VideoConfig, pace: Pace) -> Option<f64> {
    let measured = pace.per_second()?;
    let said = config
        .appearance()
        .rate
        .map(|(count, seconds)| f64::from(count) / f64::from(seconds.max(1)))
        .filter(|said| (said / measured - 1.0).abs() <= NEAR);
    let rate = said.unwrap_or(if measured >= WHOLE_FROM {
        measured.round()
    } else {
        measured
    });
    Some((rate * 1_000.0).round() / 1_000.0)
}

/// RFC 8216 §4.1: the largest rate of any consecutive chunks that together last from half to one and a half target durations.
pub(super) fn peak(chunks: &[(u64, u64)], target_ms: u64) -> u32 {
    let mut most = None;
    for first in 0..chunks.len() {
        let (mut bytes, mut ms) = (0_u64, 0_u64);
        for chunk in chunks.iter().skip(first) {
            bytes = bytes.saturating_add(chunk.0);
            ms = ms.saturating_add(chunk.1);
            if ms > target_ms.saturating_mul(3) / 2 {
                break;
            }
            if ms.saturating_mul(2) >= target_ms {
                most = most.max(Some(per_second(bytes, ms)));
            }
        }
    }
    // The whole recording is shorter than that.
    most.unwrap_or_else(|| {
        let bytes = chunks.iter().map(|chunk| chunk.0).sum();
        per_second(bytes, chunks.iter().map(|chunk| chunk.1).sum())
    })
}

/// Rounds up to the next of eight steps between a power of two and the next.
fn rounded_up(rate: u32) -> u32 {
    let step = 1_u32 << rate.checked_ilog2().unwrap_or(0).saturating_sub(3);
    rate.div_ceil(step).saturating_mul(step)
}

#[cfg(test)]
mod tests;
