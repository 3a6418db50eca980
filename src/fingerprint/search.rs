//! Where a recording has the pictures that are looked for: of a part of another recording, or one picture.
//!
//! A keyframe of the recording that looks like one of those looked for says where the clip would begin. Where four of five of them say
//! the same, within a few seconds, the clip is there: in order, with the same time between its pictures, and also where the clip's
//! keyframes are others than those of the recording. Memory is bounded by the length of the clip, whatever the recording has.

use std::collections::VecDeque;

use super::{ALIKE, Keyframe, Pdq};

/// The most pictures of a clip that are looked for: they are spread over the whole of it.
const MOST: usize = 64;
/// The longest clip, in milliseconds.
const LONGEST_MS: u32 = 21_600_000;
/// How far a keyframe may be from its place, in milliseconds. Votes are counted in intervals of three times this, one of which has all
/// that are so close together.
const TOLERANCE_MS: i64 = 2_000;
/// The least share of the pictures, in per cent.
const LEAST_SHARE: u32 = 80;
/// Finds of one picture that are so close together are one, in milliseconds.
const GOES_ON_MS: i64 = 10_000;
/// The most finds in a recording: the best of them.
const MOST_FOUND: usize = 8;

/// The pictures that are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Times in milliseconds from the beginning of the clip.
    pictures: Vec<(i64, Pdq)>,
    length: i64,
}

/// Why nothing can be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWanted {
    /// The part has no keyframe on which there is something to see.
    #[error("this part has no keyframe with enough to see on it: look for a longer one")]
    Flat,
    /// The part is too long.
    #[error("at most 6 hours can be looked for: say which part, by from_s and to_s")]
    Long,
}

/// Where the pictures are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Where the clip begins, or the picture is first seen: milliseconds from the beginning of the recording.
    pub from_ms: u32,
    /// Where the clip ends, or the picture is last seen.
    pub to_ms: u32,
    /// How many of the pictures are there, in per cent.
    pub share: u32,
    /// How many bits of a hash differ, in the mean.
    pub distance: u32,
}

impl Found {
    /// Makes it that of a recording that lost so many microseconds of its beginning. False where nothing of it is left.
    pub fn behind(&mut self, lost: i64) -> bool {
        let lost_ms = u32::try_from(lost.max(0) / 1_000).unwrap_or(u32::MAX);
        let is_left = self.to_ms >= lost_ms;
        self.from_ms = self.from_ms.saturating_sub(lost_ms);
        self.to_ms = self.to_ms.saturating_sub(lost_ms);
        is_left
    }

    /// The better of two is less.
    pub fn rank(&self) -> impl Ord + use<> {
        (std::cmp::Reverse(self.share), self.distance, self.from_ms)
    }
}

impl Wanted {
    /// One picture.
    pub fn picture(pdq: Pdq) -> Self {
        Self {
            pictures: vec![(0, pdq)],
            length: 0,
        }
    }

    /// The part of a recording from one time to another, of its keyframes in order.
    pub fn part(
        keyframes: impl IntoIterator<Item = Keyframe>,
        (from_ms, to_ms): (u32, u32),
    ) -> Result<Self, NoWanted> {
        let length = to_ms.saturating_sub(from_ms);
        if length > LONGEST_MS {
            return Err(NoWanted::Long);
        }
        let within = |one: &Keyframe| one.is_distinct() && (from_ms..=to_ms).contains(&one.at_ms);
        let all: Vec<(i64, Pdq)> = keyframes
            .into_iter()
            .filter(within)
            .map(|one| (i64::from(one.at_ms - from_ms), one.pdq))
            .collect();
        let count = all.len().min(MOST);
        let spread = |n: usize| all.get(n * all.len() / count).copied();
        let pictures: Vec<(i64, Pdq)> = (0..count).filter_map(spread).collect();
        if pictures.is_empty() {
            return Err(NoWanted::Flat);
        }
        Ok(Self {
            pictures,
            length: i64::from(length),
        })
    }

    /// How many pictures must be there.
    fn enough(&self) -> u32 {
        let count = u32::try_from(self.pictures.len()).unwrap_or(u32::MAX);
        (count * LEAST_SHARE).div_ceil(100)
    }
}

/// A look at one recording.
#[derive(Debug)]
pub struct Scan<'a> {
    wanted: &'a Wanted,
    /// What speaks for each interval of beginnings: of the first, and of each a step later.
    votes: VecDeque<Vote>,
    first: i64,
    found: Vec<Run>,
}

/// What speaks for the beginning of the clip within an interval: for each picture, the keyframe that looks most like it. The bits that
/// differ, and the beginning that it says: milliseconds from that of the interval.
#[derive(Clone, Copy, Debug)]
struct Vote([Option<(u8, u16)>; MOST]);

/// Finds that touch, of which one is told.
#[derive(Clone, Copy, Debug)]
struct Run {
    best: Found,
    /// Where the last one ends.
    end: i64,
}

impl Vote {
    const NONE: Self = Self([None; MOST]);
}

