//! The layout of the file: the front, sequence headers where the configuration changes, and the tags of each fragment.

use crate::format::index::FragmentIndex;
use crate::format::line::{Config, Extent, Line, Stretch, Tape, run, to_ms};
use crate::format::looked::KeyTag;
use crate::format::mark::Marker;
use crate::format::splice::{Parts, Script, Splice};
use crate::format::{FileError, Looked, TapeSource, ViewSegment};
use crate::media::TrackKind;

use super::metadata::{ENCODER, Metadata};
use super::tag::{self, TagHeader};

/// Type, size, timestamp and stream of a tag (FLV v10.1 §E.4.1).
const TAG: u64 = 11;
/// The size of the tag is repeated after it.
const BACK: u64 = 4;
/// The largest body that the 24 bits of a tag's size can say.
const LARGEST: u64 = 0xFF_FFFF;

/// The parts of an FLV file.
pub struct File {
    line: Line,
    zero_ms: i64,
    pieces: Vec<Piece>,
    parts: Parts,
}

#[derive(Debug)]
enum Piece {
    Made(Vec<u8>),
    Fragment { part: u32, stretch: u32 },
}

/// A sample on its way into a tag.
struct Tag {
    kind: TrackKind,
    timestamp_ms: i64,
    header: TagHeader,
    key: bool,
    offset: u64,
    size: u32,
}

impl File {
    /// Counts the parts, and decides where each goes.
    pub(super) fn resume<S: TapeSource>(tape: &mut Tape<S>, looked: &mut Looked) -> Result<Self, FileError> {
        let line = looked.lay(tape)?;
        let tracks = [line.video.as_ref(), line.audio.as_ref()];
        let first = |track: &crate::format::line::TrackLine| to_ms(track.first_dts, track.timescale);
        let Some(zero_ms) = tracks.into_iter().flatten().map(first).min() else {
            return Err(unsupported("it has neither picture nor sound"));
        };
        let mut file = Self {
            line,
            zero_ms,
            pieces: Vec::new(),
            parts: Parts::default(),
        };
        // The index of keyframes stands before the tags that it points at. So the keyframes are found first, then moved by the
        // length of the index.
        file.place(0, &[]);
        let tags = file.key_tags(tape, std::mem::take(&mut looked.keys))?;
        let mut keys = file.keyframes(&tags);
        looked.keys = tags;
        looked.keys.truncate(looked.parts());
        let without = file.parts.start(1);
        file.place(0, &keys);
        let moved = (file.parts.start(1) - without) as f64;
        keys.iter_mut().for_each(|(_, position)| *position += moved);
        file.place(file.parts.len(), &keys);
        Ok(file)
    }

    /// Lays the parts out anew. `len` is the file's length for `onMetaData`.
    fn place(&mut self, len: u64, keys: &[(f64, f64)]) {
        self.pieces.clear();
        self.parts = Parts::default();
        let front = self.front(len, keys);
        let mut current: [Option<&Config>; 2] = [None, None];
        let mut pieces = vec![(front.len() as u64, Piece::Made(front))];
        for (number, stretch) in (0_u32..).zip(&self.line.stretches) {
            let parts = self.line.parts.iter().enumerate();
            for (part, extents) in parts.skip(stretch.first_part).take(stretch.parts) {
                // A sequence header stands before the first samples that need it. A growing segment does not say yet which
                // tracks will have samples.
                for (kind, current) in [TrackKind::Video, TrackKind::Audio].into_iter().zip(&mut current) {
                    if let Some(config) = self.config(stretch, kind)
                        && extents.extent(kind).samples > 0
                        && Some(config) != *current
                    {
                        let header = self.sequence_header(stretch, kind, config);
                        let colours = self.colour_info(stretch, config, *current);
                        let made = header.into_iter().chain(colours);
                        pieces.extend(made.map(|made| (made.len() as u64, Piece::Made(made))));
                        *current = Some(config);
                    }
                }
                let len = [TrackKind::Video, TrackKind::Audio]
                    .map(|kind| self.tags_len(stretch, kind, extents.extent(kind)));
                let part = fitted!(part, "the number of a fragment");
                pieces.push((
                    len.iter().sum(),
                    Piece::Fragment {
                        part,
                        stretch: number,
                    },
                ));
            }
        }
        for (len, piece) in pieces {
            self.pieces.push(piece);
            self.parts.push(len);
        }
    }

