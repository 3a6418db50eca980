//! Entry points for fuzzers: what a stranger writes in a request. No bytes may make any of them panic.

use hyper::HeaderMap;
use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};

use super::client::Client;
use super::query::Query;
use super::range::Part;
use super::target::{Asked, ChannelFile, ROUTES, StreamFile, Target};
use crate::access::viewer::Redacted;
use crate::config::{Http, stream_path};
use crate::timeshift::{self, Dialects};

/// The most parameters that a query may have been read into.
const MOST: usize = 32;

/// Reads the bytes as the target of a request (path and query, RFC 9112 section 3.2), as it comes and as hyper takes it.
#[doc(hidden)]
pub fn fuzz_target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    paths(path);
    queries(query);
    if let Ok(uri) = Uri::try_from(data) {
        paths(uri.path());
        queries(uri.query().unwrap_or_default());
    }
    let shown = Redacted(&text).to_string();
    assert!(!shown.chars().any(char::is_control), "a log line is one line");
}

/// What is read of a path leads to nothing else than the path says.
fn paths(path: &str) {
    let Some(asked) = Asked::parse(path) else {
        return;
    };
    assert!(ROUTES.contains(&asked.target.route()));
    if let Some(token) = asked.token {
        assert!(!token.contains('/') && asked.target.is_media());
        // A log line shows a path without its token, where no other part of it has the same text.
        if path.matches(token).count() == 1 {
            assert!(!Redacted(path).to_string().contains(token));
        }
    }
    match asked.target {
        Target::Stream(stream, file) => {
            let name = stream.as_str();
            assert!(!name.chars().any(char::is_control), "{name:?}");
            assert!(!name.split('/').any(|part| matches!(part, "" | "." | "..")));
            let own = Asked::parse(&format!("{}.m3u8", stream_path(&stream))).map(|asked| asked.target);
            // The address of its playlist is that of the master playlist of another stream.
            if name.split('/').count() < 3 || !name.ends_with("/master") {
                assert_eq!(own, Some(Target::Stream(stream, StreamFile::Playlist)));
            }
            if let StreamFile::Init(name) = file {
                assert!(!name.contains('/'));
            }
        }
        Target::Channel(name, ChannelFile::Chunk(chunk)) => {
            let own = Asked::parse(&format!("/channel/{name}/{chunk}")).map(|asked| asked.target);
            assert_eq!(own, Some(Target::Channel(name, ChannelFile::Chunk(chunk))));
        }
        Target::Folder(_, name) | Target::Command(name) => assert!(!name.is_empty() && !name.contains('/')),
        _ => {}
    }
}

fn queries(text: &str) {
    let Ok(query) = Query::parse(text) else {
        return;
    };
    let parameters = query.iter();
    let (count, bytes) = parameters.fold((0, 0), |(count, bytes), (name, value)| {
        (count + 1, bytes + name.len() + value.len())
    });
    assert!(count <= MOST && bytes <= text.len());
    let _ = super::files::Range::parse(&query);
    let all = Dialects {
        tencent: true,
        aliyun: true,
    };
    let _ = timeshift::asked(&query.iter().collect(), all);
    let _ = query.is_set("download");
    super::compat::fuzz(text);
}

/// Reads the bytes as headers: the length of a file in eight bytes, and a line each for `Range`, `If-Range`, `If-None-Match`,
/// `If-Match`, `X-Forwarded-For` and `Host`.
#[doc(hidden)]
pub fn fuzz_range(data: &[u8]) {
    let Some((len, rest)) = data.split_first_chunk::<8>() else {
        return;
    };
    let len = u64::from_be_bytes(*len);
    let names = [
        RANGE,
        IF_RANGE,
        IF_NONE_MATCH,
        IF_MATCH,
        HeaderName::from_static("x-forwarded-for"),
    ];
    let mut lines = rest.split(|byte| *byte == b'\n');
    let values = names.into_iter().zip(&mut lines).filter_map(|(name, line)| {
        let value = HeaderValue::from_bytes(line).ok()?;
        (!line.is_empty()).then_some((name, value))
    });
    let headers: HeaderMap = values.collect();
    match Part::of(&headers, "\"tag\"", len) {
        Part::Range { start, end } => assert!(start < end && end <= len),
        Part::Whole | Part::NotModified | Part::Changed | Part::Outside => {}
    }
    let peer = std::net::IpAddr::from([10, 0, 0, 1]);
    let behind = ["10.0.0.0/8".to_owned()].map(TryFrom::try_from);
    let behind: Vec<_> = behind.into_iter().flatten().collect();
    assert!(!Client::of(peer, false, &headers, &behind).is_local);
    if let Some(host) = lines.next().and_then(|line| std::str::from_utf8(line).ok()) {
        let _ = Http::default().knows_host(host, "box");
    }
}
