//! The bytes of a token. As text they are Base64 for addresses, without padding (RFC 4648 §5).
//!
//! ```text
//! byte  0   1  version, 1
//!       1   4  id of the key: the first bytes of a SHA-256 sum of it
//!       5   1  rights: bit 0 watch, bit 1 download
//!       6   1  what follows: bit 0 expiry, bit 1 from, bit 2 to, bit 3 a recording in place of a pattern,
//!           bit 4 its stills alone
//!       7   8  expiry, where bit 0 is set; UTC in microseconds, big endian, as the next two
//!           8  from, where bit 1 is set
//!           8  to, where bit 2 is set
//!           …  the 16 bytes of the recording's id; or the pattern of streams, 1 to 253 bytes of UTF-8
//!      -16 16  HMAC-SHA-256 of all bytes before, its first half
//! ```
//!
//! One token has one form: each other text is refused.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::{Claims, Token, TokenScope};
use crate::config::{Pattern, Secret};
use crate::media::{Micros, RecordingId};
use crate::model::Rights;

/// The longest token, in characters.
pub const MAX_TOKEN: usize = 512;

const VERSION: u8 = 1;
const EXPIRES: u8 = 1;
const FROM: u8 = 1 << 1;
const TO: u8 = 1 << 2;
const RECORDING: u8 = 1 << 3;
const FRAMES: u8 = 1 << 4;

/// The name of a key.
pub(super) type KeyId = [u8; 4];
/// The signature.
pub(super) type Mac = [u8; 16];

/// The name of a key. It says nothing of the key.
pub(super) fn id(key: &Secret) -> KeyId {
    let sum = Sha256::new()
        .chain_update("edgereel names a key of tokens")
        .chain_update(key.expose());
    let sum: [u8; 32] = sum.finalize().into();
    first(&sum)
}

/// The signature of these bytes. None if there can be none by this key, which HMAC never says.
pub(super) fn mac(key: &Secret, signed: &[u8]) -> Option<Mac> {
    let hmac = Hmac::<Sha256>::new_from_slice(key.expose()).ok()?;
    let sum: [u8; 32] = hmac.chain_update(signed).finalize().into_bytes().into();
    Some(first(&sum))
}

fn first<const N: usize>(sum: &[u8; 32]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(sum).for_each(|(to, from)| *to = *from);
    bytes
}

/// The text of a token. None as for [`mac`].
pub(super) fn written(id: KeyId, claims: &Claims, key: &Secret) -> Option<String> {
    let mut bytes = vec![VERSION];
    bytes.extend(id);
    bytes.push(claims.rights.bits() & Claims::possible().bits());
    let times = [(EXPIRES, claims.expires), (FROM, claims.from), (TO, claims.to)];
    let set = times.iter().filter(|(_, time)| time.is_some());
    let flags = set.fold(0, |flags, (flag, _)| flags | flag);
    bytes.push(match claims.scope {
        TokenScope::Streams(_) => flags,
        TokenScope::Recording(_) => flags | RECORDING,
        TokenScope::Frames(_) => flags | RECORDING | FRAMES,
    });
    let times = times.iter().filter_map(|(_, time)| *time);
    bytes.extend(times.flat_map(Micros::to_be_bytes));
    match &claims.scope {
        TokenScope::Streams(pattern) => bytes.extend(pattern.as_str().as_bytes()),
        TokenScope::Recording(recording) | TokenScope::Frames(recording) => {
            bytes.extend(recording.to_bytes());
        }
    }
    bytes.extend(mac(key, &bytes)?);
    Some(BASE64URL_NOPAD.encode(&bytes))
}

/// Reads a token. The error says what is wrong with it.
pub(super) fn read(text: &str) -> Result<Token, &'static str> {
    if text.len() > MAX_TOKEN {
        return Err("it is longer than 512 characters");
    }
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes());
    let bytes = bytes.map_err(|_| "it is not Base64 for addresses: part of it may be missing")?;
    let (signed, mac) = bytes.split_last_chunk::<16>().ok_or(SHORT)?;
    let mut rest = Bytes(signed);
    if rest.take::<1>()? != [VERSION] {
        return Err("it is of another release of edgereel");
    }
    let key = rest.take::<4>()?;
    let [rights, flags] = rest.take::<2>()?;
    let rights = Rights::of_bits(rights).filter(|rights| Claims::possible().covers(*rights));
    let rights = rights.ok_or("it has rights that no token has")?;
    if flags & !(EXPIRES | FROM | TO | RECORDING | FRAMES) != 0 || flags & (RECORDING | FRAMES) == FRAMES {
        return Err("it is of another release of edgereel");
    }
    let expires = rest.time(flags & EXPIRES != 0)?;
    let from = rest.time(flags & FROM != 0)?;
    let to = rest.time(flags & TO != 0)?;
    let scope = if flags & RECORDING != 0 {
        let id = rest.take::<16>()?;
        if !rest.0.is_empty() {
            return Err("something is behind its recording");
        }
        let id = RecordingId::from_bytes(id);
        if flags & FRAMES != 0 {
            TokenScope::Frames(id)
        } else {
            TokenScope::Recording(id)
        }
    } else {
        let pattern = String::from_utf8(rest.0.to_vec()).map_err(|_| "its streams are not UTF-8")?;
        TokenScope::Streams(Pattern::try_from(pattern).map_err(|_| "it has no pattern of streams")?)
    };
    Ok(Token {
        key,
        claims: Claims {
            rights,
            scope,
            from,
            to,
            expires,
        },
        signed: signed.to_vec(),
        mac: *mac,
    })
}

const SHORT: &str = "it is too short: part of it may be missing";

/// The bytes that are still to be read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn time(&mut self, is_there: bool) -> Result<Option<Micros>, &'static str> {
        if is_there {
            Ok(Some(Micros::from_be_bytes(self.take::<8>()?)))
        } else {
            Ok(None)
        }
    }
}
