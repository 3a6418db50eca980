use serde_json::{Value, json};

use super::category::{MOST_CATEGORIES, MOST_LEVELS};
use super::*;

fn facts(value: Value) -> Result<Facts, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// An object of so many levels: lists within it, the innermost one empty.
fn deep(levels: usize) -> Value {
    json!({ "k": (2..levels).fold(json!([]), |inner, _| json!([inner])) })
}

#[test]
fn every_limit_is_kept_by_one_and_by_a_million() {
    // A character is a Unicode scalar value, whatever its bytes.
    for letter in ["x", "ä", "課", "🎓"] {
        let fits = |field: &str, count: usize| facts(json!({ field: letter.repeat(count) })).is_ok();
        for (field, most) in [("title", 64), ("description", 512)] {
            assert!(fits(field, 1) && fits(field, most), "{field}");
            for many in [0, most + 1, 1_000_000] {
                assert!(!fits(field, many), "{field} {many}");
            }
        }
        let tags = |count: usize, len: usize| {
            let tags: Vec<String> = (0..count)
                .map(|n| format!("{n:x}") + &letter.repeat(len))
                .collect();
            facts(json!({ "tags": tags })).is_ok()
        };
        assert!(tags(16, 31));
        for (count, len) in [(17, 3), (100_000, 3), (1, 32), (1, 1_000_000)] {
            assert!(!tags(count, len), "{count} tags of {len}");
        }
    }
    let notes = |count: usize, text: usize| {
        let notes: Vec<Value> = (0..count)
            .map(|n| json!({ "at_s": n, "text": "n".repeat(text) }))
            .collect();
        facts(json!({ "notes": notes })).is_ok()
    };
    assert!(notes(100, 1) && notes(100, 128) && notes(128, 0) == notes(101, 1));
    for (count, text) in [(101, 1), (100_000, 1), (1, 129), (1, 1_000_000)] {
        assert!(!notes(count, text), "{count} notes of {text}");
    }
    assert!(facts(json!({ "notes": vec![json!({"at_s": 1, "text": "課".repeat(128)}); 1] })).is_ok());
    let wide: Vec<Value> = (0..43)
        .map(|n| json!({ "at_s": n, "text": "課".repeat(128) }))
        .collect();
    assert!(
        facts(json!({ "notes": wide }))
            .unwrap_err()
            .contains("16512 bytes")
    );
    // {"k":"…"} is eight bytes and the text.
    let custom = |len: usize| facts(json!({ "custom": { "k": "v".repeat(len) } })).is_ok();
    assert!(custom(2_040));
    for len in [2_041, 1_000_000] {
        assert!(!custom(len));
    }
    assert!(facts(json!({ "custom": deep(16) })).is_ok());
    for levels in [17, 120] {
        let error = facts(json!({ "custom": deep(levels) })).unwrap_err();
        assert!(error.contains("more than 16 objects and lists"), "{error}");
    }
    let category = |len: usize| facts(json!({ "category": "c".repeat(len) })).is_ok();
    assert!(category(64) && ![0, 65, 1_000_000].into_iter().any(category));
}

#[test]
fn a_text_of_only_white_space_is_none() {
    for blank in [" ", "   ", "\u{a0}", "\u{3000} "] {
        for field in ["title", "description"] {
            let error = facts(json!({ field: blank })).unwrap_err();
            assert!(error.contains("no white space"), "{error}");
        }
        assert!(facts(json!({ "tags": ["a", blank] })).is_err());
        assert!(facts(json!({ "notes": [{"at_s": 0, "text": blank}] })).is_err());
    }
    assert!(facts(json!({ "title": " a " })).is_ok());
}

#[test]
fn no_text_can_control_a_terminal_or_turn_the_text_around_it() {
    for bad in [
        "\u{1b}[31mred",
        "two\nlines",
        "a\rb",
        "a\0b",
        "\u{9b}31m",
        "\u{7f}",
        "\u{202e}gpj.exe",
        "\u{2066}x\u{2069}",
        "\u{2028}",
        "\u{2029}",
        "tab\t",
    ] {
        for field in ["title", "description"] {
            let error = facts(json!({ field: bad })).unwrap_err();
            assert!(error.contains("U+"), "{error}");
            assert!(!error.chars().any(misleads), "{error}");
        }
        assert!(facts(json!({ "tags": [bad] })).is_err());
        assert!(facts(json!({ "notes": [{"at_s": 0, "text": bad}] })).is_err());
    }
    // JSON escapes the controls that it knows. The others would reach a terminal.
    assert!(facts(json!({ "custom": {"a": "\u{1b}[31m\n"} })).is_ok());
    for bad in ["\u{9b}31m", "\u{202e}", "\u{7f}"] {
        assert!(facts(json!({ "custom": { bad: 1 } })).is_err());
    }
    for good in [
        "Ελληνικά",
        "שיעור \u{200f}1",
        "درس\u{200c}ها",
        "👩‍🏫",
        "e\u{301}",
        "\"<&>%s\\",
        "{id}",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    ] {
        let read = facts(json!({ "title": good })).unwrap();
        assert_eq!(read.title.unwrap().as_str(), good);
    }
    assert!(facts(json!({ "category": "../x" })).is_err() && facts(json!({ "category": "ä" })).is_err());
}

