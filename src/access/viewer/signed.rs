//! Signatures of clouds on addresses of playback.
//!
//! A player adds the query of a playlist's address to no other address, so the door writes it into the playlist. The signature on
//! a chunk is then the one on the playlist: Tencent's is of the stream's name, Alibaba's of the playlist's path.
//!
//! Sources: Tencent Cloud's *playback authentication* (`txSecret`, `txTime`), Alibaba Cloud's *URL signing* type A (`auth_key`).

use super::request::MediaAddress;
use crate::access::query::parameter;
use crate::access::signature::{Aliyun, Tencent};
use crate::access::{MAX_QUERY, Reason, Scheme};
use crate::config::Secret;
use crate::event::Dialect;
use crate::media::Micros;

/// The signatures in the address of a request.
pub(super) struct Signed<'a> {
    media: MediaAddress<'a>,
    tencent: Option<Result<Tencent<'a>, Reason>>,
    aliyun: Option<Result<Aliyun<'a>, Reason>>,
}

/// A signature that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proved {
    /// UTC in microseconds when it expires.
    pub(super) until: Micros,
    /// The signature as part of a query.
    pub(super) inherit: String,
}

impl<'a> Signed<'a> {
    /// Reads the signatures of these dialects. None when the address has none.
    pub(super) fn read(media: MediaAddress<'a>, dialects: &[Dialect]) -> Option<Self> {
        let query = Some(media.query).filter(|query| query.len() <= MAX_QUERY)?;
        let knows = |dialect| dialects.contains(&dialect);
        let tencent = knows(Dialect::Tencent).then(|| Tencent::read(query)).flatten();
        let aliyun = knows(Dialect::Aliyun).then(|| Aliyun::read(query)).flatten();
        (tencent.is_some() || aliyun.is_some()).then_some(Self {
            media,
            tencent,
            aliyun,
        })
    }

    /// Judges Tencent's signature by a key. None when the address has no such signature.
    pub(super) fn by_tencent(&self, key: &Secret, utc: Option<Micros>) -> Option<Result<Proved, Reason>> {
        let signature = match self.tencent.as_ref()? {
            Ok(signature) => signature,
            Err(reason) => return Some(Err(reason.clone())),
        };
        if !signature.proves(self.media.stream, key) {
            return Some(Err(Reason::WrongSignature(Scheme::Tencent)));
        }
        Some(self.in_time(Scheme::Tencent, signature.expires(), utc, &["txSecret", "txTime"]))
    }

    /// Judges Alibaba's signature by a key. None when the address has no such signature.
    pub(super) fn by_aliyun(
        &self,
        (key, valid): (&Secret, Micros),
        utc: Option<Micros>,
    ) -> Option<Result<Proved, Reason>> {
        let signature = match self.aliyun.as_ref()? {
            Ok(signature) => signature,
            Err(reason) => return Some(Err(reason.clone())),
        };
        if !self.media.paths.iter().any(|path| signature.proves(path, key)) {
            return Some(Err(Reason::WrongSignature(Scheme::Aliyun)));
        }
        Some(self.in_time(Scheme::Aliyun, signature.expires(valid), utc, &["auth_key"]))
    }

    /// A box that does not know the time yet cannot say that a signature has expired. As with publishers, it does not hold an
    /// expiry against anybody.
    fn in_time(
        &self,
        scheme: Scheme,
        until: Micros,
        utc: Option<Micros>,
        parameters: &[&'static str],
    ) -> Result<Proved, Reason> {
        if utc.is_some_and(|utc| utc > until) {
            return Err(Reason::Expired { scheme, at: until });
        }
        let pair =
            |name: &&'static str| Some(format!("{name}={}", plain(parameter(self.media.query, name)?)?));
        let pairs: Option<Vec<String>> = parameters.iter().map(pair).collect();
        let inherit = pairs.ok_or(Reason::Malformed {
            what: "the signature",
            why: "it has characters that cannot stand in a playlist",
        })?;
        Ok(Proved {
            until,
            inherit: inherit.join("&"),
        })
    }
}

/// A value that can be written into an address as it is.
fn plain(value: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value.bytes().all(is_plain).then_some(value)
}
