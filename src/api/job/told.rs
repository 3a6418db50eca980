//! How far a job is, and why it waits.

use crate::api::Api;
use crate::api::answer::Failure;
use crate::delivery::SyncStatus;
use crate::event::{JobFile, rfc3339};
use crate::model::reply::{self, JobProgress};
use crate::store::{JobRow, RecordingRow, RenditionState};

pub(super) async fn shown(api: &Api, row: &JobRow) -> Result<reply::Job, Failure> {
    let status = status_for(api, std::iter::once(row)).await;
    told(api, row, status.as_ref()).await
}

/// The state of delivery, where one of the jobs goes on.
pub(super) async fn status_for<'a>(api: &Api, rows: impl Iterator<Item = &'a JobRow>) -> Option<SyncStatus> {
    let goes_on = rows.into_iter().any(|row| row.state.is_open());
    let uploader = api.uploader().ok().filter(|_| goes_on)?;
    uploader.status().await.ok()
}

pub(super) async fn told(
    api: &Api,
    row: &JobRow,
    status: Option<&SyncStatus>,
) -> Result<reply::Job, Failure> {
    let recording = row.job.recording;
    let (made, renditions) = api
        .read(move |library| Ok((library.recording(recording)?, library.renditions(recording)?)))
        .await?;
    let delivered = renditions
        .iter()
        .filter(|of| of.state == RenditionState::Delivered);
    let files = delivered
        .map(|of| JobFile {
            format: of.id.format.to_string(),
            part: of.id.part,
            url: of.url.clone(),
            bytes: of.bytes,
        })
        .collect();
    let goes_on = made.as_ref().filter(|_| row.state.is_open());
    let is_held = goes_on.is_some_and(|made| made.is_held_back() || api.held().has(made.id, &made.tape));
    Ok(reply::Job {
        job: row.job.id.to_string(),
        kind: row.job.kind,
        state: row.state,
        recording: recording.to_string(),
        streams: row.job.streams.iter().map(ToString::to_string).collect(),
        asked: rfc3339(row.job.time),
        ended: row.ended.map(rfc3339),
        reason: row.reason.clone().or_else(|| waits(goes_on?, is_held, status)),
        progress: goes_on.map(|made| progress(made, status)),
        files,
    })
}

/// Why a job waits, and what can be done.
fn waits(made: &RecordingRow, is_held: bool, status: Option<&SyncStatus>) -> Option<String> {
    let Some(status) = status else {
        return Some("nothing is delivered: the configuration has no sync.url".to_owned());
    };
    if is_held {
        return Some(
            "a review holds back its recording, or tape that it has: pass it (recording.review)".to_owned(),
        );
    }
    let failed = made
        .renditions
        .iter()
        .find(|of| of.state == RenditionState::Failed);
    if let Some(failed) = failed {
        let why = failed.error.as_deref().unwrap_or("the delivery failed");
        return Some(format!(
            "{}: {why}; it is tried again with sync.retry",
            failed.id.format
        ));
    }
    match status.state {
        "paused" => Some("delivery is paused: sync.resume".to_owned()),
        "waiting" => Some("nothing is sent at this time of the day".to_owned()),
        "offline" => Some(match &status.reason {
            Some(reason) => format!("the object store is not reached: {reason}"),
            None => "the object store is not reached".to_owned(),
        }),
        _ => None,
    }
}

/// How much of its files is delivered.
fn progress(made: &RecordingRow, status: Option<&SyncStatus>) -> JobProgress {
    let recording = made.id.to_string();
    let (mut sent, mut bytes) = (0_u64, 0_u64);
    for format in &made.spec.output.formats {
        let own = made.renditions.iter().filter(|of| of.id.format == *format);
        let transfer = status
            .into_iter()
            .flat_map(|status| &status.transfers)
            .find(|one| one.recording == recording && one.format == format.as_str());
        let is_over = |of: RenditionState| matches!(of, RenditionState::Delivered | RenditionState::Void);
        let over: u64 = own
            .clone()
            .filter(|of| is_over(of.state))
            .map(|of| of.bytes)
            .sum();
        let is_whole = own.clone().next().is_some() && own.clone().all(|of| is_over(of.state));
        sent = sent.saturating_add(over);
        bytes = bytes.saturating_add(over);
        match transfer {
            Some(one) => {
                sent = sent.saturating_add(one.sent_bytes);
                bytes = bytes.saturating_add(one.bytes.max(one.sent_bytes));
            }
            None if is_whole => {}
            None => bytes = bytes.saturating_add(made.bytes.saturating_sub(over)),
        }
    }
    let percent = sent.saturating_mul(100).checked_div(bytes).unwrap_or(0).min(100);
    let rate = status.map_or(0, |status| status.rate);
    JobProgress {
        percent: u8::try_from(percent).unwrap_or(100),
        sent_bytes: sent,
        bytes,
        left_s: bytes.saturating_sub(sent).checked_div(rate),
    }
}
