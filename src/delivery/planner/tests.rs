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
            Action::TellOnline | Action::Check => (),
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
    planner.ended(job(1, Format::Hls), Outcome::Done, true, 1);
    assert_eq!(starts(&mut planner, 1), [job(2, Format::Mp4)]);
    planner.ended(job(1, Format::Mp4), Outcome::Done, true, 1);
    assert_eq!(planner.poll(2), Some(Action::Delivered(id(1))));
}

#[test]
fn what_was_held_back_meanwhile_is_looked_at_again() {
    let mut planner = Planner::new(3, 7);
    let both = [job(1, Format::Hls), job(1, Format::Mp4)];
    planner.candidates(vec![closed(1)]);
    assert_eq!(starts(&mut planner, 0), both);
    planner.ended(both[0], Outcome::Done, true, 1);
    // Blocked and passed between two looks, while the MP4 is being sent: what was done may be removed.
    planner.reviewed();
    assert_eq!(starts(&mut planner, 1), [both[0]]);
    planner.ended(both[0], Outcome::Done, true, 1);
    planner.ended(both[1], Outcome::Done, true, 1);
    assert_eq!(planner.poll(1), Some(Action::Delivered(id(1))));
    // The journal knows better.
    planner.again(id(1), SECOND);
    assert_eq!(planner.poll(1), None);
    assert_eq!(starts(&mut planner, SECOND), both);
    for job in both {
        planner.ended(job, Outcome::Done, true, SECOND);
    }
    assert_eq!(planner.poll(SECOND), Some(Action::Delivered(id(1))));
    assert_eq!(planner.poll(SECOND), None);
}

#[test]
fn what_was_live_is_finished_before_anything_else() {
    let mut planner = Planner::new(1, 7);
    planner.candidates(vec![open(1), closed(2)]);
    assert_eq!(starts(&mut planner, 0), [job(1, Format::Hls)]);
    planner.ended(job(1, Format::Hls), Outcome::Grows(SECOND), true, 0);
    assert_eq!(starts(&mut planner, 0), [job(1, Format::Mp4)]);
    planner.ended(job(1, Format::Mp4), Outcome::Grows(SECOND), true, 0);
    // While a transfer waits for tape, the others go.
    assert_eq!(starts(&mut planner, 0), [job(2, Format::Hls)]);
    planner.candidates(vec![closed(2), closed(1)]);
    planner.ended(job(2, Format::Hls), Outcome::Done, true, 1);
    assert_eq!(starts(&mut planner, 1), [job(1, Format::Hls)]);
}

#[test]
fn what_waits_for_tape_goes_on_when_it_is_there_and_what_was_refused_does_not() {
    let mut planner = Planner::new(2, 7);
    planner.candidates(vec![open(1)]);
    assert_eq!(starts(&mut planner, 0).len(), 2);
    planner.ended(job(1, Format::Hls), Outcome::Grows(9 * SECOND), true, 0);
    planner.ended(job(1, Format::Mp4), Outcome::Refused("403".to_owned()), false, 0);
    assert_eq!(starts(&mut planner, 1), []);
    planner.grew(job(1, Format::Hls), 1);
    planner.grew(job(1, Format::Mp4), 1);
    planner.grew(job(2, Format::Hls), 1);
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
            planner.ended(job, Outcome::Grows(SECOND), true, now);
        }
    }
    // Playlists have one more turn; all files of one kind have the same number.
    let of = |format| [1, 2].map(|n| turns.get(&job(n, format)).copied().unwrap_or(0));
    let (hls, mp4) = (of(Format::Hls), of(Format::Mp4));
    assert!(hls[0] == hls[1] && mp4[0] == mp4[1] && mp4[0] >= 10, "{turns:?}");
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
                    planner.ended(job, Outcome::Refused("403".to_owned()), false, now);
                }
                Action::Start(job) => planner.ended(job, Outcome::Done, true, now),
                Action::TellFailed(..) => told += 1,
                Action::Failed(id) => aside.push(id),
                Action::Delivered(id) => delivered.push(id),
                Action::TellOnline | Action::Check => (),
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
                Action::Start(job) => {
                    planner.ended(job, Outcome::Refused("403".to_owned()), false, second * SECOND)
                }
                Action::TellOffline(_) => offline += 1,
                Action::TellOnline | Action::Check => (),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(offline, 1);
    assert!(planner.trouble().is_some());
}

