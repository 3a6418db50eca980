//! Raw AAC: an ADTS header (ISO/IEC 13818-7 §6.2, ISO/IEC 14496-3 §1.A.2.2) before every frame.
//!
//! ADTS has no timestamps. A kept gap becomes silence, and the picture is left out. Sound that ADTS cannot carry goes into M4A,
//! [`Mp4::open_audio`](super::mp4::Mp4::open_audio).

use crate::format::line::{Config, Line, Tape};
use crate::format::mark::Marker;
use crate::format::splice::{Parts, Script, Splice, Spliced};
use crate::format::{FileError, TapeSource, View, ViewSegment};
use crate::media::{AudioCodec, AudioConfig, TrackKind};

/// Bytes of a header without checksum.
const HEADER: u64 = 7;
/// The longest frame, header included, that the length field of 13 bits can say.
const LONGEST: u32 = 0x1FFF;

/// Sample rates by `sampling_frequency_index` (ISO/IEC 14496-3 table 1.18).
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/// The sound of a view as one `.aac` file.
pub type Adts<S> = Spliced<S, File>;

impl<S: TapeSource> Adts<S> {
    /// Opens the file. Fails when there is no sound, or sound that ADTS cannot carry.
    pub fn open(view: View<S>) -> Result<Self, FileError> {
        let mut tape = Tape::new(view.without_hidden().hiding());
        let file = File::open(&mut tape)?;
        Ok(Self::new(tape, file))
    }
}

/// The script of an ADTS file: one part for each fragment.
pub struct File {
    line: Line,
    /// The bytes that all headers of a configuration have in common.
    headers: Vec<[u8; 4]>,
    parts: Parts,
}

impl File {
    fn open<S: TapeSource>(tape: &mut Tape<S>) -> Result<Self, FileError> {
        let line = Line::open(tape)?;
        let track = line
            .audio
            .as_ref()
            .ok_or_else(|| unsupported("it has no sound"))?;
        let mut headers = Vec::new();
        for config in &track.configs {
            if let Config::Audio(config) = config {
                headers.push(fixed_header(config)?);
            }
        }
        let mut parts = Parts::default();
        for part in &line.parts {
            parts.push(u64::from(part.audio.bytes) + u64::from(part.audio.samples) * HEADER);
        }
        for number in 0..line.stretches.len() {
            let index = tape.index(number)?;
            let mut samples = index
                .fragments
                .iter()
                .flat_map(|fragment| &fragment.audio.samples);
            if samples.any(|sample| sample.size > LONGEST - HEADER as u32) {
                return Err(unsupported(
                    "it has a frame of more than 8 KiB; choose a path that ends in .m4a",
                ));
            }
        }
        Ok(Self { line, headers, parts })
    }
}

impl Script for File {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    fn make<S: TapeSource>(
        &self,
        part: usize,
        tape: &mut Tape<S>,
        out: &mut Splice,
    ) -> Result<(), FileError> {
        let segment = self.segment_of(part);
        let index = tape.index(segment)?;
        let found = self.line.stretches.get(segment).and_then(|stretch| {
            let fragment = index.fragments.get(part.checked_sub(stretch.first_part)?)?;
            let header = self.headers.get(stretch.audio.config)?;
            Some((fragment, *header, self.line.parts.get(part)?.audio))
        });
        if let Some((fragment, header, run)) = found {
            for placed in fragment.audio.placed() {
                out.write(&frame_header(header, placed.sample.size));
                out.copy(
                    segment,
                    TrackKind::Audio,
                    run,
                    placed.offset,
                    u64::from(placed.sample.size),
                );
            }
        }
        Ok(())
    }

    fn body(&self) -> usize {
        0
    }

    fn material(&self, part: usize, segments: &[ViewSegment], marker: &mut Marker) {
        marker.fragment(&self.line, segments, part);
    }

    fn front(&self, _part: usize, _marker: &mut Marker) {}

    fn weight(&self) -> usize {
        self.line.weight() + self.parts.weight() + size_of_val(self.headers.as_slice())
    }

    fn segment_of(&self, part: usize) -> usize {
        self.line.parts.get(part).map_or(0, |part| part.segment as usize)
    }
}

