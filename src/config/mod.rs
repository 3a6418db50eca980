//! The configuration file, validated into types that cannot be wrong.
//!
//! [`Config::parse`] takes the text of a TOML file and the process's environment. It gives either a configuration that is ready
//! for use, or an error that names the file, the line and the key. It opens no file itself.

mod address;
mod advice;
mod advised;
mod byte_rate;
mod calendar;
mod callback;
mod changes;
mod channel;
mod delivery;
mod encryption;
mod file;
mod fuzz;
mod http;
mod listen;
mod media;
mod mistake;
mod mqtt;
mod place;
mod publisher;
mod rate;
mod raw;
mod review;
mod rtmp;
mod rule;
mod secret;
mod shown;
mod streams;
mod task;
mod template;
mod texts;
mod viewer;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use address::{AddressRange, AddressRangeError};
pub use advice::{Advice, of_rules};
pub use byte_rate::{ByteRate, ByteRateError, RateLimit};
pub use calendar::{Weekly, WeeklyError, next_boundary};
pub use callback::Callback;
pub use changes::Changes;
pub use channel::{ChannelSettings, PushTo};
pub use delivery::{
    Credentials, DeliverOrder, DeliverWhen, Delivery, Encryption, HttpProxy, Lifecycle, OnBlock, PublicUrl,
    S3Target, Target, UrlStyle,
};
pub use encryption::{EncryptionKeys, KeyUrl};
pub use file::ConfigError;
pub(crate) use file::explain;
#[doc(hidden)]
pub use fuzz::fuzz;
pub use http::{BaseUrl, HostName, Http, Origin, RESERVED_APPS, WithoutClock, is_reserved, stream_path};
pub use listen::Tls;
pub use media::MediaSettings;
pub use mqtt::{BrokerUrl, BrokerUrlError, Mqtt, MqttVersion};
pub use publisher::{Hook, HookUrl, MAX_PUBLISHERS, Proof, Publisher, Required};
pub use rate::{BitRate, BitRateError};
pub(crate) use raw::{Fault, Raw};
pub use review::ReviewSettings;
pub use rtmp::Rtmp;
pub use rule::{Pattern, RecordWhen, Rule};
pub use secret::{MAX_SECRET, Secret, SecretError, SecretSource};
pub use streams::{StreamSet, Streams};
pub use task::{Task, TaskTimes};
pub use template::{DEFAULT_TEMPLATE, PseudoLive, Template, TemplateError, TemplateSource};
pub use viewer::{MAX_VIEWERS, PasswordHash, PasswordHashError, PasswordSource, Viewer, ViewerProof};

// Code outside of the configuration uses the same types for keys and for the outputs of templates.
pub(crate) use crate::model::nearest;
pub use crate::model::{ByteSize, Keep, KeyPattern, Output, Span, Zone};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[device]`
    pub device: Device,
    /// `[rtmp]`
    pub rtmp: Rtmp,
    /// `[http]`
    pub http: Http,
    /// `[storage]`
    pub storage: Storage,
    /// `[ring]`
    pub ring: Ring,
    /// `[control]`
    pub control: Control,
    /// `[channel]`
    pub channel: ChannelSettings,
    /// `[encryption]`
    pub encryption: EncryptionKeys,
    /// `[media]`: the media worker.
    pub media: MediaSettings,
    /// `[sync]`. Without it nothing is delivered.
    pub sync: Option<Delivery>,
    /// `[mqtt]`. Without it there is no broker.
    pub mqtt: Option<Mqtt>,
    /// `[review]`: the service that is asked about recordings that are held back, if there is one.
    pub review: Option<ReviewSettings>,
    /// `[[callback]]`: the web services that events are sent to.
    pub callbacks: Vec<Callback>,
    /// `[[publisher]]`: who may push. Without any, everybody who can connect may push.
    pub publishers: Vec<Publisher>,
    /// `[[viewer]]`: who may watch. Without any, viewers on this machine may.
    pub viewers: Vec<Viewer>,
    /// `[[template]]`
    pub templates: Vec<Template>,
    /// `[[rule]]`
    pub rules: Vec<Rule>,
    /// `[[task]]`
    pub tasks: Vec<Task>,
}

/// The identity of this box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The name of the box among others: 1 to 64 letters, digits, `.`, `_`, `-`. The host name by default.
    pub id: String,
}

/// The tape.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// The directory of the tape.
    pub dir: PathBuf,
    /// The longest time until written media is made durable.
    pub durability: Span,
    /// The most bytes that the tape takes. Without a value it takes as much as `min_free` leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<ByteSize>,
    /// Bytes that are left to others on the file system. Without a value it is 512 MiB, or a twentieth of a small storage
    /// device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_free: Option<ByteSize>,
    /// What happens when all media that may be given up was never delivered.
    pub on_full: OnFull,
    /// How long a recording is kept.
    pub keep: Keep,
}

/// What happens to new media when there is no space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFull {
    /// The oldest media is given up, even if it was never delivered.
    OverwriteOldest,
    /// Media that was not delivered is kept, and recording stops.
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
    /// How much of each stream is kept in memory.
    pub pre_roll: Span,
    /// The most memory for all streams together.
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
    /// The socket. Without a value it is in the machine's directory for sockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
}