#[test]
fn a_store_that_answers_and_takes_nothing_is_never_told_to_be_reached() {
    let mut planner = Planner::new(2, 7);
    let (mut online, mut offline) = (0, 0);
    for tenth in 0..36_000 {
        let now = tenth * SECOND / 10;
        planner.candidates(vec![closed(1)]);
        // The store does not answer at all for a while.
        let away = (6_000..12_000).contains(&tenth);
        while let Some(action) = planner.poll(now) {
            match action {
                Action::Start(job) if away => {
                    planner.ended(job, Outcome::StoreFailed("no route".to_owned()), false, now);
                }
                Action::Start(job) => planner.ended(job, Outcome::Refused("403".to_owned()), false, now),
                Action::Check => planner.checked(Some("403".to_owned()), now),
                Action::TellOnline => online += 1,
                Action::TellOffline(_) => offline += 1,
                _ => {}
            }
        }
        assert!(!planner.is_online());
    }
    assert_eq!(online, 0);
    assert!(offline <= 1, "{offline}");
}

#[test]
fn what_is_refused_as_if_the_store_took_nothing_may_be_about_one_key() {
    let wrong = || Outcome::StoreRefused("SignatureDoesNotMatch".to_owned());
    // The check, which has a key of its own, tells whether other requests get through.
    for good in [true, false] {
        let mut planner = Planner::new(2, 7);
        planner.candidates(vec![closed(1)]);
        let (mut aside, mut offline, mut tries) = (0, 0, 0);
        for tenth in 0..6_000 {
            let now = tenth * SECOND / 10;
            if tenth == 100 {
                planner.candidates(vec![closed(1), closed(2)]);
            }
            while let Some(action) = planner.poll(now) {
                match action {
                    Action::Check => planner.checked((!good).then(|| "403".to_owned()), now),
                    Action::Start(job) if job.recording == id(1) => {
                        tries += 1;
                        planner.ended(job, wrong(), false, now);
                    }
                    Action::Start(job) if good => planner.ended(job, Outcome::Done, true, now),
                    Action::Start(job) => planner.ended(job, wrong(), false, now),
                    Action::TellFailed(job, _) => aside += usize::from(job.recording == id(1)),
                    Action::TellOffline(_) => offline += 1,
                    Action::Failed(_) | Action::Delivered(_) | Action::TellOnline => (),
                }
            }
        }
        // Either both formats failed, each after some tries; or the store is away, and none counts as failed.
        let told = (aside, offline);
        assert_eq!(told, if good { (2, 0) } else { (0, 1) }, "{tries} tries");
        assert_eq!(planner.trouble().is_none(), good);
    }
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
                planner.ended(job, Outcome::StoreFailed("no route".to_owned()), false, now);
            }
        }
    }
    // Four tries at first; then one in a minute at most, and in half a minute at least.
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
    planner.ended(first, Outcome::Done, true, now);
    assert_eq!(starts(&mut planner, now).len(), 4);
    assert!(planner.is_online());
}

#[test]
fn behind_a_login_page_it_is_tried_again_every_few_seconds() {
    let mut planner = Planner::new(4, 7);
    planner.candidates((1..9).map(closed).collect());
    let mut tries = Vec::new();
    for tenth in 0..6_000 {
        let now = tenth * SECOND / 10;
        while let Some(action) = planner.poll(now) {
            if let Action::Start(job) = action {
                tries.push(now);
                planner.ended(job, Outcome::Intercepted("log in".to_owned()), false, now);
            }
            assert!(!matches!(action, Action::Failed(_) | Action::TellFailed(..)));
        }
    }
    let longest = tries.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(
        longest > Some(4 * SECOND) && longest <= Some(9 * SECOND),
        "{longest:?}"
    );
}

#[test]
fn what_ends_while_its_transfer_runs_goes_on_at_once() {
    let mut planner = Planner::new(1, 7);
    planner.candidates(vec![open(1)]);
    assert_eq!(starts(&mut planner, 0), [job(1, Format::Hls)]);
    planner.ended(job(1, Format::Hls), Outcome::Grows(SECOND), true, 0);
    assert_eq!(
        starts(&mut planner, SECOND),
        [job(1, Format::Mp4), job(1, Format::Hls)]
    );
    planner.candidates(vec![closed(1)]);
    // The transfer was told to wait while the recording still grew.
    let late = Outcome::Grows(600 * SECOND);
    planner.ended(job(1, Format::Hls), late.clone(), true, 3 * SECOND);
    planner.ended(job(1, Format::Mp4), late, true, 3 * SECOND);
    assert_eq!(starts(&mut planner, 3 * SECOND), [job(1, Format::Hls)]);
    planner.ended(job(1, Format::Hls), Outcome::Done, true, 3 * SECOND);
    assert_eq!(starts(&mut planner, 3 * SECOND), [job(1, Format::Mp4)]);
    // A transfer of a closed recording that cannot go on is not tried all the time.
    planner.ended(job(1, Format::Mp4), Outcome::Waits(SECOND), false, 4 * SECOND);
    assert!(starts(&mut planner, 4 * SECOND).is_empty());
    assert_eq!(starts(&mut planner, 5 * SECOND), [job(1, Format::Mp4)]);
}

