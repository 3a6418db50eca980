//! The samples of a chunk as bodies of FLV tags, which are the bodies of RTMP messages, too.

use super::Hls;
use crate::format::flv::announcement;
use crate::format::flv::tag::{self, TagHeader};
use crate::format::fragmented::Single;
use crate::format::line::Tape;
use crate::format::{FileError, TapeSource};
use crate::media::{CodecConfig, TrackKind, Tracks};

/// A sample of a chunk, on its way into a tag.
#[derive(Clone, Copy, Debug)]
pub struct ChunkTag {
    /// The track.
    pub kind: TrackKind,
    /// The timestamp of the tag: when the sample is decoded, in milliseconds.
    pub at_ms: u64,
    /// True for a picture at which decoding can begin.
    pub key: bool,
    header: TagHeader,
    sample: Single,
}

impl ChunkTag {
    /// Bytes of the tag's body.
    pub fn len(&self) -> usize {
        self.header.len() + self.sample.size as usize
    }

    /// Never true: a tag at least names its codec.
    pub fn is_empty(&self) -> bool {
        false
    }
}

impl<S> Hls<S> {
    /// The tracks that decode a chunk, by its number from 0.
    pub fn chunk_tracks(&self, number: usize) -> Option<&Tracks> {
        self.plan.tracks.get(self.plan.chunks.get(number)?.init as usize)
    }

    /// The body of the data message that is sent before the headers of a chunk, by its number from 0: `@setDataFrame`, `onMetaData`. The
    /// rate of the pictures is in there where all of them are coded alike.
    pub fn chunk_metadata(&self, number: usize) -> Option<Vec<u8>> {
        let rate = self.master.frame_rate.filter(|_| self.plan.tracks.len() == 1);
        Some(announcement(self.chunk_tracks(number)?, rate))
    }

    /// When a chunk begins in its file, by its number from 0, in milliseconds.
    pub fn chunk_begins_ms(&self, number: usize) -> u64 {
        let begins = self.plan.chunks.get(number).map_or(0, |chunk| chunk.start_ms);
        let begins = begins.saturating_sub(self.plan.fragments.origin_ms());
        begins.max(0).unsigned_abs()
    }
}

impl<S: TapeSource + Clone> Hls<S> {
    /// The samples of a chunk, by its number from 0, in the order of their timestamps. These are later by so many milliseconds than
    /// in the folder. Without such a chunk it is none.
    pub fn chunk_tags(&self, number: usize, later_ms: u64) -> Result<Vec<ChunkTag>, FileError> {
        let (Some(chunk), Some(tracks)) = (self.plan.chunks.get(number), self.chunk_tracks(number)) else {
            return Ok(Vec::new());
        };
        let mut tape = Tape::new(self.view.clone());
        let mut tags = Vec::new();
        for part in chunk.parts() {
            let singles = self.plan.fragments.singles(part, &mut tape)?;
            tags.extend(singles.into_iter().filter_map(|sample| {
                let header = match sample.kind {
                    TrackKind::Video => {
                        tag::video_header(tracks.video.as_deref()?, sample.key, sample.cts_ms)
                    }
                    TrackKind::Audio => tag::audio_header(tracks.audio.as_deref()?),
                };
                Some(ChunkTag {
                    kind: sample.kind,
                    at_ms: sample.dts_ms.saturating_add(later_ms),
                    key: sample.key && sample.kind == TrackKind::Video,
                    header,
                    sample,
                })
            }));
        }
        tags.sort_by_key(|tag| tag.at_ms);
        Ok(tags)
    }

    /// The bodies of tags, read from the tape.
    pub fn bodies(&self, tags: &[ChunkTag]) -> Result<Vec<Vec<u8>>, FileError> {
        let mut tape = Tape::new(self.view.clone());
        let body = |tag: &ChunkTag| {
            let mut body = tag.header.as_slice().to_vec();
            let begins = body.len();
            body.resize(tag.len(), 0);
            tape.read(tag.sample.range, body.get_mut(begins..).unwrap_or_default())?;
            Ok(body)
        };
        tags.iter().map(body).collect()
    }
}

