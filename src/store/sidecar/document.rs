//! A sidecar as bytes.
//!
//! ```text
//! {"crc32c":"1a2b3c4d","version":1,"facts":{"title":"…","notes":[…]},"…":…}
//! ^                   ^
//! 20 bytes            the checksum covers all bytes from here to the end of the file
//! ```
//!
//! A release of the same version adds sections and takes none away: the others keep what they do not know.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::media::RecordingId;
use crate::model::{Category, Facts, OnBlock, Review};
use crate::store::composition::Written;
use crate::store::journal::Op;

/// The version that this edgereel writes and reads.
const VERSION: u32 = 1;
/// What comes before the digits of the checksum, and behind them.
const BEFORE: &str = "{\"crc32c\":\"";
const BEHIND: &str = "\"";
/// Bytes of the checksum's field.
const HEAD: usize = BEFORE.len() + 8 + BEHIND.len();

/// What a sidecar says. A section is a field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::store) struct Sidecar {
    version: u32,
    /// The facts of a recording that people set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) facts: Option<Facts>,
    /// The ranges of a composition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) composition: Option<Written>,
    /// The review of a recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) review: Option<Review>,
    /// All categories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) categories: Option<Vec<Category>>,
    /// Sections of later releases.
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The reason why a sidecar is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::store) enum Damage {
    /// The file has nothing but zeros: it was being removed, or never written.
    #[error("is empty")]
    Empty,
    /// The file is not as it was written.
    #[error("is damaged: {0}")]
    Torn(String),
    /// A later release wrote it, in a form of its own.
    #[error("has version {0}, which a later release writes; this one reads up to {VERSION}")]
    Later(u64),
}

impl Default for Sidecar {
    fn default() -> Self {
        Self {
            version: VERSION,
            facts: None,
            composition: None,
            review: None,
            categories: None,
            others: Map::new(),
        }
    }
}

impl Sidecar {
    /// The bytes of the file.
    pub(in crate::store) fn encode(&self) -> Vec<u8> {
        // A struct of texts, numbers and values alone: nothing can fail.
        let text = serde_json::to_string(self).unwrap_or_default();
        let rest = text.strip_prefix('{').unwrap_or_default();
        let rest = format!(",{rest}\n");
        let crc = crc32c::crc32c(rest.as_bytes());
        format!("{BEFORE}{crc:08x}{BEHIND}{rest}").into_bytes()
    }

    /// Reads the bytes of a file.
    pub(in crate::store) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(Damage::Empty);
        }
        let torn = |what: &str| Damage::Torn(what.to_owned());
        let (head, rest) = bytes
            .split_at_checked(HEAD)
            .ok_or_else(|| torn("it is too short"))?;
        let crc = crc32c::crc32c(rest);
        if head != format!("{BEFORE}{crc:08x}{BEHIND}").as_bytes() {
            return Err(torn("its checksum is wrong"));
        }
        let body = rest.strip_prefix(b",").ok_or_else(|| torn("it is no object"))?;
        let body = [b"{", body].concat();
        let wrong = |error: serde_json::Error| Damage::Torn(error.to_string());
        let fields: Map<String, Value> = serde_json::from_slice(&body).map_err(wrong)?;
        match fields.get("version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {
                serde_json::from_value(Value::Object(fields)).map_err(wrong)
            }
            Some(version) if version > u64::from(VERSION) => Err(Damage::Later(version)),
            _ => Err(torn("it has no version")),
        }
    }

    /// The rows of a recording that the file says this of. `joined` gives the facts that the journal is to have of these.
    pub(in crate::store) fn rows(self, id: RecordingId, joined: impl FnOnce(Facts) -> Facts) -> Vec<Op> {
        let facts = Box::new(joined(self.facts.unwrap_or_default()));
        let review = self.review.map(|review| Op::Review {
            id,
            review,
            on_block: OnBlock::Keep,
            tell: false,
        });
        let describes = Op::Describe { id, facts };
        [Some(describes), review].into_iter().flatten().collect()
    }

    /// The same with these facts.
    pub(in crate::store) fn with_facts(mut self, facts: Facts) -> Self {
        self.facts = Some(facts);
        self
    }

    /// The same with these ranges.
    pub(in crate::store) fn with_composition(mut self, composition: Option<Written>) -> Self {
        self.composition = composition.or(self.composition);
        self
    }

    /// The same with this review.
    pub(in crate::store) fn with_review(mut self, review: Option<Review>) -> Self {
        self.review = review;
        self
    }

    /// The same with this tree.
    pub(in crate::store) fn with_categories(mut self, categories: Vec<Category>) -> Self {
        self.categories = Some(categories);
        self
    }
}
