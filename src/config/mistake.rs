//! Finds the probable meaning of a mistake in the file, and the line that would be right.
//!
//! There is no list of examples for each key. A correction is tried before it is shown: the text with the correction must have
//! no mistake at that place any more.

mod hidden;

use std::net::IpAddr;
use std::ops::Range;

use self::hidden::{hidden_key, without_value};
use super::file::{explain, fault};
use super::raw::Fault;

/// A longer value is not repeated in the message.
const LONGEST_SHOWN: usize = 120;
/// The message names no section for a key that belongs to more sections than this.
const MOST_SECTIONS: usize = 5;

/// Explains what is wrong with a text that the parser refused, and what would be right.
pub(super) fn explained(text: &str, fault: &Fault) -> String {
    let message = fault.message();
    let found = fault.place().and_then(|at| {
        header(text, message, &at).or_else(|| match hidden_key(text, &at) {
            Some(key) => without_value(key, message, reason(message)),
            None => value(text, message, &at),
        })
    });
    found
        .or_else(|| elsewhere(message))
        .unwrap_or_else(|| explain(message))
}

/// Explains a section header with one bracket too few or too many.
fn header(text: &str, message: &str, at: &Range<usize>) -> Option<String> {
    let line = line_around(text, at.start);
    let written = text.get(line)?.trim();
    if !written.starts_with('[') || !(message.starts_with("invalid type") || message.contains("duplicate")) {
        return None;
    }
    let name = written.split(']').next()?.trim_start_matches('[').trim();
    let (section, inner) = name.split_once('.').unwrap_or((name, ""));
    match (written.starts_with("[["), is_list(section)?) {
        (false, true) if inner.is_empty() => Some(format!(
            "[{section}]: there may be several of it; write [[{section}]], with two brackets"
        )),
        (false, true) if inner.parse::<crate::format::Format>().is_ok() => Some(format!(
            "[{name}]: it says what differs for a format, below a [[{section}]] with its name"
        )),
        (false, true) => Some(format!(
            "[{name}]: there may be several of it; write [[{section}]], and below it name = {inner:?}"
        )),
        (true, false) => Some(format!(
            "[[{section}]]: there is one of it; write [{section}], with one bracket"
        )),
        (false, false) if message.contains("duplicate") => Some(format!(
            "[{section}] is there twice; write all its keys below one"
        )),
        _ => None,
    }
}

/// Explains a value of another type than the key takes.
fn value(text: &str, message: &str, at: &Range<usize>) -> Option<String> {
    let reason = reason(message)?;
    let written = text.get(at.clone()).filter(|text| text.len() <= LONGEST_SHOWN)?;
    if written.is_empty()
        || written.starts_with('[') && text.get(line_around(text, at.start))?.trim().starts_with('[')
    {
        return None;
    }
    let line = line_around(text, at.start);
    let key = text.get(line.start..at.start)?.split('=').next()?.trim();
    if line_before_section(text, at.start) && is_list(key) == Some(true) {
        return Some(format!(
            "{key} = {written}: there may be several of it; write [[{key}]], and its keys in the lines below"
        ));
    }
    let with = |right: String| {
        let whole = [text.get(..at.start)?, &right, text.get(at.end..)?].concat();
        fits(&whole, at.start..at.start + right.len()).then_some((whole, right))
    };
    // A key that takes any text gets a number as a text; no unit is missing.
    let plain = with("\"~\"".to_owned()).map(|_| format!("\"{written}\""));
    let plain = plain.filter(|_| written.starts_with(|first: char| first.is_ascii_digit()));
    let port = if section(text, at.start) == Some("http") {
        8080
    } else {
        1935
    };
    let corrected = plain.into_iter().chain(candidates(written, port)).find_map(with);
    let Some((whole, right)) = corrected else {
        return Some(format!("{key} = {written}: {reason}"));
    };
    // If the value stands alone in its line, the message shows the line to copy.
    let line = line_around(&whole, at.start);
    let shown = whole
        .get(line)
        .map(str::trim)
        .filter(|line| line.len() <= LONGEST_SHOWN && line.contains('='));
    Some(format!("{written}: {reason}; write {}", shown.unwrap_or(&right)))
}

