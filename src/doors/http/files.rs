//! A recording as one file: MP4, fragmented MP4, FLV or its sound. Made while it is read, in any order, like an export.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue,
    LAST_MODIFIED,
};
use hyper::{HeaderMap, Method, Response, StatusCode};
use tokio::time::Instant;

use super::answer::{Answer, Refusal, bytes, empty, set};
use super::body::{Body, FileBody, Source};
use super::door::Door;
use super::encrypted;
use super::flow::Pace;
use super::held::{Grant, Guard, Of};
use super::layouts::{Front, Key, LaidFile, Layout, Version, What};
use super::query::Query;
use super::range::Part;
use crate::format::mp4::Labels;
use crate::format::{FileError, FileFormat, Plan, VirtualFile};
use crate::media::{Micros, RecordingId, TrackKind, Zone};
use crate::model::{Form, When, recording_path};
use crate::store::{Deletion, Library, LibrarySource, RecordingRow, RecordingState, StoreError};

/// The header with the number of files, where there are several.
const PARTS: &str = "x-edgereel-parts";

/// The part of a recording that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    from: Option<When>,
    to: Option<When>,
    /// The number of the file, from 1.
    part: usize,
    /// Whether it is to have a track of times. Nothing where the template decides.
    times: Option<bool>,
}

/// A file that a response sends.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) source: Arc<dyn Source>,
    /// The tape that it is made of. None for what is in memory.
    pub(super) tape: Option<LibrarySource>,
    pub(super) len: u64,
    /// The strong tag, with its quotes.
    pub(super) etag: String,
    pub(super) media_type: &'static str,
    pub(super) pace: Pace,
    /// UTC of the newest media in it, in microseconds, where it is known.
    pub(super) changed: Option<Micros>,
    /// When the viewer's right to it ends.
    pub(super) until: Option<Instant>,
    /// The tape that must not be held back while it is sent. None for what no viewer is kept from.
    pub(super) guard: Option<Guard>,
}

/// A virtual file that one response reads.
pub(super) struct Reading<F>(Mutex<F>);

/// The file of a layout that many responses read, each for itself. What they read first they have in common.
struct Shared<F> {
    reading: Reading<F>,
    laid: Arc<LaidFile>,
}

/// How times in a query are written, as a part of a sentence.
const TIME: &str = "a time: write it as in 2026-11-20T08:00:00Z, or as a length of time from the beginning of the recording, as \
                    in 90s";

impl Range {
    pub(super) fn parse(query: &Query) -> Result<Range, Refusal> {
        let part = query.read::<usize>("part", "a number of a file")?;
        if part == Some(0) {
            return Err(Refusal::parameter("part", "part: files are counted from 1"));
        }
        Ok(Range {
            from: query.read("from", TIME)?,
            to: query.read("to", TIME)?,
            part: part.unwrap_or(1),
            times: query.value("times").map(|_| query.is_set("times")),
        })
    }
}

impl<F> Reading<F> {
    pub(super) fn new(file: F) -> Self {
        Self(Mutex::new(file))
    }
}

