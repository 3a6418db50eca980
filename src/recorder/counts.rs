//! What came in since the start of the service, for metrics: of each stream, and of all streams without a row of their own.
//!
//! A stream has a row once it is recorded. Publishers choose the names of streams, so the number of rows is limited: a stream
//! that was silent for long gives its row to another one. What has been counted for the others stays with them.

use std::collections::BTreeMap;

use super::ended::EndedBy;
use crate::media::{Micros, StreamName, TrackKind};
use crate::store::GapCounts;

/// Most streams with a row of their own.
const NAMED: usize = 256;
/// A stream that was silent for this long may lose its row.
const SILENT: Micros = 600_000_000;

/// Media that came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Bytes of payload.
    pub bytes: u64,
    /// Pictures.
    pub video_frames: u64,
    /// Packets of sound.
    pub audio_frames: u64,
}

/// The counts of a stream, or of several together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamCounts {
    /// Media that came in, recorded or not.
    pub received: Received,
    /// Gaps in the tape.
    pub gaps: GapCounts,
    /// CLOCK_BOOTTIME of the last frame.
    pub last_frame: Option<Micros>,
}

/// All counts of the recorder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The streams with a row of their own: at most 256.
    pub named: BTreeMap<StreamName, StreamCounts>,
    /// All other streams together.
    pub others: StreamCounts,
    /// Recordings that ended, by what ended them.
    pub ended: BTreeMap<EndedBy, u64>,
    /// The store's counts of gaps that are in the rows above.
    seen: BTreeMap<StreamName, GapCounts>,
}

impl Received {
    /// Counts a frame.
    pub(super) fn count(&mut self, kind: TrackKind, bytes: u64) {
        self.bytes += bytes;
        match kind {
            TrackKind::Video => self.video_frames += 1,
            TrackKind::Audio => self.audio_frames += 1,
        }
    }

    fn add(&mut self, other: Received) {
        self.bytes += other.bytes;
        self.video_frames += other.video_frames;
        self.audio_frames += other.audio_frames;
    }
}

impl Counts {
    /// Counts media of a stream whose last frame came at `heard`.
    pub(super) fn receive(&mut self, stream: &StreamName, is_recorded: bool, media: Received, heard: Micros) {
        let row = self.row(stream, is_recorded, heard);
        row.received.add(media);
        row.last_frame = row.last_frame.max(Some(heard));
    }

    /// Takes over the store's present counts of gaps: of all streams that have any.
    pub(super) fn gaps(&mut self, now: Vec<(StreamName, GapCounts)>, boot: Micros) {
        let before = std::mem::take(&mut self.seen);
        for (stream, now) in now {
            let none = GapCounts::default();
            let seen = before.get(&stream).unwrap_or(&none);
            if *seen != now {
                self.row(&stream, true, boot).gaps.add_growth(seen, &now);
            }
            self.seen.insert(stream, now);
        }
    }

    /// Counts recordings that ended.
    pub(super) fn end(&mut self, ended: BTreeMap<EndedBy, u64>) {
        for (by, count) in ended {
            *self.ended.entry(by).or_default() += count;
        }
    }

    /// Gives these streams rows, as far as there is space: they are known although nothing came of them.
    pub(super) fn know(&mut self, streams: impl Iterator<Item = StreamName>) {
        for stream in streams {
            if self.named.len() >= NAMED {
                return;
            }
            self.named.entry(stream).or_default();
        }
    }

    /// The row of a stream. A stream that is not recorded gets none of its own.
    fn row(&mut self, stream: &StreamName, is_recorded: bool, now: Micros) -> &mut StreamCounts {
        if self.named.contains_key(stream) || (is_recorded && self.has_space(now)) {
            self.named.entry(stream.clone()).or_default()
        } else {
            &mut self.others
        }
    }

    /// True when there is space for a row, or the row of the stream that was silent longest could go.
    fn has_space(&mut self, now: Micros) -> bool {
        if self.named.len() < NAMED {
            return true;
        }
        let oldest = self.named.iter().min_by_key(|(_, row)| row.last_frame);
        let silent = oldest.filter(|(_, row)| {
            row.last_frame
                .is_none_or(|last| now.saturating_sub(last) >= SILENT)
        });
        match silent.map(|(stream, _)| stream.clone()) {
            Some(stream) => self.named.remove(&stream).is_some(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::GapCause;

    const SECOND: Micros = 1_000_000;

    fn stream(number: usize) -> StreamName {
        format!("live/{number}").parse().unwrap()
    }

    fn media(bytes: u64) -> Received {
        Received {
            bytes,
            video_frames: 1,
            audio_frames: 2,
        }
    }

    #[test]
    fn a_stream_has_a_row_once_it_is_recorded_and_then_always() {
        let mut counts = Counts::default();
        counts.receive(&stream(1), false, media(10), 5);
        assert!(counts.named.is_empty());
        counts.receive(&stream(1), true, media(100), 6);
        counts.receive(&stream(1), false, media(1_000), 7);
        assert_eq!(counts.others.received, media(10));
        let row = &counts.named[&stream(1)];
        assert_eq!(
            (row.received.bytes, row.received.audio_frames, row.last_frame),
            (1_100, 4, Some(7))
        );
    }

    #[test]
    fn however_many_names_publishers_think_of_the_rows_are_limited_and_nothing_is_uncounted() {
        let mut counts = Counts::default();
        for number in 0..1_000 {
            counts.receive(&stream(number), true, media(1), SECOND);
        }
        assert_eq!((counts.named.len(), counts.others.received.bytes), (NAMED, 744));
        // The streams that go on keep their rows. One that fell silent gives its row to a new one.
        let later = SECOND + SILENT;
        for number in 1..NAMED {
            counts.receive(&stream(number), true, media(1), later);
        }
        counts.receive(&stream(2_000), true, media(1), later);
        counts.receive(&stream(2_001), true, media(1), later);
        assert!(!counts.named.contains_key(&stream(0)) && counts.named.contains_key(&stream(2_000)));
        assert_eq!((counts.named.len(), counts.others.received.bytes), (NAMED, 745));
    }

    #[test]
    fn gaps_are_counted_once_whatever_the_store_forgets() {
        let mut counts = Counts::default();
        let gaps = |count: usize| {
            let mut gaps = GapCounts::default();
            (0..count).for_each(|_| gaps.count(GapCause::Stalled));
            gaps
        };
        counts.gaps(vec![(stream(1), gaps(2))], 0);
        counts.gaps(vec![(stream(1), gaps(3)), (stream(2), gaps(1))], 0);
        counts.gaps(vec![(stream(1), gaps(3))], 0);
        counts.gaps(vec![(stream(2), gaps(1))], 0);
        assert_eq!(counts.named[&stream(1)].gaps, gaps(3));
        assert_eq!(counts.named[&stream(2)].gaps, gaps(2));
        assert_eq!(counts.seen.len(), 1);
    }
}
