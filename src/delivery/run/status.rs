//! What the loop says of itself when it is asked.

use super::Loop;
use crate::delivery::open::open;
use crate::delivery::status::{FailedStatus, OpenStatus, SyncStatus, TransferStatus};
use crate::event::rfc3339;
use crate::media::Micros;
use crate::store::Clock;

/// Most failed deliveries in a status.
const SHOWN: usize = 20;

/// Why nothing is removed.
const MOVED: &str = "the storage directory came from another box: nothing is removed from the store of objects until you run \
    'edgereel store adopt'";

impl Loop {
    pub(super) async fn status(&self) -> SyncStatus {
        let now = self.cx.clock.boot();
        let delivery = self.cx.delivery.clone();
        let numbers = self.cx.read(move |library| {
            let open = open(library, &delivery)?;
            let oldest = library.oldest_waiting()?;
            Ok((library.backlog()?, oldest, library.set_aside(SHOWN)?, open))
        });
        let (backlog, oldest, aside, mut open) = numbers.await.unwrap_or_default();
        let lag = oldest.map(|end| self.cx.clock.utc().saturating_sub(end).max(0).unsigned_abs());
        let utc = |at: Micros| rfc3339(self.cx.clock.utc().saturating_add(at.saturating_sub(now).max(0)));
        let due = self.cx.due().clone();
        for (job, at) in due {
            let (recording, format) = (job.recording.to_string(), job.format.to_string());
            let own = |open: &&mut OpenStatus| open.recording == recording && open.format == format;
            if let Some(open) = open.iter_mut().find(own) {
                // Work that is late is due now.
                open.due = Some(utc(at));
            }
        }
        let trouble = self.planner.trouble();
        let state = self.state();
        let next = match (state, trouble) {
            ("waiting", _) => self.hours_begin(),
            ("offline", Some((_, until))) => Some(utc(until)),
            _ => None,
        };
        let since = self.state_since.1.told(now, self.cx.clock.utc());
        let board = self.cx.board().clone();
        let mut transfers: Vec<TransferStatus> = self
            .planner
            .running()
            .iter()
            .map(|job| {
                let on_the_way = board.get(job).cloned().unwrap_or_default();
                TransferStatus {
                    recording: job.recording.to_string(),
                    format: job.format.to_string(),
                    key: on_the_way.key,
                    sent_bytes: on_the_way.sent,
                    bytes: on_the_way.bytes,
                }
            })
            .collect();
        transfers.sort_by(|one, other| {
            one.recording
                .cmp(&other.recording)
                .then(one.format.cmp(&other.format))
        });
        let mut problems = self.checks.problems();
        problems.extend(self.cx.keeps_all().clone());
        problems.extend(self.cx.is_moved().then(|| MOVED.to_owned()));
        SyncStatus {
            store: self.cx.delivery.target.url(),
            state,
            since: rfc3339(since),
            reason: trouble.map(|(reason, _)| reason.to_owned()),
            next,
            waiting: backlog.recordings,
            waiting_bytes: backlog.bytes,
            formats: Vec::new(),
            lag_s: lag.map(|micros| micros / 1_000_000),
            set_aside: backlog.aside,
            rate: self.rate.per_second(now, self.pace.taken()),
            max_rate: self.pace.rate(),
            sent_bytes: self.cx.tally.sent_bytes(),
            open,
            transfers,
            problems,
            failed: aside
                .into_iter()
                .map(|rendition| FailedStatus {
                    recording: rendition.id.recording.to_string(),
                    format: rendition.id.format.to_string(),
                    key: rendition.key,
                    reason: rendition.error.unwrap_or_default(),
                })
                .collect(),
        }
    }

    fn state(&self) -> &'static str {
        match self.planner.trouble() {
            _ if self.paused => "paused",
            _ if !self.planner.may_run() => "waiting",
            Some(_) => "offline",
            None if self.planner.is_online() => "online",
            None => "starting",
        }
    }

    /// Notes since when the state is what it is.
    pub(super) fn note_state(&mut self) {
        let state = self.state();
        if self.state_since.0 != state {
            self.state_since = (state, Since::now(self.cx.clock.as_ref()));
        }
    }

    fn hours_begin(&self) -> Option<String> {
        let window = self.cx.delivery.window.as_ref()?;
        window
            .next_after(self.cx.clock.utc())
            .map(|(from, _)| rfc3339(from))
    }
}

/// Since when something is so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since {
    boot: Micros,
    utc: Micros,
}

impl Since {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self {
            boot: clock.boot(),
            utc: clock.utc(),
        }
    }

    /// The moment in UTC, as the clock has it now. The two clocks are never read at one moment, and who asks twice must not take that for
    /// news: it moves by whole seconds alone, when the clock was set.
    fn told(self, boot: Micros, utc: Micros) -> Micros {
        let lasted = boot.saturating_sub(self.boot).max(0);
        let moved = utc.saturating_sub(lasted).saturating_sub(self.utc);
        let seconds = (moved as f64 / 1e6).round() as Micros;
        self.utc.saturating_add(seconds.saturating_mul(1_000_000)) / 1_000_000 * 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_when_is_the_same_however_the_clocks_are_read_and_moves_with_a_clock_that_is_set() {
        const SECOND: Micros = 1_000_000;
        let since = Since {
            boot: 7 * SECOND,
            utc: 1_790_000_000 * SECOND + 499_999,
        };
        for late in [0, 1, 2, 300_000] {
            for lasted in [0, 3 * SECOND, 3 * SECOND + 1, 86_400 * SECOND] {
                let told = since.told(7 * SECOND + lasted, since.utc + lasted + late);
                assert_eq!(told, 1_790_000_000 * SECOND, "{late} {lasted}");
            }
        }
        let set = since.told(9 * SECOND, since.utc + 2 * SECOND + 3_600 * SECOND);
        assert_eq!(set, 1_790_003_600 * SECOND);
    }
}
