//! A list from one border on: which chunk is shown when. All of it is arithmetic; no lap is gone through.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ChunkName, Item, ItemKey, Lap, ListSum, MAX_ITEMS};
use crate::format::hls::live::InitName;
use crate::media::Micros;

/// The files of a channel begin with this time, in milliseconds: a sample may be decoded before its chunk begins.
const ZERO_MS: u64 = 10_000;

/// What comes behind the last item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Play {
    /// The first item, again and again.
    Loop,
    /// Nothing: the channel is over.
    #[default]
    Once,
}

/// What came before a border.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Anchor {
    /// UTC of the border, in microseconds.
    pub at: Micros,
    /// The number of the first chunk behind the border: `EXT-X-MEDIA-SEQUENCE`.
    pub sequence: u64,
    /// The number of discontinuities before the border.
    pub discontinuities: u64,
    /// Media time of the channel at the border, in milliseconds.
    pub media_ms: u64,
    /// The init of the chunk before the border, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<InitName>,
}

/// A list of items that is shown from a border on.
#[derive(Clone, Debug, PartialEq)]
pub struct Programme {
    pub(super) anchor: Anchor,
    pub(super) play: Play,
    pub(super) lap: Lap,
    /// After so many chunks another programme takes over.
    pub(super) until: Option<u64>,
}

/// A programme in the form of the journal.
#[derive(Deserialize, Serialize)]
struct Row<Items> {
    anchor: Anchor,
    play: Play,
    items: Items,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

/// A chunk in the playlist of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The number of the chunk: `EXT-X-MEDIA-SEQUENCE`.
    pub sequence: u64,
    /// Discontinuities up to the beginning of this chunk. One at its beginning counts.
    pub discontinuities: u64,
    /// True when the chunk begins with a discontinuity.
    pub discontinuity: bool,
    /// True when decoding can begin with the chunk.
    pub independent: bool,
    /// UTC at which the chunk is shown, in microseconds.
    pub at: Micros,
    /// How long the chunk lasts, in milliseconds.
    pub duration_ms: u32,
    /// The file of the chunk.
    pub name: ChunkName,
    /// The init that decodes the chunk.
    pub init: InitName,
}

impl Shown {
    /// UTC of the end of the chunk, in microseconds.
    pub fn ends_at(&self) -> Micros {
        self.at.saturating_add(micros(self.duration_ms.into()))
    }
}

impl Programme {
    /// The list of a programme.
    pub fn lap(&self) -> &Lap {
        &self.lap
    }

    /// What comes behind the last item.
    pub fn play(&self) -> Play {
        self.play
    }

    /// What came before the programme.
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// Number of chunks of the programme. None where it has no end.
    pub(super) fn count(&self) -> Option<u64> {
        let own = match self.play {
            Play::Loop if self.lap.count() > 0 => None,
            Play::Loop | Play::Once => Some(self.lap.count()),
        };
        self.until.or(own)
    }

    /// The number of the chunk that is shown at a moment, from the border on. Behind the end it is the number of chunks.
    pub(super) fn at(&self, now: Micros) -> u64 {
        let since_ms = (now.saturating_sub(self.anchor.at).max(0) / 1_000).unsigned_abs();
        let (chunks, lap_ms) = (self.lap.count(), self.lap.shown_ms.max(1));
        let number = match self.play {
            Play::Once if since_ms >= self.lap.shown_ms => chunks,
            Play::Loop | Play::Once => {
                let lap = (since_ms / lap_ms).saturating_mul(chunks);
                lap.saturating_add(self.lap.at(since_ms % lap_ms) as u64)
            }
        };
        self.count().map_or(number, |count| number.min(count))
    }

    /// A chunk, by its number from the border on.
    pub(super) fn chunk(&self, number: u64) -> Option<Shown> {
        if self.count().is_some_and(|count| number >= count) {
            return None;
        }
        let (lap, place) = self.place(number)?;
        let entry = self.lap.entry(place)?;
        let (item, first, media_ms, lead_ms) = self.lap.item_of(entry)?;
        let init = self.lap.init_of(entry)?;
        let offset_ms = ZERO_MS
            .saturating_add(self.anchor.media_ms)
            .saturating_add(lap.saturating_mul(self.lap.media_ms))
            .saturating_add(media_ms)
            .saturating_sub(lead_ms.into());
        Some(Shown {
            sequence: self.anchor.sequence.saturating_add(number),
            discontinuities: self.discontinuities(lap, entry.discontinuities.into()),
            discontinuity: match (lap, place) {
                (0, 0) => self.begins_anew(),
                (_, 0) => self.lap.wraps(),
                (_, _) => entry.discontinuity,
            },
            independent: entry.independent,
            at: self.time(lap, entry.starts_ms),
            duration_ms: entry.duration_ms,
            name: ChunkName {
                item,
                offset_ms,
                chunk: fitted!(place - first, "the number of a chunk"),
            },
            init,
        })
    }

