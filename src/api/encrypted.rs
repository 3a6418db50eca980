//! Encrypted recordings: which they are, and `recording.keys`, by which a key service gets their keys.

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{Limit, typed};
use super::channel::chunk_count;
use super::hls_keys::{HlsKeys, NoKey};
use super::paged::{Window, paged};
use super::recording::row_of;
use crate::format::hls::encryption::{Encryption, KeyId, NoKeyId};
use crate::media::StreamName;
use crate::model::reply::{Recording, RecordingKey, RecordingKeys};
use crate::model::{About, Encrypt};
use crate::store::{RecordingRow, RecordingSpec};

/// What to do about a recording that is had encrypted alone.
pub const CLOSED: &str = "it is encrypted, and this would give it away in clear: play its HLS, or write also_clear = true beside encrypt \
                          under [template.hls]";

/// Hexadecimal digits of a key.
const KEY_DIGITS: usize = 32;

impl Api {
    /// The keys of encrypted HLS.
    pub fn hls_keys(&self) -> &HlsKeys {
        &self.hls_keys
    }

    /// How the HLS of a recording, or of all recordings of a stream, is encrypted, if it is.
    pub fn encrypt(&self, stream: &StreamName, recorded: Option<&RecordingSpec>) -> Option<Encrypt> {
        self.recorder.encrypt(stream, recorded)
    }

    /// How the HLS of a recording is encrypted, if it is: a composition as all of its streams are.
    pub fn encrypt_row(&self, row: &RecordingRow) -> Option<Encrypt> {
        let said = row
            .streams()
            .filter_map(|stream| self.encrypt(stream, Some(&row.spec)));
        said.reduce(Encrypt::and)
    }

    /// True for a recording that is had encrypted alone.
    pub fn is_row_closed(&self, row: &RecordingRow) -> bool {
        self.encrypt_row(row).is_some_and(|encrypt| !encrypt.also_clear)
    }

    /// True for media that is had encrypted alone.
    pub fn is_closed(&self, stream: &StreamName, recorded: Option<&RecordingSpec>) -> bool {
        self.encrypt(stream, recorded)
            .is_some_and(|encrypt| !encrypt.also_clear)
    }

    /// A row of a list without the address of a file that is refused: the rule of its stream may have closed it since.
    pub(super) fn as_closed(&self, row: &RecordingRow, shown: Recording) -> Recording {
        if shown.mp4_url.is_none() || !self.is_row_closed(row) {
            return shown;
        }
        Recording {
            mp4_url: None,
            about: About {
                encrypted: true,
                ..shown.about
            },
            ..shown
        }
    }

    /// What a template in force lacks to encrypt, and what to do, if it lacks something. `delivers` tells whether recordings are
    /// delivered.
    pub fn unready(&self, delivers: bool) -> Option<String> {
        let error = self.hls_keys.ready(delivers).err()?;
        let templates = self.recorder.templates();
        let (template, _) = templates
            .iter()
            .find(|(template, _)| template.encrypt().is_some())?;
        Some(format!(
            "template '{}' encrypts, and its recordings are neither played nor delivered: {error}",
            template.name
        ))
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
    page(&api.hls_keys, &ids, window)
}

/// The keys of a page of ids. No other key is made.
fn page(keys: &HlsKeys, ids: &[KeyId], window: Window) -> Result<RecordingKeys, Failure> {
    // A row of the page is as long as it will be.
    let named = |id: &KeyId| RecordingKey {
        id: id.to_string(),
        key: "0".repeat(KEY_DIGITS),
    };
    let (mut page, next) = paged(window, ids, named);
    for (row, id) in page.iter_mut().zip(ids.iter().skip(window.skip())) {
        row.key = HEXLOWER.encode(keys.key(id)?.expose());
    }
    Ok(RecordingKeys { keys: page, next })
}

/// The ids of all keys that the chunks of a recording have so far: those of the present master key, then those of each older one.
async fn all(api: &Api, recording: String) -> Result<Vec<KeyId>, Failure> {
    let row = row_of(api, recording).await?;
    api.expect_seen(&row)?;
    let Some(encrypt) = api.encrypt_row(&row) else {
        let text = format!("recording {} is not encrypted", row.id);
        return Err(Failure::new(Code::Conflict, text).about("recording"));
    };
    let encryptions = api.hls_keys.encryptions(row.id, encrypt)?;
    let id = row.id;
    let chunks = api.read(move |library| Ok(chunk_count(library, id))).await??;
    let of = |encryption: &Encryption| -> Vec<KeyId> {
        let mut ids: Vec<KeyId> = (0..chunks).map(|chunk| encryption.key_id(chunk)).collect();
        ids.dedup();
        ids
    };
    Ok(encryptions.iter().flat_map(of).collect())
}

/// The id of a key. Its recording may be gone: who may see all streams gets the key of what was delivered all the same.
async fn one(api: &Api, key: &str) -> Result<KeyId, Failure> {
    let bad = |error: NoKeyId| Failure::bad(format!("key: {error}")).about("key");
    let id: KeyId = key.parse().map_err(bad)?;
    let recording = id.recording;
    let row = if api.seen().is_all() {
        api.read(move |library| library.recording(recording)).await?
    } else {
        Some(row_of(api, recording.to_string()).await?)
    };
    row.map_or(Ok(()), |row| api.expect_seen(&row))?;
    Ok(id)
}

impl From<NoKey> for Failure {
    fn from(error: NoKey) -> Self {
        Failure::new(Code::Unavailable, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Encrypt;

    #[test]
    fn only_the_keys_of_a_page_are_made_and_those_of_older_master_keys_follow() {
        let (keys, recording) = (HlsKeys::default(), "0198f3a2-5b7c-7d00-8000-0123456789ab");
        let recording = recording.parse().unwrap();
        keys.set(&[b"new".to_vec(), b"old".to_vec()], None);
        let encrypt = Encrypt {
            key_chunks: std::num::NonZeroU32::new(1),
            ..Encrypt::default()
        };
        let both = keys.encryptions(recording, encrypt).unwrap();
        let mut ids: Vec<KeyId> = both
            .iter()
            .flat_map(|one| [one.key_id(0), one.key_id(1)])
            .collect();
        assert_eq!(
            ids[0],
            keys.encryption(recording, encrypt, crate::api::KeysAt::Door)
                .unwrap()
                .key_id(0)
        );
        // A key of the next page that cannot be made is not asked for.
        ids.push("0198f3a2-5b7c-7d00-8000-0123456789ab-00000000-0".parse().unwrap());
        let of = |after: Option<&str>| {
            let limit = serde_json::from_str("2").unwrap();
            page(&keys, &ids, Window::new(limit, after).unwrap())
        };
        let (first, second) = (of(None).unwrap(), of(Some("2")).unwrap());
        for (row, id) in first.keys.iter().chain(&second.keys).zip(&ids) {
            assert_eq!(row.id, id.to_string());
            assert_eq!(row.key, HEXLOWER.encode(keys.key(id).unwrap().expose()));
        }
        assert_eq!((second.keys.len(), second.next.as_deref()), (2, Some("4")));
        assert!(of(Some("4")).is_err_and(|error| error.code == Code::Unavailable));
    }
}
