//! The access keys of the object store.

use std::fmt;

/// Where the keys of an account come from. They may change while the service runs.
pub trait Keys: Send + Sync {
    /// Reads them. The error says where they were looked for, and nothing of what was found.
    fn read(&self) -> Result<AccessKey, String>;
}

/// The keys of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Not a secret.
    pub id: String,
    secret: String,
    /// Of a session.
    pub token: Option<String>,
}

impl AccessKey {
    /// Takes them as they were found.
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
