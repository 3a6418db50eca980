//! How the box is, in numbers: `device.stats`, and as it is published.

use serde::Serialize;

/// The state of the box at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Health {
    /// The time of this state.
    pub time: String,
    /// Seconds since the service started.
    pub uptime_s: u64,
    /// The resources that the process uses.
    pub process: ProcessHealth,
    /// What is on the air.
    pub streams: StreamHealth,
    /// The tape.
    pub storage: StorageHealth,
    /// Delivery; absent when nothing is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncHealth>,
    /// The clock.
    pub clock: ClockHealth,
    /// What waits to be sent.
    pub outbox: OutboxHealth,
    /// The connection to the broker; absent without a broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mqtt: Option<LinkHealth>,
    /// The service that says whether viewers may have recordings (`review.hook`); absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewHealth>,
}

/// The service that says whether viewers may have recordings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReviewHealth {
    /// Recordings that are over and wait for its answer; at most 1,000 are counted.
    pub waiting: usize,
    /// Why it is not asked, or what is wrong with its answer; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The resources that the process uses.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProcessHealth {
    /// Seconds of processor time since the start.
    pub cpu_s: f64,
    /// Bytes of memory.
    pub rss: u64,
    /// Tasks that failed by a defect since the start, and were restarted; the log reports each.
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
    /// Bit rate of all of them together.
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
    /// Bytes that are left until the next eviction.
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
    /// Why the object store cannot be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Recordings that wait.
    pub waiting: u64,
    /// Bytes of tape that they have.
    pub waiting_bytes: u64,
    /// Seconds since the end of the recording that has waited longest; absent when nothing waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_s: Option<u64>,
    /// Failed deliveries.
    pub set_aside: u64,
    /// Bytes a second that are sent now.
    pub rate: u64,
    /// Bytes of files and parts that the object store confirmed since the start.
    pub sent_bytes: u64,
}

/// The clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClockHealth {
    /// Whether the system reports that its clock is right.
    pub synced: bool,
}

/// What waits to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OutboxHealth {
    /// Events.
    pub events: u64,
    /// Log lines that were dropped since the start, because they were not read in time.
    pub log_lost: u64,
}

/// The connection to the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LinkHealth {
    /// The MQTT version of the last connection: `5` or `3.1.1`; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<&'static str>,
    /// Connections since the start.
    pub connects: u64,
    /// How often another with the same client id took over the session since the start: two boxes have one id.
    pub takeovers: u64,
    /// Events that were dropped since the start: the outbox was full, or an event was larger than the broker accepts.
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
        let error = |health: &Health| health.review.as_ref().and_then(|review| review.error.clone());
        (self.streams.live, self.streams.recording) != (before.streams.live, before.streams.recording)
            || (self.storage.state, &self.storage.reason) != (before.storage.state, &before.storage.reason)
            || self.process.failures != before.process.failures
            || self.process.defects != before.process.defects
            || self.clock != before.clock
            || sync(self) != sync(before)
            || self.mqtt != before.mqtt
            || error(self) != error(before)
    }
}
