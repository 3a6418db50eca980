//! Decides whether a publish that a connection asks for begins.

use std::sync::Arc;
use std::time::Duration;

use tracing::{Span, info};

use super::connection::{Connection, End, OnAir};
use super::event::{ONE_PART, SPLIT};
use super::{Declined, PublishAsked, Split, host, pace};
use crate::access::{
    self, Admission, Asked, Client, Grant, LimitKeys, Limits, Reason, Verdict, harmless, without_secrets,
};
use crate::config::{self, Hook};
use crate::media::{NameError, StreamName};
use crate::recorder::{EndReason, PublishRequest, Refusal};

/// Publishers: the clients of this door, and the configuration's names of their limits.
pub static PUBLISHER: Client = Client {
    action: "publish",
    verb: "push",
    past: "pushed",
    request: "push",
    section: "[[publisher]]",
    applies: "'stream' and 'from'",
    exclusive: true,
    keys: LimitKeys {
        connections: "rtmp.max_connections",
        connections_per_address: "rtmp.max_connections_per_address",
        streams: "rtmp.max_publishes",
        streams_per_address: "rtmp.max_publishes_per_address",
        streams_of_account: "max_publishes of its [[publisher]]",
    },
};

/// The kind of a refusal for a name that no stream can have.
const NO_NAME: &str = "name";

/// The kinds of refusals of publishes, in metrics.
pub fn refusal_kinds() -> impl Iterator<Item = &'static str> {
    let own = [NO_NAME].into_iter();
    own.chain(Reason::KINDS).chain(Refusal::KINDS)
}

/// The limits of `[rtmp]`.
pub fn limits(configured: &config::Rtmp) -> Limits {
    Limits {
        connections_per_address: configured.max_connections_per_address,
        streams: configured.max_publishes,
        streams_per_address: configured.max_publishes_per_address,
        bitrate: configured.max_bitrate,
    }
}

/// A request to publish that is not decided yet. Until then nothing more is read from the connection.
pub(super) enum Question {
    /// Services decide about it.
    Asked {
        hooks: Vec<(Hook, Arc<Grant>)>,
        request: PublishRequest,
    },
    /// The request is allowed, and a publisher is in its way. That publisher's connection may have ended unnoticed.
    InTheWay {
        request: PublishRequest,
        grant: Arc<Grant>,
    },
}

impl Question {
    /// Waits for the answer to the question.
    async fn decided(self, admission: &Admission) -> Decided {
        match self {
            Question::Asked { hooks, request } => {
                let about = access::Question {
                    stream: &request.stream,
                    peer: request.peer.ip(),
                    domain: request.domain.as_deref(),
                    query: &request.query,
                };
                match admission.ask(&hooks, &about).await {
                    Ok(grant) => Decided::Begins(request, grant, Attempt::First),
                    Err(reason) => Decided::Denied(request.stream, reason),
                }
            }
            Question::InTheWay { request, grant } => {
                tokio::time::sleep(NOTICED).await;
                Decided::Begins(request, grant, Attempt::Last)
            }
        }
    }
}

/// The answer to a question.
enum Decided {
    Begins(PublishRequest, Arc<Grant>, Attempt),
    Denied(StreamName, Reason),
}

/// Whether a publisher in the way is still waited for: at the first attempt only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attempt {
    First,
    Last,
}

/// The time after which an ended connection of a publisher has been noticed, also on a machine with other work.
const NOTICED: Duration = Duration::from_millis(3 * pace::TICK.as_millis() as u64);

impl Connection {
    /// Decides on a request to publish and answers it, unless others have to be asked.
    pub(super) fn asked(&mut self, asked: &PublishAsked) -> Result<(), End> {
        let stream = match asked.stream_name() {
            Ok(stream) => stream,
            // A name with one part may be a secret, so it is not logged.
            Err(NameError::Parts(_)) => {
                self.shared.admission.count_refusal(NO_NAME);
                self.shared.declined(self.peer, Declined::NoKey, "");
                self.session.refuse(ONE_PART);
                return Err(End::Declined);
            }
            Err(error) => {
                self.shared.admission.count_refusal(NO_NAME);
                self.shared
                    .declined(self.peer, Declined::Name, &error.to_string());
                self.session.refuse(&error.to_string());
                return Err(End::Declined);
            }
        };
        let utc = self.shared.recorder.believed_utc();
        let peer = self.peer.ip();
        let check = |stream: &StreamName, query: &str| {
            self.shared.admission.check(&Asked {
                stream,
                query,
                peer,
                utc,
            })
        };
        let (mut stream, mut query, mut hint) = (stream, asked.query.as_str(), "");
        let mut verdict = check(&stream, query);
        if let Verdict::Refuse(reason @ Reason::HeldOff(_)) = verdict {
            return self.deny(stream, reason, "");
        }
        if let Some(split) = &asked.split
            && let Some(other) = split_verdict(&verdict, split, check)
        {
            self.shared.declined(self.peer, Declined::Slash, "");
            (stream, query, hint) = (split.stream.clone(), split.query.as_str(), SPLIT);
            verdict = other;
        }
        Span::current().record("stream", tracing::field::display(&stream));
        let request = PublishRequest {
            stream: stream.clone(),
            domain: host::host_of(&asked.tc_url),
            query: without_secrets(query),
            param: harmless(query),
            peer: self.peer,
            encoder: asked.encoder.clone(),
        };
        match verdict {
            Verdict::Allow(grant) => self.begin(request, grant, Attempt::First),
            Verdict::Ask(hooks) => {
                self.question = Some(Question::Asked { hooks, request });
                Ok(())
            }
            Verdict::Refuse(reason) => self.deny(stream, reason, hint),
        }
    }

