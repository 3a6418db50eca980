//! Sound that is not on the tape: frames of silence, made while a file is read.
//!
//! Players do not wait where sound has a gap. They play on, and from there on sound and picture are apart. So silent frames of
//! the stream's own codec are put where one track ended before the other, and where a gap is kept.

use std::sync::Arc;

use bytes::Bytes;

use super::index::{FragmentIndex, Run, Sample, SampleIndex};
use crate::media::{AudioCodec, AudioConfig};

/// The longest silence of one piece. Longer silence is several pieces, so that no index of it is large.
const LONGEST_S: u64 = 60;

/// Some frames of silence, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    frame: Arc<[u8]>,
    /// Ticks of one frame.
    ticks: u32,
    frames: u32,
    /// Frames of one fragment: about a second.
    together: u32,
}

/// Silence in fragments of the tape that have pictures and no sound. It stands in the file beside its pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    frame: Arc<[u8]>,
    /// Ticks of one frame.
    ticks: u32,
    fragments: Vec<FilledFragment>,
}

/// The silence of one fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct FilledFragment {
    /// Where the fragment begins in the file.
    pub(in crate::format) offset: u64,
    /// When the first frame is decoded, in ticks of the file.
    pub(in crate::format) first_dts: u64,
    pub(in crate::format) frames: u32,
}

/// Offsets from here on are in no file: the bytes there are made.
const MADE: u64 = 1 << 62;

/// A frame in which nothing is heard.
#[derive(Clone, Debug)]
pub(in crate::format) struct SilentFrame {
    frame: Arc<[u8]>,
    ticks: u32,
    rate: u32,
}

impl SilentFrame {
    /// The silent frame of a codec. Nothing where none is known.
    pub(in crate::format) fn of(config: &AudioConfig) -> Option<Self> {
        let (frame, ticks) = match config.codec {
            AudioCodec::Aac => (aac(config)?, config.frame_samples),
            AudioCodec::Opus => (opus(config)?, 960),
            AudioCodec::Mp3 => (mp3(config)?, config.frame_samples),
        };
        Some(Self {
            frame: frame.into(),
            ticks: ticks.max(1),
            rate: config.sample_rate.max(1),
        })
    }

    /// Ticks of the track that the frame lasts.
    pub(in crate::format) fn ticks(&self) -> u32 {
        self.ticks
    }

    /// The bytes of the frame.
    pub(in crate::format) fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.frame)
    }

    /// Puts silent frames in each of these fragments.
    pub(in crate::format) fn fill(&self, fragments: Vec<FilledFragment>) -> Filled {
        Filled {
            frame: Arc::clone(&self.frame),
            ticks: self.ticks,
            fragments,
        }
    }

    /// Makes `frames` frames in pieces of a minute at most. Each piece comes with the number of frames before it.
    pub(in crate::format) fn pieces(&self, frames: u64) -> impl Iterator<Item = (u64, Silence)> + use<> {
        let together = (self.rate / self.ticks).max(1);
        let most = u64::from(together) * LONGEST_S;
        let (frame, ticks) = (Arc::clone(&self.frame), self.ticks);
        (0..frames.div_ceil(most)).map(move |piece| {
            let before = piece * most;
            let left = frames.saturating_sub(before).min(most);
            let silence = Silence {
                frame: Arc::clone(&frame),
                ticks,
                frames: fitted!(left, "the frames of a piece of silence"),
                together,
            };
            (before, silence)
        })
    }
}

impl Silence {
    /// The samples of the silence, as if they stood in a file.
    pub(in crate::format) fn index(&self) -> Arc<SampleIndex> {
        let size = fitted!(self.frame.len(), "the size of a silent frame");
        let sample = Sample {
            size,
            duration: self.ticks,
            cts: 0,
            key: true,
        };
        let fragments = (0..self.frames.div_ceil(self.together)).map(|number| {
            let first = number * self.together;
            let frames = self.frames.saturating_sub(first).min(self.together);
            let offset = u64::from(first) * u64::from(size);
            FragmentIndex {
                offset,
                len: u64::from(frames) * u64::from(size),
                video: Run::default(),
                audio: Run {
                    first_dts: u64::from(first) * u64::from(self.ticks),
                    data_offset: offset,
                    samples: vec![sample; frames as usize],
                },
            }
        });
        Arc::new(SampleIndex {
            fragments: fragments.collect(),
        })
    }

    /// Fills `buf` from `offset` of that file.
    pub(in crate::format) fn read(&self, offset: u64, buf: &mut [u8]) {
        repeat(&self.frame, offset, buf);
    }
}

