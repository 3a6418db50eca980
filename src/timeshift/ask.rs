//! What a query asks for, whichever dialect it is in.

use super::dialect;
use crate::media::Micros;

/// What a viewer asks for. Times are UTC in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// What was or will be on the air between two moments.
    Range {
        /// The beginning.
        from: Micros,
        /// The end. It is later than the beginning.
        to: Micros,
        /// True when the playlist is to be complete at once, though its end may be in the future.
        at_once: bool,
    },
    /// Everything from a moment on.
    From {
        /// The moment.
        from: Micros,
    },
    /// What is live, so much later.
    Delay {
        /// How much later, in microseconds.
        by: Micros,
    },
}

/// The clouds whose parameters are read. Those of edgereel itself always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialects {
    /// Tencent Cloud: `txTimeshift`, `tsStart`, `tsEnd`, `tsDelay`.
    pub tencent: bool,
    /// Alibaba Cloud: `aliyunols`, `lhs_…`.
    pub aliyun: bool,
}

/// Why a query asks for nothing that there can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShiftError {
    /// A parameter has a value that it cannot have.
    #[error("{message}")]
    Parameter {
        /// The parameter. For parameters of Alibaba it is the part before the format, as in `lhs_start`.
        name: &'static str,
        /// What is wrong, and what may stand there.
        message: String,
    },
    /// The query names a transcoded stream, and the box has only what the encoder sent.
    #[error("tsCodecname: the box does not transcode, so there is no '{0}'; leave the parameter out")]
    NoRendition(String),
}

impl ShiftError {
    pub(super) fn parameter(name: &'static str, message: impl std::fmt::Display) -> Self {
        ShiftError::Parameter {
            name,
            message: format!("{name}: {message}"),
        }
    }
}

/// The longest part of a wrong value that a message repeats, in characters.
const SHOWN: usize = 64;

/// The beginning of a value, for a message.
pub(super) fn shown(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// The decoded parameters of a query, in order.
#[derive(Clone, Debug, Default)]
pub struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> FromIterator<(&'a str, &'a str)> for Parameters<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<'a> Parameters<'a> {
    /// The value of a parameter that may stand once.
    pub(super) fn once(&self, name: &'static str) -> Result<Option<&'a str>, ShiftError> {
        let mut values = self.0.iter().filter(|(other, _)| *other == name);
        let first = values.next().map(|(_, value)| *value);
        match values.next() {
            Some(_) => Err(ShiftError::parameter(name, "it stands there twice")),
            None => Ok(first),
        }
    }

    /// True when a parameter has this value.
    pub(super) fn says(&self, name: &str, value: &str) -> bool {
        self.0.contains(&(name, value))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().copied()
    }
}

/// Reads what a query asks for. `None` where it asks for no other time: then the stream plays as it is now.
pub fn asked(parameters: &Parameters<'_>, dialects: Dialects) -> Result<Option<Shift>, ShiftError> {
    let native = dialect::native(parameters)?;
    let mut ways = vec![("start", native)];
    if dialects.tencent {
        ways.push(("txTimeshift", dialect::tencent(parameters)?));
    }
    if dialects.aliyun {
        ways.push(("aliyunols", dialect::aliyun(parameters)?));
    }
    let mut said = ways.into_iter().filter_map(|(name, shift)| Some((name, shift?)));
    let first = said.next();
    match said.next() {
        Some((name, _)) => Err(ShiftError::parameter(
            name,
            "the query asks in two dialects; use the parameters of one",
        )),
        None => Ok(first.map(|(_, shift)| shift)),
    }
}
