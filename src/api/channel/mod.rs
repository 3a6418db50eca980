//! `channel.…`: recordings that are shown again, one after the other, at set times, as if they were live.

mod again;
mod items;
mod kept;
mod push;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

pub use again::SHOWN_AGAIN;
pub(super) use items::chunk_count;
pub use items::{LaidOut, NotLaid, laid_out};
pub(super) use kept::Channels;
pub use push::{PushKey, PushStatus};

use self::push::{push, pushes, unpush};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{time, typed};
use super::command::{
    AFTER, Command, Effect, Kind, LIMIT, PAGE, Reach, Right, Values, carries_out, needs, takes,
};
use super::paged::{Window, paged};
use crate::channel::{Channel, Item, Name, Now, Over, Play};
use crate::event::rfc3339;
use crate::media::Micros;
use crate::model::reply::{
    self, ChannelDeleted, ChannelItem, ChannelList, ChannelPlay, ChannelPush, ChannelPushes, ChannelState,
    ChannelUnpushed,
};

const NAME: super::Argument = needs("name", Kind::Text, "the channel's name");

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "channel.put",
        about: "Show recordings one after the other at set times, as if they were live; or change what a channel shows",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[
            needs("name", Kind::Text, "the channel's name: letters, digits and '-'"),
            needs(
                "items",
                Kind::Lines,
                "1 to 100 recordings, or parts of them: ID, ID@10min..12min, or live/cam1@2h..1h",
            ),
            takes("start", Kind::Time, "when the channel begins; default now").ahead(),
            takes(
                "play",
                Kind::Text,
                "loop: from the beginning again, for ever; once; default once",
            )
            .of(Values::Words(&["loop", "once"])),
            takes(
                "expires",
                Kind::Time,
                "when the channel is removed; default never",
            )
            .ahead(),
        ],
        carry_out: carries_out!(put -> reply::Channel),
    },
    Command {
        name: "channel.list",
        about: "List all channels",
        effect: Effect::Reads,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: PAGE,
        carry_out: carries_out!(list -> ChannelList),
    },
    Command {
        name: "channel.delete",
        about: "Remove a channel; its recordings stay",
        effect: Effect::Ends,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[NAME],
        carry_out: carries_out!(delete -> ChannelDeleted),
    },
    Command {
        name: "channel.enable",
        about: "Switch a channel on again; it shows what it would have shown",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[NAME],
        carry_out: carries_out!(enable -> reply::Channel),
    },
    Command {
        name: "channel.disable",
        about: "Switch a channel off; its time goes on",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[NAME],
        carry_out: carries_out!(disable -> reply::Channel),
    },
    Command {
        name: "channel.push",
        about: "Send a channel to another server over RTMP, in real time, also after a restart",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[
            NAME,
            needs(
                "url",
                Kind::Text,
                "the address with its stream key, as in rtmp://live.example.com/app/key, or rtmps://; on the command line - reads it from standard input",
            ),
        ],
        carry_out: carries_out!(push -> ChannelPush),
    },
    Command {
        name: "channel.unpush",
        about: "End sending a channel to other servers",
        effect: Effect::Ends,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[
            NAME,
            takes(
                "push",
                Kind::Number,
                "the number of the push, as channel.pushes lists it; default all of the channel",
            ),
        ],
        carry_out: carries_out!(unpush -> ChannelUnpushed),
    },
    Command {
        name: "channel.pushes",
        about: "List where channels are sent to, and how that goes",
        effect: Effect::Reads,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[takes("name", Kind::Text, "only of this channel"), LIMIT, AFTER],
        carry_out: carries_out!(pushes -> ChannelPushes),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    name: Name,
    items: Vec<String>,
    #[serde(default, deserialize_with = "time")]
    start: Option<Micros>,
    play: Option<Play>,
    #[serde(default, deserialize_with = "time")]
    expires: Option<Micros>,
}

async fn put(api: &Api, arguments: Map<String, Value>) -> Result<reply::Channel, Failure> {
    put_channel(api, typed(arguments)?).await
}

/// Makes a channel, or changes it.
async fn put_channel(api: &Api, asked: Put) -> Result<reply::Channel, Failure> {
    let now = api.channel_time()?;
    let play = asked.play.unwrap_or_default();
    if let Some(expires) = asked.expires
        && expires <= asked.start.unwrap_or(now).max(now)
    {
        let text = "expires: it is not behind the start, or not in the future";
        return Err(Failure::bad(text).about("expires"));
    }
    // Recordings take a while to lay out. Other changes go on meanwhile.
    let items = items::items(api, &asked.items, now).await?;
    let _changing = api.channels.changing.lock().await;
    let now = api.channel_time()?;
    let known = api.channel(&asked.name);
    let pushes = known
        .as_ref()
        .map(|known| known.pushes.clone())
        .unwrap_or_default();
    let mut channel = match known.filter(|known| !known.has_expired(now)) {
        None => Channel::new(asked.name.clone(), asked.start.unwrap_or(now), play, items),
        Some(known) => changed(&known, play, items, asked.start, now)?,
    };
    channel.expires = asked.expires;
    // An expired channel that is put again is sent where it was sent.
    channel.pushes = pushes;
    api.fits(&channel).await?;
    api.keep_channel(&asked.name, Some(channel.clone()), Vec::new())
        .await?;
    // What was to be shown may have gone before the journal knew that it must stay.
    api.look_at_kept(&asked.name, now).await?;
    Ok(shown(api, &channel))
}

