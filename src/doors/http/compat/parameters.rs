//! The parameters of a question, each taken once. What nobody takes is refused by its name.

use std::fmt;

use hyper::HeaderMap;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::fault::Fault;
use crate::config::Streams;
use crate::doors::http::answer::Refusal;
use crate::doors::http::query::Query;
use crate::doors::http::target::Cloud;

/// The most parameters of a question, wherever they are.
const MOST: usize = 64;

/// The parameters that are left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of_query(text: &str) -> Result<Self, Fault> {
        let mut parameters = Self::default();
        parameters.add_pairs(text)?;
        Ok(parameters)
    }

    /// Adds the headers in which clients of today name the action and its version.
    pub(super) fn add_headers(&mut self, cloud: Cloud, headers: &HeaderMap) -> Result<(), Fault> {
        let names = match cloud {
            Cloud::Aliyun => [("x-acs-action", "Action"), ("x-acs-version", "Version")],
            Cloud::Tencent => [("x-tc-action", "Action"), ("x-tc-version", "Version")],
        };
        for (header, name) in names {
            if let Some(value) = headers.get(header) {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                self.add(name.to_owned(), value)?;
            }
        }
        Ok(())
    }

    pub(super) fn add_form(&mut self, body: &[u8]) -> Result<(), Fault> {
        let text = std::str::from_utf8(body);
        self.add_pairs(text.map_err(|_| Refusal::bad_request("the form is not UTF-8"))?)
    }

    /// Adds the members of a JSON object. Every parameter here is a text or a number.
    pub(super) fn add_json(&mut self, body: &[u8]) -> Result<(), Fault> {
        let members: Members = serde_json::from_slice(body)
            .map_err(|error| Refusal::bad_request(format!("the request is not a JSON object: {error}")))?;
        for (name, value) in members.0 {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                    return Err(Fault::Value(name, "a text or a number is needed".to_owned()));
                }
            };
            self.add(name, text)?;
        }
        Ok(())
    }

    /// Adds pairs in which a `+` is a space.
    fn add_pairs(&mut self, text: &str) -> Result<(), Fault> {
        for (name, value) in Query::parse(&text.replace('+', "%20"))?.iter() {
            self.add(name.to_owned(), value.to_owned())?;
        }
        Ok(())
    }

    fn add(&mut self, name: String, value: String) -> Result<(), Fault> {
        if self.0.iter().any(|(known, _)| *known == name) {
            return Err(Fault::Value(name, "the parameter is there twice".to_owned()));
        }
        if self.0.len() == MOST {
            let text = format!("the request has more than {MOST} parameters");
            return Err(Refusal::bad_request(text).into());
        }
        self.0.push((name, value));
        Ok(())
    }

    /// True where a parameter is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Takes a parameter. An empty one is one that is not there.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.0.swap_remove(place);
        Some(value).filter(|value| !value.is_empty())
    }

    /// Takes a whole number between two.
    pub(super) fn number(&mut self, name: &str, (least, most): (i64, i64)) -> Result<Option<i64>, Fault> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_plain.then(|| text.parse().ok()).flatten();
        let number = number.filter(|number| (least..=most).contains(number));
        let why = || {
            Fault::value(
                name,
                &text,
                &format!("is not a whole number from {least} to {most}"),
            )
        };
        number.map(Some).ok_or_else(why)
    }

    /// Takes a word that is one of these. Without it, it is the first one.
    pub(super) fn word<'a>(&mut self, name: &str, words: &[&'a str]) -> Result<&'a str, Fault> {
        let Some(text) = self.take(name) else {
            return Ok(words.first().copied().unwrap_or_default());
        };
        let word = words.iter().find(|word| **word == text).copied();
        word.ok_or_else(|| Fault::value(name, &text, &format!("is none of {}", words.join(", "))))
    }

    /// Takes the parameters of signatures, which nobody reads, and what means nothing here.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        self.0.retain(|(name, _)| !names.contains(&name.as_str()));
    }

    /// Refuses what nobody took.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        match self.0.first() {
            Some((name, _)) => Err(Fault::Unknown(name.clone())),
            None => Ok(()),
        }
    }
}

/// The members of a JSON object, also those that stand there twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// The streams of an app, of a name in any app, or the one of both. `None` where neither is asked for.
pub(super) fn streams(
    (of_app, app): (&str, Option<String>),
    (of_name, name): (&str, Option<String>),
) -> Result<Option<Streams>, Fault> {
    if app.is_none() && name.is_none() {
        return Ok(None);
    }
    // A star is one of these texts, and no pattern.
    for (parameter, text, odd) in [(of_app, &app, &['*'][..]), (of_name, &name, &['*', '/'])] {
        let text = text.as_deref().unwrap_or_default();
        if text.contains(odd) {
            return Err(Fault::value(parameter, text, "is no name of a stream"));
        }
    }
    let blamed = if name.is_some() { of_name } else { of_app };
    let any = || "*".to_owned();
    let text = format!("{}/{}", app.unwrap_or_else(any), name.unwrap_or_else(any));
    let streams = text.parse().map_err(|why| Fault::Value(blamed.to_owned(), why));
    streams.map(Some)
}
