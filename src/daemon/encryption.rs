//! The keys of encrypted HLS, and which deliveries are encrypted with them.

use std::sync::Arc;

use super::{keys, may_block};
use crate::api::{HlsKeys, KeysAt};
use crate::config::Config;
use crate::delivery::{Cipher, Ciphers};
use crate::https::with_causes;
use crate::model::Encrypt;
use crate::recorder::Recorder;
use crate::store::RecordingRow;

/// Says how recordings are encrypted on their way to the store.
pub(super) struct Encrypting {
    pub(super) recorder: Recorder,
    pub(super) keys: HlsKeys,
}

impl Encrypting {
    /// A composition is encrypted as all of its streams are.
    fn encrypt(&self, row: &RecordingRow) -> Option<Encrypt> {
        let said = row
            .streams()
            .filter_map(|stream| self.recorder.encrypt(stream, Some(&row.spec)));
        said.reduce(Encrypt::and)
    }
}

impl Ciphers for Encrypting {
    fn is_closed(&self, row: &RecordingRow) -> bool {
        self.encrypt(row).is_some_and(|encrypt| !encrypt.also_clear)
    }

    fn of(&self, row: &RecordingRow) -> Result<Option<Cipher>, String> {
        let encrypt = self.encrypt(row);
        let encryption = encrypt.map(|encrypt| self.keys.encryption(row.id, encrypt, KeysAt::Service));
        let encryption = encryption.transpose().map_err(|error| error.to_string());
        Ok(encryption?.map(Arc::new))
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
