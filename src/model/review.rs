//! Reviews: whether viewers may have what was recorded.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Words;

/// The most bytes of a reason.
const MOST_REASON: usize = 128;

/// What a review says of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ReviewStatus {
    /// Viewers may have it.
    Pass,
    /// It is to be reviewed: viewers get it when it is passed.
    Review,
    /// Viewers do not get it, nor any other recording of the same tape.
    Block,
}

/// A review of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// What it says.
    pub status: ReviewStatus,
    /// Why, if somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// A template held the recording back, and nobody said anything of it yet: `review.hook` is asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
}

/// The reason of a review: a text of one line, at most 128 bytes of UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(try_from = "String", into = "String")]
pub struct Reason(Words<MOST_REASON>);

/// When recordings of a template are reviewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ReviewWhen {
    /// Viewers have them until somebody blocks them.
    #[default]
    After,
    /// Viewers get them, and they are delivered, when somebody has passed them.
    Before,
}

/// What becomes of delivered files of a recording that is blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBlock {
    /// The box deletes them. What is passed later is delivered again.
    #[default]
    Delete,
    /// They get the tag `edgereel-review=block`. A later review changes its value.
    Tag,
    /// They stay as they are.
    Keep,
}

impl ReviewStatus {
    /// Every status.
    pub const ALL: [ReviewStatus; 3] = [ReviewStatus::Pass, ReviewStatus::Review, ReviewStatus::Block];

    /// The word of the command.
    pub const fn as_str(self) -> &'static str {
        match self {
            ReviewStatus::Pass => "pass",
            ReviewStatus::Review => "review",
            ReviewStatus::Block => "block",
        }
    }

    /// True where viewers get nothing, and nothing is delivered.
    pub const fn holds_back(self) -> bool {
        !matches!(self, ReviewStatus::Pass)
    }
}

impl fmt::Display for ReviewStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Review {
    /// A review without a reason.
    pub fn of(status: ReviewStatus) -> Self {
        Self {
            status,
            reason: None,
            asks: false,
        }
    }
}

impl ReviewWhen {
    /// True for the usual value, which is not written.
    pub fn is_after(&self) -> bool {
        *self == ReviewWhen::After
    }

    /// What holds for a recording that two say this of: each holds back what it holds back.
    pub fn and(self, other: Self) -> Self {
        if self.is_after() { other } else { self }
    }
}

impl Reason {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for Reason {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() > MOST_REASON {
            let bytes = text.len();
            return Err(format!(
                "the reason has {bytes} bytes; at most {MOST_REASON} are taken"
            ));
        }
        Words::try_from(text).map(Self).map_err(|error| error.to_string())
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_one_line_of_at_most_128_bytes_whatever_its_script() {
        let reason = |text: String| Reason::try_from(text);
        for good in ["x".repeat(128), "ü".repeat(64), "🎬".repeat(32), "نص".to_owned()] {
            assert_eq!(reason(good.clone()).unwrap().as_str(), good);
        }
        for bad in [
            String::new(),
            " ".to_owned(),
            "x".repeat(129),
            "ü".repeat(64) + "x",
            "🎬".repeat(33),
            "x".repeat(1_000_000),
            "two\nlines".to_owned(),
            "a\u{202E}b".to_owned(),
        ] {
            assert!(reason(bad).is_err());
        }
    }

    #[test]
    fn what_one_holds_back_is_held_back() {
        use ReviewWhen::{After, Before};
        assert_eq!(After.and(After), After);
        assert_eq!((After.and(Before), Before.and(After)), (Before, Before));
        let words = ReviewStatus::ALL.map(ReviewStatus::as_str);
        let said = ReviewStatus::ALL.map(|status| serde_json::to_string(&status).unwrap());
        assert_eq!(words.map(|word| format!("\"{word}\"")), said);
    }
}
