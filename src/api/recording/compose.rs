//! `recording.compose`, `recording.cut` and `recording.split`: new recordings of what is there, without a copy of any media.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::facts::{list as words, object, text};
use super::row_of;
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::arguments::{name, typed};
use crate::api::command::{FORMATS, Kind, Values, needs, takes};
use crate::event::{Event, rfc3339};
use crate::format::{Format, JoinSource, MAX_RANGES, View};
use crate::media::{Micros, RecordingId};
use crate::model::reply::{RecordingComposed, RecordingsSplit};
use crate::model::{
    About, CategoryId, Custom, Description, Encrypt, Facts, Note, Notes, Origin, Output, Resume, ResumeAfter,
    Span, Split, Tags, Title, Words,
};
use crate::store::{
    Change, Command as StoreCommand, ComposeError, Cut, Deletion, LibrarySource, NewComposition, NoCut,
    RecordingRow, RecordingSpec, RecordingState, SessionPiece, StoreError, ToCompose,
};

/// How long a request waits for a segment that is still written: one ends soon behind the end of a recording.
const PATIENCE: Duration = Duration::from_secs(12);
/// The time between two looks at such a segment.
const AGAIN: Duration = Duration::from_millis(250);
/// The longest moment that can be asked for, in seconds: 10 years.
const LONGEST: f64 = 315_576_000.0;

const TEMPLATE: crate::api::Argument = takes(
    "template",
    Kind::Text,
    "its template: formats, how long it is kept, names of its files; default is the template of the first recording",
)
.of(Values::Templates);
const AS: crate::api::Argument = takes(
    "formats",
    Kind::Texts,
    "its formats, in place of those of the template",
)
.of(FORMATS);
const NAME: crate::api::Argument = takes("name", Kind::Text, "a name for it");
const TITLE: crate::api::Argument = takes("title", Kind::Text, "its title, at most 64 characters");
const DESCRIPTION: crate::api::Argument = takes(
    "description",
    Kind::Text,
    "its description, one line of at most 512 characters",
);
const TAGS: crate::api::Argument = takes(
    "tags",
    Kind::Texts,
    "its tags: at most 16 of at most 32 characters each",
);
const CATEGORY: crate::api::Argument = takes("category", Kind::Text, "the id of its category");
const NOTES: crate::api::Argument = takes(
    "notes",
    Kind::Objects,
    "its notes, as in [{\"at_s\":12.5,\"text\":\"goal\"}]; default are those of the ranges, and of the recordings in these",
);
const CUSTOM: crate::api::Argument = takes(
    "custom",
    Kind::Object,
    "an object of your own, at most 2 KiB, which events carry",
);

pub(super) const COMPOSE: &[crate::api::Argument] = &[
    needs(
        "ranges",
        Kind::Objects,
        "up to 500 ranges, as in [{\"recording\": \"ID\", \"from_s\": 60, \"to_s\": 120, \"note\": \"goal\"}]: seconds as the recording plays, \
         negative ones count from its end; without them all of it",
    ),
    TEMPLATE,
    AS,
    NAME,
    TITLE,
    DESCRIPTION,
    TAGS,
    CATEGORY,
    NOTES,
    CUSTOM,
];
pub(super) const CUT: &[crate::api::Argument] = &[
    super::THIS,
    needs(
        "ranges",
        Kind::Objects,
        "up to 500 ranges of it, as in [{\"from_s\": 60, \"to_s\": 120}, {\"from_s\": -60}]: seconds as it plays, negative ones count from its end",
    ),
    TEMPLATE,
    AS,
    NAME,
    TITLE,
    DESCRIPTION,
    TAGS,
    CATEGORY,
    NOTES,
    CUSTOM,
];
pub(super) const SPLIT: &[crate::api::Argument] = &[
    super::THIS,
    needs(
        "at_s",
        Kind::Objects,
        "where it is split, as in [600,1200]: up to 99 moments in order, seconds as it plays; negative ones count from its end",
    ),
    TEMPLATE,
    AS,
    NAME,
    TITLE,
    DESCRIPTION,
    TAGS,
    CATEGORY,
    CUSTOM,
];

