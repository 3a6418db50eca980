//! The arguments of the commands: ranges, moments, and what the new recording is to be.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::super::facts::{list as words, object, text};
use crate::api::arguments::{Seconds, name};
use crate::api::command::{FORMATS, Kind, Values, needs, takes};
use crate::format::{Format, Lapse, MAX_RANGES, MOST_IN_STEP};
use crate::media::Micros;
use crate::model::{CategoryId, Custom, Description, Facts, Form, Notes, ReviewWhen, Tags, Title, Words};
use crate::store::{Job, RecordingSpec, Unless};

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

/// What a command says of the new recording, behind its own arguments.
macro_rules! of_new {
    ($($own:expr),* $(,)?) => {
        &[$($own,)* TEMPLATE, AS, NAME, TITLE, DESCRIPTION, TAGS, CATEGORY, NOTES, CUSTOM]
    };
}

pub(in crate::api::recording) const COMPOSE: &[crate::api::Argument] = of_new![needs(
    "ranges",
    Kind::Objects,
    "up to 500 ranges, as in [{\"recording\": \"ID\", \"from_s\": 60, \"to_s\": 120, \"note\": \"goal\"}]: seconds as the recording plays, \
         negative ones count from its end; without them all of it",
),];
pub(in crate::api::recording) const CUT: &[crate::api::Argument] = of_new![
    super::super::THIS,
    needs(
        "ranges",
        Kind::Objects,
        "up to 500 ranges of it, as in [{\"from_s\": 60, \"to_s\": 120}, {\"from_s\": -60}]: seconds as it plays, negative ones count from its end",
    ),
];
pub(in crate::api::recording) const MIX: &[crate::api::Argument] = &[
    needs(
        "recordings",
        Kind::Objects,
        "two to four recordings, as in [{\"recording\": \"ID\", \"from_s\": 60, \"to_s\": 120}]: seconds as the recording plays, \
         negative ones count from its end; without them all of it. The first one is what players show",
    ),
    TEMPLATE,
    NAME,
    TITLE,
    DESCRIPTION,
    TAGS,
    CATEGORY,
    NOTES,
    CUSTOM,
];
pub(in crate::api::recording) const SPLIT: &[crate::api::Argument] = &[
    super::super::THIS,
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

pub(in crate::api::recording) const TIMELAPSE: &[crate::api::Argument] = &[
    super::super::THIS,
    needs("speed", Kind::Number, "so many times faster, 2 to 3600"),
    takes(
        "fps",
        Kind::Number,
        "the most pictures of a second, 1 to 60; keyframes in between are left out; default 30",
    ),
    takes(
        "from_s",
        Kind::Seconds,
        "the part of the recording from this moment on, as it plays",
    ),
    takes(
        "to_s",
        Kind::Seconds,
        "the part of the recording up to this moment",
    ),
    TEMPLATE,
    takes(
        "formats",
        Kind::Texts,
        "mp4: a time lapse has no other format, whatever its template says",
    )
    .of(Values::Words(&["mp4"])),
    NAME,
    TITLE,
    DESCRIPTION,
    TAGS,
    CATEGORY,
    takes(
        "notes",
        Kind::Objects,
        "its notes, at moments of the time lapse; default are those of the recording, so many times earlier",
    ),
    CUSTOM,
];

pub(in crate::api) const EXPORT: &[crate::api::Argument] = &[
    takes(
        "recording",
        Kind::Text,
        "the recording, by its id or the beginning of it; or 'last'",
    )
    .of(Values::Recordings),
    takes(
        "from_s",
        Kind::Seconds,
        "its part from this moment on, as it plays; a negative one counts from its end",
    ),
    takes("to_s", Kind::Seconds, "its part up to this moment"),
    takes(
        "ranges",
        Kind::Objects,
        "or up to 500 ranges of recordings, as in [{\"recording\": \"ID\", \"from_s\": 60, \"to_s\": 120, \"note\": \"goal\"}]",
    ),
    takes(
        "speed",
        Kind::Number,
        "a time lapse that is so many times faster, 2 to 3600",
    ),
    takes(
        "fps",
        Kind::Number,
        "the most pictures of a second of the time lapse; default 30",
    ),
    takes(
        "formats",
        Kind::Texts,
        "the files to make: mp4, hls, fmp4, flv, aac; default mp4",
    )
    .of(FORMATS),
    TEMPLATE,
    NAME,
    TITLE,
    DESCRIPTION,
    TAGS,
    CATEGORY,
    NOTES,
    CUSTOM,
];

/// A range as it is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    pub(super) recording: String,
    #[serde(default, deserialize_with = "moment")]
    pub(super) from_s: Option<Micros>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) to_s: Option<Micros>,
    pub(super) note: Option<Words<128>>,
}

/// A recording of several that play in step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Side {
    pub(super) recording: String,
    #[serde(default, deserialize_with = "moment")]
    pub(super) from_s: Option<Micros>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) to_s: Option<Micros>,
}

/// A range of the recording that the command names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    #[serde(default, deserialize_with = "moment")]
    pub(super) from_s: Option<Micros>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) to_s: Option<Micros>,
    pub(super) note: Option<Words<128>>,
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

fn sides<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Side>, D::Error> {
    let sides = Vec::<Side>::deserialize(from)?;
    match sides.len() {
        2..=MOST_IN_STEP => Ok(sides),
        count => Err(D::Error::custom(format!(
            "{count} recordings; 2 to {MOST_IN_STEP} are taken"
        ))),
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

fn usual_fps() -> u32 {
    Lapse::USUAL_FPS
}

/// What the new recording is to be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) template: Option<String>,
    pub(super) formats: Option<Vec<Format>>,
    pub(super) name: Option<String>,
    pub(super) facts: Facts,
    /// None where the notes are those of the ranges.
    pub(super) notes: Option<Notes>,
    /// How its ranges are played.
    pub(super) form: Form,
    /// The recording that it continues: of a session.
    pub(super) like: Option<RecordingSpec>,
    /// The job that delivers it.
    pub(super) job: Option<Box<Job>>,
}

impl Wanted {
    /// The reviews that keep it from being made.
    pub(super) fn unless(&self) -> Unless {
        match &self.like {
            Some(like) if like.output.review == ReviewWhen::Before => Unless::Blocked,
            _ => Unless::HeldBack,
        }
    }
}

/// The arguments of a command: its own, and what the new recording is to be.
macro_rules! arguments {
    ($arguments:ident { $($(#[$with:meta])* $own:ident: $type:ty,)* }) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $arguments {
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
            pub(super) fn apart(self) -> ($($type,)* Wanted) {
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
                    form: Form::Joined,
                    like: None,
                    job: None,
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
arguments!(Export {
    recording: Option<String>,
    #[serde(default, deserialize_with = "ranges")]
    ranges: Vec<Range>,
    #[serde(default, deserialize_with = "moment")]
    from_s: Option<Micros>,
    #[serde(default, deserialize_with = "moment")]
    to_s: Option<Micros>,
    speed: Option<u32>,
    #[serde(default = "usual_fps")]
    fps: u32,
});
arguments!(Faster {
    recording: String,
    speed: u32,
    #[serde(default = "usual_fps")]
    fps: u32,
    from_s: Option<Seconds>,
    to_s: Option<Seconds>,
});
arguments!(Mix {
    #[serde(default, deserialize_with = "sides")]
    recordings: Vec<Side>,
});
arguments!(SplitUp {
    recording: String,
    #[serde(default, deserialize_with = "moments")]
    at_s: Vec<Micros>,
});
