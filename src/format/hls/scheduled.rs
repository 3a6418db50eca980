//! A folder whose chunks are shown at set times, one recording after the other; and the playlist of what is shown now.
//!
//! ```text
//! evening.m3u8                  the chunks around the present moment; the number of the first one moves on
//! evening/init-3f2a90c1.mp4     an init of a recording, named by its content
//! evening/….m4s                 a chunk of a recording, with decode times that are later than in the recording's folder
//! ```

use super::chunk::Chunk;
use super::live::InitName;
use super::text::{Entry, Head, Kind, Text};
use super::{Body, ChunkFile, Hls, HlsFile, Start, Tape, Uris, Variant, chunk_name};
use crate::format::TapeSource;
use crate::format::splice::Spliced;
use crate::media::Micros;

/// A playlist of chunks that are shown at set times.
#[derive(Clone, Copy, Debug)]
pub struct Scheduled {
    /// `EXT-X-TARGETDURATION` in seconds.
    pub target_s: u32,
    /// `EXT-X-MEDIA-SEQUENCE`.
    pub sequence: u64,
    /// `EXT-X-DISCONTINUITY-SEQUENCE`: discontinuities before the first chunk. One at its beginning does not count.
    pub discontinuities: u64,
    /// Where a player begins.
    pub start: Start,
    /// True when decoding can begin with every chunk.
    pub independent: bool,
    /// True when no other chunk follows.
    pub ended: bool,
}

/// A chunk that is shown at a set time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledChunk<Name> {
    /// The name of its file.
    pub name: Name,
    /// True when the chunk begins with a discontinuity.
    pub discontinuity: bool,
    /// The init that decodes the chunk.
    pub init: InitName,
    /// UTC at which the chunk is shown.
    pub at: Micros,
    /// How long the chunk lasts, in microseconds.
    pub duration_us: u64,
}

impl Scheduled {
    /// The text of the playlist. Names of chunks and inits are written with `uris` around them.
    pub fn text<Name: std::fmt::Display>(
        &self,
        chunks: impl IntoIterator<Item = ScheduledChunk<Name>>,
        uris: &Uris,
    ) -> Vec<u8> {
        let head = Head {
            independent: self.independent,
            sequence: self.sequence,
            discontinuities: self.discontinuities,
            start: Some(self.start),
            ..Head::new(Kind::Sliding, self.target_s.into())
        };
        let mut text = Text::begin(&head, uris, 0);
        let mut init = None;
        for chunk in chunks {
            let another = init.replace(chunk.init) != Some(chunk.init);
            text.chunk(&Entry {
                discontinuity: chunk.discontinuity,
                init: (another || chunk.discontinuity).then(|| chunk.init.to_string()),
                date: Some(chunk.at),
                duration_us: chunk.duration_us,
                name: chunk.name.to_string(),
            });
        }
        text.finish(self.ended)
    }
}

/// A chunk of a folder, as a schedule needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolderChunk {
    /// How long the chunk lasts, in milliseconds; never zero.
    pub duration_ms: u64,
    /// Time between the chunk before and this one that nothing shows, in milliseconds.
    pub gap_ms: u64,
    /// Index of the init that decodes the chunk.
    pub init: usize,
    /// True when the time line breaks before the chunk, or another init begins here.
    pub discontinuity: bool,
    /// True when decoding can begin with the chunk.
    pub independent: bool,
}

impl<S> Hls<S> {
    /// The chunks, in order.
    pub fn folder_chunks(&self) -> impl Iterator<Item = FolderChunk> {
        let ends = [None].into_iter().chain(self.plan.chunks.iter().map(Some));
        let chunks = ends.zip(&self.plan.chunks);
        chunks.map(|(before, chunk): (Option<&Chunk>, &Chunk)| FolderChunk {
            duration_ms: chunk.duration_ms(),
            gap_ms: before.map_or(0, |before| {
                chunk.start_ms.saturating_sub(before.end_ms).max(0).unsigned_abs()
            }),
            init: chunk.init as usize,
            discontinuity: chunk.discontinuity,
            independent: chunk.independent,
        })
    }

    /// The names and the bytes of the inits, by their contents.
    pub fn named_inits(&self) -> impl Iterator<Item = (InitName, &[u8])> {
        self.plan.inits.iter().map(|init| (InitName::of(init), &**init))
    }

    /// How much later than zero the first chunk begins in its file, in milliseconds.
    pub fn lead_ms(&self) -> u64 {
        let begins = self.plan.chunks.first().map_or(0, |first| first.start_ms);
        begins
            .saturating_sub(self.plan.fragments.origin_ms())
            .max(0)
            .unsigned_abs()
    }

    /// Codecs, size and rates.
    pub fn variant(&self) -> Variant {
        Variant::of(&self.master)
    }
}