/// The channel with another list.
fn changed(
    known: &Channel,
    play: Play,
    items: Vec<Item>,
    start: Option<Micros>,
    now: Micros,
) -> Result<Channel, Failure> {
    let runs = known.runs(now);
    if runs && start.is_some_and(|start| start != known.start) {
        let text = format!(
            "the channel '{}' began at {}: its list can be changed, but not its start; delete it first",
            known.name,
            rfc3339(known.start)
        );
        return Err(Failure::new(Code::Conflict, text).about("start"));
    }
    let mut channel = known.clone();
    let is_the_same = known.last().is_some_and(|last| {
        last.play() == play && last.lap().items().map(Item::key).eq(items.iter().map(Item::key))
    });
    let keeps_start = start.is_none_or(|start| start == known.start);
    if !(is_the_same && keeps_start && runs) {
        channel.change(play, items, start, now);
    }
    Ok(channel)
}

impl Api {
    /// Fails where a recording of a channel went before the journal knew of the channel.
    async fn look_at_kept(&self, name: &Name, now: Micros) -> Result<(), Failure> {
        let Some(channel) = self.channel(name) else {
            return Ok(());
        };
        let last = channel.last().into_iter().flat_map(|last| last.lap().items());
        let recordings: Vec<_> = last.map(|item| item.recording).collect();
        let gone = self.read(move |library| library.gone_of(&recordings)).await?;
        let Some(first) = gone.first() else {
            return Ok(());
        };
        let text = format!("recording {first} went while the channel was made; it is left out");
        let mut left = Channel::clone(&channel);
        left.lose(|item| gone.contains(&item.recording), now);
        self.keep_channel(name, Some(left), Vec::new()).await?;
        Err(Failure::new(Code::NotFound, text).about("items"))
    }
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<ChannelList, Failure> {
    let window = Window::of(arguments)?;
    let all = api.all_channels();
    let (channels, next) = paged(window, &all, |channel| shown(api, channel));
    Ok(ChannelList { channels, next })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    name: Name,
}

/// True for a text that can be the name of a channel.
pub fn is_channel_name(text: &str) -> bool {
    text.parse::<Name>().is_ok()
}

fn known(api: &Api, name: &Name) -> Result<Arc<Channel>, Failure> {
    api.channel(name).ok_or_else(|| {
        let text = format!("there is no channel '{name}'");
        Failure::new(Code::NotFound, text).about("name")
    })
}

async fn delete(api: &Api, arguments: Map<String, Value>) -> Result<ChannelDeleted, Failure> {
    let One { name } = typed(arguments)?;
    let _changing = api.channels.changing.lock().await;
    if !api.is_again() {
        known(api, &name)?;
    }
    api.keep_channel(&name, None, Vec::new()).await?;
    Ok(ChannelDeleted {
        name: name.to_string(),
    })
}

async fn enable(api: &Api, arguments: Map<String, Value>) -> Result<reply::Channel, Failure> {
    switch(api, arguments, true).await
}

async fn disable(api: &Api, arguments: Map<String, Value>) -> Result<reply::Channel, Failure> {
    switch(api, arguments, false).await
}

async fn switch(api: &Api, arguments: Map<String, Value>, enabled: bool) -> Result<reply::Channel, Failure> {
    let One { name } = typed(arguments)?;
    let _changing = api.channels.changing.lock().await;
    let mut channel = Channel::clone(&*known(api, &name)?);
    channel.enabled = enabled;
    api.keep_channel(&name, Some(channel.clone()), Vec::new()).await?;
    Ok(shown(api, &channel))
}

fn shown(api: &Api, channel: &Channel) -> reply::Channel {
    let now = api.recorder.believed_utc();
    let state = now.map_or(ChannelState::Clockless, |now| match channel.at(now) {
        Now::Begins(_) => ChannelState::Waiting,
        Now::Plays(window) if window.ended && window.behind_us == 0 => ChannelState::Over,
        Now::Plays(_) => ChannelState::Playing,
        Now::Over(Over::Disabled) => ChannelState::Disabled,
        Now::Over(Over::Expired) => ChannelState::Expired,
        Now::Over(Over::Empty) => ChannelState::Over,
    });
    let last = channel.last();
    let changes_at = last.filter(|last| {
        let is_first = channel.programmes().len() == 1;
        !is_first && now.is_some_and(|now| now < last.anchor().at)
    });
    let path = format!("/channel/{}.m3u8", channel.name);
    reply::Channel {
        name: channel.name.to_string(),
        state,
        start: rfc3339(channel.start),
        play: match last.map(|last| last.play()) {
            Some(Play::Loop) => ChannelPlay::Loop,
            Some(Play::Once) | None => ChannelPlay::Once,
        },
        expires: channel.expires.map(rfc3339),
        duration_s: last.map_or(0.0, |last| last.lap().duration_ms() as f64 / 1e3),
        items: last
            .into_iter()
            .flat_map(|last| last.lap().items())
            .map(item)
            .collect(),
        changes_at: changes_at.map(|last| rfc3339(last.anchor().at)),
        url: api.address().map(|address| format!("{address}{path}")),
        path,
    }
}

fn item(item: &Item) -> ChannelItem {
    let seconds = |micros: Micros| micros as f64 / 1e6;
    let chunks = item.chunks.as_slice().iter();
    let duration_ms: u64 = chunks.map(|chunk| u64::from(chunk.duration_ms)).sum();
    ChannelItem {
        recording: item.recording.to_string(),
        stream: item.stream.to_string(),
        from_s: item.from.map(seconds),
        to_s: item.to.map(seconds),
        duration_s: duration_ms as f64 / 1e3,
    }
}
