//! Where the chunks begin.

use std::ops::Range;

use crate::format::index::{FragmentIndex, Run};
use crate::format::line::{Line, Placement, Stretch, Tape};
use crate::format::{RenditionError, TapeSource, ViewSegment};
use crate::media::{Micros, Tracks};

/// A keyframe this much before the target is taken: a group of pictures of "two seconds" is often a
/// millisecond short of it.
const EARLY_MS: i64 = 100;

/// Some consecutive fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    first: u32,
    count: u32,
    /// When it begins on the line, in milliseconds.
    pub(super) start_ms: i64,
    /// When the next one begins, or its own end when nothing follows without a break.
    pub(super) end_ms: i64,
    /// Which of the configurations decodes it.
    pub(super) init: u32,
    /// It does not go on from the chunk before.
    pub(super) discontinuity: bool,
    /// UTC at its beginning.
    pub(super) utc: Micros,
    /// Decoding can begin at its first picture.
    pub(super) independent: bool,
}

/// All chunks, and the tracks of each `init`.
#[derive(Debug, Default)]
pub(super) struct Cut {
    pub(super) chunks: Vec<Chunk>,
    pub(super) tracks: Vec<Tracks>,
}

/// A fragment's times on the line, in milliseconds.
struct Times {
    start_ms: i64,
    end_ms: i64,
    key: bool,
}

impl Chunk {
    /// Its fragments.
    pub(super) fn parts(&self) -> Range<usize> {
        let first = self.first as usize;
        first..first + self.count as usize
    }

    /// How long it lasts.
    pub(super) fn duration_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.start_ms).max(1).unsigned_abs()
    }
}

/// Goes over all fragments once.
pub(super) fn cut<S: TapeSource>(
    line: &Line,
    tape: &mut Tape<S>,
    target_ms: i64,
) -> Result<Cut, RenditionError> {
    let mut cut = Cut::default();
    let segments = tape.segments().to_vec();
    let mut before: Option<&ViewSegment> = None;
    for ((number, segment), stretch) in segments.iter().enumerate().zip(&line.stretches) {
        let index = tape.index(number)?;
        let mut breaks = stretch.breaks || before.is_none_or(|before| before.tracks != segment.tracks);
        let mut same_publish = !stretch.breaks;
        before = Some(segment);
        let first_part = u32::try_from(stretch.first_part).unwrap_or(u32::MAX);
        for (part, fragment) in (first_part..).zip(&index.fragments) {
            let Some(times) = times(stretch, segment, fragment) else {
                continue;
            };
            match cut.chunks.last_mut() {
                Some(chunk) if !(breaks || times.key && chunk.is_long_enough(&times, target_ms)) => {
                    chunk.count = part + 1 - chunk.first;
                    chunk.end_ms = chunk.end_ms.max(times.end_ms);
                    same_publish = true;
                    continue;
                }
                // Without a break the next chunk's beginning is this one's end.
                Some(chunk) if same_publish => chunk.end_ms = times.start_ms,
                _ => (),
            }
            let discontinuity = breaks && !cut.chunks.is_empty();
            let init = cut.init(&segment.tracks);
            let since = times
                .start_ms
                .saturating_sub(stretch.zero_ms)
                .saturating_mul(1_000);
            cut.chunks.push(Chunk {
                first: part,
                count: 1,
                start_ms: times.start_ms,
                end_ms: times.end_ms,
                init,
                discontinuity,
                utc: segment.publish_zero_utc.saturating_add(since),
                independent: times.key,
            });
            (breaks, same_publish) = (false, true);
        }
    }
    cut.join_crumb(target_ms);
    Ok(cut)
}

impl Chunk {
    fn is_crumb(&self, target_ms: i64) -> bool {
        self.end_ms.saturating_sub(self.start_ms) < target_ms / 4
    }

    fn is_long_enough(&self, next: &Times, target_ms: i64) -> bool {
        next.start_ms
            .saturating_sub(self.start_ms)
            .saturating_add(EARLY_MS)
            >= target_ms
    }
}

impl Cut {
    /// What is left after the last keyframe may be a few frames: no reason for a file of their own.
    fn join_crumb(&mut self, target_ms: i64) {
        if let [.., before, last] = self.chunks.as_mut_slice()
            && !last.discontinuity
            && last.is_crumb(target_ms)
        {
            before.count += last.count;
            before.end_ms = last.end_ms;
            self.chunks.pop();
        }
    }

    fn init(&mut self, tracks: &Tracks) -> u32 {
        let known = self.tracks.iter().position(|known| known == tracks);
        let init = known.unwrap_or_else(|| {
            self.tracks.push(tracks.clone());
            self.tracks.len() - 1
        });
        u32::try_from(init).unwrap_or(u32::MAX)
    }
}

/// How many chunks stay as they are when the tape grows: the last one gets longer, and one that is still so short that
/// [`Cut::join_crumb`] could make it a part of the one before it keeps that one open, too.
pub(super) fn settled(chunks: &[Chunk], target_ms: i64) -> usize {
    match chunks {
        [.., last] if last.discontinuity || !last.is_crumb(target_ms) => chunks.len() - 1,
        _ => chunks.len().saturating_sub(2),
    }
}

/// By the picture where there is one. `None` for a fragment without samples.
fn times(stretch: &Stretch, segment: &ViewSegment, fragment: &FragmentIndex) -> Option<Times> {
    let video = span(&fragment.video, stretch.video.placement);
    let audio = span(&fragment.audio, stretch.audio.placement);
    let (start_ms, _) = video.or(audio)?;
    let ends = [video, audio].into_iter().flatten().map(|(_, end)| end);
    Some(Times {
        start_ms,
        end_ms: ends.max().unwrap_or(start_ms),
        key: match fragment.video.samples.first() {
            Some(sample) => sample.key,
            None => segment.tracks.video.is_none(),
        },
    })
}

/// When the first sample is presented, and when the last ends.
fn span(run: &Run, placement: Placement) -> Option<(i64, i64)> {
    let first = run.samples.first()?;
    let to_ms = |ticks: i64| {
        let scale = i128::from(placement.own.max(1));
        let nearest = (i128::from(ticks) * 1_000 + scale / 2).div_euclid(scale);
        i64::try_from(nearest).unwrap_or(0)
    };
    let shown = placement
        .place_own(run.first_dts)
        .saturating_add(i64::from(first.cts));
    let ends = run.placed().map(|placed| {
        let end = placed.dts.saturating_add(u64::from(placed.sample.duration));
        placement
            .place_own(end)
            .saturating_add(i64::from(placed.sample.cts))
    });
    Some((to_ms(shown), to_ms(ends.max().unwrap_or(shown))))
}