/// A range as it is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    recording: String,
    #[serde(default, deserialize_with = "moment")]
    from_s: Option<Micros>,
    #[serde(default, deserialize_with = "moment")]
    to_s: Option<Micros>,
    note: Option<Words<128>>,
}

/// A range of the recording that the command names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(default, deserialize_with = "moment")]
    from_s: Option<Micros>,
    #[serde(default, deserialize_with = "moment")]
    to_s: Option<Micros>,
    note: Option<Words<128>>,
}

/// A moment of playing; a negative one counts from the end.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Moment(#[serde(deserialize_with = "moment")] Option<Micros>);

fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Micros>, D::Error> {
    match Option::<f64>::deserialize(from)? {
        None => Ok(None),
        // What is no number at all is in no range either.
        Some(seconds) if (-LONGEST..=LONGEST).contains(&seconds) => {
            Ok(Some((seconds * 1e6).round() as Micros))
        }
        Some(seconds) => Err(D::Error::custom(format!(
            "{seconds} is not a number of seconds from -10 to 10 years"
        ))),
    }
}

fn ranges<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let ranges = Vec::<T>::deserialize(from)?;
    match ranges.len() {
        0 => Err(D::Error::custom("at least one range is needed")),
        count if count > MAX_RANGES => Err(D::Error::custom(format!(
            "{count} ranges; at most {MAX_RANGES} are taken: compose some of them first, and then the results"
        ))),
        _ => Ok(ranges),
    }
}

/// The most parts that a recording is split into at once.
const MOST_PARTS: usize = 100;

fn moments<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Micros>, D::Error> {
    let all = Vec::<Moment>::deserialize(from)?;
    let moments: Option<Vec<Micros>> = all.iter().map(|moment| moment.0).collect();
    match moments {
        Some(moments) if (1..MOST_PARTS).contains(&moments.len()) => Ok(moments),
        _ => Err(D::Error::custom(format!(
            "{} moments; 1 to {} are taken",
            all.len(),
            MOST_PARTS - 1
        ))),
    }
}

/// What the new recording is to be.
#[derive(Clone, Debug)]
struct Wanted {
    template: Option<String>,
    formats: Option<Vec<Format>>,
    name: Option<String>,
    facts: Facts,
    /// None where the notes are those of the ranges.
    notes: Option<Notes>,
    /// The recording that it continues: of a session.
    like: Option<RecordingSpec>,
}

