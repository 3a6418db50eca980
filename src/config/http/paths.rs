//! The paths of streams in addresses of the HTTP server.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::RESERVED_APPS;
use crate::media::StreamName;

/// Everything but unreserved characters (RFC 3986 §2.3) is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'_')
    .remove(b'-')
    .remove(b'~');

/// True when the first part of a stream's app has another meaning in addresses of the HTTP server.
pub fn is_reserved(stream: &StreamName) -> bool {
    let first = stream.as_str().split('/').next().unwrap_or_default();
    RESERVED_APPS.contains(&first)
}

/// The path under which a stream is played, without an extension: `/live/cam1`; with `/s` before it where the first part of its
/// app is reserved.
pub fn stream_path(stream: &StreamName) -> String {
    let parts = stream.as_str().split('/');
    let parts = parts.map(|part| utf8_percent_encode(part, ESCAPED).to_string());
    let path = parts.collect::<Vec<_>>().join("/");
    if is_reserved(stream) {
        format!("/s/{path}")
    } else {
        format!("/{path}")
    }
}
