//! `recording.mix`: two to four recordings beside each other in one MP4, in step by the clock.

use serde_json::{Map, Value};

use super::arguments::{Mix, Wanted};
use super::making::{Asked, PATIENCE, Tried, fitting, make};
use super::missing;
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::arguments::typed;
use crate::api::recording::row_of;
use crate::event::rfc3339;
use crate::format::SourceError;
use crate::media::{Micros, RecordingId};
use crate::model::reply::RecordingComposed;
use crate::model::{Form, Note, Notes, Words};
use crate::store::{ComposeError, Cut, StoreError, TapeRange};

pub(in crate::api::recording) async fn mix(
    api: &Api,
    arguments: Map<String, Value>,
) -> Result<RecordingComposed, Failure> {
    let (recordings, wanted) = typed::<Mix>(arguments)?.apart();
    if recordings.is_empty() {
        return Err(missing("recordings"));
    }
    let mut asked: Vec<Asked> = Vec::with_capacity(recordings.len());
    for (number, side) in (1..).zip(recordings) {
        let of_this = |failure| of_side(number, failure);
        let row = row_of(api, side.recording).await.map_err(of_this)?;
        api.expect_shown(&row).map_err(of_this)?;
        if api.is_row_closed(&row) {
            let text = format!(
                "recording {} is encrypted, so it can be had as hls alone, and only an MP4 has the tracks of several recordings: \
                 write also_clear = true beside encrypt under [template.hls]",
                row.id
            );
            return Err(of_this(Failure::new(Code::Conflict, text)));
        }
        if let Some(before) = asked.iter().position(|before| before.row.id == row.id) {
            let text = format!(
                "it is recording {}, as recording {} is",
                row.id,
                before.saturating_add(1)
            );
            return Err(of_this(Failure::bad(text)));
        }
        asked.push(Asked {
            row,
            bounds: (side.from_s, side.to_s),
            note: None,
        });
    }
    let wanted = Wanted {
        form: Form::InStep,
        ..wanted
    };
    let made = make(api, api.makes(), &asked, wanted, PATIENCE).await;
    made.map_err(|tried| in_words_of_mix(tried.into()))
}

fn of_side(number: usize, failure: Failure) -> Failure {
    Failure {
        message: format!("recording {number}: {}", failure.message),
        ..failure.about("recordings")
    }
}

/// What other commands call a range is a recording here.
fn in_words_of_mix(failure: Failure) -> Failure {
    match failure.message.strip_prefix("range ") {
        Some(rest) => Failure {
            message: format!("recording {rest}"),
            ..failure.about("recordings")
        },
        // Which of them it is about is not known.
        None if failure.field.as_deref() == Some("recording") => failure.about("recordings"),
        None => failure,
    }
}

/// Refuses what one file cannot play in step.
pub(super) async fn expect_in_step(api: &Api, asked: &[Asked], cuts: &[Cut]) -> Result<(), Tried> {
    let refused = |number, id: RecordingId, why: String| {
        let failure = Failure::new(Code::Conflict, format!("recording {id} {why}"));
        Tried::Failed(of_side(number, failure))
    };
    let ranges: Vec<TapeRange> = cuts.iter().flat_map(|cut| cut.ranges.clone()).collect();
    let undated = api.read(move |library| library.undated(&ranges)).await?;
    let mut spans = Vec::with_capacity(cuts.len());
    for ((number, asked), cut) in (1..).zip(asked).zip(cuts) {
        let id = asked.row.id;
        let [view] = cut.views.as_slice() else {
            let why = "is put together of several ranges, which do not play by the clock: take the recordings that it is made of";
            return Err(refused(number, id, why.to_owned()));
        };
        if let Some(change) = view.changes().first() {
            let why = format!(
                "changes at {}: {change}. A track in step goes on as it began: name a part of it with from_s and to_s",
                rfc3339(change.at)
            );
            return Err(refused(number, id, why));
        }
        let view = view.clone().in_step(&asked.row.stream.as_str().into());
        if let Some(codec) = view.closed_gap() {
            let why = format!(
                "has a gap, and edgereel knows no silence of {codec} to keep it as long as it was: name a part of it with from_s and to_s"
            );
            return Err(refused(number, id, why));
        }
        if let Some(at) = view.doubtful_gap().map_err(unread)? {
            let why = format!(
                "has a gap before {} that is longer than a day, or in which the clock went back: name a part of it with from_s and to_s",
                rfc3339(at)
            );
            return Err(refused(number, id, why));
        }
        let Some(span) = view.shown_utc().map_err(unread)? else {
            return Err(refused(number, id, "has no footage any more".to_owned()));
        };
        spans.push(span);
    }
    // Without dates nobody knows what was at the same moment, also where the store would know them by now.
    if let Some((number, boot)) = undated {
        let error = if boot == api.clock.boot_id() {
            ComposeError::NotDatedYet { number }
        } else {
            ComposeError::Undated { number }
        };
        return Err(Tried::Failed(error.into()));
    }
    let Some((number, (asked, (from, to)))) = apart(&spans).and_then(|number| {
        let found = asked.get(number).zip(spans.get(number).copied());
        Some((number, found?))
    }) else {
        return Ok(());
    };
    let why = format!(
        "is from {} to {}, and has no moment in common with those before it in time: recording.compose plays recordings one after the \
         other",
        rfc3339(from),
        rfc3339(to)
    );
    Err(refused(number.saturating_add(1), asked.row.id, why))
}

fn unread(error: SourceError) -> Failure {
    StoreError::from(error).into()
}

/// The first of these times, in the order in which they begin, that begins when all before it are over.
fn apart(spans: &[(Micros, Micros)]) -> Option<usize> {
    let mut order: Vec<(Micros, Micros, usize)> = Vec::with_capacity(spans.len());
    order.extend(
        spans
            .iter()
            .zip(0..)
            .map(|((from, to), number)| (*from, *to, number)),
    );
    order.sort_unstable();
    let mut until = order.first()?.1;
    for (from, to, number) in order.into_iter().skip(1) {
        if from >= until {
            return Some(number);
        }
        until = until.max(to);
    }
    None
}

/// The notes of all recordings at their moments, in order; and how many there is no place for.
pub(super) fn notes_of(asked: &[Asked], cuts: &[Cut]) -> Result<(Notes, usize), Tried> {
    let mut spans = Vec::with_capacity(cuts.len());
    for cut in cuts {
        let view = cut.views.first().map(|view| view.shown_utc().map_err(unread));
        spans.push(view.transpose()?.flatten().unwrap_or_default());
    }
    let begins = spans.iter().map(|(from, _)| *from).min().unwrap_or(0);
    let (mut notes, mut lost): (Vec<Note>, usize) = (Vec::new(), 0);
    for (asked, (from, to)) in asked.iter().zip(spans) {
        if asked.row.composed {
            lost = lost.saturating_add(asked.row.facts.notes.len());
        }
        let dated = asked.row.dated_notes(Some(from), Some(to)).into_iter();
        notes.extend(dated.filter_map(|note| {
            let text = Words::try_from(note.text).ok()?;
            Some(Note {
                at: note.at.saturating_sub(begins),
                text,
            })
        }));
    }
    notes.sort_by_key(|note| note.at);
    let (notes, left_out) = fitting(notes);
    Ok((notes, left_out.saturating_add(lost)))
}

#[cfg(test)]
mod tests;