/// The bodies of the tags that are sent before samples of these tracks, to a receiver that has those of `before`.
pub fn headers(tracks: &Tracks, before: &Tracks) -> Vec<(TrackKind, Vec<u8>)> {
    let mut bodies = Vec::new();
    let known = before.video.as_deref();
    if let Some(config) = tracks.video.as_deref()
        && !known.is_some_and(|known| known.decodes_like(config))
    {
        let header = tag::sequence_header(&CodecConfig::Video(config.clone()));
        let colours = tag::colour_info(config, known);
        bodies.extend(
            header
                .into_iter()
                .chain(colours)
                .map(|body| (TrackKind::Video, body)),
        );
    }
    if let Some(config) = tracks.audio.as_deref()
        && before.audio.as_deref() != Some(config)
    {
        let header = tag::sequence_header(&CodecConfig::Audio(config.clone()));
        bodies.extend(header.map(|body| (TrackKind::Audio, body)));
    }
    bodies
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::flv::Flv;
    use crate::format::flv::read::FlvReader;
    use crate::format::testing::{all, eventful, two_segments, view};

    /// What an FLV file of the same tape has: the kind, the timestamp and the body of each tag but for headers.
    fn in_flv(bytes: &[u8]) -> Vec<(u8, u64, Vec<u8>)> {
        let mut reader = FlvReader::new(bytes).unwrap();
        let mut tags = Vec::new();
        while let Some(tag) = reader.next_tag().unwrap() {
            // A sequence header of AVC and AAC has a zero in its second byte.
            if tag.kind != tag::SCRIPT && tag.body.get(1) != Some(&0) {
                tags.push((tag.kind, u64::from(tag.timestamp_ms), tag.body.to_vec()));
            }
        }
        tags
    }

    #[test]
    fn the_samples_of_all_chunks_are_the_tags_of_an_flv_file() {
        for tape in [two_segments(), eventful()] {
            let hls = Hls::growing(view(&tape), 1_000).unwrap();
            let mut tags = Vec::new();
            for number in 0..hls.chunks() {
                let of_chunk = hls.chunk_tags(number, 600_000).unwrap();
                assert!(
                    of_chunk
                        .iter()
                        .all(|tag| tag.at_ms + 200 >= 600_000 + hls.chunk_begins_ms(number))
                );
                let bodies = hls.bodies(&of_chunk).unwrap();
                let kind = |tag: &ChunkTag| match tag.kind {
                    TrackKind::Video => tag::VIDEO,
                    TrackKind::Audio => tag::AUDIO,
                };
                let read = of_chunk.iter().zip(bodies);
                tags.extend(read.map(|(tag, body)| (kind(tag), tag.at_ms - 600_000, body)));
            }
            let mut wanted = in_flv(&all(&mut Flv::open(view(&tape)).unwrap()));
            // Fragments of sound and of pictures overlap at their borders, and a track's own order is what counts.
            let key = |tag: &(u8, u64, Vec<u8>)| tag.0;
            tags.sort_by_key(key);
            wanted.sort_by_key(key);
            let bodies =
                |tags: &[(u8, u64, Vec<u8>)]| tags.iter().map(|tag| tag.2.clone()).collect::<Vec<_>>();
            assert_eq!(bodies(&tags), bodies(&wanted));
        }
        let hls = Hls::growing(view(&two_segments()), 1_000).unwrap();
        assert!(hls.chunk_tags(99, 0).unwrap().is_empty());
    }

    #[test]
    fn headers_are_sent_again_where_the_coding_differs() {
        let hls = Hls::growing(view(&eventful()), 1_000).unwrap();
        let mut before = Tracks::default();
        let mut sent = Vec::new();
        for number in 0..hls.chunks() {
            let tracks = hls.chunk_tracks(number).unwrap();
            sent.extend(headers(tracks, &before).into_iter().map(|(kind, _)| kind));
            before = tracks.clone();
        }
        let pictures = sent.iter().filter(|kind| **kind == TrackKind::Video).count();
        assert_eq!((pictures, sent.len()), (2, 3), "{sent:?}");
        assert!(headers(&before, &before).is_empty());
        let mut told: Vec<Vec<u8>> = (0..hls.chunks())
            .filter_map(|number| hls.chunk_metadata(number))
            .collect();
        assert_eq!(told.len(), hls.chunks());
        told.dedup();
        assert_eq!(
            told.len(),
            3,
            "sound alone, with pictures, and with pictures of another size"
        );
        assert_eq!(hls.chunk_metadata(hls.chunks()), None);
    }
}
