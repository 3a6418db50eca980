//! Keys whose values are not repeated in messages: these go to logs, and to whoever asks for a reload.

use std::ops::Range;

/// Keys whose values may be secrets, or have one in them.
const HIDDEN: [&str; 14] = [
    "aliyun_key",
    "encryption_key",
    "hook",
    "key",
    "keys",
    "master_key",
    "password",
    "public_url",
    "push_to",
    "secret_access_key",
    "sign_key",
    "tencent_key",
    "token_key",
    "url",
];

/// The key at this place of the text whose value is not repeated, if it is one.
pub(super) fn hidden_key<'a>(text: &'a str, at: &Range<usize>) -> Option<&'a str> {
    let before = text.get(..at.start)?;
    let line_starts = before.rmatch_indices('\n').map(|(end, _)| end + 1).chain([0]);
    // A list may have several lines.
    let statement = line_starts
        .filter_map(|start| before.get(start..))
        .find(|lines| begins_with_a_key(lines))?;
    // In a table within a line there are several keys.
    let keys = statement.rsplit('=').skip(1).map(last_word);
    keys.into_iter().find(|key| HIDDEN.contains(key))
}

/// The message about a value that is not repeated. `reason` says in words for the file what is expected, where that is known.
pub(super) fn without_value(key: &str, message: &str, reason: Option<String>) -> Option<String> {
    let expected = |message: &str| {
        let (_, expected) = message.strip_prefix("invalid ")?.rsplit_once(", expected ")?;
        Some(format!("{expected} is expected"))
    };
    let reason = reason.or_else(|| expected(message))?;
    Some(format!("the value of '{key}': {reason}"))
}

fn begins_with_a_key(lines: &str) -> bool {
    let key = lines.split_once('=').map(|(key, _)| key.trim());
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'');
    key.is_some_and(|key| !key.is_empty() && key.chars().all(is_part))
}

fn last_word(text: &str) -> &str {
    let text = text.trim_end().trim_end_matches(['"', '\'']);
    let word = text.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    word.into_iter().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::Path;

    use crate::config::Config;

    #[test]
    fn a_value_that_may_be_a_secret_is_not_repeated() {
        for (text, words) in [
            ("[mqtt]\npassword = 4711", "a text"),
            ("[mqtt]\n\"password\" = 4711", "a text"),
            (
                "[[viewer]]\nname = \"a\"\nkey = [\n  \"x\",\n  4711,\n]",
                "expected",
            ),
            (
                "[channel]\npush_to = \"rtmp://h/app/4711\"",
                "'push_to': a list is expected",
            ),
            (
                "[[publisher]]\nname = \"a\"\nhook = [\"https://h/?k=4711\"]",
                "'hook': a text is expected",
            ),
            ("[rtmp]\ntls = { cert = \"c\", key = 4711 }", "expected"),
            ("[sync]\nurl = [\"s3://b/?k=4711\"]", "'url': a text is expected"),
        ] {
            let error = Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap_err();
            let said = error.to_string();
            assert!(said.contains(words) && !said.contains("4711"), "{text}: {said}");
        }
        let variable = |name: &str, value: &str| [(OsString::from(name), OsString::from(value))];
        for (name, value) in [
            ("EDGEREEL__MQTT__PASSWORD", "4711"),
            ("EDGEREEL__CHANNEL__PUSH_TO", "rtmp://h/app/4711"),
        ] {
            let error = Config::parse(None, variable(name, value), "box").unwrap_err();
            let said = error.to_string();
            assert!(said.contains(name) && !said.contains("4711"), "{said}");
        }
    }

    #[test]
    fn other_values_are_shown_beside_the_right_ones() {
        let text = "[[viewer]]\nname = \"a\"\nkey = \"x=\"\n\n[http]\nmax_rate = 4711";
        let error = Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap_err();
        assert!(error.to_string().contains("4711"), "{error}");
    }
}
