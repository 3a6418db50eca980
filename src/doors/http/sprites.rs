//! Small pictures of a whole recording, for players that show them over their bar: a WebVTT track that says which picture is shown when,
//! the sheets of pictures that it names, and the same sheets as Tencent describes them.
//!
//! What a sheet is made of is found by the tape's indexes alone, and kept for a short while; only the sheet itself needs the media
//! worker. All addresses say everything that a sheet depends on, so they can be asked for in any order.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Method, StatusCode};
use serde_json::json;

use super::answer::{Answer, Refusal, json as json_answer, set};
use super::door::Door;
use super::encrypted;
use super::files::{Bounds, Reading, Sent, joined, of_file, of_store, view};
use super::flow::Pace;
use super::folder::playlist;
use super::held::{Grant, Of};
use super::pictures::{self, Work};
use super::query::Query;
use super::target::SpriteFile;
use crate::format::{Pick, Picks, VirtualFile as _, keyframes};
use crate::media::{Micros, RecordingId};
use crate::model::Span;
use crate::store::{Library, LibrarySource, RecordingRow, RecordingState, TapeSpan};
use crate::worker::{MOST_KEYFRAMES, Sheet};

/// The most pictures of a recording. The time between two is doubled until they are no more.
const MOST: usize = 2_000;
/// The time between two pictures where none is asked for, and the least and the most.
const EVERY: Span = Span::from_secs(10);
const LEAST: Span = Span::from_secs(1);
const LONGEST: Span = Span::from_secs(3_600);
/// Cells beside and below each other where nothing is asked for.
const CELLS: u8 = 10;
/// Pixels of the width of a cell where nothing is asked for.
const WIDTH: u16 = 160;
/// The fewest and the most pixels of a side of a cell.
const SIDES: std::ops::RangeInclusive<u16> = 16..=512;
const QUALITY: u8 = 75;
/// The most bytes of the keyframes of a sheet. The index of their file comes on top.
const BYTES: u64 = MOST_KEYFRAMES - (1 << 20);
/// How many recordings are remembered.
const PLANS: usize = 8;

/// What a request says of its pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    every: Span,
    /// None where the other side and the shape of the picture decide.
    width: Option<u16>,
    height: Option<u16>,
    columns: u8,
    rows: u8,
    quality: u8,
}

/// The keyframes of a recording that were found last.
#[derive(Default)]
pub(super) struct Plans(Mutex<VecDeque<(Key, Arc<Planned>)>>);

/// What the keyframes depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    recording: RecordingId,
    start: Micros,
    /// The end and the bytes of a recording that grows.
    grown: Option<(Micros, u64)>,
    bounds: Bounds,
    every: Span,
}

/// The keyframes of a recording, and what they are read from.
struct Planned {
    picks: Picks,
    source: LibrarySource,
    ranges: Vec<TapeSpan>,
}