#[test]
fn a_store_that_never_answered_is_told_of_once() {
    let mut planner = Planner::new(2, 7);
    let (mut online, mut offline, mut tries) = (0, 0, Vec::new());
    for tenth in 0..72_000 {
        let now = tenth * SECOND / 10;
        planner.candidates(vec![open(1), closed(2)]);
        while let Some(action) = planner.poll(now) {
            match action {
                // The transfer has nothing new to send, so it does not ask the store.
                Action::Start(job) if job.recording == id(1) => {
                    planner.ended(job, Outcome::Grows(SECOND), false, now);
                }
                Action::Start(job) => {
                    tries.push(now);
                    planner.ended(job, Outcome::StoreFailed("no route".to_owned()), false, now);
                }
                Action::Check => planner.checked(Some("no route".to_owned()), now),
                Action::TellOnline => online += 1,
                Action::TellOffline(_) => offline += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(!planner.is_online());
    }
    assert_eq!((online, offline), (0, 1));
    // Transfers that sent no request do not restart the back-off.
    assert!(tries.len() < 7_200 / 30 + 20, "{}", tries.len());
}

#[test]
fn a_store_is_checked_at_the_start_and_while_nothing_else_tells_how_it_is() {
    let mut planner = Planner::new(2, 7);
    planner.set_paused(true);
    assert_eq!(planner.poll(0), None);
    // The check also runs outside of the hours: a person is there now who can correct a wrong key.
    planner.set_paused(false);
    planner.set_in_hours(false);
    assert_eq!(planner.poll(0), Some(Action::Check));
    assert_eq!(planner.poll(0), None);
    let (mut now, mut offline) = (0, 0);
    planner.checked(Some("NoSuchBucket".to_owned()), now);
    while now < 600 * SECOND {
        now += SECOND;
        match planner.poll(now) {
            Some(Action::Check) => planner.checked(Some("NoSuchBucket".to_owned()), now),
            Some(Action::TellOffline(_)) => {
                offline += 1;
                assert!(now < 10 * SECOND, "it is told within seconds");
            }
            None => (),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(offline, 1);
    while planner.poll(now) != Some(Action::Check) {
        now += SECOND;
    }
    planner.checked(None, now);
    assert_eq!(planner.poll(now), Some(Action::TellOnline));
    assert_eq!(planner.poll(now + 3_600 * SECOND), None);
    planner.check();
    assert_eq!(planner.poll(now), Some(Action::Check));
}

#[test]
fn a_live_playlist_does_not_wait_for_large_files() {
    let mut planner = Planner::new(1, 7);
    let whole = |n| ToDeliver {
        formats: vec![Format::Mp4],
        ..closed(n)
    };
    planner.candidates(vec![whole(2), whole(3)]);
    assert_eq!(starts(&mut planner, 0), [job(2, Format::Mp4)]);
    assert!(!planner.is_crowded(0));
    planner.candidates(vec![open(1), whole(2), whole(3)]);
    assert_eq!(starts(&mut planner, 0), [job(1, Format::Hls)]);
    // There is no place for this file: a transfer that can wait gives way after its part, and goes on before others of its
    // kind.
    assert!(planner.is_crowded(0));
    planner.ended(job(1, Format::Hls), Outcome::Grows(6 * SECOND), true, 1);
    planner.ended(job(2, Format::Mp4), Outcome::Turn, true, 1);
    assert_eq!(starts(&mut planner, 1), [job(1, Format::Mp4)]);
    planner.ended(job(1, Format::Mp4), Outcome::Grows(60 * SECOND), true, 2);
    assert_eq!(starts(&mut planner, 2), [job(2, Format::Mp4)]);
    assert!(!planner.is_crowded(2));
}

#[test]
fn a_live_playlist_does_not_wait_for_a_file_that_was_on_its_way_when_the_store_failed() {
    let mut planner = Planner::new(2, 7);
    planner.candidates(vec![open(1), open(2)]);
    assert_eq!(starts(&mut planner, 0).len(), 3);
    let mut now = 10 * SECOND;
    let failed = Outcome::StoreFailed("nothing happened for 10 s".to_owned());
    for n in [1, 2] {
        planner.ended(job(n, Format::Hls), failed.clone(), false, now);
    }
    assert_eq!(starts(&mut planner, now), []);
    // One transfer tries whether the store is there; the file is still being sent.
    now += 2 * SECOND;
    assert_eq!(starts(&mut planner, now), [job(1, Format::Hls)]);
    planner.ended(job(1, Format::Hls), Outcome::Grows(SECOND), true, now);
    assert_eq!(
        starts(&mut planner, now),
        [job(2, Format::Mp4), job(2, Format::Hls)]
    );
}

#[test]
fn a_store_that_fails_now_and_then_is_not_left_alone_for_longer_each_time() {
    let mut planner = Planner::new(1, 7);
    planner.candidates(vec![open(1)]);
    let (mut now, mut tries) = (0, 0);
    // Each visit makes some progress, and then meets a 503.
    while now < 60 * SECOND {
        now += SECOND / 2;
        for job in starts(&mut planner, now) {
            tries += 1;
            planner.ended(job, Outcome::StoreFailed("503".to_owned()), true, now);
        }
    }
    assert!(tries > 30, "{tries} in a minute");
}

#[test]
fn nothing_is_begun_while_it_is_paused_or_out_of_hours() {
    let mut planner = Planner::new(1, 7);
    planner.candidates(vec![closed(1)]);
    planner.set_paused(true);
    assert_eq!((planner.poll(0), planner.next_wake(0)), (None, None));
    planner.set_paused(false);
    planner.set_in_hours(false);
    assert!(starts(&mut planner, 0).is_empty());
    planner.set_in_hours(true);
    assert_eq!(starts(&mut planner, 0).len(), 1);
}

#[test]
fn what_is_deleted_on_the_way_is_forgotten() {
    let mut planner = Planner::new(1, 7);
    planner.candidates(vec![closed(1)]);
    let running = starts(&mut planner, 0);
    planner.candidates(vec![]);
    planner.ended(
        running[0],
        Outcome::Broken("no such recording".to_owned()),
        false,
        0,
    );
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
    /// The process ends while the transfer runs.
    Crash,
    /// The process ends when the store and the journal have the whole rendition, and before the event is written.
    CrashAfter,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => Just(Happening::Done),
        2 => Just(Happening::Waits),
        1 => Just(Happening::Fails),
        1 => Just(Happening::Refused),
        1 => Just(Happening::Stopped),
        1 => Just(Happening::Crash),
        1 => Just(Happening::CrashAfter),
    ]
}

proptest! {
    /// Whatever happens, crashes included: every recording ends delivered or failed, once. Never more transfers run than
    /// allowed, and no recording is reported as delivered that is not.
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
        // The journal's knowledge after a crash.
        let (mut there, mut aside) = (HashSet::new(), HashSet::new());
        while !left.is_empty() {
            planner.candidates(left.iter().map(|n| closed(*n)).collect());
            while let Some(action) = planner.poll(now) {
                match action {
                    Action::Start(job) => {
                        prop_assert!(!running.contains(&job));
                        running.push(job);
                        prop_assert!(running.len() <= transfers);
                    }
                    Action::TellFailed(job, _) => prop_assert!(aside.insert(job)),
                    Action::Delivered(id) | Action::Failed(id) => {
                        let before = left.len();
                        let formats = [Format::Mp4, Format::Hls].map(|format| Job { recording: id, format });
                        let all_there = formats.iter().all(|job| there.contains(job));
                        let some_aside = formats.iter().any(|job| aside.contains(job));
                        prop_assert!(all_there || matches!(action, Action::Failed(_)) && some_aside);
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
                let happening = happenings.next().unwrap_or(Happening::Done);
                if matches!(happening, Happening::Done | Happening::CrashAfter) && !aside.contains(&job) {
                    there.insert(job);
                }
                let outcome = match happening {
                    Happening::Crash | Happening::CrashAfter => {
                        planner = Planner::new(transfers, seed.wrapping_add(1));
                        running.clear();
                        continue;
                    }
                    _ if aside.contains(&job) => Outcome::FailedBefore,
                    _ if there.contains(&job) => Outcome::Done,
                    Happening::Done => Outcome::Done,
                    Happening::Waits => Outcome::Waits(SECOND),
                    Happening::Fails => Outcome::StoreFailed("away".to_owned()),
                    Happening::Refused => Outcome::Refused("403".to_owned()),
                    Happening::Stopped => Outcome::Stopped,
                };
                planner.ended(job, outcome, true, now);
            }
        }
    }
}
