//! The clouds' questions over HTTP, as a client with a viewer's key asks them.

use serde_json::{Value, json};

use crate::support::http::{Reply, ask, get};
use crate::support::{Service, home, record_sample, typed};

const STAFF: &str = "7d1f0c5ae29b4f63886b0e4f9a2c51d7";
const GUEST: &str = "8e1f0c5ae29b4f63886b0e4f9a2c51d8";
const SIGNATURE: &str = "vpEEL0zFHfxXYzSFV0n7ZiFL9o";

fn sections(compat: bool) -> String {
    format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\npublic_url = \"https://video.example.com\"\ncompat = {compat}\n\
         [[task]]\nname = \"once\"\nstream = \"hall/cam2\"\nstart = \"2030-01-01T00:00:00Z\"\nduration = \"1h\"\n\
         [[viewer]]\nname = \"staff\"\nkey = \"{STAFF}\"\n\
         [[viewer]]\nname = \"guest\"\nkey = \"{GUEST}\"\nstreams = \"live/cam1\"\n\
         [[viewer]]\nname = \"meter\"\nkey = \"9f1f0c5ae29b4f63886b0e4f9a2c51d9\"\nmay = [\"metrics\"]\n"
    )
}

fn get_as(service: &Service, key: &str, path: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    get(service.http(), path, &[("Authorization", &bearer)])
}

fn post_as(service: &Service, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let bearer = format!("Bearer {STAFF}");
    let headers = [&[("Authorization", bearer.as_str())], headers].concat();
    ask(service.http(), "POST", path, &headers, body.as_bytes())
}

fn ids(list: &Value, names: [&str; 3]) -> Vec<String> {
    let rows = list.pointer(names[0]).and_then(Value::as_array).expect("a list");
    let id = |row: &Value| row.pointer(names[1]).or(row.pointer(names[2])).cloned();
    rows.iter()
        .map(|row| id(row).unwrap().as_str().unwrap().to_owned())
        .collect()
}

fn videos(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let list = "/LiveRecordVideoList/LiveRecordVideo";
    ids(&reply.json(), [list, "/Video/VideoId", ""])
}

