//! The channels of the box: in memory, in the journal, and as time goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize as _;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::again::Again;
use super::push::Pushed;

use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::channel::{Changed, Channel, Name, Push};
use crate::config::Raw;
use crate::event::{Event, rfc3339};
use crate::media::{Micros, RecordingId};
use crate::store::{CHANNELS, Change, Command as StoreCommand};

/// How often channels are looked at: which have expired, and whether their recordings are still there. They are looked at, too, when
/// a recording is deleted.
const LOOK: Duration = Duration::from_secs(30);

/// The most channels.
pub(super) const MOST: usize = 32;
/// The most chunks of the lists of all channels. Each takes about 50 bytes of memory.
pub(super) const MOST_CHUNKS: u64 = 100_000;

/// The most bytes of a channel in the journal when a command sets its list. A list of 50,000 even chunks has a third of it; the
/// journal takes texts of a megabyte, and a lost item adds to a channel what is left of its list.
const MOST_BODY: usize = 400 << 10;

/// The channels. Clones share one state.
#[derive(Clone, Debug, Default)]
pub(in crate::api) struct Channels {
    known: Arc<Mutex<BTreeMap<Name, Arc<Channel>>>>,
    /// Held by whoever changes a channel: a change reads the store before it is made.
    pub(super) changing: Arc<tokio::sync::Mutex<()>>,
    /// Tells those who send channels that one was changed.
    pub(super) changed: Arc<watch::Sender<()>>,
    pushed: Arc<Mutex<Pushed>>,
    again: Arc<Mutex<Again>>,
}

impl Channels {
    pub(super) fn known(&self) -> MutexGuard<'_, BTreeMap<Name, Arc<Channel>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn again(&self) -> MutexGuard<'_, Again> {
        self.again.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pushed(&self) -> MutexGuard<'_, Pushed> {
        self.pushed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All recordings that channels show.
fn shown<'a>(channels: impl Iterator<Item = &'a Channel>) -> Vec<RecordingId> {
    let recordings: BTreeSet<RecordingId> = channels
        .flat_map(|channel| channel.items().map(|item| item.recording))
        .collect();
    recordings.into_iter().collect()
}

impl Api {
    /// Takes over the channels that the journal kept: names and bodies.
    pub fn restore_channels(&self, kept: &[(String, String)]) {
        for (name, body) in kept {
            match read(name, body) {
                Ok(channel) => {
                    self.channels
                        .known()
                        .insert(channel.name.clone(), Arc::new(channel));
                }
                Err(error) => tracing::error!("{CHANNELS} '{name}' cannot be read and is left out: {error}"),
            }
        }
    }

    /// A channel.
    pub fn channel(&self, name: &Name) -> Option<Arc<Channel>> {
        self.channels.known().get(name).cloned()
    }

    /// All channels, by name.
    pub(super) fn all_channels(&self) -> Vec<Arc<Channel>> {
        self.channels.known().values().cloned().collect()
    }

    /// UTC now. No channel is begun or changed before the clock is believed.
    pub(super) fn channel_time(&self) -> Result<Micros, Failure> {
        self.recorder.believed_utc().ok_or_else(|| {
            let text =
                "the box does not know the time yet, and channels go by the clock: try again when it is set";
            Failure::new(Code::Unavailable, text)
        })
    }

    /// Keeps a channel in place of the one with its name, or removes it. The caller holds `changing`.
    pub(super) async fn keep_channel(
        &self,
        name: &Name,
        channel: Option<Channel>,
        tell: Vec<Event>,
    ) -> Result<(), Failure> {
        let body = channel.as_ref().map(serde_json::to_string).transpose();
        let body = body.map_err(|error| {
            Failure::new(Code::Internal, format!("the channel cannot be written: {error}"))
        })?;
        let shown = {
            let known = self.channels.known();
            let others = known.values().filter(|other| other.name != *name);
            shown(others.map(|other| &**other).chain(&channel))
        };
        let change = Change::Channel {
            name: name.to_string(),
            body,
            shown,
            tell,
        };
        self.recorder.hand_over(StoreCommand::Change(change))?;
        match channel {
            Some(channel) => self.channels.known().insert(name.clone(), Arc::new(channel)),
            None => self.channels.known().remove(name),
        };
        self.channels.changed.send_replace(());
        self.recorder.flush().await?;
        Ok(())
    }

    /// Checks that recordings can be made beside what all channels show, if this one is among them.
    pub(super) async fn fits(&self, channel: &Channel) -> Result<(), Failure> {
        let (recordings, chunks, count) = {
            let known = self.channels.known();
            let others = known.values().filter(|other| other.name != channel.name);
            let all: Vec<&Channel> = others.map(|other| &**other).chain([channel]).collect();
            let chunks: u64 = all
                .iter()
                .flat_map(|one| one.programmes())
                .map(|programme| programme.lap().count())
                .sum();
            (shown(all.iter().copied()), chunks, all.len())
        };
        if count > MOST {
            let text = format!("there are {MOST} channels, and there can be no more");
            return Err(Failure::new(Code::Refused, text));
        }
        if chunks > MOST_CHUNKS {
            let text = format!("the lists of all channels would have {chunks} chunks; at most {MOST_CHUNKS}");
            return Err(Failure::new(Code::Refused, text).about("items"));
        }
        let body = serde_json::to_string(channel).map_or(usize::MAX, |body| body.len());
        if body > MOST_BODY {
            let text = format!(
                "the chunks of the list are so uneven that it would take {body} bytes of the journal; at most {MOST_BODY}: take fewer \
                 items"
            );
            return Err(Failure::new(Code::Refused, text).about("items"));
        }
        let held = self.read(move |library| library.held_space(&recordings)).await?;
        let space = {
            let progress = self.store.progress();
            let progress = progress.borrow();
            progress.space_used.saturating_add(progress.space_left)
        };
        refused(held.shown, held.in_all, space).map_or(Ok(()), |text| {
            Err(Failure::new(Code::Refused, text).about("items"))
        })
    }