/// The first four bytes of a header, without the two highest bits of the length in the last byte.
fn fixed_header(config: &AudioConfig) -> Result<[u8; 4], FileError> {
    if config.codec != AudioCodec::Aac {
        let codec = config.codec.as_str();
        return Err(unsupported(&format!(
            "its sound is {codec}; choose a path that ends in .m4a"
        )));
    }
    let [first, second, ..] = config.record[..] else {
        return Err(unsupported("its AAC configuration is cut short"));
    };
    let object = match first >> 3 {
        object @ 1..=4 => object,
        // SBR and PS are signalled inside the frames too. ADTS names the core, which is AAC LC.
        5 | 29 => 2,
        object => {
            return Err(unsupported(&format!(
                "AAC object type {object} has no place in ADTS; choose a path that ends in .m4a"
            )));
        }
    };
    let rate = RATES.iter().position(|rate| *rate == config.sample_rate);
    let rate = rate.and_then(|rate| u8::try_from(rate).ok()).ok_or_else(|| {
        let rate = config.sample_rate;
        unsupported(&format!(
            "{rate} Hz has no place in ADTS; choose a path that ends in .m4a"
        ))
    })?;
    // Broadcast uses frames of 960 samples (frameLengthFlag). ADTS has no bit for it.
    if config.frame_samples != 1024 {
        return Err(unsupported(
            "its frames do not have 1024 samples; choose a path that ends in .m4a",
        ));
    }
    let channels = match first >> 3 {
        1..=4 if first & 7 != 7 || second & 0x80 == 0 => second >> 3 & 0xF,
        _ => config.channels,
    };
    let channels = match channels {
        channels @ 1..=7 => channels,
        _ => {
            let reason =
                "its channels are laid out in a way that ADTS cannot say; choose a path that ends in .m4a";
            return Err(unsupported(reason));
        }
    };
    Ok([
        0xFF,
        0xF1,
        (object - 1) << 6 | rate << 2 | channels >> 2,
        channels << 6,
    ])
}

fn frame_header([a, b, c, d]: [u8; 4], size: u32) -> [u8; 7] {
    let len = size + HEADER as u32;
    // The buffer's fullness is all ones, which means a variable bit rate.
    [
        a,
        b,
        c,
        d | (len >> 11) as u8,
        (len >> 3) as u8,
        (len << 5) as u8 | 0x1F,
        0xFC,
    ]
}

fn unsupported(reason: &str) -> FileError {
    FileError::Unsupported {
        format: "aac",
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::format::testing::{self, all, assert_same_in_pieces, expected};
    use crate::media::Tracks;

    #[test]
    fn every_frame_has_a_header_that_leads_to_the_next() {
        for takes in [testing::two_segments(), testing::eventful()] {
            let mut file = Adts::open(testing::view(&takes)).unwrap();
            let bytes = all(&mut file);
            assert_same_in_pieces(&mut file, &bytes, &[1, 7, 4_096, 100_000]);
            let mut rest = &bytes[..];
            let mut silent = 0;
            for shot in expected(&takes)
                .iter()
                .filter(|shot| shot.kind == TrackKind::Audio)
            {
                // AAC LC, 44.1 kHz, two channels.
                assert_eq!(rest[..3], [0xFF, 0xF1, 0x50]);
                assert_eq!(rest[3] & 0xFC, 0x80);
                let len = |rest: &[u8]| {
                    usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5]) >> 5
                };
                while testing::is_silence(&rest[7..len(rest)]) {
                    rest = &rest[len(rest)..];
                    silent += 1;
                }
                let len = len(rest);
                assert_eq!(rest[7..len], shot.payload);
                rest = &rest[len..];
            }
            assert!(rest.is_empty());
            // The picture before the break is shown a little longer than the sound lasts.
            assert_eq!(silent > 0, takes.len() > 2);
        }
    }

    #[test]
    fn what_it_cannot_carry_is_named() {
        let tracks = Tracks {
            video: None,
            audio: Some(Arc::new(testing::opus())),
        };
        let take = testing::Take {
            shots: testing::shoot(&tracks, 0, 500, 0),
            tracks,
            publish_zero: 0,
        };
        let error = Adts::open(testing::view(&[take])).err().unwrap().to_string();
        assert_eq!(
            error,
            "aac cannot carry this recording: its sound is opus; choose a path that ends in .m4a"
        );
    }
}