    /// Signature, flags (FLV v10.1 §E.2) and `onMetaData`.
    fn front(&self, len: u64, keys: &[(f64, f64)]) -> Vec<u8> {
        let (video, audio) = (self.line.video.as_ref(), self.line.audio.as_ref());
        let flags = u8::from(video.is_some()) | u8::from(audio.is_some()) << 2;
        let mut out = vec![b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0];
        let ends = [video, audio].into_iter().flatten();
        let end_ms = ends.map(|track| to_ms(track.end_dts, track.timescale)).max();
        let mut data = Metadata::new();
        data.number(
            "duration",
            seconds(end_ms.unwrap_or(0).saturating_sub(self.zero_ms)),
        );
        if let Some(Config::Video(config)) = video.and_then(|track| track.configs.first()) {
            data.video(config);
        }
        if let Some(Config::Audio(config)) = audio.and_then(|track| track.configs.first()) {
            data.audio(config);
        }
        data.text("encoder", ENCODER);
        data.number("filesize", len as f64);
        data.boolean("hasVideo", video.is_some());
        data.boolean("hasAudio", audio.is_some());
        data.boolean("hasMetadata", true);
        data.boolean("hasKeyframes", !keys.is_empty());
        data.boolean("canSeekToEnd", false);
        if !keys.is_empty() {
            data.keyframes(keys);
        }
        out.extend(whole_tag(tag::SCRIPT, 0, &data.finish()));
        out
    }

    /// The first keyframe of every fragment. Those of the first fragments are `known`.
    fn key_tags<S: TapeSource>(
        &self,
        tape: &mut Tape<S>,
        known: Vec<Option<KeyTag>>,
    ) -> Result<Vec<Option<KeyTag>>, FileError> {
        let mut keys = known;
        for piece in &self.pieces {
            let Piece::Fragment { part, stretch } = piece else {
                continue;
            };
            if (*part as usize) < keys.len() {
                continue;
            }
            let (mut within, mut key) = (0, None);
            for tag in self.fragment_tags(tape, *part as usize, *stretch as usize)? {
                if u64::from(tag.size) + tag.header.len() as u64 > LARGEST {
                    return Err(unsupported("it has a frame of more than 16 MiB"));
                }
                if tag.kind == TrackKind::Video && tag.key && key.is_none() {
                    key = Some(KeyTag {
                        timestamp_ms: tag.timestamp_ms,
                        within,
                    });
                }
                within += tag.len();
            }
            keys.push(key);
        }
        Ok(keys)
    }

    /// The keyframes as players want them: seconds, and where the tag begins.
    fn keyframes(&self, tags: &[Option<KeyTag>]) -> Vec<(f64, f64)> {
        let fragments = self
            .pieces
            .iter()
            .enumerate()
            .filter_map(|(number, piece)| match piece {
                Piece::Fragment { part, .. } => Some((number, *part as usize)),
                Piece::Made(_) => None,
            });
        let keys = fragments.filter_map(|(number, part)| {
            let tag = tags.get(part).copied().flatten()?;
            let at = self.parts.start(number).saturating_add(tag.within);
            Some((seconds(tag.timestamp_ms.saturating_sub(self.zero_ms)), at as f64))
        });
        keys.collect()
    }

    fn fragment_tags<S: TapeSource>(
        &self,
        tape: &mut Tape<S>,
        part: usize,
        segment: usize,
    ) -> Result<Vec<Tag>, FileError> {
        let index = tape.index(segment)?;
        let tags = self.line.stretches.get(segment).and_then(|stretch| {
            let fragment = index.fragments.get(part.checked_sub(stretch.first_part)?)?;
            Some(self.tags(stretch, fragment))
        });
        Ok(tags.unwrap_or_default())
    }

    /// A fragment's samples in the order of their tags.
    fn tags(&self, stretch: &Stretch, fragment: &FragmentIndex) -> Vec<Tag> {
        let mut tags = Vec::with_capacity(fragment.video.samples.len() + fragment.audio.samples.len());
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let (Some(config), summary) = (self.config(stretch, kind), stretch.track(kind)) else {
                continue;
            };
            let floor = summary.previous_dts.unwrap_or(i64::MIN);
            let placement = summary.placement;
            for placed in run(fragment, kind).placed() {
                let dts = to_ms(placement.place(placed.dts).max(floor), placement.line);
                let header = match config {
                    Config::Video(config) => {
                        // Both times are rounded, and not the difference between them.
                        let shown = to_ms(placement.shown(&placed), placement.line);
                        let decoded = to_ms(placement.place(placed.dts), placement.line);
                        let cts = i32::try_from(shown.saturating_sub(decoded)).unwrap_or(0);
                        tag::video_header(config, placed.sample.key, cts)
                    }
                    Config::Audio(config) => tag::audio_header(config),
                };
                tags.push(Tag {
                    kind,
                    timestamp_ms: dts,
                    header,
                    key: placed.sample.key,
                    offset: placed.offset,
                    size: placed.sample.size,
                });
            }
        }
        tags.sort_by_key(|tag| tag.timestamp_ms);
        tags
    }

    fn tags_len(&self, stretch: &Stretch, kind: TrackKind, extent: Extent) -> u64 {
        let header = match self.config(stretch, kind) {
            Some(Config::Video(config)) => tag::video_header(config, true, 0).len(),
            Some(Config::Audio(config)) => tag::audio_header(config).len(),
            None => return 0,
        };
        u64::from(extent.samples) * (TAG + header as u64 + BACK) + u64::from(extent.bytes)
    }

    fn sequence_header(&self, stretch: &Stretch, kind: TrackKind, config: &Config) -> Option<Vec<u8>> {
        let (number, body) = match config {
            Config::Video(config) => (tag::VIDEO, tag::video_sequence_header(config)),
            Config::Audio(config) => (tag::AUDIO, tag::audio_sequence_header(config)?),
        };
        Some(whole_tag(number, self.begins(stretch, kind), &body))
    }

    fn colour_info(&self, stretch: &Stretch, config: &Config, before: Option<&Config>) -> Option<Vec<u8>> {
        let video = |config: &Config| match config {
            Config::Video(config) => Some(config.clone()),
            Config::Audio(_) => None,
        };
        let body = tag::colour_info(&*video(config)?, before.and_then(video).as_deref())?;
        Some(whole_tag(
            tag::VIDEO,
            self.begins(stretch, TrackKind::Video),
            &body,
        ))
    }

    fn begins(&self, stretch: &Stretch, kind: TrackKind) -> i64 {
        let placement = stretch.track(kind).placement;
        let begins = to_ms(placement.place(0), placement.line);
        begins.saturating_sub(self.zero_ms).max(0)
    }

    /// The configuration that decodes a segment's samples, if it has any.
    fn config(&self, stretch: &Stretch, kind: TrackKind) -> Option<&Config> {
        let summary = stretch.track(kind);
        let configs = &self.line.track(kind)?.configs;
        (summary.samples > 0)
            .then(|| configs.get(summary.config))
            .flatten()
    }
}

