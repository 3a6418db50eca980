//! A kind of client, and the words for it.
//!
//! Nothing else in this room knows what a door speaks or what its clients do. The names of limits in the configuration and the
//! words of a refusal come from here.

use super::{Limit, Reason};

/// A kind of client: what it may do, and what its door and the configuration call that.
#[derive(Debug, PartialEq, Eq)]
pub struct Client {
    /// What the client asks for, as a hook is told: `publish`.
    pub action: &'static str,
    /// The verb for what the client does: `push`.
    pub verb: &'static str,
    /// The past tense of that verb: `pushed`.
    pub past: &'static str,
    /// The noun for its request: the `push`.
    pub request: &'static str,
    /// The section of the configuration that lists the clients that are let in.
    pub section: &'static str,
    /// The keys of an entry that say which clients it is about: `'stream' and 'from'`.
    pub applies: &'static str,
    /// Whether only one client at a time has a stream. A second client then takes it over, and is not counted beside the first.
    pub exclusive: bool,
    /// The keys of the configuration that set its limits.
    pub keys: LimitKeys,
}

/// The key that sets each [`Limit`].
#[derive(Debug, PartialEq, Eq)]
pub struct LimitKeys {
    /// [`Limit::Connections`]
    pub connections: &'static str,
    /// [`Limit::ConnectionsPerAddress`]
    pub connections_per_address: &'static str,
    /// [`Limit::Streams`]
    pub streams: &'static str,
    /// [`Limit::StreamsPerAddress`]
    pub streams_per_address: &'static str,
    /// [`Limit::StreamsOfAccount`]
    pub streams_of_account: &'static str,
}

impl Client {
    /// The words that say why a client is refused, and what to do. They never hold a secret.
    pub fn told(&self, reason: &Reason) -> String {
        let Self {
            verb,
            past,
            request,
            section,
            applies,
            ..
        } = self;
        match reason {
            Reason::Anonymous => {
                format!(
                    "anyone may {verb} from this machine, and nobody from another: no {section} is configured"
                )
            }
            Reason::NotListed => format!(
                "no {section} lets this address {verb} this stream: look at {applies} of the entries"
            ),
            Reason::NoProof(proof) => {
                format!(
                    "this stream needs a proof that the {request} has not: {proof}"
                )
            }
            Reason::Malformed { what, why } => format!("{what} cannot be read: {why}"),
            Reason::WrongKey => "the key is wrong: it is none of those that hold here".to_owned(),
            Reason::WrongPassword => "there is no viewer with this name and this password".to_owned(),
            Reason::NoTokenKey => {
                "tokens are not accepted here: http.token_key or http.token_key_file sets the key that signs them".to_owned()
            }
            Reason::NoClock => "the box does not know the time yet, so it cannot say whether this token has expired; \
                                http.tokens_without_clock = \"accept\" accepts it all the same"
                .to_owned(),
            Reason::Busy => "too many viewers are logging in: try again in a second".to_owned(),
            Reason::WrongSignature(scheme) => {
                format!("{scheme} is wrong: it was made with another key, or for another stream or time")
            }
            Reason::Expired { scheme, at } => format!(
                "{scheme} expired at {}: sign again, and see that the signer's clock is right",
                crate::event::rfc3339(*at)
            ),
            Reason::HeldOff(seconds) => format!(
                "too many wrong keys came from this address: it may try again in {seconds} s, and at once where it \
                 {past} before"
            ),
            Reason::HookRefused(status) => {
                format!("the service that decides who may {verb} says no (HTTP status {status})")
            }
            Reason::HookFailed(failure) => {
                format!("the service that decides who may {verb} could not be asked: {failure}")
            }
            Reason::Limit { limit, most } => format!(
                "there are as many as {} = {most} allows: end one, or raise it",
                self.key(*limit)
            ),
            Reason::TooFast(rate) => format!(
                "it sends more than max_bitrate = \"{rate}\" allows: lower the encoder's bit rate, or raise it"
            ),
        }
    }

    fn key(&self, limit: Limit) -> &'static str {
        match limit {
            Limit::Connections => self.keys.connections,
            Limit::ConnectionsPerAddress => self.keys.connections_per_address,
            Limit::Streams => self.keys.streams,
            Limit::StreamsPerAddress => self.keys.streams_per_address,
            Limit::StreamsOfAccount => self.keys.streams_of_account,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A client that no door has.
    pub(in crate::access) static READER: Client = Client {
        action: "read",
        verb: "read",
        past: "read",
        request: "request",
        section: "[[reader]]",
        applies: "'stream' and 'from'",
        exclusive: false,
        keys: LimitKeys {
            connections: "library.max_connections",
            connections_per_address: "library.max_connections_per_address",
            streams: "library.max_readers",
            streams_per_address: "library.max_readers_per_address",
            streams_of_account: "max_readers of its [[reader]]",
        },
    };

    #[test]
    fn every_kind_of_client_is_refused_in_its_own_words() {
        for (reason, told) in [
            (
                Reason::NotListed,
                "no [[reader]] lets this address read this stream",
            ),
            (
                Reason::NoProof("?key=…"),
                "a proof that the request has not: ?key=…",
            ),
            (
                Reason::HookRefused(403),
                "decides who may read says no (HTTP status 403)",
            ),
            (
                Reason::Limit {
                    limit: Limit::StreamsOfAccount,
                    most: 2,
                },
                "as many as max_readers of its [[reader]] = 2 allows",
            ),
        ] {
            let words = READER.told(&reason);
            assert!(words.contains(told), "{words}");
        }
    }
}
