//! `[encryption]`: the keys of encrypted HLS.

use serde::{Deserialize, Serialize};

use super::file::Refused;
use super::secret::check_strong;
use super::texts::{SecretPath, Texts, sources};
use super::{Config, Secret, SecretSource};
use crate::format::hls::encryption::{BadKeyUri, KeyUris};

/// The most master keys: the one that encrypts, and those before it.
const MOST: usize = 8;
/// The longest address of a key service.
const LONGEST_URL: usize = 1_024;

/// The keys of encrypted HLS, and where players of delivered files find them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncryptionKeys {
    #[serde(skip_serializing_if = "Texts::is_empty")]
    master_key: Texts<Secret>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    master_key_file: Texts<SecretPath>,
    /// The address of the key service, with a `{KeyId}` in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_url: Option<KeyUrl>,
}

/// The address of a key service, with a `{KeyId}` in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct KeyUrl(String);

impl KeyUrl {
    /// What is written around ids of keys.
    pub fn uris(&self) -> Option<KeyUris> {
        KeyUris::of_service(&self.0).ok()
    }
}

impl TryFrom<String> for KeyUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() > LONGEST_URL {
            return Err(format!("it is longer than {LONGEST_URL} bytes"));
        }
        let checked = KeyUris::of_service(&text).map_err(|error: BadKeyUri| error.to_string());
        checked.map(|_| Self(text))
    }
}

impl EncryptionKeys {
    /// The master keys: the first one encrypts, each of them opens what it encrypted.
    pub fn master_keys(&self) -> Vec<SecretSource> {
        sources(&[&self.master_key], &self.master_key_file)
    }

    fn check(&self) -> Result<(), Refused> {
        let keys = self.master_keys();
        if keys.len() > MOST {
            let message = format!("encryption.master_key: {} keys; at most {MOST}", keys.len());
            return Err(Refused::new("encryption.master_key", message));
        }
        for key in &keys {
            if let SecretSource::Given(key) = key {
                check_strong("encryption.master_key", key)?;
            }
        }
        Ok(())
    }
}

/// Checks that what templates ask for can be kept.
pub(super) fn check(config: &Config) -> Result<(), Refused> {
    config.encryption.check()?;
    let encrypted = config
        .templates
        .iter()
        .position(|template| template.encrypt().is_some());
    let Some(entry) = encrypted else {
        return Ok(());
    };
    let refused = |message: &str| Err(Refused::new("template.hls.encrypt", message.to_owned()).of(entry));
    if config.encryption.master_keys().is_empty() {
        return refused(
            "template.hls.encrypt: there is no master key to encrypt with. Make one with 'openssl rand -hex 32', keep a copy of it \
             where the box is not, and name its file:\n\n    [encryption]\n    master_key_file = \"master-key\"",
        );
    }
    if config.sync.is_some() && config.encryption.key_url.is_none() {
        return refused(
            "template.hls.encrypt: recordings are delivered (sync.url), and playlists there must say where players find keys. Name \
             your key service:\n\n    [encryption]\n    key_url = \"https://kms.example.com/{KeyId}\"",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
