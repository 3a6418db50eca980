//! `clip.…`: a part of a stream as a recording of its own. The part may be in memory alone, or may be yet to come.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{Seconds, name, one_stream, time, typed};
use super::command::{Command, Effect, FORMATS, KEPT, Kind, Reach, Right, STREAM, carries_out, takes};
use crate::event::rfc3339;
use crate::format::Format;
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::Keep;
use crate::model::reply::{ClipMade, ClipState};
use crate::recorder::{ClipCourse, ClipOrder, ClipRange, ClipSource};
use crate::store::{ClipBounds, RecordingRow, RecordingState};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "clip.create",
    about: "Make a recording of a part of a stream, in the past or in the future",
    effect: Effect::Changes,
    right: Right::Operate,
    reach: Reach::Streams,
    arguments: &[
        STREAM,
        takes("from", Kind::Time, "the start; default now"),
        takes("to", Kind::Time, "the end; it may be in the future"),
        takes(
            "before_s",
            Kind::Seconds,
            "or relative to now: begin this long before now",
        ),
        takes("after_s", Kind::Seconds, "and end this long after now"),
        takes(
            "formats",
            Kind::Texts,
            "one or more of mp4, hls, fmp4, flv, aac; default mp4",
        )
        .of(FORMATS),
        takes("name", Kind::Text, "a name for the clip"),
        takes(
            "keep",
            Kind::Text,
            "how long the clip is kept, as in 7d or forever",
        )
        .of(KEPT),
    ],
    carry_out: carries_out!(create -> ClipMade),
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    #[serde(deserialize_with = "one_stream")]
    stream: StreamName,
    #[serde(default, deserialize_with = "time")]
    from: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    to: Option<Micros>,
    before_s: Option<Seconds>,
    after_s: Option<Seconds>,
    formats: Option<Vec<Format>>,
    #[serde(default, deserialize_with = "name")]
    name: Option<String>,
    keep: Option<Keep>,
}

impl Create {
    fn order(self, id: RecordingId, now: Micros) -> Result<ClipOrder, Failure> {
        let seconds = |seconds: Option<Seconds>| seconds.map_or(0, |seconds| seconds.0);
        let around = self.before_s.is_some() || self.after_s.is_some();
        let range = match (self.from, self.to) {
            (None, None) if around => ClipRange::Around(seconds(self.before_s), seconds(self.after_s)),
            (from, Some(to)) if !around => ClipRange::Between(from.unwrap_or(now), to),
            (Some(_), None) if !around => {
                return Err(Failure::bad("'to' is needed with 'from'").about("to"));
            }
            (None, None) => {
                return Err(Failure::bad("'to' is needed, or 'before_s' and 'after_s'").about("to"));
            }
            _ => {
                let text = "either 'from' and 'to', or 'before_s' and 'after_s', not both";
                return Err(Failure::bad(text).about("before_s"));
            }
        };
        let mut formats = self.formats.unwrap_or_else(|| vec![Format::Mp4]);
        formats.sort_unstable();
        formats.dedup();
        if formats.is_empty() {
            return Err(Failure::bad("formats: at least one is needed").about("formats"));
        }
        Ok(ClipOrder {
            id,
            stream: self.stream,
            range,
            formats,
            name: self.name,
            keep: self.keep,
        })
    }
}

async fn create(api: &Api, arguments: Map<String, Value>) -> Result<ClipMade, Failure> {
    let order = typed::<Create>(arguments)?.order(api.makes(), api.now())?;
    api.sees(&order.stream)?;
    if api.is_closed(&order.stream, None) && order.formats.iter().any(|format| *format != Format::Hls) {
        let text = "formats: the stream is encrypted, and a clip of it can be had as hls alone: say formats = hls, or write also_clear = \
                    true beside encrypt under [template.hls]";
        return Err(Failure::new(Code::Conflict, text).about("formats"));
    }
    if api.is_again() {
        let id = order.id;
        if let Some(made) = api.read(move |library| library.recording(id)).await? {
            return Ok(ready(&made));
        }
    }
    let mut course = api.recorder.clip_course(&order).await?;
    let order = ClipOrder {
        range: ClipRange::Between(course.from, course.to),
        ..order
    };
    // The latest media may be on its way to the tape.
    if course.source != ClipSource::Live {
        api.recorder.flush().await?;
    }
    if course.source != ClipSource::Tape {
        match of_live(api, &order, &course).await {
            // The stream went off the air meanwhile, so all of it is on the tape.
            Err(error) if error.code == Code::Conflict && course.from < api.now() => {
                course = api.recorder.clip_course(&order).await.map_err(|_| error)?;
                api.recorder.flush().await?;
            }
            done => return done,
        }
    }
    of_tape(api, &order, &course).await
}

