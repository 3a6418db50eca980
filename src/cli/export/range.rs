//! The range of an export: a recording, or a part of one.

use std::str::FromStr;

use crate::model::When;

/// `RECORDING`, or `RECORDING@FROM..TO`; either time may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// An id, its beginning, or `last`.
    pub(super) recording: String,
    pub(super) from: Option<When>,
    pub(super) to: Option<When>,
}

impl Range {
    /// A recording from its beginning to its end.
    pub(super) fn whole(recording: &str) -> Self {
        Self {
            recording: recording.to_owned(),
            from: None,
            to: None,
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((recording, times)) = text.split_once('@') else {
            return Ok(Self::whole(text));
        };
        let Some((from, to)) = times.split_once("..") else {
            return Err("write a part of a recording as in 0197a2@10min..12min".to_owned());
        };
        let time = |text: &str| match text {
            "" => Ok(None),
            text => text.parse().map(Some),
        };
        Ok(Self {
            recording: recording.to_owned(),
            from: time(from)?,
            to: time(to)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_recordings_and_parts_of_them() {
        assert_eq!("0197a2".parse(), Ok(Range::whole("0197a2")));
        let range: Range = "last@1970-01-01T00:00:01.5Z..90s".parse().unwrap();
        assert_eq!(range.recording, "last");
        assert_eq!(
            (range.from, range.to),
            (Some(When::At(1_500_000)), Some(When::Offset(90_000_000)))
        );
        let open: Range = "0197a2@..12min".parse().unwrap();
        assert_eq!((open.from, open.to), (None, Some(When::Offset(720_000_000))));
        assert!("0197a2@..".parse::<Range>().unwrap().is_whole());
        for wrong in ["0197a2@10min", "0197a2@ten..", "0197a2@1s...2s"] {
            assert!(wrong.parse::<Range>().is_err(), "{wrong}");
        }
    }
}