impl<F: VirtualFile + Send> Source for Reading<F> {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match file.read_at(offset, buffer) {
            Ok(count) if count == buffer.len() => Ok(()),
            Ok(count) => Err(format!(
                "of {} bytes at {offset} there were {count}",
                buffer.len()
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl<F: VirtualFile + Send> Source for Shared<F> {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        if self.laid.front.read(offset, buffer) {
            return Ok(());
        }
        self.reading.read(offset, buffer)?;
        if offset == 0 {
            self.laid.front.keep(buffer);
        }
        Ok(())
    }
}

/// The earliest and the latest time of media that a viewer may have, UTC, where there are bounds.
pub(super) type Bounds = (Option<Micros>, Option<Micros>);

/// A part of a recording, as far as the bounds let a viewer have it.
pub(super) fn within((from, to): Bounds, (earliest, latest): Bounds) -> Bounds {
    let to = match (to, latest) {
        (Some(to), Some(latest)) => Some(to.min(latest)),
        (to, latest) => to.or(latest),
    };
    (from.max(earliest), to)
}

/// Answers a request for a recording's file.
pub(super) async fn file(
    door: &Arc<Door>,
    row: &RecordingRow,
    format: FileFormat,
    (query, bounds): (&Query, Bounds),
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    encrypted::in_clear(door, row)?;
    let range = Range::parse(query)?;
    if range.times == Some(true) {
        timed(row, format)?;
    }
    if format != FileFormat::Mp4 {
        joined(row)?;
    }
    let laid = find(door, row, format, (range, bounds)).await?;
    grant.sight.tape(&laid.ranges, Of::Recording(row.id))?;
    let tape = laid.source.renewed();
    let sent = Sent {
        source: Arc::new(Shared {
            reading: Reading::new(laid.plan.open(tape.clone())),
            laid: laid.clone(),
        }),
        tape: Some(tape),
        len: laid.plan.len(),
        etag: laid.etag.clone(),
        media_type: format.mime(),
        pace: Pace::File,
        changed: Some(laid.end),
        until: grant.until,
        guard: grant.sight.guard(laid.ranges.clone(), Of::Recording(row.id)),
    };
    let mut answer = send(door, &sent, how);
    // A player of the first file would be at its end, and say nothing of the others.
    if laid.parts > 1 {
        set(&mut answer, PARTS, &laid.parts.to_string());
    }
    if query.is_set("download") {
        let name = format!("attachment; filename=\"{}\"", stored_name(row, format));
        set(&mut answer, CONTENT_DISPOSITION, &name);
    }
    Ok(answer)
}

/// Refuses a track of times where there cannot be one.
fn timed(row: &RecordingRow, format: FileFormat) -> Result<(), Refusal> {
    if format == FileFormat::Mp4 && !matches!(row.form, Form::Lapse(_)) {
        return Ok(());
    }
    Err(Refusal::parameter(
        "times",
        "times: only an MP4 has a track of times, and that of a time lapse has none: leave times out, or ask for .mp4",
    ))
}

/// Refuses what there is not of a composition that is played in another way than its tape.
pub(super) fn joined(row: &RecordingRow) -> Result<(), Refusal> {
    if row.form.is_joined() {
        return Ok(());
    }
    Err(Refusal::not_found(format!(
        "recording {0} is {1}, and there is an MP4 of all of it alone: {2}.mp4",
        row.id,
        row.form,
        recording_path(row.id)
    )))
}

/// Finds a file among those that players read now, or lays it out.
async fn find(
    door: &Arc<Door>,
    row: &RecordingRow,
    format: FileFormat,
    (range, bounds): (Range, Bounds),
) -> Result<Arc<LaidFile>, Refusal> {
    let asked = |when: Option<When>| when.map(|when| when.from(row.start));
    let (from, to) = within((asked(range.from), asked(range.to)), bounds);
    if from.is_some() || to.is_some() {
        joined(row)?;
    }
    let is_open = row.state == RecordingState::Open;
    let grows = is_open && to.is_none_or(|to| to > row.end);
    let times = row.times(range.times);
    let has_labels = matches!(format, FileFormat::Mp4 | FileFormat::M4a);
    let version = Version {
        start: row.start,
        grown: grows.then_some((row.end, row.bytes)),
        labels: if has_labels { mark_of(row, &times) } else { 0 },
    };
    let key = Key {
        recording: row.id,
        what: What::File {
            format,
            from,
            to,
            part: range.part,
            times: times.is_some(),
        },
    };
    if let Some(Layout::File(file)) = door.layouts.find(&key, version, Instant::now()) {
        return Ok(file);
    }
    // Those who ask together wait for one of them, who lays it out: each alone would find out the same, and keep it as long as
    // it reads.
    let _turn = door.turn(&key).await?;
    if let Some(Layout::File(file)) = door.layouts.find_as_new(&key, version, Instant::now()) {
        return Ok(file);
    }
    let laying = door.laying().await?;
    let recording = row.id;
    let (of, is_labelled) = (row.clone(), version.labels != 0);
    let read = move |library: &Library| {
        let _laying = laying;
        let (view, end) = view(library, recording, is_open, (from, to))?;
        let is_part = from.is_some() || to.is_some();
        let ranges = of
            .ranges_of(&view, is_part)
            .map_err(|error| of_store(&error.into()))?;
        let labelled = is_labelled.then_some((&of, is_part));
        lay_out(view, (format, range.part), labelled, times).map(|(plan, source, parts)| {
            LaidFile {
                parts,
                etag: format!("\"{recording}-{}-{}\"", format.extension(), plan.tag()),
                plan,
                source,
                // The times of a film are not those of its tape.
                end: if of.form.is_joined() { end } else { of.end },
                ranges,
                front: Front::default(),
            }
        })
    };
    let file = Arc::new(door.read(read).await?);
    door.keep(key, version, Layout::File(file.clone()));
    Ok(file)
}

type View = crate::format::View<LibrarySource>;

/// The tape of a recording, or of a part of it, and UTC of its end. Blocks.
pub(super) fn view(
    library: &Library,
    recording: RecordingId,
    is_open: bool,
    (from, to): (Option<Micros>, Option<Micros>),
) -> Result<(View, Micros), Refusal> {
    let view = if is_open {
        library.growing_view(recording)
    } else {
        library.view(recording)
    };
    let mut view = view.map_err(|error| of_store(&error))?;
    if from.is_some() || to.is_some() {
        // Moments of its ranges may be in any order.
        if view.segments.iter().any(|segment| segment.range > 0) {
            return Err(Refusal::bad_request(format!(
                "recording {recording} is put together of ranges, and has no part from one time to another: recording.cut makes a recording \
                 of a part of it"
            )));
        }
        view = view
            .trim(from.unwrap_or(Micros::MIN), to.unwrap_or(Micros::MAX))
            .map_err(|error| Refusal::gone(error.to_string()))?;
    }
    let bounds = view.bounds().map_err(|error| Refusal::gone(error.to_string()))?;
    match bounds.and_then(|(_, end)| view.utc(end)) {
        Some(end) => Ok((view, end)),
        None => Err(Refusal::not_found(
            "the recording has nothing between these times",
        )),
    }
}

/// A mark of what people wrote about a recording that is in the head of its files, and of its track of times; 0 where there is
/// nothing.
fn mark_of(row: &RecordingRow, times: &Option<Zone>) -> u64 {
    let labels = Labels {
        times: times.clone(),
        ..row.labels()
    };
    if labels == Labels::default() {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    labels.hash(&mut hasher);
    hasher.finish().max(1)
}

/// Lays a file out. Reads every index of the view; blocks.
fn lay_out(
    view: View,
    (format, part): (FileFormat, usize),
    labelled: Option<(&RecordingRow, bool)>,
    times: Option<Zone>,
) -> Result<(Plan, LibrarySource, usize), Refusal> {
    let view = match format {
        FileFormat::M4a | FileFormat::Adts => view.only(TrackKind::Audio),
        FileFormat::Mp4 | FileFormat::Fmp4 | FileFormat::Flv => view,
    };
    let mut parts = match format {
        FileFormat::Flv => vec![view],
        FileFormat::Mp4 | FileFormat::Fmp4 | FileFormat::M4a | FileFormat::Adts => view.parts(),
    };
    let count = parts.len();
    if part > count {
        let message = format!("part: there is no file {part}; there are {count}");
        return Err(Refusal::parameter("part", message));
    }
    let view = parts.swap_remove(part - 1);
    let source = view.source.clone();
    let labels = match labelled {
        Some((row, is_part)) if is_part || count > 1 => row.labels_of(&view),
        Some((row, _)) => row.labels(),
        None => Labels::default(),
    };
    let labels = Labels { times, ..labels };
    let plan = Plan::labelled(format, view, &labels).map_err(|error| of_file(&error))?;
    Ok((plan, source, count))
}

/// The response with a file, or the part of it that the headers ask for.
pub(super) fn send(door: &Door, file: &Sent, (method, headers): (&Method, &HeaderMap)) -> Answer {
    let len = file.len;
    let mut answer = match Part::of(headers, &file.etag, len) {
        Part::NotModified => empty(StatusCode::NOT_MODIFIED),
        Part::Changed => empty(StatusCode::PRECONDITION_FAILED),
        Part::Outside => {
            let refusal = Refusal {
                status: StatusCode::RANGE_NOT_SATISFIABLE,
                code: "bad_range",
                ..Refusal::bad_request(format!("the file has {len} bytes"))
            };
            let mut answer = refusal.answer();
            set(&mut answer, CONTENT_RANGE, &format!("bytes */{len}"));
            return answer;
        }
        Part::Whole => part(door, file, (0, len), StatusCode::OK, method),
        Part::Range { start, end } => {
            let mut answer = part(door, file, (start, end), StatusCode::PARTIAL_CONTENT, method);
            let last = end.saturating_sub(1);
            set(&mut answer, CONTENT_RANGE, &format!("bytes {start}-{last}/{len}"));
            answer
        }
    };
    let headers = answer.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    set(&mut answer, ETAG, &file.etag);
    if let Some(date) = file.changed.and_then(http_date) {
        set(&mut answer, LAST_MODIFIED, &date);
    }
    answer
}

fn part(door: &Door, file: &Sent, (start, end): (u64, u64), status: StatusCode, method: &Method) -> Answer {
    let mut answer = if method == Method::HEAD {
        bytes(status, file.media_type, "")
    } else {
        let flow = (door.flow.clone(), file.pace);
        let body = FileBody::new(Arc::clone(&file.source), start, end, flow);
        let lease = file.tape.clone().map(|tape| door.leases.begin(tape));
        let body = body.until(file.until).of(lease).guarded(file.guard.clone());
        let mut answer = Response::new(Body::File(body));
        *answer.status_mut() = status;
        answer
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(end - start));
    answer
}

/// The row of a recording, or why there is none.
pub(super) async fn row(door: &Door, recording: RecordingId) -> Result<RecordingRow, Refusal> {
    let was_there = door.seen.has(recording);
    let read = move |library: &Library| {
        let row = library.recording(recording).map_err(|error| of_store(&error))?;
        match row {
            Some(row) if row.state == RecordingState::Expired => Err(gone(recording)),
            Some(row) => Ok(row),
            None => match library.deletion(recording) {
                Ok(Deletion::None) if was_there => Err(gone(recording)),
                Ok(Deletion::None) => Err(Refusal::not_found(format!(
                    "there is no recording {recording}; `edgereel ls` prints the ids"
                ))),
                Ok(Deletion::Waits | Deletion::Done { .. }) => Err(gone(recording)),
                Err(error) => Err(of_store(&error)),
            },
        }
    };
    let row = door.read(read).await?;
    door.seen.note(recording);
    Ok(row)
}

fn gone(recording: RecordingId) -> Refusal {
    Refusal::gone(format!("recording {recording} is not on the box any more"))
}

/// The answer where a file cannot be made.
pub(super) fn of_file(error: &FileError) -> Refusal {
    match error {
        FileError::Unsupported { .. } => Refusal::not_found(error.to_string()),
        FileError::Source(_) => Refusal::gone(error.to_string()),
    }
}

/// The answer to a failure of the store.
pub(super) fn of_store(error: &StoreError) -> Refusal {
    match error {
        StoreError::NoRecording { .. } => Refusal::not_found(error.to_string()),
        StoreError::Source(_) | StoreError::Unplayable { .. } => Refusal::gone(error.to_string()),
        StoreError::Reading { .. } => {
            Refusal::internal("the store could not be read, which is a defect of edgereel: see its log")
        }
        _ => Refusal::unavailable(
            "the store cannot be read now: the storage device is slow or away; see `edgereel health`",
        ),
    }
}

/// The name under which a browser stores the file: the stream and the start, in characters that every system takes.
fn stored_name(row: &RecordingRow, format: FileFormat) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    let stream: String = row.stream.as_str().chars().map(plain).collect();
    let start = jiff::Timestamp::from_microsecond(row.start).unwrap_or_default();
    // No player knows `fmp4` by its name.
    let extension = match format {
        FileFormat::Fmp4 => FileFormat::Mp4.extension(),
        other => other.extension(),
    };
    format!("{stream}_{}.{extension}", start.strftime("%Y-%m-%dT%H-%M-%SZ"))
}

/// A time as in `Last-Modified` (RFC 9110, section 5.6.7). None for times that this form cannot write.
fn http_date(utc: Micros) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(utc).ok()?;
    Some(time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_recording_is_read_from_the_query() {
        let range = |text: &str| Range::parse(&Query::parse(text).unwrap());
        let whole = range("").unwrap();
        assert_eq!((whole.from, whole.to, whole.part), (None, None, 1));
        let some = range("from=90s&to=1970-01-01T00:00:01.5%2B00:00&part=2").unwrap();
        assert_eq!(some.from, Some(When::Offset(90_000_000)));
        assert_eq!((some.to, some.part), (Some(When::At(1_500_000)), 2));
        for (text, field) in [
            ("from=yesterday", "from"),
            ("to=12", "to"),
            ("part=0", "part"),
            ("part=-1", "part"),
        ] {
            assert_eq!(range(text).unwrap_err().field, Some(field), "{text}");
        }
    }

    #[test]
    fn a_viewer_gets_the_part_that_its_token_is_for() {
        let token = (Some(10), Some(20));
        assert_eq!(within((None, None), token), token);
        assert_eq!(within((Some(5), Some(25)), token), token);
        assert_eq!(within((Some(12), Some(15)), token), (Some(12), Some(15)));
        assert_eq!(within((Some(5), None), (None, None)), (Some(5), None));
    }

    #[test]
    fn dates_are_written_as_http_wants_them() {
        assert_eq!(
            http_date(1_780_000_000_000_001).as_deref(),
            Some("Thu, 28 May 2026 20:26:40 GMT")
        );
    }
}
