//! Recording templates: how a stream is recorded.
//!
//! A template names formats. Each format has its own way to be cut into recordings. Formats that are cut alike share an
//! [`Output`]: one recording after the other, each in every format of the output. So most templates have one output. A template
//! that continues HLS over breaks and begins a new MP4 at each break has two. Outputs cost the tape nothing.

mod parse;
mod pseudo_live;
#[cfg(test)]
mod tests;

pub use parse::{TemplateError, TemplateSource};
pub use pseudo_live::PseudoLive;

use crate::format::{Format, Gaps};
use crate::model::{Encrypt, Output, ReviewWhen, Span};

pub(super) const NAME_RULE: &str = "a name has 1 to 64 letters, digits, '.', '_' or '-'";

/// The template that exists without any configuration.
pub const DEFAULT_TEMPLATE: &str = "default";

/// The formats of a template that names none.
const USUAL_FORMATS: [Format; 2] = [Format::Hls, Format::Mp4];

/// A template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The name of the template: 1 to 64 letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// The outputs of the template. It has none if it is there to switch recording off.
    pub outputs: Vec<Output>,
    /// How far back viewers may go by time shift, if that is limited.
    pub time_shift: Option<Span>,
    /// When each recording is shown again, as a channel, if it is.
    pub pseudo_live: Option<PseudoLive>,
    /// The template as it was written, to show and to keep.
    pub source: TemplateSource,
}

impl Template {
    /// True when gaps of some of its recordings are to be kept.
    pub fn keeps_gaps(&self) -> bool {
        self.outputs.iter().any(|output| output.gaps == Gaps::Keep)
    }

    /// The template for every stream where nothing is configured.
    pub fn built_in() -> Self {
        let source = TemplateSource::named(DEFAULT_TEMPLATE, &USUAL_FORMATS);
        let output = Output::of(&USUAL_FORMATS);
        Self {
            name: DEFAULT_TEMPLATE.to_owned(),
            outputs: vec![output],
            time_shift: None,
            pseudo_live: None,
            source,
        }
    }

    /// How the HLS of its recordings is encrypted, if it is.
    pub fn encrypt(&self) -> Option<Encrypt> {
        self.outputs.iter().find_map(|output| output.encrypt)
    }

    /// When its recordings are reviewed.
    pub fn review(&self) -> ReviewWhen {
        let said = self.outputs.iter().map(|output| output.review);
        said.reduce(ReviewWhen::and).unwrap_or_default()
    }

    /// True for a template that is there to switch recording off.
    pub fn is_off(&self) -> bool {
        self.outputs.is_empty()
    }
}

pub(super) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.len() <= 64 && text.chars().all(fits)
}