#[test]
fn programs_of_both_clouds_ask_the_box_and_see_what_their_viewer_may() {
    let home = home();
    let service = Service::start_talkative(home.path(), &sections(true), &[]);
    let first = record_sample(&service, "live/cam1").id;
    let second = record_sample(&service, "hall/cam2").id;
    typed(home.path(), &["recording", "set", &first, "--title", "Übung 7"]);

    // Alibaba: by query and by form.
    let signed = format!(
        "Format=JSON&Version=2017-03-21&AccessKeyId=a&Signature={SIGNATURE}%3D&SignatureNonce=1&Timestamp=x"
    );
    let question = format!("Action=ListLiveRecordVideo&{signed}&SortBy=CreationTime:Asc");
    let path = format!("/compat/aliyun?{question}");
    let all = get_as(&service, STAFF, &path);
    assert_eq!(videos(&all), [first.clone(), second.clone()]);
    let told = all.json();
    assert_eq!(told["Total"], 2);
    let video = &told["LiveRecordVideoList"]["LiveRecordVideo"][0];
    assert_eq!(
        (
            &video["StreamName"],
            &video["AppName"],
            &video["Video"]["Title"],
            &video["Video"]["Status"]
        ),
        (
            &json!("cam1"),
            &json!("live"),
            &json!("Übung 7"),
            &json!("Normal")
        )
    );
    assert!(
        video["Video"]["Duration"]
            .as_f64()
            .is_some_and(|seconds| seconds > 1.0),
        "{video}"
    );
    let form = [("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")];
    let page = post_as(
        &service,
        "/compat/aliyun/",
        &form,
        &format!("{question}&PageSize=1&PageNo=2"),
    );
    assert_eq!(
        (videos(&page), &page.json()["Total"]),
        (vec![second.clone()], &json!(2))
    );
    let of_guest = get_as(&service, GUEST, &path);
    assert_eq!(
        (videos(&of_guest), &of_guest.json()["Total"]),
        (vec![first.clone()], &json!(1))
    );
    let other = get_as(&service, GUEST, &format!("{path}&StreamName=cam2"));
    assert_eq!((videos(&other), &other.json()["Total"]), (Vec::new(), &json!(0)));
    let later = get_as(&service, STAFF, &format!("{path}&StartTime=2035-01-01T00:00:00Z"));
    assert_eq!((videos(&later), &later.json()["Total"]), (Vec::new(), &json!(0)));
    let wrong = get_as(&service, STAFF, &format!("{path}&Status=Normal"));
    assert_eq!(
        (wrong.status, &wrong.json()["Code"]),
        (400, &json!("InvalidParameter"))
    );
    assert!(wrong.json()["RequestId"].is_string());
    let wrong = get_as(&service, "wrong", &path);
    assert_eq!((wrong.status, &wrong.json()["Code"]), (401, &json!("Forbidden")));
    assert!(wrong.header("www-authenticate").is_some());
    let meter = get_as(&service, "9f1f0c5ae29b4f63886b0e4f9a2c51d9", &path);
    assert_eq!((meter.status, &meter.json()["Code"]), (403, &json!("Forbidden")));

    // Tencent: tasks, by JSON and by query.
    let action = [
        ("Content-Type", "application/json"),
        ("X-TC-Action", "DescribeRecordTask"),
        ("X-TC-Version", "2018-08-01"),
    ];
    let span = json!({"StartTime": 1_893_456_000 - 3_600, "EndTime": 1_893_456_000 + 7_200});
    let tasks = post_as(&service, "/compat/tencent", &action, &span.to_string()).json();
    assert_eq!(tasks["Response"]["ScrollToken"], "");
    assert_eq!(
        tasks["Response"]["TaskList"],
        json!([{
            "TaskId": "config.once", "DomainName": tasks["Response"]["TaskList"][0]["DomainName"], "AppName": "hall",
            "StreamName": "cam2", "StartTime": 1_893_456_000, "EndTime": 1_893_459_600, "TemplateId": 0, "Stopped": 0,
        }])
    );
    let path = "/compat/tencent?Action=DescribeRecordTask&StartTime=1893452400&EndTime=1893463200";
    let of_guest = get_as(&service, GUEST, path).json();
    assert_eq!(of_guest["Response"]["TaskList"], json!([]));
    let unknown = get_as(&service, STAFF, "/compat/tencent?Action=DeleteRecordTask");
    assert_eq!(
        (unknown.status, &unknown.json()["Response"]["Error"]["Code"]),
        (200, &json!("InvalidAction"))
    );
    let wrong = get_as(&service, "wrong", path);
    assert_eq!(
        (wrong.status, &wrong.json()["Response"]["Error"]["Code"]),
        (401, &json!("AuthFailure"))
    );

    // Tencent: files, by the older interface.
    let path = format!(
        "/compat/tencent?appid=1&interface=Live_Tape_GetFilelist&t=1&sign={SIGNATURE}&Param.s.channel_id=cam1"
    );
    let files = get_as(&service, GUEST, &path).json();
    assert_eq!(
        (&files["ret"], &files["output"]["all_count"]),
        (&json!(0), &json!(1))
    );
    let file = &files["output"]["file_list"][0];
    assert_eq!(file["file_id"], json!(first));
    assert_eq!(
        file["record_file_url"],
        format!("https://video.example.com/r/{first}.mp4")
    );
    let wrong = get_as(&service, "wrong", &path);
    assert_eq!((wrong.status, &wrong.json()["ret"]), (401, &json!(401)));

    let log = service.log_with(&["/compat/tencent"]);
    assert!(!log.contains(SIGNATURE) && !log.contains("AccessKeyId"), "{log}");
    service.stop();

    // It is off unless somebody wants it.
    let service = Service::start_with(home.path(), &sections(false));
    let off = get_as(&service, STAFF, "/compat/aliyun?Action=ListLiveRecordVideo");
    assert_eq!(off.status, 404);
    assert!(off.text().contains("http.compat = true"), "{}", off.text());
}
