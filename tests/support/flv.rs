//! FLV files, read and written tag by tag.

use std::path::Path;

use super::media::{Media, Sample};

pub(crate) const AUDIO: u8 = 8;
pub(crate) const VIDEO: u8 = 9;
pub(crate) const SCRIPT: u8 = 18;

/// One tag, as RTMP also carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) kind: u8,
    /// The time in milliseconds.
    pub(crate) time: u32,
    pub(crate) body: Vec<u8>,
}

/// A file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flv {
    pub(crate) tags: Vec<Tag>,
}

impl Flv {
    #[track_caller]
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&bytes)
    }

    #[track_caller]
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        assert_eq!(&bytes[..3], b"FLV");
        let mut rest = &bytes[13..];
        let mut tags = Vec::new();
        while !rest.is_empty() {
            let length = be(&rest[1..4]);
            let time = be(&rest[4..7]) | u32::from(rest[7]) << 24;
            let end = 11 + length as usize;
            tags.push(Tag {
                kind: rest[0],
                time,
                body: rest[11..end].to_vec(),
            });
            assert_eq!(be(&rest[end..end + 4]) as usize, end, "the length behind a tag");
            rest = &rest[end + 4..];
        }
        Self { tags }
    }

    pub(crate) fn write(&self, path: &Path) {
        let has = |kind| u8::from(self.tags.iter().any(|tag| tag.kind == kind));
        let mut out = b"FLV\x01".to_vec();
        out.push(has(AUDIO) << 2 | has(VIDEO));
        out.extend([0, 0, 0, 9, 0, 0, 0, 0]);
        for tag in &self.tags {
            let length = tag.body.len() as u32;
            out.push(tag.kind);
            out.extend(&length.to_be_bytes()[1..]);
            out.extend(&tag.time.to_be_bytes()[1..]);
            out.push((tag.time >> 24) as u8);
            out.extend([0, 0, 0]);
            out.extend(&tag.body);
            out.extend((length + 11).to_be_bytes());
        }
        std::fs::write(path, out).expect("the FLV file is written");
    }

    /// The file's H.264 pictures and AAC frames.
    pub(crate) fn media(&self) -> Media {
        let mut media = Media::default();
        for tag in &self.tags {
            let time = f64::from(tag.time);
            match (tag.kind, tag.body.as_slice()) {
                (VIDEO, [_, 1, a, b, c, rest @ ..]) => {
                    let cts = i32::from_be_bytes([*a, *b, *c, 0]) >> 8;
                    let pts = time + f64::from(cts);
                    media.video.push(Sample {
                        dts: time,
                        pts,
                        bytes: rest.to_vec(),
                    });
                }
                (AUDIO, [_, 1, rest @ ..]) => {
                    media.audio.push(Sample {
                        dts: time,
                        pts: time,
                        bytes: rest.to_vec(),
                    });
                }
                _ => {}
            }
        }
        media
    }

    /// The tags that begin before `millis`, with all tags that contain no media.
    pub(crate) fn before(&self, millis: u32) -> Self {
        Self {
            tags: self
                .tags
                .iter()
                .filter(|tag| tag.time < millis)
                .cloned()
                .collect(),
        }
    }

    /// The same file with all times later.
    pub(crate) fn later(&self, millis: u32) -> Self {
        let later = |tag: &Tag| Tag {
            time: tag.time.wrapping_add(millis),
            ..tag.clone()
        };
        Self {
            tags: self.tags.iter().map(later).collect(),
        }
    }

    /// The tags that `keep` accepts.
    pub(crate) fn only(&self, keep: impl Fn(&Tag) -> bool) -> Self {
        Self {
            tags: self.tags.iter().filter(|tag| keep(tag)).cloned().collect(),
        }
    }
}

impl Tag {
    /// Whether the tag is AVC, HEVC or AAC configuration, or metadata: no media.
    pub(crate) fn is_header(&self) -> bool {
        self.kind == SCRIPT || self.body.get(1) == Some(&0)
    }

    /// Whether the tag is a picture that can be decoded alone.
    pub(crate) fn is_key(&self) -> bool {
        self.kind == VIDEO && self.body.first().is_some_and(|first| first >> 4 & 7 == 1)
    }
}

fn be(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}
