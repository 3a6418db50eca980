//! `store.…`: whose the storage directory is.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{Command, Effect};
use crate::store::Command as StoreCommand;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "store.status",
        about: "Tells whether the storage directory belongs to this box, or came from another",
        effect: Effect::Reads,
        arguments: &[],
        carry_out: |api, arguments| Box::pin(status(api, arguments)),
    },
    Command {
        name: "store.adopt",
        about: "Says that the storage directory belongs to this box: what its journal wants removed remotely is removed",
        effect: Effect::Changes,
        arguments: &[],
        carry_out: |api, arguments| Box::pin(adopt(api, arguments)),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn status(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let Nothing {} = typed(arguments)?;
    Ok(json!({ "own": !api.store.progress().borrow().moved }))
}

async fn adopt(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let Nothing {} = typed(arguments)?;
    let adopted = api.store.progress().borrow().moved;
    if adopted {
        api.recorder.submit(StoreCommand::Adopt).await?;
        // Committed; deliveries know when the storage thread has told them.
        let _ = api.store.progress().wait_for(|progress| !progress.moved).await;
        if let Ok(uploader) = api.uploader() {
            uploader.retry().await?;
        }
    }
    Ok(json!({ "own": true, "adopted": adopted }))
}
