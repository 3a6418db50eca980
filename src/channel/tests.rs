//! Channels in virtual time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::format::hls::Variant;
use crate::format::hls::live::InitName;
use crate::media::{Micros, RecordingId};

pub(super) const S: Micros = 1_000_000;
const DAY: Micros = 86_400 * S;
/// A day in 2026.
pub(super) const START: Micros = 1_800_000_000 * S;

pub(super) fn chunk(duration_ms: u32) -> Chunk {
    Chunk {
        duration_ms,
        gap_ms: 0,
        init: 0,
        discontinuity: false,
        independent: true,
    }
}

/// An item of a recording with this number. Items with equal `init`s are coded alike.
pub(super) fn item(number: u8, init: u8, chunks: Vec<Chunk>) -> Item {
    let last = chunks.iter().map(|chunk| chunk.init).max().unwrap_or(0);
    Item {
        recording: RecordingId::from_bytes([number; 16]),
        stream: "live/cam1".parse().unwrap(),
        also: Vec::new(),
        from: None,
        to: None,
        lead_ms: 40,
        inits: (0..=last).map(|more| InitName::of(&[init, more as u8])).collect(),
        variant: Variant::default(),
        chunks: chunks.into(),
    }
}

pub(super) fn even(number: u8, init: u8, count: usize) -> Item {
    item(number, init, vec![chunk(6_000); count])
}

pub(super) fn channel(play: Play, items: Vec<Item>) -> Channel {
    Channel::new("evening".parse().unwrap(), START, play, items)
}

/// The same channel, as a restart finds it in the journal.
fn restarted(channel: &Channel) -> Channel {
    let body = serde_json::to_string(channel).unwrap();
    let read: Channel = serde_json::from_str(&body).unwrap();
    assert_eq!(read, *channel);
    read
}

fn window(channel: &Channel, now: Micros) -> Window {
    match channel.at(now) {
        Now::Plays(window) => window,
        other => panic!("{other:?}"),
    }
}

/// The chunk that is shown at a moment, and how much of it was shown by then, in microseconds.
fn shown(channel: &Channel, now: Micros) -> (Shown, Micros) {
    let window = window(channel, now);
    let chunk = window
        .chunks
        .iter()
        .find(|chunk| (chunk.at..chunk.ends_at()).contains(&now));
    let chunk = *chunk.expect("something is shown");
    (chunk, now - chunk.at)
}

/// What players saw of a channel.
#[derive(Default)]
struct Viewers {
    seen: BTreeMap<u64, Shown>,
    first: u64,
    ended: bool,
}

impl Viewers {
    /// Reads the playlist, and judges it by those before.
    fn look(&mut self, channel: &Channel, now: Micros) {
        let window = window(channel, now);
        let chunks = &window.chunks;
        assert!(chunks.len() <= 64);
        let first = chunks[0].sequence;
        assert!(
            first >= self.first,
            "the sequence went back from {} to {first}",
            self.first
        );
        self.first = first;
        for (place, chunk) in (0..).zip(chunks) {
            assert_eq!(chunk.sequence, first + place, "each number once");
            let known = self.seen.insert(chunk.sequence, *chunk);
            assert!(
                known.is_none_or(|known| known == *chunk),
                "{known:?}, then {chunk:?}"
            );
            assert!(chunk.duration_ms <= channel.target_s * 1_000 + 499);
            assert!(!self.ended || known.is_some(), "a chunk behind the end");
        }
        let begins = chunks.iter().map(|chunk| chunk.at).min().unwrap();
        assert!(begins <= now, "what is shown now is listed");
        let end = chunks.last().unwrap().ends_at();
        assert_eq!(window.behind_us, (end - now).max(0).unsigned_abs());
        if !window.ended && chunks.len() < 64 {
            assert!(
                end - now >= i64::from(channel.target_s) * 3 * S,
                "players need three target durations"
            );
        }
        self.ended |= window.ended;
    }

    /// Judges all that was seen.
    fn finish(&self) {
        for ((number, one), (next_number, next)) in self.seen.iter().zip(self.seen.iter().skip(1)) {
            if number + 1 != *next_number {
                continue;
            }
            assert_eq!(one.ends_at(), next.at, "the sum of EXTINF is the time");
            let more = next.discontinuities - one.discontinuities;
            assert_eq!(more, u64::from(next.discontinuity));
            assert!(
                next.discontinuity || one.init == next.init,
                "another init without a discontinuity"
            );
        }
    }
}

