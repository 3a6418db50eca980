//! The line that an error is about, even where the text is well formed and only its values are not allowed.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::fault_of;
use super::raw::{Fault, Raw};

/// The place of a key or of an entry of a list, and the key's value.
type Found<'a> = (Range<usize>, &'a DeValue<'a>);

/// The line of `section.key`. If the key is not there, the line of the nearest place: the entry with this number where the
/// section may have several, or the section itself.
pub(super) fn line_of_key(text: &str, dotted: &str, entry: Option<usize>) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let mut path = dotted.split('.');
    let (at, value) = section(table.get_ref(), path.next()?, entry)?;
    let inner: Vec<&str> = path.collect();
    let found =
        inner_key(value, &inner).or_else(|| inner_key(value, inner.get(inner.len().checked_sub(1)?..)?));
    Some(line_of(text, found.unwrap_or(at).start))
}

/// The line of a value that the parser refused. For a message about an entry as a whole, the parser does not know which entry
/// of the list it means. Then it is the first entry that alone gets the same message.
pub(super) fn line_of_fault(text: &str, fault: &Fault) -> Option<usize> {
    let said = fault.place();
    let entry = faulty_entry(text, fault.message());
    let at = match (said, entry) {
        // A place within the entry, as the parser gives it, is exact.
        (Some(said), Some((entry, _))) if said.start > entry.start => said.start,
        (_, Some((entry, key))) => key.unwrap_or(entry).start,
        (said, None) => said?.start,
    };
    Some(line_of(text, at))
}

/// The first entry of a list that is refused with this message, and the key in it that the message names.
fn faulty_entry(text: &str, message: &str) -> Option<(Range<usize>, Option<Range<usize>>)> {
    let (document, spans) = (Raw::document(text).ok()?, DeTable::parse(text).ok()?);
    for (name, value) in document.entries() {
        for (number, one) in value.list().iter().enumerate() {
            let alone = Raw::alone(name, Raw::list_of(one.clone()));
            if fault_of(alone).is_some_and(|fault| fault.message() == message) {
                let (entry, value) = section(spans.get_ref(), name, Some(number))?;
                return Some((entry, named_key(value, message)));
            }
        }
    }
    None
}

fn section<'a>(table: &'a DeTable<'a>, name: &str, entry: Option<usize>) -> Option<Found<'a>> {
    let (key, value) = table.get_key_value(name)?;
    let entry = match (value.get_ref(), entry) {
        (DeValue::Array(all), Some(entry)) => all.get(entry),
        _ => None,
    };
    Some(match entry {
        Some(entry) => (entry.span(), entry.get_ref()),
        None => (key.span(), value.get_ref()),
    })
}

fn inner_key(value: &DeValue<'_>, path: &[&str]) -> Option<Range<usize>> {
    let (first, rest) = path.split_first()?;
    let (key, value) = value.as_table()?.get_key_value(*first)?;
    if rest.is_empty() {
        Some(key.span())
    } else {
        inner_key(value.get_ref(), rest)
    }
}

