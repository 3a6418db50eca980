//! A shorter view, from one moment of UTC to another.

use super::{SourceError, TapeSource, View};
use crate::media::Micros;

/// A picture is presented at most this long before it is decoded.
const EARLY: Micros = 1_000_000;

impl<S: TapeSource> View<S> {
    /// The part from `from` to `to`, both UTC, each segment by the UTC of its own publish. It has the pictures that are
    /// presented in between, and the pictures that decode them. It begins at the last keyframe at or before `from` and ends
    /// with the last picture that is needed. Pictures outside the range are [not shown](View::shown_from) where a format can
    /// say so. The view has no segment if there is nothing in between.
    pub fn trim(self, from: Micros, to: Micros) -> Result<View<S>, SourceError> {
        let mut part = self.without_earlier(from, to)?;
        let entry = part.last_entry(|segment| segment.tape_at(from))?;
        let begin = entry.unwrap_or(Micros::MIN);
        for segment in &mut part.segments {
            segment.kept.shown_to = segment.kept.shown_to.min(segment.tape_at(to));
        }
        // Some encoders present a picture before it is decoded.
        let mut view = part.narrow(|segment| (begin, segment.tape_at(to).saturating_add(EARLY)))?;
        let end = view.bounds()?.and_then(|(_, end)| view.utc(end));
        if end.is_none_or(|end| end <= from) {
            // Only a keyframe from before the range is left, and no picture follows it.
            view.segments.clear();
            return Ok(view);
        }
        for segment in &mut view.segments {
            let from = segment.tape_at(from);
            segment.kept.shown_from = segment.kept.shown_from.max(from);
            if let Some(entry) = entry {
                segment.kept.pass(entry.saturating_add(1), from);
            }
        }
        Ok(view)
    }

    /// The same view without segments that are over by `from`, and come behind one of the range: the clock was wrong when one of
    /// them was recorded. Nobody decodes the range with them.
    fn without_earlier(mut self, from: Micros, to: Micros) -> Result<View<S>, SourceError> {
        let mut is_within = false;
        let mut left = Vec::with_capacity(self.segments.len());
        for segment in std::mem::take(&mut self.segments) {
            let goes_on = self.end_of(&segment)?.is_some_and(|end| segment.utc(end) > from);
            if goes_on || !is_within {
                is_within |= goes_on && segment.utc(segment.begins()) < to;
                left.push(segment);
            }
        }
        self.segments = left.into();
        Ok(self)
    }

    /// The same view, with pictures before tape time `at` hidden by formats that can say so: MP4, by an edit list. These
    /// pictures are there to decode the following ones.
    pub fn shown_from(mut self, at: Micros) -> View<S> {
        for segment in &mut self.segments {
            segment.kept.shown_from = segment.kept.shown_from.max(at);
        }
        self
    }
}

impl<S> View<S> {
    /// The same view, in which keyframes that are decoded after tape time `entry` and presented by `at` are [passed
    /// over](super::Kept::passed).
    pub fn passing(mut self, entry: Micros, at: Micros) -> View<S> {
        for segment in &mut self.segments {
            segment.kept.pass(entry.saturating_add(1), at);
        }
        self
    }

