//! What a master playlist says of the rates of a list of chunks, in little memory.

use std::sync::Arc;

use crate::format::hls::live::ChunkFacts;
use crate::media::Tracks;
use crate::store::ListedSegment;

/// The most different tracks that a master playlist is made of.
const MOST_TRACKS: usize = 16;
/// Chunks that follow each other, with so much media together, are looked at together, in microseconds. Rates are those of about a
/// target duration (RFC 8216 §4.3.4.2), which is 6 s in a list that grows.
const TOGETHER_US: u64 = 6_000_000;

/// The rates of the chunks of each configuration.
#[derive(Default)]
pub(super) struct Samples(Vec<Sample>);

/// The rates of the chunks of one configuration.
struct Sample {
    tracks: Arc<Tracks>,
    /// All its chunks, as one.
    all: ChunkFacts,
    /// The chunks that are looked at now.
    group: Group,
    /// The chunks around the one with the highest rate.
    peak: Group,
}

/// Chunks that follow each other.
#[derive(Clone, Default)]
struct Group {
    chunks: Vec<ChunkFacts>,
    /// The highest rate of one of them, in bytes a second.
    rate: u64,
}

impl Samples {
    /// Takes the chunks of the next segment of the tape.
    pub(super) fn take(&mut self, segment: &ListedSegment, is_wanted: impl Fn(&ChunkFacts) -> bool) {
        let tracks = &segment.tracks;
        let known = self
            .0
            .iter()
            .position(|one| Arc::ptr_eq(&one.tracks, tracks) || one.tracks == *tracks);
        let place = match known {
            Some(place) => place,
            None if self.0.len() < MOST_TRACKS => {
                self.0.push(Sample::new(Arc::clone(tracks)));
                self.0.len() - 1
            }
            None => return,
        };
        let Some(sample) = self.0.get_mut(place) else {
            defect!("a sample is not where it was found");
            return;
        };
        for facts in segment.chunks.iter().filter(|facts| is_wanted(facts)) {
            sample.add(facts);
        }
    }

    /// Chunks with the same rates: for each configuration those around its highest rate, and the others as one.
    pub(super) fn chunks(self) -> Vec<(Arc<Tracks>, ChunkFacts)> {
        let mut chunks = Vec::new();
        for mut sample in self.0 {
            sample.close();
            let mut rest = sample.all;
            for facts in &sample.peak.chunks {
                rest.bytes = rest.bytes.saturating_sub(facts.bytes);
                rest.duration_us = rest.duration_us.saturating_sub(facts.duration_us);
                rest.pictures = rest.pictures.saturating_sub(facts.pictures);
            }
            let rest = (rest.duration_us > 0).then_some(rest);
            let own = rest.into_iter().chain(sample.peak.chunks);
            chunks.extend(own.map(|facts| (Arc::clone(&sample.tracks), facts)));
        }
        chunks
    }
}

impl Sample {
    fn new(tracks: Arc<Tracks>) -> Self {
        Self {
            tracks,
            all: ChunkFacts {
                bytes: 0,
                start: 0,
                duration_us: 0,
                pictures: 0,
                independent: true,
            },
            group: Group::default(),
            peak: Group::default(),
        }
    }

    fn add(&mut self, facts: &ChunkFacts) {
        let all = &mut self.all;
        all.bytes = all.bytes.saturating_add(facts.bytes);
        all.duration_us = all.duration_us.saturating_add(facts.duration_us);
        all.pictures = all.pictures.saturating_add(facts.pictures);
        let rate = facts.bytes.saturating_mul(1_000_000) / facts.duration_us.max(1);
        self.group.rate = self.group.rate.max(rate);
        self.group.chunks.push(*facts);
        let together: u64 = self.group.chunks.iter().map(|chunk| chunk.duration_us).sum();
        if together >= TOGETHER_US {
            self.close();
        }
    }

    /// Ends the chunks that are looked at together.
    fn close(&mut self) {
        if self.peak.chunks.is_empty() || self.group.rate > self.peak.rate {
            std::mem::swap(&mut self.peak, &mut self.group);
        }
        self.group.chunks.clear();
        self.group.rate = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{AudioCodec, AudioConfig, ChunkNumbers, SegmentId};

    fn segment(chunks: &[(u64, u64)], rate: u32) -> ListedSegment {
        let facts = chunks.iter().map(|(bytes, ms)| ChunkFacts {
            bytes: *bytes,
            start: 0,
            duration_us: ms * 1_000,
            pictures: 25,
            independent: true,
        });
        let sound = || AudioConfig {
            codec: AudioCodec::Aac,
            record: bytes::Bytes::new(),
            sample_rate: rate,
            channels: 2,
            frame_samples: 1_024,
        };
        let tracks = Tracks {
            video: None,
            audio: (rate > 0).then(|| Arc::new(sound())),
        };
        ListedSegment {
            id: SegmentId::from_bytes([0; 16]),
            numbers: ChunkNumbers::default(),
            tracks: Arc::new(tracks),
            publish_zero: 0,
            publish_zero_utc: 0,
            chunks: facts.collect(),
            target_s: None,
        }
    }

    #[test]
    fn the_highest_rate_counts_wherever_it_is_and_the_average_is_of_all() {
        let mut samples = Samples::default();
        let mut hour = vec![(100, 2_000); 1_800];
        hour[1_234] = (5_000, 2_000);
        samples.take(&segment(&hour, 0), |_| true);
        samples.take(&segment(&[(70, 1_000)], 48_000), |_| true);
        let chunks = samples.chunks();
        let own: Vec<&ChunkFacts> = chunks
            .iter()
            .filter(|(tracks, _)| tracks.audio.is_none())
            .map(|(_, facts)| facts)
            .collect();
        assert_eq!((own.len(), chunks.len()), (4, 5));
        let lasts: u64 = own.iter().map(|facts| facts.duration_us).sum();
        let bytes: u64 = own.iter().map(|facts| facts.bytes).sum();
        assert_eq!((lasts, bytes), (3_600_000_000, 1_799 * 100 + 5_000));
        assert!(
            own.iter()
                .any(|facts| facts.bytes == 5_000 && facts.duration_us == 2_000_000)
        );
    }

    #[test]
    fn a_list_that_is_short_is_itself() {
        let mut samples = Samples::default();
        samples.take(&segment(&[(100, 2_000), (200, 2_000)], 0), |facts| {
            facts.bytes > 100
        });
        let chunks = samples.chunks();
        assert_eq!(chunks.len(), 1);
        assert_eq!((chunks[0].1.bytes, chunks[0].1.duration_us), (200, 2_000_000));
    }
}