#[test]
fn before_the_start_there_is_nothing_and_then_the_first_chunks() {
    let channel = channel(Play::Once, vec![even(1, 1, 10), even(2, 2, 5)]);
    assert_eq!(channel.at(START - 1), Now::Begins(START));
    let window = window(&channel, START);
    let numbers: Vec<u64> = window.chunks.iter().map(|chunk| chunk.sequence).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!((window.behind_us, window.ended), (24_000_000, false));
    assert!(window.chunks.iter().all(|chunk| !chunk.discontinuity));
    assert_eq!(window.chunks[1].at, START + 6 * S);
    assert_eq!((window.chunks[0].name.chunk, window.chunks[1].name.chunk), (0, 1));
    assert_eq!(window.chunks[0].name.offset_ms, 10_000 - 40);
}

#[test]
fn between_items_that_are_coded_otherwise_is_a_discontinuity_and_time_goes_on() {
    let channel = channel(Play::Loop, vec![even(1, 1, 3), even(2, 1, 2), even(3, 2, 2)]);
    let mut viewers = Viewers::default();
    (0..2_000).for_each(|second| viewers.look(&channel, START + second * S / 4));
    viewers.finish();
    let flags: Vec<bool> = viewers
        .seen
        .values()
        .take(15)
        .map(|chunk| chunk.discontinuity)
        .collect();
    let (no, yes) = (false, true);
    assert_eq!(
        flags,
        [no, no, no, no, no, yes, no, yes, no, no, no, no, yes, no, yes]
    );
    // The offset stays within an item, and grows by the item's length from item to item.
    let offsets: Vec<u64> = viewers
        .seen
        .values()
        .take(9)
        .map(|chunk| chunk.name.offset_ms + 40)
        .collect();
    let wanted = [10, 10, 10, 28, 28, 40, 40, 52, 52];
    assert_eq!(offsets, wanted.map(|s: u64| s * 1_000));
}

#[test]
fn a_channel_that_is_shown_once_ends_with_its_last_chunk() {
    let channel = channel(Play::Once, vec![even(1, 1, 5)]);
    let mut viewers = Viewers::default();
    (0..60).for_each(|second| viewers.look(&channel, START + second * S));
    viewers.finish();
    assert_eq!(viewers.seen.len(), 5);
    assert!(!window(&channel, START + 5 * S).ended);
    assert!(window(&channel, START + 6 * S).ended, "all is listed");
    let later = window(&channel, START + 3_650 * DAY);
    assert!(later.ended && later.behind_us == 0);
    assert_eq!(later.chunks.last().unwrap().sequence, 4);
}

#[test]
fn after_seven_days_of_looping_all_viewers_see_the_same_chunk_at_the_same_moment() {
    let odd = |count: u32| (0..count).map(|at| chunk(5_000 + at * 37)).collect();
    let channel = channel(
        Play::Loop,
        vec![item(1, 1, odd(7)), item(2, 2, odd(11)), even(3, 1, 601)],
    );
    let later = START + 7 * DAY + 12_345_678;
    let early = shown(&channel, later);
    // Another viewer begins ten minutes later, and the service was started again in between.
    let after = restarted(&channel);
    assert_eq!(shown(&after, later), early);
    let ten = later + 600 * S;
    assert_eq!(shown(&after, ten), shown(&channel, ten));
    // The first viewer has played on from chunk to chunk.
    let mut viewers = Viewers::default();
    (0..=600).for_each(|second| viewers.look(&channel, later + second * S));
    viewers.finish();
    let (chunk, _) = shown(&after, ten);
    assert_eq!(viewers.seen[&chunk.sequence], chunk);
    // Each second of the seven days is one second of media.
    let list_ms: u64 = channel.last().unwrap().lap().duration_ms();
    let lap = (later - START) as u64 / 1_000 / list_ms;
    assert_eq!(early.0.sequence / channel.last().unwrap().lap().count(), lap);
    // A century is no more work than a day.
    let mut century = Viewers::default();
    (0..100).for_each(|second| century.look(&channel, START + 36_525 * DAY + second * S));
    century.finish();
}

