//! The gate of viewers: the admission of their connections and requests, and their sessions.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::entry::Viewers;
use super::password::{MAX_PASSWORD, is_right, nobodys, random};
use super::request::Request;
use super::session::Sessions;
use super::who::{By, Viewer};
use crate::access::{Admission, Client, LimitKeys, Limits, Reason};
use crate::config::Http;
use crate::event::Event;

/// Viewers: who connects to the HTTP server.
pub static VIEWER: Client = Client {
    action: "watch",
    verb: "watch",
    past: "watched",
    request: "request",
    section: "[[viewer]]",
    applies: "'streams' and 'addresses'",
    exclusive: false,
    keys: LimitKeys {
        connections: "http.max_connections",
        connections_per_address: "http.max_connections_per_address",
        streams: "",
        streams_per_address: "",
        streams_of_account: "",
    },
};

/// The most viewers that wait for their passwords to be checked.
pub(super) const MOST_LOGINS: usize = 8;

/// The limits of `[http]`.
pub fn limits(http: &Http) -> Limits {
    Limits {
        connections_per_address: Some(http.max_connections_per_address),
        ..Limits::default()
    }
}

/// The gate of viewers. All doors for viewers share it, and so does the reload of the configuration.
#[derive(Debug)]
pub struct Gate {
    admission: Arc<Admission<Viewers>>,
    sessions: Mutex<Sessions>,
    /// One password is checked at a time: each takes megabytes.
    pub(super) checking: Semaphore,
    waiting: Semaphore,
    began: Instant,
}

/// What a door does about a request.
#[derive(Debug)]
pub enum ViewerVerdict {
    /// The viewer may have what its rights allow.
    Allowed(Viewer),
    /// The request shows no proof, or a wrong one. HTTP status 401.
    Unknown(Box<Denial>),
    /// The request is refused whatever else it may show. HTTP status 403.
    Denied(Box<Denial>),
    /// Nothing of this address is looked at for a while. HTTP status 429.
    TooMany {
        /// How long the viewer has to wait.
        retry_after: Duration,
        /// Why.
        denial: Box<Denial>,
    },
}

/// Why a viewer is not let in, and what the door does about it.
#[derive(Debug)]
pub struct Denial {
    /// The reason.
    pub reason: Reason,
    /// The words for the viewer and the log. They hold no secret.
    pub words: String,
    /// How long the answer waits. None when nobody guessed.
    pub delay: Option<Duration>,
    /// The event that tells of it. None while many such refusals are only counted.
    pub event: Option<Event>,
}

impl Gate {
    /// The gate of these viewers.
    pub fn new(viewers: Viewers, limits: Limits) -> Self {
        Self {
            admission: Arc::new(Admission::new(&VIEWER, viewers, limits)),
            sessions: Mutex::default(),
            checking: Semaphore::new(1),
            waiting: Semaphore::new(MOST_LOGINS),
            began: Instant::now(),
        }
    }

    /// The admission of connections, and what it knows of refusals.
    pub fn admission(&self) -> &Admission<Viewers> {
        &self.admission
    }

    /// The viewers that are known now, to make tokens.
    pub fn viewers(&self) -> Arc<Viewers> {
        self.admission.judge()
    }

    /// Takes over the viewers and limits of another configuration. Sessions of viewers that are not as they were end.
    pub fn reconfigure(&self, viewers: Viewers, limits: Limits) {
        let before = self.viewers();
        lock(&self.sessions).retain(|name| before.agrees(&viewers, name));
        self.admission.set_judge(viewers);
        self.admission.set_limits(limits);
    }

    /// Decides about a request.
    pub fn check(&self, request: &Request<'_>) -> ViewerVerdict {
        let now = self.now();
        let session = request
            .session
            .and_then(|cookie| lock(&self.sessions).viewer(cookie, now));
        match self.viewers().judge(request, session.as_deref()) {
            Ok(viewer) => ViewerVerdict::Allowed(viewer),
            // A key has 128 random bits: it is looked at also where many wrong ones come from. So nobody is locked out by others
            // who have the same address.
            Err(reason) if reason.is_guess() => {
                let reason = self.admission.held_off(request.peer, "").unwrap_or(reason);
                self.refused(request.peer, reason)
            }
            Err(reason) => self.refused(request.peer, reason),
        }
    }

    /// Logs a viewer in with its password, and gives the cookie of its session. Nothing else of the request counts than where it
    /// comes from.
    pub async fn log_in(
        &self,
        request: &Request<'_>,
        name: &str,
        password: &[u8],
    ) -> Result<(String, Viewer), ViewerVerdict> {
        let peer = request.peer;
        let request = &Request {
            authorization: None,
            session: None,
            token: None,
            media: None,
            ..*request
        };
        let refused = |reason| self.refused(peer, reason);
        if let Some(reason) = self.admission.held_off(peer, name) {
            return Err(refused(reason));
        }
        let Ok(_waits) = self.waiting.try_acquire() else {
            return Err(refused(Reason::Busy));
        };
        let viewers = self.viewers();
        let mut hashes = viewers.passwords(name, request);
        if hashes.is_empty() {
            hashes.push(nobodys());
        }
        let password = password.get(..MAX_PASSWORD).unwrap_or(password).to_vec();
        let Ok(_checks) = self.checking.acquire().await else {
            return Err(refused(Reason::Busy));
        };
        let check = move || hashes.iter().any(|hash| is_right(hash, &password));
        let is_right = tokio::task::spawn_blocking(check).await.unwrap_or(false);
        if !is_right {
            return Err(refused(Reason::WrongPassword));
        }
        let Ok(id) = random::<16>() else {
            return Err(refused(Reason::Busy));
        };
        // The viewer may be another by now, or not be there any more.
        let viewer = self.viewers().judge(request, Some(name)).map_err(refused)?;
        if viewer.by != By::Session || !viewers.agrees(&self.viewers(), name) {
            return Err(refused(Reason::WrongPassword));
        }
        self.admission.right(peer, name);
        let cookie = lock(&self.sessions).open(name, id, self.now());
        Ok((cookie, viewer))
    }

    /// Ends a session.
    pub fn log_out(&self, cookie: &str) {
        lock(&self.sessions).close(cookie);
    }

    fn refused(&self, peer: IpAddr, reason: Reason) -> ViewerVerdict {
        let words = self.admission.told(&reason);
        // A first request without a proof, or a token that has expired, is nothing to tell anybody about.
        let (delay, event) = if reason.is_guess() || matches!(reason, Reason::HeldOff(_)) {
            let refused = self.admission.refused(None, peer, &reason);
            (refused.delay, refused.event)
        } else {
            self.admission.count_refusal(reason.kind());
            (None, None)
        };
        let retry_after = match &reason {
            Reason::HeldOff(seconds) => Some(Duration::from_secs(*seconds)),
            Reason::Busy => Some(Duration::from_secs(1)),
            _ => None,
        };
        let is_unknown = match &reason {
            Reason::NoProof(_) | Reason::WrongKey | Reason::WrongPassword => true,
            Reason::Malformed { what, .. } => *what == "the header Authorization",
            _ => false,
        };
        let denial = Box::new(Denial {
            reason,
            words,
            delay,
            event,
        });
        match (retry_after, is_unknown) {
            (Some(retry_after), _) => ViewerVerdict::TooMany { retry_after, denial },
            (None, true) => ViewerVerdict::Unknown(denial),
            (None, false) => ViewerVerdict::Denied(denial),
        }
    }

    fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.began)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
