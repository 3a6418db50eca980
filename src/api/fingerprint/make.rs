//! `fingerprint.create` and `fingerprint.get`. A fingerprint that is asked for is in the journal, so it is made over restarts.

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::arguments::typed;
use crate::api::recording::row_of;
use crate::model::reply::{FingerprintOf, FingerprintState};
use crate::store::{
    Change, Command as StoreCommand, Fingerprint, FingerprintChange, RecordingRow, RecordingState,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    recording: String,
}

pub(super) async fn create(api: &Api, arguments: Map<String, Value>) -> Result<FingerprintOf, Failure> {
    let One { recording } = typed(arguments)?;
    let row = row_of(api, recording).await?;
    if let Some(reason) = refusal(&row) {
        let text = format!("recording {}: {reason}", row.id);
        return Err(Failure::new(Code::Conflict, text).about("recording"));
    }
    if api.prints.receiver_count() == 0 {
        let text = "fingerprints are made beside the door for viewers, which is closed: set http.listen";
        return Err(Failure::new(Code::Unavailable, text));
    }
    api.is_about(row.id);
    api.change_fingerprint(FingerprintChange::Asked(row.id)).await?;
    api.prints.send_replace(());
    shown(api, &row).await
}

pub(super) async fn get(api: &Api, arguments: Map<String, Value>) -> Result<FingerprintOf, Failure> {
    let One { recording } = typed(arguments)?;
    shown(api, &row_of(api, recording).await?).await
}

/// Why there is no fingerprint of a recording, and what there is to do.
fn refusal(row: &RecordingRow) -> Option<&'static str> {
    match row.state {
        RecordingState::Open => return Some("it is not over: ask again then, or stop it (recording.stop)"),
        RecordingState::Expired => return Some("its tape is gone"),
        RecordingState::Closed | RecordingState::Delivered => {}
    }
    if row.composed {
        return Some("it is put together of others: make fingerprints of those");
    }
    if row.spec.output.is_closed() {
        return Some(
            "it is encrypted, and its pictures leave the box in no other way: write also_clear = true beside encrypt",
        );
    }
    let has_picture = row.tracks.iter().any(|track| track.kind == "video");
    (!has_picture).then_some("it has no picture")
}

async fn shown(api: &Api, row: &RecordingRow) -> Result<FingerprintOf, Failure> {
    let id = row.id;
    let of = api.read(move |library| library.fingerprint(id)).await?;
    let state = match &of {
        None => FingerprintState::None,
        Some(of) if of.due && of.blocks == 0 => FingerprintState::Waiting,
        Some(of) if of.due => FingerprintState::Making,
        Some(of) if of.chosen.is_some() => FingerprintState::Whole,
        Some(_) => FingerprintState::Failed,
    };
    let reached = of.as_ref().map_or(0, |of| of.reached_ms);
    Ok(FingerprintOf {
        recording: id.to_string(),
        state,
        looked_s: f64::from(reached) / 1_000.0,
        keyframes: of.as_ref().map_or(0, |of| of.keyframes),
        reason: of.and_then(|of| of.reason),
    })
}

impl Api {
    /// Tells each time when a fingerprint is asked for. Whoever listens makes those that are [due](Self::fingerprint_due).
    pub fn fingerprints_asked(&self) -> watch::Receiver<()> {
        self.prints.subscribe()
    }

    /// Writes a part of a fingerprint, and waits until it is durable. Says how it is then; none where the recording is gone.
    pub async fn write_fingerprint(
        &self,
        of: &RecordingRow,
        change: FingerprintChange,
    ) -> Result<Option<Fingerprint>, Failure> {
        self.change_fingerprint(change).await?;
        let id = of.id;
        self.read(move |library| library.fingerprint(id)).await
    }

    /// Why a recording that is due gets no fingerprint.
    pub fn no_fingerprint(row: &RecordingRow) -> Option<&'static str> {
        refusal(row)
    }

    async fn change_fingerprint(&self, change: FingerprintChange) -> Result<(), Failure> {
        let command = StoreCommand::Change(Change::Fingerprint(change));
        Ok(self.recorder.submit(command).await?)
    }
}
