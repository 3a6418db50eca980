//! Pictures as JPEG. The media worker makes one at a time; the last ones are kept, so that viewers who look at the same picture
//! cost one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::{HeaderMap, Method};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::answer::{Answer, Refusal};
use super::body::Source;
use super::door::Door;
use super::files::{Sent, send};
use super::query::Query;
use super::range::Part;
use super::sprites::Plans;
use crate::media::StreamName;
use crate::worker::{LARGEST_SIDE, MediaWorker, NoPicture, PICTURE, Sheet, Turn, Wanted};

const MEDIA_TYPE: &str = "image/jpeg";
/// The quality where none is asked for.
const QUALITY: u8 = 90;
/// The fewest pixels of a side.
const SMALLEST_SIDE: u16 = 8;

/// Bytes that the memory of pictures is counted in.
const UNIT: usize = 64 << 10;
/// Units of memory for all pictures that are sent or kept: 8 MiB, which is two of the largest.
const UNITS: usize = (8 << 20) / UNIT;
/// Units of the largest picture.
const LARGEST: u32 = (PICTURE / UNIT) as u32;
/// The most units of pictures that are kept for others: 1 MiB.
const KEPT: usize = (1 << 20) / UNIT;
/// The most pictures of which is remembered that they cannot be decoded.
const UNDECODED: usize = 64;
/// A reason is logged again after this, where pictures were made meanwhile.
const SAID_AGAIN: Duration = Duration::from_secs(600);
/// The longest wait for memory.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pictures of the door.
pub(super) struct Pictures {
    worker: Arc<MediaWorker>,
    pub(super) plans: Plans,
    memory: Arc<Semaphore>,
    /// The newest is the last one.
    kept: Mutex<VecDeque<(Key, Arc<Picture>)>>,
    /// Which pictures cannot be decoded, and why. The newest is the last one.
    undecoded: Mutex<VecDeque<(Key, NoPicture)>>,
    /// What kept the last picture from being made, as it was logged, and when.
    logged: Mutex<Option<(NoPicture, Instant)>>,
}

/// What is made of a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// The first picture.
    Still(Wanted),
    /// All of them, small.
    Sheet(Sheet),
}

/// Which picture it is: its stream and its tag.
type Key = (StreamName, String);

/// A JPEG in memory.
struct Picture {
    bytes: Vec<u8>,
    _memory: OwnedSemaphorePermit,
}

impl Source for Picture {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.bytes.get(from..from.saturating_add(buffer.len()));
        buffer.copy_from_slice(bytes.ok_or("a picture is shorter than was said")?);
        Ok(())
    }
}

/// Nothing, for an answer without a body.
struct Nothing;

impl Source for Nothing {
    fn read(&self, _: u64, _: &mut [u8]) -> Result<(), String> {
        Err("there is no picture here".to_owned())
    }
}

/// Reads what a request says of its picture.
pub(super) fn wanted(query: &Query) -> Result<Wanted, Refusal> {
    let side = |name: &'static str| {
        let side = query.read::<u16>(name, "a number of pixels")?.unwrap_or(0);
        if side == 0 || (SMALLEST_SIDE..=LARGEST_SIDE).contains(&side) {
            return Ok(side);
        }
        let message =
            format!("{name}: from {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, or 0 for as many as there are");
        Err(Refusal::parameter(name, message))
    };
    Ok(Wanted {
        width: side("width")?,
        height: side("height")?,
        quality: quality(query, QUALITY)?,
    })
}

/// The quality that a request says, or the usual one.
pub(super) fn quality(query: &Query, usual: u8) -> Result<u8, Refusal> {
    let quality = query.read::<u8>("quality", "a number from 1 to 100")?;
    match quality.unwrap_or(usual) {
        quality @ 1..=100 => Ok(quality),
        _ => Err(Refusal::parameter("quality", "quality: a number from 1 to 100")),
    }
}

/// Answers with what is made of a file of pictures of this stream.
pub(super) async fn answer(
    door: &Arc<Door>,
    (stream, still): (&StreamName, Sent),
    work: Work,
    how: (&Method, &HeaderMap),
) -> Result<Answer, Refusal> {
    // Another ffmpeg makes other bytes of the same picture, so the tag is a weak one.
    let of = still.etag.trim_matches('"');
    let etag = match work {
        Work::Still(it) => format!("W/\"{of}-{}x{}-{}\"", it.width, it.height, it.quality),
        Work::Sheet(it) => format!(
            "W/\"{of}-{}x{}-{}x{}-{}\"",
            it.columns, it.rows, it.width, it.height, it.quality
        ),
    };
    let key = (stream.clone(), etag.clone());
    let sent = |source: Arc<dyn Source>, len| Sent {
        source,
        tape: None,
        len,
        etag: etag.clone(),
        media_type: MEDIA_TYPE,
        ..still.clone()
    };
    if Part::of(how.1, &etag, 0) == Part::NotModified {
        return Ok(send(door, &sent(Arc::new(Nothing), 0), how));
    }
    let picture = match door.pictures.kept(&key) {
        Some(picture) => picture,
        None => {
            let made = door.pictures.make(door, &still, key, work).await;
            door.pictures.log(made.as_ref().err());
            made.map_err(|none| refusal(&none))?
        }
    };
    let len = picture.bytes.len() as u64;
    Ok(send(door, &sent(picture, len), how))
}

