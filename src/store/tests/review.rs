//! Reviews: what is held back is durable when it is answered, and survives the loss of the journal.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::sync::oneshot;

use super::facts::{id, set, title};
use super::moment::{JournalFiles, stride};
use super::rig::{Publisher, Rig, stream};
use crate::format::Format;
use crate::media::RecordingId;
use crate::model::ReviewStatus::{self, Block, Pass, Review as Waits};
use crate::model::{OnBlock, Review, ReviewWhen};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Fault, Image, Survives};
use crate::store::journal::Journal;
use crate::store::recover::recover;
use crate::store::{
    Change, Command, DeliveryChange, FactsCommand, FactsError, Held, Layout, Library, Order, Query,
    RecordingSpec, RecordingState, Rendition, RenditionId, RenditionState, Reviewed, TapeSpan, Upload,
    WaitingOrder,
};

const S: i64 = 1_000_000;

fn said(status: ReviewStatus, reason: &str) -> Review {
    Review {
        status,
        reason: (!reason.is_empty()).then(|| reason.to_owned().try_into().unwrap()),
        asks: false,
    }
}

/// Reviews a recording, and gives the answer.
fn review(rig: &mut Rig, recording: RecordingId, review: Review, removes: bool) -> Result<(), FactsError> {
    let on_block = if removes { OnBlock::Delete } else { OnBlock::Keep };
    review_as(rig, recording, review, on_block)
}

fn review_as(
    rig: &mut Rig,
    recording: RecordingId,
    review: Review,
    on_block: OnBlock,
) -> Result<(), FactsError> {
    let (done, mut answer) = oneshot::channel();
    rig.handle(vec![Command::Facts(FactsCommand::Review {
        recording,
        review,
        on_block,
        asked: false,
        done,
    })]);
    answer.try_recv().unwrap()
}

/// The beginning of a recording that is reviewed before viewers get it.
fn before(publisher: &Publisher, recording: RecordingId, start: i64) -> Command {
    let mut command = publisher.record(recording, start);
    if let Command::RecordingStarted { spec, .. } = &mut command {
        let mut reviewed = RecordingSpec::clone(spec);
        reviewed.output.review = ReviewWhen::Before;
        *spec = Arc::new(reviewed);
    }
    command
}

/// Recording 1 of two seconds, which is closed, and recording 2 from then on. Recording 3 has all of it.
fn recorded(rig: &mut Rig) -> Publisher {
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![
        start,
        a.record(id(1), 0),
        a.record(id(3), 0),
        a.append(0),
        a.append(1),
    ]);
    rig.handle(vec![
        a.close(id(1), 2),
        a.record(id(2), 2),
        a.append(2),
        a.append(3),
    ]);
    rig.pass(1_000_000);
    a
}

fn held(rig: &Rig) -> Arc<Held> {
    rig.writer.held().watch().borrow().clone()
}

/// Whether each second of the tape of `a` is blocked.
fn blocked(held: &Held, rig: &Rig, seconds: usize) -> Vec<bool> {
    let from = rig.library().recording(id(3)).unwrap().unwrap().tape[0].from;
    let second = |n: usize| TapeSpan {
        stream: stream("a"),
        from: from + n as i64 * S,
        to: from + (n as i64 + 1) * S,
    };
    (0..seconds).map(|n| held.is_blocked(&second(n))).collect()
}

/// The bodies of the events of reviews.
fn told(rig: &Rig) -> Vec<String> {
    let outbox = Journal::open_read(rig.dir.path()).unwrap().outbox().unwrap();
    let reviews = outbox
        .into_iter()
        .filter(|(_, kind, _)| kind == "recording.reviewed");
    reviews.map(|(_, _, body)| body).collect()
}

/// Starts again on what is there, with the journal or with an empty one.
fn restarted(rig: Rig, lost: bool) -> Rig {
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    if lost {
        JournalFiles::default().write(dir.path());
    }
    Rig::on(dir, disk, clock)
}

