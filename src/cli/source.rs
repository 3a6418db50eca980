//! A file in the form in which a publisher sends it: tag bodies with their times.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::doors::rtmp::TagKind;
use crate::format::flv::read::FlvReader;
use crate::format::flv::tag;
use crate::format::fmp4::ReadAt;
use crate::format::mp4::read::{Mp4Reader, Mp4Sample, Mp4Samples};
use crate::media::{CodecConfig, TrackKind};

/// The content of one RTMP message.
pub(super) struct Outgoing {
    pub(super) kind: TagKind,
    /// Timestamp in milliseconds from the beginning of the file.
    pub(super) timestamp_ms: u64,
    /// The body of an FLV tag, without the tag's header.
    pub(super) body: Vec<u8>,
}

/// The file to send: an FLV or an MP4. Its first bytes tell which.
pub(super) enum Source {
    Flv(Box<dyn ReadSeek>),
    Mp4 { file: Pread, reader: Mp4Reader },
}

/// The requirements on the input of an FLV reader.
pub(super) trait ReadSeek: Read + Seek + Send {}
impl<R: Read + Seek + Send> ReadSeek for R {}

/// A file that is read at given offsets.
pub(super) struct Pread(File);

impl ReadAt for Pread {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.0.read_at(buf, offset)
    }
}

impl Source {
    #[expect(clippy::disallowed_methods, reason = "a file of the user's, not the tape")]
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let mut file = File::open(path).with_context(|| format!("cannot open '{shown}'"))?;
        let mut magic = [0; 8];
        file.read_exact(&mut magic)
            .with_context(|| format!("cannot send '{shown}': it is shorter than any media file"))?;
        match &magic {
            [b'F', b'L', b'V', ..] => Ok(Source::Flv(Box::new(BufReader::with_capacity(256 << 10, file)))),
            [_, _, _, _, b'f', b't', b'y', b'p'] => {
                let length = file.metadata()?.len();
                let file = Pread(file);
                let reader =
                    Mp4Reader::open(&file, length).with_context(|| format!("cannot send '{shown}'"))?;
                Ok(Source::Mp4 { file, reader })
            }
            _ => bail!(
                "cannot send '{shown}': it is neither FLV nor MP4; \
                 `ffmpeg -i FILE -c copy OUT.flv` makes an FLV of most files"
            ),
        }
    }

    /// Length of the file in milliseconds, where the file tells it.
    pub(super) fn length_ms(&mut self) -> anyhow::Result<Option<u64>> {
        match self {
            Source::Flv(input) => Ok(flv_length(input.as_mut()).ok()),
            Source::Mp4 { reader, .. } => {
                let last = reader.samples().filter_map(Result::ok).last();
                Ok(last.and_then(|sample| u64::try_from(sample.dts_ms).ok()))
            }
        }
    }

    /// The messages of the file from its beginning.
    pub(super) fn messages(&mut self) -> anyhow::Result<Messages<'_>> {
        match self {
            Source::Flv(input) => {
                input.seek(SeekFrom::Start(0))?;
                Ok(Messages::Flv {
                    reader: FlvReader::new(input.as_mut())?,
                    zero_ms: None,
                })
            }
            Source::Mp4 { file, reader } => Ok(Messages::Mp4 {
                file,
                reader,
                samples: reader.samples(),
                sent: [None; 2],
                announced: VecDeque::new(),
                held: None,
            }),
        }
    }
}

/// One pass over a file.
pub(super) enum Messages<'a> {
    Flv {
        reader: FlvReader<&'a mut (dyn ReadSeek + 'static)>,
        zero_ms: Option<u32>,
    },
    Mp4 {
        file: &'a Pread,
        reader: &'a Mp4Reader,
        samples: Mp4Samples<'a>,
        /// The configuration that each track was last announced with: video, audio.
        sent: [Option<usize>; 2],
        /// The sequence headers for the sample that waits behind them.
        announced: VecDeque<Outgoing>,
        /// The sample that waits.
        held: Option<Mp4Sample>,
    },
}

