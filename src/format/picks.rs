//! Chosen keyframes of a view, and a file of them: what shows a recording in many small pictures asks for it.
//!
//! [`View::picks`] finds the keyframe that is shown at each of many moments, as far apart as asked for. [`keyframes`] makes an MP4 of
//! some of them that the media worker takes: the n-th pick is shown in the n-th second. A keyframe that is picked several times in a row
//! is in the file once, and lasts as many seconds. Nothing is decoded here.

use std::sync::Arc;

use super::index::{FragmentIndex, Run, Sample, SampleIndex};
use super::line::Tape;
use super::mp4::Mp4;
use super::{FileError, Gaps, Kept, Looked, SourceError, TapeSource, TrackBase, View, ViewSegment};
use crate::media::{Micros, SegmentId, TrackKind, Tracks, VideoConfig, rescale};

/// Microseconds of a second.
const MICROS: u32 = 1_000_000;
/// Ticks of a second in the file of the keyframes.
const TIMESCALE: u32 = 90_000;
/// A keyframe that comes so much after a moment still counts for it, or a tenth of the time between two moments, if that is less. Sound
/// that begins some milliseconds before the picture would else let each moment of a whole second have the keyframe before. A rest as
/// short at the end has no moment of its own.
const LATE: Micros = 500_000;

/// A keyframe that was chosen.
#[derive(Clone, Debug)]
pub struct Pick {
    /// UTC at which it is presented.
    pub utc: Micros,
    /// What decodes it.
    pub video: Arc<VideoConfig>,
    segment: SegmentId,
    offset: u64,
    size: u32,
}

/// The keyframes of moments that are equally far apart.
#[derive(Clone, Debug)]
pub struct Picks {
    /// The time from one moment to the next, in microseconds of playing. At least one millisecond.
    pub every: Micros,
    /// How long the view plays, in microseconds.
    pub length: Micros,
    /// The keyframe of each moment: the first is of the moment zero.
    pub picks: Vec<Pick>,
}

/// The source of a file of keyframes: its n-th segment is the n-th keyframe.
#[derive(Clone, Debug)]
pub struct Picked<S> {
    source: S,
    keyframes: Arc<[(SegmentId, Arc<SampleIndex>)]>,
}

impl Pick {
    /// Bytes of the keyframe.
    pub fn bytes(&self) -> u64 {
        self.size.into()
    }

    /// The segment that it is in, and where it begins there.
    pub fn place(&self) -> (SegmentId, u64) {
        (self.segment, self.offset)
    }
}

impl Picks {
    /// Picks a keyframe for each moment that is well before `until`, in microseconds of playing: where the next keyframe is, or the end.
    /// Where there are `most` already, every second one is left out from the beginning on, and the moments are twice as far apart.
    fn fill(&mut self, pick: &Pick, until: Micros, most: usize) {
        loop {
            let number = i64::try_from(self.picks.len()).unwrap_or(i64::MAX);
            let until = until.saturating_sub((self.every / 10).min(LATE));
            if number > 0 && self.every.saturating_mul(number) >= until {
                return;
            }
            if self.picks.len() < most.max(2) {
                self.picks.push(pick.clone());
                continue;
            }
            let mut number = 0_usize;
            self.picks.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.every = self.every.saturating_mul(2);
        }
    }
}

