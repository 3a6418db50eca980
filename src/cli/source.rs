//! A file as a publisher sends it: tag bodies with their times.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::format::flv::{FlvReader, tag};
use crate::format::mp4::read::Mp4Reader;
use crate::ingest::TagKind;
use crate::media::{CodecConfig, TrackKind};

/// One RTMP message's worth.
pub(super) struct Outgoing {
    pub(super) kind: TagKind,
    /// Milliseconds from the beginning of the file.
    pub(super) timestamp_ms: u64,
    /// What an FLV tag holds behind its header.
    pub(super) body: Vec<u8>,
}

/// What is sent: an FLV or an MP4, told apart by how they begin.
pub(super) enum Source<R> {
    Flv { reader: FlvReader<R>, first_ms: Option<u32> },
    Mp4 { reader: Box<Mp4Reader<R>>, headers: Vec<Vec<u8>> },
}

impl Source<BufReader<File>> {
    #[expect(clippy::disallowed_methods, reason = "a file of the user's, not the tape")]
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot open '{shown}'"))?;
        Self::new(BufReader::with_capacity(256 << 10, file)).with_context(|| format!("cannot send '{shown}'"))
    }
}

impl<R: Read + Seek> Source<R> {
    pub(super) fn new(mut input: R) -> anyhow::Result<Self> {
        let mut magic = [0; 8];
        input.read_exact(&mut magic).context("it is shorter than any media file")?;
        input.seek(SeekFrom::Start(0))?;
        match &magic {
            [b'F', b'L', b'V', ..] => Ok(Source::Flv { reader: FlvReader::new(input)?, first_ms: None }),
            [_, _, _, _, b'f', b't', b'y', b'p'] => {
                let reader = Mp4Reader::open(input)?;
                let configs = [
                    reader.tracks().video.as_deref().cloned().map(CodecConfig::Video),
                    reader.tracks().audio.as_deref().cloned().map(CodecConfig::Audio),
                ];
                // Taken from the back, so that the picture's goes first.
                let headers = configs.iter().rev().flatten().filter_map(tag::sequence_header).collect();
                Ok(Source::Mp4 { reader: Box::new(reader), headers })
            }
            _ => bail!("it is neither FLV nor MP4; ffmpeg -i FILE -c copy out.flv makes one of most files"),
        }
    }

    /// The next message in decode order, nothing at the end.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Outgoing>> {
        match self {
            Source::Flv { reader, first_ms } => {
                let Some(tag) = reader.next_tag()? else { return Ok(None) };
                let kind = match tag.kind {
                    tag::AUDIO => TagKind::Audio,
                    tag::VIDEO => TagKind::Video,
                    _ => TagKind::Data,
                };
                let zero = *first_ms.get_or_insert(tag.timestamp_ms);
                let timestamp_ms = u64::from(tag.timestamp_ms.saturating_sub(zero));
                Ok(Some(Outgoing { kind, timestamp_ms, body: tag.body }))
            }
            Source::Mp4 { reader, headers } => {
                if let Some(body) = headers.pop() {
                    let kind = if is_video(&body, reader) { TagKind::Video } else { TagKind::Audio };
                    return Ok(Some(Outgoing { kind, timestamp_ms: 0, body }));
                }
                next_sample(reader)
            }
        }
    }
}
