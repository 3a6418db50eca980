//! `device.…`, `config.…`, `log.…`: the box itself.

use std::pin::Pin;
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::{Code, Failure};
use super::arguments::{Limit, typed};
use super::command::{AFTER, Command, Effect, Kind, LIMIT, Reach, Right, Values, carries_out, needs, takes};
use super::{Api, ByWord, Signs, process};
use crate::access::viewer::Claims;
use crate::config::Changes;
use crate::event::rfc3339;
use crate::model::reply::{
    ConfigReloaded, ConfigShown, DeviceAbout, DeviceBroker, DeviceClock, Health, LinkHealth, LogLevel,
    LogTail,
};

/// The functions of the running service for commands about the device itself.
pub trait Host: Send + Sync {
    /// The device's id.
    fn device(&self) -> String;
    /// The configuration that is in force, with its secrets masked.
    fn config(&self) -> String;
    /// Reads the configuration again. The error says why it does not take effect.
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<Reloaded, String>> + Send>>;
    /// Sets the filter of the log, in the syntax of tracing. The error says what is wrong with the filter.
    fn set_log(&self, filter: &str) -> Result<(), String>;
    /// Number of log lines that were dropped since the start.
    fn log_lost(&self) -> u64;
    /// The last lines of the log.
    fn log_tail(&self, wanted: &LogWanted) -> LogTail;
    /// The configured callbacks.
    fn callbacks(&self) -> Vec<CallbackRow>;
    /// Looks again for events of callbacks that may be due now.
    fn look_again(&self);
    /// Makes a token with these claims. The error says why there can be none.
    fn token(&self, claims: &Claims) -> Result<String, String>;
    /// The address under which viewers reach the box, without a slash at its end. None if no viewer can.
    fn address(&self) -> Option<String>;
    /// The state of the connection to the broker, if one is configured.
    fn link(&self) -> Option<LinkHealth>;
    /// The connection to the broker, if one is configured.
    fn broker(&self) -> Option<DeviceBroker>;
    /// Whether the connection to the broker is there now.
    fn is_linked(&self) -> bool;
    /// The numbers of publishes that were refused since the start, by the kind of the reason.
    fn refusals(&self) -> ByWord;
    /// The signs of life of the service.
    fn signs(&self) -> Signs;
    /// How it goes with the hook that reviews, if there is one.
    fn review_hook(&self) -> Option<HookStatus> {
        None
    }
}

/// How it goes with `review.hook`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookStatus {
    /// The address, without parts that may be secret.
    pub url: String,
    /// Recordings that are over and wait for its answer; at most 1,000 are counted.
    pub waiting: usize,
    /// The time until it is asked again, where something failed.
    pub next_in: Option<Duration>,
    /// Why it is not asked, or what is wrong with its answer.
    pub error: Option<String>,
}

/// The lines of the log that somebody asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogWanted {
    /// The largest number of lines.
    pub limit: usize,
    /// Lines behind this one, the oldest first; else the newest lines.
    pub after: Option<LogPlace>,
    /// Lines of this level and of graver ones.
    pub level: Option<tracing::Level>,
    /// Lines that have this text.
    pub text: Option<String>,
}

/// A place in the log: `START-NUMBER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// The start of the service, as any number: lines have numbers from 1 on after each.
    pub start: u32,
    /// The number of the last line before the place.
    pub number: u64,
}

impl std::fmt::Display for LogPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}-{}", self.start, self.number)
    }
}

impl LogPlace {
    fn parse(text: &str) -> Option<Self> {
        let (start, number) = text.split_once('-')?;
        Some(Self {
            start: u32::from_str_radix(start, 16).ok()?,
            number: number.parse().ok()?,
        })
    }
}

/// The result of reading the configuration again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// The keys that changed, and when each change takes effect.
    pub changes: Changes,
    /// Warnings about the new configuration.
    pub warnings: Vec<String>,
}

/// A configured callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackRow {
    /// The name of the callback.
    pub name: String,
    /// The address, without parts that may be secret.
    pub url: String,
    /// The name of the callback in the outbox.
    pub listener: String,
}