impl<'a> Scan<'a> {
    /// Begins a look at a recording.
    pub fn new(wanted: &'a Wanted) -> Self {
        Self {
            wanted,
            votes: VecDeque::new(),
            first: 0,
            found: Vec::new(),
        }
    }

    /// Looks at the next keyframe. Keyframes come in order.
    pub fn see(&mut self, keyframe: &Keyframe) {
        if !keyframe.is_distinct() {
            return;
        }
        let at = i64::from(keyframe.at_ms);
        let wanted = self.wanted;
        for (picture, (clip_at, pdq)) in wanted.pictures.iter().enumerate() {
            if let Some(distance) = pdq.within(keyframe.pdq, ALIKE) {
                self.vote(picture, distance, at - clip_at);
            }
        }
    }

    /// What was found in the recording, the best first.
    pub fn finish(mut self) -> Vec<Found> {
        self.conclude(i64::MAX);
        let mut found: Vec<Found> = self.found.iter().map(|run| run.best).collect();
        found.sort_by_key(Found::rank);
        found.truncate(MOST_FOUND);
        found
    }

    /// A picture speaks for a beginning, in the three intervals that have it.
    fn vote(&mut self, picture: usize, distance: u32, begin: i64) {
        let earliest = begin.div_euclid(TOLERANCE_MS) - 2;
        // Later keyframes say no beginning before this one less the length of the clip.
        self.conclude(earliest - self.wanted.length / TOLERANCE_MS - 1);
        if self.votes.is_empty() {
            self.first = earliest;
        }
        while earliest < self.first {
            self.votes.push_front(Vote::NONE);
            self.first -= 1;
        }
        let from = usize::try_from(earliest - self.first).unwrap_or(usize::MAX);
        while self.votes.len() < from.saturating_add(3) {
            self.votes.push_back(Vote::NONE);
        }
        let distance = u8::try_from(distance).unwrap_or(u8::MAX);
        for (vote, first) in self.votes.range_mut(from..from + 3).zip(earliest..) {
            let within = u16::try_from(begin - first * TOLERANCE_MS).unwrap_or_default();
            if let Some(best) = vote.0.get_mut(picture)
                && best.is_none_or(|best| distance < best.0)
            {
                *best = Some((distance, within));
            }
        }
    }

    /// Takes the intervals before this one: nothing more will speak for them.
    fn conclude(&mut self, before: i64) {
        while self.first < before
            && let Some(vote) = self.votes.pop_front()
        {
            self.take(&vote, self.first * TOLERANCE_MS);
            self.first += 1;
        }
    }

    /// `first` is the beginning of the interval.
    fn take(&mut self, vote: &Vote, first: i64) {
        let seen = || vote.0.iter().flatten();
        let count = u32::try_from(seen().count()).unwrap_or(u32::MAX);
        if count == 0 || count < self.wanted.enough() {
            return;
        }
        let ms = |at: i64| u32::try_from(at.max(0)).unwrap_or(u32::MAX);
        let within: i64 = seen().map(|(_, within)| i64::from(*within)).sum();
        let distance: u32 = seen().map(|(distance, _)| u32::from(*distance)).sum();
        let begin = first + within / i64::from(count);
        let end = begin + self.wanted.length;
        let all = u32::try_from(self.wanted.pictures.len()).unwrap_or(u32::MAX);
        let one = Found {
            from_ms: ms(begin),
            to_ms: ms(end),
            share: count * 100 / all,
            distance: distance / count,
        };
        let is_picture = self.wanted.length == 0;
        let slack = if is_picture { GOES_ON_MS } else { 0 };
        match self.found.last_mut().filter(|run| begin <= run.end + slack) {
            Some(run) => {
                run.end = run.end.max(end);
                let seen = (run.best.from_ms.min(one.from_ms), run.best.to_ms.max(one.to_ms));
                if one.rank() < run.best.rank() {
                    run.best = one;
                }
                if is_picture {
                    (run.best.from_ms, run.best.to_ms) = seen;
                }
            }
            None => {
                self.found.push(Run { best: one, end });
                self.forget_worst();
            }
        }
    }

