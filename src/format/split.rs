//! A view in pieces of about one length.

use super::line::{Line, Tape};
use super::{FileError, TapeSource, View};
use crate::media::{Micros, TrackKind};

/// Where a piece begins: a tape time of one range.
type At = (u32, Micros);

impl<S: TapeSource + Clone> View<S> {
    /// Splits the view into pieces that lose and repeat no sample. Each begins where decoding can begin. Each lasts `every`
    /// microseconds and the time to the next keyframe after that; the last may be shorter. For formats that hide pictures a
    /// piece also has [what it misses](View::missing).
    pub fn split(self, every: Micros) -> Result<Vec<View<S>>, FileError> {
        let mut bounds = vec![(0, Micros::MIN)];
        bounds.extend(self.entries_every(every)?);
        let ends = bounds.iter().copied().skip(1).chain([(u32::MAX, Micros::MAX)]);
        let pieces = bounds.iter().zip(ends);
        let pieces = pieces.map(|(begin, end)| {
            let piece = self.clone().between(*begin, end)?;
            let Some(missing) = piece.missing()?.filter(|_| begin.1 > Micros::MIN) else {
                return Ok(piece);
            };
            Ok(match self.clone().before(&missing)? {
                Some(lead) => piece.behind(lead.segments, &missing),
                None => piece,
            })
        });
        let pieces: Result<Vec<_>, FileError> = pieces.collect();
        Ok(pieces?
            .into_iter()
            .filter(|piece| !piece.segments.is_empty())
            .collect())
    }

    /// Finds the next entry that is at least `every` later than the one before, again and again.
    fn entries_every(&self, every: Micros) -> Result<Vec<At>, FileError> {
        let mut tape = Tape::new(self.clone());
        let line = Line::open(&mut tape)?;
        let leading = match line.video {
            Some(_) => TrackKind::Video,
            None => TrackKind::Audio,
        };
        let mut entries = Vec::new();
        let mut begun: Option<Micros> = None;
        let laid = tape.segments().to_vec();
        for ((number, segment), stretch) in laid.iter().enumerate().zip(&line.stretches) {
            if segment.silence.is_some() {
                continue;
            }
            let index = tape.index(number)?;
            let keys = index.runs(leading).flat_map(|run| run.placed());
            for placed in keys.filter(|placed| placed.sample.key) {
                let at = segment.tape(leading, placed.dts);
                let since = at.saturating_sub(segment.publish_zero);
                let on_line = stretch.zero_ms.saturating_mul(1_000).saturating_add(since);
                if on_line.saturating_sub(*begun.get_or_insert(on_line)) >= every {
                    begun = Some(on_line);
                    entries.push((segment.range, at));
                }
            }
        }
        Ok(entries)
    }

    fn between(self, begin: At, end: At) -> Result<View<S>, super::SourceError> {
        self.narrow(|segment| {
            let from = match segment.range.cmp(&begin.0) {
                std::cmp::Ordering::Less => Micros::MAX,
                std::cmp::Ordering::Equal => begin.1,
                std::cmp::Ordering::Greater => Micros::MIN,
            };
            let to = match segment.range.cmp(&end.0) {
                std::cmp::Ordering::Less => Micros::MAX,
                std::cmp::Ordering::Equal => end.1,
                std::cmp::Ordering::Greater => Micros::MIN,
            };
            (from, to)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing::{Reel, eventful, on_tape, rendered, two_segments, view, view_of};

    /// Asserts that the pieces of a view have all of its samples once, and that each is as long as requested.
    fn assert_split(whole: &View<Reel>, every_ms: i64, count: usize) {
        let pieces = whole.clone().split(every_ms * 1_000).unwrap();
        assert_eq!(pieces.len(), count, "{every_ms}");
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let of_kind = |view: &View<_>| on_tape(&view.clone().only(kind));
            let again: Vec<_> = pieces.iter().flat_map(of_kind).collect();
            assert!(again == of_kind(whole), "{every_ms}, {kind:?}");
        }
        for piece in pieces.iter().rev().skip(1) {
            for (format, [pictures, sound]) in rendered(piece) {
                let longer = if pictures.is_empty() { &sound } else { &pictures };
                let lasts = longer.last().unwrap().0 - longer[0].0 + 34.0;
                let most = every_ms as f64 + 1_034.0;
                assert!(
                    (every_ms as f64..most).contains(&lasts),
                    "{format}, {every_ms}: {lasts}"
                );
            }
        }
    }

    #[test]
    fn pieces_have_every_sample_once() {
        let two = view(&two_segments());
        // Keyframes come each second. The view lasts 4.5 seconds.
        for (every_ms, count) in [(1, 5), (1_000, 5), (1_001, 3), (2_000, 3), (2_500, 2), (9_000, 1)] {
            assert_split(&two, every_ms, count);
        }
        let joined = view_of(&two_segments(), 0).join(vec![two.clone().cut(1_000_000, 4_200_000).unwrap()]);
        assert_split(&joined, 2_000, 4);
    }

    #[test]
    fn sound_alone_and_breaks_are_split_too() {
        let sound = view(&two_segments()).only(TrackKind::Audio);
        assert_split(&sound, 700, 7);
        let pieces = view(&eventful()).split(2_000_000).unwrap();
        let samples: usize = pieces.iter().map(|piece| on_tape(piece).len()).sum();
        assert_eq!(samples, on_tape(&view(&eventful())).len());
    }
}
