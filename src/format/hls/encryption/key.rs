//! Keys, and how they are made.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::id::{KeyId, MasterId};
use super::stream::StreamKeyId;
use crate::media::StreamName;

/// What is derived from a master key: each has a text of its own, so that none is ever the beginning of another.
const OF_ID: &[u8] = b"edgereel: id of a master key\n";
const OF_KEY: &[u8] = b"edgereel: key of HLS, AES-128\n";
const OF_STREAM: &[u8] = b"edgereel: key of a stream, AES-128\n";

/// The secret that all keys of a box are made of. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    secret: Box<[u8]>,
    id: MasterId,
}

/// A key of AES-128. It cannot be printed: [`ChunkKey::expose`] gives its bytes to the one who may have them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChunkKey([u8; 16]);

impl MasterKey {
    /// The master key with these random bytes.
    pub fn new(secret: &[u8]) -> Self {
        let [a, b, c, d, ..] = hmac(secret, &[OF_ID]);
        Self {
            secret: secret.into(),
            id: MasterId([a, b, c, d]),
        }
    }

    /// What ids of keys call it.
    pub fn id(&self) -> MasterId {
        self.id
    }

    /// The key with this id, if it is made of this master key.
    pub fn key(&self, id: &KeyId) -> Option<ChunkKey> {
        (id.master == self.id).then(|| self.derive(id))
    }

    pub(super) fn derive(&self, id: &KeyId) -> ChunkKey {
        let parts: [&[u8]; 3] = [OF_KEY, &id.recording.to_bytes(), &id.period.to_be_bytes()];
        self.made_of(&parts)
    }

    /// The key of a stream with this id, if it is made of this master key.
    pub fn key_of_stream(&self, stream: &StreamName, id: &StreamKeyId) -> Option<ChunkKey> {
        (id.master == self.id).then(|| self.derive_of_stream(stream, id))
    }

    pub(super) fn derive_of_stream(&self, stream: &StreamName, id: &StreamKeyId) -> ChunkKey {
        let (chunks, period) = (id.chunks.to_be_bytes(), id.period.to_be_bytes());
        // What follows the name is as long in every text, so no two are the same.
        self.made_of(&[OF_STREAM, stream.as_str().as_bytes(), &chunks, &period])
    }

    fn made_of(&self, parts: &[&[u8]]) -> ChunkKey {
        let mut key = [0; 16];
        key.iter_mut()
            .zip(hmac(&self.secret, parts))
            .for_each(|(to, from)| *to = from);
        ChunkKey(key)
    }
}

impl ChunkKey {
    /// The 16 bytes, for a cipher or for a player that may have them.
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, ***)", self.id)
    }
}

impl fmt::Debug for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes a key of any length (RFC 2104 §3), so there is no error.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        defect!("HMAC refused a key");
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
