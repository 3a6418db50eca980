//! Makes the fingerprints that are asked for, one after the other, on the threads of the lowest priority. The media worker decodes, between
//! the pictures that viewers ask for.
//!
//! The journal has what is to be made and what is made, part by part, so a fingerprint goes on behind a kill where it was.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::answer::Refusal;
use super::body::Source as _;
use super::door::Door;
use super::files::{Reading, of_file, of_store};
use crate::api::Api;
use crate::fingerprint::{Keyframe, Thumbnails, block};
use crate::format::{Pick, VirtualFile as _, keyframes};
use crate::media::{Micros, RecordingId};
use crate::store::{Fingerprint, FingerprintChange, Library, LibrarySource, RecordingRow};
use crate::worker::{LUMA, NoPicture};

/// Keyframes that are decoded at a time: a viewer's picture waits for no more than these.
const KEYFRAMES: usize = 96;
/// The most bytes of these keyframes, but for the first one.
const BYTES: u64 = 8 << 20;
/// How much of a recording is looked through for keyframes at a time, in microseconds.
const PART: Micros = 200_000_000;
/// Keyframes that are closer together than this are left out, in microseconds.
const EVERY: Micros = 1_000_000;
/// How often it is tried again where there is no worker.
const LOOK: Duration = Duration::from_secs(60);
/// How often a part is tried that the worker fails at.
const TRIES: u32 = 3;

/// Why a fingerprint does not go on.
enum Stopped {
    /// The worker makes none now: tried again later.
    Worker(NoPicture),
    /// The recording cannot be read, or the journal cannot be written: tried again later.
    Store(String),
}

/// Makes fingerprints without end.
pub(super) async fn make(door: Arc<Door>) {
    let asked = door.api.fingerprints_asked();
    while crate::watch::has_failed("the fingerprints", run(&door, asked.clone())).await {}
}

