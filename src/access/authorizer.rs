//! Decides whether a client may have a stream, by the proof that it shows and the address that it comes from.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::query::parameter;
use super::signature::{Aliyun, Tencent, key_proves};
use super::{Reason, Scheme};
use crate::config::{AddressRange, BitRate, Hook, Pattern, Proof, Publisher, Required, Secret, SecretSource};
use crate::media::{Micros, StreamName};

/// The longest query that is looked at, in bytes.
pub const MAX_QUERY: usize = 4_096;

/// The most services that are asked about one request.
const MAX_HOOKS: usize = 4;

/// What is known about a client that asks for a stream.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The stream that is asked for.
    pub stream: &'a StreamName,
    /// The query behind the stream's name, with its secrets.
    pub query: &'a str,
    /// The address that the connection comes from.
    pub peer: IpAddr,
    /// UTC now, in microseconds, where the clock is trusted. Where it is not, signatures are checked, and an expiry is not held
    /// against them.
    pub utc: Option<Micros>,
}

/// What the door does about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let the client begin.
    Allow(Arc<Grant>),
    /// Ask these services, in this order. The first that says yes lets the client begin.
    Ask(Vec<(Hook, Arc<Grant>)>),
    /// Refuse, for this reason.
    Refuse(Reason),
}

/// The entry that lets a client have a stream, and the bounds that it sets.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Grant {
    /// The name of the entry. None where anyone may have the stream.
    pub account: Option<String>,
    /// The most streams at one time under this entry.
    pub max_streams: Option<u32>,
    /// The highest bit rate of each of these streams.
    pub max_bitrate: Option<BitRate>,
    /// The tracks that may come only in a coding that is recorded.
    pub required: Required,
}

/// The entries of the configuration, with their keys.
#[derive(Debug)]
pub struct Authorizer {
    entries: Vec<Entry>,
    anonymous: Anonymous,
}

/// Who may have a stream while the configuration has no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anonymous {
    FromThisMachine,
    FromAnywhere,
}

#[derive(Debug)]
struct Entry {
    grant: Arc<Grant>,
    stream: Pattern,
    from: Vec<AddressRange>,
    proofs: Vec<Known>,
    hook: Option<Hook>,
}

/// A proof with the key that was read for it.
#[derive(Debug)]
enum Known {
    Key(Secret),
    Tencent(Secret),
    Aliyun { key: Secret, valid: Micros },
}

/// A key that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("[[publisher]] '{publisher}': cannot take a key from '{path}': {why}")]
pub struct KeyError {
    publisher: String,
    path: PathBuf,
    why: String,
}

/// What a query shows as proof.
struct Shown<'a> {
    key: Option<&'a str>,
    tencent: Option<Result<Tencent<'a>, Reason>>,
    aliyun: Option<Result<Aliyun<'a>, Reason>>,
    path: String,
}

impl Authorizer {
    /// An authorizer with these entries. `read` reads keys in files: it gives a file's text, or says why it cannot.
    pub fn new(
        publishers: &[Publisher],
        allow_anonymous: bool,
        mut read: impl FnMut(&Path) -> Result<String, String>,
    ) -> Result<Self, KeyError> {
        let entries = publishers
            .iter()
            .map(|publisher| Entry::new(publisher, &mut read));
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
            anonymous: if allow_anonymous {
                Anonymous::FromAnywhere
            } else {
                Anonymous::FromThisMachine
            },
        })
    }

    /// Decides about a request. This takes less than a millisecond for a thousand entries, each with a signature to compute,
    /// even unoptimized.
    pub fn check(&self, asked: &Asked<'_>) -> Verdict {
        if asked.query.len() > MAX_QUERY {
            return Verdict::Refuse(Reason::Malformed {
                what: "the part after the ?",
                why: "it is longer than 4096 bytes",
            });
        }
        if self.entries.is_empty() {
            let local = asked.peer.to_canonical().is_loopback();
            return if local || self.anonymous == Anonymous::FromAnywhere {
                Verdict::Allow(Arc::default())
            } else {
                Verdict::Refuse(Reason::Anonymous)
            };
        }
        let shown = Shown::read(asked);
        let mut nearest = Reason::NotListed;
        let mut hooks = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.is_about(asked)) {
            match entry.judge(asked, &shown) {
                Ok(()) => return Verdict::Allow(Arc::clone(&entry.grant)),
                Err(reason) if reason.nearness() > nearest.nearness() => nearest = reason,
                Err(_) => {}
            }
            if let Some(hook) = entry.hook.as_ref().filter(|_| hooks.len() < MAX_HOOKS) {
                hooks.push((hook.clone(), Arc::clone(&entry.grant)));
            }
        }
        if hooks.is_empty() {
            Verdict::Refuse(nearest)
        } else {
            Verdict::Ask(hooks)
        }
    }
}

