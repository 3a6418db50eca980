//! A stream as it is now: its playlists, chunks and inits, out of the tape or, where nobody records it, out of the ring.
//!
//! A chunk of the tape is played when it is durable, so that no power cut takes back what was played. What is listed once keeps
//! its number, its bytes and its date: a restart does not change the first two, and a clock that is set anew does not change the
//! date before the next publish.

mod dates;
mod inits;
mod recording;
mod window;

use std::sync::Arc;

use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, StatusCode};

use super::answer::{Answer, Refusal, bytes as answer_bytes};
use super::door::{Allowed, Door};
use super::encrypted;
use super::files::{Bounds, Reading, Sent, of_file, of_store, send};
use super::flow::Pace;
use super::folder::{playlist as playlist_answer, update};
use super::held::{Grant, Of, Sight, hidden};
use super::query::Query;
use crate::config::stream_path;
use crate::format::chunks::TapeChunk;
use crate::format::hls::encryption::{StreamEncryption, encrypted_len};
use crate::format::hls::live::{ChunkFile, ChunkRate, Init, InitName, Playlist, master as master_text};
use crate::format::hls::{Start, Update, Uris};
use crate::format::{FileError, TapeSource as _, ViewSegment, VirtualFile as _};
use crate::media::{Micros, StreamName};
use crate::recorder::RingChunks;
use crate::store::{ChunkAt, Command, Filter, Library, LibrarySource, OpenTape, RecordingState, TapeSpan};

pub use dates::DATES;
pub(super) use dates::Dates;
pub(super) use inits::{Inits, Names};
pub(super) use recording::{is_of_stream, of_recording};
pub(super) use window::ring_pieces;
use window::{Playable, Window, bytes};

/// How long the playlist of a stream that has ended says so.
const SAYS_SO: Micros = 600_000_000;

/// How many chunks are looked at, at most, where a viewer sees a stream late.
const MOST_LATE: usize = 450;

/// The state of a stream for its playlist.
struct Now {
    window: Window,
    /// No other chunk will come: nobody publishes, and no recording waits for its publisher.
    ended: bool,
}

/// Answers with the playlist of the last chunks.
pub(super) async fn playlist(
    door: &Arc<Door>,
    stream: &StreamName,
    (query, inherited, sight): (&Query, Option<&str>, &Sight),
    (encryption, bounds): (Option<&StreamEncryption>, Bounds),
    how: (&Method, &HeaderMap),
) -> Result<Answer, Refusal> {
    let most = door.http().live_chunks;
    // A key is had when its last chunk is there: until then the chunks before its first one are shown.
    let late = encryption.map_or(0, |encryption| encryption.behind(bounds.1.is_some()));
    let now = look(door, stream, most.saturating_add(late).min(most.max(MOST_LATE))).await?;
    let mut now = now.seen(stream, (sight, Of::Stream))?;
    if let Some(encryption) = encryption {
        let chunks = &mut now.window.chunks;
        let numbers = chunks.iter().map(|chunk| (chunk.number, chunk.number)).collect();
        let kept = encrypted::opened(door, stream, (encryption, bounds), numbers).await?;
        let mut kept = kept.into_iter();
        chunks.retain(|_| kept.next().unwrap_or(false));
        chunks.drain(..chunks.len().saturating_sub(most));
    }
    let prefix = format!("{}/c/", file_name(stream));
    let uris = uris(&prefix, inherited)?;
    let how_much = (Start::LiveEdge, update(query));
    let text = now.text(door, stream, how_much, (&uris, encryption))?;
    Ok(playlist_answer(door, text, how))
}

