//! The entries of `[[viewer]]` with their keys, and what they say of a request.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::request::{Credentials, Request};
use super::signed::Signed;
use super::token::{Claims, Tokens};
use super::who::{By, Media, Scope, Viewer};
use crate::access::Reason;
use crate::config::{
    self, AddressRange, Config, PasswordHash, PasswordSource, Pattern, Proof, Secret, SecretError,
    SecretSource, ViewerProof,
};
use crate::event::Dialect;
use crate::media::Micros;
use crate::model::{Right, Rights};

/// The viewers of the configuration, with their keys, and the keys of tokens.
#[derive(Debug)]
pub struct Viewers {
    entries: Vec<Entry>,
    tokens: Tokens,
    dialects: Vec<Dialect>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    rights: Rights,
    streams: Vec<Pattern>,
    addresses: Vec<AddressRange>,
    proofs: Vec<Known>,
}

/// A proof with the key that was read for it.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// The SHA-256 sum of a key.
    Key([u8; 32]),
    Password(PasswordHash),
    Tencent(Secret),
    Aliyun {
        key: Secret,
        valid: Micros,
    },
}

/// A key that could not be read, or cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{of}: cannot take a key{}: {why}", path.as_ref().map_or_else(String::new, |path| format!(" from '{}'", path.display())))]
pub struct ViewerKeyError {
    of: String,
    path: Option<PathBuf>,
    why: String,
}

/// What a request shows, read once for all entries.
struct Shown<'a> {
    key: Option<(Option<String>, [u8; 32])>,
    session: Option<&'a str>,
    signed: Option<Signed<'a>>,
    utc: Option<Micros>,
}

/// What an entry says of a request that it is about.
enum Judged {
    Proved(Viewer),
    Refused(Reason),
}

impl Viewers {
    /// The viewers of a configuration. `read` reads keys in files: it gives a file's text, or says why it cannot.
    pub fn of(
        config: &Config,
        mut read: impl FnMut(&Path) -> Result<String, String>,
    ) -> Result<Self, ViewerKeyError> {
        let mut pushed = Vec::new();
        for publisher in &config.publishers {
            let secrets = publisher.proofs().into_iter().filter_map(|proof| match proof {
                Proof::Key(key) | Proof::Tencent(key) | Proof::Aliyun { key, .. } => Some(key),
                Proof::Hook(_) => None,
            });
            // Whoever lets publishers in says which of their files cannot be read.
            pushed.extend(secrets.filter_map(|source| secret("", &source, &mut read).ok()));
        }
        let entries = config.viewers.iter();
        let entries = entries.map(|viewer| Entry::new(viewer, &pushed, &mut read));
        let entries = entries.collect::<Result<_, _>>()?;
        let keys = config.http.token_keys();
        let keys = keys
            .iter()
            .map(|source| strong("http.token_key", source, &mut read));
        Ok(Self {
            entries,
            tokens: Tokens::new(keys.collect::<Result<_, _>>()?, config.http.tokens_without_clock),
            dialects: config.http.dialects.clone(),
        })
    }

    /// Makes a token. Without a key there can be none.
    pub fn token(&self, claims: &Claims) -> Result<String, Reason> {
        self.tokens.mint(claims)
    }

    /// Decides about a request. `session` is the viewer whose session the request shows. With a thousand entries of one key
    /// each this takes less than a tenth of a millisecond.
    pub(super) fn judge(&self, request: &Request<'_>, session: Option<&str>) -> Result<Viewer, Reason> {
        if let Some(token) = request.token {
            return self.tokens.check(token, request.utc);
        }
        if self.entries.is_empty() {
            return request.is_local.then(this_machine).ok_or(Reason::Anonymous);
        }
        let credentials = request.authorization.map(Credentials::parse).transpose();
        let mut nearest = credentials.as_ref().err().cloned().unwrap_or(Reason::NotListed);
        let shown = Shown {
            key: credentials.ok().flatten().map(key_of),
            session,
            signed: request
                .media
                .and_then(|media| Signed::read(media, &self.dialects)),
            utc: request.utc,
        };
        let (mut viewer, mut is_elsewhere) = (None::<Viewer>, false);
        for entry in &self.entries {
            let is_here = entry.is_from(request);
            match entry.judge(request, &shown) {
                Judged::Proved(proved) if is_here => match &mut viewer {
                    Some(viewer) => viewer.join(proved),
                    None => viewer = Some(proved),
                },
                Judged::Proved(proved) => is_elsewhere |= proved.by != By::Address,
                Judged::Refused(reason) if is_here && reason.nearness() > nearest.nearness() => {
                    nearest = reason
                }
                Judged::Refused(_) => {}
            }
        }
        viewer.ok_or(if is_elsewhere { Reason::NotListed } else { nearest })
    }

