//! Which web pages of other origins may read responses (the Fetch standard), and the headers that every response has. Pure.

use hyper::HeaderMap;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderValue, ORIGIN,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};

use super::answer::{Answer, set};
use crate::config::Http;

/// What pages of another origin may do with a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Nothing.
    No,
    /// Read it, without credentials: every origin.
    Everybody,
    /// Read it, with the viewer's session, for this origin.
    With(String),
}

impl Sharing {
    /// Decides for a request. `has_token`: the right to it is in its path. `is_media`: it is not for a command.
    pub(super) fn of(headers: &HeaderMap, http: &Http, has_token: bool, is_media: bool) -> Sharing {
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        match origin {
            // A player page anywhere may play what it has a token for. Its browser sends nothing else of the viewer along.
            _ if has_token => Sharing::Everybody,
            Some(origin) if http.names_origin(origin) => Sharing::With(origin.to_owned()),
            Some(origin) if is_media && http.allows_origin(origin) => Sharing::Everybody,
            _ => Sharing::No,
        }
    }

    /// Sets the headers of a response.
    pub(super) fn apply(&self, answer: &mut Answer) {
        let headers = answer.headers_mut();
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.append(VARY, HeaderValue::from_static("Origin"));
        match self {
            Sharing::No => return,
            Sharing::Everybody => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Sharing::With(origin) => {
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
                set(answer, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            }
        }
        let exposed =
            "Content-Range, Content-Length, Accept-Ranges, ETag, Date, X-Edgereel-Time, X-Edgereel-Parts";
        answer
            .headers_mut()
            .insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    }

    /// Sets the headers of the answer to a browser that asks before it sends a request (OPTIONS).
    pub(super) fn apply_beforehand(&self, answer: &mut Answer) {
        self.apply(answer);
        if *self == Sharing::No {
            return;
        }
        let headers = answer.headers_mut();
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
            (
                ACCESS_CONTROL_ALLOW_HEADERS,
                "Authorization, Accept-Encoding, Content-Type, Range, If-Range, If-None-Match, Last-Event-ID",
            ),
            (ACCESS_CONTROL_MAX_AGE, "86400"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// True when a page of this origin may send a command with what the viewer's browser adds by itself. `own` is the origin of
/// the door as the browser sees it. A request without `Origin` comes from no page.
pub(super) fn may_command(headers: &HeaderMap, http: &Http, own: &str) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let origin = origin.to_str().unwrap_or_default();
    let is_public = |origin: &str| {
        let url = http.public_url.as_ref();
        url.is_some_and(|url| url.origin().eq_ignore_ascii_case(origin))
    };
    origin.eq_ignore_ascii_case(own) || is_public(origin) || http.names_origin(origin)
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;
    use crate::doors::http::answer::empty;

    fn http(cors: &[&str]) -> Http {
        let cors = cors
            .iter()
            .map(|origin| (*origin).to_owned().try_into().unwrap())
            .collect();
        let mut http = Http::default();
        http.cors = cors;
        http
    }

    fn from(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))])
    }

    #[test]
    fn pages_of_other_origins_read_what_they_may() {
        let page = from("https://app.example");
        let of = |cors: &[&str], token, media| Sharing::of(&page, &http(cors), token, media);
        assert_eq!(of(&[], false, true), Sharing::No);
        assert_eq!(of(&[], true, true), Sharing::Everybody);
        assert_eq!(of(&["*"], false, true), Sharing::Everybody);
        assert_eq!(of(&["*"], false, false), Sharing::No, "never a command");
        let named = Sharing::With("https://app.example".to_owned());
        assert_eq!(of(&["https://app.example"], false, false), named);
        assert_eq!(of(&["https://other.example"], false, true), Sharing::No);
        let mut answer = empty(StatusCode::NO_CONTENT);
        named.apply_beforehand(&mut answer);
        let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header(ACCESS_CONTROL_ALLOW_ORIGIN), Some("https://app.example"));
        assert_eq!(header(ACCESS_CONTROL_ALLOW_CREDENTIALS), Some("true"));
        assert_eq!(header(ACCESS_CONTROL_MAX_AGE), Some("86400"));
        let mut answer = empty(StatusCode::OK);
        Sharing::Everybody.apply(&mut answer);
        assert!(!answer.headers().contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        let mut answer = empty(StatusCode::OK);
        Sharing::No.apply_beforehand(&mut answer);
        assert!(!answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        assert!(!answer.headers().contains_key(ACCESS_CONTROL_ALLOW_METHODS));
    }

    #[test]
    fn a_command_comes_from_the_doors_own_pages_or_from_those_that_are_named() {
        let own = "http://box:8080";
        assert!(may_command(&HeaderMap::new(), &http(&[]), own));
        assert!(may_command(&from("http://box:8080"), &http(&[]), own));
        assert!(!may_command(&from("http://box"), &http(&[]), own));
        assert!(!may_command(&from("null"), &http(&["*"]), own));
        assert!(!may_command(&from("https://evil.example"), &http(&["*"]), own));
        assert!(may_command(
            &from("https://app.example"),
            &http(&["https://app.example"]),
            own
        ));
    }
}
