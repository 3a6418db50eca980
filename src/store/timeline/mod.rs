//! The time line of a stream: where there is tape of its recordings, how much, and why the tape stops.
//!
//! ```text
//! journal ── segments, recordings, gaps ──► Sweep ── pieces of tape with their recordings ──► Timeline
//!            a range of an index each         pure                                             pure; coarser, until it is small
//! ```

mod line;
mod sweep;

pub use line::{Bin, ClipSpan, Timeline, TimelineQuery, TimelineSpan};

use super::StoreError;
use super::journal::SegmentSpan;
use super::library::Library;
use crate::media::StreamName;
use sweep::Sweep;

impl Library {
    /// The time line of a stream. A stream that nobody knows has an empty one.
    pub fn timeline(&self, stream: &StreamName, query: &TimelineQuery) -> Result<Timeline, StoreError> {
        let mut line = Timeline::new(query);
        let journal = self.journal();
        let read = journal.snapshot(|| {
            let Some(key) = journal.stream_key(stream)? else {
                return Ok(None);
            };
            let window = journal.window(query.from, query.to)?;
            let recordings = journal.recording_spans(key, window)?;
            let gaps = journal.gap_spans(key, window)?;
            let mut sweep = Sweep::new(recordings, gaps);
            journal.segment_spans(key, window, |segment| sweep.segment(segment, &mut line))?;
            Ok(Some((sweep, journal.open_segments(key)?)))
        })?;
        drop(journal);
        let Some((mut sweep, open)) = read else {
            return Ok(line);
        };
        // The end of an open segment is in its file.
        for (publish, segment) in open {
            if let Some(extent) = self.open_extent(&segment) {
                let span = SegmentSpan {
                    publish,
                    sequence: segment.sequence,
                    start: segment.start,
                    end: extent.end,
                    bytes: extent.bytes,
                    utc: segment.utc_zero.saturating_sub(segment.tape_zero),
                    publish_ended: None,
                };
                sweep.segment(span, &mut line);
            }
        }
        let recordings = sweep.finish(&mut line);
        line.finish(&recordings);
        line.shrink(query.most);
        Ok(line)
    }
}
