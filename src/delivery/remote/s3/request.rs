//! Requests in the form of S3.

use std::fmt;

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use md5::{Digest as _, Md5};
use quick_xml::escape::escape;
use rusty_s3::Method;

use super::super::{About, Content, Payload, Request};
use crate::config::{Encryption, S3Target};

/// The operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Put,
    Create,
    Part(u32),
    Parts,
    Complete,
    Abort,
    Uploads,
    Head,
    /// Reads one byte, for the whole length that comes with it.
    Size,
    Read,
    Remove,
    Tag,
}

impl Verb {
    /// True for an operation whose permission deliveries do not need.
    pub(super) fn is_optional(self) -> bool {
        matches!(self, Verb::Parts | Verb::Uploads | Verb::Abort | Verb::Tag)
    }
}

/// A request, ready to be signed and sent.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) verb: Verb,
    /// The object's key; `None` for a request about the bucket.
    pub(super) key: Option<String>,
    /// Sorted by name.
    pub(super) query: Vec<(&'static str, String)>,
    /// Sorted by name, lower case; all of them are signed.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Content,
    /// Other bodies give way to this request's body.
    pub(super) first: bool,
    /// MD5 of the body, where the answer's ETag is that MD5; for `Complete`, the MD5 of the parts' MD5s.
    pub(super) md5: Option<[u8; 16]>,
    /// Number of parts.
    pub(super) count: usize,
    /// Number of bytes that the request asks for.
    pub(super) wanted: u64,
}

/// Makes a request in the form of S3. `Request::Parts` and `Uploads` come in pages, and functions of their own make them.
pub(super) fn prepare(request: Request, target: &S3Target) -> Prepared {
    match request {
        Request::Put { key, body, about } => {
            let mut prepared = Prepared::of(Verb::Put, key).with_body(body);
            prepared.headers.extend(headers(&about, target));
            prepared.first = about.first;
            prepared.sorted()
        }
        Request::Create { key, about } => {
            let mut prepared = Prepared::of(Verb::Create, key);
            prepared.headers.extend(headers(&about, target));
            prepared.query.push(("uploads", String::new()));
            prepared.sorted()
        }
        Request::Part {
            key,
            upload,
            number,
            body,
            ..
        } => {
            let mut prepared = Prepared::of(Verb::Part(number), key).with_body(body);
            prepared.query = vec![("partNumber", number.to_string()), ("uploadId", upload)];
            prepared.sorted()
        }
        Request::Complete { key, upload, parts } => complete(key, upload, &parts),
        Request::Abort { key, upload } => {
            let mut prepared = Prepared::of(Verb::Abort, key);
            prepared.query.push(("uploadId", upload));
            prepared
        }
        Request::Head { key } => Prepared::of(Verb::Head, key),
        Request::Read { key, offset, len } => {
            let mut prepared = Prepared::of(Verb::Read, key);
            let last = offset.saturating_add(len).saturating_sub(1);
            prepared.headers.push(("range", format!("bytes={offset}-{last}")));
            prepared.wanted = len;
            prepared
        }
        Request::Remove { key } => Prepared::of(Verb::Remove, key),
        Request::Tag { key, tags } => tag(key, &tags),
        Request::Parts { key, upload } => list_parts(&key, &upload, 0),
        Request::Uploads { key } => list_uploads(&key),
        // A bucket is never asked for its space.
        Request::Space => Prepared::of(Verb::Head, String::new()),
    }
}

pub(super) fn list_parts(key: &str, upload: &str, after: u32) -> Prepared {
    let mut prepared = Prepared::of(Verb::Parts, key.to_owned());
    if after > 0 {
        prepared.query.push(("part-number-marker", after.to_string()));
    }
    prepared.query.push(("uploadId", upload.to_owned()));
    prepared
}

pub(super) fn list_uploads(key: &str) -> Prepared {
    let mut prepared = Prepared::of(Verb::Uploads, key.to_owned());
    prepared.key = None;
    prepared.query = vec![("prefix", key.to_owned()), ("uploads", String::new())];
    prepared
}

pub(super) fn size(key: &str) -> Prepared {
    let mut prepared = Prepared::of(Verb::Size, key.to_owned());
    prepared.headers.push(("range", "bytes=0-0".to_owned()));
    prepared
}

fn complete(key: String, upload: String, parts: &[(u32, String)]) -> Prepared {
    let mut body = String::from("<CompleteMultipartUpload>");
    let mut all = Some(Md5::new());
    for (number, etag) in parts {
        body.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>&quot;{}&quot;</ETag></Part>",
            escape(etag)
        ));
        all = all.zip(md5_of(etag)).map(|(all, md5)| all.chain_update(md5));
    }
    body.push_str("</CompleteMultipartUpload>");
    let mut prepared = Prepared::of(Verb::Complete, key);
    prepared.body = Bytes::from(body).into();
    prepared.query.push(("uploadId", upload));
    prepared.count = parts.len();
    prepared.md5 = all.map(|all| all.finalize().into());
    prepared
}

