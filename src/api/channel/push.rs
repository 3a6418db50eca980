//! `channel.push`, `channel.unpush`, `channel.pushes`: where channels are sent to, as a publisher sends a stream.
//!
//! The commands say what is wanted, and the journal keeps it. The door for RTMP carries it out, and says how it goes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::known;
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::arguments::{Limit, typed};
use crate::api::paged::{Window, paged};
use crate::channel::{Channel, MAX_PUSHES, Name, Push, Target};
use crate::config::PushTo;
use crate::event::{Event, rfc3339};
use crate::media::Micros;
use crate::model::reply::{ChannelPush, ChannelPushes, ChannelUnpushed, PushState};

/// The most pushes of all channels together.
const MOST: usize = 16;

/// A push, by its channel and its number there.
pub type PushKey = (Name, u32);

/// How a push goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushStatus {
    /// What it does.
    pub state: PushState,
    /// UTC since when it does that, in microseconds.
    pub since: Micros,
    /// Why it is not sent, where somebody should know.
    pub reason: Option<String>,
    /// UTC of the next attempt, in microseconds, while there is none.
    pub tries_at: Option<Micros>,
    /// Bytes of media that were sent since the service began.
    pub sent_bytes: u64,
}

/// What is known of pushes, beside the channels.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    /// The configuration's `channel.push_to`.
    allowed: Vec<PushTo>,
    status: BTreeMap<PushKey, PushStatus>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    name: Name,
    url: String,
}

