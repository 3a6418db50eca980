//! Encrypted recordings and streams: their keys, and the refusal of what would give them away in clear.

mod stream;

use std::sync::Arc;

use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Method, StatusCode};

pub(super) use stream::{key as key_of_stream, of_stream, opened, sealed};

use super::answer::{Answer, Refusal, bytes};
use super::door::Door;
use super::files::Bounds;
use crate::api::{CLOSED, KeysAt, NoKey};
use crate::format::hls::encryption::{ChunkKey, Encryption, KeyId};
use crate::media::{Micros, StreamName};
use crate::store::{RecordingRow, RecordingState};

/// Refuses a recording in clear, where it is had encrypted alone.
pub(super) fn in_clear(door: &Door, row: &RecordingRow) -> Result<(), Refusal> {
    if door.api.is_row_closed(row) {
        return Err(Refusal::refused(format!("recording {}: {CLOSED}", row.id)));
    }
    Ok(())
}

/// Refuses what is had of a stream beside its recordings, where they are had encrypted alone.
pub(super) fn stream_in_clear(door: &Door, stream: &StreamName) -> Result<(), Refusal> {
    if !door.api.is_closed(stream, None) {
        return Ok(());
    }
    Err(Refusal::refused(format!(
        "{stream} is encrypted, and this would give it away in clear: play its HLS; or write also_clear = true beside encrypt under \
         [template.hls]"
    )))
}

/// How the chunks of a recording are encrypted, if they are. A viewer that may have a part of the recording gets nothing of it: its key
/// opens all of it.
pub(super) fn encryption(
    door: &Door,
    row: &RecordingRow,
    bounds: Bounds,
) -> Result<Option<Arc<Encryption>>, Refusal> {
    let encrypt = door.api.encrypt_row(row);
    if encrypt.is_some() {
        whole(row, bounds)?;
    }
    let encryption = encrypt.map(|encrypt| door.api.hls_keys().encryption(row.id, encrypt, KeysAt::Door));
    Ok(encryption.transpose().map_err(of_key)?.map(Arc::new))
}

/// Refuses a viewer whose times do not cover a recording.
fn whole(row: &RecordingRow, bounds: Bounds) -> Result<(), Refusal> {
    // What was evicted of its beginning may be at the destination of deliveries, under the same key.
    let begins = row.start.saturating_sub(row.lost);
    let ends = (row.state != RecordingState::Open).then_some(row.end);
    if covers(bounds, begins, ends) {
        return Ok(());
    }
    Err(Refusal::refused(format!(
        "recording {} is encrypted, and its key opens all of it: times (from, to) that allow a part of it give no key. Use a token \
         without times, or with times that begin before the recording and end behind it",
        row.id
    )))
}

/// True when these times cover media from `begins` to `ends`. Nobody knows when an open recording ends.
fn covers((from, to): Bounds, begins: Micros, ends: Option<Micros>) -> bool {
    let has_end = |to: Micros| ends.is_some_and(|ends| to >= ends);
    from.is_none_or(|from| from <= begins) && to.is_none_or(has_end)
}

/// Answers with the 16 bytes of a key.
pub(super) fn key(
    door: &Door,
    row: &RecordingRow,
    (id, bounds): (&KeyId, Bounds),
    method: &Method,
) -> Result<Answer, Refusal> {
    if door.api.encrypt_row(row).is_none() {
        return Err(Refusal::not_found(format!(
            "recording {} is not encrypted",
            row.id
        )));
    }
    whole(row, bounds)?;
    let key = door.api.hls_keys().key(id).map_err(of_key)?;
    Ok(answer(&key, method))
}

/// The answer with the 16 bytes of a key. Nothing stores it.
fn answer(key: &ChunkKey, method: &Method) -> Answer {
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
    answer
}

fn of_key(error: NoKey) -> Refusal {
    Refusal::unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_have_a_part_of_a_recording_gets_no_key_of_it() {
        for (bounds, of_closed, of_open) in [
            ((None, None), true, true),
            ((Some(100), None), true, true),
            ((Some(100), Some(200)), true, false),
            ((None, Some(1_000)), true, false),
            ((Some(101), None), false, false),
            ((Some(100), Some(199)), false, false),
            ((Some(130), Some(140)), false, false),
        ] {
            assert_eq!(covers(bounds, 100, Some(200)), of_closed, "{bounds:?}");
            assert_eq!(covers(bounds, 100, None), of_open, "{bounds:?}");
        }
    }
}
