//! Makes one connection to the broker after the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::link::{Link, Loss, Post, Version};
use super::message::StatusState;
use super::sender::OutboxSender;
use super::session::{End, Session, status};
use super::streams::Streams;
use super::{LISTENER, Shared};
use crate::store::Subscription;
use crate::watch;

/// The first wait after a connection is lost, and the longest.
const WAIT: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// How long after an answer in MQTT 3.1.1 a broker is asked for MQTT 5 again.
const ASK_AGAIN: Duration = Duration::from_secs(3_600);

pub(super) async fn run(shared: Arc<Shared>, mut stop: oneshot::Receiver<()>) {
    // A connection that failed by a defect loses nothing: its events are in the outbox, too.
    while watch::has_failed("MQTT", connections(&shared, &mut stop)).await {}
}

async fn connections(shared: &Shared, stop: &mut oneshot::Receiver<()>) {
    // A connection that failed by a defect is gone.
    shared.tally.is(false, shared.clock.utc());
    let mut streams = Streams::default();
    let mut outbox: Option<(OutboxSender, Subscription)> = None;
    let mut failures = 0;
    let mut told: Option<Loss> = None;
    // A broker that keeps no retained messages refuses a will that is retained.
    let mut retains = true;
    let mut spoken = Spoken::default();
    // Messages that wait at the broker are thrown away once, when one of them is more than this box can take.
    let mut clean = false;
    let shown = shared.settings.shown.clone();
    loop {
        watch::may_fail("MQTT");
        let (mut known, mut subscription) = match outbox.take() {
            Some(known) if known.1.is_current() => known,
            _ => {
                tokio::select! {
                    subscription = subscribe(shared) => (OutboxSender::new(subscription.cursor()), subscription),
                    _ = &mut *stop => return,
                }
            }
        };
        let will = Post {
            retain: retains,
            ..status(shared, StatusState::Down)
        };
        let connected = tokio::select! {
            connected = Link::connect(&shared.settings.link, spoken.first(Instant::now()), clean, will) => connected,
            _ = &mut *stop => return,
        };
        let loss = match connected {
            Err(loss) => loss,
            Ok(link) => {
                clean = false;
                spoken.took(link.version(), Instant::now());
                say_connected(shared, &link);
                shared
                    .tally
                    .spoke(link.version().as_str().trim_start_matches("MQTT "));
                shared.tally.connects.fetch_add(1, Ordering::Relaxed);
                shared.tally.is(true, shared.clock.utc());
                told = None;
                let session = Session::new(shared, link, (&mut known, &mut subscription), &mut streams);
                let (end, worked) = session.run(&mut *stop).await;
                shared.tally.is(false, shared.clock.utc());
                match end {
                    End::Stopped => return,
                    End::Lost(loss) => {
                        if worked && loss != Loss::TakenOver {
                            failures = 0;
                        }
                        loss
                    }
                }
            }
        };
        outbox = Some((known, subscription));
        if loss == Loss::NoRetain && std::mem::take(&mut retains) {
            continue;
        }
        clean |= matches!(loss, Loss::TooLarge(_));
        if loss == Loss::TakenOver {
            shared.tally.takeovers.fetch_add(1, Ordering::Relaxed);
        }
        shared.tally.failed(loss.reason());
        if told.as_ref() != Some(&loss) {
            match &loss {
                Loss::Gone(reason) => tracing::warn!("{shown} is not reached, events wait: {reason}"),
                Loss::NoRetain => tracing::error!("{shown} refuses retained messages; events wait"),
                Loss::TooLarge(bytes) => tracing::error!(
                    "{shown}: somebody sent a message of {bytes} bytes; what waits for this box at the broker is thrown away"
                ),
                Loss::Refused(reason) => tracing::error!("{shown}: {reason}; events wait"),
                Loss::TakenOver => tracing::error!(
                    "{shown}: another box has the client id {} and took over the connection; set mqtt.client_id, or \
                     device.id, to something that no other has",
                    shared.settings.link.client_id
                ),
            }
            told = Some(loss);
        }
        failures += 1;
        tokio::select! {
            () = sleep(wait(failures, chance())) => {}
            _ = &mut *stop => return,
        }
    }
}

