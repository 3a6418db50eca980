//! From the text of a user to a [`Template`].

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{PseudoLive, Template, USUAL_FORMATS};
use crate::format::{Format, Gaps};
use crate::model::{
    ByteSize, Encrypt, Keep, KeyPattern, Media, Output, Resume, ResumeAfter, ReviewWhen, Span, Split, Zone,
};

/// The limits of the cloud services. A shorter recording is not worth a file. Players do not like to open a longer one.
const SHORTEST: Span = Span::from_secs(30);
const LONGEST: Span = Span::from_secs(43_200);
/// Six hours, the longest time that a cloud service waits for a publisher.
const LONGEST_WINDOW: Span = Span::from_secs(21_600);
/// No time shift is shorter than what a live playlist has, and none needs more than a year.
const SHORTEST_BACK: Span = Span::from_secs(60);
const LONGEST_BACK: Span = Span::from_millis(400 * DAY_MILLIS);
const SMALLEST: ByteSize = ByteSize::new(1 << 20);
const LARGEST: ByteSize = ByteSize::new(1 << 40);
const DAY_MILLIS: u64 = 86_400_000;

/// A template as it is written in the configuration, and in a command. What stands beside a format's name holds for
/// that format alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TemplateSource {
    /// Its name.
    name: String,
    /// The usual ones, where nothing is said; none, where the list is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    formats: Option<Vec<Format>>,
    /// Which tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<Media>,
    /// What becomes of gaps where publishers were away.
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps: Option<Gaps>,
    /// A new recording after this, as in `30min`; `off` for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<SplitAfter>,
    /// A new recording after so many bytes, as in `2GiB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    split_size: Option<ByteSize>,
    /// A new recording at multiples of this since midnight, as in `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    split_at: Option<Span>,
    /// A publisher that is back within this goes on with its recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    resume_window: Option<Span>,
    /// Which ends of a publish a recording waits at.
    #[serde(skip_serializing_if = "Option::is_none")]
    resume_after: Option<ResumeAfter>,
    /// How long it is kept on the box, as in `7d` or `forever`.
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<Keep>,
    /// How long it is kept where it is delivered to.
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_time: Option<Keep>,
    /// The key of a delivered file, without its extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyPattern>,
    /// The time zone of its clock, as in `Asia/Shanghai`.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<Zone>,
    /// MP4 has a track that shows when each moment was.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<bool>,
    /// How far back viewers may go by time shift, as in `7d`. Without it, as far as there is tape.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_shift: Option<Span>,
    /// When each recording is shown again, as a channel: `+2h` after its end, or at a time of the day as `20:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pseudo_live: Option<PseudoLive>,
    /// One more recording of all recordings of a session, when that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    compose: Option<bool>,
    /// The recordings of a session are deleted once that one is durable, and are not delivered before the session is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    compose_drop: Option<bool>,
    /// Each of its recordings gets a fingerprint when it is over: it is found again by its pictures, and shown by the best of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<bool>,
    /// When its recordings are reviewed: `before` viewers get them and they are delivered, or `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<ReviewWhen>,
    /// What is otherwise for FLV.
    #[serde(skip_serializing_if = "Option::is_none")]
    flv: Option<Ways>,
    /// What is otherwise for HLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    hls: Option<Ways>,
    /// What is otherwise for MP4.
    #[serde(skip_serializing_if = "Option::is_none")]
    mp4: Option<Ways>,
    /// What is otherwise for fragmented MP4.
    #[serde(skip_serializing_if = "Option::is_none")]
    fmp4: Option<Ways>,
    /// What is otherwise for AAC.
    #[serde(skip_serializing_if = "Option::is_none")]
    aac: Option<Ways>,
}

