//! `Live_Tape_GetFilelist` of Tencent Cloud's older interface (`fcgi.video.qcloud.com/common_access`): the files of a stream.
//!
//! Source: Tencent Cloud *Query Recording File* (267/5960), which lists the fields below. That page does not say in which time zone
//! times are; as in the interfaces beside it, it is China Standard Time, UTC+8.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::Serialize;

use super::fault::Fault;
use super::pages::{self, Page};
use super::parameters::{Parameters, streams};
use super::success;
use crate::config::StreamSet;
use crate::doors::http::answer::Answer;
use crate::doors::http::door::Door;
use crate::doors::http::encrypted;
use crate::format::Format;
use crate::media::Micros;
use crate::model::recording_path;
use crate::store::{Order, Query, RecordingRow, RecordingState, RenditionState, Sort};

const INTERFACE: &str = "Live_Tape_GetFilelist";
/// How times are written.
const TIME: &str = "%Y-%m-%d %H:%M:%S";
/// The longest time that is asked for: the cloud's limit.
const LONGEST: Micros = 24 * 3_600_000_000;
/// The zone of these times: that of China.
const CHINA: Offset = jiff::tz::offset(8);
/// Longer than any recording that is complete.
const ANY_LENGTH: Micros = Micros::MAX - 1;

/// Who asks, and the signature.
const IGNORED: [&str; 5] = ["APPID", "appid", "cmd", "t", "sign"];

#[derive(Serialize)]
struct Reply<'a> {
    ret: u8,
    message: &'static str,
    output: Output<'a>,
}

#[derive(Serialize)]
struct Output<'a> {
    all_count: usize,
    file_list: Vec<File<'a>>,
}

#[derive(Serialize)]
pub(super) struct File<'a> {
    /// Empty: then the address counts.
    vid: &'static str,
    start_time: String,
    end_time: String,
    file_id: String,
    record_file_url: std::borrow::Cow<'a, str>,
}

/// Reads the question.
pub(super) fn asked(parameters: &mut Parameters, seen: StreamSet) -> Result<(Query, Page), Fault> {
    let interface = parameters.take("interface").ok_or(Fault::Missing("interface"))?;
    if interface != INTERFACE {
        return Err(Fault::Action(interface, "interface Live_Tape_GetFilelist"));
    }
    parameters.ignore(&IGNORED);
    let channel = parameters.take("Param.s.channel_id");
    let channel = channel.ok_or(Fault::Missing("Param.s.channel_id"))?;
    // Their code of a stream has no app. Here it may have one before it.
    let (app, name) = match channel.rsplit_once('/') {
        Some((app, name)) => (Some(app.to_owned()), name.to_owned()),
        None => (None, channel),
    };
    let of = "Param.s.channel_id";
    let page = Page::take(parameters, ["Param.n.page_no", "Param.n.page_size"])?;
    let order = parameters.word("Param.s.sort_type", &["asc", "desc"])?;
    let from = time(parameters, "Param.s.start_time")?;
    let to = time(parameters, "Param.s.end_time")?;
    if let Some(length) = from.zip(to).map(|(from, to)| to.saturating_sub(from)) {
        let wrong = |why: &str| Err(Fault::Value("Param.s.end_time".to_owned(), why.to_owned()));
        if length <= 0 {
            return wrong("it must be later than Param.s.start_time");
        }
        if length > LONGEST {
            return wrong("it may be at most 24 hours later than Param.s.start_time");
        }
    }
    let query = Query {
        stream: streams((of, app), (of, Some(name)))?,
        within: seen,
        from,
        to,
        // An open recording has no file yet, and is longer than any other.
        length: (None, Some(ANY_LENGTH)),
        order: Order {
            sort: Sort::Start,
            descending: order == "desc",
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
) -> Result<Answer, Fault> {
    let (query, page) = asked(parameters, seen)?;
    let query = Query { held_back, ..query };
    let (rows, all_count, ()) = pages::found(door, page, query, |_| Ok(())).await?;
    let address = door.api.address();
    let file = |row| shown(row, address.as_deref(), encrypted::in_clear(door, row).is_err());
    Ok(success(&Reply {
        ret: 0,
        message: "",
        output: Output {
            all_count,
            file_list: rows.iter().map(file).collect(),
        },
    }))
}

/// A recording as they show a file. `address` is that of the box, `is_closed` is true where the recording is had encrypted alone.
pub(super) fn shown<'a>(row: &'a RecordingRow, address: Option<&str>, is_closed: bool) -> File<'a> {
    File {
        vid: "",
        start_time: china_text(row.start),
        end_time: china_text(row.end),
        file_id: row.id.to_string(),
        record_file_url: delivered(row).map_or_else(|| here(row, address, is_closed).into(), Into::into),
    }
}

/// The address of the recording at the destination of deliveries: of the file that most programs read.
fn delivered(row: &RecordingRow) -> Option<&str> {
    let delivered = |rendition: &&crate::store::Rendition| rendition.state == RenditionState::Delivered;
    [Format::Mp4, Format::Flv, Format::Hls, Format::Fmp4, Format::Aac]
        .into_iter()
        .find_map(|format| {
            let of = row
                .renditions
                .iter()
                .filter(|rendition| rendition.id.format == format);
            of.filter(delivered).min_by_key(|rendition| rendition.id.part)
        })
        .map(|rendition| rendition.master_url.as_deref().unwrap_or(&rendition.url))
        .filter(|url| !url.is_empty())
}

/// The address of the recording on the box; empty where it has none.
fn here(row: &RecordingRow, address: Option<&str>, is_closed: bool) -> String {
    let address = address.filter(|_| row.state != RecordingState::Expired);
    let Some(address) = address else {
        return String::new();
    };
    let path = recording_path(row.id);
    let formats = &row.spec.about.formats;
    let end = if is_closed || formats == &[Format::Hls] {
        "/master.m3u8"
    } else if formats == &[Format::Aac] {
        ".m4a"
    } else {
        ".mp4"
    };
    format!("{address}{path}{end}")
}

fn china_text(utc: Micros) -> String {
    let time = jiff::Timestamp::from_microsecond(utc).unwrap_or_default();
    CHINA.to_datetime(time).strftime(TIME).to_string()
}

fn time(parameters: &mut Parameters, name: &str) -> Result<Option<Micros>, Fault> {
    let Some(text) = parameters.take(name) else {
        return Ok(None);
    };
    let is_whole = text.len() == "2016-12-10 00:00:00".len();
    let time = DateTime::strptime(TIME, &text).ok().filter(|_| is_whole);
    let utc = time.and_then(|time| CHINA.to_timestamp(time).ok());
    let why = || Fault::value(name, &text, "is no time as in 2016-12-10 00:00:00 (UTC+8)");
    utc.map(|utc| Some(utc.as_microsecond())).ok_or_else(why)
}
