//! The time line over a door: what may be asked, and that the answer fits.

use serde_json::json;

use super::{a_box, asked};
use crate::api::{Caller, MAX_ANSWER, Request, Scope};
use crate::config::{Pattern, StreamSet};
use crate::media::{PublishId, RecordingId};
use crate::model::Rights;
use crate::store::{Command, RecordingSpec, testing};

const ZERO: i64 = 1_000_000_000_000;

#[tokio::test]
async fn a_time_line_that_cannot_be_is_refused_by_its_argument() {
    let the_box = a_box();
    for (body, field, words) in [
        (json!({}), "stream", "missing"),
        (json!({ "stream": "live/*" }), "stream", "one stream is needed"),
        (
            json!({ "stream": "live/a", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z" }),
            "to",
            "later than",
        ),
        (
            json!({ "stream": "live/a", "from": "2026-01-02T00:00:00Z", "to": "2026-01-02T00:00:00Z" }),
            "to",
            "later than",
        ),
        (
            json!({ "stream": "live/a", "from": "1970-01-01T00:00:00Z" }),
            "from",
            "at most 366 days",
        ),
        (
            json!({ "stream": "live/a", "resolution": "10ms" }),
            "resolution",
            "shorter than a second",
        ),
        (
            json!({ "stream": "live/a", "resolution": "a bit" }),
            "resolution",
            "length of time",
        ),
        (
            json!({ "stream": "live/a", "time_zone": "Mars" }),
            "time_zone",
            "not a time zone",
        ),
        (
            json!({ "stream": "live/a", "limit": 2_001 }),
            "limit",
            "1 to 2000",
        ),
        (json!({ "stream": "live/a", "limit": 0 }), "limit", "1 to 2000"),
    ] {
        let (code, about, message) = the_box.refused("timeline", &body).await;
        assert_eq!(
            (code.as_str(), about.as_str()),
            ("bad_request", field),
            "{body}: {message}"
        );
        assert!(message.contains(words), "{body}: {message}");
    }
    the_box.done().await;
}

#[tokio::test]
async fn a_stream_without_tape_has_the_last_day_and_its_midnights() {
    let the_box = a_box();
    let body = json!({ "stream": "live/a", "to": "2026-03-29T22:00:00Z", "time_zone": "Europe/Berlin" });
    let answer = the_box.ask("timeline", &body).await;
    let line = &answer["result"];
    assert_eq!(
        (&line["from"], &line["resolution_s"]),
        (&json!("2026-03-28T22:00:00.000000Z"), &json!(300.0)),
        "{line}"
    );
    assert_eq!(line["bytes"], json!(vec![0; 288]));
    assert_eq!(
        (&line["spans"], &line["clips"], line.get("more_clips")),
        (&json!([]), &json!([]), None)
    );
    let days = json!([
        { "date": "2026-03-28", "from": "2026-03-27T23:00:00.000000Z", "to": "2026-03-28T23:00:00.000000Z", "duration_s": 0.0, "bytes": 0 },
        { "date": "2026-03-29", "from": "2026-03-28T23:00:00.000000Z", "to": "2026-03-29T22:00:00.000000Z", "duration_s": 0.0, "bytes": 0 },
    ]);
    assert_eq!(line["days"], days);
    the_box.done().await;
}

#[tokio::test]
async fn an_answer_fits_however_much_there_is_and_says_its_resolution() {
    let the_box = a_box();
    // Six hundred recordings of a second, a minute apart.
    for n in 0..600_i64 {
        let publish = PublishId::new(n.unsigned_abs() + 1);
        let zero = ZERO + n * 60_000_000;
        for command in [
            Command::PublishStarted {
                tell: None,
                publish,
                stream: "live/a".parse().unwrap(),
                tape_zero: zero,
                boot_zero: n * 60_000_000,
                about: Default::default(),
            },
            Command::RecordingStarted {
                recording: RecordingId::new(n.unsigned_abs() + 1),
                publish,
                start: zero,
                spec: RecordingSpec::built_in().into(),
            },
            Command::Append {
                publish,
                fragment: testing::fragment(0, true),
            },
            Command::PublishEnded {
                publish,
                reason: "unpublished".to_owned(),
                outcome: Default::default(),
            },
        ] {
            the_box.store.submit(command).unwrap();
        }
    }
    the_box.api.recorder.flush().await.unwrap();
    let first = the_box.ask("recording.list", &json!({ "limit": 1 })).await;
    let first: jiff::Timestamp = first["result"]["recordings"][0]["start"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let last = first.checked_add(jiff::SignedDuration::from_mins(600)).unwrap();
    let body =
        json!({ "stream": "live/a", "from": first.to_string(), "to": last.to_string(), "resolution": "30s" });
    let api = the_box.api.for_caller(Caller::http(
        "viewer",
        Scope {
            rights: Rights::ALL,
            moderates: StreamSet::All,
            streams: StreamSet::of([Pattern::try_from("live/a".to_owned()).unwrap()]),
        },
    ));
    let whole = asked(&api, "timeline", &body).await;
    assert!(whole.to_string().len() <= MAX_ANSWER && whole["ok"] == true);
    for most in [30_000, 8_000, 2_000] {
        let request = Request::parse(body.to_string().as_bytes()).unwrap();
        let answer = api.ask_within("timeline", request, most).await;
        assert!(
            answer.to_json().len() <= most,
            "{} of {most}",
            answer.to_json().len()
        );
        let line = answer.result.unwrap();
        let resolution = line["resolution_s"].as_f64().unwrap();
        assert!(resolution >= whole["result"]["resolution_s"].as_f64().unwrap());
        let bytes = line["bytes"].as_array().unwrap();
        assert_eq!(bytes.len(), (36_000.0 / resolution).ceil() as usize);
        let sum = |line: &serde_json::Value| -> u64 {
            line["bytes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|bytes| bytes.as_u64().unwrap())
                .sum()
        };
        assert_eq!(sum(&line), sum(&whole["result"]));
    }
    the_box.done().await;
}
