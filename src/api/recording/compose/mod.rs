//! `recording.compose`, `recording.cut`, `recording.split` and `recording.mix`: new recordings of what is there, without a copy of any
//! media; and sessions that become one recording when they are over.

mod arguments;
mod export;
mod making;
mod mix;
mod session;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::{Map, Value};

pub(in crate::api) use self::arguments::EXPORT;
pub(super) use self::arguments::{COMPOSE, CUT, MIX, SPLIT, TIMELAPSE};
pub(in crate::api) use self::export::export;
pub(super) use self::mix::mix;

use self::arguments::{Compose, CutOut, Faster, Range, SplitUp, Wanted};
use self::making::{Asked, PATIENCE, Tried, make, of_range, of_sources};
use super::row_of;
use crate::api::Api;
use crate::api::answer::Failure;
use crate::api::arguments::typed;
use crate::format::{Lapse, NoLapse};
use crate::media::RecordingId;
use crate::model::Form;
use crate::model::reply::{RecordingComposed, RecordingsSplit};
use crate::store::RecordingRow;

fn missing(argument: &'static str) -> Failure {
    Failure::bad(format!("'{argument}' is missing")).about(argument)
}

pub(super) async fn compose(api: &Api, arguments: Map<String, Value>) -> Result<RecordingComposed, Failure> {
    let (ranges, wanted) = typed::<Compose>(arguments)?.apart();
    if ranges.is_empty() {
        return Err(missing("ranges"));
    }
    let asked = ranges_of(api, ranges).await?;
    Ok(make(api, api.makes(), &asked, wanted, PATIENCE).await?)
}

/// The recordings of ranges. Each is looked up once.
async fn ranges_of(api: &Api, ranges: Vec<Range>) -> Result<Vec<Asked>, Failure> {
    let mut rows: HashMap<String, RecordingRow> = HashMap::new();
    let mut asked = Vec::with_capacity(ranges.len());
    for (number, range) in (1..).zip(ranges) {
        let row = match rows.get(&range.recording) {
            Some(row) => row.clone(),
            None => {
                let row = row_of(api, range.recording.clone()).await;
                let row = row.map_err(|failure| of_range(number, failure))?;
                api.expect_shown(&row)
                    .map_err(|failure| of_range(number, failure))?;
                rows.entry(range.recording).or_insert(row).clone()
            }
        };
        asked.push(Asked {
            row,
            bounds: (range.from_s, range.to_s),
            note: range.note,
        });
    }
    Ok(asked)
}

pub(super) async fn cut(api: &Api, arguments: Map<String, Value>) -> Result<RecordingComposed, Failure> {
    let (recording, ranges, wanted) = typed::<CutOut>(arguments)?.apart();
    let row = row_of(api, recording).await?;
    api.expect_shown(&row)?;
    if ranges.is_empty() {
        return Err(missing("ranges"));
    }
    api.is_about(row.id);
    let asked = ranges.into_iter().map(|range| Asked {
        row: row.clone(),
        bounds: (range.from_s, range.to_s),
        note: range.note,
    });
    let asked: Vec<Asked> = asked.collect();
    Ok(make(api, api.makes(), &asked, wanted, PATIENCE).await?)
}

pub(super) async fn timelapse(
    api: &Api,
    arguments: Map<String, Value>,
) -> Result<RecordingComposed, Failure> {
    let (recording, speed, fps, from_s, to_s, wanted) = typed::<Faster>(arguments)?.apart();
    let lapse = lapse_of(speed, fps)?;
    let row = row_of(api, recording).await?;
    api.expect_shown(&row)?;
    api.is_about(row.id);
    let asked = Asked {
        row,
        bounds: (from_s.map(|from| from.0), to_s.map(|to| to.0)),
        note: None,
    };
    let wanted = Wanted {
        form: Form::Lapse(lapse),
        ..wanted
    };
    let made = make(api, api.makes(), &[asked], wanted, PATIENCE).await;
    made.map_err(|tried| of_one(tried.into()))
}

fn lapse_of(speed: u32, fps: u32) -> Result<Lapse, Failure> {
    Lapse::new(speed, fps).map_err(|error| {
        let about = match error {
            NoLapse::Speed => "speed",
            NoLapse::Fps => "fps",
        };
        Failure::bad(format!("{about}: {error}")).about(about)
    })
}

/// The same failure of a command that takes one range of one recording.
fn of_one(failure: Failure) -> Failure {
    if failure.field.as_deref() != Some("ranges") {
        return failure;
    }
    let message = failure.message.replacen("range 1: ", "", 1);
    Failure {
        message,
        ..failure.about("recording")
    }
}

pub(super) async fn split(api: &Api, arguments: Map<String, Value>) -> Result<RecordingsSplit, Failure> {
    let (recording, at_s, wanted) = typed::<SplitUp>(arguments)?.apart();
    if wanted.notes.is_some() {
        let text =
            "notes: each part has the notes of its own part of the recording; set others with recording.set";
        return Err(Failure::bad(text).about("notes"));
    }
    let row = row_of(api, recording).await?;
    api.expect_shown(&row)?;
    if at_s.is_empty() {
        return Err(missing("at_s"));
    }
    api.is_about(row.id);
    let begins = std::iter::once(None).chain(at_s.iter().copied().map(Some));
    let ends = at_s.iter().copied().map(Some).chain([None]);
    let asked: Vec<Asked> = begins
        .zip(ends)
        .map(|bounds| Asked {
            row: row.clone(),
            bounds,
            note: None,
        })
        .collect();
    // All parts are looked at before the first one is made.
    for (number, part) in (1..).zip(&asked) {
        match of_sources(api, std::slice::from_ref(part)).await {
            // The part itself waits for that.
            Ok(_) | Err(Tried::Unsealed(_)) => {}
            Err(Tried::Codings(failure) | Tried::Failed(failure)) => {
                return Err(Failure {
                    message: failure.message.replacen("range 1", &format!("part {number}"), 1),
                    ..failure.about("at_s")
                });
            }
        }
    }
    let first = api.makes();
    let mut parts = Vec::with_capacity(asked.len());
    for (number, part) in (0..).zip(&asked) {
        let part = std::slice::from_ref(part);
        match make(api, nth(first, number), part, wanted.clone(), PATIENCE).await {
            Ok(made) => parts.push(made),
            Err(tried) => return Err(behind(&parts, tried.into())),
        }
    }
    Ok(RecordingsSplit { parts })
}

/// Why a part is not made, with the parts before it, which are there.
fn behind(made: &[RecordingComposed], failure: Failure) -> Failure {
    let part = made.len().saturating_add(1);
    let ids: Vec<&str> = made.iter().map(|part| part.recording.as_str()).collect();
    let why = failure.message.replacen("range 1: ", "", 1);
    let message = if ids.is_empty() {
        format!("part {part}: {why}")
    } else {
        format!(
            "part {part}: {why}. The parts before it are made, and stay: {}. Delete those that are not wanted",
            ids.join(", ")
        )
    };
    Failure {
        message,
        ..failure.about("at_s")
    }
}

/// The id of the nth recording that a request makes: the same whenever the request is repeated.
fn nth(first: RecordingId, number: u8) -> RecordingId {
    let mut bytes = first.to_bytes();
    bytes[15] = bytes[15].wrapping_add(number);
    RecordingId::from_bytes(bytes)
}
