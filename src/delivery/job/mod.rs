//! One transfer: it sends one format of a recording as far as possible now.
//!
//! This module is thin: `decide` decides the next step from the journal and the tape. The transfer carries the step out, and
//! commits it to the journal before the next step depends on it. So after a crash the journal is never ahead of the object
//! store.

mod file;
mod folder;
mod name;

pub(super) use self::folder::AT_ONCE;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use super::ciphers::Cipher;
use super::context::{Context, End, OnTheWay};
use super::dates::dated;
use super::planner::{Job, Outcome};
use super::remote::{About, Answer, Fault, ObjectSeen, Request, same_etag};
use super::source::{Material, NoMaterial};
use super::tags::days_tag;
use crate::config::{Lifecycle, OnBlock};
use crate::format::{Format, View};
use crate::media::{Micros, StreamName};
use crate::model::Keep;
use crate::store::{DeliveryChange, LibrarySource, Rendition, RenditionId, RenditionState};

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

/// The pause before the next look at a growing recording, as a multiple of the time that the last look took without the
/// network. So looking takes no more than some hundredths of the machine's time.
const PATIENCE: Micros = 50;

/// The longest pause between two looks at a live playlist, because viewers wait for the next one. RFC 8216 §6.2.2 wants it
/// after no more than one and a half target durations, 9 s.
const MOST_FOLDER: Micros = 2 * SECOND;

/// The longest pause between two looks at a file that grows: no viewer waits for it.
const MOST_FILE: Micros = 60 * SECOND;

/// A live transfer that always has more to send gives way to others after this long.
const TURN: Micros = 10 * SECOND;

/// Bytes of an object that are read at a time for a comparison.
const READ: u64 = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// The store has all of the rendition, or the rendition has no file.
    End,
    /// The store has all that there is so far. The next data comes when so much more time was recorded.
    Tape(Micros),
    /// There is more to send, and other transfers have their turn first.
    Turn,
}

struct Transfer<'a> {
    cx: &'a Arc<Context>,
    job: Job,
    rendition: Rendition,
    material: &'a Facts,
}

/// The facts of a recording that its transfers share.
struct Facts {
    row: crate::store::RecordingRow,
    closed: bool,
    found_again: bool,
    /// It may be sent encrypted alone.
    encrypted_alone: bool,
    /// How its HLS is encrypted.
    encryption: Option<Cipher>,
    visit: Arc<Visit>,
}

/// The result of one run of a job.
struct Visit {
    /// Somebody waits for the recording: it is live, or was until now.
    urgent: bool,
    began: Micros,
    /// The store carried out a request.
    answered: AtomicBool,
    /// The time for reading the journal and the indexes, microseconds.
    looking: AtomicI64,
    /// The stream whose tape the job waits for, and how much more of it.
    awaits: OnceLock<(StreamName, Micros)>,
}

/// The outcome of a job.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// The store carried out a request.
    pub(super) answered: bool,
    /// The stream whose tape the job waits for, and how much more of it.
    pub(super) awaits: Option<(StreamName, Micros)>,
}

/// Runs a job as far as it can go now. `urgent`: somebody waits for it.
pub(super) async fn run(cx: Arc<Context>, job: Job, urgent: bool) -> Ended {
    let visit = Arc::new(Visit {
        urgent,
        began: cx.clock.boot(),
        answered: AtomicBool::new(false),
        looking: AtomicI64::new(0),
        awaits: OnceLock::new(),
    });
    let outcome = outcome(go(&cx, job, &visit).await);
    Ended {
        outcome,
        answered: visit.answered.load(Ordering::Relaxed),
        awaits: visit.awaits.get().cloned(),
    }
}

