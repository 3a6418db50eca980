//! A configuration as a file that would bring it about.

use std::fmt::Write as _;

use serde::Serialize;
use toml::Table;

use super::{Callback, Config, Publisher, Rule, Task, TemplateSource, Viewer};

/// The tables that may come several times.
#[derive(Serialize)]
struct Tables<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    callback: &'a [Callback],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    publisher: &'a [Publisher],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    viewer: &'a [Viewer],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    template: Vec<&'a TemplateSource>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    rule: &'a [Rule],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    task: &'a [Task],
}

impl Config {
    /// The whole configuration as a file that would bring it about, except for its secrets, which are masked.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        section(&mut out, "device", &self.device);
        section(&mut out, "rtmp", &self.rtmp);
        section(&mut out, "http", &self.http);
        section(&mut out, "storage", &self.storage);
        section(&mut out, "ring", &self.ring);
        section(&mut out, "control", &self.control);
        section(&mut out, "channel", &self.channel);
        section(&mut out, "encryption", &self.encryption);
        section(&mut out, "media", &self.media);
        if let Some(sync) = &self.sync {
            section(&mut out, "sync", sync);
        }
        if let Some(mqtt) = &self.mqtt {
            section(&mut out, "mqtt", mqtt);
        }
        if let Some(review) = &self.review {
            section(&mut out, "review", review);
        }
        let tables = Tables {
            callback: &self.callbacks,
            publisher: &self.publishers,
            viewer: &self.viewers,
            template: self.templates.iter().map(|template| &template.source).collect(),
            rule: &self.rules,
            task: &self.tasks,
        };
        let text = Table::try_from(&tables).unwrap_or_default().to_string();
        if !text.is_empty() {
            let _ = write!(out, "\n{text}");
        }
        out
    }
}

