//! Writes a value as YAML, always in the same way. A value that fits stands in one line. Well-known keys stand first. Required
//! fields come in the order in which they are required.

use serde_json::{Map, Value};

/// The longest line, in characters, unless a word is longer.
const WIDTH: usize = 110;
/// These keys come first where they stand together, in this order. All others follow by the alphabet.
const FIRST: [&str; 29] = [
    "asyncapi",
    "openapi",
    "info",
    "defaultContentType",
    "servers",
    "channels",
    "operations",
    "paths",
    "components",
    "$ref",
    "name",
    "title",
    "version",
    "action",
    "channel",
    "address",
    "host",
    "protocol",
    "operationId",
    "summary",
    "type",
    "const",
    "format",
    "description",
    "required",
    "additionalProperties",
    "properties",
    "messages",
    "payload",
];
/// Words that YAML reads as something else than a text where they stand alone.
const RESERVED: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// Writes a document.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, None, &mut out);
    out
}

/// Writes the value that follows a key or a dash, with the end of the line.
fn follow(value: &Value, indent: usize, taken: usize, required: Option<&Value>, out: &mut String) {
    let line = flow(value, required);
    if taken + 1 + line.len() <= WIDTH || !is_long(value) {
        out.push(' ');
        out.push_str(&line);
        out.push('\n');
        return;
    }
    match value {
        Value::String(text) => folded(text, indent, out),
        _ => {
            out.push('\n');
            block(value, indent, required, out);
        }
    }
}

fn block(value: &Value, indent: usize, required: Option<&Value>, out: &mut String) {
    let margin = " ".repeat(indent);
    match value {
        Value::Object(map) => {
            for (key, value) in sorted(map, required) {
                let key = format!("{margin}{}:", scalar(key));
                out.push_str(&key);
                let required = (key.trim() == "properties:")
                    .then(|| map.get("required"))
                    .flatten();
                follow(value, indent + 2, key.len(), required, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str(&margin);
                out.push('-');
                follow(item, indent + 2, indent + 1, None, out);
            }
        }
        other => {
            out.push_str(&margin);
            out.push_str(&flow(other, None));
            out.push('\n');
        }
    }
}

/// Whether the value can be written on several lines.
fn is_long(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.contains(['\n', '\t']) && !text.contains("  ") && text.trim() == text,
        _ => false,
    }
}

/// The value on one line.
fn flow(value: &Value, required: Option<&Value>) -> String {
    match value {
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| {
                let required = (key == "properties").then(|| map.get("required")).flatten();
                format!("{}: {}", scalar(key), flow(value, required))
            };
            let pairs: Vec<String> = sorted(map, required).into_iter().map(pair).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| flow(item, None)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// Writes a long text over several lines, broken at spaces. A reader puts it together there.
fn folded(text: &str, indent: usize, out: &mut String) {
    out.push_str(" >-");
    let mut column = WIDTH;
    for word in text.split(' ') {
        if column + 1 + word.len() > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out.push('\n');
}

/// A text as it is where nobody can take it for something else, else as in JSON.
fn scalar(text: &str) -> String {
    let fits = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | '/' | '(' | ')' | '\'' | '$')
    };
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$')
        && text.chars().all(fits)
        && !text.ends_with(' ')
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

fn sorted<'a>(map: &'a Map<String, Value>, required: Option<&Value>) -> Vec<(&'a String, &'a Value)> {
    let required = required.and_then(Value::as_array);
    let place = |name: &str| match required {
        Some(required) => required.iter().position(|one| one == name),
        None => FIRST.iter().position(|one| *one == name),
    };
    let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
    pairs.sort_by_key(|(name, _)| (place(name).unwrap_or(usize::MAX), name.as_str()));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_quoted_where_they_could_be_something_else() {
        let plain = ["recording.closed", "A word (or two)", "$message"];
        assert_eq!(plain.map(scalar), plain);
        for other in [
            "", "1", "100", "-", "no", "True", "a: b", "a #b", "a, b", "[a]", "a\"b", " a", "a ", "2.0",
            "#/a",
        ] {
            assert_eq!(scalar(other), Value::from(other).to_string());
        }
    }

    #[test]
    fn what_fits_goes_in_a_line_and_all_else_is_broken() {
        let words = vec!["word"; 40].join(" ");
        let value = json!({
            "z": 1,
            "empty": {},
            "title": "t",
            "description": words,
            "list": [{ "description": words }, ["a", true, null, 1.5]],
            "required": ["b"],
            "properties": { "a": {}, "b": { "description": words } },
        });
        let line = vec!["word"; 21].join(" ");
        let rest = vec!["word"; 19].join(" ");
        let expected = format!(
            "title: t\ndescription: >-\n  {line}\n  {rest}\nrequired: [b]\nproperties:\n  b:\n    description: >-\n      \
             {line}\n      {rest}\n  a: {{}}\nempty: {{}}\nlist:\n  -\n    description: >-\n      {line}\n      {rest}\n  - \
             [a, true, null, 1.5]\nz: 1\n"
        );
        assert_eq!(document(&value), expected);
    }
}
