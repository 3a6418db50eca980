//! A push: waits until the channel shows something, connects, sends, and tries again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use super::LEAVE;
use super::due::is_set_back;
use super::layouts::Layouts;
use super::retry::{Failure, Retry, Then};
use super::sender::{Ended, Failed, Laid, Sender};
use crate::api::{Api, PushKey, PushStatus};
use crate::channel::{Next, Target};
use crate::doors::rtmp::{Publisher, Trust};
use crate::media::Micros;
use crate::model::reply::PushState;
use crate::store::Reader;

/// Without a change, channels are looked at this often: the clock may be set meanwhile.
const LOOK: Duration = Duration::from_secs(5);
/// A push begins anew after this pause where the channel is elsewhere.
const PAUSE: Duration = Duration::from_secs(1);

/// A push, for as long as it is wanted.
pub(super) struct Session {
    pub(super) api: Api,
    pub(super) reader: Reader,
    pub(super) layouts: Arc<Layouts<Laid>>,
    key: PushKey,
    target: Target,
    trust: watch::Receiver<Option<Trust>>,
    changed: watch::Receiver<()>,
    /// What was told last.
    status: PushStatus,
}

impl Session {
    pub(super) fn new(
        api: Api,
        (reader, layouts): (Reader, Arc<Layouts<Laid>>),
        (key, target): (PushKey, Target),
        trust: watch::Receiver<Option<Trust>>,
    ) -> Self {
        let status = PushStatus {
            state: PushState::Waiting,
            since: api.believed_utc().unwrap_or(0),
            reason: None,
            tries_at: None,
            sent_bytes: 0,
        };
        Self {
            changed: api.channels_changed(),
            api,
            reader,
            layouts,
            key,
            target,
            trust,
            status,
        }
    }

