//! The fragments of a segment that other recordings need, when a recording that shared the segment is deleted.

use super::segment::fragment_end;
use crate::format::TrackBase;
use crate::format::index::{FragmentIndex, Placed, SampleIndex};
use crate::media::{Micros, TrackKind, Tracks};

/// The position of a segment on the tape, for dating its samples.
pub(super) struct Dated<'a> {
    pub(super) index: &'a SampleIndex,
    pub(super) base: TrackBase,
    pub(super) tracks: &'a Tracks,
    pub(super) tape_zero: Micros,
}

/// How far back a keyframe is searched for a recording that begins without one.
pub(super) const LOOK_BACK: Micros = 600_000_000;

/// A smaller difference comes from rounding ticks to microseconds.
pub(super) const ROUNDING: Micros = 1_000;

/// A fragment's tape time: the beginning of its earlier track, and the end of its later one.
type Span = (Micros, Micros);

impl Dated<'_> {
    fn tape(&self, kind: TrackKind, dts: u64) -> Micros {
        let base = match kind {
            TrackKind::Video => self.base.video,
            TrackKind::Audio => self.base.audio,
        };
        let dts = i64::try_from(dts).unwrap_or(i64::MAX).saturating_add(base);
        self.tape_zero.saturating_add(self.tracks.micros(kind, dts))
    }

    fn span(&self, fragment: &FragmentIndex) -> Span {
        let begins = [TrackKind::Video, TrackKind::Audio]
            .into_iter()
            .filter_map(|kind| {
                let run = fragment.run(kind);
                (!run.samples.is_empty()).then(|| self.tape(kind, run.first_dts))
            });
        let end = fragment_end(fragment, self.base, self.tracks, self.tape_zero);
        (begins.min().unwrap_or(end), end)
    }

    /// The fragments that are needed to play the intervals of `keeps`. Pictures are decoded from the keyframe before, and a
    /// fragment is kept or deleted whole.
    pub(super) fn needed(&self, keeps: &[Span]) -> Vec<bool> {
        let fragments = &self.index.fragments;
        let spans: Vec<Span> = fragments.iter().map(|fragment| self.span(fragment)).collect();
        let mut needed = vec![false; fragments.len()];
        for &(from, to) in keeps {
            let entry = self.entry(from);
            for (at, (begins, ends)) in spans.iter().enumerate() {
                let decodes = entry.is_some_and(|entry| at >= entry);
                if *begins < to
                    && (*ends > from || decodes)
                    && let Some(needed) = needed.get_mut(at)
                {
                    *needed = true;
                }
            }
        }
        needed
    }

    /// The fragment with the last keyframe at or before a moment; the first fragment, if there is a picture and no keyframe.
    fn entry(&self, from: Micros) -> Option<usize> {
        self.tracks.video.as_ref()?;
        Some(self.entry_before(from).map_or(0, |(fragment, _)| fragment))
    }

    /// The last keyframe at or before a moment from which the pictures shown from then on can be decoded: its fragment, and its
    /// tape time. A keyframe of that very moment does not count if pictures that are shown before it follow: they refer to the
    /// GOP before, unless the keyframe is an IDR picture, which the index does not say.
    fn entry_before(&self, moment: Micros) -> Option<(usize, Micros)> {
        let fragments = self.index.fragments.iter().enumerate();
        let mut pictures = fragments
            .flat_map(|(at, fragment)| fragment.video.placed().map(move |placed| (at, placed)))
            .peekable();
        let shown = |placed: &Placed| placed.dts.saturating_add_signed(placed.sample.cts.into());
        let mut entry = None;
        while let Some((at, placed)) = pictures.next() {
            let dts = self.tape(TrackKind::Video, placed.dts);
            if dts > moment {
                break;
            }
            let leads = pictures
                .peek()
                .is_some_and(|(_, next)| !next.sample.key && shown(next) < shown(&placed));
            let is_open = leads && dts.saturating_add(ROUNDING) > moment;
            if placed.sample.key && !is_open {
                entry = Some((at, dts));
            }
        }
        entry
    }

    /// Tape time of the first picture.
    pub(super) fn first_picture(&self) -> Option<Micros> {
        let mut fragments = self.index.fragments.iter();
        let first = fragments.find(|fragment| !fragment.video.samples.is_empty())?;
        Some(self.tape(TrackKind::Video, first.video.first_dts))
    }

    /// Tape time of the last keyframe from which the pictures shown from a moment on can be decoded.
    pub(super) fn keyframe_before(&self, moment: Micros) -> Option<Micros> {
        self.entry_before(moment).map(|(_, at)| at)
    }

    /// Adds the media that stays to `left`.
    pub(super) fn left(&self, needed: &[bool], left: &mut Left) {
        let kept = self
            .index
            .fragments
            .iter()
            .zip(needed)
            .filter(|(_, needed)| **needed);
        kept.for_each(|(fragment, _)| left.add(self.span(fragment)));
    }
}