fn outcome(ended: Result<Outcome, End>) -> Outcome {
    match ended {
        Ok(outcome) => outcome,
        Err(End::Stopped) => Outcome::Stopped,
        Err(End::Journal(reason)) => Outcome::JournalFailed(reason),
        // The planner forgets the job when the recording is no longer among those that wait.
        Err(End::Material(NoMaterial::Gone)) => Outcome::Waits(SECOND),
        Err(End::Material(NoMaterial::Store(error))) => Outcome::JournalFailed(error.to_string()),
        Err(End::Material(NoMaterial::Void(reason) | NoMaterial::Tape(reason))) => Outcome::Broken(reason),
        Err(End::Fault(fault)) => match fault {
            Fault::Offline(reason) | Fault::Busy(reason) => Outcome::StoreFailed(reason),
            Fault::Intercepted(reason) => Outcome::Intercepted(reason),
            Fault::Unusable(reason) => Outcome::StoreRefused(reason),
            Fault::UploadGone | Fault::Refused(_) | Fault::Damaged(_) | Fault::Unsupported(_) => {
                Outcome::Refused(fault.to_string())
            }
        },
    }
}

async fn go(cx: &Arc<Context>, job: Job, visit: &Arc<Visit>) -> Result<Outcome, End> {
    let look = cx.read(move |library| Material::find(library, job));
    let Material {
        row,
        parts,
        known,
        found_again,
    } = visit.looking(cx, look).await?;
    // No HLS is sent before it is known how it is encrypted. Other formats need no keys.
    let encryption = match job.format {
        Format::Hls => cx.ciphers.of(&row).map_err(NoMaterial::Tape)?,
        Format::Mp4 | Format::Fmp4 | Format::Flv | Format::Aac => None,
    };
    if is_held_back(cx, &row) {
        // The planner forgets the job with its next look.
        return Ok(Outcome::Waits(SECOND));
    }
    let facts = Facts {
        encrypted_alone: cx.ciphers.is_closed(&row),
        encryption,
        closed: row.state != crate::store::RecordingState::Open,
        row,
        found_again,
        visit: visit.clone(),
    };
    let (mut outcome, count) = (Outcome::Done, parts.len());
    let grows_there = job.format == Format::Hls || cx.remote.takes_parts_in_any_order();
    if !facts.closed && !grows_there && count <= 1 {
        // The file is sent when the recording is closed.
        return Ok(Outcome::Grows(MOST_FILE));
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
            // It was blocked and is passed: what is there goes first.
            RenditionState::Removing if facts.row.review.is_some() => return Ok(Outcome::Waits(SECOND)),
            RenditionState::Delivered | RenditionState::Void | RenditionState::Removing => continue,
            RenditionState::Failed => {
                outcome = Outcome::FailedBefore;
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
        match transfer.send(view, complete).await? {
            Reached::End => (),
            Reached::Turn => return Ok(Outcome::Turn),
            // The name of the file cannot be made yet.
            Reached::Tape(_) if facts.closed => return Ok(Outcome::Waits(SECOND)),
            Reached::Tape(next) => {
                let next = visit.left(next, cx.clock.boot());
                let _ = visit.awaits.set((facts.row.stream.clone(), next));
                return Ok(Outcome::Grows(visit.wait(job.format, next)));
            }
        }
    }
    // More may come of a recording that is open.
    Ok(if facts.closed {
        outcome
    } else {
        Outcome::Grows(visit.wait(job.format, SECOND))
    })
}

/// True for a recording that viewers do not get now: nothing of it is sent.
fn is_held_back(cx: &Context, row: &crate::store::RecordingRow) -> bool {
    cx.store.held().borrow().has(row.id, &row.tape)
}

impl Visit {
    /// Runs `work`, and counts its time as looking at the tape.
    async fn looking<T>(&self, cx: &Context, work: impl Future<Output = T>) -> T {
        let began = cx.clock.boot();
        let done = work.await;
        let took = cx.clock.boot().saturating_sub(began);
        self.looking.fetch_add(took, Ordering::Relaxed);
        done
    }

    /// The part of a wait that is left: tape was recorded while other files were sent.
    fn left(&self, next: Micros, now: Micros) -> Micros {
        next.saturating_sub(now.saturating_sub(self.began)).max(0)
    }

    /// The time to wait before the next look, if no more tape is there before `next`.
    fn wait(&self, format: Format, next: Micros) -> Micros {
        let took = self.looking.load(Ordering::Relaxed);
        let most = match format {
            Format::Hls => MOST_FOLDER,
            Format::Mp4 | Format::Fmp4 | Format::Flv | Format::Aac => MOST_FILE,
        };
        let patience = took.saturating_mul(PATIENCE).min(most);
        SECOND.max(patience).max(next)
    }
}

/// Why a file of an encrypted recording is not sent.
const IN_CLEAR: &str = "the recording is encrypted, and this file would give it away in clear: also_clear = true beside encrypt under \
                        [template.hls] sends it for recordings to come";
/// The same for a recording that has no HLS, so that nothing of it is sent.
const ALL_IN_CLEAR: &str = "the stream is encrypted now, and this recording has no HLS that could be sent: it stays on the box. Export it \
                            (edgereel export) and delete it, or let the stream's rule name a template that does not encrypt, and then \
                            'edgereel sync retry'";

impl Transfer<'_> {
    async fn send(&mut self, view: View<LibrarySource>, complete: bool) -> Result<Reached, End> {
        self.cx.may_go_on()?;
        self.follow_configuration().await?;
        let sent = match self.job.format {
            Format::Hls => self.send_folder(view, complete).await,
            Format::Mp4 | Format::Fmp4 | Format::Flv | Format::Aac if self.material.encrypted_alone => {
                self.give_up_in_clear(complete).await
            }
            Format::Mp4 | Format::Fmp4 | Format::Flv | Format::Aac => self.send_file(view, complete).await,
        };
        match sent {
            Err(End::Material(NoMaterial::Void(reason))) if complete => {
                self.rendition.state = RenditionState::Void;
                self.rendition.error = Some(reason);
                self.write_down().await?;
                Ok(Reached::End)
            }
            Err(End::Material(NoMaterial::Void(_))) => Ok(Reached::Tape(SECOND)),
            other => other,
        }
    }

    /// Sends no file that would give an encrypted recording away. An upload that was begun before is given up at the store, too.
    async fn give_up_in_clear(&mut self, complete: bool) -> Result<Reached, End> {
        match self.rendition.upload.as_ref().map(|upload| upload.id.is_some()) {
            Some(true) => {
                let restart = DeliveryChange::Restart(self.rendition.id);
                self.cx.commit(vec![restart]).await?;
                self.rendition.upload = None;
            }
            // The store's name of it is not known.
            Some(false) => self.sweep().await?,
            None => {}
        }
        let has_hls = self.material.row.spec.output.formats.contains(&Format::Hls);
        Ok(in_clear(has_hls, complete)?)
    }

    /// Sends a request to the object store.
    async fn ask(&self, request: Request) -> Result<Answer, End> {
        let answer = self.cx.ask(request).await?;
        self.material.visit.answered.store(true, Ordering::Relaxed);
        Ok(answer)
    }

    /// True when other transfers have their turn before this one goes on.
    fn gives_way(&self) -> bool {
        let began = self.material.visit.began;
        let had_its_turn = self.cx.clock.boot().saturating_sub(began) >= TURN;
        let can_wait = !self.material.visit.urgent || had_its_turn;
        can_wait && self.cx.give_way.load(Ordering::Relaxed)
    }

    /// The object under a key. To a box that may not list the bucket, the store answers "forbidden" where there is no object.
    async fn seen(&self, key: String) -> Result<Option<ObjectSeen>, End> {
        match self.ask(Request::Head { key }).await {
            Ok(Answer::Head(seen)) => Ok(seen),
            Ok(_) => Err(senseless("a question about an object")),
            Err(End::Fault(Fault::Refused(_))) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Checks that the store still has what it confirmed; gives the object's present ETag.
    async fn make_sure(&self, key: &str, len: u64, etag: &str) -> Result<String, End> {
        // One wrong answer may come from a device in the network.
        match self.look_at_object(key, len, etag).await {
            Ok(seen) => Ok(seen),
            Err(_) => self.look_at_object(key, len, etag).await,
        }
    }

    async fn look_at_object(&self, key: &str, len: u64, etag: &str) -> Result<String, End> {
        let wrong = |what: String| Err(End::Fault(Fault::Damaged(format!("{key}: {what}"))));
        let key = key.to_owned();
        match self.ask(Request::Head { key: key.clone() }).await? {
            Answer::Head(Some(seen)) if seen.bytes != len => {
                wrong(format!("it has {} bytes and should have {len}", seen.bytes))
            }
            Answer::Head(Some(seen)) if !same_etag(&seen.etag, etag) && !etag.is_empty() => {
                wrong(format!("its ETag is {} and should be {etag}", seen.etag))
            }
            Answer::Head(Some(seen)) => Ok(seen.etag),
            _ => wrong("it is not there".to_owned()),
        }
    }

    /// Stops where the recording is held back from viewers.
    fn expect_shown(&self) -> Result<(), End> {
        if is_held_back(self.cx, &self.material.row) {
            return Err(NoMaterial::Gone.into());
        }
        Ok(())
    }

    /// Stops where the recording was deleted meanwhile, or is held back.
    async fn still_here(&self) -> Result<(), End> {
        self.expect_shown()?;
        let recording = self.job.recording;
        let here = self.cx.read(move |library| Ok(library.has(recording)?));
        if here.await? {
            Ok(())
        } else {
            Err(NoMaterial::Gone.into())
        }
    }

    /// Commits the present state of the rendition.
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
            first: self.job.format == Format::Hls && self.cx.is_live(),
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

    /// Concludes a rendition that the store has whole: the work that follows, then its state. `len`: bytes of the object under
    /// its key.
    async fn delivered(&mut self, len: u64) -> Result<Reached, End> {
        let utc = dated(self.cx.clock.utc(), self.cx.remote.clock_offset());
        let own = self.lifecycle(len).await?;
        self.rendition.remove_at = own.map(|time| utc.saturating_add(time));
        self.rendition.state = RenditionState::Delivered;
        self.rendition.upload = None;
        self.rendition.error = None;
        self.rendition.delivered = Some(utc);
        self.write_down().await?;
        if self.material.found_again && self.cx.delivery.on_block == OnBlock::Tag {
            // It may have a tag of before the journal was lost.
            let again = DeliveryChange::TagAgain(self.rendition.id);
            self.cx.commit(vec![again]).await?;
        }
        self.cx.looked_at().remove(&self.rendition.id);
        self.cx.looks().remove(&self.job);
        tracing::info!(
            recording = %self.job.recording, format = %self.job.format, key = %self.rendition.key,
            bytes = self.rendition.bytes, "delivered"
        );
        Ok(Reached::End)
    }

    /// The time for which the object is kept before this box removes it.
    async fn lifecycle(&mut self, len: u64) -> Result<Option<Micros>, End> {
        let Some(Keep::For(time)) = self.material.row.spec.output.storage_time else {
            return Ok(None);
        };
        if self.cx.delivery.lifecycle == Lifecycle::Delete {
            return Ok(Some(time.as_micros()));
        }
        if self.cx.takes_no_tags.load(Ordering::Relaxed) {
            return Ok(Some(time.as_micros()));
        }
        let days = time.as_micros().saturating_add(DAY - 1) / DAY;
        let tag = Request::Tag {
            key: self.rendition.key.clone(),
            tags: vec![days_tag(days)],
        };
        match self.ask(tag).await {
            Ok(_) => {
                self.look_behind_tag(len).await?;
                self.rendition.days = Some(days);
                Ok(None)
            }
            Err(End::Fault(Fault::Unsupported(reason) | Fault::Refused(reason) | Fault::Damaged(reason))) => {
                tracing::warn!(
                    "the object store accepts no tags ({reason}): this box removes objects when their time is over"
                );
                Ok(Some(time.as_micros()))
            }
            Err(other) => Err(other),
        }
    }

    /// Checks that the object is still there after it was tagged. A gateway that does not know tags takes the tag for an
    /// object, and replaces the delivered one with it.
    async fn look_behind_tag(&self, len: u64) -> Result<(), End> {
        let (key, rendition) = (&self.rendition.key, &self.rendition);
        let seen = match self.ask(Request::Head { key: key.clone() }).await? {
            Answer::Head(seen) => seen,
            _ => return Err(senseless("a question about an object")),
        };
        let same = |seen: &ObjectSeen| {
            let tagged = &rendition.etag;
            seen.bytes == len && (tagged.is_empty() || same_etag(&seen.etag, tagged))
        };
        if seen.is_some_and(|seen| same(&seen)) {
            return Ok(());
        }
        self.cx.takes_no_tags.store(true, Ordering::Relaxed);
        // The whole object is sent again, without a tag.
        self.cx
            .commit(vec![DeliveryChange::Restart(self.rendition.id)])
            .await?;
        Err(End::Fault(Fault::Damaged(format!(
            "{key}: the store put the tag in place of the object; set sync.lifecycle = \"delete\" for this store"
        ))))
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
            let Answer::Bytes(bytes) = self.ask(request).await? else {
                return Err(senseless("a part of an object"));
            };
            if bytes.is_empty() {
                break;
            }
            seen = crc32c::crc32c_append(seen, &bytes);
            at += bytes.len() as u64;
        }
        if at == len && seen == crc {
            Ok(())
        } else {
            Err(End::Fault(Fault::Damaged(format!(
                "{key}: what was read again is not what was sent"
            ))))
        }
    }
}

/// What becomes of a file in clear that is not sent, beside HLS that is, or alone.
fn in_clear(has_hls: bool, complete: bool) -> Result<Reached, NoMaterial> {
    match (has_hls, complete) {
        (true, _) => Err(NoMaterial::Void(IN_CLEAR.to_owned())),
        // It must not count as delivered: that would let it be evicted.
        (false, true) => Err(NoMaterial::Tape(ALL_IN_CLEAR.to_owned())),
        (false, false) => Ok(Reached::Tape(SECOND)),
    }
}

fn senseless(to: &str) -> End {
    End::Fault(Fault::Damaged(format!(
        "the store's answer to {to} makes no sense"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_of_which_nothing_may_be_sent_has_failed_and_is_not_void() {
        for complete in [false, true] {
            assert!(matches!(in_clear(true, complete), Err(NoMaterial::Void(_))));
        }
        assert!(matches!(in_clear(false, false), Ok(Reached::Tape(_))));
        let Err(NoMaterial::Tape(reason)) = in_clear(false, true) else {
            panic!("it counts as delivered");
        };
        let ended = outcome(Err(NoMaterial::Tape(reason.clone()).into()));
        assert_eq!(ended, Outcome::Broken(reason));
    }

    #[test]
    fn what_was_recorded_while_a_chunk_was_sent_is_not_waited_for_again() {
        let visit = Visit {
            urgent: true,
            began: 100 * SECOND,
            answered: AtomicBool::new(true),
            looking: AtomicI64::new(0),
            awaits: OnceLock::new(),
        };
        // Seven seconds of tape were missing at the look. Sending took five of them, or more than all.
        for (now, left, wait) in [(100, 7, 7), (105, 2, 2), (130, 0, 1)] {
            let next = visit.left(7 * SECOND, now * SECOND);
            assert_eq!(next, left * SECOND);
            assert_eq!(visit.wait(Format::Hls, next), wait * SECOND);
        }
    }
}