    /// Sends the channel until `stop` is dropped.
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut retry = Retry::default();
        while crate::watch::has_failed("sending a channel", self.send(&mut retry, &mut stop)).await {}
    }

    async fn send(&mut self, retry: &mut Retry, stop: &mut oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                biased;
                _ = &mut *stop => return,
                () = self.until_shown() => {}
            }
            crate::watch::may_fail("sending a channel");
            // Until media is sent again, somebody wants to know why it was not.
            let reason = self.status.reason.take();
            self.tell(PushState::Connecting, reason, None);
            let mut began = None;
            let wait = match self.connected(&mut began, stop).await {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Nothing) => {
                    retry.begin_anew();
                    continue;
                }
                Ok(Ended::Elsewhere) => {
                    tracing::debug!(
                        "channel '{}' is elsewhere; {} begins anew",
                        self.key.0,
                        self.target
                    );
                    PAUSE
                }
                Err(failed) => self.failed(&failed, began, retry),
            };
            tokio::select! {
                biased;
                _ = &mut *stop => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// Tells of a failure. Gives the time until the next attempt.
    fn failed(&mut self, failed: &Failed, began: Option<Instant>, retry: &mut Retry) -> Duration {
        let failure = failed.kind();
        let lasted = began.map_or(Duration::ZERO, |began| began.elapsed());
        // What a server says is long or short, and may repeat the key.
        let reason = self.target.without_key(&failed.to_string());
        let chance = uuid::Uuid::now_v7().as_u64_pair().1;
        let Then { wait, is_new } = retry.after(failure, lasted, Instant::now(), chance);
        if is_new {
            let is_refused = failure == Failure::Refused;
            self.api
                .report_failed_push(&self.key, &self.target, &reason, is_refused);
        }
        let now = self.api.believed_utc();
        let tries_at = now.map(|now| now.saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)));
        let state = match failure {
            Failure::Lost | Failure::Slow => PushState::Failing,
            Failure::Refused => PushState::Refused,
        };
        self.tell(state, Some(reason), tries_at);
        wait
    }

    /// Connects and sends. Ends the publish where it does not end by a failure.
    async fn connected(
        &mut self,
        began: &mut Option<Instant>,
        stop: &mut oneshot::Receiver<()>,
    ) -> Result<Ended, Failed> {
        let trust = self.trust.borrow().clone();
        let target = self.target.clone();
        let mut publisher = tokio::select! {
            biased;
            _ = &mut *stop => return Ok(Ended::Stopped),
            connected = Publisher::connect_with(target.url(), trust.as_ref()) => connected?,
        };
        *began = Some(Instant::now());
        self.tell(PushState::Sending, None, None);
        let (mut changed, api, name) = (self.changed.clone(), self.api.clone(), self.key.0.clone());
        let hidden = async {
            while changed.changed().await.is_ok() {
                if is_hidden(&api, &name) {
                    return;
                }
            }
        };
        let ended = tokio::select! {
            biased;
            _ = &mut *stop => Ok(Ended::Stopped),
            () = hidden => Ok(Ended::Nothing),
            ended = Sender::new(self).run(&mut publisher) => ended,
        };
        if ended.is_ok() {
            // All media was sent. The server need not confirm the end.
            let _ = timeout(LEAVE, publisher.finish()).await;
        }
        ended
    }

    /// Waits until the channel shows something.
    async fn until_shown(&mut self) {
        loop {
            self.changed.mark_unchanged();
            let wait = match self.next(None) {
                Some((_, Next::Chunk(_))) => return,
                Some((now, Next::NotBefore(at))) => micros(at.saturating_sub(now)).min(LOOK),
                _ => LOOK,
            };
            if self.status.state != PushState::Waiting {
                self.tell(PushState::Waiting, None, None);
            }
            let _ = timeout(wait, self.changed.changed()).await;
        }
    }

    /// What comes behind the chunk with this number, and the present moment. None while the box does not know the time, and when the
    /// channel is gone.
    pub(super) fn next(&self, sent: Option<u64>) -> Option<(Micros, Next)> {
        let now = self.api.believed_utc()?;
        Some((now, self.api.channel(&self.key.0)?.next_to_send(sent, now)))
    }

    /// The name of the channel.
    pub(super) fn name(&self) -> &crate::channel::Name {
        &self.key.0
    }

    /// Notes why nothing is sent now, although the server takes media.
    pub(super) fn lacks(&mut self, why: &str) {
        if self.status.reason.as_deref() != Some(why) {
            self.status.reason = Some(why.to_owned());
            self.api.note_push(&self.key, self.status.clone());
        }
    }

    /// Counts bytes that were sent.
    pub(super) fn count(&mut self, bytes: u64) {
        self.status.reason = None;
        self.status.sent_bytes = self.status.sent_bytes.saturating_add(bytes);
        self.api.note_push(&self.key, self.status.clone());
    }

    fn tell(&mut self, state: PushState, reason: Option<String>, tries_at: Option<Micros>) {
        self.status = PushStatus {
            state,
            since: self.api.believed_utc().unwrap_or(0),
            reason,
            tries_at,
            sent_bytes: self.status.sent_bytes,
        };
        self.api.note_push(&self.key, self.status.clone());
    }

    /// Sleeps until a moment of the box's clock, also where the clock is set meanwhile. False where it was set so far back that the
    /// moment is not to be waited for.
    pub(super) async fn until(&self, at: Micros) -> bool {
        let mut whole = None;
        while let Some(left) = self.api.believed_utc().map(|now| at.saturating_sub(now)) {
            if is_set_back(*whole.get_or_insert(left), left) {
                return false;
            }
            if left <= 0 {
                break;
            }
            sleep(micros(left).min(LOOK)).await;
        }
        true
    }
}

/// True when the channel shows nothing, other than by its own end.
fn is_hidden(api: &Api, name: &crate::channel::Name) -> bool {
    let now = api.believed_utc();
    let channel = api.channel(name);
    channel.is_none_or(|channel| !channel.enabled || now.is_some_and(|now| channel.has_expired(now)))
}

fn micros(left: Micros) -> Duration {
    Duration::from_micros(left.max(0).unsigned_abs())
}
