//! How a step of each kind of work is done. What is made of it is the caller's to count.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::memory;
use super::run::Source;
use crate::delivery::{NotPut, Object};
use crate::event::{StillDelivered, rfc3339};
use crate::format::{Still, VirtualFile};
use crate::media::Micros;
use crate::model::{KeyFacts, StillFacts, Stills, Work, Zone};
use crate::store::{JobRow, Library, LibrarySource, RecordingRow, RecordingState, StoreError, Worked};
use crate::worker::{NoPicture, Read, Wanted, jpeg_size};

const SECOND: Micros = 1_000_000;

/// Why a step was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotDone {
    /// Something else keeps it from being done.
    Later(String),
    /// It failed, and may not fail again.
    Failed(String),
    /// It cannot be done.
    Never(String),
    /// Its recording is gone.
    Gone,
}

/// Does a step of a job.
pub(super) async fn run(source: &Source, row: &JobRow, step: u32) -> Result<Worked, NotDone> {
    if let Ok(Some(short)) = tokio::task::spawn_blocking(memory::short).await {
        return Err(NotDone::Later(short));
    }
    match &row.job.work {
        Some(Work::Stills(stills)) => still(source, row, (stills, step)).await,
        None => Err(NotDone::Never("this release does not know this work".to_owned())),
    }
}

/// Makes a picture, and puts it into the object store: over a kill once more, under the same key.
async fn still(source: &Source, job: &JobRow, (stills, step): (&Stills, u32)) -> Result<Worked, NotDone> {
    let uploader = (source.uploader)();
    let uploader = uploader.ok_or_else(|| {
        NotDone::Later("nothing is delivered: the configuration has no sync.url".to_owned())
    })?;
    // Not made where it could not be sent.
    uploader.sends().await?;
    let (id, after) = (job.job.recording, stills.at(step));
    let held = source.store.held().borrow().clone();
    let found = source.reader.read(move |library| {
        let Some(row) = library.recording(id)? else {
            return Ok(None);
        };
        let is_held = row.is_held_back() || held.has(row.id, &row.tape);
        let still = if is_held {
            Err(NotDone::Later(
                "a review holds back its recording, or tape that it has: pass it (recording.review)"
                    .to_owned(),
            ))
        } else {
            picture(library, &row, row.start.saturating_add(after))
        };
        Ok(Some((row, still)))
    });
    let found = found
        .await
        .map_err(|error: StoreError| NotDone::Later(error.to_string()))?;
    let (row, still) = found.ok_or(NotDone::Gone)?;
    let still = still?;
    let (time, len) = (still.utc(), still.len());
    let wanted = Wanted {
        width: stills.width,
        height: stills.height,
        quality: stills.quality,
    };
    let turn = source.worker.turn().await?;
    let bytes = turn.still((len, reads(still)), wanted).await?;
    let size = jpeg_size(&bytes).unwrap_or_default();
    let number = step.saturating_add(1);
    let at = row.start.saturating_add(after);
    let facts = StillFacts {
        job: &job.job.id.to_string(),
        number,
        size,
    };
    let utc = Zone::utc_zone();
    let key = stills.key.pattern(facts).key(&KeyFacts {
        device: &source.device,
        about: &row.spec.about,
        app: row.stream.app(),
        stream: row.stream.name(),
        recording: &row.id.to_string(),
        start: at,
        end: at,
        format: "jpg",
        zone: row.spec.output.time_zone.as_ref().unwrap_or(&utc),
    });
    let len = bytes.len() as u64;
    let stored = uploader.put(Object {
        key: format!("{key}.jpg"),
        mime: "image/jpeg",
        recording: row.id,
        bytes: Bytes::from(bytes),
    });
    let stored = stored.await?;
    Ok(Worked::Still(Box::new(StillDelivered {
        stream: row.stream.to_string(),
        recording: row.id.to_string(),
        job: job.job.id.to_string(),
        number,
        at: rfc3339(at),
        time: rfc3339(time),
        key: stored.key,
        url: stored.url,
        bytes: len,
        width: size.0,
        height: size.1,
        domain: row.spec.about.domain.clone(),
    })))
}

/// The keyframe at a time or the last one before. Of a time before all of them it is one of the first seconds. Blocks.
fn picture(library: &Library, row: &RecordingRow, at: Micros) -> Result<Still<LibrarySource>, NotDone> {
    let none = || NotDone::Never(format!("there is no picture at {} or before", rfc3339(at)));
    for late in [0, SECOND / 2, SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND] {
        let view = match row.state {
            RecordingState::Open => library.growing_view(row.id),
            _ => library.view(row.id),
        };
        let view = view.map_err(|error| match error {
            StoreError::NoRecording { .. } => NotDone::Gone,
            other => NotDone::Failed(other.to_string()),
        })?;
        if view.segments.is_empty() {
            return Err(none());
        }
        match view.still(at.saturating_add(late)) {
            Ok(Some(still)) => return Ok(still),
            Ok(None) => {}
            Err(error) => return Err(NotDone::Failed(error.to_string())),
        }
    }
    Err(none())
}

fn reads(still: Still<LibrarySource>) -> Read {
    let still = Mutex::new(still);
    Arc::new(move |offset, buffer: &mut [u8]| {
        let mut still = still.lock().unwrap_or_else(PoisonError::into_inner);
        match still.read_at(offset, buffer) {
            Ok(count) if count == buffer.len() => Ok(()),
            Ok(count) => Err(format!(
                "of {} bytes at {offset} there were {count}",
                buffer.len()
            )),
            Err(error) => Err(error.to_string()),
        }
    })
}

impl From<NoPicture> for NotDone {
    fn from(none: NoPicture) -> Self {
        let reason = none.to_string();
        match none {
            NoPicture::NoWorker(_) | NoPicture::Busy => NotDone::Later(reason),
            NoPicture::Late | NoPicture::Failed(_) | NoPicture::Unread(_) => NotDone::Failed(reason),
            NoPicture::Undecoded(_) => NotDone::Never(reason),
        }
    }
}

impl From<NotPut> for NotDone {
    fn from(not: NotPut) -> Self {
        match not {
            NotPut::Later(reason) => NotDone::Later(reason),
            NotPut::Refused(reason) => NotDone::Failed(reason),
        }
    }
}