/// Answers a request for a file of the small pictures of a recording.
pub(super) async fn answer(
    door: &Arc<Door>,
    row: &RecordingRow,
    file: SpriteFile,
    (query, inherited, bounds): (&Query, Option<&str>, Bounds),
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    encrypted::in_clear(door, row)?;
    joined(row)?;
    let wanted = Wanted::of(query)?;
    let planned = plan(door, row, bounds, wanted.every).await?;
    grant.sight.tape(&planned.ranges, Of::Recording(row.id))?;
    let picks = &planned.picks;
    let sheet = wanted.sheet(picks)?;
    let sheets = sheets(&picks.picks, sheet);
    let every = Span::from_millis(picks.every.unsigned_abs() / 1_000);
    // What the request shows is what the next one is to show, as in playlists.
    let inherited = inherited.filter(|inherited| !inherited.is_empty());
    let inherited = inherited.map_or(String::new(), |inherited| format!("&{inherited}"));
    let words = format!(
        "every={every}&width={}&height={}&columns={}&rows={}&quality={}",
        sheet.width, sheet.height, sheet.columns, sheet.rows, sheet.quality
    );
    let address = |number: usize| format!("sprite.jpg?{words}&sheet={number}{inherited}");
    match file {
        SpriteFile::Track => {
            let mut answer = playlist(door, track(picks, &sheets, sheet, address).into_bytes(), how);
            set(&mut answer, CONTENT_TYPE, "text/vtt");
            Ok(answer)
        }
        SpriteFile::Facts => {
            let facts = json!({
                "Height": sheet.height,
                "Width": sheet.width,
                "TotalCount": picks.picks.len(),
                "ImageUrlSet": (1..=sheets.len()).map(address).collect::<Vec<_>>(),
                "WebVttUrl": format!("sprites.vtt?{words}{inherited}"),
            });
            Ok(json_answer(StatusCode::OK, &facts))
        }
        SpriteFile::Sheet => {
            let number = query.read::<usize>("sheet", "a number of a sheet")?.unwrap_or(1);
            let range = number.checked_sub(1).and_then(|number| sheets.get(number));
            let cells = range.and_then(|range| picks.picks.get(range.clone()));
            let Some(cells) = cells else {
                let message = format!(
                    "sheet: there is no sheet {number}; there are {}, counted from 1",
                    sheets.len()
                );
                return Err(Refusal::parameter("sheet", message));
            };
            let tape = planned.source.renewed();
            let file = keyframes(tape.clone(), cells).map_err(|error| of_file(&error))?;
            let sent = Sent {
                len: file.len(),
                source: Arc::new(Reading::new(file)),
                tape: Some(tape),
                etag: format!("\"{}-sheet-{:x}\"", row.id, mark_of(cells)),
                media_type: "video/mp4",
                pace: Pace::Player,
                changed: cells.iter().map(|pick| pick.utc).max(),
                until: grant.until,
                guard: grant.sight.guard(planned.ranges.clone(), Of::Recording(row.id)),
            };
            let work = Work::Sheet(sheet.of_cells(cells.len()));
            pictures::answer(door, (&row.stream, sent), work, how).await
        }
    }
}

impl Wanted {
    fn of(query: &Query) -> Result<Self, Refusal> {
        let every = query.read::<Span>("every", "a length of time: write it as in 10s")?;
        let every = every.unwrap_or(EVERY);
        if !(LEAST..=LONGEST).contains(&every) {
            return Err(Refusal::parameter(
                "every",
                format!("every: from {LEAST} to {LONGEST}"),
            ));
        }
        let side = |name: &'static str| match query.read::<u16>(name, "a number of pixels")? {
            None | Some(0) => Ok(None),
            Some(side) if SIDES.contains(&side) && side.is_multiple_of(2) => Ok(Some(side)),
            Some(_) => {
                let (least, most) = (SIDES.start(), SIDES.end());
                let message = format!("{name}: of a cell, an even number from {least} to {most}");
                Err(Refusal::parameter(name, message))
            }
        };
        let cells = |name: &'static str| match query.read::<u8>(name, "a number of cells")? {
            None => Ok(CELLS),
            Some(cells @ 1..=CELLS) => Ok(cells),
            Some(_) => Err(Refusal::parameter(
                name,
                format!("{name}: from 1 to {CELLS} cells"),
            )),
        };
        Ok(Self {
            every,
            width: side("width")?,
            height: side("height")?,
            columns: cells("columns")?,
            rows: cells("rows")?,
            quality: pictures::quality(query, QUALITY)?,
        })
    }

    /// The sheet of these pictures: the side that nobody asked for has the shape of the first one.
    fn sheet(self, picks: &Picks) -> Result<Sheet, Refusal> {
        let shape = picks
            .picks
            .first()
            .map(|pick| (pick.video.width, pick.video.height));
        let shape = shape
            .filter(|(width, height)| *width > 0 && *height > 0)
            .unwrap_or((16, 9));
        let side = |side: u16, (from, to): (u16, u16)| {
            let fitting = u32::from(side) * u32::from(to) / u32::from(from.max(1));
            let fitting = u16::try_from(fitting).unwrap_or(u16::MAX) & !1;
            fitting.clamp(*SIDES.start(), *SIDES.end())
        };
        let (wide, high) = shape;
        let (width, height) = match (self.width, self.height) {
            (Some(width), Some(height)) => (width, height),
            (None, Some(height)) => (side(height, (high, wide)), height),
            (width, None) => {
                let width = width.unwrap_or(WIDTH);
                (width, side(width, (wide, high)))
            }
        };
        let sheet = Sheet {
            columns: self.columns,
            rows: self.rows,
            width,
            height,
            quality: self.quality,
        };
        if sheet.is_possible() {
            return Ok(sheet);
        }
        let message = format!(
            "columns: a sheet of {} by {} cells of {width} by {height} pixels is too large: ask for smaller cells, or for fewer columns or rows",
            sheet.columns, sheet.rows
        );
        Err(Refusal::parameter("columns", message))
    }
}