impl Script for File {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    fn make<S: TapeSource>(
        &self,
        part: usize,
        tape: &mut Tape<S>,
        out: &mut Splice,
    ) -> Result<(), FileError> {
        match self.pieces.get(part) {
            Some(Piece::Made(bytes)) => out.write(bytes),
            Some(Piece::Fragment {
                part,
                stretch: segment,
            }) => {
                let (part, segment) = (*part as usize, *segment as usize);
                let Some(extents) = self.line.parts.get(part) else {
                    return Ok(());
                };
                for tag in self.fragment_tags(tape, part, segment)? {
                    let timestamp = tag.timestamp_ms.saturating_sub(self.zero_ms);
                    let body = tag.header.len() as u64 + u64::from(tag.size);
                    out.write(&tag_header(number(tag.kind), timestamp, body));
                    out.write(tag.header.as_slice());
                    out.copy(
                        segment,
                        tag.kind,
                        extents.extent(tag.kind),
                        tag.offset,
                        u64::from(tag.size),
                    );
                    out.write(&back(body));
                }
            }
            None => (),
        }
        Ok(())
    }

    fn body(&self) -> usize {
        1
    }

    fn material(&self, part: usize, segments: &[ViewSegment], marker: &mut Marker) {
        marker.numbers(&[self.zero_ms.cast_unsigned()]);
        match self.pieces.get(part) {
            Some(Piece::Made(bytes)) => marker.bytes(bytes),
            Some(Piece::Fragment { part, .. }) => marker.fragment(&self.line, segments, *part as usize),
            None => (),
        }
    }

    fn front(&self, part: usize, marker: &mut Marker) {
        if let Some(Piece::Made(bytes)) = self.pieces.get(part) {
            marker.bytes(bytes);
        }
    }

    fn weight(&self) -> usize {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Made(bytes) => size_of::<Piece>() + bytes.len(),
            Piece::Fragment { .. } => size_of::<Piece>(),
        });
        self.line.weight() + self.parts.weight() + pieces.sum::<usize>()
    }

    fn segment_of(&self, part: usize) -> usize {
        match self.pieces.get(part) {
            Some(Piece::Fragment { stretch, .. }) => *stretch as usize,
            _ => 0,
        }
    }
}

impl Tag {
    fn len(&self) -> u64 {
        TAG + self.header.len() as u64 + u64::from(self.size) + BACK
    }
}

fn number(kind: TrackKind) -> u8 {
    match kind {
        TrackKind::Video => tag::VIDEO,
        TrackKind::Audio => tag::AUDIO,
    }
}

fn whole_tag(kind: u8, timestamp_ms: i64, body: &[u8]) -> Vec<u8> {
    let len = body.len() as u64;
    [&tag_header(kind, timestamp_ms, len)[..], body, &back(len)].concat()
}

/// A tag's header. The timestamp's upper 8 bits stand after its lower 24.
fn tag_header(kind: u8, timestamp_ms: i64, body: u64) -> [u8; 11] {
    let [.., s1, s2, s3] = body.to_be_bytes();
    let [.., upper, t1, t2, t3] = timestamp_ms.to_be_bytes();
    [kind, s1, s2, s3, t1, t2, t3, upper, 0, 0, 0]
}

fn back(body: u64) -> [u8; 4] {
    let [.., a, b, c, d] = (body + TAG).to_be_bytes();
    [a, b, c, d]
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn unsupported(reason: &str) -> FileError {
    FileError::Unsupported {
        format: "flv",
        reason: reason.to_owned(),
    }
}
