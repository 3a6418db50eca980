//! Short texts of people: one line, of a limited length, and without characters that make a reader see another text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most tags of a recording.
const MOST_TAGS: usize = 16;

/// A text of 1 to `MOST` characters (Unicode scalar values), of which one is no white space, without control characters, line
/// breaks and overrides of the direction of writing. Such a text can be shown in a line of a terminal, a log or a page.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(try_from = "String", into = "String")]
pub struct Words<const MOST: usize>(String);

/// The tags of a recording: at most 16, each once, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(try_from = "Vec<Words<32>>")]
pub struct Tags(Vec<Words<32>>);

/// The reason why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// There is no text, or nothing but white space.
    #[error("expected a text of 1 to {most} characters, with one that is no white space")]
    Empty {
        /// The most characters.
        most: usize,
    },
    /// The text is too long.
    #[error("the text has {count} characters; at most {most} are taken (Unicode scalar values)")]
    Long {
        /// The number of characters.
        count: usize,
        /// The most characters.
        most: usize,
    },
    /// A character is refused.
    #[error(
        "the text has the character U+{:04X}; control characters, line breaks and overrides of the direction of writing are not taken",
        u32::from(*.0)
    )]
    Misleads(char),
    /// There are too many texts.
    #[error("{count} tags; at most {MOST_TAGS} are taken")]
    Many {
        /// The number of texts.
        count: usize,
    },
}

/// True for characters that control a terminal, break a line, or reorder the text around them: the controls of C0 and C1, line
/// and paragraph separators, and the embeddings, overrides and isolates of Unicode's algorithm for right-to-left writing. The
/// marks U+200E, U+200F and U+061C reorder nothing around them: they stay.
pub fn misleads(character: char) -> bool {
    let reorders = matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    character.is_control() || reorders || matches!(character, '\u{2028}' | '\u{2029}')
}

impl<const MOST: usize> Words<MOST> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> TryFrom<String> for Words<MOST> {
    type Error = WordsError;

    fn try_from(text: String) -> Result<Self, WordsError> {
        let count = text.chars().count();
        match text.chars().find(|character| misleads(*character)) {
            _ if count == 0 => Err(WordsError::Empty { most: MOST }),
            _ if count > MOST => Err(WordsError::Long { count, most: MOST }),
            Some(character) => Err(WordsError::Misleads(character)),
            None if text.trim().is_empty() => Err(WordsError::Empty { most: MOST }),
            None => Ok(Self(text)),
        }
    }
}

impl<const MOST: usize> From<Words<MOST>> for String {
    fn from(words: Words<MOST>) -> Self {
        words.0
    }
}

impl<const MOST: usize> fmt::Debug for Words<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MOST: usize> fmt::Display for Words<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Tags {
    /// True where there is no tag.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each tag.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Words::as_str)
    }

    /// The tags as texts.
    pub fn texts(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }
}

impl TryFrom<Vec<Words<32>>> for Tags {
    type Error = WordsError;

    fn try_from(mut tags: Vec<Words<32>>) -> Result<Self, WordsError> {
        tags.sort_unstable();
        tags.dedup();
        match tags.len() {
            0..=MOST_TAGS => Ok(Self(tags)),
            count => Err(WordsError::Many { count }),
        }
    }
}
