//! Channels: recordings that are shown again at set times, as if they were live.
//!
//! ```text
//! /channel/evening.m3u8                    the chunks around the present moment
//! /channel/evening/master.m3u8             codecs, size and rates of all items
//! /channel/evening/init-3f2a90c1.mp4       an init of a recording
//! /channel/evening/<item>-<offset>-17.m4s  a chunk of an item, with decode times that are later by the offset
//! ```
//!
//! A playlist is made of the channel and the time alone; the tape is read for chunks and inits.

use std::sync::Arc;

use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};

use super::answer::{Answer, Refusal, bytes};
use super::door::Door;
use super::encrypted;
use super::files::{Reading, Sent, row, send};
use super::flow::Pace;
use super::folder::{find, playlist as playlist_answer};
use super::gate;
use super::held::{Grant, Of, Sight};
use super::layouts::LaidFolder;
use super::target::ChannelFile;
use crate::access::viewer::{Viewer, What};
use crate::channel::{Channel, ChunkName, Item, Name, Now, Over, Shown, Window};
use crate::format::VirtualFile as _;
use crate::format::hls::live::InitName;
use crate::format::hls::{Scheduled, ScheduledChunk, Start, Uris};
use crate::media::Micros;
use crate::model::Right;

/// The longest time after which a player is told to ask again, in seconds.
const LONGEST_WAIT_S: u64 = 3_600;

/// The channel with this name, for a viewer that may watch all of its recordings. A channel that a viewer may not see is one that is
/// not there.
pub(super) fn of(door: &Door, name: &Name, viewer: &Viewer) -> Result<Arc<Channel>, Refusal> {
    gate::allow_some(viewer, Right::Watch)?;
    let channel = door.api.channel(name);
    let seen = channel.filter(|channel| asked(channel).all(|what| viewer.may(Right::Watch, &what)));
    seen.ok_or_else(|| Refusal::not_found(format!("there is no channel '{name}' that you may see")))
}

/// The items of a channel, as a viewer's rights are asked about them: each for all of its streams. A channel shows media at other
/// times than that of its recordings, so a right that is for a time of media alone is none here.
fn asked(channel: &Channel) -> impl Iterator<Item = What<'_>> {
    channel.items().flat_map(|item| {
        item.streams().map(|stream| What {
            stream,
            recording: Some(item.recording),
            span: None,
            still: false,
        })
    })
}

/// What a viewer sees of a channel: all of it, where it may moderate all its recordings.
pub(super) fn sight(door: &Door, channel: &Channel, viewer: &Viewer) -> Sight {
    let may_not = |what: &What<'_>| !viewer.may(Right::Moderate, what);
    match asked(channel).find(may_not).or_else(|| asked(channel).next()) {
        Some(what) => Sight::of(door, viewer, &what),
        None => Sight::all(),
    }
}

/// When a viewer's right to a channel ends, UTC in microseconds, if it does.
pub(super) fn until(channel: &Channel, viewer: &Viewer) -> Option<Micros> {
    asked(channel)
        .filter_map(|what| viewer.until(Right::Watch, &what))
        .min()
}

/// True for a file that never changes.
pub(super) fn is_for_good(file: &ChannelFile) -> bool {
    matches!(file, ChannelFile::Chunk(_) | ChannelFile::Init(_))
}

/// Answers with a file of a channel.
pub(super) async fn answer(
    door: &Arc<Door>,
    channel: &Channel,
    file: &ChannelFile,
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    let window = window(channel, door.believed_utc())?;
    match file {
        ChannelFile::Playlist => Ok(playlist_answer(door, playlist(channel, &window)?, how)),
        ChannelFile::Master => Ok(playlist_answer(door, master(channel)?, how)),
        ChannelFile::Init(name) => init(door, channel, (*name, &grant.sight), how.0).await,
        ChannelFile::Chunk(name) => chunk(door, channel, *name, (grant, how)).await,
    }
}

/// What the channel shows now, where the clock is believed.
fn window(channel: &Channel, now: Option<Micros>) -> Result<Window, Refusal> {
    let name = &channel.name;
    let now = now.ok_or_else(|| {
        Refusal::unavailable(
            "the box does not know the time yet, and channels go by the clock: ask again in a moment",
        )
    })?;
    match channel.at(now) {
        Now::Plays(window) => Ok(window),
        Now::Begins(at) => {
            let left_s = at.saturating_sub(now).max(0).unsigned_abs().div_ceil(1_000_000);
            Err(Refusal {
                retry_after_s: Some(left_s.clamp(1, LONGEST_WAIT_S)),
                ..Refusal::not_found(format!("the channel '{name}' has not begun"))
            })
        }
        Now::Over(Over::Disabled) => Err(Refusal::not_found(format!(
            "the channel '{name}' is switched off"
        ))),
        Now::Over(Over::Expired) => Err(Refusal::not_found(format!("the channel '{name}' is over"))),
        Now::Over(Over::Empty) => Err(Refusal::not_found(format!(
            "no recording of the channel '{name}' is on the box any more"
        ))),
    }
}