/// The footage of a recording that stays, because other recordings need it.
pub(super) struct Left {
    at: Micros,
    to: Micros,
    sum: Micros,
}

impl Left {
    pub(super) fn new((from, to): Span) -> Self {
        Self { at: from, to, sum: 0 }
    }

    /// The ranges that stay, in the order of the tape, without overlaps.
    pub(super) fn add(&mut self, (begins, ends): Span) {
        let ends = ends.min(self.to);
        self.sum += ends.saturating_sub(begins.max(self.at)).max(0);
        self.at = self.at.max(ends);
    }

    /// Goes on with a sum that ends at `until`.
    pub(super) fn go_on(&mut self, until: Micros, sum: Micros) {
        self.at = self.at.max(until);
        self.sum = sum;
    }

    /// Where the sum ends on the tape.
    pub(super) fn until(&self) -> Micros {
        self.at
    }

    pub(super) fn sum(&self) -> Micros {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::fmp4::{self, Place};
    use crate::media::SegmentId;
    use crate::store::testing;

    const SECOND: Micros = 1_000_000;

    /// The index of so many seconds of a segment that begins at tape time 100 s, with a keyframe every two seconds.
    fn index(seconds: i64) -> SampleIndex {
        let fragments = (0..seconds).map(|n| {
            let place = Place {
                segment: SegmentId::new(1),
                sequence: 1 + n as u32,
                durable: 0,
                offset: 1_000 + n as u64 * 10_000,
            };
            let fragment = testing::fragment(n, n % 2 == 0);
            fmp4::fragment_header(place, TrackBase::default(), &fragment)
                .unwrap()
                .index
        });
        SampleIndex {
            fragments: fragments.collect(),
        }
    }

    fn needed(keeps: &[(i64, i64)]) -> (Vec<usize>, Micros) {
        let (index, tracks) = (index(10), testing::tracks());
        let dated = Dated {
            index: &index,
            base: TrackBase::default(),
            tracks: &tracks,
            tape_zero: 100 * SECOND,
        };
        let keeps: Vec<Span> = keeps
            .iter()
            .map(|(from, to)| ((1_000 + from) * 100_000, (1_000 + to) * 100_000))
            .collect();
        let needed = dated.needed(&keeps);
        let mut left = Left::new((102 * SECOND, 200 * SECOND));
        dated.left(&needed, &mut left);
        let left = left.sum();
        (
            needed
                .iter()
                .enumerate()
                .filter(|(_, needed)| **needed)
                .map(|(at, _)| at)
                .collect(),
            left,
        )
    }

    #[test]
    fn what_is_kept_is_whole_fragments_from_the_keyframe_before_on() {
        assert_eq!(needed(&[(40, 60)]), (vec![4, 5], 2 * SECOND));
        // The interval reaches from within a GOP to within a fragment.
        assert_eq!(needed(&[(35, 61)]), (vec![2, 3, 4, 5, 6], 5 * SECOND));
        assert_eq!(needed(&[(0, 1), (95, 99)]), (vec![0, 8, 9], 2 * SECOND));
        assert_eq!(needed(&[]), (vec![], 0));
        assert_eq!(needed(&[(-50, 1_000)]).0.len(), 10);
    }
}