impl Messages<'_> {
    /// The next message in decode order. Nothing at the end.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Outgoing>> {
        match self {
            Messages::Flv { reader, zero_ms } => {
                let Some(tag) = reader.next_tag()? else {
                    return Ok(None);
                };
                let kind = match tag.kind {
                    tag::AUDIO => TagKind::Audio,
                    tag::VIDEO => TagKind::Video,
                    _ => TagKind::Data,
                };
                let zero = *zero_ms.get_or_insert(tag.timestamp_ms);
                let timestamp_ms = u64::from(tag.timestamp_ms.saturating_sub(zero));
                Ok(Some(Outgoing {
                    kind,
                    timestamp_ms,
                    body: tag.body.into(),
                }))
            }
            Messages::Mp4 {
                file,
                reader,
                samples,
                sent,
                announced,
                held,
            } => {
                if let Some(message) = announced.pop_front() {
                    return Ok(Some(message));
                }
                let sample = match held.take() {
                    Some(sample) => sample,
                    None => match samples.next().transpose()? {
                        Some(sample) => sample,
                        None => return Ok(None),
                    },
                };
                let kind = tag_kind(sample.kind);
                let timestamp_ms = u64::try_from(sample.dts_ms).unwrap_or(0);
                let config = reader
                    .configs(sample.kind)
                    .get(sample.config)
                    .context("a sample without configuration")?;
                let sent = match sample.kind {
                    TrackKind::Video => sent.first_mut(),
                    TrackKind::Audio => sent.last_mut(),
                };
                if let Some(sent) = sent.filter(|sent| **sent != Some(sample.config)) {
                    let before = sent.and_then(|before| reader.configs(sample.kind).get(before));
                    *sent = Some(sample.config);
                    let bodies = [tag::sequence_header(config), colour_info(config, before)];
                    announced.extend(bodies.into_iter().flatten().map(|body| Outgoing {
                        kind,
                        timestamp_ms,
                        body,
                    }));
                    if let Some(message) = announced.pop_front() {
                        *held = Some(sample);
                        return Ok(Some(message));
                    }
                }
                let body = sample_body(file, config, &sample)?;
                Ok(Some(Outgoing {
                    kind,
                    timestamp_ms,
                    body,
                }))
            }
        }
    }
}

fn colour_info(config: &CodecConfig, before: Option<&CodecConfig>) -> Option<Vec<u8>> {
    match (config, before) {
        (CodecConfig::Video(video), Some(CodecConfig::Video(before))) => {
            tag::colour_info(video, Some(before))
        }
        (CodecConfig::Video(video), _) => tag::colour_info(video, None),
        (CodecConfig::Audio(_), _) => None,
    }
}

/// The time from the first tag to the last one. The length at the end of the file leads to the last tag.
fn flv_length(input: &mut (dyn ReadSeek + 'static)) -> anyhow::Result<u64> {
    let mut size = [0; 4];
    input.seek(SeekFrom::End(-4))?;
    input.read_exact(&mut size)?;
    let back = i64::from(u32::from_be_bytes(size)) + 4;
    input.seek(SeekFrom::End(-back))?;
    let last = tag_time(input)?;
    input.seek(SeekFrom::Start(0))?;
    let first = FlvReader::new(&mut *input)?
        .next_tag()?
        .context("there is no tag")?;
    Ok(u64::from(last.saturating_sub(first.timestamp_ms)))
}

fn tag_time(input: &mut (dyn ReadSeek + 'static)) -> anyhow::Result<u32> {
    let mut header = [0; 11];
    input.read_exact(&mut header)?;
    let [
        tag::AUDIO | tag::VIDEO | 18,
        _,
        _,
        _,
        high,
        middle,
        low,
        extended,
        ..,
    ] = header
    else {
        bail!("there is no tag");
    };
    Ok(u32::from_be_bytes([extended, high, middle, low]))
}

fn tag_kind(kind: TrackKind) -> TagKind {
    match kind {
        TrackKind::Video => TagKind::Video,
        TrackKind::Audio => TagKind::Audio,
    }
}

fn sample_body(file: &Pread, config: &CodecConfig, sample: &Mp4Sample) -> anyhow::Result<Vec<u8>> {
    let header = match config {
        CodecConfig::Video(video) => tag::video_header(video, sample.key, sample.cts_ms),
        CodecConfig::Audio(audio) => tag::audio_header(audio),
    };
    let mut body = header.as_slice().to_vec();
    let start = body.len();
    // The reader has checked that the sample lies within the file.
    body.resize(start + usize::try_from(sample.size)?, 0);
    let payload = body.get_mut(start..).unwrap_or_default();
    file.0
        .read_exact_at(payload, sample.offset)
        .with_context(|| format!("reading at byte {}", sample.offset))?;
    Ok(body)
}
