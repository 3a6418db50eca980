//! `store.…`: the storage directory, its space and its owner.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{Command, Effect, Reach, Right, carries_out};
use crate::event::rfc3339;
use crate::model::reply::{StoreAdopted, StoreKept, StoreSpace, StoreStatus, StoreStream};
use crate::store::{Command as StoreCommand, KeptSpace};

/// Most streams in an answer.
const MOST_STREAMS: usize = 100;
/// Most protected recordings that are counted.
const MOST_COUNTED: usize = 1_000;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "store.status",
        about: "Show the space of the tape, what keeps it, how far back it reaches, and whether the storage directory belongs to this box",
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
    let progress = api.store.progress().borrow().clone();
    let moved = progress.moved;
    let delivers = api.uploader().is_ok();
    let read = api.read(move |library| {
        let file_system = library.space()?;
        let [protected, in_channels] = library.kept_space(MOST_COUNTED)?;
        let undelivered = if delivers { Some(library.backlog()?) } else { None };
        let wear = library.wear();
        let space = StoreSpace {
            used: progress.space_used,
            left: progress.space_left,
            quota: progress.quota,
            total: file_system.total,
            free: file_system.free,
            protected: kept(protected),
            in_channels: kept(in_channels),
            undelivered: undelivered.map(|backlog| StoreKept {
                recordings: backlog.recordings,
                bytes: backlog.bytes,
                more: false,
            }),
            life_used: wear.map(|wear| wear.life_used),
            is_failing: wear.map(|wear| wear.is_failing),
        };
        Ok((space, library.tape_reach(MOST_STREAMS)?))
    });
    let (space, (streams, more_streams)) = match read.await {
        Ok((space, reach)) => (Some(space), reach),
        // Whose it is must be known above all where the storage device does not answer.
        Err(_) => (None, (Vec::new(), false)),
    };
    let streams = streams.into_iter().map(|reach| StoreStream {
        stream: reach.stream.to_string(),
        from: rfc3339(reach.from),
        to: rfc3339(reach.to),
    });
    Ok(StoreStatus {
        own: !moved,
        space,
        streams: streams.collect(),
        more_streams,
    })
}

fn kept(space: KeptSpace) -> StoreKept {
    let KeptSpace {
        recordings,
        bytes,
        more,
    } = space;
    StoreKept {
        recordings,
        bytes,
        more,
    }
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
