//! The figures of a recording in lists, added up segment by segment.

use super::journal::{RecordingData, SegmentData};
use super::library::{Gap, RecordingRow, RecordingState, TrackRow};
use super::query::Cursor;
use super::short::{self, GAP, Stretch};
use super::{Asked, Rendition};
use crate::media::{Micros, Tracks};
use crate::model::Note;

/// A smaller difference comes from rounding ticks to microseconds.
const ROUNDING: Micros = 1_000;

/// The extent of a segment's tape.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) end: Micros,
    pub(super) bytes: u64,
}

/// A recording's row, with the figures of its tape so far.
pub(super) struct Summary {
    row: RecordingRow,
    cursor: Cursor,
    exact: bool,
    start: Micros,
    /// The tape time from which the recording is shown.
    from: Micros,
    limit: Micros,
    last_end: Option<Micros>,
    /// The interval that was asked for, and the parts of it that are on the tape.
    asked: Option<Asked>,
    stretches: Vec<Stretch>,
    utc_start: Micros,
}

impl Extent {
    /// The extent of a segment that is not being written.
    pub(super) fn of(segment: &SegmentData) -> Self {
        Self {
            end: segment.end,
            bytes: segment.bytes,
        }
    }
}

impl Summary {
    pub(super) fn new(of: RecordingData) -> Self {
        Self {
            cursor: Cursor {
                start: of.start,
                recording: of.key,
            },
            exact: of.exact,
            start: of.start,
            from: of.spec.shown_from().map_or(of.start, |from| from.max(of.start)),
            limit: of.limit().unwrap_or(Micros::MAX),
            last_end: None,
            asked: of.spec.asked,
            stretches: Vec::new(),
            utc_start: of.utc_start,
            row: RecordingRow {
                id: of.id,
                stream: of.stream,
                state: of.state,
                protected: of.protected,
                paused: of.paused,
                ending: of.state == RecordingState::Open && of.ends.is_some(),
                spec: of.spec,
                facts: of.facts,
                start: of.utc_start,
                begins_later: false,
                lost: 0,
                end: of.utc_start,
                duration: 0,
                bytes: 0,
                segments: 0,
                tracks: Vec::new(),
                gaps: Vec::new(),
                short: None,
                renditions: Vec::new(),
            },
        }
    }

    /// Adds the next segment of the recording's tape.
    pub(super) fn add(&mut self, segment: &SegmentData, mut extent: Extent) {
        let row = &mut self.row;
        let mut begins = segment.start;
        if self.exact {
            // The part of the segment that lies within the recording, and its share of the bytes.
            let whole = extent.end.saturating_sub(begins).max(1);
            begins = begins.max(self.from);
            extent.end = extent.end.min(self.limit);
            let part = extent.end.saturating_sub(begins).max(0);
            // The recording begins with the next segment, of another publish: no sample of this one is in it.
            if part < whole.min(ROUNDING) {
                return;
            }
            extent.bytes = share(extent.bytes, part, whole);
        }
        let utc = |tape: Micros| {
            segment
                .utc_zero
                .saturating_add(tape.saturating_sub(segment.tape_zero))
        };
        let start = utc(begins);
        if self.asked.is_some() {
            self.stretches.push(Stretch {
                from: begins,
                to: extent.end,
                utc: start.saturating_sub(begins),
            });
        }
        match self.last_end {
            None => {
                row.start = start;
                row.begins_later = begins.saturating_sub(self.from) > GAP;
                if row.begins_later && self.exact {
                    row.lost = begins.saturating_sub(self.from);
                }
            }
            // The tape goes on at once after a restart of the box, however long the box was off. Only the clock tells.
            Some(tape_end)
                if begins.saturating_sub(tape_end) > GAP || start.saturating_sub(row.end) > GAP =>
            {
                row.gaps.push(Gap {
                    from: row.end,
                    to: start,
                });
            }
            Some(_) => {}
        }
        // The sound of a segment may end after the picture of the next began: no moment is counted twice.
        let new_from = self.last_end.map_or(begins, |end: Micros| end.max(begins));
        self.last_end = Some(extent.end.max(new_from));
        row.end = utc(extent.end);
        row.duration += extent.end.saturating_sub(new_from).max(0);
        row.bytes += extent.bytes;
        row.segments += 1;
        row.tracks = track_rows(&segment.tracks);
    }

    /// Adds a rendition of the recording that is delivered or is to be.
    pub(super) fn renditions(&mut self, rendition: Rendition) {
        self.row.renditions.push(rendition);
    }

    /// Adds the notes of the recording.
    pub(super) fn notes(&mut self, notes: Vec<Note>) {
        self.row.facts.notes = notes.try_into().unwrap_or_default();
    }

    pub(super) fn finish(mut self) -> (Cursor, RecordingRow) {
        if self.stretches.is_empty() {
            self.stretches.push(Stretch {
                from: self.start,
                to: self.start,
                utc: self.utc_start.saturating_sub(self.start),
            });
        }
        let open = self.row.state == RecordingState::Open;
        let short = |asked: Asked| short::of(&asked, self.start, &self.stretches, open);
        self.row.short = self.asked.and_then(short);
        (self.cursor, self.row)
    }
}

/// The part's share of so many bytes. A part that is only rounding between two time lines counts as empty.
fn share(bytes: u64, part: Micros, whole: Micros) -> u64 {
    if whole.saturating_sub(part) < ROUNDING {
        return bytes;
    }
    let wide = u128::from(bytes) * u128::from(part.unsigned_abs()) / u128::from(whole.unsigned_abs().max(1));
    u64::try_from(wide).unwrap_or(bytes).min(bytes)
}

fn track_rows(tracks: &Tracks) -> Vec<TrackRow> {
    let video = tracks.video.as_ref().map(|video| TrackRow {
        kind: "video",
        codec: video.codec.as_str(),
        width: Some(video.width),
        height: Some(video.height),
        sample_rate: None,
        channels: None,
    });
    let audio = tracks.audio.as_ref().map(|audio| TrackRow {
        kind: "audio",
        codec: audio.codec.as_str(),
        width: None,
        height: None,
        sample_rate: Some(audio.sample_rate),
        channels: Some(audio.channels),
    });
    video.into_iter().chain(audio).collect()
}
