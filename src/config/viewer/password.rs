//! The hash of a password, as argon2 writes it.
//!
//! ```text
//! $argon2id$v=19$m=8192,t=2,p=1$<salt>$<hash>       salt and hash in Base64 without padding
//! ```
//!
//! Source: the PHC string format, and RFC 9106 for its parameters.

use std::fmt;

use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::secret::MASK;

/// The most memory of one verification, in KiB. A box has little.
const MOST_MEMORY: u32 = 16 << 10;
/// The least memory. Less is no obstacle for whoever tries passwords against a stolen hash.
const LEAST_MEMORY: u32 = 4 << 10;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 4;
/// The longest hash as text, in bytes.
const MAX_TEXT: usize = 256;

/// The hash of a password by argon2id. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// The memory in KiB.
    pub memory: u32,
    /// The number of passes.
    pub passes: u32,
    /// The number of lanes.
    pub lanes: u32,
    /// The salt, 8 to 48 bytes.
    pub salt: Vec<u8>,
    /// The hash, 16 to 64 bytes.
    pub hash: Vec<u8>,
}

/// Why a text is no hash of a password. The error never holds the text, which may be the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordHashError {
    /// The text is something else, perhaps the password.
    #[error("expected the hash of a password, as 'edgereel hash-password' prints it, not the password")]
    NotAHash,
    /// The hash was made with parameters that a box cannot take, or that are too weak.
    #[error(
        "the hash takes too little or too much memory or time: make a new one with 'edgereel hash-password'"
    )]
    Parameters,
    /// The text is the mask, from an output of `check-config` that was taken for a configuration.
    #[error("it is the mask that check-config prints, not the hash of a password")]
    Masked,
}

impl PasswordHash {
    /// The text that this hash is written as.
    pub fn expose(&self) -> String {
        format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            self.memory,
            self.passes,
            self.lanes,
            BASE64_NOPAD.encode(&self.salt),
            BASE64_NOPAD.encode(&self.hash)
        )
    }

    /// Reads the hash in the text of a file. White space around it does not count.
    pub fn from_file_text(text: &str) -> Result<Self, PasswordHashError> {
        Self::try_from(text.trim().to_owned())
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = PasswordHashError;

    fn try_from(text: String) -> Result<Self, PasswordHashError> {
        if text == MASK {
            return Err(PasswordHashError::Masked);
        }
        let wrong = PasswordHashError::NotAHash;
        let rest = text
            .strip_prefix("$argon2id$v=19$")
            .filter(|_| text.len() <= MAX_TEXT);
        let parts: Vec<&str> = rest.ok_or(wrong)?.split('$').collect();
        let [parameters, salt, hash] = parts.as_slice() else {
            return Err(wrong);
        };
        let mut parameters = parameters.split(',');
        let mut number = |name: &str| -> Option<u32> {
            let digits = parameters.next()?.strip_prefix(name)?.strip_prefix('=')?;
            digits.parse().ok()
        };
        let (memory, passes, lanes) = (number("m"), number("t"), number("p"));
        let (Some(memory), Some(passes), Some(lanes), None) = (memory, passes, lanes, parameters.next())
        else {
            return Err(wrong);
        };
        let bytes = |text: &str| BASE64_NOPAD.decode(text.as_bytes()).map_err(|_| wrong);
        let (salt, hash) = (bytes(salt)?, bytes(hash)?);
        let fits = (LEAST_MEMORY..=MOST_MEMORY).contains(&memory)
            && (1..=MOST_PASSES).contains(&passes)
            && (1..=MOST_LANES).contains(&lanes)
            && (8..=48).contains(&salt.len())
            && (16..=64).contains(&hash.len());
        if fits {
            Ok(Self {
                memory,
                passes,
                lanes,
                salt,
                hash,
            })
        } else {
            Err(PasswordHashError::Parameters)
        }
    }
}

impl<'de> Deserialize<'de> for PasswordHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // serde's message about a value of another type contains the value.
        let text =
            String::deserialize(from).map_err(|_| serde::de::Error::custom(PasswordHashError::NotAHash))?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

/// Writes the mask, so that a printed configuration has no secret in it.
impl Serialize for PasswordHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(MASK)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}