/// Finds the keyframes of a recording among those that were found last, or by its indexes.
async fn plan(
    door: &Arc<Door>,
    row: &RecordingRow,
    bounds: Bounds,
    every: Span,
) -> Result<Arc<Planned>, Refusal> {
    let is_open = row.state == RecordingState::Open;
    let key = Key {
        recording: row.id,
        start: row.start,
        grown: is_open.then_some((row.end, row.bytes)),
        bounds,
        every,
    };
    let plans = &door.pictures.plans;
    if let Some(planned) = plans.find(key) {
        return Ok(planned);
    }
    let laying = door.laying().await?;
    // Somebody before may have looked for the same.
    if let Some(planned) = plans.find(key) {
        return Ok(planned);
    }
    let (recording, of) = (row.id, row.clone());
    let read = move |library: &Library| {
        let _laying = laying;
        let (view, _) = view(library, recording, is_open, bounds)?;
        let source = view.source.clone();
        let ranges = of
            .ranges_of(&view, bounds != (None, None))
            .map_err(|error| of_store(&error.into()))?;
        let pick = |every| view.clone().picks(every, MOST).map_err(|error| of_file(&error));
        let mut picks = pick(every.as_micros())?;
        // Who asks for as many as there are gets the same ones.
        if picks.every != every.as_micros() {
            picks = pick(picks.every)?;
        }
        Ok(Planned {
            picks,
            source,
            ranges,
        })
    };
    let planned = Arc::new(door.read(read).await?);
    plans.keep(key, Arc::clone(&planned));
    Ok(planned)
}

impl Plans {
    fn find(&self, key: Key) -> Option<Arc<Planned>> {
        let plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = plans.iter().find(|(of, _)| *of == key);
        found.map(|(_, planned)| Arc::clone(planned))
    }

    fn keep(&self, key: Key, planned: Arc<Planned>) {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of a recording that grows, the newest counts.
        plans.retain(|(of, _)| (of.recording, of.bounds, of.every) != (key.recording, key.bounds, key.every));
        if plans.len() == PLANS {
            plans.pop_front();
        }
        plans.push_back((key, planned));
    }
}

/// Which pictures each sheet has. A sheet ends when it is full, when its keyframes have as many bytes as the worker takes, and where
/// another configuration decodes the next ones.
fn sheets(picks: &[Pick], sheet: Sheet) -> Vec<Range<usize>> {
    let cells = usize::from(sheet.columns) * usize::from(sheet.rows);
    let mut sheets: Vec<Range<usize>> = Vec::new();
    let (mut bytes, mut before): (u64, Option<&Pick>) = (0, None);
    for (number, pick) in picks.iter().enumerate() {
        let is_same = before.is_some_and(|before| before.place() == pick.place());
        let more = if is_same { 0 } else { pick.bytes() };
        let is_like = before.is_some_and(|before| before.video.decodes_like(&pick.video));
        before = Some(pick);
        match sheets.last_mut() {
            Some(last) if is_like && last.len() < cells && bytes + more <= BYTES => {
                last.end = number + 1;
                bytes += more;
            }
            _ => {
                sheets.push(number..number + 1);
                bytes = pick.bytes();
            }
        }
    }
    sheets
}

/// The track: a cue for each picture.
fn track(picks: &Picks, sheets: &[Range<usize>], sheet: Sheet, address: impl Fn(usize) -> String) -> String {
    let every = picks.every.unsigned_abs() / 1_000;
    let length = picks.length.unsigned_abs().div_ceil(1_000);
    let mut text = "WEBVTT\n".to_owned();
    for (number, range) in sheets.iter().enumerate() {
        let address = address(number + 1);
        for (cell, pick) in range.clone().enumerate() {
            let (column, row) = (
                cell % usize::from(sheet.columns),
                cell / usize::from(sheet.columns),
            );
            let (x, y) = (column * usize::from(sheet.width), row * usize::from(sheet.height));
            let from = every.saturating_mul(pick as u64);
            let is_last = pick + 1 == picks.picks.len();
            let to = if is_last {
                length
            } else {
                from.saturating_add(every)
            };
            let to = to.max(from.saturating_add(1));
            let (from, to) = (time(from), time(to));
            // Writing into a text does not fail.
            let _ = write!(
                text,
                "\n{from} --> {to}\n{address}#xywh={x},{y},{},{}\n",
                sheet.width, sheet.height
            );
        }
    }
    text
}

