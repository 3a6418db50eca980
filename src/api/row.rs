//! A recording as lists show it. Answers and `ls --json` use the same function.

use crate::event::rfc3339;
use crate::format::Gaps;
use crate::model::reply::{ComposedOf, Delivery, Gap, Recording, Track};
use crate::model::{About, Notes, recording_path};
use crate::store::{self, ComposedRange, RecordingRow, RecordingState, Rendition, TrackRow};

/// Most ranges of a composition in an answer.
const MOST_RANGES: usize = 100;

/// A recording's row. `address` is the one under which viewers reach the box, without a slash at its end, if they can.
pub fn recording(row: &RecordingRow, address: Option<&str>) -> Recording {
    let base = address
        .filter(|_| row.state != RecordingState::Expired)
        .map(|address| format!("{address}{}", recording_path(row.id)));
    let frozen = match row.state {
        RecordingState::Open => format!("?to={}", rfc3339(row.end)),
        _ => String::new(),
    };
    Recording {
        id: row.id.to_string(),
        stream: row.stream.to_string(),
        state: row.state.as_str(),
        paused: row.paused,
        protected: row.protected,
        name: row.spec.about.name.clone(),
        about: About {
            name: None,
            ..row.spec.about.clone()
        },
        title: row.facts.title.clone(),
        description: row.facts.description.clone(),
        tags: row.facts.tags.texts(),
        category: row.facts.category.clone(),
        notes: row.facts.notes.clone(),
        more_notes: None,
        custom: row.facts.custom.clone(),
        review: row.review.as_ref().map(|review| review.status),
        review_reason: row.review.as_ref().and_then(|review| review.reason.clone()),
        start: rfc3339(row.start),
        end: rfc3339(row.end),
        duration_s: row.duration as f64 / 1e6,
        bytes: row.bytes,
        tracks: row.tracks.iter().map(track).collect(),
        gaps_kept: row.spec.output.gaps == Gaps::Keep,
        gaps: row.gaps.iter().map(gap).collect(),
        more_gaps: None,
        short: row.short.clone(),
        other_streams: row.also.iter().map(ToString::to_string).collect(),
        ranges: Vec::new(),
        more_ranges: None,
        form: row.form.told(),
        cover_s: row
            .chosen
            .as_ref()
            .and_then(|chosen| chosen.cover_ms)
            .map(seconds),
        thumbnails_s: row
            .chosen
            .iter()
            .flat_map(|chosen| &chosen.thumbnails_ms)
            .map(|at| seconds(*at))
            .collect(),
        renditions: row.renditions.iter().map(delivery).collect(),
        url: base
            .as_ref()
            .filter(|_| row.form.is_joined())
            .map(|base| format!("{base}/master.m3u8")),
        mp4_url: base
            .filter(|_| !row.spec.output.is_closed())
            .map(|base| format!("{base}.mp4{frozen}")),
    }
}

/// A recording's row for an answer, which is bounded. If there are very many gaps, the row has the last `gaps` of them, and the
/// number of the others.
pub(super) fn bounded(row: &RecordingRow, gaps: usize, address: Option<&str>) -> Recording {
    let more = row.gaps.len().saturating_sub(gaps);
    let mut recording = recording(row, address);
    if more > 0 {
        recording.gaps.drain(..more);
        recording.more_gaps = Some(more);
    }
    recording
}

/// The same for a list: it has the number of the notes in place of the notes.
pub(super) fn listed(row: &RecordingRow, gaps: usize, address: Option<&str>) -> Recording {
    let notes = Some(row.facts.notes.len()).filter(|count| *count > 0);
    Recording {
        notes: Notes::default(),
        more_notes: notes,
        ..bounded(row, gaps, address)
    }
}

/// Adds the ranges of a composition: the first ones, and the number of the others.
pub(super) fn with_ranges(shown: &mut Recording, ranges: &[ComposedRange]) {
    let named = ranges.iter().take(MOST_RANGES).map(|range| ComposedOf {
        recording: range.recording.to_string(),
        stream: range.stream.to_string(),
        start: rfc3339(range.start),
        end: rfc3339(range.end),
    });
    shown.ranges = named.collect();
    let more = ranges.len().saturating_sub(MOST_RANGES);
    shown.more_ranges = (more > 0).then_some(more);
}

fn seconds(ms: u32) -> f64 {
    f64::from(ms) / 1_000.0
}

fn gap(gap: &store::Gap) -> Gap {
    Gap {
        from: rfc3339(gap.from),
        to: rfc3339(gap.to),
    }
}

fn track(row: &TrackRow) -> Track {
    Track {
        kind: row.kind,
        codec: row.codec,
        width: row.width,
        height: row.height,
        sample_rate: row.sample_rate,
        channels: row.channels,
    }
}

fn delivery(rendition: &Rendition) -> Delivery {
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Delivery {
        format: rendition.id.format.as_str(),
        part: rendition.id.part,
        state: rendition.state.as_str(),
        key: known(&rendition.key),
        url: known(&rendition.url),
        master_url: rendition.master_url.clone(),
        bytes: rendition.bytes,
        checksum: rendition.crc.map(|crc| format!("crc32c:{crc:08x}")),
        etag: known(&rendition.etag),
        error: rendition.error.clone(),
    }
}