fn uris(prefix: &str) -> Result<Uris, Refusal> {
    Uris::new(prefix, None).map_err(|error| Refusal::internal(error.to_string()))
}

fn playlist(channel: &Channel, window: &Window) -> Result<Vec<u8>, Refusal> {
    let first = window.chunks.first();
    let playlist = Scheduled {
        target_s: channel.target_s,
        sequence: first.map_or(0, |chunk| chunk.sequence),
        // The tag before the first chunk counts for itself (RFC 8216 §6.2.2).
        discontinuities: first.map_or(0, |chunk| {
            chunk.discontinuities.saturating_sub(chunk.discontinuity.into())
        }),
        start: if window.behind_us > 0 {
            Start::BeforeEnd(window.behind_us)
        } else {
            Start::Beginning
        },
        independent: window.chunks.iter().all(|chunk| chunk.independent),
        ended: window.ended,
    };
    let listed = |chunk: &Shown| ScheduledChunk {
        name: chunk.name,
        discontinuity: chunk.discontinuity,
        init: chunk.init,
        at: chunk.at,
        duration_us: u64::from(chunk.duration_ms) * 1_000,
    };
    let uris = uris(&format!("{}/", channel.name))?;
    Ok(playlist.text(window.chunks.iter().map(listed), &uris))
}

fn master(channel: &Channel) -> Result<Vec<u8>, Refusal> {
    let mut variants = channel.items().map(|item| &item.variant);
    let first = variants.next().cloned().unwrap_or_default();
    let all = variants.fold(first, crate::format::hls::Variant::join);
    Ok(all.master(&format!("../{}.m3u8", channel.name), &uris("")?))
}

/// The HLS of an item, as it is now.
async fn folder(door: &Arc<Door>, item: &Item, sight: &Sight) -> Result<Arc<LaidFolder>, Refusal> {
    let row = row(door, item.recording).await?;
    encrypted::in_clear(door, &row)?;
    sight.recording(&row)?;
    let at = |since: Option<Micros>| since.map(|since| row.start.saturating_add(since));
    let folder = find(door, &row, (at(item.from), at(item.to))).await?;
    sight.tape(&folder.ranges, Of::Recording(item.recording))?;
    Ok(folder)
}

async fn init(
    door: &Arc<Door>,
    channel: &Channel,
    (name, sight): (InitName, &Sight),
    method: &Method,
) -> Result<Answer, Refusal> {
    let none = || Refusal::not_found("no chunk of this channel needs this file");
    let mut refusal = none();
    // Recordings that are coded alike have the same init, and one of them may be gone. The name says what the bytes are, so an init
    // is right whatever became of the chunks.
    for item in channel.items().filter(|item| item.inits.contains(&name)) {
        let folder = match folder(door, item, sight).await {
            Ok(folder) => folder,
            Err(refused) => {
                refusal = refused;
                continue;
            }
        };
        let Some((_, init)) = folder.hls.named_inits().find(|(known, _)| *known == name) else {
            continue;
        };
        let body = if method == Method::HEAD {
            Vec::new()
        } else {
            init.to_vec()
        };
        let mut answer = bytes(StatusCode::OK, "video/mp4", body);
        answer
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(init.len()));
        return Ok(answer);
    }
    Err(refusal)
}

