//! Arguments that are written as texts: on a command line, in a query.

use serde_json::{Map, Value};

use super::answer::Failure;
use super::command::{Argument, Command, Kind};
use crate::event::rfc3339;
use crate::media::Micros;
use crate::model::{Span, When};

/// The value of an argument in a request, from its text. A length of time that stands for a time counts from `now` (UTC), ahead
/// or back.
pub fn read_argument(argument: &Argument, text: &str, now: Micros) -> Result<Value, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::bad(format!("{}: {error}", argument.name)).about(argument.name)
    };
    Ok(match argument.kind {
        Kind::Text | Kind::Span => text.into(),
        Kind::Texts => text
            .split(',')
            .filter(|text| !text.is_empty())
            .map(Value::from)
            .collect(),
        Kind::Lines => Value::Array(vec![text.into()]),
        Kind::Time => match text.parse::<When>() {
            Ok(when) if argument.ahead => rfc3339(when.from(now)).into(),
            Ok(when) => rfc3339(when.before(now)).into(),
            // The command refuses a text that is no time.
            Err(_) => text.into(),
        },
        Kind::Seconds => match text.parse::<Span>() {
            Ok(span) => (span.as_millis() as f64 / 1_000.0).into(),
            Err(error) => match text.parse::<f64>() {
                Ok(seconds) => seconds.into(),
                Err(_) => return Err(wrong(&error)),
            },
        },
        Kind::Number => text.parse::<u64>().map_err(|error| wrong(&error))?.into(),
        Kind::Switch => text.parse::<bool>().map_err(|error| wrong(&error))?.into(),
        Kind::Object | Kind::Objects => serde_json::from_str(text).map_err(|error| wrong(&error))?,
    })
}

/// The arguments of a request from pairs of a name and a text. Several lines may have one name.
pub fn read_arguments<'a>(
    command: &Command,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    now: Micros,
) -> Result<Map<String, Value>, Failure> {
    let mut arguments = Map::new();
    for (name, text) in pairs {
        let known = command.arguments.iter().find(|argument| argument.name == name);
        let Some(argument) = known else {
            let names: Vec<&str> = command.arguments.iter().map(|argument| argument.name).collect();
            let shown: String = name.chars().take(64).collect();
            let text = format!(
                "{} has no argument '{shown}'; it takes: {}",
                command.name,
                names.join(", ")
            );
            return Err(Failure::bad(text));
        };
        let value = read_argument(argument, text, now)?;
        match (arguments.get_mut(argument.name), value) {
            (Some(Value::Array(lines)), Value::Array(more)) if argument.kind == Kind::Lines => {
                lines.extend(more);
            }
            (_, value) => {
                arguments.insert(argument.name.to_owned(), value);
            }
        }
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::command as find;

    #[test]
    fn texts_become_values_by_the_table() {
        let read = |command: &str, pairs: &[(&str, &str)]| {
            let command = find(command).unwrap();
            read_arguments(command, pairs.iter().copied(), 7_200_000_000).map(Value::Object)
        };
        let read_list = |pairs: &[(&str, &str)]| read("recording.list", pairs);
        let list = read_list(&[("stream", "live/cam1"), ("from", "1h"), ("limit", "5")]).unwrap();
        assert_eq!(list["stream"], "live/cam1");
        assert_eq!(list["from"], "1970-01-01T01:00:00.000000Z");
        assert_eq!(list["limit"], 5);
        let wrong = read_list(&[("limit", "five")]).unwrap_err();
        assert_eq!(wrong.field.as_deref(), Some("limit"));
        let unknown = read_list(&[("nothing", "x")]).unwrap_err();
        assert!(
            unknown.message.contains("has no argument 'nothing'"),
            "{unknown:?}"
        );
    }
}
