//! Encryption of chunks: AES-128 in CBC mode with PKCS #7 (RFC 8216 §4.3.2.4, method `AES-128`).
//!
//! ```text
//! of a recording (those of a stream: [`StreamEncryption`]):
//! master key ── HMAC-SHA-256, with recording and period ──► key of a period (16 bytes)
//!                                                           its id: <recording>-<master>-<period>
//! number of a chunk, from 1 ──► IV (128 bits, big endian)
//! ```
//!
//! Keys are derived and never stored. So there is no key to wrap and none to lose: the id of a key and the master key are all
//! that is needed to make the key again, also where the journal was lost or the recording was deleted. An id names its master
//! key by four bytes, so an older master key still opens what was encrypted with it.
//!
//! Inits stay in clear. The bytes of a chunk are the same at each request, so that caches and deliveries know them again.

mod file;
mod id;
mod key;
mod stream;
#[cfg(test)]
mod tests;
mod uris;

use std::num::NonZeroU32;

pub(super) use file::Encrypted;
pub use file::encrypted_len;
pub use id::{KeyId, MasterId, NoKeyId};
pub use key::{ChunkKey, MasterKey};
pub use stream::{StreamEncryption, StreamKeyId};
pub use uris::{BadKeyUri, KEY_ID, KeyUris};

use crate::format::mark::Marker;
use crate::media::RecordingId;

/// How the chunks of a recording are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    recording: RecordingId,
    master: MasterKey,
    every: Option<NonZeroU32>,
    uris: KeyUris,
}

/// What decrypts a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// The id of the key.
    pub(super) id: String,
    pub(super) key: ChunkKey,
    pub(super) iv: [u8; 16],
}

impl Encryption {
    /// The keys of a recording, made of this master key. With `every`, another key follows after so many chunks. Playlists name
    /// keys with `uris` around their ids.
    pub fn new(recording: RecordingId, master: MasterKey, every: Option<NonZeroU32>, uris: KeyUris) -> Self {
        Self {
            recording,
            master,
            every,
            uris,
        }
    }

    /// The id of the key of a chunk, by its number from 0.
    pub fn key_id(&self, chunk: usize) -> KeyId {
        let chunk = chunk as u64;
        let period = self.every.map_or(0, |every| chunk / u64::from(every.get()));
        KeyId {
            recording: self.recording,
            master: self.master.id(),
            period: u32::try_from(period).unwrap_or(u32::MAX),
        }
    }

    /// The IV of a chunk: the number in the name of its file, which no other chunk with this key has.
    pub(super) fn iv(chunk: usize) -> [u8; 16] {
        (chunk as u128 + 1).to_be_bytes()
    }

    /// Adds to `marker` what the bytes of a chunk depend on beside its media.
    pub(super) fn material(&self, chunk: usize, marker: &mut Marker) {
        material(&self.key_id(chunk).to_string(), &Self::iv(chunk), marker);
    }

    pub(super) fn sealed(&self, chunk: usize) -> Sealed {
        let id = self.key_id(chunk);
        Sealed {
            key: self.master.derive(&id),
            iv: Self::iv(chunk),
            id: id.to_string(),
        }
    }

    pub(super) fn uris(&self) -> &KeyUris {
        &self.uris
    }
}

impl Sealed {
    /// Adds to `marker` what the bytes of the chunk depend on beside its media.
    pub(super) fn material(&self, marker: &mut Marker) {
        material(&self.id, &self.iv, marker);
    }
}

fn material(id: &str, iv: &[u8; 16], marker: &mut Marker) {
    marker.bytes(id.as_bytes());
    marker.bytes(iv);
}
