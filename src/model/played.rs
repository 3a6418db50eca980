//! The paths of recordings in addresses of the HTTP server.

use std::fmt::Display;

/// The path of a recording, without an extension: `/r/<recording>`. Files of its HLS are below it. Other files have their extension
/// behind it.
pub fn recording_path(recording: impl Display) -> String {
    format!("/r/{recording}")
}
