//! A configuration as a file that would bring it about.

use std::fmt::Write as _;

use serde::Serialize;
use toml::Table;

use super::{Config, Rule, Task, TemplateSource, publisher};

/// The tables that come several times.
#[derive(Serialize)]
struct Recording<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    template: Vec<&'a TemplateSource>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rule: Vec<&'a Rule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    task: Vec<&'a Task>,
}

impl Config {
    /// The whole configuration as a file that would bring it about, but for its secrets: they are masked.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        section(&mut out, "device", &self.device);
        section(&mut out, "rtmp", &self.rtmp);
        section(&mut out, "storage", &self.storage);
        section(&mut out, "ring", &self.ring);
        section(&mut out, "control", &self.control);
        if let Some(sync) = &self.sync {
            sync.to_toml(&mut out);
        }
        if let Some(mqtt) = &self.mqtt {
            mqtt.to_toml(&mut out);
        }
        self.callbacks
            .iter()
            .for_each(|callback| callback.to_toml(&mut out));
        publisher::to_toml(&self.publishers, &mut out);
        let tables = Recording {
            template: self.templates.iter().map(|template| &template.source).collect(),
            rule: self.rules.iter().collect(),
            task: self.tasks.iter().collect(),
        };
        if let Ok(text) = toml::to_string(&tables)
            && !text.is_empty()
        {
            let _ = write!(out, "\n{text}");
        }
        out
    }
}

/// A section, each of its keys on a line, in the order of the struct; nothing of one that says nothing.
fn section(out: &mut String, name: &str, section: &impl Serialize) {
    // Paths are of a file's text or of the environment's: all are UTF-8, and so none is refused.
    let keys = Table::try_from(section).unwrap_or_default();
    if keys.is_empty() {
        return;
    }
    let blank = if out.is_empty() { "" } else { "\n" };
    let _ = writeln!(out, "{blank}[{name}]");
    for (key, value) in keys {
        let _ = writeln!(out, "{key} = {value}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// To the letter: people compare what two boxes print.
    #[test]
    fn every_key_has_its_line_in_the_order_of_the_documents() {
        let text = "[device]\nid = \"box-17\"\n\n[rtmp]\nlisten = [\"127.0.0.1:1935\", \"[::1]:0\"]\n\
                    tls = { listen = [\"127.0.0.1:1936\"], cert = \"/c.pem\", key = \"k\" }\n\
                    allow_anonymous = true\nmax_connections = 65\nmax_connections_per_address = 8\nmax_publishes = 4\n\
                    max_publishes_per_address = 2\nmax_bitrate = \"8 Mbit/s\"\nhandshake_timeout = \"6s\"\n\
                    publish_timeout = \"11s\"\nidle_timeout = \"1min\"\ntakeover_after = \"1s\"\n\n\
                    [storage]\ndir = \"/data/edge reel\"\ndurability = \"500ms\"\nquota = \"20 GiB\"\nmin_free = \"0 B\"\n\
                    on_full = \"stop\"\nkeep = \"7d\"\n\n[ring]\npre_roll = \"5s\"\nmemory = \"8 MiB\"\n\n\
                    [control]\nsocket = \"/run/e.sock\"\n";
        let config = Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap();
        assert_eq!(config.to_toml(), text);
        let usual = Config::parse(None, [], "box-17").unwrap().to_toml();
        assert_eq!(
            usual,
            "[device]\nid = \"box-17\"\n\n[rtmp]\nlisten = [\"127.0.0.1:1935\"]\nallow_anonymous = false\n\
             max_connections = 64\nhandshake_timeout = \"5s\"\npublish_timeout = \"10s\"\nidle_timeout = \"30s\"\n\
             takeover_after = \"5s\"\n\n[storage]\ndir = \"./edgereel-data\"\ndurability = \"1s\"\n\
             on_full = \"overwrite-oldest\"\nkeep = \"forever\"\n\n[ring]\npre_roll = \"10s\"\nmemory = \"32 MiB\"\n"
        );
    }
}
