//! Questions and answers beside the documents of the clouds.

use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};

use super::fault::{Fault, Shape};
use super::pages::Page;
use super::parameters::Parameters;
use super::{aliyun, tape, tencent};
use crate::api::tests::closed_row;
use crate::config::{StreamSet, Streams};
use crate::doors::http::answer::{Answer, Refusal};
use crate::doors::http::body::Body;
use crate::doors::http::target::Cloud;
use crate::format::Format;
use crate::media::{Micros, RecordingId};
use crate::model::{Category, Facts, Review, ReviewStatus};
use crate::recorder::{Outcome, Task, TaskState, When};
use crate::store::{Query, RecordingRow, RecordingState, Rendition, RenditionId, RenditionState, Sort};

const SECOND: Micros = 1_000_000;
const DAY: i64 = 86_400;
/// 2026-11-21T08:00:00Z, in seconds.
const NOW: i64 = 1_795_248_000;

/// The parameters of a signature, as Alibaba's document of RPC has them.
const SIGNED: &str = "Format=JSON&Version=2017-03-21&AccessKeyId=LTAI-example&Signature=vpEEL0zFHfxXYzSFV0n7%2FZiFL9o%3D\
                      &SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&SignatureNonce=9166ab59&Timestamp=2017-03-29T09%3A22%3A32Z";

fn parameters(query: &str) -> Parameters {
    Parameters::of_query(query).unwrap()
}

fn of_aliyun(query: &str) -> Result<(Query, Page), Fault> {
    let query = format!("Action=ListLiveRecordVideo&{query}");
    aliyun::asked(&mut Parameters::of_query(&query)?, StreamSet::All)
}

fn of_tencent(query: &str) -> Result<tencent::Asked, Fault> {
    let query = format!("Action=DescribeRecordTask&{query}");
    tencent::asked(&mut Parameters::of_query(&query)?, NOW * SECOND)
}

fn of_tape(query: &str) -> Result<(Query, Page), Fault> {
    let query = format!("interface=Live_Tape_GetFilelist&{query}");
    tape::asked(&mut Parameters::of_query(&query)?, StreamSet::All)
}

fn body(answer: Answer) -> Value {
    let Body::Bytes(bytes) = answer.into_body() else {
        panic!("the body of a refusal is in memory");
    };
    serde_json::from_slice(&bytes).unwrap()
}

/// What is told of a refusal with Alibaba.
fn told(fault: Fault) -> (String, String) {
    let told = body(Shape::Aliyun.refused(&fault, "id"));
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("Code"), text("Message"))
}

fn is_refused<T: std::fmt::Debug>(asked: Result<T, Fault>, query: &str, says: &str) {
    let (_, message) = told(asked.expect_err(query));
    assert!(message.contains(says), "{query}: {message}");
}

fn rendition(format: Format, state: RenditionState, url: &str) -> Rendition {
    Rendition {
        id: RenditionId {
            recording: RecordingId::new(1),
            format,
            part: 1,
        },
        state,
        store: String::new(),
        key: String::new(),
        url: url.to_owned(),
        master_url: None,
        bytes: 0,
        crc: None,
        etag: String::new(),
        upload: None,
        inits: 0,
        chunks: 0,
        error: None,
        delivered: None,
        remove_at: None,
        days: None,
    }
}

fn lesson() -> RecordingRow {
    let facts = json!({"title": "Übung 7 \"代数\"", "tags": ["lesson", "maths"], "category": "4711", "description": "x"});
    let mut row = RecordingRow {
        start: 1_512_718_856 * SECOND + 999_999,
        end: 1_512_722_696 * SECOND,
        duration: 3_839 * SECOND + 500_000,
        bytes: 10_897_890,
        facts: serde_json::from_value::<Facts>(facts).unwrap(),
        ..closed_row()
    };
    row.spec.about.session = "0198f3a2-5b7c-7d00-8000-0123456789ab".to_owned();
    row.spec.about.domain = Some("example.com".to_owned());
    row.spec.about.template = "lesson".to_owned();
    row
}

fn task(number: usize, (start, end): (i64, i64)) -> Task {
    Task {
        id: format!("0198f3a2-5b7c-7d00-8000-{number:012}"),
        stream: "live/livetest".parse().unwrap(),
        template: Some("1024".to_owned()),
        name: None,
        when: When::Once(start * SECOND, end * SECOND),
        state: TaskState::Over,
        outcome: Outcome::default(),
        configured: false,
    }
}

