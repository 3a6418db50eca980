//! Why somebody is refused: what the client, the log and the event are told is [`Client::told`](super::Client::told).

use crate::config::BitRate;
use crate::media::Micros;

/// A way of signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `txSecret` and `txTime`.
    Tencent,
    /// `auth_key`.
    Aliyun,
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Scheme::Tencent => "txSecret",
            Scheme::Aliyun => "auth_key",
        })
    }
}

/// What there may be only so many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Connections.
    Connections,
    /// Connections of one address.
    ConnectionsPerAddress,
    /// Streams that clients have.
    Streams,
    /// The same of one address.
    StreamsPerAddress,
    /// The same under the entry that let them in.
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
    /// It took longer than `hook_timeout`.
    TimedOut,
    /// There is no connection to it.
    Unreachable,
    /// What came is no answer.
    NoAnswer,
    /// Its address cannot be asked.
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

/// Why somebody is refused. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody is listed, and this is not loopback.
    Anonymous,
    /// No entry is about this stream and this address.
    NotListed,
    /// There is an entry, and nothing was shown that it asks for.
    NoProof(&'static str),
    /// A proof is there and cannot be read.
    Malformed {
        /// Which part of the query.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A key that is none of those that hold.
    WrongKey,
    /// A signature made with another key, or for another stream or time.
    WrongSignature(Scheme),
    /// A signature that was right once.
    Expired {
        /// How it was signed.
        scheme: Scheme,
        /// UTC of its end, in microseconds.
        at: Micros,
    },
    /// Too many were wrong, and nothing of this address is looked at for so many seconds.
    HeldOff(u64),
    /// The service that decides said no, with this status.
    HookRefused(u16),
    /// The service that decides could not be asked.
    HookFailed(HookFailure),
    /// There are as many as there may be.
    Limit {
        /// Of what.
        limit: Limit,
        /// How many there may be.
        most: usize,
    },
    /// More bits a second than it may send, for too long.
    TooFast(BitRate),
}

impl Reason {
    /// In a word, the same for all that differ only in details: what repeated refusals are counted by.
    pub fn kind(&self) -> &'static str {
        match self {
            Reason::Anonymous => "anonymous",
            Reason::NotListed => "not_listed",
            Reason::NoProof(_) => "no_proof",
            Reason::Malformed { .. } => "malformed",
            Reason::WrongKey => "wrong_key",
            Reason::WrongSignature(_) => "wrong_signature",
            Reason::Expired { .. } => "expired",
            Reason::HeldOff(_) => "held_off",
            Reason::HookRefused(_) => "hook_refused",
            Reason::HookFailed(_) => "hook_failed",
            Reason::Limit { limit, .. } => limit.kind(),
            Reason::TooFast(_) => "max_bitrate",
        }
    }

    /// Somebody may have tried what is right.
    pub fn is_guess(&self) -> bool {
        matches!(
            self,
            Reason::WrongKey | Reason::WrongSignature(_) | Reason::HookRefused(_)
        )
    }

    /// How near a client came: of several entries that refuse, the nearest is told.
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
