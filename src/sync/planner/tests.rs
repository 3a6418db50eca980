use proptest::prelude::*;

use super::*;

const SECOND: Micros = 1_000_000;

fn id(n: u8) -> RecordingId {
    RecordingId::from_bytes([n; 16])
}

fn job(n: u8, format: Format) -> Job {
    Job {
        recording: id(n),
        format,
    }
}

fn closed(n: u8) -> ToDeliver {
    ToDeliver {
        recording: id(n),
        open: false,
        formats: vec![Format::Mp4, Format::Hls],
    }
}

fn open(n: u8) -> ToDeliver {
    ToDeliver {
        open: true,
        ..closed(n)
    }
}

fn starts(planner: &mut Planner, now: Micros) -> Vec<Job> {
    let mut jobs = Vec::new();
    while let Some(action) = planner.poll(now) {
        match action {
            Action::Start(job) => jobs.push(job),
            Action::TellOnline => (),
            other => panic!("{other:?}"),
        }
    }
    jobs
}

#[test]
fn small_things_go_first_and_no_more_than_may_go_at_a_time() {
    let mut planner = Planner::new(3, 7);
    planner.candidates(vec![closed(1), closed(2)]);
    assert_eq!(
        starts(&mut planner, 0),
        [job(1, Format::Hls), job(1, Format::Mp4), job(2, Format::Hls)]
    );
    planner.ended(job(1, Format::Hls), Outcome::Done, 1);
    assert_eq!(starts(&mut planner, 1), [job(2, Format::Mp4)]);
    planner.ended(job(1, Format::Mp4), Outcome::Done, 1);
    assert_eq!(planner.poll(2), Some(Action::Delivered(id(1))));
}

#[test]
fn what_was_live_is_finished_before_anything_else() {
    let mut planner = Planner::new(1, 7);
    planner.candidates(vec![open(1), closed(2)]);
    assert_eq!(starts(&mut planner, 0), [job(1, Format::Hls)]);
    planner.ended(job(1, Format::Hls), Outcome::Waits(SECOND), 0);
    assert_eq!(starts(&mut planner, 0), [job(1, Format::Mp4)]);
    planner.ended(job(1, Format::Mp4), Outcome::Waits(SECOND), 0);
    // While it has nothing to do the others go.
    assert_eq!(starts(&mut planner, 0), [job(2, Format::Hls)]);
    planner.candidates(vec![closed(2), closed(1)]);
    planner.ended(job(2, Format::Hls), Outcome::Done, 1);
    assert_eq!(starts(&mut planner, 1), [job(1, Format::Hls)]);
}

#[test]
fn whoever_is_live_has_its_turn() {
    let mut planner = Planner::new(1, 7);
    planner.candidates(vec![open(1), open(2)]);
    let mut now = 0;
    let mut turns = HashMap::new();
    for _ in 0..40 {
        now += SECOND;
        let started = starts(&mut planner, now);
        for job in started {
            *turns.entry(job).or_insert(0) += 1;
            planner.ended(job, Outcome::Waits(SECOND), now);
        }
    }
    assert!(
        turns.len() == 4 && turns.values().all(|count| *count == 10),
        "{turns:?}"
    );
}

#[test]
fn a_poisoned_recording_holds_nobody_up_and_is_set_aside_once() {
    let mut planner = Planner::new(1, 7);
    planner.candidates(vec![closed(1), closed(2), closed(3)]);
    let (mut now, mut told, mut aside, mut delivered) = (0, 0, Vec::new(), Vec::new());
    while aside.len() + delivered.len() < 3 {
        now += SECOND;
        assert!(now < 600 * SECOND);
        while let Some(action) = planner.poll(now) {
            match action {
                Action::Start(job) if job.recording == id(1) => {
                    planner.ended(job, Outcome::Refused("403".to_owned()), now);
                }
                Action::Start(job) => planner.ended(job, Outcome::Done, now),
                Action::TellAside(..) => told += 1,
                Action::SetAside(id) => aside.push(id),
                Action::Delivered(id) => delivered.push(id),
                Action::TellOnline => (),
                Action::TellOffline(reason) => panic!("{reason}"),
            }
        }
    }
    assert_eq!((aside, told), (vec![id(1)], 2));
    assert_eq!(delivered.len(), 2);
    planner.retry();
    assert_eq!(starts(&mut planner, now), [job(1, Format::Hls)]);
}

