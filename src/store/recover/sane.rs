//! The ranges of the numbers in a file. A right checksum does not prove that edgereel wrote the file: somebody may have prepared
//! the storage device. Numbers out of these ranges would overflow sums in the journal, or move the tape's time so far ahead
//! that nothing fits behind it.

use super::repair::tape_end;
use crate::format::fmp4::{Identity, Scanned};
use crate::media::{ChunkNumbers, Micros, TrackKind};
use crate::store::segment::tape_start;

/// The longest file that recovery reads. Files of segments are at most some hundred MiB long.
const MAX_FILE: u64 = 1 << 32;

/// The length of a file is at most `HOLES_TIMES` times the space that it takes on the medium, plus `HOLES`. Without this bound, a
/// sparse file that takes no space could cost recovery any time. Within the bound are files whose unwritten space a copying
/// program turned into holes, and files on a file system that compresses.
const HOLES: u64 = 64 << 20;
const HOLES_TIMES: u64 = 16;

/// The reason not to read a file of `len` bytes that takes `taken` bytes of the medium.
pub(super) fn too_long(len: u64, taken: u64) -> Option<String> {
    let most = taken.saturating_mul(HOLES_TIMES).saturating_add(HOLES);
    if len > MAX_FILE {
        Some(format!("is {len} bytes long, too long for a segment"))
    } else if len > most {
        Some(format!(
            "is {len} bytes long but takes only {taken} bytes, so it is not a segment"
        ))
    } else {
        None
    }
}

/// The tape's times begin at zero. A track begins before its publish by less than this (13 days).
const LEAST: Micros = -(1 << 40);
/// CLOCK_BOOTTIME, and tape time where no row says how far the tape is: 285 years of running.
const MOST: Micros = 1 << 53;
/// A file may be this much (36 years) behind the end of the tape that the rows give.
const AHEAD: Micros = 1 << 50;
/// UTC less CLOCK_BOOTTIME: up to the year 2540.
const MOST_UTC: Micros = 1 << 54;
/// From the beginning of a segment to its end: a year.
const MOST_SPAN: Micros = 1 << 45;
/// The highest sequence of a segment that a start accepts beside a journal; a rebuild without rows accepts twice as many, so that
/// it finds the segments that came after this one.
const MOST_SEQUENCE: u64 = 1 << 40;

/// The highest number of a chunk, in the same way.
const MOST_CHUNKS: u64 = 1 << 53;

/// The impossible number in a file, if there is one. `known` is the end of the tape by the rows of the journal.
pub(super) fn absurd(scanned: &Scanned, known: Option<Micros>) -> Option<&'static str> {
    let identity = &scanned.identity;
    let most = known.map_or(MOST, |known| known.max(0).saturating_add(AHEAD));
    let sequences = if known.is_some() {
        MOST_SEQUENCE
    } else {
        MOST_SEQUENCE * 2
    };
    let tracks = &scanned.tracks;
    let audio = tracks
        .audio
        .as_ref()
        .map_or(0, |_| tracks.micros(TrackKind::Audio, identity.base.audio));
    let video = tracks.micros(TrackKind::Video, identity.base.video);
    let tape = LEAST..=most;
    let media = LEAST..=MOST;
    let (start, end) = (
        tape_start(identity.base, tracks, identity.tape_zero),
        tape_end(scanned),
    );
    let right = [
        (identity.sequence <= sequences, "its number"),
        (
            identity.chunks.is_none_or(|numbers| is_numbered(&numbers, known)),
            "the number of its first chunk",
        ),
        (tape.contains(&identity.tape_zero), "the tape time of its publish"),
        (
            media.contains(&identity.boot_zero),
            "the boot time of its publish",
        ),
        (utc_is_possible(identity), "its date"),
        (
            media.contains(&video) && media.contains(&audio),
            "the media time it begins at",
        ),
        (tape.contains(&start) && tape.contains(&end), "its tape time"),
        (
            start <= end && end.saturating_sub(start) <= MOST_SPAN,
            "its length",
        ),
    ];
    right.into_iter().find(|(right, _)| !right).map(|(_, what)| what)
}

fn is_numbered(numbers: &ChunkNumbers, known: Option<Micros>) -> bool {
    let most = if known.is_some() {
        MOST_CHUNKS
    } else {
        MOST_CHUNKS * 2
    };
    numbers.chunk <= most && numbers.discontinuity <= most && numbers.skipped <= numbers.chunk
}

fn utc_is_possible(identity: &Identity) -> bool {
    (-MOST_UTC..=MOST_UTC).contains(&identity.utc_offset)
}
