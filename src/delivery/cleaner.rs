//! Removals in the object store: uploads that were cancelled, and objects whose time is over. Tags of reviews come after them.

use std::sync::Arc;

use super::check;
use super::context::{Context, End};
use super::dates::{Agreement, TRUSTED_AFTER, agreement, was_never_set};
use super::job::AT_ONCE;
use super::remote::{Answer, Fault, Request};
use super::tags;
use crate::event::Event;
use crate::format::Format;
use crate::format::hls::{self, MASTER, PLAYLIST};
use crate::media::{Micros, RecordingId};
use crate::store::{Command, DeliveryChange, Piece, Rendition, RenditionId, RenditionState};

/// Most removals in one go.
const BATCH: usize = 32;

enum Removed {
    Yes,
    /// The store refuses the removal.
    No(String),
}

/// Does the removals that are due, and then sends the tags; true if there may be more. `utc`: the time, if it is trusted. What fails
/// of the ones does not keep the others from being tried.
pub(super) async fn clean(cx: &Arc<Context>, utc: Option<Micros>) -> Result<bool, End> {
    // In a moved store the objects may be another box's.
    if cx.is_moved() {
        return Ok(false);
    }
    let removed = remove(cx, utc).await;
    // Without the network, or where transfers are to stop, a tag would fail as well.
    if let Err(End::Stopped | End::Fault(Fault::Offline(_) | Fault::Intercepted(_))) = removed {
        return removed;
    }
    let tagged = tags::send(cx).await;
    Ok(removed? | tagged?)
}

async fn remove(cx: &Arc<Context>, utc: Option<Micros>) -> Result<bool, End> {
    let until = match utc {
        Some(utc) => over_before(cx, utc).await?,
        None => Micros::MIN,
    };
    let due = cx.read(move |library| Ok((library.abandoned(BATCH)?, library.to_remove(until, BATCH)?)));
    let (abandoned, remove) = due.await?;
    let mut more = abandoned.len() == BATCH || remove.len() == BATCH;
    for (store, key, upload) in abandoned {
        cx.may_go_on()?;
        give_up(cx, &store, key, upload).await?;
    }
    let mut doubted = Vec::new();
    let mut removed = false;
    for rendition in remove {
        cx.may_go_on()?;
        // An object that is still being sent would appear again after its removal.
        let recording = rendition.id.recording;
        if cx.board().keys().any(|job| job.recording == recording) {
            continue;
        }
        if rendition.state == RenditionState::Delivered && begins_anew(cx, &rendition, until).await? {
            continue;
        }
        match remove_object(cx, &rendition).await {
            Ok(Removed::Yes) => {
                removed = true;
                // The upload of a file that was never complete is abandoned now.
                more |= rendition.upload.is_some();
            }
            Ok(Removed::No(reason)) => not_removed(cx, &rendition, reason).await?,
            // The refusal may be about this object only: a proxy may rewrite its address.
            Err(End::Fault(fault @ Fault::Unusable(_))) => doubted.push((rendition, fault)),
            Err(other) => return Err(other),
        }
    }
    let Some((_, first)) = doubted.first() else {
        return Ok(more);
    };
    if !removed && !is_known(cx).await? {
        return Err(End::Fault(first.clone()));
    }
    for (rendition, fault) in doubted {
        not_removed(cx, &rendition, fault.to_string()).await?;
    }
    Ok(more)
}

