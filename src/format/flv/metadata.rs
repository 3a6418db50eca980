//! `onMetaData` (FLV v10.1 §E.5). The length of every value is known before the value is.

use super::tag;
use crate::media::{AudioConfig, Tracks, VideoConfig};

/// An `onMetaData` that is being written in AMF0.
pub(super) struct Metadata {
    out: Vec<u8>,
    entries: u32,
}

const NUMBER: u8 = 0;
const BOOLEAN: u8 = 1;
pub(super) const STRING: u8 = 2;
pub(super) const OBJECT: u8 = 3;
const ECMA_ARRAY: u8 = 8;
const STRICT_ARRAY: u8 = 10;
pub(super) const OBJECT_END: [u8; 3] = [0, 0, 9];

/// Place of the number of entries: after the string `onMetaData` and the array's marker.
const COUNT_AT: usize = 14;

/// The body of the data message with which a publisher says what it sends: `@setDataFrame`, by which servers know it, and `onMetaData`.
/// `frame_rate` is in pictures a second, where it is known.
pub(in crate::format) fn announcement(tracks: &Tracks, frame_rate: Option<f64>) -> Vec<u8> {
    let mut body = vec![STRING];
    put_text(&mut body, "@setDataFrame");
    let mut metadata = Metadata::new();
    if let Some(config) = tracks.video.as_deref() {
        metadata.video(config);
        if let Some(rate) = frame_rate {
            metadata.number("framerate", rate);
        }
    }
    if let Some(config) = tracks.audio.as_deref() {
        metadata.audio(config);
    }
    metadata.text("encoder", ENCODER);
    body.extend(metadata.finish());
    body
}

/// The name that files and publishes give this program.
pub(super) const ENCODER: &str = "edgereel";

impl Metadata {
    pub(super) fn new() -> Self {
        let mut out = vec![STRING];
        put_text(&mut out, "onMetaData");
        out.push(ECMA_ARRAY);
        out.extend_from_slice(&[0; 4]);
        Self { out, entries: 0 }
    }

    /// What is said of the pictures.
    pub(super) fn video(&mut self, config: &VideoConfig) {
        self.number("width", f64::from(config.width));
        self.number("height", f64::from(config.height));
        self.number("videocodecid", tag::video_codec_id(config.codec));
    }

    /// What is said of the sound.
    pub(super) fn audio(&mut self, config: &AudioConfig) {
        self.number("audiocodecid", tag::audio_codec_id(config.codec));
        self.number("audiosamplerate", f64::from(config.sample_rate));
        self.boolean("stereo", config.channels > 1);
    }

    pub(super) fn number(&mut self, key: &str, value: f64) {
        self.key(key);
        put_number(&mut self.out, value);
    }

    pub(super) fn boolean(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.extend_from_slice(&[BOOLEAN, u8::from(value)]);
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.push(STRING);
        put_text(&mut self.out, value);
    }

    /// The index that players seek with: seconds and file positions.
    pub(super) fn keyframes(&mut self, keys: &[(f64, f64)]) {
        self.key("keyframes");
        self.out.push(OBJECT);
        self.column("filepositions", keys.iter().map(|key| key.1));
        self.column("times", keys.iter().map(|key| key.0));
        self.out.extend_from_slice(&OBJECT_END);
    }

    /// Returns the tag's body.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if let Some(count) = self.out.get_mut(COUNT_AT..COUNT_AT + 4) {
            count.copy_from_slice(&self.entries.to_be_bytes());
        }
        self.out.extend_from_slice(&OBJECT_END);
        self.out
    }

    fn column(&mut self, name: &str, values: impl ExactSizeIterator<Item = f64>) {
        put_text(&mut self.out, name);
        self.out.push(STRICT_ARRAY);
        let count: u32 = fitted!(values.len(), "the count of an array");
        self.out.extend_from_slice(&count.to_be_bytes());
        values.for_each(|value| put_number(&mut self.out, value));
    }

    fn key(&mut self, key: &str) {
        self.entries += 1;
        put_text(&mut self.out, key);
    }
}

pub(super) fn put_number(out: &mut Vec<u8>, value: f64) {
    out.push(NUMBER);
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let len: u16 = fitted!(text.len(), "the length of a name");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}