#[test]
fn facts_are_written_as_they_are_read_and_in_order() {
    let said = json!({
        "title": "Algebra", "description": "d", "tags": ["a", "b"], "category": "maths",
        "notes": [{"at_s": 0.5, "text": "begin"}, {"at_s": 12.0, "text": "proof"}], "custom": {"room": 7, "x": [null]},
    });
    assert_eq!(serde_json::to_value(facts(said.clone()).unwrap()).unwrap(), said);
    assert_eq!(serde_json::to_value(Facts::default()).unwrap(), json!({}));
    let read = facts(json!({
        "tags": ["b", "a", "b"], "notes": [{"at_s": 12, "text": "proof"}, {"at_s": 0.5, "text": "begin"}],
    }));
    let read = read.unwrap();
    assert_eq!(read.tags.texts(), ["a", "b"]);
    assert_eq!(
        read.notes.iter().map(|note| note.at).collect::<Vec<_>>(),
        [500_000, 12_000_000]
    );
    for at in [
        json!(-0.1),
        json!(2_678_400.1),
        json!(1e300),
        json!("1"),
        Value::Null,
    ] {
        assert!(facts(json!({ "notes": [{"at_s": at, "text": "x"}] })).is_err());
    }
}

#[test]
fn a_change_touches_what_it_names_and_nothing_else() {
    let before = facts(json!({ "title": "t", "tags": ["a"], "category": "c" })).unwrap();
    let change = FactsChange {
        title: Some(None),
        description: Some(Some(Words::try_from("d".to_owned()).unwrap())),
        ..FactsChange::default()
    };
    let after = before.clone().changed(change);
    assert_eq!(
        after,
        facts(json!({ "description": "d", "tags": ["a"], "category": "c" })).unwrap()
    );
    assert_eq!(before.clone().changed(FactsChange::default()), before);
}

fn id(text: &str) -> CategoryId {
    CategoryId::try_from(text.to_owned()).unwrap()
}

fn category(of: &str, parent: &str) -> Category {
    Category {
        category: id(of),
        name: Words::try_from(of.to_uppercase()).unwrap(),
        parent: (!parent.is_empty()).then(|| id(parent)),
    }
}

#[test]
fn categories_are_a_tree_without_a_circle() {
    let (mut tree, left) = Categories::of(["c b", "a ", "b a", "x y", "y x", "z z", "o none"].map(|row| {
        let (of, parent) = row.split_once(' ').unwrap();
        category(of, parent)
    }));
    // Categories in a circle, and one without its parent, are in no tree.
    let left: Vec<String> = left.iter().map(|one| one.category.to_string()).collect();
    assert_eq!(left, ["x", "y", "z", "o"]);
    assert_eq!(tree.path(&id("c")), "A / B / C");
    assert_eq!(tree.path(&id("none")), "");
    for parent in ["a", "b", "c"] {
        let refused = tree.put(category("a", parent)).unwrap_err();
        assert!(matches!(refused, CategoryRefusal::Circle { .. }), "{refused}");
    }
    assert_eq!(
        tree.put(category("d", "none")),
        Err(CategoryRefusal::Unknown(id("none")))
    );
    let refused = tree.delete(&id("a")).unwrap_err();
    assert!(
        matches!(refused, CategoryRefusal::Parent { count: 1, .. }),
        "{refused}"
    );
    // A branch moves with all that is in it.
    tree.put(category("b", "")).unwrap();
    tree.put(category("a", "c")).unwrap();
    assert_eq!(tree.path(&id("a")), "B / C / A");
    tree.delete(&id("a")).unwrap();
    assert_eq!(tree.delete(&id("a")), Err(CategoryRefusal::Unknown(id("a"))));
}

#[test]
fn a_thousand_categories_are_kept_and_one_more_is_not() {
    // Each is in the one of half its number.
    let many = (1..=MOST_CATEGORIES).map(|n| {
        let parent = Some(n / 2).filter(|above| *above > 0);
        let parent = parent.map(|above| format!("c{above}"));
        category(&format!("c{n}"), &parent.unwrap_or_default())
    });
    let (mut tree, left) = Categories::of(many);
    assert!(left.is_empty());
    assert_eq!(tree.put(category("more", "")), Err(CategoryRefusal::Full));
    tree.put(category("c999", "")).unwrap();
    assert!(matches!(
        tree.put(category("c1", "c998")),
        Err(CategoryRefusal::Circle { .. })
    ));
}

/// A chain of so many categories: `c1` at the top, each other one in the one before.
fn chain(count: usize) -> impl Iterator<Item = Category> {
    (1..=count).map(|n| match n {
        1 => category("c1", ""),
        _ => category(&format!("c{n}"), &format!("c{}", n - 1)),
    })
}

#[test]
fn sixteen_categories_within_each_other_are_kept_and_one_more_is_not() {
    let (mut tree, left) = Categories::of(chain(MOST_LEVELS));
    assert!(left.is_empty());
    assert_eq!(
        tree.put(category("c17", "c16")),
        Err(CategoryRefusal::Deep(id("c17")))
    );
    tree.put(category("c17", "c15")).unwrap();
    // A branch counts with all that is in it.
    tree.put(category("top", "")).unwrap();
    let refused = tree.put(category("c1", "top")).unwrap_err();
    assert_eq!(refused, CategoryRefusal::Deep(id("c1")));
    assert!(refused.to_string().contains("'c1'"), "{refused}");
    tree.put(category("c2", "top")).unwrap();
    let (tree, left) = Categories::of(chain(MOST_CATEGORIES));
    assert_eq!(
        (tree.iter().count(), left.len()),
        (MOST_LEVELS, MOST_CATEGORIES - MOST_LEVELS)
    );
}