impl Pictures {
    pub(super) fn of(worker: Arc<MediaWorker>) -> Self {
        Self {
            worker,
            plans: Plans::default(),
            memory: Arc::new(Semaphore::new(UNITS)),
            kept: Mutex::default(),
            undecoded: Mutex::default(),
            logged: Mutex::default(),
        }
    }

    /// Makes a picture that is not kept. The memory of the largest one is taken before the worker is asked, so no picture waits for
    /// memory that is in no bound.
    async fn make(&self, door: &Door, still: &Sent, key: Key, work: Work) -> Result<Arc<Picture>, NoPicture> {
        let turn = self.worker.turn().await?;
        // Somebody before may have had the same one made.
        if let Some(picture) = self.kept(&key) {
            return Ok(picture);
        }
        if let Some(none) = self.is_undecoded(&key) {
            return Err(none);
        }
        let mut memory = self.room().await.ok_or(NoPicture::Busy)?;
        let _lease = still.tape.clone().map(|tape| door.leases.begin(tape));
        let source = Arc::clone(&still.source);
        let read = Arc::new(move |offset, buffer: &mut [u8]| source.read(offset, buffer));
        let made = match work {
            Work::Still(wanted) => turn.still((still.len, read), wanted).await,
            Work::Sheet(sheet) => turn.sprite((still.len, read), sheet).await,
        };
        let bytes = made.inspect_err(|none| self.note_undecoded(&key, none))?;
        drop(memory.split(memory.num_permits().saturating_sub(units(&bytes))));
        let picture = Arc::new(Picture {
            bytes,
            _memory: memory,
        });
        // The turn ends behind this: who waits for the same picture finds it.
        keep(&mut self.all_kept(), key, Arc::clone(&picture));
        drop(turn);
        Ok(picture)
    }

    /// Memory for the largest picture. Those that are kept give theirs back first, the oldest before the others.
    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(memory) = Arc::clone(&self.memory).try_acquire_many_owned(LARGEST) {
                return Some(memory);
            }
            if self.all_kept().pop_front().is_none() {
                break;
            }
        }
        let memory = timeout(PATIENCE, Arc::clone(&self.memory).acquire_many_owned(LARGEST)).await;
        memory.ok().and_then(Result::ok)
    }

    /// Why a picture cannot be decoded, where that was found out: the same bytes are not tried again and again.
    fn is_undecoded(&self, key: &Key) -> Option<NoPicture> {
        let known = self.undecoded.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(of, _)| of == key);
        found.map(|(_, none)| none.clone())
    }

    fn note_undecoded(&self, key: &Key, none: &NoPicture) {
        if !matches!(none, NoPicture::Undecoded(_)) {
            return;
        }
        let mut known = self.undecoded.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_back((key.clone(), none.clone()));
        while known.len() > UNDECODED {
            known.pop_front();
        }
    }

    /// Waits until the worker may be asked for something else than a viewer's picture.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, NoPicture> {
        self.worker.turn().await
    }

    fn kept(&self, key: &Key) -> Option<Arc<Picture>> {
        let kept = self.all_kept();
        let found = kept.iter().find(|(of, _)| of == key);
        found.map(|(_, picture)| Arc::clone(picture))
    }

    fn all_kept(&self) -> MutexGuard<'_, VecDeque<(Key, Arc<Picture>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs what keeps pictures from being made, each time when it is something else than before.
    fn log(&self, none: Option<&NoPicture>) {
        let of_worker = |none: &&NoPicture| {
            matches!(
                none,
                NoPicture::NoWorker(_) | NoPicture::Failed(_) | NoPicture::Late
            )
        };
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        match none {
            // One stream may fail beside others: each failure would be a line.
            None if logged.as_ref().is_some_and(|(_, at)| at.elapsed() < SAID_AGAIN) => {}
            None => *logged = None,
            Some(_) => {
                let same = |none: &&NoPicture| logged.as_ref().is_some_and(|(before, _)| before == *none);
                if let Some(none) = none.filter(of_worker).filter(|none| !same(none)) {
                    tracing::warn!("a viewer asked for a picture: {none}");
                    *logged = Some((none.clone(), Instant::now()));
                }
            }
        }
    }
}

