use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::arguments::{Compose, SplitUp};
use super::making::{Asked, notes_of, one_coding};
use super::{behind, nth};
use crate::api::answer::{Code, Failure};
use crate::api::arguments::typed;
use crate::format::Lapse;
use crate::format::MAX_RANGES;
use crate::media::{Micros, RecordingId};
use crate::model::Form;
use crate::model::reply::RecordingComposed;
use crate::store::{Cut, RecordingRow};

#[test]
fn moments_and_ranges_are_bounded_by_one_and_by_a_million() {
    let of = |value: Value| {
        let arguments: Map<String, Value> = serde_json::from_value(json!({ "ranges": value })).unwrap();
        typed::<Compose>(arguments).map(|asked| asked.apart().0.len())
    };
    let ranges = |count: usize| Value::from(vec![json!({"recording": "x"}); count]);
    assert_eq!(of(ranges(1)).unwrap(), 1);
    assert_eq!(of(ranges(MAX_RANGES)).unwrap(), MAX_RANGES);
    for (bad, says) in [
        (ranges(0), "at least one range"),
        (ranges(MAX_RANGES + 1), "501 ranges; at most 500"),
        (ranges(1_000_000), "1000000 ranges; at most 500"),
        (json!([{"recording": "x", "from_s": 315_576_001}]), "10 years"),
        (json!([{"recording": "x", "to_s": -1e300}]), "10 years"),
        (json!([{"recording": "x", "from_s": "NaN"}]), "ranges"),
        (json!([{"recording": "x", "begin": 1}]), "begin"),
        (json!([{}]), "recording"),
        (json!({}), "ranges"),
        (Value::Null, "ranges"),
    ] {
        let failure = of(bad.clone()).unwrap_err();
        assert_eq!(failure.code, Code::BadRequest);
        let said = format!("{} {:?}", failure.message, failure.field);
        assert!(said.contains(says), "{said}");
    }
    let split = |value: Value| {
        let arguments = serde_json::from_value(json!({ "recording": "x", "at_s": value })).unwrap();
        typed::<SplitUp>(arguments).map(|asked| asked.apart().1)
    };
    assert_eq!(split(json!([1.5, -2])).unwrap(), [1_500_000, -2_000_000]);
    assert_eq!(split(Value::from(vec![1; 99])).unwrap().len(), 99);
    for bad in [json!([]), Value::from(vec![1; 100]), json!([null]), json!(["x"])] {
        assert!(split(bad).is_err());
    }
}

fn row(notes: Value) -> RecordingRow {
    let facts = serde_json::from_value(json!({ "notes": notes })).unwrap();
    RecordingRow {
        facts,
        ..crate::api::tests::closed_row()
    }
}

fn placed(parts: &[(Value, Option<&str>, (Micros, Micros))]) -> (Value, usize) {
    placed_in(Form::Joined, parts)
}

fn placed_in(form: Form, parts: &[(Value, Option<&str>, (Micros, Micros))]) -> (Value, usize) {
    let asked = parts.iter().map(|(notes, note, _)| Asked {
        row: row(notes.clone()),
        bounds: (None, None),
        note: note.map(|note| note.to_owned().try_into().unwrap()),
    });
    let cuts = parts.iter().map(|(.., bounds)| Cut {
        ranges: Vec::new(),
        views: Vec::new(),
        plays: 60_000_000,
        bounds: *bounds,
    });
    let (notes, left_out) = notes_of(&asked.collect::<Vec<_>>(), &cuts.collect::<Vec<_>>(), form);
    (serde_json::to_value(notes).unwrap(), left_out)
}

#[test]
fn notes_of_recordings_come_along_to_where_their_moments_are() {
    let notes = json!([{"at_s": 5, "text": "five"}, {"at_s": 20, "text": "twenty"}]);
    let (found, left_out) = placed(&[
        (notes.clone(), Some("one"), (10_000_000, 30_000_000)),
        (notes, None, (0, 20_000_000)),
    ]);
    let wanted = json!([
        {"at_s": 0.0, "text": "one"}, {"at_s": 10.0, "text": "twenty"}, {"at_s": 25.0, "text": "five"},
    ]);
    assert_eq!((found, left_out), (wanted, 0));
    // In a time lapse, as many times earlier.
    let lapse = Form::Lapse(Lapse::new(10, 30).unwrap());
    let notes = json!([{"at_s": 20, "text": "twenty"}]);
    let (found, _) = placed_in(lapse, &[(notes, None, (10_000_000, 30_000_000))]);
    assert_eq!(found, json!([{"at_s": 1.0, "text": "twenty"}]));
    let many: Vec<Value> = (0..60).map(|n| json!({"at_s": n, "text": "x"})).collect();
    let part = (Value::from(many), None, (0, 60_000_000));
    let (found, left_out) = placed(&[part.clone(), part]);
    assert_eq!((found.as_array().unwrap().len(), left_out), (100, 20));
}

proptest! {
    #[test]
    fn the_recordings_of_a_request_have_ids_of_their_own(first in any::<[u8; 16]>()) {
        let first = RecordingId::from_bytes(first);
        let ids: std::collections::BTreeSet<_> = (0..100).map(|number| nth(first, number)).collect();
        prop_assert_eq!(ids.len(), 100);
        prop_assert_eq!(nth(first, 0), first);
    }
}

#[test]
fn a_composition_of_mixed_coding_is_refused_as_the_range_that_was_asked_for() {
    use crate::format::testing::{other_video, two_segments, view};
    let plain = view(&two_segments());
    let mut takes = two_segments();
    for take in &mut takes {
        take.tracks.video = Some(std::sync::Arc::new(other_video()));
    }
    let (one, other) = ([plain.clone()], [view(&takes)]);
    let mixed = [plain.clone(), view(&takes)];
    let same = [plain.clone(), plain];
    assert!(one_coding(&[&same, &one]).is_ok());
    for (asked, says) in [
        (
            vec![&one[..], &other[..]],
            "ranges: range 2 has h264 640x360, range 1",
        ),
        (
            vec![&same[..], &other[..]],
            "ranges: range 2 has h264 640x360, range 1",
        ),
        (
            vec![&same[..], &mixed[..]],
            "ranges: range 2 is of a composition whose ranges differ: h264 320x240 becomes",
        ),
    ] {
        let message = one_coding(&asked).unwrap_err().message;
        assert!(message.starts_with(says), "{message}");
    }
}

#[test]
fn a_part_that_is_not_made_names_those_before_it() {
    let made = |n: u64| RecordingComposed {
        recording: RecordingId::new(n).to_string(),
        start: String::new(),
        end: String::new(),
        duration_s: 1.0,
        bytes: 1,
        notes_left_out: 0,
    };
    let failure = || Failure::new(Code::NotFound, "range 1: it is gone");
    assert_eq!(behind(&[], failure()).message, "part 1: it is gone");
    let made = [made(1), made(2)];
    let message = behind(&made, failure()).message;
    assert!(message.starts_with("part 3: it is gone"), "{message}");
    assert!(
        made.iter().all(|made| message.contains(&made.recording)),
        "{message}"
    );
}
