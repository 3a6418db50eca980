//! `ListLiveRecordVideo` of Alibaba Cloud's ApsaraVideo VOD: the recordings of live streams.
//!
//! Source: Alibaba Cloud *ListLiveRecordVideo* (vod 2017-03-21). The sample of that page writes numbers as texts; here they are numbers.

use serde::Serialize;

use super::fault::Fault;
use super::pages::{self, Page};
use super::parameters::{Parameters, streams};
use super::{success, utc_text};
use crate::config::StreamSet;
use crate::doors::http::answer::Answer;
use crate::doors::http::door::Door;
use crate::media::Micros;
use crate::model::{Category, ReviewStatus};
use crate::store::{Order, Query, RecordingRow, RecordingState, RenditionState, Sort};

const ACTION: &str = "ListLiveRecordVideo";
const VERSION: &str = "2017-03-21";

/// What every request has, and nobody here reads: who signs it, and where.
const IGNORED: [&str; 13] = [
    "AccessKeyId",
    "BearerToken",
    "OwnerAccount",
    "OwnerId",
    "RegionId",
    "ResourceOwnerAccount",
    "ResourceOwnerId",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureType",
    "SignatureVersion",
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply<'a> {
    request_id: &'a str,
    total: usize,
    live_record_video_list: List<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct List<'a> {
    live_record_video: Vec<LiveRecordVideo<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LiveRecordVideo<'a> {
    playlist_id: &'a str,
    stream_name: &'a str,
    app_name: &'a str,
    domain_name: &'a str,
    record_start_time: String,
    record_end_time: String,
    video: Video<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Video<'a> {
    video_id: String,
    title: &'a str,
    status: &'static str,
    size: u64,
    /// Seconds.
    duration: f64,
    creation_time: String,
    modify_time: String,
    #[serde(rename = "CoverURL")]
    cover_url: &'static str,
    snapshots: Snapshots,
    tags: String,
    cate_id: u64,
    cate_name: &'a str,
    description: &'a str,
    template_group_id: &'a str,
}

/// The box makes no JPEG.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Snapshots {
    snapshot: [&'static str; 0],
}

/// Reads the question.
pub(super) fn asked(parameters: &mut Parameters, seen: StreamSet) -> Result<(Query, Page), Fault> {
    let action = parameters.take("Action").ok_or(Fault::Missing("Action"))?;
    if action != ACTION {
        return Err(Fault::Action(action, ACTION));
    }
    if let Some(version) = parameters.take("Version").filter(|version| version != VERSION) {
        return Err(Fault::Version(version, VERSION));
    }
    parameters.word("Format", &["JSON", "json"])?;
    parameters.ignore(&IGNORED);
    parameters.ignore(&["Timestamp"]);
    let order = parameters.word("SortBy", &["CreationTime:Desc", "CreationTime:Asc"])?;
    let page = Page::take(parameters, ["PageNo", "PageSize"])?;
    let names = [parameters.take("AppName"), parameters.take("StreamName")];
    let [app, name] = names;
    let (from, to) = (time(parameters, "StartTime")?, time(parameters, "EndTime")?);
    if from.zip(to).is_some_and(|(from, to)| to <= from) {
        let why = "it must be later than StartTime".to_owned();
        return Err(Fault::Value("EndTime".to_owned(), why));
    }
    let query = Query {
        stream: streams(("AppName", app), ("StreamName", name))?,
        within: seen,
        domain: parameters.take("DomainName"),
        from,
        to,
        order: Order {
            sort: Sort::Start,
            descending: order == "CreationTime:Desc",
        },
        ..Query::new(page.size)
    };
    parameters.finish()?;
    Ok((query, page))
}

/// Answers the question.
pub(super) async fn answer(
    door: &Door,
    parameters: &mut Parameters,
    (seen, held_back): (StreamSet, StreamSet),
    request_id: &str,
) -> Result<Answer, Fault> {
    let (query, page) = asked(parameters, seen)?;
    let query = Query { held_back, ..query };
    let found = pages::found(door, page, query, |library| library.categories());
    let (rows, total, categories) = found.await?;
    let videos = rows.iter().map(|row| shown(row, &categories, door.delivers()));
    Ok(success(&Reply {
        request_id,
        total,
        live_record_video_list: List {
            live_record_video: videos.collect(),
        },
    }))
}

/// A recording as they show it.
pub(super) fn shown<'a>(
    row: &'a RecordingRow,
    categories: &'a [Category],
    delivers: bool,
) -> LiveRecordVideo<'a> {
    let (about, facts) = (&row.spec.about, &row.facts);
    let title = facts.title.as_ref().map(|title| title.as_str());
    let category = facts.category.as_ref();
    let named = categories.iter().find(|of| Some(&of.category) == category);
    LiveRecordVideo {
        playlist_id: &about.session,
        stream_name: row.stream.name(),
        app_name: row.stream.app(),
        domain_name: about.domain.as_deref().unwrap_or_default(),
        record_start_time: utc_text(row.start),
        record_end_time: utc_text(row.end),
        video: Video {
            video_id: row.id.to_string(),
            title: title.or(about.name.as_deref()).unwrap_or(row.stream.name()),
            status: status(row, delivers),
            size: row.bytes,
            duration: row.duration as f64 / 1e6,
            creation_time: utc_text(row.start),
            modify_time: utc_text(row.end),
            cover_url: "",
            snapshots: Snapshots::default(),
            tags: facts.tags.texts().join(","),
            // Their ids are numbers, and those of the box are words, which may be numbers.
            cate_id: category.and_then(|id| id.as_str().parse().ok()).unwrap_or(0),
            cate_name: named.map_or("", |of| of.name.as_str()),
            description: facts.description.as_ref().map_or("", |text| text.as_str()),
            template_group_id: &about.template,
        },
    }
}

/// The state of a recording in their words.
fn status(row: &RecordingRow, delivers: bool) -> &'static str {
    let has = |state| row.renditions.iter().any(|rendition| rendition.state == state);
    match (row.state, row.review.as_ref().map(|review| review.status)) {
        (_, Some(ReviewStatus::Block)) => "Blocked",
        (_, Some(ReviewStatus::Review)) => "Checking",
        (state, Some(ReviewStatus::Pass) | None) => delivered(state, has, delivers),
    }
}

/// The state of a recording that viewers may have.
fn delivered(state: RecordingState, has: impl Fn(RenditionState) -> bool, delivers: bool) -> &'static str {
    match state {
        RecordingState::Open => "Uploading",
        RecordingState::Closed if has(RenditionState::Failed) => "UploadFail",
        RecordingState::Closed if delivers => "Uploading",
        RecordingState::Closed | RecordingState::Delivered => "Normal",
        // What was delivered outlives the tape.
        RecordingState::Expired if has(RenditionState::Delivered) => "Normal",
        RecordingState::Expired => "Blocked",
    }
}

/// A time of the form `2017-01-11T12:00:00Z`, and no other.
fn time(parameters: &mut Parameters, name: &str) -> Result<Option<Micros>, Fault> {
    let Some(text) = parameters.take(name) else {
        return Ok(None);
    };
    let is_whole = text.len() == "2017-01-11T12:00:00Z".len();
    let time = jiff::civil::DateTime::strptime("%Y-%m-%dT%H:%M:%SZ", &text);
    let utc = time
        .ok()
        .and_then(|time| jiff::tz::Offset::UTC.to_timestamp(time).ok());
    let utc = utc.filter(|_| is_whole);
    let why = || Fault::value(name, &text, "is no time as in 2017-01-11T12:00:00Z");
    utc.map(|utc| Some(utc.as_microsecond())).ok_or_else(why)
}
