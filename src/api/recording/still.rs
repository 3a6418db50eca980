//! `still.create`: pictures of a recording, which the media worker makes, in the object store. It is a job.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::row_of;
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::arguments::{Seconds, typed};
use crate::api::command::{Kind, Values, needs, takes};
use crate::media::Micros;
use crate::model::reply::StillsBegun;
use crate::model::{JobKind, StillKey, Stills, Work};
use crate::store::{Job, JobChange, MOST_OPEN_JOBS};

pub(in crate::api) const STILL: &[crate::api::Argument] = &[
    needs(
        "recording",
        Kind::Text,
        "the recording, by its id or the beginning of it; or 'last'",
    )
    .of(Values::Recordings),
    takes(
        "at_s",
        Kind::Seconds,
        "one picture, at this moment from its beginning; a negative one counts from its end",
    ),
    takes(
        "percent",
        Kind::Number,
        "one picture, at this part of its length, 0 to 100",
    ),
    takes("count", Kind::Number, "so many pictures, evenly over its length"),
    takes(
        "every_s",
        Kind::Seconds,
        "a picture each so many seconds, from its beginning on",
    ),
    takes(
        "width",
        Kind::Number,
        "the most pixels of their width, 8 to 4096; default is that of the video",
    ),
    takes("height", Kind::Number, "the same of their height"),
    takes("quality", Kind::Number, "of the JPEG, 1 to 100; default 90"),
    takes(
        "key",
        Kind::Text,
        "their names in the object store, as in '{StreamID}-{Hour}-{Minute}-{Second}'",
    ),
];

/// The quality where none is asked for.
const QUALITY: u8 = 90;
const SECOND: Micros = 1_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    recording: String,
    at_s: Option<f64>,
    percent: Option<f64>,
    count: Option<u32>,
    every_s: Option<Seconds>,
    #[serde(default)]
    width: u16,
    #[serde(default)]
    height: u16,
    quality: Option<u8>,
    #[serde(default)]
    key: StillKey,
}

/// The moments of pictures: the first one, and how far and how many others follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moments {
    first: Micros,
    every: Micros,
    count: u32,
}

pub(in crate::api) async fn still(api: &Api, arguments: Map<String, Value>) -> Result<StillsBegun, Failure> {
    let asked: Create = typed(arguments)?;
    let row = row_of(api, asked.recording.clone()).await?;
    api.expect_shown(&row)?;
    let of = |text: String| Failure::new(Code::Conflict, text).about("recording");
    if api.is_row_closed(&row) {
        let text = format!(
            "recording {} is encrypted, and pictures would give it away in clear: write also_clear = true beside encrypt under \
             [template.hls]",
            row.id
        );
        return Err(of(text));
    }
    if row.tape.len() > 1 || !row.form.is_joined() {
        let text = format!(
            "recording {} is put together of several parts: have pictures made of the recordings that it is of",
            row.id
        );
        return Err(of(text));
    }
    let moments = moments(&asked, row.end.saturating_sub(row.start).max(0))?;
    for (name, side) in [("width", asked.width), ("height", asked.height)] {
        if side != 0 && !(8..=4_096).contains(&side) {
            let text = format!("{name}: from 8 to 4096 pixels, or 0 for as many as there are");
            return Err(Failure::bad(text).about(name));
        }
    }
    let quality = asked.quality.unwrap_or(QUALITY);
    if !(1..=100).contains(&quality) {
        return Err(Failure::bad("quality: a number from 1 to 100").about("quality"));
    }
    if moments.count > 1 && asked.key.repeats(moments.every) {
        let text = "key: several pictures would have the same name; {Number} tells them apart";
        return Err(Failure::bad(text).about("key"));
    }
    // Nothing would come of it.
    api.uploader()?;
    let id = api.makes();
    let open = api.read(|library| library.open_jobs()).await?;
    if open.len() >= MOST_OPEN_JOBS && !open.iter().any(|row| row.job.id == id) {
        let text = format!("{MOST_OPEN_JOBS} jobs go on already: wait for some, or cancel them (job.cancel)");
        return Err(Failure::new(Code::Refused, text));
    }
    api.is_about(row.id);
    api.change_job(JobChange::Begun(Box::new(Job {
        id,
        kind: JobKind::Stills,
        recording: row.id,
        streams: vec![row.stream.clone()],
        work: Some(Work::Stills(Stills {
            first: moments.first,
            every: moments.every,
            count: moments.count,
            width: asked.width,
            height: asked.height,
            quality,
            key: asked.key,
        })),
        time: api.now(),
        boot: api.clock.boot_id(),
    })))?;
    // The answer is a promise.
    api.recorder.flush().await?;
    api.jobs.begin();
    api.work.begin();
    Ok(StillsBegun {
        job: id.to_string(),
        recording: row.id.to_string(),
        pictures: moments.count,
    })
}

