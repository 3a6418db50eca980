//! What a request may have: whether it is for this box, and who asks.

use hyper::header::{AUTHORIZATION, COOKIE, HOST};
use hyper::{HeaderMap, Uri};

use super::answer::Refusal;
use super::client::Client;
use super::door::Door;
use crate::access::viewer::{MediaAddress, Request, Viewer, ViewerVerdict, What};
use crate::config::Http;
use crate::model::Right;

/// The cookie of a session. Under TLS the prefix has browsers keep it to this host and to TLS.
pub(super) const SECURE_COOKIE: &str = "__Host-edgereel";
pub(super) const PLAIN_COOKIE: &str = "edgereel";

/// The host that a request is for. The door answers only for names that lead to it: another name may be one that a web site
/// leads to the box, in the browser of a viewer.
pub(super) fn host<'a>(
    uri: &'a Uri,
    headers: &'a HeaderMap,
    http: &Http,
    machine: &str,
) -> Result<&'a str, Refusal> {
    // Two names, of which this program and the one in front of it may each read another (RFC 9112, section 3.2).
    if headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(Refusal::bad_request("the request has more than one Host"));
    }
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(hyper::http::uri::Authority::as_str).or(named);
    let Some(host) = host else {
        return Err(Refusal::bad_request("the request has no Host"));
    };
    if http.knows_host(host, machine) {
        Ok(host)
    } else {
        let shown: String = host.chars().filter(|c| !c.is_control()).take(64).collect();
        Err(Refusal::misdirected(format!(
            "'{shown}' is no name of this box: add it to http.names, or use the address of the box"
        )))
    }
}

/// Finds out who asks. `media` is the address of what is requested, where a cloud may have signed it.
pub(super) async fn viewer(
    door: &Door,
    client: Client,
    headers: &HeaderMap,
    token: Option<&str>,
    media: Option<MediaAddress<'_>>,
) -> Result<Viewer, Refusal> {
    let request = Request {
        peer: client.address,
        is_local: client.is_local,
        authorization: headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()),
        session: session(headers, client.is_secure),
        token,
        media,
        utc: door.believed_utc(),
    };
    match door.gate.check(&request) {
        ViewerVerdict::Allowed(viewer) => Ok(viewer),
        verdict => Err(refused(door, verdict).await),
    }
}

/// What a request showed, kept for a response that has no end.
pub(super) struct Shown {
    client: Client,
    authorization: Option<String>,
    session: Option<String>,
}

impl Shown {
    pub(super) fn of(client: Client, headers: &HeaderMap) -> Self {
        let authorization = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
        Self {
            client,
            authorization: authorization.map(str::to_owned),
            session: session(headers, client.is_secure).map(str::to_owned),
        }
    }

    /// The viewer that this lets in now.
    pub(super) fn viewer(&self, door: &Door) -> Option<Viewer> {
        let request = Request {
            peer: self.client.address,
            is_local: self.client.is_local,
            authorization: self.authorization.as_deref(),
            session: self.session.as_deref(),
            token: None,
            media: None,
            utc: door.believed_utc(),
        };
        match door.gate.check(&request) {
            ViewerVerdict::Allowed(viewer) => Some(viewer),
            ViewerVerdict::Unknown(_) | ViewerVerdict::Denied(_) | ViewerVerdict::TooMany { .. } => None,
        }
    }
}

/// The refusal of a viewer that is not let in. Who guessed waits for it.
pub(super) async fn refused(door: &Door, verdict: ViewerVerdict) -> Refusal {
    let (refusal, denial) = match verdict {
        ViewerVerdict::Allowed(_) => {
            defect!("a viewer that was let in is refused");
            return Refusal::internal("a viewer that was let in is refused, which is a defect of edgereel");
        }
        ViewerVerdict::Unknown(denial) => (Refusal::unauthorized(&denial.words), denial),
        ViewerVerdict::Denied(denial) => (Refusal::refused(&denial.words), denial),
        ViewerVerdict::TooMany { retry_after, denial } => {
            let seconds = retry_after.as_secs().max(1);
            (Refusal::too_many(&denial.words, seconds), denial)
        }
    };
    if let Some(event) = denial.event {
        door.report(event);
    }
    if let Some(delay) = denial.delay {
        tokio::time::sleep(delay).await;
    }
    refusal
}

/// Checks that a viewer has a right on some media. A stream that it may not see at all is one that is not there.
pub(super) fn allow(viewer: &Viewer, right: Right, what: &What<'_>) -> Result<(), Refusal> {
    if viewer.may(right, what) {
        return Ok(());
    }
    if viewer.has(right) {
        Err(Refusal::not_found("there is nothing here that you may see"))
    } else {
        Err(lacks(viewer, right))
    }
}

/// Checks that a viewer has a right on some streams at least.
pub(super) fn allow_some(viewer: &Viewer, right: Right) -> Result<(), Refusal> {
    if viewer.has(right) {
        Ok(())
    } else {
        Err(lacks(viewer, right))
    }
}

fn lacks(viewer: &Viewer, right: Right) -> Refusal {
    Refusal::refused(format!(
        "the viewer '{}' has not the right '{right}': see `may` of its [[viewer]]",
        viewer.name()
    ))
}

/// The cookie of a session, if the request has one. Under TLS only the one that browsers keep to TLS counts: the other may have
/// been set by whoever answers for this host without TLS.
pub(super) fn session(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    let wanted = if is_secure { SECURE_COOKIE } else { PLAIN_COOKIE };
    let lines = headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).map(str::trim);
    cookies.find_map(|cookie| {
        let (name, value) = cookie.split_once('=')?;
        (name == wanted).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let cookies = |lines: &[&'static str]| -> HeaderMap {
            let lines = lines.iter().map(|line| (COOKIE, HeaderValue::from_static(line)));
            lines.collect()
        };
        let plain = |lines| session(&cookies(lines), false).map(str::to_owned);
        let secure = |lines| session(&cookies(lines), true).map(str::to_owned);
        assert_eq!(plain(&["a=b; edgereel=xyz; c=d"]).as_deref(), Some("xyz"));
        assert_eq!(plain(&["edgereel2=xyz", "edgereel"]), None);
        assert_eq!(
            secure(&["edgereel=other; __Host-edgereel=xyz"]).as_deref(),
            Some("xyz")
        );
        assert_eq!(secure(&["edgereel=other"]), None, "set by somebody without TLS");
    }
}
