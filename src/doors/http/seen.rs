//! The recordings that viewers asked for and that were there.
//!
//! The journal forgets a recording whose media was given up for space. A player that reads it has to hear that it is gone, and not
//! that there never was one. A restart forgets it, and then it is not found.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::media::RecordingId;

/// The most recordings that are remembered.
const MOST: usize = 1_024;

/// The recordings that were there, the one asked for last behind.
#[derive(Default)]
pub(super) struct Seen {
    ids: Mutex<VecDeque<RecordingId>>,
}

impl Seen {
    /// Notes a recording that is there.
    pub(super) fn note(&self, recording: RecordingId) {
        let mut ids = self.ids();
        // Players ask for the same one again and again.
        if ids.back() == Some(&recording) {
            return;
        }
        ids.retain(|id| *id != recording);
        if ids.len() == MOST {
            ids.pop_front();
        }
        ids.push_back(recording);
    }

    /// True when a recording was there.
    pub(super) fn has(&self, recording: RecordingId) -> bool {
        self.ids().contains(&recording)
    }

    fn ids(&self) -> MutexGuard<'_, VecDeque<RecordingId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recordings_that_were_asked_for_last_are_remembered() {
        let id = |n: usize| RecordingId::from_bytes((n as u128).to_be_bytes());
        let seen = Seen::default();
        for n in 0..MOST {
            seen.note(id(n));
        }
        seen.note(id(0));
        seen.note(id(MOST));
        assert!(seen.has(id(0)) && seen.has(id(MOST)) && !seen.has(id(1)));
        assert_eq!(seen.ids().len(), MOST);
    }
}
