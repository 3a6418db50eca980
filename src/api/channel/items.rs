//! From the words of a command to the items of a channel.

use std::str::FromStr;

use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::encrypted::CLOSED;
use crate::api::recording::row_of;
use crate::channel::{Chunk, Item, ListSum, MAX_CHUNKS, MAX_ITEMS};
use crate::config::Streams;
use crate::event::rfc3339;
use crate::format::FileError;
use crate::format::hls::{Hls, Prefix, TARGET_MS};
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::When;
use crate::store::{Filter, Library, LibrarySource, RecordingRow, RecordingState, StoreError, TapeSpan};

/// `RECORDING`, `RECORDING@FROM..TO` or `APP/STREAM@FROM..TO`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    of: Of,
    from: Option<When>,
    to: Option<When>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    /// An id of a recording, its beginning, or `last`.
    Recording(String),
    Stream(StreamName),
}

/// A part of a recording, from and to in microseconds from its beginning.
struct Part {
    row: RecordingRow,
    from: Option<Micros>,
    to: Option<Micros>,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, times) = match text.rsplit_once('@') {
            Some((name, times)) => (name, Some(times)),
            None => (text, None),
        };
        let time = |text: &str| match text {
            "" => Ok(None),
            text => text.parse::<When>().map(Some),
        };
        let (from, to) = match times.map(|times| times.split_once("..")) {
            None => (None, None),
            Some(Some((from, to))) => (time(from)?, time(to)?),
            Some(None) => return Err("write a part of a recording as in 0197a2@10min..12min".to_owned()),
        };
        if !name.contains('/') {
            let of = Of::Recording(name.to_owned());
            return Ok(Self { of, from, to });
        }
        let of = Of::Stream(name.parse().map_err(|error| format!("{error}"))?);
        if from.is_none() || to.is_none() {
            return Err("of a stream both times are needed, as in live/cam1@2h..1h".to_owned());
        }
        Ok(Self { of, from, to })
    }
}

/// The items that these words stand for.
pub(super) async fn items(api: &Api, texts: &[String], now: Micros) -> Result<Vec<Item>, Failure> {
    let wrong = |text: &str| Failure::bad(text).about("items");
    if !(1..=MAX_ITEMS).contains(&texts.len()) {
        return Err(wrong(&format!("items: a channel has 1 to {MAX_ITEMS}")));
    }
    let mut items: Vec<Item> = Vec::new();
    let mut chunks = 0;
    for text in texts {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(128).collect();
        let asked: Asked = text
            .parse()
            .map_err(|error| wrong(&format!("items: '{shown}': {error}")))?;
        for part in parts(api, asked, now).await? {
            let item = lay_out(api, part).await?;
            chunks += item.chunks.as_slice().len();
            items.push(item);
            if items.len() > MAX_ITEMS || chunks > MAX_CHUNKS {
                return Err(wrong(&format!(
                    "items: a channel has at most {MAX_ITEMS} items and {MAX_CHUNKS} chunks; '{shown}' is too much"
                )));
            }
        }
    }
    Ok(items)
}

/// The recordings of an item, in order.
async fn parts(api: &Api, asked: Asked, now: Micros) -> Result<Vec<Part>, Failure> {
    match asked.of {
        Of::Recording(text) => {
            let row = row_of(api, text).await.map_err(|error| error.about("items"))?;
            if !is_complete(&row) {
                let text = format!(
                    "recording {} is {}: a channel shows what is complete",
                    row.id,
                    row.state.as_str()
                );
                return Err(Failure::new(Code::Conflict, text).about("items"));
            }
            let since = |when: When| when.from(row.start).saturating_sub(row.start);
            let (from, to) = (asked.from.map(since), asked.to.map(since));
            let length = row.end.saturating_sub(row.start);
            if from.unwrap_or(0).max(0) >= to.unwrap_or(length).min(length) {
                let text = format!("items: recording {} has nothing between these times", row.id);
                return Err(Failure::bad(text).about("items"));
            }
            // What is asked for beyond its ends is not there, and the whole of a recording has one name.
            let from = from.filter(|from| *from > 0);
            let to = to.filter(|to| *to < length);
            Ok(vec![Part { row, from, to }])
        }
        Of::Stream(stream) => {
            api.sees(&stream)?;
            let at = |when: Option<When>| when.map_or(now, |when| when.before(now));
            let (from, to) = (at(asked.from), at(asked.to));
            if from >= to {
                let text = format!("items: '{stream}': the end is not behind the beginning");
                return Err(Failure::bad(text).about("items"));
            }
            let filter = Filter {
                stream: Some(Streams::from(stream.clone())),
                from: Some(from),
                to: Some(to),
            };
            let rows = api.read(move |library| library.recordings(&filter)).await?;
            let parts = one_by_one(rows, from, to);
            if parts.is_empty() {
                let text = format!(
                    "no recording of '{stream}' that is complete is between {} and {}",
                    rfc3339(from),
                    rfc3339(to)
                );
                return Err(Failure::new(Code::NotFound, text).about("items"));
            }
            Ok(parts)
        }
    }
}

