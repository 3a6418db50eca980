//! Fingerprints of recordings in the journal: written block by block, read to search them all.

use super::journal::Journal;
use super::{Library, RecordingRow, StoreError};
use crate::config::StreamSet;
use crate::fingerprint::{Chosen, Found, Keyframe, Scan, Wanted};
use crate::media::{Micros, RecordingId};

/// Recordings that are looked at without a pause, at most.
const RECORDINGS: usize = 64;
/// Bytes of fingerprints behind which a search pauses: others may read.
const BYTES: u64 = 4 << 20;

/// What the journal has of a recording's fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Blocks of it that are written.
    pub blocks: u32,
    /// Keyframes in them.
    pub keyframes: u64,
    /// Up to where the recording was looked at: milliseconds from its beginning.
    pub reached_ms: u32,
    /// How much of its beginning the recording had lost when this began. Times count from there.
    pub lost: Micros,
    /// What represents the recording; none until the fingerprint is whole.
    pub chosen: Option<Chosen>,
    /// It is to be made, or to be gone on with.
    pub due: bool,
    /// Why it cannot be made.
    pub reason: Option<String>,
}

/// A change of a recording's fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FingerprintChange {
    /// Somebody wants a fingerprint, or another one in place of one that is whole or failed. Where one is being made, nothing changes.
    Asked(RecordingId),
    /// It cannot be made.
    Failed {
        /// The recording.
        recording: RecordingId,
        /// Why.
        reason: String,
    },
    /// The next block. One that is there already changes nothing.
    Block {
        /// The recording.
        recording: RecordingId,
        /// Its number, from 0 on.
        block: u32,
        /// Its bytes.
        bytes: Vec<u8>,
        /// Keyframes in it.
        keyframes: u32,
        /// Up to where the recording is looked at: milliseconds from its beginning.
        reached_ms: u32,
        /// How much of its beginning the recording has lost by now. It counts with the first block.
        lost: Micros,
    },
    /// The fingerprint is whole.
    Whole {
        /// The recording.
        recording: RecordingId,
        /// What represents it.
        chosen: Chosen,
    },
}

/// A step of a search.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    /// The recordings that have the pictures, and where.
    pub found: Vec<(RecordingRow, Vec<Found>)>,
    /// How much was searched: milliseconds of recordings.
    pub searched_ms: u64,
    /// Recordings whose fingerprints are damaged.
    pub damaged: usize,
    /// Where the search goes on; none at its end.
    pub next: Option<i64>,
}

/// A recording that has a fingerprint: its key, and what a search asks.
pub(super) struct Fingerprinted {
    pub(super) key: i64,
    pub(super) id: RecordingId,
    pub(super) stream: String,
    pub(super) reached_ms: u32,
    pub(super) bytes: u64,
    /// How much of the beginning was lost when the fingerprint was made.
    pub(super) lost: Micros,
}

impl Library {
    /// The recording whose fingerprint is to be made first.
    pub fn fingerprint_due(&self) -> Result<Option<RecordingId>, StoreError> {
        self.journal().fingerprint_due()
    }

    /// What there is of a recording's fingerprint.
    pub fn fingerprint(&self, recording: RecordingId) -> Result<Option<Fingerprint>, StoreError> {
        self.journal().fingerprint(recording)
    }

    /// The keyframes of a recording's fingerprint, in order. A damaged block is an error.
    pub fn keyframes(&self, recording: RecordingId, see: impl FnMut(&Keyframe)) -> Result<(), StoreError> {
        self.journal().keyframes(recording, see)
    }

    /// Looks for pictures in fingerprints of recordings of these streams, but for one recording: from a place on, and only so far that
    /// others do not wait long. Reads nothing but fingerprints, in order.
    pub fn search_pictures(
        &self,
        wanted: &Wanted,
        within: &StreamSet,
        (but, after): (Option<RecordingId>, Option<i64>),
    ) -> Result<Searched, StoreError> {
        let journal = self.journal();
        let page = journal.fingerprinted(after.unwrap_or(i64::MIN), RECORDINGS)?;
        let mut searched = Searched {
            next: page
                .last()
                .filter(|_| page.len() == RECORDINGS)
                .map(|last| last.key),
            ..Searched::default()
        };
        let (mut places, mut bytes) = (Vec::new(), 0);
        for of in &page {
            if Some(of.id) == but || !within.has(&of.stream) {
                continue;
            }
            let found = look(&journal, of, wanted, &mut searched)?;
            if !found.is_empty() {
                places.push((of, found));
            }
            bytes += of.bytes;
            if bytes >= BYTES {
                searched.next = Some(of.key);
                break;
            }
        }
        drop(journal);
        for (of, mut found) in places {
            // It may be gone by now.
            if let Some(row) = self.recording(of.id)? {
                let lost = row.lost.saturating_sub(of.lost);
                found.retain_mut(|one| one.behind(lost));
                searched.found.push((row, found));
            }
        }
        Ok(searched)
    }
}

/// Looks for pictures in one recording.
fn look(
    journal: &Journal,
    of: &Fingerprinted,
    wanted: &Wanted,
    searched: &mut Searched,
) -> Result<Vec<Found>, StoreError> {
    let mut scan = Scan::new(wanted);
    match journal.keyframes_of(of.key, |keyframe| scan.see(keyframe)) {
        Ok(()) => searched.searched_ms += u64::from(of.reached_ms),
        Err(StoreError::JournalRow { .. }) => searched.damaged += 1,
        Err(error) => return Err(error),
    }
    Ok(scan.finish())
}