#[test]
fn a_change_takes_effect_at_the_border_behind_what_is_listed() {
    let mut channel = channel(Play::Loop, vec![even(1, 1, 10), even(2, 2, 10)]);
    let mut viewers = Viewers::default();
    let now = START + 7 * DAY + 10 * S;
    (-30..=0).for_each(|second| viewers.look(&channel, now + second * S));
    let before = viewers.seen.clone();
    // 7 days are 5,040 laps of 120 s: item 1 is shown until 60 s.
    let Changed(at) = channel.change(Play::Once, vec![even(3, 1, 20)], None, now);
    assert_eq!(at, START + 7 * DAY + 60 * S);
    assert_eq!(channel.items().count(), 3, "the present list is kept until then");
    let channel = restarted(&channel);
    (0..=300).for_each(|second| viewers.look(&channel, now + second * S));
    viewers.finish();
    assert!(
        before
            .iter()
            .all(|(number, chunk)| viewers.seen[number] == *chunk)
    );
    let first = viewers.seen.values().find(|chunk| chunk.at == at).unwrap();
    assert_eq!(
        (first.name.chunk, first.discontinuity),
        (0, false),
        "item 3 is coded as item 1"
    );
    assert_eq!(first.name.offset_ms, 7 * 86_400_000 + 60_000 + 10_000 - 40);
    assert!(viewers.ended);
}

#[test]
fn a_second_change_replaces_one_that_nobody_has_seen() {
    let mut channel = channel(Play::Loop, vec![even(1, 1, 10)]);
    let now = START + 100 * S;
    let one = channel.change(Play::Loop, vec![even(2, 1, 4)], None, now);
    let two = channel.change(Play::Loop, vec![even(3, 1, 4)], None, now + S);
    assert_eq!(one, two);
    let later = now + 60 * S;
    assert_eq!(channel.items().count(), 2);
    let (chunk, _) = shown(&channel, later);
    assert_eq!(
        channel.find(chunk.name.item).unwrap().0.recording,
        RecordingId::from_bytes([3; 16])
    );
    // What is over is forgotten with the next change.
    channel.change(Play::Loop, vec![even(4, 1, 4)], None, later + 600 * S);
    assert_eq!(channel.items().count(), 2);
}

#[test]
fn a_channel_that_has_not_begun_or_is_over_begins_with_its_new_list() {
    let mut channel = channel(Play::Once, vec![even(1, 1, 10)]);
    let Changed(at) = channel.change(Play::Once, vec![even(2, 1, 10)], Some(START + 60 * S), START - S);
    assert_eq!((at, channel.start), (START + 60 * S, START + 60 * S));
    assert_eq!(window(&channel, at).chunks[0].sequence, 0);
    let now = START + 600 * S;
    assert!(window(&channel, now).ended);
    let Changed(at) = channel.change(Play::Loop, vec![even(3, 1, 10)], Some(START + 900 * S), now);
    assert_eq!(at, START + 900 * S);
    assert_eq!(channel.at(now), Now::Begins(at));
    let window = window(&channel, at);
    assert_eq!(window.chunks[0].sequence, 10, "numbers are given once");
    assert!(!window.ended);
}

#[test]
fn a_lost_item_is_left_out_from_the_next_border_on() {
    let is_second = |item: &Item| item.recording == RecordingId::from_bytes([2; 16]);
    let mut channel = channel(Play::Loop, vec![even(1, 1, 10), even(2, 2, 10), even(3, 1, 10)]);
    assert_eq!(channel.lose(|_| false, START), None);
    let now = START + DAY + 70 * S;
    let mut viewers = Viewers::default();
    viewers.look(&channel, now);
    let Changed(at) = channel.lose(is_second, now).unwrap();
    assert_eq!(channel.lose(is_second, now), None, "once");
    (0..600).for_each(|second| viewers.look(&channel, now + second * S));
    viewers.finish();
    let second = item(2, 2, Vec::new()).key();
    assert!(
        viewers
            .seen
            .values()
            .all(|chunk| chunk.at < at || chunk.name.item != second)
    );
    // All of it is lost.
    let Changed(at) = channel.lose(|_| true, now + 600 * S).unwrap();
    (600..900).for_each(|second| viewers.look(&channel, now + second * S));
    assert!(viewers.ended && viewers.seen.values().all(|chunk| chunk.at < at));
}

