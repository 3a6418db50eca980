//! Tokens: what somebody may see who has an address with one in its path.
//!
//! A player sends no header of ours and keeps no cookie, and it adds a query to no other address. It does keep the beginning of a
//! path, when the addresses in a playlist are relative. So the proof is there.
//!
//! Nothing is remembered of a token. Whoever has the key can check it, and taking the key away ends all tokens of that key.

mod wire;

#[cfg(test)]
mod tests;

use subtle::ConstantTimeEq as _;

use super::who::{By, Media, Scope, Viewer, What};
use crate::access::{Reason, Scheme};
use crate::config::{Pattern, Secret, WithoutClock};
use crate::media::{Micros, RecordingId};
use crate::model::{Right, Rights};

pub use wire::MAX_TOKEN;
use wire::{KeyId, Mac};

/// What a token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The rights: `watch`, `download` or both. A token has no others.
    pub rights: Rights,
    /// The media.
    pub scope: TokenScope,
    /// The time that the media is from, UTC microseconds.
    pub from: Option<Micros>,
    /// The time that the media is to, UTC microseconds.
    pub to: Option<Micros>,
    /// UTC in microseconds when the token expires. None for one that holds as long as its key.
    pub expires: Option<Micros>,
}

/// The media of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenScope {
    /// The streams that fit, with their recordings.
    Streams(Pattern),
    /// One recording.
    Recording(RecordingId),
    /// The stills of one recording, also where it is to be reviewed.
    Frames(RecordingId),
}

/// The keys of tokens: the first one signs, and each of them is valid.
#[derive(Debug, PartialEq, Eq)]
pub struct Tokens {
    keys: Vec<(KeyId, Secret)>,
    without_clock: WithoutClock,
}

/// A token that was read, and not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    key: KeyId,
    claims: Claims,
    signed: Vec<u8>,
    mac: Mac,
}

impl Claims {
    /// The rights that a token can have.
    pub fn possible() -> Rights {
        Rights::from_iter([Right::Watch, Right::Download])
    }
}

impl Tokens {
    /// The tokens of these keys.
    pub fn new(keys: Vec<Secret>, without_clock: WithoutClock) -> Self {
        let keys = keys.into_iter().map(|key| (wire::id(&key), key));
        Self {
            keys: keys.collect(),
            without_clock,
        }
    }

    /// Makes a token. Without a key there can be none.
    pub fn mint(&self, claims: &Claims) -> Result<String, Reason> {
        let (id, key) = self.keys.first().ok_or(Reason::NoTokenKey)?;
        wire::written(*id, claims, key).ok_or(Reason::NoTokenKey)
    }

    /// The viewer that a token makes of whoever shows it. `utc` is the time now, in microseconds, where the clock is believed.
    pub fn check(&self, text: &str, utc: Option<Micros>) -> Result<Viewer, Reason> {
        if self.keys.is_empty() {
            return Err(Reason::NoTokenKey);
        }
        let token = Token::parse(text)?;
        let wrong = Reason::WrongSignature(Scheme::Token);
        let (_, key) = self
            .keys
            .iter()
            .find(|(id, _)| *id == token.key)
            .ok_or(wrong.clone())?;
        let mac = wire::mac(key, &token.signed);
        if mac.is_some_and(|mac| bool::from(mac.ct_eq(&token.mac))) {
            token.in_time(utc, self.without_clock)?;
            Ok(token.viewer())
        } else {
            Err(wrong)
        }
    }
}

impl Token {
    /// Reads a token. Nothing in it may be believed before it is checked.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let read = wire::read(text);
        read.map_err(|why| Reason::Malformed {
            what: "the token in the path",
            why,
        })
    }

    /// What the token says.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    fn in_time(&self, utc: Option<Micros>, without_clock: WithoutClock) -> Result<(), Reason> {
        match (self.claims.expires, utc, without_clock) {
            (Some(at), Some(utc), _) if utc >= at => Err(Reason::Expired {
                scheme: Scheme::Token,
                at,
            }),
            (Some(_), None, WithoutClock::Refuse) => Err(Reason::NoClock),
            _ => Ok(()),
        }
    }

    fn viewer(self) -> Viewer {
        let Claims {
            rights,
            scope,
            from,
            to,
            expires,
        } = self.claims;
        let of = match scope {
            TokenScope::Streams(pattern) => Media::Fitting(vec![pattern]),
            TokenScope::Recording(recording) => Media::Recording(recording),
            TokenScope::Frames(recording) => Media::Frames(recording),
        };
        Viewer {
            name: "token".to_owned(),
            by: By::Token,
            scopes: vec![Scope {
                rights,
                of,
                from,
                to,
                until: expires,
            }],
        }
    }
}

impl Viewer {
    /// Whether the viewer may make a token with these claims, of which `what` is the media. Nobody passes on more than they have.
    pub fn may_pass_on(&self, claims: &Claims, what: Option<&What<'_>>) -> bool {
        let covers = |right: Right| match (&claims.scope, what) {
            (TokenScope::Recording(_), Some(what)) => self.may(right, what),
            // Only the service itself makes tokens for stills.
            (TokenScope::Frames(_), _) | (TokenScope::Recording(_), None) => false,
            (TokenScope::Streams(pattern), _) => {
                let (_, streams) = self.scope(right);
                streams.iter().any(|stream| stream.covers(pattern))
            }
        };
        self.has(Right::Keys) && claims.rights.iter().all(covers)
    }
}
