//! The answers of S3.

use bytes::{Bytes, BytesMut};
use reqwest::StatusCode;

use super::super::progress::Progress;
use super::super::{Answer, Fault, ObjectSeen, PartSeen};
use super::request::{Prepared, Verb, md5_of};
use super::xml;

/// An answer that does not have the form of S3 is not from the store.
pub(super) const FOREIGN: &str =
    "the answer is not a store's; is there a login page or a proxy between this box and the store?";

/// Bytes of an answer that are searched for a page for people.
const PAGE: usize = 1_024;

/// The longest answer that is not an object: a page of 1,000 parts has a third of it.
const MOST: u64 = 1 << 20;

/// The longest name of an upload and the longest ETag of any store.
pub(super) const LONGEST_ID: usize = 2_048;

/// Most uploads that are read under one key.
const UPLOADS: usize = 1_000;

/// An answer, read.
pub(super) struct Raw {
    pub(super) status: StatusCode,
    pub(super) etag: Option<String>,
    pub(super) region: Option<String>,
    recording: Option<String>,
    /// The header says that the answer is a page for people.
    html: bool,
    /// The answer has the date or the version of an object, as every store gives it.
    dated: bool,
    length: Option<u64>,
    /// The whole length of an object, in the answer to a range of it.
    whole: Option<u64>,
    pub(super) body: Bytes,
}

impl Raw {
    /// Reads an answer, up to its longest length.
    pub(super) async fn read(
        prepared: &Prepared,
        mut answer: reqwest::Response,
        progress: &Progress,
    ) -> Result<Self, Fault> {
        let header = |name: &str| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            (value.len() <= 1_024).then(|| value.to_owned())
        };
        let mut raw = Raw {
            status: answer.status(),
            etag: header("etag").map(|etag| unquoted(&etag)),
            html: header("content-type").is_some_and(|kind| is_html(&kind)),
            dated: header("last-modified").is_some(),
            whole: header("content-range").and_then(|range| range.rsplit('/').next()?.parse().ok()),
            region: header("x-amz-bucket-region"),
            recording: header("x-amz-meta-edgereel-recording"),
            length: header("content-length").and_then(|len| len.parse().ok()),
            body: Bytes::new(),
        };
        if prepared.verb == Verb::Head || prepared.verb == Verb::Size && raw.status.is_success() {
            return Ok(raw);
        }
        let most = match prepared.verb {
            Verb::Read if raw.status.is_success() => prepared.wanted,
            _ => MOST,
        };
        let mut body = BytesMut::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => {
                    progress.sign(chunk.len() as u64);
                    if (body.len() + chunk.len()) as u64 > most {
                        raw.body = body.freeze();
                        return Err(
                            if raw.is_page() || raw.body.is_empty() && looks_like_page(&chunk) {
                                foreign(prepared)
                            } else {
                                Fault::Damaged(format!("{prepared}: the answer is too long"))
                            },
                        );
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(None) => break,
                Err(error) => {
                    let said = crate::https::with_causes(&error.without_url());
                    return Err(Fault::Offline(format!(
                        "{prepared}: the answer was cut off: {said}"
                    )));
                }
            }
        }
        raw.body = body.freeze();
        Ok(raw)
    }

    /// An answer that a fuzzer makes: each bit says whether there is a header.
    pub(super) fn made(headers: u8, status: StatusCode, body: Bytes) -> Self {
        let has = |bit: u8| headers & (1 << bit) != 0;
        Raw {
            status,
            etag: has(0).then(|| "d41d8cd98f00b204e9800998ecf8427e-1".to_owned()),
            region: has(1).then(|| "eu-central-1".to_owned()),
            recording: None,
            html: has(2),
            dated: has(3),
            length: has(4).then_some(body.len() as u64),
            whole: has(5).then_some(u64::MAX),
            body,
        }
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// True for an HTML page, which no object store sends.
    pub(super) fn is_page(&self) -> bool {
        self.html || looks_like_page(&self.body)
    }

    /// True for an answer that is not in S3's words: a page, or text that is no XML. An empty answer is common in S3.
    pub(super) fn is_foreign(&self) -> bool {
        let blank = self.body.iter().all(u8::is_ascii_whitespace);
        self.is_page()
            || !blank
                && !self
                    .text()
                    .trim_start_matches(['\u{feff}', ' ', '\r', '\n', '\t'])
                    .starts_with('<')
    }
}

