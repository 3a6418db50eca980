//! Streams at another time than now: the playlists of time shift, and the files that only they name.
//!
//! ```text
//! /<app>/<stream>.m3u8?start=…&end=…                  a range, or everything from a moment on; `delay=…`: what was live
//! /<app>/<stream>/master.m3u8?…                       the same, with codecs and rates
//! /<app>/<stream>/c/<first>-<last>.m4s                joined chunks of a long range
//! /timeshift/<app>/<stream>/timeshift.m3u8?delay=…    the older address of Tencent
//! /openapi/timeline/query?…                           Alibaba's question where there is tape
//! ```
//!
//! What is listed is decided by [`timeshift`](crate::timeshift). Chunks are those of the live stream, with the same addresses.

mod delayed;
mod joined;
mod look;
mod memory;
mod samples;
mod timeline;

use std::cell::Cell;
use std::sync::Arc;

use hyper::{HeaderMap, Method};

pub(super) use joined::joined;
pub(super) use timeline::{asked as timeline_asked, timeline};

use look::{Extra, Found, LATEST, Look};
use memory::kept_from;

use super::answer::{Answer, Refusal};
use super::door::Door;
use super::encrypted;
use super::files::Bounds;
use super::folder::{playlist as playlist_answer, update};
use super::held::Sight;
use super::live::{as_sent, file_name};
use super::query::Query;
use crate::config::{Http, stream_path};
use crate::event::Dialect;
use crate::format::hls::encryption::StreamEncryption;
use crate::format::hls::live::{ChunkRate, JoinedChunk, JoinedPlaylist, master as master_text};
use crate::format::hls::{Start, Uris};
use crate::media::{Micros, StreamName};
use crate::store::Command;
use crate::timeshift::{self, Dialects, LONGEST, Shift, ShiftError};

/// Where a playlist of a stream is, for the addresses in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `/<app>/<stream>.m3u8`
    Stream,
    /// `/timeshift/<app>/<stream>/timeshift.m3u8`. Its players look for the beginning of the programme.
    OldTencent,
}

/// What a playlist is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) stream: &'a StreamName,
    pub(super) shift: Shift,
    /// The time that the viewer may have media of.
    pub(super) bounds: Bounds,
    /// Which tape the viewer does not get.
    pub(super) sight: &'a Sight,
    /// The query of the addresses in the playlist.
    pub(super) inherited: Option<&'a str>,
    /// How the stream is encrypted, if it is.
    pub(super) encryption: Option<&'a StreamEncryption>,
}

/// Reads what a query asks for. `None` where it asks for what is live.
pub(super) fn asked(query: &Query, http: &Http) -> Result<Option<Shift>, Refusal> {
    timeshift::asked(&query.iter().collect(), dialects(http)).map_err(refusal)
}

/// Reads what a query of the older address of Tencent asks for.
pub(super) fn asked_of_old(query: &Query, http: &Http) -> Result<Shift, Refusal> {
    if !dialects(http).tencent {
        return Err(Refusal::not_found(
            "http.dialects does not name tencent, whose address this is",
        ));
    }
    timeshift::old_tencent(&query.iter().collect()).map_err(refusal)
}

/// The time of the media that a playlist is of, at most (UTC): rights are asked about it.
pub(super) fn span(shift: Shift, now: Micros) -> (Micros, Micros) {
    match shift {
        Shift::Range { from, to, .. } => (from, to),
        Shift::From { from } => (from, from.saturating_add(LONGEST)),
        Shift::Delay { by } => {
            let at = now.saturating_sub(by);
            (at, at)
        }
    }
}

