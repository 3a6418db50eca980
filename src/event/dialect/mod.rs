//! Events as messages: what others call the things that happen here.
//!
//! A consumer that already speaks a cloud's callbacks gets those, another gets CloudEvents. Every message is made of the
//! outbox's row alone, so that it is the same at every attempt, but for what says when it was sent, and for the address of the box
//! where recordings play that are delivered nowhere.

mod aliyun;
mod cloudevents;
mod played;
mod tencent;
#[cfg(test)]
mod tests;

pub use aliyun::{aliyun_headers, ingest_query};
pub use cloudevents::hmac_sha256_hex;

use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const SECOND: i64 = 1_000_000;

/// An event as it waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its place among all events of this box.
    pub sequence: u64,
    /// Its id, a hyphenated UUID.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// When it happened, UTC microseconds.
    pub time: i64,
    /// Its body, a JSON object.
    pub body: String,
}

impl Posted {
    /// The stream that the event is about; `None` for an event about the box. A refusal is about the box: it tells who wanted to
    /// publish to whatever stream.
    pub fn stream(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct About {
            stream: Option<String>,
        }
        if self.kind == "auth.refused" {
            return None;
        }
        serde_json::from_str(&self.body)
            .ok()
            .and_then(|About { stream }| stream)
    }

    /// The streams that an event about a job names: whoever sees all of them sees it.
    pub fn streams_of_job(&self) -> Option<Vec<String>> {
        #[derive(Deserialize)]
        struct About {
            #[serde(default)]
            streams: Vec<String>,
        }
        let about = || serde_json::from_str(&self.body).map_or(Vec::new(), |About { streams }| streams);
        (self.kind == "job.ended").then(about)
    }

    /// True for an event about a recording that is put together of ranges, where the event says so.
    pub fn is_of_composition(&self) -> bool {
        #[derive(Deserialize)]
        struct About {
            #[serde(default)]
            origin: Option<String>,
        }
        let about = serde_json::from_str(&self.body);
        about.is_ok_and(|About { origin }| origin.as_deref() == Some("composition"))
    }
}

/// How events are worded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// CloudEvents 1.0, structured JSON.
    #[default]
    CloudEvents,
    /// The callbacks of Tencent Cloud's CSS.
    Tencent,
    /// The callbacks of Alibaba Cloud's ApsaraVideo Live.
    Aliyun,
}

/// What all messages of this box have in common. Cannot be printed: it may hold a secret.
#[derive(Clone)]
pub struct Sender {
    /// Where events come from: `edgereel/box-17`.
    pub source: String,
    /// The id of this box.
    pub device: String,
    /// The push domain where an event has none of its own.
    pub domain: String,
    /// Signs messages, where the dialect has a signature in them.
    pub key: Option<Vec<u8>>,
    /// Where recordings play that are delivered nowhere: the address under which viewers reach the box, without a slash at its end.
    /// None where recordings are delivered, and where no viewer can connect.
    pub played_at: Option<String>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is of within its dialect: `recording.closed`, `100`, `record_started`. The last level of an MQTT topic.
    pub name: String,
    /// JSON.
    pub body: String,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Dialect; 3] = [Dialect::CloudEvents, Dialect::Tencent, Dialect::Aliyun];

    /// As in the configuration: `cloudevents`, `tencent` or `aliyun`.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::CloudEvents => "cloudevents",
            Dialect::Tencent => "tencent",
            Dialect::Aliyun => "aliyun",
        }
    }

    /// The messages that tell of an event when it is sent at `now`, UTC microseconds, after `dropped` events that were lost:
    /// none where the dialect has no words for it, several where it tells of each format apart.
    pub fn render(self, posted: &Posted, sender: &Sender, now: i64, dropped: u64) -> Vec<Message> {
        match self {
            Dialect::CloudEvents => vec![cloudevents::render(posted, sender, dropped)],
            Dialect::Tencent => tencent::render(posted, sender, now),
            Dialect::Aliyun => aliyun::render(posted, sender),
        }
    }
}

/// The body of an event, as far as it is what is expected. It may have been written by another release.
struct Body(Map<String, Value>);

impl Body {
    fn read(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The same, empty where there is none.
    fn word(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    fn object(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| value.is_object())
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// True where it says so.
    fn says(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    fn whole(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// A number, when it is one that a length of time or a size can be.
    fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64().filter(|number| *number >= 0.0)
    }

    /// A time, UTC microseconds.
    fn time(&self, name: &str) -> Option<i64> {
        let time: jiff::Timestamp = self.text(name)?.parse().ok()?;
        Some(time.as_microsecond())
    }

    /// The app and the name of the stream: `live` and `cam1` of `live/cam1`.
    fn stream(&self) -> (&str, &str) {
        let name = self.word("stream");
        name.rsplit_once('/').unwrap_or(("", name))
    }

    fn domain<'a>(&'a self, sender: &'a Sender) -> &'a str {
        let own = self.text("domain").filter(|domain| !domain.is_empty());
        own.unwrap_or(&sender.domain)
    }
}

/// A message of a cloud as JSON, its keys in the order of the alphabet.
fn written(message: &impl Serialize) -> String {
    // Nothing in it can fail to be JSON.
    serde_json::to_value(message).unwrap_or_default().to_string()
}

/// Whole seconds of UTC microseconds.
fn seconds(micros: i64) -> i64 {
    micros.div_euclid(SECOND)
}

/// The MD5 of what `parts` are together, in lower-case hexadecimal.
fn md5_hex(parts: &[&[u8]]) -> String {
    let mut sum = Md5::new();
    for part in parts {
        sum.update(part);
    }
    HEXLOWER.encode(&sum.finalize())
}
