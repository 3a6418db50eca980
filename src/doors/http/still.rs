//! One picture: the keyframe at a time or the last one before, as an MP4 that a browser decodes by itself, or as a JPEG that the media
//! worker makes. It comes off the tape or, of a stream that nobody records, out of memory.

use std::sync::Arc;

use hyper::{HeaderMap, Method};

use super::answer::{Answer, Refusal, set};
use super::door::Door;
use super::encrypted;
use super::files::{Bounds, Reading, Sent, joined, of_file, of_store, send, view};
use super::flow::Pace;
use super::held::{Grant, Of};
use super::pictures;
use super::query::Query;
use super::target::Shown;
use crate::event::rfc3339;
use crate::format::{Picture, Pictured, Still, TapeSource, View, VirtualFile as _};
use crate::media::{Micros, StreamName, TrackKind};
use crate::model::{Form, When};
use crate::recorder::RingChunk;
use crate::store::{Library, LibrarySource, RecordingRow, RecordingState, TapeSpan};
use crate::worker::Wanted;

/// The header that says when the picture is from, as RFC 3339.
pub(super) const TIME: &str = "x-edgereel-time";

/// How far a picture of a stream may lie before the time that is asked for.
const LOOK_BACK: Micros = 600_000_000;

/// How far the date of a picture moves between two requests, at most, while the clock is being set right little by little. Who asks
/// for the time that edgereel told of a picture gets that picture.
const DRIFT: Micros = 1_000;

/// How times are written, as a part of a sentence.
const WRITTEN: &str = "a time: write it as in 2026-11-20T08:00:00Z, or as a length of time as in 90s";

/// Answers with a picture of a recording: the last one, or the one at `at`, which may count from the recording's beginning.
pub(super) async fn of_recording(
    door: &Arc<Door>,
    row: &RecordingRow,
    (query, bounds, shown): (&Query, Bounds, Shown),
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    encrypted::in_clear(door, row)?;
    // Of recordings beside each other there are pictures of the first one.
    if row.form != Form::InStep {
        joined(row)?;
    }
    let wanted = wanted(query, shown)?;
    let at = query.read::<When>("at", WRITTEN)?;
    let at = at.map_or(row.end, |when| when.from(row.start));
    let at = allowed(at, bounds)?;
    let (recording, is_open) = (row.id, row.state == RecordingState::Open);
    let name = row.stream.clone();
    let read = move |library: &Library| {
        let (view, _) = view(library, recording, is_open, (None, None))?;
        still(view, &name, at)
    };
    let still = door.read(read).await?;
    // The pictures of several streams are not told apart: the whole recording is asked about.
    let still = match &*row.tape {
        [_] => still,
        _ => still.map(|found| Found {
            ranges: row.tape.clone(),
            ..found
        }),
    };
    let name = recording.to_string();
    let of = (&*name, Of::Recording(row.id), bounds);
    answer(door, (still, wanted), of, (grant, how)).await
}

/// Answers with a picture of a stream: the last one, or the one at `at`, which may count back from now.
pub(super) async fn of_stream(
    door: &Arc<Door>,
    stream: &StreamName,
    (query, bounds, shown): (&Query, Bounds, Shown),
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    let wanted = wanted(query, shown)?;
    let now = door.utc();
    let at = query.read::<When>("at", WRITTEN)?;
    let at = at.map_or(now, |when| when.before(now));
    if let Some(back) = door.api.back(stream).await?
        && at < back.oldest(at)
    {
        return Err(Refusal::too_old(stream, back.span));
    }
    let at = allowed(at.saturating_add(DRIFT), bounds)?;
    let name = stream.clone();
    let read = move |library: &Library| {
        let tape = library.tape(&name, at.saturating_sub(LOOK_BACK), at.saturating_add(1));
        let view = tape.map_err(|error| of_store(&error))?;
        if view.segments.is_empty() {
            return Ok(None);
        }
        still(view, &name, at)
    };
    let taped = door.read(read).await?;
    let (of, how) = (("still", Of::Stream, bounds), (grant, how));
    match in_memory(door, stream, at)? {
        Some(newer)
            if taped
                .as_ref()
                .is_none_or(|taped| taped.still.utc() < newer.still.utc()) =>
        {
            answer(door, (Some(newer), wanted), of, how).await
        }
        _ => answer(door, (taped, wanted), of, how).await,
    }
}

/// The JPEG that is asked for, where it is one.
fn wanted(query: &Query, shown: Shown) -> Result<Option<Wanted>, Refusal> {
    match shown {
        Shown::Mp4 => Ok(None),
        Shown::Jpeg => pictures::wanted(query).map(Some),
    }
}