#[test]
fn a_review_is_noted_told_once_and_replaced() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    review(&mut rig, id(1), said(Block, "violence 暴力"), false).unwrap();
    review(&mut rig, id(1), said(Block, "violence 暴力"), false).unwrap();
    let told = told(&rig);
    assert!(
        told.len() == 1 && told[0].contains(r#""status":"block","reason":"violence 暴力""#),
        "{told:?}"
    );
    let library = rig.library();
    let row = library.recording(id(1)).unwrap().unwrap();
    assert_eq!(row.review, Some(said(Block, "violence 暴力")));
    assert_eq!(library.sharing_tape(id(1), 9).unwrap(), [(id(3), None)]);
    // The recording that begins where the blocked one ends has none of it.
    let now = held(&rig);
    assert_eq!(blocked(&now, &rig, 4), [true, true, false, false]);
    let has = [1, 2, 3].map(|n| now.has(id(n), &library.recording(id(n)).unwrap().unwrap().tape));
    assert_eq!(has, [true, false, true]);
    review(&mut rig, id(1), said(Pass, ""), false).unwrap();
    assert!(held(&rig).is_empty());
    assert_eq!(
        review(&mut rig, id(9), said(Pass, ""), false),
        Err(FactsError::NoRecording(id(9)))
    );
    assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
}

#[test]
fn what_is_open_is_blocked_as_it_grows_until_it_ends() {
    let mut rig = Rig::new();
    let a = recorded(&mut rig);
    review(&mut rig, id(2), said(Block, ""), false).unwrap();
    assert!(held(&rig).is_growing(&stream("a")));
    rig.handle(vec![a.append(4)]);
    assert_eq!(
        blocked(&held(&rig), &rig, 9),
        [false, false, true, true, true, true, true, true, true]
    );
    rig.handle(vec![a.close(id(2), 5), a.append(5)]);
    rig.pass(1_000_000);
    assert!(!held(&rig).is_growing(&stream("a")));
    assert_eq!(
        blocked(&held(&rig), &rig, 6),
        [false, false, true, true, true, false]
    );
}

#[test]
fn what_others_need_of_a_blocked_recording_stays_blocked_when_it_is_deleted() {
    let mut rig = Rig::new();
    let a = recorded(&mut rig);
    review(&mut rig, id(1), said(Block, ""), false).unwrap();
    rig.handle(vec![a.end(), Command::Delete { recording: id(1) }]);
    assert!(rig.library().recording(id(1)).unwrap().is_none());
    assert_eq!(blocked(&held(&rig), &rig, 4), [true, true, false, false]);
    let again = restarted(rig, false);
    assert_eq!(blocked(&held(&again), &again, 4), [true, true, false, false]);
}

#[test]
fn what_is_reviewed_first_is_held_back_from_its_beginning_on_and_has_a_file() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, before(&a, id(1), 0), a.append(0), a.append(1)]);
    assert!(held(&rig).is_growing(&stream("a")) && held(&rig).has(id(1), &[]));
    rig.pass(1_000_000);
    let query = |review: Option<Reviewed>, seen: bool| {
        let mut query = Query::new(9);
        query.review = review;
        if !seen {
            query.held_back = crate::config::StreamSet::of([]);
        }
        rig.library().page(&query).unwrap().len()
    };
    assert_eq!((query(None, true), query(None, false)), (1, 0));
    assert_eq!(
        (
            query(Some(Reviewed::Review), true),
            query(Some(Reviewed::Pass), true)
        ),
        (1, 0)
    );
    // The journal is lost, the recording is open, and nobody knows its template any more.
    let lost = restarted(rig, true);
    assert_eq!(
        lost.library().recording(id(1)).unwrap().unwrap().review,
        Some(Review::of(Waits))
    );
    assert!(held(&lost).has(id(1), &[]));
    assert_eq!(lost.library().verify(&mut |_, _| ()).unwrap(), []);
}

/// What the hook says of a recording.
fn answer(rig: &mut Rig, recording: RecordingId, review: Review) -> Result<(), FactsError> {
    let (done, mut answer) = oneshot::channel();
    rig.handle(vec![Command::Facts(FactsCommand::Review {
        recording,
        review,
        on_block: OnBlock::Delete,
        asked: true,
        done,
    })]);
    answer.try_recv().unwrap()
}