    /// The same view, with pictures that are presented at tape time `at` or later hidden in the same way. Those that no earlier
    /// picture needs are left out.
    pub fn shown_to(mut self, at: Micros) -> View<S> {
        for segment in &mut self.segments {
            segment.kept.shown_to = segment.kept.shown_to.min(at);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::VirtualFile as _;
    use crate::format::mp4::Mp4;
    use crate::format::testing::{
        Reel, SOME_DAY, Shot, Take, all, eventful, on_tape, shot_between, two_segments, view,
    };
    use crate::media::TrackKind;

    fn trim(takes: &[Take], from_ms: i64, to_ms: i64) -> View<Reel> {
        let at = |ms: i64| SOME_DAY.saturating_add(ms.saturating_mul(1_000));
        view(takes).trim(at(from_ms), at(to_ms)).unwrap()
    }

    #[test]
    fn begins_at_the_keyframe_before_and_ends_with_what_is_needed() {
        let takes = two_segments();
        for from in [40, 700, 1_040, 1_900, 2_100, 3_500] {
            for to in [from + 40, from + 800, from + 2_500, i64::MAX] {
                // The keyframe of a second is presented 33 ms after it is decoded.
                let entry = (from - 33) / 1_000 * 1_000_000;
                let all = shot_between(&takes, entry, Micros::MAX);
                let shown =
                    |shot: &Shot| shot.kind == TrackKind::Video && shot.dts + i64::from(shot.cts) < to;
                let needed = all
                    .iter()
                    .filter(|(_, shot)| shown(shot))
                    .map(|(_, shot)| shot.dts);
                let needed = needed.max().unwrap();
                let wanted = all.into_iter().filter(|((kind, tape, _), shot)| match kind {
                    TrackKind::Video => shot.dts <= needed,
                    TrackKind::Audio => *tape < to.saturating_mul(1_000),
                });
                let wanted: Vec<_> = wanted.map(|(sample, _)| sample).collect();
                assert!(on_tape(&trim(&takes, from, to)) == wanted, "{from}..{to}");
            }
        }
        assert!(on_tape(&trim(&takes, i64::MIN, i64::MAX)) == on_tape(&view(&takes)));
    }

    #[test]
    fn each_publish_is_trimmed_by_its_own_utc() {
        let takes = eventful();
        let mut whole = view(&takes);
        // The last publish came after a restart: an hour on the tape was a minute on the wall.
        whole.segments[3].publish_zero += 3_600_000_000;
        let utc = SOME_DAY + takes[3].publish_zero;
        let late = whole.clone().trim(utc + 1_200_000, utc + 1_500_000).unwrap();
        let bounds = late.bounds().unwrap().unwrap();
        let zero = whole.segments[3].publish_zero;
        assert_eq!(bounds.0, zero + 1_000_000);
        assert!(
            (zero + 1_500_000..zero + 1_540_000).contains(&bounds.1),
            "{bounds:?}"
        );
        // The moment lies in the break. The view has the keyframe before it, and what follows the break.
        let within = whole.trim(SOME_DAY + 12_000_000, utc + 100_000).unwrap();
        let bounds = within.bounds().unwrap().unwrap();
        assert_eq!((bounds.0, within.segments.len()), (10_000_000, 2));
    }

    #[test]
    fn a_clock_that_went_back_hides_nothing_that_was_recorded_before() {
        let mut whole = view(&eventful());
        // The last publish came after a restart of a box without a clock: it is dated long before the others.
        whole.segments[3].publish_zero_utc -= SOME_DAY;
        let utc = |tape: Micros| SOME_DAY + tape;
        let early = whole.clone().trim(utc(6_000_000), utc(8_000_000)).unwrap();
        let bounds = early.bounds().unwrap().unwrap();
        assert!(bounds.0 <= 6_000_000 && bounds.1 >= 8_000_000, "{bounds:?}");
        assert!(
            early
                .segments
                .iter()
                .all(|segment| segment.publish_zero_utc >= SOME_DAY - 1)
        );
        let zero = whole.segments[3].publish_zero_utc;
        let late = whole.clone().trim(zero + 1_200_000, zero + 1_500_000).unwrap();
        assert_eq!(late.segments.len(), 1);
        let whole_of_it = whole.clone().trim(Micros::MIN, Micros::MAX).unwrap();
        assert_eq!(whole_of_it.segments.len(), whole.segments.len());
    }

    #[test]
    fn nothing_is_left_of_a_range_without_samples() {
        // Parts before the beginning, after the end, and within a break.
        assert!(trim(&two_segments(), -5_000, -1_000).segments.is_empty());
        assert!(trim(&two_segments(), 4_600, 9_000).segments.is_empty());
        assert!(trim(&eventful(), 12_000, 13_000).segments.is_empty());
        assert!(!trim(&two_segments(), 4_490, 9_000).segments.is_empty());
    }

    #[test]
    fn a_trimmed_view_makes_a_smaller_file_that_holds_together() {
        let whole = Mp4::open(view(&two_segments())).unwrap().len();
        let mut part = Mp4::open(trim(&two_segments(), 2_100, 3_000)).unwrap();
        assert!(part.len() < whole);
        let bytes = all(&mut part);
        let reader = crate::format::mp4::read::Mp4Reader::open(bytes.as_slice(), bytes.len() as u64).unwrap();
        assert!(reader.samples().all(|sample| sample.is_ok()));
    }
}
