//! What is to go from the store: uploads that were given up, objects whose time is over.

use std::sync::Arc;

use super::context::{Context, End};
use super::remote::{Answer, Fault, Request};
use super::source::from_library;
use crate::format::Format;
use crate::format::hls::{self, MASTER, PLAYLIST};
use crate::media::RecordingId;
use crate::store::{DeliveryChange, Piece, Rendition, RenditionId};

/// So much is done in one go.
const BATCH: usize = 32;

/// Does what is due; true if there may be more.
pub(super) async fn clean(cx: &Arc<Context>) -> Result<bool, End> {
    let utc = match cx.clock.synced() {
        true => cx.clock.utc(),
        // Whose time is over nobody can say.
        false => i64::MIN,
    };
    let due = from_library(&cx.dir, move |library| {
        Ok((library.abandoned(BATCH)?, library.to_remove(utc, BATCH)?))
    });
    let (abandoned, remove) = due.await?;
    let more = abandoned.len() == BATCH || remove.len() == BATCH;
    for (store, key, upload) in abandoned {
        cx.may_go_on()?;
        give_up(cx, &store, key, upload).await?;
    }
    for rendition in remove {
        cx.may_go_on()?;
        // What is still being sent would be there again.
        let recording = rendition.id.recording;
        if cx.board().keys().any(|job| job.recording == recording) {
            continue;
        }
        remove_object(cx, rendition).await?;
    }
    Ok(more)
}

async fn give_up(cx: &Arc<Context>, store: &str, key: String, upload: String) -> Result<(), End> {
    if store == cx.store_name() {
        let uploads = match upload.is_empty() {
            false => vec![upload.clone()],
            true => match begun_under(cx, key.clone()).await? {
                Some(uploads) => uploads,
                // Somebody else uploads there now: later.
                None => return Ok(()),
            },
        };
        for upload in uploads {
            let key = key.clone();
            match cx.ask(Request::Abort { key, upload }).await {
                Ok(_) | Err(End::Fault(Fault::UploadGone | Fault::Refused(_))) => (),
                Err(other) => return Err(other),
            }
        }
    } else {
        tracing::warn!(%key, "an upload to {store} cannot be given up there: recordings go elsewhere now");
    }
    cx.commit(vec![DeliveryChange::Abandoned { key, upload }]).await
}

/// What was begun under a key that no rendition has any more.
async fn begun_under(cx: &Arc<Context>, key: String) -> Result<Option<Vec<String>>, End> {
    let nobody = RenditionId {
        recording: RecordingId::from_bytes([0; 16]),
        format: Format::Mp4,
        part: 0,
    };
    let wanted = key.clone();
    let taken = from_library(&cx.dir, move |library| Ok(library.key_is_taken(&wanted, nobody)?));
    if taken.await? {
        return Ok(None);
    }
    match cx.ask(Request::Uploads { key }).await {
        Ok(Answer::Uploads(uploads)) => Ok(Some(uploads)),
        Ok(_) | Err(End::Fault(Fault::Unsupported(_) | Fault::Refused(_))) => Ok(Some(Vec::new())),
        Err(other) => Err(other),
    }
}

async fn remove_object(cx: &Arc<Context>, rendition: Rendition) -> Result<(), End> {
    let id = rendition.id;
    if rendition.store == cx.store_name() {
        // Of one that never was complete.
        let pieces = from_library(&cx.dir, move |library| Ok(library.pieces(id)?)).await?;
        for key in keys(&rendition, &pieces) {
            match cx.ask(Request::Remove { key }).await {
                Ok(_) => (),
                Err(End::Fault(Fault::Refused(reason))) => {
                    tracing::warn!("not removed, and not tried again: {reason}");
                }
                Err(other) => return Err(other),
            }
        }
        tracing::info!(recording = %id.recording, key = %rendition.key, "removed from the store");
    } else {
        let (key, store) = (&rendition.key, &rendition.store);
        tracing::warn!(%key, "what is in {store} cannot be removed there: recordings go elsewhere now");
    }
    cx.commit(vec![DeliveryChange::Forget(id)]).await
}

/// The playlists first, the one that names the other before it: nobody begins to play what is on its way out.
fn keys(rendition: &Rendition, pieces: &[Piece]) -> Vec<String> {
    let mut keys = vec![rendition.key.clone()];
    if let (Format::Hls, Some(folder)) = (rendition.id.format, rendition.key.strip_suffix(PLAYLIST)) {
        keys.insert(0, format!("{folder}{MASTER}"));
        let inits = (0..rendition.inits as usize).map(hls::init_name);
        let chunks = (0..rendition.chunks as usize).map(hls::chunk_name);
        let pieces = pieces.iter().map(|piece| piece.name.clone());
        let others = pieces.filter(|name| name != PLAYLIST && name != MASTER);
        let names = inits.chain(chunks).chain(others);
        keys.extend(names.map(|name| format!("{folder}{name}")));
    }
    keys
}