#[test]
fn a_question_of_alibaba_is_read_as_its_document_says() {
    let (query, page) = of_aliyun(&format!(
        "StreamName=live-test&DomainName=example.com&AppName=testApp&PageNo=3&PageSize=100&SortBy=CreationTime:Asc\
         &StartTime=2017-01-11T12%3A00%3A00Z&EndTime=2017-01-11T13:00:00Z&{SIGNED}"
    ))
    .unwrap();
    assert_eq!(
        query.stream,
        Some(Streams::One("testApp/live-test".parse().unwrap()))
    );
    assert_eq!(query.domain.as_deref(), Some("example.com"));
    assert_eq!(
        (query.from, query.to),
        (Some(1_484_136_000 * SECOND), Some(1_484_139_600 * SECOND))
    );
    assert_eq!((query.order.sort, query.order.descending), (Sort::Start, false));
    assert_eq!((page.skip, page.size), (200, 100));
    let (query, page) = of_aliyun("").unwrap();
    assert!(query.order.descending && query.stream.is_none() && query.from.is_none());
    assert_eq!((page.skip, page.size), (0, 10));
    // The last recordings that pages reach.
    let (_, page) = of_aliyun("PageNo=50&PageSize=100").unwrap();
    assert_eq!((page.skip, page.size), (4_900, 100));
    let (_, page) = of_aliyun("PageNo=715&PageSize=7").unwrap();
    assert_eq!((page.skip, page.size), (4_998, 2));
    for (query, fits, fits_not) in [
        ("StreamName=k%C3%BCche%201", "hall/küche 1", "hall/küche 12"),
        ("StreamName=cam+1", "hall/cam 1", "hall/cam+1"),
        ("AppName=hall", "hall/cam1", "hall2/cam1"),
    ] {
        let streams = of_aliyun(query).unwrap().0.stream.unwrap();
        assert!(streams.fits(&fits.parse().unwrap()), "{query}");
        assert!(!streams.fits(&fits_not.parse().unwrap()), "{query}");
    }
}

#[test]
fn what_alibaba_is_not_asked_like_this_is_refused_by_its_name() {
    for (query, says) in [
        ("Foo=1", "Foo: this is no parameter"),
        ("Status=Normal", "Status: this is no parameter"),
        (
            "Version=2016-11-01",
            "version '2016-11-01' is not answered here; 2017-03-21 is",
        ),
        ("Format=XML", "Format: 'XML' is none of JSON"),
        ("PageNo=0", "PageNo: '0' is not a whole number from 1 to 5000"),
        ("PageNo=5001", "PageNo: '5001'"),
        ("PageNo=1000001", "PageNo: '1000001'"),
        ("PageNo=501", "page 501 of 10 begins behind the first 5000"),
        ("PageNo=-1", "PageNo: '-1'"),
        ("PageNo=1e3", "PageNo: '1e3'"),
        ("PageNo=99999999999999999999", "PageNo: '9999"),
        (
            "PageSize=101",
            "PageSize: '101' is not a whole number from 1 to 100",
        ),
        ("PageSize=1000000", "PageSize: '1000000'"),
        ("PageSize=0", "PageSize: '0'"),
        ("PageNo=1&PageNo=2", "PageNo: the parameter is there twice"),
        (
            "SortBy=CreationTime",
            "SortBy: 'CreationTime' is none of CreationTime:Desc, CreationTime:Asc",
        ),
        ("StartTime=2017-01-11", "StartTime: '2017-01-11' is no time"),
        ("StartTime=2017-01-11T12:00:00%2B08:00", "StartTime: "),
        ("StartTime=2017-1-11T12:00:00Z", "StartTime: "),
        ("StartTime=2017-02-30T12:00:00Z", "StartTime: "),
        ("EndTime=1484136000", "EndTime: "),
        (
            "StartTime=2017-01-11T12:00:00Z&EndTime=2017-01-11T12:00:00Z",
            "EndTime: it must be later than StartTime",
        ),
        ("StreamName=cam*", "StreamName: 'cam*' is no name of a stream"),
        ("StreamName=live/cam1", "StreamName: 'live/cam1' is no name"),
        ("AppName=../x", "AppName: "),
        ("AppName=live&StreamName=%07", "StreamName: "),
    ] {
        is_refused(of_aliyun(query), query, says);
    }
    for length in [100, 1_000_000] {
        is_refused(
            of_aliyun(&format!("StreamName={}", "x".repeat(length))),
            "long",
            "StreamName: ",
        );
    }
    let of = |query: &str| aliyun::asked(&mut parameters(query), StreamSet::All);
    assert_eq!(of("PageNo=1").unwrap_err(), Fault::Missing("Action"));
    let (code, message) = told(of("Action=SearchMedia").unwrap_err());
    assert_eq!(code, "InvalidAction.NotFound");
    assert_eq!(
        message,
        "'SearchMedia' is not answered here; ListLiveRecordVideo is"
    );
    // More than a query may have, and by a million.
    for count in [33, 1_000_000] {
        let many = Parameters::of_query(&"a=1&".repeat(count));
        assert!(told(many.unwrap_err()).1.contains("more than 32"));
    }
}

