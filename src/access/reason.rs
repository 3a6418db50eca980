//! Why a client is refused. [`Client::told`](super::Client::told) makes the words for the client, the log and the event.

use crate::config::BitRate;
use crate::media::Micros;

/// A way of signing an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Tencent's: `txSecret` and `txTime`.
    Tencent,
    /// Alibaba's: `auth_key`.
    Aliyun,
    /// A token in the path.
    Token,
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Scheme::Tencent => "txSecret",
            Scheme::Aliyun => "auth_key",
            Scheme::Token => "the token",
        })
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Connections in all.
    Connections,
    /// Connections of one address.
    ConnectionsPerAddress,
    /// Streams that clients have, in all.
    Streams,
    /// Streams that clients of one address have.
    StreamsPerAddress,
    /// Streams that clients have under the same entry.
    StreamsOfAccount,
}

impl Limit {
    fn kind(self) -> &'static str {
        match self {
            Limit::Connections => "connections",
            Limit::ConnectionsPerAddress => "connections_per_address",
            Limit::Streams => "streams",
            Limit::StreamsPerAddress => "streams_per_address",
            Limit::StreamsOfAccount => "streams_of_account",
        }
    }
}

/// Why a service could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookFailure {
    /// The service took longer than `hook_timeout`.
    TimedOut,
    /// The service cannot be connected to.
    Unreachable,
    /// The service sent something that is no answer in HTTP.
    NoAnswer,
    /// The service's address cannot be used.
    Unusable,
}

impl std::fmt::Display for HookFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            HookFailure::TimedOut => "it did not answer in time",
            HookFailure::Unreachable => "it cannot be reached",
            HookFailure::NoAnswer => "its answer is not valid HTTP",
            HookFailure::Unusable => "its address cannot be used",
        })
    }
}

/// Why a client is refused. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The configuration has no entry, and the address is not loopback.
    Anonymous,
    /// No entry is about this stream and this address.
    NotListed,
    /// There is an entry, and the client showed no proof that it asks for. The text is the proof's form.
    NoProof(&'static str),
    /// The client showed a proof that cannot be read.
    Malformed {
        /// Which part of the query.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The key is none of those that hold for the stream.
    WrongKey,
    /// There is no such name with such a password.
    WrongPassword,
    /// There is a token, and no key to check it with.
    NoTokenKey,
    /// There is a token that expires, and the box does not know the time.
    NoClock,
    /// Too many clients wait for their passwords to be checked.
    Busy,
    /// The signature was made with another key, or for another stream or time.
    WrongSignature(Scheme),
    /// The signature is right, and its time is over.
    Expired {
        /// The way of signing.
        scheme: Scheme,
        /// UTC of its end, in microseconds.
        at: Micros,
    },
    /// Too many proofs from this address were wrong. Nothing of it is looked at for so many seconds.
    HeldOff(u64),
    /// The service that decides said no, with this HTTP status.
    HookRefused(u16),
    /// The service that decides could not be asked.
    HookFailed(HookFailure),
    /// There are as many as the limit allows.
    Limit {
        /// The limit that is reached.
        limit: Limit,
        /// How many the limit allows.
        most: usize,
    },
    /// The client sends more bits a second than this rate, for too long.
    TooFast(BitRate),
}

impl Reason {
    /// The words of [`kind`](Self::kind) for publishers. The other words are of viewers alone.
    pub const KINDS: [&'static str; 16] = [
        "anonymous",
        "not_listed",
        "no_proof",
        "malformed",
        "wrong_key",
        "wrong_signature",
        "expired",
        "held_off",
        "hook_refused",
        "hook_failed",
        "connections",
        "connections_per_address",
        "streams",
        "streams_per_address",
        "streams_of_account",
        "max_bitrate",
    ];

    /// The kind in a word. It is the same for all reasons that differ only in details. Repeated refusals are counted by it.
    pub fn kind(&self) -> &'static str {
        match self {
            Reason::Anonymous => "anonymous",
            Reason::NotListed => "not_listed",
            Reason::NoProof(_) => "no_proof",
            Reason::Malformed { .. } => "malformed",
            Reason::WrongKey => "wrong_key",
            Reason::WrongPassword => "wrong_password",
            Reason::NoTokenKey => "no_token_key",
            Reason::NoClock => "no_clock",
            Reason::Busy => "busy",
            Reason::WrongSignature(_) => "wrong_signature",
            Reason::Expired { .. } => "expired",
            Reason::HeldOff(_) => "held_off",
            Reason::HookRefused(_) => "hook_refused",
            Reason::HookFailed(_) => "hook_failed",
            Reason::Limit { limit, .. } => limit.kind(),
            Reason::TooFast(_) => "max_bitrate",
        }
    }

    /// Whether the client may have tried to guess a proof.
    pub fn is_guess(&self) -> bool {
        matches!(
            self,
            Reason::WrongKey | Reason::WrongPassword | Reason::WrongSignature(_) | Reason::HookRefused(_)
        )
    }

    /// How near a client came to a right proof. Of several entries that refuse, the reason of the nearest is told.
    pub(super) fn nearness(&self) -> u8 {
        match self {
            Reason::NoProof(_) => 1,
            Reason::Malformed { .. } => 2,
            Reason::WrongKey => 3,
            Reason::WrongSignature(_) => 4,
            Reason::Expired { .. } => 5,
            _ => 0,
        }
    }
}