async fn of_tape(api: &Api, order: &ClipOrder, course: &ClipCourse) -> Result<ClipMade, Failure> {
    let ClipCourse { from, to, early, .. } = *course;
    let found = bounds(api, order, from, to).await?;
    let mut found = found.ok_or_else(|| {
        let text = format!(
            "there is no tape of '{}' from {} to {}",
            order.stream,
            rfc3339(from),
            rfc3339(to)
        );
        Failure::new(Code::NotFound, text)
    })?;
    api.expect_open(&order.stream, Some((found.start, found.end)))?;
    found.asked.early = early;
    let recording = api.recorder.clip_tape(order, found).await?;
    let made = api.read(move |library| library.recording(recording)).await?;
    made.map(|made| ready(&made)).ok_or_else(|| {
        let text = format!("the tape of '{}' went while the clip was made", order.stream);
        Failure::new(Code::NotFound, text)
    })
}

async fn of_live(api: &Api, order: &ClipOrder, course: &ClipCourse) -> Result<ClipMade, Failure> {
    let ClipCourse { from, to, .. } = *course;
    let entry = match course.source {
        ClipSource::TapeAndLive => bounds(api, order, from, Micros::MAX).await?,
        ClipSource::Tape | ClipSource::Live => None,
    };
    if let Some(entry) = &entry {
        api.expect_open(&order.stream, Some((entry.start, entry.end)))?;
    }
    // What is in memory alone has tape time, too.
    if let Some(ring) = api.recorder.ring_chunks(&order.stream, u64::MAX) {
        let tape = |utc: Micros| ring.tape_zero.saturating_add(utc.saturating_sub(ring.zero_utc));
        api.expect_open(&order.stream, Some((tape(from), tape(to))))?;
    }
    api.expect_open(&order.stream, None)?;
    let short = api.recorder.clip(order, entry).await?;
    let id = order.id;
    // The clip is being made, whether its row can be read or not.
    let row = api
        .read(move |library| library.recording(id))
        .await
        .ok()
        .flatten();
    if let Some(row) = row.as_ref().filter(|row| row.state != RecordingState::Open) {
        return Ok(ready(row));
    }
    // A clip that has not begun has no row. The expected values describe it.
    let short = row.map_or(short, |row| row.short);
    let start = short
        .as_ref()
        .map_or_else(|| rfc3339(from), |short| short.start.clone());
    Ok(ClipMade {
        recording: id.to_string(),
        state: ClipState::Recording,
        start,
        end: rfc3339(to),
        due: Some(rfc3339(to)),
        short,
    })
}

/// The beginning and the end of a clip on the tape, as far as there is tape.
async fn bounds(
    api: &Api,
    order: &ClipOrder,
    from: Micros,
    to: Micros,
) -> Result<Option<ClipBounds>, Failure> {
    let stream = order.stream.clone();
    api.read(move |library| library.clip_bounds(&stream, from, to))
        .await
}

fn ready(made: &RecordingRow) -> ClipMade {
    let open = made.state == RecordingState::Open;
    ClipMade {
        recording: made.id.to_string(),
        state: if open {
            ClipState::Recording
        } else {
            ClipState::Ready
        },
        start: rfc3339(made.start),
        end: rfc3339(made.end),
        due: None,
        short: made.short.clone(),
    }
}