/// What can differ from format to format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct Ways {
    /// A new recording after this, as in `30min`; `off` for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<SplitAfter>,
    /// A new recording after so many bytes, as in `2GiB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    split_size: Option<ByteSize>,
    /// A new recording at multiples of this since midnight, as in `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    split_at: Option<Span>,
    /// A publisher that is back within this goes on with its recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    resume_window: Option<Span>,
    /// Which ends of a publish a recording waits at.
    #[serde(skip_serializing_if = "Option::is_none")]
    resume_after: Option<ResumeAfter>,
    /// How long it is kept on the box, as in `7d` or `forever`.
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<Keep>,
    /// How long it is kept where it is delivered to.
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_time: Option<Keep>,
    /// The key of a delivered file, without its extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyPattern>,
    /// How chunks are encrypted, for HLS alone: `aes-128`.
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypt: Option<Method>,
    /// Another key follows after so many chunks. Without it, a recording has one key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_chunks: Option<NonZeroU32>,
    /// True where the same media may be had in clear, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    also_clear: Option<bool>,
}

/// How chunks are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
enum Method {
    /// AES-128 in CBC mode, whole chunks (RFC 8216, method `AES-128`).
    #[serde(rename = "aes-128")]
    Aes128,
}

/// A length of time, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
enum SplitAfter {
    Off,
    After(Span),
}

/// The error of a template that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template '{name}': {message}")]
pub struct TemplateError {
    /// The template.
    pub name: String,
    /// The wrong key.
    pub key: &'static str,
    /// The format that the key is for, if it is for one.
    pub format: Option<Format>,
    /// What is wrong with the key, and what would be right.
    pub message: String,
}

impl TemplateError {
    /// The key's place in the file, in the table of its format if there is one.
    pub(in crate::config) fn path(&self) -> String {
        match self.format {
            Some(format) => format!("template.{format}.{}", self.key),
            None => format!("template.{}", self.key),
        }
    }
}

impl TemplateSource {
    /// A template with nothing but its formats.
    pub fn named(name: &str, formats: &[Format]) -> Self {
        Self {
            name: name.to_owned(),
            formats: Some(formats.to_vec()),
            ..Self::default()
        }
    }

    /// The name of the template.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The formats of the template. An empty list was written as such: it switches recording off.
    pub fn formats(&self) -> &[Format] {
        self.formats.as_deref().unwrap_or(&USUAL_FORMATS)
    }

    /// True where it says that HLS is encrypted.
    pub fn encrypts(&self) -> bool {
        self.hls.as_ref().is_some_and(|ways| ways.encrypt.is_some())
    }

    /// The same template, with its formats written even where they are the usual ones.
    pub fn with_formats(&self) -> Self {
        Self {
            formats: Some(self.formats().to_vec()),
            ..self.clone()
        }
    }

    /// The same template, split at another length.
    pub fn split_after(self, after: Span) -> Self {
        Self {
            split: Some(SplitAfter::After(after)),
            ..self
        }
    }

    fn ways(&self, format: Format) -> Ways {
        let own = match format {
            Format::Flv => &self.flv,
            Format::Hls => &self.hls,
            Format::Mp4 => &self.mp4,
            Format::Fmp4 => &self.fmp4,
            Format::Aac => &self.aac,
        };
        let own = own.clone().unwrap_or_default();
        // The keys that split a recording belong together: a format with one of the three has its own set of all three.
        let splits = own.split.is_some() || own.split_size.is_some() || own.split_at.is_some();
        let (split, split_size, split_at) = if splits {
            (own.split, own.split_size, own.split_at)
        } else {
            (self.split, self.split_size, self.split_at)
        };
        Ways {
            split,
            split_size,
            split_at,
            resume_window: own.resume_window.or(self.resume_window),
            resume_after: own.resume_after.or(self.resume_after),
            keep: own.keep.or(self.keep),
            storage_time: own.storage_time.or(self.storage_time),
            key: own.key.or_else(|| self.key.clone()),
            encrypt: own.encrypt,
            key_chunks: own.key_chunks,
            also_clear: own.also_clear,
        }
    }

    fn stray(&self) -> Option<Format> {
        let own = [
            (Format::Flv, &self.flv),
            (Format::Hls, &self.hls),
            (Format::Mp4, &self.mp4),
            (Format::Fmp4, &self.fmp4),
            (Format::Aac, &self.aac),
        ];
        let mut said = own.iter().filter(|(_, ways)| ways.is_some());
        said.find(|(format, _)| !self.formats().contains(format))
            .map(|(format, _)| *format)
    }
}

