use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Every {
    truth: bool,
    byte: u8,
    below: i32,
    large: u64,
    fraction: f32,
    text: String,
    pair: (u8, String),
    word: Word,
    other: Word,
    holds: Word,
    inner: BTreeMap<String, Option<Name>>,
    left_out: Option<u8>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    OnlyThis,
    Number(u8),
    Sides { left: u8 },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Name(String);

fn every() -> Every {
    Every {
        truth: true,
        byte: 255,
        below: -3,
        large: u64::MAX,
        fraction: 1.5,
        text: "t".to_owned(),
        pair: (1, "b".to_owned()),
        word: Word::OnlyThis,
        other: Word::Number(7),
        holds: Word::Sides { left: 2 },
        inner: BTreeMap::from([("k".to_owned(), Some(Name("n".to_owned())))]),
        left_out: None,
    }
}

fn of_json<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    T::deserialize(Raw::from(
        serde_json::from_str::<serde_json::Value>(text).unwrap(),
    ))
}

fn of_toml<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    Raw::document(text).and_then(T::deserialize)
}

#[test]
fn every_kind_of_value_is_read_from_both_languages() {
    let json = r#"{"truth":true,"byte":255,"below":-3,"large":18446744073709551615,"fraction":1.5,"text":"t",
        "pair":[1,"b"],"word":"only-this","other":{"number":7},"holds":{"sides":{"left":2}},"inner":{"k":"n"},
        "left_out":null}"#;
    assert_eq!(of_json(json), Ok(every()));
    let toml = "truth = true\nbyte = 0xff\nbelow = -3\nlarge = 18446744073709551615\nfraction = 1.5\ntext = 't'\n\
                pair = [1, \"b\"]\nword = 'only-this'\nother.number = 7\nholds = { sides = { left = 2 } }\n[inner]\nk = 'n'\n";
    assert_eq!(of_toml(toml), Ok(every()));
}

#[test]
fn a_value_of_another_kind_is_refused_at_its_place() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Small {
        #[serde(default)]
        byte: u8,
        #[serde(default)]
        list: Vec<u8>,
        word: Option<Word>,
        inner: Option<Inner>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        name: String,
    }
    for (text, said, at) in [
        ("byte = 256", "invalid value: integer `256`, expected u8", "256"),
        (
            "byte = 1.5",
            "invalid type: floating point `1.5`, expected u8",
            "1.5",
        ),
        ("byte = 'a'", "invalid type: string \"a\", expected u8", "'a'"),
        (
            "byte = 2026-12-01",
            "invalid type: date, expected u8",
            "2026-12-01",
        ),
        ("list = 1", "invalid type: integer `1`, expected a sequence", "1"),
        (
            "list = [1, 'b']",
            "invalid type: string \"b\", expected u8",
            "'b'",
        ),
        (
            "word = 'none'",
            "unknown variant `none`, expected one of `only-this`, `number`, `sides`",
            "'none'",
        ),
        ("word = 1", "invalid type: integer `1`, expected a string", "1"),
        (
            "word = { only-this = 1 }",
            "invalid type: integer `1`, expected no value for this word",
            "1",
        ),
        (
            "inner = ['n']",
            "invalid type: sequence, expected struct Inner",
            "['n']",
        ),
        ("inner = {}", "missing field `name`", "{}"),
        (
            "bite = 1",
            "unknown field `bite`, expected one of `byte`, `list`, `word`, `inner`",
            "bite",
        ),
        (
            "byte = 99999999999999999999",
            "the number is too large",
            "99999999999999999999",
        ),
    ] {
        let fault = of_toml::<Small>(text).unwrap_err();
        let place = fault.place().and_then(|at| text.get(at));
        assert_eq!((fault.message(), place), (said, Some(at)), "{text}");
    }
    let fault = of_json::<Small>(r#"{"byte":null}"#).unwrap_err();
    assert_eq!(fault.message(), "invalid type: null, expected u8");
    assert_eq!(fault.place(), None);
}
