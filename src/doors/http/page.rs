//! What is the same for everybody: the page at `/`, and the description of the interface. Both are in the program, compressed, and
//! hold no secrets.

use std::io::{Read as _, copy, sink};
use std::sync::{Arc, LazyLock};

use data_encoding::{BASE64, HEXLOWER};
use flate2::read::GzDecoder;
use hyper::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, VARY};
use hyper::{HeaderMap, Method};
use sha2::{Digest as _, Sha256};

use super::answer::{Answer, Refusal, set};
use super::body::Source;
use super::door::Door;
use super::files::{Sent, send};
use super::flow::Pace;
use super::folder::takes_gzip;

static HOME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/index.html.gz"));
static OPENAPI: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.yaml.gz"));

/// What the page may do: run its own script, and ask this server. Nothing of another server is loaded, and no other page frames it.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let (mut page, mut packed) = (String::new(), GzDecoder::new(HOME));
    if packed.read_to_string(&mut page).is_err() {
        defect!("the page of the program cannot be read");
    }
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        sum_of(&page, "script"),
        sum_of(&page, "style")
    )
});

/// Answers with the page at `/`.
pub(super) fn home(door: &Door, how: (&Method, &HeaderMap)) -> Result<Answer, Refusal> {
    let mut answer = page(door, (HOME, "text/html; charset=utf-8"), how)?;
    set(&mut answer, CONTENT_SECURITY_POLICY, &POLICY);
    Ok(answer)
}

/// Answers with the description of the interface (RFC 9512 has its media type).
pub(super) fn openapi(door: &Door, how: (&Method, &HeaderMap)) -> Result<Answer, Refusal> {
    page(door, (OPENAPI, "application/yaml"), how)
}

fn page(
    door: &Door,
    (packed, media_type): (&'static [u8], &'static str),
    (method, headers): (&Method, &HeaderMap),
) -> Result<Answer, Refusal> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refusal::method(
            "this can only be read: GET or HEAD",
            "GET, HEAD, OPTIONS",
        ));
    }
    let sum = HEXLOWER.encode(Sha256::digest(packed).get(..8).unwrap_or_default());
    let is_packed = takes_gzip(headers);
    // Both are files of their own, so each has its tag.
    let (source, len, etag): (Arc<dyn Source>, u64, String) = if is_packed {
        (
            Arc::new(Plain(packed)),
            packed.len() as u64,
            format!("\"{sum}-gzip\""),
        )
    } else {
        (
            Arc::new(Packed(packed)),
            unpacked_len(packed),
            format!("\"{sum}\""),
        )
    };
    let sent = Sent {
        source,
        tape: None,
        len,
        etag,
        media_type,
        pace: Pace::Player,
        changed: None,
        until: None,
    };
    let mut answer = send(door, &sent, (method, headers));
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    if is_packed && headers.contains_key(ETAG) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(answer)
}

/// The length of what a gzip file was made of: its last four bytes (RFC 1952, section 2.3.1).
fn unpacked_len(packed: &[u8]) -> u64 {
    let end = packed.last_chunk::<4>().copied().unwrap_or_default();
    u64::from(u32::from_le_bytes(end))
}

/// The sum of an element's text, as a policy names it (Content Security Policy Level 3, section 2.3.1).
fn sum_of(page: &str, element: &str) -> String {
    let text = page.split_once(&format!("<{element}>"));
    let text = text.and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    let text = text.map_or("", |(text, _)| text);
    format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)))
}

/// Bytes as they are.
struct Plain(&'static [u8]);

/// A gzip file, read as what it was made of. Each read begins at the beginning, for the whole is small.
struct Packed(&'static [u8]);

impl Source for Plain {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.0.get(from..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or("it ends before")?);
        Ok(())
    }
}

impl Source for Packed {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        let mut packed = GzDecoder::new(self.0);
        copy(&mut (&mut packed).take(offset), &mut sink()).map_err(|error| error.to_string())?;
        packed.read_exact(buffer).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser would fetch by itself, or let a page of another server do.
    #[test]
    fn the_page_is_small_and_loads_nothing_from_elsewhere() {
        let page = include_str!("../../../assets/index.html");
        assert!(page.len() < 10_000, "{} bytes", page.len());
        for outside in [
            "http:",
            "https:",
            "src=",
            "@import",
            "url(",
            "innerHTML",
            "eval(",
            "onclick",
            "style=",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(
            POLICY.starts_with("default-src 'none'; script-src 'sha256-"),
            "{}",
            *POLICY
        );
        assert!(!POLICY.contains("unsafe"));
    }

    #[test]
    fn a_page_is_read_at_any_place() {
        let text = include_bytes!("../../../docs/openapi.yaml");
        assert_eq!(unpacked_len(OPENAPI), text.len() as u64);
        for (from, to) in [(0, 10), (70_000, 90_000), (text.len() - 7, text.len())] {
            let mut buffer = vec![0; to - from];
            Packed(OPENAPI).read(from as u64, &mut buffer).unwrap();
            assert!(buffer == text[from..to], "{from}..{to}");
        }
        assert!(Packed(OPENAPI).read(text.len() as u64, &mut [0]).is_err());
        assert!(Plain(OPENAPI).read(OPENAPI.len() as u64, &mut [0]).is_err());
    }
}