/// Explains a key that belongs to another section.
fn elsewhere(message: &str) -> Option<String> {
    let unknown = message.strip_prefix("unknown field `")?.split('`').next()?;
    if explain(message).contains("did you mean") || unknown.contains(['"', '\n']) {
        return None;
    }
    let sections: Vec<String> = sections()
        .into_iter()
        .filter_map(|name| {
            let header = if is_list(&name)? {
                format!("[[{name}]]")
            } else {
                format!("[{name}]")
            };
            let refused = fault(&format!("{header}\n\"{unknown}\" = 0\n"));
            let known = refused.is_none_or(|fault| !fault.message().starts_with("unknown field"));
            known.then_some(header)
        })
        .collect();
    match sections.as_slice() {
        [] => None,
        [section] => Some(format!(
            "'{unknown}' does not belong here: it is a key of {section}; put it below a line with {section}"
        )),
        several if several.len() <= MOST_SECTIONS => Some(format!(
            "'{unknown}' does not belong here: it is a key of {}; put it below a line with one of them",
            several.join(", ")
        )),
        _ => None,
    }
}

/// The reason why a value is refused, in words for the file.
fn reason(message: &str) -> Option<String> {
    if message.contains("socket address") {
        return Some("an address with its port is expected".to_owned());
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let known: Vec<&str> = rest
            .split('`')
            .skip(1)
            .filter(|part| !part.contains(' ') && !part.is_empty())
            .collect();
        return Some(format!("it is one of {}", known.join(", ")));
    }
    if message.starts_with("invalid value: integer `-") && message.contains(", expected u") {
        return Some("a whole number is expected, 0 or more".to_owned());
    }
    let (_, expected) = message
        .strip_prefix("invalid type: ")?
        .rsplit_once(", expected ")?;
    Some(match expected {
        "a sequence" => "a list is expected, in brackets".to_owned(),
        "a string" | "path string" => "a text is expected, in quotation marks".to_owned(),
        "a boolean" => "true or false is expected, without quotation marks".to_owned(),
        "a map" => "a table is expected".to_owned(),
        other if other.starts_with("struct ") => "a table is expected, as in { key = \"value\" }".to_owned(),
        other if other.starts_with(['u', 'i']) => {
            "a whole number is expected, without quotation marks".to_owned()
        }
        other => format!("{other} is expected"),
    })
}

/// The values that may have been meant, the likeliest first. `port` is the usual port of an address.
fn candidates(written: &str, port: u16) -> Vec<String> {
    let quote = |text: String| format!("\"{text}\"");
    let listed = |value: &String| format!("[{value}]");
    if let Some(inner) = written
        .strip_prefix(['"', '\''])
        .and_then(|rest| rest.strip_suffix(['"', '\'']))
    {
        let texts: Vec<String> = address(inner, port)
            .into_iter()
            .chain([inner.to_owned()])
            .map(quote)
            .collect();
        let lists: Vec<String> = texts.iter().map(listed).collect();
        let bare = match inner {
            "yes" | "on" => "true",
            "no" | "off" => "false",
            other => other,
        };
        return texts.into_iter().chain(lists).chain([bare.to_owned()]).collect();
    }
    if let Some(inner) = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return vec![inner.trim().to_owned()];
    }
    let with_unit = ["s", " GiB", " MiB/s", " Mbit/s"].map(|unit| quote(format!("{written}{unit}")));
    let address = address(written, port).map(quote);
    with_unit
        .into_iter()
        .chain(address.as_ref().map(listed))
        .chain(address.clone())
        .collect()
}