impl<S: TapeSource> View<S> {
    /// The keyframe that is shown at each of the moments 0, `every`, twice `every` and so on, or the last one before; before the first
    /// keyframe, that one. One that comes within a tenth of `every` after the moment, at most half a second, counts as well,
    /// and a rest as short at the end has no moment. Moments are microseconds of playing, as in the view's MP4. They are as often twice as far apart as it takes to
    /// have at most `most`, which is two or more. Of recordings in step these are pictures of the first one. Fails where the view
    /// has no keyframe.
    pub fn picks(self, every: Micros, most: usize) -> Result<Picks, FileError> {
        let mut tape = Tape::new(self.first_side());
        let line = Looked::default().lay(&mut tape)?;
        let Some(video) = &line.video else {
            return Err(no_picture());
        };
        let tracks = || [Some(video), line.audio.as_ref()].into_iter().flatten();
        let begins = tracks().map(|track| rescale(track.first_pts, track.timescale, MICROS));
        let begins = begins.min().unwrap_or(0);
        let ends = tracks().map(|track| rescale(track.end_pts, track.timescale, MICROS));
        let mut found = Picks {
            every: every.max(1_000),
            length: ends.max().unwrap_or(0).saturating_sub(begins),
            picks: Vec::new(),
        };
        let mut last: Option<Pick> = None;
        let segments = tape.segments().clone();
        for (number, (stretch, segment)) in line.stretches.iter().zip(segments.iter()).enumerate() {
            let Some(config) = &segment.tracks.video else {
                continue;
            };
            let index = tape.index(number)?;
            let pictures = index.runs(TrackKind::Video).flat_map(Run::placed);
            for picture in pictures.filter(|picture| picture.sample.key) {
                let pick = Pick {
                    utc: segment.utc(segment.shown(&picture)),
                    video: Arc::clone(config),
                    segment: segment.id,
                    offset: picture.offset,
                    size: picture.sample.size,
                };
                let shown = stretch.video.placement.shown(&picture);
                let at = rescale(shown, video.timescale, MICROS).saturating_sub(begins);
                found.fill(last.as_ref().unwrap_or(&pick), at, most);
                last = Some(pick);
            }
        }
        let last = last.ok_or_else(no_picture)?;
        found.fill(&last, found.length, most);
        Ok(found)
    }
}

/// An MP4 of keyframes, of which the n-th is shown in the n-th second. `source` has the segments that they are in. All of them must be
/// decoded by equal [configurations](Pick::video).
pub fn keyframes<S: TapeSource>(source: S, picks: &[Pick]) -> Result<Mp4<Picked<S>>, FileError> {
    let (mut keyframes, mut segments) = (Vec::new(), Vec::new());
    let mut second = 0_usize;
    for equal in picks.chunk_by(|one, next| one.place() == next.place()) {
        let Some(pick) = equal.first() else { continue };
        let begins = i64::try_from(second).unwrap_or(i64::MAX);
        let lasts = u32::try_from(equal.len()).unwrap_or(u32::MAX);
        second += equal.len();
        segments.push(ViewSegment {
            id: numbered(keyframes.len()),
            tracks: Tracks {
                video: Some(Arc::new(VideoConfig {
                    timescale: TIMESCALE,
                    ..pick.video.as_ref().clone()
                })),
                audio: None,
            },
            base: TrackBase {
                video: begins.saturating_mul(TIMESCALE.into()),
                audio: 0,
            },
            publish_zero: 0,
            publish_zero_utc: 0,
            end: None,
            kept: Kept::default(),
            range: 0,
            gaps: Gaps::Close,
            silence: None,
            filled: None,
            in_step: None,
        });
        let fragment = FragmentIndex {
            offset: pick.offset,
            len: pick.bytes(),
            video: Run {
                first_dts: 0,
                data_offset: pick.offset,
                samples: vec![Sample {
                    size: pick.size,
                    duration: TIMESCALE.saturating_mul(lasts),
                    cts: 0,
                    key: true,
                }],
            },
            audio: Run::default(),
        };
        let index = SampleIndex {
            fragments: vec![fragment],
        };
        keyframes.push((pick.segment, Arc::new(index)));
    }
    Mp4::open(View {
        segments: segments.into(),
        source: Picked {
            source,
            keyframes: keyframes.into(),
        },
    })
}

/// The name of the n-th keyframe.
fn numbered(number: usize) -> SegmentId {
    SegmentId::from_bytes((number as u128).to_be_bytes())
}

impl<S> Picked<S> {
    fn keyframe(&self, id: SegmentId) -> Result<&(SegmentId, Arc<SampleIndex>), SourceError> {
        let number = usize::try_from(u128::from_be_bytes(id.to_bytes())).unwrap_or(usize::MAX);
        self.keyframes.get(number).ok_or_else(|| SourceError {
            segment: id,
            reason: "there is no such keyframe".to_owned(),
        })
    }
}

impl<S: TapeSource> TapeSource for Picked<S> {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        Ok(Arc::clone(&self.keyframe(segment)?.1))
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.source.read_exact_at(self.keyframe(segment)?.0, offset, buf)
    }
}

