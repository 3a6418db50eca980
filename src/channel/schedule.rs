//! A channel: what it shows at a moment, and how it is changed while it is shown.

use serde::{Deserialize, Serialize};

use super::{Anchor, Item, ItemKey, Lap, ListSum, Name, Play, Programme, Push, Shown};
use crate::media::Micros;

/// How far ahead of the present moment chunks are listed, in target durations. A player begins this far before the end of a live
/// playlist, and so it begins with what is shown now.
const AHEAD: i64 = 3;

/// Chunks that are listed behind the present one, for players that lag.
const BEHIND: u64 = 3;

/// The most chunks of a playlist.
const MOST: u64 = 64;

/// A channel.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Channel {
    /// Its name.
    pub name: Name,
    /// UTC of the moment at which its first list began or begins, in microseconds.
    pub start: Micros,
    /// UTC of the moment from which on it shows nothing any more, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Micros>,
    /// False while it is switched off. Its time goes on.
    pub enabled: bool,
    /// `EXT-X-TARGETDURATION` in seconds. It never becomes shorter, and longer only with a change of the list.
    pub target_s: u32,
    /// Where it is sent to, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pushes: Vec<Push>,
    /// The lists, each behind the one before. All but the last have an end.
    programmes: Vec<Programme>,
}

/// What a channel is at a moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Now {
    /// It begins at this moment: UTC in microseconds.
    Begins(Micros),
    /// It plays.
    Plays(Window),
    /// It shows nothing.
    Over(Over),
}

/// Why a channel shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It is switched off.
    Disabled,
    /// It has expired.
    Expired,
    /// All of its items were lost.
    Empty,
}

/// The chunks that a playlist lists at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The chunks, in order.
    pub chunks: Vec<Shown>,
    /// How long before the end of the last chunk the present moment is, in microseconds; not less than zero.
    pub behind_us: u64,
    /// True when no other chunk follows.
    pub ended: bool,
}

/// When a change of a list takes effect: UTC in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed(pub Micros);

impl Channel {
    /// A channel that shows these items from `start` on.
    pub fn new(name: Name, start: Micros, play: Play, items: Vec<Item>) -> Self {
        let lap = Lap::new(items);
        let anchor = Anchor {
            at: start,
            sequence: 0,
            discontinuities: 0,
            media_ms: 0,
            init: None,
        };
        Self {
            name,
            start,
            expires: None,
            enabled: true,
            target_s: lap.target_s(),
            pushes: Vec::new(),
            programmes: vec![Programme {
                anchor,
                play,
                lap,
                until: None,
            }],
        }
    }

    /// The lists, each behind the one before.
    pub fn programmes(&self) -> &[Programme] {
        &self.programmes
    }

    /// The list that was set last.
    pub fn last(&self) -> Option<&Programme> {
        self.programmes.last()
    }

