//! Recordings that are deleted because a composition has their footage, and compositions that a review comes before.

use tokio::sync::oneshot;

use super::compositions::{SECOND, WHOLE, again, compose, cut, id, mp4, new_composition, numbers, recorded};
use super::rig::Rig;
use crate::model::{Form, OnBlock, Review, ReviewStatus};
use crate::store::crash::{CrashDisk, Survives};
use crate::store::{Change, Command, ComposeError, Deletion, FactsCommand, Unless};

/// Deletes a recording because the composition has its footage.
fn beside(n: u8) -> Command {
    Command::DeleteBeside {
        recording: id(n),
        whole: id(WHOLE),
    }
}

/// Both recordings, whole, as a composition; with all bytes of that.
fn whole(rig: &mut Rig) -> Vec<u8> {
    let ranges = [cut(rig, 1, None, None), cut(rig, 2, None, None)];
    compose(rig, WHOLE, &[1, 2], ranges.concat()).unwrap();
    mp4(&rig.library(), WHOLE)
}

/// A review of a recording. Nobody waits for its answer.
fn review(n: u8, status: ReviewStatus) -> Command {
    Command::Facts(FactsCommand::Review {
        recording: id(n),
        review: Review {
            status,
            reason: None,
            asks: false,
        },
        on_block: OnBlock::Keep,
        asked: false,
        done: oneshot::channel().0,
    })
}

#[test]
fn a_recording_goes_beside_its_whole_and_stays_when_the_whole_goes_first() {
    let (mut rig, _) = recorded(None);
    let all = whole(&mut rig);
    rig.handle(vec![beside(1), beside(7)]);
    (0..3).for_each(|_| rig.pass(11 * SECOND));
    assert_eq!((numbers(&rig), mp4(&rig.library(), WHOLE)), (vec![2, WHOLE], all));
    let before = mp4(&rig.library(), 2);
    // Somebody deletes the whole between the look of who asks and the commit.
    rig.handle(vec![Command::Delete { recording: id(WHOLE) }, beside(2)]);
    (0..3).for_each(|_| rig.pass(11 * SECOND));
    assert_eq!((numbers(&rig), mp4(&rig.library(), 2)), (vec![2], before));
    assert_eq!(rig.library().deletion(id(2)).unwrap(), Deletion::None);
    assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
}

#[test]
fn a_recording_stays_beside_a_composition_that_has_none_of_it_is_reviewed_or_is_not_there() {
    let stays = |before: &dyn Fn(&mut Rig) -> Vec<Command>| {
        let (mut rig, _) = recorded(None);
        let ranges = cut(&rig, 1, None, None);
        compose(&mut rig, WHOLE, &[1], ranges).unwrap();
        let commands = before(&mut rig);
        rig.handle(commands);
        (0..3).for_each(|_| rig.pass(11 * SECOND));
        assert_eq!(rig.library().deletion(id(1)).unwrap(), Deletion::None);
        assert!(numbers(&rig).starts_with(&[1, 2]), "{:?}", numbers(&rig));
    };
    stays(&|_| vec![beside(2)]);
    for of in [1, WHOLE] {
        for status in [ReviewStatus::Review, ReviewStatus::Block] {
            stays(&|rig| {
                rig.handle(vec![review(of, status)]);
                vec![beside(1)]
            });
            stays(&|_| vec![review(of, status), beside(1)]);
        }
    }
    let protected = Change::Protect {
        recording: id(1),
        protected: true,
    };
    stays(&|_| vec![Command::Change(protected.clone()), beside(1)]);
    let channel = Change::Channel {
        name: "again".to_owned(),
        body: Some("{}".to_owned()),
        shown: vec![id(1)],
        tell: Vec::new(),
    };
    stays(&|_| vec![Command::Change(channel.clone()), beside(1)]);
}

