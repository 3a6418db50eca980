//! The making of a composition: the tape of its ranges is looked up, and the store makes the recording.

use std::time::Duration;

use tokio::time::Instant;

use super::arguments::Wanted;
use super::mix;
use super::spec::spec;
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::seals::Seals;
use crate::event::rfc3339;
use crate::format::{FileError, Format, JoinSource, Lapse, MAX_RANGES, View};
use crate::media::{Micros, RecordingId};
use crate::model::reply::RecordingComposed;
use crate::model::{Facts, Form, Note, Notes, Words};
use crate::store::{
    ComposeError, Cut, LibrarySource, NewComposition, NoCut, RecordingRow, RecordingSpec, RecordingState,
    StoreError,
};

/// How long a command waits for a segment that is still written: one ends soon behind the end of a recording.
pub(super) const PATIENCE: Duration = Duration::from_secs(12);
/// The longest time between two looks at such a segment: one without any media ends without a word.
const AGAIN: Duration = Duration::from_secs(3);

/// A range of a recording, as it is asked for.
pub(super) struct Asked {
    pub(super) row: RecordingRow,
    pub(super) bounds: (Option<Micros>, Option<Micros>),
    pub(super) note: Option<Words<128>>,
}

pub(super) fn of_range(number: usize, failure: Failure) -> Failure {
    Failure {
        message: format!("range {number}: {}", failure.message),
        ..failure.about("ranges")
    }
}

/// Makes a composition, and gives what it is.
pub(super) async fn make(
    api: &Api,
    id: RecordingId,
    asked: &[Asked],
    wanted: Wanted,
    patience: Duration,
) -> Result<RecordingComposed, Tried> {
    if api.is_again()
        && let Some(made) = api.read(move |library| library.recording(id)).await?
    {
        return Ok(composed(&made, 0));
    }
    let spec = spec(api, id, asked, &wanted)?;
    let mut late = Instant::now() + patience;
    let mut seals = Seals::of(&api.store);
    let left_out = loop {
        // One more time when it is late.
        let (ended, is_last) = (seals.now(), Instant::now() >= late);
        match attempt(api, id, asked, (&spec, &wanted)).await {
            Err(Tried::Unsealed(_)) if !is_last => {
                let soon = late.min(Instant::now() + AGAIN);
                if !seals.another(ended, soon).await {
                    late = Instant::now();
                }
            }
            Err(tried) => return Err(tried),
            Ok(left_out) => break left_out,
        }
    };
    let made = api.read(move |library| library.recording(id)).await?;
    let gone = "its footage was evicted while the recording was made";
    let gone = || Failure::new(Code::NotFound, gone).into();
    made.map(|made| composed(&made, left_out)).ok_or_else(gone)
}

/// Why a composition was not made.
pub(super) enum Tried {
    /// A segment is still written: that passes.
    Unsealed(Failure),
    /// Its ranges differ in codec or size, which HLS alone can carry.
    Codings(Failure),
    Failed(Failure),
}

impl Tried {
    /// The failure, and whether it passes soon and as usual.
    pub(super) fn apart(self) -> (bool, Failure) {
        match self {
            Tried::Unsealed(failure) => (true, failure),
            Tried::Codings(failure) | Tried::Failed(failure) => (false, failure),
        }
    }
}

impl From<Tried> for Failure {
    fn from(tried: Tried) -> Self {
        tried.apart().1
    }
}

impl From<Failure> for Tried {
    fn from(failure: Failure) -> Self {
        Tried::Failed(failure)
    }
}