/// Logs that the connection is made. Where it is MQTT 3.1.1, whoever sends requests has to know that.
fn say_connected(shared: &Shared, link: &Link) {
    let (shown, id) = (&shared.settings.shown, &shared.settings.link.client_id);
    match (link.version(), link.instead()) {
        (Version::V5, _) => tracing::info!("connected to {shown} as {id}"),
        (Version::V311, None) => tracing::info!("connected to {shown} as {id}, by MQTT 3.1.1"),
        (Version::V311, Some(why)) => tracing::warn!(
            "connected to {shown} as {id}, by MQTT 3.1.1: asked in MQTT 5, {why}. Requests have no expiry, and answers go to \
             {}",
            shared.topics.response("COMMAND")
        ),
    }
}

/// Which version of MQTT is tried first: the one that the broker took last. A broker that took MQTT 3.1.1 is asked for MQTT 5
/// again at the first connection after an hour: it may have been updated.
#[derive(Default)]
struct Spoken {
    old_since: Option<Instant>,
}

impl Spoken {
    fn first(&self, now: Instant) -> Version {
        let lately = |since: Instant| now.saturating_duration_since(since) < ASK_AGAIN;
        if self.old_since.is_some_and(lately) {
            Version::V311
        } else {
            Version::V5
        }
    }

    fn took(&mut self, version: Version, now: Instant) {
        match version {
            Version::V5 => self.old_since = None,
            // The hour begins when the broker did not take MQTT 5.
            Version::V311 if self.first(now) == Version::V5 => self.old_since = Some(now),
            Version::V311 => {}
        }
    }
}

/// The broker's position in the outbox, as soon as the journal has it.
async fn subscribe(shared: &Shared) -> Subscription {
    let unknown = || shared.settings.enroll(&shared.store);
    Subscription::open(
        shared.store.clone(),
        shared.settings.reader.clone(),
        LISTENER,
        unknown,
    )
    .await
}

/// How long to wait after so many failures. The wait doubles, with jitter, so that a thousand boxes whose broker was away do
/// not come back at one moment.
fn wait(failures: u32, chance: u32) -> Duration {
    let whole = WAIT
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST);
    let half = whole / 2;
    half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

/// A random number.
fn chance() -> u32 {
    let [.., a, b, c, d] = uuid::Uuid::now_v7().into_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::mqtt::Tally;

    #[test]
    fn a_broker_that_took_the_old_version_is_asked_for_the_new_one_after_an_hour() {
        let (mut spoken, begin) = (Spoken::default(), Instant::now());
        assert_eq!(spoken.first(begin), Version::V5);
        spoken.took(Version::V311, begin);
        let later = begin + ASK_AGAIN / 2;
        assert_eq!(spoken.first(later), Version::V311);
        // The hour does not begin anew with each connection.
        spoken.took(Version::V311, later);
        assert_eq!(spoken.first(begin + ASK_AGAIN), Version::V5);
        spoken.took(Version::V5, begin + ASK_AGAIN);
        assert_eq!(spoken.first(begin + ASK_AGAIN), Version::V5);
    }

    #[test]
    fn the_connection_is_told_with_its_last_change_and_its_last_failure() {
        let tally = Tally::default();
        let told = |tally: &Tally| {
            let about = tally.about("mqtt://broker".to_owned());
            (about.connected, about.since, about.last_error)
        };
        assert_eq!(told(&tally), (false, None, None));
        tally.is(false, 1_000_000);
        tally.failed("refused".to_owned());
        assert_eq!(told(&tally), (false, None, Some("refused".to_owned())));
        for second in [5, 6] {
            tally.is(true, second * 1_000_000);
        }
        let since = |second: i64| Some(crate::event::rfc3339(second * 1_000_000));
        assert_eq!(told(&tally), (true, since(5), Some("refused".to_owned())));
        tally.failed("broken".to_owned());
        tally.is(false, 9_000_000);
        assert_eq!(told(&tally), (false, since(9), Some("broken".to_owned())));
    }

    #[test]
    fn waits_double_and_have_an_end() {
        for (failures, whole) in [(1, 1), (2, 2), (4, 8), (7, 60), (4_000, 60)] {
            let whole = Duration::from_secs(whole);
            assert_eq!(wait(failures, 0), whole / 2);
            assert_eq!(wait(failures, u32::MAX), whole);
        }
    }
}