    /// Does the work that only time brings about, without end: removes channels that have expired, and leaves out recordings that
    /// are gone.
    pub async fn keep_channels(self) {
        while crate::watch::has_failed("the channels", self.clone().look_after_channels()).await {}
    }

    async fn look_after_channels(self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            crate::watch::may_fail("the channels");
            if let Err(failure) = self.look_at_channels().await {
                tracing::debug!("channels were not looked at: {}", failure.message);
            }
            if let Err(failure) = self.show_again().await {
                tracing::debug!(
                    "recordings are to be shown again, and were not looked at: {}",
                    failure.message
                );
            }
        }
    }

    /// Removes channels that have expired, and leaves out recordings that are gone, and lists that nobody sees any more.
    pub(in crate::api) async fn look_at_channels(&self) -> Result<(), Failure> {
        // A channel that nobody could see is told of before it is removed.
        self.look_at_waiting()?;
        let Some(now) = self.recorder.believed_utc() else {
            return Ok(());
        };
        if self.channels.known().is_empty() {
            return Ok(());
        }
        let _changing = self.channels.changing.lock().await;
        let mut left = Vec::new();
        for channel in self.all_channels() {
            if channel.has_expired(now) {
                tracing::info!("channel '{}' has expired", channel.name);
                self.keep_channel(&channel.name, None, Vec::new()).await?;
            } else {
                left.push(channel);
            }
        }
        let recordings = shown(left.iter().map(|channel| &**channel));
        let gone = self.read(move |library| library.gone_of(&recordings)).await?;
        for channel in left {
            // What was shown before a change is kept no longer than somebody sees it.
            let keeps_unseen = channel.keeps_unseen(now);
            if !keeps_unseen && gone.is_empty() {
                continue;
            }
            let mut changed = Channel::clone(&channel);
            changed.forget_unseen(now);
            let lost = changed.lose(|item| gone.contains(&item.recording), now);
            let events = lost.map_or_else(Vec::new, |Changed(at)| told(&channel, &gone, at));
            if keeps_unseen || lost.is_some() {
                self.keep_channel(&channel.name, Some(changed), events).await?;
            }
        }
        Ok(())
    }
}

/// Reads a channel that was kept. A push that cannot be read is left out: without its channel, recordings would be held no longer.
fn read(name: &str, body: &str) -> Result<Channel, String> {
    let mut body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    if let Some(pushes) = body.get_mut("pushes").and_then(Value::as_array_mut) {
        let count = pushes.len();
        pushes.retain(|push| Push::deserialize(push).is_ok());
        if pushes.len() < count {
            let lost = count - pushes.len();
            tracing::error!("{CHANNELS} '{name}': {lost} of {count} pushes cannot be read and are left out");
        }
    }
    Channel::deserialize(Raw::from(body)).map_err(|fault| fault.to_string())
}

/// An event for each recording that a channel leaves out.
fn told(channel: &Channel, gone: &[RecordingId], at: Micros) -> Vec<Event> {
    let mut seen = BTreeSet::new();
    let last = channel.last().into_iter().flat_map(|last| last.lap().items());
    let lost = last.filter(|item| gone.contains(&item.recording) && seen.insert(item.recording));
    let event = |item: &crate::channel::Item| {
        tracing::warn!(stream = %item.stream, recording = %item.recording, "channel '{}' leaves a recording out: it is gone", channel.name);
        Event::ChannelException {
            channel: channel.name.to_string(),
            stream: item.stream.to_string(),
            recording: item.recording.to_string(),
            at: rfc3339(at),
            reason: "the recording is not on the box any more".to_owned(),
        }
    };
    lost.map(event).collect()
}

/// Why channels may not hold so much, in bytes: `shown` of their own, `in_all` with what somebody protected, `space` that the tape
/// can take.
fn refused(shown: u64, in_all: u64, space: u64) -> Option<String> {
    let most = space / 2;
    if shown > most {
        return Some(format!(
            "channels would hold {shown} bytes; at most {most}, half of the {space} bytes that the tape can take"
        ));
    }
    // A segment takes at most a thirty-second part.
    let most = space - space / 16;
    (in_all > most).then(|| {
        format!(
            "channels and protected recordings would hold {in_all} bytes, and nothing could be recorded: at most {most} of {space} \
             bytes"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_leave_room_for_recordings() {
        assert_eq!(refused(50, 50, 100), None);
        let text = refused(51, 51, 100).unwrap();
        assert!(text.contains("51 bytes; at most 50, half of the 100"), "{text}");
        assert_eq!(refused(40, 94, 100), None);
        let text = refused(40, 95, 100).unwrap();
        assert!(
            text.contains("would hold 95 bytes") && text.contains("at most 94 of 100"),
            "{text}"
        );
    }
}