impl Filled {
    /// The samples of a file, with the silence among them.
    pub(in crate::format) fn fill(&self, index: Arc<SampleIndex>) -> Arc<SampleIndex> {
        let mut index = Arc::unwrap_or_clone(index);
        for fragment in &mut index.fragments {
            let found = self
                .fragments
                .binary_search_by_key(&fragment.offset, |own| own.offset);
            let own = found.ok().and_then(|at| self.fragments.get(at));
            if let Some(own) = own.filter(|_| fragment.audio.samples.is_empty()) {
                fragment.audio = self.run(own);
            }
        }
        Arc::new(index)
    }

    /// About how many bytes of memory this takes up.
    pub(in crate::format) fn weight(&self) -> usize {
        size_of_val(self.fragments.as_slice())
    }

    /// True for an offset at which silence stands.
    pub(in crate::format) fn has(offset: u64) -> bool {
        offset >= MADE
    }

    /// Fills `buf` with the silence at `offset`.
    pub(in crate::format) fn read(&self, offset: u64, buf: &mut [u8]) {
        repeat(&self.frame, offset.saturating_sub(MADE), buf);
    }

    fn run(&self, own: &FilledFragment) -> Run {
        let size = fitted!(self.frame.len(), "the size of a silent frame");
        let sample = Sample {
            size,
            duration: self.ticks,
            cts: 0,
            key: true,
        };
        Run {
            first_dts: own.first_dts,
            // Silence at another time gets another offset, so the mark of the part that it is in differs.
            data_offset: MADE.saturating_add(own.first_dts.saturating_mul(size.into())),
            samples: vec![sample; own.frames as usize],
        }
    }
}

/// Fills `buf` with frame after frame, from `offset` on.
fn repeat(frame: &[u8], offset: u64, buf: &mut [u8]) {
    let len = frame.len().max(1);
    let skip = usize::try_from(offset % len as u64).unwrap_or(0);
    for (to, from) in buf.iter_mut().zip(frame.iter().cycle().skip(skip)) {
        *to = *from;
    }
}

impl AudioConfig {
    /// True when silent frames of the codec are known, to fill a gap with.
    pub fn has_silence(&self) -> bool {
        SilentFrame::of(self).is_some()
    }
}

/// Bits, the first one highest.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) as u8) << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }
}

/// A `raw_data_block` (ISO/IEC 14496-3 §4.4.2.1) of AAC LC without a spectrum: no band is sent, at any rate.
fn aac(config: &AudioConfig) -> Option<Vec<u8>> {
    /// `single_channel_element`, `channel_pair_element`, `lfe_channel_element`, and the end.
    const SINGLE: u32 = 0;
    const PAIR: u32 = 1;
    const LOW: u32 = 3;
    const END: u32 = 7;
    let [first, second, ..] = config.record[..] else {
        return None;
    };
    let is_low_complexity = match (first >> 3, config.record.get(2)) {
        (2, _) => true,
        // Where SBR and PS are announced, decoders bring a frame without their part to the same rate and channels.
        (5 | 29, Some(third)) => (second & 7, third >> 7) != (7, 1) && third >> 2 & 0x1F == 2,
        _ => false,
    };
    if !is_low_complexity || first & 7 == 7 && second & 0x80 != 0 {
        return None;
    }
    let elements: &[u32] = match second >> 3 & 0xF {
        1 => &[SINGLE],
        2 => &[PAIR],
        3 => &[SINGLE, PAIR],
        4 => &[SINGLE, PAIR, SINGLE],
        5 => &[SINGLE, PAIR, PAIR],
        6 => &[SINGLE, PAIR, PAIR, LOW],
        7 => &[SINGLE, PAIR, PAIR, PAIR, LOW],
        _ => return None,
    };
    let mut bits = Bits::default();
    let mut tags = [0_u32; 8];
    for element in elements {
        bits.put(*element, 3);
        if let Some(tag) = tags.get_mut(*element as usize) {
            bits.put(*tag, 4);
            *tag += 1;
        }
        // `ics_info`: a long window without a band, `max_sfb` 0, nothing predicted.
        match *element {
            PAIR => {
                bits.put(1, 1);
                bits.put(0, 11);
                bits.put(0, 2);
                for _ in 0..2 {
                    // `global_gain`; no pulse, no noise shaping, no gain control.
                    bits.put(100, 8);
                    bits.put(0, 3);
                }
            }
            _ => {
                bits.put(100, 8);
                bits.put(0, 11);
                bits.put(0, 3);
            }
        }
    }
    bits.put(END, 3);
    Some(bits.bytes)
}

