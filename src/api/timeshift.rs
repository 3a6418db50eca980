//! `timeshift.…`: which streams can be played at another time than now, and when there is tape of them.
//!
//! The questions and the pages are those of Tencent Cloud (`DescribeTimeShiftStreamList`, `DescribeTimeShiftRecordDetail`).

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Failure, MAX_ANSWER};
use super::arguments::{Whole, between, one_stream, time, typed};
use super::command::{Command, Effect, FROM, Kind, Reach, Right, STREAM, STREAMS, carries_out, takes};
use crate::config::{Streams, stream_path};
use crate::event::rfc3339;
use crate::media::{Micros, StreamName};
use crate::model::reply::{TimeShiftRange, TimeShiftRanges, TimeShiftStream, TimeShiftStreams};
use crate::store::{Library, Spans, StoreError};

const SECOND: Micros = 1_000_000;
/// The longest time that is asked about.
const MOST_DAYS: Micros = 1;
/// The most streams of a page.
const MOST_STREAMS: usize = 100;
/// The most ranges of an answer.
const MOST_RANGES: usize = 200;
/// What an answer has beside its ranges takes fewer bytes than this.
const BESIDE: usize = 1 << 10;
/// Bytes of a range without an address: two times and the words around them.
const OF_A_RANGE: usize = 128;
/// Tape that goes on within this is one range.
const CLOSE: Micros = SECOND;

const TO: super::Argument = takes("to", Kind::Time, "the end, at most 24 h later; default now");

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "timeshift.streams",
        about: "List the streams that have tape between two moments",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: &[
            FROM,
            TO,
            STREAMS,
            takes(
                "page_size",
                Kind::Number,
                "the number of streams of a page, 0 to 100; default 100",
            ),
            takes("page", Kind::Number, "the page, from 1; default 1"),
        ],
        carry_out: carries_out!(streams -> TimeShiftStreams),
    },
    Command {
        name: "timeshift.ranges",
        about: "List when there is tape of a stream",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: &[STREAM, FROM, TO],
        carry_out: carries_out!(ranges -> TimeShiftRanges),
    },
];

/// Ranges of time in order, which do not touch.
type Ranges = Spans;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedStreams {
    #[serde(default, deserialize_with = "time")]
    from: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    to: Option<Micros>,
    stream: Option<Streams>,
    #[serde(default)]
    page_size: PageSize,
    #[serde(default)]
    page: Page,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedRanges {
    #[serde(deserialize_with = "one_stream")]
    stream: StreamName,
    #[serde(default, deserialize_with = "time")]
    from: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    to: Option<Micros>,
}

/// The number of streams of a page.
type PageSize = Whole<0, MOST_STREAMS, MOST_STREAMS>;

/// The number of a page, from 1.
#[derive(Clone, Copy)]
struct Page(usize);

impl Default for Page {
    fn default() -> Self {
        Self(1)
    }
}

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let page = i64::deserialize(from)?;
        match usize::try_from(page) {
            Ok(page) if page > 0 => Ok(Self(page)),
            _ => Err(serde::de::Error::custom(format!(
                "{page} is not a page: the first is 1"
            ))),
        }
    }
}

async fn streams(api: &Api, arguments: Map<String, Value>) -> Result<TimeShiftStreams, Failure> {
    let asked: AskedStreams = typed(arguments)?;
    let (from, to) = between((asked.from, asked.to), api.now(), MOST_DAYS)?;
    if let Some(Streams::One(stream)) = &asked.stream {
        api.sees(stream)?;
    }
    let tape = api
        .read(move |library| tape(library, asked.stream.as_ref(), (from, to)))
        .await?;
    let mut all: Vec<(Ranges, StreamName)> = Vec::new();
    for (stream, ranges) in tape {
        if api.seen().has(stream.as_str()) {
            let ranges = api.reached(&stream, ranges).await?;
            all.extend((!ranges.is_empty()).then_some((ranges, stream)));
        }
    }
    let skipped = (asked.page.0 - 1).saturating_mul(asked.page_size.0);
    let page = all.iter().skip(skipped).take(asked.page_size.0);
    Ok(TimeShiftStreams {
        total: all.len(),
        streams: page.map(|(ranges, stream)| row(stream, ranges)).collect(),
    })
}