#[test]
fn the_hook_is_asked_of_what_a_template_held_back_until_somebody_said_something() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    let held_back = (1..=3).map(|n| before(&a, id(n), 0));
    let begun = [start].into_iter().chain(held_back);
    rig.handle(
        begun
            .chain([a.record(id(4), 0), a.append(0), a.append(1)])
            .collect(),
    );
    let to_ask = |rig: &Rig| {
        let library = rig.library();
        // A page of one after the other.
        let (mut after, mut all) = (0, Vec::new());
        while let Some((place, id)) = library.to_ask(after, 1).unwrap().pop() {
            all.push(id);
            after = place;
        }
        assert_eq!(library.waiting_to_ask(9).unwrap(), all.len());
        assert_eq!(library.waiting_to_ask(1).unwrap(), all.len().min(1));
        all
    };
    // What is recorded is not asked of, and what a person reviewed meanwhile neither.
    review(&mut rig, id(3), said(Waits, ""), false).unwrap();
    assert_eq!(to_ask(&rig), []);
    rig.handle((1..=4).map(|n| a.close(id(n), 2)).collect());
    rig.pass(1_000_000);
    assert_eq!(to_ask(&rig), [id(1), id(2)]);
    set(&mut rig, id(1), json!({ "title": "one" })).unwrap();
    rig.handle(vec![a.end()]);
    // So it is when the journal is lost, and of what nobody held back.
    for lost in [false, true] {
        rig = restarted(rig, lost);
        assert_eq!(to_ask(&rig), [id(1), id(2)], "{lost}");
    }
    assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
    // It will say more later: nobody is asked again, and no event says what is as before.
    answer(&mut rig, id(1), said(Waits, "")).unwrap();
    answer(&mut rig, id(2), said(Block, "why")).unwrap();
    assert_eq!((to_ask(&rig), told(&rig).len()), (Vec::new(), 1));
    for late in [1, 2, 3, 4] {
        let refused = answer(&mut rig, id(late), said(Pass, ""));
        assert!(
            matches!(refused, Err(FactsError::Reviewed(_))),
            "{late}: {refused:?}"
        );
    }
    assert!(matches!(
        answer(&mut rig, id(9), said(Pass, "")),
        Err(FactsError::NoRecording(_))
    ));
    let mut rig = restarted(rig, true);
    assert_eq!(to_ask(&rig), []);
    // A review that says the same to be reviewed is one: the hook is asked no more.
    review(&mut rig, id(1), said(Pass, ""), false).unwrap();
    assert!(!held(&rig).has(id(1), &[]) && held(&rig).has(id(2), &[]));
}

#[test]
fn facts_and_a_review_are_in_one_file_and_each_stays_when_the_other_changes() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    set(&mut rig, id(1), json!({ "title": "one" })).unwrap();
    review(&mut rig, id(1), said(Block, "x"), false).unwrap();
    set(&mut rig, id(1), json!({ "title": "two" })).unwrap();
    let lost = restarted(rig, true);
    let row = lost.library().recording(id(1)).unwrap().unwrap();
    assert_eq!(
        (title(&row.facts), row.review),
        (Some("two"), Some(said(Block, "x")))
    );
    assert_eq!(blocked(&held(&lost), &lost, 4), [true, true, false, false]);
}

#[test]
fn nothing_is_changed_where_the_file_cannot_be_written() {
    for fault in [Fault::Create, Fault::Write, Fault::Sync, Fault::SyncDir] {
        let mut rig = Rig::new();
        recorded(&mut rig);
        rig.disk.fail_next(fault);
        review(&mut rig, id(1), said(Block, ""), true).unwrap_err();
        assert!(held(&rig).is_empty(), "{fault:?}");
        review(&mut rig, id(1), said(Block, ""), true).unwrap();
        assert!(held(&rig).has(id(1), &[]), "{fault:?}");
    }
}

fn rendition(n: u8, format: Format, state: RenditionState) -> Rendition {
    let of = RenditionId {
        recording: id(n),
        format,
        part: 1,
    };
    Rendition {
        state,
        store: "s".to_owned(),
        key: format!("{n}.{format}"),
        delivered: (state == RenditionState::Delivered).then_some(1),
        ..Rendition::new(of)
    }
}

fn deliver(rig: &mut Rig, changes: Vec<DeliveryChange>) {
    rig.handle(vec![Command::Change(Change::Deliver(changes))]);
    rig.pass(1_000_000);
}

fn states(rig: &Rig, n: u8) -> Vec<(Format, &'static str)> {
    let renditions = rig.library().renditions(id(n)).unwrap().into_iter();
    renditions.map(|of| (of.id.format, of.state.as_str())).collect()
}

