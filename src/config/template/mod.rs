//! Recording templates: what becomes of a stream that is recorded.
//!
//! A template names formats; each has its own way to be cut into recordings. Formats that are cut alike share a
//! [`Output`]: one recording after the other, each to be had in every format of the output. So most templates have one
//! output, and one that splices HLS over breaks and begins a new MP4 at each has two. They cost the tape nothing.

mod parse;
#[cfg(test)]
mod tests;

pub use parse::{TemplateError, TemplateSource};

use crate::format::{Format, Gaps};
use crate::model::Output;

pub(super) const NAME_RULE: &str = "a name has 1 to 64 letters, digits, '.', '_' or '-'";

/// The template that is there without any configuration.
pub const DEFAULT_TEMPLATE: &str = "default";

/// What a template makes that does not say.
const USUAL_FORMATS: [Format; 2] = [Format::Hls, Format::Mp4];

/// A template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name: 1 to 64 letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// What it makes; nothing, if it is there to switch recording off.
    pub outputs: Vec<Output>,
    /// As it was written: what is shown and kept.
    pub source: TemplateSource,
}

impl Template {
    /// Gaps of some of its recordings are to be kept.
    pub fn keeps_gaps(&self) -> bool {
        self.outputs.iter().any(|output| output.gaps == Gaps::Keep)
    }

    /// What applies to every stream where nothing is configured.
    pub fn built_in() -> Self {
        let source = TemplateSource::named(DEFAULT_TEMPLATE, &USUAL_FORMATS);
        let output = Output::of(&USUAL_FORMATS);
        Self {
            name: DEFAULT_TEMPLATE.to_owned(),
            outputs: vec![output],
            source,
        }
    }

    /// True for one that is there to switch recording off.
    pub fn is_off(&self) -> bool {
        self.outputs.is_empty()
    }
}

pub(super) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.len() <= 64 && text.chars().all(fits)
}
