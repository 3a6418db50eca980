//! `clip.…`: a part of a stream as a recording of its own, also of what is only in memory, also of what is to come.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{Seconds, name, time, typed};
use super::command::{Command, Effect, Kind, needs, takes};
use crate::config::Keep;
use crate::event::rfc3339;
use crate::format::Format;
use crate::media::{Micros, RecordingId, StreamName};
use crate::recorder::{ClipCourse, ClipOrder, ClipRange};
use crate::store::{RecordingState, StoreError};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "clip.create",
    about: "Makes a recording of a part of a stream: of the past, of now, of what is to come",
    effect: Effect::Changes,
    arguments: &[
        needs("stream", Kind::Text, "the stream, as in live/cam1"),
        takes("from", Kind::Time, "from here on; now, if left out"),
        takes("to", Kind::Time, "up to here, which may be to come"),
        takes(
            "before_s",
            Kind::Seconds,
            "or of what is live now: so much before it",
        ),
        takes("after_s", Kind::Seconds, "and so much after it"),
        takes(
            "formats",
            Kind::Texts,
            "of mp4, hls, fmp4, flv, aac; mp4, if left out",
        ),
        takes("name", Kind::Text, "a name for it"),
        takes("keep", Kind::Text, "how long it is kept, as in 7d or forever"),
    ],
    carry_out: |api, arguments| Box::pin(create(api, arguments)),
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
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
            (_, None) if !around => {
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

async fn create(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let now = api.now();
    let order = typed::<Create>(arguments)?.order(api.makes(), now)?;
    if api.is_again() {
        let id = order.id;
        if let Some(made) = api.read(move |library| library.recording(id)).await? {
            return Ok(ready(made.id, made.start, made.end));
        }
    }
    match api.recorder.clip_course(&order).await? {
        ClipCourse::Tape(from, to) => of_tape(api, &order, from, to).await,
        ClipCourse::Live(None) => of_live(api, &order, None, now).await,
        ClipCourse::Live(Some(from)) => {
            let entry = entry(api, &order.stream, from).await?;
            of_live(api, &order, entry, now).await
        }
    }
}

async fn of_tape(api: &Api, order: &ClipOrder, from: Micros, to: Micros) -> Result<Value, Failure> {
    // What came last may be on its way to the tape.
    api.recorder.settle().await?;
    let stream = order.stream.clone();
    let found = api
        .read(move |library| library.clip_bounds(&stream, from, to))
        .await?;
    let found = found.ok_or_else(|| {
        let text = format!(
            "there is no tape of '{}' from {} to {}",
            order.stream,
            rfc3339(from),
            rfc3339(to)
        );
        Failure::new(Code::NotFound, text)
    })?;
    let recording = api.recorder.clip_tape(order, found.start, found.end).await?;
    Ok(ready(recording, found.utc_start, found.utc_end))
}

async fn of_live(api: &Api, order: &ClipOrder, entry: Option<Micros>, now: Micros) -> Result<Value, Failure> {
    let recording = api.recorder.clip(order, entry).await?;
    let text = recording.to_string();
    let row = api.read(move |library| match library.find(&text) {
        Ok(row) => Ok(Some(row)),
        // It begins with the next keyframe.
        Err(StoreError::NoRecording { .. }) => Ok(None),
        Err(error) => Err(error),
    });
    // It is being made, whether it can be read or not.
    let row = row.await.ok().flatten();
    if let Some(row) = row.filter(|row| row.state != RecordingState::Open) {
        return Ok(ready(recording, row.start, row.end));
    }
    let (start, end) = match order.range {
        ClipRange::Between(from, to) => (from, to),
        ClipRange::Around(before, after) => (now.saturating_sub(before), now.saturating_add(after)),
    };
    Ok(json!({
        "recording": recording.to_string(),
        "state": "recording",
        "start": rfc3339(start),
        "end": rfc3339(end),
        "due": rfc3339(end),
    }))
}

/// Tape time at which a clip begins that begins on the tape.
async fn entry(api: &Api, stream: &StreamName, from: Micros) -> Result<Option<Micros>, Failure> {
    api.recorder.settle().await?;
    let stream = stream.clone();
    let found = api
        .read(move |library| library.clip_bounds(&stream, from, Micros::MAX))
        .await?;
    Ok(found.map(|found| found.start))
}

fn ready(recording: RecordingId, start: Micros, end: Micros) -> Value {
    json!({
        "recording": recording.to_string(),
        "state": "ready",
        "start": rfc3339(start),
        "end": rfc3339(end),
    })
}
