//! An entry point for fuzzers: an answer with any bytes.

use bytes::Bytes;
use reqwest::StatusCode;

use super::super::Answer;
use super::answer::{self, LONGEST_ID, Raw};
use super::refusal;
use super::request::{Prepared, Verb};

/// Reads an answer made of `data`. The first byte says which headers there are, the second the status; the rest is the body. No
/// text that is read from it may be longer than what is kept of it.
#[doc(hidden)]
pub fn fuzz(data: &[u8]) {
    let [headers, status, body @ ..] = data else {
        return;
    };
    for prepared in everything() {
        let status = StatusCode::from_u16(100 + u16::from(*status) * 2).unwrap_or(StatusCode::OK);
        let raw = || Raw::made(*headers, status, Bytes::copy_from_slice(body));
        let judged = refusal::judge(&prepared, "store", &raw());
        if let Err(fault) = &judged {
            assert!(fault.to_string().len() < 8 << 10, "{fault}");
        }
        let _ = answer::head(&prepared, raw());
        let _ = answer::size(&prepared, &raw());
        let _ = answer::removed(&prepared, &raw());
        if let Ok((parts, _)) = answer::parts(&prepared, &raw()) {
            assert!(parts.iter().all(|part| part.etag.len() <= LONGEST_ID));
        }
        if let Ok(uploads) = answer::uploads(&prepared, &raw(), "k") {
            assert!(uploads.iter().all(|upload| upload.len() <= LONGEST_ID));
        }
        match answer::read(&prepared, raw(), true) {
            Ok(Answer::Stored { etag } | Answer::Doubted { etag }) => assert!(etag.len() <= LONGEST_ID),
            Ok(Answer::Created { upload }) => assert!((1..=LONGEST_ID).contains(&upload.len())),
            Err(fault) => assert!(fault.to_string().len() < 8 << 10, "{fault}"),
            Ok(_) => {}
        }
    }
}

fn everything() -> impl Iterator<Item = Prepared> {
    let verbs = [
        Verb::Put,
        Verb::Create,
        Verb::Part(1),
        Verb::Parts,
        Verb::Complete,
        Verb::Abort,
        Verb::Uploads,
        Verb::Head,
        Verb::Size,
        Verb::Read,
        Verb::Remove,
        Verb::Tag,
    ];
    verbs.into_iter().map(|verb| Prepared {
        md5: Some([0; 16]),
        count: 1,
        wanted: 5,
        ..Prepared::of(verb, "k".to_owned())
    })
}