async fn chunk(
    door: &Arc<Door>,
    channel: &Channel,
    name: ChunkName,
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    let none = || Refusal::not_found("there is no such chunk of this channel, or not any more");
    let (item, list) = channel.find(name.item).ok_or_else(none)?;
    let folder = folder(door, item, &grant.sight).await?;
    if folder.list() != list {
        return Err(Refusal::gone(format!(
            "recording {} is not what it was when the channel was made: a part of it is lost",
            item.recording
        )));
    }
    let number = usize::try_from(name.chunk).map_err(|_| none())?;
    let tape = folder.source.renewed();
    let file = folder.hls.with(tape.clone()).chunk_later(number, name.offset_ms);
    let file = file.ok_or_else(none)?;
    let sent = Sent {
        len: file.len(),
        etag: format!("\"{}\"", file.tag()),
        source: Arc::new(Reading::new(file)),
        tape: Some(tape),
        media_type: "video/mp4",
        pace: Pace::Player,
        changed: Some(folder.end),
        until: grant.until,
        guard: grant
            .sight
            .guard(folder.ranges.clone(), Of::Recording(item.recording)),
    };
    Ok(send(door, &sent, how))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{Chunk, Play};
    use crate::format::hls::Variant;
    use crate::media::RecordingId;

    const START: Micros = 1_800_000_000_000_000;
    const S: Micros = 1_000_000;

    fn item(number: u8) -> Item {
        let chunk = Chunk {
            duration_ms: 6_000,
            gap_ms: 0,
            init: 0,
            discontinuity: false,
            independent: true,
        };
        Item {
            recording: RecordingId::from_bytes([number; 16]),
            stream: "live/cam1".parse().unwrap(),
            also: Vec::new(),
            from: None,
            to: None,
            lead_ms: 0,
            inits: vec![InitName::of(&[number])],
            variant: Variant::default(),
            chunks: vec![chunk; 10].into(),
        }
    }

    #[test]
    fn a_viewer_needs_the_rights_for_all_streams_of_a_composition() {
        let composed = Item {
            also: vec!["live/cam2".parse().unwrap()],
            ..item(1)
        };
        let channel = Channel::new("evening".parse().unwrap(), START, Play::Once, vec![composed]);
        let streams: Vec<String> = asked(&channel).map(|what| what.stream.to_string()).collect();
        assert_eq!(streams, ["live/cam1", "live/cam2"]);
        // A channel of earlier days has no such list.
        let written = serde_json::to_value(item(1)).unwrap();
        assert!(written.get("also").is_none());
        assert_eq!(serde_json::from_value::<Item>(written).unwrap(), item(1));
    }

    fn channel(play: Play) -> Channel {
        Channel::new("evening".parse().unwrap(), START, play, vec![item(1), item(2)])
    }

    #[test]
    fn where_nothing_is_shown_a_player_learns_why_and_when_to_ask_again() {
        let refused = |channel: &Channel, now| {
            let refusal = window(channel, now).unwrap_err();
            (refusal.status.as_u16(), refusal.retry_after_s)
        };
        let mut one = channel(Play::Once);
        assert_eq!(refused(&one, None), (503, Some(5)));
        assert_eq!(refused(&one, Some(START - 90 * S)), (404, Some(90)));
        assert_eq!(refused(&one, Some(START - 1)), (404, Some(1)));
        assert_eq!(refused(&one, Some(0)), (404, Some(LONGEST_WAIT_S)));
        // Set in its last seconds, another list begins behind the end.
        let mut ends = channel(Play::Once);
        ends.change(Play::Loop, vec![item(3)], None, START + 110 * S);
        assert_eq!(refused(&ends, Some(START + 110 * S)), (404, Some(10)));
        assert!(window(&ends, Some(START + 120 * S)).is_ok());
        one.expires = Some(START + S);
        assert_eq!(refused(&one, Some(START + S)), (404, None));
        one.enabled = false;
        assert_eq!(refused(&one, Some(START)), (404, None));
    }

    #[test]
    fn the_playlist_is_what_another_reader_reads_in_it() {
        let read = |play, after_s| {
            let channel = channel(play);
            let shown = window(&channel, Some(START + after_s * S)).unwrap();
            let text = playlist(&channel, &shown).unwrap();
            m3u8_rs::parse_media_playlist_res(&text).unwrap()
        };
        // Two laps of 20 chunks and two borders were before, and the third lap has begun.
        let loops = read(Play::Loop, 250);
        assert_eq!((loops.target_duration, loops.media_sequence), (6, 38));
        assert_eq!(loops.discontinuity_sequence, 3);
        assert!(!loops.end_list && loops.independent_segments);
        assert_eq!(loops.start.unwrap().time_offset, -20.0);
        let flags: Vec<bool> = loops.segments.iter().map(|chunk| chunk.discontinuity).collect();
        assert_eq!(flags, [false, false, true, false, false, false, false]);
        let maps: Vec<bool> = loops.segments.iter().map(|chunk| chunk.map.is_some()).collect();
        assert!(maps[0] && maps[2]);
        let dates: Vec<i64> = loops
            .segments
            .iter()
            .map(|chunk| chunk.program_date_time.unwrap().timestamp_micros())
            .collect();
        assert!(dates.is_sorted() && dates[3] == START + 246 * S);
        let once = read(Play::Once, 119);
        assert!(once.end_list);
        assert_eq!(once.start.unwrap().time_offset, -1.0);
    }
}