impl TryFrom<TemplateSource> for Template {
    type Error = TemplateError;

    fn try_from(source: TemplateSource) -> Result<Self, TemplateError> {
        let name = source.name.clone();
        let refused = |key: &'static str, message: String| TemplateError {
            name,
            key,
            format: None,
            message,
        };
        if !super::is_name(&source.name) {
            return Err(refused("name", super::NAME_RULE.to_owned()));
        }
        if let Some(format) = source.stray() {
            let message = match &source.formats {
                Some(_) => format!("it says how to make {format}, and formats does not name {format}"),
                None => format!(
                    "it says how to make {format}, and without formats it makes hls and mp4; name {format} in formats"
                ),
            };
            return Err(refused("formats", message));
        }
        if let Some(format) = twice(source.formats()) {
            return Err(refused("formats", format!("{format} is named twice")));
        }
        let time_shift = match within("time_shift", source.time_shift, SHORTEST_BACK, LONGEST_BACK) {
            Ok(time_shift) => time_shift,
            Err((key, message)) => return Err(refused(key, message)),
        };
        let mut outputs: Vec<Output> = Vec::new();
        for format in source.formats() {
            let output = match output(&source, *format) {
                Ok(output) => output,
                Err((key, message)) => {
                    return Err(TemplateError {
                        format: Some(*format),
                        ..refused(key, message)
                    });
                }
            };
            match outputs.iter_mut().find(|other| other.is_cut_like(&output)) {
                Some(other) => other.formats.push(*format),
                None => outputs.push(output),
            }
        }
        if outputs.iter().any(Output::is_closed) {
            if let Some(clear) = source.formats().iter().find(|format| **format != Format::Hls) {
                let message = format!(
                    "hls is encrypted, and {clear} would give the same media away in clear: leave {clear} out of formats, or write \
                     also_clear = true beside encrypt"
                );
                return Err(refused("formats", message));
            }
            if source.pseudo_live.is_some() {
                let message = "hls is encrypted, and a channel shows recordings in clear: leave pseudo_live out, or write also_clear \
                               = true beside encrypt";
                return Err(refused("pseudo_live", message.to_owned()));
            }
        }
        if source.compose_drop == Some(true) {
            if source.compose != Some(true) {
                let message = "without compose = true there is no recording that has what would be deleted";
                return Err(refused("compose_drop", message.to_owned()));
            }
            if source.review == Some(ReviewWhen::Before) {
                let message = "its recordings are reviewed before viewers get them (review), and what is deleted cannot be passed: leave \
                               compose_drop out";
                return Err(refused("compose_drop", message.to_owned()));
            }
            if source.pseudo_live.is_some() {
                let message = "its recordings are shown again by a channel (pseudo_live), and what a channel shows is not deleted: leave \
                               compose_drop out, or pseudo_live out and put a channel with the whole of each session";
                return Err(refused("compose_drop", message.to_owned()));
            }
        }
        if source.fingerprint == Some(true) && source.media == Some(Media::Audio) {
            let message = "its recordings have no picture (media): leave fingerprint out";
            return Err(refused("fingerprint", message.to_owned()));
        }
        if source.review == Some(ReviewWhen::Before) && source.pseudo_live.is_some() {
            let message = "recordings are reviewed before viewers get them (review), and a channel would begin without that: leave \
                           pseudo_live out, and put the channel when they are passed";
            return Err(refused("pseudo_live", message.to_owned()));
        }
        Ok(Template {
            name: source.name.clone(),
            outputs,
            time_shift,
            pseudo_live: source.pseudo_live,
            source,
        })
    }
}