/// Keeps a picture, and no more than [`KEPT`] units of all. What is larger than that is not kept, and pushes nothing out.
fn keep(kept: &mut VecDeque<(Key, Arc<Picture>)>, key: Key, picture: Arc<Picture>) {
    if units(&picture.bytes) > KEPT {
        return;
    }
    kept.push_back((key, picture));
    let all = |kept: &VecDeque<(Key, Arc<Picture>)>| {
        kept.iter()
            .map(|(_, picture)| units(&picture.bytes))
            .sum::<usize>()
    };
    while all(kept) > KEPT {
        kept.pop_front();
    }
}

/// Units of memory that a picture takes: one at least.
fn units(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(UNIT).max(1)
}

fn refusal(none: &NoPicture) -> Refusal {
    let later = |seconds| Refusal {
        retry_after_s: Some(seconds),
        ..Refusal::unavailable(none.to_string())
    };
    match none {
        NoPicture::NoWorker(_) => later(60),
        NoPicture::Late => later(30),
        NoPicture::Busy | NoPicture::Failed(_) => later(5),
        NoPicture::Undecoded(_) => Refusal::not_found(none.to_string()),
        NoPicture::Unread(_) => Refusal::gone(none.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_asked_for_within_bounds() {
        let read = |text: &str| wanted(&Query::parse(text).unwrap());
        let usual = Wanted {
            width: 0,
            height: 0,
            quality: QUALITY,
        };
        assert_eq!(read("at=90s"), Ok(usual));
        let small = Wanted {
            width: 320,
            height: 180,
            quality: 1,
        };
        assert_eq!(read("width=320&height=180&quality=1"), Ok(small));
        assert!(read("width=8&height=8192&quality=100").is_ok() && read("width=0").is_ok());
        for (text, field) in [
            ("width=7", "width"),
            ("width=8193", "width"),
            ("width=65536", "width"),
            ("height=-1", "height"),
            ("height=320x180", "height"),
            ("quality=0", "quality"),
            ("quality=101", "quality"),
        ] {
            assert_eq!(read(text).unwrap_err().field, Some(field), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_remembered_and_the_rest_is_tried_again() {
        let pictures = Pictures::of(MediaWorker::new("/nowhere".into()).into());
        let key = |number: usize| ("live/a".parse().unwrap(), number.to_string());
        let undecoded = NoPicture::Undecoded("damaged".to_owned());
        pictures.note_undecoded(&key(0), &NoPicture::Late);
        assert_eq!(pictures.is_undecoded(&key(0)), None);
        for number in 0..=UNDECODED {
            pictures.note_undecoded(&key(number), &undecoded);
        }
        assert_eq!(pictures.is_undecoded(&key(0)), None);
        assert_eq!(pictures.is_undecoded(&key(1)), Some(undecoded));
    }

    #[tokio::test]
    async fn the_pictures_that_are_kept_are_bounded_and_those_that_are_sent_hold_their_memory() {
        let pictures = Pictures::of(Arc::new(MediaWorker::new("/nowhere".into())));
        let key = |number: usize| ("live/a".parse().unwrap(), number.to_string());
        let picture = async |len: usize| {
            let memory = pictures.memory.clone();
            let memory = memory
                .acquire_many_owned(len.div_ceil(UNIT) as u32)
                .await
                .unwrap();
            let bytes = vec![1; len];
            Arc::new(Picture {
                bytes,
                _memory: memory,
            })
        };
        for number in 0..100 {
            let picture = picture(100 << 10).await;
            keep(&mut pictures.all_kept(), key(number), picture);
        }
        assert!(pictures.kept(&key(91)).is_none() && pictures.kept(&key(92)).is_some());
        // Small ones hold a unit each, and there are no more of them.
        for number in 100..400 {
            let picture = picture(3 << 10).await;
            keep(&mut pictures.all_kept(), key(number), picture);
        }
        assert_eq!(pictures.all_kept().len(), KEPT);
        let sent = picture(4 << 20).await;
        // What is larger than all that is kept is sent, and not kept; the others stay.
        keep(&mut pictures.all_kept(), key(100), sent.clone());
        assert_eq!(pictures.all_kept().len(), KEPT);
        assert_eq!(pictures.memory.available_permits(), UNITS / 2 - KEPT);
        // The next one has the memory of those that are kept.
        drop(pictures.room().await.unwrap());
        assert!(pictures.all_kept().is_empty());
        drop(sent);
        assert_eq!(pictures.memory.available_permits(), UNITS);
        let mut buffer = [0; 2];
        let picture = picture(3).await;
        assert!(picture.read(1, &mut buffer).is_ok() && picture.read(2, &mut buffer).is_err());
    }
}