#[test]
fn a_recording_stays_beside_a_whole_of_which_a_part_is_deleted() {
    let (mut rig, _) = recorded(None);
    let (long, start) = rig.publish(5, "long");
    rig.handle(vec![start, long.record(id(5), 0)]);
    // More segments than one step of a deletion takes.
    for second in 0..80 {
        rig.handle(vec![long.append(second)]);
        rig.pass(SECOND);
    }
    rig.handle(vec![long.close(id(5), 80), long.end()]);
    rig.pass(SECOND);
    let ranges = cut(&rig, 5, None, None);
    compose(&mut rig, WHOLE, &[5], ranges).unwrap();
    rig.handle(vec![Command::Delete { recording: id(WHOLE) }]);
    let library = rig.library();
    assert_eq!(library.deletion(id(WHOLE)).unwrap(), Deletion::Waits);
    assert!(library.recording(id(WHOLE)).unwrap().is_some());
    let before = mp4(&library, 5);
    drop(library);
    rig.handle(vec![beside(5)]);
    (0..9).for_each(|_| rig.pass(11 * SECOND));
    assert_eq!((numbers(&rig), mp4(&rig.library(), 5)), (vec![1, 2, 5], before));
}

#[test]
fn a_recording_that_waits_for_a_seal_goes_only_if_the_whole_is_there_then_also_over_a_crash() {
    // What happens to the whole before the seal, and whether the power goes.
    for (goes, crashes) in [(false, false), (true, false), (true, true), (false, true)] {
        let (mut rig, _) = recorded(None);
        let (a, start) = rig.publish(3, "a");
        rig.handle(vec![start, a.record(id(3), 0), a.append(0), a.append(1)]);
        whole(&mut rig);
        // Another recording grows on its stream: it waits for the end of the open segment.
        rig.handle(vec![beside(1), beside(1)]);
        assert!(numbers(&rig).contains(&1), "{goes} {crashes}");
        assert_eq!(rig.library().deletion(id(1)).unwrap(), Deletion::None);
        if goes {
            rig.handle(vec![Command::Delete { recording: id(WHOLE) }]);
        }
        if crashes {
            let image = rig.disk.image().clone();
            rig.disk = CrashDisk::after_crash(&image, Survives::Everything);
            rig = again(rig, false);
        } else {
            rig.handle(vec![a.close(id(3), 2), a.end()]);
        }
        (0..4).for_each(|_| rig.pass(11 * SECOND));
        // Whoever asked asks again after a crash.
        let stays = goes || crashes;
        assert_eq!(numbers(&rig).contains(&1), stays, "{goes} {crashes}");
        assert_eq!(numbers(&rig).contains(&WHOLE), !goes, "{goes} {crashes}");
        assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
    }
}

#[test]
fn a_review_that_is_set_before_a_composition_is_made_keeps_it_from_being_made() {
    use ReviewStatus::{Block, Pass, Review};
    // The recording that is reviewed, what a composition of the first one may not have, and whether it is made all the same.
    for (of, status, unless, is_made) in [
        (1, Review, Unless::HeldBack, false),
        (1, Block, Unless::HeldBack, false),
        (1, Pass, Unless::HeldBack, true),
        (1, Review, Unless::Blocked, true),
        (1, Block, Unless::Blocked, false),
        (2, Block, Unless::HeldBack, true),
        // A composition of the same tape.
        (8, Block, Unless::HeldBack, false),
        (8, Block, Unless::Blocked, false),
        (8, Review, Unless::HeldBack, true),
    ] {
        let (mut rig, _) = recorded(None);
        let ranges = cut(&rig, 1, None, None);
        compose(&mut rig, 8, &[1], ranges.clone()).unwrap();
        let (command, mut answer) = new_composition((WHOLE, Form::Joined), &[1], ranges, unless);
        // Both wait for the same commit.
        rig.handle(vec![review(of, status), command]);
        let said = answer.try_recv().unwrap();
        let wanted = if is_made {
            Ok(())
        } else {
            Err(ComposeError::HeldBack(id(1)))
        };
        assert_eq!(said, wanted, "{of} {status:?} {unless:?}");
        assert_eq!(numbers(&rig).contains(&WHOLE), is_made);
    }
}
