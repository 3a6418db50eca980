//! `index.m3u8`: the chunks of a recording.

use super::chunk::Chunk;
use super::encryption::Encryption;
use super::names::Names;
use super::served::{Served, Update, Uris};
use super::text::{Entry, Head, Kind, Text};
use crate::media::Micros;

/// The date is written when the clock differs by more than this from the sum of the durations, in microseconds.
pub(super) const CLOCK_STEP: u64 = 20_000;

/// What a playlist says of its recording.
#[derive(Clone, Copy, Debug)]
pub(super) struct Playlist<'a> {
    chunks: &'a [Chunk],
    head: Head,
    ended: bool,
    encryption: Option<&'a Encryption>,
}

impl<'a> Playlist<'a> {
    /// The playlist of all chunks.
    pub(super) fn vod(chunks: &'a [Chunk]) -> Self {
        let head = Head {
            independent: chunks.iter().all(|chunk| chunk.independent),
            ..Head::new(Kind::Vod, target_s(longest_ms(chunks)))
        };
        Self {
            chunks,
            head,
            ended: true,
            encryption: None,
        }
    }

    /// The playlist of the chunks so far. RFC 8216 §6.2.1: later only chunks, and at last the end, may be added. So all chunks
    /// keep to the target duration, and the playlist states nothing that a later chunk could contradict.
    pub(super) fn event(chunks: &'a [Chunk], limit_s: u64, ended: bool) -> Self {
        Self {
            chunks,
            head: Head::new(Kind::Event, limit_s),
            ended,
            encryption: None,
        }
    }

    /// The same playlist with the keys of its chunks.
    pub(super) fn encrypted(self, encryption: Option<&'a Encryption>) -> Self {
        Self { encryption, ..self }
    }

    /// The text as it is delivered.
    pub(super) fn delivered(&self) -> Vec<u8> {
        self.written((self.head, Names::Delivered), &Uris::default(), 0, 0)
    }

    /// The text as a door serves it, with these names of the files.
    pub(super) fn served(&self, served: &Served<'_>, names: Names<'_>) -> Vec<u8> {
        let head = Head {
            start: Some(served.start),
            // Nobody loads a playlist again that does not change.
            can_skip: self.head.kind != Kind::Vod,
            ..self.head
        };
        let skipped = match served.update {
            Update::Delta if head.can_skip => head.skipped(self.chunks.iter().map(duration_us)),
            Update::Whole | Update::Delta => 0,
        };
        self.written((head, names), served.uris, served.later_us, skipped)
    }

    fn written(
        &self,
        (head, names): (Head, Names<'_>),
        uris: &Uris,
        later_us: i64,
        skipped: usize,
    ) -> Vec<u8> {
        let mut text = Text::begin(&head, uris, skipped);
        let mut init = None;
        let mut expected: Option<Micros> = None;
        for (number, chunk) in self.chunks.iter().enumerate() {
            // A closed break takes no media time, but the clock goes on.
            let dated = expected.is_none_or(|expected| expected.abs_diff(chunk.utc) > CLOCK_STEP);
            expected = Some(chunk.utc.saturating_add_unsigned(duration_us(chunk)));
            let another = init.replace(chunk.init) != Some(chunk.init);
            if number < skipped {
                continue;
            }
            let entry = Entry {
                discontinuity: chunk.discontinuity,
                init: another.then(|| names.init(chunk.init as usize)),
                date: (dated || chunk.discontinuity).then(|| chunk.utc.saturating_add(later_us)),
                duration_us: duration_us(chunk),
                name: names.chunk(number, chunk),
            };
            match self.encryption {
                Some(encryption) => {
                    let uri = encryption.uris().of(&encryption.key_id(number));
                    text.encrypted(&entry, &uri, &Encryption::iv(number));
                }
                None => text.chunk(&entry),
            }
        }
        text.finish(self.ended)
    }
}

/// Durations are differences of times that were rounded to milliseconds, so their sum is never wrong.
fn duration_us(chunk: &Chunk) -> u64 {
    chunk.duration_ms().saturating_mul(1_000)
}

fn longest_ms(chunks: &[Chunk]) -> u64 {
    chunks.iter().map(Chunk::duration_ms).max().unwrap_or(1_000)
}

/// The target duration in seconds. RFC 8216 §4.3.3.1: no EXTINF, rounded to the nearest integer, may be longer.
pub(super) fn target_s(longest_ms: u64) -> u64 {
    ((longest_ms + 500) / 1_000).max(1)
}

#[cfg(test)]
mod tests;
