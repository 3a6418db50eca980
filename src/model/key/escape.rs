//! Names that object stores, file systems and URLs all take as they are.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What becomes `%XX` in a part of a key: all but letters, digits and `-_.=+,@`.
const PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'=')
    .remove(b'+')
    .remove(b',')
    .remove(b'@');
/// The same, but `/` stays.
const PATH: &AsciiSet = &PART.remove(b'/');

/// The longest key, its extension and what makes it distinct not counted; stores take 1,024 bytes.
const LONGEST: usize = 900;
/// A file system takes no longer part.
const LONGEST_PART: usize = 200;

/// A value as one part of a key: what is not a letter, a digit or one of `-_.=+,@` becomes `%XX` for each of its bytes.
pub(super) fn escaped(value: &str) -> String {
    // A value of dots alone would be a way out of the folder, also as %2E where a URL is read.
    match value {
        "." => "_".to_owned(),
        ".." => "__".to_owned(),
        _ => utf8_percent_encode(value, PART).to_string(),
    }
}

/// The same, but `/` stays.
pub(super) fn path_escaped(value: &str) -> String {
    utf8_percent_encode(value, PATH).to_string()
}

/// A key that is not too long: what is cut off is made up for by what nobody else has.
pub(super) fn shortened(key: String, recording: &str) -> String {
    let fits = key.len() <= LONGEST && key.split('/').all(|part| part.len() <= LONGEST_PART);
    if fits {
        return key;
    }
    let mut out = String::new();
    for part in key.split('/') {
        let room = LONGEST_PART.min(LONGEST.saturating_sub(out.len() + recording.len() + 2));
        if room == 0 {
            break;
        }
        if !out.is_empty() {
            out.push('/');
        }
        out.push_str(cut(part, room));
    }
    let last = out.rfind('/').map_or(0, |slash| slash + 1);
    let room = LONGEST_PART.saturating_sub(recording.len() + 1);
    let kept = last + cut(out.get(last..).unwrap_or_default(), room).len();
    out.truncate(kept);
    format!("{out}-{recording}")
}

/// At most so many bytes of it, no `%XX` torn.
fn cut(part: &str, most: usize) -> &str {
    let mut end = most.min(part.len());
    let torn = |end: usize| {
        let from = end.saturating_sub(2);
        part.len() > end && part.get(from..end).is_some_and(|tail| tail.contains('%'))
    };
    while end > 0 && torn(end) {
        end -= 1;
    }
    part.get(..end).unwrap_or_default()
}
