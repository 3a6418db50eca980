//! A recording that is open, and has lost its beginning.
//!
//! The chunks that are cut for a recording are counted from its beginning, so without it they cannot keep their names. The chunks of
//! the stream can: the playlist of such a recording has those, and slides with the stream. When the recording has ended, this
//! playlist says so, for as long as players need to read it. Behind that, the recording has the playlist of a complete one.

use std::sync::Arc;

use super::window::Playable;
use super::{Now, chunk, init_of, look, uris};
use crate::doors::http::answer::{Answer, Refusal};
use crate::doors::http::door::{Allowed, Door};
use crate::doors::http::folder::{playlist as playlist_answer, start, update};
use crate::doors::http::held::{Grant, Of};
use crate::doors::http::query::Query;
use crate::format::hls::live::{chunk_number, master as master_text};
use crate::format::hls::{MASTER, PLAYLIST};
use crate::media::Micros;
use crate::store::{RecordingRow, RecordingState};
use hyper::{HeaderMap, Method};

/// The most chunks that the playlist has. Each request reads the lists of their segments in the journal.
const MOST: usize = 450;
/// What the names of chunks and inits begin with. Chunks that are cut for a recording have other names.
const PREFIX: &str = "live-";

/// How long the playlist of the stream's chunks says that the recording has ended.
const SAYS_SO: Micros = 60_000_000;
/// How far the end may lie ahead of the clock: an encoder's time runs a little faster than the box's.
const AHEAD: Micros = 10_000_000;

/// True when a file of a recording that has lost its beginning is one of the stream's.
pub(in crate::doors::http) fn is_of_stream(name: &str, row: &RecordingRow, now: Micros) -> bool {
    let just_now = || row.state == RecordingState::Open || ended_just_now(row.end, now);
    name.starts_with(PREFIX) || (matches!(name, PLAYLIST | MASTER) && just_now())
}

/// True when a recording ended a moment ago. A clock that was set back says that the end is still to come: that is no such end.
fn ended_just_now(end: Micros, now: Micros) -> bool {
    (-AHEAD..SAYS_SO).contains(&now.saturating_sub(end))
}

/// Answers with a file of the recording's HLS.
pub(in crate::doors::http) async fn of_recording(
    door: &Arc<Door>,
    row: &RecordingRow,
    name: &str,
    (query, inherited): (&Query, Option<&str>),
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    let none = || {
        Refusal::not_found(
            "the beginning of this recording is not on the box any more, so its chunks have other names: read its playlist again",
        )
    };
    let stream = &row.stream;
    let end = (row.state != RecordingState::Open).then_some(row.end);
    let now = || async {
        let now = look(door, stream, MOST).await?.within(row.start, end);
        now.seen(stream, (&grant.sight, Of::Recording(row.id)))
    };
    match (name, name.strip_prefix(PREFIX)) {
        (PLAYLIST, _) => {
            let uris = uris(PREFIX, inherited)?;
            let text = now()
                .await?
                .text(door, stream, (start(query)?, update(query)), (&uris, None))?;
            Ok(playlist_answer(door, text, how))
        }
        (MASTER, _) => {
            let now = now().await?;
            let uris = uris("", inherited)?;
            let text = master_text(&now.window.rates(), now.target_s()?.into(), PLAYLIST, &uris);
            Ok(playlist_answer(door, text, how))
        }
        (_, Some(name)) => match (chunk_number(name), name.parse()) {
            (Some(number), _) => {
                let within = Allowed::from((Some(row.start), end));
                let how = (Of::Recording(row.id), grant, how);
                chunk(door, stream, (number, within, None), how).await
            }
            (None, Ok(wanted)) => init_of(&now().await?, wanted, how.0).ok_or_else(none),
            (None, Err(_)) => Err(none()),
        },
        (_, None) => Err(none()),
    }
}

impl Now {
    /// The same without chunks that are of other moments (UTC) than the recording.
    fn within(mut self, from: Micros, end: Option<Micros>) -> Self {
        let chunks = &mut self.window.chunks;
        let ends_at = chunks.last().map(Playable::ends_at);
        chunks.retain(|chunk| chunk.ends_at() > from && end.is_none_or(|end| chunk.begins_at() < end));
        // A chunk is listed when it is complete: the recording may have ended within the next one.
        self.ended |= end.is_some_and(|end| ends_at.is_some_and(|ends_at| ends_at >= end));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_has_ended_just_now_by_any_clock() {
        let end = 1_780_000_000_000_000;
        for (later, wanted) in [
            (0, true),
            (59_000_000, true),
            (60_000_000, false),
            (-5_000_000, true),
            // The box has no battery: it is 1970, or an hour ago.
            (-3_600_000_000, false),
            (-end, false),
        ] {
            assert_eq!(ended_just_now(end, end + later), wanted, "{later}");
        }
    }
}
