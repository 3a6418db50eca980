//! Another program fills the storage device to the last byte during recording.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::card::{Card, room, shown};
use crate::onair::{OnAir, expect_told};
use crate::support::rtmp::Rtmp;
use crate::support::{edgereel, sample_path, wait_until};

const MIB: u64 = 1 << 20;
const QUOTA: u64 = 64 * MIB;
const FLOOR: u64 = 16 * MIB;
/// Twice 12 Mbit/s: the bytes that arrive within a second, and a little more.
const SECOND: u64 = 4 * MIB;
const STREAMS: [&str; 2] = ["live/cam1", "live/cam2"];

fn config(on_full: &str) -> String {
    format!("quota = \"64 MiB\"\nmin_free = \"16 MiB\"\non_full = \"{on_full}\"\n")
}

/// The bytes that the tape uses on the storage device.
fn used(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let taken = |path: PathBuf| match path.metadata() {
        Ok(found) if found.is_dir() => used(&path),
        Ok(found) => found.blocks() * 512,
        // This file was taken over or removed just now.
        Err(_) => 0,
    };
    entries
        .map_while(Result::ok)
        .map(|entry| taken(entry.path()))
        .sum()
}

/// The events in the outbox, by kind.
#[track_caller]
fn told(data: &Path, kind: &str) -> i64 {
    let journal = rusqlite::Connection::open_with_flags(
        data.join("journal.db"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    );
    let sql = "SELECT count(*) FROM outbox WHERE kind = ?1";
    journal.unwrap().query_row(sql, [kind], |row| row.get(0)).unwrap()
}

/// Recording continues by itself, and new publishers are accepted again.
#[track_caller]
fn goes_on(on_air: &mut OnAir) {
    on_air.recorded_again();
    let address = on_air.service.address();
    wait_until("new publishers to be let in", || {
        let mut client = Rtmp::connected(address, "live");
        let yes = client.may_publish("probe");
        if yes {
            client.unpublish("probe").unwrap();
        }
        yes
    });
    on_air.go_on(4_000);
}

#[test]
fn a_full_card_under_stop_keeps_what_there_is_and_goes_on_when_there_is_room() {
    let card = Card::sized(160);
    let data = card.path().join("store");
    let mut on_air = OnAir::start(&data, (&config("stop"), ""), &STREAMS, 60_000);
    let before = on_air.open();
    let filler = card.fill();
    on_air.manager.wait_status("storage.min_free");
    assert!(on_air.service.log().contains("storage full: "));
    let mut client = Rtmp::connected(on_air.service.address(), "live");
    assert!(!client.may_publish("cam3"), "it was let in");
    client.wait_text("storage.min_free");
    // The journal continues in its reserve. Nothing is evicted. One stream may still fill blocks that its segment has; then
    // nothing grows.
    let still = || {
        let before = used(&data.join("tape"));
        on_air.go_on(2_000);
        used(&data.join("tape")) == before
    };
    assert!((0..10).any(|_| still()), "the tape goes on growing");
    let kept = used(&data.join("tape"));
    on_air.go_on(6_000);
    assert!(!data.join("reserve").exists(), "the reserve was not needed");
    assert_eq!(on_air.open(), before);
    let now = used(&data.join("tape"));
    assert!(
        now <= kept,
        "{now} bytes after {kept}; {}",
        on_air.manager.status()
    );
    assert_eq!(told(&data, "storage.full"), 1);
    assert_eq!(told(&data, "media.evicted_undelivered"), 0);
    drop(filler);
    goes_on(&mut on_air);
    assert_eq!(on_air.open(), before, "the recordings are others");
    wait_until("the reserve to be held again", || data.join("reserve").exists());
    wait_until("the event that it goes on", || {
        told(&data, "storage.recovered") > 0
    });
    for (recording, gaps) in on_air.end() {
        assert!(gaps.iter().any(|(from, to)| to - from >= 4_000), "{gaps:?}");
        expect_told(&recording, &gaps);
    }
}

#[test]
fn who_begins_on_a_full_card_before_anybody_knows_is_recorded_when_there_is_room() {
    let card = Card::new();
    let data = card.path().join("store");
    let stop = "on_full = \"stop\"\n";
    let mut on_air = OnAir::start(&data, (stop, ""), &STREAMS, 0);
    let filler = card.fill();
    // The open segments have space for a while. A publish that begins now needs its own segment.
    on_air.publish("live/cam3", 0);
    on_air.manager.wait_status("storage.min_free");
    let url = on_air.service.url("live/cam4");
    edgereel(&["publish", shown(&sample_path()), &url]).failed(1, &["live/cam4"]);
    on_air.go_on(2_000);
    drop(filler);
    goes_on(&mut on_air);
    assert_eq!(on_air.open().len(), 3);
    assert_eq!(on_air.end().len(), 3);
}

#[test]
fn a_full_card_under_overwrite_oldest_keeps_its_floor_and_its_quota() {
    let card = Card::sized(160);
    let data = card.path().join("store");
    let tape = data.join("tape");
    let mut on_air = OnAir::start(&data, (&config("overwrite-oldest"), ""), &STREAMS, 60_000);
    let before = on_air.open();
    // The quota is reached and kept.
    let mut most = 0;
    on_air.go_on_while(24_000, || most = most.max(used(&tape)));
    assert!((QUOTA - 8 * MIB..=QUOTA + SECOND).contains(&most), "{most} bytes");
    assert!(told(&data, "media.evicted_undelivered") > 0);
    // Another program takes the rest. The tape restores the minimum of free space, and recording continues.
    let filler = card.fill();
    wait_until("the floor to be free again", || room(&card.path()) >= FLOOR);
    let mut least = u64::MAX;
    on_air.go_on_while(6_000, || least = least.min(room(&card.path())));
    assert!(least + SECOND >= FLOOR, "{least} bytes were free");
    assert!(
        on_air.manager.status().contains("2 recording"),
        "{}",
        on_air.manager.status()
    );
    // The program also takes everything that the tape evicts for that, until nothing is left to evict.
    wait_until("the status to say that it is full", || {
        filler.grow(FLOOR / 2);
        on_air.manager.status().contains("storage.min_free")
    });
    on_air.go_on_while(4_000, || filler.grow(FLOOR / 2));
    drop(filler);
    goes_on(&mut on_air);
    assert_eq!(on_air.open(), before, "the recordings are others");
    assert!(used(&tape) <= QUOTA + SECOND);
    on_air.end();
}
