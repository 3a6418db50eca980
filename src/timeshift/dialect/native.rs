//! The parameters of edgereel: `start`, `end` and `delay`, with the meaning that AWS MediaPackage gives `start`, `end` and
//! `time_delay`.

use super::time::SECOND;
use crate::media::Micros;
use crate::model::Span;
use crate::timeshift::ask::{Parameters, Shift, ShiftError, shown};
use crate::timeshift::stretch::LONGEST;

/// The longest delay.
pub(super) const MOST_DELAY: Micros = 31 * 86_400 * SECOND;
/// What the limits of a delay are, for a message.
pub(super) const DELAYS: &str = "a delay is from 0 s to 31 days";
/// The last second that a number may be, UTC: in the year 2286. A number of milliseconds is larger.
const LAST_S: f64 = 9_999_999_999.0;

/// Reads the parameters. `None` when there is none of them.
pub(in crate::timeshift) fn read(parameters: &Parameters<'_>) -> Result<Option<Shift>, ShiftError> {
    // Playlists of recordings know `start=live`.
    let start = parameters.once("start")?.filter(|start| *start != "live");
    let end = parameters.once("end")?;
    let delay = parameters.once("delay")?;
    let shift = match (start, end, delay) {
        (None, None, None) => return Ok(None),
        (None, None, Some(delay)) => Shift::Delay { by: length(delay)? },
        (_, _, Some(_)) => {
            return Err(ShiftError::parameter(
                "delay",
                "it cannot stand beside start and end",
            ));
        }
        (None, Some(_), None) => return Err(ShiftError::parameter("end", "it needs a start")),
        (Some(start), None, None) => Shift::From {
            from: moment("start", start)?,
        },
        (Some(start), Some(end), None) => range(
            ("start", moment("start", start)?),
            ("end", moment("end", end)?),
            LONGEST,
            false,
        )?,
    };
    if parameters
        .once("precise")?
        .is_some_and(|value| !matches!(value, "" | "0" | "no" | "false"))
    {
        let message = "a playlist is cut where chunks begin; /r/ID.mp4?from=…&to=… is cut to the sample";
        return Err(ShiftError::parameter("precise", message));
    }
    Ok(Some(shift))
}

/// A range whose end is later than its beginning, by at most `most`.
pub(super) fn range(
    (from_name, from): (&'static str, Micros),
    (to_name, to): (&'static str, Micros),
    most: Micros,
    at_once: bool,
) -> Result<Shift, ShiftError> {
    let length = to.saturating_sub(from);
    if length < SECOND {
        let message = format!("it must be at least 1 s later than {from_name}");
        return Err(ShiftError::parameter(to_name, message));
    }
    if length > most {
        let hours = most / SECOND / 3_600;
        let message = format!("it may be at most {hours} h later than {from_name}");
        return Err(ShiftError::parameter(to_name, message));
    }
    Ok(Shift::Range { from, to, at_once })
}

/// Seconds since 1970, or a time as in ISO 8601 with its offset.
fn moment(name: &'static str, text: &str) -> Result<Micros, ShiftError> {
    if let Some(seconds) = seconds(text).filter(|seconds| *seconds <= LAST_S) {
        return Ok((seconds * 1e6).round() as Micros);
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(time.as_microsecond()),
        Err(_) => Err(ShiftError::parameter(
            name,
            format!(
                "'{}' is not a time: write seconds since 1970, or a time with its offset as in 2026-11-20T08:00:00+01:00",
                shown(text)
            ),
        )),
    }
}

/// Seconds, or a length of time as in `90s`.
fn length(text: &str) -> Result<Micros, ShiftError> {
    let micros = match (seconds(text), text.parse::<Span>()) {
        (Some(seconds), _) => Some((seconds * 1e6).round() as Micros),
        (None, Ok(span)) => Some(span.as_micros()),
        (None, Err(_)) => None,
    };
    micros.filter(|by| (0..=MOST_DELAY).contains(by)).ok_or_else(|| {
        let message = format!(
            "'{}' is not a delay: write seconds, or as in 90s; {DELAYS}",
            shown(text)
        );
        ShiftError::parameter("delay", message)
    })
}

/// A number of seconds with or without a fraction. None for other ways to write numbers.
fn seconds(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    (is_plain && starts).then(|| text.parse().ok()).flatten()
}
