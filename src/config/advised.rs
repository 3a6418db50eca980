//! The line of the file that an advice is about, so that a user finds it as quickly as an error.

use super::place::line_of_key;
use super::publisher::Publisher;
use super::{Advice, Config};

/// A key, and the number of the entry where its section may have several.
type Key = (&'static str, Option<usize>);

impl Config {
    /// The line of the file that an advice is about, if there is one. `text` is what this configuration was read from.
    pub fn line_of(&self, text: &str, advice: &Advice) -> Option<usize> {
        let (key, entry) = self.key_of(advice)?;
        line_of_key(text, key, entry)
    }

    fn key_of(&self, advice: &Advice) -> Option<Key> {
        let of_rule = |key, about: &str| {
            let entry = self.rules.iter().position(|rule| rule.to_string() == about)?;
            Some((key, Some(entry)))
        };
        let of_template = |key, name: &str| {
            let entry = self.templates.iter().position(|template| template.name == name)?;
            Some((key, Some(entry)))
        };
        match advice {
            Advice::OldForm { written, rule } => {
                if written.starts_with("app") {
                    of_rule("rule.app", rule)
                } else {
                    of_rule("rule.stream", rule)
                }
            }
            Advice::Shadowed { rule, .. } => of_rule("rule.stream", rule),
            Advice::NoTemplate { rule, .. } => of_rule("rule.template", rule),
            Advice::NoSuchStream { of } => {
                let rule = of
                    .strip_prefix("the rule for ")
                    .map(|about| of_rule("rule.stream", about));
                let of_publisher = |publisher: &Publisher| {
                    *of == format!("[[publisher]] with stream '{}'", publisher.stream)
                };
                rule.or_else(|| {
                    of.starts_with("[[viewer]]")
                        .then(|| self.viewer("viewer.streams", of))
                })
                .unwrap_or_else(|| self.publisher("publisher.stream", of_publisher))
            }
            Advice::Uncovered => Some(("rule", Some(self.rules.len().checked_sub(1)?))),
            Advice::Unnamed { template } => of_template("template.name", template),
            Advice::NothingDelivered { template } => of_template("template.storage_time", template),
            Advice::TaskOver { task } => {
                let entry = self.tasks.iter().position(|other| other.name == *task)?;
                Some(("task.end", Some(entry)))
            }
            Advice::NobodyIsAnonymous => Some(("rtmp.allow_anonymous", None)),
            Advice::ShortKey { of } if of == "review.hook" => Some(("review.key", None)),
            Advice::ShortKey { of } => self.callback("callback.key", of).or_else(|| {
                let is_short = |publisher: &Publisher| *of == publisher.shown() && publisher.has_short_key();
                self.publisher("publisher.key", is_short).or_else(|| {
                    let key = self
                        .viewers
                        .iter()
                        .find_map(|viewer| viewer.short_key().filter(|_| viewer.shown() == *of));
                    self.viewer(key?, of)
                })
            }),
            Advice::OpenAddress { of } if of == "sync.endpoint" => Some(("sync.endpoint", None)),
            Advice::OpenAddress { of } if of == "review.hook" => Some(("review.hook", None)),
            Advice::OpenAddress { of } => self.callback("callback.url", of).or_else(|| {
                let asks = |publisher: &Publisher| {
                    *of == format!("the hook of {}", publisher.shown()) && publisher.has_open_hook()
                };
                self.publisher("publisher.hook", asks)
            }),
            Advice::LiveUnreviewed { rule, .. } => of_rule("rule.template", rule),
            Advice::NobodyAsked => Some(("review.hook", None)),
            Advice::OpenBroker { .. } => Some(("mqtt.url", None)),
            Advice::OpenApp { of, stream } => {
                let is_it = |other: &Publisher| other.shown() == *of && other.stream.to_string() == *stream;
                self.publisher("publisher.stream", is_it)
                    .or_else(|| self.viewer("viewer.streams", of))
            }
            Advice::PlainHttp { .. } => Some(("http.listen", None)),
            Advice::ReservedApp { of, .. } => {
                let rule = of.strip_prefix("the rule for ");
                let rule = rule.map(|about| of_rule("rule.stream", about));
                rule.unwrap_or_else(|| {
                    self.publisher("publisher.stream", |publisher| publisher.shown() == *of)
                })
            }
            // These are not about a line of the file.
            Advice::Overridden { .. } | Advice::Readable { .. } => None,
        }
    }

    fn publisher(&self, key: &'static str, is_it: impl Fn(&Publisher) -> bool) -> Option<Key> {
        let entry = self.publishers.iter().position(is_it)?;
        Some((key, Some(entry)))
    }

    fn viewer(&self, key: &'static str, shown: &str) -> Option<Key> {
        let entry = self.viewers.iter().position(|viewer| viewer.shown() == shown)?;
        Some((key, Some(entry)))
    }

    fn callback(&self, key: &'static str, shown: &str) -> Option<Key> {
        let is_it = |name: &str| shown == format!("[[callback]] '{name}'");
        let entry = self
            .callbacks
            .iter()
            .position(|callback| is_it(callback.name()))?;
        Some((key, Some(entry)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The test writes every kind of advice about the file behind a correct entry. The advice must name the line with the mark.
    #[test]
    fn every_advice_names_its_own_line() {
        let rules = "[[rule]]\nstream = \"live/a\"\n";
        let publishers = "[[publisher]]\nstream = \"live/a\"\nkey = \"a-long-enough-secret\"\n";
        let door = "[http]\nlisten = [\"[::1]:80\"]\ntoken_key_file = \"t\"\n[review]\n";
        let held = "[[template]]\nname = \"default\"\nreview = \"before\"\n";
        let viewers = "[[viewer]]\nname = \"a\"\nkey_file = \"k\"\n";
        let all = [
            format!("{rules}[[rule]]\nrecord = \"never\"\napp = \"hall\" # here\n[[rule]]\n"),
            format!("{rules}[[rule]]\nrecord = \"never\"\nstream = \"cam1\" # here\n[[rule]]\n"),
            format!("{rules}[[rule]]\nrecord = \"never\"\nstream = \"live//cam\" # here\n[[rule]]\n"),
            "[[rule]]\nstream = \"*/cam*\"\n[[rule]]\nstream = \"live/cam/*\" # here\n[[rule]]\n".to_owned(),
            format!("{rules}[[rule]] # here\nrecord = \"never\"\nstream = \"live/*\"\n"),
            "[[template]]\nname = \"default\"\n[[template]]\nsplit = \"1h\"\nname = \"lesson\" # here\n".to_owned(),
            "[[template]]\nname = \"default\"\nstorage_time = \"7d\" # here\n".to_owned(),
            format!("{publishers}[[publisher]]\nkey = \"a-long-enough-secret\"\nstream = \"cam1\" # here\n"),
            format!("{publishers}[rtmp]\nallow_anonymous = true # here\n"),
            format!("{publishers}[[publisher]]\nstream = \"live/b\"\nkey = \"fifteen-letters\" # here\n"),
            format!("{publishers}[[publisher]]\nhook = \"http://auth.example.com/t0ken\" # here\n"),
            format!("{publishers}[[publisher]]\ntencent_key = \"a-long-enough-secret\"\nstream = \"*\" # here\n"),
            "[[callback]]\nname = \"a\"\nurl = \"https://x/a\"\n[[callback]]\nname = \"b\"\nurl = \"http://10.0.0.1:80/b\" # here\n".to_owned(),
            "[[callback]]\nname = \"a\"\nurl = \"https://x/a\"\n[[callback]]\nurl = \"https://x/b\"\nkey = \"fifteen-letters\" # here\n".to_owned(),
            "[mqtt]\nclient_id = \"a\"\nurl = \"mqtt://10.0.0.1\" # here\n".to_owned(),
            format!("{door}hook = \"http://10.0.0.1/r\" # here\n{held}"),
            format!("{door}hook = \"https://r/r\"\nkey = \"fifteen-letters\" # here\n{held}"),
            format!("{door}hook = \"https://r/r\" # here\n"),
            format!("[http]\nlisten = [\"[::1]:80\"]\nlive_window = \"20s\"\n{held}[[rule]]\n[[rule]]\nrecord = \"on-demand\"\n\
                     stream = \"live/*\"\ntemplate = \"default\" # here\n"),
            "[sync]\nurl = \"s3://b/p\"\nregion = \"r\"\nendpoint = \"http://10.0.0.1:9000\" # here\n".to_owned(),
            "[[task]]\nname = \"a\"\nstream = \"live/a\"\nweekly = [\"Mon 08:00-09:00\"]\n[[task]]\nname = \"b\"\nstream = \"live/b\"\n\
             start = \"2020-12-01T08:00:00Z\"\nend = \"2020-12-01T09:00:00Z\" # here\n".to_owned(),
            format!("{viewers}[[viewer]]\nname = \"b\"\nstreams = [\"cam1\"] # here\n"),
            format!("{viewers}[[viewer]]\nname = \"b\"\ntencent_key_file = \"k\"\nstreams = [\"*\"] # here\n"),
            format!("{viewers}[[viewer]]\nname = \"b\"\naliyun_key = \"fifteen-letters\" # here\n"),
            format!("{viewers}[http]\nmax_connections = 7\nlisten = [\"0.0.0.0:8080\"] # here\n"),
            format!("[http]\nlisten = [\"[::1]:80\"]\n{rules}[[rule]]\nrecord = \"never\"\nstream = \"metrics/*\" # here\n[[rule]]\n"),
            format!("[http]\nlisten = [\"[::1]:80\"]\n{publishers}[[publisher]]\nkey_file = \"k\"\nstream = \"r/a\" # here\n"),
        ];
        for text in &all {
            let here = 1 + text.lines().position(|line| line.contains("# here")).unwrap();
            let config = Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap();
            let advice = config
                .advice()
                .into_iter()
                .chain(config.advice_of_tasks(i64::MAX));
            let lines: Vec<_> = advice
                .map(|advice| (config.line_of(text, &advice), advice.to_string()))
                .collect();
            assert!(
                matches!(&lines[..], [(Some(line), _)] if *line == here),
                "{text}\n{lines:?}"
            );
        }
    }
}
