//! What S3 says.

use bytes::{Bytes, BytesMut};
use reqwest::StatusCode;

use super::super::progress::Progress;
use super::super::{Answer, Fault, ObjectSeen, PartSeen};
use super::request::{Prepared, Verb, md5_of};

/// Who says yes to everything, in a page for people, is not the store.
const PORTAL: &str = "the answer is a page for people; is there a login page between this box and the store?";

/// No answer that is not an object is longer: a page of 1,000 parts has a third of it.
const MOST: u64 = 1 << 20;

/// No more uploads than these are looked at under one key.
const UPLOADS: usize = 1_000;

/// An answer, read.
pub(super) struct Raw {
    pub(super) status: StatusCode,
    pub(super) etag: Option<String>,
    pub(super) region: Option<String>,
    recording: Option<String>,
    /// A page for people.
    page: bool,
    length: Option<u64>,
    pub(super) body: Bytes,
}

impl Raw {
    /// Reads it, no further than it may go.
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
            page: header("content-type").is_some_and(|kind| kind.starts_with("text/html")),
            region: header("x-amz-bucket-region"),
            recording: header("x-amz-meta-edgereel-recording"),
            length: header("content-length").and_then(|len| len.parse().ok()),
            body: Bytes::new(),
        };
        if prepared.verb == Verb::Head {
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
                        return Err(Fault::Damaged(format!("{prepared}: the answer is too long")));
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

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

/// What a success says. With `md5` an ETag that looks like one is to be the MD5 of what was sent.
pub(super) fn read(prepared: &Prepared, raw: Raw, md5: bool) -> Result<Answer, Fault> {
    let senseless = || Fault::Damaged(format!("{prepared}: the answer makes no sense"));
    if raw.page && prepared.verb != Verb::Read {
        return Err(Fault::Offline(format!("{prepared}: {PORTAL}")));
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
            if etag.is_empty() {
                // So do captive portals answer.
                let said = format!("{prepared}: an answer without an ETag; is that the store?");
                return Err(Fault::Offline(said));
            }
            Ok(Answer::Stored { etag })
        }
        Verb::Create => match inside(raw.text(), "UploadId").map(unescaped) {
            Some(upload) if (1..=2_048).contains(&upload.len()) => Ok(Answer::Created { upload }),
            _ => Err(senseless()),
        },
        Verb::Complete => completed(prepared, &raw, md5).ok_or_else(senseless),
        Verb::Head if raw.status == StatusCode::NOT_FOUND => Ok(Answer::Head(None)),
        Verb::Head => Ok(Answer::Head(Some(ObjectSeen {
            bytes: raw.length.ok_or_else(senseless)?,
            etag: raw.etag.unwrap_or_default(),
            recording: raw.recording,
        }))),
        Verb::Read => match raw.body.len() as u64 == prepared.wanted {
            true => Ok(Answer::Bytes(raw.body)),
            false => Err(Fault::Damaged(format!(
                "{prepared}: {} bytes came of {}",
                raw.body.len(),
                prepared.wanted
            ))),
        },
        Verb::Abort | Verb::Remove | Verb::Tag => Ok(Answer::Done),
        Verb::Parts | Verb::Uploads => Err(senseless()),
    }
}

fn completed(prepared: &Prepared, raw: &Raw, md5: bool) -> Option<Answer> {
    let told = inside(raw.text(), "ETag").map(unquoted);
    let etag = told
        .or_else(|| raw.etag.clone())
        .filter(|etag| !etag.is_empty())?;
    // `<MD5 of the parts' MD5s>-<count>`, where the service does as Amazon's does.
    let theirs = etag.split_once('-').filter(|_| md5);
    let theirs = theirs.and_then(|(all, count)| Some((md5_of(all)?, count.parse::<usize>().ok()?)));
    let ours = prepared.md5.map(|all| (all, prepared.count));
    Some(
        match theirs.zip(ours).is_some_and(|(theirs, ours)| theirs != ours) {
            true => Answer::Doubted { etag },
            false => Answer::Stored { etag },
        },
    )
}

/// A page of parts, and behind which one the next page begins. Services leave out of it what they please.
pub(super) fn parts(prepared: &Prepared, raw: &Raw) -> Result<(Vec<PartSeen>, Option<u32>), Fault> {
    let text = raw.text();
    if raw.page {
        return Err(Fault::Offline(format!("{prepared}: {PORTAL}")));
    }
    if !text.contains("ListPartsResult") {
        return Err(Fault::Damaged(format!("{prepared}: the answer makes no sense")));
    }
    let number = |text: &str, name: &str| inside(text, name)?.trim().parse::<u64>().ok();
    let parts = text.split("<Part>").skip(1).filter_map(|part| {
        let part = part.split("</Part>").next()?;
        Some(PartSeen {
            number: u32::try_from(number(part, "PartNumber")?).ok()?,
            bytes: number(part, "Size")?,
            etag: inside(part, "ETag").map(unquoted).unwrap_or_default(),
        })
    });
    let more = inside(text, "IsTruncated").is_some_and(|truncated| truncated.trim() == "true");
    let next = number(text, "NextPartNumberMarker").and_then(|next| u32::try_from(next).ok());
    Ok((parts.collect(), next.filter(|_| more)))
}

/// The ids of uploads under exactly this key.
pub(super) fn uploads(prepared: &Prepared, raw: &Raw, key: &str) -> Result<Vec<String>, Fault> {
    let text = raw.text();
    if raw.page {
        return Err(Fault::Offline(format!("{prepared}: {PORTAL}")));
    }
    if !text.contains("ListMultipartUploadsResult") {
        return Err(Fault::Damaged(format!("{prepared}: the answer makes no sense")));
    }
    let uploads = text.split("<Upload>").skip(1).take(UPLOADS);
    let found = uploads.filter_map(|upload| {
        let upload = upload.split("</Upload>").next()?;
        let theirs = unescaped(inside(upload, "Key")?);
        (theirs == key)
            .then(|| inside(upload, "UploadId").map(unescaped))
            .flatten()
    });
    Ok(found.collect())
}

/// The text of the first element of a name.
pub(super) fn inside<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside)
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&amp;", "&")
}

fn unquoted(etag: &str) -> String {
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    etag.replace("&quot;", "\"").trim_matches('"').to_owned()
}

/// The same, however a service writes it. What goes back to it is written as it came: to some those are two.
pub(in crate::sync) fn same_etag(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