pub(super) async fn push(api: &Api, arguments: Map<String, Value>) -> Result<ChannelPush, Failure> {
    let Asked { name, url } = typed(arguments)?;
    let url = Target::new(&url).map_err(|error| Failure::bad(format!("url: {error}")).about("url"))?;
    api.may_push_to(&url)?;
    let _changing = api.channels.changing.lock().await;
    let mut channel = Channel::clone(&*known(api, &name)?);
    if let Some(push) = channel.pushes.iter().find(|push| push.url == url) {
        // The command that made it may not be durable yet.
        api.recorder.flush().await?;
        return Ok(shown(api, &name, push));
    }
    let others: usize = api
        .all_channels()
        .iter()
        .map(|channel| channel.pushes.len())
        .sum();
    if channel.pushes.len() >= MAX_PUSHES || others >= MOST {
        let text = format!(
            "a channel is sent to at most {MAX_PUSHES} servers, and all channels together to {MOST}: end another push first"
        );
        return Err(Failure::new(Code::Refused, text));
    }
    let is_free = |number: &u32| channel.pushes.iter().all(|push| push.number != *number);
    let push = Push {
        number: (1..).find(is_free).unwrap_or(u32::MAX),
        url,
    };
    channel.pushes.push(push.clone());
    channel.pushes.sort_by_key(|push| push.number);
    api.channels.pushed().status.remove(&(name.clone(), push.number));
    api.keep_channel(&name, Some(channel), Vec::new()).await?;
    Ok(shown(api, &name, &push))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ended {
    name: Name,
    push: Option<u32>,
}

pub(super) async fn unpush(api: &Api, arguments: Map<String, Value>) -> Result<ChannelUnpushed, Failure> {
    let Ended { name, push } = typed(arguments)?;
    let _changing = api.channels.changing.lock().await;
    let mut channel = Channel::clone(&*known(api, &name)?);
    let ends = |known: &Push| push.is_none_or(|number| number == known.number);
    let ended: Vec<u32> = channel
        .pushes
        .iter()
        .filter(|push| ends(push))
        .map(|push| push.number)
        .collect();
    if ended.is_empty() && !api.is_again() {
        let text = match push {
            Some(number) => format!("the channel '{name}' has no push {number}; channel.pushes lists them"),
            None => format!("the channel '{name}' is sent nowhere"),
        };
        return Err(Failure::new(Code::NotFound, text).about("push"));
    }
    channel.pushes.retain(|push| !ends(push));
    api.keep_channel(&name, Some(channel), Vec::new()).await?;
    Ok(ChannelUnpushed {
        channel: name.to_string(),
        pushes: ended,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    name: Option<Name>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

pub(super) async fn pushes(api: &Api, arguments: Map<String, Value>) -> Result<ChannelPushes, Failure> {
    let List { name, limit, after } = typed(arguments)?;
    let window = Window::new(limit, after.as_deref())?;
    if let Some(name) = &name {
        known(api, name)?;
    }
    let channels = api.all_channels();
    let channels = channels
        .iter()
        .filter(|channel| name.as_ref().is_none_or(|name| *name == channel.name));
    let all: Vec<(&Name, &Push)> = channels
        .flat_map(|channel| channel.pushes.iter().map(|push| (&channel.name, push)))
        .collect();
    let (pushes, next) = paged(window, &all, |(name, push)| shown(api, name, push));
    Ok(ChannelPushes { pushes, next })
}

fn shown(api: &Api, channel: &Name, push: &Push) -> ChannelPush {
    let pushed = api.channels.pushed();
    let status = pushed.status.get(&(channel.clone(), push.number));
    let refused = pushed.refuses(&push.url);
    let state = status.map_or(PushState::Waiting, |status| status.state);
    ChannelPush {
        channel: channel.to_string(),
        push: push.number,
        url: push.url.to_string(),
        state: refused.as_ref().map_or(state, |_| PushState::Forbidden),
        since: status.map(|status| rfc3339(status.since)),
        reason: refused.or_else(|| status.and_then(|status| status.reason.clone())),
        tries_at: status.and_then(|status| status.tries_at).map(rfc3339),
        sent_bytes: status.map_or(0, |status| status.sent_bytes),
    }
}

fn has_push(channel: Option<&Channel>, number: u32) -> bool {
    channel.is_some_and(|channel| channel.pushes.iter().any(|push| push.number == number))
}

impl Pushed {
    /// Why the configuration does not let a channel be sent there, if it does not.
    fn refuses(&self, url: &Target) -> Option<String> {
        let allowed = self.allowed.iter().any(|allowed| allowed.fits(url.url()));
        (!allowed).then(|| {
            format!(
                "channel.push_to of the configuration does not name {url}: where the box connects to is set there alone, as in \
                 push_to = [\"{}\"]",
                PushTo::all_of(url.url())
            )
        })
    }
}

impl Api {
    /// Sets the servers that channels may be sent to from now on.
    pub fn set_push_to(&self, allowed: Vec<PushTo>) {
        self.channels.pushed().allowed = allowed;
        self.channels.changed.send_replace(());
    }

    fn may_push_to(&self, url: &Target) -> Result<(), Failure> {
        let refused = self.channels.pushed().refuses(url);
        refused.map_or(Ok(()), |text| Err(Failure::new(Code::Refused, text).about("url")))
    }

    /// The pushes that are to be carried out, and where each goes.
    pub fn pushes(&self) -> BTreeMap<PushKey, Target> {
        let channels = self.all_channels();
        let mut pushed = self.channels.pushed();
        pushed.status.retain(|(name, number), _| {
            let of = channels.iter().find(|channel| channel.name == *name);
            has_push(of.map(|channel| &**channel), *number)
        });
        let all = channels
            .iter()
            .flat_map(|channel| channel.pushes.iter().map(|push| (&channel.name, push)));
        all.filter(|(_, push)| pushed.refuses(&push.url).is_none())
            .map(|(name, push)| ((name.clone(), push.number), push.url.clone()))
            .collect()
    }

    /// Tells that a channel was changed, or where channels may be sent to.
    pub fn channels_changed(&self) -> watch::Receiver<()> {
        self.channels.changed.subscribe()
    }

    /// UTC now, where the clock is believed.
    pub fn believed_utc(&self) -> Option<Micros> {
        self.recorder.believed_utc()
    }

    /// Notes how a push goes, if it is still wanted.
    pub fn note_push(&self, key: &PushKey, status: PushStatus) {
        let wanted = has_push(self.channel(&key.0).as_deref(), key.1);
        let mut pushed = self.channels.pushed();
        if wanted {
            pushed.status.insert(key.clone(), status);
        } else {
            pushed.status.remove(key);
        }
    }

    /// Tells of a push that fails.
    pub fn report_failed_push(
        &self,
        (channel, push): &PushKey,
        target: &Target,
        reason: &str,
        refused: bool,
    ) {
        tracing::warn!("channel '{channel}' is not sent to {target}: {reason}");
        self.recorder.report(Event::ChannelPushFailed {
            channel: channel.to_string(),
            push: *push,
            url: target.to_string(),
            refused,
            reason: reason.to_owned(),
        });
    }
}
