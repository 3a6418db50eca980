//! `recording.delete`: what may be deleted now, and what is left of it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::row_of;
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::arguments::typed;
use crate::api::ends::Ends;
use crate::media::{Micros, RecordingId};
use crate::model::reply::RecordingDeleted;
use crate::store::{Command as StoreCommand, Deletion, RecordingRow, RecordingState, RenditionState};

/// The most compositions that an answer names.
const MOST_NAMED: usize = 20;
/// The most that it counts.
const MOST_COUNTED: usize = 1_000;

/// The compositions that need footage of a recording.
struct Needed {
    /// Some of those that the caller may see.
    named: Vec<RecordingId>,
    others: usize,
}

async fn needed(api: &Api, id: RecordingId) -> Result<Needed, Failure> {
    let within = api.seen().clone();
    let (named, count) = api
        .read(move |library| {
            let all = library.needed_by(id, MOST_COUNTED)?;
            let mut named = Vec::new();
            for of in &all {
                let row = library.recording(*of)?;
                let is_seen = row.is_some_and(|row| row.streams().all(|of| within.has(of.as_str())));
                if is_seen && named.len() < MOST_NAMED {
                    named.push(*of);
                }
            }
            Ok((named, all.len()))
        })
        .await?;
    Ok(Needed {
        others: count.saturating_sub(named.len()),
        named,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    recording: String,
    #[serde(default)]
    remote: bool,
}

pub(super) async fn delete(api: &Api, arguments: Map<String, Value>) -> Result<RecordingDeleted, Failure> {
    let Delete { recording, remote } = typed(arguments)?;
    let mut row = row_of(api, recording).await?;
    let id = row.id;
    let mut ends = Ends::of(&api.store);
    let read = || api.read(move |library| library.recording(id));
    if remote && row.ending {
        // Files that are delivered while the recording ends would be there again.
        row = ends.closed(read).await?.unwrap_or(row);
    }
    let refused = |why: &str| Failure::new(Code::Conflict, format!("recording {id} is {why}"));
    let stands = |row: &RecordingRow| match row.protected {
        true => Some("protected; take that back first: recording unprotect"),
        false if row.state == RecordingState::Open && row.paused => {
            Some("open and waits for its publisher; end it first: recording finish")
        }
        false if row.ending && remote => Some("ending; try again in a moment"),
        false if row.ending => None,
        false => (row.state == RecordingState::Open).then_some("open; stop it first: recording stop"),
    };
    if let Some(why) = stands(&row) {
        return Err(refused(why));
    }
    api.is_about(id);
    if remote {
        // The remote files are removed first: a recording that is deleted here is not known any more.
        let removed = api.uploader()?.remove(id).await?;
        removed.map_err(|reason| Failure::new(Code::Unavailable, reason))?;
    }
    // The journal does not know afterwards what its footage was.
    let needed = needed(api, id).await?;
    let deleted = |left| deleted(&row, left, remote, &needed);
    api.recorder
        .submit(StoreCommand::Delete { recording: id })
        .await?;
    if row.ending {
        // The deletion is under way already. The caller gets a better answer once the recording has ended.
        ends.closed(read).await?;
    }
    let (deletion, now) = api
        .read(move |library| Ok((library.deletion(id)?, library.recording(id)?)))
        .await?;
    if now.is_none()
        && let Err(failure) = api.look_at_channels().await
    {
        // They are looked at again soon.
        tracing::debug!("channels were not looked at: {}", failure.message);
    }
    match (deletion, now) {
        (Deletion::Done { left }, None) => Ok(deleted(Some(left))),
        (Deletion::None, None) => Ok(deleted(Some(0))),
        // Somebody protected the recording meanwhile.
        (_, Some(now)) if now.protected => {
            Err(refused("protected; take that back first: recording unprotect"))
        }
        (Deletion::Waits, _) => Ok(deleted(None)),
        (_, Some(now)) => Err(refused(now.state.as_str())),
    }
}

/// The reply about a recording that is to be deleted: how much of it is left on the tape, if that is known already, and what
/// happens to files that were delivered or are on their way.
fn deleted(row: &RecordingRow, left: Option<Micros>, remote: bool, needed: &Needed) -> RecordingDeleted {
    let count = |states: &[RenditionState]| {
        let of = row.renditions.iter().filter(|of| states.contains(&of.state));
        of.count()
    };
    let given_up = count(&[RenditionState::Waiting, RenditionState::Failed]);
    let delivered = if remote {
        0
    } else {
        count(&[RenditionState::Delivered])
    };
    RecordingDeleted {
        recording: row.id.to_string(),
        left_s: left.map(|left| left as f64 / 1e6),
        needed_by: needed.named.iter().map(ToString::to_string).collect(),
        needed_by_others: needed.others,
        waits: left.is_none(),
        given_up,
        still_delivered: delivered,
    }
}