async fn ranges(api: &Api, arguments: Map<String, Value>) -> Result<TimeShiftRanges, Failure> {
    let asked: AskedRanges = typed(arguments)?;
    let (from, to) = between((asked.from, asked.to), api.now(), MOST_DAYS)?;
    api.sees(&asked.stream)?;
    let address = api.address();
    let url = |(from, to): (Micros, Micros)| {
        let address = address.as_deref()?;
        let path = stream_path(&asked.stream);
        let (from, to) = (rfc3339(from), rfc3339(to));
        Some(format!("{address}{path}/master.m3u8?start={from}&end={to}"))
    };
    let ranges = api.ranges(asked.stream.clone(), from, to).await?;
    // A long name makes long addresses, and an answer has to fit where answers go.
    let ranges = fewer(ranges, fitting(url((from, to)).map_or(0, |url| url.len())));
    Ok(TimeShiftRanges {
        stream: asked.stream.to_string(),
        ranges: ranges
            .into_iter()
            .map(|range| TimeShiftRange {
                from: rfc3339(range.0),
                to: rfc3339(range.1),
                // A playlist is of at least a second.
                url: url(range).filter(|_| range.1 - range.0 >= SECOND),
            })
            .collect(),
    })
}

impl Api {
    /// The ranges of time (UTC) in which a stream can be played, between two moments: at most 200, without the shortest gaps.
    pub async fn ranges(
        &self,
        stream: StreamName,
        from: Micros,
        to: Micros,
    ) -> Result<Vec<(Micros, Micros)>, Failure> {
        let only = Streams::from(stream.clone());
        let tape = self
            .read(move |library| tape(library, Some(&only), (from, to)))
            .await?;
        let ranges = tape.into_iter().map(|(_, ranges)| ranges).next();
        let reached = self.reached(&stream, ranges.unwrap_or_default()).await?;
        Ok(fewer(reached, MOST_RANGES))
    }

    /// What viewers of a stream may go back to.
    async fn reached(&self, stream: &StreamName, mut ranges: Ranges) -> Result<Ranges, Failure> {
        if let Some(back) = self.back(stream).await? {
            ranges.retain_mut(|(from, to)| {
                *from = back.oldest(*to).max(*from);
                *from < *to
            });
        }
        Ok(ranges)
    }
}

/// When there is tape of each stream between two moments. Blocks.
fn tape(
    library: &Library,
    streams: Option<&Streams>,
    (from, to): (Micros, Micros),
) -> Result<Vec<(StreamName, Ranges)>, StoreError> {
    let mut tape = library.played(streams, (from, to))?;
    for (_, ranges) in &mut tape {
        *ranges = joined(std::mem::take(ranges), CLOSE);
    }
    Ok(tape)
}

/// The most ranges with addresses of so many bytes that an answer has room for.
fn fitting(address: usize) -> usize {
    let room = MAX_ANSWER.saturating_sub(BESIDE);
    (room / OF_A_RANGE.saturating_add(address)).clamp(1, MOST_RANGES)
}