fn tag(key: String, tags: &[(String, String)]) -> Prepared {
    let mut body = String::from("<Tagging><TagSet>");
    for (name, value) in tags {
        body.push_str(&format!(
            "<Tag><Key>{}</Key><Value>{}</Value></Tag>",
            escape(name),
            escape(value)
        ));
    }
    body.push_str("</TagSet></Tagging>");
    let mut prepared = Prepared::of(Verb::Tag, key).with_body(Payload::of(body.into()));
    prepared.query.push(("tagging", String::new()));
    prepared
}

/// The headers of an object.
fn headers(about: &About, target: &S3Target) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("content-type", about.mime.to_owned()),
        ("x-amz-meta-edgereel-recording", about.recording.clone()),
    ];
    headers.extend(about.cache.map(|cache| ("cache-control", cache.to_owned())));
    match &target.encryption {
        None => (),
        Some(Encryption::Aes256) => {
            headers.push(("x-amz-server-side-encryption", "AES256".to_owned()));
        }
        Some(Encryption::Kms(key)) => {
            headers.push(("x-amz-server-side-encryption", "aws:kms".to_owned()));
            headers.extend(
                key.as_ref()
                    .map(|key| ("x-amz-server-side-encryption-aws-kms-key-id", key.clone())),
            );
        }
    }
    let class = target.storage_class.as_ref();
    headers.extend(class.map(|class| ("x-amz-storage-class", class.clone())));
    headers
}

impl Prepared {
    pub(super) fn of(verb: Verb, key: String) -> Self {
        Self {
            verb,
            key: Some(key),
            query: Vec::new(),
            headers: Vec::new(),
            body: Content::default(),
            first: false,
            md5: None,
            count: 0,
            wanted: 0,
        }
    }

    fn with_body(mut self, body: Payload) -> Self {
        self.headers.push(("content-md5", BASE64.encode(&body.md5)));
        self.md5 = Some(body.md5);
        self.body = body.content;
        self
    }

    fn sorted(mut self) -> Self {
        self.headers.sort_by_key(|(name, _)| *name);
        self
    }

    pub(super) fn method(&self) -> Method {
        match self.verb {
            Verb::Put | Verb::Part(_) | Verb::Tag => Method::Put,
            Verb::Create | Verb::Complete => Method::Post,
            Verb::Parts | Verb::Uploads | Verb::Size | Verb::Read => Method::Get,
            Verb::Head => Method::Head,
            Verb::Abort | Verb::Remove => Method::Delete,
        }
    }

    pub(super) fn http_method(&self) -> reqwest::Method {
        match self.method() {
            Method::Head => reqwest::Method::HEAD,
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        }
    }

    /// True where the method has a body: an empty body has its length with it, too.
    pub(super) fn has_body(&self) -> bool {
        matches!(self.method(), Method::Post | Method::Put)
    }
}

/// The request as faults name it.
impl fmt::Display for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_deref();
        let key = key.or_else(|| self.query.first().map(|(_, prefix)| prefix.as_str()));
        let key = key.unwrap_or_default();
        match self.verb {
            Verb::Put => write!(f, "putting {key}"),
            Verb::Create => write!(f, "beginning {key}"),
            Verb::Part(number) => write!(f, "sending part {number} of {key}"),
            Verb::Parts => write!(f, "asking for the parts of {key}"),
            Verb::Complete => write!(f, "completing {key}"),
            Verb::Abort => write!(f, "giving up an upload of {key}"),
            Verb::Uploads => write!(f, "asking for uploads of {key}"),
            Verb::Head | Verb::Size => write!(f, "looking at {key}"),
            Verb::Read => write!(f, "reading {key}"),
            Verb::Remove => write!(f, "removing {key}"),
            Verb::Tag => write!(f, "tagging {key}"),
        }
    }
}

/// The MD5 in an ETag, if the ETag is one.
pub(super) fn md5_of(etag: &str) -> Option<[u8; 16]> {
    let mut out = [0; 16];
    if etag.len() != 2 * out.len() {
        return None;
    }
    let read = HEXLOWER_PERMISSIVE.decode_mut(etag.as_bytes(), &mut out);
    read.is_ok().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_as_headers_want_them() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(BASE64.encode(bytes), text);
        }
        assert_eq!(
            md5_of("d41d8cd98f00b204e9800998ecf8427e").unwrap()[..2],
            [0xd4, 0x1d]
        );
        for other in [
            "",
            "d41d8cd98f00b204e9800998ecf8427e-2",
            "xyzd8cd98f00b204e9800998ecf8427e",
        ] {
            assert_eq!(md5_of(other), None);
        }
    }
}