#[test]
fn a_recording_has_the_shape_of_alibaba() {
    let category: Category =
        serde_json::from_value(json!({"category": "4711", "name": "Mathe", "parent": null})).unwrap();
    let row = lesson();
    let shown = serde_json::to_value(aliyun::shown(&row, &[category], false)).unwrap();
    assert_eq!(
        shown,
        json!({
            "PlaylistId": "0198f3a2-5b7c-7d00-8000-0123456789ab",
            "StreamName": "cam1",
            "AppName": "live",
            "DomainName": "example.com",
            "RecordStartTime": "2017-12-08T07:40:56Z",
            "RecordEndTime": "2017-12-08T08:44:56Z",
            "Video": {
                "VideoId": row.id.to_string(),
                "Title": "Übung 7 \"代数\"",
                "Status": "Normal",
                "Size": 10_897_890,
                "Duration": 3839.5,
                "CreationTime": "2017-12-08T07:40:56Z",
                "ModifyTime": "2017-12-08T08:44:56Z",
                "CoverURL": "",
                "Snapshots": {"Snapshot": []},
                "Tags": "lesson,maths",
                "CateId": 4711,
                "CateName": "Mathe",
                "Description": "x",
                "TemplateGroupId": "lesson",
            },
        })
    );
    let bare = closed_row();
    let shown = serde_json::to_value(aliyun::shown(&bare, &[], false)).unwrap();
    assert_eq!(
        (
            &shown["Video"]["Title"],
            &shown["Video"]["CateId"],
            &shown["DomainName"]
        ),
        (&json!("cam1"), &json!(0), &json!(""))
    );
}

#[test]
fn a_state_is_one_of_those_of_alibaba() {
    use RecordingState::{Closed, Delivered, Expired, Open};
    let failed = Some(RenditionState::Failed);
    let delivered = Some(RenditionState::Delivered);
    for (state, rendition_is, delivers, status) in [
        (Open, None, false, "Uploading"),
        (Closed, None, false, "Normal"),
        (Closed, None, true, "Uploading"),
        (Closed, Some(RenditionState::Waiting), true, "Uploading"),
        (Closed, failed, true, "UploadFail"),
        (Delivered, delivered, true, "Normal"),
        (Expired, delivered, true, "Normal"),
        (Expired, None, false, "Blocked"),
    ] {
        let row = RecordingRow {
            state,
            renditions: rendition_is
                .into_iter()
                .map(|state| rendition(Format::Mp4, state, ""))
                .collect(),
            ..closed_row()
        };
        let shown = serde_json::to_value(aliyun::shown(&row, &[], delivers)).unwrap();
        assert_eq!(shown["Video"]["Status"], status, "{state:?} {rendition_is:?}");
    }
    for (status, word) in [
        (ReviewStatus::Block, "Blocked"),
        (ReviewStatus::Review, "Checking"),
        (ReviewStatus::Pass, "Normal"),
    ] {
        let row = RecordingRow {
            review: Some(Review::of(status)),
            ..closed_row()
        };
        let shown = serde_json::to_value(aliyun::shown(&row, &[], false)).unwrap();
        assert_eq!(shown["Video"]["Status"], word);
    }
}

