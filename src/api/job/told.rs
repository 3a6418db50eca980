//! How far a job is, and why it waits.

use crate::api::Api;
use crate::api::answer::Failure;
use crate::delivery::SyncStatus;
use crate::event::{JobFile, rfc3339};
use crate::model::reply::{self, JobProgress};
use crate::model::{Form, JobState};
use crate::store::{JobRow, RecordingRow, RenditionState};

pub(super) async fn shown(api: &Api, row: &JobRow) -> Result<reply::Job, Failure> {
    let status = status_for(api, std::iter::once(row)).await;
    Ok(told(api, row, status.as_ref()).await?.0)
}

/// The state of delivery, where one of the jobs goes on.
pub(super) async fn status_for<'a>(api: &Api, rows: impl Iterator<Item = &'a JobRow>) -> Option<SyncStatus> {
    let goes_on = rows.into_iter().any(|row| row.state.is_open());
    let uploader = api.uploader().ok().filter(|_| goes_on)?;
    uploader.status().await.ok()
}

/// How far a job is, as the caller may know it; and whether a review holds back what it makes.
pub(super) async fn told(
    api: &Api,
    row: &JobRow,
    status: Option<&SyncStatus>,
) -> Result<(reply::Job, bool), Failure> {
    if row.job.work.is_some() {
        return of_work(api, row).await;
    }
    let recording = row.job.recording;
    let (made, renditions, sent) = api
        .read(move |library| {
            let (row, all) = (library.recording(recording)?, library.renditions(recording)?);
            Ok((row, all, library.sent_pieces(recording)?))
        })
        .await?;
    let is_held_back = made
        .as_ref()
        .is_some_and(|made| made.is_held_back() || api.held().has(made.id, &made.tape));
    // Where viewers do not get it, they do not learn where it is either.
    let is_hidden = made.as_ref().is_some_and(|made| api.expect_seen(made).is_err());
    let delivered = renditions
        .iter()
        .filter(|of| of.state == RenditionState::Delivered && !is_hidden);
    let files = delivered
        .map(|of| JobFile {
            format: of.id.format.to_string(),
            part: of.id.part,
            url: of.url.clone(),
            bytes: of.bytes,
        })
        .collect();
    let goes_on = made.as_ref().filter(|_| row.state.is_open());
    let waits = || match goes_on? {
        _ if is_hidden => None,
        _ if is_held_back => Some(HELD_BACK.to_owned()),
        made => waits(made, status),
    };
    let job = reply::Job {
        job: row.job.id.to_string(),
        kind: row.job.kind,
        state: row.state,
        recording: recording.to_string(),
        streams: row.job.streams.iter().map(ToString::to_string).collect(),
        asked: rfc3339(row.job.time),
        ended: row.ended.map(rfc3339),
        steps: None,
        reason: row.reason.clone().or_else(waits),
        progress: goes_on.map(|made| progress(made, &sent, status)),
        files,
    };
    Ok((job, is_held_back))
}

const HELD_BACK: &str = "a review holds back its recording, or tape that it has: pass it (recording.review)";

/// A job that the media worker works for.
async fn of_work(api: &Api, row: &JobRow) -> Result<(reply::Job, bool), Failure> {
    let recording = row.job.recording;
    let of = api.read(move |library| library.recording(recording)).await?;
    let is_held_back = of
        .as_ref()
        .is_some_and(|of| of.is_held_back() || api.held().has(of.id, &of.tape));
    let waits = api.work().reason(row.job.id).filter(|_| row.state.is_open());
    let job = reply::Job {
        job: row.job.id.to_string(),
        kind: row.job.kind,
        state: match (&waits, row.state) {
            (Some(_), JobState::Running) => JobState::Waiting,
            (_, state) => state,
        },
        recording: recording.to_string(),
        streams: row.job.streams.iter().map(ToString::to_string).collect(),
        asked: rfc3339(row.job.time),
        ended: row.ended.map(rfc3339),
        steps: row.steps(),
        reason: waits.or_else(|| row.reason.clone()),
        progress: None,
        files: Vec::new(),
    };
    Ok((job, is_held_back))
}

/// Why a job waits, and what can be done.
fn waits(made: &RecordingRow, status: Option<&SyncStatus>) -> Option<String> {
    let Some(status) = status else {
        return Some(
            "nothing is delivered now: the service is about to stop, or the configuration has no sync.url any more: give it one, or cancel \
             the job"
                .to_owned(),
        );
    };
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

/// How much of its files is delivered. `sent`: what the object store has of files that are not whole, by format.
fn progress(made: &RecordingRow, sent: &[(String, u64)], status: Option<&SyncStatus>) -> JobProgress {
    let recording = made.id.to_string();
    let of_parts = |format: &str| {
        sent.iter()
            .find(|(of, _)| of == format)
            .map_or(0, |(_, sent)| *sent)
    };
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
        let (of_one, size) = match transfer {
            Some(one) => (one.sent_bytes.max(of_parts(format.as_str())), one.bytes),
            None => (of_parts(format.as_str()), 0),
        };
        let known = over.saturating_add(of_one.max(size));
        sent = sent.saturating_add(over).saturating_add(of_one);
        bytes = bytes.saturating_add(match made.form {
            _ if is_whole && transfer.is_none() => over,
            // The size of what is sent is right, and that of a time lapse is far from that of its tape.
            Form::Lapse(_) if size > 0 => known,
            // A part that is not begun yet counts, too.
            _ => known.max(made.bytes),
        });
    }
    // It is not over before the object store has confirmed all of it.
    let percent = sent.saturating_mul(100).checked_div(bytes).unwrap_or(0).min(99);
    let rate = status.map_or(0, |status| status.rate);
    JobProgress {
        percent: u8::try_from(percent).unwrap_or(99),
        sent_bytes: sent,
        bytes,
        left_s: bytes.saturating_sub(sent).checked_div(rate),
    }
}
