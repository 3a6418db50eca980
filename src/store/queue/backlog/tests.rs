//! The backlog alone: the dropped media, the kept media, and the marks of gaps.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::event::Event;
use crate::media::{ChunkStart, FRAME_COST, Frame, TrackKind};
use crate::store::testing;

const SECOND: i64 = 1_000_000;

/// The `n`th second of a stream: one picture.
fn picture(n: i64, key: bool, size: usize) -> Fragment {
    Fragment {
        tracks: testing::tracks(),
        chunk: key.then(ChunkStart::default),
        video: vec![Frame {
            kind: TrackKind::Video,
            dts: n * 1000,
            cts: 0,
            key,
            payload: Bytes::from(vec![0; size]),
        }],
        audio: Vec::new(),
        next_video_dts: Some((n + 1) * 1000),
        next_audio_dts: None,
    }
}

fn append(publish: u64, n: i64, key: bool, size: usize) -> Command {
    Command::Append {
        publish: id(publish),
        fragment: picture(n, key, size),
    }
}

/// Ids of a test: the same for the same number.
fn id(n: u64) -> PublishId {
    PublishId::from_bytes(u128::from(n).to_be_bytes())
}

fn ended(publish: u64) -> Command {
    Command::PublishEnded {
        publish: id(publish),
        reason: String::new(),
        outcome: Default::default(),
    }
}

fn report() -> Command {
    Command::Report {
        event: Event::StorageRecovered {},
    }
}

/// The waiting commands, in a word each.
fn words(backlog: &mut Backlog) -> Vec<String> {
    let (commands, cost) = backlog.take(usize::MAX);
    backlog.done(cost);
    commands
        .iter()
        .map(|command| match command {
            Command::Append { fragment, .. } => format!("{}", fragment.span().0 / SECOND),
            Command::Gap { from, to, bytes, .. } => {
                format!("gap {}-{} {bytes}", from / SECOND, to / SECOND)
            }
            Command::PublishEnded { .. } => "end".to_owned(),
            _ => "other".to_owned(),
        })
        .collect()
}

/// The configurations of `testing::tracks`.
const RECORDS: usize = 25;
const COST: usize = 1_000 + FRAME_COST + RECORDS + COMMAND_COST;

#[test]
fn the_oldest_gop_goes_whole_and_leaves_its_mark() {
    let mut backlog = Backlog::new(5 * COST + COST / 2);
    for n in 0..5 {
        assert_eq!(backlog.put(append(1, n, n % 2 == 0, 1_000)), Ok(0));
    }
    assert_eq!(backlog.put(append(1, 5, false, 1_000)), Ok(2_000));
    assert_eq!(backlog.put(ended(1)), Ok(0));
    assert_eq!(words(&mut backlog), ["gap 0-2 2000", "2", "3", "4", "5", "end"]);
    assert_eq!((backlog.cost(), backlog.publishes.len()), (0, 0));
}

#[test]
fn gaps_of_a_publish_that_touch_are_one() {
    let mut backlog = Backlog::new(3 * COST + COST / 2);
    for n in 0..9 {
        backlog.put(append(1, n, n % 2 == 0, 1_000)).unwrap();
    }
    assert_eq!(words(&mut backlog), ["gap 0-6 6000", "6", "7", "8"]);
}

#[test]
fn whoever_holds_most_gives_way() {
    let mut backlog = Backlog::new(6 * COST);
    for n in 0..3 {
        backlog.put(append(1, n, true, 100)).unwrap();
        backlog.put(append(2, n, true, 2_000)).unwrap();
    }
    let (commands, _) = backlog.take(usize::MAX);
    let lost: Vec<_> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Gap { publish, .. } => Some(*publish),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [id(2)]);
}

#[test]
fn a_gop_that_goes_while_it_is_sent_goes_to_its_end() {
    let mut backlog = Backlog::new(2 * COST + COST / 2);
    for n in 0..3 {
        backlog.put(append(1, n, n == 0, 1_000)).unwrap();
    }
    // The thread is back, and has the mark; the rest of the GOP is still of no use.
    assert_eq!(words(&mut backlog), ["gap 0-3 3000"]);
    for n in 3..6 {
        backlog.put(append(1, n, n == 5, 1_000)).unwrap();
    }
    assert_eq!(words(&mut backlog), ["gap 3-5 2000", "5"]);
}

#[test]
fn what_the_thread_has_taken_stays_and_counts() {
    let mut backlog = Backlog::new(3 * COST);
    for n in 0..3 {
        backlog.put(append(1, n, true, 1_000)).unwrap();
    }
    let (taken, cost) = backlog.take(1);
    assert_eq!((taken.len(), cost, backlog.cost()), (1, COST, 3 * COST));
    assert_eq!(backlog.put(append(1, 3, true, 1_000)), Ok(2_000));
    backlog.done(cost);
    assert_eq!(backlog.put(append(1, 4, true, 1_000)), Ok(0));
    assert_eq!(words(&mut backlog), ["gap 1-3 2000", "3", "4"]);
}

#[test]
fn one_larger_than_the_limit_passes_alone() {
    let mut backlog = Backlog::new(1_000);
    backlog.put(append(1, 0, true, 50_000)).unwrap();
    assert_eq!(words(&mut backlog), ["0"]);
}

#[test]
fn sound_alone_goes_piece_by_piece() {
    let mut backlog = Backlog::new(3 * COST);
    for n in 0..5 {
        let mut fragment = picture(n, true, 1_000);
        fragment.audio = std::mem::take(&mut fragment.video);
        fragment.tracks.video = None;
        fragment.next_audio_dts = Some((n + 1) * 48_000);
        fragment.audio.iter_mut().for_each(|frame| frame.dts *= 48);
        let publish = id(1);
        backlog.put(Command::Append { publish, fragment }).unwrap();
    }
    assert_eq!(words(&mut backlog), ["gap 0-3 3000", "3", "4"]);
}

