//! What all connections share: the recorder, the admission, memory, and what is logged of refusals.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use crate::access::{Admission, Budget, Grant, Reason, owner};
use crate::doors::rtmp::{Allowance, Declined, Settings, WhenFull};
use crate::media::StreamName;
use crate::recorder::Recorder;

/// The longest message before a publish, in bytes. A command is no longer.
const STRANGERS_MESSAGE: u32 = 64 << 10;
/// The share of memory that a connection without a publish has for itself, in bytes. It is enough for any command that an
/// encoder sends.
const STRANGERS_SHARE: usize = 4 << 10;
/// The memory for the shares of all publishers, in bytes, and the bounds of one share.
const SHARES: usize = 32 << 20;
const SMALLEST_SHARE: usize = 64 << 10;
const LARGEST_SHARE: usize = 2 << 20;

/// What all connections share.
pub(in crate::doors::rtmp) struct Shared {
    pub(in crate::doors::rtmp) recorder: Recorder,
    pub(in crate::doors::rtmp) admission: Arc<Admission>,
    /// The memory for half-received messages of connections without a publish; below that of publishers beyond their shares.
    strangers: Budget,
    publishers: Budget,
    pub(super) settings: Settings,
    /// The time at which the grid of ticks begins.
    pub(super) started: Instant,
}

impl Shared {
    pub(in crate::doors::rtmp) fn new(
        recorder: Recorder,
        admission: Arc<Admission>,
        settings: Settings,
    ) -> Self {
        Self {
            recorder,
            admission,
            strangers: Budget::new(settings.strangers_budget),
            publishers: Budget::new(settings.publishers_budget),
            settings,
            started: Instant::now(),
        }
    }

    /// The memory that a connection without a publish may hold.
    pub(in crate::doors::rtmp) fn strangers_allowance(&self, peer: SocketAddr) -> Allowance {
        Allowance {
            share: STRANGERS_SHARE,
            budget: self.strangers.clone(),
            owner: owner(peer.ip(), None),
            longest: STRANGERS_MESSAGE,
            when_full: WhenFull::End,
        }
    }

    /// The memory that a publish may hold: a share that nobody can take from it, and more while there is more.
    pub(in crate::doors::rtmp) fn publishers_allowance(&self, peer: SocketAddr, grant: &Grant) -> Allowance {
        let share = SHARES / self.settings.max_connections.max(1);
        Allowance {
            share: share.clamp(SMALLEST_SHARE, LARGEST_SHARE),
            owner: owner(peer.ip(), Some(grant)),
            when_full: WhenFull::Wait,
            ..self.publishers.clone().into()
        }
    }

    /// Reports a refusal, unless many like it were reported. Gives how long its answer has to wait.
    pub(in crate::doors::rtmp) fn refused(
        &self,
        stream: Option<&StreamName>,
        peer: SocketAddr,
        reason: &Reason,
    ) -> Option<Duration> {
        let refused = self.admission.refused(stream, peer.ip(), reason);
        refused
            .event
            .into_iter()
            .for_each(|event| self.recorder.report(event));
        refused.delay
    }

    /// Reports refusals that were left out a while ago.
    pub(in crate::doors::rtmp) fn tell_refusals(&self) {
        let due = self.admission.refusals_due();
        due.into_iter().for_each(|event| self.recorder.report(event));
    }

    /// Reports all refusals that were left out.
    pub(in crate::doors::rtmp) fn tell_last_refusals(&self) {
        let rest = self.admission.rest_of_refusals();
        rest.into_iter().for_each(|event| self.recorder.report(event));
    }

    /// Logs that a client asked for what is not possible, unless that was logged for this address lately.
    pub(in crate::doors::rtmp) fn declined(&self, peer: SocketAddr, what: Declined, detail: &str) {
        let about = what.as_str();
        match self.admission.may_name(peer.ip(), about) {
            true if detail.is_empty() => warn!("{about}"),
            true => warn!("{about}: {detail}"),
            false => debug!(detail, "{about}"),
        }
    }

    /// Logs that a connection ended which had not published, unless many such lines were logged lately.
    pub(in crate::doors::rtmp) fn stranger_left(&self, why: &str) {
        match self.admission.may_write() {
            Some(0) => warn!(why, "connection ended"),
            Some(left_out) => warn!(
                why,
                left_out, "connection ended; others that ended in the same way are not listed"
            ),
            None => debug!(why, "connection ended"),
        }
    }
}
