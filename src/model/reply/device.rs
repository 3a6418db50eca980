//! `device.…`, `config.…` and `log.…`.

use serde::Serialize;

/// A description of the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceAbout {
    /// Its id.
    pub device: String,
    /// The release of edgereel.
    pub version: &'static str,
    /// The processor's architecture.
    pub arch: &'static str,
    /// The board, as far as the kernel knows.
    pub model: Option<String>,
    /// The operating system.
    pub system: Option<String>,
    /// The release of the kernel.
    pub kernel: Option<String>,
    /// The name of the host.
    pub host_name: Option<String>,
    /// Processors that edgereel may use.
    pub processors: usize,
    /// Bytes of memory of the machine.
    pub memory: Option<u64>,
    /// It changes with each start of the machine.
    pub boot_id: String,
    /// The process.
    pub pid: u32,
    /// When the service started.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub started: String,
    /// A hash of the configuration.
    pub config_hash: String,
    /// The address under which viewers reach the box; null when no viewer can connect.
    pub url: Option<String>,
    /// Its clock.
    pub clock: DeviceClock,
    /// The connection to the broker; null without a broker.
    pub broker: Option<DeviceBroker>,
    /// What is wrong with the service, in sentences, as `/readyz` has them; empty while publishers are let in and their media
    /// reaches flash.
    pub problems: Vec<String>,
}

/// The clock of the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceClock {
    /// Whether the clock is believed.
    pub synced: bool,
    /// What it is believed for: `timesyncd`, systemd's service says that the clock is set; `date`, any date after 2025 counts as
    /// set.
    pub source: &'static str,
}

/// The connection to the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceBroker {
    /// The address of the broker.
    pub url: String,
    /// Whether the connection is there.
    pub connected: bool,
    /// Since when it is there, or is gone; null before the first connection.
    pub since: Option<String>,
    /// Why it was lost last, or could not be made; null where that did not happen since the start.
    pub last_error: Option<String>,
}

/// The configuration that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigShown {
    /// A hash of the configuration.
    pub config_hash: String,
    /// The configuration as TOML, with secrets masked.
    pub config: String,
}

/// The result of reading the configuration again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigReloaded {
    /// The hash of the configuration that is in force now.
    pub config_hash: String,
    /// Keys that changed and are in force.
    pub taken: Vec<&'static str>,
    /// Keys that changed and take effect at the next start.
    pub restart: Vec<&'static str>,
    /// Warnings; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The log level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LogLevel {
    /// The level or filter that holds until the next start.
    pub level: String,
}

/// Lines of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LogTail {
    /// The oldest first.
    pub lines: Vec<LogLine>,
    /// The value of `after` for the next request: the lines behind these, which may come later.
    pub next: String,
    /// Lines behind `after` that are not kept any more.
    pub missed: u64,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LogLine {
    /// Its number: it grows by one from line to line, and begins at 1 when the service starts.
    pub number: u64,
    /// When it was logged.
    pub time: String,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// What it says.
    pub text: String,
}
