//! Why somebody may not push: what the publisher, the log and the event are told.

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
    /// `rtmp.max_connections`
    Connections,
    /// `rtmp.max_connections_per_address`
    ConnectionsPerAddress,
    /// `rtmp.max_publishes`
    Publishes,
    /// `rtmp.max_publishes_per_address`
    PublishesPerAddress,
    /// `max_publishes` of the entry that lets it in
    PublishesOfPublisher,
}

impl Limit {
    /// The key that sets it.
    fn key(self) -> &'static str {
        match self {
            Limit::Connections => "rtmp.max_connections",
            Limit::ConnectionsPerAddress => "rtmp.max_connections_per_address",
            Limit::Publishes => "rtmp.max_publishes",
            Limit::PublishesPerAddress => "rtmp.max_publishes_per_address",
            Limit::PublishesOfPublisher => "max_publishes of its [[publisher]]",
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
            HookFailure::NoAnswer => "its answer is none",
            HookFailure::Unusable => "its address cannot be used",
        })
    }
}

/// Why a publish is refused. Its text says what to do, and never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nobody is listed, and this is not loopback.
    #[error("anyone may push from this machine, and nobody from another: no [[publisher]] is configured")]
    Anonymous,
    /// No entry is about this stream and this address.
    #[error(
        "no [[publisher]] lets this address push this stream: look at 'stream' and 'from' of the entries"
    )]
    NotListed,
    /// There is an entry, and nothing was shown that it asks for.
    #[error("this stream needs a proof that the push has not: {0} behind the stream's name")]
    NoProof(&'static str),
    /// A proof is there and cannot be read.
    #[error("{what} cannot be read: {why}")]
    Malformed {
        /// Which part of the query.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A key that is none of those that hold.
    #[error("the key is wrong: ?key=… is none of those that hold for this stream")]
    WrongKey,
    /// A signature made with another key, or for another stream or time.
    #[error("{0} is wrong: it was made with another key, or for another stream or time")]
    WrongSignature(Scheme),
    /// A signature that was right once.
    #[error("{scheme} expired at {}: sign again, and see that the signer's clock is right", crate::event::rfc3339(*.at))]
    Expired {
        /// How it was signed.
        scheme: Scheme,
        /// UTC of its end, in microseconds.
        at: Micros,
    },
    /// Too many were wrong, and nothing of this address is looked at for a while.
    #[error(
        "too many wrong keys came from this address: it is heard again in {0} s, and streams that it pushed before are at once"
    )]
    HeldOff(u64),
    /// The service that decides said no, with this status.
    #[error("the service that decides who may push says no (HTTP status {0})")]
    HookRefused(u16),
    /// The service that decides could not be asked.
    #[error("the service that decides who may push could not be asked: {0}")]
    HookFailed(HookFailure),
    /// There are as many as there may be.
    #[error("there are as many as {} = {most} allows: end one, or raise it", .limit.key())]
    Limit {
        /// Of what.
        limit: Limit,
        /// How many there may be.
        most: usize,
    },
    /// More bits a second than it may send, for too long.
    #[error("it sends more than max_bitrate = \"{0}\" allows: lower the encoder's bit rate, or raise it")]
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
            Reason::Limit { limit, .. } => limit.key(),
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

    /// How near a publisher came: of several entries that refuse, the nearest is told.
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
