//! The query of a request: its parameters, decoded. Pure.

use percent_encoding::percent_decode_str;

use super::answer::Refusal;

/// The most parameters of a query.
const MOST: usize = 32;

/// The parameters of a query, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    parameters: Vec<(String, String)>,
}

impl Query {
    /// Reads a query without its `?`. A parameter without a value has an empty one.
    pub(super) fn parse(text: &str) -> Result<Query, Refusal> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let mut parameters = Vec::new();
        for pair in pairs {
            if parameters.len() == MOST {
                return Err(Refusal::bad_request(format!(
                    "the query has more than {MOST} parameters"
                )));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.push((decoded(name)?, decoded(value)?));
        }
        Ok(Query { parameters })
    }

    /// The value of a parameter. Where it stands twice, the first one.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// True when a parameter is there and is not `0`, `no` or `false`.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.value(name)
            .is_some_and(|value| !matches!(value, "0" | "no" | "false"))
    }

    /// The value of a parameter, read as a type of its own. `what` tells how it is written.
    pub(super) fn read<T: std::str::FromStr>(
        &self,
        name: &'static str,
        what: &str,
    ) -> Result<Option<T>, Refusal> {
        match self.value(name) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                let shown: String = text.chars().take(64).collect();
                Refusal::parameter(name, format!("{name}: '{shown}' is not {what}"))
            }),
        }
    }

    /// All parameters, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A `+` is a space (application/x-www-form-urlencoded) in names and texts, but times have an offset such as `+02:00`: there
/// it stays.
fn decoded(text: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| Refusal::bad_request("the query has bytes that are not UTF-8"))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_bounded() {
        let query =
            Query::parse("stream=live%2Fcam1&&download&from=2026-01-01T00:00:00+02:00&a=1&a=2").unwrap();
        assert_eq!(query.value("stream"), Some("live/cam1"));
        assert_eq!(query.value("from"), Some("2026-01-01T00:00:00+02:00"));
        assert_eq!(query.value("a"), Some("1"));
        assert!(query.is_set("download") && !query.is_set("other"));
        assert!(!Query::parse("download=0").unwrap().is_set("download"));
        assert_eq!(query.iter().count(), 5);
        assert_eq!(query.read::<u32>("a", "a number").unwrap(), Some(1));
        let wrong = query.read::<u32>("stream", "a number").unwrap_err();
        assert_eq!(wrong.message, "stream: 'live/cam1' is not a number");
        assert_eq!(wrong.field, Some("stream"));
        assert!(Query::parse("a=%ff").is_err());
        assert!(Query::parse(&"a&".repeat(MOST)).is_ok());
        assert!(Query::parse(&"a&".repeat(MOST + 1)).is_err());
    }
}
