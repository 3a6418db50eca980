//! A recording as lists show it: the one way, for answers and for `ls --json`.

use serde_json::{Value, json};

use crate::event::rfc3339;
use crate::format::Gaps;
use crate::store::{Gap, RecordingRow, Rendition, TrackRow};

/// A recording's row as JSON.
pub fn recording(row: &RecordingRow) -> Value {
    json!({
        "id": row.id.to_string(),
        "stream": row.stream.as_str(),
        "state": row.state.as_str(),
        "paused": row.paused,
        "protected": row.protected,
        "origin": row.spec.origin.as_str(),
        "template": row.spec.template,
        "name": row.spec.name,
        "tags": row.tags,
        "formats": row.spec.reel.formats,
        "start": rfc3339(row.start),
        "end": rfc3339(row.end),
        "duration_s": row.duration as f64 / 1e6,
        "bytes": row.bytes,
        "tracks": row.tracks.iter().map(track).collect::<Vec<_>>(),
        "gaps_kept": row.spec.reel.gaps == Gaps::Keep,
        "gaps": row.gaps.iter().map(gap).collect::<Vec<_>>(),
        "short": row.short,
        "renditions": row.renditions.iter().map(rendition).collect::<Vec<_>>(),
    })
}

/// The same for an answer, which is bounded: of very many gaps only the last `gaps` are told, and how many there are more.
pub(super) fn bounded(row: &RecordingRow, gaps: usize) -> Value {
    let more = row.gaps.len().saturating_sub(gaps);
    if more == 0 {
        return recording(row);
    }
    let last = row.gaps.iter().skip(more).copied().collect();
    let mut value = recording(&RecordingRow {
        gaps: last,
        ..row.clone()
    });
    if let Some(object) = value.as_object_mut() {
        object.insert("more_gaps".to_owned(), more.into());
    }
    value
}

fn gap(gap: &Gap) -> Value {
    json!({ "from": rfc3339(gap.from), "to": rfc3339(gap.to) })
}

fn track(row: &TrackRow) -> Value {
    let mut object = json!({ "kind": row.kind, "codec": row.codec });
    let numbers = [
        ("width", row.width.map(u32::from)),
        ("height", row.height.map(u32::from)),
        ("sample_rate", row.sample_rate),
        ("channels", row.channels.map(u32::from)),
    ];
    if let Some(object) = object.as_object_mut() {
        for (name, number) in numbers {
            number.map(|number| object.insert(name.to_owned(), number.into()));
        }
    }
    object
}

fn rendition(rendition: &Rendition) -> Value {
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "format": rendition.id.format,
        "part": rendition.id.part,
        "state": rendition.state.as_str(),
        "key": known(&rendition.key),
        "url": known(&rendition.url),
        "master_url": rendition.master_url,
        "bytes": rendition.bytes,
        "checksum": rendition.crc.map(|crc| format!("crc32c:{crc:08x}")),
        "etag": known(&rendition.etag),
        "error": rendition.error,
    })
}