    /// The hashes of passwords that log the viewer with this name in from this address.
    pub(super) fn passwords(&self, name: &str, request: &Request<'_>) -> Vec<PasswordHash> {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let entry = entry.filter(|entry| entry.is_from(request));
        let proofs = entry.into_iter().flat_map(|entry| &entry.proofs);
        let hash = |proof: &Known| match proof {
            Known::Password(hash) => Some(hash.clone()),
            _ => None,
        };
        proofs.filter_map(hash).collect()
    }

    /// True when the viewer with this name is the same in both: its proofs, addresses, streams and rights.
    pub(super) fn agrees(&self, other: &Viewers, name: &str) -> bool {
        let entry = |viewers: &Viewers| viewers.entries.iter().position(|entry| entry.name == name);
        match (entry(self), entry(other)) {
            (Some(here), Some(there)) => self.entries.get(here) == other.entries.get(there),
            _ => false,
        }
    }
}

impl Entry {
    fn new(
        viewer: &config::Viewer,
        pushed: &[Secret],
        read: &mut impl FnMut(&Path) -> Result<String, String>,
    ) -> Result<Self, ViewerKeyError> {
        let of = format!("[[viewer]] '{}'", viewer.name);
        let own = |secret: Secret, source: &SecretSource| {
            if pushed.contains(&secret) {
                let why = "it is a key of a [[publisher]], too: a viewer could push with it; make a new one with \
                           'openssl rand -hex 16'";
                Err(error(&of, source.file(), why))
            } else {
                Ok(secret)
            }
        };
        let mut proofs = Vec::new();
        for proof in &viewer.proofs() {
            proofs.push(match proof {
                ViewerProof::Key(source) => {
                    let key = own(strong(&of, source, read)?, source)?;
                    Known::Key(Sha256::digest(key.expose()).into())
                }
                ViewerProof::Tencent(source) => Known::Tencent(own(secret(&of, source, read)?, source)?),
                ViewerProof::Aliyun { key, valid } => Known::Aliyun {
                    key: own(secret(&of, key, read)?, key)?,
                    valid: valid.as_micros(),
                },
                ViewerProof::Password(PasswordSource::Given(hash)) => Known::Password(hash.clone()),
                ViewerProof::Password(PasswordSource::File(path)) => {
                    let text = read(path).map_err(|why| error(&of, Some(path), &why))?;
                    let hash = PasswordHash::from_file_text(&text);
                    Known::Password(hash.map_err(|why| error(&of, Some(path), &why.to_string()))?)
                }
            });
        }
        Ok(Self {
            name: viewer.name.clone(),
            rights: viewer.rights(),
            streams: viewer.patterns().cloned().collect(),
            addresses: viewer.addresses.clone(),
            proofs,
        })
    }

    /// Whether a request comes from one of the entry's addresses. A loopback address is one only where no proxy stands between:
    /// whoever asks the proxy is somewhere else.
    fn is_from(&self, request: &Request<'_>) -> bool {
        let stands_for_others = request.peer.is_loopback() && !request.is_local;
        let is_listed = || self.addresses.iter().any(|range| range.contains(request.peer));
        self.addresses.is_empty() || (!stands_for_others && is_listed())
    }

    /// Judges what a request shows, wherever it comes from.
    fn judge(&self, request: &Request<'_>, shown: &Shown<'_>) -> Judged {
        if self.proofs.is_empty() {
            return Judged::Proved(self.viewer(By::Address));
        }
        if shown.session == Some(self.name.as_str()) {
            return Judged::Proved(self.viewer(By::Session));
        }
        let mut nearest = Reason::NotListed;
        for proof in &self.proofs {
            match self.judge_proof(proof, request, shown) {
                Judged::Refused(reason) if reason.nearness() > nearest.nearness() => nearest = reason,
                Judged::Refused(_) => {}
                proved => return proved,
            }
        }
        Judged::Refused(nearest)
    }