/// A packet of 20 ms of silence in CELT over the full band (RFC 6716 §3.1), as browsers send it. In streams of more than two
/// channels a packet is several packets (RFC 7845 §5.1.1), and no silence is made for these.
fn opus(config: &AudioConfig) -> Option<Vec<u8>> {
    let stereo = match config.channels {
        1 => 0,
        2 => 1,
        _ => return None,
    };
    Some(vec![0xF8 | stereo << 2, 0xFF, 0xFE])
}

/// A frame of layer III (ISO/IEC 11172-3 §2.4.1, 13818-3) whose side information says that no bit of sound follows.
fn mp3(config: &AudioConfig) -> Option<Vec<u8>> {
    // Version bits, and the index of the sample rate.
    let (version, rate) = match config.sample_rate {
        44_100 => (3, 0),
        48_000 => (3, 1),
        32_000 => (3, 2),
        22_050 => (2, 0),
        24_000 => (2, 1),
        16_000 => (2, 2),
        11_025 => (0, 0),
        12_000 => (0, 1),
        8_000 => (0, 2),
        _ => return None,
    };
    let mono = config.channels == 1;
    // 32 kbit/s of MPEG-1, 16 of the others: the second index in the tables of both, or the first. The side information fits.
    let (index, bits_per_second, samples) = match version {
        3 => (1_u8, 32_000, 1_152),
        _ => (2, 16_000, 576),
    };
    if config.frame_samples != samples {
        return None;
    }
    let len = samples / 8 * bits_per_second / config.sample_rate;
    let mut frame = vec![0; len as usize];
    let header = [
        0xFF,
        // Eleven bits of synchronisation, version, layer III, no checksum.
        0xE0 | version << 3 | 1 << 1 | 1,
        index << 4 | rate << 2,
        if mono { 3 << 6 } else { 0 },
    ];
    frame.get_mut(..4)?.copy_from_slice(&header);
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing;
    use crate::media::parse_aac;

    #[test]
    fn a_silent_frame_of_aac_is_what_encoders_make_of_nothing() {
        let of = |channels: u8| {
            let config = parse_aac(Bytes::from(vec![0x12, channels << 3])).unwrap();
            SilentFrame::of(&config).unwrap().frame.to_vec()
        };
        assert_eq!(of(1), [0x00, 0xC8, 0x00, 0x07]);
        assert_eq!(of(2), [0x21, 0x00, 0x03, 0x20, 0x64, 0x1C]);
        assert!((3..=7).all(|channels| of(channels).len() < 32));
    }

    /// With these configurations FDK-AAC and ffmpeg make as many samples of silence as of any other frame, and go on behind it.
    #[test]
    fn a_silent_frame_of_he_aac_is_one_of_its_core() {
        let of = |record: &'static [u8]| {
            let config = parse_aac(Bytes::from_static(record)).unwrap();
            let frame = SilentFrame::of(&config).unwrap();
            (frame.frame.to_vec(), frame.ticks)
        };
        // SBR, and PS over one channel, both from 24 to 48 kHz.
        assert_eq!(
            of(&[0x2B, 0x11, 0x88, 0x00]),
            (vec![0x21, 0x00, 0x03, 0x20, 0x64, 0x1C], 1_024)
        );
        assert_eq!(
            of(&[0xEB, 0x09, 0x88, 0x00]),
            (vec![0x00, 0xC8, 0x00, 0x07], 1_024)
        );
    }

    #[test]
    fn what_no_silence_is_known_of_has_none() {
        assert!(SilentFrame::of(&testing::aac_main()).is_none());
        let mut opus = testing::opus();
        opus.channels = 6;
        assert!(SilentFrame::of(&opus).is_none());
    }

    #[test]
    fn a_long_silence_is_in_pieces_and_reads_as_one() {
        let frame = SilentFrame::of(&testing::aac()).unwrap();
        let pieces: Vec<_> = frame.pieces(10_000).collect();
        let frames: Vec<usize> = pieces
            .iter()
            .map(|(_, silence)| silence.index().sample_count(crate::media::TrackKind::Audio))
            .collect();
        assert_eq!(frames.iter().sum::<usize>(), 10_000);
        assert!(frames.iter().all(|frames| *frames <= 43 * 60));
        assert_eq!(pieces[1].0, frames[0] as u64);
        let len = frame.frame.len();
        let mut bytes = vec![0; 3 * len];
        pieces[0].1.read(len as u64 - 1, &mut bytes);
        assert_eq!(bytes[1..=len], frame.frame[..]);
    }
}
