//! The configuration file, validated into types that cannot be wrong.
//!
//! [`Config::parse`] takes the text of a TOML file and the process's environment and gives either a
//! configuration that can be acted on or an error that names the file, the line and the key. It reads
//! nothing itself.

mod address;
mod advice;
mod advised;
mod byte_rate;
mod calendar;
mod callback;
mod changes;
mod delivery;
mod file;
mod fuzz;
mod mistake;
mod mqtt;
mod place;
mod publisher;
mod rate;
mod rtmp;
mod rule;
mod secret;
mod shown;
mod streams;
mod task;
mod template;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use address::{AddressRange, AddressRangeError};
pub use advice::{Advice, of_rules};
pub use byte_rate::{ByteRate, ByteRateError};
pub use calendar::{Weekly, WeeklyError, next_boundary};
pub use callback::Callback;
pub use changes::Changes;
pub use delivery::{
    Credentials, DeliverOrder, DeliverWhen, Delivery, Encryption, HttpProxy, Lifecycle, PublicUrl, S3Target,
    Target, UrlStyle,
};
pub use file::ConfigError;
pub(crate) use file::explain;
#[doc(hidden)]
pub use fuzz::fuzz;
pub use mqtt::{BrokerUrl, BrokerUrlError, Mqtt, MqttVersion};
pub use publisher::{Hook, HookUrl, MAX_PUBLISHERS, Proof, Publisher, Required};
pub use rate::{BitRate, BitRateError};
pub use rtmp::{Rtmp, Tls};
pub use rule::{Pattern, RecordWhen, Rule};
pub use secret::{MAX_SECRET, Secret, SecretError, SecretSource};
pub use streams::Streams;
pub use task::{Task, TaskTimes};
pub use template::{DEFAULT_TEMPLATE, Template, TemplateError, TemplateSource};

// What keys are written as, and what templates make, is the same outside of the configuration.
pub(crate) use crate::model::nearest;
pub use crate::model::{ByteSize, Keep, KeyPattern, Output, Span, Zone};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[device]`
    pub device: Device,
    /// `[rtmp]`
    pub rtmp: Rtmp,
    /// `[storage]`
    pub storage: Storage,
    /// `[ring]`
    pub ring: Ring,
    /// `[control]`
    pub control: Control,
    /// `[sync]`; nothing is delivered when there is none.
    pub sync: Option<Delivery>,
    /// `[mqtt]`; there is no broker when there is none.
    pub mqtt: Option<Mqtt>,
    /// `[[callback]]`; who is told of events over HTTP.
    pub callbacks: Vec<Callback>,
    /// `[[publisher]]`; who may push. Anyone who can connect when there is none.
    pub publishers: Vec<Publisher>,
    /// `[[template]]`
    pub templates: Vec<Template>,
    /// `[[rule]]`
    pub rules: Vec<Rule>,
    /// `[[task]]`
    pub tasks: Vec<Task>,
}

/// Who this box is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Its name among others: 1 to 64 letters, digits, `.`, `_`, `-`. The host name by default.
    pub id: String,
}

/// The tape.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// Where it lives.
    pub dir: PathBuf,
    /// Media written is made durable at least this often.
    pub durability: Span,
    /// Most that the tape takes; as much as `min_free` leaves, when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<ByteSize>,
    /// What is left to others on the file system; 512 MiB, or a twentieth of a small card, when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_free: Option<ByteSize>,
    /// What happens when nothing may be given up but what was never delivered.
    pub on_full: OnFull,
    /// How long a recording is kept.
    pub keep: Keep,
}

/// What becomes of new media when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFull {
    /// The oldest media goes, also what was never delivered.
    OverwriteOldest,
    /// Nothing goes that was not delivered, and nothing more is recorded.
    Stop,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("./edgereel-data"),
            durability: Span::from_secs(1),
            quota: None,
            min_free: None,
            on_full: OnFull::OverwriteOldest,
            keep: Keep::Forever,
        }
    }
}

/// The last seconds of each stream, in memory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ring {
    /// How much of each stream.
    pub pre_roll: Span,
    /// Hard cap for all streams together.
    pub memory: ByteSize,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            pre_roll: Span::from_secs(10),
            memory: ByteSize::new(32 << 20),
        }
    }
}

/// How this machine's own commands reach the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// The socket; in a directory of the machine's for such things, when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
}