/// The arguments of a command: its own, and what the new recording is to be.
macro_rules! arguments {
    ($arguments:ident { $($(#[$with:meta])* $own:ident: $type:ty,)* }) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $arguments {
            $($(#[$with])* $own: $type,)*
            template: Option<String>,
            formats: Option<Vec<Format>>,
            #[serde(default, deserialize_with = "name")]
            name: Option<String>,
            #[serde(default, deserialize_with = "text")]
            title: Option<Option<Title>>,
            #[serde(default, deserialize_with = "text")]
            description: Option<Option<Description>>,
            #[serde(default, deserialize_with = "words")]
            tags: Option<Tags>,
            #[serde(default, deserialize_with = "text")]
            category: Option<Option<CategoryId>>,
            #[serde(default, deserialize_with = "words")]
            notes: Option<Notes>,
            #[serde(default, deserialize_with = "object")]
            custom: Option<Option<Custom>>,
        }

        impl $arguments {
            fn apart(self) -> ($($type,)* Wanted) {
                let wanted = Wanted {
                    template: self.template,
                    formats: self.formats,
                    name: self.name,
                    facts: Facts {
                        title: self.title.flatten(),
                        description: self.description.flatten(),
                        tags: self.tags.unwrap_or_default(),
                        category: self.category.flatten(),
                        notes: Notes::default(),
                        custom: self.custom.flatten(),
                    },
                    notes: self.notes,
                    like: None,
                };
                ($(self.$own,)* wanted)
            }
        }
    };
}

arguments!(Compose {
    #[serde(default, deserialize_with = "ranges")]
    ranges: Vec<Range>,
});
arguments!(CutOut {
    recording: String,
    #[serde(default, deserialize_with = "ranges")]
    ranges: Vec<Part>,
});
arguments!(SplitUp {
    recording: String,
    #[serde(default, deserialize_with = "moments")]
    at_s: Vec<Micros>,
});

fn missing(argument: &'static str) -> Failure {
    Failure::bad(format!("'{argument}' is missing")).about(argument)
}

pub(super) async fn compose(api: &Api, arguments: Map<String, Value>) -> Result<RecordingComposed, Failure> {
    let (ranges, wanted) = typed::<Compose>(arguments)?.apart();
    if ranges.is_empty() {
        return Err(missing("ranges"));
    }
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
    make(api, api.makes(), &asked, wanted).await
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
    make(api, api.makes(), &asked.collect::<Vec<_>>(), wanted).await
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
            Err(Tried::Failed(failure)) => {
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
        match make(api, nth(first, number), part, wanted.clone()).await {
            Ok(made) => parts.push(made),
            Err(failure) => return Err(behind(&parts, failure)),
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

/// A range of a recording, as it is asked for.
struct Asked {
    row: RecordingRow,
    bounds: (Option<Micros>, Option<Micros>),
    note: Option<Words<128>>,
}

fn of_range(number: usize, failure: Failure) -> Failure {
    Failure {
        message: format!("range {number}: {}", failure.message),
        ..failure.about("ranges")
    }
}

/// Makes a composition, and gives what it is.
async fn make(
    api: &Api,
    id: RecordingId,
    asked: &[Asked],
    wanted: Wanted,
) -> Result<RecordingComposed, Failure> {
    if api.is_again()
        && let Some(made) = api.read(move |library| library.recording(id)).await?
    {
        return Ok(composed(&made, 0));
    }
    let spec = spec(api, id, asked, &wanted)?;
    let late = tokio::time::Instant::now() + PATIENCE;
    let left_out = loop {
        let tried = attempt(api, id, asked, (&spec, &wanted)).await;
        match tried {
            Err(Tried::Unsealed(_)) if tokio::time::Instant::now() < late => tokio::time::sleep(AGAIN).await,
            Err(Tried::Unsealed(failure) | Tried::Failed(failure)) => return Err(failure),
            Ok(left_out) => break left_out,
        }
    };
    let made = api.read(move |library| library.recording(id)).await?;
    made.map(|made| composed(&made, left_out)).ok_or_else(|| {
        Failure::new(
            Code::NotFound,
            "its footage was evicted while the recording was made",
        )
    })
}

/// Why a composition was not made.
enum Tried {
    /// A segment is still written: that passes.
    Unsealed(Failure),
    Failed(Failure),
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
    if spec.output.formats != [Format::Hls] {
        let views: Vec<&[View<LibrarySource>]> = cuts.iter().map(|cut| cut.views.as_slice()).collect();
        one_coding(&views).map_err(Tried::Failed)?;
    }
    let (notes, left_out) = match &wanted.notes {
        Some(notes) => (notes.clone(), 0),
        None => notes_of(asked, &cuts),
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
        ranges,
        facts: Facts {
            notes,
            ..wanted.facts.clone()
        },
    };
    match api.recorder.compose(new).await {
        Ok(()) => Ok(left_out),
        Err(error @ ComposeError::Unsealed { .. }) => Err(Tried::Unsealed(error.into())),
        Err(error) => Err(Tried::Failed(error.into())),
    }
}

/// The tape of what is asked for, range by range.
async fn of_sources(api: &Api, asked: &[Asked]) -> Result<Vec<Cut>, Tried> {
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
fn one_coding<S: JoinSource + Clone>(asked: &[&[View<S>]]) -> Result<(), Failure> {
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
fn notes_of(asked: &[Asked], cuts: &[Cut]) -> (Notes, usize) {
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
    let count = notes.len();
    loop {
        match Notes::try_from(notes.clone()) {
            Ok(fitting) => return (fitting, count.saturating_sub(notes.len())),
            // There are too many, or their texts are too long together.
            Err(_) => drop(notes.pop()),
        }
    }
}

/// The origin and the purpose of the new recording. It is as closed as the recordings that it is made of.
fn spec(api: &Api, id: RecordingId, asked: &[Asked], wanted: &Wanted) -> Result<RecordingSpec, Failure> {
    let first = asked.first().map(|asked| &asked.row.spec.about);
    let named = wanted.template.as_deref();
    let templates = api.recorder.templates();
    let find = |name: &str| {
        templates
            .iter()
            .map(|(template, _)| template)
            .find(|of| of.name == name)
    };
    let template = match named {
        Some(name) => Some(find(name).ok_or_else(|| {
            Failure::new(Code::NotFound, format!("there is no template '{name}'")).about("template")
        })?),
        None => first
            .and_then(|about| find(&about.template))
            .filter(|template| !template.is_off()),
    };
    let mut formats: Vec<Format> = match (&wanted.formats, template) {
        (Some(formats), _) => formats.clone(),
        (None, Some(template)) => template
            .outputs
            .iter()
            .flat_map(|output| output.formats.clone())
            .collect(),
        (None, None) => asked
            .first()
            .map_or_else(Vec::new, |asked| asked.row.spec.output.formats.clone()),
    };
    formats.sort_unstable();
    formats.dedup();
    if formats.is_empty() {
        return Err(Failure::bad("formats: at least one is needed").about("formats"));
    }
    let of_template = template.and_then(|template| template.outputs.first());
    let of_session = wanted.like.as_ref().map(|spec| &spec.output);
    let like = of_session.or(of_template);
    let encrypted = asked.iter().filter_map(|asked| api.encrypt_row(&asked.row));
    let encrypt = template
        .and_then(|template| template.encrypt())
        .into_iter()
        .chain(encrypted)
        .reduce(Encrypt::and);
    let output = Output {
        formats: formats.clone(),
        split: Split::default(),
        resume: Resume {
            window: Span::from_secs(0),
            after: ResumeAfter::Break,
        },
        encrypt,
        compose: false,
        ..like.cloned().unwrap_or_else(|| Output::of(&formats))
    };
    if output.is_closed() && formats != [Format::Hls] {
        let text = "formats: a recording that it is made of is encrypted, or its template encrypts, so it can be had as hls alone: say \
                    formats = hls, or write also_clear = true beside encrypt under [template.hls]";
        return Err(Failure::new(Code::Conflict, text).about("formats"));
    }
    if let Some(like) = &wanted.like {
        return Ok(RecordingSpec {
            about: About {
                origin: Origin::Composition,
                number: like.about.number.saturating_add(1),
                encrypted: output.is_closed(),
                formats,
                ..like.about.clone()
            },
            output,
            until: None,
            asked: None,
            gradual: false,
        });
    }
    let domain = first.and_then(|about| about.domain.clone());
    let is_shared = asked.iter().all(|asked| asked.row.spec.about.domain == domain);
    Ok(RecordingSpec {
        about: About {
            template: template.map_or_else(String::new, |template| template.name.clone()),
            origin: Origin::Composition,
            formats,
            session: id.to_string(),
            number: 1,
            name: wanted.name.clone(),
            task: None,
            domain: domain.filter(|_| is_shared),
            encrypted: output.is_closed(),
        },
        output,
        until: None,
        asked: None,
        gradual: false,
    })
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
            ComposeError::Unsealed { .. } => Code::Unavailable,
            ComposeError::NoClock => return Self::new(Code::Unavailable, error.to_string()),
        };
        Self::new(code, error.to_string()).about("ranges")
    }
}

/// Time between two looks at sessions that are to be composed.
const LOOK: Duration = Duration::from_secs(5);
/// Sessions that are looked at at once.
const SESSIONS: usize = 1_000;

impl Api {
    /// Makes one more recording of each session that is over, where its template wants that, without end.
    pub async fn compose_sessions(self) {
        while crate::watch::has_failed("the sessions", self.clone().look_after_sessions()).await {}
    }

    async fn look_after_sessions(self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut waits = true;
        loop {
            looks.tick().await;
            crate::watch::may_fail("the sessions");
            let templates = self.recorder.templates();
            let mut outputs = templates.iter().flat_map(|(template, _)| &template.outputs);
            if !waits && !outputs.any(|output| output.compose) {
                continue;
            }
            match self.look_at_sessions().await {
                Ok(left) => waits = left,
                Err(failure) => tracing::debug!("sessions were not looked at: {}", failure.message),
            }
        }
    }

    /// Composes the sessions that are over. True where some are not over, or could not be composed yet.
    pub(in crate::api) async fn look_at_sessions(&self) -> Result<bool, Failure> {
        let mut left = false;
        for session in self.read(|library| library.to_compose(SESSIONS)).await? {
            // The recorder is asked first: what it ends meanwhile is open in the journal still.
            let goes_on = self.recorder.has_session(&session.session);
            let of = session.clone();
            let pieces = self.read(move |library| library.session(&of)).await?;
            if goes_on || pieces.iter().any(|piece| piece.state == RecordingState::Open) {
                left = true;
                continue;
            }
            match self.compose_session(&session, pieces).await {
                Ok(()) => {
                    let done = Change::session_composed(session.session);
                    self.recorder.submit(StoreCommand::Change(done)).await?;
                }
                Err(failure) => {
                    tracing::warn!(stream = %session.stream, "a session is not composed yet: {}", failure.message);
                    left = true;
                }
            }
        }
        Ok(left)
    }

    /// Makes a recording of the pieces of each output. Fails where that can be tried again.
    async fn compose_session(&self, of: &ToCompose, pieces: Vec<SessionPiece>) -> Result<(), Failure> {
        let mut outputs: BTreeMap<Vec<Format>, Vec<SessionPiece>> = BTreeMap::new();
        for piece in pieces.into_iter().filter(|piece| piece.spec.output.compose) {
            let formats = piece.spec.output.formats.clone();
            outputs.entry(formats).or_default().push(piece);
        }
        for (formats, pieces) in outputs {
            let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
                continue;
            };
            // A single recording is the whole.
            if pieces.len() < 2 {
                continue;
            }
            let id = whole_of(first.recording);
            let ids: Vec<RecordingId> = pieces.iter().map(|piece| piece.recording).collect();
            let found = self.read(move |library| {
                let rows: Result<Vec<_>, StoreError> = ids.iter().map(|id| library.recording(*id)).collect();
                Ok((library.recording(id)?.is_some(), library.deletion(id)?, rows?))
            });
            let (is_there, deletion, rows) = found.await?;
            if is_there || deletion != Deletion::None {
                continue;
            }
            let asked = rows.into_iter().flatten().map(|row| Asked {
                row,
                bounds: (None, None),
                note: None,
            });
            let wanted = Wanted {
                template: None,
                formats: Some(formats),
                name: None,
                facts: Facts::default(),
                notes: None,
                like: Some(last.spec.clone()),
            };
            match make(self, id, &asked.collect::<Vec<_>>(), wanted).await {
                Ok(_) => {
                    tracing::info!(stream = %of.stream, recording = %id, "a session is one recording, too")
                }
                Err(failure) if failure.code == Code::Unavailable => return Err(failure),
                Err(failure) => {
                    let reason = format!("a session is not composed: {}", failure.message);
                    self.recorder.report(Event::RecordingFailed {
                        stream: of.stream.to_string(),
                        recording: None,
                        reason,
                    });
                }
            }
        }
        Ok(())
    }
}

/// The id of the whole of a session: the same whenever it is made.
fn whole_of(first: RecordingId) -> RecordingId {
    let mut bytes = first.to_bytes();
    bytes[14] ^= 0x5c;
    bytes[15] ^= 0xa7;
    RecordingId::from_bytes(bytes)
}

#[cfg(test)]
mod tests;
