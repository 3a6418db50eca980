//! Whether the publish that a connection asks for begins.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::{Span, info};

use super::connection::{Connection, End, OnAir};
use super::event::{ONE_PART, SPLIT};
use super::hook::Hooks;
use super::{Declined, PublishAsked, Split, url};
use crate::access::{Permit, Reason, Verdict, harmless, without_secrets};
use crate::config::Hook;
use crate::media::{NameError, StreamName};
use crate::recorder::{EndReason, PublishRequest};

/// A request to publish that others decide about.
pub(super) struct Question {
    hooks: Vec<(Hook, Arc<Permit>)>,
    request: PublishRequest,
}

impl Question {
    /// The first yes, or else the last no.
    async fn ask(&self, hooks: &Hooks) -> Result<Arc<Permit>, Reason> {
        let mut answer = Err(Reason::NotListed);
        for (hook, permit) in &self.hooks {
            answer = hooks.ask(hook, &self.request).await.map(|()| Arc::clone(permit));
            if answer.is_ok() {
                break;
            }
        }
        answer
    }
}

impl Connection {
    /// Decides on a request to publish and answers it, unless others have to be asked.
    pub(super) fn asked(&mut self, asked: &PublishAsked) -> Result<(), End> {
        let stream = match asked.stream_name() {
            Ok(stream) => stream,
            // What has one part may be a secret.
            Err(NameError::Parts(_)) => {
                self.shared.declined(self.peer, Declined::NoKey, "");
                self.session.refuse(ONE_PART);
                return Err(End::Declined);
            }
            Err(error) => {
                self.shared
                    .declined(self.peer, Declined::Name, &error.to_string());
                self.session.refuse(&error.to_string());
                return Err(End::Declined);
            }
        };
        let utc = self.shared.recorder.believed_utc();
        let check =
            |stream: &StreamName, query: &str| self.shared.entrance.check(stream, query, self.peer, utc);
        let (mut stream, mut query, mut hint) = (stream, asked.query.as_str(), "");
        let mut verdict = check(&stream, query);
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
            domain: url::host_of(&asked.tc_url),
            query: without_secrets(query),
            param: harmless(query),
            peer: self.peer,
            encoder: asked.encoder.clone(),
        };
        match verdict {
            Verdict::Allow(permit) => self.begin(request, &permit),
            Verdict::Ask(hooks) => {
                self.question = Some(Question { hooks, request });
                Ok(())
            }
            Verdict::Refuse(reason) => self.deny(stream, reason, hint),
        }
    }

    /// Asks the services that decide, if that is what a request to publish waits for, and goes on with what came
    /// behind it. Nothing more is read from the connection meanwhile, and no other waits.
    pub(super) async fn decide(&mut self) -> Result<(), End> {
        while let Some(question) = self.question.take() {
            let shared = Arc::clone(&self.shared);
            let answer = tokio::select! {
                biased;
                _ = self.stop.changed() => return Err(End::Ended(EndReason::Shutdown)),
                reason = self.seat.gives_way() => return Err(End::GaveWay(reason)),
                answer = question.ask(&shared.hooks) => answer,
            };
            match answer {
                Ok(permit) => self.begin(question.request, &permit)?,
                Err(reason) => self.deny(question.request.stream, reason, "")?,
            }
            let held = std::mem::take(&mut self.held);
            self.heard(&held)?;
        }
        Ok(())
    }

    /// Begins a publish that is allowed, if there is room for it and the recorder takes it.
    fn begin(&mut self, request: PublishRequest, permit: &Arc<Permit>) -> Result<(), End> {
        let (stream, peer) = (request.stream.clone(), request.peer);
        let encoder = request.encoder.clone();
        let entrance = Arc::clone(&self.shared.entrance);
        if let Err(reason) = entrance.has_room(&stream, peer, permit) {
            return self.deny(stream, reason, "");
        }
        if !self.seat.publishes(true) {
            return Err(End::Declined);
        }
        match self.shared.recorder.publish(request) {
            Ok(publishing) => {
                info!(encoder, publisher = permit.publisher, "publish begins");
                self.on_air = Some(OnAir {
                    publishing,
                    required: permit.required,
                    meter: entrance.meter(permit, self.shared.since_start(Instant::now())),
                    place: entrance.begin(stream, peer, permit),
                });
                let allowance = self.shared.publishers_allowance(peer, permit);
                self.session.allow(allowance);
                self.session.accept();
                Ok(())
            }
            Err(refusal) => self.refuse(&refusal.to_string()),
        }
    }

    /// The stream cannot be recorded.
    fn refuse(&mut self, why: &str) -> Result<(), End> {
        self.session.refuse(why);
        Err(End::Refused(why.to_owned()))
    }

    /// This publisher may not.
    fn deny(&mut self, stream: StreamName, reason: Reason, hint: &str) -> Result<(), End> {
        let between = if hint.is_empty() { "" } else { "; " };
        self.session.deny(&format!("{reason}{between}{hint}"));
        Err(End::Denied { stream, reason })
    }
}

/// What is to be done about an address that may have been split in its query, where it is to be read as one. What proves the
/// publisher says how it was meant; where nobody asks for a proof, no part of what sounds like a secret becomes a name.
fn split_verdict(
    verdict: &Verdict,
    split: &Split,
    check: impl Fn(&StreamName, &str) -> Verdict,
) -> Option<Verdict> {
    let whole = check(&split.stream, &split.query);
    let is_meant = match (verdict, &whole) {
        (Verdict::Refuse(_), Verdict::Allow(_)) => true,
        (Verdict::Refuse(_), Verdict::Refuse(_)) => split.is_in_a_secret(),
        (Verdict::Allow(permit), Verdict::Allow(_)) => permit.publisher.is_none() && split.is_in_a_secret(),
        _ => false,
    };
    is_meant.then_some(whole)
}
