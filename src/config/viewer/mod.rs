//! `[[viewer]]`: who may watch which streams, and how viewers prove who they are.

mod check;
mod password;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

pub(super) use check::resolve;
pub use password::{PasswordHash, PasswordHashError};

use super::texts::{SecretPath, Texts, sources, texts};
use super::{AddressRange, Pattern, Secret, SecretSource, Span};
use crate::model::{Right, Rights};

/// The most entries of a configuration.
pub const MAX_VIEWERS: usize = 1_000;

/// The streams of an entry that names none.
static ALL: LazyLock<Pattern> = LazyLock::new(Pattern::any);

/// One entry. A viewer that comes from these addresses and has one of these proofs has these rights on these streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Viewer {
    /// The name of the entry, for the log, and to log in with. No other entry has it.
    pub name: String,
    /// The addresses of the entry; all addresses when empty.
    #[serde(deserialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
    /// The streams of the entry; all streams when empty.
    #[serde(deserialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<Pattern>,
    may: Option<Rights>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    key: Texts<Secret>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    key_file: Texts<SecretPath>,
    password: Option<PasswordHash>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    password_file: Texts<SecretPath>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    tencent_key: Texts<Secret>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    tencent_key_file: Texts<SecretPath>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    aliyun_key: Texts<Secret>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    aliyun_key_file: Texts<SecretPath>,
    aliyun_valid: Option<Span>,
}

/// A proof of a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewerProof {
    /// A key in the header `Authorization`.
    Key(SecretSource),
    /// A password whose hash is known.
    Password(PasswordSource),
    /// `txSecret` and `txTime` in an address, as Tencent Cloud signs.
    Tencent(SecretSource),
    /// `auth_key` in an address, as Alibaba Cloud signs.
    Aliyun {
        /// The key.
        key: SecretSource,
        /// How long a signature is valid after the time in it.
        valid: Span,
    },
}

/// The source of the hash of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// The hash is in the configuration.
    Given(PasswordHash),
    /// The hash is alone in a file. A relative path starts at `$CREDENTIALS_DIRECTORY`.
    File(PathBuf),
}

impl Viewer {
    /// The rights of the entry, by default `watch`.
    pub fn rights(&self) -> Rights {
        self.may.unwrap_or_else(|| Rights::from_iter([Right::Watch]))
    }

    /// The proofs of the entry. One of them is enough. Without any, no proof is needed.
    pub fn proofs(&self) -> Vec<ViewerProof> {
        let valid = self.aliyun_valid();
        let keys = sources(&[&self.key], &self.key_file).into_iter();
        let given = self.password.iter().cloned().map(PasswordSource::Given);
        let files = self.password_file.0.iter();
        let files = files.map(|file| PasswordSource::File(file.path().to_owned()));
        let tencent = sources(&[&self.tencent_key], &self.tencent_key_file).into_iter();
        let aliyun = sources(&[&self.aliyun_key], &self.aliyun_key_file).into_iter();
        keys.map(ViewerProof::Key)
            .chain(given.chain(files).map(ViewerProof::Password))
            .chain(tencent.map(ViewerProof::Tencent))
            .chain(aliyun.map(|key| ViewerProof::Aliyun { key, valid }))
            .collect()
    }

    /// The patterns of the entry's streams.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        let all = self.streams.is_empty().then_some(&*ALL);
        self.streams.iter().chain(all)
    }

    fn aliyun_valid(&self) -> Span {
        self.aliyun_valid.unwrap_or(Span::from_secs(1_800))
    }

    fn signs_as_aliyun(&self) -> bool {
        !self.aliyun_key.is_empty() || !self.aliyun_key_file.is_empty()
    }

    fn signs_as_tencent(&self) -> bool {
        !self.tencent_key.is_empty() || !self.tencent_key_file.is_empty()
    }
}