fn waiting(rig: &Rig) -> Vec<RecordingId> {
    let waits = rig
        .library()
        .to_deliver(WaitingOrder::OldestFirst, true, 9)
        .unwrap();
    let mut waits: Vec<RecordingId> = waits.into_iter().map(|of| of.recording).collect();
    waits.sort();
    waits
}

#[test]
fn what_is_held_back_is_not_delivered_and_what_was_delivered_goes_as_configured() {
    for removes in [true, false] {
        let mut rig = Rig::new();
        recorded(&mut rig);
        let upload = Some(Upload {
            id: Some("u".to_owned()),
            layout: Layout::Equal(5),
        });
        let begun = Rendition {
            upload: upload.clone(),
            ..rendition(1, Format::Mp4, RenditionState::Waiting)
        };
        let done = rendition(1, Format::Hls, RenditionState::Delivered);
        deliver(
            &mut rig,
            vec![
                DeliveryChange::Put(begun.clone()),
                DeliveryChange::Put(done.clone()),
            ],
        );
        assert_eq!(waiting(&rig), [id(1), id(2), id(3)]);
        review(&mut rig, id(1), said(Block, ""), removes).unwrap();
        // Another recording of the same tape waits, too.
        assert_eq!(waiting(&rig), [id(2)]);
        let hls = if removes { "removing" } else { "delivered" };
        assert_eq!(states(&rig, 1), [(Format::Hls, hls), (Format::Mp4, "removing")]);
        // A transfer that ran says that it is done: the file is to be removed all the same.
        let arrived = Rendition {
            state: RenditionState::Delivered,
            upload: None,
            ..begun.clone()
        };
        deliver(&mut rig, vec![DeliveryChange::Put(arrived)]);
        assert_eq!(states(&rig, 1)[1], (Format::Mp4, "removing"));
        // Of a file that had no row, nothing is begun, and an upload that was begun is given up.
        let late = Rendition {
            upload,
            ..rendition(1, Format::Flv, RenditionState::Waiting)
        };
        let there = rendition(1, Format::Aac, RenditionState::Delivered);
        deliver(
            &mut rig,
            vec![DeliveryChange::Put(late), DeliveryChange::Put(there)],
        );
        assert!(
            rig.library()
                .abandoned(9)
                .unwrap()
                .iter()
                .any(|(_, key, _)| key == "1.flv")
        );
        assert!(
            states(&rig, 1).contains(&(Format::Aac, "removing")),
            "{:?}",
            states(&rig, 1)
        );
        review(&mut rig, id(1), said(Pass, ""), false).unwrap();
        assert_eq!(waiting(&rig), [id(1), id(2), id(3)]);
    }
}

#[test]
fn a_delivered_recording_waits_again_when_its_files_are_removed() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    let done = rendition(1, Format::Hls, RenditionState::Delivered);
    deliver(&mut rig, vec![DeliveryChange::Put(done)]);
    rig.handle(vec![Command::Change(Change::Delivered { recording: id(1) })]);
    rig.pass(1_000_000);
    let state = |rig: &Rig| rig.library().recording(id(1)).unwrap().unwrap().state;
    assert_eq!(state(&rig), RecordingState::Delivered);
    // To be reviewed: what is delivered stays.
    review(&mut rig, id(1), said(Waits, ""), true).unwrap();
    assert_eq!(
        (state(&rig), states(&rig, 1)[0].1),
        (RecordingState::Delivered, "delivered")
    );
    review(&mut rig, id(1), said(Block, ""), true).unwrap();
    assert_eq!(
        (state(&rig), states(&rig, 1)[0].1),
        (RecordingState::Closed, "removing")
    );
    let mut query = Query::new(9);
    query.order = Order::default();
    assert_eq!(rig.library().page(&query).unwrap().len(), 3);
}

