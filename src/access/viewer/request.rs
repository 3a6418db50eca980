//! What a request shows, as a door finds it.

use std::net::IpAddr;

use data_encoding::BASE64;

use crate::access::Reason;
use crate::media::{Micros, StreamName};

/// The longest `Authorization` that is looked at, in bytes.
const MAX_HEADER: usize = 1_024;

/// What a request shows. It holds secrets, so it cannot be printed.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The address of the viewer: that of the connection, or the one that a proxy names, if the proxy is believed.
    pub peer: IpAddr,
    /// True when the connection comes over loopback and no proxy stands between.
    pub is_local: bool,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// The cookie of a session.
    pub session: Option<&'a str>,
    /// The token of `/t/<token>/…`.
    pub token: Option<&'a str>,
    /// The media that is requested. None for anything else: signatures of clouds are of media alone.
    pub media: Option<MediaAddress<'a>>,
    /// UTC now, in microseconds, where the clock is believed.
    pub utc: Option<Micros>,
}

/// The address of media, as clouds sign it.
#[derive(Clone, Copy)]
pub struct MediaAddress<'a> {
    /// The stream that is requested, or the stream of the recording.
    pub stream: &'a StreamName,
    /// The paths that the signature may be of, as they stand in requests: that of the request itself, and those of the playlists
    /// that lead to it.
    pub paths: &'a [&'a str],
    /// The query of the request, with its signature.
    pub query: &'a str,
}

/// The credentials of an `Authorization` (RFC 9110 §11.6.2).
pub(super) enum Credentials {
    /// `Bearer KEY` (RFC 6750).
    Bearer(Vec<u8>),
    /// `Basic` with a user and a password (RFC 7617).
    Basic { user: String, password: Vec<u8> },
}

impl Credentials {
    pub(super) fn parse(header: &str) -> Result<Self, Reason> {
        let wrong = |why| Reason::Malformed {
            what: "the header Authorization",
            why,
        };
        if header.len() > MAX_HEADER {
            return Err(wrong("it is longer than 1024 bytes"));
        }
        let (scheme, value) = header
            .split_once(' ')
            .ok_or(wrong("expected 'Bearer KEY', or 'Basic' and name:key in Base64"))?;
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Credentials::Bearer(value.as_bytes().to_vec()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(wrong("the scheme is neither Bearer nor Basic"));
        }
        let decoded = BASE64.decode(value.as_bytes());
        let decoded = decoded.map_err(|_| wrong("what is behind Basic is not Base64"))?;
        let colon = decoded.iter().position(|byte| *byte == b':');
        let (user, password) = colon
            .and_then(|at| Some((decoded.get(..at)?, decoded.get(at + 1..)?)))
            .ok_or(wrong("what is behind Basic has no colon"))?;
        Ok(Credentials::Basic {
            user: String::from_utf8_lossy(user).into_owned(),
            password: password.to_vec(),
        })
    }
}
