//! The keys of encrypted HLS that the service has now.

use std::sync::{Arc, PoisonError, RwLock};

use crate::format::hls::encryption::{
    ChunkKey, Encryption, KeyId, KeyUris, MasterKey, StreamEncryption, StreamKeyId,
};
use crate::media::{RecordingId, StreamName};
use crate::model::Encrypt;

/// The master keys, and the key service that playlists at the destination of deliveries name. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct HlsKeys(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    masters: Vec<MasterKey>,
    service: Option<KeyUris>,
}

/// Why a recording cannot be encrypted, and so is not given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// There is no master key.
    #[error(
        "recordings are encrypted, and the box has no master key: set encryption.master_key_file, with the key that it had before where \
         there was one"
    )]
    NoMaster,
    /// The key was made of a master key that the box does not have.
    #[error(
        "the key was made of a master key that the box does not have: name that one behind the present one in \
         encryption.master_key_file"
    )]
    OtherMaster,
    /// Nobody says where players find keys.
    #[error(
        "recordings are encrypted, and encryption.key_url does not say where players of delivered files find keys"
    )]
    NoService,
}

/// Where players find the keys of a playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysAt {
    /// On the door that serves the playlist.
    Door,
    /// At the operator's key service.
    Service,
}

impl HlsKeys {
    /// Sets the keys in force. The first master key encrypts; the others open what they encrypted.
    pub fn set(&self, masters: &[Vec<u8>], service: Option<KeyUris>) {
        let masters = masters.iter().map(|secret| MasterKey::new(secret)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Known { masters, service };
    }

    /// How a recording is encrypted.
    pub fn encryption(
        &self,
        recording: RecordingId,
        encrypt: Encrypt,
        at: KeysAt,
    ) -> Result<Encryption, NoKey> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let master = known.masters.first().ok_or(NoKey::NoMaster)?;
        let uris = match at {
            KeysAt::Door => KeyUris::beside_recordings(),
            KeysAt::Service => known.service.clone().ok_or(NoKey::NoService)?,
        };
        Ok(Encryption::new(
            recording,
            master.clone(),
            encrypt.key_chunks,
            uris,
        ))
    }

    /// How a recording is encrypted, and how each older master key encrypted it, if it did: what was delivered keeps its keys.
    pub fn encryptions(&self, recording: RecordingId, encrypt: Encrypt) -> Result<Vec<Encryption>, NoKey> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.masters.is_empty() {
            return Err(NoKey::NoMaster);
        }
        let by = |master: &MasterKey| {
            let uris = KeyUris::beside_recordings();
            Encryption::new(recording, master.clone(), encrypt.key_chunks, uris)
        };
        Ok(known.masters.iter().map(by).collect())
    }

    /// How the chunks of a stream are encrypted that are had beside its recordings.
    pub fn encryption_of_stream(
        &self,
        stream: &StreamName,
        encrypt: Encrypt,
    ) -> Result<StreamEncryption, NoKey> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let master = known.masters.first().ok_or(NoKey::NoMaster)?;
        Ok(StreamEncryption::new(
            stream.clone(),
            master.clone(),
            encrypt.key_chunks,
        ))
    }

    /// The key of a stream with this id.
    pub fn key_of_stream(&self, stream: &StreamName, id: &StreamKeyId) -> Result<ChunkKey, NoKey> {
        self.made(|master| master.key_of_stream(stream, id))
    }

    /// Checks that recordings can be encrypted, also for deliveries if there are any.
    pub fn ready(&self, delivers: bool) -> Result<(), NoKey> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.masters.is_empty() {
            Err(NoKey::NoMaster)
        } else if delivers && known.service.is_none() {
            Err(NoKey::NoService)
        } else {
            Ok(())
        }
    }

    /// The key with this id.
    pub fn key(&self, id: &KeyId) -> Result<ChunkKey, NoKey> {
        self.made(|master| master.key(id))
    }

    /// A key that is made of one of the master keys.
    fn made(&self, key: impl FnMut(&MasterKey) -> Option<ChunkKey>) -> Result<ChunkKey, NoKey> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.masters.is_empty() {
            return Err(NoKey::NoMaster);
        }
        known.masters.iter().find_map(key).ok_or(NoKey::OtherMaster)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> RecordingId {
        "0198f3a2-5b7c-7d00-8000-0123456789ab".parse().unwrap()
    }

    #[test]
    fn a_master_key_that_was_replaced_opens_what_it_encrypted_and_a_lost_one_is_told_of() {
        let (keys, encrypt) = (HlsKeys::default(), Encrypt::default());
        let encryption = |at| keys.encryption(id(), encrypt, at);
        assert_eq!(encryption(KeysAt::Door).unwrap_err(), NoKey::NoMaster);
        assert_eq!(keys.ready(false), Err(NoKey::NoMaster));
        keys.set(&[b"old".to_vec()], None);
        assert_eq!(
            (keys.ready(false), keys.ready(true)),
            (Ok(()), Err(NoKey::NoService))
        );
        let old = encryption(KeysAt::Door).unwrap().key_id(0);
        assert_eq!(encryption(KeysAt::Service).unwrap_err(), NoKey::NoService);
        let service = KeyUris::of_service("https://kms/{KeyId}").unwrap();
        keys.set(&[b"new".to_vec(), b"old".to_vec()], Some(service));
        let new = encryption(KeysAt::Service).unwrap().key_id(0);
        assert_ne!(old, new);
        assert!(keys.key(&old).is_ok() && keys.key(&old).unwrap() != keys.key(&new).unwrap());
        keys.set(&[b"new".to_vec()], None);
        assert_eq!(keys.key(&old), Err(NoKey::OtherMaster));
        keys.set(&[], None);
        assert_eq!(keys.key(&new), Err(NoKey::NoMaster));
    }
}
