//! What a file may say of itself. A checksum says that the bytes are those that were written, not that this recorder wrote
//! them: a card may have been prepared. Numbers out of these ranges would overflow sums in the journal, or push the tape's
//! own time so far that nothing fits behind it.

use super::repair::tape_end;
use crate::format::fmp4::{Identity, Scanned};
use crate::media::{Micros, TrackKind};
use crate::store::segment::tape_start;

/// Longer is no file of a segment: they end at some hundred MiB.
const MAX_FILE: u64 = 1 << 32;

/// A file is no longer than this beside so many times what it takes of the medium: reading holes would cost time that nobody
/// paid for with bytes. Room that was taken ahead and copied by a program that leaves holes is within it, and so is what a
/// file system compresses.
const HOLES: u64 = 64 << 20;
const HOLES_TIMES: u64 = 16;

/// What is wrong with a file of `len` bytes that takes `taken` of the medium, before anything of it is read.
pub(super) fn too_long(len: u64, taken: u64) -> Option<String> {
    let most = taken.saturating_mul(HOLES_TIMES).saturating_add(HOLES);
    if len > MAX_FILE {
        Some(format!("has {len} bytes: it is no segment"))
    } else if len > most {
        Some(format!(
            "has {len} bytes, of which it takes {taken}: it is no segment"
        ))
    } else {
        None
    }
}

/// The tape's times begin at zero; what begins before its publish does so by less than this (13 days).
const LEAST: Micros = -(1 << 40);
/// CLOCK_BOOTTIME, and tape time where no row says how far the tape is: 285 years of running.
const MOST: Micros = 1 << 53;
/// By so much (36 years) a file may lie behind all tape that rows tell of.
const AHEAD: Micros = 1 << 50;
/// UTC less CLOCK_BOOTTIME: up to the year 2540.
const MOST_UTC: Micros = 1 << 54;
/// From the beginning of a segment to its end: a year.
const MOST_SPAN: Micros = 1 << 45;
/// A stream's segments are counted; a rebuild takes what came behind the highest that is taken otherwise.
const MOST_SEQUENCE: u64 = 1 << 40;

/// What is wrong with a file that was read, if anything is. `known`: where the tape ends that rows tell of.
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

fn utc_is_possible(identity: &Identity) -> bool {
    (-MOST_UTC..=MOST_UTC).contains(&identity.utc_offset)
}
