//! Events are read from the outbox, sent while the broker takes them, and acknowledged in the journal.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5::PubAckReason;
use tokio::time::Instant;

use super::Session;
use crate::doors::mqtt::link::{Loss, Mark};
use crate::doors::mqtt::sender::EventMessage;
use crate::event::{Dialect, Posted};
use crate::store::StoreError;

/// The most bytes of events' bodies that are read at once.
const READ_BYTES: usize = 256 << 10;
/// How long after a refusal the events that a broker did not take are sent again.
const HOLD: Duration = Duration::from_secs(5);
/// A warning that a broker does not take events is logged at most once in this time.
const SAY: Duration = Duration::from_secs(600);

impl Session<'_> {
    /// Sends events and begins requests, as far as there is room.
    pub(super) fn send(&mut self) -> Result<(), Loss> {
        if self.link.outstanding() == 0 {
            self.alive = Instant::now();
        } else if self.alive.elapsed() > self.shared.settings.link.keep_alive {
            return Err(Loss::Gone("the broker confirms nothing".to_owned()));
        }
        let most = self
            .link
            .limits()
            .packet
            .saturating_sub(2_000)
            .min(crate::api::MAX_ANSWER);
        self.requests.begin(&self.shared.api, most);
        self.read_on();
        if self.hold.is_some_and(|hold| hold > Instant::now()) {
            return Ok(());
        }
        self.hold = None;
        // One publish on the way is left for everything else.
        let most = self.link.limits().flying.saturating_sub(1).max(1);
        while self.outbox.on_the_way() < most && self.link.has_room() {
            let Some(message) = self.outbox.peek() else { break };
            if !self.link.fits(&message.topic, message.body.len()) {
                let text = format!(
                    "{} has {} bytes, more than the broker takes",
                    message.topic,
                    message.body.len()
                );
                let sequence = self.outbox.sent();
                self.drop_event(&text);
                self.outbox.arrived(sequence);
                continue;
            }
            let (topic, body) = (message.topic.clone(), Bytes::from(message.body.clone()));
            let sequence = self.outbox.sent();
            self.post(topic, body, false, true, Mark::Event(sequence, self.round))?;
        }
        Ok(())
    }

    pub(super) fn drop_event(&self, why: &str) {
        self.shared.tally.dropped.fetch_add(1, Ordering::Relaxed);
        tracing::error!("an event was dropped: {why}");
    }

    /// Reads more of the outbox, if there is more and the sender wants it.
    pub(super) fn read_on(&mut self) {
        let more = self.subscription.has_more();
        let Some((after, most)) = self.outbox.wants().filter(|_| self.reading.is_none()) else {
            return;
        };
        if more {
            let reading = self.subscription.fetch(after, most, READ_BYTES);
            self.reading = Some(tokio::spawn(reading));
        }
    }

    pub(super) fn take(&mut self, rows: Option<Result<Vec<Posted>, StoreError>>) -> Result<(), Loss> {
        let rows = match rows {
            Some(Ok(rows)) => rows,
            // The card may be away.
            Some(Err(error)) => {
                tracing::debug!("the outbox cannot be read: {error}");
                self.unread = true;
                return Ok(());
            }
            None => return Ok(()),
        };
        self.subscription.took(&rows);
        let utc = self.shared.clock.utc();
        for row in rows {
            let settings = &self.shared.settings;
            let topics = &self.shared.topics;
            let missing = self.outbox.take(row.sequence, |missing| {
                let of = |dialect: &Dialect| {
                    let messages = dialect.render(&row, &settings.sender, utc, missing);
                    let dialect = *dialect;
                    messages.into_iter().map(move |message| EventMessage {
                        topic: topics.event(dialect, &message.name),
                        body: message.body,
                    })
                };
                settings.dialects.iter().flat_map(of).collect()
            });
            if row.kind.starts_with("sync.") {
                self.sync_event = row.sequence;
            }
            if missing > 0 {
                self.shared.tally.dropped.fetch_add(missing, Ordering::Relaxed);
                tracing::warn!("{missing} events were dropped: more came than are kept for the broker");
            }
        }
        Ok(())
    }

    pub(super) fn write_down(&mut self) {
        self.subscription.acknowledge(self.outbox.cursor());
        self.subscription.commit();
    }

    /// Handles that the broker answered and did not take a message. For an event that may change: it is kept, and sent again.
    pub(super) fn refused(&mut self, mark: Mark, reason: PubAckReason) -> Result<(), Loss> {
        self.alive = Instant::now();
        let Mark::Event(_, round) = mark else {
            return self.arrived(mark);
        };
        if round != self.round {
            return Ok(());
        }
        if self.said_refused.is_none_or(|said| said.elapsed() > SAY) {
            self.said_refused = Some(Instant::now());
            tracing::warn!(
                "{} does not take events ({reason:?}); they are kept, and sent again",
                self.shared.settings.shown
            );
        }
        if matches!(
            reason,
            PubAckReason::PayloadFormatInvalid | PubAckReason::TopicNameInvalid
        ) {
            self.drop_event("the broker refuses it for good");
            return self.arrived(mark);
        }
        self.outbox.broken();
        self.round += 1;
        self.hold = Some(Instant::now() + HOLD);
        Ok(())
    }
}