/// When pictures are taken of a recording of this length.
fn moments(asked: &Create, length: Micros) -> Result<Moments, Failure> {
    let one = |first: Micros| Moments {
        first: first.clamp(0, length),
        every: 0,
        count: 1,
    };
    let bounded = |count: u32, name: &'static str| match count {
        1..=Stills::MOST => Ok(count),
        _ => {
            let text = format!(
                "{name}: that are {count} pictures, and a job makes 1 to {}",
                Stills::MOST
            );
            Err(Failure::bad(text).about(name))
        }
    };
    match (asked.at_s, asked.percent, asked.count, &asked.every_s) {
        (Some(at), None, None, None) => {
            let at = (at * SECOND as f64) as Micros;
            let first = if at < 0 { length.saturating_add(at) } else { at };
            if !(0..=length).contains(&first) {
                let text = format!("at_s: the recording is {} s long", length / SECOND);
                return Err(Failure::bad(text).about("at_s"));
            }
            Ok(one(first))
        }
        (None, Some(percent), None, None) if (0.0..=100.0).contains(&percent) => {
            Ok(one((length as f64 * percent / 100.0) as Micros))
        }
        (None, Some(_), None, None) => Err(Failure::bad("percent: a number from 0 to 100").about("percent")),
        (None, None, Some(count), None) => {
            let count = bounded(count, "count")?;
            // In the middle of equal parts.
            let every = length / Micros::from(count);
            Ok(Moments {
                first: every / 2,
                every,
                count,
            })
        }
        (None, None, None, Some(every)) => {
            let Seconds(every) = *every;
            if every < SECOND {
                return Err(Failure::bad("every_s: at least a second").about("every_s"));
            }
            let count = u32::try_from(length / every)
                .unwrap_or(u32::MAX)
                .saturating_add(1);
            Ok(Moments {
                first: 0,
                every,
                count: bounded(count, "every_s")?,
            })
        }
        _ => Err(Failure::bad(
            "say which pictures: one of at_s, percent, count and every_s",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(arguments: Value, length_s: Micros) -> Result<(Micros, Micros, u32), Failure> {
        let mut arguments = arguments;
        arguments["recording"] = "last".into();
        let Value::Object(arguments) = arguments else {
            unreachable!()
        };
        let moments = moments(&typed(arguments)?, length_s * SECOND)?;
        Ok((moments.first, moments.every, moments.count))
    }

    #[test]
    fn pictures_are_taken_when_they_are_asked_for() {
        for (arguments, moments) in [
            (json!({"at_s": 2.5}), (2_500_000, 0, 1)),
            (json!({"at_s": -2}), (8_000_000, 0, 1)),
            (json!({"percent": 25}), (2_500_000, 0, 1)),
            (json!({"percent": 100}), (10_000_000, 0, 1)),
            (json!({"count": 4}), (1_250_000, 2_500_000, 4)),
            (json!({"every_s": 3}), (0, 3_000_000, 4)),
            (json!({"every_s": 60}), (0, 60_000_000, 1)),
        ] {
            assert_eq!(of(arguments.clone(), 10).ok(), Some(moments), "{arguments}");
        }
        for wrong in [
            json!({}),
            json!({"at_s": 11}),
            json!({"at_s": -11}),
            json!({"percent": 101}),
            json!({"count": 0}),
            json!({"count": 10_001}),
            json!({"every_s": 0.5}),
            json!({"at_s": 1, "count": 2}),
            json!({"at_s": 1, "frame": 2}),
        ] {
            assert!(of(wrong.clone(), 10).is_err(), "{wrong}");
        }
        assert!(of(json!({"every_s": 1}), 20_000).is_err());
    }
}
