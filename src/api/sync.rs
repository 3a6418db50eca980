//! `sync.…`: what is delivered.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{Command, Effect, Kind, carries_out, takes};
use crate::config::ByteRate;
use crate::delivery::{SyncCheck, SyncStatus};
use crate::model::reply::{Done, SyncLimit, SyncPaused};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sync.status",
        about: "Tells how delivery is: what is recorded, waits, is on its way, was set aside, and when it goes",
        effect: Effect::Reads,
        arguments: &[],
        carry_out: carries_out!(status -> SyncStatus),
    },
    Command {
        name: "sync.check",
        about: "Tries whether the store lets this box do what deliveries need, and says what is missing",
        effect: Effect::Acts,
        arguments: &[],
        carry_out: carries_out!(check -> SyncCheck),
    },
    Command {
        name: "sync.pause",
        about: "Stops delivering until sync.resume, also after a restart",
        effect: Effect::Changes,
        arguments: &[],
        carry_out: carries_out!(pause -> SyncPaused),
    },
    Command {
        name: "sync.resume",
        about: "Goes on delivering",
        effect: Effect::Changes,
        arguments: &[],
        carry_out: carries_out!(resume -> SyncPaused),
    },
    Command {
        name: "sync.retry",
        about: "Tries everything again now, also what was set aside",
        effect: Effect::Acts,
        arguments: &[],
        carry_out: carries_out!(retry -> Done),
    },
    Command {
        name: "sync.limit",
        about: "Sets how fast is delivered, also after a restart",
        effect: Effect::Changes,
        arguments: &[takes(
            "rate",
            Kind::Text,
            "at most so much, as in 2 MiB/s; without a limit, if left out",
        )],
        carry_out: carries_out!(limit -> SyncLimit),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn status(api: &Api, arguments: Map<String, Value>) -> Result<SyncStatus, Failure> {
    let Nothing {} = typed(arguments)?;
    Ok(api.uploader()?.status().await?)
}

async fn check(api: &Api, arguments: Map<String, Value>) -> Result<SyncCheck, Failure> {
    let Nothing {} = typed(arguments)?;
    Ok(api.uploader()?.check().await?)
}

async fn pause(api: &Api, arguments: Map<String, Value>) -> Result<SyncPaused, Failure> {
    let Nothing {} = typed(arguments)?;
    api.uploader()?.pause(true).await?;
    Ok(SyncPaused { paused: true })
}

async fn resume(api: &Api, arguments: Map<String, Value>) -> Result<SyncPaused, Failure> {
    let Nothing {} = typed(arguments)?;
    api.uploader()?.pause(false).await?;
    Ok(SyncPaused { paused: false })
}

async fn retry(api: &Api, arguments: Map<String, Value>) -> Result<Done, Failure> {
    let Nothing {} = typed(arguments)?;
    api.uploader()?.retry().await?;
    Ok(Done {})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    rate: Option<ByteRate>,
}

async fn limit(api: &Api, arguments: Map<String, Value>) -> Result<SyncLimit, Failure> {
    let Limit { rate } = typed(arguments)?;
    let bytes = rate.map(ByteRate::bytes);
    api.uploader()?.limit(bytes).await?;
    Ok(SyncLimit { max_rate: bytes })
}