/// Answers with a playlist.
pub(super) async fn playlist(
    door: &Arc<Door>,
    (address, wanted): (Address, Wanted<'_>),
    query: &Query,
    how: (&Method, &HeaderMap),
) -> Result<Answer, Refusal> {
    let extra = match address {
        Address::OldTencent => Extra::Began,
        Address::Stream => Extra::Nothing,
    };
    let mut found = look(door, wanted, extra).await?;
    if let Some(encryption) = wanted.encryption {
        let numbers = found.chunks.iter().map(JoinedChunk::numbers).collect();
        let rights = (encryption, wanted.bounds);
        let kept = encrypted::opened(door, wanted.stream, rights, numbers).await?;
        let (mut is_first, mut is_apart) = (true, false);
        let mut kept = kept.into_iter();
        found.chunks.retain_mut(|joined| {
            let is_kept = kept.next().unwrap_or(false);
            if is_kept {
                joined.chunk.discontinuity |= is_apart && !is_first;
                is_first = false;
            }
            is_apart = !is_kept;
            is_kept
        });
    }
    door.dates
        .keep(|change| door.store.submit(Command::Change(change)).is_ok());
    let uris = Uris::new(&prefix(address, wanted.stream), wanted.inherited);
    let uris = uris.map_err(|error| Refusal::bad_request(error.to_string()))?;
    let playlist = JoinedPlaylist {
        target_s: found.target_s,
        chunks: &found.chunks,
        shape: found.shape,
        start: match wanted.shift {
            Shift::Delay { .. } => Start::LiveEdge,
            Shift::Range { .. } | Shift::From { .. } => Start::Beginning,
        },
        began: found.began,
        encryption: wanted.encryption,
    };
    Ok(playlist_answer(door, playlist.text(&uris, update(query)), how))
}

/// Answers with what a player is to know before: codecs, size, rates. The playlist that it names has the same query.
pub(super) async fn master(
    door: &Arc<Door>,
    wanted: Wanted<'_>,
    how: (&Method, &HeaderMap),
) -> Result<Answer, Refusal> {
    let found = look(door, wanted, Extra::Rates).await?;
    let uris = Uris::new("", wanted.inherited).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let rates: Vec<ChunkRate<'_>> = found
        .samples
        .iter()
        .map(|(tracks, facts)| ChunkRate {
            tracks,
            bytes: facts.bytes,
            duration_us: facts.duration_us,
            pictures: facts.pictures,
        })
        .collect();
    let rates = as_sent(rates, wanted.encryption.is_some());
    let playlist = format!("../{}.m3u8", file_name(wanted.stream));
    Ok(playlist_answer(
        door,
        master_text(&rates, found.target_s, &playlist, &uris),
        how,
    ))
}

/// Finds the chunks of a playlist.
async fn look(door: &Arc<Door>, wanted: Wanted<'_>, extra: Extra) -> Result<Found, Refusal> {
    let found = glance(door, wanted, extra).await?;
    // The stream may have ended while its chunks were read: then its last chunks are not among them.
    let is_long_ago =
        matches!(wanted.shift, Shift::Range { to, .. } if to < door.utc().saturating_sub(LATEST));
    if found.is_over() && !is_long_ago {
        glance(door, wanted, extra).await
    } else {
        Ok(found)
    }
}

async fn glance(door: &Arc<Door>, wanted: Wanted<'_>, extra: Extra) -> Result<Found, Refusal> {
    let stream = wanted.stream.clone();
    let (http, recorder) = (door.http(), door.recorder());
    // The open segment first: one that is sealed meanwhile is then in both, and not in none.
    let open = door.store.open_tape(&stream);
    let look = Look {
        open,
        now: door.utc(),
        back: door.api.back(&stream).await?,
        most: http.live_chunks,
        bounds: wanted.bounds,
        sight: wanted.sight.clone(),
        withheld: Cell::new(false),
        ring: kept_from(wanted.shift, http.live_window, extra)
            .and_then(|from| recorder.ring_chunks(&stream, from)),
        extra,
        door: Arc::clone(door),
        stream,
    };
    let shift = wanted.shift;
    door.read(move |library| look.find(library, shift)).await
}

fn dialects(http: &Http) -> Dialects {
    let knows = |dialect| http.dialects.contains(&dialect);
    Dialects {
        tencent: knows(Dialect::Tencent),
        aliyun: knows(Dialect::Aliyun),
    }
}

fn refusal(error: ShiftError) -> Refusal {
    match error {
        ShiftError::Parameter { name, message } => Refusal::parameter(name, message),
        ShiftError::NoRendition(_) => Refusal::not_found(error.to_string()),
    }
}

/// What stands before the names of chunks.
fn prefix(address: Address, stream: &StreamName) -> String {
    match address {
        Address::Stream => format!("{}/c/", file_name(stream)),
        Address::OldTencent => {
            let parts = stream.as_str().split('/').count();
            format!(
                "{}{}/c/",
                "../".repeat(parts + 1),
                stream_path(stream).trim_start_matches('/')
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_chunks_are_relative_to_the_playlist() {
        let prefix = |address, stream: &str| prefix(address, &stream.parse().unwrap());
        assert_eq!(prefix(Address::Stream, "live/cam1"), "cam1/c/");
        // From /timeshift/live/cam1/timeshift.m3u8 to /live/cam1/c/, also below /t/TOKEN/.
        assert_eq!(prefix(Address::OldTencent, "live/cam1"), "../../../live/cam1/c/");
        assert_eq!(
            prefix(Address::OldTencent, "api/a/k ü"),
            "../../../../s/api/a/k%20%C3%BC/c/"
        );
    }

    #[test]
    fn a_dialect_that_the_configuration_does_not_name_is_not_read() {
        let query = |text: &str| Query::parse(text).unwrap();
        let (mut none, all) = (Http::default(), Http::default());
        none.dialects.clear();
        for text in ["txTimeshift=on&tsDelay=90", "aliyunols=on&lhs_offset_unix_s_0=90"] {
            assert_eq!(asked(&query(text), &none), Ok(None), "{text}");
            assert_eq!(
                asked(&query(text), &all),
                Ok(Some(Shift::Delay { by: 90_000_000 })),
                "{text}"
            );
        }
        assert!(asked(&query("delay=90"), &none).unwrap().is_some());
        assert_eq!(asked_of_old(&query("delay=90"), &none).unwrap_err().status, 404);
        let wrong = asked(&query("txTimeshift=on&tsDelay=x"), &all).unwrap_err();
        assert_eq!((wrong.status.as_u16(), wrong.field), (400, Some("tsDelay")));
        let other = asked(&query("txTimeshift=on&tsDelay=9&tsCodecname=hd"), &all).unwrap_err();
        assert_eq!(other.status, 404);
    }
}
