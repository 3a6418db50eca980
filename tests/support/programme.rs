//! The clip as an encoder would send it without end, beginning at any of its keyframes: so no two publishes
//! that follow each other, and no two streams, are alike.

use super::flv::{AUDIO, Flv, VIDEO};
use super::media::Media;
use super::{Tag, sample};

/// How long one turn of the clip takes, milliseconds.
const TURN: u32 = 20_000;
/// How long a picture of it is shown, and a frame of its sound lasts.
pub(crate) const PICTURE: f64 = 40.0;
pub(crate) const SOUND: f64 = 1024.0 / 44.1;

/// What one publish sends.
pub(crate) struct Programme {
    headers: Vec<Tag>,
    turn: Vec<Tag>,
}

impl Programme {
    /// The clip from one of its keyframes on: the `number`th, round and round.
    pub(crate) fn from_keyframe(number: usize) -> Self {
        let clip = sample();
        let media = |tag: &&Tag| matches!(tag.kind, AUDIO | VIDEO) && tag.body.get(1) == Some(&1);
        let keys: Vec<u32> = clip
            .tags
            .iter()
            .filter(|tag| media(tag) && tag.is_key())
            .map(|tag| tag.time)
            .collect();
        let zero = keys[number % keys.len()];
        let mut turn: Vec<Tag> = clip.tags.iter().filter(media).cloned().collect();
        for tag in &mut turn {
            tag.time = (tag.time + TURN - zero) % TURN;
        }
        turn.sort_by_key(|tag| (tag.time, tag.kind != VIDEO));
        let headers = clip.tags.iter().filter(|tag| tag.is_header()).map(|tag| Tag {
            time: 0,
            ..tag.clone()
        });
        Self {
            headers: headers.collect(),
            turn,
        }
    }

    /// The `number`th tag.
    pub(crate) fn tag(&self, number: usize) -> Tag {
        let Some(number) = number.checked_sub(self.headers.len()) else {
            return self.headers[number].clone();
        };
        let tag = &self.turn[number % self.turn.len()];
        Tag {
            time: tag.time + (number / self.turn.len()) as u32 * TURN,
            ..tag.clone()
        }
    }

    /// The media of the first so many tags.
    pub(crate) fn media(&self, tags: usize) -> Media {
        Flv {
            tags: (0..tags).map(|number| self.tag(number)).collect(),
        }
        .media()
    }
}
