//! Tencent Cloud's parameters: those of today, and those of the older address `/timeshift/<app>/<stream>/timeshift.m3u8`.
//!
//! Sources: Tencent Cloud *Live time shifting* (267/31565, 267/86134); for the older ones 266/39564 and the player SDK
//! (`TXCTimeShiftUtil`). The delays that they have at the least (30 and 90 s) are not asked for here.

use super::native::{DELAYS, MOST_DELAY, range};
use super::time::{Hours, SECOND, Unit, human, number};
use crate::media::Micros;
use crate::timeshift::ask::{Parameters, Shift, ShiftError, shown};

/// The longest range.
const LONGEST: Micros = 6 * 3_600 * SECOND;
/// The zones of `tsFormat`.
const ZONES: (i8, i8) = (-12, 12);
/// The zone of `starttime`, which names none.
const OF_STARTTIME: &str = "8";

/// How `tsStart` and `tsEnd` are written.
enum Written {
    Unix(Unit),
    Human(Unit, Hours),
}

/// Reads the parameters of today. `None` without `txTimeshift=on`: then the address is that of the live stream.
pub(in crate::timeshift) fn read(parameters: &Parameters<'_>) -> Result<Option<Shift>, ShiftError> {
    if parameters.once("txTimeshift")? != Some("on") {
        return Ok(None);
    }
    if let Some(name) = parameters.once("tsCodecname")?.filter(|name| !name.is_empty()) {
        return Err(ShiftError::NoRendition(shown(name)));
    }
    let written = Written::parse(parameters.once("tsFormat")?.unwrap_or("unix_s"))?;
    let start = parameters.once("tsStart")?;
    let end = parameters.once("tsEnd")?;
    match (start, end, parameters.once("tsDelay")?) {
        (None, None, Some(by)) => Ok(Some(Shift::Delay {
            by: delay("tsDelay", by)?,
        })),
        (_, _, Some(_)) => Err(ShiftError::parameter(
            "tsDelay",
            "it cannot stand beside tsStart and tsEnd",
        )),
        (Some(start), Some(end), None) => {
            let from = written.read("tsStart", start)?;
            let to = written.read("tsEnd", end)?;
            range(("tsStart", from), ("tsEnd", to), LONGEST, false).map(Some)
        }
        (Some(_), None, None) => Err(ShiftError::parameter("tsEnd", "tsStart needs it")),
        (None, Some(_), None) => Err(ShiftError::parameter("tsStart", "tsEnd needs it")),
        (None, None, None) => Err(ShiftError::parameter(
            "txTimeshift",
            "it needs tsStart and tsEnd, or tsDelay",
        )),
    }
}

/// Reads the parameters of the older address: `delay` in seconds, or `starttime` in digits of UTC+8.
pub fn read_old(parameters: &Parameters<'_>) -> Result<Shift, ShiftError> {
    match (parameters.once("delay")?, parameters.once("starttime")?) {
        (Some(by), None) => Ok(Shift::Delay {
            by: delay("delay", by)?,
        }),
        (None, Some(time)) => {
            let zone = Hours::parse(OF_STARTTIME, ZONES);
            let read = zone.map(|zone| human(time, Unit::Seconds, zone));
            match read {
                Some(Ok(from)) => Ok(Shift::From { from }),
                Some(Err(message)) => Err(ShiftError::parameter("starttime", message)),
                None => {
                    defect!("UTC+8 is no time zone");
                    Err(ShiftError::parameter("starttime", "it cannot be read"))
                }
            }
        }
        (Some(_), Some(_)) => Err(ShiftError::parameter("delay", "it cannot stand beside starttime")),
        (None, None) => Err(ShiftError::parameter(
            "delay",
            "the address needs delay or starttime",
        )),
    }
}

fn delay(name: &'static str, text: &str) -> Result<Micros, ShiftError> {
    let by = number(text, Unit::Seconds).ok().filter(|by| *by <= MOST_DELAY);
    by.ok_or_else(|| {
        let message = format!("'{}' is not a number of seconds; {DELAYS}", shown(text));
        ShiftError::parameter(name, message)
    })
}

impl Written {
    /// `{unix|human}_{s|ms}_{zone}`. The unit may be missing, and so may the zone with `unix`.
    fn parse(text: &str) -> Result<Self, ShiftError> {
        let wrong = |why: &str| {
            let message = format!(
                "'{}' {why}; write unix_s, or as in human_s_8: the zone is from -12 to 12",
                shown(text)
            );
            Err(ShiftError::parameter("tsFormat", message))
        };
        let mut parts = text.split('_').peekable();
        let kind = parts.next();
        let unit = parts
            .next_if(|part| matches!(*part, "s" | "ms"))
            .and_then(Unit::parse);
        let unit = unit.unwrap_or(Unit::Seconds);
        let zone = match parts.next() {
            Some(zone) => match Hours::parse(zone, ZONES) {
                Some(zone) => Some(zone),
                None => return wrong("has no such unit or zone"),
            },
            None => None,
        };
        match (kind, zone, parts.next()) {
            (_, _, Some(_)) => wrong("has too many parts"),
            (Some("unix"), _, None) => Ok(Written::Unix(unit)),
            (Some("human"), Some(zone), None) => Ok(Written::Human(unit, zone)),
            (Some("human"), None, None) => wrong("names no zone"),
            _ => wrong("is no format"),
        }
    }

    fn read(&self, name: &'static str, text: &str) -> Result<Micros, ShiftError> {
        let read = match self {
            Written::Unix(unit) => number(text, *unit),
            Written::Human(unit, zone) => human(text, *unit, *zone),
        };
        read.map_err(|message| ShiftError::parameter(name, message))
    }
}