#[test]
fn a_store_that_takes_nothing_from_this_box_sets_nothing_aside() {
    let mut planner = Planner::new(2, 7);
    planner.candidates((1..6).map(closed).collect());
    let mut offline = 0;
    for second in 0..4_000 {
        while let Some(action) = planner.poll(second * SECOND) {
            match action {
                Action::Start(job) => planner.ended(job, Outcome::Refused("403".to_owned()), second * SECOND),
                Action::TellOffline(_) => offline += 1,
                Action::TellOnline => (),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(offline, 1);
    assert!(planner.trouble().is_some());
}

#[test]
fn a_store_that_is_away_is_tried_with_one_transfer_and_ever_more_seldom() {
    let mut planner = Planner::new(4, 7);
    planner.candidates((1..9).map(closed).collect());
    let mut tries = Vec::new();
    for tenth in 0..20_000 {
        let now = tenth * SECOND / 10;
        while let Some(action) = planner.poll(now) {
            if let Action::Start(job) = action {
                tries.push(now);
                planner.ended(job, Outcome::StoreFailed("no route".to_owned()), now);
            }
        }
    }
    // Four at first; then a minute at most and half of that at least.
    assert!(
        (2_000 / 60..2_000 / 30 + 20).contains(&tries.len()),
        "{}",
        tries.len()
    );
    let last = tries.windows(2).last().map(|pair| pair[1] - pair[0]);
    assert!(last >= Some(30 * SECOND) && last <= Some(61 * SECOND));
    let now = 3_000 * SECOND;
    let Some(Action::Start(first)) = planner.poll(now) else {
        panic!()
    };
    assert_eq!(planner.poll(now), None);
    planner.ended(first, Outcome::Done, now);
    assert_eq!(starts(&mut planner, now).len(), 4);
    assert!(planner.is_online());
}

#[test]
fn nothing_is_begun_while_it_is_paused_or_out_of_hours() {
    let mut planner = Planner::new(1, 7);
    planner.candidates(vec![closed(1)]);
    planner.set_paused(true);
    assert_eq!((planner.poll(0), planner.next_wake(0)), (None, None));
    planner.set_paused(false);
    planner.set_in_hours(false);
    assert_eq!(planner.poll(0), None);
    planner.set_in_hours(true);
    assert_eq!(starts(&mut planner, 0).len(), 1);
}

#[test]
fn what_is_deleted_on_the_way_is_forgotten() {
    let mut planner = Planner::new(1, 7);
    planner.candidates(vec![closed(1)]);
    let running = starts(&mut planner, 0);
    planner.candidates(vec![]);
    planner.ended(running[0], Outcome::Broken("no such recording".to_owned()), 0);
    planner.candidates(vec![]);
    assert_eq!(planner.next_wake(0), None);
    assert!(planner.recordings.is_empty());
}

#[derive(Clone, Debug)]
enum Happening {
    Done,
    Waits,
    Fails,
    Refused,
    Stopped,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => Just(Happening::Done),
        2 => Just(Happening::Waits),
        1 => Just(Happening::Fails),
        1 => Just(Happening::Refused),
        1 => Just(Happening::Stopped),
    ]
}

proptest! {
    /// Whatever happens on the way: everything ends delivered or set aside, once, and never more runs than may.
    #[test]
    fn everything_ends(
        happenings in prop::collection::vec(happening(), 0..60),
        recordings in 1_u8..12,
        transfers in 1_usize..5,
        seed in any::<u64>(),
    ) {
        let mut planner = Planner::new(transfers, seed);
        let mut left: Vec<u8> = (0..recordings).collect();
        let (mut now, mut happenings) = (0, happenings.into_iter());
        let mut running: Vec<Job> = Vec::new();
        while !left.is_empty() {
            planner.candidates(left.iter().map(|n| closed(*n)).collect());
            while let Some(action) = planner.poll(now) {
                match action {
                    Action::Start(job) => {
                        prop_assert!(!running.contains(&job));
                        running.push(job);
                        prop_assert!(running.len() <= transfers);
                    }
                    Action::Delivered(id) | Action::SetAside(id) => {
                        let before = left.len();
                        left.retain(|n| RecordingId::from_bytes([*n; 16]) != id);
                        prop_assert_eq!(left.len() + 1, before);
                    }
                    _ => (),
                }
            }
            if running.is_empty() {
                let wake = planner.next_wake(now);
                prop_assert!(wake.is_some() || left.is_empty(), "{:?}", left);
                now = wake.unwrap_or(now);
            } else {
                let job = running.swap_remove(seed as usize % running.len());
                now += SECOND / 10;
                let outcome = match happenings.next().unwrap_or(Happening::Done) {
                    Happening::Done => Outcome::Done,
                    Happening::Waits => Outcome::Waits(SECOND),
                    Happening::Fails => Outcome::StoreFailed("away".to_owned()),
                    Happening::Refused => Outcome::Refused("403".to_owned()),
                    Happening::Stopped => Outcome::Stopped,
                };
                planner.ended(job, outcome, now);
            }
        }
    }
}
