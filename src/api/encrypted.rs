//! Encrypted recordings: which they are, and `recording.keys`, by which a key service gets their keys.

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{Limit, typed};
use super::channel::chunk_count;
use super::hls_keys::{HlsKeys, KeysAt, NoKey};
use super::paged::{Window, paged};
use super::recording::row_of;
use crate::format::hls::encryption::{KeyId, NoKeyId};
use crate::media::StreamName;
use crate::model::Encrypt;
use crate::model::reply::{RecordingKey, RecordingKeys};
use crate::store::RecordingSpec;

/// What to do about a recording that is had encrypted alone.
pub const CLOSED: &str = "it is encrypted, and this would give it away in clear: play its HLS, or write also_clear = true beside encrypt \
                          under [template.hls]";

impl Api {
    /// The keys of encrypted HLS.
    pub fn hls_keys(&self) -> &HlsKeys {
        &self.hls_keys
    }

    /// How the HLS of a recording, or of all recordings of a stream, is encrypted, if it is.
    pub fn encrypt(&self, stream: &StreamName, recorded: Option<&RecordingSpec>) -> Option<Encrypt> {
        self.recorder.encrypt(stream, recorded)
    }

    /// True for media that is had encrypted alone.
    pub fn is_closed(&self, stream: &StreamName, recorded: Option<&RecordingSpec>) -> bool {
        self.encrypt(stream, recorded)
            .is_some_and(|encrypt| !encrypt.also_clear)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    recording: Option<String>,
    key: Option<String>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

/// Answers with the keys of a recording, or with one key by its id.
pub(super) async fn keys(api: &Api, arguments: Map<String, Value>) -> Result<RecordingKeys, Failure> {
    let asked: Asked = typed(arguments)?;
    let window = Window::new(asked.limit, asked.after.as_deref())?;
    let ids = match (asked.recording, asked.key) {
        (Some(recording), None) => all(api, recording).await?,
        (None, Some(key)) => vec![one(api, &key).await?],
        (None, None) => return Err(Failure::bad("'recording' is needed, or 'key'").about("recording")),
        (Some(_), Some(_)) => return Err(Failure::bad("either 'recording' or 'key', not both").about("key")),
    };
    let key = |id: &KeyId| -> Result<RecordingKey, Failure> {
        let key = api.hls_keys.key(id)?;
        Ok(RecordingKey {
            id: id.to_string(),
            key: HEXLOWER.encode(key.expose()),
        })
    };
    let all = ids.iter().map(key).collect::<Result<Vec<_>, _>>()?;
    let (keys, next) = paged(window, &all, RecordingKey::clone);
    Ok(RecordingKeys { keys, next })
}

/// The ids of all keys that the chunks of a recording have so far.
async fn all(api: &Api, recording: String) -> Result<Vec<KeyId>, Failure> {
    let row = row_of(api, recording).await?;
    let Some(encrypt) = api.encrypt(&row.stream, Some(&row.spec)) else {
        let text = format!("recording {} is not encrypted", row.id);
        return Err(Failure::new(Code::Conflict, text).about("recording"));
    };
    let encryption = api.hls_keys.encryption(row.id, encrypt, KeysAt::Door)?;
    let id = row.id;
    let chunks = api.read(move |library| Ok(chunk_count(library, id))).await??;
    let mut ids: Vec<KeyId> = (0..chunks).map(|chunk| encryption.key_id(chunk)).collect();
    ids.dedup();
    Ok(ids)
}

/// The id of a key. Its recording may be gone: who may see all streams gets the key of what was delivered all the same.
async fn one(api: &Api, key: &str) -> Result<KeyId, Failure> {
    let bad = |error: NoKeyId| Failure::bad(format!("key: {error}")).about("key");
    let id: KeyId = key.parse().map_err(bad)?;
    if !api.seen().is_all() {
        row_of(api, id.recording.to_string()).await?;
    }
    Ok(id)
}

impl From<NoKey> for Failure {
    fn from(error: NoKey) -> Self {
        Failure::new(Code::Unavailable, error.to_string())
    }
}
