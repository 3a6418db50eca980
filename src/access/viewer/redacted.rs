//! The target of a request as a log may have it.

use std::fmt;

use crate::access::query::{decoded, harmless};

/// The longest path that is shown, in characters, and the longest part of it.
const MAX_PATH: usize = 300;
const MAX_PART: usize = 100;

/// The target of a request (path and query, RFC 9112 §3.2) without tokens, keys and signatures. It displays as one line of
/// bounded length.
#[derive(Clone, Copy)]
pub struct Redacted<'a>(pub &'a str);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The form with a host may have a user and a password in it.
        let target = match self.0.split_once("://") {
            Some((scheme, rest)) if !scheme.contains('/') => rest.find('/').and_then(|at| rest.get(at..)),
            _ => Some(self.0),
        };
        let target = target.unwrap_or_default();
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut shown = String::new();
        let mut before = "";
        for (place, part) in path.split('/').enumerate() {
            if place > 0 {
                shown.push('/');
            }
            // A part that is no name and no id, by its length, may be a token that somebody put in the wrong place.
            let is_secret = decoded(before).eq_ignore_ascii_case(b"t") || part.len() > MAX_PART;
            shown.push_str(if is_secret && !part.is_empty() {
                "…"
            } else {
                part
            });
            if !part.is_empty() {
                before = part;
            }
        }
        let plain = |text: &str, most: usize| -> String {
            let plain = text.chars().map(|c| if c.is_control() { '?' } else { c });
            plain.take(most).collect()
        };
        f.write_str(&plain(&shown, MAX_PATH))?;
        match plain(&harmless(query), MAX_PATH).as_str() {
            "" => Ok(()),
            query => write!(f, "?{query}"),
        }
    }
}

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_log_line_has_the_path_and_no_secret() {
        for (target, shown) in [
            ("/live/cam1.m3u8", "/live/cam1.m3u8"),
            (
                "/r/0198f3a2-5b7c-7d00-8000-0123456789ab.mp4?from=10&to=20",
                "/r/0198f3a2-5b7c-7d00-8000-0123456789ab.mp4?from=10&to=20",
            ),
            ("/t/s3cret/live/cam1.m3u8", "/t/…/live/cam1.m3u8"),
            ("/t/s3cret", "/t/…"),
            ("//t//s3cret/x", "//t//…/x"),
            ("/T/s3cret/x", "/T/…/x"),
            ("/%74/s3cret/x", "/%74/…/x"),
            ("/x/t/s3cret/x", "/x/t/…/x"),
            (
                "/live/a.m3u8?txSecret=s3cret&txTime=5C271099&delay=3",
                "/live/a.m3u8?txTime=5C271099&delay=3",
            ),
            ("/live/a.m3u8?auth_key=1-0-0-s3cret", "/live/a.m3u8"),
            (
                "/live/a.m3u8?key=s3cret&k%65y=s3cret&token=s3cret",
                "/live/a.m3u8",
            ),
            ("http://user:s3cret@box/live/a.m3u8?key=s3cret", "/live/a.m3u8"),
            ("http://user:s3cret@box", ""),
            ("/a\r\nINFO forged", "/a??INFO forged"),
            ("/a#s3cret", "/a"),
        ] {
            assert_eq!(Redacted(target).to_string(), shown, "{target}");
        }
        let long = format!("/{}/x", "a".repeat(10_000));
        assert_eq!(Redacted(&long).to_string(), "/…/x");
        let long = "/a".repeat(10_000);
        assert_eq!(Redacted(&long).to_string().chars().count(), MAX_PATH);
    }

    proptest! {
        #[test]
        fn no_token_is_ever_shown(before in "(/|t|T|%74|[a-z]){0,6}", behind in "\\PC{0,20}") {
            let target = format!("{before}/t/s3cretT0ken/{behind}");
            prop_assert!(!Redacted(&target).to_string().contains("s3cretT0ken"));
        }

        #[test]
        fn no_target_panics_or_is_long(target in "(/|\\?|&|=|t|#|://|%|\\PC){0,60}") {
            let shown = Redacted(&target).to_string();
            prop_assert!(shown.chars().count() <= 2 * MAX_PATH + 1 && !shown.chars().any(char::is_control));
        }
    }
}