/// The time up to which objects that were to be kept until then may go. The store's clock is asked, too: this box's clock may
/// be wrong for a long time.
async fn over_before(cx: &Arc<Context>, utc: Micros) -> Result<Micros, End> {
    if cx.remote.clock_offset().is_none() {
        let first = cx.read(move |library| Ok(library.to_remove(utc, 1)?));
        if let Some(Rendition { key, .. }) = first.await?.pop() {
            // Any answer carries the store's time.
            match cx.ask(Request::Head { key }).await {
                Ok(_) | Err(End::Fault(Fault::Refused(_) | Fault::Damaged(_) | Fault::Unsupported(_))) => (),
                Err(other) => return Err(other),
            }
        }
    }
    let (until, why) = match agreement(cx.remote.clock_offset()) {
        Agreement::Agrees => (utc, None),
        Agreement::Differs(seconds) => {
            let why = format!(
                "this box's clock is {seconds} s off that of the store: what its storage_time is over for is not removed there \
                 until they agree; see to its time servers"
            );
            (Micros::MIN, Some(why))
        }
        // Only this box's clock tells the time: it must have run for a while before it is believed.
        Agreement::Silent if cx.clock.boot().saturating_sub(cx.started) < TRUSTED_AFTER => {
            (Micros::MIN, None)
        }
        Agreement::Silent => (utc, None),
    };
    let mut known = cx.keeps_all();
    if *known != why {
        if let Some(why) = &why {
            tracing::warn!("{why}");
        }
        *known = why;
    }
    Ok(until)
}

/// Keeps an object from now on for its full time, if it was delivered under a clock that was never set.
async fn begins_anew(cx: &Arc<Context>, rendition: &Rendition, utc: Micros) -> Result<bool, End> {
    let (Some(delivered), Some(remove_at)) = (rendition.delivered, rendition.remove_at) else {
        return Ok(false);
    };
    if !was_never_set(delivered) {
        return Ok(false);
    }
    let mut dated = rendition.clone();
    dated.delivered = Some(utc);
    dated.remove_at = Some(utc.saturating_add(remove_at.saturating_sub(delivered)));
    cx.commit(vec![DeliveryChange::Put(dated)]).await?;
    Ok(true)
}

