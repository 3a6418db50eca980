//! The row of a recording in lists, made of its row in the journal and of its tally.

use std::collections::HashMap;

use super::journal::RecordingData;
use super::library::{Gap, RecordingRow, RecordingState, TrackRow};
use super::query::Cursor;
use super::short::{self, GAP, Stretch};
use super::tally::{Bounds, Extent, Run, Tally};
use super::{Asked, Rendition, TapeSpan};
use crate::fingerprint::Chosen;
use crate::media::{Micros, StreamName, Tracks};
use crate::model::Note;

/// A recording's row, with the figures of its tape so far.
pub(super) struct Summary {
    row: RecordingRow,
    cursor: Cursor,
    bounds: Bounds,
    tally: Tally,
    /// The interval that was asked for.
    asked: Option<Asked>,
    utc_start: Micros,
    /// Its tape is that of its ranges.
    composed: bool,
    /// How long a composition plays, as its row says.
    plays: Option<Micros>,
    /// What represents it, and how much of its beginning was lost by then.
    chosen: Option<(Chosen, Micros)>,
}

impl Summary {
    pub(super) fn new(of: RecordingData, cursor: Cursor, tally: Tally) -> Self {
        let span = TapeSpan {
            stream: of.stream.clone(),
            from: of.start,
            to: of.limit().unwrap_or(Micros::MAX),
        };
        let tape = if of.composed { Vec::new() } else { vec![span] };
        Self {
            cursor,
            bounds: of.bounds(),
            tally,
            asked: of.spec.asked,
            utc_start: of.utc_start,
            composed: of.composed,
            plays: of.length.filter(|_| of.composed),
            chosen: of.chosen,
            row: RecordingRow {
                id: of.id,
                stream: of.stream,
                state: of.state,
                protected: of.protected,
                shown: of.shown,
                paused: of.paused,
                ending: of.state == RecordingState::Open && of.ends.is_some(),
                spec: of.spec,
                facts: of.facts,
                review: of.review,
                tape,
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
                composed: of.composed,
                form: of.form,
                also: Vec::new(),
                chosen: None,
                renditions: Vec::new(),
            },
        }
    }

    /// Adds a segment to the recording's tape.
    pub(super) fn add(&mut self, segment: &Extent, tracks: &Tracks) {
        if let Some(part) = self.bounds.part(segment) {
            let is_last = self.tally.end().is_none_or(|end| end < part.to);
            self.tally.insert(&part);
            if is_last {
                self.tracks(tracks);
            }
        }
    }

    /// The tracks of the recording's last segment.
    pub(super) fn tracks(&mut self, tracks: &Tracks) {
        self.row.tracks = track_rows(tracks);
    }

    /// The tracks of recordings that play beside each other.
    pub(super) fn tracks_in_step(&mut self, tracks: &[Tracks]) {
        self.row.tracks = tracks.iter().flat_map(track_rows).collect();
    }

    /// Sets the tape of a composition.
    pub(super) fn tape(&mut self, tape: Vec<TapeSpan>) {
        self.row.tape = tape;
    }

    /// Adds another stream that the recording has tape of.
    pub(super) fn also(&mut self, stream: StreamName) {
        self.row.also.push(stream);
    }

    /// Adds a rendition of the recording that is delivered or is to be.
    pub(super) fn renditions(&mut self, rendition: Rendition) {
        self.row.renditions.push(rendition);
    }

    /// Adds the notes of the recording.
    pub(super) fn notes(&mut self, notes: Vec<Note>) {
        self.row.facts.notes = notes.try_into().unwrap_or_default();
    }

    /// The row. `zeros` has UTC less tape time for each publish.
    pub(super) fn finish(mut self, zeros: &HashMap<i64, Micros>) -> (Cursor, RecordingRow) {
        let start = self.bounds.start;
        let runs = self.tally.runs.iter().filter(|run| **run != Run::BORDER);
        let stretches = runs.map(|run| Stretch {
            from: run.from,
            to: run.to,
            publish: run.publish,
            utc: zeros
                .get(&run.publish)
                .copied()
                .unwrap_or_else(|| self.utc_start.saturating_sub(start)),
        });
        let mut stretches: Vec<Stretch> = stretches.collect();
        self.figures(&stretches);
        if self.composed {
            self.of_composition(&stretches);
        }
        if stretches.is_empty() {
            stretches.push(Stretch {
                from: start,
                to: start,
                publish: 0,
                utc: self.utc_start.saturating_sub(start),
            });
        }
        let open = self.row.state == RecordingState::Open;
        let short = |asked: Asked| short::of(&asked, start, &stretches, open);
        self.row.short = self.asked.and_then(short);
        let chosen = self.chosen.take();
        self.row.chosen = chosen.map(|(chosen, lost)| chosen.behind(self.row.lost.saturating_sub(lost)));
        (self.cursor, self.row)
    }

    /// A composition lasts from its earliest moment to its latest, and has the gaps that are within its ranges.
    fn of_composition(&mut self, stretches: &[Stretch]) {
        let row = &mut self.row;
        let utc = |stretch: &Stretch, tape: Micros| tape.saturating_add(stretch.utc);
        let begins = stretches.iter().map(|of| utc(of, of.from)).min();
        let ends = stretches.iter().map(|of| utc(of, of.to)).max();
        (row.start, row.end) = (begins.unwrap_or(row.start), ends.unwrap_or(row.end));
        (row.begins_later, row.lost) = (false, 0);
        let mut borders: Vec<(Micros, Micros)> = Vec::new();
        let mut at = 0;
        for run in &self.tally.runs {
            if *run != Run::BORDER {
                at += 1;
                continue;
            }
            if let (Some(before), Some(behind)) = (stretches.get(at - 1), stretches.get(at)) {
                borders.push((utc(before, before.to), utc(behind, behind.from)));
            }
        }
        row.gaps.retain(|gap| !borders.contains(&(gap.from, gap.to)));
    }

    fn figures(&mut self, stretches: &[Stretch]) {
        let row = &mut self.row;
        row.duration = self.plays.unwrap_or(self.tally.length);
        row.bytes = self.tally.bytes;
        row.segments = usize::try_from(self.tally.segments).unwrap_or(usize::MAX);
        if let (Some(first), Some(last)) = (stretches.first(), stretches.last()) {
            row.start = first.from.saturating_add(first.utc);
            row.begins_later = first.from.saturating_sub(self.bounds.from) > GAP;
            if row.begins_later && self.bounds.exact {
                row.lost = first.from.saturating_sub(self.bounds.from);
            }
            row.end = last.to.saturating_add(last.utc);
        }
        for pair in stretches.windows(2) {
            let [before, behind] = pair else { continue };
            let (from, to) = (
                before.to.saturating_add(before.utc),
                behind.from.saturating_add(behind.utc),
            );
            // The tape goes on at once after a restart of the box, however long the box was off. Only the clock tells.
            if behind.from.saturating_sub(before.to) > GAP || to.saturating_sub(from) > GAP {
                row.gaps.push(Gap {
                    from,
                    to,
                    within: before.publish == behind.publish,
                });
            }
        }
    }
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
