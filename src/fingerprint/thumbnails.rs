//! The keyframes that represent a recording: sharp, neither black nor white nor flat, and none twice.
//!
//! The recording is divided into equal parts, and the sharpest keyframe of each is kept, so memory is bounded. The sharpest of these is
//! the cover. The next one is always the one that looks least like those before.

use serde::{Deserialize, Serialize};

use super::{ALIKE, Keyframe};

/// Parts of a recording of which one keyframe each is kept.
const PARTS: usize = 64;
/// Pictures that represent a recording.
const WANTED: usize = 5;
/// The mean luma of pictures that are neither black nor white.
const LIT: std::ops::RangeInclusive<u8> = 24..=232;

/// Looks at keyframes and keeps the best ones.
#[derive(Clone, Debug)]
pub struct Thumbnails {
    length_ms: u32,
    parts: [Option<Keyframe>; PARTS],
}

/// What represents a recording: times in milliseconds from its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The one picture. None where no keyframe has enough to see on it.
    pub cover_ms: Option<u32>,
    /// Up to five that do not look alike, the cover among them, in order.
    pub thumbnails_ms: Vec<u32>,
}

impl Chosen {
    /// The same of a recording that lost so many microseconds of its beginning: what was there is left out.
    pub fn behind(self, lost: i64) -> Self {
        let lost_ms = u32::try_from(lost.max(0) / 1_000).unwrap_or(u32::MAX);
        let mut thumbnails_ms = self.thumbnails_ms;
        thumbnails_ms.retain(|at| *at >= lost_ms);
        thumbnails_ms.iter_mut().for_each(|at| *at -= lost_ms);
        let cover = self.cover_ms.and_then(|at| at.checked_sub(lost_ms));
        Self {
            cover_ms: cover.or(thumbnails_ms.first().copied()),
            thumbnails_ms,
        }
    }
}

impl Thumbnails {
    /// For a recording of about this length.
    pub fn new(length_ms: u32) -> Self {
        Self {
            length_ms,
            parts: [None; PARTS],
        }
    }

    /// Looks at a keyframe.
    pub fn see(&mut self, keyframe: &Keyframe) {
        if !keyframe.is_distinct() || !LIT.contains(&keyframe.luma) {
            return;
        }
        let part = u64::from(keyframe.at_ms) * PARTS as u64 / u64::from(self.length_ms.max(1));
        let part = usize::try_from(part).unwrap_or(usize::MAX).min(PARTS - 1);
        if let Some(kept) = self.parts.get_mut(part)
            && kept.is_none_or(|kept| kept.detail < keyframe.detail)
        {
            *kept = Some(*keyframe);
        }
    }

    /// Chooses.
    pub fn choose(&self) -> Chosen {
        let kept = || self.parts.iter().flatten();
        let earlier = |at_ms: u32| std::cmp::Reverse(at_ms);
        let Some(cover) = kept().max_by_key(|one| (one.detail, earlier(one.at_ms))) else {
            return Chosen::default();
        };
        let mut chosen = vec![*cover];
        while chosen.len() < WANTED {
            let nearest = |one: &&Keyframe| {
                let distances = chosen.iter().map(|other| one.pdq.distance(other.pdq));
                (distances.min().unwrap_or(0), earlier(one.at_ms))
            };
            match kept().max_by_key(nearest) {
                Some(next) if nearest(&next).0 > ALIKE => chosen.push(*next),
                _ => break,
            }
        }
        let mut thumbnails_ms: Vec<u32> = chosen.iter().map(|one| one.at_ms).collect();
        thumbnails_ms.sort_unstable();
        Chosen {
            cover_ms: Some(cover.at_ms),
            thumbnails_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::testing::{Film, again};

    fn chosen(keyframes: &[Keyframe]) -> Chosen {
        let mut thumbnails = Thumbnails::new(keyframes.last().map_or(0, |last| last.at_ms));
        keyframes.iter().for_each(|one| thumbnails.see(one));
        thumbnails.choose()
    }

    #[test]
    fn five_that_do_not_look_alike_are_chosen_and_the_sharpest_is_the_cover() {
        let mut film = Film::new(1).hour(2_000);
        film[700].detail = 1_000;
        let five = chosen(&film);
        assert_eq!(five.cover_ms, Some(film[700].at_ms));
        assert_eq!(five.thumbnails_ms.len(), 5);
        assert!(five.thumbnails_ms.is_sorted() && five.thumbnails_ms.contains(&film[700].at_ms));
    }

    #[test]
    fn black_white_and_flat_pictures_are_not_chosen() {
        let mut film = Film::new(2).hour(2_000);
        for (at, one) in film.iter_mut().enumerate() {
            match at % 4 {
                0 => one.luma = 5,
                1 => one.luma = 250,
                2 => one.detail = 20,
                _ => one.detail = 60,
            }
        }
        let five = chosen(&film);
        assert!(
            five.thumbnails_ms.iter().all(|at| at / 2_000 % 4 == 3),
            "{five:?}"
        );
        film.retain(|one| one.detail != 60);
        assert_eq!(chosen(&film), Chosen::default());
        assert_eq!(chosen(&[]), Chosen::default());
    }

    #[test]
    fn a_scene_that_never_changes_has_one_picture() {
        let one = Film::new(3).other();
        let still: Vec<Keyframe> = (0..1_000)
            .map(|n| Keyframe {
                at_ms: n * 2_000,
                ..again(&one, 12)
            })
            .collect();
        let alone = chosen(&still);
        assert_eq!((alone.cover_ms, alone.thumbnails_ms), (Some(0), vec![0]));
    }
}