fn is_html(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind.starts_with("text/html") || kind.starts_with("application/xhtml")
}

fn looks_like_page(body: &[u8]) -> bool {
    let begins = body.get(..PAGE).unwrap_or(body).to_ascii_lowercase();
    let has = |tag: &[u8]| begins.windows(tag.len()).any(|bytes| bytes == tag);
    begins.trim_ascii_start().starts_with(b"<") && (has(b"<html") || has(b"<!doctype html"))
}

/// The fault of a success that no store sends: it counts as no answer.
fn foreign(prepared: &Prepared) -> Fault {
    Fault::Intercepted(format!("{prepared}: {FOREIGN}"))
}

/// Reads a success. With `md5`, an ETag in the form of an MD5 must be the MD5 of the sent bytes.
pub(super) fn read(prepared: &Prepared, raw: Raw, md5: bool) -> Result<Answer, Fault> {
    let senseless = || Fault::Damaged(format!("{prepared}: the answer makes no sense"));
    let is_object = matches!(prepared.verb, Verb::Read | Verb::Size);
    if raw.html || !is_object && raw.is_foreign() {
        return Err(foreign(prepared));
    }
    match prepared.verb {
        Verb::Put | Verb::Part(_) => {
            let etag = raw.etag.unwrap_or_default();
            let theirs = md5_of(&etag).filter(|_| md5);
            if theirs.is_some() && theirs != prepared.md5 {
                return Err(Fault::Damaged(format!(
                    "{prepared}: what arrived has the ETag {etag}, and is not what was sent"
                )));
            }
            // Captive portals answer like this, too.
            if etag.is_empty() {
                Err(foreign(prepared))
            } else {
                Ok(Answer::Stored { etag })
            }
        }
        Verb::Create => match xml::text(raw.text(), "UploadId") {
            Some(upload) if (1..=LONGEST_ID).contains(&upload.len()) => Ok(Answer::Created { upload }),
            _ if xml::has(raw.text(), "InitiateMultipartUploadResult") => Err(senseless()),
            _ => Err(foreign(prepared)),
        },
        // After such an answer it is not known whether the object is complete. The upload is asked for again.
        Verb::Complete => completed(prepared, &raw, md5).ok_or_else(|| foreign(prepared)),
        Verb::Read => match raw.body.len() as u64 == prepared.wanted {
            true => Ok(Answer::Bytes(raw.body)),
            false if raw.is_page() => Err(foreign(prepared)),
            false => Err(Fault::Damaged(format!(
                "{prepared}: {} bytes came of {}",
                raw.body.len(),
                prepared.wanted
            ))),
        },
        Verb::Abort | Verb::Tag => Ok(Answer::Done),
        Verb::Head | Verb::Size | Verb::Remove | Verb::Parts | Verb::Uploads => Err(senseless()),
    }
}

/// The properties of an object in the answer.
pub(super) enum Looked {
    Missing,
    Seen(ObjectSeen),
    /// The properties without the length, which some gateways leave out.
    WithoutLength(ObjectSeen),
}

pub(super) fn head(prepared: &Prepared, raw: Raw) -> Result<Looked, Fault> {
    if raw.status == StatusCode::NOT_FOUND {
        return Ok(Looked::Missing);
    }
    if raw.html || raw.etag.is_none() && !raw.dated {
        return Err(foreign(prepared));
    }
    let seen = ObjectSeen {
        bytes: raw.length.unwrap_or(0),
        etag: raw.etag.unwrap_or_default(),
        recording: raw.recording,
    };
    Ok(match raw.length {
        Some(_) => Looked::Seen(seen),
        None => Looked::WithoutLength(seen),
    })
}

/// An object's length, from the answer to a request for its first byte.
pub(super) fn size(prepared: &Prepared, raw: &Raw) -> Result<u64, Fault> {
    if raw.html {
        return Err(foreign(prepared));
    }
    let size = if raw.status == StatusCode::PARTIAL_CONTENT {
        raw.whole
    } else {
        raw.length
    };
    size.ok_or_else(|| Fault::Damaged(format!("{prepared}: the store does not say how long it is")))
}