#[test]
fn beginnings_and_reports_are_bounded_and_ends_are_not_refused() {
    let limit = 100 * COMMAND_COST;
    let mut backlog = Backlog::new(limit);
    let refused = (0..1_000).filter(|_| backlog.put(report()).is_err()).count();
    assert_eq!(refused, 950);
    assert_eq!(
        backlog.put(report()),
        Err(Refused::Full {
            waiting: limit / 2,
            limit: limit / 2
        })
    );
    assert_eq!(backlog.put(ended(1)), Ok(0));
    assert_eq!(backlog.put(append(2, 0, true, 1_000)), Ok(0));
    let (commands, cost) = backlog.take(usize::MAX);
    assert_eq!(commands.len(), 52);
    backlog.done(cost);
    assert_eq!((backlog.cost(), backlog.control), (0, 0));
}

#[test]
fn a_smaller_limit_holds_at_once() {
    let mut backlog = Backlog::new(usize::MAX);
    for n in 0..4 {
        backlog.put(append(1, n, true, 1_000)).unwrap();
    }
    assert_eq!(backlog.set_limit(3 * COST), 2_000);
    assert_eq!(words(&mut backlog), ["gap 0-2 2000", "2", "3"]);
}

#[test]
fn a_stall_of_hours_costs_no_more_each_minute() {
    let mut backlog = Backlog::new(2_000 * COST);
    for n in 0..50_000 {
        backlog
            .put(append(n as u64 % 8, n / 8, n / 8 % 4 == 0, 1_000))
            .unwrap();
    }
    assert!(backlog.commands.len() <= 2_008 && backlog.cost() <= 2_000 * COST);
    let waiting: usize = backlog.publishes.values().map(|line| line.appends.len()).sum();
    assert!(waiting <= 2_000);
}

#[derive(Clone, Debug)]
enum Step {
    Append { publish: u64, key: bool, size: usize },
    End { publish: u64 },
    Report,
    Take { most: usize },
    Done,
    Limit(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..3u64, prop::bool::weighted(0.3), 1..3_000usize)
            .prop_map(|(publish, key, size)| Step::Append { publish, key, size }),
        1 => (0..3u64).prop_map(|publish| Step::End { publish }),
        1 => Just(Step::Report),
        2 => (1..6_000usize).prop_map(|most| Step::Take { most }),
        2 => Just(Step::Done),
        1 => (4_000..20_000usize).prop_map(Step::Limit),
    ]
}

proptest! {
    /// For any commands: the limit holds, and the order of each publish is kept. All dropped media lies within a gap in the
    /// place of that media, and a keyframe follows the gap.
    #[test]
    fn nothing_is_lost_without_a_mark(steps in prop::collection::vec(step(), 1..200)) {
        let mut limit = 10_000;
        let mut backlog = Backlog::new(limit);
        let (mut sent, mut got, mut in_hand) = (Vec::new(), Vec::new(), 0);
        let (mut went, mut second) = (0, 0);
        // A publish that ended does not come back: its stream's next publish is another.
        let mut now: [u64; 3] = [0, 1, 2];
        for step in steps {
            match step {
                Step::Append { publish, key, size } => {
                    second += 1;
                    let publish = now[publish as usize];
                    sent.push((publish, second, size));
                    went += backlog.put(append(publish, second, key, size)).unwrap();
                }
                Step::End { publish } => {
                    went += backlog.put(ended(now[publish as usize])).unwrap();
                    now[publish as usize] += 3;
                }
                Step::Report => went += backlog.put(report()).unwrap_or(0),
                Step::Take { most } => {
                    let (commands, cost) = backlog.take(most);
                    got.extend(commands);
                    in_hand += cost;
                }
                Step::Done => backlog.done(std::mem::take(&mut in_hand)),
                Step::Limit(bytes) => {
                    limit = bytes;
                    went += backlog.set_limit(bytes);
                }
            }
            let waiting: usize = backlog.commands.values().map(cost_of).sum();
            prop_assert_eq!(backlog.cost(), waiting + in_hand);
            let only_control = backlog.control == waiting;
            prop_assert!(backlog.cost() <= limit || backlog.commands.len() <= 1 || only_control);
        }
        let (commands, cost) = backlog.take(usize::MAX);
        got.extend(commands);
        backlog.done(in_hand + cost);
        prop_assert_eq!((backlog.cost(), backlog.control), (0, 0));

        let mut marked = 0;
        for publish in 0..=now.into_iter().max().unwrap() {
            let mut sent = sent.iter().filter(|(by, ..)| *by == publish).peekable();
            let mut after_gap = false;
            for command in &got {
                match command {
                    Command::Append { publish: by, fragment } if *by == id(publish) => {
                        let expected = sent.next().map(|(_, second, _)| *second);
                        prop_assert_eq!(Some(fragment.span().0 / SECOND), expected);
                        prop_assert!(fragment.is_entry() || !after_gap);
                        after_gap = false;
                    }
                    Command::Gap { publish: by, from, to, bytes, .. } if *by == id(publish) => {
                        let mut here = 0;
                        while let Some((_, second, size)) = sent.next_if(|(_, second, _)| {
                            (*from..*to).contains(&(second * SECOND))
                        }) {
                            prop_assert!(here > 0 || second * SECOND == *from);
                            here += *size as u64;
                        }
                        prop_assert!(here > 0);
                        prop_assert_eq!(*bytes, here);
                        marked += here;
                        after_gap = true;
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(sent.next(), None);
        }
        prop_assert_eq!(marked, went);
    }
}
