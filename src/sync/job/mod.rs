//! One transfer: a format of a recording goes as far as it can.
//!
//! Thin: what to do next is decided in `decide`, from what the journal and the tape say; here it is done, and written down
//! before anything is done that builds on it. A crash at any point finds the journal no further than the store is.

mod file;
mod folder;
mod name;

use std::sync::Arc;

use super::context::{Context, End, OnTheWay};
use super::planner::{Job, Outcome};
use super::remote::{About, Answer, Fault, ObjectSeen, Request};
use super::source::{Material, NoMaterial, from_library};
use crate::config::{Keep, Lifecycle};
use crate::format::{Format, View};
use crate::media::Micros;
use crate::store::{DeliveryChange, LibrarySource, Rendition, RenditionId, RenditionState};

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

/// A recording that grows is looked at again after so many times what the look took: looking is never more than some
/// hundredths of what the machine does.
const PATIENCE: Micros = 50;

/// Bytes of an object that are read at a time to compare them.
const READ: u64 = 1 << 20;

/// How far a rendition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// The store has all of it, or there is nothing of it to have.
    End,
    /// The store has all that there is so far.
    Tape,
}

/// A rendition on its way.
struct Transfer<'a> {
    cx: &'a Arc<Context>,
    job: Job,
    rendition: Rendition,
    material: &'a Facts,
}

/// What transfers of one recording know of it.
struct Facts {
    row: crate::store::RecordingRow,
    closed: bool,
    found_again: bool,
}

/// Goes as far as it can.
pub(super) async fn run(cx: Arc<Context>, job: Job) -> Outcome {
    match go(&cx, job).await {
        Ok(outcome) => outcome,
        Err(End::Stopped) => Outcome::Stopped,
        Err(End::Journal(reason)) => Outcome::JournalFailed(reason),
        // It is forgotten when it is not among what waits any more.
        Err(End::Material(NoMaterial::Gone)) => Outcome::Waits(SECOND),
        Err(End::Material(NoMaterial::Store(error))) => Outcome::JournalFailed(error.to_string()),
        Err(End::Material(NoMaterial::Void(reason) | NoMaterial::Tape(reason))) => Outcome::Broken(reason),
        Err(End::Fault(fault)) => match fault {
            Fault::Offline(reason) | Fault::Busy(reason) => Outcome::StoreFailed(reason),
            Fault::Unusable(reason) => Outcome::StoreRefused(reason),
            Fault::UploadGone | Fault::Refused(_) | Fault::Damaged(_) | Fault::Unsupported(_) => {
                Outcome::Refused(fault.to_string())
            }
        },
    }
}

async fn go(cx: &Arc<Context>, job: Job) -> Result<Outcome, End> {
    let began = cx.clock.boot();
    let Material {
        row,
        parts,
        known,
        found_again,
    } = from_library(&cx.dir, move |library| Material::find(library, job)).await?;
    let facts = Facts {
        closed: row.state != crate::store::RecordingState::Open,
        row,
        found_again,
    };
    let (mut outcome, count) = (Outcome::Done, parts.len());
    let grows_there = job.format == Format::Hls || cx.remote.takes_parts_in_any_order();
    if !facts.closed && !grows_there && count <= 1 {
        // It is looked at when it is closed.
        return Ok(Outcome::Waits(60 * SECOND));
    }
    for (part, view) in (1_u32..).zip(parts) {
        let id = RenditionId {
            recording: job.recording,
            format: job.format,
            part,
        };
        let rendition = known.iter().find(|rendition| rendition.id == id).cloned();
        let rendition = rendition.unwrap_or_else(|| Rendition::new(id));
        match rendition.state {
            RenditionState::Waiting => (),
            RenditionState::Delivered | RenditionState::Void | RenditionState::Removing => continue,
            RenditionState::Aside => {
                outcome = Outcome::Aside;
                continue;
            }
        }
        let mut transfer = Transfer {
            cx,
            job,
            rendition,
            material: &facts,
        };
        let complete = facts.closed || (part as usize) < count;
        if transfer.send(view, complete).await? == Reached::Tape {
            let took = cx.clock.boot().saturating_sub(began);
            return Ok(Outcome::Waits(SECOND.max(took.saturating_mul(PATIENCE))));
        }
    }
    // More may come of a recording that is open.
    Ok(match facts.closed {
        true => outcome,
        false => Outcome::Waits(SECOND),
    })
}

