//! From the bytes of a request to typed arguments.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::answer::Failure;
use crate::config::{self, Fault, Raw};
use crate::media::{Micros, StreamName};

/// The most bytes of a request.
pub const MAX_REQUEST: usize = 64 << 10;
/// The most bytes of an id.
const MAX_ID: usize = 128;
/// The most bytes of a name for a recording or a task.
const MAX_NAME: usize = 128;
/// Microseconds of a day.
pub(super) const DAY: Micros = 86_400_000_000;

/// A request that is a JSON object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The id, which the answer repeats.
    pub id: Option<String>,
    /// All other arguments.
    pub arguments: Map<String, Value>,
}

impl Request {
    /// Reads a request. An empty body is a request without arguments.
    pub fn parse(body: &[u8]) -> Result<Self, Failure> {
        if body.len() > MAX_REQUEST {
            return Err(Failure::bad(format!(
                "the request has {} bytes; at most {MAX_REQUEST} are taken",
                body.len()
            )));
        }
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let mut arguments: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| Failure::bad(format!("the request is not a JSON object: {error}")))?;
        let id = match arguments.remove("id") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) if id.len() <= MAX_ID => Some(id),
            Some(_) => {
                let text = format!("id: expected a text of at most {MAX_ID} bytes");
                return Err(Failure::bad(text).about("id"));
            }
        };
        Ok(Self { id, arguments })
    }
}

/// Converts arguments to the type that a command takes. The failure names the wrong argument.
pub(super) fn typed<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Failure> {
    T::deserialize(Raw::from(arguments.clone()))
        .map_err(|fault| refused(arguments, fault.message(), &|alone| T::deserialize(alone).err()))
}

/// The failure of arguments that are refused for this reason. `fault` says why the type does not take other ones.
fn refused(arguments: Map<String, Value>, error: &str, fault: &dyn Fn(Raw) -> Option<Fault>) -> Failure {
    if let Some(field) = quoted(error, "unknown field") {
        let text = config::explain(error).replace("unknown key", "unknown argument");
        return Failure::bad(text).about(field);
    }
    if let Some(field) = quoted(error, "missing field") {
        return Failure::bad(format!("'{field}' is missing")).about(field);
    }
    // Only a wrong argument is refused for its own value when it is alone.
    let wrong = arguments.into_iter().find(|(name, value)| {
        let alone = Map::from_iter([(name.clone(), value.clone())]);
        fault(alone.into()).is_some_and(|fault| !fault.message().starts_with("missing field"))
    });
    match wrong {
        Some((field, _)) => Failure::bad(format!("{field}: {}", config::explain(error))).about(field),
        None => Failure::bad(config::explain(error)),
    }
}

fn quoted<'a>(message: &'a str, what: &str) -> Option<&'a str> {
    message.strip_prefix(what)?.split('`').nth(1)
}

/// Reads a time such as `2026-11-20T08:00:00Z`. An empty text means no time.
pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Micros>, D::Error> {
    let text = Option::<String>::deserialize(from)?.unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(Some(time.as_microsecond())),
        Err(_) => Err(serde::de::Error::custom(format!(
            "'{text}' is not a time: write it as in \"2026-11-20T08:00:00Z\""
        ))),
    }
}

/// The one stream that a command is about. A pattern is refused.
pub(super) fn one_stream<'de, D: Deserializer<'de>>(from: D) -> Result<StreamName, D::Error> {
    let name = StreamName::deserialize(from)?;
    if name.as_str().contains('*') {
        Err(serde::de::Error::custom(format!(
            "'{name}' is a pattern, and one stream is needed here, as in 'live/cam1'"
        )))
    } else {
        Ok(name)
    }
}

/// Reads a stream as [`one_stream`] does. The stream may not exist yet. A name that nobody can publish is refused.
pub(super) fn one_to_come<'de, D: Deserializer<'de>>(from: D) -> Result<StreamName, D::Error> {
    one_stream(from)?.seen().map_err(serde::de::Error::custom)
}

/// Reads a stream as [`one_stream`] does, where the stream may be left out.
pub(super) fn one_stream_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<StreamName>, D::Error> {
    #[derive(Deserialize)]
    struct Named(#[serde(deserialize_with = "one_stream")] StreamName);
    Ok(Option::<Named>::deserialize(from)?.map(|Named(name)| name))
}

/// A name that somebody gives a recording or a task.
pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?.filter(|text| !text.is_empty());
    match text {
        Some(text) if text.len() > MAX_NAME || text.chars().any(char::is_control) => {
            Err(serde::de::Error::custom(format!(
                "a name has at most {MAX_NAME} bytes and no control characters"
            )))
        }
        text => Ok(text),
    }
}

/// A length of time in seconds, where the argument's name ends in `_s`: a number up to 31 days, with or without a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds(pub(super) Micros);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(from)?;
        if (0.0..=31.0 * 86_400.0).contains(&seconds) {
            Ok(Self((seconds * 1e6).round() as Micros))
        } else {
            Err(serde::de::Error::custom(format!(
                "{seconds} is not a number of seconds from 0 to 31 days"
            )))
        }
    }
}

/// A whole number from `LEAST` to `MOST`; `UNSAID` where it is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole<const LEAST: usize, const MOST: usize, const UNSAID: usize>(pub(super) usize);

/// The number of rows of a list.
pub(super) type Limit = Whole<1, 100, 50>;

impl<const LEAST: usize, const MOST: usize, const UNSAID: usize> Default for Whole<LEAST, MOST, UNSAID> {
    fn default() -> Self {
        Self(UNSAID)
    }
}

impl<'de, const LEAST: usize, const MOST: usize, const UNSAID: usize> Deserialize<'de>
    for Whole<LEAST, MOST, UNSAID>
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(from)?;
        match usize::try_from(number) {
            Ok(whole) if (LEAST..=MOST).contains(&whole) => Ok(Self(whole)),
            _ => Err(serde::de::Error::custom(format!(
                "{number} is not from {LEAST} to {MOST}"
            ))),
        }
    }
}

/// The time between two moments: from a day before the end on, and until now, where nothing is said. At most so many days.
pub(super) fn between(
    (from, to): (Option<Micros>, Option<Micros>),
    now: Micros,
    most_days: Micros,
) -> Result<(Micros, Micros), Failure> {
    let to = to.unwrap_or(now);
    let from = from.unwrap_or_else(|| to.saturating_sub(DAY));
    let length = to.saturating_sub(from);
    if length <= 0 {
        return Err(Failure::bad("'to' must be later than 'from'").about("to"));
    }
    if length > most_days.saturating_mul(DAY) {
        let most = match most_days {
            1 => "24 h".to_owned(),
            days => format!("{days} days"),
        };
        let text = format!("from 'from' to 'to' there are at most {most}");
        return Err(Failure::bad(text).about("from"));
    }
    Ok((from, to))
}
