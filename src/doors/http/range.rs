//! Conditions and ranges of a request for a file (RFC 9110, sections 13 and 14). Pure.

use hyper::HeaderMap;
use hyper::header::{HeaderName, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};

/// The part of a file that a response has, by the headers of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// 200: the whole file.
    Whole,
    /// 206: the bytes from `start` up to and without `end`.
    Range {
        /// The first byte.
        start: u64,
        /// Behind the last byte.
        end: u64,
    },
    /// 304: the client has the file.
    NotModified,
    /// 412: the client wants another version of the file.
    Changed,
    /// 416: the file has none of these bytes.
    Outside,
}

impl Part {
    /// Decides on the part of a file of `len` bytes whose tag is `etag` (with its quotes). A range goes on by a strong one alone.
    pub(super) fn of(headers: &HeaderMap, etag: &str, len: u64) -> Part {
        if let Some(wanted) = text(headers, &IF_MATCH)
            && !names(wanted, etag, false)
        {
            return Part::Changed;
        }
        if text(headers, &IF_NONE_MATCH).is_some_and(|known| names(known, etag, true)) {
            return Part::NotModified;
        }
        // A range of another version is of no use, so the client gets the whole file. A date is no strong validator here: two
        // layouts of one second can differ.
        let is_weak = etag.starts_with("W/");
        if text(headers, &IF_RANGE).is_some_and(|version| is_weak || version.trim() != etag) {
            return Part::Whole;
        }
        match text(headers, &RANGE) {
            Some(range) => asked(range, len),
            None => Part::Whole,
        }
    }
}

/// The part that a `Range` header asks for. What is no single byte range is ignored, as RFC 9110 allows.
fn asked(range: &str, len: u64) -> Part {
    let Some(spec) = range.trim().strip_prefix("bytes=") else {
        return Part::Whole;
    };
    // Several ranges in one answer need a multipart body, which no player asks for.
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Part::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    match (number(first), number(last)) {
        (Some(start), Some(last)) if last < start => Part::Whole,
        (Some(start), Some(_)) if start >= len => Part::Outside,
        (Some(start), Some(last)) => Part::Range {
            start,
            end: last.saturating_add(1).min(len),
        },
        (Some(start), None) if last.is_empty() && start < len => Part::Range { start, end: len },
        (Some(_), None) if last.is_empty() => Part::Outside,
        (None, Some(0)) if first.is_empty() => Part::Outside,
        (None, Some(_)) if first.is_empty() && len == 0 => Part::Outside,
        (None, Some(count)) if first.is_empty() => Part::Range {
            start: len.saturating_sub(count),
            end: len,
        },
        _ => Part::Whole,
    }
}

/// A number of digits alone. One that is beyond 64 bits is beyond the end of every file.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// True when a list of tags (RFC 9110, section 8.8.3) names this one. `weakly`: a weak tag of the same text counts.
fn names(list: &str, etag: &str, weakly: bool) -> bool {
    list.split(',').map(str::trim).any(|tag| {
        tag == "*" || tag == etag || (weakly && tag.strip_prefix("W/").is_some_and(|tag| tag == etag))
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    const TAG: &str = "\"a\"";

    fn part(headers: &[(HeaderName, &str)], len: u64) -> Part {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        Part::of(&map, TAG, len)
    }

    fn range(text: &str) -> Part {
        part(&[(RANGE, text)], 1_000)
    }

    #[test]
    fn single_ranges_are_answered_and_others_are_the_whole_file() {
        let bytes = |start, end| Part::Range { start, end };
        for (text, wanted) in [
            ("bytes=0-0", bytes(0, 1)),
            ("bytes=0-1", bytes(0, 2)),
            ("bytes=0-", bytes(0, 1_000)),
            ("bytes=999-", bytes(999, 1_000)),
            ("bytes=-1", bytes(999, 1_000)),
            ("bytes=-5000", bytes(0, 1_000)),
            ("bytes=500-99999", bytes(500, 1_000)),
            ("bytes=0-99999999999999999999999999", bytes(0, 1_000)),
            ("bytes=1000-", Part::Outside),
            ("bytes=1000-1001", Part::Outside),
            ("bytes=99999999999999999999999999-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=5-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("pages=1-2", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(range(text), wanted, "{text}");
        }
        assert_eq!(part(&[(RANGE, "bytes=0-")], 0), Part::Outside);
        assert_eq!(part(&[(RANGE, "bytes=-1")], 0), Part::Outside);
    }

    #[test]
    fn conditions_are_asked_before_the_range() {
        let some = (RANGE, "bytes=0-0");
        assert_eq!(part(&[(IF_NONE_MATCH, TAG), some.clone()], 9), Part::NotModified);
        assert_eq!(part(&[(IF_NONE_MATCH, "\"b\", W/\"a\"")], 9), Part::NotModified);
        assert_eq!(part(&[(IF_NONE_MATCH, "*")], 9), Part::NotModified);
        assert_eq!(part(&[(IF_NONE_MATCH, "\"b\"")], 9), Part::Whole);
        assert_eq!(part(&[(IF_MATCH, "\"b\""), some.clone()], 9), Part::Changed);
        assert_eq!(part(&[(IF_MATCH, "W/\"a\"")], 9), Part::Changed);
        let one = Part::Range { start: 0, end: 1 };
        assert_eq!(part(&[(IF_MATCH, TAG), some.clone()], 9), one);
        assert_eq!(part(&[(IF_RANGE, TAG), some.clone()], 9), one);
        assert_eq!(part(&[(IF_RANGE, "\"b\""), some.clone()], 9), Part::Whole);
        assert_eq!(part(&[(IF_RANGE, "W/\"a\""), some.clone()], 9), Part::Whole);
        let date = "Sun, 29 Nov 2026 12:00:00 GMT";
        assert_eq!(part(&[(IF_RANGE, date), some], 9), Part::Whole);
    }

    proptest::proptest! {
        #[test]
        fn a_range_lies_within_the_file(text in "bytes=[0-9]{0,22}-[0-9]{0,22}", len in 0_u64..10_000) {
            match asked(&text, len) {
                Part::Range { start, end } => assert!(start < end && end <= len),
                Part::Whole | Part::Outside => {}
                Part::NotModified | Part::Changed => panic!("a range alone is no condition"),
            }
        }
    }
}