    fn judge_proof(&self, proof: &Known, request: &Request<'_>, shown: &Shown<'_>) -> Judged {
        let signature = match (proof, &shown.key, &shown.signed) {
            (Known::Key(sum), Some((user, shown)), _) => {
                let is_its_own = user.as_ref().is_none_or(|user| *user == self.name);
                return if bool::from(sum.ct_eq(shown)) && is_its_own {
                    Judged::Proved(self.viewer(By::Key))
                } else {
                    Judged::Refused(Reason::WrongKey)
                };
            }
            (Known::Tencent(key), _, Some(signed)) => signed.by_tencent(key, shown.utc),
            (Known::Aliyun { key, valid }, _, Some(signed)) => signed.by_aliyun((key, *valid), shown.utc),
            _ => None,
        };
        let proved = match signature {
            Some(Ok(proved)) => proved,
            Some(Err(reason)) => return Judged::Refused(reason),
            None => return Judged::Refused(Reason::NoProof(NEEDED)),
        };
        // A signature is of a stream. Nothing else may be done with it than to see that stream.
        let Some(media) = &request.media else {
            return Judged::Refused(Reason::NoProof(NEEDED));
        };
        if !self
            .streams
            .iter()
            .any(|pattern| pattern.fits(media.stream.as_str()))
        {
            return Judged::Refused(Reason::NotListed);
        }
        let possible = Claims::possible();
        Judged::Proved(Viewer {
            name: self.name.clone(),
            by: By::Signature {
                inherit: proved.inherit,
            },
            scopes: vec![Scope {
                rights: self.rights.iter().filter(|right| possible.has(*right)).collect(),
                of: Media::Stream(media.stream.clone()),
                from: None,
                to: None,
                until: Some(proved.until),
            }],
        })
    }

    fn viewer(&self, by: By) -> Viewer {
        Viewer {
            name: self.name.clone(),
            by,
            scopes: vec![Scope {
                rights: self.rights,
                of: Media::Fitting(self.streams.clone()),
                from: None,
                to: None,
                until: None,
            }],
        }
    }
}

/// The form of the proof that a request has not.
const NEEDED: &str = "the key of a [[viewer]], as Authorization: Bearer KEY; or log in";

/// Without any entry, who is on this machine may look, and may not change anything: a web page that a browser shows on this
/// machine comes from here, too.
fn this_machine() -> Viewer {
    Viewer {
        name: "this machine".to_owned(),
        by: By::Machine,
        scopes: vec![Scope {
            rights: Rights::from_iter([Right::Watch, Right::Download, Right::Metrics]),
            of: Media::Fitting(vec![Pattern::any()]),
            from: None,
            to: None,
            until: None,
        }],
    }
}

/// The name that a key is shown for, if there is one, and the sum of the key.
fn key_of(credentials: Credentials) -> (Option<String>, [u8; 32]) {
    match credentials {
        Credentials::Bearer(key) => (None, Sha256::digest(key).into()),
        Credentials::Basic { user, password } => (Some(user), Sha256::digest(password).into()),
    }
}

fn secret(
    of: &str,
    source: &SecretSource,
    read: &mut impl FnMut(&Path) -> Result<String, String>,
) -> Result<Secret, ViewerKeyError> {
    match source {
        SecretSource::Given(secret) => Ok(secret.clone()),
        SecretSource::File(path) => {
            let text = read(path).map_err(|why| error(of, Some(path), &why))?;
            Secret::from_file_text(&text).map_err(|why| error(of, Some(path), &why.to_string()))
        }
    }
}

fn strong(
    of: &str,
    source: &SecretSource,
    read: &mut impl FnMut(&Path) -> Result<String, String>,
) -> Result<Secret, ViewerKeyError> {
    let why = |why: SecretError| error(of, source.file(), &why.to_string());
    secret(of, source, read)?.strong().map_err(why)
}

fn error(of: &str, path: Option<&Path>, why: &str) -> ViewerKeyError {
    ViewerKeyError {
        of: of.to_owned(),
        path: path.map(Path::to_owned),
        why: why.to_owned(),
    }
}
