//! Open recordings in the status of delivery, with the time of their delivery: people look there when nothing has arrived yet.

use super::source::NoMaterial;
use super::status::OpenStatus;
use crate::config::{DeliverWhen, Delivery, KeyPattern, Target};
use crate::event::rfc3339;
use crate::format::Format;
use crate::media::Micros;
use crate::store::{Library, RecordingRow, WaitingOrder};

/// The most recordings in the answer.
const SHOWN: usize = 20;

/// Reads the open recordings that are to be delivered.
pub(super) fn open(library: &Library, delivery: &Delivery) -> Result<Vec<OpenStatus>, NoMaterial> {
    let mut found = Vec::new();
    let candidates = library.to_deliver(WaitingOrder::NewestFirst, true, SHOWN)?;
    for candidate in candidates.into_iter().filter(|candidate| candidate.open) {
        let Some(row) = library.recording(candidate.recording)? else {
            continue;
        };
        for format in candidate.formats {
            let known = row.renditions.iter().find(|known| known.id.format == format);
            let mut sent_bytes = 0;
            if let Some(known) = known {
                sent_bytes = library.pieces(known.id)?.iter().map(|piece| piece.bytes).sum();
            }
            found.push(OpenStatus {
                recording: row.id.to_string(),
                stream: row.stream.to_string(),
                format: format.to_string(),
                key: known.map(|known| known.key.clone()).unwrap_or_default(),
                sent_bytes,
                goes: goes(delivery, &row, format).to_owned(),
                due: None,
                latest: latest(&row).map(rfc3339),
            });
        }
    }
    Ok(found)
}

/// When the delivery continues, in a sentence.
fn goes(delivery: &Delivery, row: &RecordingRow, format: Format) -> &'static str {
    let named_late = row.spec.output.key.as_ref().is_some_and(KeyPattern::needs_end);
    let folder = matches!(delivery.target, Target::Folder(_));
    match (delivery.when, format) {
        (DeliverWhen::Finished, _) => "when the recording is closed: sync.when is \"finished\"",
        (DeliverWhen::Live, _) if named_late => {
            "when the recording is closed: its key has the time of its end in it"
        }
        (DeliverWhen::Live, Format::Hls) => "chunk by chunk, each some seconds after its end",
        (DeliverWhen::Live, _) if folder => "when the recording is closed: in a folder only HLS can grow",
        (DeliverWhen::Live, _) => "part by part, from 10 MiB on; its beginning when the recording is closed",
    }
}

/// The latest time at which the recording is closed, if its template limits it.
fn latest(row: &RecordingRow) -> Option<Micros> {
    let output = &row.spec.output;
    let split = [output.split.after, output.split.on_clock].into_iter().flatten();
    let split = split.map(|span| row.start.saturating_add(span.as_micros())).min();
    // Nobody publishes the stream: the recording waits this long for its publisher.
    let given_up = row
        .paused
        .then(|| row.end.saturating_add(output.resume.window.as_micros()));
    [split, given_up].into_iter().flatten().min()
}