/// Ranges as one where they overlap, or where the gap between them is no longer than `close`.
fn joined(mut ranges: Ranges, close: Micros) -> Ranges {
    ranges.sort_unstable();
    let mut joined: Ranges = Vec::new();
    for (from, to) in ranges {
        match joined.last_mut() {
            Some((_, end)) if from.saturating_sub(*end) <= close => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// At most so many ranges: the shortest gaps are left out.
fn fewer(ranges: Ranges, most: usize) -> Ranges {
    let pairs = ranges.iter().zip(ranges.iter().skip(1));
    let mut gaps: Vec<Micros> = pairs
        .map(|((_, end), (from, _))| from.saturating_sub(*end))
        .collect();
    gaps.sort_unstable();
    // So many gaps have to go.
    match ranges.len().checked_sub(most).filter(|extra| *extra > 0) {
        Some(extra) => {
            let longest = gaps.get(extra - 1).copied().unwrap_or(0);
            joined(ranges, longest)
        }
        None => ranges,
    }
}

fn row(stream: &StreamName, ranges: &Ranges) -> TimeShiftStream {
    let from = ranges.first().map_or(0, |(from, _)| *from);
    let to = ranges.last().map_or(0, |(_, to)| *to);
    let duration: Micros = ranges.iter().map(|(from, to)| to.saturating_sub(*from)).sum();
    TimeShiftStream {
        stream: stream.to_string(),
        from: rfc3339(from),
        to: rfc3339(to),
        duration_s: duration as f64 / 1e6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::arguments::DAY;

    #[test]
    fn ranges_are_joined_where_they_touch_and_where_there_are_too_many() {
        let ranges = vec![(50, 60), (0, 10), (5, 20), (20, 30), (31, 40)];
        assert_eq!(joined(ranges.clone(), 0), [(0, 30), (31, 40), (50, 60)]);
        assert_eq!(joined(ranges.clone(), 1), [(0, 40), (50, 60)]);
        let apart = joined(ranges, 0);
        assert_eq!(fewer(apart.clone(), 3), apart);
        assert_eq!(fewer(apart.clone(), 2), [(0, 40), (50, 60)]);
        assert_eq!(fewer(apart, 1), [(0, 60)]);
        assert_eq!(fewer(Vec::new(), 1), []);
    }

    #[test]
    fn an_answer_with_the_longest_addresses_has_room() {
        assert_eq!((fitting(0), fitting(150)), (MOST_RANGES, MOST_RANGES));
        let time = rfc3339(1_796_025_600_123_456);
        for length in [0, 150, 300, 2_000, 8_000] {
            let range = TimeShiftRange {
                from: time.clone(),
                to: time.clone(),
                url: Some("x".repeat(length)),
            };
            let answer = TimeShiftRanges {
                stream: "x".repeat(400),
                ranges: vec![range; fitting(length)],
            };
            let bytes = serde_json::to_vec(&answer).unwrap().len();
            assert!(bytes + 300 < MAX_ANSWER, "{length}: {bytes}");
        }
    }

    #[test]
    fn a_question_is_of_a_day_and_pages_are_those_of_the_cloud() {
        let between = |from, to, now| between((from, to), now, MOST_DAYS);
        assert_eq!(between(None, None, 2 * DAY).unwrap(), (DAY, 2 * DAY));
        assert_eq!(between(Some(5), Some(6), 0).unwrap(), (5, 6));
        let field = |from, to| between(Some(from), Some(to), 0).unwrap_err().field;
        assert_eq!(field(5, 5).as_deref(), Some("to"));
        assert_eq!(field(0, DAY + 1).as_deref(), Some("from"));
        let read = |body: &str| typed::<AskedStreams>(serde_json::from_str(body).unwrap());
        let asked = read("{}").map_err(|failure| failure.message).unwrap();
        assert_eq!((asked.page_size.0, asked.page.0), (100, 1));
        assert_eq!(
            read(r#"{"page_size":0}"#)
                .map_err(|failure| failure.message)
                .unwrap()
                .page_size
                .0,
            0
        );
        for (body, field) in [
            (r#"{"page_size":-1}"#, "page_size"),
            (r#"{"page_size":101}"#, "page_size"),
            (r#"{"page":0}"#, "page"),
            (r#"{"from":"yesterday"}"#, "from"),
        ] {
            let failure = read(body).map(|_| ()).unwrap_err();
            assert_eq!(
                failure.field.as_deref(),
                Some(field),
                "{body}: {}",
                failure.message
            );
        }
    }
}