/// The key of an entry that a message names first, as in `rule: app = "live"` and `task 'a': stream: …`.
fn named_key(value: &DeValue<'_>, message: &str) -> Option<Range<usize>> {
    let place = |key: &str| {
        let mut all = message.match_indices(key);
        let is_word = |(at, _): &(usize, &str)| {
            let before = message.get(..*at).and_then(|before| before.chars().next_back());
            let behind = message.get(*at + key.len()..).unwrap_or_default();
            before.is_none_or(|c| matches!(c, ' ' | '.'))
                && (behind.starts_with(':') || behind.starts_with(" = "))
        };
        all.find(is_word).map(|(at, _)| at)
    };
    let keys = value.as_table()?.keys();
    let named = keys.filter_map(|key: &Spanned<_>| Some((place(key.get_ref())?, key.span())));
    named.min_by_key(|(at, _)| *at).map(|(_, span)| span)
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;

    fn refusal(text: &str) -> String {
        let error = Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap_err();
        error.to_string()
    }

    /// The test makes every error of a list behind two correct entries. The error must name the line with the mark.
    #[test]
    fn every_error_behind_two_that_are_right_names_its_own_line() {
        let rules = "[[rule]]\nstream = \"live/a\"\n[[rule]]\nstream = \"live/b\"\n";
        let templates =
            "[[template]]\nname = \"a\"\nsplit = \"1h\"\n[[template]]\nname = \"b\"\nformats = [\"hls\"]\n";
        let callbacks =
            "[[callback]]\nurl = \"http://x/a\"\nname = \"a\"\n[[callback]]\nurl = \"http://x/b\"\n";
        let publishers = "[[publisher]]\nstream = \"live/a\"\nkey = \"0123456789abcdef\"\n\
                          [[publisher]]\nstream = \"live/b\"\nkey = \"0123456789abcdef\"\n";
        let hours = "weekly = [\"Mon 08:00-09:00\"]";
        let tasks = format!(
            "[[task]]\nname = \"a\"\nstream = \"live/a\"\n{hours}\n[[task]]\nname = \"b\"\nstream = \"live/a\"\n{hours}\n"
        );
        let entries = |head: &str, wrong: &[&str]| -> Vec<String> {
            wrong.iter().map(|wrong| format!("{head}{wrong}\n")).collect()
        };
        let all = [
            entries(
                rules,
                &[
                    "[[rule]]\nrecord = \"always\"\napp = \"live\" # here\nstream = \"live/b\"",
                    "[[rule]]\nrecord = \"always\"\nstream = \"live/a\" # here",
                    "[[rule]]\nstream = \"live/c\"\ntemplate = \"nope\" # here",
                    "[[rule]]\nstream = \"live/c\"\nrecord = \"sometimes\" # here",
                    "[[rule]]\nstream = \"live/c\"\nstreem = \"live/d\" # here",
                ],
            ),
            entries(
                templates,
                &[
                    "[[template]]\nformats = [\"mp4\"]\nname = \"a\" # here",
                    "[[template]]\nformats = [\"mp4\"]\nname = \"a b\" # here",
                    "[[template]]\nname = \"c\"\nformats = [\"mp4\", \"mp4\"] # here",
                    "[[template]]\nname = \"c\"\nsplit = \"1s\" # here",
                    "[[template]]\nname = \"c\"\nsplit = \"1h\"\n[template.hls]\nsplit = \"1s\" # here",
                    "[[template]]\nname = \"c\"\nmedia = \"video\" # here\nformats = [\"aac\"]",
                    "[[template]] # here\nformats = [\"mp4\"]",
                ],
            ),
            entries(
                callbacks,
                &[
                    "[[callback]]\nurl = \"http://x/c\"\nevents = [\"nope\"] # here",
                    "[[callback]]\nurl = \"ftp://x/c\" # here",
                    "[[callback]]\nurl = \"http://x/c\"\nname = \"a\" # here",
                    "[[callback]]\nurl = \"http://x/c\"\nname = \"a b\" # here",
                    "[[callback]]\nurl = \"http://x/c\"\ntries = 0 # here",
                    "[[callback]]\nurl = \"http://x/c\"\nevery = \"2d\" # here",
                    "[[callback]]\nurl = \"http://x/c\"\nkey_file = \"k\"\nkey = \"0123456789abcdef\" # here",
                ],
            ),
            entries(
                publishers,
                &[
                    "[[publisher]]\nstream = \"live/c\"\nkey = \"0123456789abcdef\"\nhook_timeout = \"3s\" # here",
                    "[[publisher]]\nstream = \"live/c\"\nhook = \"http:///x\" # here",
                    "[[publisher]]\nstream = \"live/c\"\nkey = [] # here",
                    "[[publisher]]\nstream = \"live/c\"\nkey = \"0123456789abcdef\"\naliyun_valid = \"1h\" # here",
                ],
            ),
            entries(
                &tasks,
                &[
                    &format!("[[task]]\nname = \"c\"\nstream = \"live/*\" # here\n{hours}"),
                    &format!("[[task]]\nstream = \"live/c\"\n{hours}\nname = \"a\" # here"),
                    "[[task]]\nname = \"c\"\nstream = \"live/c\"\nweekly = [\"Mon 08:00\"] # here",
                    "[[task]]\nname = \"c\"\nstream = \"live/c\"\nstart = \"soon\" # here\nduration = \"1h\"",
                    "[[task]]\nname = \"c\"\nstream = \"live/c\"\nstart = \"2026-12-01T08:00:00Z\"\n\
                     end = \"2026-12-01T07:00:00Z\" # here",
                    &format!("[[task]]\nname = \"c\"\nstream = \"live/c\"\n{hours}\ntemplate = \"nope\" # here"),
                ],
            ),
            vec![
                "rule = [{ stream = \"live/a\" },\n { stream = \"live/b\" },\n { app = \"a\", stream = \"b/b\" }] # here".to_owned(),
                "ring.memory = \"1 GiB\"\nring.pre_roll = \"1h\" # here".to_owned(),
                "[ring]\nmemory = \"1 GiB\"\n\"pre_roll\" = \"1h\" # here".to_owned(),
                "storage = { dir = \"/x\",\n quota = \"1 KiB\" } # here".to_owned(),
            ],
        ];
        for text in all.iter().flatten() {
            let line = 1 + text.lines().position(|line| line.contains("# here")).unwrap();
            let said = refusal(text);
            assert!(said.starts_with(&format!("box.toml:{line}: ")), "{text}\n{said}");
        }
    }
}