const LEVELS: Values = Values::Words(&["error", "warn", "info", "debug", "trace"]);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "device.info",
        about: "Show what this box is: release, hardware, configuration",
        effect: Effect::Reads,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(info -> DeviceAbout),
    },
    Command {
        name: "device.stats",
        about: "Show the state of this box in numbers",
        effect: Effect::Reads,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(stats -> Health),
    },
    Command {
        name: "config.get",
        about: "Show the configuration that is in force, with secrets masked",
        effect: Effect::Reads,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(config -> ConfigShown),
    },
    Command {
        name: "config.reload",
        about: "Read the configuration again, and show which changes took effect and which need a restart",
        effect: Effect::Acts,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(reload -> ConfigReloaded),
    },
    Command {
        name: "log.level",
        about: "Set the log level until the next start",
        effect: Effect::Acts,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[needs(
            "level",
            Kind::Text,
            "error, warn, info, debug or trace; or a filter, as in \"info,edgereel::delivery=debug\"",
        )
        .of(LEVELS)],
        carry_out: carries_out!(log -> LogLevel),
    },
    Command {
        name: "log.tail",
        about: "Show the last lines of the log, or those behind a line",
        effect: Effect::Reads,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[
            takes(
                "level",
                Kind::Text,
                "lines of this level and of graver ones; default all",
            )
            .of(LEVELS),
            takes("text", Kind::Text, "lines that have this text, as it is written"),
            LIMIT,
            AFTER,
        ],
        carry_out: carries_out!(tail -> LogTail),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn info(api: &Api, arguments: Map<String, Value>) -> Result<DeviceAbout, Failure> {
    let Nothing {} = typed(arguments)?;
    let host = api.host()?;
    let system = nix::sys::utsname::uname().ok();
    let word = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let boot = HEXLOWER.encode(&api.clock.boot_id());
    let up = api.clock.boot().saturating_sub(api.started);
    Ok(DeviceAbout {
        device: host.device(),
        version: env!("CARGO_PKG_VERSION"),
        arch: std::env::consts::ARCH,
        model: process::model(),
        system: system.as_ref().map(|system| word(system.sysname())),
        kernel: system.as_ref().map(|system| word(system.release())),
        host_name: system.as_ref().map(|system| word(system.nodename())),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory: process::machine_bytes(),
        boot_id: boot,
        pid: std::process::id(),
        started: rfc3339(api.clock.utc().saturating_sub(up)),
        config_hash: hash(&host.config()),
        url: host.address(),
        clock: DeviceClock {
            synced: api.clock.synced(),
            source: api.clock.source(),
        },
        broker: host.broker(),
        problems: api.ready().reasons.into_iter().map(|why| why.message).collect(),
    })
}

async fn stats(api: &Api, arguments: Map<String, Value>) -> Result<Health, Failure> {
    let Nothing {} = typed(arguments)?;
    Ok(api.health().await)
}

async fn config(api: &Api, arguments: Map<String, Value>) -> Result<ConfigShown, Failure> {
    let Nothing {} = typed(arguments)?;
    let config = api.host()?.config();
    Ok(ConfigShown {
        config_hash: hash(&config),
        config,
    })
}

async fn reload(api: &Api, arguments: Map<String, Value>) -> Result<ConfigReloaded, Failure> {
    let Nothing {} = typed(arguments)?;
    let host = api.host()?;
    match host.reload().await {
        Ok(Reloaded { changes, warnings }) => Ok(ConfigReloaded {
            config_hash: hash(&host.config()),
            taken: changes.taken,
            restart: changes.restart,
            warnings,
        }),
        Err(reason) => Err(Failure::new(
            Code::Refused,
            format!("the old configuration holds: {reason}"),
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    level: String,
}

async fn log(api: &Api, arguments: Map<String, Value>) -> Result<LogLevel, Failure> {
    let Log { level } = typed(arguments)?;
    let set = api.host()?.set_log(&level);
    set.map_err(|reason| Failure::bad(format!("level: {reason}")).about("level"))?;
    Ok(LogLevel { level })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    level: Option<String>,
    text: Option<String>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

async fn tail(api: &Api, arguments: Map<String, Value>) -> Result<LogTail, Failure> {
    let Tail {
        level,
        text,
        limit,
        after,
    } = typed(arguments)?;
    let level = level.filter(|level| !level.is_empty()).map(|level| {
        let unknown = || Failure::bad("level: expected error, warn, info, debug or trace").about("level");
        level.parse().map_err(|_| unknown())
    });
    let after = after.filter(|after| !after.is_empty()).map(|after| {
        let unknown = || Failure::bad("after: expected what 'next' of the list before said").about("after");
        LogPlace::parse(&after).ok_or_else(unknown)
    });
    let wanted = LogWanted {
        limit: limit.0,
        after: after.transpose()?,
        level: level.transpose()?,
        text: text.filter(|text| !text.is_empty()),
    };
    Ok(api.host()?.log_tail(&wanted))
}

/// The hash of a configuration. Any change of the configuration changes it.
fn hash(config: &str) -> String {
    format!("{:08x}", crc32c::crc32c(config.as_bytes()))
}
