//! When there is tape that can be played.

use super::StoreError;
use super::library::Library;
use crate::config::Streams;
use crate::media::{Micros, SegmentId, StreamName};

/// UTC of beginnings and ends of tape.
pub type Spans = Vec<(Micros, Micros)>;

impl Library {
    /// When there is tape of streams whose chunks can be played, between two moments (UTC): of each stream that has some, its
    /// segments in the order of the tape, cut to these moments. Only rows of this time are read, however long recordings are.
    pub fn played(
        &self,
        streams: Option<&Streams>,
        (from, to): (Micros, Micros),
    ) -> Result<Vec<(StreamName, Spans)>, StoreError> {
        let journal = self.journal();
        let found = journal.snapshot(|| {
            let window = journal.window(from, to)?;
            let mut found = Vec::new();
            for (key, name) in journal.streams_of(streams, window)? {
                found.push((
                    name,
                    journal.played_spans(key, window)?,
                    journal.open_segments(key)?,
                ));
            }
            Ok(found)
        })?;
        drop(journal);
        let mut played = Vec::new();
        for (name, mut spans, open) in found {
            // The end of an open segment is in its file.
            for (_, segment) in open {
                if let Some(extent) = self.open_extent(&segment) {
                    let at = |tape: Micros| {
                        tape.saturating_sub(segment.tape_zero)
                            .saturating_add(segment.utc_zero)
                    };
                    spans.push((at(segment.start), at(extent.end)));
                }
            }
            let cut = spans
                .into_iter()
                .map(|(begins, ends)| (begins.max(from), ends.min(to)));
            let cut: Spans = cut.filter(|(begins, ends)| begins < ends).collect();
            if !cut.is_empty() {
                played.push((name, cut));
            }
        }
        Ok(played)
    }

    /// UTC of the end of the newest tape of a stream that was dated by a clock that was believed.
    pub fn dated_until(&self, stream: &StreamName) -> Result<Option<Micros>, StoreError> {
        let journal = self.journal();
        match journal.stream_key(stream)? {
            Some(key) => journal.dated_until(key),
            None => Ok(None),
        }
    }

    /// UTC of the beginning of the oldest tape that is left of a segment's publish.
    pub fn publish_begins(&self, segment: SegmentId) -> Result<Option<Micros>, StoreError> {
        self.journal().publish_begins(segment)
    }
}