    /// Keeps the best finds and the last one.
    fn forget_worst(&mut self) {
        if self.found.len() > 2 * MOST_FOUND
            && let Some((last, before)) = self.found.split_last_mut()
        {
            before.sort_by_key(|run| run.best.rank());
            let last = *last;
            self.found.truncate(MOST_FOUND);
            self.found.push(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::testing::{Film, again};

    /// Where a clip is in one recording.
    fn scan(wanted: &Wanted, film: &[Keyframe]) -> Vec<Found> {
        let mut scan = Scan::new(wanted);
        film.iter().for_each(|keyframe| scan.see(keyframe));
        scan.finish()
    }

    fn place(found: &[Found]) -> Vec<(u32, u32)> {
        found
            .iter()
            .map(|one| (one.from_ms / 1_000, one.to_ms / 1_000))
            .collect()
    }

    #[test]
    fn a_clip_is_found_where_it_is_and_nowhere_else() {
        let film = Film::new(1).hour(2_000);
        for from in [0, 10_000, 600_000, 3_578_000] {
            let wanted = Wanted::part(film.clone(), (from, from + 20_000)).unwrap();
            let found = scan(&wanted, &film);
            assert_eq!(place(&found), [(from / 1_000, from / 1_000 + 20)]);
            assert_eq!((found[0].share, found[0].distance), (100, 0));
        }
        let wanted = Wanted::part(film, (600_000, 620_000)).unwrap();
        assert_eq!(scan(&wanted, &Film::new(2).hour(2_000)), []);
    }

    #[test]
    fn a_clip_with_other_keyframes_and_other_bits_is_found() {
        let mut made = Film::new(7);
        let film = made.hour(2_000);
        // Its keyframes are 3 s apart, begin in between, look like the next one of the recording, and one in six looks different.
        let times = (0..10).map(|n| 1_000_700 + n * 3_000);
        let clip: Vec<Keyframe> = times
            .map(|at| {
                let near = film.iter().min_by_key(|one| one.at_ms.abs_diff(at)).unwrap();
                Keyframe {
                    at_ms: at - 1_000_700,
                    ..if at % 6 == 4 {
                        made.other()
                    } else {
                        again(near, 10)
                    }
                }
            })
            .collect();
        let wanted = Wanted::part(clip, (0, 30_000)).unwrap();
        let found = scan(&wanted, &film);
        assert_eq!(found.len(), 1);
        assert!(found[0].from_ms.abs_diff(1_000_700) < 1_500, "{found:?}");
        assert!(
            (80..=100).contains(&found[0].share) && found[0].distance == 10,
            "{found:?}"
        );
    }

    #[test]
    fn pictures_in_another_order_or_with_other_times_between_are_not_the_clip() {
        let film = Film::new(3).hour(2_000);
        let part = || film[100..120].to_vec();
        let mut times: Vec<u32> = part().iter().map(|one| one.at_ms).collect();
        let length = times[19] - times[0];
        let with = |times: &[u32]| {
            let clip = part().into_iter().zip(times).map(|(one, at)| Keyframe {
                at_ms: at - 200_000,
                ..one
            });
            let mut clip: Vec<Keyframe> = clip.collect();
            clip.sort_by_key(|one| one.at_ms);
            Wanted::part(clip, (0, length * 2)).unwrap()
        };
        assert_eq!(scan(&with(&times), &film).len(), 1);
        times.reverse();
        assert_eq!(scan(&with(&times), &film), [], "backwards");
        times.reverse();
        let slow: Vec<u32> = times.iter().map(|at| 200_000 + (at - 200_000) * 2).collect();
        assert_eq!(scan(&with(&slow), &film), [], "half as fast");
    }

    #[test]
    fn a_clip_is_found_as_often_as_it_is_there_and_a_still_scene_once() {
        let film = Film::new(4).hour(1_000);
        let twice: Vec<Keyframe> = film[..100]
            .iter()
            .chain(&film[200..300])
            .chain(&film[..100])
            .zip(0..)
            .map(|(one, n)| Keyframe {
                at_ms: n * 1_000,
                ..*one
            })
            .collect();
        let wanted = Wanted::part(film.clone(), (30_000, 60_000)).unwrap();
        assert_eq!(place(&scan(&wanted, &twice)), [(30, 60), (230, 260)]);
        let still: Vec<Keyframe> = (0..3_000)
            .map(|n| Keyframe {
                at_ms: n * 1_000,
                ..film[0]
            })
            .collect();
        let wanted = Wanted::part(still.clone(), (0, 20_000)).unwrap();
        assert_eq!(scan(&wanted, &still).len(), 1);
        // One picture: from where it is first seen to where it is last seen.
        let picture = Wanted::picture(film[0].pdq);
        let found = scan(&picture, &still[10..500]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].from_ms == 10_000 && found[0].to_ms >= 497_000,
            "{found:?}"
        );
    }

    #[test]
    fn memory_is_bounded_by_the_clip_and_finds_by_their_number() {
        let film = Film::new(5).hour(2_000);
        let wanted = Wanted::part(film.clone(), (0, 20_000)).unwrap();
        let mut scan = Scan::new(&wanted);
        for hour in 0..1_000 {
            for one in &film[..30] {
                scan.see(&Keyframe {
                    at_ms: hour * 3_600_000 + one.at_ms,
                    ..*one
                });
                assert!(scan.votes.len() < 40 && scan.found.len() < 20);
            }
        }
        assert_eq!(scan.finish().len(), MOST_FOUND);
    }

    #[test]
    fn flat_pictures_are_neither_looked_for_nor_found() {
        let flat: Vec<Keyframe> = (0..100)
            .map(|n| Keyframe {
                detail: 49,
                ..Film::new(n).other()
            })
            .collect();
        assert_eq!(Wanted::part(flat.clone(), (0, 1_000)), Err(NoWanted::Flat));
        assert_eq!(Wanted::part([], (0, 1_000)), Err(NoWanted::Flat));
        assert_eq!(Wanted::part([], (5, LONGEST_MS + 6)), Err(NoWanted::Long));
        let picture = Wanted::picture(flat[3].pdq);
        assert_eq!(scan(&picture, &flat), []);
    }
}
