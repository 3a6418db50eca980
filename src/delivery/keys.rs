//! The access keys of the object store.

use std::fmt;

/// The source of an account's keys. The keys may change while the service runs.
pub trait Keys: Send + Sync {
    /// Reads the keys. The error says where they were looked for, and contains nothing of their text.
    fn read(&self) -> Result<AccessKey, String>;
}

/// The keys of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The id of the key, which is not a secret.
    pub id: String,
    secret: String,
    /// The token of temporary keys.
    pub token: Option<String>,
}

impl AccessKey {
    /// Makes a key of the texts that were found.
    pub fn new(id: String, secret: String, token: Option<String>) -> Self {
        Self { id, secret, token }
    }

    pub(in crate::delivery) fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey({}, ***)", self.id)
    }
}