    /// All items, also those that are shown only until the next border.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.programmes.iter().flat_map(|programme| programme.lap.items())
    }

    /// The item of a chunk's file, and what its list says.
    pub fn find(&self, key: ItemKey) -> Option<(&Item, ListSum)> {
        self.programmes.iter().find_map(|programme| programme.find(key))
    }

    /// True from the moment on at which the channel shows nothing any more.
    pub fn has_expired(&self, now: Micros) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }

    /// What the channel is at a moment.
    pub fn at(&self, now: Micros) -> Now {
        if self.has_expired(now) {
            return Now::Over(Over::Expired);
        }
        if !self.enabled {
            return Now::Over(Over::Disabled);
        }
        let Some(first) = self.programmes.first() else {
            return Now::Over(Over::Empty);
        };
        if now < first.anchor.at {
            return Now::Begins(first.anchor.at);
        }
        let window = self.window(now);
        if window.chunks.is_empty() {
            return Now::Over(Over::Empty);
        }
        Now::Plays(window)
    }

    /// The chunks that are listed at a moment.
    fn window(&self, now: Micros) -> Window {
        let present = self.sequence_at(now);
        let oldest = self.programmes.first().map_or(0, |first| first.anchor.sequence);
        let first = present.saturating_sub(BEHIND).max(oldest);
        let edge = self.sequence_at(self.edge(now));
        let last = edge.min(first.saturating_add(MOST - 1));
        let chunks: Vec<Shown> = (first..=last)
            .map_while(|sequence| self.chunk(sequence))
            .collect();
        let next = chunks.last().map(|chunk| chunk.sequence.saturating_add(1));
        let behind = chunks
            .last()
            .map_or(0, |chunk| chunk.ends_at().saturating_sub(now));
        Window {
            behind_us: behind.max(0).unsigned_abs(),
            ended: next.is_some_and(|next| Some(next) == self.end()),
            chunks,
        }
    }

    /// Up to which moment chunks are listed.
    fn edge(&self, now: Micros) -> Micros {
        now.saturating_add(i64::from(self.target_s).saturating_mul(AHEAD * 1_000_000))
    }

    /// The number of the chunk that is shown at a moment. Behind the end it is the number behind the last one.
    fn sequence_at(&self, now: Micros) -> u64 {
        let begun = self
            .programmes
            .iter()
            .rev()
            .find(|programme| programme.anchor.at <= now);
        let programme = begun.or(self.programmes.first());
        programme.map_or(0, |programme| {
            programme.anchor.sequence.saturating_add(programme.at(now))
        })
    }

    fn chunk(&self, sequence: u64) -> Option<Shown> {
        let mut behind = self.programmes.iter().rev();
        let programme = behind.find(|programme| programme.anchor.sequence <= sequence)?;
        programme.chunk(sequence - programme.anchor.sequence)
    }

    /// The number behind the last chunk, if there is an end.
    fn end(&self) -> Option<u64> {
        let last = self.programmes.last()?;
        Some(last.anchor.sequence.saturating_add(last.count()?))
    }

    /// Sets another list. It takes effect at the next border behind the chunks that are listed: what was listed once stays as it
    /// was. A channel that has not begun has the new list from its beginning on, and one that is over begins again at `start`, or
    /// now.
    pub fn change(&mut self, play: Play, items: Vec<Item>, start: Option<Micros>, now: Micros) -> Changed {
        let lap = Lap::new(items);
        let begins = |anchor: Anchor| Anchor {
            at: start.unwrap_or(anchor.at).max(now),
            ..anchor
        };
        let anchor = match self.programmes.first() {
            None => {
                self.start = start.unwrap_or(now);
                Anchor {
                    at: self.start,
                    sequence: 0,
                    discontinuities: 0,
                    media_ms: 0,
                    init: None,
                }
            }
            Some(first) if now < first.anchor.at => {
                let anchor = Anchor {
                    at: start.unwrap_or(first.anchor.at),
                    ..first.anchor
                };
                self.start = anchor.at;
                self.programmes.clear();
                anchor
            }
            Some(_) => match self.border(now) {
                Border::In(place, number) => self.cut(place, number, now),
                Border::Over(anchor) => {
                    let anchor = begins(anchor);
                    self.start = anchor.at;
                    self.programmes.clear();
                    anchor
                }
            },
        };
        self.target_s = self.target_s.max(lap.target_s());
        self.programmes.push(Programme {
            anchor,
            play,
            lap,
            until: None,
        });
        Changed(anchor.at)
    }

    /// Leaves items out from the next border on, because their recordings are gone; what was to follow there follows. None where
    /// none of these is in the last list, or where it is over.
    pub fn lose(&mut self, is_lost: impl Fn(&Item) -> bool, now: Micros) -> Option<Changed> {
        let last = self.programmes.last()?;
        let play = last.play;
        if !last.lap.items().any(&is_lost) {
            return None;
        }
        let has_begun = self
            .programmes
            .first()
            .is_some_and(|first| first.anchor.at <= now);
        let next = match self.border(now) {
            Border::Over(_) if has_begun => return None,
            Border::In(place, number) if has_begun && place + 1 == self.programmes.len() => {
                last.item_at(number)
            }
            // Nothing of the list is listed yet.
            Border::Over(_) | Border::In(..) => 0,
        };
        let behind = last.lap.items().skip(next);
        let again = last.lap.items().take(match play {
            Play::Loop => next,
            Play::Once => 0,
        });
        let left = behind.chain(again).filter(|item| !is_lost(item)).cloned();
        let left = left.collect();
        Some(self.change(play, left, None, now))
    }

    /// True while chunks come that are not listed yet, whether the channel is switched on or not.
    pub fn runs(&self, now: Micros) -> bool {
        let has_begun = self
            .programmes
            .first()
            .is_some_and(|first| first.anchor.at <= now);
        let window = self.window(now);
        has_begun && !window.chunks.is_empty() && !window.ended
    }

    /// True when the channel keeps lists that nobody sees any more.
    pub fn keeps_unseen(&self, now: Micros) -> bool {
        self.unseen(now) > 0
    }

    /// Leaves out the lists that nobody sees any more.
    pub fn forget_unseen(&mut self, now: Micros) {
        self.programmes.drain(..self.unseen(now));
    }

    /// How many lists nobody sees any more.
    fn unseen(&self, now: Micros) -> usize {
        let first = self.sequence_at(now).saturating_sub(BEHIND);
        let seen = self.programmes.iter().position(|programme| {
            let end = programme
                .count()
                .map(|count| programme.anchor.sequence.saturating_add(count));
            end.is_none_or(|end| end > first)
        });
        seen.unwrap_or(self.programmes.len().saturating_sub(1))
    }

    /// The border behind the chunks that are listed now.
    fn border(&self, now: Micros) -> Border {
        let edge = self.edge(now);
        let listed = self.window(now).chunks.last().map(|chunk| chunk.sequence);
        let listed = listed.unwrap_or_else(|| self.sequence_at(edge).saturating_sub(1));
        let place = self
            .programmes
            .iter()
            .rposition(|programme| programme.anchor.sequence <= listed);
        let place = place.unwrap_or(0);
        let Some(programme) = self.programmes.get(place) else {
            return Border::In(0, 0);
        };
        let number = listed.saturating_sub(programme.anchor.sequence);
        let later = self.programmes.get(place + 1..).unwrap_or_default();
        let is_last = later.iter().all(|later| later.count() == Some(0));
        match programme.count() {
            Some(count) if is_last && number.saturating_add(1) >= count => {
                Border::Over(programme.anchor_at(count))
            }
            Some(count) => Border::In(place, programme.border_behind(number).min(count)),
            None => Border::In(place, programme.border_behind(number)),
        }
    }

    /// Ends a programme after so many chunks, and leaves out what was to follow it, and what nobody sees any more.
    fn cut(&mut self, place: usize, number: u64, now: Micros) -> Anchor {
        self.programmes.truncate(place + 1);
        let anchor = self.programmes.last_mut().map(|last| {
            last.until = Some(number);
            last.anchor_at(number)
        });
        self.forget_unseen(now);
        anchor.unwrap_or_else(|| {
            defect!("a channel without a list is changed");
            Anchor {
                at: now,
                sequence: self.sequence_at(now),
                discontinuities: 0,
                media_ms: 0,
                init: None,
            }
        })
    }
}

/// Where a change takes effect.
enum Border {
    /// In this programme, after so many chunks.
    In(usize, u64),
    /// All chunks are listed, and the playlist says that it has ended. This came before.
    Over(Anchor),
}
