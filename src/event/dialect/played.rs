//! Where a recording plays that is delivered nowhere: on the box itself.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Body, Posted, Sender};
use crate::model::recording_path;

/// The most formats of a recording that are told apart.
const MOST_FORMATS: usize = 9;

/// The fields that an event has beside those of its row.
#[derive(Serialize)]
struct Played {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mp4_url: Option<String>,
}

/// The address under which the recording of an event plays, without an extension. None where recordings are delivered, where no
/// viewer can connect, and where the event is about no recording that has media.
fn base(posted: &Posted, body: &Body, sender: &Sender) -> Option<String> {
    let has_media = match posted.kind.as_str() {
        "recording.started" => true,
        "recording.closed" | "clip.ready" => body.whole("bytes").is_some_and(|bytes| bytes > 0),
        _ => false,
    };
    let address = sender.played_at.as_ref().filter(|_| has_media)?;
    Some(format!("{address}{}", recording_path(body.text("recording")?)))
}

/// The body of an event with the addresses of its recording. None where it has none, and stays as it was written.
pub(super) fn with_addresses(posted: &Posted, sender: &Sender) -> Option<Box<RawValue>> {
    sender.played_at.as_ref()?;
    let body = Body::read(&posted.body);
    let base = base(posted, &body, sender)?;
    let has_file = posted.kind != "recording.started" && !body.says("encrypted");
    let added = crate::defect::json(&Played {
        mp4_url: has_file.then(|| format!("{base}.mp4")),
        // What is played in another way than its tape is a file alone.
        url: body
            .0
            .get("form")
            .is_none_or(serde_json::Value::is_null)
            .then(|| format!("{base}/master.m3u8")),
    });
    // All that was written stays to the letter, with further fields behind it.
    let fields = posted.body.trim_end().strip_suffix('}')?;
    let further = added.strip_prefix('{')?;
    RawValue::from_string(format!("{fields},{further}")).ok()
}

/// The formats of a complete recording, each with the address of the recording in this format.
pub(super) fn files(posted: &Posted, body: &Body, sender: &Sender) -> Vec<(String, String)> {
    let is_complete = posted.kind != "recording.started";
    let Some(base) = base(posted, body, sender).filter(|_| is_complete) else {
        return Vec::new();
    };
    let mut formats: Vec<&str> = body.texts("formats").take(MOST_FORMATS).collect();
    if body.says("encrypted") {
        // Any other format would give it away in clear.
        formats = vec!["hls"];
    } else if formats.is_empty() {
        formats.push("mp4");
    }
    let file = |format: &str| match format {
        "hls" => format!("{base}/index.m3u8"),
        "aac" => format!("{base}.m4a"),
        "flv" => format!("{base}.flv"),
        "fmp4" => format!("{base}.fmp4"),
        _ => format!("{base}.mp4"),
    };
    formats
        .into_iter()
        .map(|format| (format.to_owned(), file(format)))
        .collect()
}