#[test]
fn a_question_of_tencent_is_read_as_its_document_says() {
    let (from, to) = (NOW - 3 * DAY, NOW + 4 * DAY);
    let token = "0198f3a2-5b7c-7d00-8000-0123456789ab";
    let asked = of_tencent(&format!(
        "Version=2018-08-01&Region=ap-guangzhou&StartTime={from}&EndTime={to}&StreamName=livetest&DomainName=5000.live.push.com\
         &AppName=live&ScrollToken={token}&SecretId=AKID&Signature=x&Nonce=1&Timestamp=1&Token=t&SignatureMethod=HmacSHA256"
    ))
    .unwrap();
    assert_eq!((asked.from, asked.to), (from * SECOND, to * SECOND));
    assert_eq!(
        asked.streams,
        Some(Streams::One("live/livetest".parse().unwrap()))
    );
    assert_eq!(asked.domain.as_deref(), Some("5000.live.push.com"));
    assert_eq!(asked.after.as_deref(), Some(token));
    let mut same = Parameters::default();
    let headers = [
        ("x-tc-action", "DescribeRecordTask"),
        ("x-tc-version", "2018-08-01"),
    ];
    let headers = headers.map(|(name, value)| {
        let name = hyper::header::HeaderName::from_static(name);
        (name, hyper::header::HeaderValue::from_static(value))
    });
    same.add_headers(Cloud::Tencent, &headers.into_iter().collect())
        .unwrap();
    let text = json!({"StartTime": from, "EndTime": to.to_string(), "AppName": null});
    same.add_json(text.to_string().as_bytes()).unwrap();
    let asked = tencent::asked(&mut same, NOW * SECOND).unwrap();
    assert_eq!(
        (asked.from, asked.to, asked.streams),
        (from * SECOND, to * SECOND, None)
    );
    // To the second: a week, and 90 days ago.
    let oldest = NOW - 90 * DAY;
    let span = |from: i64, to: i64| format!("StartTime={from}&EndTime={to}");
    assert!(of_tencent(&span(oldest, oldest + 7 * DAY)).is_ok());
    for (query, says) in [
        (
            span(oldest, oldest + 7 * DAY + 1),
            "EndTime: it may be at most a week",
        ),
        (
            span(oldest - 1, NOW - 85 * DAY),
            "StartTime: it may be at most 90 days ago",
        ),
        (span(0, 1), "StartTime: it may be at most 90 days ago"),
        (span(NOW, NOW), "EndTime: it must be later"),
        (span(NOW, NOW - 1), "EndTime: it must be later"),
        (
            span(NOW, 253_402_300_800),
            "EndTime: '253402300800' is not a whole number",
        ),
        (format!("StartTime={NOW}"), "EndTime: the parameter is needed"),
        (format!("EndTime={NOW}"), "StartTime: the parameter is needed"),
        (
            format!("{}&StartTime={NOW}", span(NOW, NOW + 1)),
            "StartTime: the parameter is there twice",
        ),
        (
            format!("{}&Limit=5", span(NOW, NOW + 1)),
            "Limit: this is no parameter",
        ),
        (
            format!("{}&ScrollToken=x", span(NOW, NOW + 1)),
            "ScrollToken: 'x' is none",
        ),
        (
            format!("{}&Version=2017-01-01", span(NOW, NOW + 1)),
            "version '2017-01-01'",
        ),
        (
            format!("{}&StreamName=a/b", span(NOW, NOW + 1)),
            "StreamName: 'a/b'",
        ),
        ("StartTime=2026-11-21T08:00:00Z".to_owned(), "StartTime: '2026"),
    ] {
        is_refused(of_tencent(&query), &query, says);
    }
    let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    for (text, says) in [
        (
            r#"{"StreamName":["a"]}"#,
            "StreamName: a text or a number is needed",
        ),
        (
            r#"{"StreamName":"a","StreamName":"b"}"#,
            "StreamName: the parameter is there twice",
        ),
        (
            r#"{"StreamName":true}"#,
            "StreamName: a text or a number is needed",
        ),
        ("[]", "not a JSON object"),
        ("", "not a JSON object"),
        (&deep, "not a JSON object"),
    ] {
        is_refused(Parameters::default().add_json(text.as_bytes()), text, says);
    }
}

