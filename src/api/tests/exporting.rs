//! Exports by command: what is refused before anything is made.

use serde_json::{Value, json};

use super::a_box;
use super::composing::{id, record};

#[tokio::test]
async fn an_export_that_cannot_be_made_or_delivered_is_refused_and_is_no_job() {
    let the_box = a_box();
    let all: Vec<u8> = (1..=21).collect();
    for n in &all {
        record(&the_box, &format!("s{n}"), *n, false).await;
    }
    let of = |all: &[u8]| -> Vec<Value> {
        all.iter()
            .map(|n| json!({"recording": id(*n).to_string()}))
            .collect()
    };
    let one = id(1).to_string();
    for (body, code, about) in [
        (json!({}), "bad_request", "recording"),
        (
            json!({"recording": one, "ranges": of(&all)}),
            "bad_request",
            "ranges",
        ),
        (json!({"ranges": of(&all), "from_s": 1}), "bad_request", "from_s"),
        (json!({"ranges": of(&all)}), "refused", "ranges"),
        (json!({"recording": one, "speed": 1}), "bad_request", "speed"),
        (json!({"recording": id(99).to_string()}), "not_found", "recording"),
        // The box delivers nothing.
        (json!({"ranges": of(&all[..20])}), "conflict", ""),
        (json!({"recording": one}), "conflict", ""),
    ] {
        let (found, field, message) = the_box.refused("export.create", &body).await;
        assert_eq!((found.as_str(), field.as_str()), (code, about), "{message}");
    }
    let list = the_box.ask("job.list", &json!({})).await;
    assert_eq!(list["result"], json!({"jobs": [], "next": null}));
    for command in ["job.get", "job.cancel"] {
        for job in ["", "1", &one] {
            let (code, field, _) = the_box.refused(command, &json!({ "job": job })).await;
            assert_eq!(
                (code.as_str(), field.as_str()),
                ("not_found", "job"),
                "{command} {job}"
            );
        }
    }
}
