//! What a job has the media worker do, as the journal keeps it: JSON. It is done in steps, of which each counts once.

use serde::{Deserialize, Serialize};

use super::{KeyError, KeyPattern};
use crate::media::Micros;

/// What a job has the media worker do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Pictures of a recording, each for itself in the object store.
    Stills(Stills),
}

/// Pictures of a recording at equal distances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stills {
    /// The first one, from the beginning of the recording.
    pub first: Micros,
    /// From one to the next.
    pub every: Micros,
    /// How many there are: from 1 to [`Self::MOST`].
    pub count: u32,
    /// The most pixels of their width. 0: as many as there are.
    pub width: u16,
    /// The same of their height.
    pub height: u16,
    /// 1 to 100.
    pub quality: u8,
    /// How they are called.
    pub key: StillKey,
}

/// How the keys of pictures are made: a [`KeyPattern`] whose times are those of the picture, with a few more placeholders.
///
/// | placeholder | what it is |
/// |---|---|
/// | `{Year}`, `{Month}`, `{Day}`, `{Hour}`, `{Minute}`, `{Second}`, `{Millisecond}` | short for `{StartYear}` and so on: when the picture was to be taken |
/// | `{Width}`, `{Height}` | pixels of the picture |
/// | `{Number}` | which picture of its job it is: 00001 and so on |
/// | `{JobId}` | the job |
/// | `{Ext}` | `.jpg`, at the end; it is added where it is missing |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StillKey(String);

/// What only a picture has.
#[derive(Clone, Copy, Debug)]
pub struct StillFacts<'a> {
    /// The job, in letters and digits.
    pub job: &'a str,
    /// Which of its pictures it is, from 1 on.
    pub number: u32,
    /// Its pixels.
    pub size: (u16, u16),
}

impl Work {
    /// In how many steps it is done.
    pub fn steps(&self) -> u32 {
        match self {
            Work::Stills(stills) => stills.count,
        }
    }
}

impl Stills {
    /// The most pictures of a job.
    pub const MOST: u32 = 10_000;

    /// When a picture is taken, from the beginning of the recording.
    pub fn at(&self, step: u32) -> Micros {
        self.first.saturating_add(self.every.saturating_mul(step.into()))
    }
}

impl StillKey {
    const DEFAULT: &str = "{AppName}/{StreamName}/{Year}{Month}{Day}/{JobId}-{Number}";

    /// The pattern of a picture's key, without `.jpg`.
    pub fn pattern(&self, facts: StillFacts<'_>) -> KeyPattern {
        self.fill(facts).unwrap_or_default()
    }

    /// True where two pictures of a job, which are this far apart, may have the same key.
    pub fn repeats(&self, every: Micros) -> bool {
        let has = |places: &[&str]| places.iter().any(|place| self.0.contains(place));
        let of_second = [
            "{Second}",
            "{StartSecond}",
            "{UnixTimestamp}",
            "{StartTime}",
            "{EscapedStartTime}",
        ];
        !(has(&["{Number}"]) || every >= 1_000_000 && has(&of_second))
    }

    fn fill(&self, facts: StillFacts<'_>) -> Result<KeyPattern, KeyError> {
        let text = self.0.strip_suffix("{Ext}").unwrap_or(&self.0);
        let mut text = text.strip_suffix(".jpg").unwrap_or(text).to_owned();
        for field in ["Year", "Month", "Day", "Hour", "Minute", "Second", "Millisecond"] {
            text = text.replace(&format!("{{{field}}}"), &format!("{{Start{field}}}"));
        }
        let (width, height) = facts.size;
        text = text
            .replace("{JobId}", facts.job)
            .replace("{Width}", &width.to_string())
            .replace("{Height}", &height.to_string())
            .replace("{Number}", &format!("{:05}", facts.number));
        text.parse()
    }
}

impl Default for StillKey {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl TryFrom<String> for StillKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        let key = Self(text);
        // As long as it can become.
        let longest = StillFacts {
            job: "00000000-0000-0000-0000-000000000000",
            number: 1,
            size: (u16::MAX, u16::MAX),
        };
        key.fill(longest).map(|_| key)
    }
}

impl From<StillKey> for String {
    fn from(key: StillKey) -> String {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<StillKey, KeyError> {
        text.to_owned().try_into()
    }

    #[test]
    fn keys_of_pictures_have_the_names_of_the_clouds() {
        let facts = StillFacts {
            job: "01a1fe5e",
            number: 7,
            size: (1280, 720),
        };
        let tencent =
            key("{Year}-{Month}-{Day}/{StreamID}-screenshot-{Hour}-{Minute}-{Second}-{Width}x{Height}{Ext}");
        assert_eq!(
            tencent.unwrap().pattern(facts).to_string(),
            "{StartYear}-{StartMonth}-{StartDay}/{StreamID}-screenshot-{StartHour}-{StartMinute}-{StartSecond}-1280x720"
        );
        let own = StillKey::default();
        assert!(own.pattern(facts).to_string().ends_with("/01a1fe5e-00007"));
        for wrong in ["", "a.jpg", "{Number}", "{StreamID}{", "{Frame}-{StreamID}"] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
        let long = format!("{{StreamID}}{}{{JobId}}", "x".repeat(230));
        assert!(key(&long).is_err());
    }

    #[test]
    fn keys_that_may_repeat_are_known() {
        let seconds = key("{StreamID}-{Hour}{Minute}{Second}").unwrap();
        assert!(!seconds.repeats(1_000_000) && seconds.repeats(999_999));
        assert!(key("{StreamID}-{Year}").unwrap().repeats(60_000_000));
        assert!(!StillKey::default().repeats(0));
    }

    #[test]
    fn work_is_read_as_it_was_written() {
        let work = Work::Stills(Stills {
            first: 500_000,
            every: 2_000_000,
            count: 30,
            width: 320,
            height: 0,
            quality: 90,
            key: StillKey::default(),
        });
        let text = serde_json::to_string(&work).unwrap();
        assert!(text.contains(r#""kind":"stills""#), "{text}");
        assert_eq!(serde_json::from_str::<Work>(&text).unwrap(), work);
        let Work::Stills(stills) = &work;
        assert_eq!((work.steps(), stills.at(29)), (30, 58_500_000));
    }
}
