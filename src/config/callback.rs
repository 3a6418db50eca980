//! `[[callback]]`: the web services that events are sent to over HTTP.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use super::file::{Refused, in_range, refuse};
use super::{HookUrl, Secret, SecretSource, Span};
use crate::event::{Dialect, KINDS};
use crate::model::nearest;

/// The most web services.
const MOST: usize = 16;

/// A web service that events are sent to. A configuration has a value for every key, by default that of the key's function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    name: Option<String>,
    /// The address of the service.
    #[serde(deserialize_with = "address")]
    pub url: HookUrl,
    /// The dialect of its events.
    #[serde(default)]
    pub dialect: Dialect,
    key: Option<Secret>,
    key_file: Option<PathBuf>,
    /// The events that it gets: kinds, or their beginnings before a `*`.
    events: Option<Vec<String>>,
    tries: Option<u32>,
    every: Option<Span>,
    timeout: Option<Span>,
}

impl Callback {
    /// The name of the service. No other service has it.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// The source of the key that signs its events, if there is one.
    pub fn key(&self) -> Option<SecretSource> {
        SecretSource::of(self.key.as_ref(), self.key_file.as_ref())
    }

    /// True when events of this kind are sent to it. It gets all events if no kind is named.
    pub fn wants(&self, kind: &str) -> bool {
        let matches = |wanted: &String| match wanted.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => kind == wanted,
        };
        self.events
            .as_ref()
            .is_none_or(|events| events.iter().any(matches))
    }

    /// How often an event is sent until it waits for `callback.retry`.
    pub fn tries(&self) -> u32 {
        self.tries.unwrap_or(match self.dialect {
            Dialect::Aliyun => 6,
            Dialect::CloudEvents | Dialect::Tencent => 12,
        })
    }

    /// The time after a failure until the event is sent again.
    pub fn every(&self) -> Span {
        self.every.unwrap_or(Span::from_secs(match self.dialect {
            Dialect::Aliyun => 1,
            Dialect::CloudEvents | Dialect::Tencent => 60,
        }))
    }

    /// The time within which the service must answer.
    pub fn timeout(&self) -> Span {
        self.timeout.unwrap_or(Span::from_secs(match self.dialect {
            Dialect::Aliyun => 5,
            Dialect::CloudEvents | Dialect::Tencent => 20,
        }))
    }
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<HookUrl, D::Error> {
    let url = HookUrl::try_from(String::deserialize(from)?);
    url.map_err(|error| serde::de::Error::custom(error.replace("hook:", "callback.url:")))
}

/// The entries, each with a name of its own.
pub(super) fn resolve(written: Vec<Callback>) -> Result<Vec<Callback>, Refused> {
    if written.len() > MOST {
        let message = format!("[[callback]]: {} entries; at most {MOST}", written.len());
        return Err(Refused::new("callback", message).of(MOST));
    }
    let mut callbacks: Vec<Callback> = Vec::new();
    for (entry, callback) in written.into_iter().enumerate() {
        let callback = callback.whole(entry + 1);
        callback.check().map_err(|refused| refused.of(entry))?;
        let name = callback.name();
        if callbacks.iter().any(|other| other.name() == name) {
            let message = format!("callback '{name}' is there twice");
            return Err(Refused::new("callback.name", message).of(entry));
        }
        callbacks.push(callback);
    }
    Ok(callbacks)
}

/// The message about a wanted kind that no event has.
fn unknown(wanted: &str) -> Option<String> {
    let (known, near) = match wanted.strip_suffix('*') {
        Some(beginning) => {
            let groups = KINDS.iter().filter_map(|kind| kind.split_once('.'));
            let mut groups: Vec<String> = groups.map(|(group, _)| format!("{group}.*")).collect();
            groups.dedup();
            let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
            let near = nearest(wanted, &groups).map(str::to_owned);
            (KINDS.iter().any(|kind| kind.starts_with(beginning)), near)
        }
        None => (
            KINDS.contains(&wanted),
            nearest(wanted, &KINDS).map(str::to_owned),
        ),
    };
    let near = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("there are {}", KINDS.join(", ")),
    };
    (!known).then(|| format!("callback.events: no event is called {wanted:?}; {near}"))
}

impl Callback {
    /// The entry with all keys that may be left out, as it is shown.
    fn whole(self, number: usize) -> Self {
        Self {
            tries: Some(self.tries()),
            every: Some(self.every()),
            timeout: Some(self.timeout()),
            name: Some(self.name.unwrap_or_else(|| format!("callback-{number}"))),
            ..self
        }
    }