/// Answers with what a player is to know before: codecs, size, rates.
pub(super) async fn master(
    door: &Arc<Door>,
    stream: &StreamName,
    (inherited, is_encrypted, sight): (Option<&str>, bool, &Sight),
    how: (&Method, &HeaderMap),
) -> Result<Answer, Refusal> {
    let now = look(door, stream, door.http().live_chunks).await?;
    let now = now.seen(stream, (sight, Of::Stream))?;
    let target_s = now.target_s()?;
    let uris = uris("", inherited)?;
    let playlist = format!("../{}.m3u8", file_name(stream));
    let rates = now.window.rates();
    let text = master_text(&as_sent(rates, is_encrypted), target_s.into(), &playlist, &uris);
    Ok(playlist_answer(door, text, how))
}

/// Chunks with the bytes that are sent of them.
pub(super) fn as_sent(mut rates: Vec<ChunkRate<'_>>, is_encrypted: bool) -> Vec<ChunkRate<'_>> {
    if is_encrypted {
        rates
            .iter_mut()
            .for_each(|rate| rate.bytes = encrypted_len(rate.bytes));
    }
    rates
}

/// Answers with an init of the chunks that are listed.
pub(super) async fn init(
    door: &Arc<Door>,
    stream: &StreamName,
    name: &str,
    (method, _): (&Method, &HeaderMap),
) -> Result<Answer, Refusal> {
    let none = || Refusal::not_found("no chunk of this stream that can be played needs this file");
    let wanted: InitName = name.parse().map_err(|_| none())?;
    if let Some(init) = door.inits.find(stream, wanted) {
        return Ok(init_answer(&init, method));
    }
    if let Ok(now) = look(door, stream, door.http().live_chunks).await
        && let Some(answer) = init_of(&now, wanted, method)
    {
        return Ok(answer);
    }
    // A playlist of another time needs the configurations of that time.
    let name = stream.clone();
    let read = move |library: &Library| {
        let found = library.newest_tracks(&name, |tracks| Init::of(tracks).name == wanted);
        found.map_err(|error| of_store(&error))
    };
    let found = door.read(read).await?;
    found
        .map(|tracks| init_answer(&Init::of(&tracks), method))
        .ok_or_else(none)
}

/// The answer with an init of these chunks, if one of them needs it.
fn init_of(now: &Now, wanted: InitName, method: &Method) -> Option<Answer> {
    let mut inits = now.window.chunks.iter().map(|chunk| Init::of(&chunk.tracks));
    let found = inits.find(|init| init.name == wanted)?;
    Some(init_answer(&found, method))
}

fn init_answer(found: &Init, method: &Method) -> Answer {
    let body = if *method == Method::HEAD {
        Vec::new()
    } else {
        found.bytes.to_vec()
    };
    let mut answer = answer_bytes(StatusCode::OK, "video/mp4", body);
    let length = HeaderValue::from(found.bytes.len());
    answer.headers_mut().insert(hyper::header::CONTENT_LENGTH, length);
    answer
}

/// Answers with a chunk.
pub(super) async fn chunk(
    door: &Arc<Door>,
    stream: &StreamName,
    (number, allowed, encryption): (u64, Allowed, Option<&StreamEncryption>),
    (of, grant, how): (Of, &Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    let open = door.store.open_tape(stream);
    let name = stream.clone();
    let read = move |library: &Library| on_tape(library, &name, number, open.as_deref());
    let Placed { sent, span, tape } = match door.read(read).await? {
        Found::Here(placed) => *placed,
        // What nobody recorded was never on the tape, and may still be in memory.
        Found::Gone => in_memory(door, stream, number)
            .map_err(|_| Refusal::gone(format!("chunk {number} of {stream} is not on the box any more")))?,
        Found::NotOnTape => in_memory(door, stream, number)?,
    };
    if !allowed.has(span) {
        return Err(Refusal::not_found("there is nothing here that you may see"));
    }
    let sent = encrypted::sealed(sent, encryption, (number, number));
    let range = TapeSpan {
        stream: stream.clone(),
        from: tape.0,
        to: tape.1,
    };
    grant.sight.tape(std::slice::from_ref(&range), of)?;
    let sent = Sent {
        until: grant.until,
        guard: grant.sight.guard(vec![range], of),
        ..sent
    };
    Ok(send(door, &sent, how))
}

/// True when the tape of a stream has reached the chunk with this number. Blocks.
pub(super) fn has_reached(
    library: &Library,
    stream: &StreamName,
    number: u64,
    open: Option<&OpenTape>,
) -> Result<bool, Refusal> {
    let last = on_the_tape(library, stream, 1, open)?;
    Ok(last.chunks.iter().any(|chunk| chunk.number >= number))
}

/// UTC of the beginning and the end of a chunk, where it is on the tape. Blocks.
pub(super) fn span_of(
    library: &Library,
    stream: &StreamName,
    number: u64,
    open: Option<&OpenTape>,
) -> Result<Option<(Micros, Micros)>, Refusal> {
    Ok(match on_tape(library, stream, number, open)? {
        Found::Here(placed) => Some(placed.span),
        Found::Gone | Found::NotOnTape => None,
    })
}

/// Tape time of the beginning and the end of a chunk, where it is on the tape. Blocks.
pub(super) fn tape_of(
    library: &Library,
    stream: &StreamName,
    number: u64,
    open: Option<&OpenTape>,
) -> Result<Option<(Micros, Micros)>, Refusal> {
    Ok(match on_tape(library, stream, number, open)? {
        Found::Here(placed) => Some(placed.tape),
        Found::Gone | Found::NotOnTape => None,
    })
}

/// The number of the newest chunk on the tape, and the tape time of its end. Blocks.
pub(super) fn newest(
    library: &Library,
    stream: &StreamName,
    open: Option<&OpenTape>,
) -> Result<Option<(u64, Micros)>, Refusal> {
    let last = on_the_tape(library, stream, 1, open)?;
    Ok(last.chunks.last().map(|chunk| (chunk.number, chunk.tape().1)))
}

impl Now {
    /// The same without what a viewer does not get: a window is of one stretch, so it begins behind the last chunk that is held back.
    fn seen(mut self, stream: &StreamName, (sight, of): (&Sight, Of)) -> Result<Self, Refusal> {
        let chunks = &mut self.window.chunks;
        let hides = |chunk: &Playable| {
            let (from, to) = chunk.tape();
            sight.hides_of_stream(stream, from, to, of)
        };
        if let Some(last) = chunks.iter().rposition(hides) {
            chunks.drain(..=last);
            if chunks.is_empty() {
                return Err(hidden(of));
            }
        }
        Ok(self)
    }

    /// The target duration in seconds.
    fn target_s(&self) -> Result<u16, Refusal> {
        match self.window.target_s {
            Some(target_s) if !self.window.chunks.is_empty() => Ok(target_s),
            // A publish of fewer than three chunks is over: nobody knows how long chunks of the next one will be.
            None if self.ended => Err(Refusal::not_found(
                "the last publish of this stream was too short to be played as live",
            )),
            _ => Err(Refusal {
                retry_after_s: Some(2),
                ..Refusal::unavailable("the stream has just begun: ask again in a moment")
            }),
        }
    }

    /// The text of the playlist. The dates that it tells are kept.
    fn text(
        &self,
        door: &Door,
        stream: &StreamName,
        (start, update): (Start, Update),
        (uris, encryption): (&Uris, Option<&StreamEncryption>),
    ) -> Result<Vec<u8>, Refusal> {
        let target_s = self.target_s()?;
        let chunks = self.window.listed(|zero, utc| door.dates.of(stream, zero, utc));
        door.dates
            .keep(|change| door.store.submit(Command::Change(change)).is_ok());
        let playlist = Playlist {
            target_s: target_s.into(),
            chunks: &chunks,
            start,
            ended: self.ended,
            encryption,
        };
        Ok(playlist.text(uris, update))
    }
}

/// The last part of the stream's path, beside which its chunks are.
pub(super) fn file_name(stream: &StreamName) -> String {
    let path = stream_path(stream);
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

fn uris(prefix: &str, inherited: Option<&str>) -> Result<Uris, Refusal> {
    Uris::new(prefix, inherited).map_err(|error| Refusal::bad_request(error.to_string()))
}

/// Finds out which of the last `most` chunks of a stream can be played now.
async fn look(door: &Arc<Door>, stream: &StreamName, most: usize) -> Result<Now, Refusal> {
    let now = glance(door, stream, most).await?;
    // The stream may have ended while its chunks were read: then its last chunks are not among them.
    let now = if now.ended {
        glance(door, stream, most).await?
    } else {
        now
    };
    let last = now.window.chunks.last().map(Playable::ends_at);
    let is_forgotten = last.is_none_or(|last| door.utc().saturating_sub(last) > SAYS_SO);
    if now.ended && is_forgotten {
        return Err(Refusal::not_found(format!("{stream} is not on the air")));
    }
    Ok(now)
}

/// Reads which chunks there are, and then whether others can come.
async fn glance(door: &Arc<Door>, stream: &StreamName, most: usize) -> Result<Now, Refusal> {
    // The open segment first: one that is sealed meanwhile is then in both, and not in none.
    let open = door.store.open_tape(stream);
    let has_open = open.is_some();
    let on_air = door.is_on_air(stream);
    let ring = ring(door, stream, 0);
    let (name, of_ring) = (stream.clone(), ring.clone());
    let read = move |library: &Library| {
        let window = on_the_tape(library, &name, most, open.as_deref());
        let window = window?
            .with_ring(of_ring.as_ref())
            .map_err(|error| of_file(&error))?;
        let window = window.last(most);
        let waits = !on_air && is_waiting(library, &name, &window)?;
        Ok((window, waits))
    };
    let (window, waits) = door.read(read).await?;
    // The last chunk of an open segment is not complete before the segment is sealed, also where its recording is closed already.
    let ended = !on_air && !waits && !has_open;
    if on_air && window.chunks.is_empty() && ring.is_none() && !door.is_recorded(stream) {
        return Err(Refusal::not_found(format!(
            "nobody records {stream}, and streams that nobody records are not played: http.live_window changes that"
        )));
    }
    Ok(Now { window, ended })
}

/// The chunks in memory, where streams that nobody records are played.
pub(super) fn ring(door: &Door, stream: &StreamName, from: u64) -> Option<RingChunks> {
    door.http().live_window?;
    door.recorder().ring_chunks(stream, from)
}

/// The last chunks on the tape. Blocks.
fn on_the_tape(
    library: &Library,
    stream: &StreamName,
    most: usize,
    open: Option<&OpenTape>,
) -> Result<Window, Refusal> {
    let listed = library
        .last_listed(stream, most, open)
        .map_err(|error| of_store(&error))?;
    Ok(Window {
        chunks: listed.iter().flat_map(Playable::of_segment).collect(),
        target_s: listed.last().and_then(|segment| segment.target_s),
    })
}

/// True while a recording of the stream waits for its publisher. Blocks.
fn is_waiting(library: &Library, stream: &StreamName, window: &Window) -> Result<bool, Refusal> {
    let Some(last) = window.chunks.last() else {
        return Ok(false);
    };
    let filter = Filter {
        stream: Some(stream.clone().into()),
        from: Some(last.ends_at().saturating_sub(1_000_000)),
        to: None,
    };
    let rows = library.recordings(&filter).map_err(|error| of_store(&error))?;
    Ok(rows.iter().any(|row| row.state == RecordingState::Open))
}

/// A chunk that is sent.
struct Placed {
    sent: Sent,
    /// UTC of its beginning and its end.
    span: (Micros, Micros),
    /// The same in tape time.
    tape: (Micros, Micros),
}

/// What the tape says of a chunk.
enum Found {
    Here(Box<Placed>),
    Gone,
    NotOnTape,
}

/// Finds a chunk on the tape. Blocks.
fn on_tape(
    library: &Library,
    stream: &StreamName,
    number: u64,
    open: Option<&OpenTape>,
) -> Result<Found, Refusal> {
    if let Some(open) = open
        && let Some(chunk) = open.chunks().iter().find(|chunk| chunk.number == number)
    {
        let source = library.open_source(open);
        let (span, tape) = (span(&open.segment, chunk), tape(&open.segment, chunk));
        let file = ChunkFile::open(open.segment.clone(), source.clone(), &chunk.into());
        let sent = sent(file, source)?;
        return Ok(Found::Here(Box::new(Placed { sent, span, tape })));
    }
    match library
        .chunk_at(stream, number)
        .map_err(|error| of_store(&error))?
    {
        ChunkAt::Sealed(sealed, source) => {
            let index = source.index(sealed.segment.id);
            let index = index.map_err(|error| of_file(&FileError::Source(error)))?;
            let list = sealed.list(&index);
            let Some(chunk) = list.iter().find(|chunk| chunk.number == number) else {
                return Ok(Found::NotOnTape);
            };
            let (span, tape) = (span(&sealed.segment, chunk), tape(&sealed.segment, chunk));
            let file = ChunkFile::open(sealed.segment, source.clone(), &chunk.into());
            let sent = sent(file, source)?;
            Ok(Found::Here(Box::new(Placed { sent, span, tape })))
        }
        ChunkAt::Gone => Ok(Found::Gone),
        ChunkAt::Open | ChunkAt::Never => Ok(Found::NotOnTape),
    }
}

/// UTC of the beginning and the end of a chunk.
pub(super) fn span(segment: &ViewSegment, chunk: &TapeChunk) -> (Micros, Micros) {
    let begins = segment.publish_zero_utc.saturating_add(chunk.start);
    (begins, begins.saturating_add(chunk.duration))
}

/// Tape time of the beginning and the end of a chunk.
pub(super) fn tape(segment: &ViewSegment, chunk: &TapeChunk) -> (Micros, Micros) {
    let begins = segment.publish_zero.saturating_add(chunk.start);
    (begins, begins.saturating_add(chunk.duration))
}

fn sent(file: Result<ChunkFile<LibrarySource>, FileError>, tape: LibrarySource) -> Result<Sent, Refusal> {
    let file = file.map_err(|error| of_file(&error))?;
    Ok(Sent {
        len: file.len(),
        etag: format!("\"{}\"", file.tag()),
        source: Arc::new(Reading::new(file)),
        tape: Some(tape),
        media_type: "video/mp4",
        pace: Pace::Player,
        changed: None,
        until: None,
        guard: None,
    })
}

/// Finds a chunk in memory.
fn in_memory(door: &Door, stream: &StreamName, number: u64) -> Result<Placed, Refusal> {
    let none = || Refusal::not_found(format!("there is no chunk {number} of {stream} yet"));
    let ring = ring(door, stream, number).ok_or_else(none)?;
    let chunk = ring.chunks.iter().find(|chunk| chunk.number == number);
    let made = bytes(&ring, chunk.ok_or_else(none)?).map_err(|error| of_file(&error))?;
    let facts = made.facts();
    let begins = ring
        .zero_utc
        .saturating_add(facts.start.saturating_sub(ring.tape_zero));
    let sent = Sent {
        len: facts.bytes,
        etag: format!("\"{}\"", made.tag()),
        source: Arc::new(Reading::new(made)),
        tape: None,
        media_type: "video/mp4",
        pace: Pace::Player,
        changed: None,
        until: None,
        guard: None,
    };
    let ends = |begins: Micros| begins.saturating_add_unsigned(facts.duration_us);
    Ok(Placed {
        sent,
        span: (begins, ends(begins)),
        tape: (facts.start, ends(facts.start)),
    })
}
