//! The keys of encrypted HLS, and which deliveries are encrypted with them.

use std::sync::Arc;

use super::{keys, may_block};
use crate::api::{HlsKeys, KeysAt, NoKey};
use crate::config::Config;
use crate::delivery::{Ciphered, Ciphers};
use crate::https::with_causes;
use crate::recorder::Recorder;
use crate::store::RecordingRow;

/// Says how recordings are encrypted on their way to the store.
pub(super) struct Encrypting {
    pub(super) recorder: Recorder,
    pub(super) keys: HlsKeys,
}

impl Ciphers for Encrypting {
    fn of(&self, row: &RecordingRow) -> Result<Option<Ciphered>, String> {
        let encrypt = self.recorder.encrypt(&row.stream, Some(&row.spec));
        let ciphered = encrypt.map(|encrypt| {
            let encryption = self.keys.encryption(row.id, encrypt, KeysAt::Service)?;
            Ok(Ciphered {
                encryption: Arc::new(encryption),
                also_clear: encrypt.also_clear,
            })
        });
        ciphered.transpose().map_err(|error: NoKey| error.to_string())
    }
}

/// Reads the master keys, and takes them over. Says why they stay as they were, if they do.
pub(super) async fn take_over(keys: &HlsKeys, config: &Config) -> Option<String> {
    let of = config.clone();
    let read = may_block(move || keys::master_keys(&of)).await;
    match read.and_then(|read| read) {
        Ok(masters) => {
            let service = config.encryption.key_url.as_ref();
            keys.set(&masters, service.and_then(|url| url.uris()));
            None
        }
        Err(error) => Some(with_causes(error.as_ref())),
    }
}
