//! What the master playlist says of several recordings that are one playlist.

use serde::{Deserialize, Serialize};

use super::master::Master;
use super::served::Uris;

/// Codecs, size and rates of a recording's HLS, as the attributes of a variant stream (RFC 8216 §4.3.4.2).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Variant {
    /// The codecs (RFC 6381), those of pictures first.
    codecs: Vec<String>,
    /// How many of these codecs are of pictures.
    picture_codecs: usize,
    /// Width and height of the largest picture, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<(u32, u32)>,
    /// `VIDEO-RANGE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    /// Pictures a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frame_rate: Option<f64>,
    /// The largest rate, in bits a second.
    peak: u32,
    /// The mean rate, in bits a second.
    average: u32,
}

/// The values of `VIDEO-RANGE`, the narrowest first.
const RANGES: [&str; 3] = ["SDR", "HLG", "PQ"];

impl Variant {
    pub(super) fn of(master: &Master) -> Self {
        Self {
            codecs: master.codecs.clone(),
            picture_codecs: master.picture_codecs,
            size: master.size,
            range: master.range.map(str::to_owned),
            frame_rate: master.frame_rate,
            peak: master.peak,
            average: master.average,
        }
    }

    /// The variant of both, one after the other: the codecs of both, and the largest of each value.
    pub fn join(self, other: &Self) -> Self {
        let split = |one: &Self| {
            let pictures = one.codecs.iter().take(one.picture_codecs).cloned();
            let sound = one.codecs.iter().skip(one.picture_codecs).cloned();
            (pictures.collect::<Vec<_>>(), sound.collect::<Vec<_>>())
        };
        let both = |mut one: Vec<String>, other: Vec<String>| {
            for codec in other {
                if !one.contains(&codec) {
                    one.push(codec);
                }
            }
            one
        };
        let (own, theirs) = (split(&self), split(other));
        let mut codecs = both(own.0, theirs.0);
        let picture_codecs = codecs.len();
        codecs.extend(both(own.1, theirs.1));
        let pixels = |size: &(u32, u32)| u64::from(size.0) * u64::from(size.1);
        let place = |range: &String| RANGES.iter().position(|known| known == range);
        Self {
            codecs,
            picture_codecs,
            size: self.size.into_iter().chain(other.size).max_by_key(pixels),
            range: self
                .range
                .into_iter()
                .chain(other.range.clone())
                .max_by_key(place),
            frame_rate: self
                .frame_rate
                .into_iter()
                .chain(other.frame_rate)
                .max_by(f64::total_cmp),
            peak: self.peak.max(other.peak),
            average: self.average.max(other.average),
        }
    }

    /// The text of a master playlist with `playlist` as the only choice.
    pub fn master(&self, playlist: &str, uris: &Uris) -> Vec<u8> {
        let range = self.range.as_deref();
        let master = Master {
            codecs: self.codecs.clone(),
            picture_codecs: self.picture_codecs,
            size: self.size,
            range: RANGES.into_iter().find(|known| Some(*known) == range),
            frame_rate: self.frame_rate,
            peak: self.peak,
            average: self.average,
        };
        master.live(playlist, uris)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_playlist_covers_all_that_follows_each_other() {
        let one = Variant {
            codecs: vec!["avc1.64001F".to_owned(), "mp4a.40.2".to_owned()],
            picture_codecs: 1,
            size: Some((1280, 720)),
            range: Some("SDR".to_owned()),
            frame_rate: Some(25.0),
            peak: 2_000_000,
            average: 1_000_000,
        };
        let other = Variant {
            codecs: vec!["hvc1.1.6.L93.B0".to_owned(), "mp4a.40.2".to_owned()],
            size: Some((640, 360)),
            range: Some("PQ".to_owned()),
            frame_rate: None,
            peak: 3_000_000,
            ..one.clone()
        };
        let text = one.join(&other).master("../evening.m3u8", &Uris::default());
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=3145728,AVERAGE-BANDWIDTH=1000000,\
             CODECS=\"avc1.64001F,hvc1.1.6.L93.B0,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=25,VIDEO-RANGE=PQ\n../evening.m3u8\n"
        );
    }
}
