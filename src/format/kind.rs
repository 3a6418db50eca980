//! The formats a recording can be had in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A format, by the name it has in the configuration and on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Progressive MP4.
    Mp4,
    /// Fragmented MP4 in one file.
    Fmp4,
    /// FLV.
    Flv,
    /// HLS: a folder.
    Hls,
    /// The sound alone: M4A, or raw AAC where a path asks for it.
    Aac,
}

/// A format of one file, as the ending of a path asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// Progressive MP4: `.mp4`.
    Mp4,
    /// Fragmented MP4: `.fmp4`.
    Fmp4,
    /// FLV: `.flv`.
    Flv,
    /// The sound alone in MP4: `.m4a`.
    M4a,
    /// The sound alone as raw AAC: `.aac`.
    Adts,
}

impl FileFormat {
    /// Every format.
    pub const ALL: [FileFormat; 5] = [
        FileFormat::Mp4,
        FileFormat::Fmp4,
        FileFormat::Flv,
        FileFormat::M4a,
        FileFormat::Adts,
    ];

    /// How a path that asks for the format ends, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            FileFormat::Mp4 => "mp4",
            FileFormat::Fmp4 => "fmp4",
            FileFormat::Flv => "flv",
            FileFormat::M4a => "m4a",
            FileFormat::Adts => "aac",
        }
    }

    /// The format that the ending of a path asks for.
    pub fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.extension() == extension)
    }

    /// The media type, for `Content-Type`.
    pub fn mime(self) -> &'static str {
        match self {
            FileFormat::Mp4 | FileFormat::Fmp4 => "video/mp4",
            FileFormat::Flv => "video/x-flv",
            FileFormat::M4a => "audio/mp4",
            FileFormat::Adts => "audio/aac",
        }
    }
}

/// A text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a format; there are mp4, flv, hls, aac and fmp4")]
pub struct UnknownFormat(String);

impl Format {
    /// Every format.
    pub const ALL: [Format; 5] = [Format::Mp4, Format::Flv, Format::Hls, Format::Aac, Format::Fmp4];

    /// `mp4`, `fmp4`, `flv`, `hls` or `aac`.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Mp4 => "mp4",
            Format::Fmp4 => "fmp4",
            Format::Flv => "flv",
            Format::Hls => "hls",
            Format::Aac => "aac",
        }
    }

    /// True for formats that can hide pictures which are there only to decode others. MP4 has an edit list for that.
    pub fn can_hide(self) -> bool {
        match self {
            Format::Mp4 | Format::Aac => true,
            Format::Fmp4 | Format::Flv | Format::Hls => false,
        }
    }

    /// How a file's name ends, without the dot; of the playlist for HLS.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Mp4 | Format::Fmp4 => "mp4",
            Format::Flv => "flv",
            Format::Hls => "m3u8",
            Format::Aac => "m4a",
        }
    }

    /// The media type, for `Content-Type`; of the playlist for HLS.
    pub fn mime(self) -> &'static str {
        match self {
            Format::Mp4 | Format::Fmp4 => "video/mp4",
            Format::Flv => "video/x-flv",
            Format::Hls => "application/vnd.apple.mpegurl",
            Format::Aac => "audio/mp4",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let named = Format::ALL.into_iter().find(|format| format.as_str() == text);
        named.ok_or_else(|| UnknownFormat(text.chars().take(32).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_parsed_back() {
        for format in FileFormat::ALL {
            assert_eq!(FileFormat::of_extension(format.extension()), Some(format));
        }
        assert_eq!(FileFormat::of_extension("MP4"), None);
    }

    #[test]
    fn names_are_parsed_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        let error = "avi".parse::<Format>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "'avi' is not a format; there are mp4, flv, hls, aac and fmp4"
        );
    }
}