#[test]
fn what_was_blocked_while_its_last_file_was_sent_is_delivered_again() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    let all = [Format::Hls, Format::Mp4].map(|format| rendition(1, format, RenditionState::Delivered));
    let put = |rig: &mut Rig| deliver(rig, all.clone().map(DeliveryChange::Put).to_vec());
    let conclude = |rig: &mut Rig| {
        rig.handle(vec![Command::Change(Change::Delivered { recording: id(1) })]);
        deliver(rig, vec![DeliveryChange::Failed(id(1), true)]);
        rig.library().recording(id(1)).unwrap().unwrap().state
    };
    put(&mut rig);
    review(&mut rig, id(1), said(Block, ""), true).unwrap();
    assert_eq!(conclude(&mut rig), RecordingState::Closed);
    // What is to be removed is not there, whoever passed it meanwhile.
    review(&mut rig, id(1), said(Pass, ""), true).unwrap();
    assert_eq!(conclude(&mut rig), RecordingState::Closed);
    assert_eq!(waiting(&rig), [id(1), id(2), id(3)]);
    let removed = all.clone().map(|of| DeliveryChange::Forget(of.id));
    deliver(&mut rig, removed.to_vec());
    put(&mut rig);
    assert_eq!(conclude(&mut rig), RecordingState::Delivered);
}

#[test]
fn a_block_that_is_said_again_removes_what_had_stayed() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    let done = rendition(1, Format::Hls, RenditionState::Delivered);
    deliver(&mut rig, vec![DeliveryChange::Put(done)]);
    for (removes, state) in [(false, "delivered"), (true, "removing"), (true, "removing")] {
        review(&mut rig, id(1), said(Block, ""), removes).unwrap();
        assert_eq!(states(&rig, 1), [(Format::Hls, state)]);
    }
    assert_eq!(told(&rig).len(), 1);
}

/// The files that are to be tagged, with the review that they are to say.
fn to_tag(rig: &Rig) -> Vec<(Format, ReviewStatus)> {
    let due = rig.library().to_tag(9).unwrap().into_iter();
    due.map(|(of, status)| (of.id.format, status)).collect()
}

#[test]
fn what_was_delivered_is_tagged_with_what_is_said_last() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    let done = rendition(1, Format::Hls, RenditionState::Delivered);
    let hls = done.id;
    deliver(&mut rig, vec![DeliveryChange::Put(done)]);
    rig.handle(vec![Command::Change(Change::Delivered { recording: id(1) })]);
    let say = |rig: &mut Rig, status| review_as(rig, id(1), said(status, ""), OnBlock::Tag).unwrap();
    // What was never blocked gets no tag.
    say(&mut rig, Pass);
    assert_eq!(to_tag(&rig), []);
    say(&mut rig, Block);
    assert_eq!(to_tag(&rig), [(Format::Hls, Block)]);
    // A file that comes late is removed, as before.
    let late = rendition(1, Format::Mp4, RenditionState::Delivered);
    deliver(&mut rig, vec![DeliveryChange::Put(late)]);
    assert_eq!(
        states(&rig, 1),
        [(Format::Hls, "delivered"), (Format::Mp4, "removing")]
    );
    // It is passed while the tag is on its way: the answer to that counts no more.
    say(&mut rig, Pass);
    deliver(&mut rig, vec![DeliveryChange::Tagged(hls, Block)]);
    assert_eq!(to_tag(&rig), [(Format::Hls, Pass)]);
    deliver(
        &mut rig,
        vec![DeliveryChange::NotTagged(hls, Block, "late".to_owned())],
    );
    assert_eq!(to_tag(&rig), [(Format::Hls, Pass)]);
    let mut rig = restarted(rig, false);
    deliver(&mut rig, vec![DeliveryChange::Tagged(hls, Pass)]);
    assert_eq!(to_tag(&rig), []);
    // A store that refuses it is asked again when somebody acts, and the refusal is shown until then.
    for again in [DeliveryChange::RetryAll, DeliveryChange::RetryRemovals] {
        say(&mut rig, Block);
        deliver(
            &mut rig,
            vec![DeliveryChange::NotTagged(hls, Block, "501".to_owned())],
        );
        assert_eq!(to_tag(&rig), []);
        let aside = rig.library().set_aside(9).unwrap();
        let shown = aside.iter().find(|of| of.id == hls).unwrap();
        assert_eq!(
            (shown.state, shown.error.as_deref()),
            (RenditionState::Delivered, Some("501"))
        );
        deliver(&mut rig, vec![again]);
        assert_eq!(to_tag(&rig), [(Format::Hls, Block)]);
        // One that it does not know to be needed any more changes nothing.
        say(&mut rig, Waits);
        assert_eq!(to_tag(&rig), [(Format::Hls, Waits)]);
    }
    // One that fails again and again is still to be sent, and is shown until it is there.
    let fails = DeliveryChange::TagFails(hls, Waits, "503".to_owned());
    let late = DeliveryChange::TagFails(hls, Block, "503 of before".to_owned());
    deliver(&mut rig, vec![fails, late]);
    assert_eq!(to_tag(&rig), [(Format::Hls, Waits)]);
    let shown = |rig: &Rig| {
        let aside = rig.library().set_aside(9).unwrap().into_iter();
        let errors: Vec<_> = aside.filter(|of| of.id == hls).map(|of| of.error).collect();
        errors
    };
    assert_eq!(shown(&rig), [Some("503".to_owned())]);
    deliver(&mut rig, vec![DeliveryChange::Tagged(hls, Waits)]);
    assert_eq!(shown(&rig), []);
    // Whatever is configured now: a tag that is there says what is true.
    review_as(&mut rig, id(1), said(Pass, ""), OnBlock::Keep).unwrap();
    assert_eq!(to_tag(&rig), [(Format::Hls, Pass)]);
    deliver(&mut rig, vec![DeliveryChange::Tagged(hls, Pass)]);
    review_as(&mut rig, id(1), said(Block, ""), OnBlock::Delete).unwrap();
    assert_eq!((to_tag(&rig), states(&rig, 1)[0].1), (Vec::new(), "removing"));
}