fn no_picture() -> FileError {
    FileError::Unsupported {
        format: "pictures",
        reason: "there is no keyframe in it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::VirtualFile as _;
    use crate::format::mp4::read::Mp4Reader;
    use crate::format::testing::{SOME_DAY, all, eventful, two_segments, view};

    /// Seconds after the first picture at which the picks are shown, to the nearest second.
    fn seconds(picks: &Picks) -> Vec<i64> {
        let first = SOME_DAY;
        let shown = picks.picks.iter().map(|pick| pick.utc - first + 500_000);
        shown.map(|utc| utc / 1_000_000).collect()
    }

    #[test]
    fn each_moment_has_the_keyframe_that_is_shown_then() {
        // A keyframe each second, for four and a half seconds.
        let picks = |every| view(&two_segments()).picks(every, 100).unwrap();
        assert_eq!(seconds(&picks(1_000_000)), [0, 1, 2, 3, 4]);
        assert_eq!(seconds(&picks(2_000_000)), [0, 2, 4]);
        assert_eq!(seconds(&picks(500_000)), [0, 0, 1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(seconds(&picks(60_000_000)), [0]);
        let length = picks(1_000_000).length;
        assert!((4_500_000..4_560_000).contains(&length), "{length}");
    }

    #[test]
    fn there_are_no_more_than_asked_for_and_they_are_further_apart_then() {
        let picks = view(&two_segments()).picks(100_000, 6).unwrap();
        assert_eq!(picks.every, 800_000);
        assert_eq!(seconds(&picks), [0, 0, 1, 2, 3, 4]);
        let few = view(&two_segments()).picks(0, 0).unwrap();
        assert!(few.picks.len() <= 2 && few.every >= 2_000_000, "{few:?}");
        // However short the time between two is, it ends.
        let many = view(&two_segments()).picks(0, 1_000).unwrap();
        assert!((500..=1_000).contains(&many.picks.len()), "{}", many.picks.len());
    }

    #[test]
    fn before_the_first_picture_and_over_a_break_there_is_one_too() {
        let picks = view(&eventful()).picks(250_000, 1_000).unwrap();
        let moments = (picks.length - 25_000).unsigned_abs().div_ceil(250_000);
        assert_eq!(picks.picks.len() as u64, moments);
        let utc: Vec<Micros> = picks.picks.iter().map(|pick| pick.utc).collect();
        assert!(utc.is_sorted(), "{utc:?}");
        let sound = view(&two_segments()).only(TrackKind::Audio);
        let error = sound.picks(1_000_000, 100).unwrap_err().to_string();
        assert!(error.contains("no keyframe"), "{error}");
    }

    #[test]
    fn a_file_of_keyframes_shows_the_nth_in_the_nth_second() {
        let tape = view(&two_segments());
        let whole = all(&mut Mp4::open(tape.clone()).unwrap());
        let picks = tape.clone().picks(500_000, 100).unwrap();
        let mut file = keyframes(tape.source.clone(), &picks.picks).unwrap();
        let len = file.len();
        let bytes = all(&mut file);
        assert_eq!(bytes.len() as u64, len);
        let read = |bytes: &[u8]| -> Vec<(i64, bool, Vec<u8>)> {
            let reader = Mp4Reader::open(bytes, bytes.len() as u64).unwrap();
            let samples = reader.samples().map(Result::unwrap);
            let video = samples.filter(|sample| sample.kind == TrackKind::Video);
            video
                .map(|sample| {
                    let from = sample.offset as usize;
                    let payload = &bytes[from..from + sample.size as usize];
                    (sample.dts_ms, sample.key, payload.to_vec())
                })
                .collect()
        };
        let found = read(&bytes);
        let times: Vec<i64> = found.iter().map(|(at, ..)| *at).collect();
        assert_eq!(times, [0, 2_000, 4_000, 6_000, 8_000]);
        let wanted: Vec<Vec<u8>> = read(&whole)
            .into_iter()
            .filter(|(_, key, _)| *key)
            .map(|(.., payload)| payload)
            .collect();
        let payloads: Vec<Vec<u8>> = found.into_iter().map(|(.., payload)| payload).collect();
        assert_eq!(payloads, wanted);
        // Any of them, in any order.
        let back: Vec<Pick> = picks.picks.iter().rev().step_by(2).cloned().collect();
        let bytes = all(&mut keyframes(tape.source, &back).unwrap());
        let payloads: Vec<Vec<u8>> = read(&bytes).into_iter().map(|(.., payload)| payload).collect();
        assert_eq!(payloads, wanted.into_iter().rev().collect::<Vec<_>>());
    }
}
