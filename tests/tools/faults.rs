//! A store that goes away during recording: a storage device is pulled, turns read-only or loses its journal, or a directory is
//! removed. Publishers notice nothing, and recording continues by itself.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::card::Card;
use crate::onair::{OnAir, expect_told};
use crate::support::random::Random;
use crate::support::{home, recordings, wait_until};

const STREAMS: [&str; 2] = ["live/cam1", "live/cam2"];

#[track_caller]
fn expect_bare(folder: &Path) {
    let found: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    assert!(found.is_empty(), "on the bare mount point: {found:?}");
}

#[test]
fn a_card_that_is_pulled_and_returns_as_another_device_costs_what_was_not_durable() {
    let mut card = Card::new();
    let point = card.path();
    let on_air = OnAir::start(&point.join("store"), ("", ""), &STREAMS, 10_000);
    let before = on_air.open();
    card.pull();
    on_air.manager.wait_status("storage failed");
    card.let_go();
    on_air.go_on(4_000);
    expect_bare(&point);
    card.plug_elsewhere();
    card.mount();
    on_air.recorded_again();
    on_air.go_on(4_000);
    assert_eq!(on_air.open(), before, "the recordings are others");
    for (recording, gaps) in on_air.end() {
        assert!(before.contains(&(recording.stream.clone(), recording.id.clone())));
        // Memory bridged the time without the device: at most the media that was not durable is lost.
        assert!(gaps.iter().all(|(from, to)| to - from <= 4_000), "{gaps:?}");
        expect_told(&recording, &gaps);
    }
}

#[test]
fn a_card_whose_mount_point_is_the_store_is_not_replaced_by_the_empty_directory() {
    let card = Card::new();
    let point = card.path();
    let ring = "\n[ring]\nmemory = \"8 MiB\"\n";
    // Twice 12 Mbit/s: memory bridges less than three seconds.
    let on_air = OnAir::start(&point, ("", ring), &STREAMS, 60_000);
    let before = on_air.open();
    card.pull();
    on_air.manager.wait_status("storage failed");
    card.let_go();
    on_air.go_on(10_000);
    expect_bare(&point);
    card.mount();
    on_air.recorded_again();
    on_air.go_on(4_000);
    assert_eq!(on_air.open(), before, "the recordings are others");
    for (recording, gaps) in on_air.end() {
        let gone: u32 = gaps.iter().map(|(from, to)| to - from).sum();
        assert!(gone >= 4_000, "memory bridged more than it can: {gaps:?}");
        expect_told(&recording, &gaps);
    }
}

#[test]
fn a_card_that_turns_read_only_is_let_go_of_and_gone_on_with_once_it_is_mended() {
    turns_read_only(Card::damage);
}

#[test]
fn a_card_whose_own_journal_is_given_up_by_the_kernel_is_let_go_of_and_gone_on_with_too() {
    turns_read_only(Card::abort);
}

/// Two publishers, and a storage device that turns read-only by `what`. The test repairs it and mounts it again.
#[track_caller]
fn turns_read_only(what: fn(&Card)) {
    let card = Card::new();
    let on_air = OnAir::start(&card.path().join("store"), ("", ""), &STREAMS, 10_000);
    let before = on_air.open();
    what(&card);
    on_air.manager.wait_status("Read-only file system");
    card.unmount();
    card.check();
    card.mount();
    on_air.recorded_again();
    on_air.go_on(4_000);
    assert_eq!(on_air.open(), before, "the recordings are others");
    for (recording, gaps) in on_air.end() {
        expect_told(&recording, &gaps);
    }
}

#[test]
fn a_card_that_fails_to_write_here_and_there_is_gone_on_with_when_it_can_be_written() {
    let card = Card::fake(256, 64);
    let on_air = OnAir::start(&card.path().join("store"), ("", ""), &STREAMS, 10_000);
    let before = on_air.open();
    let nothing_left = card.exhaust();
    on_air.manager.wait_status("storage failed");
    on_air.go_on(6_000);
    drop(nothing_left);
    wait_until("recording to go on", || {
        // If ext4 lost some of its own data, it has turned read-only and needs a repair.
        if card.try_unmount() {
            card.check();
            card.mount();
        }
        on_air.manager.status().contains("2 recording")
    });
    on_air.go_on(4_000);
    assert_eq!(on_air.open(), before, "the recordings are others");
    for (recording, gaps) in on_air.end() {
        expect_told(&recording, &gaps);
    }
}

#[test]
fn a_directory_that_is_removed_while_it_is_recorded_to_is_made_again() {
    let folder = home();
    let data = folder.path().join("store");
    let on_air = OnAir::start(&data, ("", ""), &STREAMS, 10_000);
    let before = on_air.open();
    // Another program makes files in the directory meanwhile.
    wait_until("all of it to be removed", || {
        let _ = std::fs::remove_dir_all(&data);
        !data.exists()
    });
    on_air
        .service
        .wait_for_log(|log| log.contains("the store is back").then_some(()));
    on_air.recorded_again();
    on_air.go_on(4_000);
    assert_eq!(on_air.open(), before, "the recordings are others");
    for (_, gaps) in on_air.end() {
        assert_eq!(gaps.len(), 1, "its beginning is gone, and nothing else");
    }
}

#[test]
fn a_journal_that_is_overwritten_is_noticed_and_made_again() {
    let folder = home();
    let data = folder.path().join("store");
    let mut random = Random::new();
    // An older recording, which only the journal knew.
    let older = OnAir::start(&data, ("", ""), &["live/older"], 0);
    let older = older.end().remove(0).0;
    let on_air = OnAir::start(&data, ("", ""), &STREAMS, 10_000);
    let before = on_air.open();
    for name in ["journal.db", "journal.db-wal"] {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .open(data.join(name))
            .unwrap();
        let length = file.seek(SeekFrom::End(0)).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let garbage = random.bytes(usize::try_from(length).unwrap());
        file.write_all(&garbage).unwrap();
    }
    on_air
        .service
        .wait_for_log(|log| log.contains("the store is back").then_some(()));
    assert!(data.join("journal-damaged-1/journal.db").exists());
    on_air.recorded_again();
    on_air.go_on(4_000);
    assert_eq!(on_air.open(), before, "the recordings are others");
    assert!(recordings(&data).iter().any(|recording| recording.id == older.id));
    for (recording, gaps) in on_air.end() {
        expect_told(&recording, &gaps);
    }
}
