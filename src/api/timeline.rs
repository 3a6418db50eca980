//! `timeline`: where there is tape of a stream.

use jiff::civil::Date;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;
use super::arguments::{DAY, Whole, between, one_stream, time, typed};
use super::command::{Command, Effect, FROM, Kind, Reach, Right, STREAM, Values, ZONES, carries_out, takes};
use crate::config::{Span, Zone};
use crate::event::rfc3339;
use crate::media::{Micros, StreamName};
use crate::model::reply::{self, TimelineClip, TimelineDay, TimelineSpan};
use crate::store::{Clock as _, Library, RealClock, Timeline, TimelineQuery};

const SECOND: Micros = 1_000_000;
/// The most days of a time line.
const MOST_DAYS: Micros = 366;
/// The most items of a time line.
const MOST_ITEMS: usize = 2_000;
/// Where no resolution is requested, the time line has at most this many buckets.
const USUAL: Micros = 500;
/// Resolutions that nobody has to request, in seconds.
const NICE: [Micros; 18] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
];
/// The time line has at most this many bytes, so that the answer around it fits, too.
const MOST_BYTES: usize = 60 << 10;

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "timeline",
    about: "Show where there is tape of a stream, how much, and why it stops",
    effect: Effect::Reads,
    right: Right::Watch,
    reach: Reach::Streams,
    arguments: &[
        STREAM,
        FROM,
        takes("to", Kind::Time, "the end, at most 366 days later; default now"),
        takes(
            "resolution",
            Kind::Span,
            "spans that are closer than this are one span, as in 1min; default as the time line is long",
        )
        .of(Values::Words(&["1s", "1min", "1h"])),
        takes(
            "time_zone",
            Kind::Text,
            "the time zone of the days, as in Asia/Shanghai; default UTC",
        )
        .of(ZONES),
        takes(
            "limit",
            Kind::Number,
            "the largest number of items, 1 to 2000; default 2000. The time line is coarser where there would be more",
        )
        .rows(2_000),
    ],
    carry_out: carries_out!(timeline -> reply::Timeline, or timeline_alone),
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(deserialize_with = "one_stream")]
    stream: StreamName,
    #[serde(default, deserialize_with = "time")]
    from: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    to: Option<Micros>,
    #[serde(default, deserialize_with = "resolution")]
    resolution: Option<Micros>,
    #[serde(default)]
    time_zone: Zone,
    #[serde(default)]
    limit: Items,
}

/// The number of items of a time line.
type Items = Whole<1, MOST_ITEMS, MOST_ITEMS>;

/// A length of time from a second on.
fn resolution<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Micros>, D::Error> {
    match Option::<Span>::deserialize(from)? {
        Some(span) if span.as_micros() < SECOND => Err(serde::de::Error::custom(format!(
            "'{span}' is shorter than a second"
        ))),
        span => Ok(span.map(Span::as_micros)),
    }
}

/// A request for a time line, with everything that was left out.
struct Wanted {
    stream: StreamName,
    zone: Zone,
    days: Vec<Day>,
    query: TimelineQuery,
}

/// A day of the calendar, between two midnights (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day {
    date: Date,
    from: Micros,
    to: Micros,
}

async fn timeline(api: &Api, arguments: Map<String, Value>) -> Result<reply::Timeline, Failure> {
    let wanted = Wanted::of(typed(arguments)?, api.now())?;
    api.sees(&wanted.stream)?;
    api.read(move |library| {
        library
            .timeline(&wanted.stream, &wanted.query)
            .map(|line| wanted.answer(line))
    })
    .await
}

/// The same time line as [`timeline`], from the store alone.
fn timeline_alone(library: &Library, arguments: Map<String, Value>) -> Result<reply::Timeline, Failure> {
    let wanted = Wanted::of(typed(arguments)?, RealClock.utc())?;
    let line = library.timeline(&wanted.stream, &wanted.query)?;
    Ok(wanted.answer(line))
}

impl Wanted {
    fn of(asked: Asked, now: Micros) -> Result<Self, Failure> {
        let (from, to) = between((asked.from, asked.to), now, MOST_DAYS)?;
        let days = days(&asked.time_zone, from, to);
        let edges = days
            .iter()
            .map(|day| day.from)
            .chain(days.last().map(|last| last.to));
        Ok(Self {
            stream: asked.stream,
            zone: asked.time_zone,
            query: TimelineQuery {
                from,
                to,
                resolution: asked.resolution.unwrap_or_else(|| usual(to.saturating_sub(from))),
                days: edges.collect(),
                most: asked.limit.0,
            },
            days,
        })
    }

    /// The time line as an answer, coarser until it fits.
    fn answer(&self, mut line: Timeline) -> reply::Timeline {
        let mut most = line.items();
        loop {
            let answer = self.shown(&line);
            let bytes = serde_json::to_string(&answer).map_or(0, |text| text.len());
            if bytes <= MOST_BYTES || most == 0 {
                return answer;
            }
            most /= 2;
            line.shrink(most);
        }
    }

