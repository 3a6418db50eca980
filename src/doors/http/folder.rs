//! A recording as HLS: its playlists, inits, chunks and keyframes.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, VARY};
use hyper::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use super::answer::{Answer, Refusal, bytes as answer_bytes};
use super::door::Door;
use super::encrypted;
use super::files::{Bounds, Reading, Sent, joined, of_file, of_store, send, view};
use super::flow::Pace;
use super::held::{Grant, Of};
use super::layouts::{Key, LaidFolder, Layout, Version, What};
use super::live;
use super::query::Query;
use super::range::Part;
use crate::format::hls::{
    Hls, KEYFRAMES, MASTER, PLAYLIST, Served, Start, TARGET_MS, Update, Uris, with_notes,
};
use crate::format::{Format, VirtualFile as _};
use crate::store::{Library, RecordingRow, RecordingState};

/// Playlists of at least this many bytes are compressed for clients that can read it.
pub(super) const WORTH_COMPRESSING: usize = 1 << 10;

/// A response that begins further within an encrypted chunk than this is no player's: it waits for those of players.
const FAR: u64 = 256 << 10;

/// Answers a request for a file of a recording's HLS.
pub(super) async fn file(
    door: &Arc<Door>,
    row: &RecordingRow,
    name: &str,
    (query, inherited, bounds): (&Query, Option<&str>, Bounds),
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    let is_open = row.state == RecordingState::Open;
    let encryption = encrypted::encryption(door, row, bounds)?;
    // Chunks that are encrypted are those of the whole recording: their numbers are in their IVs.
    let bounds = encryption.as_ref().map_or(bounds, |_| (None, None));
    let of_stream = row.begins_later && bounds == (None, None) && live::is_of_stream(name, row, door.utc());
    match &encryption {
        None if of_stream => {
            return live::of_recording(door, row, name, (query, inherited), (grant, how)).await;
        }
        Some(_) if of_stream && is_open => {
            return Err(Refusal::refused(
                "the beginning of this recording is not on the box any more, and what is left of it is not encrypted before it has \
                 ended: ask again when the recording is closed, or play the stream by its name",
            ));
        }
        _ => {}
    }
    if !matches!(name, PLAYLIST | MASTER | KEYFRAMES) {
        let folder = match door.layouts.find_folder_with(
            &key(row, bounds),
            (name, encryption.as_ref()),
            Instant::now(),
        ) {
            Some(folder) => folder,
            None => find(door, row, bounds).await?,
        };
        grant.sight.tape(&folder.ranges, Of::Recording(row.id))?;
        let hls = folder.encrypted(encryption.as_ref());
        return media(
            door,
            (&folder, row),
            (name, &hls, encryption.is_some()),
            (grant, how),
        )
        .await;
    }
    let folder = find(door, row, bounds).await?;
    grant.sight.tape(&folder.ranges, Of::Recording(row.id))?;
    let uris = Uris::new("", inherited).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let served = Served {
        start: start(query)?,
        update: update(query),
        uris: &uris,
        later_us: 0,
    };
    let hls = folder.encrypted(encryption.as_ref());
    let noted = |playlist| with_notes(playlist, &row.dated_notes(bounds.0, bounds.1));
    let text = match name {
        PLAYLIST if is_open => noted(hls.served_live(hls.settled(), &served)),
        PLAYLIST => noted(hls.served(&served)),
        MASTER if is_open => hls.served_live_master(&uris),
        MASTER => hls.served_master(&uris),
        // The master playlist names it when the recording is complete.
        KEYFRAMES if is_open => return Err(no_file(name)),
        _ => hls.keyframes(&served).ok_or_else(|| no_file(name))?,
    };
    Ok(playlist(door, text, how))
}

/// Answers with a chunk, a keyframe or an init.
async fn media(
    door: &Arc<Door>,
    (folder, row): (&LaidFolder, &RecordingRow),
    (name, hls, is_encrypted): (&str, &Hls<()>, bool),
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    let lost = || {
        Refusal::gone(
            "this is no chunk of the recording any more, which has lost a part: read the playlist again",
        )
    };
    if !hls.serves(name, folder.growing) {
        // The gaps of a recording may be of media that was there.
        let has_lost = row.begins_later || !row.gaps.is_empty();
        let is_lost = has_lost && Hls::<()>::is_of_media(name);
        return Err(if is_lost { lost() } else { no_file(name) });
    }
    let tape = folder.source.renewed();
    if folder.start != row.start {
        // What an earlier layout is of may be gone. Once it is open it stays, and the response can promise it.
        let (tape, segments) = (tape.clone(), hls.segments_of(name));
        let hold = move |_: &Library| {
            let held = segments.into_iter().try_for_each(|segment| tape.hold(segment));
            held.map_err(|_| lost())
        };
        door.read(hold).await?;
    }
    let file = hls.with(tape.clone()).served_file(name);
    let file = file.ok_or_else(|| no_file(name))?;
    let (len, etag) = (file.len(), format!("\"{}\"", file.tag()));
    let start = match Part::of(how.1, &etag, len) {
        Part::Range { start, .. } if is_encrypted => start,
        _ => 0,
    };
    let sent = Sent {
        len,
        etag,
        source: Arc::new(Reading::new(file)),
        tape: Some(tape),
        media_type: "video/mp4",
        pace: pace(start),
        changed: Some(folder.end),
        until: grant.until,
        guard: grant.sight.guard(folder.ranges.clone(), Of::Recording(row.id)),
    };
    Ok(send(door, &sent, how))
}

