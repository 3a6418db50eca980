//! What is the same for everybody: the console at `/` with its files, and the description of the interface. All are in the
//! program, compressed, and hold no secrets. A browser asks each time whether it still has the right bytes, so a page and its
//! script are of one release.

use std::io::{Read as _, copy, sink};
use std::sync::Arc;

use data_encoding::HEXLOWER;
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
static SCRIPT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/console.js.gz"));
static SHARED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shared.js.gz"));
static MANAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/manage.js.gz"));
static STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/console.css.gz"));
static ICON: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/icon.svg.gz"));
static PLAYER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hls.js.gz"));

/// What the page may do: run the scripts of this server, ask it, and play what it sends. Nothing of another server is loaded, no
/// script and no style is in the page itself, and no other page frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asset {
    Script,
    /// What the scripts have in common.
    Shared,
    /// The screens for who manages the box. The page loads it when one is opened.
    Manage,
    Style,
    Icon,
    /// hls.js, for browsers and places where the browser's own player does not do. The page loads it when it needs it.
    Player,
}

impl Asset {
    /// The file of a path without the first slash.
    pub(super) fn named(path: &str) -> Option<Self> {
        match path {
            "console.js" => Some(Self::Script),
            "shared.js" => Some(Self::Shared),
            "manage.js" => Some(Self::Manage),
            "console.css" => Some(Self::Style),
            "icon.svg" => Some(Self::Icon),
            "hls.js" => Some(Self::Player),
            _ => None,
        }
    }

    /// Its bytes, compressed, and their media type.
    fn packed(self) -> (&'static [u8], &'static str) {
        match self {
            Self::Script => (SCRIPT, "text/javascript; charset=utf-8"),
            Self::Shared => (SHARED, "text/javascript; charset=utf-8"),
            Self::Manage => (MANAGE, "text/javascript; charset=utf-8"),
            Self::Style => (STYLE, "text/css; charset=utf-8"),
            Self::Icon => (ICON, "image/svg+xml"),
            Self::Player => (PLAYER, "text/javascript; charset=utf-8"),
        }
    }
}

/// Answers with the page at `/`.
pub(super) fn home(door: &Door, how: (&Method, &HeaderMap)) -> Result<Answer, Refusal> {
    let mut answer = page(door, (HOME, "text/html; charset=utf-8"), how)?;
    set(&mut answer, CONTENT_SECURITY_POLICY, POLICY);
    Ok(answer)
}

/// Answers with a file of the console.
pub(super) fn asset(door: &Door, asset: Asset, how: (&Method, &HeaderMap)) -> Result<Answer, Refusal> {
    page(door, asset.packed(), how)
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
    // The compressed and the plain bytes are files of their own, so each has its tag.
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
        guard: None,
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

    /// What each file says that a browser would fetch by itself, or let a page of another server do. hls.js is not ours, and has
    /// addresses in its comments and names: the policy keeps it here.
    #[test]
    fn the_console_loads_nothing_from_elsewhere() {
        let page = include_str!("../../../assets/console/index.html");
        let script = include_str!("../../../assets/console/console.js");
        let shared = include_str!("../../../assets/console/shared.js");
        let manage = include_str!("../../../assets/console/manage.js");
        let style = include_str!("../../../assets/console/console.css");
        for (file, text) in [
            ("index.html", page),
            ("console.js", script),
            ("shared.js", shared),
            ("manage.js", manage),
            ("console.css", style),
        ] {
            for outside in [
                "http:",
                "https:",
                "//cdn",
                "@import",
                "url(",
                "innerHTML",
                "outerHTML",
                "eval(",
            ] {
                assert!(!text.contains(outside), "{outside} is in {file}");
            }
        }
        for inline in ["onclick", "style=", "<style", "<script>"] {
            assert!(!page.contains(inline), "{inline}");
        }
        assert!(!POLICY.contains("unsafe"));
    }

    /// A phone over a bad link reads the streams before hls.js is there.
    #[test]
    fn the_console_is_small() {
        let first = HOME.len() + SCRIPT.len() + SHARED.len() + STYLE.len() + ICON.len();
        let all = first + MANAGE.len() + PLAYER.len();
        println!("the console has {first} bytes, {all} with all that it may load");
        assert!(first <= 40_000, "{first} bytes before streams can be read");
        assert!(all <= 220_000, "{all} bytes");
    }

    /// The file of hls.js is the one of the release that docs/dependencies.md names.
    #[test]
    fn hls_js_is_as_it_was_published() {
        let sum = HEXLOWER.encode(&Sha256::digest(include_bytes!("../../../assets/console/hls.js")));
        let reasons = include_str!("../../../docs/dependencies.md");
        assert!(reasons.contains(&sum), "docs/dependencies.md does not have {sum}");
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