impl<S: TapeSource + Clone> Hls<S> {
    /// A chunk, by its number from 0, with decode times that are later by so many milliseconds than in the folder.
    pub fn chunk_later(&self, number: usize, later_ms: u64) -> Option<HlsFile<S>> {
        let chunk = *self.plan.chunks.get(number)?;
        let later_ms = i64::try_from(later_ms).unwrap_or(i64::MAX);
        let script = ChunkFile::new(self.plan.clone(), chunk).later(later_ms);
        Some(HlsFile {
            name: chunk_name(number),
            body: Body::Chunk(Box::new(Spliced::new(Tape::new(self.view.clone()), script))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::VirtualFile as _;
    use crate::format::hls::{TARGET_MS, init_name};
    use crate::format::testing::{all, eventful, two_segments, view};

    /// Where the `tfdt`s of a chunk are, and what they are.
    fn tfdts(bytes: &[u8]) -> Vec<(usize, u64)> {
        let places = (4..bytes.len()).filter(|at| bytes.get(*at..*at + 4) == Some(b"tfdt"));
        let number = |at: usize| u64::from_be_bytes(bytes[at + 8..at + 16].try_into().unwrap());
        places.map(|at| (at + 8, number(at))).collect()
    }

    #[test]
    fn a_chunk_that_is_shown_later_differs_in_its_decode_times_alone() {
        let hls = Hls::growing(view(&two_segments()), 1_000).unwrap();
        let scales: Vec<u64> = {
            let tracks = &hls.plan.tracks[0];
            let kinds = [crate::media::TrackKind::Video, crate::media::TrackKind::Audio];
            kinds
                .iter()
                .map(|kind| tracks.timescale(*kind).unwrap().into())
                .collect()
        };
        for number in 0..hls.chunks() {
            let before = all(&mut hls.named(&chunk_name(number)).unwrap());
            for later_s in [0, 1, 86_400 * 365 * 100] {
                let mut file = hls.chunk_later(number, later_s * 1_000).unwrap();
                assert_eq!(file.len(), before.len() as u64);
                let mut after = all(&mut file);
                let (old, new) = (tfdts(&before), tfdts(&after));
                assert!(!old.is_empty() && old.len() == new.len());
                for (at, ((place, old), (_, new))) in old.iter().zip(&new).enumerate() {
                    let scale = scales[at % scales.len()];
                    assert_eq!(new - old, later_s * scale, "chunk {number}, {later_s} s later");
                    after[*place..place + 8].copy_from_slice(&before[*place..place + 8]);
                }
                assert!(after == before, "chunk {number}");
                let tag = hls.chunk_later(number, later_s * 1_000).unwrap().tag();
                assert_eq!(tag == hls.named(&chunk_name(number)).unwrap().tag(), later_s == 0);
            }
        }
        assert!(hls.chunk_later(hls.chunks(), 0).is_none());
    }

    #[test]
    fn what_a_schedule_is_made_of_is_what_the_folder_has() {
        let hls = Hls::growing(view(&eventful()), TARGET_MS).unwrap();
        let chunks: Vec<FolderChunk> = hls.folder_chunks().collect();
        assert_eq!(chunks.len(), hls.chunks());
        for (number, chunk) in chunks.iter().enumerate() {
            assert_eq!(chunk.init, hls.chunk_init(number));
        }
        assert!(chunks.iter().any(|chunk| chunk.discontinuity) && !chunks[0].discontinuity);
        for (number, (name, bytes)) in hls.named_inits().enumerate() {
            assert_eq!(name, InitName::of(bytes));
            assert!(all(&mut hls.named(&init_name(number)).unwrap()) == bytes);
        }
    }

    #[test]
    fn the_playlist_says_what_is_shown_when() {
        let init = |byte| InitName::of(&[byte]);
        let chunk = |name, at_s: i64, init, discontinuity| ScheduledChunk {
            name,
            discontinuity,
            init,
            at: at_s * 1_000_000,
            duration_us: 6_000_000,
        };
        let playlist = Scheduled {
            target_s: 6,
            sequence: 41,
            discontinuities: 7,
            start: Start::BeforeEnd(19_500_000),
            independent: true,
            ended: true,
        };
        let (one, two) = (init(1), init(2));
        let chunks = [
            chunk("a", 0, one, false),
            chunk("b", 6, one, false),
            chunk("c", 12, two, true),
        ];
        let text = playlist.text(chunks, &Uris::new("evening/", None).unwrap());
        let wanted = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:41\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:7\n#EXT-X-START:TIME-OFFSET=-19.500\n#EXT-X-MAP:URI=\"evening/{one}\"\n\
             #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z\n#EXTINF:6.000,\nevening/a\n\
             #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:06.000Z\n#EXTINF:6.000,\nevening/b\n\
             #EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"evening/{two}\"\n#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:12.000Z\n\
             #EXTINF:6.000,\nevening/c\n#EXT-X-ENDLIST\n"
        );
        assert_eq!(String::from_utf8(text).unwrap(), wanted);
    }
}