#[test]
fn a_file_in_whose_place_its_tag_is_goes_and_is_delivered_again_when_it_is_passed() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    let done = rendition(1, Format::Hls, RenditionState::Delivered);
    let hls = done.id;
    deliver(&mut rig, vec![DeliveryChange::Put(done.clone())]);
    rig.handle(vec![Command::Change(Change::Delivered { recording: id(1) })]);
    review_as(&mut rig, id(1), said(Block, ""), OnBlock::Tag).unwrap();
    deliver(&mut rig, vec![DeliveryChange::Spoiled(hls)]);
    assert_eq!((to_tag(&rig), states(&rig, 1)[0].1), (Vec::new(), "removing"));
    review_as(&mut rig, id(1), said(Pass, ""), OnBlock::Tag).unwrap();
    deliver(&mut rig, vec![DeliveryChange::Forget(hls)]);
    assert!(waiting(&rig).contains(&id(1)));
    // Found in the store after the loss of the journal, it may have a tag of before.
    deliver(
        &mut rig,
        vec![DeliveryChange::Put(done), DeliveryChange::TagAgain(hls)],
    );
    assert_eq!(to_tag(&rig), [(Format::Hls, Pass)]);
}

#[test]
fn a_block_that_viewers_are_not_kept_from_yet_says_so_and_is_tried_again() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    let (b, start) = rig.publish(2, "b");
    rig.handle(vec![start, before(&b, id(5), 0), b.append(0), b.append(1)]);
    rig.pass(1_000_000);
    let path = rig.dir.path().join("journal.db");
    let rename = |from: &str, to: &str| {
        let db = rusqlite::Connection::open(&path).unwrap();
        let sql = "UPDATE streams SET name = ?2 WHERE name = ?1";
        assert_eq!(db.execute(sql, [from, to]).unwrap(), 1);
    };
    // The row of another stream is damaged, and what is held back of that stream changes: it cannot be read.
    let name = stream("b").to_string();
    rename(&name, "damaged");
    rig.handle(vec![b.close(id(5), 2)]);
    let answer = review(&mut rig, id(1), said(Block, ""), false);
    assert!(matches!(answer, Err(FactsError::Waits(_))), "{answer:?}");
    assert!(!held(&rig).has(id(1), &[]) && held(&rig).has(id(5), &[]));
    rename("damaged", &name);
    rig.pass(1_000_000);
    assert!(held(&rig).has(id(1), &[]));
}