    /// Waits for the decision about a request to publish, if there is one, and goes on with the bytes that came behind it.
    /// Nothing more is read from the connection meanwhile, and no other connection waits.
    pub(super) async fn decide(&mut self) -> Result<(), End> {
        while let Some(question) = self.question.take() {
            let shared = Arc::clone(&self.shared);
            let decided = tokio::select! {
                biased;
                _ = self.stop.changed() => return Err(End::Ended(EndReason::Shutdown)),
                reason = self.permit.gives_way() => return Err(End::GaveWay(reason)),
                decided = question.decided(&shared.admission) => decided,
            };
            match decided {
                Decided::Begins(request, grant, attempt) => self.begin(request, grant, attempt)?,
                Decided::Denied(stream, reason) => self.deny(stream, reason, "")?,
            }
            if self.question.is_some() {
                continue;
            }
            let held = std::mem::take(&mut self.held);
            self.heard(&held)?;
        }
        Ok(())
    }

    /// Begins a publish that is allowed, if the limits and the recorder let it. A publisher in its way may have gone already.
    /// An encoder that comes back over a new connection must not be refused because of its old one.
    fn begin(&mut self, request: PublishRequest, grant: Arc<Grant>, attempt: Attempt) -> Result<(), End> {
        let (stream, peer) = (request.stream.clone(), request.peer);
        let encoder = request.encoder.clone();
        let admission = Arc::clone(&self.shared.admission);
        if let Err(reason) = admission.may_begin(&stream, peer.ip(), &grant) {
            if attempt == Attempt::First {
                self.question = Some(Question::InTheWay { request, grant });
                return Ok(());
            }
            return self.deny(stream, reason, "");
        }
        if !self.permit.set_active(true) {
            return Err(End::Declined);
        }
        match self.shared.recorder.publish(request.clone()) {
            Ok(publishing) => {
                info!(encoder, publisher = grant.account, "publish begins");
                self.on_air = Some(OnAir {
                    publishing,
                    required: grant.required,
                    permit: admission.begin(stream, peer.ip(), &grant),
                });
                let allowance = self.shared.publishers_allowance(peer, &grant);
                self.session.allow(allowance);
                self.session.accept();
                Ok(())
            }
            Err(Refusal::Busy { .. }) if attempt == Attempt::First => {
                self.permit.set_active(false);
                self.question = Some(Question::InTheWay { request, grant });
                Ok(())
            }
            Err(refusal) => {
                self.shared.admission.count_refusal(refusal.kind());
                self.refuse(&refusal.to_string())
            }
        }
    }

    /// Refuses the request, because the stream cannot be recorded.
    fn refuse(&mut self, why: &str) -> Result<(), End> {
        self.session.refuse(why);
        Err(End::Refused(why.to_owned()))
    }

    /// Refuses the request, because of who asks.
    fn deny(&mut self, stream: StreamName, reason: Reason, hint: &str) -> Result<(), End> {
        let between = if hint.is_empty() { "" } else { "; " };
        let told = self.shared.admission.told(&reason);
        self.session.deny(&format!("{told}{between}{hint}"));
        Err(End::Denied { stream, reason })
    }
}

/// Decides about an address that an encoder may have split in its query, and gives the verdict if it is to be read as one
/// address. The publisher's proof shows how the address was meant. Where nobody asks for a proof, no part of a parameter that
/// sounds like a secret becomes a name.
fn split_verdict(
    verdict: &Verdict,
    split: &Split,
    check: impl Fn(&StreamName, &str) -> Verdict,
) -> Option<Verdict> {
    let whole = check(&split.stream, &split.query);
    let is_meant = match (verdict, &whole) {
        (Verdict::Refuse(_) | Verdict::Ask(_), Verdict::Allow(_)) => true,
        // A service is asked about the address as it was meant.
        (Verdict::Refuse(_) | Verdict::Ask(_), Verdict::Refuse(_) | Verdict::Ask(_)) => {
            split.is_in_a_secret()
        }
        (Verdict::Allow(grant), Verdict::Allow(_)) => grant.account.is_none() && split.is_in_a_secret(),
        _ => false,
    };
    is_meant.then_some(whole)
}