/// The pace of an encrypted chunk that is read from `start` on. All before it is encrypted first, by a thread that others wait for.
fn pace(start: u64) -> Pace {
    if start > FAR { Pace::File } else { Pace::Player }
}

fn no_file(name: &str) -> Refusal {
    Refusal::not_found(format!("this recording has no file '{}'", shown(name)))
}

/// The response with a playlist.
pub(super) fn playlist(door: &Door, text: Vec<u8>, (method, headers): (&Method, &HeaderMap)) -> Answer {
    let is_compressed = takes_gzip(headers) && text.len() >= WORTH_COMPRESSING;
    let text = if is_compressed {
        door.packed.of(&text)
    } else {
        Bytes::from(text)
    };
    let length = text.len();
    let body = if method == Method::HEAD {
        Bytes::new()
    } else {
        text
    };
    let mut answer = answer_bytes(StatusCode::OK, Format::Hls.mime(), body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// Where players begin: `start=live` or `start=beginning`. Players choose differently where a playlist does not say it.
pub(super) fn start(query: &Query) -> Result<Start, Refusal> {
    match query.value("start") {
        None | Some("" | "beginning") => Ok(Start::Beginning),
        Some("live") => Ok(Start::LiveEdge),
        Some(_) => Err(Refusal::parameter(
            "start",
            "start: a player begins at the 'beginning' or 'live'",
        )),
    }
}

/// True when the player has the playlist of before, and wants what is new.
pub(super) fn update(query: &Query) -> Update {
    if query
        .value("_HLS_skip")
        .is_some_and(|skip| matches!(skip, "YES" | "v2"))
    {
        Update::Delta
    } else {
        Update::Whole
    }
}

/// Finds a folder among those that players read now, or lays it out.
pub(super) async fn find(
    door: &Arc<Door>,
    row: &RecordingRow,
    bounds: Bounds,
) -> Result<Arc<LaidFolder>, Refusal> {
    joined(row)?;
    let is_open = row.state == RecordingState::Open;
    let version = Version {
        start: row.start,
        grown: is_open.then_some((row.end, row.bytes)),
        // What people wrote is in the playlist, which is written for each request.
        labels: 0,
    };
    let key = key(row, bounds);
    if let Some(Layout::Folder(folder)) = door.layouts.find(&key, version, Instant::now()) {
        return Ok(folder);
    }
    // Players that ask together wait for one of them, which lays it out.
    let _turn = door.turn(&key).await?;
    if let Some(Layout::Folder(folder)) = door.layouts.find_as_new(&key, version, Instant::now()) {
        return Ok(folder);
    }
    let laying = door.laying().await?;
    let prefix = match door.layouts.take_earlier(&key, version.start) {
        Some(Layout::Folder(folder)) => folder
            .prefix
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(),
        Some(Layout::File(_)) | None => None,
    };
    let (recording, start, of) = (row.id, row.start, row.clone());
    let read = move |library: &Library| {
        let _laying = laying;
        let (view, end) = view(library, recording, is_open, bounds)?;
        let source = view.source.clone();
        let is_part = bounds != (None, None);
        let ranges = of
            .ranges_of(&view, is_part)
            .map_err(|error| of_store(&error.into()))?;
        // The chunks of a recording that was played while it grew stay as they are when it has ended.
        let laid = Hls::resume(view, TARGET_MS, prefix.unwrap_or_default());
        let (hls, prefix) = laid.map_err(|error| of_file(&error))?;
        Ok(LaidFolder {
            hls: hls.with(()),
            source,
            end,
            ranges,
            prefix: Mutex::new(is_open.then_some(prefix)),
            growing: is_open,
            start,
            list: OnceLock::new(),
        })
    };
    let folder = Arc::new(door.read(read).await?);
    door.keep(key, version, Layout::Folder(folder.clone()));
    Ok(folder)
}

fn key(row: &RecordingRow, bounds: Bounds) -> Key {
    Key {
        recording: row.id,
        what: What::Folder {
            from: bounds.0,
            to: bounds.1,
        },
    }
}

/// True when the client of a request takes gzip.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING);
    let accepted = accepted.and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(reads_gzip)
}

/// True when a client takes gzip (RFC 9110, section 12.5.3).
fn reads_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| matches!(name, "gzip" | "*"));
        let is_off = |part: &str| {
            let quality = part
                .strip_prefix("q=")
                .and_then(|quality| quality.parse::<f32>().ok());
            quality.is_some_and(|quality| quality <= 0.0)
        };
        is_gzip && !parts.any(is_off)
    })
}

/// The beginning of a name, for a message.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clients_that_say_so_get_gzip() {
        for (accepted, wanted) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(reads_gzip(accepted), wanted, "{accepted}");
        }
    }

    #[test]
    fn who_begins_far_within_an_encrypted_chunk_goes_behind_players() {
        assert_eq!((pace(0), pace(FAR)), (Pace::Player, Pace::Player));
        assert_eq!((pace(FAR + 1), pace(u64::MAX)), (Pace::File, Pace::File));
    }

    #[test]
    fn a_player_says_where_it_begins_and_what_it_has() {
        let query = |text: &str| Query::parse(text).unwrap();
        assert_eq!(start(&query("")).unwrap(), Start::Beginning);
        assert_eq!(start(&query("start=live")).unwrap(), Start::LiveEdge);
        assert_eq!(start(&query("start=5")).unwrap_err().field, Some("start"));
        assert_eq!(update(&query("_HLS_skip=YES")), Update::Delta);
        assert_eq!(update(&query("_HLS_skip=NO")), Update::Whole);
    }
}