/// The keyframe at `at` or the last one before, in memory: where the stream is kept there for viewers, and nobody records it.
fn in_memory(door: &Door, stream: &StreamName, at: Micros) -> Result<Option<Found<Pictured>>, Refusal> {
    let kept = door.http().live_window.is_some();
    let ring = door.recorder().ring_chunks(stream, 0);
    let Some(ring) = ring.filter(|ring| kept && !ring.recorded) else {
        return Ok(None);
    };
    let newest_first = ring.chunks.iter().rev();
    let mut pictures = newest_first.flat_map(|chunk| {
        let pictures: Vec<Picture<'_>> = pictures(chunk, ring.zero_utc).collect();
        pictures.into_iter().rev()
    });
    let shown = |picture: &Picture<'_>| picture.utc().is_some_and(|utc| utc <= at);
    let still = pictures.find(shown).map(|picture| Still::of_picture(&picture));
    let still = still.transpose().map_err(|error| of_file(&error))?;
    Ok(still.map(|still| {
        let at = ring.tape_zero.saturating_add(still.entry());
        Found {
            ranges: vec![moment(stream, at)],
            still,
            tape: None,
        }
    }))
}

/// The keyframes of a chunk in memory, in order.
fn pictures(chunk: &RingChunk, publish_zero_utc: Micros) -> impl Iterator<Item = Picture<'_>> {
    let video = || chunk.frames.iter().filter(|frame| frame.kind == TrackKind::Video);
    let next_dts = video()
        .skip(1)
        .map(|next| Some(next.dts))
        .chain([chunk.next_video_dts]);
    let keyframes = video().zip(next_dts).filter(|(frame, _)| frame.key);
    keyframes.map(move |(frame, next_dts)| Picture {
        tracks: &chunk.tracks,
        frame,
        next_dts,
        publish_zero_utc,
    })
}

/// A picture that was found.
struct Found<S> {
    still: Still<S>,
    /// The tape that it is read from, if it is not in memory.
    tape: Option<LibrarySource>,
    /// The tape that is not to be held back.
    ranges: Vec<TapeSpan>,
}

/// The moment of tape that a picture is of.
fn moment(stream: &StreamName, at: Micros) -> TapeSpan {
    TapeSpan {
        stream: stream.clone(),
        from: at,
        to: at.saturating_add(1),
    }
}

/// The last picture of a view of a stream up to a time. Blocks.
fn still(
    view: View<LibrarySource>,
    stream: &StreamName,
    at: Micros,
) -> Result<Option<Found<LibrarySource>>, Refusal> {
    let tape = view.source.clone();
    let still = view.still(at).map_err(|error| of_file(&error))?;
    Ok(still.map(|still| Found {
        // The tape is held back by DTS, as it is recorded.
        ranges: vec![moment(stream, still.entry())],
        still,
        tape: Some(tape),
    }))
}

/// A time that the viewer may have a picture of: the latest one that it may, where more is asked for.
fn allowed(at: Micros, (earliest, latest): Bounds) -> Result<Micros, Refusal> {
    if earliest.is_some_and(|earliest| at < earliest) {
        return Err(Refusal::not_found("there is nothing here that you may see"));
    }
    Ok(latest.map_or(at, |latest| at.min(latest)))
}

async fn answer<S: TapeSource + Send + Sync + 'static>(
    door: &Arc<Door>,
    (found, wanted): (Option<Found<S>>, Option<Wanted>),
    (name, of, (earliest, _)): (&str, Of, Bounds),
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    // Over a gap the last picture may lie before what the viewer may have.
    let may_have = |found: &Found<S>| earliest.is_none_or(|earliest| found.still.utc() >= earliest);
    let Some(Found { still, tape, ranges }) = found.filter(may_have) else {
        return Err(Refusal::not_found(
            "there is no picture at this time or shortly before",
        ));
    };
    grant.sight.tape(&ranges, of)?;
    let stream = ranges.first().map(|range| range.stream.clone());
    let utc = still.utc();
    let sent = Sent {
        len: still.len(),
        etag: format!("\"{name}-{utc:x}-{:x}\"", still.len()),
        source: Arc::new(Reading::new(still)),
        tape,
        media_type: "video/mp4",
        pace: Pace::Player,
        changed: Some(utc),
        until: grant.until,
        guard: grant.sight.guard(ranges, of),
    };
    let mut answer = match wanted.zip(stream) {
        None => send(door, &sent, how),
        Some((wanted, stream)) => {
            let work = pictures::Work::Still(wanted);
            pictures::answer(door, (&stream, sent), work, how).await?
        }
    };
    set(&mut answer, TIME, &rfc3339(utc));
    Ok(answer)
}