/// The numbers of the recordings that are shown from a moment on, each once while it lasts.
fn order(channel: &Channel, from: Micros, seconds: i64) -> Vec<u8> {
    let mut order: Vec<u8> = Vec::new();
    for second in 0..seconds {
        let now = from + second * S;
        let window = window(channel, now);
        let Some(chunk) = window.chunks.iter().rfind(|chunk| chunk.at <= now) else {
            continue;
        };
        let item = channel.find(chunk.name.item).expect("a listed item");
        let number = item.0.recording.to_bytes()[0];
        if order.last() != Some(&number) {
            order.push(number);
        }
    }
    order
}

#[test]
fn behind_a_lost_item_comes_what_was_to_come() {
    let three = || vec![even(1, 1, 10), even(2, 1, 10), even(3, 1, 10)];
    let is = |number: u8| move |item: &Item| item.recording == RecordingId::from_bytes([number; 16]);
    // Within the first item, the second, and the third.
    for (after_s, lost, once, again) in [
        (10, 2, &[1, 3][..], &[1, 3, 1, 3][..]),
        (70, 1, &[2, 3], &[2, 3, 2, 3]),
        (70, 2, &[2, 3], &[2, 3, 1, 3]),
        (70, 3, &[2], &[2, 1, 2, 1]),
        (130, 1, &[3], &[3, 2, 3, 2]),
    ] {
        let now = START + after_s * S;
        let (mut channel, mut looping) = (channel(Play::Once, three()), channel(Play::Loop, three()));
        channel.lose(is(lost), now);
        assert_eq!(order(&channel, now, 600), once, "{lost} at {after_s} s");
        looping.lose(is(lost), now).unwrap();
        let order = order(&looping, now, 240);
        assert_eq!(
            order[..4.min(order.len())],
            again[..4.min(order.len())],
            "{lost} at {after_s} s"
        );
    }
}

#[test]
fn a_channel_that_has_lost_everything_begins_again_with_a_new_list() {
    let mut channel = channel(Play::Loop, vec![even(1, 1, 10)]);
    channel.lose(|_| true, START + 70 * S).unwrap();
    let now = START + DAY;
    assert!(window(&channel, now).ended && !channel.runs(now));
    let start = now + 600 * S;
    let Changed(at) = channel.change(Play::Once, vec![even(2, 1, 10)], Some(start), now);
    assert_eq!(at, start);
    assert_eq!(channel.at(now), Now::Begins(start));
    assert_eq!(order(&channel, start, 50), [2]);
    assert_eq!(
        window(&channel, start).chunks[0].sequence,
        20,
        "numbers are given once"
    );
}

#[test]
fn what_was_shown_before_a_change_is_forgotten_when_nobody_sees_it() {
    let mut channel = channel(Play::Loop, vec![even(1, 1, 10)]);
    let now = START + 10 * S;
    let Changed(at) = channel.change(Play::Loop, vec![even(2, 1, 10)], None, now);
    assert!(!channel.keeps_unseen(now) && !channel.keeps_unseen(at + 6 * S));
    let later = at + 60 * S;
    assert!(channel.keeps_unseen(later));
    let before = window(&channel, later);
    channel.forget_unseen(later);
    assert_eq!(channel.items().count(), 1);
    assert!(window(&channel, later) == before && !channel.keeps_unseen(later));
}

#[test]
fn a_channel_that_is_off_or_expired_shows_nothing_and_its_time_goes_on() {
    let mut channel = channel(Play::Loop, vec![even(1, 1, 10)]);
    let later = START + DAY;
    let before = shown(&channel, later + 60 * S);
    channel.enabled = false;
    assert_eq!(channel.at(later), Now::Over(Over::Disabled));
    channel.enabled = true;
    assert_eq!(shown(&channel, later + 60 * S), before);
    channel.expires = Some(later);
    assert_eq!(channel.at(later), Now::Over(Over::Expired));
    assert!(matches!(channel.at(later - 1), Now::Plays(_)));
    let empty = Channel::new("none".parse().unwrap(), START, Play::Loop, Vec::new());
    assert_eq!(empty.at(START), Now::Over(Over::Empty));
}

#[test]
fn a_journal_that_makes_no_sense_is_refused() {
    let text = serde_json::to_string(&channel(Play::Loop, vec![even(1, 1, 2)])).unwrap();
    let other = text.replace("\"6000*2\"", "\"6000i9*2\"");
    assert_ne!(text, other);
    assert!(
        serde_json::from_str::<Channel>(&other).is_err(),
        "an init that is not there"
    );
}

