//! Secrets: the keys that publishers and viewers prove themselves with. In a section each secret has two keys, and one of them is written:
//! `key` is the secret, `key_file` the path of a file with it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::file::Refused;

/// The longest secret in bytes. Real ones have 8 to 64.
pub const MAX_SECRET: usize = 512;

/// Keys shorter than this can be found by trying.
const SHORT: usize = 16;

/// The fewest random bits of a key that is to be no password: nobody finds it by trying, however fast.
const STRONG_BITS: usize = 128;
/// The fewest different characters of such a key. A random one has fewer once in many millions.
const STRONG_CHARACTERS: usize = 8;

/// The text that replaces a secret wherever a configuration is shown.
pub(super) const MASK: &str = "***";

/// A key. It cannot be printed. [`Secret::expose`] gives its bytes to comparisons and hashes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The source of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The secret is in the configuration.
    Given(Secret),
    /// The secret is alone in a file. A relative path starts at `$CREDENTIALS_DIRECTORY`. The service reads the file when it
    /// starts and when it reloads. Commands that do not use the secret do not read it.
    File(PathBuf),
}

/// Why a text cannot be a secret. The error never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text is empty and would prove nothing.
    #[error("it is empty")]
    Empty,
    /// The text is longer than any key.
    #[error("it is longer than {MAX_SECRET} bytes")]
    TooLong,
    /// The text has tabs, line feeds or the like, which are mistakes.
    #[error("it has a control character, or white space at an end")]
    Characters,
    /// The text is the mask, from an output of `check-config` that was taken for a configuration.
    #[error("it is the mask that check-config prints, not a key")]
    Masked,
    /// The text cannot be a random key of 128 bits.
    #[error("it has fewer than 128 random bits: make a new one with 'openssl rand -hex 16'")]
    Weak,
    /// The text has characters that a header or an address cannot have.
    #[error(
        "it has other characters than letters, digits and -._~+/=: make a new one with 'openssl rand -hex 16'"
    )]
    NotPlain,
}

/// Refuses a key of the configuration that is not [strong](Secret::strong).
pub(super) fn check_strong(key: &'static str, secret: &Secret) -> Result<(), Refused> {
    match secret.clone().strong() {
        Ok(_) => Ok(()),
        Err(error) => Err(Refused::new(key, format!("{key}: {error}"))),
    }
}

impl Secret {
    /// The bytes, to compare in constant time or to hash.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// True when the secret is so short that it can be found by trying.
    pub fn is_short(&self) -> bool {
        self.0.chars().count() < SHORT
    }

    /// Checks that the secret can be a random key of 128 bits or more, in characters that a header and an address can have.
    pub fn strong(self) -> Result<Self, SecretError> {
        let bytes = self.expose();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
        let is_hexadecimal = bytes.iter().all(u8::is_ascii_hexdigit);
        let bits = bytes.len() * if is_hexadecimal { 4 } else { 6 };
        let mut different = bytes.to_vec();
        different.sort_unstable();
        different.dedup();
        if !bytes.iter().all(plain) {
            Err(SecretError::NotPlain)
        } else if bits < STRONG_BITS || different.len() < STRONG_CHARACTERS {
            Err(SecretError::Weak)
        } else {
            Ok(self)
        }
    }

    /// The secret in the text of a file. Line feeds and blanks around it do not count.
    pub fn from_file_text(text: &str) -> Result<Self, SecretError> {
        Self::try_from(text.trim().to_owned())
    }
}

impl TryFrom<String> for Secret {
    type Error = SecretError;

    fn try_from(text: String) -> Result<Self, SecretError> {
        if text.is_empty() {
            Err(SecretError::Empty)
        } else if text.len() > MAX_SECRET {
            Err(SecretError::TooLong)
        } else if text.chars().any(char::is_control) || text.trim().len() != text.len() {
            Err(SecretError::Characters)
        } else if text == MASK {
            Err(SecretError::Masked)
        } else {
            Ok(Self(text))
        }
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // serde's message about a value of another type contains the value.
        let text =
            String::deserialize(from).map_err(|_| serde::de::Error::custom("expected a text in quotes"))?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

/// Writes the mask, so that a printed configuration has no secret in it.
impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(MASK)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl SecretSource {
    /// The source from a section's two keys.
    pub(super) fn of(given: Option<&Secret>, file: Option<&PathBuf>) -> Option<Self> {
        let given = given.cloned().map(SecretSource::Given);
        given.or_else(|| file.cloned().map(SecretSource::File))
    }

    /// The source, as [`SecretSource::of`] gives it. Refused where both keys are written. `key` is the name of the key for the
    /// secret itself.
    pub(super) fn one_of(
        key: &'static str,
        given: Option<&Secret>,
        file: Option<&PathBuf>,
    ) -> Result<Option<Self>, Refused> {
        match (given, file) {
            (Some(_), Some(_)) => Err(Refused::new(key, format!("{key} and {key}_file: one of them"))),
            (given, file) => Ok(Self::of(given, file)),
        }
    }

    /// The file of the secret, if it is in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            SecretSource::Given(_) => None,
            SecretSource::File(path) => Some(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_cannot_be_printed() {
        let secret = Secret::try_from("s3cret".to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "***");
        assert!(!format!("{:?}", SecretSource::Given(secret)).contains("s3cret"));
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_being_repeated() {
        for text in ["", " key", "key\n", "a\tb", "***", &"k".repeat(513)] {
            let error = Secret::try_from(text.to_owned()).unwrap_err();
            assert!(text.is_empty() || !error.to_string().contains(text), "{error}");
        }
        assert_eq!(Secret::from_file_text(" key\n").unwrap().expose(), b"key");
    }

    #[test]
    fn a_strong_key_has_128_random_bits() {
        let strong = |text: &str| Secret::try_from(text.to_owned()).unwrap().strong();
        for text in [
            "0123456789abcdef0123456789abcdef",
            "3NLJ7Rj5vq2XbQ0u8YtWkA",
            "3NLJ7Rj5vq2XbQ0u8YtWkA==",
        ] {
            assert!(strong(text).is_ok(), "{text}");
        }
        for text in [
            "0123456789abcdef0123456789abcde",
            "3NLJ7Rj5vq2XbQ0u8YtWk",
            "00000000000000000000000000000000",
            "passwordpasswordpasswordpasswor",
        ] {
            assert_eq!(strong(text), Err(SecretError::Weak), "{text}");
        }
        assert_eq!(
            strong("0123456789abcdef 0123456789abcdef"),
            Err(SecretError::NotPlain)
        );
    }
}
