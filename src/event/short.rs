//! What a recording lacks of what was asked for: the same in answers, events and lists.

use serde::{Deserialize, Serialize};

use super::rfc3339;

/// Less than this is the length of a picture or of a packet of sound, and nothing that anybody misses.
const TOLERANCE: i64 = 150_000;
/// Of more than so many missing parts the first are told, and their sum is that of all.
const MOST: usize = 20;

/// A recording has less media than was requested.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Short {
    /// Seconds that are missing in all.
    pub missing_s: f64,
    /// The actual start.
    pub start: String,
    /// The actual end; for a clip that is being made, the planned end.
    pub end: String,
    /// Why the longest of the missing parts is missing.
    pub reason: Lack,
    /// The missing parts in the order of time.
    pub missing: Vec<Missing>,
}

/// A requested part that is missing.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Missing {
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// How long it is, seconds.
    pub missing_s: f64,
    /// Why it is missing.
    pub reason: Lack,
    /// The same in a sentence, with what can be done.
    pub detail: &'static str,
}

/// Why a part of a stream is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Lack {
    /// Nobody recorded it then, and it is not in memory any more.
    #[default]
    Ring,
    /// It was on flash, and was deleted or evicted.
    Tape,
    /// Nobody published then.
    Publish,
    /// The publisher sent nothing then, or the flash took nothing.
    Gap,
}

impl Lack {
    /// In a sentence, with what can be done.
    pub fn detail(self) -> &'static str {
        match self {
            Lack::Ring => {
                "nobody recorded the stream then, and it is not in memory any more; a longer ring.pre_roll and a larger \
                 ring.memory keep more, and a rule with record = \"always\" keeps all"
            }
            Lack::Tape => {
                "it was deleted, or evicted for newer media; a larger storage.quota or a longer keep holds more"
            }
            Lack::Publish => "nobody published the stream then",
            Lack::Gap => {
                "the publisher sent nothing then, or the flash took nothing; the log of that time says which"
            }
        }
    }
}

impl Short {
    /// Of a recording from `start` to `end` (UTC), whose missing parts are these, in the order of time. Nothing, if nothing
    /// is missing.
    pub fn of(start: i64, end: i64, missing: impl IntoIterator<Item = (i64, i64, Lack)>) -> Option<Self> {
        let mut short = Self {
            start: rfc3339(start),
            end: rfc3339(end),
            ..Self::default()
        };
        let (mut all, mut longest) = (0, 0);
        for (from, to, reason) in missing {
            let length = to.saturating_sub(from);
            if length < TOLERANCE {
                continue;
            }
            all += length;
            if length > longest {
                (longest, short.reason) = (length, reason);
            }
            if short.missing.len() < MOST {
                short.missing.push(Missing {
                    from: rfc3339(from),
                    to: rfc3339(to),
                    missing_s: length as f64 / 1e6,
                    reason,
                    detail: reason.detail(),
                });
            }
        }
        short.missing_s = all as f64 / 1e6;
        (all > 0).then_some(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_summed_up_and_told_with_the_reason_of_the_longest_part() {
        let missing = [
            (0, 2_000_000, Lack::Publish),
            (5_000_000, 5_100_000, Lack::Gap),
            (7_000_000, 10_500_000, Lack::Tape),
        ];
        let short = Short::of(2_000_000, 20_000_000, missing).unwrap();
        assert_eq!((short.missing_s, short.reason), (5.5, Lack::Tape));
        assert_eq!(short.start, rfc3339(2_000_000));
        let parts: Vec<_> = short
            .missing
            .iter()
            .map(|part| (part.missing_s, part.reason))
            .collect();
        assert_eq!(parts, [(2.0, Lack::Publish), (3.5, Lack::Tape)]);
        assert!(
            serde_json::to_string(&short)
                .unwrap()
                .contains(r#""reason":"tape""#)
        );
    }

    #[test]
    fn a_picture_more_or_less_is_not_missed_and_very_many_parts_are_bounded() {
        assert_eq!(Short::of(0, 9, [(0, 100_000, Lack::Ring)]), None);
        assert_eq!(Short::of(0, 9, [(5, 0, Lack::Ring)]), None);
        let many = (0..100).map(|n| (n * 1_000_000, n * 1_000_000 + 500_000, Lack::Gap));
        let short = Short::of(0, 9, many).unwrap();
        assert_eq!((short.missing.len(), short.missing_s), (MOST, 50.0));
    }
}
