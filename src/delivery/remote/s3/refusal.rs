//! The cause of an answer that is not a success.

use reqwest::StatusCode;

use super::super::Fault;
use super::answer::{FOREIGN, Raw};
use super::request::{Prepared, Verb};
use super::xml;

/// Most characters of a store's message that are repeated.
const MESSAGE: usize = 200;

/// Judges an answer; `Ok` if it is a success.
pub(super) fn judge(prepared: &Prepared, host: &str, raw: &Raw) -> Result<(), Fault> {
    let text = raw.text();
    // S3 says 200 before it has put the parts together.
    let error_inside = prepared.verb == Verb::Complete && xml::has(text, "Error");
    if raw.status.is_success() && !error_inside {
        return Ok(());
    }
    let missing = raw.status == StatusCode::NOT_FOUND;
    let code = xml::text(text, "Code").unwrap_or_default();
    if is_foreign(prepared, raw, &code) {
        let status = raw.status.as_u16();
        return Err(Fault::Unusable(format!(
            "{prepared}: {host} says {status}: {FOREIGN}"
        )));
    }
    match prepared.verb {
        Verb::Head if missing => return Ok(()),
        Verb::Remove if missing && code != "NoSuchBucket" => return Ok(()),
        Verb::Abort if missing && code != "NoSuchBucket" => return Ok(()),
        _ => (),
    }
    let message = readable(&xml::text(text, "Message").unwrap_or_default());
    let mut said = format!("{prepared}: {host} says {}", raw.status.as_u16());
    for part in [readable(&code), message.clone()] {
        if !part.is_empty() {
            said.push(' ');
            said.push_str(&part);
        }
    }
    let upload = matches!(prepared.verb, Verb::Part(_) | Verb::Parts | Verb::Complete);
    // Some services do not say what is missing.
    if upload && missing && code != "NoSuchBucket" {
        return Err(Fault::UploadGone);
    }
    if prepared.verb.is_optional() && DOUBTFUL.contains(&code.as_str()) {
        return Err(Fault::Refused(said));
    }
    Err(fault(raw, &code, &message, said))
}

/// A store's message without control characters, which could move a terminal's cursor or turn a line around, and shortened.
fn readable(words: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    words
        .chars()
        .filter(|c| !c.is_control() && !turns(*c))
        .take(MESSAGE)
        .collect()
}

/// Codes that some stores use for every refusal, and others for requests that they do not know.
const DOUBTFUL: [&str; 4] = [
    "SignatureDoesNotMatch",
    "InvalidRequest",
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
];

/// True for a refusal that is not in S3's words: from a login page, from a proxy. Other requests will show whether it is about
/// this one.
fn is_foreign(prepared: &Prepared, raw: &Raw, code: &str) -> bool {
    let refused = match raw.status.as_u16() {
        408 | 425 | 429 => false,
        // Many services know only a part of S3's operations.
        405 | 501 => !prepared.verb.is_optional(),
        400..=499 => prepared.verb != Verb::Uploads && prepared.verb != Verb::Tag,
        _ => false,
    };
    refused && code.is_empty() && raw.is_foreign()
}

fn fault(raw: &Raw, code: &str, message: &str, said: String) -> Fault {
    match code {
        "NoSuchUpload" => return Fault::UploadGone,
        "BadDigest"
        | "InvalidDigest"
        | "InvalidPart"
        | "InvalidPartOrder"
        | "EntityTooSmall"
        | "IncompleteBody"
        | "XAmzContentSHA256Mismatch" => return Fault::Damaged(said),
        "SlowDown"
        | "ServiceUnavailable"
        | "InternalError"
        | "RequestTimeout"
        | "OperationAborted"
        | "InsufficientStorage"
        | "XMinioStorageFull" => return Fault::Busy(said),
        "ExpiredToken"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "RequestTimeTooSkewed"
        | "RequestExpired"
        | "NoSuchBucket"
        | "AccountProblem"
        | "AllAccessDisabled"
        | "InvalidSecurity"
        | "NotSignedUp"
        | "AuthorizationHeaderMalformed"
        | "AuthorizationQueryParametersError"
        | "PermanentRedirect"
        | "InvalidBucketName"
        | "InvalidRequest"
        | "UserDisable" => {
            return Fault::Unusable(with_region(raw, said));
        }
        "NotImplemented" | "MethodNotAllowed" => return Fault::Unsupported(said),
        // The box's clock is wrong, and so its presigned request is not valid now.
        "AccessDenied" if message.contains("expired") || message.contains("not yet valid") => {
            return Fault::Unusable(said);
        }
        _ => (),
    }
    match raw.status.as_u16() {
        301 | 302 | 303 | 307 | 308 if code.is_empty() && raw.region.is_none() => {
            Fault::Intercepted(format!("{said}: {FOREIGN}"))
        }
        // "Network Authentication Required": made for login pages.
        511 => Fault::Intercepted(format!("{said}: {FOREIGN}")),
        301 | 302 | 303 | 307 | 308 => Fault::Unusable(with_region(raw, said)),
        401 | 407 => Fault::Unusable(said),
        408 | 425 | 429 | 500 | 502 | 503 | 504 | 507 => Fault::Busy(said),
        405 | 501 => Fault::Unsupported(said),
        505..=599 => Fault::Busy(said),
        _ => Fault::Refused(said),
    }
}

fn with_region(raw: &Raw, said: String) -> String {
    match &raw.region {
        Some(region) => format!("{said}; the bucket is in the region {region}"),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stores_words_move_no_cursor_and_are_not_too_many() {
        let words = "Access\u{1b}[31mDenied\u{7}\r\n \u{202e}über\u{2069}";
        assert_eq!(readable(words), "Access[31mDenied über");
        assert_eq!(readable(&"x".repeat(100_000)).len(), MESSAGE);
    }
}
