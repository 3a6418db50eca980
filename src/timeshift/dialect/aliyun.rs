//! Alibaba Cloud's parameters, `lhs_{type}_{format}_{unit}_{zone}`, and its question where there is tape.
//!
//! Sources: Alibaba Cloud *Time shifting* (2025-11-27; help.aliyun.com 199356, 65129); AliPlayer SDK, which sends `lhs_start=1`
//! as well.

use super::native::{DELAYS, MOST_DELAY, range};
use super::time::{Hours, Unit, human, number};
use crate::media::{Micros, StreamName};
use crate::timeshift::ask::{Parameters, Shift, ShiftError, shown};
use crate::timeshift::stretch::LONGEST;

/// The zones of times.
const ZONES: (i8, i8) = (0, 9);

/// The types of a parameter, with their names in errors.
const TYPES: [(&str, &str); 4] = [
    ("start", "lhs_start"),
    ("end", "lhs_end"),
    ("vodend", "lhs_vodend"),
    ("offset", "lhs_offset"),
];

/// The values that stand in a query: one for each of [`TYPES`].
type Values = [Option<Micros>; 4];

/// A question where there is tape of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineAsked {
    /// The stream.
    pub stream: StreamName,
    /// UTC of the beginning.
    pub from: Micros,
    /// UTC of the end. It is later than the beginning, by at most 24 h.
    pub to: Micros,
}

/// Reads the parameters. `None` without `aliyunols=on` or `lhs_start=1`, and where nothing else is said: then the address is that
/// of the live stream.
pub(in crate::timeshift) fn read(parameters: &Parameters<'_>) -> Result<Option<Shift>, ShiftError> {
    if !parameters.says("aliyunols", "on") && !parameters.says("lhs_start", "1") {
        return Ok(None);
    }
    match values(parameters)? {
        [None, None, None, None] => Ok(None),
        [None, None, None, Some(by)] if by <= MOST_DELAY => Ok(Some(Shift::Delay { by })),
        [None, None, None, Some(_)] => Err(ShiftError::parameter("lhs_offset", DELAYS)),
        [_, _, _, Some(_)] => Err(ShiftError::parameter(
            "lhs_offset",
            "it cannot stand beside another time",
        )),
        [_, Some(_), Some(_), _] => Err(ShiftError::parameter(
            "lhs_vodend",
            "it cannot stand beside lhs_end",
        )),
        [Some(from), None, None, None] => Ok(Some(Shift::From { from })),
        [Some(from), Some(to), None, None] => {
            range(("lhs_start", from), ("lhs_end", to), LONGEST, false).map(Some)
        }
        [Some(from), None, Some(to), None] => {
            range(("lhs_start", from), ("lhs_vodend", to), LONGEST, true).map(Some)
        }
        [None, ..] => Err(ShiftError::parameter("lhs_start", "an end needs it")),
    }
}

/// Reads the question of `/openapi/timeline/query`. `format` and what the question has beyond are not needed.
pub fn timeline(parameters: &Parameters<'_>) -> Result<TimelineAsked, ShiftError> {
    let needed = |name| {
        let value = parameters.once(name)?;
        value.ok_or_else(|| ShiftError::parameter(name, "it is missing"))
    };
    let (app, stream) = (needed("app")?, needed("stream")?);
    let stream = StreamName::new(app, stream);
    let stream = stream.map_err(|error| ShiftError::parameter("stream", error))?;
    let [from, to, _, _] = values(parameters)?;
    let missing = |name| ShiftError::parameter(name, "it is missing, as in lhs_start_unix_s_0");
    let (from, to) = (
        from.ok_or_else(|| missing("lhs_start"))?,
        to.ok_or_else(|| missing("lhs_end"))?,
    );
    range(("lhs_start", from), ("lhs_end", to), LONGEST, true)?;
    Ok(TimelineAsked { stream, from, to })
}

fn values(parameters: &Parameters<'_>) -> Result<Values, ShiftError> {
    let mut values = Values::default();
    for (name, text) in parameters.iter() {
        let Some(rest) = name.strip_prefix("lhs_").filter(|rest| *rest != "start") else {
            continue;
        };
        let kind = rest.split('_').next().unwrap_or_default();
        let known = TYPES
            .iter()
            .zip(&mut values)
            .find(|((known, _), _)| *known == kind);
        let Some(((_, known), value)) = known else {
            let message = format!(
                "'{}' begins with none of lhs_start, lhs_end, lhs_vodend, lhs_offset",
                shown(name)
            );
            return Err(ShiftError::parameter("lhs", message));
        };
        let read = read_one(rest, text).map_err(|message| {
            ShiftError::parameter(known, format!("{}={}: {message}", shown(name), shown(text)))
        })?;
        if value.replace(read).is_some() {
            return Err(ShiftError::parameter(known, "it stands there twice"));
        }
    }
    Ok(values)
}

/// The value of a parameter whose name is `lhs_` and `rest`.
fn read_one(rest: &str, text: &str) -> Result<Micros, String> {
    let parts: Vec<&str> = rest.split('_').collect();
    let &[kind, format, unit, zone] = parts.as_slice() else {
        return Err("its name has a type, a format, a unit and a zone, as in lhs_start_unix_s_0".to_owned());
    };
    let unit = Unit::parse(unit).ok_or("the unit is s, ms, us or ns")?;
    let zone = Hours::parse(zone, ZONES).ok_or("the zone is from 0 to 9, in hours ahead of UTC")?;
    match (format, kind) {
        ("unix", _) => number(text, unit),
        ("human", "offset") => Err("a length of time has the format unix".to_owned()),
        ("human", _) => human(text, unit, zone),
        _ => Err("the format is unix or human".to_owned()),
    }
}