    fn shown(&self, line: &Timeline) -> reply::Timeline {
        let (clips, more_clips) = line.clips();
        let days = self.days.iter().zip(line.days());
        reply::Timeline {
            stream: self.stream.to_string(),
            from: rfc3339(self.query.from),
            to: rfc3339(self.query.to),
            resolution_s: line.resolution() as f64 / 1e6,
            spans: line
                .spans()
                .map(|span| TimelineSpan {
                    from: rfc3339(span.from),
                    to: rfc3339(span.to),
                    recordings: span.recordings.iter().map(ToString::to_string).collect(),
                    more_recordings: Some(span.more_recordings).filter(|more| *more > 0),
                    gap_reason: span.stops.map(str::to_owned),
                })
                .collect(),
            clips: clips
                .iter()
                .map(|clip| TimelineClip {
                    recording: clip.recording.to_string(),
                    name: clip.name.clone(),
                    from: rfc3339(clip.from),
                    to: rfc3339(clip.to),
                })
                .collect(),
            more_clips: Some(more_clips).filter(|more| *more > 0),
            bytes: line.buckets().to_vec(),
            time_zone: self.zone.to_string(),
            days: days
                .map(|(day, bin)| TimelineDay {
                    date: day.date.to_string(),
                    from: rfc3339(day.from),
                    to: rfc3339(day.to),
                    duration_s: bin.duration as f64 / 1e6,
                    bytes: bin.bytes,
                })
                .collect(),
        }
    }
}

/// The finest resolution of [`NICE`] that gives few buckets.
fn usual(length: Micros) -> Micros {
    let fits = |nice: &Micros| length <= nice * SECOND * USUAL;
    NICE.into_iter().find(fits).map_or(DAY, |nice| nice * SECOND)
}

/// The days of the calendar that lie between two moments, also in part. In a time zone without a calendar for them there are none.
fn days(zone: &Zone, from: Micros, to: Micros) -> Vec<Day> {
    let midnight = |date: Date| zone.first(date.at(0, 0, 0, 0));
    let mut days = Vec::new();
    let mut date = zone.local(from).map(|local| local.date());
    while let Some(day) = date {
        let (Some(begins), Some(next)) = (midnight(day), day.tomorrow().ok()) else {
            break;
        };
        let Some(ends) = midnight(next).filter(|_| begins < to) else {
            break;
        };
        // A time zone may leave out a whole day.
        if begins < ends {
            days.push(Day {
                date: day,
                from: begins,
                to: ends,
            });
        }
        date = Some(next);
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    fn utc(text: &str) -> Micros {
        text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
    }

    /// The dates and the hours of the days between two moments.
    fn shown(zone_name: &str, from: &str, to: &str) -> Vec<(String, Micros)> {
        let days = days(&zone(zone_name), utc(from), utc(to));
        assert!(days.windows(2).all(|pair| pair[0].to == pair[1].from), "{days:?}");
        let hours = |day: &Day| (day.to - day.from) / SECOND / 60;
        days.iter()
            .map(|day| (day.date.to_string(), hours(day)))
            .collect()
    }

    fn day(date: &str, minutes: Micros) -> (String, Micros) {
        (date.to_owned(), minutes)
    }

    #[test]
    fn days_have_23_24_and_25_hours_as_the_calendar_of_the_time_zone_says() {
        let spring = shown("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        assert_eq!(
            spring,
            [
                day("2026-03-28", 1_440),
                day("2026-03-29", 1_380),
                day("2026-03-30", 1_440)
            ]
        );
        let autumn = shown("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        assert_eq!(autumn, [day("2026-10-25", 1_500)]);
        // The clock is set by half an hour, and at midnight, and over a whole day.
        let half = shown(
            "Australia/Lord_Howe",
            "2026-04-04T12:00:00Z",
            "2026-04-05T12:00:00Z",
        );
        assert_eq!(half, [day("2026-04-04", 1_440), day("2026-04-05", 1_470)]);
        let midnight = shown(
            "America/Sao_Paulo",
            "2018-11-03T12:00:00Z",
            "2018-11-04T12:00:00Z",
        );
        assert_eq!(midnight, [day("2018-11-03", 1_440), day("2018-11-04", 1_380)]);
        let gone = shown("Pacific/Apia", "2011-12-29T20:00:00Z", "2011-12-31T12:00:00Z");
        assert_eq!(
            gone,
            [
                day("2011-12-29", 1_440),
                day("2011-12-31", 1_440),
                day("2012-01-01", 1_440)
            ]
        );
        assert_eq!(
            shown("UTC", "2026-11-29T00:00:00Z", "2026-11-30T00:00:00Z"),
            [day("2026-11-29", 1_440)]
        );
        assert_eq!(
            shown("Asia/Shanghai", "2026-11-29T15:59:59Z", "2026-11-29T16:00:01Z").len(),
            2
        );
    }

    #[test]
    fn a_resolution_that_nobody_requests_fits_the_length() {
        for (length, seconds) in [
            (1, 1),
            (500, 1),
            (501, 2),
            (86_400, 300),
            (7 * 86_400, 1_800),
            (366 * 86_400, 86_400),
        ] {
            assert_eq!(usual(length * SECOND), seconds * SECOND, "{length}");
        }
    }
}
