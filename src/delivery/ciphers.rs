//! How deliveries are encrypted.

use std::sync::Arc;

use crate::format::hls::encryption::Encryption;
use crate::store::RecordingRow;

/// The keys of a recording's HLS, and where players find them.
pub type Cipher = Arc<Encryption>;

/// Says how recordings are encrypted on their way. Rules and keys may change while the service runs.
pub trait Ciphers: Send + Sync {
    /// True for a recording that may be sent encrypted alone.
    fn is_closed(&self, row: &RecordingRow) -> bool;

    /// How the HLS of a recording is encrypted, if it is. The error says what is missing.
    fn of(&self, row: &RecordingRow) -> Result<Option<Cipher>, String>;
}
