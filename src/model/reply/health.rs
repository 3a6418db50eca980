//! How the box is, in numbers: `device.stats`, and as it is published.

use serde::Serialize;

/// How the box is at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Health {
    /// When this was so.
    pub time: String,
    /// Seconds since the service started.
    pub uptime_s: u64,
    /// What the process takes.
    pub process: ProcessHealth,
    /// What is on the air.
    pub streams: StreamHealth,
    /// The tape.
    pub storage: StorageHealth,
    /// Delivery; none where nothing is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncHealth>,
    /// The clock.
    pub clock: ClockHealth,
    /// What waits to be sent.
    pub outbox: OutboxHealth,
    /// The connection to the broker; none where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mqtt: Option<LinkHealth>,
}

/// What the process takes of the machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProcessHealth {
    /// Seconds of processor time since the start.
    pub cpu_s: f64,
    /// Bytes of memory.
    pub rss: u64,
    /// Tasks that failed since the start and began anew, each by a defect that the log tells of.
    pub failures: u64,
    /// Times that something was found since the start that cannot be, each by a defect that the log tells of.
    pub defects: u64,
}

/// What is on the air.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamHealth {
    /// Streams.
    pub live: usize,
    /// Those of them that are recorded.
    pub recording: usize,
    /// What all of them send.
    pub bits_per_second: u64,
    /// Gaps in the tape since the start.
    pub gaps: u64,
}

/// The tape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StorageHealth {
    /// `ok`, `full` or `failed`.
    pub state: &'static str,
    /// Why it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Bytes that media takes.
    pub used: u64,
    /// Bytes that it may still grow by before something has to give way.
    pub left: u64,
    /// Bytes written since the start.
    pub written: u64,
    /// Bytes of media lost since the start.
    pub lost: u64,
    /// When the oldest media that is here begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
}

/// Delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SyncHealth {
    /// As in `sync.status`.
    pub state: &'static str,
    /// Why the store is not reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Recordings that wait.
    pub waiting: u64,
    /// Bytes of tape that they have.
    pub waiting_bytes: u64,
    /// Files that were set aside.
    pub set_aside: u64,
    /// Bytes a second that are sent now.
    pub rate: u64,
}

/// The clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClockHealth {
    /// The system believes that it is right.
    pub synced: bool,
}

/// What waits to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OutboxHealth {
    /// Events.
    pub events: u64,
    /// Log lines that were let go since the start, because nobody took them in time.
    pub log_lost: u64,
}

/// The connection to the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LinkHealth {
    /// The version of MQTT that the last connection speaks: `5` or `3.1.1`; none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<&'static str>,
    /// Connections since the start.
    pub connects: u64,
    /// How often another with the same client id took over the session since the start: two boxes have one id.
    pub takeovers: u64,
    /// Events that were not sent since the start: more came than are kept, or one was larger than the broker takes.
    pub dropped: u64,
    /// Requests that were refused since the start because too many came at once.
    pub refused: u64,
}

impl Health {
    /// True when somebody who knows `before` would want to know this at once.
    pub fn is_news(&self, before: &Health) -> bool {
        let sync = |health: &Health| {
            let sync = health.sync.as_ref();
            sync.map(|sync| (sync.state, sync.reason.clone(), sync.set_aside))
        };
        (self.streams.live, self.streams.recording) != (before.streams.live, before.streams.recording)
            || (self.storage.state, &self.storage.reason) != (before.storage.state, &before.storage.reason)
            || self.process.failures != before.process.failures
            || self.process.defects != before.process.defects
            || self.clock != before.clock
            || sync(self) != sync(before)
            || self.mqtt != before.mqtt
    }
}
