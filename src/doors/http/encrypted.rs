//! Encrypted recordings: their keys, and the refusal of what would give them away in clear.

use std::sync::Arc;

use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Method, StatusCode};

use super::answer::{Answer, Refusal, bytes};
use super::door::Door;
use crate::api::{CLOSED, KeysAt, NoKey};
use crate::format::hls::encryption::{Encryption, KeyId};
use crate::media::StreamName;
use crate::model::recording_path;
use crate::store::RecordingRow;

/// Refuses a recording in clear, where it is had encrypted alone.
pub(super) fn in_clear(door: &Door, row: &RecordingRow) -> Result<(), Refusal> {
    if door.api.is_closed(&row.stream, Some(&row.spec)) {
        return Err(Refusal::refused(format!("recording {}: {CLOSED}", row.id)));
    }
    Ok(())
}

/// Refuses what is had of a stream beside its recordings, where they are had encrypted alone.
pub(super) fn stream_in_clear(door: &Door, stream: &StreamName) -> Result<(), Refusal> {
    if !door.api.is_closed(stream, None) {
        return Ok(());
    }
    let live = door.api.streams().into_iter().find(|live| live.stream == *stream);
    let recording = live.and_then(|live| live.recordings.first().copied());
    let now = recording.map_or(String::new(), |recording| {
        format!(", now {}/master.m3u8?start=live", recording_path(recording))
    });
    Err(Refusal::refused(format!(
        "{stream} is encrypted, and its recordings alone have keys: play these{now}; or write also_clear = true beside encrypt under \
         [template.hls]"
    )))
}

/// How the chunks of a recording are encrypted, if they are.
pub(super) fn encryption(door: &Door, row: &RecordingRow) -> Result<Option<Arc<Encryption>>, Refusal> {
    let encrypt = door.api.encrypt(&row.stream, Some(&row.spec));
    let encryption = encrypt.map(|encrypt| door.api.hls_keys().encryption(row.id, encrypt, KeysAt::Door));
    Ok(encryption.transpose().map_err(of_key)?.map(Arc::new))
}

/// Answers with the 16 bytes of a key.
pub(super) fn key(door: &Door, row: &RecordingRow, id: &KeyId, method: &Method) -> Result<Answer, Refusal> {
    if door.api.encrypt(&row.stream, Some(&row.spec)).is_none() {
        return Err(Refusal::not_found(format!(
            "recording {} is not encrypted",
            row.id
        )));
    }
    let key = door.api.hls_keys().key(id).map_err(of_key)?;
    let body = if *method == Method::HEAD {
        Vec::new()
    } else {
        key.expose().to_vec()
    };
    let mut answer = bytes(StatusCode::OK, "application/octet-stream", body);
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        hyper::header::CONTENT_LENGTH,
        HeaderValue::from(key.expose().len()),
    );
    Ok(answer)
}

fn of_key(error: NoKey) -> Refusal {
    Refusal::unavailable(error.to_string())
}
