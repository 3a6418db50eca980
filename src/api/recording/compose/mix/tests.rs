use serde_json::{Value, json};

use super::*;

#[test]
fn recordings_are_two_to_four_and_no_more() {
    let of = |value: Value| {
        let arguments: Map<String, Value> = serde_json::from_value(json!({ "recordings": value })).unwrap();
        typed::<Mix>(arguments).map(|asked| asked.apart().0.len())
    };
    let sides = |count: usize| Value::from(vec![json!({"recording": "x"}); count]);
    for count in 2..=4 {
        assert_eq!(of(sides(count)).unwrap(), count);
    }
    for (bad, says) in [
        (sides(0), "0 recordings; 2 to 4"),
        (sides(1), "1 recordings; 2 to 4"),
        (sides(5), "5 recordings; 2 to 4"),
        (sides(1_000_000), "1000000 recordings; 2 to 4"),
        (
            json!([{"recording": "x"}, {"recording": "y", "from_s": 315_576_001}]),
            "10 years",
        ),
        (
            json!([{"recording": "x"}, {"recording": "y", "note": "n"}]),
            "note",
        ),
        (json!([{"recording": "x"}, {}]), "recording"),
        (json!("x"), "recordings"),
    ] {
        let failure = of(bad).unwrap_err();
        assert_eq!(failure.code, Code::BadRequest);
        let said = format!("{} {:?}", failure.message, failure.field);
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn recordings_in_step_have_moments_in_common() {
    assert_eq!(apart(&[]), None);
    assert_eq!(apart(&[(0, 5)]), None);
    assert_eq!(apart(&[(0, 5), (4, 9)]), None);
    // What touches has no moment in common.
    assert_eq!(apart(&[(0, 5), (5, 9)]), Some(1));
    assert_eq!(apart(&[(5, 9), (0, 5)]), Some(0));
    // One that lasts over the others holds them together, whatever their order.
    assert_eq!(apart(&[(0, 5), (20, 25), (3, 21)]), None);
    assert_eq!(apart(&[(0, 5), (20, 25), (3, 20)]), Some(1));
    assert_eq!(apart(&[(0, 5), (1, 2), (4, 6), (7, 8)]), Some(3));
    assert_eq!(apart(&[(Micros::MIN, Micros::MAX), (0, 1)]), None);
}
