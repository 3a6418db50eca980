//! A recording that is open, and has lost its beginning.
//!
//! The chunks that are cut for a recording are counted from its beginning, so without it they cannot keep their names. The chunks of
//! the stream can: the playlist of such a recording has those, and slides with the stream.

use std::sync::Arc;

use hyper::{HeaderMap, Method};
use tokio::time::Instant;

use super::{Now, chunk, init_of, look, uris};
use crate::doors::http::answer::{Answer, Refusal};
use crate::doors::http::door::{Allowed, Door};
use crate::doors::http::folder::{playlist as playlist_answer, start, update};
use crate::doors::http::query::Query;
use crate::format::hls::live::{chunk_number, master as master_text};
use crate::format::hls::{MASTER, PLAYLIST};
use crate::media::Micros;
use crate::store::RecordingRow;

/// The most chunks that the playlist has. Each request reads the lists of their segments in the journal.
const MOST: usize = 450;
/// What the names of chunks and inits begin with. Chunks that are cut for a recording have other names.
const PREFIX: &str = "live-";

/// Answers with a file of the recording's HLS.
pub(in crate::doors::http) async fn of_recording(
    door: &Arc<Door>,
    row: &RecordingRow,
    name: &str,
    (query, inherited): (&Query, Option<&str>),
    (until, how): (Option<Instant>, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    let none = || {
        Refusal::not_found(
            "the beginning of this recording is not on the box any more, so its chunks have other names: read its playlist again",
        )
    };
    let stream = &row.stream;
    let now = || async { Ok::<Now, Refusal>(look(door, stream, MOST).await?.since(row.start)) };
    match (name, name.strip_prefix(PREFIX)) {
        (PLAYLIST, _) => {
            let uris = uris(PREFIX, inherited)?;
            let text = now()
                .await?
                .text(door, stream, (start(query)?, update(query)), &uris)?;
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
                let within = Allowed::from((Some(row.start), None));
                chunk(door, stream, (number, within), (until, how)).await
            }
            (None, Ok(wanted)) => init_of(&now().await?, wanted, how.0).ok_or_else(none),
            (None, Err(_)) => Err(none()),
        },
        (_, None) => Err(none()),
    }
}

impl Now {
    /// The same without chunks that end before this moment (UTC).
    fn since(mut self, from: Micros) -> Self {
        self.window.chunks.retain(|chunk| chunk.ends_at() > from);
        self
    }
}