/// True when the object is certainly gone; if not, a further request must check that.
pub(super) fn removed(prepared: &Prepared, raw: &Raw) -> Result<bool, Fault> {
    if raw.is_foreign() {
        return Err(foreign(prepared));
    }
    let known = matches!(
        raw.status,
        StatusCode::NO_CONTENT | StatusCode::OK | StatusCode::NOT_FOUND
    );
    let blank = raw.body.iter().all(u8::is_ascii_whitespace);
    Ok(known && (blank || raw.status == StatusCode::NOT_FOUND))
}

fn completed(prepared: &Prepared, raw: &Raw, md5: bool) -> Option<Answer> {
    let told = xml::text(raw.text(), "ETag").map(|etag| etag_in(&etag));
    let etag = told.or_else(|| raw.etag.clone()).unwrap_or_default();
    if etag.is_empty() && !xml::has(raw.text(), "CompleteMultipartUploadResult") {
        return None;
    }
    // The ETag is `<MD5 of the parts' MD5s>-<count>`, where the service makes it as Amazon does.
    let theirs = etag.split_once('-').filter(|_| md5);
    let theirs = theirs.and_then(|(all, count)| Some((md5_of(all)?, count.parse::<usize>().ok()?)));
    let ours = prepared.md5.map(|all| (all, prepared.count));
    Some(if theirs.zip(ours).is_some_and(|(theirs, ours)| theirs != ours) {
        Answer::Doubted { etag }
    } else {
        Answer::Stored { etag }
    })
}

/// Reads a page of parts, and the number behind which the next page begins. Services leave out any of the elements.
pub(super) fn parts(prepared: &Prepared, raw: &Raw) -> Result<(Vec<PartSeen>, Option<u32>), Fault> {
    let text = raw.text();
    if !xml::has(text, "ListPartsResult") {
        return Err(otherwise(prepared, raw));
    }
    let number = |text: &str, name: &str| xml::text(text, name)?.trim().parse::<u64>().ok();
    let parts = xml::each(text, "Part").filter_map(|part| {
        Some(PartSeen {
            number: u32::try_from(number(part, "PartNumber")?).ok()?,
            bytes: number(part, "Size")?,
            etag: xml::text(part, "ETag")
                .map(|etag| etag_in(&etag))
                .unwrap_or_default(),
        })
    });
    let more = xml::text(text, "IsTruncated").is_some_and(|truncated| truncated.trim() == "true");
    let next = number(text, "NextPartNumberMarker").and_then(|next| u32::try_from(next).ok());
    Ok((parts.collect(), next.filter(|_| more)))
}

/// The ids of uploads under exactly this key.
pub(super) fn uploads(prepared: &Prepared, raw: &Raw, key: &str) -> Result<Vec<String>, Fault> {
    let text = raw.text();
    if !xml::has(text, "ListMultipartUploadsResult") {
        return Err(otherwise(prepared, raw));
    }
    let uploads = xml::each(text, "Upload").take(UPLOADS);
    let found = uploads.filter_map(|upload| {
        let theirs = xml::text(upload, "Key")?;
        let id = xml::text(upload, "UploadId")?;
        (theirs == key && (1..=LONGEST_ID).contains(&id.len())).then_some(id)
    });
    Ok(found.collect())
}

/// The fault of a list that was not asked for: the store does not know the request, or another server answers.
fn otherwise(prepared: &Prepared, raw: &Raw) -> Fault {
    if raw.is_foreign() {
        foreign(prepared)
    } else {
        Fault::Unsupported(format!(
            "{prepared}: the answer of the object store does not belong to the request"
        ))
    }
}

/// The ETag in an answer; a text that cannot be one is dropped.
fn etag_in(text: &str) -> String {
    let etag = unquoted(text);
    if etag.len() <= LONGEST_ID {
        etag
    } else {
        String::new()
    }
}

fn unquoted(etag: &str) -> String {
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    etag.replace("&quot;", "\"").trim_matches('"').to_owned()
}

/// True when two ETags are the same, however a service writes them. An ETag is sent back as it came, because some services tell
/// the two forms apart.
pub(in crate::delivery) fn same_etag(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