fn any_chunk() -> impl Strategy<Value = Chunk> {
    (1_u32..9_000, 0_u32..400, 0_u16..3, any::<bool>()).prop_map(
        |(duration_ms, gap_ms, init, independent)| Chunk {
            duration_ms,
            gap_ms: gap_ms.saturating_sub(300),
            init,
            discontinuity: gap_ms > 300,
            independent,
        },
    )
}

fn any_items() -> impl Strategy<Value = Vec<Item>> {
    let item = (0_u8..20, 0_u8..3, prop::collection::vec(any_chunk(), 1..12));
    prop::collection::vec(
        item.prop_map(|(number, init, chunks)| item_of(number, init, chunks)),
        1..6,
    )
}

fn item_of(number: u8, init: u8, chunks: Vec<Chunk>) -> Item {
    item(number, init, chunks)
}

/// Every chunk of the first laps, counted one by one: number, discontinuities, time, item, chunk of the item, offset.
fn counted(items: &[Item], laps: u64) -> Vec<(u64, u64, Micros, ItemKey, u32, u64)> {
    let (mut found, mut discontinuities, mut at, mut media_ms) = (Vec::new(), 0, START, 0_u64);
    let mut before = None;
    for _ in 0..laps {
        for item in items {
            let begins_ms = media_ms;
            for (number, chunk) in (0..).zip(item.chunks.as_slice()) {
                let init = item.inits[usize::from(chunk.init)];
                let differs = before.replace(init).is_some_and(|before| before != init);
                discontinuities += u64::from(differs || number > 0 && chunk.discontinuity);
                let offset = 10_000 + begins_ms - u64::from(item.lead_ms);
                found.push((
                    found.len() as u64,
                    discontinuities,
                    at,
                    item.key(),
                    number,
                    offset,
                ));
                at += Micros::from(chunk.duration_ms) * 1_000;
                media_ms += u64::from(chunk.duration_ms);
                media_ms += if number > 0 { u64::from(chunk.gap_ms) } else { 0 };
            }
        }
    }
    found
}

proptest! {
    #[test]
    fn arithmetic_finds_what_counting_finds(items in any_items()) {
        let channel = channel(Play::Loop, items.clone());
        let programme = channel.last().unwrap();
        for (number, discontinuities, at, key, chunk, offset) in counted(&items, 3) {
            let shown = programme.chunk(number).unwrap();
            prop_assert_eq!(
                (shown.sequence, shown.discontinuities, shown.at, shown.name.item, shown.name.chunk, shown.name.offset_ms),
                (number, discontinuities, at, key, chunk, offset)
            );
            prop_assert_eq!(programme.at(at), number);
            prop_assert_eq!(programme.at(shown.ends_at() - 1), number);
        }
    }

    #[test]
    fn whatever_is_changed_when_no_playlist_goes_back(
        first in any_items(),
        play in any::<bool>(),
        steps in prop::collection::vec((1_i64..40_000, 0_u8..12, any_items(), any::<bool>()), 1..40),
    ) {
        let of = |play| if play { Play::Loop } else { Play::Once };
        let mut channel = channel(of(play), first);
        let (mut viewers, mut now) = (Viewers::default(), START);
        for (ms, what, items, play) in steps {
            // Players that saw the end of a channel are gone when it begins again.
            let is_over = match channel.at(now) {
                Now::Plays(window) => window.ended,
                _ => true,
            };
            if what == 0 && is_over {
                viewers = Viewers { first: viewers.first, ..Viewers::default() };
            }
            match what {
                0 => {
                    channel.change(of(play), items, None, now);
                }
                1 => {
                    let lost = items[0].recording;
                    channel.lose(|item| item.recording == lost, now);
                }
                2 => channel = restarted(&channel),
                _ => {}
            }
            match channel.at(now) {
                Now::Plays(_) => viewers.look(&channel, now),
                // It begins again behind the last chunk of what was listed.
                Now::Begins(at) => prop_assert!(at > now),
                other => prop_assert_eq!(other, Now::Over(Over::Empty)),
            }
            now += ms * 1_000;
        }
        viewers.finish();
    }
}