/// A section with each of its keys on a line, in the order of the struct. A section without keys is left out.
fn section(out: &mut String, name: &str, section: &impl Serialize) {
    // Paths come from a file's text or from the environment. All are UTF-8, so none is refused.
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

    /// The text is compared to the letter, because people compare what two boxes print.
    #[test]
    fn every_key_has_its_line_in_the_order_of_the_documents() {
        let text = "[device]\nid = \"box-17\"\n\n[rtmp]\nlisten = [\"127.0.0.1:1935\", \"[::1]:0\"]\n\
                    tls = { listen = [\"127.0.0.1:1936\"], cert = \"/c.pem\", key = \"k\" }\n\
                    allow_anonymous = true\nmax_connections = 65\nmax_connections_per_address = 8\nmax_publishes = 4\n\
                    max_publishes_per_address = 2\nmax_bitrate = \"8 Mbit/s\"\nhandshake_timeout = \"6s\"\n\
                    publish_timeout = \"11s\"\nidle_timeout = \"1min\"\ntakeover_after = \"1s\"\n\n\
                    [http]\nlisten = [\"127.0.0.1:8080\"]\ntls = { listen = [\"127.0.0.1:8443\"], cert = \"/c.pem\", key = \"k\" }\n\
                    max_connections = 129\nmax_connections_per_address = 17\nmax_rate = \"off\"\nmemory = \"4 MiB\"\n\
                    cors = [\"https://app.example.com\", \"*\"]\nbehind = [\"10.0.0.0/8\"]\n\
                    public_url = \"https://video.example.com\"\npublic = true\nnames = [\"box\"]\nlive_window = \"20s\"\n\
                    live_chunks = 6\ndialects = [\"tencent\"]\ncompat = true\ntokens_without_clock = \"accept\"\n\n\
                    [storage]\ndir = \"/data/edge reel\"\ndurability = \"500ms\"\nquota = \"20 GiB\"\nmin_free = \"0 B\"\n\
                    on_full = \"stop\"\nkeep = \"7d\"\n\n[ring]\npre_roll = \"5s\"\nmemory = \"8 MiB\"\n\n\
                    [control]\nsocket = \"/run/e.sock\"\n\n\
                    [channel]\npush_to = [\"rtmps://live.example.com/*\"]\nca_file = \"/ca.pem\"\n";
        let config = Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap();
        assert_eq!(config.to_toml(), text);
        let usual = Config::parse(None, [], "box-17").unwrap().to_toml();
        assert_eq!(
            usual,
            "[device]\nid = \"box-17\"\n\n[rtmp]\nlisten = [\"127.0.0.1:1935\"]\nallow_anonymous = false\n\
             max_connections = 64\nhandshake_timeout = \"5s\"\npublish_timeout = \"10s\"\nidle_timeout = \"30s\"\n\
             takeover_after = \"5s\"\n\n[http]\nlisten = [\"127.0.0.1:8080\"]\nmax_connections = 128\n\
             max_connections_per_address = 16\nmax_rate = \"8 MiB/s\"\nmemory = \"8 MiB\"\ncors = []\nbehind = []\npublic = false\n\
             names = []\nlive_chunks = 10\ndialects = [\"tencent\", \"aliyun\"]\ncompat = false\ntokens_without_clock = \"refuse\"\n\n[storage]\ndir = \"./edgereel-data\"\ndurability = \"1s\"\n\
             on_full = \"overwrite-oldest\"\nkeep = \"forever\"\n\n[ring]\npre_roll = \"10s\"\nmemory = \"32 MiB\"\n"
        );
    }
    /// The test above, for sections that may be absent as a whole. The mask replaces a secret.
    #[test]
    fn sections_that_may_be_absent_are_shown_key_by_key_and_their_secrets_are_masked() {
        let text = "\n[sync]\nurl = \"s3://media/box\"\nendpoint = \"https://s3.example.com\"\nregion = \"r\"\nstyle = \"path\"\n\
                    access_key_id = \"AK\"\nsecret_access_key = \"s3cret\"\nsession_token_file = \"t\"\n\
                    encryption = \"aws:kms\"\nencryption_key = \"k\"\nstorage_class = \"STANDARD_IA\"\nca_file = \"/ca.pem\"\n\
                    proxy = \"http://box%4017:s3cret@proxy:3128\"\nwhen = \"live\"\norder = \"oldest-first\"\ntransfers = 3\n\
                    max_rate = \"2 MiB/s\"\nwindow = [\"daily 22:00-06:00\"]\ntime_zone = \"Europe/Berlin\"\n\
                    public_url = \"https://v/{key}\"\nclock_wait = \"5min\"\ntimeout = \"20s\"\nread_back = true\n\
                    lifecycle = \"tag\"\non_block = \"keep\"\n\n\
                    [mqtt]\nurl = \"mqtts://broker.example.com:8883\"\nversion = \"3.1.1\"\nprefix = \"acme\"\nclient_id = \"17\"\n\
                    user = \"box\"\npassword = \"s3cret\"\nca_file = \"/ca.pem\"\ncert_file = \"/box.pem\"\nkey_file = \"/box.key\"\n\
                    sign_key_file = \"sign\"\nkeep_alive = \"1min\"\nsession_expiry = \"7d\"\nresponse_topics = [\"a/#\"]\n\
                    health = \"5min\"\ndialects = [\"cloudevents\", \"tencent\"]\n\n\
                    [[callback]]\nname = \"crm\"\nurl = \"https://crm/s3cret\"\ndialect = \"aliyun\"\nkey = \"s3cret\"\n\
                    events = [\"recording.*\"]\ntries = 7\nevery = \"2s\"\ntimeout = \"6s\"\n\n\
                    [[publisher]]\nname = \"school\"\nstream = \"live/*\"\nfrom = [\"10.0.0.0/8\"]\nkey = [\"s3cret\", \"s3cret\"]\n\
                    key_file = \"k\"\ntencent_key = \"s3cret\"\naliyun_key_file = [\"/a\", \"/b\"]\naliyun_valid = \"1h\"\n\
                    hook = \"https://auth/s3cret\"\nhook_timeout = \"1s\"\nmax_publishes = 4\nmax_bitrate = \"8 Mbit/s\"\n\
                    video = \"required\"\n\n\
                    [[publisher]]\nname = \"live/b\"\nstream = \"live/b\"\n\n\
                    [[viewer]]\nname = \"staff\"\naddresses = [\"10.0.0.0/8\"]\nstreams = [\"live/*\"]\nmay = [\"watch\", \"operate\"]\n\
                    key_file = \"v\"\npassword_file = \"p\"\ntencent_key = \"view-s3cret\"\naliyun_key_file = \"a\"\naliyun_valid = \"2h\"\n";
        let config = Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap();
        let shown = config.to_toml();
        let sections = shown.find("\n[sync]").unwrap();
        assert_eq!(
            shown[sections..],
            text.replace("view-s3cret", "***").replace("s3cret", "***")
        );
    }
}