impl Transfer<'_> {
    async fn send(&mut self, view: View<LibrarySource>, complete: bool) -> Result<Reached, End> {
        self.cx.may_go_on()?;
        let sent = match self.job.format {
            Format::Hls => self.send_folder(view, complete).await,
            Format::Mp4 | Format::Fmp4 | Format::Flv | Format::Aac => self.send_file(view, complete).await,
        };
        match sent {
            Err(End::Material(NoMaterial::Void(reason))) if complete => {
                self.rendition.state = RenditionState::Void;
                self.rendition.error = Some(reason);
                self.write_down().await?;
                Ok(Reached::End)
            }
            Err(End::Material(NoMaterial::Void(_))) => Ok(Reached::Tape),
            other => other,
        }
    }

    /// What is there under its key. A key that may not list the bucket is told "forbidden" where there is nothing.
    async fn seen(&self) -> Result<Option<ObjectSeen>, End> {
        let key = self.rendition.key.clone();
        match self.cx.ask(Request::Head { key }).await {
            Ok(Answer::Head(seen)) => Ok(seen),
            Ok(_) => Err(senseless("a question about an object")),
            Err(End::Fault(Fault::Refused(_))) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Stops where somebody deleted the recording meanwhile.
    async fn still_here(&self) -> Result<(), End> {
        let recording = self.job.recording;
        let here = from_library(&self.cx.dir, move |library| Ok(library.has(recording)?));
        match here.await? {
            true => Ok(()),
            false => Err(NoMaterial::Gone.into()),
        }
    }

    /// Writes the rendition down as it is now.
    async fn write_down(&self) -> Result<(), End> {
        self.cx
            .commit(vec![DeliveryChange::Put(self.rendition.clone())])
            .await
    }

    fn about(&self, mime: &'static str, cache: Option<&'static str>) -> About {
        About {
            mime,
            cache,
            recording: self.job.recording.to_string(),
        }
    }

    fn show(&self, sent: u64, bytes: u64) {
        let shown = OnTheWay {
            key: self.rendition.key.clone(),
            sent,
            bytes,
        };
        self.cx.board().insert(self.job, shown);
    }

    /// The store has all of it: says so, after what else is to be done with it.
    async fn delivered(&mut self) -> Result<Reached, End> {
        let utc = self.cx.clock.utc();
        self.rendition.remove_at = self.lifecycle().await?.map(|time| utc.saturating_add(time));
        self.rendition.state = RenditionState::Delivered;
        self.rendition.upload = None;
        self.rendition.error = None;
        self.rendition.delivered = Some(utc);
        self.write_down().await?;
        self.cx.looked_at().remove(&self.rendition.id);
        tracing::info!(
            recording = %self.job.recording, format = %self.job.format, key = %self.rendition.key,
            bytes = self.rendition.bytes, "delivered"
        );
        Ok(Reached::End)
    }

    /// How long the object is kept before this box removes it.
    async fn lifecycle(&self) -> Result<Option<Micros>, End> {
        let Some(Keep::For(time)) = self.material.row.spec.reel.storage_time else {
            return Ok(None);
        };
        if self.cx.delivery.lifecycle == Lifecycle::Delete {
            return Ok(Some(time.as_micros()));
        }
        let days = time.as_micros().saturating_add(DAY - 1) / DAY;
        let tag = Request::Tag {
            key: self.rendition.key.clone(),
            tags: vec![("edgereel-days".to_owned(), days.to_string())],
        };
        match self.cx.ask(tag).await {
            Ok(_) => Ok(None),
            Err(End::Fault(Fault::Unsupported(reason))) => {
                tracing::warn!(
                    "the store takes no tags ({reason}): what is to be removed will be removed from here"
                );
                Ok(Some(time.as_micros()))
            }
            Err(other) => Err(other),
        }
    }

    /// Reads an object again and compares it with what was sent.
    async fn read_back(&self, key: &str, len: u64, crc: u32) -> Result<(), End> {
        let (mut at, mut seen) = (0, 0);
        while at < len {
            let request = Request::Read {
                key: key.to_owned(),
                offset: at,
                len: READ.min(len - at),
            };
            let Answer::Bytes(bytes) = self.cx.ask(request).await? else {
                return Err(senseless("a part of an object"));
            };
            if bytes.is_empty() {
                break;
            }
            seen = crc32c::crc32c_append(seen, &bytes);
            at += bytes.len() as u64;
        }
        match at == len && seen == crc {
            true => Ok(()),
            false => Err(End::Fault(Fault::Damaged(format!(
                "{key}: what was read again is not what was sent"
            )))),
        }
    }
}

fn senseless(to: &str) -> End {
    End::Fault(Fault::Damaged(format!(
        "the store's answer to {to} makes no sense"
    )))
}
