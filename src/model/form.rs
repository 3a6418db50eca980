//! How the ranges of a composition are played.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::format::Lapse;
use crate::media::Micros;

/// How the ranges of a composition are played. Any other recording is played as one range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// One after the other.
    #[default]
    Joined,
    /// One after the other, as a time lapse. Its only file is an MP4.
    Lapse(Lapse),
    /// Beside each other: what happened at the same moment is played at the same moment. Its only file is an MP4.
    #[serde(rename = "in_step")]
    InStep,
}

impl Form {
    /// True where the ranges are played one after the other, as they are on the tape.
    pub fn is_joined(&self) -> bool {
        *self == Self::Joined
    }

    /// The form, where it is another than one after the other: what answers and events say.
    pub fn told(self) -> Option<Self> {
        (!self.is_joined()).then_some(self)
    }

    /// How long the composition is, of the lengths of its ranges. Ranges in step begin at different moments, so together they may last
    /// longer: the clock says it.
    pub fn length(self, ranges: impl Iterator<Item = Micros>) -> Micros {
        match self {
            Self::Joined => ranges.fold(0_i64, Micros::saturating_add),
            Self::Lapse(lapse) => lapse.faster(Self::Joined.length(ranges)),
            Self::InStep => ranges.max().unwrap_or(0),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined => f.write_str("recordings one after the other"),
            Self::Lapse(_) => f.write_str("a time lapse"),
            Self::InStep => f.write_str("recordings beside each other"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_and_read_and_its_numbers_have_bounds() {
        let lapse = Form::Lapse(Lapse::new(60, 30).unwrap());
        let text = r#"{"lapse":{"speed":60,"fps":30}}"#;
        assert_eq!(serde_json::to_string(&lapse).unwrap(), text);
        assert_eq!(serde_json::from_str::<Form>(text).unwrap(), lapse);
        for (speed, fps, good) in [
            (2, 1, true),
            (3_600, 60, true),
            (1, 30, false),
            (3_601, 30, false),
            (1_000_000, 30, false),
            (60, 0, false),
            (60, 61, false),
            (60, u32::MAX, false),
        ] {
            let text = format!(r#"{{"lapse":{{"speed":{speed},"fps":{fps}}}}}"#);
            assert_eq!(serde_json::from_str::<Form>(&text).is_ok(), good, "{text}");
        }
        let lengths = [61_000_000, 59_000_000];
        assert_eq!(Form::Joined.length(lengths.into_iter()), 120_000_000);
        assert_eq!(lapse.length(lengths.into_iter()), 2_000_000);
        assert_eq!(Form::InStep.length(lengths.into_iter()), 61_000_000);
        assert_eq!(serde_json::to_string(&Form::InStep).unwrap(), r#""in_step""#);
    }
}