#[test]
fn a_task_has_the_shape_of_tencent_and_pages_have_each_of_a_time_once() {
    let (start, end) = (1_595_779_200, 1_595_782_800);
    let stopped = |at: Option<i64>| {
        let mut task = task(0, (start, end));
        task.state = TaskState::Stopped;
        task.outcome.stopped = at.map(|at| at * SECOND);
        serde_json::to_value(tencent::shown(&task, "5000.live.push.com")).unwrap()
    };
    assert_eq!(
        stopped(Some(1_595_780_000)),
        json!({
            "TaskId": "0198f3a2-5b7c-7d00-8000-000000000000",
            "DomainName": "5000.live.push.com",
            "AppName": "live",
            "StreamName": "livetest",
            "StartTime": start,
            "EndTime": end,
            "TemplateId": 1024,
            "Stopped": 1_595_780_000,
        })
    );
    assert_eq!(stopped(None)["Stopped"], end);
    let over = serde_json::to_value(tencent::shown(&task(0, (start, end)), "d")).unwrap();
    assert_eq!(over["Stopped"], 0);

    // Every third task is of another time, one begins before, and one ends behind.
    let (from, to) = (NOW - DAY, NOW);
    let time = |number: usize| match number {
        0 => (from - 1, from + 60),
        1 => (from, to + 1),
        _ if number.is_multiple_of(3) => (from - 2 * DAY, from - DAY),
        _ => (from, to),
    };
    let tasks: Vec<Task> = (0..1_700).map(|number| task(number, time(number))).collect();
    let read = |after: Option<&str>| {
        let behind = |task: &&Task| after.is_none_or(|after| task.id.as_str() > after);
        tasks.iter().filter(behind).take(500).cloned().collect()
    };
    let mut asked = of_tencent(&format!("StartTime={from}&EndTime={to}")).unwrap();
    let mut seen = Vec::new();
    loop {
        let (page, is_all) = tencent::page(&asked, read);
        assert!(page.len() == tencent::PAGE || is_all, "{}", page.len());
        asked.after = page.last().map(|task| task.id.clone());
        seen.extend(page.into_iter().map(|task| task.id));
        if is_all {
            break;
        }
    }
    let wanted = (2..1_700).filter(|number: &usize| !number.is_multiple_of(3));
    let wanted: Vec<String> = wanted.map(|number| task(number, (0, 1)).id).collect();
    assert_eq!(seen, wanted);
}

