//! Values that more than one folder uses for the same thing, defined once: the answers of commands, and the rows of lists.
//!
//! This folder is pure: no I/O, no clock. A caller that has the facts makes these values of them. A caller that shows them
//! knows no other facts.

mod about;
mod encrypt;
mod facts;
mod form;
mod job;
mod keep;
mod key;
mod nearest;
mod output;
mod played;
pub mod reply;
mod review;
mod right;
mod rtmp_url;
mod size;
mod span;
pub(crate) mod unit;
mod when;
mod work;

pub use crate::media::{Zone, ZoneError};
pub use about::{About, Origin};
pub use encrypt::Encrypt;
pub use facts::{
    Categories, Category, CategoryId, CategoryRefusal, Custom, Description, Facts, FactsChange, Label, Note,
    Notes, Tags, Title, Words, misleads,
};
pub use form::Form;
pub use job::{JobKind, JobState};
pub use keep::Keep;
pub use key::{KeyError, KeyFacts, KeyPattern, distinct};
pub(crate) use nearest::nearest;
pub use output::{Media, Output, Resume, ResumeAfter, Split};
pub use played::recording_path;
pub use review::{OnBlock, Reason, Review, ReviewStatus, ReviewWhen};
pub use right::{Right, RightError, Rights};
pub use rtmp_url::{RtmpUrl, UrlError};
pub use size::{ByteSize, SizeError};
pub use span::{Span, SpanError};
pub use when::When;
pub use work::{StillFacts, StillKey, Stills, Work};
