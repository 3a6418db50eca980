//! `POST /api/v1/session`: logging in with a password, `DELETE` for logging out, and `GET` for what this viewer may do.
//!
//! The answer to a right password is a cookie, which a browser keeps to this host and sends with its own requests.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{SET_COOKIE, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Refusal, empty, json, set};
use super::client::Client;
use super::commands::body;
use super::door::Door;
use super::gate;
use crate::access::viewer::{LIFE, Request, Viewer};
use crate::model::{Right, Rights};

/// What is sent to log in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogIn {
    name: String,
    password: String,
}

/// Answers a request to log in or out.
pub(super) async fn answer(
    door: &Arc<Door>,
    client: Client,
    (method, headers, incoming): (&Method, &HeaderMap, Incoming),
) -> Result<Answer, Refusal> {
    match *method {
        Method::POST => {
            let read = body(headers, incoming).await?;
            let asked: LogIn = serde_json::from_slice(&read).map_err(|_| {
                // The message of the parser could have the password in it.
                Refusal::bad_request("log in with {\"name\": …, \"password\": …}")
            })?;
            let request = Request {
                peer: client.address,
                is_local: client.is_local,
                authorization: None,
                session: None,
                token: None,
                media: None,
                utc: door.believed_utc(),
            };
            let logged_in = door.gate.log_in(&request, &asked.name, asked.password.as_bytes());
            match logged_in.await {
                Ok((cookie, _)) => Ok(with_cookie(client, &cookie, LIFE.as_secs())),
                Err(verdict) => Err(gate::refused(door, verdict).await),
            }
        }
        Method::DELETE => {
            if let Some(cookie) = gate::session(headers, client.is_secure) {
                door.gate.log_out(cookie);
            }
            Ok(with_cookie(client, "", 0))
        }
        _ => Err(Refusal::method(
            "log in with POST, and out with DELETE; GET says what you may do",
            "GET, HEAD, POST, DELETE",
        )),
    }
}

/// Who asks, and what it may do.
#[derive(Serialize)]
struct Known<'a> {
    viewer: &'a str,
    /// Each right that it has on some streams at least.
    rights: Rights,
}

/// Answers with what a viewer may do, so that a page shows no button that the box would refuse.
pub(super) fn known(viewer: &Viewer) -> Answer {
    let has = Right::ALL.into_iter().filter(|right| viewer.has(*right));
    let known = Known {
        viewer: viewer.name(),
        rights: has.collect(),
    };
    json(StatusCode::OK, &known)
}

/// Takes out the challenge that has a browser ask for a name and a key over the page. Whoever has logged in, or does, has a page
/// that asks for the password in its own form when the session has ended.
pub(super) fn leave_to_the_page(answer: &mut Answer) {
    let challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
    let kept: Vec<_> = challenges
        .filter(|challenge| !challenge.as_bytes().starts_with(b"Basic"))
        .cloned()
        .collect();
    answer.headers_mut().remove(WWW_AUTHENTICATE);
    for challenge in kept {
        answer.headers_mut().append(WWW_AUTHENTICATE, challenge);
    }
}

/// An answer that sets the cookie of the session for so many seconds.
fn with_cookie(client: Client, value: &str, seconds: u64) -> Answer {
    let (name, secure) = if client.is_secure {
        (gate::SECURE_COOKIE, "; Secure")
    } else {
        (gate::PLAIN_COOKIE, "")
    };
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut answer = empty(StatusCode::NO_CONTENT);
    set(&mut answer, SET_COOKIE, &cookie);
    answer
}