impl Entry {
    fn new(
        publisher: &Publisher,
        read: &mut impl FnMut(&Path) -> Result<String, String>,
    ) -> Result<Self, KeyError> {
        let mut secret = |source: &SecretSource| match source {
            SecretSource::Given(secret) => Ok(secret.clone()),
            SecretSource::File(path) => read(path)
                .and_then(|text| Secret::from_file_text(&text).map_err(|error| error.to_string()))
                .map_err(|why| KeyError {
                    publisher: publisher.name().to_owned(),
                    path: path.clone(),
                    why,
                }),
        };
        let mut proofs = Vec::new();
        let mut hook = None;
        for proof in &publisher.proofs() {
            match proof {
                Proof::Key(source) => proofs.push(Known::Key(secret(source)?)),
                Proof::Tencent(source) => proofs.push(Known::Tencent(secret(source)?)),
                Proof::Aliyun { key, valid } => proofs.push(Known::Aliyun {
                    key: secret(key)?,
                    valid: valid.as_micros(),
                }),
                Proof::Hook(asked) => hook = Some(asked.clone()),
            }
        }
        Ok(Self {
            grant: Arc::new(Grant {
                account: Some(publisher.name().to_owned()),
                max_streams: publisher.max_publishes,
                max_bitrate: publisher.max_bitrate,
                required: publisher.required(),
            }),
            stream: publisher.stream.clone(),
            from: publisher.from.clone(),
            proofs,
            hook,
        })
    }

    fn is_about(&self, asked: &Asked<'_>) -> bool {
        let from_here = self.from.is_empty() || self.from.iter().any(|range| range.contains(asked.peer));
        from_here && self.stream.fits(asked.stream.as_str())
    }

    /// Whether one proof of the entry is right. If none is, the error is about the proof that came nearest.
    fn judge(&self, asked: &Asked<'_>, shown: &Shown<'_>) -> Result<(), Reason> {
        if self.proofs.is_empty() && self.hook.is_none() {
            return Ok(());
        }
        let mut nearest = Reason::NotListed;
        for proof in &self.proofs {
            match proof.judge(asked, shown) {
                Ok(()) => return Ok(()),
                Err(reason) if reason.nearness() > nearest.nearness() => nearest = reason,
                Err(_) => {}
            }
        }
        Err(nearest)
    }
}

impl Known {
    fn judge(&self, asked: &Asked<'_>, shown: &Shown<'_>) -> Result<(), Reason> {
        match self {
            Known::Key(key) => match shown.key {
                Some(shown) if key_proves(shown, key) => Ok(()),
                Some(_) => Err(Reason::WrongKey),
                None => Err(Reason::NoProof("?key=… behind the stream's name")),
            },
            Known::Tencent(key) => {
                let needed = || Reason::NoProof("?txSecret=…&txTime=… behind the stream's name");
                let signature = shown.tencent.as_ref().ok_or_else(needed)?;
                let signature = signature.as_ref().map_err(Reason::clone)?;
                if signature.proves(asked.stream, key) {
                    in_time(asked, Scheme::Tencent, signature.expires())
                } else {
                    Err(Reason::WrongSignature(Scheme::Tencent))
                }
            }
            Known::Aliyun { key, valid } => {
                let needed = || Reason::NoProof("?auth_key=… behind the stream's name");
                let signature = shown.aliyun.as_ref().ok_or_else(needed)?;
                let signature = signature.as_ref().map_err(Reason::clone)?;
                if signature.proves(&shown.path, key) {
                    in_time(asked, Scheme::Aliyun, signature.expires(*valid))
                } else {
                    Err(Reason::WrongSignature(Scheme::Aliyun))
                }
            }
        }
    }
}

/// Refuses a signature that has expired. A box that does not know the time yet cannot say that: it would lock out everyone
/// until there is a network, and a box may have none for long.
fn in_time(asked: &Asked<'_>, scheme: Scheme, at: Micros) -> Result<(), Reason> {
    match asked.utc {
        Some(utc) if utc > at => Err(Reason::Expired { scheme, at }),
        _ => Ok(()),
    }
}

impl<'a> Shown<'a> {
    fn read(asked: &Asked<'a>) -> Self {
        Self {
            key: parameter(asked.query, "key"),
            tencent: Tencent::read(asked.query),
            aliyun: Aliyun::read(asked.query),
            path: format!("/{}", asked.stream),
        }
    }
}

#[cfg(test)]
mod tests;