    /// The number of the first chunk behind the item that a chunk is of.
    pub(super) fn border_behind(&self, number: u64) -> u64 {
        match self.place(number) {
            Some((lap, place)) => {
                let before = lap.saturating_mul(self.lap.count());
                before.saturating_add(self.lap.border_behind(place) as u64)
            }
            None => number,
        }
    }

    /// The place in the list of the item that begins with a chunk, by its number from the border on. Behind the last item of a list
    /// that is shown once it is the number of items.
    pub(super) fn item_at(&self, number: u64) -> usize {
        match (self.play, self.place(number)) {
            (Play::Once, Some((1.., _))) | (_, None) => self.lap.items().len(),
            (_, Some((_, place))) => self.lap.item_from(place),
        }
    }

    /// What came before a chunk that begins an item, or before the end.
    pub(super) fn anchor_at(&self, number: u64) -> Anchor {
        let Some((lap, place)) = self.place(number) else {
            return self.anchor;
        };
        let before = number.checked_sub(1).and_then(|last| self.chunk(last));
        Anchor {
            at: before.map_or(self.anchor.at, |last| last.ends_at()),
            sequence: self.anchor.sequence.saturating_add(number),
            discontinuities: before.map_or(self.anchor.discontinuities, |last| last.discontinuities),
            media_ms: self
                .anchor
                .media_ms
                .saturating_add(lap.saturating_mul(self.lap.media_ms))
                .saturating_add(if place == 0 {
                    0
                } else {
                    self.lap.media_before(place)
                }),
            init: before.map(|last| last.init).or(self.anchor.init),
        }
    }

    /// The lap of a chunk and its place in there. None where the list is empty.
    fn place(&self, number: u64) -> Option<(u64, usize)> {
        let (lap, place) = (
            number.checked_div(self.lap.count())?,
            number.checked_rem(self.lap.count())?,
        );
        Some((lap, usize::try_from(place).ok()?))
    }

    fn time(&self, lap: u64, starts_ms: u64) -> Micros {
        let since_ms = lap.saturating_mul(self.lap.shown_ms).saturating_add(starts_ms);
        self.anchor.at.saturating_add(micros(since_ms))
    }

    fn discontinuities(&self, lap: u64, within: u64) -> u64 {
        let each = self.lap.discontinuities + u64::from(self.lap.wraps());
        self.anchor
            .discontinuities
            .saturating_add(self.begins_anew().into())
            .saturating_add(lap.saturating_mul(each))
            .saturating_add(within)
    }

    /// True when another init decodes what comes behind the border than what came before it.
    fn begins_anew(&self) -> bool {
        let first = self.lap.entry(0).and_then(|entry| self.lap.init_of(entry));
        self.anchor
            .init
            .is_some_and(|before| first.is_some_and(|first| before != first))
    }

    /// The item of a chunk's file, and what its list says.
    pub(super) fn find(&self, key: ItemKey) -> Option<(&Item, ListSum)> {
        self.lap.find(key)
    }
}

fn micros(ms: u64) -> Micros {
    i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

impl Serialize for Programme {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let row = Row {
            anchor: self.anchor,
            play: self.play,
            items: self.lap.items().collect::<Vec<_>>(),
            until: self.until,
        };
        row.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Programme {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let row = Row::<Vec<Item>>::deserialize(from)?;
        if row.items.len() > MAX_ITEMS || !row.items.iter().all(Item::is_sound) {
            return Err(serde::de::Error::custom(
                "the items of a channel contradict themselves",
            ));
        }
        Ok(Self {
            anchor: row.anchor,
            play: row.play,
            lap: Lap::new(row.items),
            until: row.until,
        })
    }
}