/// Tries to make a composition once. Gives the number of notes of its recordings that it has no place for.
async fn attempt(
    api: &Api,
    id: RecordingId,
    asked: &[Asked],
    (spec, wanted): (&RecordingSpec, &Wanted),
) -> Result<usize, Tried> {
    let cuts = of_sources(api, asked).await?;
    if wanted.form == Form::InStep {
        mix::expect_in_step(api, asked, &cuts).await?;
    } else if spec.output.formats != [Format::Hls] {
        let views: Vec<&[View<LibrarySource>]> = cuts.iter().map(|cut| cut.views.as_slice()).collect();
        one_coding(&views).map_err(Tried::Codings)?;
    }
    if let Form::Lapse(lapse) = wanted.form {
        expect_pictures(api, &cuts, lapse).await?;
    }
    let (notes, left_out) = match &wanted.notes {
        Some(notes) => (notes.clone(), 0),
        None if wanted.form == Form::InStep => mix::notes_of(asked, &cuts)?,
        None => notes_of(asked, &cuts, wanted.form),
    };
    let mut sources: Vec<RecordingId> = asked.iter().map(|asked| asked.row.id).collect();
    sources.sort_unstable();
    sources.dedup();
    let ranges: Vec<_> = cuts.iter().flat_map(|cut| cut.ranges.iter().cloned()).collect();
    if ranges.len() > MAX_RANGES {
        let text = format!(
            "ranges: these are {} ranges of tape, because some of the recordings are compositions themselves; at most {MAX_RANGES} are taken",
            ranges.len()
        );
        return Err(Failure::new(Code::Refused, text).about("ranges").into());
    }
    let new = NewComposition {
        recording: id,
        spec: spec.clone(),
        sources,
        unless: wanted.unless(),
        form: wanted.form,
        ranges,
        facts: Facts {
            notes,
            ..wanted.facts.clone()
        },
        job: wanted.job.clone(),
    };
    match api.recorder.compose(new).await {
        Ok(()) => Ok(left_out),
        Err(error @ ComposeError::Unsealed { .. }) => Err(Tried::Unsealed(error.into())),
        Err(error) => Err(Tried::Failed(error.into())),
    }
}

/// Refuses a time lapse of which no file can be made. Reads the indexes of all of its tape, as the file will.
async fn expect_pictures(api: &Api, cuts: &[Cut], lapse: Lapse) -> Result<(), Failure> {
    let mut views = cuts.iter().flat_map(|cut| cut.views.iter().cloned());
    let Some(first) = views.next() else { return Ok(()) };
    let all = first.join(views.collect());
    let made = api.read(move |_| Ok(all.lapse(lapse).map(drop))).await?;
    made.map_err(|error| match error {
        FileError::Unsupported { .. } => {
            Failure::new(Code::Conflict, format!("recording: {error}")).about("recording")
        }
        FileError::Source(error) => StoreError::from(error).into(),
    })
}

/// The tape of what is asked for, range by range.
pub(super) async fn of_sources(api: &Api, asked: &[Asked]) -> Result<Vec<Cut>, Tried> {
    let mut cuts = Vec::with_capacity(asked.len());
    for (number, asked) in (1..).zip(asked) {
        let row = &asked.row;
        let refused = |why: &str| {
            of_range(
                number,
                Failure::new(Code::Conflict, format!("recording {} is {why}", row.id)),
            )
        };
        match row.state {
            RecordingState::Open if row.paused => {
                return Err(
                    refused("open and waits for its publisher; end it first: recording finish").into(),
                );
            }
            RecordingState::Open => return Err(refused("open; stop it first: recording stop").into()),
            RecordingState::Expired => {
                return Err(refused("expired, and its footage is being removed").into());
            }
            RecordingState::Closed | RecordingState::Delivered => {}
        }
        let (id, bounds) = (row.id, asked.bounds);
        let cut = api.read(move |library| library.cut(id, bounds)).await;
        let cut = cut.map_err(|failure| of_range(number, failure))?;
        cuts.push(cut.map_err(|error| match error {
            NoCut::Unsealed(_) => Tried::Unsealed(of_range(number, error.into())),
            _ => Tried::Failed(of_range(number, error.into())),
        })?);
    }
    Ok(cuts)
}