/// True if the store knows this box, even if it refuses some objects.
async fn is_known(cx: &Arc<Context>) -> Result<bool, End> {
    let key = check::key(cx);
    match cx.ask(Request::Head { key }).await {
        Ok(_) => Ok(true),
        Err(End::Fault(Fault::Refused(_) | Fault::Unusable(_))) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Reports an object that the store refuses to remove: it stays there until somebody acts.
async fn not_removed(cx: &Arc<Context>, rendition: &Rendition, reason: String) -> Result<(), End> {
    let id = rendition.id;
    tracing::error!(recording = %id.recording, key = %rendition.key, "the object store refuses to remove it, so it stays there: {reason}");
    report(cx, rendition, reason.clone())?;
    cx.commit(vec![DeliveryChange::NotRemoved(id, reason)]).await
}

/// Tells of an object that is not as it is to be, by an event.
pub(super) fn report(cx: &Context, rendition: &Rendition, reason: String) -> Result<(), End> {
    let id = rendition.id;
    let event = Event::SyncError {
        recording: id.recording.to_string(),
        format: id.format.to_string(),
        key: Some(rendition.key.clone()),
        reason,
    };
    let refused = |error: crate::store::Refused| End::Journal(error.to_string());
    cx.store.submit(Command::Report { event }).map_err(refused)
}

async fn give_up(cx: &Arc<Context>, store: &str, key: String, upload: String) -> Result<(), End> {
    if store == cx.store_name() {
        let uploads = if !upload.is_empty() {
            vec![upload.clone()]
        } else {
            match begun_under(cx, key.clone()).await? {
                Some(uploads) => uploads,
                // Another rendition uploads under this key now: the cleaner comes back later.
                None => return Ok(()),
            }
        };
        for upload in uploads {
            let key = key.clone();
            match cx.ask(Request::Abort { key, upload }).await {
                Ok(_) | Err(End::Fault(Fault::UploadGone | Fault::Refused(_) | Fault::Unsupported(_))) => (),
                Err(other) => return Err(other),
            }
        }
    } else {
        tracing::warn!(%key, "an upload to {store} cannot be aborted there: deliveries go to another store now");
    }
    cx.commit(vec![DeliveryChange::Abandoned { key, upload }]).await
}

/// Uploads that were begun under a key which no rendition has any more.
async fn begun_under(cx: &Arc<Context>, key: String) -> Result<Option<Vec<String>>, End> {
    let nobody = RenditionId {
        recording: RecordingId::from_bytes([0; 16]),
        format: Format::Mp4,
        part: 0,
    };
    let wanted = key.clone();
    let taken = cx.read(move |library| Ok(library.key_is_taken(&wanted, nobody)?));
    if taken.await? {
        return Ok(None);
    }
    match cx.ask(Request::Uploads { key }).await {
        Ok(Answer::Uploads(uploads)) => Ok(Some(uploads)),
        Ok(_) | Err(End::Fault(Fault::Unsupported(_) | Fault::Refused(_) | Fault::Damaged(_))) => {
            Ok(Some(Vec::new()))
        }
        Err(other) => Err(other),
    }
}

async fn remove_object(cx: &Arc<Context>, rendition: &Rendition) -> Result<Removed, End> {
    let id = rendition.id;
    if rendition.store == cx.store_name() {
        // A rendition that never was complete has pieces in the journal.
        let pieces = cx.read(move |library| Ok(library.pieces(id)?)).await?;
        let mut refused = None;
        for key in keys(rendition, &pieces) {
            cx.may_go_on()?;
            match cx.ask(Request::Remove { key }).await {
                Ok(_) => (),
                Err(End::Fault(
                    fault @ (Fault::Refused(_)
                    | Fault::Unsupported(_)
                    | Fault::Damaged(_)
                    | Fault::UploadGone),
                )) => {
                    refused.get_or_insert(fault);
                }
                Err(other) => return Err(other),
            }
        }
        if let Some(fault) = refused {
            return Ok(Removed::No(fault.to_string()));
        }
        tracing::info!(recording = %id.recording, key = %rendition.key, "removed from the store");
    } else {
        let (key, store) = (&rendition.key, &rendition.store);
        tracing::warn!(%key, "what is in {store} cannot be removed there: deliveries go to another store now");
    }
    cx.commit(vec![DeliveryChange::Forget(id)]).await?;
    Ok(Removed::Yes)
}

/// The keys of a rendition in the order in which they are removed, and tagged. The master playlist comes first, then the playlist that it names: no
/// viewer begins to play a recording that is being removed. The keys are an iterator, because the journal says how many there
/// are.
pub(super) fn keys<'a>(
    rendition: &'a Rendition,
    pieces: &'a [Piece],
) -> impl Iterator<Item = String> + Send + 'a {
    let folder = match rendition.id.format {
        Format::Hls => rendition.key.strip_suffix(PLAYLIST),
        _ => None,
    };
    let master = folder.map(|folder| format!("{folder}{MASTER}"));
    let sent_chunks = pieces.iter().filter(|piece| piece.name.ends_with(".m4s")).count();
    let others = folder.into_iter().flat_map(move |folder| {
        let inits = (0..rendition.inits as usize).map(hls::init_name);
        let chunks = (0..rendition.chunks as usize).map(hls::chunk_name);
        let named = pieces.iter().map(|piece| piece.name.clone());
        let others = named.filter(|name| name != PLAYLIST && name != MASTER);
        // Of a folder that was never complete, files may be there that the journal does not know of: the power went before it was told.
        let ahead = if rendition.delivered.is_some() { 0 } else { AT_ONCE };
        let is_known = move |name: &String| pieces.iter().any(|piece| piece.name == *name);
        let last_chunk = if ahead == 0 {
            0
        } else {
            sent_chunks.saturating_add(ahead)
        };
        let unknown = (0..ahead)
            .map(hls::init_name)
            .chain((0..last_chunk).map(hls::chunk_name));
        let unknown = unknown.filter(move |name| !is_known(name));
        let names = inits.chain(chunks).chain(others).chain(unknown);
        names.map(move |name| format!("{folder}{name}"))
    });
    master.into_iter().chain([rendition.key.clone()]).chain(others)
}