/// Milliseconds as WebVTT writes them.
fn time(ms: u64) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1_000)
}

/// A mark of the pictures of a sheet.
fn mark_of(picks: &[Pick]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for pick in picks {
        pick.place().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing::{eventful, view};

    fn wanted(text: &str) -> Result<Wanted, Refusal> {
        Wanted::of(&Query::parse(text).unwrap())
    }

    #[test]
    fn cells_are_asked_for_within_bounds_and_have_the_shape_of_the_picture() {
        // 320 by 240.
        let picks = view(&eventful()).picks(1_000_000, 100).unwrap();
        let size = |text: &str| {
            let sheet = wanted(text).unwrap().sheet(&picks).unwrap();
            (sheet.width, sheet.height)
        };
        assert_eq!(size(""), (160, 120));
        assert_eq!(size("width=120&height=68"), (120, 68));
        assert_eq!(size("width=142"), (142, 106));
        assert_eq!(size("height=80"), (106, 80));
        assert_eq!(size("width=512&columns=5&rows=5"), (512, 384));
        let usual = wanted("").unwrap();
        assert_eq!(
            (usual.every, usual.columns, usual.rows, usual.quality),
            (EVERY, 10, 10, 75)
        );
        for (text, field) in [
            ("every=999ms", "every"),
            ("every=2h", "every"),
            ("every=10", "every"),
            ("width=15", "width"),
            ("width=161", "width"),
            ("height=514", "height"),
            ("columns=0", "columns"),
            ("rows=11", "rows"),
            ("quality=0", "quality"),
        ] {
            assert_eq!(wanted(text).unwrap_err().field, Some(field), "{text}");
        }
        let large = wanted("width=512").unwrap().sheet(&picks).unwrap_err();
        assert!(
            large.message.contains("10 by 10 cells of 512 by 384"),
            "{}",
            large.message
        );
    }

    #[test]
    fn sheets_and_cues_cover_the_recording_and_no_sheet_has_two_configurations() {
        // The configuration changes after two seconds of pictures.
        let picks = view(&eventful()).picks(500_000, 100).unwrap();
        let sheet = Sheet {
            columns: 2,
            rows: 2,
            width: 160,
            height: 90,
            quality: 75,
        };
        let found = sheets(&picks.picks, sheet);
        assert_eq!(found.first().map(|range| range.start), Some(0));
        assert_eq!(found.last().map(|range| range.end), Some(picks.picks.len()));
        assert!(found.windows(2).all(|two| two[0].end == two[1].start));
        assert!(
            found.iter().all(|range| (1..=4).contains(&range.len())),
            "{found:?}"
        );
        for range in &found {
            let of = &picks.picks[range.clone()];
            assert!(of.iter().all(|pick| pick.video.decodes_like(&of[0].video)));
        }
        assert!(
            found
                .iter()
                .any(|range| range.len() < 4 && range.end < picks.picks.len())
        );

        let text = track(&picks, &found, sheet, |number| format!("s{number}"));
        let cues: Vec<&str> = text.split("\n\n").skip(1).collect();
        assert_eq!(cues.len(), picks.picks.len());
        assert_eq!(cues[0], "00:00:00.000 --> 00:00:00.500\ns1#xywh=0,0,160,90");
        assert_eq!(cues[1], "00:00:00.500 --> 00:00:01.000\ns1#xywh=160,0,160,90");
        assert_eq!(cues[2], "00:00:01.000 --> 00:00:01.500\ns1#xywh=0,90,160,90");
        let last = cues.last().unwrap();
        let end = time(picks.length.unsigned_abs().div_ceil(1_000));
        assert!(last.contains(&format!("--> {end}\n")), "{last}");
        assert_eq!(time(36_123_456), "10:02:03.456");
    }
}
