//! Whether the publish that a connection asks for begins.

use tracing::{Span, info};

use super::connection::{Connection, End};
use super::{PublishAsked, url};
use crate::access::{Verdict, without_secrets};
use crate::recorder::PublishRequest;

impl Connection {
    /// Decides on a request to publish and answers it.
    pub(super) fn asked(&mut self, asked: &PublishAsked) -> Result<(), End> {
        let stream = match asked.stream_name() {
            Ok(stream) => stream,
            Err(error) => return self.refuse(&error.to_string()),
        };
        Span::current().record("stream", tracing::field::display(&stream));
        let utc = self.shared.recorder.believed_utc();
        let verdict = self.shared.entrance.check(&stream, &asked.query, self.peer, utc);
        let request = PublishRequest {
            stream,
            domain: url::host_of(&asked.tc_url),
            query: without_secrets(&asked.query),
            peer: self.peer,
        };
        match verdict {
            Verdict::Allow(_permit) => self.begin(request, &asked.encoder),
            Verdict::Ask(_) => self.deny("the service that decides who may push cannot be asked yet"),
            Verdict::Refuse(reason) => self.deny(&reason.to_string()),
        }
    }

    /// Begins a publish that is allowed, if the recorder takes it.
    fn begin(&mut self, request: PublishRequest, encoder: &str) -> Result<(), End> {
        match self.shared.recorder.publish(request) {
            Ok(publishing) => {
                info!(encoder, "publish begins");
                self.publishing = Some(publishing);
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
    fn deny(&mut self, why: &str) -> Result<(), End> {
        self.session.deny(why);
        Err(End::Refused(why.to_owned()))
    }
}