/// Refuses ranges that one file cannot have behind each other: those that are asked for, and those of compositions among them.
pub(super) fn one_coding<S: JoinSource + Clone>(asked: &[&[View<S>]]) -> Result<(), Failure> {
    let all = (1_usize..)
        .zip(asked)
        .flat_map(|(number, views)| views.iter().map(move |view| (number, view)));
    let all: Vec<(usize, &View<S>)> = all.filter(|(_, view)| !view.segments.is_empty()).collect();
    let mut views = all.iter().map(|(_, view)| {
        let mut view = (*view).clone();
        view.segments.iter_mut().for_each(|segment| segment.range = 0);
        view
    });
    let Some(first) = views.next() else { return Ok(()) };
    let changes = first.join(views.collect()).changes();
    let Some(mut change) = changes
        .into_iter()
        .find(|change| change.ranges.0 != change.ranges.1)
    else {
        return Ok(());
    };
    let number = |range: u32| {
        let at = usize::try_from(range).unwrap_or(usize::MAX).saturating_sub(1);
        all.get(at).map_or(0, |(number, _)| *number)
    };
    let (before, after) = (number(change.ranges.0), number(change.ranges.1));
    let within = if before == after {
        format!("range {after} is of a composition whose ranges differ: ")
    } else {
        String::new()
    };
    change.ranges = [before, after]
        .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
        .into();
    let text = format!("ranges: {within}{change}. Only HLS can carry that: say formats = hls");
    Err(Failure::new(Code::Conflict, text).about("ranges"))
}

/// The notes of ranges and of the recordings in them, at their places in the composition; and how many there is no place for.
pub(super) fn notes_of(asked: &[Asked], cuts: &[Cut], form: Form) -> (Notes, usize) {
    let mut notes = Vec::new();
    let mut at = 0_i64;
    for (asked, cut) in asked.iter().zip(cuts) {
        let (from, to) = cut.bounds;
        notes.extend(asked.note.iter().map(|text| Note {
            at,
            text: text.clone(),
        }));
        let of_row = asked.row.facts.notes.iter().map(|note| Note {
            at: note.at.saturating_sub(asked.row.lost),
            text: note.text.clone(),
        });
        notes.extend(
            of_row
                .filter(|note| (from..to).contains(&note.at))
                .map(|note| Note {
                    at: at.saturating_add(note.at.saturating_sub(from)),
                    ..note
                }),
        );
        at = at.saturating_add(to.saturating_sub(from));
    }
    for note in &mut notes {
        note.at = form.length(std::iter::once(note.at));
    }
    fitting(notes)
}

/// The first notes, as many as there is a place for; and the number of the others.
pub(super) fn fitting(mut notes: Vec<Note>) -> (Notes, usize) {
    let count = notes.len();
    loop {
        match Notes::try_from(notes.clone()) {
            Ok(fitting) => return (fitting, count.saturating_sub(notes.len())),
            // There are too many, or their texts are too long together.
            Err(_) => drop(notes.pop()),
        }
    }
}

fn composed(made: &RecordingRow, left_out: usize) -> RecordingComposed {
    RecordingComposed {
        recording: made.id.to_string(),
        start: rfc3339(made.start),
        end: rfc3339(made.end),
        duration_s: made.duration as f64 / 1e6,
        bytes: made.bytes,
        notes_left_out: left_out,
    }
}

impl From<NoCut> for Failure {
    fn from(error: NoCut) -> Self {
        let code = match &error {
            NoCut::Outside { .. } | NoCut::Empty { .. } => Code::BadRequest,
            NoCut::Formed { .. } => Code::Conflict,
            NoCut::NoTape(_) => Code::NotFound,
            NoCut::Unsealed(_) => Code::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ComposeError> for Failure {
    fn from(error: ComposeError) -> Self {
        let code = match error {
            ComposeError::Facts(error) => return error.into(),
            ComposeError::Gone(_) | ComposeError::Range { .. } => Code::NotFound,
            ComposeError::HeldBack(_) => Code::Conflict,
            ComposeError::JobOver { .. } => return Self::new(Code::Conflict, error.to_string()).about("id"),
            ComposeError::ManyJobs => return Self::new(Code::Refused, error.to_string()),
            ComposeError::Unsealed { .. } => Code::Unavailable,
            ComposeError::NoClock => return Self::new(Code::Unavailable, error.to_string()),
            ComposeError::Undated { .. } => {
                return Self::new(Code::Conflict, error.to_string()).about("recordings");
            }
            ComposeError::NotDatedYet { .. } => {
                return Self::new(Code::Unavailable, error.to_string()).about("recordings");
            }
        };
        Self::new(code, error.to_string()).about("ranges")
    }
}