#[test]
fn a_blocked_source_blocks_a_composition_and_a_blocked_composition_its_tape() {
    use super::compositions::{compose, cut, recorded};
    let (mut rig, _) = recorded(None);
    let mut ranges = cut(&rig, 1, Some(1.0), Some(3.0));
    ranges.extend(cut(&rig, 2, Some(2.0), Some(4.0)));
    compose(&mut rig, 9, &[1, 2], ranges).unwrap();
    let tape = |rig: &Rig, n: u8| rig.library().recording(id(n)).unwrap().unwrap().tape;
    let has = |rig: &Rig, n: u8| held(rig).has(id(n), &tape(rig, n));
    let all = |rig: &Rig| [1, 2, 9].map(|n| has(rig, n));
    assert_eq!(tape(&rig, 9).len(), 2);
    assert_eq!(waiting(&rig), [id(1), id(2), id(9)]);
    review(&mut rig, id(2), said(Block, ""), false).unwrap();
    assert_eq!(all(&rig), [false, true, true]);
    assert_eq!(waiting(&rig), [id(1)]);
    let shares = |rig: &Rig, n: u8| {
        let shares = rig.library().sharing_tape(id(n), 9).unwrap().into_iter();
        shares.map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(shares(&rig, 2), [id(9)]);
    review(&mut rig, id(2), said(Pass, ""), false).unwrap();
    // One that is to be reviewed is held back alone.
    review(&mut rig, id(9), said(Waits, ""), false).unwrap();
    assert_eq!(all(&rig), [false, false, true]);
    review(&mut rig, id(9), said(Block, ""), false).unwrap();
    assert_eq!(
        (all(&rig), shares(&rig, 9)),
        ([true, true, true], vec![id(1), id(2)])
    );
    let mut lost = restarted(rig, true);
    assert_eq!(all(&lost), [true, true, true]);
    review(&mut lost, id(9), said(Pass, ""), false).unwrap();
    assert_eq!(all(&lost), [false, false, false]);
}

/// A moment at which the power may go, and what was answered by then.
struct Moment {
    image: Image,
    journal: JournalFiles,
    answered: usize,
    asked: usize,
}

const STATUSES: [Option<ReviewStatus>; 5] = [None, Some(Block), Some(Pass), Some(Waits), Some(Block)];

#[test]
fn the_power_goes_at_every_operation_and_a_review_is_as_before_or_after() {
    let mut rig = Rig::new();
    let publisher = recorded(&mut rig);
    let dir = rig.dir.path().to_owned();
    let moments: Arc<Mutex<Vec<Moment>>> = Arc::default();
    let progress = Arc::new(Mutex::new((0, 0)));
    let (out, at) = (moments.clone(), progress.clone());
    rig.disk.observe(move |image| {
        let (asked, answered) = *at.lock().unwrap();
        out.lock().unwrap().push(Moment {
            image: image.clone(),
            journal: JournalFiles::read(&dir),
            asked,
            answered,
        });
    });
    for (n, status) in STATUSES.iter().enumerate() {
        let Some(status) = status else { continue };
        progress.lock().unwrap().0 = n;
        review(&mut rig, id(1), said(*status, "why"), true).unwrap();
        progress.lock().unwrap().1 = n;
        rig.pass(1_000_000);
    }
    rig.handle(vec![publisher.end()]);
    let Rig { dir, writer, .. } = rig;
    drop(writer);
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    assert!(moments.len() > 40, "{}", moments.len());
    for (n, moment) in moments.iter().enumerate().step_by(stride()) {
        let seed = n as u64;
        let ways = [
            Survives::Nothing,
            Survives::Everything,
            Survives::Some(seed),
            Survives::Zeros(seed),
        ];
        for (way, survives) in ways.into_iter().enumerate() {
            let disk = CrashDisk::after_crash(&moment.image, survives);
            start_again(dir.path(), &disk, moment, (n + way).is_multiple_of(2));
        }
    }
}

/// Starts on what a moment left, with its journal or without, and checks the review and what is held back.
fn start_again(root: &Path, disk: &CrashDisk, moment: &Moment, lost: bool) {
    moment.journal.write(root);
    let clock = TestClock::new(1_000_000);
    clock.reboot(1_000_000);
    if lost {
        JournalFiles::default().write(root);
    }
    let mut journal = Journal::open(root).unwrap();
    recover(root, disk, &clock, &mut journal).unwrap();
    let found = journal.review(id(1)).unwrap();
    let status = found.as_ref().map(|review| review.status);
    let allowed = [STATUSES[moment.answered], STATUSES[moment.asked]];
    assert!(allowed.contains(&status), "{status:?} of {allowed:?}");
    let held = journal.held().unwrap();
    assert_eq!(held.has(id(1), &[]), status.is_some_and(ReviewStatus::holds_back));
    drop(journal);
    let library = Library::with_disk(root, Arc::new(disk.clone())).unwrap();
    assert_eq!(library.verify(&mut |_, _| ()).unwrap(), []);
}
