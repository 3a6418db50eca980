//! A list of items, laid end to end: everything that can be known of a lap without a start.

use super::{Item, ItemKey, ListSum};
use crate::format::hls::live::InitName;

/// The items of a programme, with the place of each chunk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lap {
    items: Vec<Placed>,
    chunks: Vec<Entry>,
    inits: Vec<InitName>,
    /// How long all chunks last, in milliseconds.
    pub(super) shown_ms: u64,
    /// How much media time all items take, in milliseconds: `shown_ms` and the gaps.
    pub(super) media_ms: u64,
    /// Discontinuities of a lap, but for one at its beginning.
    pub(super) discontinuities: u64,
    /// The longest chunk, in milliseconds.
    longest_ms: u32,
}

/// An item with the number of its first chunk in the lap, and the media time at which it begins, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
struct Placed {
    item: Item,
    key: ItemKey,
    list: ListSum,
    first: usize,
    media_ms: u64,
}

/// A chunk of a lap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// When the chunk is shown, in milliseconds from the beginning of the lap.
    pub(super) starts_ms: u64,
    pub(super) duration_ms: u32,
    /// Discontinuities of the lap up to the beginning of this chunk, but for one at the beginning of the lap.
    pub(super) discontinuities: u32,
    pub(super) discontinuity: bool,
    pub(super) independent: bool,
    item: u16,
    init: u16,
}

impl Lap {
    /// Lays out items. Where two that follow each other are decoded by the same init, there is no discontinuity between them: the
    /// time goes on.
    pub fn new(items: Vec<Item>) -> Self {
        let mut lap = Self::default();
        for item in items {
            lap.add(item);
        }
        lap
    }

    fn add(&mut self, item: Item) {
        let (number, first) = (
            fitted!(self.items.len(), "the number of an item"),
            self.chunks.len(),
        );
        let begins_ms = self.media_ms;
        for chunk in item.chunks.as_slice() {
            let init = item.inits.get(usize::from(chunk.init)).copied();
            let Some(init) = init else {
                defect!("a chunk of a channel has no init");
                continue;
            };
            let init = self.init(init);
            let is_first = self.chunks.len() == first;
            let differs = self.chunks.last().is_some_and(|before| before.init != init);
            let discontinuity = !self.chunks.is_empty() && (differs || chunk.discontinuity && !is_first);
            self.discontinuities += u64::from(discontinuity);
            self.chunks.push(Entry {
                starts_ms: self.shown_ms,
                duration_ms: chunk.duration_ms,
                discontinuities: fitted!(self.discontinuities, "the discontinuities of a lap"),
                discontinuity,
                independent: chunk.independent,
                item: number,
                init,
            });
            self.shown_ms += u64::from(chunk.duration_ms);
            let gap_ms = if is_first { 0 } else { chunk.gap_ms };
            self.media_ms += u64::from(gap_ms) + u64::from(chunk.duration_ms);
            self.longest_ms = self.longest_ms.max(chunk.duration_ms);
        }
        let (key, list) = (item.key(), item.list_sum());
        self.items.push(Placed {
            item,
            key,
            list,
            first,
            media_ms: begins_ms,
        });
    }

    fn init(&mut self, name: InitName) -> u16 {
        let known = self.inits.iter().position(|known| *known == name);
        let number = known.unwrap_or_else(|| {
            self.inits.push(name);
            self.inits.len() - 1
        });
        fitted!(number, "the number of an init")
    }

    /// The items, in order.
    pub fn items(&self) -> impl DoubleEndedIterator<Item = &Item> + ExactSizeIterator {
        self.items.iter().map(|placed| &placed.item)
    }

    /// The item with this key, and what its list says.
    pub fn find(&self, key: ItemKey) -> Option<(&Item, ListSum)> {
        let found = self.items.iter().find(|placed| placed.key == key)?;
        Some((&found.item, found.list))
    }

    /// Number of chunks.
    pub fn count(&self) -> u64 {
        self.chunks.len() as u64
    }

    /// How long all chunks last, in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.shown_ms
    }

    /// `EXT-X-TARGETDURATION` in seconds (RFC 8216 §4.3.3.1: no EXTINF, rounded to the nearest integer, may be longer).
    pub fn target_s(&self) -> u32 {
        (self.longest_ms.saturating_add(500) / 1_000).max(1)
    }

    /// True when a lap that follows this one begins with a discontinuity.
    pub(super) fn wraps(&self) -> bool {
        let (first, last) = (self.chunks.first(), self.chunks.last());
        first.map(|entry| entry.init) != last.map(|entry| entry.init)
    }

    pub(super) fn entry(&self, chunk: usize) -> Option<&Entry> {
        self.chunks.get(chunk)
    }

    pub(super) fn init_of(&self, entry: &Entry) -> Option<InitName> {
        self.inits.get(usize::from(entry.init)).copied()
    }

    /// The number of the chunk that is shown so long after the beginning of the lap.
    pub(super) fn at(&self, shown_ms: u64) -> usize {
        self.chunks
            .partition_point(|entry| entry.starts_ms <= shown_ms)
            .saturating_sub(1)
    }

    /// The item of a chunk: its key, the number of its first chunk, the media time at which it begins, and how much later than zero
    /// its own files begin, both in milliseconds.
    pub(super) fn item_of(&self, entry: &Entry) -> Option<(ItemKey, usize, u64, u32)> {
        let placed = self.items.get(usize::from(entry.item))?;
        Some((placed.key, placed.first, placed.media_ms, placed.item.lead_ms))
    }

    /// The number of the first chunk behind the item that a chunk is of.
    pub(super) fn border_behind(&self, chunk: usize) -> usize {
        let item = self.entry(chunk).map_or(0, |entry| usize::from(entry.item));
        let behind = self.items.get(item + 1..).unwrap_or_default();
        // An item without chunks ends where it begins.
        let next = behind
            .iter()
            .map(|placed| placed.first)
            .find(|first| *first > chunk);
        next.unwrap_or(self.chunks.len())
    }

    /// The place of the first item that does not begin before a chunk.
    pub(super) fn item_from(&self, chunk: usize) -> usize {
        self.items.partition_point(|placed| placed.first < chunk)
    }

    /// Media time from the beginning of the lap to that of a chunk which begins an item, in milliseconds.
    pub(super) fn media_before(&self, chunk: usize) -> u64 {
        let placed = self.items.iter().find(|placed| placed.first == chunk);
        placed.map_or(self.media_ms, |placed| placed.media_ms)
    }
}