/// An address to listen on, from a common way to write one.
fn address(text: &str, usual: u16) -> Option<String> {
    let port = |text: &str| text.parse::<u16>().ok();
    if let Some(port) = port(text) {
        return Some(format!("0.0.0.0:{port}"));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(std::net::SocketAddr::new(ip, usual).to_string());
    }
    let (host, digits) = text.rsplit_once(':')?;
    let port = port(digits)?;
    match host {
        "" | "*" => Some(format!("0.0.0.0:{port}")),
        "localhost" => Some(format!("127.0.0.1:{port}")),
        _ => None,
    }
}

/// True when the place `at` has no mistake any more.
fn fits(text: &str, at: Range<usize>) -> bool {
    let Some(fault) = fault(text) else { return true };
    let apart = |span: Range<usize>| span.end <= at.start || span.start >= at.end;
    // An error about a missing key in the same table has the place of the whole table.
    fault.message().starts_with("missing field") || fault.place().is_some_and(apart)
}

/// The sections that the file may have.
fn sections() -> Vec<String> {
    let refused = fault("\"\" = 0");
    let message = refused.as_ref().map_or("", Fault::message);
    message.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

/// True for a section that may come several times. Nothing for a word that is no section.
fn is_list(section: &str) -> Option<bool> {
    if !sections().iter().any(|known| known == section) {
        return None;
    }
    let refused = fault(&format!("[{section}]\n"));
    Some(refused.is_some_and(|fault| fault.message().contains("expected a sequence")))
}

/// The line with this byte.
fn line_around(text: &str, at: usize) -> Range<usize> {
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let behind = text.get(at..).unwrap_or_default();
    start..at + behind.find('\n').unwrap_or(behind.len())
}

/// The name of the section that this byte is in.
fn section(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?.lines().rev();
    let header = before.map(str::trim).find(|line| line.starts_with('['))?;
    Some(header.trim_matches(['[', ']']))
}

/// True where no section has begun yet.
fn line_before_section(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    !before.lines().any(|line| line.trim_start().starts_with('['))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;

    fn refusal(text: &str) -> String {
        let error = Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap_err();
        error.to_string()
    }

    #[test]
    fn a_value_of_another_kind_gets_the_line_that_is_right() {
        for (text, words) in [
            ("[rtmp]\nlisten = \":1935\"", "write listen = [\"0.0.0.0:1935\"]"),
            (
                "[rtmp]\nlisten = [\":1935\"]",
                "write listen = [\"0.0.0.0:1935\"]",
            ),
            (
                "[rtmp]\nlisten = \"0.0.0.0:1935\"",
                "write listen = [\"0.0.0.0:1935\"]",
            ),
            ("[rtmp]\nlisten = 1935", "write listen = [\"0.0.0.0:1935\"]"),
            (
                "[rtmp]\nlisten = [\"0.0.0.0\"]",
                "write listen = [\"0.0.0.0:1935\"]",
            ),
            (
                "[http]\nlisten = [\"0.0.0.0\"]",
                "write listen = [\"0.0.0.0:8080\"]",
            ),
            ("[http]\nmax_rate = 8", "write max_rate = \"8 MiB/s\""),
            ("[rtmp]\nlisten = [\"::\"]", "write listen = [\"[::]:1935\"]"),
            (
                "[rtmp]\nlisten = [\"localhost:1935\"]",
                "write listen = [\"127.0.0.1:1935\"]",
            ),
            (
                "[rtmp]\ntls = { listen = \":1936\", cert = \"c\", key = \"k\" }",
                "[\"0.0.0.0:1936\"]",
            ),
            (
                "[rtmp]\nallow_anonymous = \"yes\"",
                "write allow_anonymous = true",
            ),
            ("[rtmp]\nmax_connections = \"64\"", "write max_connections = 64"),
            ("[ring]\npre_roll = 10", "write pre_roll = \"10s\""),
            ("[device]\nid = 17", "write id = \"17\""),
            ("[storage]\nquota = 20", "write quota = \"20 GiB\""),
            (
                "[sync]\nurl = \"file:///x\"\nmax_rate = 2",
                "write max_rate = \"2 MiB/s\"",
            ),
            (
                "[sync]\nurl = \"file:///x\"\nwindow = \"22:00-06:00\"",
                "write window = [\"22:00-06:00\"]",
            ),
            (
                "[[publisher]]\nstream = [\"live/*\"]",
                "write stream = \"live/*\"",
            ),
        ] {
            let said = refusal(text);
            assert!(said.contains(words), "{text}: {said}");
            let line = text.lines().count();
            assert!(said.starts_with(&format!("box.toml:{line}: ")), "{text}: {said}");
        }
    }

    #[test]
    fn a_section_with_the_wrong_brackets_gets_the_right_ones() {
        for (text, words) in [
            ("[publisher]\nstream = \"live/*\"", "write [[publisher]]"),
            (
                "[publisher]\nkey = \"a\"\n[publisher]\nkey = \"b\"",
                "write [[publisher]]",
            ),
            ("[template]\nname = \"x\"", "write [[template]]"),
            ("[viewer]\nname = \"x\"", "write [[viewer]]"),
            ("[rule]\nstream = \"x\"", "write [[rule]]"),
            ("[callback]\nurl = \"http://x\"", "write [[callback]]"),
            (
                "[template.lesson]\nformats = [\"mp4\"]",
                "write [[template]], and below it name = \"lesson\"",
            ),
            ("[template.hls]\nsplit = \"off\"", "below a [[template]]"),
            ("[[rtmp]]\nlisten = [\"127.0.0.1:1935\"]", "write [rtmp]"),
            ("[[sync]]\nurl = \"file:///x\"", "write [sync]"),
            ("publisher = \"live/*\"", "write [[publisher]]"),
            ("[rtmp]\n[ring]\n[rtmp]\n", "[rtmp] is there twice"),
        ] {
            let said = refusal(text);
            assert!(said.contains(words), "{text}: {said}");
        }
    }

    #[test]
    fn a_key_in_the_wrong_place_is_told_where_it_belongs() {
        for (text, words) in [
            ("listen = [\"0.0.0.0:1935\"]", "a key of [rtmp], [http]"),
            ("[storage]\nhandshake_timeout = \"5s\"", "a line with [rtmp]"),
            (
                "[rtmp]\nkey_file = \"k\"",
                "[review], [[callback]], [[publisher]], [[viewer]]",
            ),
            ("quota = \"20 GiB\"", "a line with [storage]"),
        ] {
            let said = refusal(text);
            assert!(said.contains(words), "{text}: {said}");
        }
    }

    #[test]
    fn a_word_that_is_none_of_those_known_is_told_all_of_them() {
        let said = refusal("[[template]]\nname = \"d\"\nformats = [\"mov\"]");
        assert!(
            said.contains("\"mov\"") && said.ends_with("it is one of mp4, fmp4, flv, hls, aac"),
            "{said}"
        );
        let said = refusal("[storage]\non_full = \"delete\"");
        assert!(said.ends_with("it is one of overwrite-oldest, stop"), "{said}");
    }

    #[test]
    fn a_number_below_zero_and_a_key_that_would_move_the_cursor_are_told_in_plain_words() {
        let said = refusal("[rtmp]\nmax_connections = -1");
        assert!(
            said.ends_with("max_connections = -1: a whole number is expected, 0 or more"),
            "{said}"
        );
        let said = refusal("[rtmp]\n\"li\\u001b[31msten\" = 1");
        assert!(said.contains("unknown key 'li\\u{1b}[31msten'"), "{said}");
    }

    #[test]
    fn the_environment_gets_the_same_help() {
        let set = |name: &str, value: &str| [(name.into(), value.into())];
        let said = |name, value| {
            Config::parse(None, set(name, value), "box")
                .unwrap_err()
                .to_string()
        };
        let error = said("EDGEREEL__RTMP__LISTEN", "0.0.0.0:1935");
        assert!(
            error.starts_with("EDGEREEL__RTMP__LISTEN: ") && error.contains("[\"0.0.0.0:1935\"]"),
            "{error}"
        );
        let error = said("EDGEREEL__RING__PRE_ROLL", "10");
        assert!(error.contains("\"10s\""), "{error}");
    }
}
