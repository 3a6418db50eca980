//! How deliveries are encrypted.

use std::sync::Arc;

use crate::format::hls::encryption::Encryption;
use crate::store::RecordingRow;

/// Says how recordings are encrypted on their way. Rules and keys may change while the service runs.
pub trait Ciphers: Send + Sync {
    /// How the HLS of a recording is encrypted, if it is. The error says what is missing.
    fn of(&self, row: &RecordingRow) -> Result<Option<Ciphered>, String>;
}

/// How the HLS of a recording is encrypted.
#[derive(Clone, Debug)]
pub struct Ciphered {
    /// The keys.
    pub encryption: Arc<Encryption>,
    /// True where the recording is delivered in clear, too.
    pub also_clear: bool,
}
