//! `sync.…`: the deliveries.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{Command, Effect, Kind, Reach, Right, carries_out, takes};
use crate::config::ByteRate;
use crate::delivery::{SyncCheck, SyncStatus, WaitingFormat};
use crate::model::reply::{Done, SyncLimit, SyncPaused};
use crate::store;

/// Most recordings whose files are counted by format.
const MOST_COUNTED: usize = 1_000;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sync.status",
        about: "Show the state of delivery: what is recorded, waits, is being sent or failed, and when it is sent",
        effect: Effect::Reads,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(status -> SyncStatus),
    },
    Command {
        name: "sync.check",
        about: "Check that the object store allows what deliveries need, and show what is missing",
        effect: Effect::Acts,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(check -> SyncCheck),
    },
    Command {
        name: "sync.pause",
        about: "Pause delivery until sync.resume, also after a restart",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(pause -> SyncPaused),
    },
    Command {
        name: "sync.resume",
        about: "Resume delivery",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(resume -> SyncPaused),
    },
    Command {
        name: "sync.retry",
        about: "Retry all deliveries now, also failed ones",
        effect: Effect::Acts,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(retry -> Done),
    },
    Command {
        name: "sync.limit",
        about: "Limit the rate of delivery, also after a restart",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[takes(
            "rate",
            Kind::Text,
            "the highest rate, as in 2 MiB/s; default no limit",
        )],
        carry_out: carries_out!(limit -> SyncLimit),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn status(api: &Api, arguments: Map<String, Value>) -> Result<SyncStatus, Failure> {
    let Nothing {} = typed(arguments)?;
    let mut status = api.uploader()?.status().await?;
    // `health` asks for the state each minute, and does not need this.
    let waiting = api
        .read(|library| library.waiting_of_formats(MOST_COUNTED))
        .await
        .unwrap_or_default();
    status.formats = waiting.into_iter().map(shown).collect();
    Ok(status)
}

fn shown(waiting: store::WaitingFormat) -> WaitingFormat {
    WaitingFormat {
        format: waiting.format.to_string(),
        files: waiting.files,
        bytes: waiting.bytes,
    }
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