fn output(source: &TemplateSource, format: Format) -> Result<Output, (&'static str, String)> {
    let ways = source.ways(format);
    let usual = Output::of(&[format]);
    let encrypt = encrypt(&ways, format)?;
    let media = source.media.unwrap_or_default();
    if format == Format::Aac && media == Media::Video {
        return Err((
            "media",
            "aac is the sound alone, and media = \"video\" leaves it out".to_owned(),
        ));
    }
    Ok(Output {
        formats: vec![format],
        media,
        gaps: source.gaps.unwrap_or_default(),
        split: split(&ways, format)?,
        resume: Resume {
            window: within(
                "resume_window",
                ways.resume_window,
                Span::from_secs(0),
                LONGEST_WINDOW,
            )?
            .unwrap_or(usual.resume.window),
            after: ways.resume_after.unwrap_or_default(),
        },
        keep: ways.keep,
        storage_time: ways.storage_time,
        key: ways.key,
        time_zone: source.time_zone.clone(),
        times: source.times.unwrap_or_default(),
        encrypt,
        compose: source.compose.unwrap_or_default(),
        compose_drop: source.compose_drop.unwrap_or_default(),
        fingerprint: source.fingerprint.unwrap_or_default(),
        review: source.review.unwrap_or_default(),
    })
}

fn encrypt(ways: &Ways, format: Format) -> Result<Option<Encrypt>, (&'static str, String)> {
    let said = [
        ("encrypt", ways.encrypt.is_some()),
        ("key_chunks", ways.key_chunks.is_some()),
        ("also_clear", ways.also_clear.is_some()),
    ];
    let said = said.into_iter().find_map(|(key, said)| said.then_some(key));
    match (said, ways.encrypt) {
        (Some(key), _) if format != Format::Hls => {
            let message = format!("{key}: only hls is encrypted; write it under [template.hls]");
            Err((key, message))
        }
        (Some(key), None) => Err((
            key,
            format!("{key}: it says how hls is encrypted: add encrypt = \"aes-128\""),
        )),
        (_, Some(Method::Aes128)) => Ok(Some(Encrypt {
            key_chunks: ways.key_chunks,
            also_clear: ways.also_clear.unwrap_or_default(),
        })),
        (None, None) => Ok(None),
    }
}

fn split(ways: &Ways, format: Format) -> Result<Split, (&'static str, String)> {
    let bytes = within("split_size", ways.split_size, SMALLEST, LARGEST)?;
    let on_clock = within("split_at", ways.split_at, SHORTEST, Span::from_millis(DAY_MILLIS))?;
    if let Some(on_clock) = on_clock.filter(|every| !DAY_MILLIS.is_multiple_of(every.as_millis())) {
        let message =
            format!("split_at = {on_clock}: a day is not a multiple of it; 15min, 1h, 6h and 24h are");
        return Err(("split_at", message));
    }
    let after = match ways.split {
        None if on_clock.is_some() => None,
        None => Output::of(&[]).split.after,
        Some(SplitAfter::Off) if format == Format::Hls || on_clock.is_some() || bytes.is_some() => None,
        Some(SplitAfter::Off) => {
            let message = format!(
                "split = \"off\": only hls is a folder that may grow for ever; {format} is one file, and needs an end: \
                 {SHORTEST} to {LONGEST}"
            );
            return Err(("split", message));
        }
        Some(SplitAfter::After(span)) => within("split", Some(span), SHORTEST, LONGEST)
            .map_err(|(key, message)| (key, format!("{message} for {format}")))?,
    };
    Ok(Split {
        after,
        bytes,
        on_clock,
    })
}

fn within<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    value: Option<T>,
    low: T,
    high: T,
) -> Result<Option<T>, (&'static str, String)> {
    match value {
        Some(value) if value < low || value > high => {
            Err((key, format!("{key} = {value}: must be from {low} to {high}")))
        }
        value => Ok(value),
    }
}

fn twice(formats: &[Format]) -> Option<Format> {
    let repeated = |(n, format): &(usize, &Format)| formats.iter().take(*n).any(|other| other == *format);
    formats
        .iter()
        .enumerate()
        .find(repeated)
        .map(|(_, format)| *format)
}

impl TryFrom<String> for SplitAfter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "off" => Ok(SplitAfter::Off),
            _ => text
                .parse()
                .map(SplitAfter::After)
                .map_err(|error: crate::model::SpanError| format!("{error}, or \"off\"")),
        }
    }
}

impl From<SplitAfter> for String {
    fn from(split: SplitAfter) -> String {
        match split {
            SplitAfter::Off => "off".to_owned(),
            SplitAfter::After(span) => span.to_string(),
        }
    }
}