    fn check(&self) -> Result<(), Refused> {
        let name = self.name();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return refuse(
                "callback.name",
                "callback.name: 1 to 64 letters, digits, '.', '_' or '-'",
            );
        }
        self.check_events()?;
        SecretSource::one_of("callback.key", self.key.as_ref(), self.key_file.as_ref())?;
        let (second, day) = (Span::from_secs(1), Span::from_secs(86_400));
        in_range("callback.tries", self.tries(), 1, 1_000)?;
        in_range("callback.every", self.every(), second, day)?;
        in_range("callback.timeout", self.timeout(), second, Span::from_secs(60))
    }

    fn check_events(&self) -> Result<(), Refused> {
        let Some(events) = &self.events else {
            return Ok(());
        };
        if events.is_empty() {
            return refuse(
                "callback.events",
                "callback.events: none are named; leave the key out for all of them, or name some, as in [\"recording.*\"]",
            );
        }
        let word = |text: &String| {
            let word = text.strip_suffix('*').unwrap_or(text);
            text.len() <= 64
                && word
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_'))
        };
        if events.len() > 64 || !events.iter().all(word) {
            return refuse(
                "callback.events",
                "callback.events: kinds of events, as in [\"recording.*\", \"storage.full\"]",
            );
        }
        match events.iter().find_map(|wanted| unknown(wanted)) {
            Some(wrong) => refuse("callback.events", &wrong),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Vec<Callback>, String> {
        let config =
            Config::parse(Some((Path::new("box.toml"), text)), [], "box").map_err(|e| e.to_string())?;
        let printed = config.to_toml();
        assert!(!printed.contains("s3cret"), "{printed}");
        // A masked secret cannot be read back.
        if !printed.contains("***") {
            let again = Config::parse(Some((Path::new("printed"), &printed)), [], "box").unwrap();
            assert_eq!(again, config, "{printed}");
        }
        Ok(config.callbacks)
    }

    #[test]
    fn a_cloud_has_its_own_patience() {
        let all = parse(
            "[[callback]]\nurl = \"https://a/b\"\n\
             [[callback]]\nname = \"al\"\nurl = \"http://127.0.0.1:1/s3cret?token=s3cret\"\ndialect = \"aliyun\"\nkey = \"s3cret\"\n",
        )
        .unwrap();
        let patience = |callback: &Callback| (callback.tries(), callback.every(), callback.timeout());
        assert_eq!(patience(&all[0]), (12, Span::from_secs(60), Span::from_secs(20)));
        assert_eq!(patience(&all[1]), (6, Span::from_secs(1), Span::from_secs(5)));
        assert_eq!(all[0].name(), "callback-1");
    }

    #[test]
    fn it_is_told_of_what_it_wants() {
        let all =
            parse("[[callback]]\nurl = \"https://a/b\"\nevents = [\"recording.*\", \"storage.full\"]\n")
                .unwrap();
        let wants = |kind| all[0].wants(kind);
        assert!(wants("recording.closed") && wants("storage.full"));
        assert!(!wants("storage.low") && !wants("publish.started"));
    }

    #[test]
    fn events_that_there_are_not_are_refused_with_the_nearest() {
        for (wanted, said) in [
            ("recording.close", "did you mean \\\"recording.closed\\\"?"),
            ("recordings.*", "did you mean \\\"recording.*\\\"?"),
            ("bananas.*", "no event is called"),
            ("stream.gone", "did you mean"),
        ] {
            let error = parse(&format!(
                "[[callback]]\nurl = \"https://a/b\"\nevents = [\"{wanted}\"]\n"
            ))
            .unwrap_err();
            let said = said.replace('\\', "");
            assert!(
                error.contains("callback.events: no event is called") && error.contains(&said),
                "{error}"
            );
        }
        for wanted in ["*", "rec*", "recording.*", "clip.ready", "clock.synced"] {
            assert!(
                parse(&format!(
                    "[[callback]]\nurl = \"https://a/b\"\nevents = [\"{wanted}\"]\n"
                ))
                .is_ok()
            );
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (text, word) in [
            ("url = \"ftp://a\"", "callback.url: expected an address"),
            ("url = \"http://a\"\nname = \"a b\"", "callback.name"),
            ("url = \"http://a\"\nevents = [\"A\"]", "callback.events"),
            (
                "url = \"http://a\"\nevents = []",
                "callback.events: none are named; leave the key out for all",
            ),
            ("url = \"http://a\"\ntries = 0", "callback.tries"),
            (
                "url = \"http://a\"\nname = \"a\"\n[[callback]]\nurl = \"http://a\"\nname = \"a\"",
                "twice",
            ),
            ("url = \"http://a\"\nevery = \"0s\"", "callback.every"),
            ("name = \"a\"", "url"),
        ] {
            let error = parse(&format!("[[callback]]\n{text}")).unwrap_err();
            assert!(
                error.starts_with("box.toml:") && error.contains(word),
                "{text}: {error}"
            );
        }
    }
}