async fn run(door: &Arc<Door>, mut asked: watch::Receiver<()>) {
    let mut progress = door.store.progress();
    let mut logged = String::new();
    // Events that there were when nothing was due.
    let mut seen = None;
    let mut tries = 0;
    loop {
        asked.mark_unchanged();
        let events = progress.borrow().events;
        if seen != Some(events) {
            seen = None;
            let made = match due(door).await {
                Ok(Some(id)) => one(door, id, tries).await.map(|()| true),
                Ok(None) => Ok(false),
                Err(refusal) => {
                    tracing::debug!(
                        "it is not known which fingerprints are to be made: {}",
                        refusal.message
                    );
                    Ok(false)
                }
            };
            match made {
                Ok(true) => {
                    tries = 0;
                    continue;
                }
                Ok(false) => {
                    seen = Some(events);
                    logged.clear();
                }
                Err(stopped) => {
                    let why = match stopped {
                        Stopped::Worker(none) => {
                            tries += u32::from(matches!(none, NoPicture::Late | NoPicture::Failed(_)));
                            none.to_string()
                        }
                        Stopped::Store(why) => why,
                    };
                    if logged != why {
                        tracing::warn!("a fingerprint waits: {why}");
                        logged = why;
                    }
                }
            }
        }
        // What closes or is asked for is an event or a notice. Who sends them lives as long as the door.
        let news = async {
            let is_over = match seen {
                Some(events) => progress.wait_for(|now| now.events != events).await.is_err(),
                None => true,
            };
            // A store that ended tells nothing more.
            if is_over {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = news => {}
            _ = asked.changed() => seen = None,
            () = sleep(LOOK), if seen.is_none() => {}
        }
    }
}

/// The recording whose fingerprint is to be made next.
async fn due(door: &Arc<Door>) -> Result<Option<RecordingId>, Refusal> {
    let read = |library: &Library| library.fingerprint_due().map_err(|error| of_store(&error));
    door.read(read).await
}

/// Makes the fingerprint of a recording, or what is left of it.
async fn one(door: &Arc<Door>, id: RecordingId, tries: u32) -> Result<(), Stopped> {
    let read = move |library: &Library| {
        let row = library.recording(id).map_err(|error| of_store(&error))?;
        let of = library.fingerprint(id).map_err(|error| of_store(&error))?;
        Ok(row.zip(of))
    };
    let Some((row, mut of)) = door.read(read).await.map_err(stopped)? else {
        return Ok(());
    };
    let failed = |reason: &str| FingerprintChange::Failed {
        recording: id,
        reason: reason.to_owned(),
    };
    if let Some(reason) = Api::no_fingerprint(&row) {
        return write(door, &row, failed(reason)).await.map(drop);
    }
    if tries >= TRIES {
        let reason = "the media worker failed three times: journalctl -u 'edgereel-media@*' says why; try again by fingerprint.create";
        return write(door, &row, failed(reason)).await.map(drop);
    }
    let end_ms = u32::try_from((row.end - row.start) / 1_000).unwrap_or(u32::MAX);
    let mut undecoded = None;
    while of.reached_ms < end_ms {
        let part = part(door, &row, &of).await.map_err(stopped)?;
        let found = match decode(door, &row, &part).await {
            Ok(found) => found,
            Err(NoPicture::Undecoded(why)) => {
                undecoded = Some(why);
                Vec::new()
            }
            Err(none) => return Err(Stopped::Worker(none)),
        };
        let change = FingerprintChange::Block {
            recording: id,
            block: of.blocks,
            keyframes: u32::try_from(found.len()).unwrap_or_default(),
            bytes: block(&found),
            reached_ms: part.reached_ms.min(end_ms).max(of.reached_ms.saturating_add(1)),
            lost: row.lost,
        };
        match write(door, &row, change).await? {
            Some(now) if now.due && now.blocks > of.blocks => of = now,
            // It is gone, or somebody asked for another one.
            _ => return Ok(()),
        }
    }
    if of.keyframes == 0 {
        let why = undecoded.unwrap_or_else(|| "it has no keyframe".to_owned());
        return write(door, &row, failed(&why)).await.map(drop);
    }
    let look = move |library: &Library| {
        let mut thumbnails = Thumbnails::new(end_ms);
        let looked = library.keyframes(id, |keyframe| thumbnails.see(keyframe));
        looked.map_err(|error| of_store(&error))?;
        Ok(thumbnails.choose())
    };
    let chosen = door.read(look).await.map_err(stopped)?;
    let whole = FingerprintChange::Whole {
        recording: id,
        chosen,
    };
    write(door, &row, whole).await.map(drop)
}

fn stopped(refusal: Refusal) -> Stopped {
    Stopped::Store(refusal.message)
}

async fn write(
    door: &Arc<Door>,
    row: &RecordingRow,
    change: FingerprintChange,
) -> Result<Option<Fingerprint>, Stopped> {
    let written = door.api.write_fingerprint(row, change).await;
    written.map_err(|failure| Stopped::Store(failure.message))
}

/// Keyframes that are next.
struct Part {
    picks: Vec<Pick>,
    /// None where there are no keyframes.
    source: Option<LibrarySource>,
    /// Up to where the recording is looked at with them.
    reached_ms: u32,
}

/// Finds the next keyframes of a recording.
async fn part(door: &Arc<Door>, row: &RecordingRow, of: &Fingerprint) -> Result<Part, Refusal> {
    let (id, start, reached_ms, is_first) = (row.id, row.start, of.reached_ms, of.blocks == 0);
    let read = move |library: &Library| {
        let from = start.saturating_add(Micros::from(reached_ms) * 1_000);
        let view = library.view(id).map_err(|error| of_store(&error))?;
        let source = view.source.clone();
        let view = view.trim(from, from.saturating_add(PART));
        let view = view.map_err(|error| Refusal::gone(error.to_string()))?;
        let end = reached_ms.saturating_add(u32::try_from(PART / 1_000).unwrap_or(u32::MAX));
        let none = Part {
            picks: Vec::new(),
            source: None,
            reached_ms: end,
        };
        if view.segments.is_empty() {
            return Ok(none);
        }
        let Ok(found) = view.picks(EVERY, usize::MAX) else {
            return Ok(none);
        };
        let mut all = found.picks;
        all.dedup_by_key(|pick| pick.place());
        all.retain(|pick| is_first || at_ms(pick, start) > reached_ms);
        let Some(first) = all.first().cloned() else {
            return Ok(none);
        };
        let (mut bytes, mut picks) = (0, Vec::new());
        for pick in &all {
            bytes += pick.bytes();
            let fits = picks.len() < KEYFRAMES && bytes <= BYTES && *pick.video == *first.video;
            if !fits && !picks.is_empty() {
                break;
            }
            picks.push(pick.clone());
        }
        let is_all = picks.len() == all.len();
        let last = picks.last().map_or(end, |last| at_ms(last, start));
        Ok(Part {
            picks,
            source: Some(source),
            reached_ms: if is_all { end } else { last },
        })
    };
    door.read(read).await
}

/// When a keyframe is shown, in milliseconds from the beginning of the recording. Rounded up: `frame.jpg` of this moment shows it.
fn at_ms(pick: &Pick, start: Micros) -> u32 {
    let micros = pick.utc.saturating_sub(start).max(0).unsigned_abs();
    u32::try_from(micros.div_ceil(1_000)).unwrap_or(u32::MAX)
}

/// Has keyframes decoded, and makes hashes of them.
async fn decode(door: &Arc<Door>, row: &RecordingRow, part: &Part) -> Result<Vec<Keyframe>, NoPicture> {
    let Some(source) = &part.source else {
        return Ok(Vec::new());
    };
    let file = keyframes(source.renewed(), &part.picks);
    let file = file.map_err(|error| NoPicture::Undecoded(of_file(&error).message))?;
    let (len, reading) = (file.len(), Reading::new(file));
    let read: crate::worker::Read = Arc::new(move |at, buffer: &mut [u8]| reading.read(at, buffer));
    let count = u16::try_from(part.picks.len()).unwrap_or(u16::MAX);
    let turn = door.pictures.turn().await?;
    let lumas = turn.luma((len, read), count).await?;
    let times: Vec<u32> = part.picks.iter().map(|pick| at_ms(pick, row.start)).collect();
    let hashes = tokio::task::spawn_blocking(move || hashes(&times, &lumas));
    Ok(hashes.await.unwrap_or_default())
}

fn hashes(times: &[u32], lumas: &[[u8; LUMA]]) -> Vec<Keyframe> {
    let pairs = times.iter().zip(lumas);
    pairs.map(|(at, luma)| Keyframe::new(*at, luma)).collect()
}