#[test]
fn the_older_question_of_tencent_is_read_and_answered_as_its_document_says() {
    let (query, page) = of_tape(
        "appid=1234&Param.s.channel_id=8888_test123&Param.n.page_no=2&Param.n.page_size=20&t=1471850187\
         &sign=b17971b51ba0fe5916ddcd96692e9fb3&Param.s.start_time=2016-12-10%2000:00:00&Param.s.end_time=2016-12-10+01%3A00%3A00",
    )
    .unwrap();
    let streams = query.stream.unwrap();
    assert!(streams.fits(&"live/8888_test123".parse().unwrap()));
    // 2016-12-10 00:00:00 in China.
    assert_eq!(
        (query.from, query.to),
        (Some(1_481_299_200 * SECOND), Some(1_481_302_800 * SECOND))
    );
    assert_eq!((page.skip, page.size, query.order.descending), (20, 20, false));
    assert!(query.length.1.is_some(), "an open recording has no file");
    let (query, _) = of_tape("cmd=1&Param.s.channel_id=live/room%201/cam1&Param.s.sort_type=desc").unwrap();
    assert_eq!(
        query.stream,
        Some(Streams::One("live/room 1/cam1".parse().unwrap()))
    );
    assert!(query.order.descending);
    for (query, says) in [
        ("Param.n.page_no=1", "Param.s.channel_id: the parameter is needed"),
        (
            "Param.s.channel_id=a&Param.n.page_size=101",
            "Param.n.page_size: '101'",
        ),
        ("Param.s.channel_id=a&Param.n.page_no=501", "page 501 of 10"),
        (
            "Param.s.channel_id=a&Param.s.sort_type=up",
            "Param.s.sort_type: 'up' is none of asc, desc",
        ),
        (
            "Param.s.channel_id=a&Param.s.start_time=2016-12-10",
            "Param.s.start_time: '2016-12-10' is no time",
        ),
        (
            "Param.s.channel_id=a&Param.s.start_time=2016-12-10 00:00:00&Param.s.end_time=2016-12-11 00:00:01",
            "at most 24 hours",
        ),
        (
            "Param.s.channel_id=a&Param.s.other=1",
            "Param.s.other: this is no parameter",
        ),
        ("Param.s.channel_id=a*", "Param.s.channel_id: "),
    ] {
        is_refused(of_tape(query), query, says);
    }
    let other = tape::asked(&mut parameters("interface=Live_Tape_Start"), StreamSet::All).unwrap_err();
    assert_eq!(
        told(other).1,
        "'Live_Tape_Start' is not answered here; interface Live_Tape_GetFilelist is"
    );

    let mut row = lesson();
    let shown = |row: &RecordingRow, is_closed| {
        serde_json::to_value(tape::shown(row, Some("https://box"), is_closed)).unwrap()
    };
    assert_eq!(
        shown(&row, false),
        json!({
            "vid": "",
            "start_time": "2017-12-08 15:40:56",
            "end_time": "2017-12-08 16:44:56",
            "file_id": row.id.to_string(),
            "record_file_url": format!("https://box/r/{}.mp4", row.id),
        })
    );
    let url = |row: &RecordingRow, is_closed| {
        shown(row, is_closed)["record_file_url"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(url(&row, true), format!("https://box/r/{}/master.m3u8", row.id));
    row.spec.about.formats = vec![Format::Hls];
    assert_eq!(url(&row, false), format!("https://box/r/{}/master.m3u8", row.id));
    row.renditions = vec![
        rendition(Format::Hls, RenditionState::Delivered, "https://cdn/a.m3u8"),
        rendition(Format::Mp4, RenditionState::Failed, "https://cdn/a.mp4"),
    ];
    assert_eq!(url(&row, false), "https://cdn/a.m3u8");
    row.renditions[1].state = RenditionState::Delivered;
    assert_eq!(url(&row, false), "https://cdn/a.mp4");
    row.state = RecordingState::Expired;
    row.renditions.clear();
    assert_eq!(url(&row, false), "");
}

#[test]
fn each_cloud_refuses_in_its_own_shape() {
    let unknown = Fault::Unknown("Foo".to_owned());
    let answer = Shape::Aliyun.refused(&unknown, "id");
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    let message = "Foo: this is no parameter of this action";
    assert_eq!(
        body(answer),
        json!({"RequestId": "id", "Code": "InvalidParameter", "Message": message})
    );
    let answer = Shape::Tencent.refused(&unknown, "id");
    assert_eq!(answer.status(), 200);
    let error = json!({"Code": "UnknownParameter", "Message": message});
    assert_eq!(
        body(answer),
        json!({"Response": {"Error": error, "RequestId": "id"}})
    );
    let answer = Shape::Tape.refused(&unknown, "id");
    assert_eq!(answer.status(), 200);
    assert_eq!(body(answer), json!({"ret": 400, "message": message}));
    // What the door refuses has its status, and its headers.
    let many = Fault::from(Refusal::too_many("slowly", 7));
    for (shape, code) in [
        (Shape::Aliyun, "/Code"),
        (Shape::Tencent, "/Response/Error/Code"),
        (Shape::Tape, "/ret"),
    ] {
        let answer = shape.refused(&many, "id");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()[RETRY_AFTER]),
            (429, "7".parse().as_ref().unwrap())
        );
        let told = body(answer);
        let code = told.pointer(code).unwrap();
        assert!(
            [json!("Throttling"), json!("RequestLimitExceeded"), json!(429)].contains(code),
            "{told}"
        );
    }
    // What comes from outside is bounded, and controls no terminal.
    let odd = Fault::Unknown("\u{1b}[31m".to_owned() + &"x".repeat(1_000_000));
    let (_, message) = told(odd);
    assert!(message.len() < 200 && message.starts_with("?[31m"), "{message}");
    for (query, shape) in [
        ("interface=x", Shape::Tape),
        ("cmd=1&interface=Live_Tape_GetFilelist", Shape::Tape),
        ("Action=interface", Shape::Tencent),
    ] {
        assert_eq!(Shape::of(Cloud::Tencent, query), shape, "{query}");
        assert_eq!(Shape::of(Cloud::Aliyun, query), Shape::Aliyun);
    }
}
