//! The inits of a stream, named by what is in them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::format::fmp4::{self, Movie};
use crate::media::Tracks;

/// The name of an init: `init-` and eight digits that are made of its bytes. So a name always stands for the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InitName([u8; 4]);

/// What a player must know before the first sample of these tracks: `ftyp moov`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// The name of the file.
    pub name: InitName,
    /// The bytes of the file.
    pub bytes: Arc<[u8]>,
}

impl Init {
    /// The init of these tracks.
    pub fn of(tracks: &Tracks) -> Self {
        let bytes = fmp4::init(tracks, Movie::default());
        Self {
            name: InitName::of(&bytes),
            bytes: bytes.into(),
        }
    }
}

impl InitName {
    /// The name of an init with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let [a, b, c, d, ..]: [u8; 16] = Md5::digest(bytes).into();
        Self([a, b, c, d])
    }
}

impl fmt::Display for InitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "init-{}.mp4", HEXLOWER.encode_display(&self.0))
    }
}

impl Serialize for InitName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InitName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A name that no init has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of an init is 'init-', eight hexadecimal digits in lower case, and '.mp4'")]
pub struct NoInitName;

impl FromStr for InitName {
    type Err = NoInitName;

    fn from_str(name: &str) -> Result<Self, NoInitName> {
        let digits = name
            .strip_prefix("init-")
            .and_then(|rest| rest.strip_suffix(".mp4"));
        let bytes = digits.and_then(|digits| HEXLOWER.decode(digits.as_bytes()).ok());
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(NoInitName)
    }
}