fn is_complete(row: &RecordingRow) -> bool {
    matches!(row.state, RecordingState::Closed | RecordingState::Delivered)
}

/// The parts of recordings between two moments, UTC. Of recordings of the same time, the one that began first is taken.
fn one_by_one(rows: Vec<RecordingRow>, from: Micros, to: Micros) -> Vec<Part> {
    // The footage of a composition is that of others.
    let rows = rows.into_iter().filter(|row| is_complete(row) && !row.composed);
    let mut rows: Vec<RecordingRow> = rows.collect();
    rows.sort_by_key(|row| row.start);
    let mut parts = Vec::new();
    let mut until = from;
    for row in rows {
        let (begins, ends) = (row.start.max(until), row.end.min(to));
        if begins >= ends {
            continue;
        }
        until = ends;
        parts.push(Part {
            from: (begins > row.start).then(|| begins - row.start),
            to: (ends < row.end).then(|| ends - row.start),
            row,
        });
    }
    parts
}

async fn lay_out(api: &Api, part: Part) -> Result<Item, Failure> {
    if api.is_row_closed(&part.row) {
        let text = format!("recording {} cannot be shown: {CLOSED}", part.row.id);
        return Err(Failure::new(Code::Conflict, text).about("items"));
    }
    if !part.row.form.is_joined() {
        let text = format!(
            "recording {} is {}, which is an MP4 alone: a channel shows recordings that are played as HLS",
            part.row.id, part.row.form
        );
        return Err(Failure::new(Code::Conflict, text).about("items"));
    }
    if part.row.composed && (part.from.is_some() || part.to.is_some()) {
        let text = format!(
            "recording {} is put together of ranges, and a channel shows all of it: make a recording of the part with recording.cut",
            part.row.id
        );
        return Err(Failure::new(Code::Conflict, text).about("items"));
    }
    api.expect_shown(&part.row)
        .map_err(|failure| failure.about("items"))?;
    let laid = api.read(move |library| Ok(laid(library, &part)));
    laid.await?.map_err(|failure| failure.about("items"))
}

/// Why a recording is not laid out.
#[derive(Debug, thiserror::Error)]
pub enum NotLaid {
    /// It cannot be read. That may pass.
    #[error(transparent)]
    Unread(#[from] StoreError),
    /// HLS cannot carry it, it is not what it was, or it is gone. That does not pass.
    #[error("{0}")]
    Unfit(String),
    /// It is held back from viewers. That may pass.
    #[error("{0}")]
    Held(String),
}

/// A recording that is laid out.
pub struct LaidOut {
    /// Its HLS.
    pub hls: Hls<()>,
    /// Its tape.
    pub source: LibrarySource,
    /// Which tape that is.
    pub ranges: Vec<TapeSpan>,
}

impl From<FileError> for NotLaid {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Source(source) => NotLaid::Unread(source.into()),
            FileError::Unsupported { .. } => NotLaid::Unfit(error.to_string()),
        }
    }
}

/// The part of a recording as HLS, which the door for viewers lays out in the same way, and its tape. Blocks.
fn hls(
    library: &Library,
    row: &RecordingRow,
    bounds: (Option<Micros>, Option<Micros>),
) -> Result<(Hls<()>, LibrarySource, Vec<TapeSpan>), NotLaid> {
    let view = library.view(row.id)?;
    let view = match bounds {
        (None, None) => view,
        (from, to) => view
            .trim(from.unwrap_or(Micros::MIN), to.unwrap_or(Micros::MAX))
            .map_err(StoreError::from)?,
    };
    let source = view.source.clone();
    let ranges = row
        .ranges_of(&view, bounds != (None, None))
        .map_err(StoreError::from)?;
    let (hls, _) = Hls::resume(view, TARGET_MS, Prefix::default())?;
    Ok((hls.with(()), source, ranges))
}

