//! Notes: texts at moments of a recording.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Words;
use crate::media::Micros;

/// The most notes of a recording.
const MOST: usize = 100;
/// The most bytes of the texts of all notes of a recording, so that they fit in an answer.
const MOST_BYTES: usize = 16 << 10;
/// The latest moment: the end of a recording of 31 days.
const LATEST: f64 = 31.0 * 86_400.0;

/// A text at a moment of a recording.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Note {
    /// Where it is: seconds from the beginning of the recording, as its files play it.
    #[serde(rename = "at_s", with = "seconds")]
    #[cfg_attr(test, schemars(with = "f64"))]
    pub at: Micros,
    /// What it says, in 1 to 128 characters.
    pub text: Words<128>,
}

/// The notes of a recording: at most 100, in the order of their moments. All texts together have at most 16 KiB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(try_from = "Vec<Note>")]
pub struct Notes(Vec<Note>);

impl Notes {
    /// True where there is no note.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each note.
    pub fn iter(&self) -> impl Iterator<Item = &Note> {
        self.0.iter()
    }

    /// The number of notes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl TryFrom<Vec<Note>> for Notes {
    type Error = String;

    fn try_from(mut notes: Vec<Note>) -> Result<Self, String> {
        notes.sort_unstable();
        notes.dedup();
        let bytes: usize = notes.iter().map(|note| note.text.as_str().len()).sum();
        match notes.len() {
            count if count > MOST => Err(format!("{count} notes; at most {MOST} are taken")),
            _ if bytes > MOST_BYTES => Err(format!(
                "the texts of all notes have {bytes} bytes; at most {MOST_BYTES} are taken"
            )),
            _ => Ok(Self(notes)),
        }
    }
}

/// A moment is microseconds here, and seconds in JSON.
mod seconds {
    use super::{Deserialize, Deserializer, LATEST, Micros, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Micros, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(*at as f64 / 1e6)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Micros, D::Error> {
        let at = f64::deserialize(from)?;
        if (0.0..=LATEST).contains(&at) {
            Ok((at * 1e6).round() as Micros)
        } else {
            Err(serde::de::Error::custom(format!(
                "{at} is not a number of seconds from 0 to 31 days"
            )))
        }
    }
}
