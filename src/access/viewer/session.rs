//! Sessions: viewers that have logged in with a password.

use std::collections::HashMap;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

/// The longest time of a session.
pub const LIFE: Duration = Duration::from_secs(12 * 3_600);
/// A session without a request for this long ends.
pub const IDLE: Duration = Duration::from_secs(3_600);
/// The most sessions, and the most of one viewer. The one that was used longest ago gives way.
const MOST: usize = 256;
const MOST_OF_ONE: usize = 16;

/// The viewers that are logged in. A session is known by the SHA-256 sum of its id: what is in memory opens nothing.
#[derive(Debug, Default)]
pub struct Sessions {
    open: HashMap<[u8; 32], Session>,
}

#[derive(Clone, Debug)]
struct Session {
    viewer: String,
    began: Duration,
    used: Duration,
}

impl Session {
    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.began) >= LIFE || now.saturating_sub(self.used) >= IDLE
    }
}

impl Sessions {
    /// Opens a session at `now`, counted from any moment, under this random id. It gives the value of the cookie.
    pub fn open(&mut self, viewer: &str, id: [u8; 16], now: Duration) -> String {
        self.open.retain(|_, session| !session.is_over(now));
        let of_viewer = self
            .open
            .values()
            .filter(|session| session.viewer == viewer)
            .count();
        if of_viewer >= MOST_OF_ONE {
            self.make_room(|session| session.viewer == viewer);
        } else if self.open.len() >= MOST {
            self.make_room(|_| true);
        }
        let cookie = BASE64URL_NOPAD.encode(&id);
        let session = Session {
            viewer: viewer.to_owned(),
            began: now,
            used: now,
        };
        self.open.insert(sum(&cookie), session);
        cookie
    }

    /// The viewer of a session that is open at `now`. This is a use of the session.
    pub fn viewer(&mut self, cookie: &str, now: Duration) -> Option<String> {
        let session = self.open.get_mut(&sum(cookie))?;
        if session.is_over(now) {
            self.open.remove(&sum(cookie));
            return None;
        }
        session.used = now;
        Some(session.viewer.clone())
    }

    /// Ends a session.
    pub fn close(&mut self, cookie: &str) {
        self.open.remove(&sum(cookie));
    }

    /// Ends the sessions of viewers that are not as they were.
    pub fn retain(&mut self, is_as_it_was: impl Fn(&str) -> bool) {
        self.open.retain(|_, session| is_as_it_was(&session.viewer));
    }

    fn make_room(&mut self, among: impl Fn(&Session) -> bool) {
        let open = self.open.iter().filter(|(_, session)| among(session));
        let oldest = open.min_by_key(|(_, session)| session.used);
        if let Some(id) = oldest.map(|(id, _)| *id) {
            self.open.remove(&id);
        }
    }
}

fn sum(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u16) -> [u8; 16] {
        let mut id = [7; 16];
        id[..2].copy_from_slice(&n.to_be_bytes());
        id
    }

    #[test]
    fn a_session_lives_twelve_hours_and_an_hour_without_a_request() {
        let mut sessions = Sessions::default();
        let hour = |hours: u64| Duration::from_secs(hours * 3_600);
        let cookie = sessions.open("anna", id(1), hour(1));
        assert_eq!(cookie.len(), 22);
        let mut now = hour(1);
        while now < hour(13) {
            assert_eq!(sessions.viewer(&cookie, now).as_deref(), Some("anna"));
            now += IDLE - Duration::from_secs(1);
        }
        assert_eq!(sessions.viewer(&cookie, hour(13)), None);
        let cookie = sessions.open("anna", id(2), hour(20));
        assert_eq!(sessions.viewer(&cookie, hour(21)), None);
        assert!(sessions.open.is_empty());
        let cookie = sessions.open("anna", id(3), hour(30));
        assert_eq!(sessions.viewer(&cookie[..21], hour(30)), None);
        sessions.close(&cookie);
        assert_eq!(sessions.viewer(&cookie, hour(30)), None);
    }

    #[test]
    fn sessions_are_bounded_and_the_one_that_was_not_used_gives_way() {
        let mut sessions = Sessions::default();
        let second = Duration::from_secs;
        let first = sessions.open("anna", id(0), second(0));
        let used = sessions.open("anna", id(1), second(0));
        for n in 2..40 {
            assert!(sessions.viewer(&used, second(u64::from(n))).is_some());
            sessions.open("anna", id(n), second(u64::from(n)));
        }
        assert_eq!(sessions.open.len(), MOST_OF_ONE);
        assert!(
            sessions.viewer(&first, second(40)).is_none() && sessions.viewer(&used, second(40)).is_some()
        );
        for n in 0..1_000_u16 {
            sessions.open(&format!("v{n}"), id(100 + n), second(41));
        }
        assert!(sessions.open.len() <= MOST);
        sessions.retain(|viewer| viewer == "v999");
        assert_eq!(sessions.open.len(), 1);
    }
}