/// How many chunks the HLS of a recording has at most, here or where it is delivered. Blocks.
pub(in crate::api) fn chunk_count(library: &Library, recording: RecordingId) -> Result<usize, Failure> {
    let row = library.recording(recording)?;
    let view = match row.map(|row| row.state) {
        Some(RecordingState::Open) => library.growing_view(recording)?,
        _ => library.view(recording)?,
    };
    let unfit = |error: FileError| Failure::new(Code::Conflict, error.to_string());
    // What is delivered when it is complete may be cut otherwise than what is played.
    let whole = Hls::open(view.clone(), TARGET_MS).map_err(unfit)?;
    let (played, _) = Hls::resume(view, TARGET_MS, Prefix::default()).map_err(unfit)?;
    Ok(whole.chunks().max(played.chunks()))
}

/// The HLS of an item and its tape, as they were when the channel was made: `list` is what the item's list says. Fails where the
/// recording is gone or has lost a part. Blocks.
pub fn laid_out(library: &Library, item: &Item, list: ListSum) -> Result<LaidOut, NotLaid> {
    let recording = item.recording;
    let row = library.recording(recording)?;
    let row =
        row.ok_or_else(|| NotLaid::Unfit(format!("recording {recording} is not on the box any more")))?;
    if row.spec.output.is_closed() {
        return Err(NotLaid::Unfit(format!("recording {recording}: {CLOSED}")));
    }
    if row.is_held_back() {
        return Err(NotLaid::Held(format!("recording {recording} is held back")));
    }
    let at = |since: Option<Micros>| since.map(|since| row.start.saturating_add(since));
    let (hls, source, ranges) = hls(library, &row, (at(item.from), at(item.to)))?;
    if ListSum::of(&hls) != list {
        let text = format!("recording {recording} is not what it was when the channel was made");
        return Err(NotLaid::Unfit(text));
    }
    Ok(LaidOut { hls, source, ranges })
}

fn laid(library: &Library, part: &Part) -> Result<Item, Failure> {
    let row = &part.row;
    let at = |since: Option<Micros>| since.map(|since| row.start.saturating_add(since));
    let unplayable = |why: String| {
        let text = format!("recording {} cannot be shown: {why}", row.id);
        Failure::new(Code::Conflict, text)
    };
    let (hls, ..) = hls(library, row, (at(part.from), at(part.to))).map_err(|error| match error {
        NotLaid::Unread(error) => Failure::from(error),
        NotLaid::Unfit(why) | NotLaid::Held(why) => unplayable(why),
    })?;
    let too_much = || unplayable("its chunks are too many or too long".to_owned());
    if hls.chunks() > MAX_CHUNKS {
        return Err(too_much());
    }
    let chunks: Option<Vec<Chunk>> = hls.folder_chunks().map(|chunk| Chunk::of(&chunk)).collect();
    Ok(Item {
        recording: row.id,
        stream: row.stream.clone(),
        also: row.also.clone(),
        from: part.from,
        to: part.to,
        lead_ms: u32::try_from(hls.lead_ms()).map_err(|_| too_much())?,
        inits: hls.named_inits().map(|(name, _)| name).collect(),
        variant: hls.variant(),
        chunks: chunks.ok_or_else(too_much)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::SourceError;
    use crate::media::SegmentId;

    #[test]
    fn a_fault_of_the_storage_device_is_no_fault_of_the_recording() {
        let source = || SourceError {
            segment: SegmentId::new(1),
            reason: "I/O error".to_owned(),
        };
        let of = |error: NotLaid| matches!(error, NotLaid::Unread(_));
        assert!(of(FileError::Source(source()).into()));
        assert!(of(StoreError::Busy.into()));
        let unfit = FileError::Unsupported {
            format: "hls",
            reason: "no track".to_owned(),
        };
        assert!(!of(unfit.into()));
        let failure = Failure::from(StoreError::from(source()));
        assert_eq!(failure.code, Code::Unavailable);
    }

    #[test]
    fn an_item_is_a_recording_or_a_part_of_one_or_a_time_of_a_stream() {
        let asked: Asked = "0197a2".parse().unwrap();
        assert_eq!((asked.of, asked.from), (Of::Recording("0197a2".to_owned()), None));
        let asked: Asked = "last@10s..".parse().unwrap();
        assert_eq!((asked.from, asked.to), (Some(When::Offset(10_000_000)), None));
        let asked: Asked = "live/cam1@2h..1970-01-01T00:00:01Z".parse().unwrap();
        assert_eq!(asked.of, Of::Stream("live/cam1".parse().unwrap()));
        assert_eq!(asked.to, Some(When::At(1_000_000)));
        for bad in [
            "0197a2@",
            "0197a2@10s",
            "0197a2@x..",
            "live/cam1",
            "live/cam1@2h..",
            "live/../x@2h..1h",
        ] {
            assert!(bad.parse::<Asked>().is_err(), "{bad}");
        }
    }
}
