//! `store.…`: the owner of the storage directory.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{Command, Effect, Reach, Right, carries_out};
use crate::model::reply::{StoreAdopted, StoreStatus};
use crate::store::Command as StoreCommand;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "store.status",
        about: "Show whether the storage directory belongs to this box or came from another box",
        effect: Effect::Reads,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(status -> StoreStatus),
    },
    Command {
        name: "store.adopt",
        about: "Accept the storage directory as this box's own; remote deletions that its journal holds are then done",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(adopt -> StoreAdopted),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn status(api: &Api, arguments: Map<String, Value>) -> Result<StoreStatus, Failure> {
    let Nothing {} = typed(arguments)?;
    Ok(StoreStatus {
        own: !api.store.progress().borrow().moved,
    })
}

async fn adopt(api: &Api, arguments: Map<String, Value>) -> Result<StoreAdopted, Failure> {
    let Nothing {} = typed(arguments)?;
    let adopted = api.store.progress().borrow().moved;
    if adopted {
        api.recorder.submit(StoreCommand::Adopt).await?;
        // The change is committed. Deliveries know of it when the storage thread has told them.
        let _ = api.store.progress().wait_for(|progress| !progress.moved).await;
        if let Ok(uploader) = api.uploader() {
            uploader.retry().await?;
        }
    }
    Ok(StoreAdopted { own: true, adopted })
}
