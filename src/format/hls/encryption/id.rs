//! The names of keys.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

use crate::media::RecordingId;

/// Four bytes that tell a master key from others. They say nothing about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MasterId(pub(super) [u8; 4]);

/// The name of a key: `<recording>-<master>-<period>`. It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId {
    /// The recording whose chunks the key decrypts.
    pub recording: RecordingId,
    /// The master key that it is made of.
    pub master: MasterId,
    /// How many keys of the recording came before.
    pub period: u32,
}

/// A text that is the name of no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the id of a key is the id of a recording, '-', eight hexadecimal digits, '-' and a number, as playlists have it"
)]
pub struct NoKeyId;

impl fmt::Display for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl FromStr for MasterId {
    type Err = NoKeyId;

    fn from_str(text: &str) -> Result<Self, NoKeyId> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NoKeyId)?;
        bytes.try_into().map(Self).map_err(|_| NoKeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.recording, self.master, self.period)
    }
}

impl FromStr for KeyId {
    type Err = NoKeyId;

    fn from_str(text: &str) -> Result<Self, NoKeyId> {
        let (rest, period) = text.rsplit_once('-').ok_or(NoKeyId)?;
        let (recording, master) = rest.rsplit_once('-').ok_or(NoKeyId)?;
        let id = KeyId {
            recording: recording.parse().map_err(|_| NoKeyId)?,
            master: master.parse()?,
            period: period.parse().map_err(|_| NoKeyId)?,
        };
        // Each key has one name.
        (id.to_string() == text).then_some(id).ok_or(NoKeyId)
    }
}
